# SPDX-License-Identifier: MIT
#
# What the camera can see: detections and pictures under the well-known names, for omvrpc.py to offer. It knows
# pictures, not packets. Copy it to the camera next to omvrpc.py and omvcamera.py; main.py registers all of it, or a
# script of your own does:
#
#     import omvrpc
#     import vision
#
#     remote = omvrpc.Slave(omvrpc.usb())
#     vision.register(remote)
#     remote.loop()
#
# An empty result means that nothing was seen. What cannot be answered raises, and omvrpc.py tells the master why.

import gc
import json
import math
import os
import struct
import time
from collections import OrderedDict

import omvcamera

# Degrees Celsius that thermal pictures cover unless the caller says otherwise. The pixels have 255 steps.
THERMAL_RANGE = (0.0, 100.0)

# colors_detection takes no more thresholds than this: each is one more pass over the picture.
MOST_COLORS = 32

# What detections say, as text and JSON


def readable(text):
    # A code may hold bytes that are no UTF-8; they are shown as Latin-1, so that the result is always valid text. The
    # interpreter's own check lets surrogates and overlong forms pass.
    raw = text.encode()
    try:
        if "".join([_encodable(character) for character in raw.decode()]).encode() == raw:
            return text
    except ValueError:
        pass
    return "".join([chr(byte) for byte in raw])


def _encodable(character):
    if 0xD800 <= ord(character) <= 0xDFFF:
        raise ValueError
    return chr(ord(character))


def to_json(value):
    # JSON has no NaN and no infinities, which json.dumps would write.
    if isinstance(value, dict):
        return "{" + ", ".join([json.dumps(name) + ": " + to_json(value[name]) for name in value]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([to_json(element) for element in value]) + "]"
    if isinstance(value, float):
        return "%.6f" % value if -1e30 < value < 1e30 else "null"
    return json.dumps(readable(value) if isinstance(value, str) else value)


def value_of(detection, name):
    # Detections have methods in some firmware versions and attributes in others; what one lacks is None.
    value = getattr(detection, name, None)
    return value() if callable(value) else value


def area(detection):
    return value_of(detection, "w") * value_of(detection, "h")


def json_list(detections, names):
    # The firmware prints detections as JSON too, but without escaping their texts.
    found = []
    for detection in detections:
        values = [(name, value_of(detection, name)) for name in names]
        found.append(OrderedDict([(name, value) for name, value in values if value is not None]))
    return to_json(found) if found else None


def find(image, method, *arguments, **named):
    if not hasattr(image, method):
        raise RuntimeError("this firmware has no " + method)
    return getattr(image, method)(*arguments, **named)


def unpack(layout, arguments):
    # struct.unpack of MicroPython takes buffers that are too long.
    if len(arguments) != struct.calcsize(layout):
        raise ValueError("expected %d bytes, got %d" % (struct.calcsize(layout), len(arguments)))
    return struct.unpack(layout, arguments)


# What has to be loaded from the firmware before it can be used


def first_that_loads(what, attempts):
    for attempt in attempts:
        try:
            loaded = attempt()
            if loaded:
                return loaded
        except (ImportError, AttributeError, OSError, ValueError, RuntimeError):
            pass
    raise RuntimeError("this firmware has no " + what)


def load_face_cascade():
    import image

    # Newer firmware keeps it as a file, older has it built in.
    return first_that_loads(
        "face cascade",
        [
            lambda: image.HaarCascade("/rom/haarcascade_frontalface.cascade"),
            lambda: image.HaarCascade("frontalface"),
        ],
    )


def ml_classifier(name):
    import ml

    model = ml.Model(name)
    return model.labels and (lambda image: (model.labels, model.predict([image])[0].flatten().tolist()))


def tf_classifier(name):
    import tf

    labels, model = tf.load_builtin_model(name)
    return lambda image: (labels, tf.classify(model, image)[0].output())


def load_person_classifier():
    # A function of a picture that gives labels and as many scores.
    return first_that_loads(
        "person detection model",
        [
            lambda: ml_classifier("/rom/person_detect.tflite"),
            lambda: ml_classifier("person_detect"),
            lambda: tf_classifier("person_detection"),
        ],
    )


_START = (time.time(), time.ticks_ms())


def uptime_ms():
    # Milliseconds since this module was loaded. Their counter starts again every twelve days; the board's clock, which
    # counts seconds, tells how often it has.
    passed = time.ticks_diff(time.ticks_ms(), _START[1])
    period = time.ticks_add(0, -1) + 1
    return passed + round(((time.time() - _START[0]) * 1000 - passed) / period) * period


# Each kind of code: how the picture is taken, how the code is found, what is told of it.
BOX = ("x", "y", "w", "h")
CODES = {
    "qrcode": (
        ("RGB565", "VGA", (320, 240)),
        "find_qrcodes",
        BOX + ("payload", "version", "ecc_level", "mask", "data_type", "eci"),
    ),
    "datamatrix": (
        ("RGB565", "VGA", (320, 240)),
        "find_datamatrices",
        BOX + ("payload", "rotation", "rows", "columns", "capacity", "padding"),
    ),
    "barcode": (
        ("GRAYSCALE", "VGA", (640, 60)),
        "find_barcodes",
        BOX + ("payload", "type", "rotation", "quality"),
    ),
    "apriltag": (
        ("RGB565", "QQVGA", None),
        "find_apriltags",
        BOX + ("id", "family", "cx", "cy", "rotation", "decision_margin", "hamming", "goodness")
        + ("x_translation", "y_translation", "z_translation", "x_rotation", "y_rotation", "z_rotation"),
    ),
}  # fmt: skip
CIRCLE = ("x", "y", "r", "magnitude")
LINE = ("x1", "y1", "x2", "y2", "length", "magnitude", "theta", "rho")


class Vision:
    # The callbacks. Each takes the argument bytes and returns bytes, text, or None for nothing seen.
    def __init__(self, remote, camera):
        self._remote = remote
        self._camera = camera
        self._face_cascade = None
        self._classify_person = None

    # Codes

    def _codes(self, kind):
        mode, method, _ = CODES[kind]
        return find(self._camera.snapshot(*mode), method)

    def _largest_payload(self, kind):
        codes = self._codes(kind)
        return readable(value_of(max(codes, key=area), "payload")) if codes else None

    def _all_codes(self, kind):
        return json_list(self._codes(kind), CODES[kind][2])

    def qrcode_detection(self, _):
        return self._largest_payload("qrcode")

    def all_qrcode_detection(self, _):
        return self._all_codes("qrcode")

    def datamatrix_detection(self, _):
        return self._largest_payload("datamatrix")

    def all_datamatrix_detection(self, _):
        return self._all_codes("datamatrix")

    def barcode_detection(self, _):
        return self._largest_payload("barcode")

    def all_barcode_detection(self, _):
        return self._all_codes("barcode")

    def apriltag_detection(self, _):
        tags = self._codes("apriltag")
        if not tags:
            return None
        tag = max(tags, key=area)
        degrees = int(math.degrees(value_of(tag, "rotation"))) % 360
        return struct.pack("<HHHH", value_of(tag, "cx"), value_of(tag, "cy"), value_of(tag, "id"), degrees)

    def all_apriltag_detection(self, _):
        return self._all_codes("apriltag")

    # Shapes, colours, people

    def face_detection(self, _):
        if self._face_cascade is None:
            self._face_cascade = load_face_cascade()
        faces = find(self._camera.snapshot("GRAYSCALE", "QVGA"), "find_features", self._face_cascade)
        if not faces:
            return None
        face = max(faces, key=lambda box: box[2] * box[3])
        return struct.pack("<HHHH", face[0], face[1], face[2], face[3])

    def person_detection(self, _):
        if self._classify_person is None:
            self._classify_person = load_person_classifier()
        labels, scores = self._classify_person(self._camera.snapshot("RGB565", "QVGA"))
        return labels[scores.index(max(scores))]

    def _blobs(self, image, thresholds):
        # Largest first.
        blobs = find(
            image, "find_blobs", [thresholds], pixels_threshold=500, area_threshold=500, merge=True, margin=20
        )
        return sorted(blobs, key=lambda blob: -value_of(blob, "pixels"))

    def color_detection(self, arguments):
        thresholds = unpack("<bbbbbb", arguments)
        blobs = self._blobs(self._camera.snapshot("RGB565", "QVGA"), thresholds)
        return struct.pack("<HH", value_of(blobs[0], "cx"), value_of(blobs[0], "cy")) if blobs else None

    def colors_detection(self, arguments):
        count = len(arguments) // 6
        if not 1 <= count <= MOST_COLORS:
            raise ValueError("expected 1 to %d thresholds of 6 bytes" % MOST_COLORS)
        values = unpack("<%db" % (6 * count), arguments)
        image = self._camera.snapshot("RGB565", "QVGA")
        result = b""
        for color in range(count):
            for blob in self._blobs(image, values[6 * color : 6 * color + 6]):
                result += struct.pack("<HHHI", color, *[value_of(blob, name) for name in ("cx", "cy", "pixels")])
        return result

    def _circles(self):
        image = self._camera.snapshot("GRAYSCALE", "QQVGA")
        return find(image, "find_circles", threshold=3500, x_margin=10, y_margin=10, r_margin=10, r_min=4, r_max=100)

    def circle_detection(self, _):
        circles = self._circles()
        if not circles:
            return None
        circle = max(circles, key=lambda found: value_of(found, "r"))
        return struct.pack("<HHHI", *[value_of(circle, name) for name in CIRCLE])

    def all_circle_detection(self, _):
        return json_list(self._circles(), CIRCLE)

    def _lines(self):
        # Segments have ends where the line in the scene has them; not every firmware finds those.
        image = self._camera.snapshot("GRAYSCALE", "QQVGA")
        if hasattr(image, "find_line_segments"):
            return image.find_line_segments(merge_distance=4, max_theta_difference=15)
        return find(image, "find_lines", threshold=1000, theta_margin=25, rho_margin=25)

    def line_detection(self, _):
        lines = self._lines()
        if not lines:
            return None
        line = max(lines, key=lambda found: value_of(found, "length"))
        return struct.pack("<hhhh", *[value_of(line, name) for name in LINE[:4]])

    def all_line_detection(self, _):
        return json_list(self._lines(), LINE)

    # Temperatures

    def _thermal(self, arguments):
        low, high = unpack("<ff", arguments) if len(arguments) else THERMAL_RANGE
        if not -273 <= low < high <= 1000:
            raise ValueError("expected two temperatures, the lower first")
        image = self._camera.snapshot("GRAYSCALE", "QQVGA", None, (low, high))
        # The sensor narrows the range to what it can measure.
        low, high = self._camera.device().lepton("GET_RANGE")
        return image, low, high

    def thermal_frame(self, arguments):
        image, low, high = self._thermal(arguments)
        return struct.pack("<HHff", image.width(), image.height(), low, high) + bytes(image.bytearray())

    def thermal_range(self, arguments):
        image, low, high = self._thermal(arguments)
        statistics = find(image, "get_statistics")
        pixels = [value_of(statistics, name) for name in ("min", "max", "mean")]
        return struct.pack("<fff", *[low + pixel * (high - low) / 255 for pixel in pixels])

    # Pictures

    def jpeg_snapshot(self, _):
        return self._camera.jpeg()

    def jpeg_image_snapshot(self, arguments):
        held = self._camera.jpeg(*self._camera.checked_names(bytes(arguments).decode()))
        self._camera.held = held
        return struct.pack("<I", len(held))

    def jpeg_image_read(self, arguments):
        return self._read_held(arguments)

    def raw_image_snapshot(self, arguments):
        pixformat, framesize = unpack("<II", arguments)
        image = self._camera.snapshot(
            self._camera.name_of("pixformat", pixformat),
            self._camera.name_of("framesize", framesize),
        )
        self._camera.held = image.bytearray()
        return struct.pack("<IIII", image.width(), image.height(), pixformat, len(self._camera.held))

    def raw_image_read(self, arguments):
        return self._read_held(arguments)

    def _read_held(self, arguments):
        # With (offset, size) those bytes of the held picture; with nothing, all of it right after this call.
        if self._camera.held is None:
            return None
        held = memoryview(self._camera.held)
        if not len(arguments):
            self._remote.schedule_callback(lambda: self._remote.put_bytes(held))
            return None
        offset, size = unpack("<II", arguments)
        return held[min(offset, len(held)) : min(offset + size, len(held))]

    def jpeg_image_stream(self, arguments):
        mode = self._camera.checked_names(bytes(arguments).decode())
        self._remote.schedule_callback(lambda: self._remote.stream_writer(lambda: self._camera.jpeg(*mode)))

    # The camera itself

    def configure(self, arguments):
        text = bytes(arguments).decode()
        changes = json.loads(text) if text else {}
        if not isinstance(changes, dict):
            raise ValueError("expected a JSON object")
        return to_json(self._camera.configure(changes))

    def info(self, _):
        system = os.uname()
        answer = OrderedDict([("board", system.machine), ("firmware", system.release), ("sensor", None)])
        try:
            import omv

            answer["firmware"] = omv.version_string()
        except (ImportError, AttributeError):
            pass
        try:
            answer["sensor"] = self._camera.device().sensor_name()
        except (ImportError, RuntimeError):
            # A camera without its sensor still says what it is.
            pass
        answer["memory"] = OrderedDict([("free", gc.mem_free()), ("allocated", gc.mem_alloc())])
        answer["uptime_ms"] = uptime_ms()
        return to_json(answer)


# How arguments and results look, for the master and for people.

_LAB = "l_min l_max a_min a_max b_min b_max"
_MODE = "the mode is two names, as RGB565,QVGA."


def _looks(**declaration):
    # What only looks may be asked twice.
    declaration["repeatable"] = True
    return declaration


CALLBACKS = (
    ("face_detection", _looks(result="<HHHH", fields="x y w h", doc="The place of the largest face.")),
    ("person_detection", _looks(result="utf8", doc="Whether a person is seen.")),
    ("qrcode_detection", _looks(result="utf8", doc="The text of the largest QR code.")),
    ("datamatrix_detection", _looks(result="utf8", doc="The text of the largest data matrix.")),
    ("barcode_detection", _looks(result="utf8", doc="The text of the largest barcode.")),
    (
        "apriltag_detection",
        _looks(
            result="<HHHH",
            fields="cx cy id rotation",
            doc="Centre, number and rotation in degrees of the largest AprilTag.",
        ),
    ),
    ("all_qrcode_detection", _looks(result="json", doc="All QR codes.")),
    ("all_datamatrix_detection", _looks(result="json", doc="All data matrices.")),
    ("all_barcode_detection", _looks(result="json", doc="All barcodes.")),
    ("all_apriltag_detection", _looks(result="json", doc="All AprilTags.")),
    (
        "color_detection",
        _looks(
            args="<bbbbbb",
            arg_fields=_LAB,
            result="<HH",
            fields="cx cy",
            doc="The centre of the largest blob within these LAB thresholds.",
        ),
    ),
    (
        "colors_detection",
        _looks(
            args="<bbbbbb",
            arg_fields=_LAB,
            arg_repeat=True,
            result="<HHHI",
            fields="color cx cy pixels",
            repeat=True,
            doc="All blobs of several colours; color is the index of the thresholds, from 0.",
        ),
    ),
    ("circle_detection", _looks(result="<HHHI", fields="x y r magnitude", doc="The largest circle.")),
    ("all_circle_detection", _looks(result="json", doc="All circles.")),
    ("line_detection", _looks(result="<hhhh", fields="x1 y1 x2 y2", doc="The ends of the longest line.")),
    ("all_line_detection", _looks(result="json", doc="All lines.")),
    (
        "thermal_frame",
        _looks(
            args="<ff",
            arg_fields="low high",
            optional=True,
            result="bytes",
            doc="Width and height (<HH), low and high in degrees Celsius (<ff), then a byte a pixel between the two.",
        ),
    ),
    (
        "thermal_range",
        _looks(
            args="<ff",
            arg_fields="low high",
            optional=True,
            result="<fff",
            fields="min max mean",
            doc="Degrees Celsius in the picture.",
        ),
    ),
    ("jpeg_snapshot", _looks(result="jpeg", doc="A picture in the configured mode.")),
    (
        "jpeg_image_snapshot",
        _looks(args="utf8", result="<I", fields="size", doc="Takes and holds a picture; " + _MODE),
    ),
    (
        "jpeg_image_read",
        {
            "args": "<II",
            "arg_fields": "offset size",
            "optional": True,
            "result": "bytes",
            "schedules": "cut_through",
            "doc": "A piece of the held picture, or all of it by cut-through.",
        },
    ),
    (
        "raw_image_snapshot",
        _looks(
            args="<II",
            arg_fields="pixformat framesize",
            result="<IIII",
            fields="width height pixformat size",
            doc="Takes and holds a picture; the numbers are the firmware's own constants.",
        ),
    ),
    (
        "raw_image_read",
        {
            "args": "<II",
            "arg_fields": "offset size",
            "optional": True,
            "result": "bytes",
            "schedules": "cut_through",
            "doc": "A piece of the held pixels, or all of them by cut-through.",
        },
    ),
    ("jpeg_image_stream", {"args": "utf8", "schedules": "stream", "doc": "Streams pictures; " + _MODE}),
    (
        "configure",
        _looks(args="json", result="json", doc="Sets what the object names, and tells all settings; {} only tells."),
    ),
    ("info", _looks(result="json", doc="Board, firmware, sensor, memory and milliseconds since the start.")),
)


def register(remote, camera=None):
    # Offers all of the above through an omvrpc.Slave. Returns the camera.
    camera = camera or omvcamera.Camera()
    callbacks = Vision(remote, camera)
    for name, declaration in CALLBACKS:
        remote.register_callback(getattr(callbacks, name), name, **declaration)
    return camera
