# SPDX-License-Identifier: MIT
"""The other end of a camera's bus: what its wires do, told by messages on the pty.

A message is kind (one byte), number u32, size u32, then that many bytes. standins/bus.py is the camera's end.

| kind | from | means |
|---|---|---|
| S | camera | an SPI slave arms: mode (polarity, phase), then the bytes it shifts out |
| r, w | camera | an I2C slave arms to receive or to send: its address, then that many bytes |
| X | camera | it does not wait any longer for the transaction of that number |
| T | bus | the transaction of that number: the bytes from the master (for w: none) |
| D | camera | it took part in that transaction |
| C | bus | the chip select's level |
| P | camera | a pin, by name, has the level `number` |
| F | both | a CAN frame: id, bit 31 for an extended one, bit 30 for a remote one |
| B | camera | CAN: bit rate, sample point |
| M, i, o | camera | as a master: an SPI transfer; an I2C read or write (number: mode or address) |
| R | bus | the answer to those: number 1 for acknowledged; the bytes read |
"""

import os
import select
import struct
import termios
import time
import tty

HEADER = struct.Struct("<cII")

# 100 us on a board; a camera of stand-ins on a busy machine is slower.
MOMENT_S = 0.02
# A camera's word on a transaction that has taken place.
WORD_S = 10


class Port:
    """Messages on a camera's pty."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        # Now, and without a flush: what the camera has said already counts.
        tty.setraw(self.fd, termios.TCSANOW)
        self._received = bytearray()

    def close(self):
        os.close(self.fd)

    def send(self, kind, number=0, data=b""):
        view = memoryview(HEADER.pack(kind.encode(), number, len(data)) + data)
        while view:
            select.select([], [self.fd], [], WORD_S)
            view = view[os.write(self.fd, view) :]

    def take(self, seconds):
        """The next message as (kind, number, data), or None after so many seconds."""
        end = time.monotonic() + seconds
        while True:
            if len(self._received) >= HEADER.size:
                kind, number, size = HEADER.unpack_from(self._received)
                if len(self._received) >= HEADER.size + size:
                    data = bytes(self._received[HEADER.size : HEADER.size + size])
                    del self._received[: HEADER.size + size]
                    return kind.decode(), number, data
            left = max(0, end - time.monotonic())
            if not select.select([self.fd], [], [], left)[0]:
                return None
            self._received += os.read(self.fd, 65536)


class Slave:
    """A slave camera on a bus that its master clocks. levels: of the camera's outputs, by name. moment: seconds that it may
    take to arm once the master is about to clock."""

    def __init__(self, path, moment=MOMENT_S):
        self.port = Port(path)
        self.moment = moment
        self.levels = {}
        self._armed = None

    def close(self):
        self.port.close()

    def _hear(self, seconds):
        """Takes in one message. Returns the number of the transaction that the camera gave its word on, or None."""
        message = self.port.take(seconds)
        if message is None:
            return None
        kind, number, data = message
        if kind == "P":
            self.levels[data.decode()] = number
        elif kind in "DX":
            if self._armed and self._armed[1] == number:
                self._armed = None
            return (kind, number)
        elif kind in "Srw":
            self._armed = message
        else:
            raise AssertionError("a slave sent %r" % (message,))
        return None

    def listen(self, seconds):
        """Lets time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._hear(end - time.monotonic())

    def await_level(self, name, level, seconds):
        """Whether that output has that level within so many seconds."""
        end = time.monotonic() + seconds
        while self.levels.get(name) != level:
            if time.monotonic() > end:
                return False
            self._hear(0.01)
        return True

    def _await_armed(self, fits):
        end = time.monotonic() + self.moment
        while True:
            while self._hear(0) is not None:
                pass
            if self._armed and fits(self._armed):
                return self._armed
            left = end - time.monotonic()
            if left <= 0:
                return None
            self._hear(left)

    def _transact(self, armed, data, certain=True):
        """Moves the bytes. False when the camera gave up just before. certain: the transaction is long enough to end
        the camera's wait."""
        self.port.send("T", armed[1], data)
        if not certain:
            return True
        end = time.monotonic() + WORD_S
        while time.monotonic() < end:
            word = self._hear(0.1)
            if word and word[1] == armed[1]:
                return word[0] == "D"
        raise AssertionError("no word on a transaction within %d s" % WORD_S)


class SpiSlave(Slave):
    def transfer(self, outgoing, mode=0b10):
        """One transaction of the bus's master: the bytes that came back, all 0xFF where no slave drives the wire."""
        self.port.send("C", 0, b"\x00")
        try:
            armed = self._await_armed(lambda armed: armed[0] == "S" and armed[2][0] == mode)
            if armed is None:
                return b"\xff" * len(outgoing)
            incoming = armed[2][1:]
            if not self._transact(armed, outgoing, len(outgoing) >= len(incoming)):
                return b"\xff" * len(outgoing)
            return incoming[: len(outgoing)].ljust(len(outgoing), b"\xff")
        finally:
            self.port.send("C", 0, b"\x01")


class I2cSlave(Slave):
    def write(self, address, data):
        """How many of the bytes were acknowledged; None when the address was not."""
        armed = self._await_armed(lambda armed: armed[0] == "r" and armed[2][0] == address)
        if armed is None or not self._transact(armed, data[: len(armed[2]) - 1]):
            return None
        return min(len(data), len(armed[2]) - 1)

    def read(self, address, size):
        """The bytes, followed by 0xFF where the slave had no more; None when the address was not acknowledged."""
        armed = self._await_armed(lambda armed: armed[0] == "w" and armed[2][0] == address)
        if armed is None or not self._transact(armed, b""):
            return None
        return armed[2][1 : size + 1].ljust(size, b"\xff")


class CanNode:
    """Another node on the camera's bus."""

    def __init__(self, path, bit_rate=250000, sample_point=75):
        self.port = Port(path)
        self._timing = struct.pack("<II", bit_rate, sample_point)
        self._hears_us = False

    def close(self):
        self.port.close()

    def receive(self, seconds):
        """The next frame as (id and flags, data), or None."""
        end = time.monotonic() + seconds
        while True:
            message = self.port.take(max(0, end - time.monotonic()))
            if message is None:
                return None
            kind, number, data = message
            if kind == "B":
                self._hears_us = data == self._timing
            elif kind == "F":
                if self._hears_us:
                    return number, data
            else:
                raise AssertionError("a node sent %r" % (message,))

    def send(self, identifier, data):
        if self._hears_us:
            self.port.send("F", identifier, data)
