# SPDX-License-Identifier: MIT


def version_string():
    return "4.5.9"


def disable_fb(disable):
    if not isinstance(disable, bool):
        raise TypeError
