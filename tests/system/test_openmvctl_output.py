#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""openmvctl against a fake daemon: what it prints, and the files it writes."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time

from openmvctl_bench import (OPENMVCTL, PATIENCE, OK, FAILED, USAGE, CAMERA_AWAY, REFUSED, Daemon, Screen, clean_environment,
                             error, expect, expect_failure, expect_in, expect_not_in, line_for, main, raw, result,
                             run, run_on_terminal, test, until)


@test
def values_are_laid_out_for_people():
    cases = [
        ({"x": 10, "y": 20, "w": 30, "h": 40}, "x 10  y 20  w 30  h 40\n"),
        (None, "nothing seen\n"),
        ("a text", "a text\n"),
        (True, "true\n"),
        ([1, 2, 3], "1  2  3\n"),
        ([], "(none)\n"),
        ({}, "(none)\n"),
        ([{"id": 1, "name": "left"}, {"id": 12, "name": "r"}], "id  name\n1   left\n12  r\n"),
        ([{"id": 7, "name": "left"}], "id  name\n7   left\n"),
        ([{"id": 1}, {"name": "r"}], "-  id 1\n-  name r\n"),
        ([[1, 2], [3, 4]], "-  1  2\n-  3  4\n"),
        ({"a": {"b": {"c": 1}}, "dd": None}, "a\n  b  c 1\ndd  -\n"),
    ]
    for value, wanted in cases:
        with Daemon(result(json.dumps(value))) as daemon:
            done = run(daemon, "call", "x")
            expect(done.stdout.decode(), wanted, f"layout of {value}")
            expect(done.returncode, OK, "exit code")


@test
def numbers_keep_their_digits():
    value = '{"big":18446744073709551615,"low":-9223372036854775808,"fine":0.1000000000000000055,"e":1e400}'
    with Daemon(result(value), result(value)) as daemon:
        expect(run(daemon, "call", "x").stdout.decode(),
               "big 18446744073709551615  low -9223372036854775808  fine 0.1000000000000000055  e 1e400\n", "layout")
        expect_in(value.encode(), run(daemon, "call", "x", "--json").stdout, "JSON")


@test
def json_prints_the_result_exactly_as_it_came():
    text = '{"value" : "\\u00e9\\u0000 \u00e9 \\/", "n":[1.0,  1E5,-0]}'
    line = lambda connection, request: connection.sendall(line_for(request, "result", text))
    verbs = (["call", "x"], ["cameras"], ["stats"], ["callbacks"], ["version"], ["ping"], ["reset"], ["request", "x"])
    for verb in verbs:
        with Daemon(line) as daemon:
            expect(run(daemon, *verb, "--json").stdout, text.encode() + b"\n", f"result of {verb}")


@test
def control_characters_never_reach_the_output_of_people():
    nasty = "a\x1b[31m\x07\n\r\t\x7f\u009b\u202e\u2028\ufeff\0b"
    shown = "a\\u001b[31m\\u0007\\n\\r\\t\\u007f\\u009b\\u202e\\u2028\\ufeff\\u0000b"
    with Daemon(result(json.dumps(nasty))) as daemon:
        expect(run(daemon, "call", "x").stdout.decode(), shown + "\n", "text")
    with Daemon(result(json.dumps({nasty: nasty}))) as daemon:
        expect(run(daemon, "call", "x").stdout.decode(), shown + " " + shown + "\n", "record")
    listed = [{"name": nasty, "state": nasty, "link": nasty, "reason": nasty}]
    with Daemon(listed, error("internal", message=nasty)) as daemon:
        cameras = run(daemon, "cameras").stdout.decode()
        expect(cameras.count("\n"), 2, "lines of the table")
        expect_not_in("\x1b", cameras, "table")
        expect_in(shown, run(daemon, "ping").stderr, "message")


@test
def bytes_that_are_no_utf8_are_escaped():
    def send(connection, request):
        line = line_for(request, "result", '{"value":"here"}')
        connection.sendall(line.replace(b"here", b"\xff\xc0\x80\xed\xa0\x80 \xc3\xa9"))

    with Daemon(send) as daemon:
        expect(run(daemon, "call", "x").stdout, b"\\xff\\xc0\\x80\\xed\\xa0\\x80 \xc3\xa9\n", "text")


@test
def json_on_a_terminal_holds_no_control_characters_and_means_the_same():
    text = '{"value":\t"\u009b31m\x7f"}'
    with Daemon(lambda connection, request: connection.sendall(line_for(request, "result", text))) as daemon:
        code, shown = run_on_terminal(daemon, "call", "x", "--json")
        expect(code, OK, "exit code")
        expect(shown.rstrip(b"\r\n"), b'{"value": "\\u009b31m\\u007f"}', "line")


@test
def colours_appear_on_a_terminal_only_and_never_with_no_color():
    cameras = [{"name": "front", "state": "online", "reason": None, "since_ms": 90000, "link": "usb"}]
    with Daemon(cameras, cameras, cameras, cameras) as daemon:
        expect_not_in(b"\x1b", run(daemon, "cameras").stdout, "a pipe")
        expect_in(b"\x1b[32monline\x1b[0m", run_on_terminal(daemon, "cameras")[1], "a terminal")
        expect_not_in(b"\x1b", run_on_terminal(daemon, "cameras", NO_COLOR="1")[1], "NO_COLOR")
        expect_not_in(b"\x1b", run_on_terminal(daemon, "cameras", TERM="dumb")[1], "a dumb terminal")


@test
def cameras_are_a_table():
    cameras = [{"name": "front", "state": "online", "reason": None, "since_ms": 500,
               "link": "usb", "firmware": "4.5.9"},
               {"name": "a", "state": "offline", "reason": "no such device", "since_ms": 7_500_000, "link": "serial"}]
    with Daemon(cameras, []) as daemon:
        expect(run(daemon, "cameras").stdout.decode(),
               "CAMERA  STATE    FOR        LINK    FIRMWARE  REASON\n"
               "front   online   500 ms     usb     4.5.9     -\n"
               "a       offline  2 h 5 min  serial  -         no such device\n", "table")
        expect(run(daemon, "cameras").stdout, b"no cameras are configured\n", "empty list")


@test
def callbacks_show_arguments_results_and_origin():
    callbacks = [
        {"name": "face_detection", "args": None, "result": {"format": "<HHHH", "fields": ["x", "y", "w", "h"]},
         "origin": "built in"},
        {"name": "read_gauge", "args": {"format": "<H", "optional": True}, "result": "utf8", "origin": "config"}]
    with Daemon(callbacks) as daemon:
        expect([line.split() for line in run(daemon, "--camera", "top", "callbacks").stdout.decode().splitlines()],
               [["CALLBACK", "ARGUMENTS", "RESULT", "FROM"],
                ["face_detection", "-", "x", "y", "w", "h", "(<HHHH)", "built", "in"],
                ["read_gauge", "<H,", "optional", "utf8", "config"]], "table")
        expect(daemon.params(), {"camera": "top"}, "params")


@test
def version_and_ping_answer_in_words():
    with Daemon({"openmvd": "1.2.3", "api": 1}, "pong") as daemon:
        expect_in(b"openmvd 1.2.3, api 1", run(daemon, "version").stdout, "version")
        expect(run(daemon, "ping").stdout, b"pong\n", "ping")
        expect([request.get("params") for request in daemon.requests], [None, None], "params")


@test
def ports_are_lent_taken_back_and_reset():
    with Daemon(True, True, {"camera": "front"}, True) as daemon:
        expect_in(b"top is released", run(daemon, "release", "top").stdout, "release")
        expect((daemon.requests[-1]["method"], daemon.params()), ("release", {"camera": "top"}), "request")
        expect_in(b"top ", run(daemon, "--camera", "top", "acquire").stdout, "acquire")
        expect((daemon.requests[-1]["method"], daemon.params()), ("acquire", {"camera": "top"}), "request")
        expect_in(b"front was reset", run(daemon, "reset").stdout, "reset")
        expect((daemon.requests[-1]["method"], daemon.requests[-1].get("params")), ("reset", None), "request")
        expect_in(b"the camera is released", run(daemon, "release").stdout, "release of the only one")
    with Daemon(True, True) as daemon:
        expect_in(b"top is released", run(daemon, "release", "--for", "10m", "top").stdout, "release for a time")
        expect(daemon.params(), {"for_ms": 600000, "camera": "top"}, "request")
        expect(run(daemon, "release", "--for", "2.5").returncode, 0, "release for seconds")
        expect(daemon.params(), {"for_ms": 2500}, "request")


@test
def stats_show_callbacks_as_tables_and_the_rest_as_an_outline():
    latency = {"p50": 1.5, "p90": 2, "p99": 3.25, "p999": 4, "max": 5}
    callbacks = [{"name": "a", "calls": 3, "outcomes": {"ok": 2, "bad_result": 1}, "latency_ms": latency},
                 {"name": "long_name", "calls": 1, "outcomes": {"ok": 1}, "latency_ms": latency}]
    stats = {"uptime_ms": 7, "cameras": [{"name": "front", "state": "online", "callbacks": callbacks,
                                          "wire": {"polls": 4, "learned": {"round_trip_ms": 0.5}}}],
             "limits": {"clients": {"limit": 64, "used": 1}, "output_bytes": {"limit": 4096, "used": 0}}}
    with Daemon(stats) as daemon:
        expect(run(daemon, "stats").stdout.decode(),
               "uptime_ms         7\n"
               "front\n"
               "  state             online\n"
               "  CALLBACK   CALLS  P50 ms  P90  P99   MAX  FAILED\n"
               "  a          3      1.5     2    3.25  5    bad_result 1\n"
               "  long_name  1      1.5     2    3.25  5    -\n"
               "  wire\n"
               "    polls    4\n"
               "    learned  round_trip_ms 0.5\n"
               "limits\n"
               "                limit  used\n"
               "  clients       64     1\n"
               "  output_bytes  4096   0\n", "stats")


@test
def stats_are_watched_as_often_as_asked():
    with Daemon(*[{"calls": n} for n in range(6)]) as daemon:
        done = run(daemon, "stats", "--watch", "--every", "10ms", "--count", "3")
        expect(done.stdout, b"calls             0\n\ncalls             1\n\ncalls             2\n", "three times")
        done = run(daemon, "stats", "--json", "--watch", "--every", "10ms", "--count", "3")
        expect(done.stdout.count(b"\n"), 3, "lines of JSON")
        expect(daemon.connections, 2, "connections")


@test
def a_request_is_sent_as_it_is():
    with Daemon({"a": [1]}, raw(b"\0\1"), error("no_such_method", -32601)) as daemon:
        expect(run(daemon, "request", "frobnicate", '{"events": true,\n"n": 18446744073709551615}').stdout,
               b'{"a": [1]}\n', "result")
        expect(daemon.requests[0]["params"], {"events": True, "n": 18446744073709551615}, "params")
        done = run(daemon, "request", "call", '{"name":"x","reply":"raw"}')
        expect(done.stdout.split(b"\n", 1)[1], b"\0\1", "bytes behind the line")
        expect(run(daemon, "request", "nonsense").returncode, REFUSED, "exit code")


# Bytes and pictures

PICTURE = b"\xff\xd8" + bytes(range(256)) * 100 + b"\n\0\xff\xd9"


@test
def raw_bytes_go_to_standard_output_or_a_file_unharmed():
    with Daemon(*[raw(PICTURE)] * 3) as daemon, tempfile.TemporaryDirectory() as folder:
        expect(run(daemon, "call", "x", "--reply", "raw").stdout, PICTURE, "standard output")
        expect(run(daemon, "call", "x", "--out", "-").stdout, PICTURE, "--out -")
        path = os.path.join(folder, "out")
        done = run(daemon, "call", "x", "--out", path, "--json")
        expect(json.loads(done.stdout)["value"], {"raw": len(PICTURE)}, "JSON beside the file")
        with open(path, "rb") as file:
            expect(file.read(), PICTURE, "file")
        expect(daemon.params()["reply"], "raw", "reply form")


@test
def text_forms_can_be_written_to_a_file():
    with Daemon(result('"00ff"')) as daemon, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out")
        expect(run(daemon, "call", "x", "--reply", "hex", "--out", path).returncode, OK, "exit code")
        with open(path, "rb") as file:
            expect(file.read(), b"00ff", "file")


@test
def nothing_seen_writes_no_file_and_no_byte():
    with Daemon(*[result(None)] * 2) as daemon, tempfile.TemporaryDirectory() as folder:
        done = run(daemon, "call", "x", "--out", os.path.join(folder, "out"))
        expect((done.returncode, done.stdout), (OK, b""), "outcome")
        expect_in("nothing seen", done.stderr, "standard error")
        expect(os.listdir(folder), [], "files")
        expect(run(daemon, "call", "x", "--reply", "raw").stdout, b"", "standard output")


@test
def a_value_that_only_looks_raw_is_shown_as_it_is():
    with Daemon(result({"raw": 5})) as daemon:
        expect(run(daemon, "call", "x").stdout, b"raw 5\n", "value")


@test
def raw_bytes_are_kept_off_a_terminal():
    with Daemon() as daemon:
        for arguments in (["call", "x", "--reply", "raw"], ["snapshot", "-"]):
            code, shown = run_on_terminal(daemon, *arguments)
            expect(code, USAGE, "exit code")
            expect_in(b"terminal", shown, "message")
        expect(daemon.requests, [], "requests")


@test
def a_long_text_does_not_flood_a_terminal():
    with Daemon(result(json.dumps("A" * 50000))) as daemon:
        code, shown = run_on_terminal(daemon, "call", "jpeg_snapshot")
        expect(code, OK, "exit code")
        expect_in(b"50000 characters", shown, "message")
        expect_not_in(b"AAAA", shown, "screen")


@test
def a_snapshot_is_saved_whole_under_its_name():
    with Daemon(*[raw(PICTURE)] * 3) as daemon, tempfile.TemporaryDirectory() as folder:
        done = run(daemon, "snapshot", cwd=folder)
        expect(done.returncode, OK, "exit code")
        expect_in(f"snapshot.jpg  {len(PICTURE)} bytes", done.stdout.decode(), "message")
        expect(os.listdir(folder), ["snapshot.jpg"], "files")
        expect({k: daemon.params()[k] for k in ("name", "reply")}, {"name": "jpeg_snapshot", "reply": "raw"}, "params")
        expect(run(daemon, "snapshot", "-").stdout, PICTURE, "standard output")
        expect(run(daemon, "snapshot", "/dev/null").returncode, OK, "exit code")
        expect(stat.S_ISCHR(os.stat("/dev/null").st_mode), True, "/dev/null is still a device")


@test
def the_file_has_its_name_only_when_it_is_complete():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.jpg")
        with open(path, "wb") as file:
            file.write(b"the one before")
        halfway = threading.Event()
        go_on = threading.Event()

        def slowly(connection, request):
            connection.sendall(line_for(request, "result", '{"value":{"raw":%d}}' % len(PICTURE)) + PICTURE[:100])
            halfway.set()
            go_on.wait(PATIENCE)
            connection.sendall(PICTURE[100:])

        with Daemon(slowly) as daemon:
            process = subprocess.Popen([OPENMVCTL, "--socket", daemon.path, "snapshot", path],
                                       stdout=subprocess.DEVNULL, env=clean_environment())
            expect(halfway.wait(PATIENCE), True, "half a picture")
            with open(path, "rb") as file:
                expect(file.read(), b"the one before", "file meanwhile")
            go_on.set()
            expect(process.wait(PATIENCE), OK, "exit code")
        with open(path, "rb") as file:
            expect(file.read(), PICTURE, "file")


@test
def a_link_still_points_to_the_file_that_was_replaced():
    with Daemon(raw(PICTURE)) as daemon, tempfile.TemporaryDirectory() as folder:
        target, link = os.path.join(folder, "target.jpg"), os.path.join(folder, "link.jpg")
        with open(target, "wb"):
            pass
        os.symlink("target.jpg", link)
        expect(run(daemon, "snapshot", link).returncode, OK, "exit code")
        expect(os.readlink(link), "target.jpg", "link")
        expect(os.stat(target).st_size, len(PICTURE), "size")


@test
def a_file_that_cannot_be_written_is_told():
    with Daemon(raw(PICTURE), raw(PICTURE)) as daemon:
        done = run(daemon, "snapshot", "/nonexistent/a.jpg")
        expect_failure(done, FAILED, "cannot write /nonexistent/a.jpg")
        if os.path.exists("/dev/full"):
            expect_failure(run(daemon, "snapshot", "/dev/full"), FAILED, "No space left")


@test
def a_full_standard_output_is_a_failure():
    if not os.path.exists("/dev/full"):
        return "needs /dev/full"
    with Daemon("pong") as daemon, open("/dev/full", "wb") as full:
        done = subprocess.run([OPENMVCTL, "--socket", daemon.path, "ping"], stdout=full, stderr=subprocess.PIPE,
                              timeout=PATIENCE, check=False)
        expect(done.returncode, FAILED, "exit code")
    return None


@test
def a_series_is_numbered_by_its_pattern():
    for pattern, names in [("%03d.jpg", ["001.jpg", "002.jpg", "003.jpg"]), ("a%d", ["a1", "a2", "a3"]),
                           ("%%%5d%%", ["%    1%", "%    2%", "%    3%"]), ("same.jpg", ["same.jpg"])]:
        with Daemon(*[raw(PICTURE)] * 3) as daemon, tempfile.TemporaryDirectory() as folder:
            done = run(daemon, "snapshot", "--every", "10ms", "--count", "3", os.path.join(folder, pattern))
            expect(done.returncode, OK, "exit code")
            expect(sorted(os.listdir(folder)), names, "files")
            expect(done.stdout.count(b"\n"), 3, "lines")
            expect((len(daemon.requests), daemon.connections), (3, 1), "requests and connections")


@test
def a_series_keeps_its_pace():
    with Daemon(*[raw(b"x")] * 4) as daemon:
        begun = time.monotonic()
        expect(run(daemon, "snapshot", "--every", "100ms", "--count", "4", "/dev/null").returncode, OK, "exit code")
        if time.monotonic() - begun < 0.3:
            raise AssertionError("four pictures at 100 ms came within 300 ms")


@test
def a_series_outlives_a_failed_picture_and_a_lost_connection():
    def hang_up(*_):
        return "close"

    def announce_too_much(connection, request):
        connection.sendall(line_for(request, "result", '{"value":{"raw":99999999}}') + b"bytes of it\n")

    with Daemon(raw(b"1"), error("camera_offline", message="away"), hang_up, raw(b"4"), announce_too_much,
                raw(b"6")) as daemon, tempfile.TemporaryDirectory() as folder:
        done = run(daemon, "snapshot", "--every", "10ms", "--count", "6", os.path.join(folder, "%d"))
        expect(sorted(os.listdir(folder)), ["1", "4", "6"], "files")
        expect_failure(done, FAILED, "away", "closed the connection", "more bytes than")
        expect(daemon.connections, 3, "connections")


@test
def a_series_that_cannot_begin_ends_at_once():
    with Daemon(error("camera_offline"), raw(b"2")) as daemon, tempfile.TemporaryDirectory() as folder:
        done = run(daemon, "snapshot", "--every", "10ms", "--count", "4", os.path.join(folder, "%d"))
        expect(done.returncode, CAMERA_AWAY, "exit code")
        expect(os.listdir(folder), [], "files")


@test
def a_snapshot_without_a_picture_is_a_failure():
    with Daemon(result(None), result(None)) as daemon, tempfile.TemporaryDirectory() as folder:
        expect_failure(run(daemon, "snapshot", os.path.join(folder, "a")), FAILED, "no picture")
        expect(os.listdir(folder), [], "files")


@test
def a_camera_without_jpeg_snapshot_takes_a_picture_to_be_read():
    too_large = error("too_large", -32007, "longer than a packet on this link may be", cause="packet_limit")
    for first in (result(None), error("no_such_callback", -32005), too_large):
        size = result({"size": len(PICTURE)})
        with Daemon(first, size, raw(PICTURE), size, raw(PICTURE)) as daemon, tempfile.TemporaryDirectory() as folder:
            done = run(daemon, "snapshot", "--count", "2", "--camera", "front", "--max-age", "50", "--timeout", "3",
                       os.path.join(folder, "%d"))
            expect((done.returncode, done.stderr), (OK, ""), "outcome")
            for name in ("1", "2"):
                with open(os.path.join(folder, name), "rb") as file:
                    expect(file.read(), PICTURE, "file")
            everywhere = {"camera": "front", "timeout_ms": 3000}
            whole = {"name": "jpeg_snapshot", "reply": "raw", "max_age_ms": 50, **everywhere}
            hold = {"name": "jpeg_image_snapshot", "args": "sensor.RGB565,sensor.QVGA", **everywhere}
            read = {"name": "jpeg_image_read", "reply": "raw", **everywhere}
            expect([request["params"] for request in daemon.requests], [whole, hold, read, hold, read], "requests")
            expect(daemon.connections, 1, "connections")


@test
def a_snapshot_tells_of_the_first_way_where_there_is_no_other_and_else_of_the_second():
    absent = [error("no_such_callback", -32005, "no " + name) for name in ("jpeg_snapshot", "jpeg_image_snapshot")]
    with Daemon(*absent) as daemon:
        expect_failure(run(daemon, "snapshot", "/dev/null"), REFUSED, "no jpeg_snapshot")
    with Daemon(absent[0], error("camera_offline", -32001, "it is away")) as daemon:
        expect_failure(run(daemon, "snapshot", "/dev/null"), CAMERA_AWAY, "it is away")
    with Daemon(result(None), result({"size": 9}), error("result_unknown", -32003, "lost")) as daemon:
        expect_failure(run(daemon, "snapshot", "/dev/null"), FAILED, "lost")


@test
def an_interrupted_series_leaves_whole_files_only():
    with Daemon(*[raw(PICTURE)] * 2000) as daemon, tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([OPENMVCTL, "--socket", daemon.path, "snapshot", "--every", "1ms", folder + "/%d"],
                                   stdout=subprocess.DEVNULL, env=clean_environment())
        try:
            until(lambda: len(os.listdir(folder)) >= 20, "twenty pictures")
            process.send_signal(signal.SIGINT)
            expect(process.wait(PATIENCE), -signal.SIGINT, "end")
        finally:
            process.kill()
        for name in os.listdir(folder):
            expect(name.isdigit(), True, name)
            expect(os.stat(os.path.join(folder, name)).st_size, len(PICTURE), name)


def in_steps(reply, *counts, total=200000, pause=0.25, screen=None):
    """Tells how much has come, and then answers. With a screen it goes on so long after each bar that was drawn."""
    def talk(connection, request):
        for times, number in enumerate(counts, 1):
            params = json.dumps({"id": request["id"], "bytes": number, "total": total})
            connection.sendall(f'{{"jsonrpc":"2.0","method":"progress","params":{params}}}\n'.encode())
            if screen:
                screen.await_times(b" of ", times)
            time.sleep(pause)
        reply(connection, request)
    return talk


@test
def a_large_result_has_a_bar_with_rate_and_time_left_on_a_terminal():
    screen = Screen()
    with Daemon(in_steps(result('"done"'), 20000, 70000, 120000, 200000, screen=screen)) as daemon:
        code, shown = run_on_terminal(daemon, "call", "x", screen=screen)
        expect(code, OK, "exit code")
        expect(daemon.params(), {"name": "x", "progress": True}, "params")
        bars = [line for line in shown.split(b"\r\x1b[K") if b" of 200.0 kB" in line]
        expect(len(bars), 4, "times that the bar was drawn")
        expect_in(b".]  10 %  20.0 kB of 200.0 kB", bars[0], "first bar")
        expect_in(b"###", bars[2], "third bar")
        for part in (b" 60 %  120.0 kB of 200.0 kB, ", b" kB/s, ", b" s left"):
            expect_in(part, bars[2], "third bar")
        expect(shown.split(b"\r\x1b[K")[-1].startswith(b"done"), True, "the bar is wiped away before the value")


@test
def a_result_that_comes_at_once_has_no_bar():
    with Daemon(in_steps(result('"done"'), 8, total=8)) as daemon:
        code, shown = run_on_terminal(daemon, "call", "x")
        expect(code, OK, "exit code")
        expect_not_in(b"%", shown, "screen")


@test
def a_failure_wipes_the_bar_away():
    screen = Screen()
    with Daemon(in_steps(error("result_unknown"), 20000, 70000, screen=screen)) as daemon:
        code, shown = run_on_terminal(daemon, "call", "x", screen=screen)
        expect(code != OK, True, "exit code")
        expect_in(b" s left\r\x1b[Kopenmvctl: ", shown, "screen")


@test
def where_stderr_is_no_terminal_there_are_lines_and_only_if_asked_for():
    with Daemon(result('"done"'), in_steps(result('"done"'), 20000, 70000, 200000), in_steps(raw(PICTURE), 3, total=9),
                in_steps(result('"done"'), 20000)) as daemon:
        done = run(daemon, "call", "x")
        expect((done.stdout, done.stderr, "progress" in daemon.params()), (b"done\n", "", False), "without --progress")
        begun = time.monotonic()
        done = run(daemon, "call", "x", "--progress")
        seconds = time.monotonic() - begun
        expect(done.stdout, b"done\n", "standard output")
        lines = done.stderr.splitlines()
        expect(lines[0], " 10 %  20.0 kB of 200.0 kB", "first line")
        expect(lines[-1].startswith("100 %  200.0 kB of 200.0 kB, "), True, lines[-1])
        expect(2 <= len(lines) <= 2 + int(seconds), True, f"{len(lines)} lines within {seconds} s")
        done = run(daemon, "snapshot", "--progress", "-")
        expect((done.stdout, done.stderr), (PICTURE, "picture:  33 %  0.0 kB of 0.0 kB\n"), "snapshot")
        done = run(daemon, "call", "x", "--progress", "--json")
        expect_in(" 10 %", done.stderr, "with --json")


@test
def a_picture_that_takes_long_has_a_bar_in_place_of_the_waiting():
    with Daemon(in_steps(raw(PICTURE), 20000, 70000, pause=0.7)) as daemon, tempfile.TemporaryDirectory() as folder:
        code, shown = run_on_terminal(daemon, "snapshot", os.path.join(folder, "1.jpg"))
        expect(code, OK, "exit code")
        expect_in(b"picture: [", shown, "screen")
        # Before the bar something is shown where that is late.
        expect_not_in(b"waiting for", shown[shown.index(b"picture: ["):], "screen")


@test
def progress_is_shown_on_a_terminal():
    screen = Screen()

    def slowly(connection, request):
        screen.await_times(b"waiting for picture 1 of 2", 1)
        raw(PICTURE)(connection, request)

    with Daemon(slowly, raw(PICTURE)) as daemon, tempfile.TemporaryDirectory() as folder:
        code, shown = run_on_terminal(daemon, "snapshot", "--count", "2", os.path.join(folder, "%d.jpg"), screen=screen)
        expect(code, OK, "exit code")
        for part in (b"waiting for picture 1 of 2", b"picture 2 of 2: ", b"2 of 2 pictures saved"):
            expect_in(part, shown, "screen")


if __name__ == "__main__":
    sys.exit(main())
