#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls through sessions of the extensions: never lost, never run twice, in pieces between which others go."""

import base64
import os
import signal
import struct
import tempfile

from cameras import (NUMBER, SESSION_CALL, HostilePort, PoliteCamera, SimulatedCamera, config_of, serial,
                     session_reply)
from openmvd import Daemon, Tap, is_sanitized, wait_for_camera, wait_until

# Not repeatable, so that nothing may run twice.
CALLBACKS = {"counter": {"result": NUMBER}, "sleep": {"args": NUMBER, "result": NUMBER},
             "blob": {"args": NUMBER, "result": "bytes"}}
SNAPSHOT = {"name": "jpeg_image_snapshot", "args": "sensor.RGB565,sensor.QVGA"}

folder = tempfile.TemporaryDirectory(prefix="openmvd-test-")
node = os.path.join(folder.name, "camera")


def config(baud=1000000, callbacks=None, limits=None):
    camera = serial(node)
    camera["link"]["baud"] = baud
    return {"cameras": {"camera": camera}, "callbacks": CALLBACKS if callbacks is None else callbacks,
            "limits": limits or {}}


def camera(*options):
    return SimulatedCamera("--link", node, *options)


def blob(size):
    return bytes((i ^ i >> 8 ^ i >> 16) & 0xff for i in range(size))


def value_bytes(reply):
    assert "result" in reply, reply
    return base64.b64decode(reply["result"]["value"])


def reason_of(reply):
    return reply["error"]["data"]["reason"] if "error" in reply else "done"


def is_busy(client):
    return client.result("cameras")[0]["busy"]


def bytes_received(client):
    return client.result("stats")["cameras"][0]["wire"]["bytes_received"]


def library_of(client):
    return client.result("cameras")[0]["library"]


def wait_for_introduction(client, has_extensions=True):
    """Waits until the camera has been asked who it is, which a call makes sure of."""
    wait_for_camera(client)
    client.result("call", {"name": "face_detection", "timeout_ms": 30000})
    wait_until(lambda: (library_of(client) is not None) == has_extensions, "the camera to say what it is")


def a_counter_never_jumps_on_a_line_that_loses_and_damages():
    count = 2000 if os.environ.get("CI") and not is_sanitized() else 500
    with camera("--faults", "seed=11,drop=2%,damage=2%"), Daemon(config=config()) as daemon, \
            daemon.client() as client:
        wait_for_introduction(client)
        for begin in range(0, count, 100):
            asked = [client.send_request("call", {"name": "counter", "timeout_ms": 600000}) for _ in range(100)]
            for i, number in enumerate(asked, begin + 1):
                assert client.reply(number).get("result", {}).get("value") == [i]


def an_exception_comes_with_its_name_and_message():
    with camera(), Daemon(config=config()) as daemon, daemon.client() as client:
        wait_for_introduction(client)
        error = client.error("call", {"name": "fail", "args": "ValueError: no dial 7"})
        assert error["code"] == -32011 and "no dial 7" in error["message"], error
        assert error["data"]["exception"] == {"name": "ValueError", "message": "no dial 7"}, error
        assert error["data"]["executed"] == "yes" and error["data"]["retryable"] is False, error
        assert client.result("call", {"name": "counter"})["value"] == [1]


def a_name_that_the_camera_has_not_is_refused_with_the_nearest_one():
    with camera(), Daemon(config=config()) as daemon, daemon.client() as client:
        wait_for_introduction(client)
        for _ in range(2):
            error = client.error("call", {"name": "face_detecton"})
            assert error["code"] == -32005 and '"face_detection"' in error["message"], error
            assert error["data"]["executed"] == "no", error
        assert client.error("call", {"name": "#00000001"})["data"]["reason"] == "no_such_callback"


def a_call_that_comes_before_the_camera_is_packed_with_the_cameras_own_schema():
    with Daemon(config=config()) as daemon, daemon.client() as client:
        early = client.send_request("call", {"name": "fail", "args": "OSError: early", "wait": True, "timeout_ms": 60000})
        wrong = client.send_request("call", {"name": "fail", "args": [7], "wait": True, "timeout_ms": 60000})
        absent = client.send_request("call", {"name": "no_such", "wait": True, "timeout_ms": 60000})
        with camera():
            reply = client.reply(early)
            assert reply["error"]["data"]["exception"] == {"name": "OSError", "message": "early"}, reply
            assert reason_of(client.reply(wrong)) == "invalid_params"
            assert reason_of(client.reply(absent)) == "no_such_callback"


def what_waits_for_a_camera_counts_against_the_limit():
    with Daemon(config=config(limits={"client_waiting_bytes": 100000})) as daemon, daemon.client() as client:
        params = {"name": "echo", "data": "A" * 40000, "wait": True, "timeout_ms": 60000}
        kept = [client.send_request("call", params) for _ in range(2)]
        assert reason_of(client.request("call", params)) == "queue_full"
        for number in kept:
            assert client.result("cancel", {"id": number}) is True
        kept = client.send_request("call", params)
        with camera():
            assert len(value_bytes(client.reply(kept))) == 30000


def a_name_that_is_none_is_refused_before_the_camera_comes():
    with Daemon(config=config()) as daemon, daemon.client() as client:
        for name in ("", "a" * 65, "#12", "omvrpc.call"):
            assert reason_of(client.request("call", {"name": name, "wait": True})) == "invalid_params", name


def small_calls_go_between_the_pieces_of_a_large_result():
    with camera("--faults", "slow=1000000"), Daemon(config=config()) as daemon, \
            daemon.client() as large, daemon.client() as small:
        wait_for_introduction(small)
        asked = large.send_request("call", {"name": "blob", "args": [300000], "timeout_ms": 600000})
        wait_until(lambda: is_busy(small), "the camera to be busy")
        between = 0
        while not large.is_readable() and between < 10:
            text = f"small {between}"
            value = small.result("call", {"name": "echo", "data": text, "encoding": "utf8", "timeout_ms": 60000})["value"]
            assert base64.b64decode(value) == text.encode(), value
            between += not large.is_readable()
        assert between >= 5, f"only {between} calls were answered before the large one"
        assert value_bytes(large.reply(asked)) == blob(300000)


def two_large_results_at_once_are_each_right():
    with camera("--faults", "seed=3,drop=0.5%,damage=0.5%"), Daemon(config=config()) as daemon, \
            daemon.client() as one, daemon.client() as other, daemon.client() as third:
        wait_for_introduction(one)
        asked = [(client, size, client.send_request("call", {"name": "blob", "args": [size], "timeout_ms": 600000}))
                 for client, size in ((one, 60000), (other, 70001), (third, 50000))]
        for client, size, number in asked:
            assert value_bytes(client.reply(number)) == blob(size)


def clients_that_leave_in_the_middle_leave_the_camera_to_others():
    with camera("--faults", "slow=1000000"), Daemon(config=config()) as daemon, daemon.client() as client:
        wait_for_introduction(client)
        for _ in range(5):
            leaving = [daemon.client() for _ in range(3)]
            for other in leaving:
                other.send_request("call", {"name": "blob", "args": [1000000], "timeout_ms": 600000})
            waiting = client.send_request("call", {"name": "counter", "timeout_ms": 60000})
            wait_until(lambda: is_busy(client), "the camera to be busy")
            for other in leaving:
                other.close()
            assert "result" in client.reply(waiting)
        wait_until(lambda: not is_busy(client), "the camera to be free")
        assert client.result("cameras")[0]["waiting"] == 0
        assert client.result("call", {"name": "counter"})["value"] == [6]


def a_client_that_does_not_read_does_not_keep_the_cameras_room():
    with camera("--faults", "slow=4000000"), Daemon(config=config(baud=4000000)) as daemon, \
            daemon.client() as deaf, daemon.client() as client:
        wait_for_introduction(client)
        before = bytes_received(client)
        for priority in ("normal", "high"):
            deaf.send_request("call", {"name": "blob", "args": [400000], "timeout_ms": 3600000, "priority": priority})
        wait_until(lambda: bytes_received(client) - before > 100000, "both results to be held by the camera")
        deaf.send(b'{"jsonrpc":"2.0","id":0,"method":"callbacks"}\n' * 400)
        assert "value" in client.result("call", {"name": "counter", "timeout_ms": 25000})


def a_camera_is_swapped_for_a_stock_one_and_back_under_a_client():
    with Daemon(config=config()) as daemon, daemon.client() as client:
        for _ in range(2):
            with camera():
                wait_for_introduction(client)
                assert reason_of(client.request("call", {"name": "fail", "args": "E: x"})) == "callback_failed"
            with camera("--stock"):
                wait_for_introduction(client, has_extensions=False)
                assert reason_of(client.request("call", {"name": "fail", "args": "E: x"})) == "invalid_params"
                assert client.result("call", {"name": "fail", "data": "RTog"})["value"] is None
                assert client.result("call", {"name": "counter"})["value"] == [1]


def a_call_that_was_packed_for_one_camera_does_not_go_to_another():
    with Daemon(config=config()) as daemon, daemon.client() as client:
        with camera():
            wait_for_introduction(client)
            client.send_request("call", {"name": "sleep", "args": [8000], "timeout_ms": 60000})
            wait_until(lambda: is_busy(client), "the camera to be busy")
            packed = client.send_request("call", {"name": "fail", "args": "E: x", "timeout_ms": 60000})
            like = client.send_request("call", {"name": "counter", "timeout_ms": 60000})
            # It has taken both before the camera goes.
            assert client.result("ping") == "pong"
        with camera("--stock"):
            error = client.reply(packed)["error"]
            assert error["data"]["reason"] == "not_delivered" and error["data"]["executed"] == "no", error
            assert client.reply(like)["result"]["value"] == [1]


def an_answer_of_the_camera_before_is_not_one_of_the_camera_that_came():
    with Daemon(config=config()) as daemon, daemon.client() as client:
        with camera():
            wait_for_introduction(client)
            assert [client.result("call", {"name": "counter"})["value"] for _ in range(2)] == [[1], [2]]
            assert client.result("call", {"name": "counter", "max_age_ms": 600000})["value"] == [2]
        with camera():
            wait_for_introduction(client)
            assert client.result("call", {"name": "counter", "max_age_ms": 600000})["value"] == [1]


def pictures_of_two_connections_never_mix():
    with camera("--delay", "1"), Daemon(config=config()) as daemon, daemon.client() as one, daemon.client() as other:
        wait_for_introduction(one)
        for _ in range(6):
            sizes = [(client, client.send_request("call", dict(SNAPSHOT, timeout_ms=60000))) for client in (one, other)]
            sizes = [(client, client.reply(number)["result"]["value"]["size"]) for client, number in sizes]
            pictures = {client: b"" for client, _ in sizes}
            for offset in range(0, max(size for _, size in sizes), 3000):
                for client, _ in sizes:
                    part = client.result("call", {"name": "jpeg_image_read", "args": [offset, 3000]})["value"]
                    pictures[client] += base64.b64decode(part or "")
            for client, size in sizes:
                picture = pictures[client]
                assert len(picture) == size and picture[:2] == b"\xff\xd8" and picture[-2:] == b"\xff\xd9"
                whole = base64.b64decode(client.result("call", {"name": "jpeg_image_read", "args": [0, size]})["value"])
                assert whole == picture


def a_kept_picture_is_read_also_while_the_camera_is_away():
    for state, offline_after_ms in (("connecting", 3600000), ("offline", 500)):
        with Daemon(config=dict(config(), healing={"offline_after_ms": offline_after_ms})) as daemon, daemon.client() as client:
            with camera():
                wait_for_introduction(client)
                size = client.result("call", SNAPSHOT)["value"]["size"]
            wait_for_camera(client, state=state)
            value = client.result("call", {"name": "jpeg_image_read", "args": [0, size], "timeout_ms": 1000})["value"]
            assert len(base64.b64decode(value)) == size


def a_configurations_schema_goes_before_the_cameras():
    callbacks = {"face_detection": {"result": "bytes"}, "counter": {"result": NUMBER}}
    with camera(), Daemon(config=config(callbacks=callbacks)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        assert isinstance(client.result("call", {"name": "face_detection", "timeout_ms": 30000})["value"], str)
        rows = {row["name"]: row for row in client.result("callbacks")}
        assert rows["face_detection"]["origin"] == "config" and rows["face_detection"]["result"] == "bytes"
        assert rows["color_detection"]["origin"] == "camera" and rows["echo"]["origin"] == "camera"


def what_the_camera_is_at_is_not_cancelled_and_what_waits_is():
    with camera(), Daemon(config=config()) as daemon, daemon.client() as client:
        wait_for_introduction(client)
        with client.together():
            running = client.send_request("call", {"name": "sleep", "args": [700], "timeout_ms": 60000})
            waiting = client.send_request("call", {"name": "counter"})
            cancels = [client.send_request("cancel", {"id": number}) for number in (running, waiting)]
        assert [client.reply(number)["result"] for number in cancels] == [False, True]
        assert reason_of(client.reply(waiting)) == "cancelled"
        assert client.reply(running)["result"]["value"] == [700]
        assert client.result("call", {"name": "counter"})["value"] == [1]


def unplug_under_calls(client, sim, rounds):
    """Makes calls of `counter`, and unplugs the camera under them; returns the replies."""
    replies = []
    for _ in range(rounds):
        asked = [client.send_request("call", {"name": "counter", "timeout_ms": 60000, "wait": True}) for _ in range(40)]
        replies.append(client.reply(asked[3]))
        sim.send_signal(signal.SIGUSR1)
        replies += [client.reply(number) for number in asked if number != asked[3]]
    return replies


def a_call_under_which_the_camera_is_reset_runs_once_or_is_told_to_be_unknown():
    with camera("--replug-after", "100", "--faults", "delay=1ms") as sim, Daemon(config=config()) as daemon, \
            daemon.client() as client:
        wait_for_introduction(client)
        replies = unplug_under_calls(client, sim, 6)
        reasons = [reason_of(reply) for reply in replies]
        assert set(reasons) <= {"done", "result_unknown"}, set(reasons)
        values = [reply["result"]["value"][0] for reply in replies if "result" in reply]
        assert len(set(values)) == len(values), "a value came twice"
        runs = client.result("call", {"name": "counter", "timeout_ms": 60000})["value"][0] - 1
        assert len(values) <= runs <= len(replies), f"{runs} runs of {len(replies)} calls, {len(values)} done"


def a_repeatable_call_under_which_the_camera_is_reset_succeeds():
    callbacks = dict(CALLBACKS, counter={"result": NUMBER, "repeatable": True})
    with camera("--replug-after", "100", "--faults", "delay=1ms") as sim, \
            Daemon(config=config(callbacks=callbacks)) as daemon, daemon.client() as client:
        wait_for_introduction(client)
        reasons = [reason_of(reply) for reply in unplug_under_calls(client, sim, 6)]
        assert set(reasons) == {"done"}, set(reasons)


def a_callback_that_keeps_the_camera_silent_for_long_is_not_taken_for_a_reset():
    callbacks = {"jpeg_snapshot": {"result": "jpeg"}, "counter": {"result": NUMBER}}
    with camera("--delay", "2500"), Daemon(config=config(baud=115200, callbacks=callbacks)) as daemon, \
            daemon.client() as client:
        wait_for_introduction(client)
        for _ in range(2):
            picture = value_bytes(client.request("call", {"name": "jpeg_snapshot", "timeout_ms": 60000}))
            assert len(picture) > 1152 and picture[:2] == b"\xff\xd8"


def arguments_and_results_as_long_as_the_limit_pass():
    limit = 65536
    with camera(), Daemon(config=config(limits={"payload_bytes": limit})) as daemon, daemon.client() as client:
        wait_for_introduction(client)
        for length in (limit - 25, limit - 24, limit - 23, limit):
            data = base64.b64encode(blob(length)).decode()
            assert value_bytes(client.request("call", {"name": "echo", "data": data})) == blob(length)
        assert reason_of(client.request("call", {"name": "blob", "args": [limit + 1]})) == "too_large"
        assert value_bytes(client.request("call", {"name": "blob", "args": [limit]})) == blob(limit)


def a_limit_shorter_than_the_camera_s_description_changes_nothing_but_the_limit():
    for options in ((), ("--stock",)):
        with camera(*options), Daemon(config=config(limits={"payload_bytes": 1024})) as daemon, daemon.client() as client:
            if not options:
                wait_for_introduction(client)
            assert value_bytes(client.request("call", {"name": "blob", "args": [1024]})) == blob(1024)
            for length in (1025, 4000):
                assert reason_of(client.request("call", {"name": "blob", "args": [length]})) == "too_large"


def an_argument_longer_than_the_camera_takes_is_refused_before_it_is_sent():
    taken = []

    def answer(command, argument):
        if command != SESSION_CALL:
            return b""
        if struct.unpack("<I", argument[4:8]) == (0,):
            return session_reply(argument, 0, b'{"limits":{"argument":16,"piece":512,"held":1},"callbacks":{"echo":{}}}')
        taken.append(argument[20:-4])
        return session_reply(argument, 0, argument[20:-4])

    with HostilePort(PoliteCamera(answer)) as port, Daemon(config=config_of(port.path)) as daemon, \
            daemon.client() as client:
        wait_for_camera(client)
        asked = {size: client.request("call", {"name": "echo", "data": "61" * size, "encoding": "hex"}) for size in (16, 17)}
        assert value_bytes(asked[16]) == b"a" * 16
        error = asked[17]["error"]
        assert error["data"]["reason"] == "too_large" and error["data"]["executed"] == "no", error
        assert error["message"] == '17 bytes of argument are more than camera "camera" takes (16, as it says)', error
        # A camera that is held up is asked again, under the same number.
        assert set(taken) == {b"a" * 16}, taken


tap = Tap()
tap.run([
    a_counter_never_jumps_on_a_line_that_loses_and_damages,
    an_exception_comes_with_its_name_and_message,
    a_name_that_the_camera_has_not_is_refused_with_the_nearest_one,
    a_call_that_comes_before_the_camera_is_packed_with_the_cameras_own_schema,
    what_waits_for_a_camera_counts_against_the_limit,
    a_name_that_is_none_is_refused_before_the_camera_comes,
    small_calls_go_between_the_pieces_of_a_large_result,
    two_large_results_at_once_are_each_right,
    clients_that_leave_in_the_middle_leave_the_camera_to_others,
    a_client_that_does_not_read_does_not_keep_the_cameras_room,
    a_camera_is_swapped_for_a_stock_one_and_back_under_a_client,
    a_call_that_was_packed_for_one_camera_does_not_go_to_another,
    an_answer_of_the_camera_before_is_not_one_of_the_camera_that_came,
    pictures_of_two_connections_never_mix,
    a_kept_picture_is_read_also_while_the_camera_is_away,
    a_configurations_schema_goes_before_the_cameras,
    what_the_camera_is_at_is_not_cancelled_and_what_waits_is,
    a_call_under_which_the_camera_is_reset_runs_once_or_is_told_to_be_unknown,
    a_repeatable_call_under_which_the_camera_is_reset_succeeds,
    a_callback_that_keeps_the_camera_silent_for_long_is_not_taken_for_a_reset,
    arguments_and_results_as_long_as_the_limit_pass,
    a_limit_shorter_than_the_camera_s_description_changes_nothing_but_the_limit,
    an_argument_longer_than_the_camera_takes_is_refused_before_it_is_sent,
])
tap.finish()
