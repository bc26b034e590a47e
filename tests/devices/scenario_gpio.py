#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""GPIO lines through the library above the kernel's gpiolib, with the libgpiod that is installed, and with libgpiod 2.

The second is built by `.ci/run`, or as tools/fetch-libgpiod2 says.
"""

import contextlib
import os
import subprocess

from controllers import DRIVE, LINE, WATCH, Soldered, load_controllers
from devices import BUILD, Tap, program
from openmvd import SkipTest

CHIP = "/dev/gpiochip0"
OTHER = os.path.join(BUILD, "libgpiod2")
OTHER_TOOL = os.path.join(OTHER, "build/tests/gpio_tool")


class Library:
    """The program gpio_tool, with one of the two libgpiods."""

    def __init__(self, tool, folder=None):
        self.tool = tool
        self.environment = dict(os.environ, **({"LD_LIBRARY_PATH": folder} if folder else {}))

    def __call__(self, *words):
        """What it says, be it an error."""
        result = subprocess.run([self.tool, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                env=self.environment)
        return (result.stdout or result.stderr).strip()

    @contextlib.contextmanager
    def kept(self, *words):
        """The program while it holds a line, and has said its first level."""
        with subprocess.Popen([self.tool, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, bufsize=1, env=self.environment) as process:
            process.level = process.stdout.readline().strip()
            yield process
            process.stdin.close()
            process.wait()


def finds_lines_by_name_chip_and_label(library):
    assert library("get", "GPIO25") == "0"
    assert library("get", "gpiochip0:25") == "0"
    assert library("get", CHIP + ":25") == "0"
    assert library("get", "!GPIO25") == "1"
    assert library("get", "GPIO99") == "open: ENOENT"
    assert library("get", "gpiochip0:28") == "open: ENOENT"
    assert library("get", "gpiochip7:1") == "open: ENOENT"
    assert library("get", "/dev/null:1") == "open: ENODEV"


def tells_who_holds_a_line(library):
    assert library("holder", "GPIO8") == "held by spi0 CS0"
    assert library("get", "GPIO8") == "open: EBUSY"
    assert library("holder", "GPIO24") == "free"
    with library.kept("set", "GPIO24", "1"):
        assert library("holder", "GPIO24") == "held by openmvd"
        assert library("get", "GPIO24") == "open: EBUSY"
    assert library("holder", "GPIO24") == "free"


def drives_a_line_with_its_polarity(library):
    def becomes(camera, value):
        """Whether the line has that level now, or the next time that it changes."""
        message = camera.hear()
        assert message and message["kind"] == LINE and message["number"] == 23, message
        return message["value"] == value

    for line, high in (("GPIO23", "1"), ("!GPIO23", "0")):
        low = "10"[int(high)]
        with Soldered() as camera:
            camera.say(WATCH, 23)
            assert becomes(camera, 0)
            with library.kept("set", line, high) as process:
                assert process.level == high
                assert becomes(camera, 1)
                for level, value in ((low, 0), (high, 1)):
                    process.stdin.write(level + "\n")
                    assert process.stdout.readline().strip() == level
                    assert becomes(camera, value)


def is_woken_by_edges_both_ways(library):
    with Soldered() as camera, library.kept("watch", "GPIO25") as process:
        assert process.level == "0"
        for level in (1, 0, 1):
            camera.say(DRIVE, 25, level)
            assert process.stdout.readline().split() == ["1", str(level)]


def chosen_tests(name, library):
    """The tests as those of one library; `library` is None where it is not there."""
    def bind(test):
        def bound():
            if library is None:
                raise SkipTest("libgpiod 2 was not fetched and built against")
            test(library)
        bound.__doc__ = f"{name} {test.__name__.replace('_', ' ')}"
        return bound

    return [bind(test) for test in (finds_lines_by_name_chip_and_label, tells_who_holds_a_line,
                                    drives_a_line_with_its_polarity, is_woken_by_edges_both_ways)]


load_controllers()
tap = Tap()
tap.run(chosen_tests("the installed libgpiod", Library(program("tests/gpio_tool"))))
tap.run(chosen_tests("libgpiod 2", Library(OTHER_TOOL, os.path.join(OTHER, "lib")) if os.path.exists(OTHER_TOOL) else None))
tap.finish()
