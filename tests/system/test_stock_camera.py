#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Thousands of calls through the daemon to a process with the stock camera's habits: none is wrong, and which may fail.

How fast they are is for the bench; what is asserted of time here is only what a busy machine cannot break.
"""

import base64
import statistics
import subprocess
import sys
import threading
import time

from cameras import StockCamera, blob, config_of, serial
from openmvd import PATIENCE_S, Daemon, Tap, is_sanitized, wait_for_camera

SCALE = 5 if is_sanitized() else 1
KINDS = ("uart", "vcp")

# What a loss on the wire may end as.
LOSSES = {"not_delivered", "result_unknown"}


class Checked:
    """Calls of one client to one camera, whose answers are checked against what the camera has to say."""

    def __init__(self, client, camera="camera"):
        self.client = client
        self.camera = camera
        self.calls = 0
        self.failed = {}
        self.counted = 0
        self.counts_asked = 0
        self.counts_unknown = 0
        self.counts_unknown_since = 0

    def call(self, name, **params):
        """Returns the value, or None where the call failed, which is counted by its reason."""
        self.calls += 1
        reply = self.client.request("call", dict(params, name=name, camera=self.camera))
        if "result" in reply:
            return reply["result"]["value"]
        reason = reply["error"]["data"]["reason"]
        self.failed[reason] = self.failed.get(reason, 0) + 1
        self.last_reason = reason
        return None

    def check_echo(self):
        data = b"%s %d %s" % (self.camera.encode(), self.calls, b"x" * (self.calls % 40))
        value = self.call("echo", data=base64.b64encode(data).decode())
        assert value is None or base64.b64decode(value) == data, (value, data)

    def check_blob(self):
        size = 1 + self.calls * 37 % 3000
        value = self.call("blob", args=[size])
        assert value is None or base64.b64decode(value) == blob(size), (size, value)

    def check_face(self):
        value = self.call("face_detection")
        assert value is None or (value.keys() == {"x", "y", "w", "h"} and value["w"] == value["h"] == 40), value

    def check_count(self):
        """Each run of the camera's `count` gives the next number, so that one that ran twice, or late, shows."""
        self.counts_asked += 1
        value = self.call("count")
        if value is None:
            unknown = self.last_reason == "result_unknown"
            self.counts_unknown += unknown
            self.counts_unknown_since += unknown
            return
        runs = value[0] - self.counted
        assert 1 <= runs <= 1 + self.counts_unknown_since, \
            f"{runs} runs for one call and {self.counts_unknown_since} of unknown result before it"
        self.counted = value[0]
        self.counts_unknown_since = 0

    def check_many(self, count):
        checks = (self.check_echo, self.check_count, self.check_echo, self.check_face, self.check_echo, self.check_blob)
        for i in range(count):
            checks[i % len(checks)]()


def both_kinds(per_kind, *options):
    """Runs per_kind(checked) for cameras of both kinds on one daemon, at the same time; returns [(checked, camera)]."""
    options = ("--gc-us", 700, *options)
    failures = []

    def run(checked):
        try:
            per_kind(checked)
        except BaseException as failure:
            failures.append(failure)

    with StockCamera("--kind", "uart", *options) as uart, StockCamera("--kind", "vcp", *options) as vcp:
        config = config_of(uart.path, cameras={"uart": serial(uart.path), "vcp": serial(vcp.path)})
        with Daemon(config=config) as daemon:
            all_checked = []
            threads = []
            for kind in KINDS:
                client = daemon.client()
                wait_for_camera(client, kind)
                all_checked.append(Checked(client, kind))
                threads.append(threading.Thread(target=run, args=(all_checked[-1],)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for checked in all_checked:
                checked.client.close()
    if failures:
        raise failures[0]
    return list(zip(all_checked, (uart, vcp)))


def ten_thousand_calls_in_a_row_are_all_answered_and_right():
    count = 10000 // SCALE
    for checked, camera in both_kinds(lambda checked: checked.check_many(count)):
        assert checked.calls == count and not checked.failed, (checked.camera, checked.failed)
        assert camera.summary["executions"]["count"] == checked.counts_asked, camera.summary
        assert camera.summary["results_dropped"] == 0, camera.summary


def with_four_busy_loops_beside_it_nothing_fails():
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        for checked, camera in both_kinds(lambda checked: checked.check_many(750 // SCALE)):
            assert not checked.failed, (checked.camera, checked.failed)
            assert camera.summary["executions"]["count"] == checked.counts_asked, camera.summary
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def check_losses(checked, camera):
    """What has to hold with faults on the wire, whatever was asked."""
    injected = sum(camera.summary[way][what] for way in ("to_camera", "to_host") for what in ("dropped", "damaged"))
    assert injected > checked.calls / 50, f"the line had few faults: {camera.summary}"
    assert checked.failed.keys() <= LOSSES, (checked.camera, checked.failed)
    good = checked.calls - sum(checked.failed.values())
    assert good >= 0.98 * checked.calls, f"{checked.camera}: {good} of {checked.calls} succeed, {checked.failed}"


def with_one_percent_of_packets_bad_few_calls_fail_and_none_is_wrong():
    for checked, camera in both_kinds(lambda checked: checked.check_many(3000 // SCALE), "--drop", 5, "--damage", 5):
        check_losses(checked, camera)


def what_must_not_run_twice_runs_at_most_once_with_faults_on_the_wire():
    def only_count(checked):
        for _ in range(1000 // SCALE):
            checked.check_count()

    for checked, camera in both_kinds(only_count, "--drop", 5, "--damage", 5, "--seed", 3):
        runs = camera.summary["executions"]["count"]
        answered = checked.counts_asked - sum(checked.failed.values())
        assert answered <= runs <= answered + checked.counts_unknown, (checked.camera, runs, answered, checked.failed)
        assert checked.failed.keys() <= LOSSES, (checked.camera, checked.failed)


def clients_that_ask_at_once_get_their_own_answers():
    with StockCamera("--gc-us", 700) as camera, Daemon(config=config_of(camera.path)) as daemon:
        clients = [daemon.client() for _ in range(8)]
        wait_for_camera(clients[0])
        asked = {}
        for turn in range(40):
            for client in clients:
                data = f"client {clients.index(client)}, call {turn}"
                number = client.send_request("call", {"name": "echo", "data": data, "encoding": "utf8"})
                asked[client, number] = data
        for (client, number), data in asked.items():
            reply = client.reply(number)
            assert base64.b64decode(reply["result"]["value"]) == data.encode(), (reply, data)
        for client in clients:
            client.close()


def a_megabyte_comes_whole():
    for kind in KINDS:
        with StockCamera("--kind", kind, "--memory", 4000000) as camera, Daemon(config=config_of(camera.path)) as daemon, \
                daemon.client() as client:
            wait_for_camera(client)
            for size in (1, 65536, 1000000, 1048576):
                result = client.result("call", {"name": "blob", "args": [size]})
                assert result["bytes"] == size and base64.b64decode(result["value"]) == blob(size), (kind, size)
            number = client.send_request("call", {"name": "blob", "args": [1000000], "reply": "raw"})
            line = client.read()
            assert line["id"] == number and line["result"]["value"] == {"raw": 1000000}, line
            assert client.read_bytes(1000000) == blob(1000000), kind


def a_result_over_the_limit_is_too_large_and_the_next_one_is_right():
    for kind in KINDS:
        with StockCamera("--kind", kind, "--memory", 4000000) as camera, Daemon(config=config_of(camera.path)) as daemon, \
                daemon.client() as client:
            wait_for_camera(client)
            for size in (1048577, 3000000):
                error = client.error("call", {"name": "blob", "args": [size]})
                assert error["code"] == -32007 and error["data"]["reason"] == "too_large", (kind, size, error)
                value = client.result("call", {"name": "blob", "args": [1000]})["value"]
                assert base64.b64decode(value) == blob(1000), (kind, size)
            assert client.result("cameras")[0]["state"] == "online"


def a_megabyte_of_argument_comes_back():
    with StockCamera("--kind", "vcp", "--memory", 4000000) as camera, Daemon(config=config_of(camera.path)) as daemon, \
            daemon.client() as client:
        wait_for_camera(client)
        for size in (10000, 700000):
            value = client.result("call", {"name": "echo", "data": base64.b64encode(blob(size)).decode()})["value"]
            assert base64.b64decode(value) == blob(size), size


def answers_of_steady_callbacks_come_soon_after_they_are_due():
    for kind in KINDS:
        with StockCamera("--kind", kind, "--gc-us", 700) as camera, Daemon(config=config_of(camera.path)) as daemon, \
                daemon.client() as client:
            wait_for_camera(client)
            for duration_ms, count in ((50, 12), (200, 6), (500, 4)):
                late_ms = []
                for _ in range(count):
                    begin = time.monotonic()
                    assert client.result("call", {"name": "sleep", "args": [duration_ms]})["value"] == [duration_ms]
                    late_ms.append(1000 * (time.monotonic() - begin) - duration_ms)
                assert min(late_ms) > -1, f"{kind}: an answer before its time: {late_ms}"
                assert statistics.median(late_ms) < 100, f"{kind}, {duration_ms} ms: late by {late_ms} ms"


def a_callback_of_several_seconds_is_answered():
    with StockCamera("--kind", "vcp") as camera, Daemon(config=config_of(camera.path)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        assert client.result("call", {"name": "sleep", "args": [3000]})["value"] == [3000]
        assert client.result("cameras")[0]["state"] == "online"


def a_call_over_its_deadline_ends_in_time_and_the_next_one_is_right():
    for kind in KINDS:
        with StockCamera("--kind", kind) as camera, Daemon(config=config_of(camera.path)) as daemon, daemon.client() as client:
            wait_for_camera(client)
            begin = time.monotonic()
            error = client.error("call", {"name": "sleep", "args": [1500], "timeout_ms": 300})
            assert error["data"]["reason"] == "result_unknown", error
            assert time.monotonic() - begin < min(1.4, PATIENCE_S), "the deadline was not kept"
            # The old result is still to come: it must not be taken for the answer to this one.
            value = client.result("call", {"name": "echo", "data": "next", "encoding": "utf8"})["value"]
            assert base64.b64decode(value) == b"next", (kind, value)


tap = Tap()
tap.run([
    ten_thousand_calls_in_a_row_are_all_answered_and_right,
    with_four_busy_loops_beside_it_nothing_fails,
    with_one_percent_of_packets_bad_few_calls_fail_and_none_is_wrong,
    what_must_not_run_twice_runs_at_most_once_with_faults_on_the_wire,
    clients_that_ask_at_once_get_their_own_answers,
    a_megabyte_comes_whole,
    a_result_over_the_limit_is_too_large_and_the_next_one_is_right,
    a_megabyte_of_argument_comes_back,
    answers_of_steady_callbacks_come_soon_after_they_are_due,
    a_callback_of_several_seconds_is_answered,
    a_call_over_its_deadline_ends_in_time_and_the_next_one_is_right,
])
tap.finish()
