#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon and the camera's script, firmware/main.py, under genuine MicroPython: everything but the board."""

import base64
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "firmware"))
sys.dont_write_bytecode = True

from harness import BUILD, FIRMWARE_TESTS, check, check_equal, run  # noqa: E402
from openmvd import PATIENCE_S  # noqa: E402

SCENE_JPEG = (FIRMWARE_TESTS / "standins" / "scene.jpg").read_bytes()
QR_TEXT = 'the "largest" \\ code\n'
# Where a machine is busy, nothing here is to end by its deadline.
PATIENT_MS = 60000


def is_listening(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


def ask_daemon(path, requests):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENT_MS / 1000)
        client.connect(path)
        for number, params in enumerate(requests, 1):
            line = {"jsonrpc": "2.0", "id": number, "method": "call", "params": {"timeout_ms": PATIENT_MS, **params}}
            client.sendall(json.dumps(line).encode() + b"\n")
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as replies:
            return {reply["id"]: reply for reply in map(json.loads, replies)}


@contextlib.contextmanager
def daemon_for(camera):
    """A daemon that has this camera; yields the path of its socket."""
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "config.json"
        path = os.path.join(folder, "socket")
        link = {"type": "serial", "device": camera.path, "baud": 115200}
        config.write_text(json.dumps({"cameras": {"cam": {"link": link}}}))
        daemon = subprocess.Popen([str(BUILD / "openmvd"), "--config", str(config), "--socket", path])
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not is_listening(path):
                check(daemon.poll() is None, "the daemon ended with %s" % daemon.returncode)
                check(time.monotonic() < deadline, "nobody listens within %g s" % PATIENCE_S)
                time.sleep(0.01)
            yield path
        finally:
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
                raise


def daemon_asks_the_camera(camera):
    with daemon_for(camera) as path:
        names = ["face_detection", "all_qrcode_detection", "jpeg_snapshot"] * 20
        replies = ask_daemon(path, [{"name": name} for name in names])
        check_equal(len(replies), len(names))
        for number, name in enumerate(names, 1):
            check("result" in replies[number], "%s: %s" % (name, replies[number]))
            value = replies[number]["result"]["value"]
            if name == "face_detection":
                check_equal(value, {"x": 100, "y": 60, "w": 64, "h": 72})
            elif name == "all_qrcode_detection":
                check_equal([code["payload"] for code in value], ["small", QR_TEXT])
            else:
                check_equal(base64.b64decode(value), SCENE_JPEG)


def frames_of(path, count):
    """So many frames of the camera's stream, with a call in between each, and the values of those."""
    frames, values = [], []
    with socket.socket(socket.AF_UNIX) as viewer:
        viewer.settimeout(60)
        viewer.connect(path)
        params = {"stream": "jpeg_image_stream", "args": "sensor.RGB565,sensor.QVGA", "reply": "raw"}
        # It is not known yet what the camera has.
        viewer.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": params}).encode() + b"\n")
        with viewer.makefile("rb", buffering=0) as lines:
            reply = json.loads(lines.readline())
            check("result" in reply, reply)
        deadline = time.monotonic() + PATIENT_MS / 1000
        with viewer.makefile("rb") as events:
            while len(frames) < count:
                event = json.loads(events.readline())["params"]
                check(time.monotonic() < deadline, event)
                # A stream whose camera or reader was held up for a moment has failed, and is opened again.
                if "error" in event:
                    continue
                frames.append(events.read(event["value"]["raw"]))
                values.append(ask_daemon(path, [{"name": "jpeg_snapshot", "reply": "hex"}])[1])
    return frames, values


def daemon_streams_from_the_camera(camera):
    with daemon_for(camera) as path:
        frames, values = frames_of(path, 10)
        check_equal(set(frames), {SCENE_JPEG})
        for reply in values:
            check_equal(bytes.fromhex(reply["result"]["value"]), SCENE_JPEG)


def daemon_makes_a_stream_of_pictures(camera):
    with daemon_for(camera) as path:
        frames, _ = frames_of(path, 10)
        numbers = [int.from_bytes(frame[2:6], "little") for frame in frames]
        check(all(len(frame) == 8 for frame in frames), frames)
        check(numbers == sorted(set(numbers)), numbers)


GROUPS = [(link, ("--" + link,), [daemon_asks_the_camera, daemon_streams_from_the_camera]) for link in ("usb", "stdio", "uart")]
GROUPS.append(("pictures", ("--script", str(FIRMWARE_TESTS / "scripts" / "pictures.py")), [daemon_makes_a_stream_of_pictures]))

if __name__ == "__main__":
    sys.exit(run(GROUPS, programs=("openmvd", "openmvctl")))
