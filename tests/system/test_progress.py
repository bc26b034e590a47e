#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Notifications of how much of a large result has come."""

import base64
import json

from cameras import SimulatedCamera, StockCamera, blob, config_of
from openmvd import Daemon, Tap, wait_for_camera, wait_until

# 80,000 bytes a second: a blob of 90,000 bytes takes more than one.
BAUD = 800000
SLOW = f"slow={BAUD}"
SIZE = 90000
# Takes longer than a busy machine holds somebody up, and is more than twice of what a terminal holds meanwhile.
LONG = 4 * SIZE


def config(camera, baud=BAUD, **limits):
    made = config_of(camera.path, limits=limits)
    made["cameras"]["camera"]["link"]["baud"] = baud
    return made


def sessions():
    return SimulatedCamera("--faults", SLOW)


def stock():
    return SimulatedCamera("--stock", "--faults", SLOW)


def ask(size=SIZE, **more):
    data = size.to_bytes(4, "little").hex()
    return {"name": "blob", "data": data, "encoding": "hex", "timeout_ms": 60000, "progress": True, **more}


def result_of(client, number):
    reply = client.reply(number)
    assert "result" in reply, reply
    return reply["result"]


def check_counts(counts, size, least=3):
    """From something to everything, and not backwards."""
    # Who is held up in the middle of a packet asks for it anew, and that is no habit.
    anew = [i for i in range(1, len(counts)) if counts[i] <= counts[i - 1]]
    assert len(counts) >= least and len(anew) <= max(1, len(counts) // 4) and counts[-1] == size, counts


def check_told(client, number, size=SIZE):
    """From something to everything, and at most ten a second but for the last."""
    elapsed_ms = result_of(client, number)["elapsed_ms"]
    told = client.progress
    assert [one["id"] for one in told] == [number] * len(told), told
    assert [one["total"] for one in told] == [size] * len(told), told
    counts = [one["bytes"] for one in told]
    check_counts(counts, size)
    assert counts[0] < size / 2, counts
    most = elapsed_ms / 100 + 2
    assert len(counts) <= most, f"{len(counts)} notifications where {most:.1f} are the most"


def a_result_in_pieces_is_told_of_as_it_comes():
    with sessions() as camera, Daemon(config=config(camera)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        number = client.send_request("call", ask())
        check_told(client, number)


def a_stock_cameras_single_packet_is_told_of_as_it_comes():
    with stock() as camera, Daemon(config=config(camera)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        number = client.send_request("call", ask(LONG))
        check_told(client, number, LONG)


def a_held_picture_is_told_of_as_it_is_read():
    with SimulatedCamera("--faults", "slow=100000") as camera, Daemon(config=config(camera, 100000)) as daemon, \
            daemon.client() as client:
        wait_for_camera(client)
        number = client.send_request("call", {"name": "jpeg_image_snapshot", "args": "sensor.RGB565,sensor.QVGA",
                                              "timeout_ms": 60000, "progress": True})
        client.replies[number] = client.reply(number)
        size = client.replies[number]["result"]["value"]["size"]
        check_told(client, number, size)


def a_bar_begins_at_once_and_ends_full_also_where_it_is_short():
    with Daemon() as daemon, daemon.client() as client:
        wait_for_camera(client)
        number = client.send_request("call", ask(200000))
        result_of(client, number)
        counts = [one["bytes"] for one in client.progress]
        assert counts[0] < 200000 and counts[-1] == 200000, counts
        client.progress.clear()
        number = client.send_request("call", {"name": "face_detection", "progress": True})
        assert result_of(client, number)["bytes"] == 8
        assert [(one["id"], one["bytes"], one["total"]) for one in client.progress] == [(number, 8, 8)]


def nothing_is_told_unasked_of_nothing_or_after_an_error():
    with Daemon() as daemon, daemon.client() as client:
        wait_for_camera(client)
        for params in (ask(200000, progress=False), ask(0)):
            assert "result" in client.request("call", params), params
        assert client.error("call", {"name": "fail", "args": "E: x", "progress": True})
        assert client.error("call", ask(1048577))
        assert client.result("ping") == "pong" and client.progress == []


def the_id_is_the_text_that_it_came_as():
    with Daemon() as daemon, daemon.client() as client:
        wait_for_camera(client)
        for text in ("1.50", '"a\\u00e9"', "null", "12345678901234567890"):
            client.send('{"jsonrpc":"2.0","id":%s,"method":"call","params":%s}\n' % (text, json.dumps(ask(200000))))
            line = client.read_line().decode()
            assert line.startswith('{"jsonrpc":"2.0","method":"progress","params":{"id":%s,"bytes":' % text), line
            while '"method":"progress"' in line:
                line = client.read_line().decode()
            assert line.startswith('{"jsonrpc":"2.0","id":%s,"result":' % text), line[:200]


def a_request_without_an_id_is_told_nothing():
    with sessions() as camera, Daemon(config=config(camera)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        client.send(json.dumps({"jsonrpc": "2.0", "method": "call", "params": ask()}) + "\n")
        client.result("call", {"name": "counter", "timeout_ms": 60000})
        wait_until(lambda: not client.result("cameras")[0]["busy"], "the camera to be free")
        assert client.progress == []


def raw_bytes_stand_directly_behind_their_line():
    with sessions() as camera, Daemon(config=config(camera)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        numbers = [client.send_request("call", ask(size, reply="raw")) for size in (SIZE, SIZE + 1)]
        sizes = {}
        told = set()
        while len(sizes) < 2:
            message = client.read()
            if "method" in message:
                assert message["params"]["id"] not in sizes, "told after the reply"
                told.add(message["params"]["id"])
                continue
            sizes[message["id"]] = message["result"]["value"]["raw"]
            client.read_bytes(sizes[message["id"]])
        assert list(map(sizes.get, numbers)) == [SIZE, SIZE + 1] and told == set(numbers)


def requests_of_a_batch_are_told_of_before_its_replies():
    with sessions() as camera, Daemon(config=config(camera)) as daemon, daemon.client() as client:
        wait_for_camera(client)
        batch = [{"jsonrpc": "2.0", "id": name, "method": "call", "params": ask(size)}
                 for name, size in (("a", SIZE), ("b", SIZE + 1))]
        client.send(json.dumps(batch) + "\n")
        told = {"a": [], "b": []}
        message = client.read()
        while isinstance(message, dict):
            told[message["params"]["id"]].append(message["params"]["bytes"])
            message = client.read()
        assert {one["id"]: one["result"]["bytes"] for one in message} == {"a": SIZE, "b": SIZE + 1}
        assert told["a"][-1] == SIZE and told["b"][-1] == SIZE + 1 and len(told["a"]) > 3 and len(told["b"]) > 3, told


def who_shares_an_answer_is_told_as_well():
    with stock() as camera, Daemon(config=config(camera)) as daemon, daemon.client() as first, \
            daemon.client() as other, daemon.client() as silent:
        wait_for_camera(first)
        with daemon.held():
            numbers = [client.send_request("call", ask(LONG, progress=client is not silent)) for client in (first, other, silent)]
        check_told(first, numbers[0], LONG)
        check_told(other, numbers[1], LONG)
        assert result_of(silent, numbers[2])["bytes"] == LONG and silent.progress == []
        assert first.result("stats")["cameras"][0]["answers"]["shared"] == 2


def a_client_that_does_not_read_is_told_nothing_and_gets_its_reply():
    with sessions() as camera, Daemon(config=config(camera, output_pause_bytes=4096)) as daemon, \
            daemon.client() as deaf, daemon.client() as client:
        wait_for_camera(client)
        row = wait_until(lambda: next((one for one in client.result("stats")["clients"] if not one["you"]), None), "both")
        number = deaf.send_request("call", ask(LONG))
        deaf.send(b'{"jsonrpc":"2.0","id":0,"method":"callbacks"}\n' * 2000)

        def waiting():
            rows = client.result("stats")["clients"]
            return next(one["output_waiting"] for one in rows if one["client"] == row["client"])

        wait_until(lambda: waiting() > 4096, "the client to be clogged")
        before = waiting()
        wait_until(lambda: not client.result("cameras")[0]["busy"], "the camera to be free")
        grown = waiting() - before
        reply = 4 * ((LONG + 2) // 3)
        assert reply < grown < reply + 500, grown
        assert result_of(deaf, number)["bytes"] == LONG


def others_are_served_between_pieces_of_who_watches_them():
    with sessions() as camera, Daemon(config=config(camera)) as daemon, daemon.client() as large, \
            daemon.client() as small:
        wait_for_camera(small)
        number = large.send_request("call", ask(LONG))
        wait_until(lambda: small.result("cameras")[0]["busy"], "the camera to be busy")
        between = 0
        while not large.is_readable() or b'"result"' not in large.buffer:
            small.result("call", {"name": "counter", "timeout_ms": 60000})
            between += 1
            if large.is_readable():
                large._fill()
        assert between >= 3, between
        assert base64.b64decode(result_of(large, number)["value"]) != b""


def a_subscription_is_told_of_each_of_its_answers():
    with stock() as camera, Daemon(config=config(camera)) as daemon, daemon.client() as client, \
            daemon.client() as silent:
        wait_for_camera(client)
        number = client.result("subscribe", ask())["subscription"]
        silent.result("subscribe", ask(progress=False))
        for _ in range(2):
            counts = []
            while (message := client.read())["method"] == "progress":
                assert list(message["params"]) == ["subscription", "bytes", "total"], message
                assert message["params"]["subscription"] == number and message["params"]["total"] == SIZE, message
                counts.append(message["params"]["bytes"])
            assert message["params"]["subscription"] == number and "error" not in message["params"], message
            check_counts(counts, SIZE, least=4)
            assert "value" in silent.event()
        error = client.error("subscribe", {"stream": "jpeg_image_stream", "progress": True})
        assert error["message"] == 'progress: not with "stream"', error


def a_megabyte_in_a_moment_costs_few_lines():
    with StockCamera("--kind", "vcp", "--memory", 4000000) as camera, Daemon(config=config_of(camera.path)) as daemon, \
            daemon.client() as client:
        wait_for_camera(client)
        result = client.result("call", ask(1000000))
        assert base64.b64decode(result["value"]) == blob(1000000)
        assert client.progress[-1]["bytes"] == 1000000
        assert len(client.progress) <= result["elapsed_ms"] / 100 + 2


tap = Tap()
tap.run([
    a_result_in_pieces_is_told_of_as_it_comes,
    a_stock_cameras_single_packet_is_told_of_as_it_comes,
    a_held_picture_is_told_of_as_it_is_read,
    a_bar_begins_at_once_and_ends_full_also_where_it_is_short,
    nothing_is_told_unasked_of_nothing_or_after_an_error,
    the_id_is_the_text_that_it_came_as,
    a_request_without_an_id_is_told_nothing,
    raw_bytes_stand_directly_behind_their_line,
    requests_of_a_batch_are_told_of_before_its_replies,
    who_shares_an_answer_is_told_as_well,
    a_client_that_does_not_read_is_told_nothing_and_gets_its_reply,
    others_are_served_between_pieces_of_who_watches_them,
    a_subscription_is_told_of_each_of_its_answers,
    a_megabyte_in_a_moment_costs_few_lines,
])
tap.finish()
