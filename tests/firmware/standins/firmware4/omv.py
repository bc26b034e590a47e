# SPDX-License-Identifier: MIT
#
# The firmware about itself, 4.x.


def version_string():
    return "4.5.9"


def disable_fb(disable):
    if not isinstance(disable, bool):
        raise TypeError
