# SPDX-License-Identifier: MIT
#
# The image module: a picture of the scene, in the frame buffer that the next snapshot overwrites.

import detection
import scene


def _read_jpeg():
    with open("/hardware/scene.jpg", "rb") as file:
        return file.read()


_JPEG = _read_jpeg()
_frame_buffer = bytearray(640 * 480 * 2)


class HaarCascade:
    def __init__(self, path, stages=25):
        if path not in detection.CASCADES or not scene.CASCADE:
            raise OSError(2)


def _seen(properties, **more):
    more.update(properties)
    return detection.Detection(**more)


def _codes(texts, **more):
    # Each one is larger than the one before.
    sizes = [20 + 40 * i for i in range(len(texts))]
    return [_seen(more, x=10, y=10, w=size, h=size, payload=text) for size, text in zip(sizes, texts)]


def _find_features(picture, cascade, threshold=0.5, scale_factor=1.5, roi=None):
    if not isinstance(cascade, HaarCascade):
        raise TypeError
    picture.need_bytes_per_pixel(1)
    return [tuple(face) for face in scene.FACES]


def _find_qrcodes(picture, roi=None):
    return _codes(scene.QR_TEXTS, version=1, ecc_level=2, mask=3, data_type=4, eci=0)


def _find_datamatrices(picture, roi=None, effort=200):
    return _codes(scene.MATRIX_TEXTS, rotation=0.25, rows=16, columns=16, capacity=12, padding=0)


def _find_barcodes(picture, roi=None):
    return _codes(scene.BARCODE_TEXTS, type=13, rotation=0.0, quality=20)


def _find_apriltags(picture, roi=None, families=16, fx=0, fy=0, cx=0, cy=0):
    position = {axis + "_translation": float("nan") for axis in "xyz"}
    return [_seen(tag, x=70, y=50, family=16, decision_margin=0.5, hamming=0, **position) for tag in scene.TAGS]


def _find_blobs(
    picture,
    thresholds,
    invert=False,
    roi=None,
    x_stride=2,
    y_stride=1,
    area_threshold=10,
    pixels_threshold=10,
    merge=False,
    margin=0,
    threshold_cb=None,
    merge_cb=None,
):
    picture.need_bytes_per_pixel(2)
    wanted = [list(threshold) for threshold in thresholds]
    for threshold in wanted:
        if len(threshold) != 6 or not all(type(value) is int for value in threshold):
            raise ValueError("thresholds")
    found = [blob for blob in scene.BLOBS if blob["seen_by"] in wanted]
    return [_seen({name: blob[name] for name in ("cx", "cy", "pixels")}) for blob in found]


def _find_circles(
    picture,
    roi=None,
    x_stride=2,
    y_stride=1,
    threshold=2000,
    x_margin=10,
    y_margin=10,
    r_margin=10,
    r_min=2,
    r_max=None,
    r_step=2,
):
    return [_seen(circle) for circle in scene.CIRCLES if circle["magnitude"] >= threshold and circle["r"] >= r_min]


def _find_lines(picture, roi=None, x_stride=2, y_stride=1, threshold=1000, theta_margin=25, rho_margin=25):
    return [_seen(line) for line in scene.LINES if line["magnitude"] >= threshold]


def _find_line_segments(picture, roi=None, merge_distance=0, max_theta_difference=15):
    return [_seen(line) for line in scene.LINES]


def _get_statistics(picture, thresholds=None, invert=False, roi=None, bins=256):
    picture.need_bytes_per_pixel(1)
    pixels = picture.bytearray()
    return _seen({}, min=min(pixels), max=max(pixels), mean=sum(pixels) // len(pixels))


# What builds of the firmware may lack.
_FINDERS = {
    "find_features": _find_features,
    "find_qrcodes": _find_qrcodes,
    "find_datamatrices": _find_datamatrices,
    "find_barcodes": _find_barcodes,
    "find_apriltags": _find_apriltags,
    "find_blobs": _find_blobs,
    "find_circles": _find_circles,
    "find_lines": _find_lines,
    "find_line_segments": _find_line_segments,
    "get_statistics": _get_statistics,
}


class Image:
    def __init__(self, width, height, bytes_per_pixel):
        self._width = width
        self._height = height
        self._bytes_per_pixel = bytes_per_pixel
        self._size = width * height * bytes_per_pixel
        for i in range(0, 4096):
            _frame_buffer[i] = i * 7 & 0xFF

    def __getattr__(self, name):
        if name not in _FINDERS or name in scene.WITHOUT:
            raise AttributeError(name)
        return lambda *arguments, **named: _FINDERS[name](self, *arguments, **named)

    def need_bytes_per_pixel(self, count):
        if self._bytes_per_pixel != count:
            raise ValueError("Image format is not supported!")

    def fill(self, values):
        # The first pixels, and the last value in all others.
        view = self.bytearray()
        for i in range(len(view)):
            view[i] = values[min(i, len(values) - 1)]

    def width(self):
        return self._width

    def height(self):
        return self._height

    def size(self):
        return self._size

    def bytearray(self):
        return memoryview(_frame_buffer)[: self._size]

    def to_jpeg(self, *, quality=90):
        if not 0 <= quality <= 100:
            raise ValueError("quality")
        self._size = len(_JPEG)
        _frame_buffer[: self._size] = _JPEG
        return self
