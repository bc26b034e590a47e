#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`systemctl reload` while clients ask: a good file is applied by difference, a bad one changes nothing and is explained."""

import contextlib
import threading

from booted import (CONFIG_PATH, SERVICE, USB, Journal, Tap, call, check_echo, client, fails, main_pid, prepare, run,
                    service_with_camera, show, value, wait_for_state, wait_until, write_config)

CLIENTS = 2
SIMULATED = {"link": {"type": "sim"}}


class Load:
    """Clients that ask the USB camera all the time, each on one connection; every answer has to be good."""

    def __init__(self):
        self.ended = threading.Event()
        self.answers = [0] * CLIENTS
        self.failures = []
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]

    def _ask(self, number):
        try:
            with client() as one:
                while not self.ended.is_set():
                    check_echo(one, f"from {number}", camera="camera")
                    self.answers[number] += 1
        except Exception as error:  # pylint: disable=broad-except
            self.failures.append(error)

    def go_on(self):
        """Waits until each client has had some more answers."""
        goal = [answers + 3 for answers in self.answers]
        wait_until(lambda: self.failures or all(map(int.__ge__, self.answers, goal)), "more answers")
        assert not self.failures, self.failures

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.go_on()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        assert kind or not self.failures, self.failures


@contextlib.contextmanager
def under_load():
    """A service under load, whose process and whose camera have to be the same at the end."""
    with service_with_camera() as (camera, first), Load() as load:
        pid, losses = main_pid(), first.result("stats", {"camera": "camera"})
        yield first, load
        load.go_on()
        assert main_pid() == pid
        after = first.result("stats", {"camera": "camera"})
        assert counters(after) == counters(losses), (losses, after)
        assert "unplugged" not in camera.history, camera.history


def counters(stats):
    """What would have been counted had the camera's link been closed."""
    return [{name: row["healing"][name] for name in ("failed_openings", "reopens")} for row in stats["cameras"]]


def names(one):
    return [row["name"] for row in one.result("cameras")]


def a_camera_is_added_and_removed_while_another_is_asked_all_the_time():
    with under_load() as (first, load):
        write_config(dict(USB, cameras=dict(USB["cameras"], second=SIMULATED)))
        run("systemctl", "reload", SERVICE)
        wait_until(lambda: names(first) == ["camera", "second"], "the second camera")
        wait_for_state(first, "online", name="second")
        load.go_on()
        wait_until(lambda: show("StatusText") == "2 of 2 cameras online", "the status of two cameras")
        write_config(USB)
        run("systemctl", "reload", SERVICE)
        wait_until(lambda: names(first) == ["camera"], "the second camera to be gone")


def a_file_with_a_mistake_changes_nothing_and_the_reload_fails_with_its_line():
    with under_load() as (first, load):
        journal = Journal()
        write_config('{\n  "cameras": {\n    "camera": {"link": {"type": "usb"}},\n    "second": {"link": {"typo": "sim"}}\n'
                     '  }\n}\n')
        fails("systemctl", "reload", SERVICE)
        load.go_on()
        assert names(first) == ["camera"], names(first)
        wait_until(lambda: f"{CONFIG_PATH}:4" in journal.text(), "the line of the mistake in the journal")
        # The daemon itself may still be at it.
        wait_until(lambda: show("ActiveState") == "active", "the end of the reload")
        write_config(USB)
        run("systemctl", "reload", SERVICE)


def a_file_that_is_no_json_changes_nothing():
    with under_load() as (first, _):
        write_config("{")
        fails("systemctl", "reload", SERVICE)
        assert names(first) == ["camera"], names(first)
        write_config(USB)


def a_file_that_has_gone_changes_nothing_and_the_reload_fails():
    with service_with_camera() as (_, first):
        CONFIG_PATH.unlink()
        fails("systemctl", "reload", SERVICE)
        gone = f"1 of 1 camera online; reload refused: {CONFIG_PATH}: No such file or directory"
        wait_until(lambda: show("StatusText") == gone, "the status of a file that has gone")
        assert names(first) == ["camera"], names(first)
        write_config(USB)
        run("systemctl", "reload", SERVICE)
        wait_until(lambda: show("StatusText") == "1 of 1 camera online", "the status of a good file")


def a_call_that_waits_is_answered_after_a_reload():
    with under_load() as (_, _), client() as one:
        asked = one.send_request("call", {"name": "sleep", "args": [1500], "camera": "camera", "timeout_ms": 20000})
        write_config(dict(USB, cameras=dict(USB["cameras"], second=SIMULATED)))
        run("systemctl", "reload", SERVICE)
        assert value(one.reply(asked)) is not None
        write_config(USB)
        run("systemctl", "reload", SERVICE)


prepare()
tap = Tap()
tap.run([
    a_camera_is_added_and_removed_while_another_is_asked_all_the_time,
    a_file_with_a_mistake_changes_nothing_and_the_reload_fails_with_its_line,
    a_file_that_is_no_json_changes_nothing,
    a_file_that_has_gone_changes_nothing_and_the_reload_fails,
    a_call_that_waits_is_answered_after_a_reload,
])
tap.finish()
