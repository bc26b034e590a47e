#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every kind of link from inside the sandbox, by the groups and the rules that were installed, and the real-time priority."""

import contextlib
import os
import pathlib
import shutil
import subprocess

from booted import (BUILD, DROPINS, USB, Journal, Tap, check_echo, client, main_pid, prepare, run, service_with_camera,
                    start, wait_until)
from buses import await_introduction
from controllers import I2C, SPI, load_controllers
from devices import CALLBACKS, load_modules, program

PRIORITY = 20

LINKS = {
    "spi": ((), {"type": "spi", "device": SPI[0]}),
    "i2c": ((), {"type": "i2c", "device": I2C}),
    "can": (("--interface", "vcan0"), {"type": "can", "interface": "vcan0"}),
}


@contextlib.contextmanager
def bus_camera(kind):
    """A camera that is a program at a bus of this machine."""
    options, _ = LINKS[kind]
    process = subprocess.Popen([program("tests/bus_camera"), kind, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
    try:
        assert process.stdout.readline().strip() == "soldered"
        yield
    finally:
        process.stdin.close()
        process.wait()


def check_link(kind):
    with bus_camera(kind):
        start({"cameras": {kind: {"link": LINKS[kind][1]}}, "callbacks": CALLBACKS})
        with client() as one:
            await_introduction(one, kind)
            check_echo(one)


def cameras_on_spi_i2c_and_can_are_reached_from_the_sandbox():
    for kind in LINKS:
        check_link(kind)


def the_nodes_of_buses_belong_to_groups_that_the_service_is_in():
    groups = run("id", "--name", "--groups", "openmvd").split()
    for node, group in ((SPI[0], "spi"), (I2C, "i2c"), ("/dev/gpiochip0", "gpio")):
        status = os.stat(node)
        assert run("getent", "group", str(status.st_gid)).startswith(group + ":"), (node, status)
        assert status.st_mode & 0o777 == 0o660 and group in groups, (node, status, groups)


@contextlib.contextmanager
def real_time():
    """The drop-in for real-time priorities, copied from where it was installed."""
    prefix = pathlib.Path(shutil.which("openmvd")).parent.parent
    DROPINS.mkdir(parents=True, exist_ok=True)
    copied = shutil.copy(prefix / "share/openmvd/systemd/realtime.conf", DROPINS)
    run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        os.unlink(copied)
        run("systemctl", "daemon-reload")


def priorities():
    """The real-time priorities of the daemon's threads, those without left out."""
    shown = run("ps", "-L", "-o", "rtprio=", "-p", str(main_pid())).split()
    return [int(number) for number in shown if number != "-"]


def memory_kb(name):
    """A line of what the kernel says of the daemon's memory."""
    lines = pathlib.Path(f"/proc/{main_pid()}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def with_its_drop_in_the_workers_get_the_configured_real_time_priority_and_memory_is_locked():
    simulated = {f"sim{number}": {"link": {"type": "sim"}} for number in range(4)}
    config = dict(USB, cameras=dict(USB["cameras"], **simulated), realtime_priority=PRIORITY)
    with real_time(), service_with_camera(config) as (_, first):
        wait_until(lambda: priorities() == [PRIORITY] * 5, "the priorities of five workers")
        check_echo(first, camera="camera")
        # All of a stack is there then: those of the usual size would be 8 MB for each worker and simulated camera.
        assert memory_kb("VmLck") > 1000 and memory_kb("VmRSS") < 32 * 1024, (memory_kb("VmLck"), memory_kb("VmRSS"))


def without_the_drop_in_the_log_says_what_is_missing_and_the_camera_is_served():
    journal = Journal()
    with service_with_camera(dict(USB, realtime_priority=PRIORITY)) as (_, first):
        assert priorities() == [], priorities()
        journal.wait_for("realtime.conf")
        check_echo(first)


def can_interface():
    busybox = os.path.join(BUILD, "devices/bin/busybox")
    run(busybox, "ip", "link", "add", "vcan0", "type", "vcan")
    run(busybox, "ip", "link", "set", "vcan0", "up")


prepare()
load_controllers()
load_modules("vcan", "can-raw")
can_interface()
run("udevadm", "settle")
tap = Tap()
tap.run([
    cameras_on_spi_i2c_and_can_are_reached_from_the_sandbox,
    the_nodes_of_buses_belong_to_groups_that_the_service_is_in,
    with_its_drop_in_the_workers_get_the_configured_real_time_priority_and_memory_is_locked,
    without_the_drop_in_the_log_says_what_is_missing_and_the_camera_is_served,
])
tap.finish()
