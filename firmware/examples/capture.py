# SPDX-License-Identifier: MIT
#
# Takes pictures. Copy it to the camera as main.py, next to omvrpc.py and omvcamera.py.

import omvcamera
import omvrpc

remote = omvrpc.Slave(omvrpc.usb())  # Or omvrpc.uart(3, 115200).
camera = omvcamera.Camera()


@remote.callback(result="jpeg", repeatable=True, doc="A picture.")
def jpeg_snapshot(_):
    return camera.jpeg("RGB565", "VGA")


remote.loop()
