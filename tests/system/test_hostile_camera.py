#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cameras that are none: whatever bytes come from the wire, the daemon lives, stays small, and serves the others."""

import base64
import random
import struct
import time

from cameras import (COMMAND_DATA, COMMAND_HEADER, RESULT_DATA, RESULT_HEADER, SESSION_CALL, HostilePort, PoliteCamera,
                     StockCamera, config_of, packet, serial, session_reply)
from openmvd import PATIENCE_S, Daemon, Tap, is_sanitized, wait_for_camera, wait_until

STREAM_FRAME = 0x542E
NO_SESSION = 4

# What the daemon may grow by while it is written to without end, in kB: its buffers, and no more.
GROWTH_KB = 4096
# How much is written to it in that time, at least.
ENDLESS_BYTES = 4 << 20

REFUSED = {"camera_offline", "not_delivered", "result_unknown", "too_large"}

chance = random.Random(1)
noise = chance.randbytes(65536)
halves = b"".join(packet(chance.choice((COMMAND_HEADER, COMMAND_DATA, RESULT_HEADER, RESULT_DATA)),
                         b"\xff\xff\xff\xff")[:chance.randrange(1, 8)] for _ in range(4000))


def says_nothing(port):
    port.read()


def writes_noise(port):
    port.read()
    port.write(noise[port.written % 4096:])


def writes_zeros(port):
    port.read()
    port.write(bytes(16384))


def repeats_what_it_hears(port):
    data = port.read()
    while data and not port.stopping.is_set():
        before = port.written
        port.write(data)
        data = data[port.written - before:]


def floods_acks(port):
    port.read()
    port.write((packet(COMMAND_HEADER) + packet(COMMAND_DATA)) * 100)


def announces(length):
    """A camera that takes every command, announces a result of this length, and then sends bytes without end."""
    def speak(port):
        port.read()
        header = packet(RESULT_HEADER, struct.pack("<I", length))
        port.write(packet(COMMAND_HEADER) + packet(COMMAND_DATA) + header + packet(RESULT_DATA)[:2] + noise[:8192])
    speak.__name__ = f"announces_{length:#x}"
    return speak


def writes_stream_frames_of_four_gigabytes(port):
    port.read()
    port.write(packet(STREAM_FRAME, struct.pack("<I", 0xffffffff)) + noise[:4096])


def writes_halves_of_packets(port):
    port.read()
    port.write(halves[port.written % 64:])


def answers_with_length(length):
    """A camera that keeps to the protocol, but for a result of 0xffffffff bytes that it begins and never ends."""
    answers = ((COMMAND_HEADER, packet(COMMAND_HEADER)), (COMMAND_DATA, packet(COMMAND_DATA)),
               (RESULT_HEADER, packet(RESULT_HEADER, struct.pack("<I", length))),
               (RESULT_DATA, packet(RESULT_DATA)[:2] + noise))

    def speak(port):
        data = port.read()
        for magic, answer in answers:
            if struct.pack("<H", magic) in data:
                port.write(answer)
    speak.__name__ = f"answers_with_length_{length:#x}"
    return speak


ENDLESS = (writes_noise, writes_zeros, floods_acks, announces(0xffffffff), announces(0x7fffffff), announces(0x100001),
           writes_stream_frames_of_four_gigabytes, writes_halves_of_packets)
OTHERS = (says_nothing, repeats_what_it_hears, answers_with_length(0xffffffff), answers_with_length(0x80000000))


def assert_is_alive(client):
    begin = time.monotonic()
    assert client.result("ping") == "pong"
    assert time.monotonic() - begin < 5, "the loop was held up"


def state_of(client, camera="camera"):
    return next(row["state"] for row in client.result("cameras") if row["name"] == camera)


def check_speaker(speak, endless):
    with HostilePort(speak) as port, Daemon(config=config_of(port.path)) as daemon, daemon.client() as client:
        assert_is_alive(client)
        before = daemon.resident_kb()
        wanted = ENDLESS_BYTES // (10 if is_sanitized() else 1)
        # Until it was asked several times, and so much has gone through that any queue without an end would show.
        begin = time.monotonic()
        asked = 0
        while asked < 6 or (endless and port.written < wanted):
            asked += 1
            assert state_of(client) != "online", f"{speak.__name__}: nobody is there, and the camera is online"
            reply = client.request("call", {"name": "echo", "data": "AAAA", "timeout_ms": 200})
            assert "error" in reply and reply["error"]["data"]["reason"] in REFUSED, (speak.__name__, reply)
            assert time.monotonic() - begin < 60, f"{speak.__name__}: only {port.written} bytes were read"
        assert_is_alive(client)
        assert port.heard > 0, "the daemon has never asked"
        if not is_sanitized():
            grown = daemon.resident_kb() - before
            assert grown < GROWTH_KB, f"{speak.__name__}: {grown} kB more after {port.written} bytes"


def endless_bytes_do_no_harm():
    """garbage, acks, half packets and huge lengths without end: the daemon lives, stays small, and has no camera"""
    for speak in ENDLESS:
        check_speaker(speak, True)


def silence_echoes_and_huge_lengths_do_no_harm():
    for speak in OTHERS:
        check_speaker(speak, False)


def a_camera_behind_garbage_is_found_when_the_garbage_ends():
    """a camera that talked garbage for a while, as one does at boot, is online soon after it speaks the protocol"""
    awaited = [COMMAND_HEADER, COMMAND_DATA, RESULT_HEADER, RESULT_DATA]

    def boots_then_speaks(port):
        data = port.read()
        if port.written < 200000:
            port.write(noise[:4096])
            return
        # Each magic in its turn, so that a poll without a command before it gets no answer.
        while (at := data.find(struct.pack("<H", awaited[0]))) >= 0:
            data = data[at + 2:]
            port.write(packet(awaited[0], b"\0\0\0\0" if awaited[0] == RESULT_HEADER else b""))
            awaited.append(awaited.pop(0))

    with HostilePort(boots_then_speaks) as port, Daemon(config=config_of(port.path)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        assert client.result("call", {"name": "face_detection"})["value"] is None


def a_camera_that_forgets_each_session_is_called_the_stock_way():
    def answer(command, argument):
        if command != SESSION_CALL:
            return b"good" if argument else b""
        return session_reply(argument, NO_SESSION, bytes(4))

    with HostilePort(PoliteCamera(answer)) as port, Daemon(config=config_of(port.path)) as daemon, \
            daemon.client() as client:
        wait_for_camera(client)
        value = client.result("call", {"name": "echo", "data": "AAAA"})["value"]
        assert base64.b64decode(value) == b"good"
        assert "forgets each session" in daemon.log()


def the_other_camera_goes_on_beside_a_hostile_one():
    for speak in (writes_noise, announces(0xffffffff), says_nothing):
        with HostilePort(speak) as port, StockCamera("--gc-us", 700) as camera:
            config = config_of(port.path, cameras={"bad": serial(port.path), "good": serial(camera.path)})
            with Daemon(config=config) as daemon, daemon.client() as client, daemon.client() as other:
                wait_for_camera(client, "good")
                for i in range(400):
                    if i % 40 == 0:
                        number = other.send_request("call", {"name": "echo", "camera": "bad", "timeout_ms": 100})
                    data = f"{i}"
                    value = client.result("call", {"name": "echo", "data": data, "encoding": "utf8", "camera": "good"})["value"]
                    assert base64.b64decode(value) == data.encode(), (speak.__name__, i)
                    if i % 40 == 39:
                        assert other.reply(number)["error"]["data"]["reason"] in REFUSED
                assert state_of(client, "bad") != "online", speak.__name__


def the_daemon_stops_well_beside_a_hostile_camera():
    for speak in (writes_noise, floods_acks, says_nothing):
        with HostilePort(speak) as port, Daemon(config=config_of(port.path)) as daemon, daemon.client() as client:
            wait_until(lambda: port.heard > 0, "the daemon to ask")
            number = client.send_request("call", {"name": "echo", "timeout_ms": 20000})
            daemon.process.terminate()
            assert client.reply(number)["error"]["data"]["reason"] in REFUSED
            assert client.read() is None
            assert daemon.process.wait(PATIENCE_S) == 0


tap = Tap()
tap.run([
    endless_bytes_do_no_harm,
    silence_echoes_and_huge_lengths_do_no_harm,
    a_camera_behind_garbage_is_found_when_the_garbage_ends,
    a_camera_that_forgets_each_session_is_called_the_stock_way,
    the_other_camera_goes_on_beside_a_hostile_one,
    the_daemon_stops_well_beside_a_hostile_camera,
])
tap.finish()
