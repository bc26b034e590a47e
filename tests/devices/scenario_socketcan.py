#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The CAN link above SocketCAN: two SJA1000 controllers of the machine on one bus, and a virtual interface."""

import contextlib
import json
import os
import pathlib
import select
import socket
import struct
import subprocess

from devices import Tap, load_modules, program

TOOL = program("tests/can_tool")
FRAME = struct.Struct("=IB3x8s")
EFF, RTR, ERR = 1 << 31, 1 << 30, 1 << 29  # linux/can.h
BUS_OFF = 0x40  # linux/can/error.h
DRIVER = pathlib.Path("/sys/bus/pci/drivers/kvaser_pci")
BLOB = 20000


def ip(*words):
    result = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert result.returncode == 0, (words, result.stderr)
    return result.stdout


@contextlib.contextmanager
def up(*interfaces):
    """Controllers at the rate of the stock script; they can be set to it only while they are down."""
    for interface in interfaces:
        ip("link", "set", interface, "up", "type", "can", "bitrate", "250000", "sample-point", "0.750", "restart-ms", "100")
    try:
        yield
    finally:
        for interface in interfaces:
            ip("link", "set", interface, "down")


def tool(*words):
    """What the program says, be it an error."""
    result = subprocess.run([TOOL, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return (result.stdout or result.stderr).strip()


@contextlib.contextmanager
def running(*words):
    with subprocess.Popen([TOOL, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          bufsize=1) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def serving(interface, number):
    """A camera that listens."""
    with running("serve", interface, number) as process:
        assert process.stdout.readline() == "serving\n", process.stderr.read()
        yield process


@contextlib.contextmanager
def virtual():
    ip("link", "add", "vcan0", "type", "vcan")
    try:
        ip("link", "set", "vcan0", "up")
        yield "vcan0"
    finally:
        subprocess.run(["ip", "link", "delete", "vcan0"], check=False, stderr=subprocess.DEVNULL)


class Node:
    """Somebody else on the bus."""

    def __init__(self, interface):
        self.socket = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        self.socket.bind((interface,))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, number, data):
        self.socket.send(FRAME.pack(number, len(data), data))

    def receive(self, patience):
        """The next frame as its id and its bytes, or None."""
        if not select.select([self.socket], [], [], patience)[0]:
            return None
        number, length, data = FRAME.unpack(self.socket.recv(FRAME.size))
        return number, data[:length]


def command_header():
    """A command of no known callback, and what a camera answers."""
    def crc(data):
        value = 0xFFFF
        for byte in data:
            value ^= byte << 8
            for _ in range(8):
                value = (value << 1 ^ (0x1021 if value & 0x8000 else 0)) & 0xFFFF
        return data + struct.pack("<H", value)

    return crc(struct.pack("<HII", 0x1209, 0, 0)), crc(struct.pack("<H", 0x1209))


def the_state_of_an_interface_is_what_was_set():
    assert tool("state", "can0") == "can down STOPPED 0 0 0"
    with up("can0"):
        assert tool("state", "can0") == "can up ERROR-ACTIVE 250000 750 100"
    assert tool("state", "can0") == "can down STOPPED 250000 750 100"
    assert tool("state", "lo") == "other up UNKNOWN 0 0 0"
    assert tool("state", "can9") == "state: ENODEV"


def what_keeps_an_interface_from_being_used_is_told_apart():
    assert tool("serve", "can0", "1") == "open: ENETDOWN"
    assert tool("serve", "can9", "1") == "open: ENODEV"
    assert tool("serve", "lo", "1") == "open: EPROTOTYPE"
    assert tool("serve", "can0", "0x800") == "open: EINVAL"


def calls_and_a_long_result_pass_between_two_controllers():
    with up("can0", "can1"), serving("can1", "0x7ff"), running("call", "can0", "0x7ff", "echo", "1") as caller:
        for _ in range(20):
            assert caller.stdout.readline().split()[:2] == ["done", "4"]
            caller.stdin.write("\n")
        assert tool("call", "can0", "0x7ff", "blob", str(BLOB)).split()[:2] == ["done", str(BLOB)]
        for interface in ("can0", "can1"):
            (facts,) = json.loads(ip("-json", "-stats", "link", "show", interface))
            for way in facts["stats64"].values():
                # A controller whose interrupt waits for a processor keeps five frames.
                errors = way["errors"] - way.get("over_errors", 0)
                assert way["packets"] > 40 and errors == way["dropped"] == 0, facts


def an_interface_that_goes_down_fails_those_who_have_it_open():
    with up("can1"), serving("can1", "0x7ff") as camera:
        ip("link", "set", "can1", "down")
        assert camera.stderr.readline().strip() == "serve: ENETDOWN"


def a_controller_that_is_taken_away_fails_those_who_have_it_open():
    place = os.path.basename(os.path.realpath("/sys/class/net/can1/device"))
    with up("can1"), serving("can1", "0x7ff") as camera:
        (DRIVER / "unbind").write_text(place)
        try:
            assert camera.stderr.readline().strip() in ("serve: ENODEV", "serve: ENETDOWN")
            assert tool("serve", "can1", "1") == "open: ENODEV"
        finally:
            (DRIVER / "bind").write_text(place)


def only_frames_of_the_id_reach_a_camera_and_none_of_its_own():
    header, ack = command_header()
    with virtual() as interface, serving(interface, "0x123"), Node(interface) as node:
        for number in (0x124, 0x7FF, 0x123 | EFF):
            node.send(number, header[:8])
            node.send(number, header[8:])
        node.send(0x123 | RTR, b"")
        assert node.receive(0.5) is None
        # A busy machine may be held up between the two, and then they are no packet.
        for _ in range(3):
            node.send(0x123, header[:8])
            node.send(0x123, header[8:])
            answer = node.receive(10)
            if answer is not None:
                break
        assert answer == (0x123, ack), answer
        assert node.receive(0.5) is None


def bus_off_ends_the_link():
    with virtual() as interface, serving(interface, "0x123") as camera, Node(interface) as node:
        node.send(ERR | BUS_OFF, bytes(8))
        assert camera.stderr.readline().strip() == "serve: ENOLINK"


def a_result_of_200_kB_passes_a_virtual_interface_at_the_pace_of_a_genuine_one():
    with virtual() as interface, serving(interface, "0x7ff"):
        outcome, length, took_us = tool("call", interface, "0x7ff", "blob", "200000").split()
    assert (outcome, length) == ("done", "200000"), (outcome, length, took_us)
    # 25,000 frames of 111 bits at the rate of the stock script.
    assert int(took_us) > 11_000_000, took_us


load_modules("vcan", "can-raw", "kvaser_pci")
# A machine that has not got its host's processor for a moment still gets every frame: 277 of them fill what is usual.
pathlib.Path("/proc/sys/net/core/rmem_default").write_text(str(64 << 20), encoding="ascii")
tap = Tap()
tap.run([
    the_state_of_an_interface_is_what_was_set,
    what_keeps_an_interface_from_being_used_is_told_apart,
    calls_and_a_long_result_pass_between_two_controllers,
    an_interface_that_goes_down_fails_those_who_have_it_open,
    a_controller_that_is_taken_away_fails_those_who_have_it_open,
    only_frames_of_the_id_reach_a_camera_and_none_of_its_own,
    bus_off_ends_the_link,
    a_result_of_200_kB_passes_a_virtual_interface_at_the_pace_of_a_genuine_one,
])
tap.finish()
