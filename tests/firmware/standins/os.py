# SPDX-License-Identifier: MIT
#
# The interpreter's file functions, and a board's word about itself.

from collections import namedtuple

from uos import *

_uname = namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))


def uname():
    return _uname("pyboard", "pyboard", "1.20.0", "v1.20.0 on 2023-11-01", "OPENMV4P with STM32H743")
