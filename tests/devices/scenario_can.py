#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cameras on a CAN interface of the kernel's, one that is virtual: vcan."""

import subprocess

from buses import (STREAM, Bus, a_stock_camera_gives_200_kb_in_one_packet, everybody_has_a_reason_and_the_good_camera_goes_on,
                   has_reason, of, online, tests_of)
from controllers import load_controllers
from devices import RETURN_S, Tap, count, load_modules, wait_for_state

INTERFACE = "vcan0"
IDS = (0x7ff, 0x123)
BUS = Bus(kind="can", name=INTERFACE, links=[{"interface": INTERFACE, "id": number} for number in IDS],
          options=[("--id", number) for number in IDS],
          bad_line=[("absent", 20), ("damage", 20), ("noise", 20), ("cut", 20)], stream=STREAM)


def ip(*words):
    subprocess.run(["ip", "link", *words], check=True)


def create():
    ip("add", INTERFACE, "type", "vcan")
    ip("set", INTERFACE, "up")


def an_interface_that_goes_down_is_named_and_its_camera_returns_with_it():
    with online(BUS) as (_, _, client):
        assert count(client) == 1
        ip("set", INTERFACE, "down")
        has_reason(client, "camera", f"{INTERFACE} is down", f"ip link set {INTERFACE} up")
        ip("set", INTERFACE, "up")
        wait_for_state(client, "online", patience=RETURN_S)
        assert count(client) == 2


def an_interface_that_is_removed_is_named_and_its_camera_returns_with_a_new_one():
    with online(BUS) as (_, _, client):
        assert count(client) == 1
        ip("delete", INTERFACE)
        has_reason(client, "camera", f"there is no interface {INTERFACE}")
        create()
        wait_for_state(client, "online", patience=RETURN_S)
        assert count(client) == 2


def what_cannot_work_has_its_cause_and_cure_as_reason():
    everybody_has_a_reason_and_the_good_camera_goes_on(BUS, [
        (BUS.link(interface="can7"), ("there is no interface can7", "mcp2515")),
        (BUS.link(interface="lo"), ("lo is no CAN interface",)),
        (BUS.link(interface="vcan1"), ("vcan1 is down", "ip link set vcan1 up")),
        (BUS.link(id=0x77), (f"no answer on {INTERFACE}", "0x077")),
        (BUS.link(id=0x78, ready={"line": "GPIO99"}), ("GPIO99", "ready line", "gpioinfo")),
    ])


load_controllers()
load_modules("vcan", "can-raw")
create()
ip("add", "vcan1", "type", "vcan")
tap = Tap()
tap.run(tests_of(BUS) + [
    of(BUS, a_stock_camera_gives_200_kb_in_one_packet),
    an_interface_that_goes_down_is_named_and_its_camera_returns_with_it,
    an_interface_that_is_removed_is_named_and_its_camera_returns_with_a_new_one,
    what_cannot_work_has_its_cause_and_cure_as_reason,
])
for interface in (INTERFACE, "vcan1"):
    ip("delete", interface)
tap.finish()
