#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The SPI and I2C links on devices whose ioctls a program answers, by umockdev: tests/umockdev/ has the tests themselves."""

import os
import pathlib
import shutil
import subprocess
import sys

from openmvd import SkipTest, Tap, is_sanitized

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TESTS = pathlib.Path(ROOT, os.environ.get("BUILD") or "build") / "tests"


PRELOADED = "libumockdev-preload.so.0"


def sanitizer_library():
    """The address sanitizer's library that the programs were linked with, which wants to be the first of all."""
    output = subprocess.run(["ldd", TESTS / "mock_buses"], check=False, capture_output=True, text=True).stdout
    return next((line.split()[2] for line in output.splitlines() if "libasan" in line), None)


def what_is_missing():
    if not shutil.which("umockdev-run"):
        return "umockdev is not installed"
    if not (TESTS / "mock_buses").exists():
        return "this was built without umockdev's library"
    if is_sanitized() and not sanitizer_library():
        return "the sanitizers have their own needs"
    return None


def skip():
    raise SkipTest(what_is_missing())


if what_is_missing():
    skip.__doc__ = "SPI and I2C links work on mocked devices"
    tap = Tap()
    tap.run([skip])
    tap.finish()

environment = dict(os.environ, CK_FORK="no", CK_TAP_LOG_FILE_NAME="-", CK_VERBOSITY="silent")
environment["LD_PRELOAD"] = " ".join(filter(None, [sanitizer_library(), PRELOADED]))
# What GLib keeps for ever is no leak of ours, and a file of its own is more than the sanitizer can open below umockdev.
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
    environment[name] = "print_stacktrace=1:log_path=stderr:verify_asan_link_order=0:detect_leaks=0"
sys.stdout.flush()
os.execve(TESTS / "mock_buses", [str(TESTS / "mock_buses"), str(TESTS / "bus_links")], environment)
