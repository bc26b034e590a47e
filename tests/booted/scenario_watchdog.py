#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A daemon that hangs: found by the watchdog whichever of its threads it is, ended, and back with its camera."""

import ctypes
import os
import pathlib
import signal
import threading
import time

from booted import (PATIENCE_S, Journal, Tap, call, check_echo, client, dropin, main_pid, prepare, restarts, service_with_camera,
                    state, value, wait_for_state, wait_until)

# The unit's own times are for drivers that are slow and for faults that stay, and longer than these tests need. A busy machine
# may hold a thread up for some seconds. What hangs does not heed the watchdog's first signal, either, and is ended 10 s later.
PATIENCE_OF_WATCHDOG_S = 8
IMPATIENCE = f"[Service]\nWatchdogSec={PATIENCE_OF_WATCHDOG_S}s\nRestartSec=100ms\n"

# From linux/ptrace.h and linux/wait.h.
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
ALL_THREADS = 0x40000000


def hang(thread):
    """Stops one thread, as a driver does from which it does not return, until its process is ended."""
    stopped = threading.Event()
    failures = []

    def trace():
        libc = ctypes.CDLL(None, use_errno=True)
        for what in (PTRACE_SEIZE, PTRACE_INTERRUPT):
            if libc.ptrace(what, thread, None, None) < 0:
                failures.append(os.strerror(ctypes.get_errno()))
                stopped.set()
                return
        while True:
            _, status = os.waitpid(thread, ALL_THREADS)
            stopped.set()
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                return

    threading.Thread(target=trace, daemon=True).start()
    assert stopped.wait(PATIENCE_S) and not failures, failures


def threads():
    """The threads of the daemon by their names."""
    found = {}
    for folder in pathlib.Path(f"/proc/{main_pid()}/task").iterdir():
        found.setdefault((folder / "comm").read_text().strip(), []).append(int(folder.name))
    return found


def check_that_it_comes_back(stop):
    with service_with_camera() as (_, first):
        check_echo(first)
        journal, before, old = Journal(), restarts(), main_pid()
        stop(old)
        wait_until(lambda: restarts() == before + 1 and state() == "active", "the service to be started again", 3 * PATIENCE_S)
        assert main_pid() != old
        journal.wait_for("Watchdog timeout")
        with client() as second:
            wait_for_state(second, "online")
            check_echo(second)
        return journal


def a_daemon_that_is_well_is_left_alone():
    with service_with_camera() as (_, first):
        before = restarts()
        # Longer than the watchdog's patience: while nothing is to be done, and while the camera is.
        time.sleep(PATIENCE_OF_WATCHDOG_S + 1)
        assert value(call(first, "sleep", [1000 * PATIENCE_OF_WATCHDOG_S + 500], timeout_ms=25000)) is not None
        assert restarts() == before


def a_daemon_of_which_every_thread_hangs_is_ended_and_comes_back():
    check_that_it_comes_back(lambda pid: os.kill(pid, signal.SIGSTOP))


def a_daemon_whose_worker_alone_hangs_is_ended_and_the_log_names_it():
    journal = check_that_it_comes_back(lambda _: hang(threads()["worker"][0]))
    journal.wait_for("the worker of camera (USB camera) has not moved")


def a_daemon_whose_loop_alone_hangs_is_ended_and_comes_back():
    check_that_it_comes_back(hang)


prepare()
tap = Tap()
with dropin(IMPATIENCE):
    tap.run([
        a_daemon_that_is_well_is_left_alone,
        a_daemon_of_which_every_thread_hangs_is_ended_and_comes_back,
        a_daemon_whose_worker_alone_hangs_is_ended_and_the_log_names_it,
        a_daemon_whose_loop_alone_hangs_is_ended_and_comes_back,
    ])
tap.finish()
