# SPDX-License-Identifier: MIT
"""Cameras at the far end of a serial link, for the system tests: processes on a pty, and ptys of the test's own."""

import contextlib
import json
import os
import signal
import struct
import subprocess
import tempfile
import threading
import tty
import zlib

from openmvd import PATIENCE_S, program

NUMBER = {"format": "<I"}

CAMERA_NICENESS = -15

# Of the wire: packets, and of the extensions a reserved command.
COMMAND_HEADER, COMMAND_DATA = 0x1209, 0xABD1
RESULT_HEADER, RESULT_DATA = 0x9021, 0x1DBA
SESSION_CALL = 0x8d9e67bc

# What the callbacks of tests/helpers/stock_camera.c take and give. As with callbacks of somebody's own, some are
# repeatable and some are not.
CALLBACKS = {
    "echo": {"result": "bytes", "repeatable": True},
    "blob": {"args": NUMBER, "result": "bytes", "repeatable": True, "timeout_ms": 20000},
    "sleep": {"args": NUMBER, "result": NUMBER},
    "count": {"result": NUMBER},
    "counter": {"result": NUMBER, "repeatable": True},
}


def serial(device):
    """The configuration of one camera on a port."""
    return {"link": {"type": "serial", "device": device, "baud": 115200}}


def config_of(device, **others):
    """A configuration with one camera, called `camera`, on a port."""
    return dict({"cameras": {"camera": serial(device)}, "callbacks": CALLBACKS}, **others)


def blob(size):
    """The bytes that `blob` of stock_camera gives."""
    return bytes((i * 7 + size) & 0xff for i in range(256)) * (size // 256) + \
        bytes((i * 7 + size) & 0xff for i in range(size % 256))


class CameraProcess:
    """A program that prints the path of its pty; started at the beginning of a with block, ended at its end."""

    def __init__(self, name, *options):
        self.command = [program(name), *map(str, options)]
        self.summary = None

    def start(self):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors)
        self.path = self.process.stdout.readline().decode().strip()
        assert self.path, f"{self.command} did not start: {self.diagnosis()}"
        # A camera is a computer of its own, which the load of this one does not hold up, as far as this user may say so.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, self.process.pid, CAMERA_NICENESS)
        return self

    def diagnosis(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def send_signal(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        """Ends the program, if that has not been done; a StockCamera's counts are in `summary` then."""
        if self.errors.closed:
            return
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.process.stdout.close()
        self._take_summary(self.diagnosis())
        self.errors.close()

    def _take_summary(self, text):
        pass

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class StockCamera(CameraProcess):
    """The stock slave's habits on a pty."""

    def __init__(self, *options):
        super().__init__(os.path.join("tests", "stock_camera"), *options)

    def _take_summary(self, text):
        assert "Sanitizer" not in text and "runtime error:" not in text, text
        self.summary = json.loads(text.splitlines()[-1]) if text else None


class SimulatedCamera(CameraProcess):
    """openmv-sim."""

    def __init__(self, *options):
        super().__init__("openmv-sim", *options)


class HostilePort:
    """A pty whose other end the test drives: `speak(port)` runs in a thread until it returns or `stopping` is set."""

    def __init__(self, speak):
        self.speak = speak
        self.stopping = threading.Event()

    def __enter__(self):
        self.descriptor, host = os.openpty()
        tty.setraw(host)
        self.path = os.ttyname(host)
        # Held open here too, so that the daemon may come and go.
        self.host = host
        os.set_blocking(self.descriptor, False)
        self.written = 0
        self.heard = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self):
        while not self.stopping.is_set() and self.speak(self) is not False:
            pass

    def write(self, data):
        """Writes what the line takes now; waits a moment where it takes nothing."""
        try:
            self.written += os.write(self.descriptor, data)
        except BlockingIOError:
            self.stopping.wait(0.002)

    def read(self):
        """What has come, or nothing after a moment."""
        try:
            data = os.read(self.descriptor, 65536)
        except BlockingIOError:
            self.stopping.wait(0.002)
            return b""
        self.heard += len(data)
        return data

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(PATIENCE_S)
        os.close(self.descriptor)
        os.close(self.host)


def packet(magic, payload=b""):
    """A packet of the wire protocol."""
    data = struct.pack("<H", magic) + payload
    crc = 0xffff
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xffff
    return data + struct.pack("<H", crc)


def session_reply(call, status, data):
    """What a camera with the extensions answers to a call of a session."""
    session, number = struct.unpack("<II", call[:8])
    numbers = struct.pack("<IIIII", session, number, status, len(data), 0) + data
    return numbers + struct.pack("<I", zlib.crc32(numbers))


class PoliteCamera:
    """Speaks the protocol well, and answers each command with what `answer(command, argument)` gives."""

    def __init__(self, answer):
        self.answer = answer
        self.heard = b""
        self.command = self.result = None

    def __call__(self, port):
        self.heard += port.read()
        sizes = {COMMAND_HEADER: 12, COMMAND_DATA: 4 + (self.command[1] if self.command else 0), RESULT_HEADER: 4,
                 RESULT_DATA: 4}
        while len(self.heard) >= 2:
            size = sizes.get(struct.unpack("<H", self.heard[:2])[0], 1)
            if len(self.heard) < size:
                break
            whole, self.heard = self.heard[:size], self.heard[size:]
            if size > 1 and packet(struct.unpack("<H", whole[:2])[0], whole[2:-2]) == whole:
                self.take(port, struct.unpack("<H", whole[:2])[0], whole[2:-2])
                sizes[COMMAND_DATA] = 4 + (self.command[1] if self.command else 0)

    def take(self, port, magic, payload):
        if magic == COMMAND_HEADER:
            self.command, self.result = struct.unpack("<II", payload), None
            port.write(packet(magic))
        elif magic == COMMAND_DATA and self.command:
            self.result = self.answer(self.command[0], payload)
            port.write(packet(magic))
        elif magic == RESULT_HEADER and self.result is not None:
            port.write(packet(magic, struct.pack("<I", len(self.result))))
        elif magic == RESULT_DATA and self.result is not None:
            port.write(packet(magic, self.result))
            self.command = self.result = None
