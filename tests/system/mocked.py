# SPDX-License-Identifier: MIT
"""Programs on devices whose ioctls tests/umockdev/mock_buses answers: what they need in their environment."""

import os
import pathlib
import shutil
import subprocess

from openmvd import is_sanitized, program

TESTS = pathlib.Path(program("openmvd")).parent / "tests"
MOCK = TESTS / "mock_buses"
PRELOADED = "libumockdev-preload.so.0"


def sanitizer_library():
    """The address sanitizer's library that the programs were linked with, which wants to be the first of all."""
    output = subprocess.run(["ldd", MOCK], check=False, capture_output=True, text=True).stdout
    return next((line.split()[2] for line in output.splitlines() if "libasan" in line), None)


def what_is_missing():
    """Why there can be no such devices here, or None."""
    if not shutil.which("umockdev-run"):
        return "umockdev is not installed"
    if not MOCK.exists():
        return "this was built without umockdev's library"
    if is_sanitized() and not sanitizer_library():
        return "the sanitizers have their own needs"
    return None


def environment():
    """What mock_buses and all below it need."""
    # What GLib keeps for ever is no leak of ours, and a file of its own is more than the sanitizer can open below umockdev.
    options = "print_stacktrace=1:log_path=stderr:verify_asan_link_order=0:detect_leaks=0"
    return {
        "LD_PRELOAD": " ".join(filter(None, [sanitizer_library(), PRELOADED])),
        "ASAN_OPTIONS": options,
        "UBSAN_OPTIONS": options,
    }
