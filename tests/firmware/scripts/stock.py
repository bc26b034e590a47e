# SPDX-License-Identifier: MIT
#
# A camera script for the tests: on a firmware whose binascii has no CRC-32, where the library offers no extensions.

import struct
import sys


class Binascii:
    pass


sys.modules["binascii"] = Binascii

import omvrpc  # noqa: E402

remote = omvrpc.Slave(omvrpc.usb())
counted = 0


@remote.callback
def echo(arguments):
    return arguments


@remote.callback
def sized(arguments):
    return bytes(range(250)) * (struct.unpack("<I", arguments)[0] // 250)


@remote.callback
def count(_):
    global counted
    counted += 1
    return struct.pack("<I", counted)


@remote.callback
def raises(_):
    raise ValueError("on purpose")


remote.loop()
