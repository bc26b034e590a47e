#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The clients for programs, as strangers use them: the Python module, the C library's examples and the other examples of
docs/clients.md, against real daemons with simulated cameras, and the Python module against daemons that lie."""

import contextlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import docs
from openmvd import BUILD, PATIENCE_S, ROOT, Daemon, SkipTest, Tap, program, wait_for_camera, wait_until

CC = shlex.split(os.environ.get("CC", "cc"))
EXAMPLES = os.path.join(ROOT, "docs", "examples")
LIBRARY = os.path.join(ROOT, "libopenmvd")
MODULES = os.path.join(ROOT, "clients", "python")
JPEG = b"\xff\xd8\xff"


def load_module():
    """The Python client, by its path: the helpers of these tests have the same name."""
    import importlib.util
    spec = importlib.util.spec_from_file_location("openmvd_client", os.path.join(MODULES, "openmvd.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


client = load_module()


@contextlib.contextmanager
def simulated(**options):
    """A daemon whose camera is online, and a connection of the Python client."""
    with Daemon(**options) as daemon:
        with daemon.client() as watcher:
            for row in watcher.result("cameras"):
                wait_for_camera(watcher, row["name"])
        with client.connect(daemon.path) as camera:
            yield daemon, camera


def raises(kind, function, *arguments, **fields):
    try:
        function(*arguments, **fields)
    except kind as error:
        assert type(error) is kind, repr(error)
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


# The Python client and a real daemon.

def values_are_those_of_the_daemon():
    with simulated() as (_, camera):
        wait_until(lambda: camera.call("face_detection"), "a face")
        assert set(camera.call("face_detection")) == set("xywh")
        thresholds = {"l_min": 30, "l_max": 100, "a_min": 15, "a_max": 127, "b_min": -10, "b_max": 60}
        assert set(camera.call("color_detection", **thresholds)) == {"cx", "cy"}
        assert set(camera.call("color_detection", *thresholds.values())) == {"cx", "cy"}
        assert wait_until(lambda: camera.call("qrcode_detection"), "a code").startswith("https://")
        answer = camera.using(max_age=60).ask("face_detection")
        assert answer.camera == "camera" and answer.name == "face_detection" and answer.age >= 0, answer
        assert camera.request("ping") == "pong" and camera.cameras()[0]["state"] == "online"


def pictures_and_bytes_are_bytes_and_come_without_base64():
    with simulated() as (daemon, camera):
        data = bytes(range(256)) * 40
        for _ in range(3):
            assert camera.call("jpeg_snapshot").startswith(JPEG)
            assert camera.call("echo", data) == data
        assert camera.call("echo", b"") is None
        with daemon.client() as watcher:
            before = next(row for row in watcher.result("stats")["clients"] if row["requests"] > 5)
            assert camera.call("echo", data * 10) == data * 10
            after = next(row for row in watcher.result("stats")["clients"] if row["client"] == before["client"])
        assert after["bytes_out"] - before["bytes_out"] < len(data) * 10 + 500, (before, after)


def failures_are_exceptions_by_their_reason():
    with simulated() as (_, camera):
        error = raises(client.NoSuchCamera, camera.using(camera="nobody").call, "face_detection")
        assert error.reason == "no_such_camera" and error.executed == "no" and error.code == -32004, vars(error)
        assert not error.retryable and "nobody" in error.message and isinstance(error, client.Error)

        def unknown_result():
            try:
                return raises(client.ResultUnknown, camera.using(timeout=0.2).call, "sleep", (1000).to_bytes(4, "little"))
            except client.NotDelivered:
                return None  # this machine was busy until the deadline
        error = wait_until(unknown_result, "a call to be delivered")
        assert error.executed == "unknown" and error.data["cause"] == "timeout", vars(error)
        raises(client.InvalidParams, camera.call, "color_detection", l_min=1)
        raises(client.NoSuchMethod, camera.request, "frobnicate")
        raises(TypeError, camera.call, "color_detection", 1, l_min=1)
        raises(TypeError, camera.using, patience=1)
        wait_until(lambda: camera.request("ping") == "pong", "the connection to be good still")


def every_error_of_the_daemon_has_a_class():
    reasons = [word for row in docs.table("errors") for word in docs.names(row[1])]
    assert len(reasons) > 15
    for reason in reasons + ["connection_lost", "no_answer", "bad_reply", "no_daemon"]:
        assert reason in client._CLASSES, reason
        assert client._error_of({"data": {"reason": reason}}).reason == reason
        assert client._CLASSES[reason].__name__.lower() == reason.replace("_", "")


def a_daemon_that_is_not_there_is_told_with_its_place():
    error = raises(client.NoDaemon, client.connect, "/nonexistent/openmvd.sock")
    assert "/nonexistent/openmvd.sock" in error.message and isinstance(error, ConnectionError)


def cameras_that_come_and_go_are_told_between_answers():
    with simulated() as (_, camera), camera.events() as events:
        camera.release()
        assert camera.request("ping") == "pong"
        raises(client.Released, camera.call, "face_detection")
        event = events.next(PATIENCE_S)
        assert event.value["state"] == "released" and (event.sequence, event.dropped) == (1, 0), event
        assert events.next(0) is None
        camera.acquire()
        assert next(events).value["state"] == "connecting"
        events.close()
        assert list(events) == []


def a_callback_is_subscribed_to_and_its_failures_are_events():
    with simulated() as (_, camera):
        often = camera.using(interval=0.02, timeout=5, wait=True)
        with often.subscribe("face_detection") as faces, often.subscribe("jpeg_snapshot") as pictures:
            events = [faces.next(PATIENCE_S) for _ in range(3)]
            assert [event.sequence for event in events] == [1, 2, 3], events
            assert all(event.value is None or set(event.value) == set("xywh") for event in events), events
            assert all(pictures.next(PATIENCE_S).value.startswith(JPEG) for _ in range(2))
            assert camera.request("ping") == "pong"
            camera.release()
            failed = wait_until(lambda: faces.next(PATIENCE_S).error, "the callback to fail")
            # The first of them may have been under way.
            assert failed.reason in ("released", "result_unknown", "not_delivered"), failed
            camera.acquire()
            wait_until(lambda: faces.next(PATIENCE_S).value, "a face again")
        blobs = often.using(on_change=True).subscribe("blob", (100).to_bytes(4, "little"))
        assert len(blobs.next(PATIENCE_S).value) == 100
        assert blobs.next(0.2) is None
        blobs.close()
        # Now that it is known what the camera has, pictures come as bytes from the first.
        with often.subscribe("jpeg_snapshot") as pictures:
            assert pictures.is_raw and next(pictures).value.startswith(JPEG)


def several_cameras_are_asked_through_one_connection():
    cameras = {name: {"link": {"type": "sim"}} for name in ("left", "right")}
    with simulated(config={"cameras": cameras}) as (_, both):
        raises(client.InvalidParams, both.call, "face_detection")
        for name in cameras:
            one = both.using(camera=name)
            assert one.ask("jpeg_snapshot").camera == name
            assert one.call("jpeg_snapshot").startswith(JPEG)
        assert one.using(camera=None)._options == {}


# The Python client and a daemon that is the other end of a socket pair.

@contextlib.contextmanager
def scripted(*pieces, hang_up=False):
    """A connection to a daemon that says one of `pieces` whenever it hears a line, and then waits or hangs up."""
    ours, theirs = socket.socketpair()

    def speak():
        with contextlib.suppress(OSError), theirs.makefile("rb") as heard:
            for piece in pieces:
                if heard.readline():
                    theirs.sendall(piece)
            if hang_up:
                theirs.shutdown(socket.SHUT_WR)

    speaker = threading.Thread(target=speak)
    speaker.start()
    camera = client.Camera(client._Connection(ours), {}, {})
    try:
        yield camera
    finally:
        camera.close()
        speaker.join(PATIENCE_S)
        theirs.close()


def event_line(number, sequence, value, dropped=0):
    return (f'{{"jsonrpc":"2.0","method":"event","params":{{"subscription":{number},"seq":{sequence},'
            f'"dropped":{dropped},"value":{value}}}}}\n').encode()


def frames_of_a_stream_are_bytes_whatever_stands_in_them():
    frame = b'\n{"id":2,"result":1}\n\x00'
    raw = '{"raw":%d}' % len(frame)
    begun = b'{"id":1,"result":{"subscription":7}}\n' + event_line(7, 1, raw) + frame
    more = b'{"id":2,"result":"pong"}\n' + event_line(7, 3, raw, 1) + frame + event_line(7, 4, "null")
    ended = event_line(7, 5, raw) + frame + b'{"id":3,"result":true}\n' + event_line(7, 6, raw)
    with scripted(begun, more, ended, b'{"id":4,"result":"pong"}\n') as camera:
        with camera.stream("jpeg_image_stream") as stream:
            assert camera.request("ping") == "pong"
            assert next(stream)[:3] == (frame, 1, 0)
            assert next(stream)[:3] == (frame, 3, 1)
            assert next(stream)[:3] == (None, 4, 0)
            assert stream.next(0) is None
        assert camera.request("ping") == "pong"
        assert camera._connection.kept_size == 0


def events_beyond_the_bound_go_oldest_first_and_are_counted():
    size = 1 << 20
    raw = '{"raw":%d}' % size
    events = b"".join(event_line(7, i, raw) + bytes(size) for i in range(1, 31))
    with scripted(b'{"id":1,"result":{"subscription":7}}\n', events + b'{"id":2,"result":"pong"}\n') as camera:
        stream = camera.stream("s")
        assert camera.request("ping") == "pong"
        first = stream.next(0)
        assert 14 < first.sequence < 18 and first.dropped == first.sequence - 1, first[1:]
        assert sum(1 for _ in iter(lambda: stream.next(0), None)) == 30 - first.sequence


def lies_end_the_connection():
    lies = [b"hello\n", b"[1]\n", b"{}\n", b'{"id":2,"result":1}\n', b'{"id":"1","result":1}\n', b'{"id":1,"error":7}\n',
            b'{"id":null,"result":1}\n', b'{"method":"event"}\n', b'{"method":"event","params":[1]}\n',
            b'{"id":[],"result":1}\n', b"[" * 100000 + b"\n", b"\xff\n"]
    lies += [b'{"id":1,"result":{"value":{"raw":%s}}}\n' % count for count in (b"-1", b"1.5", b"true", b"16777217", b'"1"')]
    for lie in lies:
        with scripted(lie) as camera:
            camera._callbacks[None] = (time.monotonic(), {"p": "jpeg"})
            raises(client.BadReply, camera.call, "p")
            raises(client.ConnectionLost, camera.request, "ping")


def a_line_without_end_is_read_up_to_a_bound():
    with scripted(b" " * (18 << 20)) as camera:
        raises(client.BadReply, camera.request, "ping")


def a_connection_that_breaks_is_told():
    for script in (b"", b'{"id":1,"resu', b'{"id":1,"result":{"value":{"raw":9}}}\nabc'):
        with scripted(script, hang_up=True) as camera:
            camera._callbacks[None] = (time.monotonic(), {"p": "jpeg"})
            error = raises(client.ConnectionLost, camera.call, "p")
            assert error.executed == "unknown" and isinstance(error, ConnectionError)


def a_late_answer_harms_nobody():
    late = b'{"id":1,"result":{"value":{"raw":3}}}\n{}\n'
    with scripted(b"", late + b'{"id":2,"result":"pong"}\n') as camera:
        raises(client.NoAnswer, camera._connection.request, "call", {"reply": "raw"}, 0)
        assert camera.request("ping") == "pong"


def progress_line(number, count, total):
    return b'{"method":"progress","params":{"id":%s,"bytes":%s,"total":%s}}\n' % (number, count, total)


def who_asks_is_told_how_much_has_come():
    told = []
    with simulated() as (_, camera):
        data = (200000).to_bytes(4, "little")

        def is_told_before_the_end():
            told.clear()
            assert len(camera.using(progress=lambda *numbers: told.append(numbers)).call("blob", data)) == 200000
            assert told[-1] == (200000, 200000), told
            return told[0][0] < 200000
        # A daemon that gets no time meanwhile finds all of it at once.
        wait_until(is_told_before_the_end, "a part of the bytes to be told")
        count = len(told)
        assert len(camera.call("blob", data)) == 200000 and len(told) == count


def progress_that_makes_no_sense_is_let_by_and_what_its_function_raises_is_raised():
    told = []
    wrong = [(b"9", b"1", b"2"), (b"1", b"3", b"2"), (b"1", b"-1", b"2"), (b"1", b"1.5", b"2"), (b'"1"', b"1", b"2"),
             (b"1", b"[]", b"2"), (b"1", b"true", b"2"), (b"[]", b"1", b"2")]
    lines = b'{"method":"progress"}\n{"method":"progress","params":[1]}\n' + b"".join(progress_line(*one) for one in wrong)
    answer = b'{"id":%d,"result":{"value":{"a":1}}}\n'
    with scripted(lines + answer % 1, progress_line(b"2", b"1", b"2"), answer % 2 + answer % 3) as camera:
        watched = camera.using(progress=lambda *numbers: told.append(numbers))
        assert watched.call("p") == {"a": 1} and told == []
        raises(ZeroDivisionError, camera.using(progress=lambda *_: 1 // 0).call, "p")
        assert camera.call("p") == {"a": 1}


class EmptyLines:
    """In place of a socket: there is always something to receive, and never an answer in it."""

    def __init__(self):
        self.reads = 0

    def recv(self, _):
        self.reads += 1
        assert self.reads <= 1, "it was read again after the deadline"
        return b"\n" * 1000

    def settimeout(self, _):
        pass

    def sendall(self, _):
        pass

    def close(self):
        pass


def nobody_waits_longer_for_a_daemon_that_sends_empty_lines():
    camera = client.Camera(client._Connection(EmptyLines()), {}, {})
    raises(client.NoAnswer, camera._connection.request, "ping", {}, 0)
    assert camera._connection.end.reads == 1


def a_refused_client_is_told_why():
    refusal = b'{"id":null,"error":{"code":-32014,"message":"full","data":{"reason":"too_many_clients","retryable":true}}}\n'
    with scripted(refusal, hang_up=True) as camera:
        assert raises(client.TooManyClients, camera.request, "ping").retryable


# Examples.

def run(command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False,
                          **options)
    assert done.returncode == 0, "%s: %s" % (" ".join(map(str, command)), done.stderr.strip())
    return done.stdout


def sanitizers():
    """A sanitized build needs the same flags again; it says so by the symbols it wants."""
    undefined = run(["nm", "-u", program("libopenmvd.a")])
    names = {"address": "__asan_init", "undefined": "__ubsan_", "thread": "__tsan_init"}
    wanted = [name for name, symbol in names.items() if symbol in undefined]
    return ["-fsanitize=" + ",".join(wanted)] if wanted else []


def build(folder, name, *flags):
    built = os.path.join(folder, name)
    run([*CC, "-Wall", "-Wextra", "-Werror", *sanitizers(), os.path.join(EXAMPLES, name + ".c"), *flags, "-o", built])
    return built


def build_static(folder, name):
    return build(folder, name, "-I", LIBRARY, program("libopenmvd.a"))


def environment(daemon, *modules, **more):
    return dict(os.environ, OPENMVD_SOCKET=daemon.path, PYTHONPATH=os.pathsep.join([*modules, MODULES]),
                PATH=os.path.dirname(program("openmvctl")) + os.pathsep + os.environ["PATH"], **more)


def asks(command, env):
    """The output of ask.c, which is right."""
    output = run(command, env=env)
    assert re.fullmatch(r"a face, its middle at [\d.]+\n|no face\n", output), output


def the_short_c_example_runs_with_the_archive_and_the_shared_library():
    with simulated() as (daemon, _), tempfile.TemporaryDirectory() as folder:
        asks([build_static(folder, "ask")], environment(daemon))
        where = os.path.dirname(program("libopenmvd.so"))
        shared = build(folder, "ask", "-I", LIBRARY, "-L", where, "-lopenmvd")
        asks([shared], environment(daemon, LD_LIBRARY_PATH=where))
        body = open(os.path.join(EXAMPLES, "ask.c"), encoding="utf-8").read().split("int main", 1)[1]
        assert len([line for line in body.splitlines()[1:] if line.strip(" {}")]) <= 15


def the_short_c_example_says_what_is_wrong():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([build_static(folder, "ask")], env=dict(os.environ, OPENMVD_SOCKET=folder + "/none"),
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 1 and "cannot reach openmvd: No such file" in done.stderr, done


def the_python_example_says_in_a_line_that_there_is_no_daemon():
    with tempfile.TemporaryDirectory() as folder:
        table = folder + "/faces.csv"
        done = subprocess.run([sys.executable, os.path.join(EXAMPLES, "logger.py"), table, "1"], check=False, text=True,
                              env=dict(os.environ, OPENMVD_SOCKET=folder + "/none", PYTHONPATH=MODULES),
                              capture_output=True, timeout=PATIENCE_S)
        assert done.returncode == 1 and done.stderr.startswith("logger.py: no daemon can be reached at "), done
        assert done.stderr.count("\n") == 1 and not os.path.exists(table), done


def both_clients_work_where_they_are_installed():
    if sanitizers():
        raise SkipTest("a sanitized library is not installed")
    with simulated() as (daemon, _), tempfile.TemporaryDirectory() as folder:
        run(["make", "-C", ROOT, "install", "BUILD=" + os.path.join(ROOT, BUILD), "DESTDIR=" + folder, "PREFIX=/usr"])
        pkg_config = dict(os.environ, PKG_CONFIG_LIBDIR=folder + "/usr/lib/pkgconfig", PKG_CONFIG_SYSROOT_DIR=folder)
        flags = run(["pkg-config", "--cflags", "--libs", "openmvd"], env=pkg_config).split()
        asks([build(folder, "ask", *flags)], environment(daemon, LD_LIBRARY_PATH=folder + "/usr/lib"))
        where = dict(environment(daemon), PYTHONPATH=folder + "/usr/share/openmvd/python")
        source = "import openmvd\nwith openmvd.connect() as camera: print(camera.request('ping'), openmvd.__file__)"
        output = run([sys.executable, "-c", source], env=where, cwd=folder)
        assert output.startswith("pong " + folder), output


def nothing_is_installed_below_a_folder_with_a_blank_in_its_name():
    with tempfile.TemporaryDirectory() as folder:
        for verb in ("install", "uninstall"):
            done = subprocess.run(["make", "-C", ROOT, verb, "BUILD=" + os.path.join(ROOT, BUILD), "PREFIX=/usr",
                                   "DESTDIR=" + folder + "/a b"], capture_output=True, text=True, check=False)
            assert done.returncode != 0 and "must have no blanks" in done.stderr, (verb, done)
            assert os.listdir(folder) == [], (verb, os.listdir(folder))


def two_programs_share_a_camera():
    with simulated() as (daemon, camera), tempfile.TemporaryDirectory() as folder:
        rounds = 12
        table = os.path.join(folder, "faces.csv")
        own_loop = build_static(folder, "own_loop")

        def share():
            with subprocess.Popen([own_loop, str(rounds)], stdout=subprocess.PIPE, text=True, env=environment(daemon)) as c_program:
                run([sys.executable, os.path.join(EXAMPLES, "logger.py"), table, "1"], env=environment(daemon))
                output, _ = c_program.communicate(timeout=PATIENCE_S)
            assert c_program.returncode == 0, output
            rows = open(table, encoding="ascii").read().splitlines()
            assert all(row.count(",") == 4 for row in rows), rows
            answers = camera.request("stats")["cameras"][0]["answers"]
            faces = re.findall(r'^face (?:\{"x":.*\}|null)$', output, re.MULTILINE)
            return len(faces) >= 2 and len(rows) >= 2 and answers["shared"] + answers["remembered"] > 0
        # One of them may have begun when the other was through.
        wait_until(share, "both to be answered by one call")


def the_c_program_with_its_own_loop_hears_of_cameras_and_of_the_end():
    with tempfile.TemporaryDirectory() as folder:
        with simulated() as (daemon, camera):
            c_program = subprocess.Popen([build_static(folder, "own_loop")], stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True, env=environment(daemon))
            # Its first answer says that it has subscribed before.
            assert c_program.stdout.readline().startswith("face ")
            camera.release()
            said = iter(c_program.stdout.readline, "")
            assert any('"state":"released"' in line for line in said)
            assert any("lent to other software" in line and "face" not in line for line in said)
        _, errors = c_program.communicate(timeout=PATIENCE_S)
        assert c_program.returncode == 1 and "closed the connection" in errors, errors


CV2 = '''import os
IMREAD_COLOR = 1
shown = []
def imdecode(data, flags):
    assert flags == IMREAD_COLOR and bytes(data[:3]) == b"\\xff\\xd8\\xff"
    return len(data)
def imshow(window, picture):
    shown.append(picture)
def waitKey(delay):
    with open(os.environ["SHOWN"], "w") as file:
        file.write(str(len(shown)))
    return ord("q") if len(shown) == 5 else -1
'''
NUMPY = '''uint8 = "uint8"
def frombuffer(data, kind):
    assert kind == uint8
    return data
'''


def the_live_view_shows_pictures_until_q_is_pressed():
    with simulated() as (daemon, _), tempfile.TemporaryDirectory() as folder:
        for name, text in (("cv2", CV2), ("numpy", NUMPY)):
            with open(os.path.join(folder, name + ".py"), "w", encoding="utf-8") as file:
                file.write(text)
        shown = os.path.join(folder, "shown")
        for arguments in ([], ["camera"]):
            run([sys.executable, os.path.join(EXAMPLES, "live_view.py"), *arguments],
                env=environment(daemon, folder, SHOWN=shown))
            assert open(shown, encoding="ascii").read() == "5"


def the_live_view_says_what_to_install():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "cv2.py"), "w", encoding="utf-8") as file:
            file.write("raise ModuleNotFoundError('none', name='cv2')\n")
        done = subprocess.run([sys.executable, os.path.join(EXAMPLES, "live_view.py")], capture_output=True, text=True,
                              timeout=PATIENCE_S, env=dict(os.environ, PYTHONPATH=folder + os.pathsep + MODULES), check=False)
        assert done.returncode == 1 and "no module cv2" in done.stderr and "python3-opencv" in done.stderr, done


def the_shell_script_acts_once_on_a_code_that_comes_into_sight():
    with simulated() as (daemon, _), tempfile.TemporaryDirectory() as folder:
        seen = os.path.join(folder, "seen")
        script = subprocess.Popen([os.path.join(EXAMPLES, "on_qrcode.sh"), "sh", "-c", f'echo "$#:$1" >>{seen}', "sh"],
                                  env=environment(daemon))
        try:
            wait_until(lambda: os.path.exists(seen) and os.path.getsize(seen), "a code to be acted on")
        finally:
            script.kill()
            script.wait()
        assert open(seen, encoding="utf-8").read().startswith("1:https://")


def the_shell_script_never_runs_a_code_as_a_command():
    done = subprocess.run([os.path.join(EXAMPLES, "on_qrcode.sh")], check=False, text=True, capture_output=True,
                          timeout=PATIENCE_S)
    assert done.returncode == 2 and "usage: on_qrcode.sh COMMAND..." in done.stderr, done


FAKE_CTL = '''#!/bin/sh
[ -s "$CODES" ] || exit 3
head -n 1 "$CODES"
sed -i 1d "$CODES"
'''


def the_shell_script_gives_a_code_as_one_argument_and_ends_with_the_daemon():
    with tempfile.TemporaryDirectory() as folder:
        hostile = "$(touch pwned); `touch pwned` \"x' * -n"
        codes = os.path.join(folder, "codes")
        with open(codes, "w", encoding="utf-8") as file:
            file.write(f"{hostile}\n{hostile}\n\n{hostile}\nother\n")
        fake = os.path.join(folder, "openmvctl")
        with open(fake, "w", encoding="utf-8") as file:
            file.write(FAKE_CTL)
        os.chmod(fake, 0o755)
        done = subprocess.run([os.path.join(EXAMPLES, "on_qrcode.sh"), "printf", "<%s>\n"], cwd=folder, check=False,
                              capture_output=True, text=True, timeout=PATIENCE_S,
                              env=dict(os.environ, CODES=codes, PATH=folder + os.pathsep + os.environ["PATH"]))
        assert done.stdout == f"<{hostile}>\n<{hostile}>\n<other>\n", done.stdout
        assert done.returncode == 3 and not os.path.exists(os.path.join(folder, "pwned")), done


# The library as a thing.

def shown(*command):
    """The names that nm shows, but those of a sanitizer."""
    names = {line.split()[-1] for line in run(["nm", "--defined-only", *command]).splitlines() if " " in line}
    return {name for name in names if not name.startswith("__")}


def the_libraries_show_what_the_header_declares_and_nothing_else():
    header = open(os.path.join(LIBRARY, "openmvd.h"), encoding="utf-8").read()
    declared = set(re.findall(r"OPENMVD_API\s[^;(]*?(openmvd_\w+)\(", header))
    assert len(declared) > 12, declared
    for names in (shown("-D", program("libopenmvd.so.0")), shown("-g", program("libopenmvd.a"))):
        assert declared == names, declared ^ names


def the_header_is_good_cplusplus():
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if not compiler:
        raise SkipTest("there is no C++ compiler")
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "header.cpp")
        with open(source, "w", encoding="utf-8") as file:
            file.write("#include <openmvd.h>\nint main() { double x = 0; openmvd_question q = {}; q.raw = true;\n"
                       'return openmvd_json_number("[1]", "0", &x) && x == 1 && q.name == nullptr ? 0 : 1; }\n')
        run([compiler, "-Wall", "-Wextra", "-Werror", *sanitizers(), "-I", LIBRARY, source, program("libopenmvd.a"),
             "-o", os.path.join(folder, "header")])
        run([os.path.join(folder, "header")])


tap = Tap()
tap.run([
    values_are_those_of_the_daemon,
    pictures_and_bytes_are_bytes_and_come_without_base64,
    failures_are_exceptions_by_their_reason,
    every_error_of_the_daemon_has_a_class,
    a_daemon_that_is_not_there_is_told_with_its_place,
    cameras_that_come_and_go_are_told_between_answers,
    a_callback_is_subscribed_to_and_its_failures_are_events,
    several_cameras_are_asked_through_one_connection,
    frames_of_a_stream_are_bytes_whatever_stands_in_them,
    events_beyond_the_bound_go_oldest_first_and_are_counted,
    lies_end_the_connection,
    a_line_without_end_is_read_up_to_a_bound,
    a_connection_that_breaks_is_told,
    a_late_answer_harms_nobody,
    who_asks_is_told_how_much_has_come,
    progress_that_makes_no_sense_is_let_by_and_what_its_function_raises_is_raised,
    nobody_waits_longer_for_a_daemon_that_sends_empty_lines,
    a_refused_client_is_told_why,
    the_short_c_example_runs_with_the_archive_and_the_shared_library,
    the_short_c_example_says_what_is_wrong,
    the_python_example_says_in_a_line_that_there_is_no_daemon,
    both_clients_work_where_they_are_installed,
    nothing_is_installed_below_a_folder_with_a_blank_in_its_name,
    two_programs_share_a_camera,
    the_c_program_with_its_own_loop_hears_of_cameras_and_of_the_end,
    the_live_view_shows_pictures_until_q_is_pressed,
    the_live_view_says_what_to_install,
    the_shell_script_acts_once_on_a_code_that_comes_into_sight,
    the_shell_script_never_runs_a_code_as_a_command,
    the_shell_script_gives_a_code_as_one_argument_and_ends_with_the_daemon,
    the_libraries_show_what_the_header_declares_and_nothing_else,
    the_header_is_good_cplusplus,
])
tap.finish()
