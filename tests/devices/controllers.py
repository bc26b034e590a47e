# SPDX-License-Identifier: MIT
"""The controllers of module/ and what can be soldered to them: the kernel's own spidev, i2c-dev and gpiolib are above.

See module/camera_bus.h for what is said to the module.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import queue
import select
import signal
import struct
import subprocess
import threading
import time

from devices import BUILD, PATIENCE_S, load_modules, program, wait_until

NODE = "/dev/camera_bus"
SPI = ("/dev/spidev0.0", "/dev/spidev0.1")
I2C = "/dev/i2c-1"

# The lines that the kernel holds to select what is at SPI.
SELECT_LINES = (8, 7)

ATTACH_SPI, ATTACH_I2C, WATCH, DRIVE, ANSWER, TRANSFER, LINE, ANSWERED = range(8)
MESSAGE = struct.Struct("=IIiIIIIIQQ")


def load_controllers():
    """Loads the module unless it is there, and waits for the nodes of all that is above it."""
    load_modules("i2c-dev")
    if not os.path.exists("/sys/module/camera_bus"):
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


# Of linux/gpio.h: a line's offset, flags, name and consumer; a request's offsets, flags, levels, label, count, descriptor.
GPIO_GET_LINEINFO = 0xc048b402
LINE_INFO = struct.Struct("II32s32s")
GPIO_GET_LINEHANDLE = 0xc16cb403
HANDLE_REQUEST = struct.Struct("64II64s32sIi")
OUTPUT = 2


@contextlib.contextmanager
def held_line(offset, consumer):
    """A line that somebody drives."""
    request = bytearray(HANDLE_REQUEST.pack(*[offset] + [0] * 63, OUTPUT, bytes([1]), consumer.encode(), 1, 0))
    with open("/dev/gpiochip0", "rb") as chip:
        fcntl.ioctl(chip, GPIO_GET_LINEHANDLE, request)
    descriptor = HANDLE_REQUEST.unpack(request)[-1]
    try:
        yield
    finally:
        os.close(descriptor)


def holder_of(offset):
    """Who has a line, by the name that the kernel tells."""
    information = bytearray(LINE_INFO.pack(offset, 0, b"", b""))
    with open("/dev/gpiochip0", "rb") as chip:
        fcntl.ioctl(chip, GPIO_GET_LINEINFO, information)
    return LINE_INFO.unpack(information)[-1].rstrip(b"\0").decode()


class Soldered:
    """A program at the controllers that says itself what it answers: for what a camera never does."""

    def __enter__(self):
        self.descriptor = os.open(NODE, os.O_RDWR)
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)

    def say(self, kind, number, value=0, data=b""):
        os.write(self.descriptor, MESSAGE.pack(kind, number, value, len(data), 0, 0, 0, 0, 0, 0) + data)

    def hear(self, patience=PATIENCE_S):
        """The next message as a dictionary, or None."""
        if not select.select([self.descriptor], [], [], patience)[0]:
            return None
        whole = os.read(self.descriptor, MESSAGE.size + 65536)
        kind, number, value, _, wanted, speed, mode, _, time_ns, waited_ns = MESSAGE.unpack_from(whole)
        return {"kind": kind, "number": number, "value": value, "wanted": wanted, "speed": speed, "mode": mode,
                "time_ns": time_ns, "waited_ns": waited_ns, "data": whole[MESSAGE.size:]}

    def hear_transfer(self):
        while True:
            message = self.hear()
            assert message, "no transfer came"
            if message["kind"] == TRANSFER:
                return message

    def answer(self, transfer, data=b"", value=0):
        self.say(ANSWER, transfer["number"], value, data)


class BusCamera:
    """A camera at a bus that is a program (bus_camera/), with these options; alive at once."""

    def __init__(self, kind, *options):
        self.command = [program("tests/bus_camera"), kind, *map(str, options)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.said = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.wait_for("soldered")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(PATIENCE_S) in (0, -signal.SIGKILL), "the camera failed"

    def _listen(self):
        for line in self.process.stdout:
            self.said.put(line.strip())

    def wait_for(self, word):
        """Waits until it says a line that begins so, and returns the rest of that line."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                said, _, rest = self.said.get(timeout=max(0.0, end - time.monotonic())).partition(" ")
            except queue.Empty:
                raise AssertionError(f"waited in vain for {word!r}") from None
            assert said != "error", rest
            if said == word:
                return rest

    def kill(self):
        self.process.kill()
        self.process.wait()

    def fault(self, name, permille=1000):
        """Has this happen to so many of a thousand transactions; see bus_camera/faults.h."""
        self.process.stdin.write(f"fault {name} {permille}\n")

    def counts(self):
        self.process.stdin.write("count\n")
        return json.loads(self.wait_for("count"))
