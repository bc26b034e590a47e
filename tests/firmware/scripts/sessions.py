# SPDX-License-Identifier: MIT
#
# A camera script for the tests of the extensions: results that are long, are overwritten, are too large to be copied,
# exceptions of every kind, declarations right and wrong, and a clock that can be put forward.

import struct
import time

import machine
import omvrpc
import uctypes

LINK = omvrpc.usb()

LARGEST_ARGUMENT = 65536 + 24
VAST = 0x3FFFFFFF

# The stand-in has no number, as some boards have none.
machine.unique_id = lambda: b"\x3a\x00\x24\x00\x06\x51\x30\x38\x32\x36\x33\x34"

remote = omvrpc.Slave(LINK, largest_argument=LARGEST_ARGUMENT, piece=300)
counted = 0
turns = 0
frame_buffer = bytearray(2000)
pattern = bytes(i * 31 & 0xFF for i in range(251))


def patterned(size):
    return (pattern * (size // len(pattern) + 1))[:size]


@remote.callback(args="bytes", result="bytes", repeatable=True, doc='Says "what" it is told, é.')
def echo(arguments):
    return arguments


@remote.callback(args="<I", arg_fields="size", result="bytes")
def sized(arguments):
    return patterned(struct.unpack("<I", arguments)[0])


@remote.callback(args="bytes", result="bytes")
def count(arguments):
    # Counts how often it ran, and gives as many bytes as the first number says.
    global counted
    counted += 1
    size = struct.unpack_from("<H", arguments)[0]
    return struct.pack("<I", counted) + bytes(arguments) + patterned(size)


@remote.callback(result="<I", fields=("runs",), timeout_ms=2000)
def counter(_):
    return struct.pack("<I", counted)


@remote.callback(
    "named otherwise", args="<Hb4xs", arg_fields="x y z", arg_repeat=True, optional=True, result=">2H", repeat=True
)
def unusual(_):
    return None


@remote.callback(result="json")
def nothing(_):
    return None


@remote.callback
def text(_):
    return "Grüße, 世界"


@remote.callback(result="bytes")
def view(arguments):
    # A picture, so to speak, in a buffer that the next one overwrites.
    for i in range(len(frame_buffer)):
        frame_buffer[i] = arguments[0]
    return memoryview(frame_buffer)[: struct.unpack_from("<H", arguments, 1)[0]]


@remote.callback
def overwrite(_):
    for i in range(len(frame_buffer)):
        frame_buffer[i] = 0xEE


@remote.callback
def vast(_):
    # More than any heap can hold a copy of.
    return memoryview(uctypes.bytearray_at(uctypes.addressof(frame_buffer), VAST))


@remote.callback
def words(_):
    import array

    return array.array("H", (0x0201, 0x0403))


@remote.callback(schedules="cut_through")
def cut_through(arguments):
    data = bytes(arguments)
    remote.schedule_callback(lambda: remote.put_bytes(data))


@remote.callback
def schedules_count(arguments):
    def later():
        global counted
        counted += 1
        for i in range(len(frame_buffer)):
            frame_buffer[i] = 0xDD

    remote.schedule_callback(later)
    for i in range(len(frame_buffer)):
        frame_buffer[i] = 0x11
    return memoryview(frame_buffer)[: struct.unpack("<H", arguments)[0]]


@remote.callback
def scheduled_raises(_):
    remote.schedule_callback(lambda: 1 // 0)
    return "given before"


@remote.callback
def schedules_and_raises(_):
    remote.schedule_callback(lambda: remote.put_bytes(b"a callback that raised schedules nothing"))
    raise ValueError("on purpose")


@remote.callback
def last_error(_):
    return repr(remote.last_error)


class Unlucky(ValueError):
    pass


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("cannot even say what it is")



LONG_NAME = type("Long" * 60, (Exception,), {})

RAISED = {
    "plain": lambda: ValueError("on purpose"),
    "own": lambda: Unlucky("of the script"),
    "two": lambda: KeyError("a", 2),
    "none": lambda: RuntimeError(),
    "class": lambda: StopIteration,
    "memory": lambda: MemoryError("no room"),
    "system": lambda: OSError(2),
    "mute": lambda: Mute(),
    "umlaut": lambda: ValueError("größer als 世界 \U0001f600"),
    "control": lambda: ValueError("a\x00b\nc"),
    "surrogate": lambda: ValueError("half \ud800 of a pair"),
    "long": lambda: ValueError("x" * 100000),
    "long umlauts": lambda: ValueError("ü" * 1000),
    "long name": lambda: LONG_NAME("unseen"),
}  # fmt: skip


@remote.callback
def raises(arguments):
    raise RAISED[bytes(arguments).decode()]()


@remote.callback
def raises_of_itself(arguments):
    what = bytes(arguments).decode()
    if what == "import":
        import no_such_module
    elif what == "heap":
        return bytearray(VAST)
    elif what == "attribute":
        return remote.no_such_attribute
    elif what == "struct":
        return struct.unpack("<I", b"x")


@remote.callback
def wrong_type(arguments):
    return {b"int": 5, b"list": [1, 2], b"dict": {}, b"true": True, b"object": remote}[bytes(arguments)]


@remote.callback
def stand_still(arguments):
    print("stands still")
    time.sleep_ms(struct.unpack("<I", arguments)[0])


class FastClock:
    # The interpreter's clock, some time ahead, wrapping as a camera's does.
    ahead = 0
    ticks_diff = time.ticks_diff
    ticks_add = time.ticks_add
    sleep_ms = time.sleep_ms

    @staticmethod
    def ticks_ms():
        return time.ticks_ms() + FastClock.ahead & 0x3FFFFFFF


@remote.callback
def put_clock_forward(arguments):
    omvrpc.time = FastClock
    FastClock.ahead += struct.unpack("<I", arguments)[0]


@remote.callback
def overwrite_at_every_turn(_):
    remote.setup_loop_callback(lambda: overwrite(b""))


@remote.callback
def leave_turns_alone(_):
    remote.setup_loop_callback(None)


def function(_):
    return None


MISTAKES = (
    {"result": "HH"}, {"result": "@HH"}, {"result": "<HX"}, {"result": "<H4"}, {"result": ""}, {"result": 5},
    {"result": "<HH", "fields": "x"}, {"result": "<HH", "fields": "x x"}, {"result": "<H", "fields": ["x", "y"]},
    {"result": "<H", "fields": [5]}, {"result": "<4x", "repeat": True}, {"result": "utf8", "fields": "x"},
    {"fields": "x"}, {"repeat": True}, {"optional": True}, {"args": "utf8", "optional": True}, {"arg_fields": "x"},
    {"args": "HH"}, {"args": "<H", "arg_fields": ""}, {"args": "<H", "optional": 1}, {"repeatable": "yes"},
    {"schedules": "later"}, {"timeout_ms": 0}, {"timeout_ms": 3600001}, {"timeout_ms": 1.5}, {"doc": 7},
    {"doc": "half \ud800 of a pair"}, {"doc": "a\x00b"}, {"name": ""}, {"name": 5}, {"name": "\ud800"},
    {"name": "omvrpc.mine"}, {"name": "omvrpc.call"},
)  # fmt: skip


@remote.callback
def mistakes(_):
    # Those that were accepted, and those that were refused without a sentence.
    found = []
    for mistake in MISTAKES:
        try:
            remote.register_callback(function, **mistake)
            found.append("%r was accepted" % mistake)
        except ValueError as error:
            if len(str(error)) < 15:
                found.append("%r: %s" % (mistake, error))
        except Exception as error:
            found.append("%r: %r" % (mistake, error))
    try:
        remote.callback(resutl="utf8")(function)
        found.append("an unknown keyword was accepted")
    except TypeError:
        pass
    return "\n".join(found)


@remote.callback
def register_more(_):
    for i in range(20):
        remote.register_callback(function, "more_%d" % i, doc="Does nothing, and says so at length. " * 5)


remote.loop(recv_timeout=200, send_timeout=500)
