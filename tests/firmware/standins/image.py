# SPDX-License-Identifier: MIT
#
# The image module: a picture of the scene, in the frame buffer that the next snapshot overwrites.

import scene


def _read_jpeg():
    with open("/hardware/scene.jpg", "rb") as file:
        return file.read()


_JPEG = _read_jpeg()
_frame_buffer = bytearray(640 * 480 * 2)


class HaarCascade:
    def __init__(self, path, stages=25):
        if path not in CASCADES:
            raise OSError(2)


# Firmware 4.x has the cascade built in; the stand-in of firmware 5.x replaces this.
CASCADES = ["frontalface"]


class _Detection:
    # Like the firmware's: every property is a method.
    def __init__(self, **properties):
        self._properties = properties

    def __getattr__(self, name):
        if name not in self._properties:
            raise AttributeError(name)
        return lambda: self._properties[name]


def _code(x, y, w, h, text, **more):
    return _Detection(x=x, y=y, w=w, h=h, payload=text, **more)


class Image:
    def __init__(self, width, height, bytes_per_pixel):
        self._width = width
        self._height = height
        self._bytes_per_pixel = bytes_per_pixel
        self._size = width * height * bytes_per_pixel
        for i in range(0, 4096):
            _frame_buffer[i] = i * 7 & 0xFF

    def width(self):
        return self._width

    def height(self):
        return self._height

    def size(self):
        return self._size

    def bytearray(self):
        return memoryview(_frame_buffer)[: self._size]

    def to_jpeg(self, quality=90):
        if not 0 <= quality <= 100:
            raise ValueError("quality")
        self._size = len(_JPEG)
        _frame_buffer[: self._size] = _JPEG
        return self

    def find_features(self, cascade, threshold=0.5, scale_factor=1.5):
        if not isinstance(cascade, HaarCascade):
            raise TypeError
        if self._bytes_per_pixel != 1:
            raise ValueError("grayscale only")
        return list(scene.FACES)

    def find_qrcodes(self):
        more = {"version": 1, "ecc_level": 2, "mask": 3, "data_type": 4, "eci": 0}
        return [_code(10, 10, 20 + 40 * i, 20 + 40 * i, text, **more) for i, text in enumerate(scene.QR_TEXTS)]

    def find_datamatrices(self):
        return [_code(5, 6, 50, 50, scene.MATRIX_TEXT, rotation=0.25, rows=16, columns=16, capacity=12, padding=0)]

    def find_barcodes(self):
        return [_code(0, 2, 200, 30, scene.BARCODE_TEXT, type=13, rotation=0.0, quality=20)]

    def find_apriltags(self):
        position = {axis + "_translation": float("nan") for axis in "xyz"}
        return [_Detection(x=70, y=50, w=20, h=20, family=16, decision_margin=0.5, hamming=0, **scene.TAG, **position)]

    def find_blobs(self, thresholds, pixels_threshold=10, area_threshold=10, merge=False, margin=0):
        if self._bytes_per_pixel != 2:
            raise ValueError("colour only")
        return [_Detection(density=0.8, **scene.BLOB)] if thresholds == [scene.BLOB_THRESHOLDS] else []
