#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A camera that goes and comes back, on a pseudo-terminal: what waits, what fails, and how soon it is there again."""

import os
import subprocess
import tempfile
import time

from openmvd import PATIENCE_S, Daemon, Tap, begin_call, program, wait_for_camera, wait_until

CALLBACKS = {"sleep": {"args": {"format": "<I"}, "result": {"format": "<I"}}}

folder = tempfile.TemporaryDirectory(prefix="openmvd-test-")
node = os.path.join(folder.name, "camera")


class Camera:
    """openmv-sim behind a node of a fixed name, so that it can be unplugged and plugged in again."""

    def __init__(self, *options, node=node):
        self.options = options
        self.node = node

    def __enter__(self):
        self.process = subprocess.Popen([program("openmv-sim"), *self.options], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.path = self.process.stdout.readline().strip()
        os.symlink(self.path, self.node)
        return self

    def __exit__(self, *_):
        os.unlink(self.node)
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()


def config_of(device, **others):
    return {"cameras": {"camera": {"link": {"type": "serial", "device": device}}}, "callbacks": CALLBACKS, **others}


daemon = Daemon(config=config_of(node)).start()


def reason_of(reply):
    return reply["error"]["data"]["reason"]


def be_busy(client, name, **params):
    number = client.send_request("call", dict(params, name=name))
    wait_until(lambda: client.result("cameras")[0]["busy"], "the camera to be busy")
    return number


def a_call_waits_while_the_camera_is_connecting():
    with daemon.client() as client:
        number = client.send_request("call", {"name": "face_detection", "timeout_ms": 20000})
        with Camera():
            assert "result" in client.reply(number)


def a_lost_call_ends_and_a_waiting_one_outlives_the_loss():
    other = os.path.join(folder.name, "lost")
    # However long this takes, it is a short loss.
    with Daemon(config=config_of(other, healing={"offline_after_ms": 3600000})) as own, own.client() as client:
        with Camera(node=other):
            client.result("call", {"name": "face_detection", "timeout_ms": 20000})
            running = begin_call(client, {"name": "sleep", "args": [50000], "timeout_ms": 600000})
            waiting = client.send_request("call", {"name": "face_detection", "timeout_ms": 600000})
        wait_for_camera(client, state="connecting")
        error = client.error("call", {"name": "qrcode_detection", "timeout_ms": 300})
        assert error["data"]["reason"] == "camera_offline" and error["data"]["cause"] == "timeout", error
        assert client.result("cameras")[0]["state"] == "connecting"
        # Another camera knows nothing of it.
        with Camera(node=other):
            assert reason_of(client.reply(running)) == "result_unknown"
            assert "result" in client.reply(waiting)


def an_offline_camera_fails_calls_at_once_and_waits_where_asked():
    with daemon.client() as client:
        row = wait_for_camera(client, state="offline")
        assert row["reason"], row
        begin = time.monotonic()
        reply = client.request("call", {"name": "face_detection"})
        assert reason_of(reply) == "camera_offline" and time.monotonic() - begin < 5, "it has waited for half of its timeout"
        number = client.send_request("call", {"name": "face_detection", "wait": True, "timeout_ms": 20000})
        with Camera():
            assert "result" in client.reply(number)


def a_subscription_waits_for_an_offline_camera_until_its_deadline_where_asked():
    with daemon.client() as patient, daemon.client() as impatient, daemon.client() as short:
        wait_for_camera(patient, state="offline")
        params = {"name": "face_detection", "interval_ms": 60000}
        patient.result("subscribe", {**params, "wait": True, "timeout_ms": 30000})
        wait_until(lambda: patient.result("cameras")[0]["waiting"] == 1, "its call to wait")
        # They share the call that waits, and one does not want to.
        impatient.result("subscribe", params)
        assert impatient.event()["error"]["data"]["reason"] == "camera_offline"
        begin = time.monotonic()
        short.result("subscribe", {"name": "qrcode_detection", "interval_ms": 20, "wait": True, "timeout_ms": 300})
        error = short.event()["error"]["data"]
        assert error["reason"] == "camera_offline" and error["cause"] == "timeout", error
        assert time.monotonic() - begin > 0.2, "its deadline had not passed"
        assert not patient.is_readable()
        with Camera():
            # Not a minute later.
            assert patient.event()["value"] is not None and impatient.event()["value"] is not None


def first_frame_of(client):
    """The first event with a value. That the camera, which is held up, is slow to stream may be told before; that it is away may
    not."""
    while (event := client.event())["value"] is None:
        assert event["error"]["data"]["reason"] != "camera_offline", event
    return event


def a_stream_waits_for_an_offline_camera_where_asked():
    with daemon.client() as patient, daemon.client() as impatient:
        wait_for_camera(patient, state="offline")
        params = {"stream": "jpeg_image_stream", "args": "sensor.RGB565,sensor.QVGA"}
        patient.result("subscribe", {**params, "wait": True, "timeout_ms": 30000})
        wait_until(lambda: patient.result("cameras")[0]["waiting"] == 1, "its opening to wait")
        impatient.result("subscribe", params)
        assert impatient.event()["error"]["data"]["reason"] == "camera_offline"
        assert not patient.is_readable()
        with Camera():
            assert first_frame_of(patient) and first_frame_of(impatient)


def what_a_camera_has_said_lately_will_do_for_subscriptions_while_it_is_away():
    with daemon.client() as client:
        with Camera():
            wait_for_camera(client)
            value = client.result("call", {"name": "face_detection"})["value"]
        wait_for_camera(client, state="offline")
        client.result("subscribe", {"name": "face_detection", "interval_ms": 20, "max_age_ms": 60000})
        for _ in range(3):
            event = client.event()
            assert event["value"] == value, event


def a_repeatable_call_is_asked_again_after_a_loss():
    with daemon.client() as client:
        with Camera("--delay", "5000"):
            wait_for_camera(client)
            number = be_busy(client, "jpeg_snapshot", timeout_ms=20000)
        with Camera():
            assert "result" in client.reply(number)


def release_answers_when_the_port_is_free():
    with Camera() as camera, daemon.client() as client:
        # It may not have noticed yet that the camera of the test before has gone.
        wait_until(lambda: daemon.has_open(camera.path), "the port to be open")
        wait_for_camera(client)
        assert client.result("release") is True
        assert not daemon.has_open(camera.path)
        assert client.result("acquire") is True
        assert "value" in client.result("call", {"name": "face_detection", "timeout_ms": 20000})
        assert daemon.has_open(camera.path)


def a_port_lent_for_a_time_comes_back_by_itself():
    with Camera() as camera, daemon.client() as client:
        wait_for_camera(client)
        assert client.result("release", {"for_ms": 600000}) is True
        row = wait_for_camera(client, "camera", "released")
        assert 0 < row["returns_in_ms"] <= 600000, row
        assert not daemon.has_open(camera.path)
        # Whoever has connected meanwhile stays connected.
        assert client.error("call", {"name": "face_detection"})["data"]["reason"] == "released"
        begun = time.monotonic()
        assert client.result("release", {"for_ms": 700}) is True
        row = wait_for_camera(client)
        assert time.monotonic() - begun >= 0.7 and row["returns_in_ms"] is None, row
        assert daemon.has_open(camera.path)


def the_last_release_decides_when_a_port_comes_back():
    with Camera(), daemon.client() as client:
        wait_for_camera(client)
        assert client.result("release", {"for_ms": 200}) is True
        assert client.result("release") is True
        assert client.result("cameras")[0]["returns_in_ms"] is None
        assert client.result("release", {"for_ms": 86400000}) is True
        assert client.result("cameras")[0]["returns_in_ms"] > 80000000
        assert client.result("acquire") is True
        assert wait_for_camera(client)["returns_in_ms"] is None
        for wrong in (0, -1, 86400001, "1m"):
            assert client.error("release", {"for_ms": wrong})["data"]["reason"] == "invalid_params"


HELPERS = ("config_of", "reason_of", "be_busy", "Camera", "first_frame_of")
tap = Tap()
tap.run([test for name, test in list(globals().items())
         if callable(test) and getattr(test, "__module__", "") == "__main__" and name not in HELPERS])


def the_daemon_ends_well_after_all_that():
    assert daemon.stop() == 0


tap.run([the_daemon_ends_well_after_all_that])
tap.finish()
