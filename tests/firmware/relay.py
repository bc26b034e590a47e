# SPDX-License-Identifier: MIT
"""Joins a master camera and a slave camera: a wire, on which packets can be lost."""

import os
import select
import threading
import tty

import bus

OUTWARD, INWARD = "to the slave", "to the master"

# An SPI slave that has not armed yet costs a frame of raw bytes, which nobody sends again.
SPI_MOMENT_S = 1


class Relay(threading.Thread):
    """Moves what passes until it is stopped. tamper(direction, data) returns what arrives of it, None for nothing."""

    def __init__(self, tamper):
        super().__init__()
        self.tamper = tamper
        self.failure = None
        self._stop_requested = threading.Event()

    def run(self):
        try:
            while not self._stop_requested.is_set():
                self.step(0.05)
        except Exception as error:
            self.failure = error

    def stop(self):
        self._stop_requested.set()
        self.join()


class UartRelay(Relay):
    def __init__(self, master, slave, tamper):
        super().__init__(tamper)
        self._ends = [os.open(path, os.O_RDWR | os.O_NOCTTY) for path in (master, slave)]
        for end in self._ends:
            tty.setraw(end)

    def step(self, seconds):
        for end in select.select(self._ends, [], [], seconds)[0]:
            outward = end == self._ends[0]
            data = self.tamper(OUTWARD if outward else INWARD, os.read(end, 4096))
            os.write(self._ends[outward], data or b"")


class SpiRelay(Relay):
    def __init__(self, master, slave, tamper):
        super().__init__(tamper)
        self._master = bus.Port(master)
        self._slave = bus.SpiSlave(slave, SPI_MOMENT_S)
        self._selected = False

    def step(self, seconds):
        message = self._master.take(seconds)
        if message is None:
            self._slave.listen(0)
            return
        kind, number, data = message
        if kind == "P":
            self._selected = number == 0
        elif kind == "M":
            answer = b"\xff" * len(data)
            sent = self.tamper(OUTWARD, data)
            if self._selected and sent is not None:
                answer = self.tamper(INWARD, self._slave.transfer(sent, number)) or answer
            self._master.send("R", 1, answer)
        else:
            raise AssertionError("the master sent %r" % (message,))


class I2cRelay(Relay):
    def __init__(self, master, slave, tamper):
        super().__init__(tamper)
        self._master = bus.Port(master)
        self._slave = bus.I2cSlave(slave)

    def step(self, seconds):
        message = self._master.take(seconds)
        if message is None:
            return
        kind, address, data = message
        if kind == "o":
            sent = self.tamper(OUTWARD, data)
            count = None if sent is None else self._slave.write(address, sent)
            self._master.send("R", count == len(data))
        elif kind == "i":
            size = int.from_bytes(data, "little")
            answer = self._slave.read(address, size)
            if answer is not None:
                answer = self.tamper(INWARD, answer) or b"\xff" * size
            self._master.send("R", answer is not None, answer or b"")
        else:
            raise AssertionError("the master sent %r" % (message,))


class CanRelay(Relay):
    def __init__(self, master, slave, tamper):
        super().__init__(tamper)
        self._nodes = [bus.CanNode(master), bus.CanNode(slave)]

    def step(self, seconds):
        passed = 0
        for index, direction in ((0, OUTWARD), (1, INWARD)):
            frame = self._nodes[index].receive(0)
            if frame:
                passed += 1
                data = self.tamper(direction, frame[1])
                if data is not None:
                    self._nodes[1 - index].send(frame[0], data)
        if not passed:
            select.select([node.port.fd for node in self._nodes], [], [], seconds)
