# SPDX-License-Identifier: MIT
"""What the firmware tests share: a running camera with a stock master on its pty, and the run of groups as TAP."""

import os
import pathlib
import select
import struct
import subprocess
import tempfile

from bus_master import MASTERS
from stock_master import StockMaster

FIRMWARE_TESTS = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("BUILD", FIRMWARE_TESTS.parent.parent / "build")).resolve()


def pattern(size):
    unit = bytes(i * 31 & 0xFF for i in range(251))
    return (unit * (size // len(unit) + 1))[:size]


def u32(*values):
    return struct.pack("<%dI" % len(values), *values)


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def check_equal(got, expected):
    if got != expected:
        raise AssertionError("got %.200r, expected %.200r" % (got, expected))


class Camera:
    """A running camera, and the stock master of its link at the other end of its pty unless with_master=False."""

    def __init__(self, *arguments, with_master=True):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [str(FIRMWARE_TESTS / "run-camera"), *arguments], stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        if not select.select([self.process.stdout], [], [], 30)[0]:
            self.process.kill()
            raise AssertionError("the camera did not start within 30 s")
        self.path = self.process.stdout.readline().strip()
        if not self.path:
            raise AssertionError("the camera ended at once: " + self.said()[:500])
        link = next((argument for argument in arguments if argument in MASTERS), None)
        self.master = MASTERS.get(link, StockMaster)(self.path) if with_master else None

    def said(self):
        """All that the camera has printed. The file's position is the camera's too, and stays where it is."""
        return os.pread(self.log.fileno(), 1 << 20, 0).decode()

    def printed(self, line):
        """How often the camera has printed that line."""
        return self.said().splitlines().count(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.master:
            self.master.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def why_not():
    result = subprocess.run(
        [str(FIRMWARE_TESTS / "run-camera"), "--check"], stderr=subprocess.PIPE, text=True, check=False
    )
    return result.stderr.strip().replace("run-camera ", "") if result.returncode else None


def log_of(given):
    """What is known of what went on, of whatever a test was given."""
    if hasattr(given, "daemon"):
        lines = given.daemon.log().splitlines()
    elif isinstance(given, Camera):
        lines = given.said().splitlines()
    else:
        lines = getattr(given, "lines", [])
    return "\n".join(lines[-30:])


def run_group(title, arguments, tests, report):
    try:
        with arguments() if callable(arguments) else Camera(*arguments) as camera:
            for test in tests:
                try:
                    test(camera)
                    report(title, test, None)
                except Exception as error:
                    report(title, test, "%s: %s\n%s" % (type(error).__name__, error, log_of(camera)))
    except (AssertionError, OSError) as error:
        report(title, run_group, str(error))


def run(groups, programs=()):
    """Runs the tests of each (title, arguments of run-camera, tests). In place of arguments, a function may give the
    context that the tests get. Skips them where no camera can be run, or where the build lacks one of the programs; in
    CI both are failures. Returns the exit code."""
    reason = why_not()
    if reason is None:
        lacking = [name for name in programs if not (BUILD / name).exists()]
        reason = "needs " + " and ".join(lacking) if lacking else None
    failures = 0
    number = 0

    def line(ok, title, name, tail=""):
        nonlocal number
        number += 1
        print("%s %d - %s: %s%s" % ("ok" if ok else "not ok", number, title, name, tail), flush=True)

    def report(title, test, error):
        nonlocal failures
        failures += error is not None
        line(error is None, title, test.__name__)
        if error is not None:
            print("# " + error.replace("\n", "\n#   "), flush=True)

    for title, arguments, tests in groups:
        if reason and os.environ.get("CI"):
            for test in tests:
                report(title, test, reason)
        elif reason:
            for test in tests:
                line(True, title, test.__name__, " # SKIP " + reason)
        else:
            run_group(title, arguments, tests, report)
    print("1..%d" % number)
    return 1 if failures else 0
