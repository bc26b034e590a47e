# SPDX-License-Identifier: MIT
#
# What the camera runs: the well-known detections and snapshots, offered to a master over one link. Copy this file and
# omvrpc.py to the camera's drive and reset it.

import json
import math
import struct
import time

import omvrpc

LINK = omvrpc.usb()  # Or omvrpc.uart(3, 115200): UART number and rate. README.md tells of spi(), i2c() and can().

JPEG_QUALITY = 90

# Names a master may ask for, with or without "sensor." before them. A board offers those its firmware has.
PIXEL_FORMATS = ("GRAYSCALE", "RGB565", "BAYER", "YUV422")
FRAME_SIZES = (
    "QQCIF", "QCIF", "CIF", "QQSIF", "QSIF", "SIF", "QQQQVGA", "QQQVGA", "QQVGA", "QVGA", "VGA", "HQQQVGA", "HQQVGA",
    "HQVGA", "HVGA", "LCD", "QQVGA2", "WVGA", "WVGA2", "SVGA", "XGA", "WXGA", "SXGA", "SXGAM", "UXGA", "HD", "FHD",
    "QHD", "QXGA", "WQXGA", "WQXGA2", "B64X32", "B64X64", "B128X64", "B128X128",
)  # fmt: skip

# After a change of mode the sensor's exposure needs some frames; at power-up more of them. Milliseconds.
SETTLE_MS = 100
START_SETTLE_MS = 2000

remote = omvrpc.Slave(LINK)


class SensorModule:
    # The camera API of firmware 4.x.
    def __init__(self, module):
        self.constants = module

    def reset(self):
        self.constants.reset()

    def configure(self, pixel_format, frame_size, window):
        self.constants.set_pixformat(pixel_format)
        self.constants.set_framesize(frame_size)
        if window:
            self.constants.set_windowing(window)

    def settle(self, milliseconds):
        self.constants.skip_frames(time=milliseconds)

    def snapshot(self):
        return self.constants.snapshot()


class CsiDevice:
    # The camera API of firmware 5.x.
    def __init__(self, module):
        self.constants = module
        self._device = module.CSI()

    def reset(self):
        self._device.reset()

    def configure(self, pixel_format, frame_size, window):
        self._device.pixformat(pixel_format)
        self._device.framesize(frame_size)
        if window:
            self._device.window(window)

    def settle(self, milliseconds):
        self._device.snapshot(time=milliseconds)

    def snapshot(self):
        return self._device.snapshot()


def open_device():
    try:
        import csi

        return CsiDevice(csi)
    except (ImportError, AttributeError):
        import sensor

        return SensorModule(sensor)


class Camera:
    # Takes pictures in the mode that is asked for. held is the picture that the image reads refer to; the next
    # snapshot overwrites its memory, so it is let go before.
    def __init__(self):
        self._device = None
        self._mode = None
        self.held = None

    def _open(self):
        if self._device is None:
            device = open_device()
            device.reset()
            self._device = device
            self._mode = None
        return self._device

    def _constant(self, name, known):
        for prefix in ("sensor.", "csi."):
            if name.startswith(prefix):
                name = name[len(prefix) :]
        if name not in known:
            raise ValueError("no such mode: " + name)
        return getattr(self._open().constants, name)

    def pixel_format(self, name):
        return self._constant(name.strip(), PIXEL_FORMATS)

    def frame_size(self, name):
        return self._constant(name.strip(), FRAME_SIZES)

    def known_values(self, names):
        constants = self._open().constants
        return [getattr(constants, name) for name in names if hasattr(constants, name)]

    def snapshot(self, pixel_format, frame_size, window=None):
        self.held = None
        device = self._open()
        mode = (pixel_format, frame_size, window)
        try:
            if mode != self._mode:
                settle_ms = SETTLE_MS if self._mode else START_SETTLE_MS
                self._mode = None
                device.configure(pixel_format, frame_size, window)
                device.settle(settle_ms)
                self._mode = mode
            return device.snapshot()
        except Exception:
            # A sensor that failed is reset before the next picture.
            self._device = None
            raise

    def named_snapshot(self, pixel_format, frame_size, window=None):
        return self.snapshot(self.pixel_format(pixel_format), self.frame_size(frame_size), window)


camera = Camera()


def jpeg(image):
    # In place; firmware before 4.3 has only the older name.
    (image.to_jpeg if hasattr(image, "to_jpeg") else image.compress)(quality=JPEG_QUALITY)
    return image


def value_of(detection, name):
    # Detections have methods in some firmware versions and attributes in others; what one lacks is left out.
    value = getattr(detection, name, None)
    value = value() if callable(value) else value
    return readable(value) if isinstance(value, str) else value


def readable(text):
    # A code may hold bytes that are no UTF-8; they are shown as Latin-1, so that the result is always valid text.
    raw = text.encode()
    try:
        return raw.decode()
    except UnicodeError:
        return "".join(chr(byte) for byte in raw)


def area(detection):
    return value_of(detection, "w") * value_of(detection, "h")


def json_value(value):
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, float):
        # JSON has no NaN and no infinities.
        return "%.6f" % value if -1e30 < value < 1e30 else "null"
    return str(int(value))


def json_list(detections, fields):
    # The firmware prints detections as JSON too, but without escaping their texts.
    objects = []
    for detection in detections:
        members = []
        for field in fields:
            value = value_of(detection, field)
            if value is not None:
                members.append('"%s": %s' % (field, json_value(value)))
        objects.append("{" + ", ".join(members) + "}")
    return "[" + ", ".join(objects) + "]" if objects else ""


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


def find_codes(kind):
    mode, method, _ = CODES[kind]
    return getattr(camera.named_snapshot(*mode), method)()


def largest_payload(kind):
    codes = find_codes(kind)
    return value_of(max(codes, key=area), "payload") if codes else None


def all_codes(kind):
    return json_list(find_codes(kind), CODES[kind][2])


@remote.callback
def qrcode_detection(_):
    return largest_payload("qrcode")


@remote.callback
def all_qrcode_detection(_):
    return all_codes("qrcode")


@remote.callback
def datamatrix_detection(_):
    return largest_payload("datamatrix")


@remote.callback
def all_datamatrix_detection(_):
    return all_codes("datamatrix")


@remote.callback
def barcode_detection(_):
    return largest_payload("barcode")


@remote.callback
def all_barcode_detection(_):
    return all_codes("barcode")


@remote.callback
def apriltag_detection(_):
    tags = find_codes("apriltag")
    if not tags:
        return None
    tag = max(tags, key=area)
    degrees = int(math.degrees(value_of(tag, "rotation"))) % 360
    return struct.pack("<HHHH", value_of(tag, "cx"), value_of(tag, "cy"), value_of(tag, "id"), degrees)


@remote.callback
def all_apriltag_detection(_):
    return all_codes("apriltag")


class Loaded:
    # Something large that is read from the firmware's memory when it is first needed.
    def __init__(self, load, names):
        self._load = load
        self._names = names
        self._object = None

    def get(self):
        if self._object is None:
            self._object = self._first_that_loads()
        return self._object

    def _first_that_loads(self):
        for name in self._names[:-1]:
            try:
                return self._load(name)
            except Exception:
                pass
        return self._load(self._names[-1])


def load_cascade(name):
    import image

    return image.HaarCascade(name)


def load_model(name):
    import ml

    return ml.Model(name)


# Newer firmware keeps both as files, older has them built in.
face_cascade = Loaded(load_cascade, ("/rom/haarcascade_frontalface.cascade", "frontalface"))
person_model = Loaded(load_model, ("/rom/person_detect.tflite", "person_detect"))


@remote.callback
def face_detection(_):
    faces = camera.named_snapshot("GRAYSCALE", "QVGA").find_features(face_cascade.get())
    if not faces:
        return None
    face = max(faces, key=lambda box: box[2] * box[3])
    return struct.pack("<HHHH", face[0], face[1], face[2], face[3])


@remote.callback
def person_detection(_):
    model = person_model.get()
    scores = model.predict([camera.named_snapshot("RGB565", "QVGA")])[0].flatten().tolist()
    return model.labels[scores.index(max(scores))]


@remote.callback
def color_detection(arguments):
    thresholds = struct.unpack("<bbbbbb", arguments)
    blobs = camera.named_snapshot("RGB565", "QVGA").find_blobs(
        [thresholds], pixels_threshold=500, area_threshold=500, merge=True, margin=20
    )
    if not blobs:
        return None
    blob = max(blobs, key=lambda found: value_of(found, "density"))
    return struct.pack("<HH", value_of(blob, "cx"), value_of(blob, "cy"))


@remote.callback
def jpeg_snapshot(_):
    return jpeg(camera.named_snapshot("RGB565", "QVGA")).bytearray()


def named_mode(arguments):
    pixel_format, frame_size = bytes(arguments).decode().split(",")
    return camera.pixel_format(pixel_format), camera.frame_size(frame_size)


def read_held(arguments):
    # With (offset, size) those bytes of the held picture; with nothing, all of it right after this call.
    if camera.held is None:
        return None
    held = memoryview(camera.held)
    if not len(arguments):
        remote.schedule_callback(lambda: remote.put_bytes(held))
        return None
    offset, size = struct.unpack("<II", arguments)
    return held[min(offset, len(held)) : min(offset + size, len(held))]


@remote.callback
def jpeg_image_snapshot(arguments):
    image = jpeg(camera.snapshot(*named_mode(arguments)))
    camera.held = image.bytearray()
    return struct.pack("<I", len(camera.held))


@remote.callback
def jpeg_image_read(arguments):
    return read_held(arguments)


@remote.callback
def raw_image_snapshot(arguments):
    pixel_format, frame_size = struct.unpack("<II", arguments)
    if pixel_format not in camera.known_values(PIXEL_FORMATS) or frame_size not in camera.known_values(FRAME_SIZES):
        raise ValueError("no such mode")
    image = camera.snapshot(pixel_format, frame_size)
    camera.held = image.bytearray()
    return struct.pack("<IIII", image.width(), image.height(), pixel_format, len(camera.held))


@remote.callback
def raw_image_read(arguments):
    return read_held(arguments)


@remote.callback
def jpeg_image_stream(arguments):
    mode = named_mode(arguments)
    remote.schedule_callback(lambda: remote.stream_writer(lambda: jpeg(camera.snapshot(*mode)).bytearray()))
    return None


def disable_preview():
    # The IDE's preview would compress every frame once more; firmware that has no preview has no such switch.
    try:
        import omv

        omv.disable_fb(True)
    except Exception:
        pass


disable_preview()
while True:
    try:
        remote.loop()
    except Exception as error:
        # Only the link itself can fail here, as when the cable is pulled: try again until it is back.
        remote.last_error = error
        time.sleep_ms(100)
