# SPDX-License-Identifier: MIT

from collections import namedtuple

_Name = namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))


def uname():
    return _Name("pyboard", "pyboard", "1.23.0", "v1.23.0 on 2024-01-01", "OpenMV4P-H7 with STM32H743")
