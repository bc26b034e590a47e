#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The socket's protocol: requests, ids, batches, parameters, and what hostile lines get."""

import json
import random
import string

from openmvd import Daemon, Tap, is_sanitized, wait_for_camera, wait_until

CODES = {
    "parse_error": -32700, "invalid_request": -32600, "no_such_method": -32601, "invalid_params": -32602,
    "camera_offline": -32001, "not_delivered": -32002, "no_such_camera": -32004, "bad_result": -32006,
    "too_large": -32007, "unsupported": -32012,
}

daemon = Daemon().start()


def check_error(reply, reason, request_id):
    """Checks the shape of an error as the protocol promises it."""
    assert set(reply) == {"jsonrpc", "id", "error"} and reply["jsonrpc"] == "2.0", reply
    assert reply["id"] == request_id, reply
    error = reply["error"]
    assert set(error) == {"code", "message", "data"}, error
    assert error["data"]["reason"] == reason and error["code"] == CODES[reason], error
    assert isinstance(error["data"]["retryable"], bool), error
    assert error["message"], error


def expect_error(line, reason, request_id=None):
    with daemon.client() as client:
        check_error(json.loads(client.exchange(line)), reason, request_id)
        assert client.result("ping") == "pong", "the connection has to live on"


def ping_answers_pong():
    with daemon.client() as client:
        assert client.request("ping") == {"jsonrpc": "2.0", "id": 1, "result": "pong"}


def version_names_the_daemon_and_the_protocol():
    with daemon.client() as client:
        version = client.result("version")
        assert set(version) == {"openmvd", "api"} and isinstance(version["api"], int), version


def cameras_shows_the_simulated_camera_online():
    with daemon.client() as client:
        camera = wait_for_camera(client)
        assert camera["reason"] is None and camera["since_ms"] >= 0 and camera["link"], camera
        assert "firmware" in camera, camera


def callbacks_lists_names_schemas_and_origins():
    with daemon.client() as client:
        rows = {row["name"]: row for row in client.result("callbacks")}
        assert rows["face_detection"]["result"] == {"format": "<HHHH", "fields": ["x", "y", "w", "h"]}, rows
        assert rows["jpeg_snapshot"]["result"] == "jpeg" and rows["jpeg_snapshot"]["origin"] == "camera", rows
        assert client.result("callbacks", {"camera": "camera"}) == client.result("callbacks")


def ids_come_back_as_the_text_they_came_as():
    ids = ["1", "-0", "1.0", "1e2", "1E+2", "123456789012345678901234567890", '"a"', r'"\u0041"', r'"\"\\\/"', "null",
           '""', '"\u00e9\U0001f600"', "0.1000", "9007199254740993"]
    with daemon.client() as client:
        for text in ids:
            reply = client.exchange('{"jsonrpc":"2.0","id":%s,"method":"ping"}' % text)
            assert f'"id":{text},' in reply, (text, reply)
            reply = client.exchange('{"jsonrpc":"2.0","id": %s ,"method":"nothing"}' % text)
            assert f'"id":{text},' in reply, (text, reply)


def ids_of_other_types_are_refused():
    for text in ["[1]", '{"a":1}', "true", "false"]:
        expect_error('{"jsonrpc":"2.0","id":%s,"method":"ping"}' % text, "invalid_request")


def a_notification_gets_no_reply():
    with daemon.client() as client:
        client.send('{"jsonrpc":"2.0","method":"ping"}\n{"jsonrpc":"2.0","method":"nothing"}\n'
                    '{"jsonrpc":"2.0","method":"call","params":{"name":"face_detection"}}\n'
                    '{"jsonrpc":"2.0","method":"call","params":{"reply":7}}\n'
                    '{"jsonrpc":"2.0","method":"call","params":{"name":"face_detection","reply":"raw"}}\n')
        assert client.result("ping") == "pong"
        client.shut_down_writing()
        assert client.read() is None


def empty_lines_and_carriage_returns_are_ignored():
    with daemon.client() as client:
        client.send(b"\n\r\n\n" + b'{"jsonrpc":"2.0","id":5,"method":"ping"}\r\n\r\n')
        assert client.read() == {"jsonrpc": "2.0", "id": 5, "result": "pong"}
        assert client.result("ping") == "pong"


def white_space_around_a_request_is_allowed():
    with daemon.client() as client:
        assert json.loads(client.exchange(' \t {"jsonrpc" : "2.0" , "id" : 5 , "method" : "ping" } \t'))["id"] == 5


def what_is_no_request_is_refused():
    for line in ["1", '"ping"', "null", "true", "{}", '{"jsonrpc":"2.0"}', '{"id":null,"method":"ping"}',
                 '{"jsonrpc":"2.0","method":1,"params":"bar"}', '{"jsonrpc":"1.0","method":"ping"}',
                 '{"jsonrpc":2.0,"method":"ping"}', '{"jsonrpc":"2.0","Method":"ping"}', "[]"]:
        expect_error(line, "invalid_request")


def an_invalid_request_is_answered_under_its_id():
    for line in ['{"jsonrpc":"2.0","id":7,"method":1}', '{"jsonrpc":"2.0","id":7}', '{"id":7,"method":"ping"}',
                 '{"jsonrpc":"2.0","id":7,"method":"ping","params":"bar"}',
                 '{"jsonrpc":"2.0","id":7,"method":"ping","params":1}',
                 '{"jsonrpc":"2.0","id":7,"method":"ping","params":null}',
                 '{"jsonrpc":"2.0","id":7,"method":"ping","method":"version"}']:
        expect_error(line, "invalid_request", 7)


def members_that_mean_nothing_are_let_by():
    with daemon.client() as client:
        reply = json.loads(client.exchange('{"extra":[1],"jsonrpc":"2.0","id":7,"method":"ping"}'))
        assert reply["result"] == "pong", reply


def the_examples_of_the_json_rpc_specification_fit():
    """the examples of the JSON-RPC 2.0 specification get what it says"""
    expect_error('{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', "no_such_method", "1")
    expect_error('{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', "parse_error")
    expect_error('{"jsonrpc": "2.0", "method": 1, "params": "bar"}', "invalid_request")
    expect_error('[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},'
                 '{"jsonrpc": "2.0", "method"]', "parse_error")
    expect_error("[]", "invalid_request")
    with daemon.client() as client:
        replies = json.loads(client.exchange("[1]"))
        assert len(replies) == 1
        check_error(replies[0], "invalid_request", None)
        replies = json.loads(client.exchange("[1,2,3]"))
        assert len(replies) == 3
        for reply in replies:
            check_error(reply, "invalid_request", None)
        replies = json.loads(client.exchange(
            '[{"jsonrpc": "2.0", "method": "ping", "id": "1"}, {"jsonrpc": "2.0", "method": "ping"},'
            '{"jsonrpc": "2.0", "method": "ping", "id": "2"}, {"foo": "boo"},'
            '{"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},'
            '{"jsonrpc": "2.0", "method": "version", "id": "9"}]'))
        by_id = {reply["id"]: reply for reply in replies}
        assert set(by_id) == {"1", "2", None, "5", "9"} and len(replies) == 5, replies
        check_error(by_id["5"], "no_such_method", "5")
        check_error(by_id[None], "invalid_request", None)
        assert by_id["2"]["result"] == "pong"
        client.send('[{"jsonrpc": "2.0", "method": "ping"}, {"jsonrpc": "2.0", "method": "version"}]\n')
        assert client.result("ping") == "pong", "a batch of notifications is not answered"


def a_batch_holds_at_most_256_requests():
    one = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    with daemon.client() as client:
        replies = json.loads(client.exchange("[" + ",".join([one] * 256) + "]"))
        assert len(replies) == 256 and all(reply["result"] == "pong" for reply in replies)
    expect_error("[" + ",".join([one] * 257) + "]", "invalid_request")


def a_batch_mixes_calls_and_errors():
    with daemon.client() as client:
        batch = [{"jsonrpc": "2.0", "id": i, "method": "call",
                  "params": {"name": "echo", "data": f"{i:02x}", "encoding": "hex", "reply": "hex"}} for i in range(20)]
        batch.append({"jsonrpc": "2.0", "id": "raw", "method": "call", "params": {"name": "echo", "reply": "raw"}})
        replies = {reply["id"]: reply for reply in json.loads(client.exchange(json.dumps(batch)))}
        check_error(replies["raw"], "invalid_params", "raw")
        assert all(replies[i]["result"]["value"] == f"{i:02x}" for i in range(20)), replies


def broken_json_is_a_parse_error():
    lines = [b"{", b"}", b'{"jsonrpc":"2.0","id":1,"method":"ping"}x', b'{"a":1}{"b":2}', b"nul", b"'a'", b"[1,]", b'{"a":}',
             b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', b"\x00", b'"\\u0000"', b'"\\ud800"', b"\xef\xbb\xbf{}", b"01",
             b"NaN", b"// no", b"[" * 33 + b"]" * 33, b'{"a":' * 40 + b"1" + b"}" * 40, b"\xc0\xaf", b'"\\x"', b'"\t"']
    for line in lines:
        expect_error(line, "parse_error")


def thirty_two_levels_are_deep_enough():
    with daemon.client() as client:
        replies = json.loads(client.exchange("[" * 32 + "]" * 32))
        check_error(replies[0], "invalid_request", None)


def random_garbage_gets_one_error_a_line():
    source = random.Random(11)
    with daemon.client() as client:
        lines = [bytes(source.choice(b'{}[]",:\\ truefalsn0123456789.eE+-\x80\xff\x01') for _ in range(source.randrange(1, 60)))
                 for _ in range(500)]
        lines = [line for line in lines if line.strip(b"\r")]
        client.send(b"\n".join(lines) + b"\n")
        for _ in lines:
            reply = client.read()
            for one in reply if isinstance(reply, list) else [reply]:
                assert one["error"]["data"]["reason"] in ("parse_error", "invalid_request"), reply
        assert client.result("ping") == "pong"


def an_endless_line_gets_one_error_and_its_rest_is_discarded():
    with daemon.client() as client:
        before = daemon.resident_kb()
        for _ in range(300):
            client.send(b"x" * 65536)
        check_error(client.read(), "too_large", None)
        assert daemon.resident_kb() < before + 8000 or is_sanitized(), "an endless line fills the memory"
        client.send(b'","id":1}\n')
        assert client.result("ping") == "pong", "the next line is a line again"
        assert not client.is_readable()


def a_line_of_just_the_limit_is_read():
    with daemon.client() as client:
        text = '{"jsonrpc":"2.0","id":1,"method":"ping"%s}'
        fill = (1 << 20) - len(text % "")
        assert json.loads(client.exchange(text % (" " * fill)))["result"] == "pong"
        check_error(json.loads(client.exchange(text % (" " * (fill + 1)))), "too_large", None)
        assert client.result("ping") == "pong"


def a_request_may_come_byte_by_byte():
    with daemon.client() as client:
        for byte in b'{"jsonrpc":"2.0","id":77,"method":"ping"}\n':
            client.send(bytes([byte]))
        assert client.read() == {"jsonrpc": "2.0", "id": 77, "result": "pong"}


def many_lines_of_one_write_are_all_answered():
    with daemon.client() as client:
        count = 5000
        client.send("".join('{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % i for i in range(count)))
        assert [client.read()["id"] for _ in range(count)] == list(range(count))


def parameters_are_checked_by_name_and_type():
    bad = [
        ("ping", {"x": 1}), ("ping", [1]), ("ping", []), ("version", {"a": None}), ("call", {}), ("call", [1]),
        ("call", {"name": 1}), ("call", {"name": ""}), ("call", {"name": "x" * 65}), ("call", {"name": "#12"}),
        ("call", {"name": "#1234567g"}), ("call", {"name": "echo", "timeout_ms": 0}),
        ("call", {"name": "echo", "timeout_ms": 1.5}), ("call", {"name": "echo", "timeout_ms": -1}),
        ("call", {"name": "echo", "timeout_ms": "5"}), ("call", {"name": "echo", "timeout_ms": 10**18}),
        ("call", {"name": "echo", "timeout_ms": 10**30}), ("call", {"name": "echo", "max_age_ms": -1}),
        ("call", {"name": "echo", "priority": "urgent"}), ("call", {"name": "echo", "priority": 1}),
        ("call", {"name": "echo", "wait": 1}), ("call", {"name": "echo", "progress": "yes"}),
        ("call", {"name": "echo", "reply": "xml"}), ("call", {"name": "echo", "encoding": "hex"}),
        ("call", {"name": "echo", "data": 5}), ("call", {"name": "echo", "data": "Zg"}),
        ("call", {"name": "echo", "data": "abc", "encoding": "hex"}), ("call", {"name": "echo", "data": "zz", "encoding": "hex"}),
        ("call", {"name": "echo", "data": "", "encoding": "rot13"}), ("call", {"name": "echo", "args": [1]}),
        ("call", {"name": "echo", "args": [], "data": ""}), ("call", {"name": "color_detection"}),
        ("call", {"name": "color_detection", "args": [1, 2, 3]}), ("call", {"name": "echo", "camera": 1}),
        ("call", {"name": "color_detection", "args": [1, 2, 3, 4, 5, 128]}), ("cancel", {}), ("cancel", {"id": []}),
        ("cameras", {"camera": "camera"}), ("stats", {"camera": 1}), ("release", {"camera": None}),
    ]
    with daemon.client() as client:
        for method, params in bad:
            number = client.send_request(method, params)
            check_error(client.reply(number), "invalid_params", number)
        doubled = client.exchange('{"jsonrpc":"2.0","id":1,"method":"call","params":{"name":"echo","name":"echo"}}')
        check_error(json.loads(doubled), "invalid_params", 1)


def a_near_miss_is_told():
    with daemon.client() as client:
        assert 'did you mean "timeout_ms"?' in client.error("call", {"name": "echo", "timout_ms": 5})["message"]
        assert 'did you mean "cameras"?' in client.error("camera")["message"]
        assert 'did you mean "camera"?' in client.error("call", {"name": "echo", "camera": "camrea"})["message"]


def a_camera_that_is_not_there_is_told():
    with daemon.client() as client:
        for method in ["call", "callbacks", "release", "acquire", "reset", "stats"]:
            params = {"camera": "nowhere"}
            if method == "call":
                params["name"] = "echo"
            number = client.send_request(method, params)
            check_error(client.reply(number), "no_such_camera", number)


def reset_says_what_would_be_needed():
    with daemon.client() as client:
        number = client.send_request("reset")
        reply = client.reply(number)
        check_error(reply, "unsupported", number)
        assert "GPIO" in reply["error"]["message"]


def messages_are_valid_text_whatever_is_quoted():
    """error messages stay valid UTF-8 whatever they quote"""
    with daemon.client() as client:
        for name in ["\u00e9" * 300, "\U0001f600" * 100, "a" + "\u20ac" * 100, "\x01\x1f\x7f", string.printable]:
            for line in (json.dumps({"jsonrpc": "2.0", "id": 1, "method": name}, ensure_ascii=False),
                         json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {name: 1}}),
                         json.dumps({"jsonrpc": "2.0", "id": 1, "method": "reset", "params": {"camera": name}})):
                if "\n" not in line:
                    assert "error" in json.loads(client.exchange(line))


def stats_counts_calls_clients_and_limits():
    with daemon.client() as client:
        wait_for_camera(client)
        for _ in range(3):
            client.result("call", {"name": "counter"})
        stats = client.result("stats", {"camera": "camera"})
        camera = stats["cameras"][0]
        row = {row["name"]: row for row in camera["callbacks"]}["counter"]
        assert row["calls"] >= 3 and row["outcomes"]["ok"] >= 3 and row["bytes_from_camera"] >= 12, row
        latency = row["latency_ms"]
        assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"], latency
        assert camera["wire"]["calls"] >= 3 and camera["wire"]["bytes_sent"] > 0, camera
        mine = [row for row in stats["clients"] if row["you"]][0]
        assert mine["requests"] >= 4 and mine["bytes_in"] > 0 and mine["bytes_out"] > 0, mine
        assert stats["limits"]["clients"]["limit"] == 64 and stats["limits"]["clients"]["used"] >= 1, stats


def names_beyond_the_table_share_a_row_of_stats():
    stock = {"cameras": {"camera": {"link": {"type": "sim", "stock": True}}}}
    with Daemon(config=stock) as other, other.client() as client:
        numbers = [client.send_request("call", {"name": f"made_up_{i}", "timeout_ms": 600000}) for i in range(100)]
        for number in numbers:
            assert client.reply(number)["result"]["value"] is None
        rows = client.result("stats")["cameras"][0]["callbacks"]
        assert len(rows) == 65 and rows[-1]["name"] == "(others)", len(rows)


def unread_replies_do_not_stop_others():
    """a client that never reads is read no further, and others do not notice"""
    with daemon.client() as silent, daemon.client() as polite:
        silent.socket.setblocking(False)
        line = b'{"jsonrpc":"2.0","id":1,"method":"stats"}\n'
        sent, rest = 0, line * 1000

        def waiting():
            return max(row["output_waiting"] for row in polite.result("stats")["clients"])

        def has_stopped():
            nonlocal sent, rest
            try:
                count = silent.socket.send(rest)
                sent, rest = sent + count, rest[count:] or line * 1000
                return False
            except BlockingIOError:
                # A daemon that is only slow has not stopped yet.
                return waiting() > 256 << 10
        wait_until(has_stopped, "the daemon to stop reading")
        assert polite.result("ping") == "pong"
        assert waiting() < 1 << 20, waiting()
        silent.socket.settimeout(30)
        answered = 0
        # What was held back is answered in the end, each once.
        while answered < sent // len(line):
            assert silent.read()["id"] == 1
            answered += 1
    with daemon.client() as client:
        assert client.result("ping") == "pong"


def reason(error):
    return error["data"]["reason"]


def events_tell_of_cameras_that_come_and_go():
    with Daemon() as own, own.client() as client, own.client() as other:
        wait_for_camera(client)
        number = client.result("subscribe", {"events": True})["subscription"]
        assert isinstance(number, int), number
        assert other.result("release") is True
        event = client.event()
        assert event["subscription"] == number and event["seq"] == 1 and event["dropped"] == 0, event
        assert event["value"]["camera"] == "camera" and event["value"]["state"] == "released", event
        assert other.result("acquire") is True
        states = []
        while not states or states[-1] != "online":
            event = client.event()
            assert event["seq"] == len(states) + 2, event
            states.append(event["value"]["state"])
        assert states[0] == "connecting", states
        assert client.result("unsubscribe", {"subscription": number}) is True
        assert other.result("release") is True
        assert client.result("ping") == "pong" and not client.is_readable(), "an event after unsubscribe"
        assert reason(client.error("unsubscribe", {"subscription": number})) == "invalid_params"


def subscriptions_outlive_the_end_of_the_requests():
    with Daemon() as own, own.client() as client, own.client() as other:
        wait_for_camera(other)
        client.send_request("subscribe", {"events": True})
        client.shut_down_writing()
        assert "result" in client.read()
        assert other.result("release") is True
        assert client.event()["value"]["state"] == "released"
        assert len(other.result("stats")["clients"]) == 2
        client.close()
        wait_until(lambda: len(other.result("stats")["clients"]) == 1, "the daemon to see that its subscriber has gone")


def subscriptions_have_a_limit_and_a_kind():
    config = {"cameras": {"camera": {"link": {"type": "sim"}}}, "limits": {"client_subscriptions": 2}}
    with Daemon(config=config) as own, own.client() as client:
        for _ in range(2):
            client.result("subscribe", {"events": True})
        assert reason(client.error("subscribe", {"events": True})) == "queue_full"
        assert client.result("stats")["limits"]["client_subscriptions"] == {"limit": 2, "used": 2}
        assert reason(client.error("subscribe", {"events": False})) == "invalid_params"
        assert reason(client.error("subscribe")) == "invalid_params"


def subscriber_that_does_not_read_loses_events_and_is_told():
    config = {"cameras": {"camera": {"link": {"type": "sim"}}}, "limits": {"output_pause_bytes": 4096}}
    with Daemon(config=config) as own, own.client() as client, own.client() as other:
        wait_for_camera(client)
        client.result("subscribe", {"events": True})
        # Replies nobody reads fill the socket and then the daemon's buffer; events come on top.
        filler = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "callbacks"}) + "\n"
        client.socket.setblocking(False)

        def is_clogged():
            try:
                client.socket.send(filler.encode() * 20)
            except BlockingIOError:
                pass
            mine = [row for row in other.result("stats")["clients"] if not row["you"]]
            return mine[0]["output_waiting"] > 4096
        wait_until(is_clogged, "the daemon to hold replies back")
        for _ in range(3):
            assert other.result("release") is True and other.result("acquire") is True
            wait_for_camera(other)
        client.socket.setblocking(True)
        client.socket.settimeout(30)
        # What has room now comes with the number of what had none.
        other.send_request("release")
        events = []
        while not events or events[-1]["value"]["state"] != "released" or events[-1]["dropped"] == 0:
            message = client.read()
            if message.get("method") == "event":
                events.append(message["params"])
                if events[-1]["dropped"] == 0:
                    assert events[-1]["seq"] == len(events)
            elif not client.is_readable(0.2):
                other.result("acquire")
                other.result("release")
        assert events[-1]["seq"] == len(events) + events[-1]["dropped"], events[-1]


tap = Tap()
tap.run([test for name, test in list(globals().items())
         if callable(test) and getattr(test, "__module__", "") == "__main__" and name not in ("check_error", "expect_error", "reason")])


def the_daemon_ends_well_after_all_that():
    assert daemon.stop() == 0


tap.run([the_daemon_ends_well_after_all_that])
tap.finish()
