# SPDX-License-Identifier: MIT
#
# For two cameras, or more, on one I2C bus: each has an address of its own, and both run this script. Copy it to the
# cameras as main.py, next to omvrpc.py, omvcamera.py and vision.py.

import omvrpc
import vision

ADDRESS = 0x12  # And 0x13 on the second camera.

remote = omvrpc.Slave(omvrpc.i2c(ADDRESS))
vision.register(remote)
remote.loop()
