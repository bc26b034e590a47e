#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Thousands of calls through the daemon to a process with the stock camera's habits: none is wrong, and which may fail.

How fast they are is for the bench; what is asserted of time here is only what a busy machine cannot break.
"""

import base64
import os
import time

from cameras import CALLBACKS, StockCamera, blob, config_of, serial
from checked import KINDS, both_kinds
from openmvd import Daemon, Tap, error_in_the_call, is_sanitized, wait_for_camera

SCALE = 5 if is_sanitized() else 1

# A result that nobody could fetch for a second, since the daemon was held up, is lost. It is asked for again here.
PATIENT = {**CALLBACKS, "sleep": {**CALLBACKS["sleep"], "repeatable": True}}

# What a loss on the wire may end as.
LOSSES = {"not_delivered", "result_unknown"}


def thousands_of_calls_in_a_row_are_all_answered_and_right():
    count = 1000 // SCALE

    def each_ran_once(checked, camera):
        assert checked.calls == count and not checked.failed, (checked.camera, checked.failed)
        assert camera.summary["executions"]["count"] == checked.counts_asked, camera.summary
        # Each ran once, so no result was lost. Those of the reserved command, by which the line is cleared, are not counted.
        runs = sum(times for name, times in camera.summary["executions"].items() if name != "unknown")
        assert runs == count, camera.summary

    # More where there is time for them; a million are made in virtual time.
    for _ in range(6 if os.environ.get("CI") else 2):
        both_kinds(lambda checked: checked.check_many(count), each_ran_once)


def check_losses(checked, camera):
    """What has to hold with faults on the wire, whatever was asked."""
    injected = sum(camera.summary[way][what] for way in ("to_camera", "to_host") for what in ("dropped", "damaged"))
    assert injected > checked.calls / 50, f"the line had few faults: {camera.summary}"
    assert checked.failed.keys() <= LOSSES, (checked.camera, checked.failed)
    good = checked.calls - sum(checked.failed.values())
    assert good >= 0.98 * checked.calls, f"{checked.camera}: {good} of {checked.calls} succeed, {checked.failed}"


def with_one_percent_of_packets_bad_few_calls_fail_and_none_is_wrong():
    both_kinds(lambda checked: checked.check_many(3000 // SCALE), check_losses, "--drop", 5, "--damage", 5)


def what_must_not_run_twice_runs_at_most_once_with_faults_on_the_wire():
    def only_count(checked):
        for _ in range(1000 // SCALE):
            checked.check_count()

    def none_ran_twice(checked, camera):
        runs = camera.summary["executions"]["count"]
        answered = checked.counts_asked - sum(checked.failed.values())
        assert answered <= runs <= answered + checked.counts_unknown, (checked.camera, runs, answered, checked.failed)
        assert checked.failed.keys() <= LOSSES, (checked.camera, checked.failed)

    both_kinds(only_count, none_ran_twice, "--drop", 5, "--damage", 5, "--seed", 3)


def clients_that_ask_at_once_get_their_own_answers():
    with StockCamera("--gc-us", 700) as camera, Daemon(config=config_of(camera.path)) as daemon:
        clients = [daemon.client() for _ in range(8)]
        wait_for_camera(clients[0])
        asked = {}
        for turn in range(40):
            for client in clients:
                data = f"client {clients.index(client)}, call {turn}"
                number = client.send_request("call", {"name": "echo", "data": data, "encoding": "utf8", "timeout_ms": 600000})
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
            data = base64.b64encode(blob(size)).decode()
            value = client.result("call", {"name": "echo", "data": data, "timeout_ms": 600000})["value"]
            assert base64.b64decode(value) == blob(size), size


def answers_of_steady_callbacks_come_soon_after_they_are_due():
    for kind in KINDS:
        with StockCamera("--kind", kind, "--gc-us", 700) as camera, \
                Daemon(config=config_of(camera.path, callbacks=PATIENT)) as daemon, daemon.client() as client:
            wait_for_camera(client)
            for duration_ms, count in ((50, 12), (200, 6), (500, 4)):
                late_ms = []
                for _ in range(count):
                    begin = time.monotonic()
                    assert client.result("call", {"name": "sleep", "args": [duration_ms]})["value"] == [duration_ms]
                    late_ms.append(1000 * (time.monotonic() - begin) - duration_ms)
                assert min(late_ms) > -1, f"{kind}: an answer before its time: {late_ms}"
                # Polls that come at the wrong time do so in each call, and other programs do not take the processor in each.
                assert min(late_ms) < 100, f"{kind}, {duration_ms} ms: late by {late_ms} ms"


def a_callback_of_several_seconds_is_answered():
    with StockCamera("--kind", "vcp") as camera, Daemon(config=config_of(camera.path, callbacks=PATIENT)) as daemon, \
            daemon.client() as client:
        wait_for_camera(client)
        assert client.result("call", {"name": "sleep", "args": [3000], "timeout_ms": 60000})["value"] == [3000]
        assert client.result("cameras")[0]["state"] == "online"


def a_call_over_its_deadline_ends_in_time_and_the_next_one_is_right():
    with StockCamera("--kind", "uart") as uart, StockCamera("--kind", "vcp") as vcp:
        config = config_of(uart.path, cameras={"uart": serial(uart.path), "vcp": serial(vcp.path)})
        with Daemon(config=config) as daemon, daemon.client() as client:
            for kind in KINDS:
                wait_for_camera(client, kind)
            # Were the deadline not kept, the result would be there before the error.
            for kind in KINDS:
                error, _ = error_in_the_call(client, {"name": "sleep", "camera": kind, "args": [3000], "timeout_ms": 300})
                assert error["data"]["reason"] == "result_unknown", error
            # The old result is still to come: it must not be taken for the answer to this one.
            for kind in KINDS:
                value = client.result("call", {"name": "echo", "camera": kind, "data": "next", "encoding": "utf8"})["value"]
                assert base64.b64decode(value) == b"next", (kind, value)


tap = Tap()
tap.run([
    thousands_of_calls_in_a_row_are_all_answered_and_right,
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
