#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The camera's script, firmware/main.py, under genuine MicroPython: every well-known callback on every link."""

import json
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "firmware"))
sys.dont_write_bytecode = True

from harness import FIRMWARE_TESTS, check, check_equal, run, u32  # noqa: E402

SCENE_JPEG = (FIRMWARE_TESTS / "standins" / "scene.jpg").read_bytes()
QR_TEXT = 'the "largest" \\ code\n'
RGB565, QVGA = 0x0C030002, 11


def detections_describe_the_scene(camera):
    call = camera.master.call
    check_equal(call("face_detection"), struct.pack("<HHHH", 100, 60, 64, 72))
    check_equal(call("person_detection"), b"person")
    check_equal(call("qrcode_detection"), QR_TEXT.encode())
    check_equal(call("datamatrix_detection"), b"matrix")
    check_equal(call("barcode_detection"), b"0123456789")
    check_equal(call("apriltag_detection"), struct.pack("<HHHH", 80, 60, 7, 90))
    check_equal(call("color_detection", struct.pack("<bbbbbb", 30, 100, 15, 127, 15, 127)), struct.pack("<HH", 200, 90))


def colour_that_is_not_there_gives_an_empty_result(camera):
    check_equal(camera.master.call("color_detection", struct.pack("<bbbbbb", 0, 1, 0, 1, 0, 1)), b"")
    check_equal(camera.master.call("color_detection", b"too short"), b"")


def lists_are_json_whatever_the_codes_contain(camera):
    call = camera.master.call
    codes = json.loads(call("all_qrcode_detection"))
    check_equal([code["payload"] for code in codes], ["small", QR_TEXT])
    check_equal([code["version"] for code in codes], [1, 1])
    tag = json.loads(call("all_apriltag_detection"))[0]
    check_equal((tag["id"], tag["cx"], tag["x_translation"]), (7, 80, None))
    check_equal(json.loads(call("all_datamatrix_detection"))[0]["columns"], 16)
    check_equal(json.loads(call("all_barcode_detection"))[0]["payload"], "0123456789")


def jpeg_snapshot_is_a_whole_jpeg(camera):
    check_equal(camera.master.call("jpeg_snapshot"), SCENE_JPEG)


def held_jpeg_is_read_by_offset_and_size_and_by_cut_through(camera):
    call = camera.master.call
    for mode in (b"sensor.RGB565,sensor.QVGA", b"GRAYSCALE,QQVGA"):
        check_equal(call("jpeg_image_snapshot", mode), u32(len(SCENE_JPEG)))
        pieces = [call("jpeg_image_read", u32(offset, 1000)) for offset in range(0, len(SCENE_JPEG), 1000)]
        check_equal(b"".join(pieces), SCENE_JPEG)
        check_equal(call("jpeg_image_read", u32(0xFFFFFFFF, 0xFFFFFFFF)), b"")
        check_equal(call("jpeg_image_read"), b"")
        check_equal(camera.master.read_exactly(len(SCENE_JPEG), 2), SCENE_JPEG)


def held_picture_is_gone_after_another_snapshot(camera):
    call = camera.master.call
    check_equal(call("jpeg_image_snapshot", b"RGB565,QVGA"), u32(len(SCENE_JPEG)))
    call("face_detection")
    check_equal(call("jpeg_image_read", u32(0, 100)), b"")


def raw_picture_is_read_whole(camera):
    size = 320 * 240 * 2
    check_equal(camera.master.call("raw_image_snapshot", u32(RGB565, QVGA)), u32(320, 240, RGB565, size))
    head = bytes(i * 7 & 0xFF for i in range(4096))
    check_equal(camera.master.call("raw_image_read", u32(0, 4096)), head)
    check_equal(camera.master.call("raw_image_read"), b"")
    raw = camera.master.read_exactly(size, 2)
    check_equal((len(raw), raw[:4096]), (size, head))


def mode_names_are_looked_up_and_never_evaluated(camera):
    call = camera.master.call
    for mode in (b"sensor.reset(),sensor.QVGA", b"__class__,QVGA", b"RGB565", b"RGB565,QVGA,VGA", b"\xff,\xff", b""):
        check_equal(call("jpeg_image_snapshot", mode), b"")
    for mode in (u32(0, 0), u32(QVGA, RGB565), b""):
        check_equal(call("raw_image_snapshot", mode), b"")
    check_equal(call("jpeg_image_snapshot", b"RGB565,QVGA"), u32(len(SCENE_JPEG)))


def jpeg_stream_sends_pictures(camera):
    check_equal(camera.master.call("jpeg_image_stream", b"sensor.RGB565,sensor.QVGA"), b"")
    frames = camera.master.read_stream(2, 20)
    check(len(frames) >= 20 and set(frames) == {SCENE_JPEG}, "%d frames" % len(frames))
    check_equal(camera.master.call("jpeg_snapshot"), SCENE_JPEG)


def sensor_is_configured_only_when_the_mode_changes(camera):
    call = camera.master.call
    call("jpeg_snapshot")
    before = camera.printed("sensor configured")
    check(before > 0, "never configured")
    for _ in range(3):
        call("jpeg_snapshot")
    check_equal(camera.printed("sensor configured"), before)
    call("face_detection")
    check_equal(camera.printed("sensor configured"), before + 1)


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
]
GROUPS = [
    ("usb, firmware 4", ("--usb",), WITH_MAIN),
    ("stdio, firmware 5", ("--stdio",), WITH_MAIN),
    ("uart, firmware 5", ("--uart", "--firmware", "5"), WITH_MAIN),
]

if __name__ == "__main__":
    sys.exit(run(GROUPS))
