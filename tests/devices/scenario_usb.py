#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A USB camera at the kernel's own cdc-acm driver: found, opened as a camera wants it, asked, and told from others."""

import pathlib
import subprocess

from devices import (CALLBACKS, REOPENED, Daemon, Tap, VirtualUsb, call, count, fetch_blob, load_modules, next_picture,
                     only_camera, program, value, wait_for_reason, wait_for_state, wait_until)

EMPTY = {"callbacks": CALLBACKS}
STREAM = {"stream": "jpeg_image_stream", "args": "sensor.RGB565,sensor.QVGA", "reply": "raw"}


def usb(**keys):
    return {"link": dict({"type": "usb"}, **keys)}


def a_camera_is_enumerated_with_its_ids_and_its_serial_number():
    with VirtualUsb() as camera:
        camera.set_identity(serial="0123456789AB")
        node = camera.plug()
        interface = pathlib.Path("/sys/class/tty", pathlib.Path(node).name, "device").resolve()
        said = {name: (interface.parent / name).read_text().strip() for name in ("idVendor", "idProduct", "serial")}
        assert said == {"idVendor": "1209", "idProduct": "abd1", "serial": "0123456789AB"}, said
        assert (interface / "driver").resolve().name == "cdc_acm"


def an_empty_configuration_finds_the_camera_by_itself():
    with VirtualUsb() as camera, Daemon(config={}) as daemon, daemon.client() as client:
        camera.plug()
        row = wait_for_state(client, "online")
        assert row["name"] == "camera" and row["link"].startswith("USB"), row
        assert set(value(call(client, "face_detection"))) == {"x", "y", "w", "h"}


def the_port_is_opened_with_dtr_and_not_at_the_rate_of_the_debug_protocol():
    with VirtualUsb() as camera, Daemon(config={}) as daemon, daemon.client() as client:
        camera.plug()
        wait_for_state(client, "online")
        wait_until(lambda: camera.has_dtr and camera.baud == 115200, "DTR and the rate")
        assert "baud 921600" not in camera.history, camera.history


def a_result_of_200_kb_comes_byte_for_byte():
    with VirtualUsb() as camera, Daemon(config=EMPTY) as daemon, daemon.client() as client:
        camera.plug()
        wait_for_state(client, "online")
        for size in (1, 511, 512, 513, 4096, 200000):
            fetch_blob(client, size)


def an_argument_of_100_kb_goes_byte_for_byte():
    with VirtualUsb() as camera, Daemon(config=EMPTY) as daemon, daemon.client() as client:
        camera.plug()
        wait_for_state(client, "online")
        text = "".join(f"{i:08x}" for i in range(12500))
        reply = call(client, "echo", data=text, encoding="utf8", timeout_ms=60000, reply="hex")
        assert bytes.fromhex(value(reply)).decode() == text


def openmvctl_takes_a_picture():
    with VirtualUsb() as camera, Daemon(config={}) as daemon, daemon.client() as client:
        camera.plug()
        wait_for_state(client, "online")
        done = subprocess.run([program("openmvctl"), "--socket", daemon.path, "--timeout", "20s", "snapshot", "/tmp/picture.jpg"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done
        picture = pathlib.Path("/tmp/picture.jpg").read_bytes()
        assert picture.startswith(b"\xff\xd8") and picture.endswith(b"\xff\xd9") and len(picture) > 2000, len(picture)


def a_stream_comes_frame_by_frame_lets_calls_through_and_ends_with_its_viewer():
    with VirtualUsb() as camera, Daemon(config=EMPTY) as daemon, daemon.client() as viewer, daemon.client() as caller:
        camera.plug()
        wait_for_state(caller, "online")
        viewer.result("subscribe", STREAM)
        last, sizes = 0, []
        for number in range(20):
            picture, event = next_picture(viewer)
            assert event["seq"] > last and len(picture) > 2000, event
            last = event["seq"]
            sizes.append(len(picture))
            if number % 5 == 4:
                assert count(caller) == number // 5 + 1
        viewer.close()
        wait_until(lambda: not only_camera(caller)["busy"], "the stream to end")
        assert count(caller) == 5
        before = camera.counts()[1]
        assert count(caller) == 6
        passed = camera.counts()[1] - before
        assert passed < min(sizes), f"{passed} bytes came for a small call: the camera still streams"


def a_stream_that_loses_its_camera_says_so_and_goes_on_when_it_is_back():
    with VirtualUsb() as camera, Daemon(config=EMPTY) as daemon, daemon.client() as viewer:
        camera.plug()
        wait_for_state(viewer, "online")
        viewer.result("subscribe", STREAM)
        picture, _ = next_picture(viewer)
        # Somewhere within one of the next frames.
        camera.unplug_after("from", len(picture) * 5 // 2)
        camera.wait_for("unplugged")
        event = viewer.event()
        while event["value"] is not None:
            viewer.read_bytes(event["value"]["raw"])
            event = viewer.event()
        assert event["error"]["data"]["reason"] in REOPENED, event
        camera.plug()
        for _ in range(4):
            next_picture(viewer)


def two_cameras_are_told_apart_by_their_serial_numbers():
    config = {"cameras": {"left": usb(serial="AAAA00000001"), "right": usb(serial="BBBB00000002")}, "callbacks": CALLBACKS}
    with VirtualUsb(0) as one, VirtualUsb(1) as other, Daemon(config=config) as daemon, daemon.client() as client:
        one.set_identity(serial="BBBB00000002")
        other.set_identity(serial="AAAA00000001")
        one.plug()
        other.plug()
        for name in ("left", "right"):
            wait_for_state(client, "online", name=name)
        # Each counts for itself, so that an answer of the wrong one shows.
        for _ in range(3):
            left = count(client, camera="left")
        assert left == 3 and count(client, camera="right") == 1
        # Plugged in again in the other order, and so under each other's node.
        one.unplug()
        other.unplug()
        for name in ("left", "right"):
            wait_for_state(client, "connecting", "offline", name=name)
        other.plug()
        one.plug()
        for name in ("left", "right"):
            wait_for_state(client, "online", name=name)
        assert count(client, camera="left") == 4 and count(client, camera="right") == 2


def a_camera_with_another_serial_number_is_not_taken_for_the_one_wanted():
    with VirtualUsb() as camera, Daemon(config={"cameras": {"camera": usb(serial="AAAA00000001")}}) as daemon, \
            daemon.client() as client:
        camera.set_identity(serial="BBBB00000002")
        camera.plug()
        row = wait_for_state(client, "offline")
        assert "AAAA00000001" in row["reason"], row
        assert camera.has_dtr is None, "the port of another camera was opened"


def a_board_at_its_prompt_is_not_taken_for_a_camera_that_answers():
    with VirtualUsb() as camera, Daemon(config={}) as daemon, daemon.client() as client:
        camera.become("repl")
        camera.plug()
        wait_for_state(client, "offline")
        reason = wait_for_reason(client, "MicroPython prompt")
        assert "USB camera" in reason and "firmware/main.py" in reason, reason
        reply = call(client, "face_detection", timeout_ms=1000)
        assert reply["error"]["data"]["reason"] in ("camera_offline", "not_delivered"), reply
        assert reply["error"]["data"]["executed"] == "no", reply
        # Then its script is started, and nothing is plugged.
        camera.become("camera")
        wait_for_state(client, "online")


def a_board_in_its_bootloader_is_left_alone_until_it_is_a_camera_again():
    with VirtualUsb() as camera, Daemon(config={}) as daemon, daemon.client() as client:
        camera.plug()
        wait_for_state(client, "online")
        camera.unplug()
        camera.set_identity(ids="37c5:9202")
        camera.become("silent")
        camera.has_dtr = None
        camera.plug()
        wait_for_state(client, "offline")
        wait_for_reason(client, "in its bootloader (37c5:9202)")
        assert camera.has_dtr is None, "the bootloader's port was opened"
        camera.unplug()
        camera.set_identity(ids="1209:abd1")
        camera.become("camera")
        camera.plug()
        wait_for_state(client, "online")


def a_released_port_is_closed_and_another_program_can_have_it():
    with VirtualUsb() as camera, Daemon(config={}) as daemon, daemon.client() as client:
        node = camera.plug()
        wait_for_state(client, "online")
        client.result("release", {"camera": "camera"})
        held = [link for link in pathlib.Path(f"/proc/{daemon.process.pid}/fd").iterdir() if str(link.resolve()) == node]
        assert not held, held
        client.result("acquire", {"camera": "camera"})
        wait_for_state(client, "online")
        assert only_camera(client)["name"] == "camera"


load_modules("cdc-acm", "vhci-hcd")
tap = Tap()
tap.run([
    a_camera_is_enumerated_with_its_ids_and_its_serial_number,
    an_empty_configuration_finds_the_camera_by_itself,
    the_port_is_opened_with_dtr_and_not_at_the_rate_of_the_debug_protocol,
    a_result_of_200_kb_comes_byte_for_byte,
    an_argument_of_100_kb_goes_byte_for_byte,
    openmvctl_takes_a_picture,
    a_stream_comes_frame_by_frame_lets_calls_through_and_ends_with_its_viewer,
    a_stream_that_loses_its_camera_says_so_and_goes_on_when_it_is_back,
    two_cameras_are_told_apart_by_their_serial_numbers,
    a_camera_with_another_serial_number_is_not_taken_for_the_one_wanted,
    a_board_at_its_prompt_is_not_taken_for_a_camera_that_answers,
    a_board_in_its_bootloader_is_left_alone_until_it_is_a_camera_again,
    a_released_port_is_closed_and_another_program_can_have_it,
])
tap.finish()
