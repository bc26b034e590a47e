#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cameras of the stock kind that vanish and return under their clients, and a daemon that is stopped while it works."""

import base64
import os
import signal
import tempfile
import time

from cameras import SimulatedCamera, StockCamera, config_of, serial
from openmvd import PATIENCE_S, Daemon, Tap, Within, begin_call, wait_for_camera, wait_until

NUMBER = {"format": "<I"}

# What a call may end as while its camera is away.
AWAY = {"camera_offline", "not_delivered", "result_unknown"}

# Calls while a camera is away are tried this often, and each gives up after this time.
SHORT_MS = 300

folder = tempfile.TemporaryDirectory(prefix="openmvd-test-")
node = os.path.join(folder.name, "camera")


def echo(client, number):
    """Calls once; returns the reason of a failure or None. A wrong answer is an assertion."""
    data = f"echo {number}"
    reply = client.request("call", {"name": "echo", "data": data, "encoding": "utf8", "timeout_ms": SHORT_MS})
    if "error" in reply:
        return reply["error"]["data"]["reason"]
    assert base64.b64decode(reply["result"]["value"]) == data.encode(), reply
    return None


def call_until(client, is_over, what):
    """Calls until is_over(reason of a failure or None); checks that meanwhile nothing ends in a way that it may not."""
    end = time.monotonic() + PATIENCE_S
    number = 0
    while True:
        reason = echo(client, number)
        assert reason is None or reason in AWAY, reason
        if is_over(reason):
            return
        assert time.monotonic() < end, f"waited in vain for {what}; the last call: {reason}"
        number += 1


def call_until_good(client, what):
    call_until(client, lambda reason: reason is None, what)


def losses(client):
    return client.result("stats")["cameras"][0]["healing"]["losses"]


def a_camera_that_dies_and_returns_is_served_again():
    for kind in ("uart", "vcp"):
        with StockCamera("--kind", kind, "--link", node) as camera, Daemon(config=config_of(node)) as daemon:
            clients = [daemon.client() for _ in range(3)]
            call_until_good(clients[0], "the first answer")
            for number in (signal.SIGKILL, signal.SIGTERM):
                if number == signal.SIGKILL:
                    # As udev does. The pty's own path may soon be somebody else's.
                    os.unlink(node)
                camera.send_signal(number)
                camera.process.wait(PATIENCE_S)
                call_until(clients[0], lambda reason: reason, "the loss to be seen")
                row = wait_until(lambda: [row for row in clients[1].result("cameras") if row["state"] != "online"],
                                 "the camera not to be online")[0]
                assert row["reason"], row
                camera.stop()
                camera.start()
                returned = time.monotonic()
                call_until_good(clients[0], "the camera to serve again")
                assert time.monotonic() - returned < 10, "service came back late"
                assert clients[1].result("ping") == "pong"
            for client in clients:
                call_until_good(client, "every client to be served again")
                client.close()


def a_camera_that_is_unplugged_and_plugged_in_again_is_served_again():
    with SimulatedCamera("--link", node, "--replug-after", 700) as camera, Daemon(config=config_of(node)) as daemon, \
            daemon.client() as busy, daemon.client() as idle:
        call_until_good(busy, "the first answer")
        for _ in range(3):
            before = losses(idle)
            camera.send_signal(signal.SIGUSR1)
            call_until(busy, lambda _: losses(idle) > before, "the loss to be seen")
            call_until_good(busy, "the camera to serve again")
        assert idle.result("ping") == "pong"
        wait_for_camera(idle)


def a_call_that_waits_outlives_the_change_of_cameras():
    with Daemon(config=config_of(node)) as daemon, daemon.client() as client:
        with StockCamera("--link", node):
            call_until_good(client, "the first answer")
        waiting = [client.send_request("call", {"name": "echo", "data": f"{i}", "encoding": "utf8", "wait": True,
                                                "timeout_ms": 20000}) for i in range(5)]
        with StockCamera("--link", node):
            for i, number in enumerate(waiting):
                assert base64.b64decode(client.reply(number)["result"]["value"]) == str(i).encode()


def what_may_have_run_is_not_run_again_after_a_loss():
    with Daemon(config=config_of(node)) as daemon, daemon.client() as client:
        with StockCamera("--link", node) as camera:
            call_until_good(client, "the first answer")
            number = begin_call(client, {"name": "sleep", "args": [50000], "timeout_ms": 600000})
            camera.stop()
            assert camera.summary["executions"]["sleep"] == 1, camera.summary
        with StockCamera("--link", node) as camera:
            assert client.reply(number)["error"]["data"]["reason"] == "result_unknown"
            call_until_good(client, "the camera to serve again")
            camera.stop()
            assert camera.summary["executions"]["sleep"] == 0, camera.summary


def a_call_that_the_camera_was_at_ends_when_the_loss_is_not_a_short_one():
    with SimulatedCamera("--link", node, "--replug-after", 600000) as camera, Daemon(config=config_of(node)) as daemon, \
            daemon.client() as client:
        call_until_good(client, "the first answer")
        number = begin_call(client, {"name": "sleep", "args": [50000], "timeout_ms": 600000})
        camera.send_signal(signal.SIGUSR1)
        data = client.reply(number)["error"]["data"]
        assert data["reason"] == "result_unknown" and data["cause"] == "link_gone", data


def a_repeatable_call_that_the_camera_was_at_is_made_again_after_any_loss():
    config = dict(config_of(node), healing={"offline_after_ms": 500})
    config["callbacks"] = dict(config.get("callbacks", {}), sleep={"args": NUMBER, "result": NUMBER, "repeatable": True})
    for options in ((), ("--stock",)):
        with SimulatedCamera("--link", node, "--replug-after", 600000, *options) as camera, Daemon(config=config) as daemon, \
                daemon.client() as client, daemon.client() as other:
            call_until_good(client, "the first answer")
            number = begin_call(client, {"name": "sleep", "args": [3000], "timeout_ms": 600000})
            camera.send_signal(signal.SIGUSR1)
            wait_for_camera(other, state="offline")
            assert not client.is_readable(), client.read()
            camera.send_signal(signal.SIGUSR1)
            assert client.reply(number)["result"]["value"] == [3000]


def one_camera_may_be_away_while_the_other_works():
    with StockCamera("--gc-us", 700) as camera:
        config = config_of(node, cameras={"here": serial(camera.path), "away": serial(node)})
        with Daemon(config=config) as daemon, daemon.client() as client:
            wait_for_camera(client, "here")
            # More than the three seconds for which a camera counts as new, so that `away` goes through all its states.
            wait_for_camera(client, "away", "offline")
            for i in range(200):
                data = str(i)
                value = client.result("call", {"name": "echo", "data": data, "encoding": "utf8", "camera": "here"})["value"]
                assert base64.b64decode(value) == data.encode()
                if i % 20 == 0:
                    reason = client.error("call", {"name": "echo", "camera": "away"})["data"]["reason"]
                    assert reason == "camera_offline", reason


def stop_with_requests(number):
    with StockCamera("--gc-us", 700) as camera:
        with Daemon(config=config_of(camera.path)) as daemon:
            clients = [daemon.client() for _ in range(3)]
            wait_for_camera(clients[0])
            asked = {(client, client.send_request("call", {"name": "count"})) for _ in range(10) for client in clients}
            slow = clients[0].send_request("call", {"name": "sleep", "args": [100]})
            # For what takes two seconds it does not wait (stop_patience), and a stock camera keeps a result for one.
            with Within(1) as in_time:
                daemon.process.send_signal(number)
                values = set()
                for client in clients:
                    while (message := client.read()) is not None:
                        assert "result" in message, message
                        if (client, message["id"]) in asked:
                            asked.remove((client, message["id"]))
                            values.add(message["result"]["value"][0])
                        else:
                            assert client is clients[0] and message["id"] == slow, message
                            assert message["result"]["value"] == [100], message
                            slow = None
                    client.close()
                assert not asked and slow is None, f"{len(asked)} requests have no reply"
                assert values == set(range(1, 31)), values
            assert daemon.process.wait(PATIENCE_S) == 0
            assert not os.path.exists(daemon.path)
        camera.stop()
        assert not in_time or camera.summary["executions"]["count"] == 30, camera.summary
    return in_time


def accepted_requests_are_answered_at_the_end():
    """on SIGTERM and SIGINT accepted requests are answered, each having run once, and the daemon ends well"""
    for number in (signal.SIGTERM, signal.SIGINT):
        wait_until(lambda number=number: stop_with_requests(number), "a stop in time")


tap = Tap()
tap.run([
    a_camera_that_dies_and_returns_is_served_again,
    a_camera_that_is_unplugged_and_plugged_in_again_is_served_again,
    a_call_that_waits_outlives_the_change_of_cameras,
    what_may_have_run_is_not_run_again_after_a_loss,
    a_call_that_the_camera_was_at_ends_when_the_loss_is_not_a_short_one,
    a_repeatable_call_that_the_camera_was_at_is_made_again_after_any_loss,
    one_camera_may_be_away_while_the_other_works,
    accepted_requests_are_answered_at_the_end,
])
tap.finish()
