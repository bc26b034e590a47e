# SPDX-License-Identifier: MIT
#
# pyb as on STM32 boards: what the camera's scripts use of it, with no argument that the firmware does not take.

import struct
import time

import bus
import host
import machine
import scene
import uctypes

_interrupt_character = 3


class USB_VCP:
    def setinterrupt(self, character):
        global _interrupt_character
        _interrupt_character = character

    def debug_mode_enabled(self):
        scene.IDE_TURNS -= 1
        return scene.IDE_TURNS >= 0

    def any(self):
        scene.CABLE_TURNS -= 1
        if scene.CABLE_TURNS >= 0:
            raise OSError(5)
        return host.available() > 0

    def readinto(self, buffer, count=-1):
        view = memoryview(buffer)
        done = host.receive(uctypes.addressof(view), len(view) if count < 0 else min(count, len(view)), 0)
        self._interrupt_in(view, done)
        return done or None

    def recv(self, data, *, timeout=5000):
        # The timeout is that of every single byte.
        view = memoryview(data)
        done = 0
        while done < len(view):
            more = host.receive(uctypes.addressof(view[done:]), len(view) - done, timeout)
            if not more:
                break
            done += more
        self._interrupt_in(view, done)
        return done

    def send(self, data, *, timeout=5000):
        return host.send(uctypes.addressof(data), len(data), timeout) if len(data) else 0

    def _interrupt_in(self, view, count):
        for i in range(count if _interrupt_character >= 0 else 0):
            if view[i] == _interrupt_character:
                raise KeyboardInterrupt


class LED:
    # What it does is printed.
    def __init__(self, number):
        if number not in (1, 2, 3, 4):
            raise ValueError("LED(%d) doesn't exist" % number)
        self._name = ("LED_RED", "LED_GREEN", "LED_BLUE", "LED_IR")[number - 1]

    def on(self):
        print(self._name, "on")

    def off(self):
        print(self._name, "off")


class Pin:
    IN = 0
    OUT_PP = 1
    PULL_UP = 1

    def __init__(self, name, mode, pull=0):
        if name not in ("P3", "P7"):
            raise ValueError("Pin(%s) doesn't exist" % name)
        if mode not in (self.IN, self.OUT_PP) or pull not in (0, self.PULL_UP):
            raise ValueError("invalid pin mode")
        self._output = bus.Output(name, 0) if mode == self.OUT_PP else None

    def value(self, level=None):
        if self._output:
            return self._output.set(level)
        # A look at an input lasts up to a millisecond, so that a waiting camera leaves the processor to others.
        bus.take(1)
        return bus.chip_select


class UART(machine.UART):
    # The keyword for the receive buffer is another one than in machine.
    def __init__(self, port, baudrate, *, timeout=1000, timeout_char=0, read_buf_len=64):
        super().__init__(port, baudrate, timeout=timeout, timeout_char=timeout_char, rxbuf=read_buf_len)


class SPI:
    MASTER = 0x104
    SLAVE = 0

    def __init__(self, number):
        if number != 2:
            raise ValueError("SPI(%d) doesn't exist" % number)
        self._mode = None

    def init(self, mode, *, polarity=1, phase=0):
        if mode != self.SLAVE:
            raise ValueError("only the slave is stood in for")
        self._mode = polarity << 1 | phase

    def deinit(self):
        self._mode = None

    def _clocked(self, data, timeout):
        if self._mode is None:
            raise OSError(5)
        size = len(data)
        outgoing = bytes([self._mode]) + bytes(data)
        incoming = bus.transfer("S", outgoing, timeout, lambda clocked: len(clocked) >= size)
        if incoming is None:
            raise OSError(110)
        return incoming[:size]

    def send(self, data, *, timeout=5000):
        self._clocked(data, timeout)

    def send_recv(self, data, incoming, *, timeout=5000):
        if len(data) != len(incoming):
            raise ValueError("buffers of one length expected")
        incoming[:] = self._clocked(data, timeout)
        return incoming


class I2C:
    MASTER = 0
    SLAVE = 1

    def __init__(self, number):
        if number not in (2, 4):
            raise ValueError("I2C(%d) doesn't exist" % number)
        self._address = None

    def init(self, mode, *, addr=0x12, dma=False):
        if mode != self.SLAVE:
            raise ValueError("only the slave is stood in for")
        self._address = addr

    def deinit(self):
        self._address = None

    def _armed(self, kind, data, timeout):
        if self._address is None:
            raise OSError(5)
        if len(data) > 65535:
            raise ValueError("one transaction counts to 65535")
        moved = bus.transfer(kind, bytes([self._address]) + bytes(data), timeout, lambda _: True)
        if moved is None:
            raise OSError(110)
        return moved

    def send(self, data, *, timeout=5000):
        self._armed("w", data, timeout)

    def recv(self, buffer, *, timeout=5000):
        # A master that stops early leaves the rest of the buffer as it was, and no error tells.
        moved = self._armed("r", buffer, timeout)
        buffer[: len(moved)] = moved
        return buffer


class CAN:
    NORMAL = 0
    LIST16 = 1
    FIFO_FRAMES = 3
    # Frames may pile up for this long before those beyond the queue are lost. A board would lose them at once; here a
    # camera is allowed to be as slow as this machine.
    LOSES_AFTER_MS = 200

    def __init__(self, number, mode, *, baudrate=0, sample_point=75, auto_restart=False):
        if number != 2:
            raise ValueError("CAN(%d) doesn't exist" % number)
        if mode != self.NORMAL or not auto_restart:
            raise ValueError("CAN mode")
        self._accepted = ()
        self._queue = []
        self._looked_at = time.ticks_ms()
        bus.post("B", 0, struct.pack("<II", baudrate, sample_point))

    def setfilter(self, bank, mode, fifo, params):
        if bank != 0 or mode != self.LIST16 or fifo != 0 or len(params) != 4:
            raise ValueError("CAN filter parameter error")
        self._accepted = params

    def _take(self, wait_ms):
        message = bus.take(wait_ms)
        if message:
            kind, number, data = message
            if kind != "F" or len(data) > 8:
                raise RuntimeError("no frame")
            if number & 0x1FFFFFFF in self._accepted and not number >> 31:
                self._queue.append((number & 0x1FFFFFFF, number >> 31 & 1, number >> 30 & 1, data))

    def _look(self):
        away = time.ticks_diff(time.ticks_ms(), self._looked_at) > self.LOSES_AFTER_MS
        while away and host.available():
            self._take(0)
            del self._queue[self.FIFO_FRAMES :]

    def any(self, fifo):
        if fifo != 0:
            raise ValueError("fifo")
        self._look()
        if not self._queue:
            self._take(0)
        self._looked_at = time.ticks_ms()
        return len(self._queue) > 0

    def recv(self, fifo, items, *, timeout=5000):
        if fifo != 0:
            raise ValueError("fifo")
        self._look()
        start = time.ticks_ms()
        while not self._queue:
            left = timeout - time.ticks_diff(time.ticks_ms(), start)
            self._take(left)
            if left <= 0 and not self._queue:
                self._looked_at = time.ticks_ms()
                raise OSError(110)
        self._looked_at = time.ticks_ms()
        self._fill(items, *self._queue.pop(0))
        return items

    def _fill(self, items, identifier, extended, remote, data):
        self._place(items, 3, data)
        items[:3] = (identifier, remote == 1, 0)

    def _place(self, items, index, data):
        # The firmware resizes the view that it finds there; here it is replaced by a view of the right size.
        if not isinstance(items[index], memoryview):
            raise TypeError
        items[index] = memoryview(data)

    def send(self, data, identifier, *, timeout=0):
        if len(data) > 8:
            raise ValueError("CAN data field too long")
        # A frame of 8 bytes takes this long at 250 kbit/s.
        time.sleep_us(500)
        bus.post("F", identifier & 0x7FF, data)


class FdCan(CAN):
    # The newer controller: filters of two ids, and one item more in what was received.
    DUAL = 2

    def setfilter(self, bank, mode, fifo, params):
        if bank != 0 or mode != self.DUAL or fifo != 0 or len(params) != 2:
            raise ValueError("CAN filter parameter error")
        self._accepted = params

    def _fill(self, items, identifier, extended, remote, data):
        self._place(items, 4, data)
        items[:4] = (identifier, extended == 1, remote == 1, 0)
