# SPDX-License-Identifier: MIT
#
# pyb.USB_VCP and pyb.LED as on STM32 boards.

import host
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
