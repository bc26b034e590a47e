# SPDX-License-Identifier: MIT
#
# The camera's end of a bus. What passes on the pty are messages: kind (one byte), number u32, size u32, then that many
# bytes. The other end, with the meaning of each kind, is bus.py in the folder above this one.

import struct
import time

import host
import uctypes

_HEADER = "<BII"
_HEADER_SIZE = 9

# The level of the only input there is, the chip select of an SPI slave.
chip_select = 1

# A master clocks as soon as it has selected its slave; here it is allowed to be as slow as this machine.
_CLOCKS_WITHIN_MS = 2000

_last_number = 0


def post(kind, number=0, data=b""):
    message = struct.pack(_HEADER, ord(kind), number, len(data)) + bytes(data)
    if host.send(uctypes.addressof(message), len(message), 10000) != len(message):
        raise RuntimeError("nobody reads this bus")


def _receive(count):
    data = bytearray(count)
    done = 0
    while done < count:
        more = host.receive(uctypes.addressof(data) + done, count - done, 10000)
        if not more:
            raise RuntimeError("a message on this bus was cut short")
        done += more
    return data


def take(wait_ms):
    # The next message as (kind, number, data), or None after so long. A change of the chip select is None too.
    global chip_select
    if not host.available() and (wait_ms <= 0 or not host.waitForInput(wait_ms)):
        return None
    kind, number, size = struct.unpack(_HEADER, _receive(_HEADER_SIZE))
    data = _receive(size)
    if chr(kind) == "C":
        chip_select = data[0]
        return None
    return chr(kind), number, data


def transfer(kind, data, timeout, fits):
    # Arms for one transaction and returns what it brings: the first one for which fits(data). None after the timeout.
    global _last_number
    _last_number += 1
    number = _last_number
    post(kind, number, data)
    start = time.ticks_ms()
    while True:
        waited = time.ticks_diff(time.ticks_ms(), start)
        left = (timeout if chip_select else max(timeout, _CLOCKS_WITHIN_MS)) - waited
        message = take(left)
        if message and message[:2] == ("T", number) and fits(message[2]):
            post("D", number)
            return message[2]
        if left <= 0:
            post("X", number)
            return None


def ask(kind, number, data):
    # A transaction of a master: what the bus answers.
    post(kind, number, data)
    while True:
        message = take(10000)
        if message is None and not host.available():
            raise RuntimeError("the bus does not answer")
        if message and message[0] == "R":
            return message


class Output:
    def __init__(self, name, level):
        self._name = name
        self.set(level)

    def set(self, level):
        post("P", level, self._name.encode())
