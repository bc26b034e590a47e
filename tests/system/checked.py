# SPDX-License-Identifier: MIT
"""Clients whose every answer is checked, and what runs them at cameras of both kinds at the same time."""

import base64
import threading

from cameras import StockCamera, blob, config_of, serial
from lateness import Lateness
from openmvd import Daemon, SkipTest, wait_for_camera

KINDS = ("uart", "vcp")

# Stock cameras do not say which call they answer, so a line is trusted once it was silent for so long (QUIET_MIN_US). A camera
# that this machine holds up for longer answers later than one may.
QUIET_US = 25000
# They keep a result for a second. A daemon that is held up for longer than this, as the test beside it is then, may lose one.
PAUSE_S = 0.3
ATTEMPTS = 3


class Checked:
    """Calls of one client to one camera, whose answers are checked against what the camera has to say."""

    def __init__(self, client, camera="camera"):
        self.client = client
        self.camera = camera
        self.calls = 0
        self.failed = {}
        self.last_failure = None
        self.counted = 0
        self.counts_asked = 0
        self.counts_unknown = 0
        self.counts_unknown_since = 0

    def call(self, name, **params):
        """Returns the value, or None where the call failed, which is counted by its reason."""
        self.calls += 1
        reply = self.client.request("call", dict(params, name=name, camera=self.camera))
        if "result" in reply:
            assert reply["result"]["value"] is not None, f"an empty result is none of {name}"
            return reply["result"]["value"]
        reason = reply["error"]["data"]["reason"]
        self.failed[reason] = self.failed.get(reason, 0) + 1
        self.last_failure = reply["error"]
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
            unknown = self.last_failure["data"]["reason"] == "result_unknown"
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


def both_kinds(per_kind, judge, *options):
    """Runs per_kind(checked) for cameras of both kinds on one daemon, at the same time, and then judge(checked, camera) for each.
    What fails is only a failure where this machine has held up neither a camera nor the host."""
    for _ in range(ATTEMPTS):
        with Lateness() as late:
            failures, pairs = run_both_kinds(per_kind, *options)
        try:
            if failures:
                raise failures[0]
            for checked, camera in pairs:
                judge(checked, camera)
            return
        except AssertionError as failure:
            held_up_us = max(camera.summary["held_up_us"] for _, camera in pairs)
            if held_up_us < QUIET_US and late.seconds < PAUSE_S:
                raise
            print(f"# with a camera that was held up for {held_up_us} us, and a host for {late.seconds} s: {failure}", flush=True)
    raise SkipTest("this machine holds the cameras of the tests up")


def run_both_kinds(per_kind, *options):
    """Returns what was raised, and [(checked, camera)]."""
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
    return failures, list(zip(all_checked, (uart, vcp)))
