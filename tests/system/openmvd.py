# SPDX-License-Identifier: MIT
"""Help for the system tests: a TAP reporter, a daemon in a folder of its own, and clients of its socket.

Nothing here sleeps a guessed time: everything waits for a condition, and every wait has an end.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

BUILD = os.environ.get("BUILD", "build")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The sanitizers make everything slower; no test waits for longer than this for anything.
PATIENCE_S = 30.0


def program(name):
    """The path of a built program."""
    return os.path.join(os.path.join(ROOT, BUILD), name)


def command_id(name):
    """The id by which a camera knows a callback."""
    number = 5381
    for byte in name.encode():
        number = number * 33 & 0xffffffff ^ byte
    return f"#{number:08x}"


def is_sanitized():
    """Whether the build has a sanitizer in it, whose memory is not the daemon's."""
    with open(program("openmvd"), "rb") as file:
        content = file.read()
    return b"__asan_init" in content or b"__tsan_init" in content


class Tap:
    """Runs functions whose names or documentation are sentences, and prints how they went."""

    def __init__(self):
        self.number = 0
        self.failed = 0

    def report(self, good, name, note=""):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}{note}", flush=True)

    def run(self, tests):
        for test in tests:
            name = test.__doc__.strip().splitlines()[0] if test.__doc__ else test.__name__.replace("_", " ")
            try:
                test()
                self.report(True, name)
            except SkipTest as why:
                self.report(True, name, f" # SKIP {why}")
            except Exception:
                self.report(False, name)
                for line in traceback.format_exc().splitlines():
                    print(f"# {line}")

    def finish(self):
        """Prints the plan and ends the program."""
        print(f"1..{self.number}")
        sys.exit(1 if self.failed or not self.number else 0)


class SkipTest(Exception):
    """Raised by a test that cannot run here, with the reason."""


def wait_until(condition, what, patience=PATIENCE_S):
    """Waits until condition() gives something true, and returns that."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience} s in vain for {what}")
        time.sleep(0.01)


def tried(attempt, is_good, tries=3):
    """What the first of so many attempts has given that is good: for what this machine may be too slow for, though not each time.
    Where none is, that is a failure with all they gave."""
    seen = []
    while not seen or not is_good(seen[-1]):
        assert len(seen) < tries, seen
        seen.append(attempt())
    return seen[-1]


def process_stat(pid):
    """What the kernel says of a process, from its state on (proc(5))."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()


def in_time(seconds, attempt):
    """Calls that until it was done within so many seconds, since then the other side does something else: a failure of one that
    this machine was too slow for says nothing."""
    for _ in range(10):
        begun = time.monotonic()
        try:
            attempt()
            return
        except (AssertionError, OSError) as error:
            failure = error
            if time.monotonic() - begun < seconds:
                break
    raise failure


class Within:
    """A with block that is to be through within so many seconds, since then the other side does something else. A failure of one
    that this machine was too slow for says nothing: it goes no further, and this is false then."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.is_good = False

    def __bool__(self):
        return self.is_good

    def __enter__(self):
        self.begun = time.monotonic()
        return self

    def __exit__(self, kind, failure, trace):
        self.is_good = kind is None
        if kind is None or not issubclass(kind, (AssertionError, OSError)) or time.monotonic() - self.begun < self.seconds:
            return False
        print(f"# took longer than {self.seconds} s: {failure}", flush=True)
        return True


class Daemon:
    """An openmvd of one's own, listening in a temporary folder; stopped and checked at the end of a with block."""

    def __init__(self, *options, config=None, simulate=None, environment=None, limit_descriptors=None):
        self.folder = tempfile.TemporaryDirectory(prefix="openmvd-test-")
        self.path = os.path.join(self.folder.name, "openmvd.sock")
        self.log_path = os.path.join(self.folder.name, "log")
        command = [program("openmvd"), "--socket", self.path]
        if config is not None:
            config_path = os.path.join(self.folder.name, "openmvd.json")
            with open(config_path, "w", encoding="utf-8") as file:
                file.write(config if isinstance(config, str) else json.dumps(config))
            command += ["--config", config_path]
        if simulate if simulate is not None else config is None:
            command.append("--simulate")
        self.command = command + list(options)
        self.environment = dict(os.environ, **(environment or {}))
        self.limit_descriptors = limit_descriptors
        self.pass_fds = ()
        self.process = None

    def _limit(self):
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.limit_descriptors, self.limit_descriptors))

    def start(self):
        """Starts the daemon and waits until it listens."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=log, env=self.environment,
                                            pass_fds=self.pass_fds,
                                            preexec_fn=self._limit if self.limit_descriptors else None)
        wait_until(lambda: self._listens() or self.process.poll() is not None, "the daemon to listen")
        if self.process.poll() is not None:
            raise AssertionError("the daemon did not start:\n" + self.log())
        return self

    def _listens(self):
        try:
            with self.client() as client:
                # At the end of the stream the daemon has closed this connection, so that no test finds it there.
                client.shut_down_writing()
                return client.read_line() is None
        except OSError:
            return False

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def client(self):
        return Client(self.path)

    def resident_kb(self):
        """Resident memory of the process."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        raise AssertionError("the kernel does not tell the resident memory")

    def has_open(self, path):
        """Whether the process has that file open."""
        folder = f"/proc/{self.process.pid}/fd"
        for name in os.listdir(folder):
            # It may close others meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(os.path.join(folder, name)) == path:
                    return True
        return False

    def cpu_seconds(self):
        """What the process has computed so far, in itself and in the kernel."""
        fields = process_stat(self.process.pid)
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_at_rest(self, seconds=1.0):
        """Whether it computes for less than a fifth of a time that nothing happens in."""
        before = self.cpu_seconds()
        time.sleep(seconds)
        return self.cpu_seconds() - before < seconds / 5

    def stop(self, number=signal.SIGTERM):
        """Ends the daemon and returns its exit status; what a sanitizer found is a failure."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        log = self.log()
        if "Sanitizer" in log or "runtime error:" in log:
            raise AssertionError("a sanitizer has found something:\n" + log)
        return status

    @contextlib.contextmanager
    def held(self):
        """Stops the daemon for the block. What clients send meanwhile it finds all at once: 16 lines (LINES_A_TURN) of each, in
        the order in which they were the first to send, and nothing that a camera says can come in between."""
        self.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: process_stat(self.process.pid)[0] == "T", "the daemon to stand still")
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None and kind is not None:
            self.process.kill()
        try:
            status = self.stop()
            if kind is None and status != 0:
                raise AssertionError(f"the daemon ended with {status}:\n{self.log()}")
            if kind is not None:
                for line in self.log().splitlines()[-20:]:
                    print(f"# daemon: {line}")
        finally:
            self.folder.cleanup()


class Client:
    """A connection to the socket. Requests get ids by themselves; replies are matched by id."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        wait_until(lambda: self._connect(path), "room among the connections that wait")
        self.buffer = b""
        self.gathered = None
        self.last_id = 0
        self.replies = {}
        self.events = []
        self.progress = []

    def _connect(self, path):
        try:
            self.socket.connect(path)
            return True
        except BlockingIOError:
            return False

    def send(self, data):
        """Sends bytes or text as they are."""
        data = data if isinstance(data, bytes) else data.encode()
        if self.gathered is None:
            self.socket.sendall(data)
        else:
            self.gathered += data

    @contextlib.contextmanager
    def together(self):
        """Sends what is sent in the block as one piece at its end. The daemon handles 16 lines of that (LINES_A_TURN) before it
        looks at anything else, so that no answer of a camera can come between two of them."""
        self.gathered = b""
        yield
        data, self.gathered = self.gathered, None
        self.send(data)

    def send_request(self, method, params=None, **members):
        """Sends a request and returns its id."""
        self.last_id += 1
        message = {"jsonrpc": "2.0", "id": self.last_id, "method": method}
        if params is not None:
            message["params"] = params
        message.update(members)
        self.send(json.dumps(message) + "\n")
        return message["id"]

    def _fill(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def read_line(self):
        """The next line as bytes without its newline; None at the end of the stream."""
        while b"\n" not in self.buffer:
            if not self._fill():
                assert self.buffer == b"", f"the stream ends within a line: {self.buffer[:200]!r}"
                return None
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def read_bytes(self, count):
        while len(self.buffer) < count:
            assert self._fill(), "the stream ends within raw bytes"
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read(self):
        """The next message, decoded; None at the end of the stream."""
        line = self.read_line()
        return None if line is None else json.loads(line)

    def reply(self, request_id):
        """The reply to one request, whatever comes in between."""
        while request_id not in self.replies:
            message = self.read()
            assert message is not None, f"the connection ended before the reply to {request_id!r}"
            if message.get("method") == "event":
                self.events.append(message)
            elif message.get("method") == "progress":
                self.progress.append(message["params"])
            else:
                self.replies[message["id"]] = message
        return self.replies.pop(request_id)

    def event(self):
        """What the next notification says."""
        message = self.events.pop(0) if self.events else self.read()
        assert message is not None and message.get("method") == "event" and "id" not in message, message
        return message["params"]

    def request(self, method, params=None):
        """A whole exchange: returns the reply."""
        return self.reply(self.send_request(method, params))

    def result(self, method, params=None):
        """A whole exchange that has to succeed: returns the result."""
        reply = self.request(method, params)
        assert "result" in reply, f"{method} {params}: {reply}"
        return reply["result"]

    def error(self, method, params=None):
        """A whole exchange that has to fail: returns the error."""
        reply = self.request(method, params)
        assert "error" in reply, f"{method} {params}: {reply}"
        return reply["error"]

    def exchange(self, line):
        """Sends a line as it is and returns the line that comes back, as text."""
        self.send(line + b"\n" if isinstance(line, bytes) else line + "\n")
        return self.read_line().decode()

    def shut_down_writing(self):
        self.socket.shutdown(socket.SHUT_WR)

    def is_readable(self, timeout=0):
        return bool(self.buffer) or bool(select.select([self.socket], [], [], timeout)[0])

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def begin_call(client, params):
    """Sends a call and waits until the camera, which has answered one before, has taken it and is asked for its result; returns
    its id."""
    def polls():
        return sum(row["wire"]["polls"] for row in client.result("stats")["cameras"])
    before = polls()
    number = client.send_request("call", params)
    wait_until(lambda: polls() > before, "the camera to have taken the call")
    return number


def error_in_the_call(client, params):
    """Makes a call whose deadline passes while the camera is at it; returns the error and how many seconds that took. A call that
    this machine keeps from the camera until then is made again."""
    def attempt():
        begun = time.monotonic()
        error = client.error("call", params)
        return error["data"]["reason"] != "not_delivered" and (error, time.monotonic() - begun)
    return wait_until(attempt, "the camera to have taken the call")


def wait_for_camera(client, name="camera", state="online"):
    """Waits until a camera is in a state and returns its row."""
    def row():
        for camera in client.result("cameras"):
            if camera["name"] == name and camera["state"] == state:
                return camera
        return None
    return wait_until(row, f"camera {name} to be {state}")
