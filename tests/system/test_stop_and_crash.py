#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the daemon leaves behind when it is stopped, and what it finds its way through when it was killed: cameras that outlive
it, in the middle of a stream or of a result."""

import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import termios
import time
import tty

from cameras import SimulatedCamera, StockCamera, config_of
from openmvd import PATIENCE_S, Daemon, Tap, tried, wait_for_camera, wait_until

# The model's frames: bytes, and frames a second (as fast as they go). The simulator has pictures.
STOCK_STREAM = {"stream": "stream", "data": (60000).to_bytes(4, "little").hex() + (0).to_bytes(4, "little").hex(),
                "encoding": "hex"}
SIM_STREAM = {"stream": "jpeg_image_stream", "data": "sensor.RGB565,sensor.VGA", "encoding": "utf8"}
KINDS = (("stock uart", lambda: StockCamera("--kind", "uart", "--memory", 1 << 21), STOCK_STREAM),
         ("stock vcp", lambda: StockCamera("--kind", "vcp", "--memory", 1 << 21), STOCK_STREAM),
         ("simulator", SimulatedCamera, SIM_STREAM))

# A stop takes 2 s for what is accepted and 0.3 s for who reads his replies.
STOP_S = 2.3 + 10


def leftovers(path, seconds=0.4):
    """Bytes that a camera still says on its line when nobody talks to it."""
    line = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(line)
        said = 0
        while select.select([line], [], [], seconds)[0]:
            said += len(os.read(line, 1 << 16))
            if said > 1 << 22:
                break
        return said
    finally:
        os.close(line)


def start_stream(client, stream):
    wait_for_camera(client)
    client.result("subscribe", stream)
    client.event()
    client.event()


def a_stop_ends_a_running_stream_before_it_leaves_the_camera():
    for kind, camera_of, stream in KINDS:
        with camera_of() as camera:
            with Daemon(config=config_of(camera.path)) as daemon, daemon.client() as client:
                start_stream(client, stream)
                began = time.monotonic()
                daemon.process.send_signal(signal.SIGTERM)
                assert daemon.process.wait(PATIENCE_S) == 0
                assert time.monotonic() - began < STOP_S, kind
            assert leftovers(camera.path) == 0, f"{kind}: the camera was left in the middle of a stream"


def a_killed_daemon_leaves_the_camera_in_the_middle_of_a_stream():
    """a killed daemon leaves the camera in the middle of a stream (or the tests here would show nothing)"""
    def attempt():
        with StockCamera("--kind", "uart", "--memory", 1 << 21) as camera:
            daemon = Daemon(config=config_of(camera.path))
            with killed(daemon) as client:
                start_stream(client, STOCK_STREAM)
                hold_in_a_frame(daemon, camera.path)
            found = leftovers(camera.path)
            daemon.folder.cleanup()
        return found
    tried(attempt, bool)


def hold_in_a_frame(daemon, path):
    """Stops the daemon where it is, with bytes of a frame on the line that it has not read."""
    line = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def is_caught():
        daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(0.005)
        if int.from_bytes(fcntl.ioctl(line, termios.FIONREAD, b"\0" * 4), sys.byteorder) > 0:
            return True
        daemon.process.send_signal(signal.SIGCONT)
        return False
    try:
        wait_until(is_caught, "bytes on the line")
    finally:
        os.close(line)


def hold_in_a_result(daemon, client):
    """Stops the daemon where it is, with a part of a large result that it has read. The line holds less than what is missing."""
    def is_caught():
        before = received_bytes(client)
        number = client.send_request("call", {"name": "blob", "args": [1000000]})
        wait_until(lambda: received_bytes(client) > before + 1000, "the result to come")
        daemon.process.send_signal(signal.SIGSTOP)
        if number not in client.replies and not client.is_readable():
            return True
        daemon.process.send_signal(signal.SIGCONT)
        client.reply(number)
        return False
    wait_until(is_caught, "half a result")


@contextlib.contextmanager
def killed(daemon):
    """A client of a daemon that is killed when the block has been run, and can be started again."""
    daemon.start()
    try:
        with daemon.client() as client:
            wait_for_camera(client)
            yield client
    finally:
        daemon.process.kill()
        daemon.process.wait()


def check_the_next_start(daemon, kind):
    """Starts the daemon that was killed again: the camera comes online, and every answer is to the call that was asked."""
    with daemon, daemon.client() as client:
        wait_for_camera(client)
        for turn in range(20):
            text = f"{kind} {turn}"
            reply = client.result("call", {"name": "echo", "data": text, "encoding": "utf8", "reply": "hex"})
            assert bytes.fromhex(reply["value"]).decode() == text, reply


def after_a_kill_the_next_start_finds_its_way_through_a_stream_in_full_flow():
    for kind, camera_of, stream in KINDS:
        with camera_of() as camera:
            daemon = Daemon(config=config_of(camera.path))
            with killed(daemon) as client:
                start_stream(client, stream)
                hold_in_a_frame(daemon, camera.path)
            check_the_next_start(daemon, kind)


def received_bytes(client):
    return client.result("stats")["cameras"][0]["wire"]["bytes_received"]


def after_a_kill_the_next_start_finds_its_way_through_half_a_result():
    for kind, camera_of, _ in KINDS:
        with camera_of() as camera:
            daemon = Daemon(config=config_of(camera.path))
            with killed(daemon) as client:
                hold_in_a_result(daemon, client)
            check_the_next_start(daemon, kind)


def what_ran_under_a_killed_daemon_is_not_taken_for_another_answer():
    """a call that still runs when the daemon is killed is not taken for the answer to the next daemon's call"""
    for kind in ("uart", "vcp"):
        with StockCamera("--kind", kind) as camera:
            daemon = Daemon(config=config_of(camera.path))
            with killed(daemon) as client:
                client.send_request("call", {"name": "sleep", "args": [700]})
                wait_until(lambda: client.result("cameras")[0]["busy"], "the call to run")
            with daemon, daemon.client() as client:
                assert client.result("call", {"name": "sleep", "args": [5]})["value"] == [5]
                first = client.result("call", {"name": "count"})["value"][0]
                assert client.result("call", {"name": "count"})["value"][0] == first + 1


def a_stop_waits_for_a_call_whose_client_has_gone():
    with StockCamera("--kind", "uart") as camera:
        with Daemon(config=config_of(camera.path)) as daemon:
            with daemon.client() as client:
                wait_for_camera(client)
                began = time.monotonic()
                client.send_request("call", {"name": "sleep", "args": [1000]})
                wait_until(lambda: client.result("cameras")[0]["busy"], "the call to run")
            daemon.process.send_signal(signal.SIGTERM)
            assert daemon.process.wait(PATIENCE_S) == 0
            assert time.monotonic() - began > 0.9, "the camera was left in the middle of a call"
        assert leftovers(camera.path) == 0


def what_waits_in_the_daemons_own_socket_at_a_stop_is_answered():
    with StockCamera("--kind", "uart") as camera, Daemon(config=config_of(camera.path)) as daemon:
        with daemon.client() as client:
            wait_for_camera(client)
        # It has not seen these yet when the signal comes, and nobody else will ever serve them.
        with daemon.held():
            waiting = [daemon.client() for _ in range(3)]
            numbers = [client.send_request("call", {"name": "echo", "data": "eHg="}) for client in waiting]
            daemon.process.send_signal(signal.SIGTERM)
        for client, number in zip(waiting, numbers):
            assert client.reply(number)["result"]["value"] == "eHg="
            client.close()
        assert daemon.process.wait(PATIENCE_S) == 0


def all_that_a_client_has_sent_before_a_stop_is_answered():
    with StockCamera("--kind", "uart") as camera, Daemon(config=config_of(camera.path)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        with daemon.held():
            # More than is read at a time.
            count = 800
            client.send("".join(json.dumps({"jsonrpc": "2.0", "id": number, "method": "ping"}) + "\n" for number in range(count)))
            daemon.process.send_signal(signal.SIGTERM)
        for number in range(count):
            assert client.read() == {"jsonrpc": "2.0", "id": number, "result": "pong"}
        assert client.read()["error"]["data"]["cause"] == "stopping" and client.read() is None
        assert daemon.process.wait(PATIENCE_S) == 0


def ends_of_a_stop_under_load():
    """How many requests have come to which end: the reason of their error, or None."""
    with StockCamera("--kind", "uart") as camera, Daemon(config=config_of(camera.path)) as daemon:
        clients = [daemon.client() for _ in range(8)]
        wait_for_camera(clients[0])
        # Else a slow call might begin before the last quick one has been sent, and those behind it would be too late.
        with daemon.held():
            asked = {client: {client.send_request("call", {"name": "echo", "data": "eHg="}) for _ in range(5)} for client in clients}
            for client in clients:
                asked[client].add(client.send_request("call", {"name": "sleep", "args": [3000]}))
            daemon.process.send_signal(signal.SIGTERM)
        ends = {}
        for client in clients:
            while (message := client.read()) is not None:
                asked[client].remove(message["id"])
                data = message.get("error", {}).get("data")
                assert data is None or data["cause"] == "stopping", message
                ends[data and data["reason"]] = ends.get(data and data["reason"], 0) + 1
            assert not asked[client], "every accepted request is answered"
        assert daemon.process.wait(PATIENCE_S) == 0
    return ends


def a_stop_under_load_answers_every_accepted_request():
    # All that is quick, one slow call that had begun, and the others never reached the camera.
    tried(ends_of_a_stop_under_load, lambda ends: ends == {None: 40, "result_unknown": 1, "not_delivered": 7})


HELPERS = ("leftovers", "ends_of_a_stop_under_load", "start_stream", "hold_in_a_frame", "hold_in_a_result", "killed", "check_the_next_start",
           "received_bytes")
tap = Tap()
tap.run([test for name, test in list(globals().items())
         if callable(test) and getattr(test, "__module__", None) == "__main__" and not isinstance(test, type)
         and name not in HELPERS])
tap.finish()
