# SPDX-License-Identifier: MIT
#
# The raw console of a board without pyb: sys.stdin.buffer, sys.stdout.buffer and the interrupt character.

import sys as _sys

import host
import micropython as _micropython
import uctypes

_interrupt_character = 3


class _Input:
    # As the port's: a read waits until it is complete, however long.
    def readinto(self, buffer):
        view = memoryview(buffer)
        for i in range(len(view)):
            while not host.receive(uctypes.addressof(view[i:]), 1, 1000):
                pass
            if view[i] == _interrupt_character:
                raise KeyboardInterrupt
        return len(view)


class _Output:
    def write(self, data):
        return host.send(uctypes.addressof(data), len(data), 500)


class _Stdin:
    buffer = _Input()


class _Stdout:
    buffer = _Output()


class Sys:
    stdin = _Stdin()
    stdout = _Stdout()
    implementation = _sys.implementation
    modules = _sys.modules
    path = _sys.path


class Micropython:
    const = _micropython.const

    @staticmethod
    def kbd_intr(character):
        global _interrupt_character
        _interrupt_character = character
