#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The scripts in firmware/examples, under genuine MicroPython: each starts and answers, on either camera API."""

import json
import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "firmware"))
sys.dont_write_bytecode = True

from harness import FIRMWARE_TESTS, Camera, check, check_equal, run  # noqa: E402
from relay import UartRelay  # noqa: E402

EXAMPLES = FIRMWARE_TESTS.parent.parent / "firmware" / "examples"
SCENE_JPEG = (FIRMWARE_TESTS / "standins" / "scene.jpg").read_bytes()
RED = struct.pack("<bbbbbb", 30, 100, 15, 127, 15, 127)
GREEN = struct.pack("<bbbbbb", 30, 100, -64, -8, -32, 32)


def face(camera):
    check_equal(camera.master.patient_call("face_detection"), struct.pack("<HHHH", 100, 60, 64, 72))


def person(camera):
    check_equal(camera.master.patient_call("person_detection"), b"person")


def qrcode(camera):
    check_equal(camera.master.patient_call("qrcode_detection"), b'the "largest" \\ code\n')


def datamatrix(camera):
    check_equal(camera.master.patient_call("datamatrix_detection"), b"matrix")


def barcode(camera):
    codes = json.loads(camera.master.patient_call("all_barcode_detection"))
    check_equal([code["payload"] for code in codes], ["0123456789"])


def apriltag(camera):
    check_equal(camera.master.patient_call("apriltag_detection"), struct.pack("<HHHH", 80, 60, 7, 90))


def color(camera):
    check_equal(camera.master.patient_call("color_detection", RED), struct.pack("<HH", 200, 90))
    check_equal(camera.master.patient_call("color_detection", GREEN), b"")


def circles(camera):
    check_equal(camera.master.patient_call("circles"), struct.pack("<HHHHHH", 20, 30, 9, 70, 60, 31))


def capture(camera):
    check_equal(camera.master.patient_call("jpeg_snapshot"), SCENE_JPEG)


def stream(camera):
    frames = camera.master.read_whole_stream("jpeg_image_stream", b"RGB565,QVGA", 2, 10)
    check(len(frames) >= 10 and set(frames) == {SCENE_JPEG}, "%d frames" % len(frames))
    check_equal(camera.master.patient_call("jpeg_image_stream", b"no mode"), b"")


def two_cameras(camera):
    check_equal(camera.master.call("face_detection"), struct.pack("<HHHH", 100, 60, 64, 72))
    check_equal(json.loads(camera.master.call("info"))["sensor"], "OV5640")


def ask_another(camera):
    # It is the master on the wire, and main.py runs on the other camera.
    with Camera("--uart", with_master=False) as other:
        wire = UartRelay(camera.path, other.path, lambda _, data: data)
        wire.start()
        try:
            deadline = time.monotonic() + 60
            while not camera.printed("LED_RED on"):
                check(time.monotonic() < deadline and not wire.failure, "no face was seen: %s" % wire.failure)
                time.sleep(0.05)
        finally:
            wire.stop()


def every_example_is_here(_):
    tested = {test.__name__ + ".py" for test in EACH + [two_cameras, ask_another]}
    check_equal({path.name for path in EXAMPLES.glob("*.py")}, tested)


EACH = [face, person, qrcode, datamatrix, barcode, apriltag, color, circles, capture, stream]
GROUPS = [("all", ("--script", str(EXAMPLES / "face.py")), [every_example_is_here])]
for title, link in (("firmware 4", "--usb"), ("firmware 5", "--stdio"), ("uart", "--uart")):
    for example in EACH[:1] if link == "--uart" else EACH:
        GROUPS.append((title, (link, "--script", str(EXAMPLES / (example.__name__ + ".py"))), [example]))

GROUPS.append(("i2c", ("--i2c", "--script", str(EXAMPLES / "two_cameras.py")), [two_cameras]))
ASKER = ("--uart", "--firmware", "5", "--script", str(EXAMPLES / "ask_another.py"))
GROUPS.append(("uart", ASKER, [ask_another]))

if __name__ == "__main__":
    sys.exit(run(GROUPS))
