# SPDX-License-Identifier: MIT
"""What the tests of openmvctl share: a fake daemon that replays what a test scripts, ways to run the program, TAP."""

import contextlib
import json
import os
import pty
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import traceback

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
OPENMVCTL = os.path.join(BUILD, "openmvctl")
OPENMVD = os.path.join(BUILD, "openmvd")
PATIENCE = 30

OK, FAILED, USAGE, NO_DAEMON, CAMERA_AWAY, REFUSED = range(6)

TESTS = []


def test(function):
    """Marks a test. It fails by an exception, and is skipped by returning the reason."""
    TESTS.append(function)
    return function


def expect(found, wanted, what):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, wanted {wanted!r}")


def expect_in(part, whole, what):
    if part not in whole:
        raise AssertionError(f"{what}: {part!r} is not in {whole!r}")


def expect_not_in(part, whole, what):
    if part in whole:
        raise AssertionError(f"{what}: {part!r} is in {whole!r}")


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.01)


class Daemon:
    """Answers each request with the next of its replies: bytes as they are, a dict as the result, or a function that
    gets the connection and the request. After the last reply it reads on and answers nothing."""

    def __init__(self, *replies, folder=None):
        self.replies = list(replies)
        self.requests = []
        self.folder = folder or tempfile.mkdtemp(prefix="openmvctl-")
        self.path = os.path.join(self.folder, "openmvd.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.connections = 0
        self.server = threading.Thread(target=self.serve, daemon=True)
        self.server.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # A thread that still accepts on a closed descriptor would take the connections of the next to get its number.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.server.join(10)
        self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            for line in lines:
                request = json.loads(line)
                self.requests.append(request)
                if not self.replies:
                    continue
                reply = self.replies.pop(0)
                if callable(reply):
                    if reply(connection, request) == "close":
                        connection.shutdown(socket.SHUT_RDWR)
                        return
                else:
                    connection.sendall(reply if isinstance(reply, bytes) else answer(reply)(request))

    def params(self, index=-1):
        return self.requests[index]["params"]


def line_for(request, member, text):
    return f'{{"jsonrpc":"2.0","id":{json.dumps(request["id"])},"{member}":{text}}}\n'.encode()


def answer(result):
    return lambda request: line_for(request, "result", json.dumps(result))


def result(value, **more):
    """The reply to a `call` that gives `value`, which may be JSON text to keep its digits."""
    text = value if isinstance(value, str) else json.dumps(value)
    rest = json.dumps({"bytes": 8, "elapsed_ms": 12.5, "age_ms": 12, **more})[1:]
    return lambda connection, request: connection.sendall(
        line_for(request, "result", f'{{"camera":"front","name":"x","value":{text},{rest}'))


def error(reason, code=-32000, message="it went wrong", **data):
    text = json.dumps({"code": code, "message": message, "data": {"reason": reason, "retryable": False, **data}})
    return lambda connection, request: connection.sendall(line_for(request, "error", text))


def raw(content):
    def send(connection, request):
        text = json.dumps({"camera": "front", "value": {"raw": len(content)}, "elapsed_ms": 20})
        connection.sendall(line_for(request, "result", text) + content)
    return send


def clean_environment(**more):
    environment = {k: v for k, v in os.environ.items() if k not in ("OPENMVD_SOCKET", "XDG_RUNTIME_DIR", "NO_COLOR")}
    return {**environment, "TERM": "xterm", **more}


def run(daemon, *arguments, stdin=b"", cwd=None, **environment):
    """Runs openmvctl; the result has stdout as bytes and stderr as text."""
    place = ["--socket", daemon.path] if daemon else []
    done = subprocess.run([OPENMVCTL, *place, *arguments], input=stdin, capture_output=True, timeout=PATIENCE, cwd=cwd,
                          env=clean_environment(**environment), check=False)
    done.stderr = done.stderr.decode(errors="replace")
    return done


class Screen:
    """What has appeared on a terminal so far, for the replies that wait until something has."""

    def __init__(self):
        self.shown = b""

    def await_times(self, part, times):
        until(lambda: self.shown.count(part) >= times, f"{part!r} to be shown {times} times")


def run_on_terminal(daemon, *arguments, cwd=None, screen=None, **environment):
    """Runs openmvctl with a terminal for its output; returns the exit code and all that appeared."""
    screen = screen or Screen()
    master, slave = pty.openpty()
    process = subprocess.Popen([OPENMVCTL, "--socket", daemon.path, *arguments], stdin=slave, stdout=slave,
                               stderr=slave, cwd=cwd, env=clean_environment(**environment))
    os.close(slave)
    end = time.monotonic() + PATIENCE
    try:
        while select.select([master], [], [], max(0, end - time.monotonic()))[0]:
            screen.shown += os.read(master, 65536)
    except OSError:
        pass  # EIO: the other side has closed
    finally:
        os.close(master)
    try:
        return process.wait(max(0.1, end - time.monotonic())), screen.shown
    finally:
        process.kill()


def expect_failure(done, code, *parts):
    expect(done.returncode, code, "exit code")
    for part in parts:
        expect_in(part, done.stderr, "standard error")


def main(*arguments, skip=None):
    """Runs every test of the script, with these arguments, or skips them all for a reason."""
    failures = 0
    for number, function in enumerate(TESTS, 1):
        why = skip
        passed = True
        try:
            why = skip or function(*arguments)
        except Exception:  # whatever went wrong, the others are run as well
            print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "))
            passed = False
        failures += not passed
        print(f"{'ok' if passed else 'not ok'} {number} - {function.__name__.replace('_', ' ')}"
              + (f" # SKIP {why}" if why else ""), flush=True)
    print(f"1..{len(TESTS)}")
    return 1 if failures else 0
