# SPDX-License-Identifier: MIT
#
# Finds the largest AprilTag. Copy it to the camera as main.py, next to omvrpc.py, omvcamera.py and vision.py.

import math
import struct

import omvcamera
import omvrpc
import vision

remote = omvrpc.Slave(omvrpc.usb())  # Or omvrpc.uart(3, 115200).
camera = omvcamera.Camera()


@remote.callback(result="<HHHH", fields="cx cy id rotation", repeatable=True, doc="The largest AprilTag.")
def apriltag_detection(_):
    tags = camera.snapshot("RGB565", "QQVGA").find_apriltags()
    if not tags:
        return None
    tag = max(tags, key=vision.area)
    cx, cy, number, rotation = [vision.value_of(tag, name) for name in ("cx", "cy", "id", "rotation")]
    return struct.pack("<HHHH", cx, cy, number, int(math.degrees(rotation)) % 360)


remote.loop()
