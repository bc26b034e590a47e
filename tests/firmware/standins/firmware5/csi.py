# SPDX-License-Identifier: MIT
#
# The camera API of firmware 5.x.

import image
from frames import FRAME_SIZES, PIXEL_FORMATS, Frames

globals().update(PIXEL_FORMATS)
globals().update(FRAME_SIZES)
image.CASCADES[:] = ["/rom/haarcascade_frontalface.cascade"]


class CSI:
    def __init__(self):
        self._frames = Frames()

    def reset(self, *, hard=True):
        self._frames.reset()

    def pixformat(self, value):
        self._frames.set_pixel_format(value)

    def framesize(self, value):
        self._frames.set_frame_size(value)

    def window(self, window):
        self._frames.set_window(window)

    def snapshot(self, *, time=-1, frames=-1):
        # With a time or a number of frames it only lets them pass.
        return self._frames.snapshot() if time == -1 and frames == -1 else None
