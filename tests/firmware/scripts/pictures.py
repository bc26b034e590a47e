# SPDX-License-Identifier: MIT
# A camera that gives pictures and does not stream.

import omvrpc

remote = omvrpc.Slave(omvrpc.usb())
pictures = [0]


@remote.callback(result="jpeg", repeatable=True)
def jpeg_snapshot(_):
    pictures[0] += 1
    return b"\xff\xd8" + pictures[0].to_bytes(4, "little") + b"\xff\xd9"


remote.loop()
