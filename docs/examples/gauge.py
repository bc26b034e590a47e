# SPDX-License-Identifier: MIT
#
# A camera script with one callback of its own. Copy it to the camera as main.py, next to omvrpc.py.

import struct

import omvrpc

remote = omvrpc.Slave(omvrpc.usb())  # Or omvrpc.uart(3, 115200).


def find_needle(dial):
    # Your image code goes here: the needle's angle in degrees, or None where no needle is seen.
    return {1: 54.0, 2: 108.0}.get(dial)


@remote.callback(args="<H", arg_fields="dial", result="<f", fields="bar", repeatable=True, doc="Reads a gauge.")
def read_gauge(arguments):
    (dial,) = struct.unpack("<H", arguments)
    degrees = find_needle(dial)
    if degrees is None:
        return None
    return struct.pack("<f", degrees / 27)


remote.loop()
