# SPDX-License-Identifier: MIT
#
# The camera's half of the OpenMV RPC protocol: a slave that answers calls over USB, UART, SPI, I2C or CAN. Copy this
# one file to the camera, create a slave, register callbacks, enter its loop:
#
#     import omvrpc
#     remote = omvrpc.Slave(omvrpc.usb())
#
#     @remote.callback
#     def double(arguments):
#         return bytes(2 * value & 0xFF for value in arguments)
#
#     remote.loop()
#
# What a callback takes and gives may be declared, and then no program has to be told:
#
#     @remote.callback(args="<H", arg_fields="dial", result="<f", fields="bar", timeout_ms=3000, doc="Reads a gauge.")
#     def read_gauge(arguments):
#         (dial,) = struct.unpack("<H", arguments)
#         return struct.pack("<f", bar_of(dial))
#
# A callback gets its argument as a memoryview and returns bytes, a bytearray, a memoryview, a str, or None for an
# empty result. One that raises gives an empty result too; the exception is kept in last_error and the loop goes on.
# Nothing here prints: on most boards the console and the link are the same wire.
#
# A camera that asks another one is a Master, at the end of this file.
#
# On the wire this is the stock slave: same packets, same acks, same outcome for whoever follows the stock rules. On
# byte streams it differs where that slave throws input away. This one looks for the next packet in whatever arrives, so
# a command that comes at an awkward moment is answered instead of lost. Nothing stale is ever answered: what is no poll
# is passed over while a result waits, and what came before that result was handed over is dropped then.

import gc
import json
import struct
import time
from micropython import const

try:
    from binascii import crc32
except ImportError:
    # A firmware without it has no extensions, and is a stock camera.
    crc32 = None

_COMMAND_HEADER = const(0x1209)
_COMMAND_DATA = const(0xABD1)
_RESULT_HEADER = const(0x9021)
_RESULT_DATA = const(0x1DBA)
_STREAM_OPEN = const(0xEDF6)
_STREAM_FRAME = const(0x542E)

# Times in milliseconds.
# _ACK: how long an ack or a poll's answer may wait for room; the same 2 ms as in the stock slave, since a master
#   that does not read will ask again.
# _LONG: the stock slave's patience for command data to begin and for a result to be taken.
# _STREAM: the protocol's limit for the silence of a stream's reader.
# _QUIET: a line silent for this long after an exchange is taken to be idle, and garbage is collected then. Longer
#   than any master's interval between tries, so that a collection does not fall between them.
# _REPEATED_ANSWER: how long the answer to a header or a poll that came twice is held back; well within a master's
#   patience.
# _RUBBISH_GAP: this much silence ends the body of a command that was refused.
# _TURN: how long a packet link waits for the next packet of an exchange that has begun. Its master sends that at once,
#   or has given up and begins again; then the wait ends with the first packet that does not fit.
_ACK = const(2)
_LONG = const(5000)
_STREAM = const(1000)
_QUIET = const(10)
_REPEATED_ANSWER = const(2)
_RUBBISH_GAP = const(5)
_TURN = const(100)

# Without a quiet moment garbage is collected every so many calls, after the callback, when the master can only poll.
_CALLS_BETWEEN_COLLECTIONS = const(32)

# Results up to this many bytes leave in one write; larger ones are never copied.
_SMALL_RESULT = const(252)

# Arguments are never larger than this, however much memory is free.
_LARGEST_ARGUMENT = const(1 << 20)

# A stream writer never has more frames under way than this, whatever the reader asks for.
_STREAM_DEPTH = const(255)


def _crc_table():
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ (0x1021 if crc & 0x8000 else 0)
        table.append(crc & 0xFFFF)
    return table


# Two tables of bytes instead of one of words: the loop below then needs no shift and no mask, which halves its time
# in an interpreter. Native code emitters would be faster still, but a board without one refuses the whole file.
_TABLE = _crc_table()
_CRC_HIGH = bytes(entry >> 8 for entry in _TABLE)
_CRC_LOW = bytes(entry & 0xFF for entry in _TABLE)
del _TABLE, _crc_table


def crc16(data, crc=0xFFFF):
    # CRC-16 with polynomial 0x1021, not reflected; crc is the value so far.
    high = crc >> 8
    low = crc & 0xFF
    table_high = _CRC_HIGH
    table_low = _CRC_LOW
    for byte in data:
        index = high ^ byte
        high = low ^ table_high[index]
        low = table_low[index]
    return high << 8 | low


def command_id(name):
    # djb2 in its xor form over the name's bytes, kept to 32 bits.
    value = 5381
    for byte in name.encode():
        value = (value * 33 ^ byte) & 0xFFFFFFFF
    return value


def _put_u16(buffer, offset, value):
    buffer[offset] = value & 0xFF
    buffer[offset + 1] = value >> 8


def _packet(magic, payload=b""):
    packet = bytearray(len(payload) + 4)
    _put_u16(packet, 0, magic)
    packet[2:-2] = payload
    _put_u16(packet, len(payload) + 2, crc16(memoryview(packet)[:-2]))
    return packet


def _length_packet(magic, length):
    return _packet(magic, length.to_bytes(4, "little"))


_COMMAND_HEADER_ACK = _packet(_COMMAND_HEADER)
_COMMAND_DATA_ACK = _packet(_COMMAND_DATA)
_EMPTY_RESULT = _packet(_RESULT_DATA)
_RESULT_HEADER_POLL = _packet(_RESULT_HEADER)
_RESULT_DATA_POLL = _EMPTY_RESULT
_COMMAND_DATA_CRC = crc16(b"\xd1\xab")
_RESULT_DATA_CRC = crc16(b"\xba\x1d")


# The extensions: calls with a number and a CRC-32, so that a call whose reply was lost is asked for again and never
# runs again. docs/extensions.md of openmvd says what is sent.

_LIBRARY = "1.0"
_RESERVED = "omvrpc."

_DONE = const(0)
_RAISED = const(1)
_NO_SUCH_CALLBACK = const(2)
_FORGOTTEN = const(3)
_NO_SESSION = const(4)
_DAMAGED = const(5)

# Bytes of an envelope: five numbers before what it carries, and a CRC-32 behind.
_NUMBERS = const(20)
_ENVELOPE = const(24)

# Results of several pieces that are held at once.
_HELD = const(2)

# The largest piece is this part of the memory that is free when the loop begins, within these bounds.
_PIECE_SHARE = const(16)
_SMALLEST_PIECE = const(512)
_LARGEST_PIECE = const(16384)

# What is told of an exception is cut to so many bytes.
_ERROR_TEXT = const(200)

# Schemas that are a word; others are a format of the struct module, with its byte order first.
_SCHEMA_WORDS = ("utf8", "json", "jpeg", "bytes")
_BYTE_ORDERS = "<>=!"
_FORMAT_TYPES = "xcbB?hHiIlLqQefdsp"
_LONGEST_TIMEOUT = const(3600000)


def _utf8(data, limit):
    # The beginning of a text, at most limit bytes, as UTF-8 that everybody accepts: MicroPython's strings may also hold
    # halves of surrogate pairs, or any bytes at all. What is wrong becomes a question mark; no character is cut.
    text = bytearray()
    at = 0
    while at < len(data):
        lead = data[at]
        size = 1 if lead < 0xC2 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        character = data[at : at + size]
        second = character[1] if len(character) > 1 else 0
        if (
            len(character) < size
            or (size == 1 and lead >= 0x80)
            or lead > 0xF4
            or any(byte & 0xC0 != 0x80 for byte in character[1:])
            or (lead == 0xE0 and second < 0xA0)
            or (lead == 0xED and second >= 0xA0)
            or (lead == 0xF0 and second < 0x90)
            or (lead == 0xF4 and second >= 0x90)
        ):
            character = b"?"
        if len(text) + len(character) > limit:
            break
        text += character
        at += len(character)
    return bytes(text)


def _error_text(error):
    name = type(error).__name__
    try:
        text = name + ": " + str(error)[:_ERROR_TEXT]
    except Exception:
        # It could not say what it is: its own __str__ raised, or there was no memory for that.
        text = name + ": "
    return _utf8(text.encode(), _ERROR_TEXT)


def _as_bytes(value):
    # What a callback has returned, as bytes or as a view of single bytes. Raises TypeError for what is neither.
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    view = memoryview(value)
    return view if len(bytes(view[:1])) < 2 else bytes(view)


def _checked_text(what, value):
    data = value.encode() if isinstance(value, str) else b""
    if not data or 0 in data or _utf8(data, len(data)) != data:
        raise ValueError("%s has to be a text in quotes" % what)
    return value


def _checked_switch(what, value):
    if value is not True and value is not False:
        raise ValueError("%s has to be True or False" % what)
    return value


def _count_values(what, text):
    # How many values a format of the struct module describes.
    if text[:1] not in _BYTE_ORDERS:
        raise ValueError('%s: a format begins with its byte order, as in "<HH", and "%s" does not' % (what, text))
    values = 0
    count = ""
    for character in text[1:]:
        if "0" <= character <= "9":
            count += character
            continue
        if character in " \t\n" and not count:
            continue
        if character not in _FORMAT_TYPES:
            raise ValueError('%s: "%s" is no format character, in "%s"' % (what, character, text))
        if character in "sp":
            values += 1
        elif character != "x":
            values += int(count or 1)
        count = ""
    if count:
        raise ValueError('%s: "%s" ends with a count' % (what, text))
    return values


def _schema(what, schema, fields, repeat, optional):
    # A schema as the description has it, or None where nothing is declared.
    if schema is None or schema in _SCHEMA_WORDS:
        if fields is not None or repeat or optional:
            raise ValueError('%s: fields, repeat and optional need a format such as "<HH"' % what)
        return schema
    count = _count_values(what, _checked_text(what, schema))
    described = {"format": schema}
    if fields is not None:
        names = fields.split() if isinstance(fields, str) else list(fields)
        for name in names:
            _checked_text("%s: a field" % what, name)
        if len(names) != count or len(set(names)) != count:
            raise ValueError('%s: "%s" needs %d different names of fields, not %d' % (what, schema, count, len(names)))
        described["fields"] = names
    if _checked_switch("%s: repeat" % what, repeat):
        if not count:
            raise ValueError("%s: nothing to repeat" % what)
        described["repeat"] = True
    if _checked_switch("%s: optional" % what, optional):
        described["optional"] = True
    return described


def _declaration(
    args=None,
    arg_fields=None,
    arg_repeat=False,
    optional=False,
    result=None,
    fields=None,
    repeat=False,
    repeatable=False,
    schedules=None,
    timeout_ms=None,
    doc=None,
):
    # A callback's entry in the description. Raises ValueError, with a sentence, for what would be a wrong one.
    described = {
        "args": _schema("args", args, arg_fields, arg_repeat, optional),
        "result": _schema("result", result, fields, repeat, False),
    }
    if _checked_switch("repeatable", repeatable):
        described["repeatable"] = True
    if schedules is not None:
        if schedules not in ("stream", "cut_through"):
            raise ValueError('schedules has to be "stream" or "cut_through"')
        described["schedules"] = schedules
    if timeout_ms is not None:
        if not isinstance(timeout_ms, int) or not 1 <= timeout_ms <= _LONGEST_TIMEOUT:
            raise ValueError("timeout_ms has to be a number of milliseconds, 1 to %d" % _LONGEST_TIMEOUT)
        described["timeout_ms"] = timeout_ms
    if doc is not None:
        described["doc"] = _checked_text("doc", doc)
    return {key: value for key, value in described.items() if value is not None}


def _this_camera():
    # What the firmware knows of itself and of the board. Modules and functions differ between boards.
    known = {}
    try:
        import os

        known["firmware"] = os.uname().release
        known["board"] = os.uname().machine
    except (ImportError, AttributeError):
        pass
    try:
        import omv

        known["firmware"] = omv.version_string()
    except (ImportError, AttributeError):
        pass
    try:
        import machine

        known["id"] = "".join("%02X" % byte for byte in machine.unique_id())
    except (ImportError, AttributeError):
        pass
    return known


class _Callback:
    # declaration: its entry in the description, None for a reserved one.
    def __init__(self, name, high_bits, function, declaration):
        self.name = name
        self.high_bits = high_bits
        self.function = function
        self.declaration = declaration


class _Outcome:
    # What became of a call.
    # is_view: the next callback may overwrite the data. is_held: the master has been sent a part, and reads the rest.
    def __init__(self, number, status, data):
        self.number = number
        self.status = status
        self.data = data
        self.is_view = not isinstance(data, bytes)
        self.is_held = False


class _Session:
    # The numbered calls of one master. Its three methods without underscore that take data are the reserved callbacks.
    def __init__(self, slave, piece):
        if piece is not None and piece < _ENVELOPE:
            raise ValueError("piece has to be %d or more" % _ENVELOPE)
        self._slave = slave
        self._piece = piece
        self._reply = None
        self._session = 0
        self._last = 0
        self._kept = []
        self._description = None
        self._scheduled = None
        self._seconds = 0
        self._tick = 0

    def begin(self):
        # Before the loop, which may begin again after its link failed.
        if self._reply is None and crc32:
            if self._piece is None:
                self._piece = max(_SMALLEST_PIECE, min(gc.mem_free() // _PIECE_SHARE, _LARGEST_PIECE))
            self._reply = bytearray(self._piece + _ENVELOPE)
            self._tick = time.ticks_ms()

    def count_time(self):
        # The clock wraps after 12 days. Called at every turn of the loop, this adds it up in seconds, which every port
        # holds without allocating.
        seconds = time.ticks_diff(time.ticks_ms(), self._tick) // 1000
        self._seconds += seconds
        self._tick = time.ticks_add(self._tick, seconds * 1000)

    def keep_views(self):
        # Before anything of the script runs, which may overwrite what a callback has given a view of. A copy for which
        # there is no memory is forgotten.
        for outcome in self._kept:
            if outcome.is_view:
                outcome.data = self._copied(outcome.data)
                outcome.is_view = False
        self._kept = [outcome for outcome in self._kept if outcome.data is not None]

    def _copied(self, view):
        for _ in range(2):
            try:
                return bytearray(view)
            except MemoryError:
                gc.collect()
        return None

    def describe(self, _):
        limits = {"argument": max(0, self._slave._largest_argument - _ENVELOPE), "piece": self._piece, "held": _HELD}
        described = {"library": _LIBRARY, "extensions": 1, "limits": limits, "callbacks": self._slave._declarations()}
        described.update(_this_camera())
        return json.dumps(described).encode()

    def call(self, data):
        if not self._is_whole(data):
            return self._seal(0, 0, _DAMAGED, 0, 0)
        session, number, released, piece, command = struct.unpack_from("<IIIII", data)
        if number == 0 and session not in (0, self._session):
            self._open(session)
        if session == 0 or session != self._session:
            return self._no_session(session, number, 0, piece)
        self._release(released)
        if number == 0:
            outcome = self._described()
        elif number > self._last:
            outcome = self._run(number, command, data[_NUMBERS:-4])
        else:
            outcome = self._find(number)
        if number == self._last and self._scheduled is not None:
            self._slave.schedule_callback(self._run_scheduled)
        return self._answer(session, number, outcome, 0, piece)

    def read(self, data):
        if len(data) != _ENVELOPE or not self._is_whole(data):
            return self._seal(0, 0, _DAMAGED, 0, 0)
        session, number, released, piece, offset = struct.unpack_from("<IIIII", data)
        if session == 0 or session != self._session:
            return self._no_session(session, number, offset, piece)
        self._release(released)
        outcome = self._find(number)
        if outcome is not None and outcome.status != _DONE:
            outcome = None
        return self._answer(session, number, outcome, offset, piece)

    def _is_whole(self, data):
        return len(data) >= _ENVELOPE and crc32(data[:-4]) == struct.unpack_from("<I", data, len(data) - 4)[0]

    def _open(self, session):
        self._session = session
        self._last = 0
        self._kept = []
        self._description = None
        self._scheduled = None
        self._seconds = 0
        self._tick = time.ticks_ms()

    def _described(self):
        # The same bytes until a call begins, so that pieces of two descriptions never mix.
        if self._description is None:
            try:
                self._description = _Outcome(0, _DONE, self.describe(None))
            except Exception as error:
                self._slave.last_error = error
                return _Outcome(0, _RAISED, _error_text(error))
        return self._description

    def _release(self, number):
        for outcome in self._kept:
            if outcome.number == number:
                self._kept.remove(outcome)
                return

    def _find(self, number):
        if number == 0:
            return self._description
        for outcome in self._kept:
            if outcome.number == number:
                return outcome
        return None

    def _run(self, number, command, arguments):
        # From here on the number is used up, whatever happens.
        self._last = number
        self._description = None
        self._scheduled = None
        if self._kept and not self._kept[-1].is_held:
            self._kept.pop()
        while len(self._kept) >= _HELD:
            self._kept.pop(0)
        callback = self._slave._find_callback(command & 0x3FFFFFFF, command >> 30)
        if callback is None or callback.declaration is None:
            outcome = _Outcome(number, _NO_SUCH_CALLBACK, b"")
        else:
            result, error = self._slave._result_of(callback.function, arguments)
            if error is None:
                outcome = _Outcome(number, _DONE, result)
            else:
                outcome = _Outcome(number, _RAISED, _error_text(error))
            self._scheduled = self._slave._take_scheduled()
        self._kept.append(outcome)
        return outcome

    def _run_scheduled(self):
        # Once, however often the result is asked for and taken.
        function = self._scheduled
        self._scheduled = None
        if function is not None:
            function()

    def _no_session(self, session, number, offset, piece):
        self.count_time()
        age = self._seconds * 1000 + time.ticks_diff(time.ticks_ms(), self._tick)
        data = min(age, 0xFFFFFFFF).to_bytes(4, "little") if piece >= 4 else b""
        self._reply[_NUMBERS : _NUMBERS + len(data)] = data
        return self._seal(session, number, _NO_SESSION, len(data), offset, len(data))

    def _answer(self, session, number, outcome, offset, piece):
        if outcome is None:
            return self._seal(session, number, _FORGOTTEN, 0, offset)
        data = memoryview(outcome.data)
        total = len(data)
        size = max(0, min(piece, self._piece, total - offset))
        if outcome.status == _RAISED:
            # No character is cut, and nothing is left to be read.
            while size < total and data[size] & 0xC0 == 0x80:
                size -= 1
            total = size
        elif size < total:
            outcome.is_held = True
        if size:
            self._reply[_NUMBERS : _NUMBERS + size] = data[offset : offset + size]
        return self._seal(session, number, outcome.status, total, offset, size)

    def _seal(self, session, number, status, total, offset, size=0):
        # The reply whose data are in its buffer already.
        struct.pack_into("<IIIII", self._reply, 0, session, number, status, total, offset)
        end = _NUMBERS + size
        reply = memoryview(self._reply)
        struct.pack_into("<I", self._reply, end, crc32(reply[:end]))
        return reply[: end + 4]


# A link is an object with
#   read(buffer, count, wait_ms)  what has arrived, at most count bytes, to the buffer's start; waits at most wait_ms
#                                 for the first byte. Returns how many there were. Allocates nothing.
#   write(data, wait_ms)          True when the link took all of it.
#   flush()                       drops what has arrived. Bounded, whatever the other side sends.
#   gap_ms                        a silence this long inside a packet means that its rest is lost.


class UsbVcp:
    # The virtual serial port of boards that have pyb. A packet may pause where a busy host was preempted.
    gap_ms = 100

    def __init__(self):
        import pyb

        self._port = pyb.USB_VCP()
        if hasattr(self._port, "debug_mode_enabled") and self._port.debug_mode_enabled():
            raise OSError("the USB port belongs to the IDE: disconnect it, then reset the camera")
        # The data contains Ctrl-C bytes, which must not stop the script.
        self._port.setinterrupt(-1)
        self._one = bytearray(1)
        self._dump = bytearray(64)

    def read(self, buffer, count, wait_ms):
        if self._port.any():
            return self._port.readinto(buffer, count) or 0
        if self._port.recv(self._one, timeout=wait_ms) != 1:
            return 0
        buffer[0] = self._one[0]
        return 1

    def write(self, data, wait_ms):
        return self._port.send(data, timeout=wait_ms) == len(data)

    def flush(self):
        for _ in range(256):
            if not self._port.any() or not self._port.readinto(self._dump):
                return


class Stdio:
    # The console's raw bytes, for boards whose USB is not reachable through pyb. Reads are single bytes because a
    # longer one would wait until it is complete.
    gap_ms = 100

    def __init__(self):
        import micropython
        import select
        import sys

        micropython.kbd_intr(-1)
        self._input = sys.stdin.buffer
        self._output = sys.stdout.buffer
        self._poller = select.poll()
        self._poller.register(sys.stdin, select.POLLIN)
        self._one = bytearray(1)

    def _readable(self, wait_ms):
        for _ in self._poller.ipoll(wait_ms):
            return True
        return False

    def read(self, buffer, count, wait_ms):
        done = 0
        while done < count and self._readable(0 if done else wait_ms):
            self._input.readinto(self._one)
            buffer[done] = self._one[0]
            done += 1
        return done

    def write(self, data, wait_ms):
        return self._output.write(data) == len(data)

    def flush(self):
        for _ in range(16384):
            if not self._readable(0):
                return
            self._input.readinto(self._one)


class Uart:
    # timeout and timeout_char are the stock slave's: 2 ms for the first byte and between bytes. The receive buffer
    # holds what arrives while garbage is collected; boards whose UART has a fixed one refuse the keyword.
    gap_ms = 10

    def __init__(self, port, baudrate, receive_buffer):
        try:
            from machine import UART

            buffer = {"rxbuf": receive_buffer}
        except ImportError:
            from pyb import UART

            buffer = {"read_buf_len": receive_buffer}
        try:
            self._uart = UART(port, baudrate, timeout=2, timeout_char=2, **buffer)
        except TypeError:
            self._uart = UART(port, baudrate, timeout=2, timeout_char=2)
        self._dump = bytearray(64)

    def read(self, buffer, count, wait_ms):
        start = time.ticks_ms()
        while True:
            done = self._uart.readinto(buffer, count)
            if done:
                return done
            if time.ticks_diff(time.ticks_ms(), start) >= wait_ms:
                return 0

    def write(self, data, wait_ms):
        return self._uart.write(data) == len(data)

    def flush(self):
        for _ in range(256):
            waiting = self._uart.any()
            if not waiting:
                return
            self._uart.readinto(self._dump, min(waiting, 64))


class PacketLink:
    # A link on which a packet is one transaction of a length that both sides know beforehand: read moves exactly count
    # bytes or returns 0, write is one such transaction too. What is here is the slave's half of an exchange. The camera
    # is armed for as long as the caller waits, not for the stock slave's windows of 2 ms, and whatever does not fit is
    # passed over whole.
    #
    # ready: an output, a pin or its name, that is high while the camera is armed for a command or holds a result, and
    # low while it computes; it is low before the ack of a command's data goes out.
    gap_ms = 10

    def __init__(self, ready=None):
        self._poll = bytearray(4)
        if ready is not None and not hasattr(ready, "value"):
            import pyb

            ready = pyb.Pin(ready, pyb.Pin.OUT_PP)
        self._ready = ready
        self._set_ready(0)

    def _set_ready(self, level):
        if self._ready is not None:
            self._ready.value(level)

    def flush(self):
        # Nothing is kept on a bus whose slave has to be armed.
        pass

    def receive(self, packet, magic, wait_ms):
        # One transaction of the packet's length. True when it brought a whole packet of that kind. A master that stops
        # early may leave the rest of the buffer as it was, and SPI sends what is there: nothing seen before must show
        # through. Larger buffers than a header are new ones.
        for i in range(min(len(packet), 12)):
            packet[i] = 0
        return (
            self.read(packet, len(packet), wait_ms) == len(packet)
            and packet[0] | packet[1] << 8 == magic
            and packet[-2] | packet[-1] << 8 == crc16(memoryview(packet)[:-2])
        )

    def receive_command(self, header, largest_argument, timeout):
        # The argument bytes of the next command, whose header is then in header; None when there was none in time.
        self.flush()
        self._set_ready(1)
        arguments = None
        start = time.ticks_ms()
        while arguments is None:
            left = timeout - time.ticks_diff(time.ticks_ms(), start)
            if left <= 0:
                break
            if self.receive(header, _COMMAND_HEADER, left):
                arguments = self._receive_arguments(int.from_bytes(header[6:10], "little"), largest_argument)
        self._set_ready(0)
        if arguments is not None:
            self.write(_COMMAND_DATA_ACK, _TURN)
        return arguments

    def _receive_arguments(self, length, largest):
        if length > largest:
            return None
        try:
            packet = bytearray(length + 4)
        except MemoryError:
            return None
        if self.write(_COMMAND_HEADER_ACK, _TURN) and self.receive(packet, _COMMAND_DATA, _TURN):
            return memoryview(packet)[2:-2]
        return None

    def send_result(self, packet, timeout):
        # Waits for the two polls and answers them, the second with that packet; False when it was not fetched in time.
        # A result that nobody took is offered again.
        header = _length_packet(_RESULT_HEADER, len(packet) - 4)
        self.flush()
        self._set_ready(1)
        taken = False
        start = time.ticks_ms()
        while not taken:
            left = timeout - time.ticks_diff(time.ticks_ms(), start)
            if left <= 0:
                break
            taken = (
                self.receive(self._poll, _RESULT_HEADER, left)
                and self.write(header, _TURN)
                and self.receive(self._poll, _RESULT_DATA, _TURN)
                and self.write(packet, _TURN)
            )
        self._set_ready(0)
        return taken


def _transfer_ms(count):
    # Time enough for a transaction that has begun, at 100 kHz and more.
    return 10 + count // 8


class SpiSlave(PacketLink):
    # The bus is set up anew for each transaction: one that a master broke off leaves it in the middle of a byte.
    def __init__(self, cs_pin, clk_polarity, clk_phase, spi_bus, ready):
        import pyb

        self._pyb = pyb
        self._select = pyb.Pin(cs_pin, pyb.Pin.IN, pyb.Pin.PULL_UP)
        self._polarity = clk_polarity
        self._phase = clk_phase
        self._bus = pyb.SPI(spi_bus)
        super().__init__(ready)

    def _await_select(self, level, wait_ms):
        start = time.ticks_ms()
        while self._select.value() != level:
            if time.ticks_diff(time.ticks_ms(), start) >= wait_ms:
                return False
        return True

    def _transfer(self, outgoing, incoming, wait_ms):
        if not self._await_select(0, wait_ms):
            return False
        self._bus.init(self._pyb.SPI.SLAVE, polarity=self._polarity, phase=self._phase)
        try:
            if incoming is None:
                self._bus.send(outgoing, timeout=_transfer_ms(len(outgoing)))
            else:
                self._bus.send_recv(outgoing, incoming, timeout=_transfer_ms(len(incoming)))
            return True
        except OSError:
            return False
        finally:
            self._bus.deinit()
            # The end of this transaction must not be taken for the beginning of the next.
            self._await_select(1, self.gap_ms)

    def read(self, buffer, count, wait_ms):
        view = buffer if count == len(buffer) else memoryview(buffer)[:count]
        return count if self._transfer(view, view, wait_ms) else 0

    def write(self, data, wait_ms):
        return self._transfer(data, None, wait_ms)


# The most bytes of one I2C transaction; both sides cut what is longer at the same places.
_I2C_LARGEST = const(65535)


def _in_pieces(move, data, wait_ms):
    # One transaction for each piece, each armed when the one before is through.
    for start in range(0, len(data), _I2C_LARGEST):
        piece = data if len(data) <= _I2C_LARGEST else memoryview(data)[start : start + _I2C_LARGEST]
        if not move(piece, wait_ms):
            return False
    return True


class I2cSlave(PacketLink):
    def __init__(self, slave_addr, i2c_bus, ready):
        import pyb

        self._pyb = pyb
        self._address = slave_addr
        self._bus = pyb.I2C(i2c_bus)
        super().__init__(ready)

    def _armed(self, transfer, data, wait_ms):
        self._bus.init(self._pyb.I2C.SLAVE, addr=self._address, dma=True)
        try:
            transfer(data, timeout=wait_ms + _transfer_ms(len(data)))
            return True
        except OSError:
            return False
        finally:
            self._bus.deinit()

    def _receive_piece(self, piece, wait_ms):
        return self._armed(self._bus.recv, piece, wait_ms)

    def _send_piece(self, piece, wait_ms):
        return self._armed(self._bus.send, piece, wait_ms)

    def read(self, buffer, count, wait_ms):
        view = buffer if count == len(buffer) else memoryview(buffer)[:count]
        return count if _in_pieces(self._receive_piece, view, wait_ms) else 0

    def write(self, data, wait_ms):
        return _in_pieces(self._send_piece, data, wait_ms)


class Can(PacketLink):
    # Frames of 8 bytes, the last one of a packet shorter, under one standard id both ways: the same link for a slave
    # and for a master. Others may have the bus between two frames.
    gap_ms = 100

    def __init__(self, message_id, bit_rate, sample_point, can_bus, ready):
        from pyb import CAN

        self._id = message_id
        self._bus = CAN(can_bus, CAN.NORMAL, baudrate=bit_rate, sample_point=sample_point, auto_restart=True)
        if hasattr(CAN, "DUAL"):
            self._bus.setfilter(0, CAN.DUAL, 0, (message_id, message_id))
        else:
            self._bus.setfilter(0, CAN.LIST16, 0, (message_id, message_id, message_id, message_id))
        # Every frame is received into this list. Firmware that tells extended ids apart has one more item before the
        # data; each finds a view where it looks for one.
        self._frame = [0, 0, 0, memoryview(bytearray(8)), memoryview(bytearray(8))]
        super().__init__(ready)

    def _receive_frame(self, wait_ms):
        # The data of the next frame of ours, None when there was none in time.
        start = time.ticks_ms()
        while True:
            left = max(0, wait_ms - time.ticks_diff(time.ticks_ms(), start))
            frame = self._frame
            try:
                self._bus.recv(0, frame, timeout=left)
            except OSError:
                return None
            if isinstance(frame[3], memoryview):
                refused, data = frame[1], frame[3]
            else:
                refused, data = frame[1] or frame[2], frame[4]
            if frame[0] == self._id and not refused:
                return data
            if not left:
                return None

    def read(self, buffer, count, wait_ms):
        done = 0
        start = time.ticks_ms()
        while done < count:
            left = wait_ms - time.ticks_diff(time.ticks_ms(), start)
            data = self._receive_frame(self.gap_ms if done else max(0, left))
            if data is None:
                return 0
            if len(data) != min(8, count - done):
                # Not of this packet. It may be the first frame of the next.
                if left <= 0:
                    return 0
                done = 0
                if len(data) != min(8, count):
                    continue
            for byte in data:
                buffer[done] = byte
                done += 1
        return count

    def write(self, data, wait_ms):
        view = memoryview(data)
        start = time.ticks_ms()
        done = 0
        while done < len(view):
            try:
                self._bus.send(view[done : done + 8], self._id, timeout=max(1, wait_ms))
                done += 8
            except OSError:
                # Controllers with a queue refuse at once when it is full.
                if time.ticks_diff(time.ticks_ms(), start) >= wait_ms + _transfer_ms(len(view)):
                    return False
        return True

    def flush(self):
        for _ in range(64):
            if not self._bus.any(0):
                return
            self._bus.recv(0, self._frame)


class SpiMaster(PacketLink):
    def __init__(self, cs_pin, freq, clk_polarity, clk_phase, spi_bus):
        from machine import SPI, Pin

        self._select = Pin(cs_pin, Pin.OUT, value=1)
        self._bus = SPI(spi_bus, baudrate=freq, polarity=clk_polarity, phase=clk_phase)
        super().__init__()

    def _transfer(self, move, data):
        # The slave needs a moment to see that it is selected and to arm.
        self._select.value(0)
        time.sleep_us(100)
        try:
            move(data)
        finally:
            self._select.value(1)

    def _fill(self, view):
        self._bus.readinto(view, 0)

    def read(self, buffer, count, wait_ms):
        # The bus does not tell whether there is a slave: whoever reads a packet sees it by its first bytes.
        self._transfer(self._fill, buffer if count == len(buffer) else memoryview(buffer)[:count])
        return count

    def write(self, data, wait_ms):
        self._transfer(self._bus.write, data)
        return True


class I2cMaster(PacketLink):
    def __init__(self, slave_addr, rate, i2c_bus):
        from machine import I2C

        self._address = slave_addr
        self._bus = I2C(i2c_bus, freq=rate)
        super().__init__()

    def _repeat(self, move, piece, wait_ms):
        # A slave that is not armed does not acknowledge its address, and nothing has moved then.
        start = time.ticks_ms()
        while True:
            time.sleep_us(100)
            try:
                move(self._address, piece)
                return True
            except OSError:
                if time.ticks_diff(time.ticks_ms(), start) >= wait_ms:
                    return False

    def _receive_piece(self, piece, wait_ms):
        return self._repeat(self._bus.readfrom_into, piece, wait_ms)

    def _send_piece(self, piece, wait_ms):
        return self._repeat(self._bus.writeto, piece, wait_ms)

    def read(self, buffer, count, wait_ms):
        view = buffer if count == len(buffer) else memoryview(buffer)[:count]
        return count if _in_pieces(self._receive_piece, view, wait_ms) else 0

    def write(self, data, wait_ms):
        return _in_pieces(self._send_piece, data, wait_ms)


def usb():
    # The USB port, by whichever way this board has.
    try:
        return UsbVcp()
    except (ImportError, AttributeError):
        return Stdio()


def uart(port=3, baudrate=115200, receive_buffer=1024):
    return Uart(port, baudrate, receive_buffer)


def _need_pyb(name):
    # Fails with the links that this board does have.
    try:
        import pyb
    except ImportError:
        pyb = None
    if not hasattr(pyb, name):
        usable = ["uart"] + [other.lower() for other in ("SPI", "I2C", "CAN") if hasattr(pyb, other)]
        others = ", ".join("omvrpc.%s()" % other for other in usable)
        raise OSError("this board has no pyb.%s; it can use omvrpc.usb(), %s" % (name, others))


# The defaults are those of the stock slave and master. What they mean is told in README.md beside this file.


def spi(cs_pin="P3", clk_polarity=1, clk_phase=0, spi_bus=2, ready=None):
    _need_pyb("SPI")
    return SpiSlave(cs_pin, clk_polarity, clk_phase, spi_bus, ready)


def i2c(slave_addr=0x12, i2c_bus=2, ready=None):
    _need_pyb("I2C")
    return I2cSlave(slave_addr, i2c_bus, ready)


def can(message_id=0x7FF, bit_rate=250000, sample_point=75, can_bus=2, ready=None):
    _need_pyb("CAN")
    return Can(message_id, bit_rate, sample_point, can_bus, ready)


def spi_master(cs_pin="P3", freq=1000000, clk_polarity=1, clk_phase=0, spi_bus=2):
    return SpiMaster(cs_pin, freq, clk_polarity, clk_phase, spi_bus)


def i2c_master(slave_addr=0x12, rate=100000, i2c_bus=2):
    return I2cMaster(slave_addr, rate, i2c_bus)


class Slave:
    # largest_argument: commands with more argument bytes are not acked. Without it, half of the memory that is free
    # when the loop begins, at most 1 MiB.
    # piece: the most data bytes in a reply of the extensions. Without it, a sixteenth of that memory, 512 to 16384.
    def __init__(self, link, largest_argument=None, piece=None):
        self.last_error = None
        self._link = link
        self._by_packets = isinstance(link, PacketLink)
        self._largest_argument = largest_argument
        self._callbacks = {}
        self._scheduled = None
        self._loop_callback = None
        self._calls_since_collection = 1
        # Everything that receives without knowing what comes works in these buffers, so that waiting never allocates.
        self._header = bytearray(12)
        self._header_body = memoryview(self._header)[:10]
        self._last_header = bytearray(12)
        self._magic = bytearray(2)
        self._poll = bytearray(4)
        self._poll_body = memoryview(self._poll)[:2]
        self._open = bytearray(8)
        self._open_body = memoryview(self._open)[:6]
        self._chunk = bytearray(12)
        self._tail = bytearray(2)
        self._skipped = False
        self._session = _Session(self, piece)
        if crc32:
            self._register(_RESERVED + "describe", self._session.describe, None)
            self._register(_RESERVED + "call", self._session.call, None)
            self._register(_RESERVED + "read", self._session.read, None)

    # Registering

    def register_callback(self, function, name=None, **declaration):
        # The declaration tells programs what the callback takes and gives; nothing here packs or unpacks by it.
        #   args, result       "utf8", "json", "jpeg", "bytes", or a format of the struct module as "<HH"
        #   arg_fields, fields names for the values of such a format, "x y" or a list
        #   arg_repeat, repeat True: any number of such records, one after the other
        #   optional           True: the argument may be left out
        #   repeatable         True: running it twice does no harm
        #   schedules          "stream" or "cut_through": what schedule_callback() sends behind the result
        #   timeout_ms         the deadline of callers that name none
        #   doc                a sentence for people
        if name is None:
            name = getattr(function, "__name__", None)
        _checked_text("the name of a callback", name)
        if name.startswith(_RESERVED):
            raise ValueError('names that begin with "%s" are reserved: choose another name' % _RESERVED)
        self._register(name, function, _declaration(**declaration))

    def _register(self, name, function, declaration):
        identifier = command_id(name)
        # Keyed by 30 bits, which every port holds without allocating; the other two are compared apart.
        key = identifier & 0x3FFFFFFF
        known = self._callbacks.get(key)
        if known and known.name != name:
            raise ValueError("a callback of nearly the same id exists: choose another name")
        self._callbacks[key] = _Callback(name, identifier >> 30, function, declaration)

    def callback(self, name=None, **declaration):
        # As a decorator: @remote.callback, @remote.callback("another_name"), @remote.callback(result="<HH"), or both.
        if name is not None and not isinstance(name, str):
            self.register_callback(name, **declaration)
            return name

        def register(function):
            self.register_callback(function, name, **declaration)
            return function

        return register

    def _declarations(self):
        # By name, all callbacks that scripts have registered.
        known = self._callbacks.values()
        return {callback.name: callback.declaration for callback in known if callback.declaration is not None}

    def schedule_callback(self, function):
        # To be called from a callback: function() runs once its result has been taken, and then owns the link.
        self._scheduled = function

    def _take_scheduled(self):
        # What the callback has scheduled, for somebody else to run.
        function = self._scheduled
        self._scheduled = None
        return function

    def setup_loop_callback(self, function):
        # function() runs after every call and every recv_timeout without one.
        self._loop_callback = function

    # Raw transfers, for scheduled callbacks

    def put_bytes(self, data, timeout_ms=_LONG):
        # Cut-through: the bytes as they are, with no packet around them. True when the link took them all.
        return self._link.write(data, timeout_ms)

    def get_bytes(self, buffer, timeout_ms=_LONG):
        # Fills the buffer and returns it, or None if the bytes stay away for timeout_ms.
        view = memoryview(buffer)
        done = 0
        while done < len(view):
            count = self._link.read(view[done:], len(view) - done, timeout_ms)
            if not count:
                return None
            done += count
        return buffer

    def stream_writer(self, next_frame, write_timeout_ms=_LONG):
        # Sends next_frame() again and again until the reader stops it: by a wrong byte, or by silence.
        if self._by_packets:
            opened = self._link.receive(self._open, _STREAM_OPEN, _STREAM)
        else:
            opened = self._find(self._open, self._open_body, _STREAM_OPEN, _STREAM_OPEN, _STREAM)
        if not opened:
            return
        most = 1 if self._by_packets else _STREAM_DEPTH
        depth = max(1, min(int.from_bytes(self._open[2:6], "little"), most))
        expected = 0xFF
        credits = depth
        while True:
            if credits <= depth // 2:
                if not self._link.read(self._magic, 1, _STREAM) or self._magic[0] != expected:
                    return
                expected = (expected >> 1) ^ (0xB8 if expected & 1 else 0)
                credits += 1
            frame = next_frame()
            if not self._link.write(_length_packet(_STREAM_FRAME, len(frame)), _STREAM):
                return
            if not self._link.write(frame, write_timeout_ms):
                return
            credits -= 1

    # Serving

    def loop(self, recv_timeout=1000, send_timeout=1000):
        # Serves forever. recv_timeout: how long to wait for a command before the loop callback gets its turn;
        # send_timeout: how long a result is kept for a master that does not ask for it. Both in milliseconds.
        self._prepare()
        while True:
            self._serve(recv_timeout, send_timeout)
            if self._loop_callback is not None:
                self._run(self._loop_callback)

    def _prepare(self):
        gc.collect()
        self._session.begin()
        if self._largest_argument is None:
            self._largest_argument = min(gc.mem_free() // 2, _LARGEST_ARGUMENT)

    def _serve(self, recv_timeout, send_timeout):
        self._session.count_time()
        arguments = self._receive_command(recv_timeout)
        if arguments is None:
            return
        self._scheduled = None
        result = self._answer_to(arguments)
        self._calls_since_collection += 1
        if self._calls_since_collection > _CALLS_BETWEEN_COLLECTIONS:
            self._collect()
        if self._send_result(result, send_timeout) and self._scheduled is not None:
            self._run(self._scheduled)

    def _answer_to(self, arguments):
        callback = self._callback_of_header()
        if callback is None:
            return b""
        if callback.declaration is not None:
            return self._result_of(callback.function, arguments)[0]
        try:
            return callback.function(arguments)
        except Exception as error:
            self.last_error = error
            return b""

    def _result_of(self, function, arguments):
        # Runs a callback. Returns its result, bytes or a view, and the exception that it raised instead, or None.
        try:
            self._session.keep_views()
            return _as_bytes(function(arguments)), None
        except Exception as error:
            self.last_error = error
            self._scheduled = None
            return b"", error

    def _run(self, function):
        try:
            self._session.keep_views()
            function()
        except Exception as error:
            self.last_error = error

    def _collect(self):
        gc.collect()
        self._calls_since_collection = 0

    # Receiving

    def _fill(self, window, have, wait_ms):
        # Adds what arrives to a window that holds some bytes already, and returns how many it holds then.
        count = self._link.read(self._chunk, len(window) - have, wait_ms)
        for i in range(count):
            window[have + i] = self._chunk[i]
        return have + count

    def _find(self, window, body, magic, other, wait_ms):
        # Slides the window over the input until it holds a packet with one of two magics. body is the part under the
        # CRC, or None where the window is but the magic itself. Returns the magic, 0 after wait_ms; _skipped tells
        # whether anything was thrown away before it.
        self._skipped = False
        size = len(window)
        have = 0
        start = time.ticks_ms()
        while True:
            left = wait_ms - time.ticks_diff(time.ticks_ms(), start)
            filled = self._fill(window, have, max(0, min(left, self._link.gap_ms) if have else left))
            if filled == have:
                if left <= 0:
                    return 0
                self._skipped = self._skipped or have > 0
                have = 0
                continue
            have = filled
            while have:
                found = window[0] | (window[1] << 8 if have > 1 else 0)
                if have == 1:
                    if found == magic & 0xFF or found == other & 0xFF:
                        break
                elif found == magic or found == other:
                    if have < size:
                        break
                    if body is None or window[size - 2] | window[size - 1] << 8 == crc16(body):
                        return found
                self._skipped = True
                have -= 1
                for i in range(have):
                    window[i] = window[i + 1]

    def _receive_command(self, timeout):
        # The argument bytes of the next command, whose header is then in _header; None when there was none in time.
        if self._by_packets:
            if self._calls_since_collection or self._loop_callback is not None:
                self._collect()
            return self._link.receive_command(self._header, self._largest_argument, timeout)
        quiet = min(_QUIET, timeout)
        found = self._find(self._header, self._header_body, _COMMAND_HEADER, _COMMAND_HEADER, quiet)
        if not found:
            if self._calls_since_collection or self._loop_callback is not None:
                self._collect()
            found = self._find(self._header, self._header_body, _COMMAND_HEADER, _COMMAND_HEADER, timeout - quiet)
        while found:
            arguments = self._allocate_arguments()
            if arguments is None:
                return None
            self._link.write(_COMMAND_HEADER_ACK, _ACK)
            found = self._await_data()
            if found == _COMMAND_DATA:
                if not self._read_arguments(arguments):
                    return None
                self._link.write(_COMMAND_DATA_ACK, _ACK)
                return arguments
        return None

    def _await_data(self):
        # Until the data of the command in _header begins, another command's header replaces it, or nothing comes: the
        # magic of what came, or 0.
        #
        # The same header again means that its ack was lost, or only late. In the second case the master sends the data
        # as soon as it has that ack, and one more ack would be taken for that of the data. So the repeated ack is held
        # back for a moment in which the data may come, and one does for all copies that wait.
        for i in range(12):
            self._last_header[i] = self._header[i]
        owed = False
        start = owed_since = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), start) < _LONG:
            left = self._left_of_hold(owed_since) if owed else _LONG
            found = self._find(self._magic, None, _COMMAND_DATA, _COMMAND_HEADER, left)
            if found == _COMMAND_DATA:
                return found
            if found:
                if not self._rest_of_header():
                    for i in range(12):
                        self._header[i] = self._last_header[i]
                    continue
                if self._header != self._last_header:
                    return found
                if not owed:
                    owed_since = time.ticks_ms()
            elif owed:
                self._link.write(_COMMAND_HEADER_ACK, _ACK)
            owed = found != 0
        return 0

    def _left_of_hold(self, since):
        return max(0, _REPEATED_ANSWER - time.ticks_diff(time.ticks_ms(), since))

    def _rest_of_header(self):
        _put_u16(self._header, 0, _COMMAND_HEADER)
        have = 2
        while have < 12:
            filled = self._fill(self._header, have, self._link.gap_ms)
            if filled == have:
                return False
            have = filled
        return self._header[10] | self._header[11] << 8 == crc16(self._header_body)

    def _allocate_arguments(self):
        # Room for what the header in _header announces, or None after reading that body away: bytes of a refused
        # command must not be searched for commands.
        header = self._header
        if not header[9]:
            length = header[6] | header[7] << 8 | header[8] << 16
            if length <= self._largest_argument:
                try:
                    return memoryview(bytearray(length))
                except MemoryError:
                    pass
            left = length + 4
        else:
            left = 0x1000000
        while left > 0:
            count = self._link.read(self._chunk, min(left, 12), _RUBBISH_GAP)
            if not count:
                break
            left -= count
        return None

    def _read_arguments(self, arguments):
        size = len(arguments)
        done = 0
        while done < size:
            count = self._link.read(arguments[done:], size - done, self._link.gap_ms)
            if not count:
                return False
            done += count
        done = 0
        while done < 2:
            filled = self._fill(self._magic, done, self._link.gap_ms)
            if filled == done:
                return False
            done = filled
        return self._magic[0] | self._magic[1] << 8 == crc16(arguments, _COMMAND_DATA_CRC)

    def _callback_of_header(self):
        header = self._header
        key = header[2] | header[3] << 8 | header[4] << 16 | (header[5] & 0x3F) << 24
        return self._find_callback(key, header[5] >> 6)

    def _find_callback(self, key, high_bits):
        # By the lower 30 bits of the id, and the upper two. None where there is none.
        callback = self._callbacks.get(key)
        return callback if callback and callback.high_bits == high_bits else None

    # Answering

    def _send_result(self, result, timeout):
        # Waits for the two polls and answers them; False when the master did not fetch the result in time.
        #
        # The wire keeps order, so polls that came while the callback ran ask for this very result, and copies of its
        # command can only stand before the polls: they are passed over in search of a poll, and never run.
        if self._by_packets:
            return self._link.send_result(self._packet_of_result(result), timeout)
        size = len(result)
        header = _length_packet(_RESULT_HEADER, size)
        crc = crc16(result, _RESULT_DATA_CRC)
        owed = False
        announced = False
        start = owed_since = time.ticks_ms()
        while True:
            # A header poll is answered once no other poll is waiting behind it. A master whose poll was late asks
            # again, and a second answer to it would be taken for the beginning of the data. The same happens where the
            # answer was late, so a second one is held back for a moment in which the poll for the data may come.
            if not owed:
                left = timeout - time.ticks_diff(time.ticks_ms(), start)
            else:
                left = self._left_of_hold(owed_since) if announced else 0
            poll = self._find(self._poll, self._poll_body, _RESULT_HEADER, _RESULT_DATA, left)
            if poll == _RESULT_HEADER:
                if not owed:
                    owed_since = time.ticks_ms()
                owed = True
            elif poll and announced and not self._skipped:
                return self._send_result_data(result, size, crc)
            elif owed:
                self._link.write(header, _ACK)
                owed = False
                announced = True
                if poll and not self._skipped:
                    return self._send_result_data(result, size, crc)
            elif not poll:
                self._link.flush()
                return False
            if poll == _RESULT_DATA:
                # A poll for data whose length the master may not know: the header poll before it was damaged.
                announced = False

    def _packet_of_result(self, result):
        try:
            return _packet(_RESULT_DATA, result)
        except MemoryError as error:
            self.last_error = error
            return _EMPTY_RESULT

    def _send_result_data(self, result, size, crc):
        # Whatever arrived before the last byte of the result is given to the link is older than the next command:
        # spare polls and late copies are dropped here, and the next command never is.
        if size == 0:
            self._link.flush()
            return self._link.write(_EMPTY_RESULT, _LONG)
        if size <= _SMALL_RESULT:
            self._link.flush()
            return self._link.write(_packet(_RESULT_DATA, result), _LONG)
        _put_u16(self._tail, 0, _RESULT_DATA)
        if not self._link.write(self._tail, _LONG) or not self._link.write(result, _LONG):
            return False
        self._link.flush()
        _put_u16(self._tail, 0, crc)
        return self._link.write(self._tail, _LONG)


# A master's patience, in milliseconds.
# _FIRST_TRY: how long the first try of a packet waits for its answer. Each further one waits a third longer, so that
#   the tries cannot stay in step with a slave that looks away now and then.
# _RESULT: how long a result that was asked for may take to begin. Short enough that the slave still holds one that it
#   could not hand over, and can be asked again.
# _REST: a silence this long inside a packet means that its rest is lost.
# _REPEATABLE: the header of a command whose data may have arrived is sent again for this long at most. A slave gives up
#   a result that nobody polls for after a second, and would then take the copy for a new command.
# _SETTLE: what an exchange of uncertain end may still bring has come by then.
_FIRST_TRY = const(3)
_RESULT = const(300)
_REST = const(100)
_REPEATABLE = const(500)
_SETTLE = const(20)

# What a try gives that brought the command to the slave, but no result.
_DELIVERED = object()


class Master:
    # The other side: asks a slave by the stock rules, one packet at a time.
    #
    # largest_result: longer results are not received. Without it, half of the memory that is free at the call, at most
    # 1 MiB.
    #
    # last_outcome tells what became of the last call:
    #   "done"            its result was returned.
    #   "not_delivered"   the callback has not run: the call may be repeated.
    #   "result_unknown"  the callback may have run, and its result is lost.
    def __init__(self, link, largest_result=None):
        self.last_outcome = None
        self._link = link
        self._by_packets = isinstance(link, PacketLink)
        self._largest_result = largest_result
        self._ack = bytearray(4)
        self._answer = bytearray(8)
        self._magic = bytearray(2)
        self._chunk = bytearray(2)

    # Raw transfers, after a call whose callback schedules one.
    put_bytes = Slave.put_bytes
    get_bytes = Slave.get_bytes

    # The search for a packet's beginning in a stream of bytes.
    _find = Slave._find
    _fill = Slave._fill

    def call(self, name, data=b"", send_timeout=1000, recv_timeout=1000):
        # The result, as a memoryview, or None. send_timeout: how long to try to deliver the command; recv_timeout: how
        # long to ask for the result, the callback's run included. Both in milliseconds.
        gc.collect()
        if self.last_outcome == "result_unknown":
            self._settle()
        self.last_outcome = "not_delivered"
        result = self._deliver(
            _packet(_COMMAND_HEADER, command_id(name).to_bytes(4, "little") + len(data).to_bytes(4, "little")),
            _packet(_COMMAND_DATA, data),
            send_timeout,
        )
        if result is None and self.last_outcome == "result_unknown":
            result = self._tries(self._fetch_result, recv_timeout)
        if result is not None:
            self.last_outcome = "done"
        return result

    def stream_reader(self, callback, queue_depth=1, read_timeout_ms=_LONG):
        # After a call whose callback schedules a stream: callback(frame) for each frame, until it returns False or the
        # writer falls silent. queue_depth: how many frames may be under way; always one on SPI, I2C and CAN.
        if self._by_packets:
            # The writer arms when the result has left, not before.
            time.sleep_ms(_SETTLE)
            queue_depth = 1
        if not self._link.write(_length_packet(_STREAM_OPEN, queue_depth), _STREAM):
            return
        credit = 0xFF
        while self._receive(self._answer, _STREAM_FRAME, _STREAM):
            frame = self._room_for(self._length_in_answer(), 0)
            if self._by_packets:
                # Nothing in a frame tells that the slave had not armed for it yet.
                time.sleep_ms(1)
            if frame is None or self.get_bytes(frame, read_timeout_ms) is None:
                return
            more = callback(frame) is not False
            if not self._link.write(bytes([credit if more else credit ^ 0xFF]), _STREAM) or not more:
                return
            credit = (credit >> 1) ^ (0xB8 if credit & 1 else 0)

    def _tries(self, attempt, timeout):
        # attempt(wait_ms) until it gives something else than None; None after the timeout.
        wait = _FIRST_TRY
        start = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), start) < timeout:
            self._link.flush()
            result = attempt(wait)
            if result is not None:
                return result
            if self._by_packets:
                time.sleep_ms(1)
            wait = min(wait + (wait + 2) // 3, timeout)
        return None

    def _deliver(self, header, data, timeout):
        # Brings a command to the slave. last_outcome is "result_unknown" as soon as it may have it. Between copies of
        # such a command its result is asked for, and returned if it comes: then only the ack was lost.
        sent_at = None

        def attempt(wait):
            nonlocal sent_at
            if sent_at is not None:
                if self._ask_for_result(wait):
                    # It has run, even if what follows is lost.
                    result = self._take_result()
                    return _DELIVERED if result is None else result
                if time.ticks_diff(time.ticks_ms(), sent_at) >= _REPEATABLE:
                    return _DELIVERED
            if not self._exchange(header, self._ack, _COMMAND_HEADER, wait):
                return None
            if sent_at is None:
                sent_at = time.ticks_ms()
                self.last_outcome = "result_unknown"
            return _DELIVERED if self._exchange(data, self._ack, _COMMAND_DATA, wait) else None

        result = self._tries(attempt, timeout)
        return None if result is _DELIVERED else result

    def _fetch_result(self, wait):
        return self._take_result() if self._ask_for_result(wait) else None

    def _ask_for_result(self, wait):
        return self._exchange(_RESULT_HEADER_POLL, self._answer, _RESULT_HEADER, wait)

    def _take_result(self):
        packet = self._room_for(self._length_in_answer(), 4)
        if packet is None or not self._exchange(_RESULT_DATA_POLL, packet, _RESULT_DATA, _RESULT):
            return None
        return memoryview(packet)[2:-2]

    def _exchange(self, outgoing, incoming, magic, wait):
        return self._link.write(outgoing, wait) and self._receive(incoming, magic, wait)

    def _receive(self, packet, magic, wait):
        # True when a whole packet of that kind and of that length came.
        come = self._await_transaction(packet, wait) if self._by_packets else self._search(packet, magic, wait)
        return (
            come
            and packet[0] | packet[1] << 8 == magic
            and packet[-2] | packet[-1] << 8 == crc16(memoryview(packet)[:-2])
        )

    def _await_transaction(self, packet, wait):
        # Where a bus shows that the slave was not there yet, by no bytes or by equal ones, it is asked again.
        pause = 1
        start = time.ticks_ms()
        while True:
            left = max(0, wait - time.ticks_diff(time.ticks_ms(), start))
            if self._link.read(packet, len(packet), left) and packet[0] != packet[1]:
                return True
            if not left:
                return False
            time.sleep_ms(min(pause, left))
            pause = min(2 * pause, 16)

    def _search(self, packet, magic, wait):
        # An answer that comes late, when it has been asked for again, comes twice: the second is passed over here.
        if not self._find(self._magic, None, magic, magic, wait):
            return False
        packet[:2] = self._magic
        return self.get_bytes(memoryview(packet)[2:], _REST) is not None

    def _length_in_answer(self):
        return int.from_bytes(self._answer[2:6], "little")

    def _room_for(self, length, more):
        largest = self._largest_result
        if largest is None:
            largest = min(gc.mem_free() // 2, _LARGEST_ARGUMENT)
        try:
            return bytearray(length + more) if length <= largest else None
        except MemoryError:
            return None

    def _settle(self):
        # Lets what is under way of the last exchange arrive, and takes a result that still waits, so that neither is
        # taken for part of the next.
        time.sleep_ms(_SETTLE)
        self._link.flush()
        self._fetch_result(_SETTLE)
        self._link.flush()
