# SPDX-License-Identifier: MIT
#
# The firmware about itself, 5.x.


def version_string():
    return "5.0.0"
