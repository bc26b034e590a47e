#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Thousands of calls through a session, on a line that loses and damages packets from a seed: each is answered rightly,
and none has run twice.

SESSION_CALLS=20000 says how many, SESSION_SEED=7 makes the calls and the line's faults once more.
"""

import os
import pathlib
import random
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "firmware"))
sys.dont_write_bytecode = True

from faulty_master import FaultyMaster  # noqa: E402
from harness import FIRMWARE_TESTS, check, check_equal, pattern, run, u32  # noqa: E402
from session_master import Session  # noqa: E402

CALLS = int(os.environ.get("SESSION_CALLS") or 2000)
SEED = int(os.environ.get("SESSION_SEED") or random.randrange(1 << 32))
FAULTY = 0.02

# Result sizes of the callback, beyond what it repeats: most fit a piece, some are read in up to five.
SIZES = (0,) * 16 + (200, 600, 1200)


def every_call_is_answered_rightly_and_none_runs_twice(camera):
    line = FaultyMaster(camera.path, SEED, FAULTY)
    session = Session(line, session=SEED % 0xFFFFFFFF + 1, piece=300, patience=0.004)
    source = random.Random(SEED)
    before = struct.unpack("<I", camera.master.call("counter"))[0]
    begun = time.monotonic()
    try:
        session.open()
        for number in range(1, CALLS + 1):
            size = source.choice(SIZES)
            argument = struct.pack("<H", size) + source.randbytes(source.randrange(40))
            check_equal(session.call("count", argument), u32(before + number) + argument + pattern(size))
        check_equal(camera.master.call("counter"), u32(before + CALLS))
        check(line.faults > CALLS * FAULTY, "the line had only %d faults" % line.faults)
        check(session.asked_again > 0, "nothing was ever asked for again")
        print("# seed %d: %d calls, %d faults, %d times asked again, %.0f s"
              % (SEED, CALLS, line.faults, session.asked_again, time.monotonic() - begun))  # fmt: skip
    except AssertionError as error:
        raise AssertionError("SESSION_SEED=%d, call %d: %s" % (SEED, session.number, error)) from error
    except Exception as error:
        raise AssertionError("SESSION_SEED=%d, call %d: %r" % (SEED, session.number, error)) from error
    finally:
        line.close()


GROUPS = [
    (
        "usb",
        ("--script", str(FIRMWARE_TESTS / "scripts" / "sessions.py"), "--usb"),
        [every_call_is_answered_rightly_and_none_runs_twice],
    )
]

if __name__ == "__main__":
    sys.exit(run(GROUPS))
