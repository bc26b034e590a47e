# SPDX-License-Identifier: MIT
#
# A camera script for the tests: callbacks that exercise the slave rather than the camera.

import struct
import time

import micropython
import omvrpc

LINK = omvrpc.usb()

remote = omvrpc.Slave(LINK)
counted = 0
pattern = bytes(i * 31 & 0xFF for i in range(251))


def patterned(size):
    return (pattern * (size // len(pattern) + 1))[:size]


@remote.callback
def echo(arguments):
    return arguments


@remote.callback
def sized(arguments):
    return patterned(struct.unpack("<I", arguments)[0])


@remote.callback
def count(arguments):
    # Runs for as long as it is told, if that is a number, and counts how often it ran.
    global counted
    if bytes(arguments) != b"HUSH":
        time.sleep_ms(struct.unpack("<I", arguments)[0])
    counted += 1
    return struct.pack("<I", counted)


@remote.callback
def counter(_):
    return struct.pack("<I", counted)


@remote.callback("another name")
def named_otherwise(_):
    return "text"


@remote.callback
def nothing(_):
    return None


@remote.callback
def raises(_):
    remote.schedule_callback(lambda: remote.put_bytes(b"a callback that raised schedules nothing"))
    raise ValueError("on purpose")


@remote.callback
def wrong_type(_):
    return 5


@remote.callback
def last_error(_):
    return repr(remote.last_error)


@remote.callback
def cut_through(arguments):
    data = patterned(struct.unpack("<I", arguments)[0])
    remote.schedule_callback(lambda: remote.put_bytes(data))


@remote.callback
def take_bytes(arguments):
    def take():
        global taken
        taken = remote.get_bytes(bytearray(size), 500)

    size = struct.unpack("<I", arguments)[0]
    remote.schedule_callback(take)


@remote.callback
def taken_bytes(_):
    return taken


@remote.callback
def scheduled_raises(_):
    remote.schedule_callback(lambda: 1 // 0)


@remote.callback
def stream(arguments):
    number = 0

    def next_frame():
        nonlocal number
        number += 1
        return struct.pack("<I", number) + patterned(size)

    size = struct.unpack("<I", arguments)[0]
    remote.schedule_callback(lambda: remote.stream_writer(next_frame))


class ScriptedLink:
    # Gives out prepared bytes, then silence, and allocates nothing.
    gap_ms = 10

    def __init__(self, data):
        self._data = data
        self._position = 0

    def read(self, buffer, count, wait_ms):
        count = min(count, len(self._data) - self._position)
        for i in range(count):
            buffer[i] = self._data[self._position + i]
        self._position += count
        return count


@remote.callback
def wait_without_heap(arguments):
    # Lets a slave search those bytes for a command with the heap locked: any allocation would raise.
    searcher = omvrpc.Slave(ScriptedLink(bytes(arguments)), 0)
    micropython.heap_lock()
    try:
        searcher._receive_command(50)
        return "nothing allocated"
    except MemoryError:
        return "allocated"
    finally:
        micropython.heap_unlock()


@remote.callback
def let_turns_raise(_):
    global turns_raise
    turns_raise = True


@remote.callback
def loop_turns(_):
    return struct.pack("<I", turns)


def turn():
    global turns
    turns += 1
    if turns_raise:
        raise RuntimeError("a loop callback that raises")


taken = None
turns = 0
turns_raise = False
remote.setup_loop_callback(turn)
remote.loop(recv_timeout=200, send_timeout=1000)
