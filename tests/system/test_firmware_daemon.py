#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon and the camera's script, firmware/main.py, under genuine MicroPython: everything but the board."""

import base64
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

SCENE_JPEG = (FIRMWARE_TESTS / "standins" / "scene.jpg").read_bytes()
QR_TEXT = 'the "largest" \\ code\n'


def is_listening(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


def ask_daemon(path, requests):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(path)
        for number, params in enumerate(requests, 1):
            line = {"jsonrpc": "2.0", "id": number, "method": "call", "params": params}
            client.sendall(json.dumps(line).encode() + b"\n")
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as replies:
            return {reply["id"]: reply for reply in map(json.loads, replies)}


def daemon_asks_the_camera(camera):
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "config.json"
        path = os.path.join(folder, "socket")
        link = {"type": "serial", "device": camera.path, "baud": 115200}
        config.write_text(json.dumps({"cameras": {"cam": {"link": link}}}))
        daemon = subprocess.Popen([str(BUILD / "openmvd"), "--config", str(config), "--socket", path])
        try:
            deadline = time.monotonic() + 10
            while not is_listening(path):
                check(daemon.poll() is None, "the daemon ended with %s" % daemon.returncode)
                check(time.monotonic() < deadline, "nobody listens within 10 s")
                time.sleep(0.01)
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
        finally:
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
                raise


GROUPS = [(link, ("--" + link,), [daemon_asks_the_camera]) for link in ("usb", "stdio", "uart")]

if __name__ == "__main__":
    sys.exit(run(GROUPS, programs=("openmvd", "openmvctl")))
