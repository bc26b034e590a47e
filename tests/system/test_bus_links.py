#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The SPI and I2C links on devices whose ioctls a program answers, by umockdev: tests/umockdev/ has the tests themselves."""

import os
import sys

import mocked
from openmvd import SkipTest, Tap


def skip():
    raise SkipTest(mocked.what_is_missing())


if mocked.what_is_missing():
    skip.__doc__ = "SPI and I2C links work on mocked devices"
    tap = Tap()
    tap.run([skip])
    tap.finish()

environment = dict(os.environ, CK_FORK="no", CK_TAP_LOG_FILE_NAME="-", CK_VERBOSITY="silent", **mocked.environment())
sys.stdout.flush()
os.execve(mocked.MOCK, [str(mocked.MOCK), str(mocked.TESTS / "bus_links")], environment)
