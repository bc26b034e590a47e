# SPDX-License-Identifier: MIT
#
# machine.LED of firmware 5.x. What it does is printed.


class LED:
    def __init__(self, name):
        if name not in ("LED_RED", "LED_GREEN", "LED_BLUE"):
            raise ValueError("The requested LED does not exist: " + name)
        self._name = name

    def on(self):
        print(self._name, "on")

    def off(self):
        print(self._name, "off")
