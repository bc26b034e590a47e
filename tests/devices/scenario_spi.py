#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cameras at the kernel's own spidev: selected by the kernel or by a line of the daemon's, two on one controller."""

import os

from buses import (STREAM, Bus, a_camera_whose_power_fails_in_a_call_comes_back, a_result_of_200_kb_comes_byte_for_byte,
                   a_stock_camera_gives_200_kb_in_one_packet, as_another_user, config_of, daemon_with,
                   everybody_has_a_reason_and_the_good_camera_goes_on, has_reason, of, online, tests_of,
                   the_bytes_of_two_cameras_do_not_mix)
from controllers import SELECT_LINES, SPI, held_line, load_controllers, removed
from devices import RETURN_S, Tap, call, count, wait_for_state, wait_until

BUS = Bus(kind="spi", name=SPI[0], links=[{"device": device} for device in SPI],
          options=[("--select", line) for line in SELECT_LINES],
          bad_line=[("absent", 100), ("damage", 20), ("noise", 20), ("cut", 20)], stream=STREAM)

# Both on one node, each with a line of its own.
CS_LINES = (22, 23)
CS_BUS = Bus(**dict(vars(BUS), links=[{"device": SPI[0], "cs": {"line": f"GPIO{line}"}} for line in CS_LINES],
                    options=[("--select", line) for line in CS_LINES]))


def selected_by_a_line_of_the_daemon(test):
    chosen = of(CS_BUS, test)
    chosen.__name__ = f"selected by a line of the daemon, {test.__name__}"
    return chosen


def a_controller_that_is_removed_under_the_daemon_is_named_and_its_camera_returns():
    with online(BUS) as (_, _, client):
        assert count(client) == 1
        with removed("spi"):
            reply = call(client, "counter", timeout_ms=1000)
            assert reply["error"]["data"]["reason"] in ("camera_offline", "not_delivered", "result_unknown"), reply
            has_reason(client, "camera", SPI[0], "does not exist", "dtparam=spi=on")
        wait_until(lambda: os.path.exists(SPI[0]), SPI[0])
        wait_for_state(client, "online", patience=RETURN_S)
        assert count(client) >= 2


def a_controller_that_reports_errors_loses_its_camera_until_it_does_no_more():
    with online(BUS) as (camera, _, client):
        camera.fault("error")
        wait_for_state(client, "connecting", "offline")
        camera.fault("error", 0)
        wait_for_state(client, "online")
        assert count(client) == 1


def the_wrong_mode_is_named():
    with BUS.camera(), daemon_with(config_of(BUS.link(mode=0))) as (_, client):
        has_reason(client, "camera", SPI[0], "mode")


def what_cannot_work_has_its_cause_and_cure_as_reason():
    with held_line(26, "pump"):
        everybody_has_a_reason_and_the_good_camera_goes_on(BUS, [
            (BUS.link(device="/dev/spidev7.0"), ("/dev/spidev7.0 does not exist", "spi7", SPI[0])),
            (BUS.link(device="/dev/null"), ("/dev/null is not an SPI device",)),
            (BUS.link(cs={"line": "GPIO8"}), ("GPIO8", "chip select", '"spi0 CS0"', "spi0-0cs")),
            (BUS.link(cs={"line": "GPIO26"}), ("GPIO26", "chip select", '"pump"')),
            (BUS.link(cs={"line": "GPIO99"}), ("GPIO99", "gpioinfo")),
            (BUS.link(cs={"line": "GPIO5"}, ready={"chip": "/dev/zero", "offset": 1}), ("/dev/zero", "ready line")),
            (BUS.link(cs={"line": "GPIO6"}, speed_hz=20000), (SPI[0], "20000 Hz")),
        ])


def without_the_right_to_a_node_the_group_is_named_and_other_cameras_go_on():
    os.chmod(SPI[0], 0o660)
    os.chmod(SPI[1], 0o666)
    with BUS.camera(which=1), as_another_user(config_of(BUS.link(), BUS.link(1))) as daemon, daemon.client() as client:
        wait_for_state(client, "online", name="right")
        has_reason(client, "left", "no permission", SPI[0], "group")


load_controllers()
tap = Tap()
tap.run(tests_of(BUS) + [
    of(BUS, a_camera_whose_power_fails_in_a_call_comes_back),
    of(BUS, a_result_of_200_kb_comes_byte_for_byte),
    of(BUS, a_stock_camera_gives_200_kb_in_one_packet),
    selected_by_a_line_of_the_daemon(a_stock_camera_gives_200_kb_in_one_packet),
    selected_by_a_line_of_the_daemon(the_bytes_of_two_cameras_do_not_mix),
    a_controller_that_is_removed_under_the_daemon_is_named_and_its_camera_returns,
    a_controller_that_reports_errors_loses_its_camera_until_it_does_no_more,
    the_wrong_mode_is_named,
    what_cannot_work_has_its_cause_and_cure_as_reason,
    without_the_right_to_a_node_the_group_is_named_and_other_cameras_go_on,
])
tap.finish()
