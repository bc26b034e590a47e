# SPDX-License-Identifier: MIT
#
# Finds circles. Copy it to the camera as main.py, next to omvrpc.py, omvcamera.py and vision.py.

import struct

import omvcamera
import omvrpc
import vision

remote = omvrpc.Slave(omvrpc.usb())  # Or omvrpc.uart(3, 115200).
camera = omvcamera.Camera()


@remote.callback(result="<HHH", fields="x y r", repeat=True, repeatable=True, doc="All circles, one record each.")
def circles(_):
    found = camera.snapshot("GRAYSCALE", "QQVGA").find_circles(threshold=3500, r_min=4, r_max=60)
    return b"".join(
        [struct.pack("<HHH", *[vision.value_of(circle, name) for name in ("x", "y", "r")]) for circle in found]
    )


remote.loop()
