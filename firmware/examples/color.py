# SPDX-License-Identifier: MIT
#
# Finds the largest blob of a colour that the caller chooses. Copy it to the camera as main.py, next to omvrpc.py,
# omvcamera.py and vision.py.

import struct

import omvcamera
import omvrpc
import vision

remote = omvrpc.Slave(omvrpc.usb())  # Or omvrpc.uart(3, 115200).
camera = omvcamera.Camera()
# A colour looks the same from picture to picture only while the camera does not balance it.
camera.configure({"gain_db": "fixed", "white_balance": "fixed"})


@remote.callback(
    args="<bbbbbb", arg_fields="l_min l_max a_min a_max b_min b_max", result="<HH", fields="cx cy", repeatable=True
)
def color_detection(arguments):
    thresholds = struct.unpack("<bbbbbb", arguments)
    blobs = camera.snapshot("RGB565", "QVGA").find_blobs([thresholds], pixels_threshold=100, merge=True)
    if not blobs:
        return None
    largest = max(blobs, key=lambda blob: vision.value_of(blob, "pixels"))
    return struct.pack("<HH", vision.value_of(largest, "cx"), vision.value_of(largest, "cy"))


remote.loop()
