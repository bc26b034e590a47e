# SPDX-License-Identifier: MIT
#
# Reads all barcodes, as JSON. Copy it to the camera as main.py, next to omvrpc.py, omvcamera.py and vision.py.

import omvcamera
import omvrpc
import vision

remote = omvrpc.Slave(omvrpc.usb())  # Or omvrpc.uart(3, 115200).
camera = omvcamera.Camera()


@remote.callback(result="json", repeatable=True, doc="All barcodes.")
def all_barcode_detection(_):
    # A low strip is enough for bars that stand upright, and takes less time than a whole picture.
    codes = camera.snapshot("GRAYSCALE", "VGA", (640, 60)).find_barcodes()
    return vision.json_list(codes, ("x", "y", "w", "h", "payload", "quality"))


remote.loop()
