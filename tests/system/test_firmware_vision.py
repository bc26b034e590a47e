#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the camera sees, firmware/vision.py, under genuine MicroPython: every callback on both camera APIs."""

import json
import pathlib
import random
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "firmware"))
sys.dont_write_bytecode = True

from harness import FIRMWARE_TESTS, check, check_equal, run, u32  # noqa: E402

STAGE = str(FIRMWARE_TESTS / "scripts" / "stage.py")
SCENE_JPEG = (FIRMWARE_TESTS / "standins" / "scene.jpg").read_bytes()
RED = struct.pack("<bbbbbb", 30, 100, 15, 127, 15, 127)
BLUE = struct.pack("<bbbbbb", 0, 30, -20, 20, -60, 0)
GREEN = struct.pack("<bbbbbb", 30, 100, -64, -8, -32, 32)
GRAYSCALE, RGB565, QQVGA, QVGA = 0x08020001, 0x0C030002, 10, 11
DETECTIONS = (
    "face_detection",
    "qrcode_detection",
    "datamatrix_detection",
    "barcode_detection",
    "apriltag_detection",
    "all_qrcode_detection",
    "all_datamatrix_detection",
    "all_barcode_detection",
    "all_apriltag_detection",
    "circle_detection",
    "all_circle_detection",
    "line_detection",
    "all_line_detection",
)
OTHERS = (
    "person_detection",
    "color_detection",
    "colors_detection",
    "thermal_frame",
    "thermal_range",
    "jpeg_snapshot",
    "jpeg_image_snapshot",
    "jpeg_image_read",
    "raw_image_snapshot",
    "raw_image_read",
    "jpeg_image_stream",
    "configure",
    "info",
)
NOTHING = {"FACES": [], "QR_TEXTS": [], "MATRIX_TEXTS": [], "BARCODE_TEXTS": [], "TAGS": [], "BLOBS": []}
NOTHING.update({"CIRCLES": [], "LINES": []})


def scene(camera, **changes):
    """The usual scene but for these changes."""
    check_equal(camera.master.patient_call("set_scene", json.dumps(changes, ensure_ascii=False).encode()), b"set")


def sensor_calls(camera):
    return json.loads(camera.master.patient_call("sensor_calls"))


def calls_since(camera, before):
    """How often the sensor was asked what since then. A call that the line made run twice adds pictures, no more."""
    return {name: count - before.get(name, 0) for name, count in sensor_calls(camera).items()}


def configure(camera, **settings):
    result = camera.master.patient_call("configure", json.dumps(settings).encode())
    return json.loads(result) if result else None


def check_error(camera, name, arguments, *parts):
    """Calling gives an empty result, and the camera knows why: an error with those parts."""
    check_equal(camera.master.patient_call(name, arguments), b"")
    text = camera.master.patient_call("last_error").decode()
    for part in parts:
        check(part in text, "%s: %r is not in %r" % (name, part, text))


# Results


def detections_give_the_largest(camera):
    scene(camera)
    call = camera.master.patient_call
    check_equal(call("face_detection"), struct.pack("<HHHH", 100, 60, 64, 72))
    check_equal(call("qrcode_detection"), b'the "largest" \\ code\n')
    check_equal(call("datamatrix_detection"), b"matrix")
    check_equal(call("barcode_detection"), b"0123456789")
    check_equal(call("apriltag_detection"), struct.pack("<HHHH", 80, 60, 7, 90))
    check_equal(call("circle_detection"), struct.pack("<HHHI", 70, 60, 31, 70000))
    check_equal(call("line_detection"), struct.pack("<hhhh", 0, 119, 159, 0))


def lists_name_everything(camera):
    scene(camera)
    lists = {name: json.loads(camera.master.patient_call(name)) for name in DETECTIONS if name.startswith("all_")}
    check_equal([code["payload"] for code in lists["all_qrcode_detection"]], ["small", 'the "largest" \\ code\n'])
    check_equal(lists["all_qrcode_detection"][0]["ecc_level"], 2)
    check_equal(lists["all_datamatrix_detection"][0]["columns"], 16)
    check_equal(lists["all_barcode_detection"][0]["type"], 13)
    tag = lists["all_apriltag_detection"][0]
    check_equal((tag["id"], tag["cx"], tag["x_translation"]), (7, 80, None))
    check(abs(tag["rotation"] - 1.5708) < 0.001, tag)
    check_equal(lists["all_circle_detection"][1], {"x": 70, "y": 60, "r": 31, "magnitude": 70000})
    check_equal([line["rho"] for line in lists["all_line_detection"]], [-3, 95])


def nothing_seen_is_an_empty_result(camera):
    scene(camera, **NOTHING)
    for name in DETECTIONS:
        check_equal(camera.master.patient_call(name), b"")
    check_equal(camera.master.patient_call("color_detection", RED), b"")
    check_equal(camera.master.patient_call("colors_detection", RED + BLUE), b"")
    check_equal(camera.master.patient_call("last_error"), b"none")


def person_is_told_from_nobody(camera):
    scene(camera, PERSON=True)
    check_equal(camera.master.patient_call("person_detection"), b"person")
    scene(camera, PERSON=False)
    check_equal(camera.master.patient_call("person_detection"), b"no_person")


def color_gives_the_centre_of_the_largest_blob(camera):
    scene(camera)
    check_equal(camera.master.patient_call("color_detection", RED), struct.pack("<HH", 200, 90))
    check_equal(camera.master.patient_call("color_detection", GREEN), b"")


def several_colors_give_a_record_for_each_blob(camera):
    scene(camera)
    records = [(0, 200, 90, 70000), (0, 20, 9, 600), (2, 15, 230, 800)]
    expected = b"".join(struct.pack("<HHHI", *record) for record in records)
    check_equal(camera.master.patient_call("colors_detection", RED + GREEN + BLUE), expected)
    check_error(camera, "colors_detection", RED + b"x", "ValueError", "expected")
    check_error(camera, "colors_detection", b"", "expected 1 to 32 thresholds")
    check_error(camera, "colors_detection", RED * 33, "expected 1 to 32 thresholds")


def texts_are_json_whatever_the_codes_contain(camera):
    texts = ['"', "\\", "\\\"',}]", "\n\r\t\b\f\x01\x1f\x7f", "Grüße 世界 \U0001f600", "\u2028", "\\u0041"]
    scene(camera, QR_TEXTS=texts)
    codes = json.loads(camera.master.patient_call("all_qrcode_detection").decode())
    check_equal([code["payload"] for code in codes], texts)
    for text in texts:
        scene(camera, QR_TEXTS=[text])
        check_equal(camera.master.patient_call("qrcode_detection").decode(), text)


def bytes_that_are_no_text_are_shown_as_latin_1(camera):
    # A stray byte, a cut sequence, an overlong form, half of a surrogate pair, and a number beyond the last one.
    for raw in (b"a\xffb", b"caf\xc3", b"\xc0\xaf-", b"x\xed\xa0\x80", b"\xf4\x90\x80\x80"):
        check_equal(camera.master.patient_call("set_qr_bytes", raw), b"set")
        check_equal(camera.master.patient_call("qrcode_detection").decode(), raw.decode("latin-1"))
        codes = json.loads(camera.master.patient_call("all_qrcode_detection").decode())
        check_equal([code["payload"] for code in codes], [raw.decode("latin-1")])
    scene(camera)


def firmware_without_line_segments_finds_lines(camera):
    scene(camera, WITHOUT=["find_line_segments"])
    check_equal(camera.master.patient_call("line_detection"), struct.pack("<hhhh", 0, 119, 159, 0))


def what_the_firmware_lacks_is_named(camera):
    scene(camera, WITHOUT=["find_circles", "find_line_segments", "find_lines", "find_datamatrices", "find_blobs"])
    check_error(camera, "circle_detection", b"", "RuntimeError: this firmware has no find_circles")
    check_error(camera, "line_detection", b"", "RuntimeError: this firmware has no find_lines")
    check_error(camera, "datamatrix_detection", b"", "RuntimeError: this firmware has no find_datamatrices")
    check_error(camera, "color_detection", RED, "RuntimeError: this firmware has no find_blobs")
    check_equal(camera.master.patient_call("barcode_detection"), b"0123456789")


# Pictures


def pictures_are_held_and_read_in_pieces(camera):
    scene(camera)
    call = camera.master.patient_call
    check_equal(call("jpeg_snapshot"), SCENE_JPEG)
    check_equal(call("jpeg_image_snapshot", b" csi.GRAYSCALE , QQVGA"), u32(len(SCENE_JPEG)))
    check_equal(call("jpeg_image_read", u32(5, 7)), SCENE_JPEG[5:12])
    check_equal(call("raw_image_snapshot", u32(GRAYSCALE, QQVGA)), u32(160, 120, GRAYSCALE, 160 * 120))
    check_equal(call("raw_image_read", u32(160 * 120 - 4, 100)), bytes(4))
    check_error(camera, "raw_image_read", b"\0" * 7, "expected 8 bytes, got 7")


def unknown_modes_are_refused_with_the_choices(camera):
    scene(camera)
    for mode in (b"sensor.reset(),QVGA", b"__class__,QVGA", b"LEPTON,QVGA", b"rgb565,QVGA", b",QVGA"):
        for name in ("jpeg_image_snapshot", "jpeg_image_stream"):
            check_error(camera, name, mode, "ValueError", "no such pixformat", "GRAYSCALE, RGB565")
    # One that a firmware may have, and this one has not.
    check_error(camera, "jpeg_image_snapshot", b"RGB565,WQXGA2", "no such framesize: WQXGA2", "QQVGA, QVGA, VGA")
    check_error(camera, "jpeg_image_snapshot", b"RGB565", "expected pixformat,framesize")
    check_error(camera, "raw_image_snapshot", u32(QVGA, RGB565), "no such pixformat: 11", "RGB565=%d" % RGB565)
    check_error(camera, "raw_image_snapshot", u32(RGB565, 99), "no such framesize: 99", "QVGA=11")


# The sensor


def sensor_is_configured_only_when_the_mode_changes(camera):
    scene(camera)
    call = camera.master.patient_call
    call("jpeg_snapshot")
    before = sensor_calls(camera)
    for _ in range(3):
        call("jpeg_snapshot")
        call("color_detection", RED)
        call("person_detection")
        call("jpeg_image_snapshot", b"RGB565,QVGA")
    since = calls_since(camera, before)
    check(since["snapshot"] >= 12, since)
    check_equal({name: count for name, count in since.items() if count and name != "snapshot"}, {})
    call("qrcode_detection")
    call("datamatrix_detection")
    since = calls_since(camera, before)
    check_equal([since[name] for name in ("reset", "pixformat", "framesize", "window", "settle")], [0, 1, 1, 1, 1])


def failed_picture_is_an_error_and_the_sensor_is_reset(camera):
    for broken in ("snapshot", "pixformat", "framesize", "settle", "reset"):
        scene(camera)
        camera.master.patient_call("face_detection")
        before = sensor_calls(camera)
        # The second failure needs a change of mode to be met.
        scene(camera, BROKEN=[broken])
        if broken == "reset":
            scene(camera, BROKEN=["reset", "snapshot"])
        check_error(camera, "apriltag_detection", b"", "RuntimeError: Camera interface timeout!")
        check_error(camera, "apriltag_detection", b"", "RuntimeError: Camera interface timeout!")
        scene(camera)
        check_equal(camera.master.patient_call("apriltag_detection"), struct.pack("<HHHH", 80, 60, 7, 90))
        check(calls_since(camera, before)["reset"] >= 1, broken)


def missing_models_are_named(camera):
    scene(camera, MODEL=False, CASCADE=False)
    check_error(camera, "person_detection", b"", "RuntimeError: this firmware has no person detection model")
    check_error(camera, "face_detection", b"", "RuntimeError: this firmware has no face cascade")
    scene(camera)
    check_equal(camera.master.patient_call("person_detection"), b"person")
    check_equal(len(camera.master.patient_call("face_detection")), 8)


# Settings


def configure_tells_all_settings(camera):
    scene(camera)
    camera.master.patient_call("jpeg_snapshot")
    told = configure(camera)
    settings = ("pixformat", "framesize", "quality", "brightness", "contrast", "saturation", "mirror", "flip")
    check_equal(set(told), set(settings + ("gain_db", "exposure_us", "white_balance", "measured")))
    check_equal((told["pixformat"], told["framesize"], told["quality"]), ("RGB565", "QVGA", 90))
    check_equal((told["brightness"], told["mirror"]), (None, False))
    check_equal(told["measured"], {"gain_db": 12.5, "exposure_us": 8000, "white_balance": [1, 0, 2]})
    check_equal(json.loads(camera.master.patient_call("configure")), told)


def configure_sets_what_it_is_told(camera):
    scene(camera)
    wanted = {
        "pixformat": "GRAYSCALE",
        "framesize": "QQVGA",
        "quality": 35,
        "brightness": 3,
        "contrast": -3,
        "saturation": 0,
        "gain_db": 6.5,
        "exposure_us": 20000,
        "white_balance": [1, 2.5, 3],
        "mirror": True,
        "flip": True,
    }
    told = configure(camera, **wanted)
    measured = told.pop("measured")
    check_equal(told, wanted)
    check_equal(measured, {name: wanted[name] for name in ("gain_db", "exposure_us", "white_balance")})
    # They stay when a detection changes the mode, and are set again since they depend on it.
    before = sensor_calls(camera)
    camera.master.patient_call("qrcode_detection")
    since = calls_since(camera, before)
    for control in ("brightness", "contrast", "auto_gain", "auto_exposure", "auto_whitebal", "hmirror", "vflip"):
        check_equal((control, since[control]), (control, 1))
    # And when the sensor had to be reset.
    scene(camera, BROKEN=["snapshot"])
    camera.master.patient_call("jpeg_snapshot")
    scene(camera)
    camera.master.patient_call("jpeg_snapshot")
    again = configure(camera)
    check_equal((again["measured"], again["flip"], again["brightness"]), (measured, True, 3))
    usual = {"pixformat": "RGB565", "framesize": "QVGA", "quality": 90, "mirror": False, "flip": False}
    automatic = {"gain_db": "auto", "exposure_us": "auto", "white_balance": "fixed"}
    told = configure(camera, brightness=0, contrast=0, **usual, **automatic)
    check_equal({name: told[name] for name in automatic}, automatic)


def fixed_keeps_what_the_sensor_has_chosen(camera):
    scene(camera)
    fixed = configure(camera, gain_db="fixed", exposure_us="fixed", white_balance="fixed")
    check_equal(fixed["measured"], {"gain_db": 12.5, "exposure_us": 8000, "white_balance": [1, 0, 2]})
    # Also after a reset, when the sensor has forgotten it.
    scene(camera, BROKEN=["snapshot"])
    camera.master.patient_call("jpeg_snapshot")
    scene(camera)
    camera.master.patient_call("face_detection")
    check_equal(configure(camera)["measured"], fixed["measured"])
    configure(camera, gain_db="auto", exposure_us="auto", white_balance="auto")


def configure_sets_all_or_nothing(camera):
    scene(camera)
    before = configure(camera, brightness=1)
    for bad in (
        {"brightness": 2, "no_such_setting": 1},
        {"brightness": 2, "quality": 0},
        {"brightness": 4},
        {"brightness": True},
        {"brightness": 1.5},
        {"brightness": "1"},
        {"contrast": None},
        {"brightness": 2, "mirror": 1},
        {"gain_db": "much"},
        {"gain_db": 1e30},
        {"exposure_us": -5},
        {"exposure_us": 0.5},
        {"white_balance": [1, 2]},
        {"white_balance": [1, 2, "auto"]},
        {"pixformat": 7},
        {"brightness": 2, "framesize": "HUGE"},
    ):
        check_equal((bad, configure(camera, **bad)), (bad, None))
    check_equal(configure(camera), before)
    check_error(camera, "configure", b'{"no": 1}', "ValueError: no such setting: no", "brightness", "white_balance")
    check_error(camera, "configure", b'{"quality": 101}', "ValueError: quality: expected a whole number from 1 to 100")
    check_error(camera, "configure", b'{"framesize": "HUGE"}', "no such framesize: HUGE", "QVGA")
    check_error(camera, "configure", b"[1]", "ValueError: expected a JSON object")
    # What this sensor cannot do. The one that it could is not kept either.
    scene(camera, LACKS=["saturation", "gain_db"])
    impossible = b'{"brightness": 2, "saturation": 1}'
    check_error(camera, "configure", impossible, "RuntimeError: this sensor has no saturation")
    camera.master.patient_call("jpeg_snapshot")
    told = configure(camera)
    check_equal((told["brightness"], "gain_db" in told["measured"]), (1, False))
    scene(camera)


def info_describes_the_camera(camera):
    scene(camera)
    first = json.loads(camera.master.patient_call("info"))
    check_equal(set(first), {"board", "firmware", "sensor", "memory", "uptime_ms"})
    check_equal((first["sensor"], first["board"]), ("OV5640", "OPENMV4P with STM32H743"))
    check(first["firmware"] in ("4.5.9", "5.0.0"), first)
    check(first["memory"]["free"] > 0 and first["memory"]["allocated"] > 0, first)
    second = json.loads(camera.master.patient_call("info"))
    check(second["uptime_ms"] >= first["uptime_ms"] > 0, (first, second))


# Temperatures


def only_a_lepton_measures_temperatures(camera):
    scene(camera)
    for name in ("thermal_frame", "thermal_range"):
        check_error(camera, name, b"", "RuntimeError: this camera's sensor is no Lepton")
        check_error(camera, name, struct.pack("<ff", 0, 50), "RuntimeError: this camera's sensor is no Lepton")
    # And asking for them does not cost the others a reset.
    camera.master.patient_call("face_detection")
    before = sensor_calls(camera)
    camera.master.patient_call("thermal_range")
    camera.master.patient_call("face_detection")
    since = calls_since(camera, before)
    check_equal((since["reset"], since["pixformat"]), (0, 0))


def lepton_gives_temperatures(camera):
    scene(camera, SENSOR="LEPTON")
    low, high, mean = struct.unpack("<fff", camera.master.patient_call("thermal_range", struct.pack("<ff", 10, 61)))
    check_equal((low, high, mean), (20.0, 40.0, 30.0))
    frame = camera.master.patient_call("thermal_frame", struct.pack("<ff", 10, 61))
    check_equal(struct.unpack_from("<HHff", frame), (160, 120, 10.0, 61.0))
    check_equal((len(frame), frame[12:15]), (12 + 160 * 120, bytes([50, 150, 100])))
    # The sensor's own limits, and the usual range.
    frame = camera.master.patient_call("thermal_frame", struct.pack("<ff", -200, 900))
    check_equal(struct.unpack_from("<ff", frame, 4), (-10, 140))
    check_equal(struct.unpack_from("<ff", camera.master.patient_call("thermal_frame"), 4), (0, 100))
    nan, infinity = float("nan"), float("inf")
    for bad in ((5, 5), (9, 1), (nan, 1), (1, nan), (-infinity, infinity)):
        check_error(camera, "thermal_range", struct.pack("<ff", *bad), "ValueError: expected two temperatures")
    # Other pictures are not temperatures any more.
    before = sensor_calls(camera)
    camera.master.patient_call("raw_image_snapshot", u32(GRAYSCALE, QQVGA))
    check_equal(camera.master.patient_call("raw_image_read", u32(0, 3)), bytes([0, 7, 14]))
    check_equal(calls_since(camera, before)["lepton_mode"], 1)
    scene(camera)


# Whatever is sent


def hostile_arguments_never_stop_the_camera(camera):
    scene(camera)
    dice = random.Random(20)
    sizes = (1, 2, 6, 7, 8, 9, 200, 1000)
    hostile = [bytes(size) for size in sizes] + [b"\xff" * size for size in sizes]
    hostile += [dice.randbytes(size) for size in sizes]
    hostile += [b"{", b"[" * 500, b'{"quality":1e999}', b'{"":{}}', b"null", b'{"pixformat":"RGB565","framesize":[]}']
    for name in DETECTIONS + OTHERS:
        for arguments in [b""] + hostile:
            check(camera.master.patient_call(name, arguments) is not None, "%s(%.20r): no answer" % (name, arguments))
    check_equal(camera.master.patient_call("jpeg_snapshot"), SCENE_JPEG)


# A camera without a sensor


def camera_without_a_sensor_says_so_and_goes_on(camera):
    scene(camera, SENSOR=None)
    for name in DETECTIONS + ("person_detection", "jpeg_snapshot", "thermal_range"):
        check_error(camera, name, b"", "RuntimeError: No sensor was detected!")
    check_error(camera, "configure", b'{"brightness": 1}', "RuntimeError: No sensor was detected!")
    check_equal(json.loads(camera.master.patient_call("info"))["sensor"], None)
    check_equal(json.loads(camera.master.patient_call("configure"))["brightness"], None)


def sensor_that_comes_later_is_used(camera):
    scene(camera)
    check_equal(camera.master.patient_call("jpeg_snapshot"), SCENE_JPEG)
    check_equal(json.loads(camera.master.patient_call("info"))["sensor"], "OV5640")


ALL = [
    detections_give_the_largest,
    lists_name_everything,
    nothing_seen_is_an_empty_result,
    person_is_told_from_nobody,
    color_gives_the_centre_of_the_largest_blob,
    several_colors_give_a_record_for_each_blob,
    texts_are_json_whatever_the_codes_contain,
    bytes_that_are_no_text_are_shown_as_latin_1,
    firmware_without_line_segments_finds_lines,
    what_the_firmware_lacks_is_named,
    pictures_are_held_and_read_in_pieces,
    unknown_modes_are_refused_with_the_choices,
    sensor_is_configured_only_when_the_mode_changes,
    failed_picture_is_an_error_and_the_sensor_is_reset,
    configure_tells_all_settings,
    fixed_keeps_what_the_sensor_has_chosen,
    configure_sets_what_it_is_told,
    configure_sets_all_or_nothing,
    info_describes_the_camera,
    only_a_lepton_measures_temperatures,
    lepton_gives_temperatures,
    hostile_arguments_never_stop_the_camera,
]
BLIND = [camera_without_a_sensor_says_so_and_goes_on, sensor_that_comes_later_is_used]
GROUPS = []
for title, link in (("firmware 4", "--usb"), ("firmware 5", "--stdio")):
    GROUPS.append((title, (link, "--script", STAGE), ALL))
    # Models are loaded once.
    GROUPS.append((title, (link, "--script", STAGE), [missing_models_are_named]))
    GROUPS.append((title, (link, "--script", STAGE, "--scene", '{"SENSOR": null}'), BLIND))

if __name__ == "__main__":
    sys.exit(run(GROUPS))
