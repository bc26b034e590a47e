#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows what a camera sees in a window, with OpenCV; q ends it. The camera's name may follow.

    PYTHONPATH=clients/python docs/examples/live_view.py front
"""

import sys

import openmvd

try:
    import cv2
    import numpy
except ImportError as missing:
    sys.exit(f"live_view.py: there is no module {missing.name}; on Debian: sudo apt install python3-opencv python3-numpy")


def frames(camera):
    """Pictures for ever: the camera's stream or, where there is none, one snapshot after the other."""
    try:
        stream = camera.stream("jpeg_image_stream")
    except (openmvd.InvalidParams, openmvd.Unsupported, openmvd.NoSuchCallback):
        while True:
            yield camera.call("jpeg_snapshot")
    with stream:
        for event in stream:
            if event.error:
                print(event.error.message, file=sys.stderr)
            yield event.value


with openmvd.connect(camera=sys.argv[1] if len(sys.argv) > 1 else None) as camera:
    for jpeg in frames(camera):
        picture = cv2.imdecode(numpy.frombuffer(jpeg, numpy.uint8), cv2.IMREAD_COLOR) if jpeg else None
        if picture is not None:
            cv2.imshow("openmvd", picture)
        if cv2.waitKey(1) == ord("q"):
            break
