# SPDX-License-Identifier: MIT
#
# What pictures find, in firmware 4.x: every property is a method.


class Detection:
    def __init__(self, **properties):
        self._properties = properties

    def __getattr__(self, name):
        if name not in self._properties:
            raise AttributeError(name)
        return lambda: self._properties[name]


CASCADES = ("frontalface",)
