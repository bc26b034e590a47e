#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls to a process with the stock camera's habits while other programs take the processor. tests/run runs this suite
alone: how busy the machine is, is part of what is tested."""

import subprocess
import sys

from checked import both_kinds
from openmvd import Tap, is_sanitized

CALLS = 750 // (5 if is_sanitized() else 1)


def all_answered(checked, camera):
    assert not checked.failed, (checked.camera, checked.failed, checked.last_failure)
    assert camera.summary["executions"]["count"] == checked.counts_asked, camera.summary


def with_four_busy_loops_beside_it_nothing_fails():
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        both_kinds(lambda checked: checked.check_many(CALLS), all_answered)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


tap = Tap()
tap.run([with_four_busy_loops_beside_it_nothing_fails])
tap.finish()
