#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cameras at the kernel's own i2c-dev: two addresses on one adapter, results longer than the kernel moves, and its errors."""

import os
import pathlib
import subprocess
import threading
import time

from buses import (SMALL_STREAM, STREAM, Bus, a_camera_whose_power_fails_in_a_call_comes_back,
                   a_reset_line_that_somebody_has_is_named_with_its_holder, a_result_of_200_kb_comes_byte_for_byte,
                   a_script_that_hangs_is_reset_as_the_last_step, as_another_user, config_of,
                   everybody_has_a_reason_and_the_good_camera_goes_on, has_reason, of, online, snapshot, tests_of)
from controllers import I2C, bring_back, load_controllers, remove
from devices import PATIENCE_S, REOPENED, RETURN_S, Tap, call, count, fetch_blob, program, wait_for_state, wait_until

ADDRESSES = (0x12, 0x13)
BUS = Bus(kind="i2c", name=I2C, links=[{"device": I2C, "address": address} for address in ADDRESSES],
          options=[("--address", address) for address in ADDRESSES],
          bad_line=[("absent", 100), ("damage", 20), ("noise", 20), ("cut", 20)], stream=SMALL_STREAM)

NEW_DEVICE = pathlib.Path("/sys/bus/i2c/devices/i2c-1/new_device")


def the_doctor_says_whether_a_camera_answers():
    def doctor():
        return subprocess.run([program("openmvctl"), "--socket", daemon.path, "doctor"], capture_output=True, text=True)
    with online(BUS) as (camera, daemon, client):
        # On a busy machine a camera may be silent for a moment.
        wait_until(lambda: doctor().returncode == 0, "a doctor who is content")
        assert I2C in doctor().stdout
        camera.fault("absent")
        wait_for_state(client, "offline")
        done = doctor()
        assert done.returncode == 6, done
        assert any(line.startswith("fail    answer") and I2C in line for line in done.stdout.splitlines()), done


def a_result_that_the_kernel_does_not_move_is_refused_with_the_way_out():
    with online(BUS, "--stock") as (_, _, client):
        fetch_blob(client, 8188)
        error = call(client, "blob", [8189], timeout_ms=25000)["error"]
        assert "8192" in error["message"], error
        # What the stock camera answers may be lost, so this is a call that may be made again.
        fetch_blob(client, 100)


def a_stock_camera_hands_over_a_large_picture_in_pieces():
    with online(BUS, "--stock") as (_, daemon, client):
        assert len(snapshot(daemon)) > 8192
        fetch_blob(client, 100)


def a_stream_whose_frames_the_kernel_does_not_move_says_so():
    with online(BUS) as (_, daemon, client), daemon.client() as viewer:
        viewer.result("subscribe", STREAM)
        event = viewer.event()
        # On a busy machine it may not be opened at once.
        while event["value"] is None and event["error"]["data"]["reason"] in REOPENED:
            event = viewer.event()
        assert event["error"]["data"]["cause"] == "packet_limit" and "8192" in event["error"]["message"], event
        assert count(client) == 1


def an_adapter_that_is_removed_under_the_daemon_is_let_go_and_its_camera_returns():
    with online(BUS) as (_, _, client):
        assert count(client) == 1
        # The kernel waits until everybody has closed it.
        removal = threading.Thread(target=remove, args=("i2c",), daemon=True)
        removal.start()
        wait_for_state(client, "connecting", "offline")
        removal.join(PATIENCE_S)
        assert not removal.is_alive(), "the daemon keeps the adapter"
        has_reason(client, "camera", I2C, "does not exist", "dtparam=i2c_arm=on")
        bring_back("i2c")
        wait_until(lambda: os.path.exists(I2C), I2C)
        wait_for_state(client, "online", patience=RETURN_S)
        assert count(client) == 2


def a_bus_that_is_stuck_is_given_up_in_time_named_and_comes_back():
    with online(BUS) as (camera, _, client):
        begin = time.monotonic()
        camera.fault("hang")
        has_reason(client, "camera", I2C, "stuck")
        # The adapter itself would wait for 10 s, twice.
        assert time.monotonic() - begin < 20
        camera.fault("hang", 0)
        wait_for_state(client, "online")
        assert count(client) == 1


def what_cannot_work_has_its_cause_and_cure_as_reason():
    NEW_DEVICE.write_text("dummy 0x50")
    everybody_has_a_reason_and_the_good_camera_goes_on(BUS, [
        (BUS.link(device="/dev/i2c-7"), ("/dev/i2c-7 does not exist", "i2c_arm", I2C)),
        (BUS.link(device="/dev/null"), ("/dev/null is not an I2C adapter",)),
        (BUS.link(address=0x50), ("0x50", "belongs to a driver of the kernel", "dummy")),
        (BUS.link(address=0x51), ("nobody answers at address 0x51", "pull-ups")),
        (BUS.link(address=0x52, ready={"line": "GPIO99"}), ("GPIO99", "ready line", "gpioinfo")),
    ])


def without_the_right_to_a_node_the_group_is_named():
    os.chmod(I2C, 0o660)
    with as_another_user(config_of(BUS.link())) as daemon, daemon.client() as client:
        has_reason(client, "camera", "no permission", I2C, "group")


load_controllers()
tap = Tap()
tap.run(tests_of(BUS) + [
    of(BUS, a_camera_whose_power_fails_in_a_call_comes_back),
    the_doctor_says_whether_a_camera_answers,
    # What the daemon does about a line does not depend on the bus.
    of(BUS, a_script_that_hangs_is_reset_as_the_last_step),
    of(BUS, a_reset_line_that_somebody_has_is_named_with_its_holder),
    of(BUS, a_result_of_200_kb_comes_byte_for_byte),
    a_result_that_the_kernel_does_not_move_is_refused_with_the_way_out,
    a_stock_camera_hands_over_a_large_picture_in_pieces,
    a_stream_whose_frames_the_kernel_does_not_move_says_so,
    an_adapter_that_is_removed_under_the_daemon_is_let_go_and_its_camera_returns,
    a_bus_that_is_stuck_is_given_up_in_time_named_and_comes_back,
    what_cannot_work_has_its_cause_and_cure_as_reason,
    without_the_right_to_a_node_the_group_is_named,
])
tap.finish()
