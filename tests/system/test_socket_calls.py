#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls through the socket: arguments, values, reply forms, deadlines, turns, cancelling, lending the port."""

import base64
import contextlib
import json
import struct
import time

from cameras import StockCamera, config_of, serial
from openmvd import Daemon, Tap, command_id, error_in_the_call, wait_for_camera, wait_until

CALLBACKS = {
    "sleep": {"args": {"format": "<I", "fields": ["ms"]}, "result": {"format": "<I", "fields": ["ms"]}},
    "blob": {"args": {"format": "<I", "fields": ["size"]}, "result": "bytes", "repeatable": True},
    "counter": {"result": {"format": "<I"}},
    "echo": {"args": {"format": "<qf", "fields": ["big", "real"]}, "result": {"format": "<qf", "fields": ["big", "real"]}},
}

# A camera that does not say what callbacks it has.
STOCK = {"link": {"type": "sim", "stock": True}}

daemon = Daemon(config={"cameras": {"one": {"link": {"type": "sim"}}, "two": STOCK},
                        "callbacks": CALLBACKS}).start()


def sleep(ms, camera="one", **more):
    return dict({"name": "sleep", "camera": camera, "args": [ms]}, **more)


def reason_of(error):
    return error["data"]["reason"]


def blob(size):
    return bytes((i ^ i >> 8 ^ i >> 16) & 0xFF for i in range(size))


def is_busy(client, camera, waiting):
    rows = {row["name"]: row for row in client.result("cameras")}
    return rows[camera]["busy"] and rows[camera]["waiting"] == waiting


@contextlib.contextmanager
def occupied(client, ms=300, camera="one"):
    """What the client asks in the block comes together with a call, whose id this gives, for which the camera needs a while."""
    client.result("call", sleep(0, camera))
    with client.together():
        yield client.send_request("call", sleep(ms, camera))


def occupy(client, ms, camera="one"):
    """Has a camera busy for a while; returns the id of that call."""
    number = client.send_request("call", sleep(ms, camera))
    wait_until(lambda: is_busy(client, camera, 0), "the camera to be busy")
    return number


@contextlib.contextmanager
def endless_call(**config):
    """A daemon, a client of it, and its camera, which is at a call that it does not get done."""
    with StockCamera() as camera, Daemon(config=config_of(camera.path, **config)) as other, other.client() as client:
        wait_for_camera(client)
        occupy(client, 600000, "camera")
        try:
            yield other, client, camera
        finally:
            # The daemon would wait a while for its end.
            camera.stop()


def arguments_of_a_repeated_format_may_be_none():
    numbers = {"format": "<H", "repeat": True}
    config = {"cameras": {"one": {"link": {"type": "sim"}}}, "callbacks": {"echo": {"args": numbers, "result": numbers}}}
    with Daemon(config=config) as other, other.client() as client:
        wait_for_camera(client, "one")
        for given, value in (({"args": []}, None), ({"args": {}}, None), ({"args": None}, None), ({}, None), ({"args": [7]}, [[7]])):
            result = client.result("call", dict(given, name="echo"))
            assert result["value"] == value, (given, result)


def a_result_has_the_promised_shape():
    with daemon.client() as client:
        wait_for_camera(client, "one")
        result = client.result("call", {"name": "face_detection", "camera": "one"})
        assert set(result) == {"camera", "name", "value", "bytes", "elapsed_ms", "age_ms"}, result
        assert result["camera"] == "one" and result["name"] == "face_detection" and result["bytes"] == 8, result
        assert set(result["value"]) == {"x", "y", "w", "h"}, result
        assert 0 <= result["age_ms"] <= result["elapsed_ms"] < 10000, result


def the_camera_has_to_be_named_where_there_are_several():
    with daemon.client() as client:
        error = client.error("call", {"name": "face_detection"})
        assert reason_of(error) == "invalid_params" and "one, two" in error["message"], error


def arguments_are_packed_and_results_unpacked():
    with daemon.client() as client:
        for args in ([-(2**53), 1.5], {"real": 1.5, "big": -(2**53)}, [str(-(2**53)), 1.5]):
            value = client.result("call", {"name": "echo", "camera": "one", "args": args})["value"]
            assert value == {"big": -(2**53), "real": 1.5}, value
        line = client.exchange('{"jsonrpc":"2.0","id":1,"method":"call","params":{"name":"echo","camera":"one",'
                               '"args":["9223372036854775807","NaN"]}}')
        assert '"big":9223372036854775807,"real":"NaN"' in line, line


def data_takes_the_place_of_args():
    expected = struct.pack("<qf", 7, 0.5)
    with daemon.client() as client:
        for params in ({"data": base64.b64encode(expected).decode()},
                       {"data": base64.b64encode(expected).decode(), "encoding": "base64"},
                       {"data": expected.hex(), "encoding": "hex"}, {"data": expected.hex().upper(), "encoding": "hex"}):
            params.update({"name": "echo", "camera": "one", "reply": "hex"})
            assert client.result("call", params)["value"] == expected.hex()
        params = {"name": "echo", "camera": "one", "reply": "hex", "data": "h\u00e9", "encoding": "utf8"}
        assert client.result("call", params)["value"] == "h\u00e9".encode().hex()


def a_command_id_stands_for_a_name():
    with daemon.client() as client:
        result = client.result("call", {"name": command_id("sleep"), "camera": "one", "args": [1]})
        assert result["value"] == {"ms": 1} and result["name"] == "sleep", result
        result = client.result("call", {"name": command_id("unheard_of").upper(), "camera": "two"})
        assert result["value"] is None and result["bytes"] == 0, result


def an_unknown_callback_takes_data_and_gives_base64():
    with daemon.client() as client:
        result = client.result("call", {"name": "unheard_of", "camera": "two", "data": "aGk="})
        assert result["value"] is None, result
        error = client.error("call", {"name": "unheard_of", "camera": "two", "args": [1]})
        assert reason_of(error) == "invalid_params", error


def each_reply_form_gives_the_same_bytes():
    with daemon.client() as client:
        for size in (1, 2, 3, 100, 65536, 300000):
            expected = blob(size)
            params = {"name": "blob", "camera": "one", "args": [size]}
            assert base64.b64decode(client.result("call", params)["value"]) == expected
            assert base64.b64decode(client.result("call", dict(params, reply="base64"))["value"]) == expected
            assert bytes.fromhex(client.result("call", dict(params, reply="hex"))["value"]) == expected
            result = client.result("call", dict(params, reply="raw"))
            assert result["value"] == {"raw": size} and result["bytes"] == size, result
            assert client.read_bytes(size) == expected


def raw_bytes_follow_their_own_line_only():
    with daemon.client() as client:
        numbers = {}
        for i in range(40):
            size = 1000 + i
            numbers[client.send_request("call", {"name": "blob", "camera": "one", "args": [size], "reply": "raw"})] = size
            client.send_request("ping")
        seen = 0
        while seen < len(numbers):
            message = client.read()
            if message["id"] in numbers:
                seen += 1
                assert client.read_bytes(message["result"]["value"]["raw"]) == blob(numbers[message["id"]])
        assert client.result("ping") == "pong"


def an_empty_result_and_an_error_have_no_raw_bytes():
    with daemon.client() as client:
        assert client.result("call", {"name": "unheard_of", "camera": "two", "reply": "raw"})["value"] is None
        client.error("call", {"name": "sleep", "camera": "one", "reply": "raw"})
        assert client.result("ping") == "pong" and not client.is_readable()


def a_result_that_does_not_fit_is_told_with_its_bytes():
    with daemon.client() as client:
        params = {"name": "echo", "camera": "one", "data": "AAEC"}
        error = client.error("call", params)
        assert reason_of(error) == "bad_result" and error["code"] == -32006, error
        assert error["data"]["length"] == 3 and error["data"]["bytes"] == "AAEC" and error["data"]["executed"] == "yes", error


def too_large_is_told_before_and_after_the_camera():
    with daemon.client() as client:
        error = client.error("call", {"name": "blob", "camera": "one", "args": [(1 << 20) + 1], "timeout_ms": 30000})
        assert reason_of(error) == "too_large" and error["data"]["executed"] == "yes", error
        assert client.result("call", {"name": "sleep", "camera": "one", "args": [0]})["value"] == {"ms": 0}


def a_stream_is_refused_with_advice():
    with daemon.client() as client:
        error = client.error("call", {"name": "jpeg_image_stream", "camera": "one", "args": "sensor.RGB565,sensor.QVGA"})
        assert reason_of(error) == "unsupported" and "jpeg_snapshot" in error["message"], error
        error = client.error("call", {"name": "jpeg_image_read", "camera": "one"})
        assert reason_of(error) == "unsupported" and "OFFSET" in error["message"], error


def cameras_work_at_the_same_time():
    for slow, quick in (("one", "two"), ("two", "one")):
        with StockCamera() as one, StockCamera() as two:
            cameras = {"one": one, "two": two}
            config = config_of(None, cameras={name: serial(camera.path) for name, camera in cameras.items()})
            with Daemon(config=config) as other, other.client() as client:
                for name in cameras:
                    wait_for_camera(client, name)
                occupy(client, 600000, slow)
                assert client.result("call", {"name": "echo", "camera": quick, "data": "AAAA"})["value"] == "AAAA"
                assert is_busy(client, slow, 0)
                # The daemon would wait a while for its end.
                cameras[slow].stop()


def a_deadline_counts_from_the_arrival():
    """a deadline that passes in the queue is not_delivered, and the camera is never asked"""
    with daemon.client() as client:
        before = client.result("call", {"name": "counter", "camera": "one"})["value"][0]
        with occupied(client):
            number = client.send_request("call", {"name": "counter", "camera": "one", "timeout_ms": 50})
        error = client.reply(number)["error"]
        assert reason_of(error) == "not_delivered" and error["data"]["cause"] == "timeout", error
        assert error["data"]["retryable"] is True and error["data"]["executed"] == "no", error
        after = client.result("call", {"name": "counter", "camera": "one"})["value"][0]
        assert after == before + 1, (before, after)


def a_deadline_during_the_call_leaves_the_result_unknown():
    with daemon.client() as client:
        # Were the deadline not kept, the answer would be there before the error.
        error, seconds = error_in_the_call(client, sleep(3000, timeout_ms=150))
        assert reason_of(error) == "result_unknown" and error["data"]["cause"] == "timeout", error
        assert error["data"]["retryable"] is False and error["data"]["executed"] == "unknown", error
        assert 0.14 < seconds
        assert client.result("call", sleep(0, timeout_ms=30000))["value"] == {"ms": 0}


def a_waiting_call_can_be_cancelled():
    with daemon.client() as client:
        with occupied(client) as running:
            waiting = client.send_request("call", {"name": "counter", "camera": "one"})
            numbers = [client.send_request("cancel", {"id": number}) for number in (str(waiting), waiting, waiting, running)]
        of_other_type, first, second, of_running = [client.reply(number)["result"] for number in numbers]
        error = client.reply(waiting)["error"]
        assert reason_of(error) == "cancelled" and error["code"] == -32009, error
        assert of_other_type is False, "an id of another type is another id"
        assert first is True and second is False
        assert of_running is False, "what the camera is at goes on"
        assert client.reply(running)["result"]["value"] == {"ms": 300}


def cancel_takes_all_that_wait_under_an_id():
    with daemon.client() as client:
        with occupied(client) as running:
            for text in ("7", "7.0", '"7"', "7"):
                client.send('{"jsonrpc":"2.0","id":%s,"method":"call","params":{"name":"counter","camera":"one"}}\n' % text)
            client.send('{"jsonrpc":"2.0","id":"c","method":"cancel","params":{"id":7}}\n')
        replies = [client.read() for _ in range(6)]
        assert [reply["id"] for reply in replies] == [7, 7, 7, "c", running, "7"], replies
        assert all(reason_of(reply["error"]) == "cancelled" for reply in replies[:3]), replies
        assert replies[3]["result"] is True and "result" in replies[5], replies
    with endless_call() as (daemon_of_two, client, _), daemon_of_two.client() as other:
        waiting = client.send_request("call", {"name": "counter"})
        assert client.result("ping") == "pong"
        assert other.result("cancel", {"id": waiting}) is False, "ids are those of one's own connection"
        assert client.result("cancel", {"id": waiting}) is True


def a_cancelled_member_of_a_batch_is_answered_in_the_batch():
    with endless_call() as (other, _, _), other.client() as client:
        client.send(json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "call", "params": {"name": "counter"}},
                                {"jsonrpc": "2.0", "id": 2, "method": "ping"},
                                {"jsonrpc": "2.0", "id": 3, "method": "cancel", "params": {"id": 1}}]) + "\n")
        replies = {reply["id"]: reply for reply in client.read()}
        assert reason_of(replies[1]["error"]) == "cancelled" and replies[3]["result"] is True, replies


def clients_are_served_in_turn():
    with daemon.client() as greedy, daemon.client() as modest:
        before = greedy.result("call", {"name": "counter", "camera": "one"})["value"][0]
        with daemon.held():
            with greedy.together():
                greedy.send_request("call", sleep(100))
                numbers = [greedy.send_request("call", {"name": "counter", "camera": "one"}) for _ in range(15)]
            one_call = modest.send_request("call", {"name": "counter", "camera": "one"})
        count = modest.reply(one_call)["result"]["value"][0]
        assert count <= before + 2, f"{count - before - 1} calls of another client came before"
        for number in numbers:
            greedy.reply(number)


def priorities_decide_and_nobody_starves():
    with daemon.client() as client:
        kinds = [priority for priority, count in (("low", 3), ("normal", 3), ("high", 20)) for _ in range(count)]
        client.result("call", sleep(0))
        # A batch is one line, so that all calls of it wait when the first has begun. The counter tells in which order they ran.
        params = [sleep(20), *({"name": "counter", "camera": "one", "priority": priority} for priority in kinds)]
        client.send(json.dumps([{"jsonrpc": "2.0", "id": i, "method": "call", "params": some} for i, some in enumerate(params)]) + "\n")
        counts = {reply["id"] - 1: reply["result"]["value"] for reply in client.read() if reply["id"] > 0}
        order = [kinds[i] for i in sorted(counts, key=counts.get)]
        assert len(order) == len(kinds) and order[:8] == ["high"] * 8, order
        assert "low" in order[:14] and "normal" in order[:14], order


def a_client_that_leaves_takes_its_waiting_calls_along():
    with endless_call() as (other, client, camera):
        with other.client() as leaving:
            for _ in range(50):
                leaving.send_request("call", {"name": "counter"})
            wait_until(lambda: is_busy(client, "camera", 50), "the calls to wait")
        wait_until(lambda: is_busy(client, "camera", 0), "the calls to be dropped")
        camera.stop()
        assert camera.summary["executions"]["counter"] == 0, camera.summary


def a_client_that_leaves_after_shutting_down_its_writing_side_is_noticed():
    with endless_call() as (other, client, camera):
        leaving = other.client()
        for _ in range(20):
            leaving.send_request("call", {"name": "counter"})
        leaving.shut_down_writing()
        wait_until(lambda: is_busy(client, "camera", 20), "the calls to wait")
        leaving.close()
        wait_until(lambda: is_busy(client, "camera", 0), "the calls to be dropped")
        camera.stop()
        assert camera.summary["executions"]["counter"] == 0, camera.summary


def a_half_closed_client_gets_every_reply():
    with daemon.client() as client:
        numbers = {client.send_request("call", sleep(20)) for _ in range(10)}
        client.send('{"jsonrpc":"2.0","id":"last","method":"ping"}')  # without a newline
        client.shut_down_writing()
        seen = set()
        while (message := client.read()) is not None:
            assert "result" in message, message
            seen.add(message["id"])
        assert seen == numbers | {"last"}, seen


def a_client_may_have_1024_calls_waiting():
    with endless_call() as (other, client, _), other.client() as greedy:
        for i in range(1024 + 10):
            greedy.send_request("call", {"name": "echo", "data": ""})
        full = [greedy.read() for _ in range(10)]
        assert all(reason_of(reply["error"]) == "queue_full" and reply["error"]["data"]["retryable"] for reply in full), full
        assert {reply["id"] for reply in full} == set(range(1025, 1035))
        assert client.result("stats")["limits"]["client_waiting"]["used"] == 1024


def a_thousand_calls_of_a_client_are_all_answered():
    with daemon.client() as client:
        numbers = {client.send_request("call", {"name": "echo", "camera": "one", "data": "", "timeout_ms": 60000})
                   for _ in range(1000)}
        for _ in range(1000):
            message = client.read()
            assert "result" in message, message
            numbers.remove(message["id"])


def each_limit_of_the_queue_has_its_error():
    limits = {"camera_waiting": 6, "client_waiting": 4, "client_waiting_bytes": 4096}
    with endless_call(limits=limits) as (small, _, _), small.client() as client, small.client() as other:
        call = {"name": "counter"}
        heavy = {"name": "face_detection", "data": "00" * 2000, "encoding": "hex"}
        for _ in range(2):
            client.send_request("call", heavy)
        error = client.error("call", heavy)
        assert reason_of(error) == "queue_full" and "client_waiting_bytes" in error["message"], error
        for _ in range(2):
            client.send_request("call", call)
        error = client.error("call", call)
        assert reason_of(error) == "queue_full" and "client_waiting)" in error["message"], error
        for _ in range(2):
            other.send_request("call", call)
        error = other.error("call", call)
        assert reason_of(error) == "queue_full" and "camera_waiting" in error["message"], error
        used = other.result("stats")["limits"]
        assert [used[name]["used"] for name in ("camera_waiting", "client_waiting", "client_waiting_bytes")] == [6, 4, 4000]


def a_released_camera_says_so_and_comes_back():
    with daemon.client() as client:
        with occupied(client, camera="two"):
            waiting = client.send_request("call", {"name": "counter", "camera": "two"})
            released = client.send_request("release", {"camera": "two"})
        assert client.reply(released)["result"] is True
        assert reason_of(client.reply(waiting)["error"]) == "released"
        assert client.result("release", {"camera": "two"}) is True, "once more does no harm"
        error = client.error("call", {"name": "counter", "camera": "two"})
        assert reason_of(error) == "released" and error["code"] == -32013 and error["data"]["since_ms"] >= 0, error
        assert wait_for_camera(client, "two", "released")["since_ms"] >= 0
        assert client.result("acquire", {"camera": "two"}) is True
        # Taking it back counts as connecting, so the call waits for the camera.
        assert "value" in client.result("call", {"name": "counter", "camera": "two"})


def release_and_acquire_in_one_breath_are_done_in_their_order():
    with daemon.client() as client:
        numbers = [client.send_request(method, {"camera": "two"}) for method in ["release", "acquire"] * 20]
        assert all(client.reply(number)["result"] is True for number in numbers)
        wait_for_camera(client, "two")


def max_age_and_progress_are_accepted():
    with daemon.client() as client:
        result = client.result("call", {"name": "counter", "camera": "one", "max_age_ms": 100, "progress": True, "wait": False})
        assert result["value"][0] >= 1


def many_clients_get_their_own_answers():
    clients = [daemon.client() for _ in range(50)]
    try:
        for round_number in range(5):
            sent = []
            for i, client in enumerate(clients):
                number = i * 1000 + round_number
                sent.append(client.send_request("call", {"name": "echo", "camera": "one", "args": [number, 0],
                                                         "timeout_ms": 60000}))
            for i, client in enumerate(clients):
                assert client.reply(sent[i])["result"]["value"]["big"] == i * 1000 + round_number
    finally:
        for client in clients:
            client.close()


def an_offline_camera_fails_at_once_unless_told_to_wait():
    with Daemon(config={"cameras": {"gone": {"link": {"type": "serial", "device": "/dev/openmvd-no-such-port"}}}}) as other:
        with other.client() as client:
            begin = time.monotonic()
            error = client.error("call", {"name": "echo", "timeout_ms": 300})
            assert reason_of(error) == "camera_offline" and error["data"]["retryable"] is True, error
            assert time.monotonic() - begin > 0.25, "while it is connecting, calls wait"
            row = wait_for_camera(client, "gone", "offline")
            assert "/dev/openmvd-no-such-port" in row["reason"], row
            begin = time.monotonic()
            error = client.error("call", {"name": "echo"})
            assert reason_of(error) == "camera_offline" and error["code"] == -32001, error
            assert time.monotonic() - begin < 5, "half of the time that it would have waited"
            begin = time.monotonic()
            error = client.error("call", {"name": "echo", "wait": True, "timeout_ms": 300})
            assert reason_of(error) == "camera_offline" and time.monotonic() - begin > 0.25, error


HELPERS = ("sleep", "reason_of", "command_id", "blob", "is_busy", "occupied", "occupy", "endless_call")
tap = Tap()
tap.run([test for name, test in list(globals().items())
         if callable(test) and getattr(test, "__module__", "") == "__main__" and name not in HELPERS])


def the_daemon_ends_well_after_all_that():
    assert daemon.stop() == 0


tap.run([the_daemon_ends_well_after_all_that])
tap.finish()
