#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""openmvctl against a fake daemon: what it makes of subscriptions, in `watch` and `stream`."""

import contextlib
import fcntl
import itertools
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

from openmvctl_bench import (OPENMVCTL, PATIENCE, OK, FAILED, USAGE, REFUSED, Daemon, clean_environment, error, expect,
                             expect_failure, expect_in, expect_not_in, line_for, main, run, run_on_terminal, test,
                             until)

PICTURE = b"\xff\xd8" + bytes(range(256)) * 100 + b"\n\0\xff\xd9"


def event(value, number=1, dropped=0, more="", content=b""):
    """The line of an event, whose value is JSON text, and the bytes behind it."""
    return (f'{{"jsonrpc":"2.0","method":"event","params":{{"subscription":7,"seq":{number},"dropped":{dropped},'
            f'"value":{value}{more}}}}}\n').encode() + content


def frame(content, number=1, dropped=0):
    return event('{"raw":%d}' % len(content), number, dropped, content=content)


def failure(reason, message):
    return event("null", more=',"error":' + json.dumps({"code": -32000, "message": message,
                                                       "data": {"reason": reason, "retryable": True}}))


def subscription(*pieces):
    """The reply to a subscription, and what comes then: bytes, or functions that are called in between; "close" ends
    the connection."""
    def send(connection, request):
        connection.sendall(line_for(request, "result", '{"subscription":7}'))
        for piece in pieces:
            if piece == "close":
                return "close"
            if callable(piece):
                piece()
            else:
                connection.sendall(piece)
        return None
    return send


@contextlib.contextmanager
def started(daemon, *arguments, **pipes):
    process = subprocess.Popen([OPENMVCTL, "--socket", daemon.path, *arguments], env=clean_environment(), **pipes)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def read_until(descriptor, part):
    """What comes from a terminal up to and with something that matches `part`."""
    shown = b""
    end = time.monotonic() + PATIENCE
    while not re.search(part, shown):
        if not select.select([descriptor], [], [], max(0, end - time.monotonic()))[0]:
            raise AssertionError(f"waited in vain for {part!r} in {shown!r}")
        shown += os.read(descriptor, 65536)
    return shown


def endlessly(what):
    """The reply to a subscription, and the same again and again, until the subscriber leaves."""
    return subscription(*itertools.repeat(what, 1 << 20))


# Watching


@test
def watch_subscribes_as_it_is_told():
    cases = [
        (["x"], {"name": "x"}),
        (["x", "--every", "100ms", "--on-change"], {"name": "x", "interval_ms": 100, "on_change": True}),
        (["x", "a=1", "b=two", "--camera", "front"], {"name": "x", "camera": "front", "args": {"a": 1, "b": "two"}}),
        (["x", "1", "2", "--priority", "low", "--max-age", "50", "--timeout", "2"],
         {"name": "x", "args": [1, 2], "priority": "low", "max_age_ms": 50, "timeout_ms": 2000}),
        (["x", "--data", "00ff"], {"name": "x", "data": "00ff", "encoding": "hex"}),
        (["--events"], {"events": True}),
        (["--events", "--camera", "front"], {"events": True}),
    ]
    for arguments, wanted in cases:
        with Daemon(subscription(event('{"camera":"front"}'))) as daemon:
            expect(run(daemon, "watch", "--count", "1", *arguments).returncode, OK, f"exit code of {arguments}")
            expect(daemon.requests[0]["method"], "subscribe", "method")
            expect(daemon.params(), wanted, f"params of {arguments}")


@test
def a_wrong_command_line_of_watch_and_stream_is_told_and_nothing_is_sent():
    wrong = [
        (["watch"], "name of a callback, or --events"),
        (["watch", "x", "--events"], "name of a callback, or --events"),
        (["watch", "--events", "--every", "1"], "only --count and --camera"),
        (["watch", "--events", "--on-change"], "only --count and --camera"),
        (["watch", "x", "--every", "0"], "--every"),
        (["watch", "x", "--every", "0.5ms"], "--every"),
        (["watch", "x", "--count", "0"], "--count"),
        (["watch", "x", "a=1", "2"], "for all or for none"),
        (["watch", "x", "--out", "a"], "no option --out"),
        (["stream", "--out", "%s"], "no file name"),
        (["stream", "--out", ""], "no file name"),
        (["stream", "--json"], "standard output"),
        (["stream", "--every", "1"], "no option --every"),
    ]
    with Daemon() as daemon:
        for arguments, part in wrong:
            done = run(daemon, *arguments)
            expect_failure(done, USAGE, part, "--help")
            expect(done.stdout, b"", "standard output")
        expect(daemon.requests, [], "requests")


@test
def each_answer_is_a_line():
    answers = ['{"x":1,"y":18446744073709551615}', "null", '"two\\nlines \\u001b[31m"', "[1,2.50]", '{"a":[1,{"b":2}]}',
               '{}']
    with Daemon(subscription(*map(event, answers))) as daemon:
        done = run(daemon, "watch", "x", "--count", str(len(answers)))
        expect(done.stdout.decode(), "x 1  y 18446744073709551615\nnothing seen\ntwo\\nlines \\u001b[31m\n1  2.50\n"
               '{"a":[1,{"b":2}]}\n(none)\n', "lines")
        expect((done.returncode, done.stderr), (OK, ""), "outcome")


@test
def json_gives_the_params_of_each_event_exactly_as_they_came():
    params = '{"subscription" : 7,"seq":3,"dropped":0,"value":{"n":[1.0, 1E5,18446744073709551615]}, "new":null}'
    line = f'{{"method":"event", "params":{params},"jsonrpc":"2.0"}}\n'.encode()
    with Daemon(subscription(line, failure("camera_offline", "away"))) as daemon:
        done = run(daemon, "watch", "x", "--json", "--count", "2")
        lines = done.stdout.decode().splitlines()
        expect(lines[0], params, "line")
        expect(json.loads(lines[1])["error"]["data"]["reason"], "camera_offline", "reason")
        expect((done.returncode, done.stderr), (OK, ""), "outcome")


@test
def a_failed_call_is_told_and_the_watch_goes_on():
    with Daemon(subscription(event("1"), failure("camera_offline", "it is \x1b away"), event("2"))) as daemon:
        done = run(daemon, "watch", "x", "--count", "3")
        expect((done.returncode, done.stdout), (OK, b"1\n2\n"), "outcome")
        expect(done.stderr, "openmvctl: it is \\u001b away\n", "standard error")


@test
def what_was_missed_is_told():
    with Daemon(subscription(event("1", 1), event("5", 5, 3), event("6", 6, 3), event("9", 9, 5))) as daemon:
        done = run(daemon, "watch", "x", "--count", "4")
        expect(done.stdout, b"1\n5\n6\n9\n", "lines")
        expect([line.split()[1] for line in done.stderr.splitlines()], ["3", "2"], "missed")


@test
def a_watch_ends_well_when_interrupted():
    for number in (signal.SIGINT, signal.SIGTERM):
        with Daemon(subscription(event("1"))) as daemon, \
                started(daemon, "watch", "x", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            expect(process.stdout.readline(), b"1\n", "line")
            process.send_signal(number)
            expect(process.wait(PATIENCE), OK, "exit code")
            expect(process.stderr.read(), b"", "standard error")


@test
def a_watch_ends_when_the_daemon_does():
    with Daemon(*[subscription(event("1"), event("2")[:20], "close")] * 2) as daemon:
        done = run(daemon, "watch", "x")
        expect(done.stdout, b"1\n", "lines")
        expect_failure(done, FAILED, "closed the connection", "still running")
        done = run(daemon, "watch", "x", "--json")
        expect(done.returncode, FAILED, "exit code")
        expect(json.loads(done.stdout.splitlines()[1])["data"]["reason"], "connection_lost", "reason")


@test
def a_refused_subscription_ends_with_its_exit_code():
    with Daemon(*[error("no_such_callback", message="no x here")] * 3) as daemon:
        expect_failure(run(daemon, "watch", "x"), REFUSED, "no x here", "openmvctl callbacks")
        expect_failure(run(daemon, "stream"), REFUSED, "no x here")
        done = run(daemon, "watch", "x", "--json")
        expect((done.returncode, json.loads(done.stdout)["message"]), (REFUSED, "no x here"), "outcome")


@test
def events_are_found_however_they_are_cut_and_whatever_is_between_them():
    stranger = b'{"jsonrpc":"2.0","method":"news","params":{}}\n\r\n\n'
    long = json.dumps("x" * 300000)
    stream = stranger + event("1") + event(long) + stranger + event("3")
    pieces = [stream[:150], lambda: time.sleep(0.25), stream[150:5000], lambda: time.sleep(0.25), stream[5000:]]
    with Daemon(subscription(*pieces), subscription(*[stream[i:i + 1] for i in range(400)], stream[400:])) as daemon:
        for _ in range(2):
            done = run(daemon, "watch", "x", "--count", "3")
            expect(done.stdout.decode(), "1\n" + "x" * 300000 + "\n3\n", "lines")
            expect(done.returncode, OK, "exit code")


@test
def what_is_no_event_and_never_can_be_ends_the_watch():
    cases = [
        (b"hello\n", "not JSON-RPC"),
        (b"[]\n", "not JSON-RPC"),
        (b'"' + b"x" * (17 << 20), "longer than 16 MiB"),
        (line_for({"id": None}, "error", '{"code":-32008,"message":"no more","data":{"reason":"queue_full"}}'),
         "no more"),
    ]
    for line, message in cases:
        with Daemon(subscription(line)) as daemon:
            expect_failure(run(daemon, "watch", "x"), FAILED, message)


@test
def a_terminal_shows_the_latest_answer_and_is_left_as_it_was():
    with Daemon(subscription(event('{"x":1,"name":"\\u001b[31m"}'), event('{"x":22,"name":"left"}', 4, 2))) as daemon:
        code, shown = run_on_terminal(daemon, "watch", "finder", "a=1", "--camera", "front", "--count", "2")
        expect(code, OK, "exit code")
        expect(shown[:6], b"\x1b[?25l", "the cursor, first")
        expect(shown[-6:], b"\x1b[?25h", "the cursor, at last")
        last = shown[shown.rindex(b"\x1b[H\x1b[J"):]
        for part in (b"finder a=1 on front", b"x     22\r\n", b"name  left\r\n", b"answers 2  missed 2  ", b"age "):
            expect_in(part, last, "the last picture")
        expect_not_in(b"\x1b[31m", shown, "screen")


@test
def a_terminal_shows_failures_and_nothing_seen():
    cases = [(event("null"), b"nothing seen\r\n"), (failure("released", "it is lent"), b"it is lent"),
             (event(json.dumps("A" * 9000)), b"a text of 9000 characters"), (event("12"), b"12\r\n")]
    for line, part in cases:
        with Daemon(subscription(line)) as daemon:
            code, shown = run_on_terminal(daemon, "watch", "x", "--count", "1")
            expect((code, shown[-6:]), (OK, b"\x1b[?25h"), "end")
            expect_in(part, shown, "screen")


@test
def a_terminal_shows_how_old_the_latest_answer_is_until_interrupted():
    with Daemon(subscription(event("1"))) as daemon:
        master, slave = pty.openpty()
        with started(daemon, "watch", "x", stdin=slave, stdout=slave, stderr=slave) as process:
            os.close(slave)
            try:
                read_until(master, rb"age (0\.[3-9]|[1-9]\d*\.\d) s")
                process.send_signal(signal.SIGINT)
                read_until(master, rb"\x1b\[\?25h")
                expect(process.wait(PATIENCE), OK, "exit code")
            finally:
                os.close(master)


@test
def a_terminal_is_left_as_it_was_when_the_daemon_ends():
    with Daemon(subscription(event("1"), "close")) as daemon:
        code, shown = run_on_terminal(daemon, "watch", "x")
        expect(code, FAILED, "exit code")
        expect_in(b"closed the connection", shown[shown.index(b"\x1b[?25h"):], "behind the picture")


@test
def a_flood_of_answers_is_drawn_at_a_pace():
    with Daemon(subscription(*[event(str(i), i) for i in range(20000)])) as daemon:
        begun = time.monotonic()
        code, shown = run_on_terminal(daemon, "watch", "x", "--count", "20000")
        expect(code, OK, "exit code")
        expect_in(b"\n19999\r\n", shown, "the last picture")
        pictures = shown.count(b"\x1b[H\x1b[J")
        most = (time.monotonic() - begun) / 0.1 + 3
        if pictures > most:
            raise AssertionError(f"{pictures} pictures, not at most {most}")


@test
def cameras_that_come_and_go_are_a_line_each():
    lines = [event('{"camera":"front","state":"offline","reason":"un\\u001bplugged"}'),
             event('{"camera":"arm","state":"online","reason":null}'),
             event('{"camera":"front","state":"online","reason":null}')]
    with Daemon(*[subscription(*lines)] * 3) as daemon:
        shown = "front is offline: un\\u001bplugged\narm is online\nfront is online\n"
        expect(run(daemon, "watch", "--events", "--count", "3").stdout.decode(), shown, "lines")
        done = run(daemon, "watch", "--events", "--count", "2", "--camera", "front")
        expect(done.stdout.decode(), shown.replace("arm is online\n", ""), "lines of one")
        code, screen = run_on_terminal(daemon, "watch", "--events", "--count", "3")
        expect((code, screen.decode()), (OK, shown.replace("\n", "\r\n")), "terminal")


# Streams


@test
def pictures_go_to_standard_output_one_behind_the_other():
    pictures = [PICTURE, b"{\n", PICTURE[::-1]]
    with Daemon(subscription(*map(frame, pictures))) as daemon:
        done = run(daemon, "stream", "--count", "3")
        expect((done.returncode, done.stdout), (OK, b"".join(pictures)), "outcome")
        expect(daemon.requests[0]["method"], "subscribe", "method")
        expect(daemon.params(), {"stream": "jpeg_image_stream", "args": "sensor.RGB565,sensor.QVGA", "reply": "raw"},
               "params")


@test
def stream_subscribes_as_it_is_told():
    cases = [
        (["jpeg_image_stream", "sensor.GRAYSCALE,sensor.QQVGA"],
         {"stream": "jpeg_image_stream", "args": "sensor.GRAYSCALE,sensor.QQVGA"}),
        (["--args", '"a,b"', "--camera", "front"], {"stream": "jpeg_image_stream", "camera": "front", "args": "a,b"}),
        (["--data", "00"], {"stream": "jpeg_image_stream", "data": "00", "encoding": "hex"}),
        (["own", "1", "2"], {"stream": "own", "args": [1, 2]}),
        (["own"], {"stream": "own"}),
    ]
    for arguments, wanted in cases:
        with Daemon(subscription(frame(b"x"))) as daemon:
            expect(run(daemon, "stream", *arguments, "--count", "1").returncode, OK, f"exit code of {arguments}")
            expect(daemon.params(), {**wanted, "reply": "raw"}, f"params of {arguments}")


@test
def pictures_are_whole_however_they_are_cut():
    stream = b"".join(frame(PICTURE, i) for i in range(1, 4))
    slow = [stream[:40], lambda: time.sleep(0.25), stream[40:3000], lambda: time.sleep(0.25), stream[3000:]]
    with Daemon(subscription(*slow), subscription(*[stream[i:i + 7] for i in range(0, len(stream), 7)])) as daemon:
        for _ in range(2):
            expect(run(daemon, "stream", "--count", "3").stdout, PICTURE * 3, "pictures")


@test
def pictures_can_be_files():
    for pattern, names in [("%03d.jpg", ["001.jpg", "002.jpg"]), ("live.jpg", ["live.jpg"])]:
        with Daemon(*[subscription(frame(b"one"), frame(b"two", 2))] * 2) as daemon, \
                tempfile.TemporaryDirectory() as folder:
            done = run(daemon, "stream", "--count", "2", "--out", os.path.join(folder, pattern))
            expect((done.returncode, done.stdout), (OK, b""), "outcome")
            expect(sorted(os.listdir(folder)), names, "files")
            with open(os.path.join(folder, names[-1]), "rb") as file:
                expect(file.read(), b"two", "the last file")
            done = run(daemon, "stream", "--count", "2", "--out", os.path.join(folder, pattern), "--json")
            expect([json.loads(line)["seq"] for line in done.stdout.splitlines()], [1, 2], "lines of JSON")


@test
def the_end_tells_how_much_there_was_and_what_was_missed():
    with Daemon(subscription(frame(b"x" * 1000), failure("camera_offline", "away"), frame(b"y" * 500, 9, 7))) as daemon:
        done = run(daemon, "stream", "--count", "2")
        expect((done.returncode, done.stdout), (OK, b"x" * 1000 + b"y" * 500), "outcome")
        told = done.stderr.splitlines()
        expect(told[0], "openmvctl: away", "failure")
        expect_in("2 frames, 1.5 kB, 7 missed", told[1], "summary")
        expect(len(told), 2, "lines")
    for frames, summary in [([], "0 frames, 0.0 kB, 0 missed\n"), ([frame(b"x" * 1000)], "1 frame, 1.0 kB, 0 missed\n")]:
        with Daemon(subscription(*frames, "close")) as daemon:
            expect(run(daemon, "stream").stderr.split("\n", 2)[2], summary, "summary without a rate")


@test
def the_rate_is_shown_on_a_terminal_once_a_second():
    with Daemon(endlessly(frame(PICTURE))) as daemon:
        master, slave = pty.openpty()
        begun = time.monotonic()
        with started(daemon, "stream", stdout=subprocess.DEVNULL, stderr=slave) as process:
            os.close(slave)
            try:
                shown = read_until(master, b"frames/s") + read_until(master, b"frames/s")
                if time.monotonic() - begun < 1.8:
                    raise AssertionError("two status lines came within 1.8 s")
                process.send_signal(signal.SIGINT)
                shown += read_until(master, b"missed\r\n")
                expect(process.wait(PATIENCE), OK, "exit code")
            finally:
                os.close(master)
        for part in (b"\r\x1b[K", b"B/s, ", b"0 missed"):
            expect_in(part, shown, "terminal")


@test
def a_status_line_is_no_wider_than_its_terminal():
    with Daemon(endlessly(frame(PICTURE))) as daemon:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 20, 0, 0))
        with started(daemon, "stream", stdout=subprocess.DEVNULL, stderr=slave) as process:
            os.close(slave)
            try:
                shown = read_until(master, b"frames/s") + read_until(master, b"frames/s")
                process.send_signal(signal.SIGINT)
                read_until(master, b"missed\r\n")
                expect(process.wait(PATIENCE), OK, "exit code")
            finally:
                os.close(master)
        for line in shown.split(b"\r\x1b[K")[:-1]:
            expect(len(line) <= 20, True, line)


@test
def pictures_are_kept_off_a_terminal():
    with Daemon() as daemon:
        for kind in ("xterm", "dumb"):
            code, shown = run_on_terminal(daemon, "stream", TERM=kind)
            expect(code, USAGE, "exit code")
            expect_in(b"ffplay", shown, "message")
        expect(daemon.requests, [], "requests")


@test
def a_reader_that_leaves_ends_the_stream_without_a_word():
    with Daemon(endlessly(frame(PICTURE))) as daemon, \
            started(daemon, "stream", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        expect(process.stdout.read(len(PICTURE)), PICTURE, "picture")
        process.stdout.close()
        expect(process.wait(PATIENCE), OK, "exit code")
        expect(process.stderr.read(), b"", "standard error")


@test
def a_reader_that_stops_reading_does_not_keep_a_stream_from_being_interrupted():
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "wb"), Daemon(endlessly(frame(PICTURE))) as daemon, \
            started(daemon, "stream", stdout=writer, stderr=subprocess.PIPE) as process:
        until(lambda: not select.select([], [writer], [], 0)[1], "a full pipe")
        process.send_signal(signal.SIGTERM)
        expect(process.wait(PATIENCE), OK, "exit code")
        expect_in(b"missed", process.stderr.read(), "summary")


@test
def a_stream_that_cannot_be_written_is_a_failure():
    if not os.path.exists("/dev/full"):
        return "needs /dev/full"
    with Daemon(*[subscription(frame(PICTURE))] * 2) as daemon, open("/dev/full", "wb") as full:
        with started(daemon, "stream", stdout=full, stderr=subprocess.PIPE) as process:
            expect(process.wait(PATIENCE), FAILED, "exit code")
            expect_in(b"No space left", process.stderr.read(), "message")
        expect_failure(run(daemon, "stream", "--out", "/nonexistent/%d"), FAILED, "cannot write /nonexistent/1")
    return None


@test
def a_stream_that_breaks_off_is_told():
    with Daemon(subscription(frame(PICTURE)[:500], "close"), subscription(event('{"raw":99999999}'))) as daemon:
        done = run(daemon, "stream")
        expect(done.stdout, b"", "standard output")
        expect_failure(done, FAILED, "closed the connection", "0 frames")
        expect_failure(run(daemon, "stream"), FAILED, "more bytes than 16 MiB")


if __name__ == "__main__":
    sys.exit(main())
