# SPDX-License-Identifier: MIT


def disable_fb(disable):
    if not isinstance(disable, bool):
        raise TypeError
