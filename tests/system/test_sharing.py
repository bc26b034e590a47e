#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Answers that serve more than one call: equal calls at the same time, and max_age_ms."""

import base64
import contextlib
import itertools
import json
import os
import tempfile
import time

from cameras import SimulatedCamera, config_of, serial
from openmvd import Daemon, Tap, wait_for_camera, wait_until

NUMBER = {"format": "<I"}
CALLBACKS = {
    "sleep": {"args": NUMBER, "result": NUMBER, "repeatable": True},
    "counter": {"result": NUMBER},
}
CONFIG = {"cameras": {"one": {"link": {"type": "sim"}}}, "callbacks": CALLBACKS}


def answers(client):
    return client.result("stats")["cameras"][0]["answers"]


def wire_calls(client):
    return client.result("stats")["cameras"][0]["wire"]["calls"]


def sleep(milliseconds, **more):
    return {"name": "sleep", "args": [milliseconds], **more}


@contextlib.contextmanager
def occupied(daemon, client, milliseconds=400):
    """Keeps the camera busy with a call of its own kind, whose id this gives, when it comes to what is asked in the block."""
    client.result("call", sleep(0))
    with daemon.held():
        yield client.send_request("call", sleep(milliseconds))


def equal_calls_share_one_exchange():
    with Daemon(config=CONFIG) as daemon, daemon.client() as first, daemon.client() as second:
        wait_for_camera(first, "one")
        before = wire_calls(first)
        with occupied(daemon, first) as busy:
            calls = [(client, client.send_request("call", sleep(30))) for client in (first, second) for _ in range(5)]
        results = [client.reply(number)["result"] for client, number in calls]
        assert all(result["value"] == [30] for result in results), results
        assert all(25 < result["elapsed_ms"] and result["age_ms"] <= result["elapsed_ms"] for result in results), results
        assert first.reply(busy)["result"]["value"] == [400]
        assert answers(first) == {"shared": 9, "remembered": 0}, answers(first)
        # That and the two of occupied(), and perhaps one that was asked for again or a sign of life, but not ten.
        assert wire_calls(first) - before < 10


def a_call_joins_one_that_is_under_way():
    with Daemon(config=CONFIG) as daemon, daemon.client() as first, daemon.client() as second:
        wait_for_camera(first, "one")
        with occupied(daemon, first) as busy:
            joins = second.send_request("call", sleep(400))
        assert second.reply(joins)["result"]["value"] == [400]
        assert first.reply(busy)["result"]["value"] == [400]
        assert answers(first)["shared"] == 1


def those_who_share_an_answer_that_is_to_come_wait_within_the_limits():
    config = dict(CONFIG, limits={"camera_waiting": 3, "client_waiting": 2})
    with Daemon(config=config) as daemon, daemon.client() as first, daemon.client() as second, daemon.client() as third:
        wait_for_camera(first, "one")
        with occupied(daemon, first) as busy:
            joined = [(client, client.send_request("call", sleep(400))) for client in (second, second, third)]
            too_many, too_many_of_all = [client.send_request("call", sleep(400)) for client in (second, third)]
        error = second.reply(too_many)["error"]
        assert error["data"]["reason"] == "queue_full" and "client_waiting)" in error["message"], error
        error = third.reply(too_many_of_all)["error"]
        assert error["data"]["reason"] == "queue_full" and "camera_waiting)" in error["message"], error
        assert all(client.reply(number)["result"]["value"] == [400] for client, number in joined + [(first, busy)])


def calls_that_differ_or_may_not_be_repeated_go_by_themselves():
    with Daemon(config=CONFIG) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        with occupied(daemon, client) as busy:
            counts = [client.send_request("call", {"name": "counter"}) for _ in range(3)]
            others = [client.send_request("call", sleep(milliseconds)) for milliseconds in (1, 2, 3)]
        assert sorted(client.reply(number)["result"]["value"][0] for number in counts) == [1, 2, 3]
        assert [client.reply(number)["result"]["value"] for number in others] == [[1], [2], [3]]
        client.reply(busy)
        assert answers(client) == {"shared": 0, "remembered": 0}


def a_call_has_its_own_turn_though_another_client_asked_the_same_late_in_its_own():
    with Daemon(config=CONFIG) as daemon, daemon.client() as greedy, daemon.client() as modest:
        wait_for_camera(greedy, "one")
        with occupied(daemon, greedy) as busy:
            others = [greedy.send_request("call", sleep(30 + i)) for i in range(13)]
            last = greedy.send_request("call", sleep(5))
            number = modest.send_request("call", sleep(5))
        assert modest.reply(number)["result"]["value"] == [5]
        # The equal call has its answer at the same time, before what was asked ahead of it.
        replies = [greedy.read()["id"] for _ in range(15)]
        assert replies.index(last) < replies.index(others[5]) and replies[0] == busy, replies
        assert answers(modest) == {"shared": 1, "remembered": 0}, answers(modest)


def an_urgent_call_brings_an_equal_one_that_is_not_its_answer():
    with Daemon(config=CONFIG) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        with occupied(daemon, client) as busy:
            numbers = {client.send_request("call", sleep(5, priority="low")): "low",
                       client.send_request("call", sleep(6)): "other",
                       client.send_request("call", sleep(5, priority="high")): "high"}
        assert client.reply(busy)["result"]["value"] == [400]
        order = [numbers[client.read()["id"]] for _ in numbers]
        assert order in (["high", "low", "other"], ["low", "high", "other"]), order
        assert answers(client)["shared"] == 1, answers(client)


def who_shares_keeps_its_own_form_and_deadline():
    with Daemon(config=CONFIG) as daemon, daemon.client() as first, daemon.client() as second:
        wait_for_camera(first, "one")
        with occupied(daemon, first, 1000) as busy:
            leader = first.send_request("call", sleep(20))
            hasty = second.send_request("call", sleep(20, timeout_ms=50))
            raw = second.send_request("call", sleep(20, reply="hex"))
        assert second.reply(hasty)["error"]["data"]["reason"] == "not_delivered"
        assert second.reply(raw)["result"]["value"] == "14000000"
        assert first.reply(leader)["result"]["value"] == [20]
        first.reply(busy)


def the_others_go_on_when_the_first_is_cancelled_expires_or_leaves():
    with Daemon(config=CONFIG) as daemon, daemon.client() as first, daemon.client() as second:
        wait_for_camera(first, "one")
        with daemon.client() as leaving:
            # Longer than anybody is held up.
            with occupied(daemon, first, 4000) as busy:
                leader = first.send_request("call", sleep(20))
                hasty = first.send_request("call", sleep(21, timeout_ms=50))
                leaving.send_request("call", sleep(22))
                followers = [second.send_request("call", sleep(20 + i // 3)) for i in range(9)]
            assert second.result("ping") == "pong"
        assert first.result("cancel", {"id": leader}) is True
        assert first.reply(leader)["error"]["data"]["reason"] == "cancelled"
        assert first.reply(hasty)["error"]["data"]["reason"] == "not_delivered"
        values = [second.reply(number)["result"]["value"][0] for number in followers]
        assert values == [20] * 3 + [21] * 3 + [22] * 3, values
        first.reply(busy)
        assert answers(second)["shared"] == 6, answers(second)


def a_follower_that_leaves_harms_nobody():
    with Daemon(config=CONFIG) as daemon, daemon.client() as first:
        wait_for_camera(first, "one")
        with daemon.client() as leaving:
            with occupied(daemon, first) as busy:
                leader = first.send_request("call", sleep(20))
                numbers = [leaving.send_request("call", sleep(20)) for _ in range(3)]
                cancelled = leaving.send_request("cancel", {"id": numbers[0]})
            assert leaving.reply(cancelled)["result"] is True
        assert first.reply(leader)["result"]["value"] == [20]
        first.reply(busy)
        assert first.result("stats")["cameras"][0]["waiting"] == 0


def an_old_answer_will_do_for_who_says_so():
    with Daemon(config=CONFIG) as daemon, daemon.client() as first, daemon.client() as second:
        wait_for_camera(first, "one")
        assert first.result("call", {"name": "counter"})["value"] == [1]
        result = second.result("call", {"name": "counter", "max_age_ms": 60000})
        assert result["value"] == [1] and 0 < result["age_ms"] < 60000, result
        again = second.result("call", {"name": "counter", "max_age_ms": 60000})
        assert again["value"] == [1] and again["age_ms"] > result["age_ms"], (result, again)
        assert second.result("call", {"name": "counter"})["value"] == [2]
        assert first.result("call", {"name": "counter", "max_age_ms": 60000})["value"] == [2]
        assert first.result("call", sleep(1, max_age_ms=60000))["value"] == [1]
        assert first.result("call", sleep(2, max_age_ms=60000))["value"] == [2]
        assert answers(first) == {"shared": 0, "remembered": 3}, answers(first)


def an_answer_that_is_too_old_is_asked_for_again():
    with Daemon(config=CONFIG) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        assert client.result("call", {"name": "counter"})["value"] == [1]
        time.sleep(0.06)
        assert client.result("call", {"name": "counter", "max_age_ms": 50})["value"] == [2]


def fifty_clients_cost_the_camera_no_more_than_one():
    with Daemon(config=CONFIG) as daemon, daemon.client() as watcher:
        wait_for_camera(watcher, "one")
        before = wire_calls(watcher)
        clients = [daemon.client() for _ in range(50)]
        for _ in range(10):
            numbers = [client.send_request("call", {"name": "face_detection", "max_age_ms": 60000}) for client in clients]
            values = [client.reply(number)["result"]["value"] for client, number in zip(clients, numbers)]
            assert all(value == values[0] for value in values), values
        for client in clients:
            client.close()
        assert sum(answers(watcher).values()) == 499, answers(watcher)
        # That of the first, and perhaps signs of life.
        assert wire_calls(watcher) - before < 50


def equal_calls_that_waited_for_their_camera_share_one_exchange():
    config = {"cameras": {"one": {"link": {"type": "serial"}, "healing": {"offline_after_ms": 3600000}}},
              "callbacks": CALLBACKS, "access": [{"deny": ["call:qrcode_detection"]}]}
    daemon = Daemon(config=config)
    device = os.path.join(daemon.folder.name, "camera")
    config["cameras"]["one"]["link"] = serial(device)["link"]
    with open(daemon.command[daemon.command.index("--config") + 1], "w", encoding="utf-8") as file:
        json.dump(config, file)
    with daemon, daemon.client() as first, daemon.client() as second:
        faces = [(client, client.send_request("call", {"name": "face_detection"})) for client in (first, second) * 10]
        counts = [first.send_request("call", {"name": "counter"}) for _ in range(3)]
        refused = second.send_request("call", {"name": "qrcode_detection"})
        misfit = second.send_request("call", {"name": "face_detection", "args": [1]})
        wait_until(lambda: first.result("cameras")[0]["waiting"] == 25, "the calls to wait")
        with SimulatedCamera("--link", device):
            values = [client.reply(number)["result"]["value"] for client, number in faces]
            assert all(value == values[0] for value in values), values
            assert [first.reply(number)["result"]["value"] for number in counts] == [[1], [2], [3]]
            assert second.reply(refused)["error"]["data"]["reason"] == "forbidden"
            assert second.reply(misfit)["error"]["data"]["reason"] == "invalid_params"
            assert answers(first) == {"shared": 19, "remembered": 0}, answers(first)
            assert first.result("stats")["cameras"][0]["waiting"] == 0
            assert [row["waiting_bytes"] for row in first.result("stats")["clients"]] == [0, 0]
            first.result("release")


def a_call_joins_what_is_watched():
    with Daemon(config=CONFIG) as daemon, daemon.client() as first, daemon.client() as second:
        wait_for_camera(first, "one")
        with occupied(daemon, second) as busy:
            subscribed = second.send_request("subscribe", {"name": "sleep", "args": [30], "interval_ms": 60000})
            number = first.send_request("call", sleep(30))
        assert "result" in second.reply(subscribed) and "result" in second.reply(busy)
        assert first.reply(number)["result"]["value"] == [30] and second.event()["value"] == [30]
        assert answers(first)["shared"] == 1, answers(first)


def bytes_that_look_like_anothers_arguments_are_watched_on_their_own():
    config = {**CONFIG, "callbacks": {"echo": {"args": {"format": "<B"}}}}
    with Daemon(config=config) as daemon, daemon.client() as first, daemon.client() as second:
        wait_for_camera(first, "one")
        first.result("subscribe", {"name": "echo", "args": [1], "interval_ms": 10})
        # What the daemon would keep of the other if it told bytes and JSON apart by nothing.
        second.result("subscribe", {"name": "echo", "data": "\n[1]\n\n", "encoding": "utf8", "interval_ms": 10})
        for _ in range(3):
            assert base64.b64decode(first.event()["value"]) == b"\x01"
            assert base64.b64decode(second.event()["value"]) == b"\n[1]\n\n"


def what_does_not_fit_its_schema_is_kept_for_nobody():
    with Daemon(config={**CONFIG, "callbacks": {"echo": {"result": NUMBER}}}) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        for _ in range(2):
            assert client.error("call", {"name": "echo", "data": "AAA=", "max_age_ms": 60000})["data"]["reason"] == "bad_result"
        client.result("subscribe", {"name": "echo", "data": "AAA=", "max_age_ms": 60000, "interval_ms": 10})
        assert client.event()["error"]["data"]["reason"] == "bad_result"
        wait_until(lambda: client.result("stats")["cameras"][0]["wire"]["calls"] >= 6, "it to be asked again and again")
        assert answers(client) == {"shared": 0, "remembered": 0}, answers(client)


def an_old_answer_will_do_while_the_camera_is_away_and_not_when_it_is_back():
    states = (("connecting", 3600000), ("offline", 500))
    for options, (state, offline_after_ms) in itertools.product(((), ("--stock",)), states):
        with tempfile.TemporaryDirectory() as folder, \
                SimulatedCamera("--link", folder + "/camera", *options) as camera, \
                Daemon(config=config_of(folder + "/camera", healing={"offline_after_ms": offline_after_ms})) as daemon, \
                daemon.client() as client:
            asked = {"name": "face_detection", "max_age_ms": 60000}
            wait_for_camera(client)
            face = client.result("call", asked)["value"]
            camera.stop()
            wait_for_camera(client, "camera", state)
            result = client.result("call", asked)
            assert result["value"] == face and result["name"] == "face_detection", result
            reason = client.error("call", {**asked, "name": "jpeg_snapshot", "timeout_ms": 1})["data"]["reason"]
            assert reason == "camera_offline", reason
            assert answers(client)["remembered"] == 1, answers(client)


def memory_for_answers_has_a_limit():
    config = {**CONFIG, "limits": {"answers_bytes": 1000}}
    with Daemon(config=config) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        for i in range(1, 300):
            client.result("call", sleep(0, max_age_ms=60000) if i % 2 else {"name": "echo", "data": "AAAA" * i})
        used = client.result("stats")["limits"]["answers_bytes"]
        assert used["limit"] == 1000 and 0 < used["used"] <= 1000, used


tap = Tap()
tap.run([
    equal_calls_share_one_exchange,
    a_call_joins_one_that_is_under_way,
    those_who_share_an_answer_that_is_to_come_wait_within_the_limits,
    calls_that_differ_or_may_not_be_repeated_go_by_themselves,
    a_call_has_its_own_turn_though_another_client_asked_the_same_late_in_its_own,
    an_urgent_call_brings_an_equal_one_that_is_not_its_answer,
    who_shares_keeps_its_own_form_and_deadline,
    the_others_go_on_when_the_first_is_cancelled_expires_or_leaves,
    a_follower_that_leaves_harms_nobody,
    an_old_answer_will_do_for_who_says_so,
    an_answer_that_is_too_old_is_asked_for_again,
    fifty_clients_cost_the_camera_no_more_than_one,
    equal_calls_that_waited_for_their_camera_share_one_exchange,
    a_call_joins_what_is_watched,
    bytes_that_look_like_anothers_arguments_are_watched_on_their_own,
    what_does_not_fit_its_schema_is_kept_for_nobody,
    an_old_answer_will_do_while_the_camera_is_away_and_not_when_it_is_back,
    memory_for_answers_has_a_limit,
])
tap.finish()
