#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One camera asks another, both under genuine MicroPython: the Master of firmware/omvrpc.py and its Slave, on a wire that
loses what it is told to lose.

FIRMWARE=all also runs the links that mostly repeat others.
"""

import ast
import os
import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "firmware"))
sys.dont_write_bytecode = True

from harness import FIRMWARE_TESTS, Camera, check, check_equal, pattern, run  # noqa: E402
from relay import INWARD, OUTWARD, CanRelay, I2cRelay, SpiRelay, UartRelay  # noqa: E402

SCRIPTS = FIRMWARE_TESTS / "scripts"


class Tamper:
    """Loses the ack of one command's data, the result of another, all that follows a third for longer than the slave
    keeps a result, and at the end everything."""

    HUSH_S = 1.5

    def __init__(self):
        self.unplugged = False
        self._hushed_until = None
        self._ack_is_next = False
        self._lost = False

    def __call__(self, direction, data):
        if self.unplugged:
            return None
        if direction == OUTWARD and b"HUSH" in data and self._hushed_until is None:
            self._hushed_until = time.monotonic() + self.HUSH_S
        if direction == INWARD and self._hushed_until and time.monotonic() < self._hushed_until:
            return None
        if direction == OUTWARD:
            self._ack_is_next = self._ack_is_next or b"LOSE-A" in data
        elif self._ack_is_next:
            self._ack_is_next = False
            return None
        elif b"LOSE-R" in data and not self._lost:
            self._lost = True
            return None
        return data


class Pair:
    """What a master camera printed once it has finished with a slave camera: scripts/asker.py prints what came of each
    call."""

    PATIENCE_S = 180

    def __init__(self, master_link, slave_link, relay):
        self.lines = []
        with (
            Camera("--script", str(SCRIPTS / "exerciser.py"), slave_link, with_master=False) as slave,
            Camera("--script", str(SCRIPTS / "asker.py"), master_link, with_master=False) as master,
        ):
            tamper = Tamper()
            wire = relay(master.path, slave.path, tamper)
            wire.start()
            try:
                end = time.monotonic() + self.PATIENCE_S
                while not master.printed("finished"):
                    check(wire.is_alive(), "the relay ended: %r" % wire.failure)
                    check(master.process.poll() is None, "the asking camera ended:\n" + master.said())
                    check(time.monotonic() < end, "the asking camera has not finished within %d s" % self.PATIENCE_S)
                    tamper.unplugged = master.printed("unplug the other camera") > 0
                    time.sleep(0.05)
            finally:
                wire.stop()
                self.lines = master.said().splitlines()

    def said(self, title):
        found = [line[len(title) + 2 :] for line in self.lines if line.startswith(title + ": ")]
        check(len(found) == 1, "%s was told %d times" % (title, len(found)))
        return found[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def counted(pair, title):
    """How often the counting callback of the slave had run by then."""
    said = pair.said(title)
    check(said.startswith("done b"), said)
    return struct.unpack("<I", ast.literal_eval(said[5:]))[0]


def check_once_more(pair, before, after):
    """Between these it was called once. The command may have been lost on a busy machine, and must not have run twice."""
    more = counted(pair, after) - counted(pair, before)
    check(0 <= more <= 1, "%d runs of one call" % more)


def summary(data):
    return "done %d bytes, sum %d" % (len(data), sum(data))


def master_gets_results_of_all_kinds(pair):
    check_equal(pair.said("echo"), "done b'hello'")
    check_equal(pair.said("empty"), "done b''")
    check_equal(pair.said("large result"), summary(pattern(700)))
    check_equal(pair.said("large arguments"), summary(bytes(range(250)) * 3))
    check(1 <= counted(pair, "slow") <= int(pair.said("attempts of slow")), "a command ran more often than it was sent")


def master_runs_out_of_patience_and_goes_on(pair):
    check_equal(pair.said("patience"), "result_unknown None")
    check_equal(pair.said("after patience"), "done b'again'")
    check_once_more(pair, "slow", "counted")


def master_gets_the_result_of_a_command_whose_ack_was_lost(pair):
    check_equal(pair.said("lost ack"), "done b'LOSE-A'")


def master_tells_a_lost_result_from_a_command_not_delivered(pair):
    check_equal(pair.said("lost result"), "result_unknown None")
    check_equal(pair.said("after lost result"), "done b'again'")
    check_equal(pair.said("absent"), "not_delivered None")


def master_never_repeats_a_command_that_may_have_run(pair):
    check_equal(pair.said("silence"), "result_unknown None")
    check_equal(pair.said("after silence"), "done b'again'")
    check_once_more(pair, "counted", "counted after silence")


def master_refuses_a_result_beyond_its_limit(pair):
    check_equal(pair.said("too long"), "result_unknown None")
    check_equal(pair.said("after too long"), "done b'again'")


def master_moves_raw_bytes_both_ways(pair):
    check_equal(pair.said("cut through"), summary(pattern(700)))
    check_equal(pair.said("bytes taken"), summary(bytes(range(250)) * 2))


def master_reads_a_stream_and_stops_it(pair):
    check_equal(pair.said("stream"), "True")
    check_equal(pair.said("after stream"), "done b'again'")


OF_A_MASTER = [
    master_gets_results_of_all_kinds,
    master_runs_out_of_patience_and_goes_on,
    master_gets_the_result_of_a_command_whose_ack_was_lost,
    master_tells_a_lost_result_from_a_command_not_delivered,
    master_never_repeats_a_command_that_may_have_run,
    master_refuses_a_result_beyond_its_limit,
    master_moves_raw_bytes_both_ways,
    master_reads_a_stream_and_stops_it,
]
GROUPS = [
    ("uart", lambda: Pair("--uart", "--uart", UartRelay), OF_A_MASTER),
    ("spi", lambda: Pair("--spi-master", "--spi", SpiRelay), OF_A_MASTER),
]
LONG_GROUPS = [
    ("i2c", lambda: Pair("--i2c-master", "--i2c", I2cRelay), OF_A_MASTER),
    ("can", lambda: Pair("--can", "--can", CanRelay), OF_A_MASTER),
]

if __name__ == "__main__":
    sys.exit(run(GROUPS + (LONG_GROUPS if os.environ.get("FIRMWARE") == "all" else [])))
