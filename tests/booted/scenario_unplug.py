#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cameras that come and go under the system's own udev, with the daemon in its sandbox."""

import grp
import os
import pathlib
import subprocess

from booted import (USB, Tap, VirtualUsb, call, check_echo, client, prepare, run, service_with_camera, start, value,
                    wait_for_state, wait_until)
from devices import held_open

LINKS = pathlib.Path("/dev/openmv")


def settle():
    run("udevadm", "settle")


def a_camera_gets_its_group_its_link_and_its_marks_by_the_installed_rules():
    with VirtualUsb() as camera:
        camera.set_identity(serial="BOOTED1")
        node = camera.plug()
        wait_until((LINKS / "BOOTED1").exists, "the link")
        settle()
        status = os.stat(node)
        assert status.st_gid == grp.getgrnam("dialout").gr_gid and status.st_mode & 0o777 == 0o660, status
        assert "ID_MM_DEVICE_IGNORE=1" in run("udevadm", "info", "--query=property", f"--name={node}")
        camera.unplug()
        wait_until(lambda: not os.path.lexists(LINKS / "BOOTED1"), "the link to vanish")


def the_driver_need_not_be_there_when_the_service_starts():
    subprocess.run(["systemctl", "stop", "openmvd.service", "openmvd.socket"], check=True)
    run("modprobe", "--remove", "cdc-acm")
    run("systemctl", "start", "openmvd.socket")
    with service_with_camera() as (_, first):
        check_echo(first)


def a_camera_that_is_unplugged_comes_back_under_another_node():
    with service_with_camera() as (camera, first):
        # A node that somebody has open keeps its number when its device is gone.
        with held_open(camera.nodes()[0]) as _:
            old = camera.nodes()[0]
            camera.unplug()
            wait_for_state(first, "connecting", "offline")
            waiting = first.send_request("call", {"name": "echo", "data": "AAAA", "wait": True, "timeout_ms": 25000})
            assert camera.plug() != old
            assert value(first.reply(waiting)) == "AAAA"


def a_camera_by_its_link_is_found_again():
    config = dict(USB, cameras={"camera": {"link": {"type": "usb", "device": "/dev/openmv/BOOTED2"}}})
    with VirtualUsb() as camera:
        start(config)
        camera.set_identity(serial="BOOTED2")
        with client() as one:
            for _ in range(2):
                camera.plug()
                wait_for_state(one, "online")
                camera.unplug()
                wait_for_state(one, "connecting", "offline")


prepare()
tap = Tap()
tap.run([
    a_camera_gets_its_group_its_link_and_its_marks_by_the_installed_rules,
    the_driver_need_not_be_there_when_the_service_starts,
    a_camera_that_is_unplugged_comes_back_under_another_node,
    a_camera_by_its_link_is_found_again,
])
tap.finish()
