#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the daemon costs: resident memory with a camera on a port, for each client, and over time; descriptors."""

import base64
import os
import signal
import tempfile

from cameras import StockCamera, config_of
from openmvd import Daemon, SkipTest, Tap, is_sanitized, wait_for_camera, wait_until

# In kB, as it is promised.
IDLE_KB = 6 * 1024
CLIENT_KB = 8

# Memory that comes and goes with the allocator: what 5000 calls may seem to cost, in kB.
NOISE_KB = 128


def settled_kb(daemon):
    """Resident memory once it has stayed the same for a while."""
    history = []

    def is_steady():
        history.append(daemon.resident_kb())
        return len(history) >= 20 and len(set(history[-20:])) == 1
    wait_until(is_steady, "the memory to settle")
    return history[-1]


def skip_where_sanitized():
    if is_sanitized():
        raise SkipTest("the sanitizers have their own needs")


def count_descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def an_idle_camera_costs_less_than_six_megabytes():
    skip_where_sanitized()
    with StockCamera() as camera, Daemon(config=config_of(camera.path)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        resident = settled_kb(daemon)
        print(f"# {resident} kB with one idle camera")
        assert resident < IDLE_KB, f"{resident} kB"


def an_idle_client_costs_less_than_eight_kilobytes():
    skip_where_sanitized()
    with StockCamera() as camera, Daemon(config=config_of(camera.path)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        before = settled_kb(daemon)
        others = [daemon.client() for _ in range(50)]
        for other in others:
            assert other.result("ping") == "pong"
        grown = settled_kb(daemon) - before
        print(f"# {grown / len(others):.2f} kB for each of {len(others)} idle clients")
        assert grown < CLIENT_KB * len(others), f"{grown} kB for {len(others)} clients"
        for other in others:
            other.close()


def an_idle_client_that_has_asked_much_costs_no_more():
    """a client that had a megabyte and is idle again costs what an idle one does"""
    skip_where_sanitized()
    with StockCamera("--memory", 2000000) as camera, Daemon(config=config_of(camera.path)) as daemon, \
            daemon.client() as client:
        wait_for_camera(client)
        argument = base64.b64encode(bytes(300000)).decode()

        def use(count):
            for _ in range(count):
                with daemon.client() as other:
                    assert other.result("call", {"name": "blob", "args": [1000000]})["bytes"] == 1000000
                    assert other.result("call", {"name": "echo", "data": argument})["bytes"] == 300000
        use(3)
        before = settled_kb(daemon)
        use(30)
        grown = settled_kb(daemon) - before
        # One such reply is 1.3 MB: a single one that was kept would show.
        assert grown < 1024, f"{grown} kB more"


def five_thousand_calls_cost_nothing():
    skip_where_sanitized()
    with StockCamera("--gc-us", 100) as camera, Daemon(config=config_of(camera.path)) as daemon, daemon.client() as client:
        wait_for_camera(client)

        def call(count):
            asked = [client.send_request("call", {"name": "echo", "data": f"{i}", "encoding": "utf8"}) for i in range(count)]
            for number in asked:
                assert "result" in client.reply(number)
            # Errors have their own way through the daemon.
            assert client.error("call", {"name": "echo", "data": "?"})["code"] == -32602
        for _ in range(10):
            call(50)
        before = settled_kb(daemon)
        for _ in range(100):
            call(50)
        grown = settled_kb(daemon) - before
        print(f"# {grown} kB more after 5000 calls")
        assert grown <= NOISE_KB, f"{grown} kB more"


def hundred_connections_leave_no_descriptor():
    with StockCamera() as camera, Daemon(config=config_of(camera.path)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        before = count_descriptors(daemon)
        for i in range(100):
            with daemon.client() as other:
                if i % 3 == 0:
                    assert other.result("ping") == "pong"
                elif i % 3 == 1:
                    other.send('{"jsonrpc":"2.0","id":1,"method":"call","params":{"name":"echo"}}\n{"half')
                else:
                    other.shut_down_writing()
        wait_until(lambda: count_descriptors(daemon) == before,
                   f"{before} descriptors again; now {sorted(os.listdir(f'/proc/{daemon.process.pid}/fd'), key=int)}")


def twenty_camera_losses_leave_no_descriptor_and_no_memory():
    with tempfile.TemporaryDirectory(prefix="openmvd-test-") as folder:
        node = os.path.join(folder, "camera")
        with StockCamera("--link", node) as camera, Daemon(config=config_of(node)) as daemon, daemon.client() as client:
            before = None
            for loss in range(21):
                wait_for_camera(client)
                if loss == 1:
                    before = count_descriptors(daemon), settled_kb(daemon)
                number = client.send_request("call", {"name": "sleep", "args": [8000], "timeout_ms": 20000})
                wait_until(lambda: client.result("cameras")[0]["busy"], "the camera to be busy")
                # As udev does. The pty's own path may soon be somebody else's.
                os.unlink(node)
                camera.send_signal(signal.SIGKILL)
                assert client.reply(number)["error"]["data"]["reason"] in ("not_delivered", "result_unknown")
                camera.stop()
                camera.start()
            wait_for_camera(client)
            wait_until(lambda: count_descriptors(daemon) == before[0], f"{before[0]} descriptors again")
            if not is_sanitized():
                grown = settled_kb(daemon) - before[1]
                assert grown <= NOISE_KB, f"{grown} kB more after 20 losses"


tap = Tap()
tap.run([
    an_idle_camera_costs_less_than_six_megabytes,
    an_idle_client_costs_less_than_eight_kilobytes,
    an_idle_client_that_has_asked_much_costs_no_more,
    five_thousand_calls_cost_nothing,
    hundred_connections_leave_no_descriptor,
    twenty_camera_losses_leave_no_descriptor_and_no_memory,
])
tap.finish()
