# SPDX-License-Identifier: MIT
#
# What pictures find, in firmware 5.x: every property is an attribute.


class Detection:
    def __init__(self, **properties):
        self._properties = properties

    def __getattr__(self, name):
        if name not in self._properties:
            raise AttributeError(name)
        return self._properties[name]


CASCADES = ("/rom/haarcascade_frontalface.cascade",)
