# SPDX-License-Identifier: MIT
#
# A camera that asks another camera: its red LED shines while the other one sees a face. Copy it to the camera as
# main.py, next to omvrpc.py. The other camera runs main.py with omvrpc.uart(3, 115200); connect TX with RX both ways,
# and ground with ground.

import struct
import time

import machine
import omvrpc

other = omvrpc.Master(omvrpc.uart(3, 115200))
led = machine.LED("LED_RED")

while True:
    face = other.call("face_detection")
    if face:
        x, y, w, h = struct.unpack("<HHHH", face)
        led.on()
    else:
        # None: no answer. Empty: no face.
        led.off()
    time.sleep_ms(200)
