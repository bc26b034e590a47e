# SPDX-License-Identifier: MIT
#
# The camera API of firmware 4.x.

from frames import FRAME_SIZES, PIXEL_FORMATS, Frames

_frames = Frames()
globals().update(PIXEL_FORMATS)
globals().update(FRAME_SIZES)

reset = _frames.reset
set_pixformat = _frames.set_pixel_format
set_framesize = _frames.set_frame_size
set_windowing = _frames.set_window
snapshot = _frames.snapshot


def skip_frames(n=None, *, time=None):
    if n is None and time is None:
        raise TypeError
