#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""openmvctl against a fake daemon: command line, reaching the daemon, errors, arguments."""

import base64
import contextlib
import grp
import json
import os
import pwd
import socket
import subprocess
import shutil
import sys
import tempfile
import time

from openmvctl_bench import (OPENMVCTL, PATIENCE, OK, FAILED, USAGE, NO_DAEMON, CAMERA_AWAY, REFUSED, Daemon, error,
                             expect, expect_failure, expect_in, line_for, main, result, run, test)


@test
def help_names_every_verb_and_each_verb_has_its_own():
    shown = run(None, "--help")
    expect(shown.returncode, OK, "exit code")
    verbs = ["ping", "version", "cameras", "callbacks", "call", "snapshot", "watch", "stream", "stats", "release", "acquire", "reset",
             "request"]
    for verb in verbs:
        expect_in(f"\n  {verb} ", shown.stdout.decode(), "help")
        own = run(None, verb, "--help")
        expect(own.returncode, OK, verb)
        expect_in(f"Usage: openmvctl [OPTIONS] {verb}", own.stdout.decode(), "help of " + verb)
        expect(run(None, "--help", verb).stdout, own.stdout, "help before the verb")


@test
def help_tells_the_exit_codes_with_every_reason():
    text = run(None, "--help").stdout.decode()
    codes = text[text.index("Exit codes:"):]
    for number in range(6):
        expect_in(f"\n  {number}  ", codes, "exit codes")
    for reason in REASONS:
        expect_in(reason, codes, "exit codes")


@test
def version_is_told_without_a_daemon():
    done = run(None, "--version")
    expect(done.returncode, OK, "exit code")
    expect(done.stdout[:10], b"openmvctl ", "version")


@test
def a_wrong_command_line_is_told_and_nothing_is_sent():
    wrong = [
        ([], "verb is missing"),
        (["pong"], "did you mean 'ping'"),
        (["camras"], "did you mean 'cameras'"),
        (["frobnicate"], "unknown verb 'frobnicate'\n"),
        (["ping", "--fast"], "unknown option '--fast'"),
        (["ping", "--wait"], "'ping' has no option --wait"),
        (["ping", "more"], "nothing more"),
        (["call"], "'call' takes NAME"),
        (["snapshot", "a", "b"], "'snapshot' takes [FILE]"),
        (["ping", "--timeout"], "--timeout needs a value"),
        (["ping", "--timeout", "soon"], "not 'soon'"),
        (["ping", "--timeout", "0"], "--timeout"),
        (["ping", "--timeout", "25h"], "--timeout"),
        (["ping", "--timeout", "1", "--timeout", "2"], "given twice"),
        (["ping", "--json=yes"], "takes no value"),
        (["call", "x", "a=1", "2"], "for all or for none"),
        (["call", "x", "2", "a=1"], "for all or for none"),
        (["call", "x", "a=1", "a=2"], "'a' is given twice"),
        (["call", "x", "1", "--args", "[1]"], "in two ways"),
        (["call", "x", "--args", "[1"], "not JSON"),
        (["call", "x", "--args", "01"], "not JSON"),
        (["call", "x", "--data", "0"], "hexadecimal"),
        (["call", "x", "--data", "0g"], "hexadecimal"),
        (["call", "x", "--data-file", "/nonexistent"], "cannot read /nonexistent"),
        (["call", "x", "--reply", "xml"], "--reply is base64, hex or raw"),
        (["call", "x", "--priority", "urgent"], "--priority is high, normal or low"),
        (["call", "x", "--reply", "raw", "--json"], "--out"),
        (["snapshot", "%d-%d.jpg"], "no file name"),
        (["snapshot", "%s.jpg"], "no file name"),
        (["snapshot", "%n"], "no file name"),
        (["snapshot", "%99d"], "no file name"),
        (["snapshot", "100%"], "no file name"),
        (["snapshot", ""], "no file name"),
        (["snapshot", "-", "--json"], "standard output"),
        (["snapshot", "--count", "0"], "--count"),
        (["snapshot", "--count", "2x"], "--count"),
        (["request", "ping", "{"], "not JSON"),
        (["reset", "a", "--camera", "b"], "two cameras"),
    ]
    with Daemon() as daemon:
        for arguments, part in wrong:
            done = run(daemon, *arguments)
            expect_failure(done, USAGE, part, "--help")
            expect(done.stdout, b"", "standard output")
        expect(daemon.requests, [], "requests")
    expect_failure(run(None, "ping", "--socket="), USAGE, "--socket needs a value: --socket PATH")


# Reaching the daemon


@test
def without_a_daemon_it_says_how_to_start_one():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "none.sock")
        done = run(None, "--socket", path, "ping")
        expect_failure(done, NO_DAEMON, path, "openmvd --socket " + path, "--simulate --socket " + path)


@test
def a_socket_whose_daemon_died_is_told_as_no_daemon():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "dead.sock")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        expect_failure(run(None, "--socket", path, "ping"), NO_DAEMON, "no daemon is running")


@test
def a_path_that_is_no_socket_is_told_as_that_whoever_asks():
    command = [OPENMVCTL, "--socket", "/etc/passwd", "ping"]
    with tempfile.TemporaryDirectory() as folder:
        for path in (folder, "/etc/passwd"):
            done = run(None, "--socket", path, "ping")
            expect_failure(done, NO_DAEMON, path + " is no socket", "listening at")
        if os.geteuid() == 0:
            # Who may not write to a file is told by the kernel that it may not connect.
            os.chmod(folder, 0o755)
            command[0] = shutil.copy(OPENMVCTL, folder)
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd="/",
                                  user=pwd.getpwnam("nobody").pw_uid)
            expect_failure(done, NO_DAEMON, "/etc/passwd is no socket")


@test
def a_socket_path_that_is_too_long_is_told():
    expect_failure(run(None, "--socket", "/tmp/" + "x" * 200, "ping"), NO_DAEMON, "too long")


@test
def the_socket_is_looked_for_in_the_documented_order():
    with Daemon("pong", "pong", "pong", "pong") as first, Daemon("pong") as second:
        if not os.path.exists("/run/openmvd/openmvd.sock"):
            expect(run(None, "ping", XDG_RUNTIME_DIR=first.folder).stdout, b"pong\n", "runtime folder")
            expect(len(first.requests), 1, "requests")
        done = run(None, "ping", OPENMVD_SOCKET=second.path, XDG_RUNTIME_DIR=first.folder)
        expect(done.stdout, b"pong\n", "variable")
        expect(len(second.requests), 1, "requests")
        before = len(first.requests)
        expect(run(first, "ping", OPENMVD_SOCKET=second.path).stdout, b"pong\n", "option")
        expect(len(first.requests), before + 1, "requests")


@test
def a_closed_socket_names_the_group_to_join():
    if os.geteuid() != 0:
        return "needs root, to become somebody else"
    group = next(g for g in grp.getgrall() if g.gr_gid != 0 and g.gr_name != "nogroup")
    nobody = pwd.getpwnam("nobody")
    with Daemon() as daemon, tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "openmvctl")
        shutil.copy(OPENMVCTL, program)
        os.chmod(folder, 0o755)
        os.chmod(daemon.folder, 0o755)
        os.chown(daemon.path, 0, group.gr_gid)
        os.chmod(daemon.path, 0o660)
        command = [program, "--socket", daemon.path, "ping"]
        other = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **other)
        expect_failure(done, NO_DAEMON, "may not use", f"usermod -aG {group.gr_name} nobody", "log out and in again")
        os.chmod(daemon.path, 0o600)
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **other)
        expect_failure(done, NO_DAEMON, "only its owner")
    return None


@test
def an_answer_that_never_comes_ends_at_the_timeout():
    with Daemon() as daemon:
        begun = time.monotonic()
        expect_failure(run(daemon, "ping", "--timeout", "200ms"), FAILED, "did not answer")
        if time.monotonic() - begun < 0.2:
            raise AssertionError("it gave up too early")


@test
def a_connection_lost_in_the_middle_of_a_reply_is_told():
    def half_a_line(connection, _):
        connection.sendall(b'{"jsonrpc":"2.0","id":1,"result":"po')
        return "close"

    with Daemon(half_a_line) as daemon:
        expect_failure(run(daemon, "ping"), FAILED, "closed the connection")


@test
def a_connection_lost_in_the_middle_of_raw_bytes_leaves_no_file():
    def half_a_picture(connection, request):
        connection.sendall(line_for(request, "result", '{"value":{"raw":100}}') + b"x" * 99)
        return "close"

    with Daemon(half_a_picture) as daemon, tempfile.TemporaryDirectory() as folder:
        expect_failure(run(daemon, "snapshot", os.path.join(folder, "a.jpg")), FAILED, "closed the connection")
        expect(os.listdir(folder), [], "files")


@test
def what_is_no_reply_is_not_believed():
    for line in [b"hello\n", b"[]\n", b'{"jsonrpc":"2.0","id":99,"result":1}\n', b'{"id":1}\n', b'{"id":1,"error":7}\n',
                 b'{"id":1,"result":01}\n', b'{"id":1,"result":"\x01"}\n', b"[" * 5000 + b"\n"]:
        with Daemon(line) as daemon:
            expect_failure(run(daemon, "ping"), FAILED, "what answered is not")


@test
def events_and_empty_lines_before_the_reply_are_passed_over():
    def send(connection, request):
        connection.sendall(b'\r\n\n{"jsonrpc":"2.0","method":"event","params":{"subscription":1}}\n')
        connection.sendall(b' {"jsonrpc" : "2.0" , "id" : %d , "result" : "pong" }\r\n' % request["id"])

    with Daemon(send) as daemon:
        expect(run(daemon, "ping").stdout, b"pong\n", "answer")


@test
def an_error_without_an_id_is_ours():
    line = (b'{"jsonrpc":"2.0","id":null,"error":{"code":-32014,"message":"64 clients",'
            b'"data":{"reason":"too_many_clients"}}}\n')

    def send(connection, _):
        connection.sendall(line)
        return "close"

    with Daemon(send) as daemon:
        expect_failure(run(daemon, "ping"), FAILED, "64 clients", "limits.clients")


@test
def a_reply_in_single_bytes_is_put_together():
    def send(connection, request):
        for byte in line_for(request, "result", '{"value":{"raw":3}}') + b"abc":
            connection.sendall(bytes([byte]))

    with Daemon(send) as daemon:
        expect(run(daemon, "call", "x", "--reply", "raw").stdout, b"abc", "bytes")


@test
def a_line_of_two_megabytes_is_read():
    text = "A" * 2_000_000
    with Daemon(result(json.dumps(text))) as daemon:
        expect(run(daemon, "call", "x").stdout, text.encode() + b"\n", "answer")


@test
def an_endless_line_is_refused_at_a_bound():
    def send(connection, _):
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b" " * 1_000_000)

    with Daemon(send) as daemon:
        expect_failure(run(daemon, "ping"), FAILED, "longer than 16 MiB")


@test
def an_absurd_number_of_raw_bytes_is_refused():
    for number in ["99999999999999999999999", "-1", "1.5", "16777217"]:
        with Daemon(result('{"raw":%s}' % number)) as daemon:
            expect_failure(run(daemon, "call", "x", "--reply", "raw"), FAILED, "more bytes than")


# Errors


REASONS = {
    "parse_error": REFUSED, "invalid_request": REFUSED, "no_such_method": REFUSED, "internal": FAILED,
    "invalid_params": REFUSED, "camera_offline": CAMERA_AWAY, "not_delivered": FAILED, "result_unknown": FAILED,
    "no_such_camera": REFUSED, "no_such_callback": REFUSED, "bad_result": FAILED, "too_large": FAILED,
    "queue_full": FAILED, "cancelled": FAILED, "forbidden": REFUSED, "callback_failed": FAILED, "unsupported": REFUSED,
    "released": CAMERA_AWAY, "too_many_clients": FAILED,
}


@test
def each_reason_has_its_exit_code_and_the_message_is_shown():
    for reason, code in REASONS.items():
        with Daemon(error(reason, message="said by " + reason), error(reason)) as daemon:
            expect_failure(run(daemon, "call", "x"), code, "openmvctl: said by " + reason)
            expect(run(daemon, "cameras").returncode, code, "exit code of another verb")


@test
def an_unknown_reason_is_a_failure():
    with Daemon(error("something_new", message="new")) as daemon:
        expect_failure(run(daemon, "ping"), FAILED, "new")


@test
def errors_tell_the_next_step():
    hints = {"released": "openmvctl acquire", "no_such_camera": "openmvctl cameras", "no_such_callback":
             "openmvctl callbacks", "not_delivered": "safe to repeat", "result_unknown": "may have run"}
    for reason, hint in hints.items():
        with Daemon(error(reason)) as daemon:
            expect_in(hint, run(daemon, "call", "x").stderr, reason)


@test
def json_prints_the_error_object_as_one_line_and_nothing_else():
    with Daemon(error("camera_offline", -32001, "away", extra=18446744073709551615)) as daemon:
        done = run(daemon, "call", "x", "--json")
        expect(done.returncode, CAMERA_AWAY, "exit code")
        expect(done.stderr, "", "standard error")
        expect(done.stdout.count(b"\n"), 1, "lines")
        expect(json.loads(done.stdout), {"code": -32001, "message": "away", "data": {
            "reason": "camera_offline", "retryable": False, "extra": 18446744073709551615}}, "error")


@test
def json_tells_in_the_same_shape_that_there_is_no_daemon():
    done = run(None, "--socket", "/nonexistent/socket", "--json", "ping")
    expect(done.returncode, NO_DAEMON, "exit code")
    expect(json.loads(done.stdout)["data"]["reason"], "no_daemon", "reason")
    expect(done.stderr, "", "standard error")


# Arguments


@test
def arguments_are_sent_as_they_are_meant():
    cases = [
        ([], None),
        (["dial=3"], {"dial": 3}),
        (["a=-0.5", "b=true", "c=null", 'd="1"', "e=[1,2]", 'f={"g":1}', "h=text", "i=", "j=01", "k=a=b", "l=1.",
          "m=+1"],
         {"a": -0.5, "b": True, "c": None, "d": "1", "e": [1, 2], "f": {"g": 1}, "h": "text", "i": "", "j": "01",
          "k": "a=b", "l": "1.", "m": "+1"}),
        (["30", "100", "15", "127", "-10", "60"], [30, 100, 15, 127, -10, 60]),
        (["sensor.RGB565,sensor.QVGA"], "sensor.RGB565,sensor.QVGA"),
        (["5"], 5),
        (["[1,2]"], [1, 2]),
        (["http://host/?q=1"], "http://host/?q=1"),
        (["--", "--strange", "-x"], ["--strange", "-x"]),
        (["--args", '{"a":\n [1,\r\n2]}'], {"a": [1, 2]}),
        (["--args", "null"], None),
        (["text with \"quotes\" and a\nnewline"], "text with \"quotes\" and a\nnewline"),
    ]
    for words, wanted in cases:
        with Daemon(result(None)) as daemon:
            done = run(daemon, "call", "name", *words)
            expect(done.returncode, OK, f"exit code of {words}: {done.stderr}")
            expect(daemon.params().get("args"), wanted, f"args of {words}")
            expect(daemon.params()["name"], "name", "name")


@test
def wide_integers_are_sent_with_all_their_digits():
    lines = []

    def keep(connection, request):
        lines.append(json.dumps(request["params"]["args"]))
        return result(None)(connection, request)

    with Daemon(keep, keep) as daemon:
        run(daemon, "call", "x", "a=18446744073709551615", "b=-9223372036854775808")
        run(daemon, "call", "x", "--args", "[18446744073709551615]")
    expect(lines, ['{"a": 18446744073709551615, "b": -9223372036854775808}', "[18446744073709551615]"], "args")


@test
def argument_bytes_are_sent_as_hex_or_from_a_file():
    with Daemon(*[result(None)] * 5) as daemon, tempfile.NamedTemporaryFile() as file:
        run(daemon, "call", "x", "--data", "01fF")
        expect((daemon.params()["data"], daemon.params()["encoding"]), ("01fF", "hex"), "hex")
        for content in [b"", b"\0", b"\xff\0", bytes(range(256)) * 40]:
            file.seek(0)
            file.truncate()
            file.write(content)
            file.flush()
            daemon.replies[:] = [result(None)] * 2
            run(daemon, "call", "x", "--data-file", file.name)
            expect(base64.b64decode(daemon.params()["data"], validate=True), content, "data")
            expect(daemon.params()["encoding"], "base64", "encoding")
            run(daemon, "call", "x", "--data-file", "-", stdin=content)
            expect(base64.b64decode(daemon.params()["data"], validate=True), content, "data from standard input")


@test
def options_of_a_call_become_its_params():
    with Daemon(result(None), result(None)) as daemon:
        run(daemon, "--camera", "top", "call", "x", "--timeout=1.5s", "--max-age", "250", "--priority", "low", "--wait",
            "--reply", "hex")
        expect(daemon.requests[-1]["method"], "call", "method")
        expect(daemon.params(), {"name": "x", "camera": "top", "timeout_ms": 1500, "max_age_ms": 250, "priority": "low",
                                 "wait": True, "reply": "hex"}, "params")
        run(daemon, "call", "#1a2b3c4d", "--timeout", "2m")
        expect(daemon.params(), {"name": "#1a2b3c4d", "timeout_ms": 120000}, "params")


@test
def subscriptions_wait_for_an_offline_camera_where_that_is_said():
    with Daemon(result({"subscription": 1}), result({"subscription": 2})) as daemon:
        run(daemon, "watch", "x", "--wait", "--timeout", "5")
        expect(daemon.params(), {"name": "x", "timeout_ms": 5000, "wait": True}, "params")
        run(daemon, "stream", "x", "--wait", "--out", "-")
        expect(daemon.params(), {"stream": "x", "wait": True, "reply": "raw"}, "params")


if __name__ == "__main__":
    sys.exit(main())
