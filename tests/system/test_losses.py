#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cameras that are lost and return again and again under clients that never stop asking: no reply is wrong, missing or
doubled, errors tell the truth, and neither memory nor descriptors grow. LOSSES says how often; `make soak` takes more."""

import base64
import os
import signal
import struct
import tempfile
import threading
import time

from cameras import SimulatedCamera, config_of
from openmvd import PATIENCE_S, Daemon, Tap, is_sanitized, wait_for_camera, wait_until

LOSSES = int(os.environ.get("LOSSES", "150" if os.environ.get("CI") else "50"))

# What a call may end as while its camera comes and goes.
AWAY = {"camera_offline", "not_delivered", "result_unknown"}

# How long the camera is away. A call that waits has many times that.
AWAY_MS = 3
DEADLINE_MS = 20000

# Memory that comes and goes with the allocator, in kB.
NOISE_KB = 256


class Asker(threading.Thread):
    """A client that keeps several calls under way until it is told to stop: echoes of bytes of its own, sleeps that losses
    fall into, or a counter that shows what ran twice."""

    def __init__(self, daemon, name, depth):
        super().__init__(daemon=True)
        self.client = daemon.client()
        self.name = name
        self.depth = depth
        self.stopping = threading.Event()
        self.good = 0
        self.reasons = {}
        self.failure = None
        self.under_way = {}
        self.counts = set()
        self.empty = 0

    def ask(self):
        data = {"echo": f"echo {self.client.last_id + 1}".encode(), "sleep": struct.pack("<I", 4), "counter": b""}[self.name]
        params = {"name": self.name, "data": base64.b64encode(data).decode(), "timeout_ms": DEADLINE_MS, "reply": "base64"}
        self.under_way[self.client.send_request("call", params)] = data

    def take(self):
        reply = self.client.read()
        assert reply is not None, "the daemon closed the connection"
        data = self.under_way.pop(reply["id"], None)
        assert data is not None, f"a second reply, or one to nobody: {reply}"
        if "error" in reply:
            reason = reply["error"]["data"]["reason"]
            assert reason in AWAY, reply
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
            return
        if reply["result"]["value"] is None:
            self.empty += 1
            return
        value = base64.b64decode(reply["result"]["value"])
        if self.name == "counter":
            count = struct.unpack("<I", value)[0]
            assert count not in self.counts, f"{count} came twice"
            self.counts.add(count)
        else:
            assert value == data, f"{data} was answered by {reply}"
        self.good += 1

    def run(self):
        try:
            while not self.stopping.is_set() or self.under_way:
                while len(self.under_way) < self.depth and not self.stopping.is_set():
                    self.ask()
                if self.under_way:
                    self.take()
        except Exception as error:  # told by the test's own thread
            self.failure = error

    def finish(self):
        """Waits for all replies, and raises what went wrong."""
        self.stopping.set()
        self.join(2 * PATIENCE_S + DEADLINE_MS / 1000)
        if self.failure:
            raise self.failure
        assert not self.is_alive() and not self.under_way, f"{len(self.under_way)} requests of {self.name} have no reply"
        self.client.close()


def unplug(camera):
    """Unplugs the camera; returns when it is plugged in again, under another node behind the same link."""
    camera.send_signal(signal.SIGUSR1)
    assert camera.process.stdout.readline(), "the simulated camera ended"


def steps_of(client):
    return client.result("stats")["cameras"][0]["healing"]


def count_descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def is_back(steps):
    return steps["losses"] == steps["returns"]


def lose(camera, client, askers, times):
    """Unplugs the camera so often, each time after it has returned and all askers have got something."""
    for _ in range(times):
        wait_until(lambda: is_back(steps_of(client)), "the camera to return")
        before = [asker.good for asker in askers]
        wait_until(lambda: all(asker.good > had or asker.failure for asker, had in zip(askers, before)), "good answers")
        losses = steps_of(client)["losses"]
        unplug(camera)
        wait_until(lambda: steps_of(client)["losses"] > losses, "the loss to be seen")


def live_through_losses(*options):
    with tempfile.TemporaryDirectory(prefix="openmvd-test-") as folder:
        node = os.path.join(folder, "camera")
        with SimulatedCamera("--link", node, "--replug-after", AWAY_MS, *options) as camera, \
                Daemon("--log", "warning", config=config_of(node, callbacks={})) as daemon, daemon.client() as watching:
            wait_for_camera(watching)
            askers = [Asker(daemon, name, depth) for name, depth in (("echo", 16), ("sleep", 2), ("counter", 4))]
            for asker in askers:
                asker.start()
            # The first losses pay for what is allocated once.
            lose(camera, watching, askers, max(10, LOSSES // 5))
            descriptors, resident = count_descriptors(daemon), daemon.resident_kb()
            begun = time.monotonic()
            lose(camera, watching, askers, LOSSES)
            seconds = time.monotonic() - begun
            wait_for_camera(watching)
            grown = daemon.resident_kb() - resident
            for asker in askers:
                asker.finish()
            steps = steps_of(watching)
            reasons = {reason: sum(asker.reasons.get(reason, 0) for asker in askers) for reason in AWAY}
            print(f"# {LOSSES} losses in {seconds:.1f} s: {sum(asker.good for asker in askers)} good answers, "
                  f"{ {reason: count for reason, count in reasons.items() if count} }, {grown} kB grown, {steps}")
            assert steps["losses"] == steps["returns"] >= LOSSES, steps
            assert sum(asker.good for asker in askers) > LOSSES
            # A stock camera does not say what it answers, and one that this machine holds up for longer than lines are silent
            # (QUIET_MIN_US) gives the empty result of the reserved command late. With the extensions that does no harm.
            assert sum(asker.empty for asker in askers) <= (LOSSES / 20 if options else 0)
            # A loss ends the call under way and perhaps the first on a new link, and never those that only wait, of which
            # there are always many.
            assert sum(reasons.values()) <= 2 * steps["losses"], reasons
            # Nothing is repeatable here, and a camera with the extensions knows what it has run already.
            if not options:
                last = watching.result("call", {"name": "counter", "reply": "base64"})["value"]
                runs = struct.unpack("<I", base64.b64decode(last))[0] - 1
                lost = runs - len(askers[2].counts)
                assert 0 <= lost <= askers[2].reasons.get("result_unknown", 0), f"{lost} runs of the counter came to nobody"
            wait_until(lambda: count_descriptors(daemon) <= descriptors - len(askers) + 1, "the descriptors to be closed")
            if not is_sanitized():
                assert grown <= NOISE_KB, f"{grown} kB"


def a_camera_may_be_lost_as_often_as_it_likes():
    live_through_losses()


def a_stock_camera_may_be_lost_as_often_as_it_likes():
    live_through_losses("--stock")


def a_waiting_call_outlives_a_loss_that_is_shorter_than_its_deadline():
    with tempfile.TemporaryDirectory(prefix="openmvd-test-") as folder:
        node = os.path.join(folder, "camera")
        # However long this takes, it is a short loss.
        with SimulatedCamera("--link", node) as camera, \
                Daemon(config=config_of(node, healing={"offline_after_ms": 3600000})) as daemon, daemon.client() as client:
            wait_for_camera(client)
            camera.stop()
            wait_for_camera(client, "camera", "connecting")
            numbers = [client.send_request("call", {"name": "echo", "data": "YWJj", "timeout_ms": 60000}) for _ in range(20)]
            # One whose deadline is shorter than the loss ends by it.
            error = client.error("call", {"name": "echo", "data": "YWJj", "timeout_ms": 200})
            assert error["data"]["reason"] == "camera_offline" and error["data"]["cause"] == "timeout", error
            assert client.result("cameras")[0]["waiting"] == 20
            camera.start()
            for number in numbers:
                assert client.reply(number)["result"]["value"] == "YWJj"


tap = Tap()
tap.run([
    a_waiting_call_outlives_a_loss_that_is_shorter_than_its_deadline,
    a_camera_may_be_lost_as_often_as_it_likes,
    a_stock_camera_may_be_lost_as_often_as_it_likes,
])
tap.finish()
