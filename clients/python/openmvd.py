# SPDX-License-Identifier: MIT
"""Ask the cameras of a running openmvd, from Python 3.9 and later, with nothing but the standard library.

    import openmvd

    with openmvd.connect() as camera:
        face = camera.call("face_detection")                       # {'x': 9, 'y': 7, 'w': 60, 'h': 75}, or None
        blob = camera.call("color_detection", l_min=30, l_max=100, a_min=15, a_max=127, b_min=-10, b_max=60)
        picture = camera.call("jpeg_snapshot")                     # bytes

What a callback takes are the arguments of call(): by position or by field, or one bytes object for bytes as they are.
How it is asked is said by using(), which gives another view of the same connection:

    front = camera.using(camera="front", timeout=2, max_age=0.1)
    for event in front.using(interval=0.2, on_change=True).subscribe("face_detection"):
        print(event.value)

Values are what the daemon's JSON says; pictures and other bytes are bytes, and come without base64. None means that
nothing was seen. Times are seconds. What fails raises an Error, a class of its own for each reason, with the attributes
reason, message, code, retryable, executed and data.

A connection, with all its views and subscriptions, belongs to one thread at a time. What comes while something else is
waited for is kept up to 16 MiB; then the oldest events go, and are counted in `dropped`.
"""

import base64
import collections
import json
import os
import socket
import time

__all__ = ["connect", "Camera", "Subscription", "Answer", "Event", "Error"]

LINE_MAX = 16 << 20
BYTES_MAX = 16 << 20
KEPT_MAX = 16 << 20
AWAITED_MAX = 1024

# How long a reply is waited for where no deadline was named: the hour that a configuration can give a callback; and how
# much longer than a deadline that the daemon keeps, so that its own error has time to arrive.
CALL_S = 3600.0
GRACE_S = 2.0
# What the daemon answers without a camera.
INSTANT_S = 30.0
# After that, what a camera can do is asked for again, since its script may be another one.
CALLBACKS_S = 5.0

Answer = collections.namedtuple("Answer", "value camera name elapsed age")
Answer.__doc__ = "What ask() gives: the value, who gave it, how long it took, and how old it is."
Event = collections.namedtuple("Event", "value sequence dropped error")
Event.__doc__ = """What a subscription gives. `sequence` counts what its source produced, `dropped` what never came here. Where a
callback has failed, `error` is the Error and the value is None; it is asked again all the same."""


class Error(Exception):
    """A failure. `executed` is "no", "yes" or "unknown"; `data` is the whole of what the daemon says of it."""

    reason = "unknown"

    def __init__(self, message, reason=None, code=-32300, retryable=False, executed="unknown", data=None):
        super().__init__(message)
        self.message = message
        self.reason = reason or self.reason
        self.code = code
        self.retryable = retryable
        self.executed = executed
        self.data = data or {}


class ParseError(Error):
    reason = "parse_error"


class InvalidRequest(Error):
    reason = "invalid_request"


class NoSuchMethod(Error):
    reason = "no_such_method"


class InvalidParams(Error):
    reason = "invalid_params"


class Internal(Error):
    reason = "internal"


class CameraOffline(Error):
    reason = "camera_offline"


class NotDelivered(Error):
    reason = "not_delivered"


class ResultUnknown(Error):
    reason = "result_unknown"


class NoSuchCamera(Error):
    reason = "no_such_camera"


class NoSuchCallback(Error):
    reason = "no_such_callback"


class BadResult(Error):
    reason = "bad_result"


class TooLarge(Error):
    reason = "too_large"


class QueueFull(Error):
    reason = "queue_full"


class Cancelled(Error):
    reason = "cancelled"


class Forbidden(Error):
    reason = "forbidden"


class CallbackFailed(Error):
    reason = "callback_failed"


class Unsupported(Error):
    reason = "unsupported"


class Released(Error):
    reason = "released"


class TooManyClients(Error):
    reason = "too_many_clients"


class NoDaemon(Error, ConnectionError):
    """No daemon could be reached."""

    reason = "no_daemon"


class ConnectionLost(Error, ConnectionError):
    """The connection has ended; connect again."""

    reason = "connection_lost"


class NoAnswer(Error, TimeoutError):
    """Nothing came in time. The connection can still be used."""

    reason = "no_answer"


class BadReply(Error):
    """What answered is no openmvd. The connection has ended."""

    reason = "bad_reply"


_CLASSES = {kind.reason: kind for kind in Error.__subclasses__()}


def _error_of(error):
    """The exception for an error object of the daemon."""
    data = error.get("data")
    data = data if isinstance(data, dict) else {}
    reason = data.get("reason")
    kind = _CLASSES.get(reason, Error) if isinstance(reason, str) else Error
    return kind(str(error.get("message", "the daemon gave an error without a message")), str(reason or "unknown"),
                error.get("code", 0), data.get("retryable") is True, str(data.get("executed", "unknown")), data)


def _connect_socket(path, timeout):
    named = path or os.environ.get("OPENMVD_SOCKET")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    places = [named] if named else ["/run/openmvd/openmvd.sock"] + ([runtime + "/openmvd.sock"] if runtime else [])
    why = []
    for place in places:
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            end.settimeout(timeout)
            end.connect(place)
            return end
        except OSError as error:
            end.close()
            why.append(f"{place}: {error.strerror or error}")
    raise NoDaemon("no daemon can be reached at " + ", ".join(why), executed="no", retryable=True)


class _Connection:
    """The socket: lines and raw bytes in and out. All that it receives is checked before it is used."""

    def __init__(self, end):
        self.end = end
        self.buffer = bytearray()
        self.scanned = 0  # no newline stands in the buffer before this
        self.partial = None  # a message that waits for its raw bytes, and how many
        self.last_id = 0
        self.awaited = {}  # id -> (method, params) of requests without a reply yet
        self.given_up = set()
        self.progress = {}  # id -> who is told how much of the reply has come
        self.subscriptions = {}  # number -> Subscription
        self.kept_size = 0

    def close(self):
        if self.end is not None:
            self.end.close()
            self.end = None
        for subscription in self.subscriptions.values():
            subscription.is_over = True

    def fail(self, kind, message):
        self.close()
        raise kind(message)

    def send(self, method, params):
        """Sends a request and returns its id."""
        if self.end is None:
            raise ConnectionLost("the connection has ended", executed="no")
        if len(self.awaited) >= AWAITED_MAX:
            raise QueueFull("too many answers are awaited", executed="no", retryable=True)
        line = json.dumps({"jsonrpc": "2.0", "id": self.last_id + 1, "method": method, "params": params},
                          allow_nan=False, separators=(",", ":"))
        self.last_id += 1
        self.awaited[self.last_id] = (method, params)
        try:
            self.end.settimeout(INSTANT_S)
            self.end.sendall(line.encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            # A daemon with too many clients closes at once, having said why; that is read next.
            pass
        except OSError as error:
            self.fail(ConnectionLost, f"the daemon does not read: {error}")
        except BaseException:
            # Half a line may be on its way.
            self.close()
            raise
        return self.last_id

    def fill(self, deadline):
        """Receives something. False when the deadline has passed."""
        left = deadline - time.monotonic()
        if self.end is None:
            raise ConnectionLost("the connection has ended")
        self.end.settimeout(max(left, 0.0))
        try:
            data = self.end.recv(1 << 18)
        except (socket.timeout, BlockingIOError):
            return False
        except OSError as error:
            self.fail(ConnectionLost, f"the connection to the daemon broke: {error}")
        if not data:
            self.fail(ConnectionLost, "the daemon closed the connection")
        self.buffer += data
        return True

    def take(self, count, behind=0):
        taken = bytes(memoryview(self.buffer)[:count])
        del self.buffer[:count + behind]
        self.scanned = 0
        return taken

    def step(self):
        """Makes a message of what is in the buffer, as (message, bytes or None); None when more has to come."""
        while True:
            if self.partial:
                message, count = self.partial
                if len(self.buffer) < count:
                    return None
                self.partial = None
                return message, self.take(count)
            end = self.buffer.find(b"\n", self.scanned)
            if end > LINE_MAX or (end < 0 and len(self.buffer) > LINE_MAX):
                self.fail(BadReply, "the daemon sent a line longer than 16 MiB")
            if end < 0:
                self.scanned = len(self.buffer)
                return None
            line = self.take(end, 1).strip()
            if line:
                message = self.decode(line)
                count = self.count_raw(message)
                if count is None:
                    return message, None
                self.partial = message, count

    def decode(self, line):
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self.fail(BadReply, "what answered is not JSON-RPC")
        return message

    def count_raw(self, message):
        """How many bytes follow the line of a message; None where there are none to wait for."""
        if "method" in message:
            params = message.get("params") if message["method"] == "event" else {}
            if not isinstance(params, dict):
                self.fail(BadReply, "the daemon sent a notification without params")
            subscription = self.subscriptions.get(params.get("subscription"))
            content, asked = params, subscription is not None and subscription.is_raw
        else:
            number = message.get("id")
            method, params = self.awaited.get(number if isinstance(number, int) else None, ("", {}))
            content, asked = message.get("result"), method == "call" and params.get("reply") == "raw"
        value = content.get("value") if isinstance(content, dict) else None
        if not asked or not isinstance(value, dict) or "raw" not in value:
            return None
        count = value["raw"]
        if type(count) is not int or not 0 <= count <= BYTES_MAX:
            self.fail(BadReply, "the daemon announced more bytes than 16 MiB")
        return count

    def receive(self, deadline):
        """The next reply, as (id, message, bytes); None when the deadline has passed. Events go to their subscriptions."""
        is_over = False
        while True:
            got = self.step()
            if got is None:
                # What is there is read once even after the deadline, and not again: empty lines may come for ever.
                if is_over:
                    return None
                is_over = time.monotonic() >= deadline
                if not self.fill(deadline):
                    return None
                continue
            message, data = got
            if "method" in message:
                # Notifications of other kinds may be added to the protocol.
                if message["method"] == "event":
                    self.keep(message["params"], data)
                elif message["method"] == "progress":
                    self.tell_progress(message.get("params"))
                return 0, None, None
            number = message.get("id")
            error = message.get("error")
            if not ("result" in message or isinstance(error, dict)):
                self.fail(BadReply, "what answered is not a reply to any question")
            if number is None and error is not None:
                return None, message, None
            if not isinstance(number, int) or self.awaited.pop(number, None) is None:
                self.fail(BadReply, "what answered is not a reply to any question")
            if number in self.given_up:
                self.given_up.discard(number)
                continue
            return number, message, data

    def tell_progress(self, params):
        numbers = [params.get(name) if isinstance(params, dict) else None for name in ("id", "bytes", "total")]
        # What makes no sense is let by: the reply itself will come or not.
        if all(type(number) is int for number in numbers) and 0 <= numbers[1] <= numbers[2]:
            told = self.progress.get(numbers[0])
            if told:
                told(numbers[1], numbers[2])

    def keep(self, params, data):
        subscription = self.subscriptions.get(params.get("subscription"))
        if subscription is None:
            return  # Just ended.
        subscription.kept.append((params, data))
        self.kept_size += _size(params, data)
        while self.kept_size > KEPT_MAX:
            oldest = max(self.subscriptions.values(), key=lambda each: len(each.kept))
            self.kept_size -= _size(*oldest.kept.popleft())
            oldest.dropped += 1

    def request(self, method, params, patience, before=None, progress=None):
        """A whole exchange: (result, bytes). `before` takes the result in the moment it arrives; `progress` is told how
        much of it has come."""
        number = self.send(method, params)
        if progress:
            self.progress[number] = progress
        try:
            return self._await(number, method, patience, before)
        finally:
            self.progress.pop(number, None)
            if number in self.awaited:
                self.given_up.add(number)

    def _await(self, number, method, patience, before):
        deadline = time.monotonic() + patience
        while True:
            got = self.receive(deadline)
            if got is None:
                raise NoAnswer(f'the daemon did not answer "{method}" within {patience:g} s')
            if got[1] is None or got[0] not in (None, number):
                continue
            _, message, data = got
            if "error" in message:
                raise _error_of(message["error"])
            if before:
                before(message["result"])
            return message["result"], data


def _size(params, data):
    """About what an event holds in memory, for the bound of what is kept."""
    value = params.get("value")
    return 500 + (len(data) if data is not None else 0) + (len(value) if isinstance(value, str) else len(str(value)))


class Subscription:
    """Events as they come: iterate, or call next(timeout). Ends with close(), a with block, the connection, or an event whose
    error says why the daemon has ended it."""

    def __init__(self, camera, params):
        self._camera = camera
        self._connection = camera._connection
        self._name = params.get("name")
        self.is_raw = params.get("reply") == "raw"
        self.is_over = False
        self.number = None
        self.kept = collections.deque()
        self.dropped = 0  # of what came here, and did not fit among the kept

        def begin(result):
            number = result.get("subscription") if isinstance(result, dict) else None
            if type(number) is not int or number in self._connection.subscriptions:
                self._connection.fail(BadReply, "the daemon gave a subscription no number, or a wrong one")
            self.number = number
            self._connection.subscriptions[number] = self

        self._connection.request("subscribe", params, INSTANT_S, begin)

    def next(self, timeout=None):
        """The next event; None when none came within `timeout` seconds, of which None is for ever."""
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        while not self.kept:
            if self.is_over:
                return None
            if self._connection.receive(min(deadline, time.monotonic() + 3600)) is None \
                    and time.monotonic() >= deadline:
                return None
        params, data = self.kept.popleft()
        self._connection.kept_size -= _size(params, data)
        if params.get("ended") is True:
            self.is_over = True
            self._connection.subscriptions.pop(self.number, None)
        error = _error_of(params["error"]) if isinstance(params.get("error"), dict) else None
        value = data if data is not None else params.get("value")
        if data is None and self._name is not None:
            value = self._camera._decode(self._name, value)
        return Event(value, params.get("seq", 0), params.get("dropped", 0) + self.dropped, error)

    def close(self):
        """Ends it. What had come and was not taken is gone."""
        if self.is_over:
            return
        self.is_over = True

        def end(_):
            self._connection.subscriptions.pop(self.number, None)

        self._connection.request("unsubscribe", {"subscription": self.number}, INSTANT_S, end)
        while self.kept:
            self._connection.kept_size -= _size(*self.kept.popleft())

    def __iter__(self):
        return self

    def __next__(self):
        event = self.next()
        if event is None:
            raise StopIteration
        return event

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.close()
        except Error:
            # Another failure is on its way already, and a lost connection has ended it as well.
            if kind is None and self._connection.end is not None:
                raise


# What using() takes, and what becomes of it in the params of a request.
_OPTIONS = {
    "camera": ("camera", str),
    "timeout": ("timeout_ms", lambda seconds: max(1, round(seconds * 1000))),
    "max_age": ("max_age_ms", lambda seconds: round(seconds * 1000)),
    "wait": ("wait", bool),
    "priority": ("priority", str),
    "interval": ("interval_ms", lambda seconds: max(1, round(seconds * 1000))),
    "on_change": ("on_change", bool),
    "progress": ("progress", bool),
}
_NOT_OF_CALLS = ("interval", "on_change")
_NOT_OF_SUBSCRIPTIONS = ("progress",)


class Camera:
    """A view of a connection: which camera is asked, and how."""

    def __init__(self, connection, options, callbacks):
        self._connection = connection
        self._options = options
        self._callbacks = callbacks  # camera -> (when it was asked, name -> schema of the result)

    def using(self, **options):
        """Another view of this connection. `camera`: which one. `timeout`: the deadline of a call, in seconds. `max_age`:
        an answer that many seconds old will do. `wait`: for a camera that is offline. `priority`: "high", "normal",
        "low". `progress`: a function that is told, while a large result comes, how many bytes of how many have come; it
        must not use the connection. For subscriptions, `interval`: seconds between questions; `on_change`: differences only. None takes one
        back."""
        unknown = set(options) - set(_OPTIONS)
        if unknown:
            raise TypeError(f"using() has no option {', '.join(sorted(unknown))}")
        both = {**self._options, **options}
        return Camera(self._connection, {name: value for name, value in both.items() if value is not None},
                      self._callbacks)

    def call(self, name, /, *positions, **fields):
        """Calls a callback, and returns its value."""
        return self.ask(name, *positions, **fields).value

    def ask(self, name, /, *positions, **fields):
        """Calls a callback, and returns an Answer: the value, and where it came from."""
        params = self._params(name, positions, fields, False)
        patience = self._options.get("timeout", CALL_S) + GRACE_S
        result, data = self._connection.request("call", params, patience, progress=self._options.get("progress"))
        if not isinstance(result, dict):
            self._connection.fail(BadReply, "the daemon's answer to a call is not that of a call")
        real_name = str(result.get("name", name))
        value = data if params.get("reply") == "raw" else self._decode(real_name, result.get("value"))
        return Answer(value, result.get("camera"), real_name, result.get("elapsed_ms", 0) / 1000,
                      result.get("age_ms", 0) / 1000)

    def subscribe(self, name, /, *positions, **fields):
        """Has a callback asked again and again, and returns a Subscription to what it says."""
        return Subscription(self, self._params(name, positions, fields, True))

    def stream(self, name="jpeg_image_stream", /, *positions, **fields):
        """Subscribes to a stream of frames, which are bytes. Without arguments, `jpeg_image_stream` gives QVGA in colour."""
        if name == "jpeg_image_stream" and not positions and not fields:
            positions = ("sensor.RGB565,sensor.QVGA",)
        params = self._params(name, positions, fields, True)
        params["stream"] = params.pop("name")
        return Subscription(self, {**params, "reply": "raw"})

    def events(self):
        """Subscribes to cameras that come and go."""
        return Subscription(self, {"events": True})

    def request(self, method, /, **params):
        """Any method of the socket protocol, such as "stats": returns its result."""
        return self._connection.request(method, params, INSTANT_S)[0]

    def cameras(self):
        """The cameras, and how they are."""
        return self.request("cameras")

    def callbacks(self):
        """What the camera can be asked."""
        return self.request("callbacks", **self._which())

    def release(self):
        """Lends the camera's port to other software."""
        return self.request("release", **self._which())

    def acquire(self):
        """Takes the camera's port back."""
        return self.request("acquire", **self._which())

    def close(self):
        """Closes the connection, for all its views."""
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _which(self):
        return {"camera": self._options["camera"]} if "camera" in self._options else {}

    def _asked(self, subscribes):
        params = {}
        for name, value in self._options.items():
            if name not in (_NOT_OF_SUBSCRIPTIONS if subscribes else _NOT_OF_CALLS):
                member, convert = _OPTIONS[name]
                params[member] = convert(value)
        return params

    def _params(self, name, positions, fields, subscribes):
        if positions and fields:
            raise TypeError("arguments go all by position, or all by field")
        params = {**self._asked(subscribes), "name": name}
        if len(positions) == 1 and isinstance(positions[0], (bytes, bytearray, memoryview)):
            params["data"] = base64.b64encode(positions[0]).decode()
        elif positions or fields:
            params["args"] = fields or (positions[0] if len(positions) == 1 else list(positions))
        when, schemas = self._callbacks.get(self._options.get("camera"), (0, {}))
        if name in schemas and schemas[name] in (None, "bytes", "jpeg") and time.monotonic() - when < CALLBACKS_S:
            params["reply"] = "raw"
        return params

    def _decode(self, name, value):
        """Makes bytes of base64. Whether a string is that, only the callback's schema tells."""
        if not isinstance(value, str):
            return value
        camera = self._options.get("camera")
        when, schemas = self._callbacks.get(camera, (0, {}))
        if name not in schemas or time.monotonic() - when >= CALLBACKS_S:
            rows = self.callbacks()
            schemas = {str(row.get("name")): row.get("result") for row in rows if isinstance(row, dict)}
            self._callbacks[camera] = (time.monotonic(), schemas)
        if schemas.get(name) not in (None, "bytes", "jpeg"):
            return value
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:
            self._connection.fail(BadReply, "the daemon sent bytes that are no base64")


def connect(path=None, *, timeout=10.0, **options):
    """Connects to the daemon, and returns a Camera, to be closed or used in a with block.

    `path` is the daemon's socket; None looks at $OPENMVD_SOCKET or, where that is not set, in the usual places. `timeout`
    is how many seconds to wait for a daemon that is too busy to accept. The options are those of using(), but its
    timeout, which is for calls.
    """
    connection = _Connection(_connect_socket(path, timeout))
    try:
        return Camera(connection, {}, {}).using(**options)
    except BaseException:
        connection.close()
        raise
