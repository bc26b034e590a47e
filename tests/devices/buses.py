# SPDX-License-Identifier: MIT
"""The tests that every bus has to pass, whatever it is: SPI, I2C or CAN.

A scenario describes its bus and runs tests_of() it, and what only that bus has.
"""

import contextlib
import functools
import os
import subprocess
import time
import types

from controllers import BusCamera, held_line
from devices import (CALLBACKS, PATIENCE_S, Daemon, begin, call, check_blob, count, fetch_blob, next_picture, program, tried,
                     value, wait_for_state, wait_until)

# Two cameras of a bus are called so where there are two.
NAMES = ("left", "right")

READY, RESET = 25, 24
READY_LINE, RESET_LINE = {"line": "GPIO25"}, {"line": "GPIO24"}

# So that a test need not wait for as long as people would. A camera that a busy machine has held up for some seconds is not yet
# offline, which ends the call that it is at.
HEALING = {"probe_interval_ms": 500, "reopen_after_ms": 2000}

STREAM = {"stream": "jpeg_image_stream", "args": "sensor.RGB565,sensor.QVGA", "reply": "raw"}
SMALL_STREAM = dict(STREAM, args="sensor.RGB565,sensor.QQVGA")


class Bus(types.SimpleNamespace):
    """A kind; its name in reasons; links and options of two cameras, as the configuration and bus_camera take them; the
    faults of a bad line; a stream."""

    def link(self, which=0, **keys):
        return {"type": self.kind, **self.links[which], **keys}

    def camera(self, *options, which=0):
        return BusCamera(self.kind, *self.options[which], *options)


def config_of(*links, healing=None, **keys):
    """Of cameras with these links; a camera that is alone is called `camera`."""
    names = NAMES if len(links) > 1 else ("camera",)
    return {"cameras": {name: dict({"link": link}, **keys) for name, link in zip(names, links)}, "callbacks": CALLBACKS,
            "healing": dict(HEALING, **(healing or {}))}


@contextlib.contextmanager
def daemon_with(config):
    with Daemon(config=config) as daemon, daemon.client() as client:
        yield daemon, client


def await_introduction(client, name):
    """Waits until it is known what the camera is: on a busy machine it may not have told at once, and is asked again with
    calls that come later."""
    def is_known():
        if wait_for_state(client, "online", name=name)["firmware"]:
            return True
        call(client, "color_detection", [30, 100, 15, 127, -10, 60], camera=name)
        return False
    wait_until(is_known, f"{name} to say what it is", 2 * PATIENCE_S)


@contextlib.contextmanager
def online(bus, *options, link=None, **keys):
    """One camera with these options of its program, and a daemon for which it is online and, unless it is a stock one,
    known."""
    with bus.camera(*options) as camera, daemon_with(config_of(link or bus.link(), **keys)) as (daemon, client):
        wait_for_state(client, "online")
        if "--stock" not in options:
            await_introduction(client, "camera")
        yield camera, daemon, client


@contextlib.contextmanager
def two_online(bus):
    with bus.camera() as left, bus.camera("--seed", 2, which=1) as right, \
            daemon_with(config_of(bus.link(0), bus.link(1))) as (daemon, client):
        for name in NAMES:
            await_introduction(client, name)
        yield left, right, daemon, client


def calls_are_answered(bus):
    with online(bus) as (_, _, client):
        for _ in range(5):
            assert set(value(call(client, "color_detection", [30, 100, 15, 127, -10, 60]))) == {"cx", "cy"}
        assert [count(client) for _ in range(10)] == list(range(1, 11))


def results_come_byte_for_byte(bus):
    with online(bus) as (_, _, client):
        # Around a piece of a result, and what the kernel moves at once.
        for size in (1, 4095, 4096, 4097, 8188, 8189):
            fetch_blob(client, size)


def a_result_of_200_kb_comes_byte_for_byte(bus):
    with online(bus) as (_, _, client):
        fetch_blob(client, 200000, timeout_ms=60000)


def a_stock_camera_gives_200_kb_in_one_packet(bus):
    with online(bus, "--stock") as (_, _, client):
        # On CAN that takes 7 s, and begins again where its program was held up for 250 ms.
        fetch_blob(client, 200000, timeout_ms=120000)


def snapshot(daemon):
    """A picture that openmvctl takes."""
    done = subprocess.run([program("openmvctl"), "--socket", daemon.path, "--timeout", "20s", "snapshot", "-"],
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"\xff\xd8") and done.stdout.endswith(b"\xff\xd9"), done.stdout[:20]
    return done.stdout


def openmvctl_takes_a_picture(bus):
    with online(bus) as (_, daemon, _):
        snapshot(daemon)


def a_stream_comes_frame_by_frame_and_ends_with_its_viewer(bus):
    with online(bus) as (camera, daemon, client):
        with daemon.client() as viewer:
            viewer.result("subscribe", bus.stream)
            last = 0
            for _ in range(5):
                _, event = next_picture(viewer)
                assert event["seq"] > last, event
                last = event["seq"]
        assert count(client) == 1
        frames = camera.counts()["frames"]
        assert count(client) == 2 and camera.counts()["frames"] == frames, "the camera still streams"


def on_a_bad_line_every_call_runs_once_and_every_byte_is_right(bus):
    with online(bus) as (camera, _, client):
        for name, permille in bus.bad_line:
            camera.fault(name, permille)
        assert [count(client, timeout_ms=60000) for _ in range(6)] == list(range(1, 7))
        fetch_blob(client, 8000, timeout_ms=60000)


def a_camera_that_falls_silent_is_missed_and_comes_back(bus):
    with online(bus) as (camera, _, client):
        camera.fault("absent")
        has_reason(client, "camera", bus.name)
        camera.fault("absent", 0)
        wait_for_state(client, "online")
        assert count(client) == 1


def a_camera_whose_power_fails_in_a_call_comes_back(bus):
    with daemon_with(config_of(bus.link())) as (_, client):
        with bus.camera() as camera:
            wait_for_state(client, "online")
            # Long enough for a busy machine to deliver it.
            number = client.send_request("call", {"name": "sleep", "args": [60000], "timeout_ms": 6000})
            # Before it the camera may be asked about itself.
            wait_until(lambda: camera.counts()["duration_us"] == 60000000, "the callback to begin")
            camera.kill()
            # One that computes is as silent as one without power.
            data = client.reply(number)["error"]["data"]
            assert data["reason"] == "result_unknown" and data["executed"] == "unknown", data
            wait_for_state(client, "connecting", "offline")
        with bus.camera():
            wait_for_state(client, "online")
            assert count(client) == 1


def two_cameras_compute_at_the_same_time_and_wait_for_each_other_by_the_packet(bus):
    with two_online(bus) as (_, _, daemon, client), daemon.client() as other:
        # The second is for a machine on which five calls take as long as the first.
        for turn, duration_ms in enumerate((3000, 20000)):
            number = begin(client, "sleep", [duration_ms], camera="left", timeout_ms=duration_ms + 20000)
            wait_until(lambda: other.result("cameras")[0]["busy"] or client.is_readable(), "the callback to begin")
            assert [count(other, camera="right") for _ in range(5)] == [5 * turn + n for n in range(1, 6)]
            waited = client.is_readable()
            assert value(client.reply(number)) == [duration_ms]
            if not waited:
                return
        raise AssertionError("the calls of one camera waited for the other's callback")


def the_bytes_of_two_cameras_do_not_mix(bus):
    with two_online(bus) as (_, _, daemon, client), daemon.client() as other:
        calls = [(client, "left", 20000), (other, "right", 15000)]
        for _ in range(2):
            ids = [begin(asker, "blob", [size], camera=name, timeout_ms=60000) for asker, name, size in calls]
            for (asker, _, size), number in zip(calls, ids):
                check_blob(asker.reply(number), size)


def polls_of_a_second(bus, *options, **keys):
    """How many transactions it takes to have a callback that computes for a second, and how many seconds that took."""
    with online(bus, "--window-ms", 1000, *options, link=bus.link(**keys)) as (camera, _, client):
        count(client)
        begun, before = time.monotonic(), camera.counts()["transactions"]
        assert value(call(client, "sleep", [1000])) == [1000]
        return camera.counts()["transactions"] - before, time.monotonic() - begun


def a_camera_with_a_ready_line_is_not_asked_while_it_computes(bus):
    def transactions():
        return polls_of_a_second(bus)[0], *polls_of_a_second(bus, "--ready", READY, ready=READY_LINE)

    def are_few(measured):
        polled, told, seconds = measured
        # The call itself, of which a busy machine may make two; and a camera whose line stays low is asked four times a second
        # all the same, by up to three transactions.
        return told < 20 + 12 * seconds and told < polled / 2
    # A busy machine may poll rarely, too, or take the line for one that says no while the camera answers.
    tried(transactions, are_few)


def with_a_ready_line_large_results_and_streams_come_too(bus):
    with online(bus, "--ready", READY, link=bus.link(ready=READY_LINE)) as (_, daemon, client):
        fetch_blob(client, 20000, timeout_ms=60000)
        with daemon.client() as viewer:
            viewer.result("subscribe", bus.stream)
            for _ in range(3):
                next_picture(viewer)
        assert count(client) == 1


def the_method_reset_resets_the_camera_by_its_line(bus):
    with online(bus, "--reset", RESET, "--boot-ms", 300, reset=RESET_LINE) as (camera, _, client):
        assert count(client) == 1
        assert client.result("reset", {"camera": "camera"}) is True
        camera.wait_for("reset")
        assert count(client) == 1, "it still knows what it had counted"
        assert camera.counts()["resets"] == 1


def a_script_that_hangs_is_reset_as_the_last_step(bus):
    # A camera that a busy machine has held up is not yet one that hangs.
    with online(bus, "--reset", RESET, "--boot-ms", 300, reset=RESET_LINE, healing={"reset_after_ms": 5000}) as \
            (camera, _, client):
        assert count(client) == 1
        before = camera.counts()["resets"]
        camera.fault("absent")
        wait_until(lambda: camera.counts()["resets"] > before, "a reset")
        wait_for_state(client, "online")
        assert count(client) == 1


def a_reset_line_that_somebody_has_is_named_with_its_holder(bus):
    with held_line(RESET, "pump"), online(bus, reset=RESET_LINE) as (_, _, client):
        error = client.error("reset", {"camera": "camera"})
        assert "GPIO24" in error["message"] and '"pump"' in error["message"], error
        count(client)


def of(bus, test):
    """A test of a bus, with the name of its function."""
    return functools.update_wrapper(functools.partial(test, bus), test)


def tests_of(bus):
    return [of(bus, test) for test in (
        calls_are_answered,
        results_come_byte_for_byte,
        openmvctl_takes_a_picture,
        a_stream_comes_frame_by_frame_and_ends_with_its_viewer,
        on_a_bad_line_every_call_runs_once_and_every_byte_is_right,
        a_camera_that_falls_silent_is_missed_and_comes_back,
        two_cameras_compute_at_the_same_time_and_wait_for_each_other_by_the_packet,
        the_bytes_of_two_cameras_do_not_mix,
        a_camera_with_a_ready_line_is_not_asked_while_it_computes,
        with_a_ready_line_large_results_and_streams_come_too,
        the_method_reset_resets_the_camera_by_its_line,
    )]


def everybody_has_a_reason_and_the_good_camera_goes_on(bus, rows):
    """Has each camera of a link that cannot work say so with these words, while another one of the same daemon answers."""
    cameras = {f"bad{number}": {"link": link} for number, (link, _) in enumerate(rows)}
    config = {"cameras": dict(cameras, good={"link": bus.link(1)}), "callbacks": CALLBACKS, "healing": HEALING}
    with bus.camera(which=1), Daemon(config=config) as daemon, daemon.client() as client:
        wait_for_state(client, "online", name="good")
        for number, (_, words) in enumerate(rows):
            has_reason(client, f"bad{number}", *words)
        count(client, camera="good")


def has_reason(client, name, *words):
    """Waits until a camera is not online for a reason with all these words in it."""
    reasons = []

    def says():
        row = next(row for row in client.result("cameras") if row["name"] == name)
        reasons[:] = [row["reason"]]
        return row["state"] != "online" and all(word in (row["reason"] or "") for word in words)
    try:
        wait_until(says, f"{name} to say {words}")
    except AssertionError as error:
        raise AssertionError(f"{error}; it says {reasons}") from None


def as_another_user(config):
    """A daemon that is run by nobody."""
    daemon = Daemon(config=config)
    daemon.command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *daemon.command]
    os.chown(daemon.folder.name, 65534, 65534)
    return daemon
