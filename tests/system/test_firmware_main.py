#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The camera's script, firmware/main.py, under genuine MicroPython: every well-known callback on every link."""

import json
import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "firmware"))
sys.dont_write_bytecode = True

from harness import FIRMWARE_TESTS, check, check_equal, run, u32  # noqa: E402

SCENE_JPEG = (FIRMWARE_TESTS / "standins" / "scene.jpg").read_bytes()
QR_TEXT = 'the "largest" \\ code\n'
RGB565, QVGA = 0x0C030002, 11


def detections_describe_the_scene(camera):
    call = camera.master.patient_call
    check_equal(call("face_detection"), struct.pack("<HHHH", 100, 60, 64, 72))
    check_equal(call("person_detection"), b"person")
    check_equal(call("qrcode_detection"), QR_TEXT.encode())
    check_equal(call("datamatrix_detection"), b"matrix")
    check_equal(call("barcode_detection"), b"0123456789")
    check_equal(call("apriltag_detection"), struct.pack("<HHHH", 80, 60, 7, 90))
    check_equal(call("color_detection", struct.pack("<bbbbbb", 30, 100, 15, 127, 15, 127)), struct.pack("<HH", 200, 90))


def colour_that_is_not_there_gives_an_empty_result(camera):
    check_equal(camera.master.patient_call("color_detection", struct.pack("<bbbbbb", 0, 1, 0, 1, 0, 1)), b"")
    check_equal(camera.master.patient_call("color_detection", b"too short"), b"")


def lists_are_json_whatever_the_codes_contain(camera):
    call = camera.master.patient_call
    codes = json.loads(call("all_qrcode_detection"))
    check_equal([code["payload"] for code in codes], ["small", QR_TEXT])
    check_equal([code["version"] for code in codes], [1, 1])
    tag = json.loads(call("all_apriltag_detection"))[0]
    check_equal((tag["id"], tag["cx"], tag["x_translation"]), (7, 80, None))
    check_equal(json.loads(call("all_datamatrix_detection"))[0]["columns"], 16)
    check_equal(json.loads(call("all_barcode_detection"))[0]["payload"], "0123456789")


def jpeg_snapshot_is_a_whole_jpeg(camera):
    check_equal(camera.master.patient_call("jpeg_snapshot"), SCENE_JPEG)


def held_jpeg_is_read_by_offset_and_size_and_by_cut_through(camera):
    call = camera.master.patient_call
    for mode in (b"sensor.RGB565,sensor.QVGA", b"GRAYSCALE,QQVGA"):
        check_equal(call("jpeg_image_snapshot", mode), u32(len(SCENE_JPEG)))
        pieces = [call("jpeg_image_read", u32(offset, 1000)) for offset in range(0, len(SCENE_JPEG), 1000)]
        check_equal(b"".join(pieces), SCENE_JPEG)
        check_equal(call("jpeg_image_read", u32(0xFFFFFFFF, 0xFFFFFFFF)), b"")
        check_equal(call("jpeg_image_read"), b"")
        check_equal(camera.master.read_exactly(len(SCENE_JPEG), 2), SCENE_JPEG)


def held_picture_is_gone_after_another_snapshot(camera):
    call = camera.master.patient_call
    check_equal(call("jpeg_image_snapshot", b"RGB565,QVGA"), u32(len(SCENE_JPEG)))
    call("face_detection")
    check_equal(call("jpeg_image_read", u32(0, 100)), b"")


def raw_picture_is_read_whole(camera):
    size = 320 * 240 * 2
    check_equal(camera.master.patient_call("raw_image_snapshot", u32(RGB565, QVGA)), u32(320, 240, RGB565, size))
    head = bytes(i * 7 & 0xFF for i in range(4096))
    check_equal(camera.master.patient_call("raw_image_read", u32(0, 4096)), head)
    check_equal(camera.master.patient_call("raw_image_read"), b"")
    raw = camera.master.read_exactly(size, 2)
    check_equal((len(raw), raw[:4096]), (size, head))


def mode_names_are_looked_up_and_never_evaluated(camera):
    call = camera.master.patient_call
    for mode in (b"sensor.reset(),sensor.QVGA", b"__class__,QVGA", b"RGB565", b"RGB565,QVGA,VGA", b"\xff,\xff", b""):
        check_equal(call("jpeg_image_snapshot", mode), b"")
    for mode in (u32(0, 0), u32(QVGA, RGB565), b""):
        check_equal(call("raw_image_snapshot", mode), b"")
    check_equal(call("jpeg_image_snapshot", b"RGB565,QVGA"), u32(len(SCENE_JPEG)))


def jpeg_stream_sends_pictures(camera):
    frames = camera.master.read_whole_stream("jpeg_image_stream", b"sensor.RGB565,sensor.QVGA", 2, 20)
    check(len(frames) >= 20 and set(frames) == {SCENE_JPEG}, "%d frames" % len(frames))
    check_equal(camera.master.patient_call("jpeg_snapshot"), SCENE_JPEG)


def sensor_is_configured_only_when_the_mode_changes(camera):
    call = camera.master.patient_call
    call("jpeg_snapshot")
    before = camera.printed("sensor configured")
    check(before > 0, "never configured")
    for _ in range(3):
        call("jpeg_snapshot")
    check_equal(camera.printed("sensor configured"), before)
    call("face_detection")
    check_equal(camera.printed("sensor configured"), before + 1)


def callbacks_of_this_firmware_are_offered(camera):
    call = camera.master.patient_call
    check_equal(json.loads(call("info"))["sensor"], "OV5640")
    check_equal(json.loads(call("configure", b'{"brightness": 2}'))["brightness"], 2)
    check_equal(call("circle_detection"), struct.pack("<HHHI", 70, 60, 31, 70000))
    check_equal(len(call("colors_detection", struct.pack("<bbbbbb", 30, 100, 15, 127, 15, 127))), 20)


def wait_until_printed(camera, line, times=1, seconds=60):
    deadline = time.monotonic() + seconds
    while camera.printed(line) < times:
        check(time.monotonic() < deadline, "%r was not printed %d times within %d s" % (line, times, seconds))
        time.sleep(0.05)


# When something fails.


def camera_waits_for_a_port_that_the_ide_has(camera):
    wait_until_printed(camera, "LED_RED off")
    check(camera.printed("LED_RED on") >= 3, "the red LED was off")
    said = "openmvd-error.txt: OSError: the USB port belongs to the IDE: disconnect it, then reset the camera"
    check_equal(camera.printed(said), 1)
    check_equal(camera.master.patient_call("face_detection"), struct.pack("<HHHH", 100, 60, 64, 72))


def camera_outlives_a_link_that_fails(camera):
    wait_until_printed(camera, "LED_RED on", 3)
    wait_until_printed(camera, "LED_RED off", 4)
    check_equal(camera.master.patient_call("face_detection"), struct.pack("<HHHH", 100, 60, 64, 72))


def camera_outlives_a_sensor_that_fails(camera):
    for _ in range(3):
        for name in ("face_detection", "jpeg_snapshot", "all_qrcode_detection"):
            check_equal(camera.master.patient_call(name), b"")
    check(json.loads(camera.master.patient_call("info"))["memory"]["free"] > 0, "no info")
    # A stream whose pictures fail ends, and the camera goes on.
    check_equal(camera.master.patient_call("jpeg_image_stream", b"RGB565,QVGA"), b"")
    check_equal(camera.master.read_stream(2, 1, 0.5), [])
    check_equal(camera.printed("LED_RED on"), 0)
    check(json.loads(camera.master.patient_call("info"))["memory"]["free"] > 0, "no info")


def watchdog_is_off_unless_asked_for(camera):
    camera.master.patient_call("info")
    check_equal(camera.printed("watchdog fed"), 0)


def watchdog_is_fed_when_idle_by_calls_and_by_every_picture_of_a_stream(camera):
    wait_until_printed(camera, "watchdog started 8000")
    wait_until_printed(camera, "watchdog fed", 3)
    before = camera.printed("watchdog fed")
    for _ in range(5):
        camera.master.patient_call("info")
    wait_until_printed(camera, "watchdog fed", before + 5)
    before = camera.printed("watchdog fed")
    frames = camera.master.read_whole_stream("jpeg_image_stream", b"RGB565,QVGA", 2, 50)
    check(len(frames) >= 50, "%d frames" % len(frames))
    wait_until_printed(camera, "watchdog fed", before + 50)
    check_equal((camera.printed("watchdog started 8000"), camera.printed("watchdog fed too late")), (1, 0))


def watchdog_is_started_once_however_often_the_link_fails(camera):
    wait_until_printed(camera, "LED_RED off", 4)
    camera.master.patient_call("info")
    check_equal(camera.printed("watchdog started 8000"), 1)


def impossible_watchdog_is_told_in_the_file(camera):
    wait_until_printed(camera, "openmvd-error.txt: ValueError: WDT timeout")
    wait_until_printed(camera, "LED_RED on", 3)
    check_equal(camera.printed("openmvd-error.txt: ValueError: WDT timeout"), 1)


WITH_MAIN = [
    detections_describe_the_scene,
    colour_that_is_not_there_gives_an_empty_result,
    lists_are_json_whatever_the_codes_contain,
    jpeg_snapshot_is_a_whole_jpeg,
    held_jpeg_is_read_by_offset_and_size_and_by_cut_through,
    held_picture_is_gone_after_another_snapshot,
    raw_picture_is_read_whole,
    mode_names_are_looked_up_and_never_evaluated,
    jpeg_stream_sends_pictures,
    sensor_is_configured_only_when_the_mode_changes,
    callbacks_of_this_firmware_are_offered,
    watchdog_is_off_unless_asked_for,
]
FED = watchdog_is_fed_when_idle_by_calls_and_by_every_picture_of_a_stream
BROKEN_SENSOR = '{"BROKEN": ["reset", "snapshot", "pixformat"]}'
FAILING_CABLE = '{"CABLE_TURNS": 3}'
GROUPS = [
    ("usb, firmware 4", ("--usb",), WITH_MAIN),
    ("stdio, firmware 5", ("--stdio",), WITH_MAIN),
    ("uart, firmware 5", ("--uart", "--firmware", "5"), WITH_MAIN),
    ("usb, IDE", ("--usb", "--scene", '{"IDE_TURNS": 3}'), [camera_waits_for_a_port_that_the_ide_has]),
    ("usb, loose cable", ("--usb", "--scene", FAILING_CABLE), [camera_outlives_a_link_that_fails]),
    ("usb, broken sensor", ("--usb", "--scene", BROKEN_SENSOR), [camera_outlives_a_sensor_that_fails]),
    ("stdio, broken sensor", ("--stdio", "--scene", BROKEN_SENSOR), [camera_outlives_a_sensor_that_fails]),
    ("usb, watchdog", ("--usb", "--watchdog", "8000"), [FED]),
    ("stdio, watchdog", ("--stdio", "--watchdog", "8000"), [FED]),
    (
        "usb, watchdog, loose cable",
        ("--usb", "--watchdog", "8000", "--scene", FAILING_CABLE),
        [watchdog_is_started_once_however_often_the_link_fails],
    ),
    ("usb, watchdog too long", ("--usb", "--watchdog", "99999"), [impossible_watchdog_is_told_in_the_file]),
]

if __name__ == "__main__":
    sys.exit(run(GROUPS))
