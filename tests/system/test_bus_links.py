#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The SPI and I2C links on devices whose ioctls a program answers, by umockdev: tests/umockdev/ has the tests themselves."""

import os
import pathlib
import shutil
import sys

from openmvd import Tap, SkipTest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TESTS = pathlib.Path(ROOT, os.environ.get("BUILD") or "build") / "tests"


def what_is_missing():
    if not shutil.which("umockdev-wrapper"):
        return "umockdev is not installed"
    if not (TESTS / "mock_buses").exists():
        return "this was built without umockdev's library"
    return None


def skip():
    raise SkipTest(what_is_missing())


if what_is_missing():
    skip.__doc__ = "SPI and I2C links work on mocked devices"
    tap = Tap()
    tap.run([skip])
    tap.finish()

environment = dict(os.environ, CK_FORK="no", CK_TAP_LOG_FILE_NAME="-", CK_VERBOSITY="silent")
# What umockdev preloads comes before the sanitizer's own library, which has it that it must be the first.
environment["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
sys.stdout.flush()
os.execvpe("umockdev-wrapper", ["umockdev-wrapper", str(TESTS / "mock_buses"), str(TESTS / "bus_links")], environment)
