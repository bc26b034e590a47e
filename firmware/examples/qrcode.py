# SPDX-License-Identifier: MIT
#
# Reads the largest QR code. Copy it to the camera as main.py, next to omvrpc.py, omvcamera.py and vision.py.

import omvcamera
import omvrpc
import vision

remote = omvrpc.Slave(omvrpc.usb())  # Or omvrpc.uart(3, 115200).
camera = omvcamera.Camera()


@remote.callback(result="utf8", repeatable=True, doc="The text of the largest QR code.")
def qrcode_detection(_):
    codes = camera.snapshot("RGB565", "VGA", (320, 240)).find_qrcodes()
    if not codes:
        return None
    # A code has methods in firmware 4 and attributes in firmware 5; value_of() asks either.
    return vision.readable(vision.value_of(max(codes, key=vision.area), "payload"))


remote.loop()
