# SPDX-License-Identifier: MIT
#
# The interpreter's clock, with sleeps that sleep: its own keep the processor busy.

import host
from utime import ticks_add, ticks_diff, ticks_ms, ticks_us, time


def sleep(seconds):
    host.sleep(seconds * 1000)


def sleep_ms(milliseconds):
    host.sleep(milliseconds)


def sleep_us(microseconds):
    host.sleep(microseconds / 1000)
