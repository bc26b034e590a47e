#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Streams through the socket: frames for many, calls in between, and who reads slowly."""

import contextlib
import fcntl
import pathlib
import struct
import subprocess
import tempfile
import termios
import threading
import time

from cameras import SimulatedCamera, StockCamera, config_of
from openmvd import BUILD, Daemon, Tap, tried, wait_for_camera, wait_until

STREAM = {"stream": "jpeg_image_stream", "args": "sensor.RGB565,sensor.QVGA", "reply": "raw"}
# A second of silence, three times, is how a stream fails that nobody else waits for.
MOST_S = 2.5
CONFIG = {"cameras": {"one": {"link": {"type": "sim"}}},
          "callbacks": {"sleep": {"args": {"format": "<I"}, "result": {"format": "<I"}},
                        "jpeg_snapshot": {"result": "jpeg", "repeatable": True}}}


def frame(client):
    """The next event and its picture."""
    event = client.event()
    assert event["value"] is not None, event
    picture = client.read_bytes(event["value"]["raw"])
    assert picture[:2] == b"\xff\xd8" and picture[-2:] == b"\xff\xd9", event
    return event, picture


def stream_is_idle(client):
    return not client.result("cameras")[0]["busy"]


def frames_come_in_order_and_end_with_the_subscription():
    with Daemon(config=CONFIG) as daemon, daemon.client() as client, daemon.client() as watcher:
        wait_for_camera(client, "one")
        number = client.result("subscribe", STREAM)["subscription"]
        last = 0
        for _ in range(20):
            event, _ = frame(client)
            assert event["subscription"] == number and event["seq"] > last, event
            assert event["seq"] - last == 1 or event["dropped"] > 0, event
            last = event["seq"]
        client.close()
        wait_until(lambda: stream_is_idle(watcher), "the camera to be free again")
        assert watcher.result("call", {"name": "sleep", "args": [1]})["value"] == [1]


def the_first_frame_is_sent_though_the_reply_to_subscribe_is_not_read_yet():
    with Daemon(config=CONFIG) as daemon, daemon.client() as client, daemon.client() as watcher:
        wait_for_camera(watcher, "one")
        client.send_request("subscribe", STREAM)
        # The reply is far shorter.
        wait_until(lambda: waiting_bytes(client) > 4000, "a frame behind the reply")


def waiting_bytes(client):
    """What the client has been sent and has not read."""
    return struct.unpack("i", fcntl.ioctl(client.socket, termios.FIONREAD, bytes(4)))[0]


def all_viewers_see_the_same_frames_of_one_stream():
    with Daemon(config=CONFIG) as daemon, daemon.client() as first, daemon.client() as second, daemon.client() as third:
        wait_for_camera(first, "one")
        first.result("subscribe", STREAM)
        second.result("subscribe", STREAM)
        third.result("subscribe", {**STREAM, "reply": "hex"})
        pictures = [(frame(first)[1], frame(second)[1]) for _ in range(15)]
        assert len({one for one, _ in pictures} & {other for _, other in pictures}) >= 5, len(pictures)
        assert bytes.fromhex(third.event()["value"])[:2] == b"\xff\xd8"
        with daemon.client() as watcher:
            wire = watcher.result("stats")["cameras"][0]["wire"]
        # Introduction, stream, and perhaps a sign of life or openings that went wrong.
        assert wire["calls"] < 15, wire


@contextlib.contextmanager
def looking(viewer):
    """Somebody takes the frames all the time; gives the numbers of those seen so far."""
    seen, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            seen.append(frame(viewer)[0]["seq"])
    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def calls_go_on_while_a_stream_runs():
    with Daemon(config=CONFIG) as daemon, daemon.client() as viewer, daemon.client() as caller:
        wait_for_camera(viewer, "one")
        viewer.result("subscribe", STREAM)
        frame(viewer)
        with looking(viewer) as seen:
            for _ in range(20):
                before = len(seen)
                assert caller.result("call", {"name": "sleep", "args": [2]})["value"] == [2]
                wait_until(lambda: len(seen) > before, "a frame after the call")
        # At least a frame comes between two calls; how many, with calls now and then, is said below and by `make bench`.
        assert len(seen) >= 20 and seen == sorted(set(seen)), seen


def frames_around_a_call(client):
    """Makes a call on the connection that has a stream. How many frames have come until its reply, and how many of them after it
    had arrived: the daemon sends the reply to a ping before it looks at the call behind that, and everything in its order."""
    with client.together():
        ping = client.send_request("ping")
        call = client.send_request("call", {"name": "sleep", "args": [2]})
    frames, after = 0, 0
    while (message := client.read()).get("id") != call:
        if message.get("id") == ping:
            after = frames
            continue
        assert message["params"]["value"] is not None, message
        client.read_bytes(message["params"]["value"]["raw"])
        frames += 1
    assert message["result"]["value"] == [2], message
    return frames, frames - after


def share_of_frames_beside_calls(client, rate, calls):
    """How many come of those that the camera makes meanwhile."""
    frames, begun = 0, time.monotonic()
    for i in range(1, calls + 1):
        while (left := begun + i * 3 / rate - time.monotonic()) > 0:
            if client.is_readable(left):
                frame(client)
                frames += 1
        around, after = frames_around_a_call(client)
        # The one under way, and one that had come and was not sent yet.
        assert after <= 2, after
        frames += around
    return frames / (rate * (time.monotonic() - begun))


def most_frames_come_beside_calls_and_no_call_waits_for_two_of_them():
    # Three frames to a call, as with 30 a second and ten calls, but so slow that a busy machine does not matter.
    rate, calls = 6, 10
    with SimulatedCamera("--fps", rate) as camera, Daemon(config=config_of(camera.path)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        client.result("subscribe", STREAM)
        frame(client)
        # A camera that is held up makes fewer.
        tried(lambda: share_of_frames_beside_calls(client, rate, calls), lambda share: share >= 0.75)


def a_stream_whose_viewer_leaves_while_it_is_opened_anew_ends_all_the_same():
    with Daemon(config=CONFIG) as daemon, daemon.client() as caller:
        wait_for_camera(caller, "one")
        # Not every time is it caught just then.
        for _ in range(10):
            with daemon.client() as viewer:
                viewer.result("subscribe", STREAM)
                frame(viewer)
                # The stream was left for this call.
                caller.result("call", {"name": "sleep", "args": [1]})
            wait_until(lambda: stream_is_idle(caller), "the camera to be free again")


def calls_of_many_do_not_end_the_stream():
    with Daemon(config=CONFIG) as daemon, daemon.client() as viewer:
        wait_for_camera(viewer, "one")
        viewer.result("subscribe", STREAM)
        callers = [daemon.client() for _ in range(8)]
        numbers = [[caller.send_request("call", {"name": "sleep", "args": [i + 1]}) for i in range(20)] for caller in callers]
        for _ in range(10):
            frame(viewer)
        for caller, ids in zip(callers, numbers):
            values = [caller.reply(number)["result"]["value"][0] for number in ids]
            assert values == list(range(1, 21)), values
            caller.close()
        frame(viewer)


def a_slow_viewer_gets_the_newest_frame_and_costs_the_others_nothing():
    with Daemon(config=CONFIG) as daemon, daemon.client() as slow, daemon.client() as quick, daemon.client() as watcher:
        wait_for_camera(watcher, "one")
        slow.result("subscribe", STREAM)
        quick.result("subscribe", STREAM)

        # Some, where this program is kept from reading, but few in the long run.
        for count in range(600):
            event, _ = frame(quick)
            if count >= 60 and event["dropped"] < event["seq"] / 2:
                break
        assert event["dropped"] < event["seq"] / 2, event
        assert max(row["output_waiting"] for row in watcher.result("stats")["clients"]) < 100000
        seen = [frame(slow)[0] for _ in range(4)]
        for event, before in zip(seen[1:], seen):
            assert event["seq"] - before["seq"] - 1 == event["dropped"] - before["dropped"], seen
        # Its socket had room for many old ones, and few of them were in it: the first, and those that came while that was sent.
        assert seen[-1]["seq"] > 50 and seen[-1]["dropped"] > 45, seen


def a_stock_camera_without_the_stream_is_asked_for_pictures():
    params = {**STREAM, "stream": "jpeg_image_stream"}
    with StockCamera("--pictures") as camera, Daemon(config=config_of(camera.path)) as daemon, \
            daemon.client() as viewer, daemon.client() as slow, daemon.client() as caller:
        viewer.result("subscribe", params)
        # The opening that fails is not told of, since there are pictures.
        last, last_number = {"seq": 0, "dropped": 0}, 0
        for _ in range(30):
            event, picture = frame(viewer)
            number = int.from_bytes(picture[2:6], "little")
            assert event["seq"] - last["seq"] - 1 == event["dropped"] - last["dropped"] and len(picture) == 8, (last, event)
            assert number > last_number, "a picture came twice"
            last, last_number = event, number
            assert caller.result("call", {"name": "echo", "data": "AAAA"})["value"] == "AAAA"
        begun = time.monotonic()
        slow.result("subscribe", {**params, "interval_ms": 400})
        assert [frame(slow)[0]["seq"] for _ in range(3)] == [1, 2, 3]
        assert time.monotonic() - begun > 0.7, "pictures came faster than asked"


def a_camera_that_gives_neither_a_stream_nor_pictures_is_told_of():
    with StockCamera() as camera, Daemon(config=config_of(camera.path)) as daemon, daemon.client() as viewer, \
            daemon.client() as caller:
        viewer.result("subscribe", {**STREAM, "stream": "jpeg_image_stream"})
        event = viewer.event()
        assert event["value"] is None and event["error"]["data"]["reason"] == "unsupported", event
        assert "jpeg_snapshot" in event["error"]["message"], event
        begun = time.monotonic()
        while time.monotonic() - begun < 1.5:
            assert caller.result("call", {"name": "echo", "data": "AAAA"})["value"] == "AAAA"


def longest_wait(client, name, args, until):
    """How long the slowest of calls, one after the other, takes until something is the case."""
    longest_s = 0
    while not until():
        begun = time.monotonic()
        assert client.result("call", {"name": name, **args})["value"] is not None
        longest_s = max(longest_s, time.monotonic() - begun)
    return longest_s


def error_and_longest_wait(daemon, stream, caller, name, args):
    """What is told of a stream that never comes, and how long the slowest of the calls beside it takes."""
    with daemon.client() as viewer:
        viewer.result("subscribe", stream)
        wait_until(lambda: not stream_is_idle(caller) or viewer.is_readable(), "the stream to be opened")
        # It was opened twice when it is told of: the first time it might have been slow only.
        longest_s = longest_wait(caller, name, args, viewer.is_readable)
        return viewer.event()["error"], longest_s


def error_beside_quick_calls(*arguments):
    """The same error, where no call beside the stream has waited for all of its silence."""
    return tried(lambda: error_and_longest_wait(*arguments), lambda told: told[1] < MOST_S)[0]


def calls_beside_a_stream_that_never_comes_wait_for_less_than_its_silence():
    with Daemon(config=CONFIG) as daemon, daemon.client() as caller:
        wait_for_camera(caller, "one")
        stream = {**STREAM, "args": "sensor.BOGUS,sensor.QVGA"}
        error = error_beside_quick_calls(daemon, stream, caller, "sleep", {"args": [2]})
        assert error["data"]["reason"] == "unsupported" and error["data"]["cause"] == "no_stream", error
        assert error["data"]["executed"] == "yes" and "arguments" in error["message"], error
        assert caller.result("stats")["cameras"][0]["wire"]["result_unknown"] == 0


def calls_of_a_stock_camera_wait_no_longer_beside_such_a_stream():
    with StockCamera() as camera, Daemon(config=config_of(camera.path)) as daemon, daemon.client() as caller:
        wait_for_camera(caller)
        error = error_beside_quick_calls(daemon, {"stream": "nothing"}, caller, "echo", {"data": "AAAA"})
        assert error["data"]["cause"] == "no_stream", error


def a_stream_that_never_comes_is_not_told_as_lost():
    with Daemon(config=CONFIG) as daemon, daemon.client() as viewer:
        wait_for_camera(viewer, "one")
        viewer.result("subscribe", {**STREAM, "args": "sensor.BOGUS,sensor.QVGA"})
        error = viewer.event()["error"]
        assert error["data"]["reason"] == "unsupported" and error["data"]["cause"] == "no_stream", error


def a_callback_that_does_not_stream_is_refused():
    config = {**CONFIG, "callbacks": {**CONFIG["callbacks"], "jpeg_image_stream": {"args": "utf8"}}}
    with Daemon(config=config) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        error = client.error("subscribe", STREAM)
        assert error["data"]["reason"] == "unsupported", error
        error = client.error("subscribe", {**STREAM, "stream": "no_such_stream"})
        assert error["data"]["reason"] == "no_such_callback", error
        error = client.error("subscribe", {**STREAM, "name": "counter"})
        assert error["data"]["reason"] == "invalid_params", error


def a_stream_outlives_the_loss_of_its_camera():
    with tempfile.TemporaryDirectory() as folder:
        link = pathlib.Path(folder) / "camera"
        command = [str(pathlib.Path(BUILD) / "openmv-sim"), "--link", str(link)]
        camera = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        config = {"cameras": {"one": {"link": {"type": "serial", "device": str(link)}}}}
        with Daemon(config=config) as daemon, daemon.client() as client:
            wait_for_camera(client, "one")
            client.result("subscribe", STREAM)
            for _ in range(3):
                event, _ = frame(client)
            camera.kill()
            camera.wait()
            event = client.event()
            while event["value"] is not None:
                client.read_bytes(event["value"]["raw"])
                event = client.event()
            assert event["error"]["data"]["reason"] in ("result_unknown", "camera_offline", "not_delivered"), event
            camera = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            while event["value"] is None:
                event = client.event()
            client.read_bytes(event["value"]["raw"])
            for _ in range(3):
                frame(client)
        camera.kill()
        camera.wait()


def the_daemon_stops_in_the_middle_of_a_stream():
    with Daemon(config=CONFIG) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        client.result("subscribe", STREAM)
        frame(client)
        assert daemon.stop() == 0


tap = Tap()
tap.run([
    frames_come_in_order_and_end_with_the_subscription,
    the_first_frame_is_sent_though_the_reply_to_subscribe_is_not_read_yet,
    all_viewers_see_the_same_frames_of_one_stream,
    calls_go_on_while_a_stream_runs,
    most_frames_come_beside_calls_and_no_call_waits_for_two_of_them,
    a_stream_whose_viewer_leaves_while_it_is_opened_anew_ends_all_the_same,
    calls_of_many_do_not_end_the_stream,
    a_slow_viewer_gets_the_newest_frame_and_costs_the_others_nothing,
    a_stock_camera_without_the_stream_is_asked_for_pictures,
    a_camera_that_gives_neither_a_stream_nor_pictures_is_told_of,
    calls_beside_a_stream_that_never_comes_wait_for_less_than_its_silence,
    calls_of_a_stock_camera_wait_no_longer_beside_such_a_stream,
    a_stream_that_never_comes_is_not_told_as_lost,
    a_callback_that_does_not_stream_is_refused,
    a_stream_outlives_the_loss_of_its_camera,
    the_daemon_stops_in_the_middle_of_a_stream,
])
tap.finish()
