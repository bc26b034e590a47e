# SPDX-License-Identifier: MIT
#
# Finds the largest face. Copy it to the camera as main.py, next to omvrpc.py, omvcamera.py and vision.py.

import struct

import omvcamera
import omvrpc
import vision

remote = omvrpc.Slave(omvrpc.usb())  # Or omvrpc.uart(3, 115200).
camera = omvcamera.Camera()
cascade = vision.load_face_cascade()


@remote.callback(result="<HHHH", fields="x y w h", repeatable=True, doc="The place of the largest face.")
def face_detection(_):
    faces = camera.snapshot("GRAYSCALE", "QVGA").find_features(cascade)
    if not faces:
        return None
    x, y, w, h = max(faces, key=lambda face: face[2] * face[3])
    return struct.pack("<HHHH", x, y, w, h)


remote.loop()
