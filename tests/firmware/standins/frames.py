# SPDX-License-Identifier: MIT
#
# What the two camera APIs share: constants by name, and pictures of the configured size. Configuring is printed,
# so that the tests see when it happens.

import image

PIXEL_FORMATS = {"GRAYSCALE": 0x08020001, "RGB565": 0x0C030002}
FRAME_SIZES = {"QQVGA": 10, "QVGA": 11, "VGA": 12}
_BYTES_PER_PIXEL = {PIXEL_FORMATS["GRAYSCALE"]: 1, PIXEL_FORMATS["RGB565"]: 2}
_RESOLUTIONS = {10: (160, 120), 11: (320, 240), 12: (640, 480)}


class Frames:
    def __init__(self):
        self._ready = False
        self._pixel_format = None
        self._resolution = None

    def reset(self):
        self._ready = True

    def set_pixel_format(self, value):
        print("sensor configured")
        if not self._ready or value not in _BYTES_PER_PIXEL:
            raise RuntimeError("invalid pixel format")
        self._pixel_format = value

    def set_frame_size(self, value):
        if not self._ready or value not in _RESOLUTIONS:
            raise RuntimeError("invalid frame size")
        self._resolution = _RESOLUTIONS[value]

    def set_window(self, window):
        width, height = window
        if width > self._resolution[0] or height > self._resolution[1]:
            raise ValueError("ROI does not overlap on the image!")
        self._resolution = (width, height)

    def snapshot(self):
        if self._pixel_format is None or self._resolution is None:
            raise RuntimeError("frame size or pixel format not set")
        return image.Image(self._resolution[0], self._resolution[1], _BYTES_PER_PIXEL[self._pixel_format])
