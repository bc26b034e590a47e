#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ports that cannot be had, and ports behind which something else talks: what is said of them, and that other cameras go
on meanwhile."""

import base64
import os
import subprocess
import sys
import tempfile

from cameras import HostilePort, StockCamera, serial
from openmvd import Daemon, Tap, wait_until

# A second of silence is enough to ask why.
QUICK = {"silent_after_ms": 500, "offline_after_ms": 1000}

TEXTS = {
    "prompt": (b"\r\nMicroPython v1.27.0 on 2025-12-10; JS with Emscripten\r\n>>> ", "at its MicroPython prompt"),
    "login": (b"\r\nraspberrypi login: ", "a Linux login prompt"),
    "text": (b"fps: 31.2\r\nfps: 30.9\r\n", "text comes instead"),
    "zeros": (b"\0" * 64, "only zeros come"),
    "noise": (bytes(range(128, 256)), "no answer"),
}


def reason_of(client, name):
    return [row["reason"] or "" for row in client.result("cameras") if row["name"] == name][0]


def wait_for_reason(client, name, words):
    return wait_until(lambda: words in reason_of(client, name) and reason_of(client, name),
                      f"{words!r} of {name}; now: {reason_of(client, name)}")


def works(client):
    value = client.result("call", {"name": "echo", "camera": "good", "data": "hello", "encoding": "utf8"})["value"]
    assert base64.b64decode(value) == b"hello", value


def ports_that_cannot_be_had_are_told_with_the_cure_while_others_work():
    with tempfile.TemporaryDirectory() as folder, StockCamera() as good:
        missing = os.path.join(folder, "missing")
        regular = os.path.join(folder, "regular")
        with open(regular, "w", encoding="ascii"):
            pass
        dangling = os.path.join(folder, "dangling")
        os.symlink(missing, dangling)
        cameras = {"good": serial(good.path), "missing": serial(missing), "dangling": serial(dangling),
                   "regular": serial(regular), "null": serial("/dev/null"), "folder": serial(folder)}
        said = {"missing": "does not exist: is the camera plugged in", "dangling": "does not exist",
                "regular": "is not a serial port", "null": "is not a serial port", "folder": "Is a directory"}
        with Daemon(config={"cameras": cameras}) as daemon, daemon.client() as client:
            for name, words in said.items():
                reason = wait_for_reason(client, name, words)
                assert cameras[name]["link"]["device"] in reason, reason
            works(client)
            error = client.error("call", {"name": "echo", "camera": "missing", "timeout_ms": 300})
            assert error["data"]["reason"] == "camera_offline" and "does not exist" in error["message"], error


def the_program_that_holds_a_port_is_named():
    holding = "import fcntl, os, sys, termios; f = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); " \
              "fcntl.ioctl(f, termios.TIOCEXCL); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
    with StockCamera() as good, StockCamera() as camera:
        with subprocess.Popen([sys.executable, "-c", holding, camera.path], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as holder:
            assert holder.stdout.readline() == b"held\n"
            with open(f"/proc/{holder.pid}/comm", encoding="ascii") as file:
                name = file.read().strip()
            config = {"cameras": {"good": serial(good.path), "busy": serial(camera.path)}}
            with Daemon(config=config) as daemon, daemon.client() as client:
                reason = wait_for_reason(client, "busy", "is in use by")
                assert f"{name} (pid {holder.pid})" in reason, reason
                works(client)
                holder.stdin.close()
                wait_until(lambda: reason_of(client, "busy") == "", "the port to be had once it is free")


def two_cameras_cannot_share_a_port_by_two_names():
    with tempfile.TemporaryDirectory() as folder, StockCamera() as camera:
        other = os.path.join(folder, "other")
        os.symlink(camera.path, other)
        config = {"cameras": {"one": serial(camera.path), "two": serial(other)}}
        with Daemon(config=config) as daemon, daemon.client() as client:
            wait_until(lambda: sorted("in use" in reason_of(client, name) for name in ("one", "two")) == [False, True],
                       "one of them to be refused")


def what_talks_instead_of_a_camera_is_named():
    for name, (text, words) in TEXTS.items():
        def speak(port, text=text):
            if port.read():
                port.write(text)
        with HostilePort(speak) as port:
            config = {"cameras": {"odd": serial(port.path)}, "healing": QUICK}
            with Daemon(config=config) as daemon, daemon.client() as client:
                reason = wait_for_reason(client, "odd", words)
                assert reason.startswith(f"no answer from {port.path}"), f"{name}: {reason}"


def an_echo_is_named():
    with HostilePort(lambda port: port.write(port.read())) as port:
        with Daemon(config={"cameras": {"odd": serial(port.path)}, "healing": QUICK}) as daemon, daemon.client() as client:
            wait_for_reason(client, "odd", "all that is sent comes back")


def another_program_on_a_silent_port_is_named():
    """a program that has a silent port open as well is named, as a login shell would be"""
    with HostilePort(lambda port: port.read() and None) as port:
        # The test itself has it open, and reads nothing.
        with Daemon(config={"cameras": {"odd": serial(port.path)}, "healing": QUICK}) as daemon, daemon.client() as client:
            reason = wait_for_reason(client, "odd", "has open as well")
            assert f"(pid {os.getpid()})" in reason, reason


def impossible_rates_are_refused_before_anything_starts():
    for rate in (0, 49, 12000001, -1, "fast", 115200.5):
        config = {"cameras": {"odd": {"link": {"type": "serial", "device": "/dev/ttyAMA0", "baud": rate}}}}
        try:
            with Daemon(config=config):
                raise AssertionError(f"{rate} was accepted")
        except AssertionError as error:
            assert "an integer from 50 to 12000000" in str(error), error


tap = Tap()
tap.run([
    ports_that_cannot_be_had_are_told_with_the_cure_while_others_work,
    the_program_that_holds_a_port_is_named,
    two_cameras_cannot_share_a_port_by_two_names,
    what_talks_instead_of_a_camera_is_named,
    an_echo_is_named,
    another_program_on_a_silent_port_is_named,
    impossible_rates_are_refused_before_anything_starts,
])
tap.finish()
