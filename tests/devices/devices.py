# SPDX-License-Identifier: MIT
"""What the scenarios share: the kernel's drivers, USB cameras that are programs, and calls whose ends are judged.

Imported inside the virtual machine only, where a scenario is root and nothing it does outlives the machine.
"""

import base64
import contextlib
import glob
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

from openmvd import BUILD, PATIENCE_S, Daemon, Tap, program, tried, wait_until  # noqa: E402,F401

# A camera is to be online again within so many seconds of the return of its node: before what comes after 10 s of silence
# (`reopen_after_ms`) could have helped.
RETURN_S = 9.0

# The two ends of one cable; see `run`.
UART, FAR_UART = "/dev/ttyS1", "/dev/ttyS2"

# Where the kernel shows what is plugged into the ports of virtual cameras.
CONTROLLER = "/sys/devices/platform/vhci_hcd.0"

NUMBER = {"format": "<I"}

# Callbacks of the simulated camera that real ones do not have. As with callbacks of somebody's own, some are repeatable
# and some are not.
CALLBACKS = {
    "echo": {"result": "bytes"},
    "sleep": {"args": NUMBER, "result": NUMBER},
    "counter": {"result": NUMBER},
    "blob": {"args": NUMBER, "result": "bytes", "repeatable": True, "timeout_ms": 60000},
}

# The longest deadline of those that no test sets.
DEADLINE_MS = 60000

# What a stream says that is opened anew, as a busy machine may have to.
REOPENED = ("result_unknown", "not_delivered", "camera_offline")


def load_modules(*names):
    """Loads drivers of the kernel with what they need."""
    subprocess.run(["modprobe", "-d", os.path.join(BUILD, "devices"), "-a", *names], check=True)


def blob(size):
    """The bytes that `blob` of the simulated camera gives."""
    return bytes((i ^ i >> 8 ^ i >> 16) & 0xff for i in range(size))


def begin(client, name, args=None, **params):
    """Sends a call and returns its id; its reply is waited for until after its deadline."""
    if args is not None:
        params["args"] = args
    client.socket.settimeout(PATIENCE_S + params.get("timeout_ms", DEADLINE_MS) / 1000)
    return client.send_request("call", dict(params, name=name))


def call(client, name, args=None, **params):
    """Calls, and returns the reply."""
    return client.reply(begin(client, name, args, **params))


def value(reply):
    assert "result" in reply, reply
    return reply["result"]["value"]


def check_blob(reply, size):
    """Has the reply be that many bytes, and the right ones."""
    data = base64.b64decode(value(reply))
    assert data == blob(size), f"{len(data)} bytes of {size}, or wrong ones"


def fetch_blob(client, size, **params):
    """Asks for so many bytes, and has them be the right ones."""
    check_blob(call(client, "blob", [size], **params), size)


def count(client, **params):
    """Runs `counter`, waiting for the camera if need be, and returns how often it has run, this time included."""
    return value(call(client, "counter", wait=True, **params))[0]


def next_picture(viewer):
    """The next picture of a stream with raw replies, one JPEG from its first marker to its last with no other begun or ended
    within, and its event. A stream that is opened anew meanwhile says so and goes on."""
    event = viewer.event()
    while event["value"] is None:
        data = event["error"]["data"]
        assert data["reason"] in REOPENED or data.get("cause") == "no_stream", event
        event = viewer.event()
    picture = viewer.read_bytes(event["value"]["raw"])
    assert picture.startswith(b"\xff\xd8\xff") and picture.endswith(b"\xff\xd9"), event
    assert picture.count(b"\xff\xd8") == 1 and picture.count(b"\xff\xd9") == 1, event
    return picture, event


def only_camera(client):
    cameras = client.result("cameras")
    assert len(cameras) == 1, cameras
    return cameras[0]


def wait_for_state(client, *states, name=None, patience=PATIENCE_S):
    """Waits until the camera, or the one of that name, is in one of the states, and returns its row."""
    rows = []

    def row():
        rows[:] = [row for row in client.result("cameras") if name in (None, row["name"])]
        return rows[0] if rows[0]["state"] in states else None
    try:
        return wait_until(row, f"the camera to be {' or '.join(states)}", patience)
    except AssertionError as error:
        raise AssertionError(f"{error}; it is {rows}") from None


def wait_for_reason(client, words):
    """Waits until the camera is not online for a reason with these words in it, and returns the reason."""
    def reason():
        text = only_camera(client)["reason"] or ""
        return text if words in text else None
    return wait_until(reason, f"a reason with {words!r}")


class VirtualUsb:
    """A USB camera that is a program (virtual_usb.c), in a port of its own; unplugged at first."""

    def __init__(self, port=0, seed=1):
        self.command = [program("tests/virtual_usb"), str(port), str(seed)]
        # The kernel numbers the ports of its controller from 0, and those of the bus from 1.
        self.place = f"{CONTROLLER}/*/*-{port + 1}/*/tty/*"

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.said = queue.Queue()
        self.history = []
        self.baud = self.has_dtr = None
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(PATIENCE_S) == 0, self.history

    def _listen(self):
        for line in self.process.stdout:
            words = line.split()
            if words[0] == "baud":
                self.baud = int(words[1])
            elif words[0] == "modem":
                self.has_dtr = words[1] == "dtr=1"
            self.history.append(line.strip())
            self.said.put(line.strip())

    def command_line(self, line):
        self.process.stdin.write(line + "\n")

    def wait_for(self, word):
        """Waits until it says a line that begins so, and returns that line."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                line = self.said.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"waited in vain for {word!r}: {self.history}") from None
            assert not line.startswith("error"), line
            if line.split()[0] == word:
                return line

    def nodes(self):
        """The nodes that the driver has made for it."""
        # glob is not upset by what vanishes while it looks.
        found = [os.path.join("/dev", os.path.basename(path)) for path in glob.glob(self.place)]
        return [node for node in found if os.path.exists(node)]

    def plug(self):
        """Plugs it in, and returns the node that the driver makes for it."""
        wait_until(lambda: not self.nodes(), "the driver to let go of the node that was")
        self.command_line("plug")
        self.wait_for("plugged")
        return wait_until(self.nodes, "a node of the camera")[0]

    def unplug(self):
        self.command_line("unplug")
        self.wait_for("unplugged")

    def unplug_after(self, direction, size):
        """To be unplugged as soon as so many more bytes went "to" the camera, or came "from" it."""
        self.command_line(f"unplug-after {direction} {size}")

    def become(self, persona):
        """Has something else answer, without the bus noticing."""
        self.command_line(f"persona {persona}")

    def set_identity(self, ids=None, serial=None):
        """For the next time it is plugged in."""
        if ids:
            self.command_line(f"id {ids}")
        if serial:
            self.command_line(f"serial {serial}")

    def counts(self):
        """How many bytes went to the camera and came from it since it was plugged in."""
        self.command_line("count")
        return tuple(map(int, self.wait_for("count").split()[1:]))


@contextlib.contextmanager
def held_open(node):
    """Another program that has a node open and does nothing with it."""
    descriptor = os.open(node, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
