# SPDX-License-Identifier: MIT
#
# machine: UART, the masters of SPI and I2C, and the watchdog, which prints instead of resetting.

import time

import bus
import host
import uctypes

try:
    from led import LED
except ImportError:
    # Boards whose LEDs are in pyb.
    pass


class UART:
    # As on STM32 boards: the first byte is awaited for timeout, each further one for timeout_char, and what does not
    # fit the receive buffer is lost.
    def __init__(self, port, baudrate=9600, *, timeout=0, timeout_char=2, rxbuf=64):
        if port not in (1, 3):
            raise ValueError("UART(%d) doesn't exist" % port)
        self._timeout = timeout
        self._timeout_char = timeout_char
        print("UART with a buffer of %d bytes" % rxbuf)
        host.setReceiveLimit(rxbuf)

    def any(self):
        return host.available()

    def readinto(self, buffer, count=-1):
        view = memoryview(buffer)
        count = len(view) if count < 0 else min(count, len(view))
        address = uctypes.addressof(view)
        done = host.receive(address, count, self._timeout)
        while done and done < count:
            more = host.receive(address + done, count - done, self._timeout_char)
            if not more:
                break
            done += more
        return done or None

    def write(self, data):
        return host.send(uctypes.addressof(data), len(data), 1000) if len(data) else 0


class WDT:
    def __init__(self, id=0, timeout=5000):
        if id != 0 or not 1 <= timeout <= 32000:
            raise ValueError("WDT timeout")
        print("watchdog started", timeout)
        self._timeout = timeout
        self._fed = time.ticks_ms()

    def feed(self):
        now = time.ticks_ms()
        print("watchdog fed" if time.ticks_diff(now, self._fed) <= self._timeout else "watchdog fed too late")
        self._fed = now


class Pin:
    OUT = 1

    def __init__(self, name, mode, *, value):
        if name != "P3" or mode != self.OUT:
            raise ValueError("invalid pin")
        self._output = bus.Output(name, value)

    def value(self, level):
        self._output.set(level)


class SPI:
    def __init__(self, number, *, baudrate, polarity, phase):
        if number != 2:
            raise ValueError("SPI(%d) doesn't exist" % number)
        if baudrate <= 0:
            raise ValueError("baudrate")
        self._mode = polarity << 1 | phase

    def readinto(self, buffer, outgoing):
        buffer[:] = bus.ask("M", self._mode, bytes([outgoing]) * len(buffer))[2]

    def write(self, data):
        bus.ask("M", self._mode, data)


class I2C:
    def __init__(self, number, *, freq):
        if number not in (2, 4):
            raise ValueError("I2C(%d) doesn't exist" % number)
        if freq <= 0:
            raise ValueError("freq")

    def readfrom_into(self, address, buffer):
        _, acknowledged, data = bus.ask("i", address, len(buffer).to_bytes(4, "little"))
        if not acknowledged:
            raise OSError(19)
        buffer[:] = data

    def writeto(self, address, data):
        if not bus.ask("o", address, data)[1]:
            raise OSError(19)
        return len(data)
