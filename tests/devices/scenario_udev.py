#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's udev with the project's rules: the links, rights and marks that they give to cameras, and to nothing else."""

import contextlib
import grp
import os
import pathlib
import shutil
import subprocess

from devices import BUILD, PATIENCE_S, Daemon, Tap, VirtualUsb, held_open, load_modules, wait_for_state, wait_until

UDEVADM = os.path.join(BUILD, "devices", "bin", "udevadm")
RULES = pathlib.Path(__file__).resolve().parent.parent.parent / "udev" / "60-openmvd.rules"
LINKS = pathlib.Path("/dev/openmv")


def answers():
    return subprocess.run([UDEVADM, "control", "--ping", "--timeout=5"], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def udev():
    """Runs udev with the rules and a camera for it, unplugged at first."""
    # It is the daemon when it is called so.
    process = subprocess.Popen(["systemd-udevd"], executable=UDEVADM)
    try:
        # The socket of one before may still be there, and what the kernel tells while nobody listens is lost.
        wait_until(lambda: answers() or process.poll() is not None, "udev to listen")
        with VirtualUsb() as camera:
            yield camera
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def ask(*words):
    return subprocess.run([UDEVADM, *words], check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout


def settle():
    """Waits until udev has dealt with all that the kernel has told it."""
    ask("settle", f"--timeout={int(PATIENCE_S)}")


def each_camera_has_a_link_by_its_serial_number_the_group_dialout_and_marks_for_modemmanager():
    with udev() as camera:
        # One for each line of the rules.
        for number, ids in enumerate(("1209:abd1", "37c5:1204", "2341:045f")):
            link = LINKS / f"SERIAL{number}"
            camera.set_identity(ids=ids, serial=link.name)
            node = camera.plug()
            wait_until(link.exists, f"{link} of {ids}")
            settle()
            assert os.path.realpath(link) == node, os.path.realpath(link)
            status = os.stat(node)
            assert status.st_gid == grp.getgrnam("dialout").gr_gid and status.st_mode & 0o777 == 0o660, status
            properties = ask("info", "--query=property", f"--name={node}").splitlines()
            assert {"ID_MM_DEVICE_IGNORE=1", "ID_MM_PORT_IGNORE=1"} <= set(properties), properties
            camera.unplug()
            wait_until(lambda: not os.path.lexists(link), f"{link} to vanish")


def a_board_that_is_no_camera_gets_none_of_that():
    with udev() as camera:
        camera.set_identity(ids="1209:0001", serial="OTHER")
        node = camera.plug()
        settle()
        assert not os.path.lexists(LINKS / "OTHER")
        properties = ask("info", "--query=property", f"--name={node}")
        assert "ID_MM" not in properties and "OPENMV" not in properties, properties
        assert os.stat(node).st_gid == 0, os.stat(node)


def a_configuration_with_such_a_link_finds_its_camera_again_under_another_node():
    config = {"cameras": {"camera": {"link": {"type": "usb", "device": str(LINKS / "3157335A3334")}}}}
    with udev() as camera, Daemon(config=config) as daemon, daemon.client() as client:
        first = camera.plug()
        wait_for_state(client, "online")
        # A node that somebody has open keeps its number when its device is gone.
        with held_open(first):
            camera.unplug()
            wait_for_state(client, "connecting", "offline")
            assert camera.plug() != first
            wait_for_state(client, "online")


load_modules("cdc-acm", "vhci-hcd")
pathlib.Path("/run/udev/rules.d").mkdir(parents=True)
shutil.copy(RULES, "/run/udev/rules.d")
tap = Tap()
tap.run([
    each_camera_has_a_link_by_its_serial_number_the_group_dialout_and_marks_for_modemmanager,
    a_board_that_is_no_camera_gets_none_of_that,
    a_configuration_with_such_a_link_finds_its_camera_again_under_another_node,
])
tap.finish()
