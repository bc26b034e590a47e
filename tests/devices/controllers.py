# SPDX-License-Identifier: MIT
"""The controllers of module/ and what can be soldered to them: the kernel's own spidev, i2c-dev and gpiolib are above.

See module/camera_bus.h for what is said to the module.
"""

import contextlib
import os
import pathlib
import select
import struct
import subprocess

from devices import BUILD, PATIENCE_S, load_modules, wait_until

NODE = "/dev/camera_bus"
SPI = ("/dev/spidev0.0", "/dev/spidev0.1")
I2C = "/dev/i2c-1"

# The lines that the kernel holds to select what is at SPI.
SELECT_LINES = (8, 7)

ATTACH_SPI, ATTACH_I2C, WATCH, DRIVE, ANSWER, TRANSFER, LINE = range(7)
MESSAGE = struct.Struct("=IIiIIIIIQ")


def load_controllers():
    """Loads the module, and waits for the nodes of all that is above it."""
    load_modules("i2c-dev")
    subprocess.run(["insmod", os.path.join(BUILD, "devices/module/camera_bus.ko")], check=True)
    for node in (NODE, *SPI, I2C, "/dev/gpiochip0"):
        wait_until(lambda: os.path.exists(node), node)


def driver(kind):
    return pathlib.Path("/sys/bus/platform/drivers", f"camera-{kind}")


def remove(kind):
    """Takes a controller, "spi", "i2c" or "gpio", from the system, whoever has it open."""
    (driver(kind) / "unbind").write_text(f"camera-{kind}")


def bring_back(kind):
    (driver(kind) / "bind").write_text(f"camera-{kind}")


@contextlib.contextmanager
def removed(kind):
    remove(kind)
    try:
        yield
    finally:
        bring_back(kind)


class Soldered:
    """A program at the controllers that says itself what it answers: for what a camera never does."""

    def __enter__(self):
        self.descriptor = os.open(NODE, os.O_RDWR)
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)

    def say(self, kind, number, value=0, data=b""):
        os.write(self.descriptor, MESSAGE.pack(kind, number, value, len(data), 0, 0, 0, 0, 0) + data)

    def hear(self, patience=PATIENCE_S):
        """The next message as a dictionary, or None."""
        if not select.select([self.descriptor], [], [], patience)[0]:
            return None
        whole = os.read(self.descriptor, MESSAGE.size + 65536)
        kind, number, value, _, wanted, speed, mode, _, time_ns = MESSAGE.unpack_from(whole)
        return {"kind": kind, "number": number, "value": value, "wanted": wanted, "speed": speed, "mode": mode,
                "time_ns": time_ns, "data": whole[MESSAGE.size:]}

    def hear_transfer(self):
        while True:
            message = self.hear()
            assert message, "no transfer came"
            if message["kind"] == TRANSFER:
                return message

    def answer(self, transfer, data=b"", value=0):
        self.say(ANSWER, transfer["number"], value, data)
