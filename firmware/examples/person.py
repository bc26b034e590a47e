# SPDX-License-Identifier: MIT
#
# Tells whether a person is seen. Copy it to the camera as main.py, next to omvrpc.py, omvcamera.py and vision.py.

import omvcamera
import omvrpc
import vision

remote = omvrpc.Slave(omvrpc.usb())  # Or omvrpc.uart(3, 115200).
camera = omvcamera.Camera()
classify = vision.load_person_classifier()


@remote.callback(result="utf8", repeatable=True, doc="Whether a person is seen.")
def person_detection(_):
    labels, scores = classify(camera.snapshot("RGB565", "QVGA"))
    return labels[scores.index(max(scores))]


remote.loop()
