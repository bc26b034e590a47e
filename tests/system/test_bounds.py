#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What all clients may take together: the one who goes too far is told or closed, and the others are served."""

import contextlib
import json
import re
import resource
import struct

from openmvd import PATIENCE_S, Daemon, Tap, is_sanitized, wait_for_camera, wait_until

SIM = {"camera": {"link": {"type": "sim"}}}


def daemon_with(**limits):
    return Daemon(config={"cameras": SIM, "limits": limits})


def used(client, name):
    return client.result("stats")["limits"][name]["used"]


def check_full(error, limit):
    assert error["data"]["reason"] == "queue_full" and error["data"]["retryable"], error
    assert f"limits.{limit}" in error["message"], error


def ping_of_length(length, number):
    text = f'{{"jsonrpc":"2.0","id":{number},"method":"ping"}}'
    return text[:-1] + " " * (length - len(text)) + text[-1]


def long_lines_of_all_share_a_bound():
    with daemon_with(line_bytes=65536, all_line_bytes=65536) as daemon, daemon.client() as first, \
            daemon.client() as second, daemon.client() as watcher:
        line = ping_of_length(40000, 7)
        first.send(line[:-1])
        wait_until(lambda: used(watcher, "all_line_bytes") >= len(line) - 1, "the first line to be read")
        second.send(line[:-1])
        reply = second.read()
        assert reply["id"] is None, reply
        check_full(reply["error"], "all_line_bytes")
        assert used(watcher, "all_line_bytes") <= 65536
        # Its rest is dropped, and what is short is read at any time.
        second.send(line[-1:] + "\n" + ping_of_length(4096, 8) + "\n")
        assert second.read() == {"jsonrpc": "2.0", "id": 8, "result": "pong"}
        first.send(line[-1:] + "\n")
        assert first.read() == {"jsonrpc": "2.0", "id": 7, "result": "pong"}
        second.send(line + "\n")
        assert second.read() == {"jsonrpc": "2.0", "id": 7, "result": "pong"}
        # What is longer than any line may be is an error of its own.
        second.send("x" * 70000 + "\n")
        assert second.read()["error"]["data"]["reason"] == "too_large"


def arguments_of_all_share_a_bound():
    with daemon_with(client_waiting_bytes=6000, all_waiting_bytes=10000) as daemon, daemon.client() as first, \
            daemon.client() as second:
        wait_for_camera(first)

        def ask(client, length):
            params = {"name": "echo", "data": "x" * length, "encoding": "utf8", "timeout_ms": 30000}
            return client.send_request("call", params)
        with daemon.held():
            busy = first.send_request("call", {"name": "sleep", "data": "e8030000", "encoding": "hex", "timeout_ms": 30000})
            accepted = [(first, ask(first, 5500)), (second, ask(second, 4000))]
            both_wait = second.send_request("stats")
            refused = ask(second, 600)
            accepted.append((second, ask(second, 500)))
        assert second.reply(both_wait)["result"]["limits"]["all_waiting_bytes"]["used"] == 9500
        check_full(second.reply(refused)["error"], "all_waiting_bytes")
        for client, number in accepted + [(first, busy)]:
            assert "result" in client.reply(number)
        assert used(first, "all_waiting_bytes") == 0


def arguments_of_subscriptions_count_among_what_waits():
    with daemon_with(client_waiting_bytes=6000, all_waiting_bytes=10000) as daemon, daemon.client() as first, \
            daemon.client() as second:
        wait_for_camera(first)
        params = {"name": "echo", "data": "x" * 4000, "encoding": "utf8"}
        number = first.result("subscribe", params)["subscription"]
        check_full(first.error("subscribe", params), "client_waiting_bytes")
        second.result("subscribe", params)
        check_full(second.error("subscribe", dict(params, data="x" * 1900)), "all_waiting_bytes")
        assert first.result("unsubscribe", {"subscription": number}) is True
        second.result("subscribe", dict(params, data="x" * 1700))
        second.close()
        wait_until(lambda: used(first, "all_waiting_bytes") == 0, "the second client to be gone")


def long_ids_count_among_what_waits():
    with daemon_with(client_waiting_bytes=10000) as daemon, daemon.client() as client:
        wait_for_camera(client)
        ids = [f"{number}" + "x" * 4000 for number in range(3)]
        with client.together():
            busy = client.send_request("call", {"name": "sleep", "data": "e8030000", "encoding": "hex"})
            for name in ids:
                client.send(json.dumps({"jsonrpc": "2.0", "id": name, "method": "call", "params": {"name": "counter"}}) + "\n")
            two_wait = client.send_request("stats")
        check_full(client.reply(ids[2])["error"], "client_waiting_bytes")
        waiting = client.reply(two_wait)["result"]["limits"]["client_waiting_bytes"]["used"]
        assert 8000 < waiting < 8100, waiting
        for number in (busy, ids[0], ids[1]):
            assert "result" in client.reply(number)
        assert used(client, "client_waiting_bytes") == 0


def a_batch_leaves_out_the_bytes_of_bad_results_that_are_too_many_together():
    limits = {"payload_bytes": 65536, "output_pause_bytes": 65536, "output_bytes": 131072}
    config = {"cameras": SIM, "limits": limits, "callbacks": {"blob": {"result": {"format": "<H"}}}}
    with Daemon(config=config) as daemon, daemon.client() as client:
        wait_for_camera(client)
        call = {"jsonrpc": "2.0", "method": "call", "params": {"name": "blob", "data": "60ea0000", "encoding": "hex"}}
        client.send(json.dumps([dict(call, id=number) for number in range(4)]) + "\n")
        data = [reply["error"]["data"] for reply in client.read()]
        assert [(row["reason"], row["length"]) for row in data] == [("bad_result", 60000)] * 4, data
        assert ["bytes" in row for row in data] == [True, False, False, False]
        assert client.result("ping") == "pong"


def many_remembered_answers_need_no_more_stack_than_one():
    count = 5000
    limits = {"client_waiting": count, "camera_waiting": count, "output_pause_bytes": 4096}
    before = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, ((2048 if is_sanitized() else 256) * 1024, before[1]))
    with daemon_with(**limits) as daemon, daemon.client() as client:
        resource.setrlimit(resource.RLIMIT_STACK, before)
        wait_for_camera(client)
        client.send_request("call", {"name": "sleep", "data": "e8030000", "encoding": "hex", "timeout_ms": 60000})
        params = {"name": "blob", "data": struct.pack("<I", 4000).hex(), "encoding": "hex", "max_age_ms": 86400000,
                  "timeout_ms": 60000}
        for number in range(count):
            client.send(json.dumps({"jsonrpc": "2.0", "id": f"blob {number}", "method": "call", "params": params}) + "\n")
        # Each answer is more than the client is allowed to leave unread, and is read at once.
        lines = 0
        while lines < count + 1:
            received = client.socket.recv(65536)
            assert received, f"the daemon has gone after {lines} replies"
            lines += received.count(b"\n")
        assert client.result("ping") == "pong"


def subscriptions_of_all_share_a_bound():
    with daemon_with(client_subscriptions=2, all_subscriptions=3) as daemon, daemon.client() as first:
        with daemon.client() as second:
            for client in (first, first, second):
                client.result("subscribe", {"events": True})
            check_full(second.error("subscribe", {"events": True}), "all_subscriptions")
            check_full(first.error("subscribe", {"events": True}), "client_subscriptions")
            assert used(first, "all_subscriptions") == 3
        wait_until(lambda: used(first, "all_subscriptions") == 2, "the second client to be gone")


def the_slowest_is_closed_where_too_many_replies_wait():
    limits = {"payload_bytes": 65536, "output_pause_bytes": 131072, "output_bytes": 262144, "all_output_bytes": 262144}
    with daemon_with(**limits) as daemon, daemon.client() as watcher, daemon.client() as first, daemon.client() as second:
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "callbacks"}) + "\n"
        wait_for_camera(watcher)
        for client in (first, second):
            client.socket.setblocking(False)

        def is_closed():
            for client in (first, second):
                try:
                    client.socket.send(line.encode() * 10)
                except OSError:
                    pass
            assert watcher.result("ping") == "pong"
            assert used(watcher, "all_output_bytes") <= 262144
            return len(watcher.result("stats")["clients"]) == 2
        wait_until(is_closed, "the slowest to be closed")
        assert re.search(r"^<4>client: client \d+ \(uid \d+, gid \d+, pid \d+\) is closed: \d+ bytes of replies wait to be read "
                         r"by all clients \(limits\.all_output_bytes\)", daemon.log(), re.M), daemon.log()


def replies_that_wait_for_the_rest_of_their_batches_are_bounded():
    limits = {"payload_bytes": 32768, "output_pause_bytes": 65536, "output_bytes": 131072}
    with daemon_with(**limits) as daemon, daemon.client() as watcher, daemon.client() as other, daemon.client() as greedy:
        wait_for_camera(watcher)
        busy = other.send_request("call", {"name": "sleep", "data": "d0070000", "encoding": "hex", "timeout_ms": 30000})
        wait_until(lambda: watcher.result("cameras")[0]["busy"], "the camera to be busy")
        count = 100
        at_once = [{"jsonrpc": "2.0", "id": i, "method": "version"} for i in range(count)]
        last = {"jsonrpc": "2.0", "id": count, "method": "call", "params": {"name": "counter", "timeout_ms": 30000}}
        line = (json.dumps(at_once + [last]) + "\n").encode()
        greedy.socket.setblocking(False)
        sent = 0

        def row():
            return max(watcher.result("stats")["clients"], key=lambda row: row["output_waiting"])

        def is_read_no_further():
            nonlocal sent
            before = sent
            for _ in range(200):
                with contextlib.suppress(BlockingIOError):
                    place = sent % len(line)
                    sent += greedy.socket.send(line[place:])
            requests = row()["requests"]
            return sent == before and row()["requests"] == requests and row()["output_waiting"] > 65536
        wait_until(is_read_no_further, "the batches to be read no further")
        assert row()["output_waiting"] < 131072, row()
        assert "result" in other.reply(busy)
        # Each batch is answered whole, and what was not read before is read then.
        greedy.socket.settimeout(PATIENCE_S)
        for _ in range(sent // len(line)):
            replies = greedy.read()
            assert sorted(reply["id"] for reply in replies) == list(range(count + 1))
            assert not [reply for reply in replies if "error" in reply]


tap = Tap()
tap.run([
    replies_that_wait_for_the_rest_of_their_batches_are_bounded,
    long_lines_of_all_share_a_bound,
    arguments_of_all_share_a_bound,
    arguments_of_subscriptions_count_among_what_waits,
    long_ids_count_among_what_waits,
    a_batch_leaves_out_the_bytes_of_bad_results_that_are_too_many_together,
    many_remembered_answers_need_no_more_stack_than_one,
    subscriptions_of_all_share_a_bound,
    the_slowest_is_closed_where_too_many_replies_wait,
])
tap.finish()
