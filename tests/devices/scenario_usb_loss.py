#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A USB camera that is unplugged at every stage of a call, and returns: what calls end as, and how soon it is back.

Whether a callback has run is asked of the camera itself: its `counter` goes on over a loss.
"""

import base64
import contextlib
import os
import time

from devices import (CALLBACKS, RETURN_S, Daemon, Tap, VirtualUsb, begin, blob, call, count, fetch_blob, held_open, load_modules,
                     only_camera, value, wait_for_state, wait_until)

CONFIG = {"callbacks": CALLBACKS}

# For a loss that is short, however long the machine takes to find the camera again.
PATIENT = dict(CONFIG, healing={"offline_after_ms": 20000})

# The camera's acks of a command.
ACKS_SIZE = 8


@contextlib.contextmanager
def plugged_in(config=None):
    """A camera that is online, its daemon, and a client."""
    with VirtualUsb() as camera, Daemon(config=config or CONFIG) as daemon, daemon.client() as client:
        camera.plug()
        wait_for_state(client, "online")
        yield camera, daemon, client


def replug(camera, client):
    """Plugs it in and returns how long it took from the node to the first answer."""
    node = camera.plug()
    begun = time.monotonic()
    wait_for_state(client, "online")
    return node, time.monotonic() - begun


def failure(reply):
    assert "error" in reply, reply
    return reply["error"]["data"]


def a_call_just_after_the_plug_was_pulled_is_not_executed():
    with plugged_in() as (camera, _, client):
        before = count(client)
        camera.unplug()
        data = failure(call(client, "counter", timeout_ms=2000))
        # The driver takes bytes until it has noticed, and nobody knows where they went.
        ends = {"camera_offline": "no", "not_delivered": "no", "result_unknown": "unknown"}
        assert data["executed"] == ends[data["reason"]], data
        replug(camera, client)
        assert count(client) == before + 1


def a_call_after_the_driver_has_noticed_is_not_executed_and_says_so():
    with plugged_in() as (camera, _, client):
        before = count(client)
        camera.unplug()
        wait_until(lambda: not camera.nodes(), "the driver to let go of its node")
        data = failure(call(client, "counter", timeout_ms=2000))
        assert data["reason"] in ("camera_offline", "not_delivered") and data["executed"] == "no", data
        replug(camera, client)
        assert count(client) == before + 1


def a_call_to_a_camera_that_is_away_fails_at_once():
    with plugged_in() as (camera, _, client):
        camera.unplug()
        wait_for_state(client, "offline")
        begun = time.monotonic()
        data = failure(call(client, "counter", timeout_ms=20000))
        assert data["reason"] == "camera_offline" and data["executed"] == "no", data
        assert time.monotonic() - begun < 15, "it was waited for"
        assert "no OpenMV camera" in only_camera(client)["reason"], only_camera(client)


def sizes_of_a_call(camera, client):
    """How many bytes go to the camera and come from it for a call of `counter`."""
    # What is said once, at a first call, has been said then.
    count(client)
    before = camera.counts()
    count(client)
    return [now - then for now, then in zip(camera.counts(), before)]


def check_cut(camera, client, direction, size):
    """Cuts a call after so many bytes, plugs the camera in again, and compares what its caller is told with what it did."""
    before = count(client)
    camera.unplug_after(direction, size)
    request = client.send_request("call", {"name": "counter", "timeout_ms": 20000})
    camera.wait_for("unplugged")
    replug(camera, client)
    reply = client.reply(request)
    runs = count(client) - before - 1
    what = f"cut after {size} bytes {direction} the camera, which ran it {runs} times: {reply}"
    assert runs in (0, 1), what
    if "result" in reply:
        assert runs == 1 and value(reply) == [before + 1], what
        return
    data = failure(reply)
    assert data["reason"] in ("camera_offline", "not_delivered", "result_unknown"), what
    assert data.get("cause") != "timeout", f"it was not told of the loss: {what}"
    assert data["executed"] in ("no", "unknown") and (runs == 0 or data["executed"] == "unknown"), what


def a_call_that_is_cut_within_its_command_says_what_is_so():
    with plugged_in() as (camera, _, client):
        to_camera, _ = sizes_of_a_call(camera, client)
        for size in (0, 1, to_camera // 4, to_camera // 2):
            check_cut(camera, client, "to", size)


def a_call_that_is_cut_within_its_answer_says_what_is_so():
    with plugged_in() as (camera, _, client):
        _, from_camera = sizes_of_a_call(camera, client)
        for size in (0, ACKS_SIZE // 2, ACKS_SIZE, ACKS_SIZE + 1, (ACKS_SIZE + from_camera) // 2, from_camera - 1):
            check_cut(camera, client, "from", size)


def a_call_that_is_cut_within_a_long_argument_has_not_run():
    with plugged_in() as (camera, _, client):
        before = count(client)
        camera.unplug_after("to", 20000)
        data = failure(call(client, "counter", data="x" * 50000, encoding="utf8", timeout_ms=20000))
        # Where not all of it had gone out it waits for the camera, which stays away.
        assert data["reason"] in ("not_delivered", "result_unknown", "camera_offline"), data
        assert data["executed"] == ("unknown" if data["reason"] == "result_unknown" else "no"), data
        replug(camera, client)
        assert count(client) == before + 1


def a_call_whose_callback_runs_when_the_plug_is_pulled_ends_unknown():
    def pull():
        # What is said once, at a first call, has been said then.
        count(client)
        _, from_camera = camera.counts()
        request = begin(other, "sleep", [40000], timeout_ms=20000)
        wait_until(lambda: camera.counts()[1] >= from_camera + ACKS_SIZE, "the camera to take the command")
        assert not other.is_readable()
        camera.unplug()
        data = failure(other.reply(request))
        replug(camera, client)
        count(client)
        return data
    with plugged_in() as (camera, daemon, client), daemon.client() as other:
        data = pull()
        if data["executed"] == "no":
            # The bytes were still of the call before, after which a busy machine may have to look for its answer.
            data = pull()
        assert data["reason"] == "result_unknown" and data["executed"] == "unknown" and data["cause"] == "link_gone", data


def a_call_that_is_cut_within_a_long_result_ends_unknown():
    with plugged_in() as (camera, _, client):
        camera.unplug_after("from", 50000)
        data = failure(call(client, "echo", data="x" * 100000, encoding="utf8", timeout_ms=60000))
        assert data["reason"] == "result_unknown" and data["cause"] == "link_gone", data
        replug(camera, client)
        reply = call(client, "echo", data="whole again", encoding="utf8")
        assert base64.b64decode(value(reply)) == b"whole again", reply


def a_repeatable_call_survives_a_short_loss_within_its_result():
    with plugged_in(PATIENT) as (camera, _, client):
        camera.unplug_after("from", 100000)
        request = begin(client, "blob", [200000])
        camera.wait_for("unplugged")
        camera.plug()
        assert base64.b64decode(value(client.reply(request))) == blob(200000)


def calls_that_wait_outlive_a_short_loss():
    with plugged_in() as (camera, daemon, client):
        camera.unplug()
        wait_for_state(client, "connecting", "offline")
        clients = [daemon.client() for _ in range(4)]
        requests = [one.send_request("call", {"name": "counter", "wait": True, "timeout_ms": 30000}) for one in clients]
        replug(camera, client)
        answers = sorted(value(one.reply(request))[0] for one, request in zip(clients, requests))
        assert answers == list(range(answers[0], answers[0] + 4)), answers
        for one in clients:
            one.close()


def descriptors_of(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def it_is_online_again_soon_after_each_of_many_returns_and_nothing_is_left_open():
    with plugged_in() as (camera, daemon, client):
        before = descriptors_of(daemon)
        times = []
        for _ in range(8):
            camera.unplug()
            wait_for_state(client, "connecting", "offline")
            times.append(replug(camera, client)[1])
            fetch_blob(client, 5000)
        print(f"# from the node to the first answer: {min(times):.2f} to {max(times):.2f} s")
        assert max(times) < RETURN_S, times
        wait_until(lambda: descriptors_of(daemon) <= before, "everything to be closed")
        assert client.result("ping") == "pong"


def a_camera_that_returns_under_another_node_is_found_there():
    with plugged_in() as (camera, _, client):
        camera.unplug()
        wait_for_state(client, "connecting", "offline")
        first, _ = replug(camera, client)
        # A node that somebody has open keeps its number when its device is gone.
        with held_open(first):
            camera.unplug()
            wait_for_state(client, "connecting", "offline")
            second, seconds = replug(camera, client)
            assert second != first, second
            assert seconds < RETURN_S, seconds
            fetch_blob(client, 5000)


load_modules("cdc-acm", "vhci-hcd")
tap = Tap()
tap.run([
    a_call_just_after_the_plug_was_pulled_is_not_executed,
    a_call_after_the_driver_has_noticed_is_not_executed_and_says_so,
    a_call_to_a_camera_that_is_away_fails_at_once,
    a_call_that_is_cut_within_its_command_says_what_is_so,
    a_call_that_is_cut_within_its_answer_says_what_is_so,
    a_call_that_is_cut_within_a_long_argument_has_not_run,
    a_call_whose_callback_runs_when_the_plug_is_pulled_ends_unknown,
    a_call_that_is_cut_within_a_long_result_ends_unknown,
    a_repeatable_call_survives_a_short_loss_within_its_result,
    calls_that_wait_outlive_a_short_loss,
    it_is_online_again_soon_after_each_of_many_returns_and_nothing_is_left_open,
    a_camera_that_returns_under_another_node_is_found_there,
])
tap.finish()
