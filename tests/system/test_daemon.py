#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon as a process: options, configuration checks, its socket in the file system, bounds, and how it ends."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

from openmvd import PATIENCE_S, ROOT, Daemon, SkipTest, Tap, Within, is_sanitized, program, tried, wait_for_camera, wait_until

SLEEP = {"sleep": {"args": {"format": "<I"}, "result": {"format": "<I"}}}
SIM = {"camera": {"link": {"type": "sim"}}}
STOP_PATIENCE_S = 2  # stop_patience of daemon/daemon.c


def run(*arguments, environment=None):
    return subprocess.run([program("openmvd"), *arguments], capture_output=True, text=True, timeout=PATIENCE_S,
                          env=dict(os.environ, **(environment or {})), check=False)


def check_config(text):
    """Returns the exit status and what --check-config says of a text, without the file's name."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "openmvd.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = run("--check-config", "--config", path)
        return done.returncode, (done.stdout + done.stderr).replace(path, "FILE").splitlines()


def help_and_version_are_there():
    done = run("--help")
    assert done.returncode == 0
    for option in ["--config", "--socket", "--check-config", "--simulate", "--log", "--help", "--version"]:
        assert option in done.stdout, done.stdout
    done = run("--version")
    assert done.returncode == 0 and re.fullmatch(r"openmvd \d+\.\d+\.\d+\n", done.stdout), done.stdout


def wrong_options_are_usage_errors():
    for arguments in (["--nothing"], ["--config"], ["extra"], ["--log", "loud"], ["--log", "info,moon:debug"]):
        done = run(*arguments)
        assert done.returncode == 2 and done.stderr, arguments


def check_config_accepts_the_example():
    done = run("--check-config", "--config", os.path.join(ROOT, "config", "openmvd.json"))
    assert done.returncode == 0 and re.search(r": ok \(\d+ cameras?\)\n", done.stdout), done.stdout + done.stderr


def check_config_warns_of_users_and_groups_that_do_not_exist():
    status, lines = check_config("""{"socket": {"group": "no-such-group"},
"access": [{"deny": ["*"], "user": "no-such-user"}]}""")
    assert status == 0 and lines[0] == "FILE: ok (1 camera)", lines
    assert lines[1:] == ['<4>config: access.0 (line 2): there is no user "no-such-user", so the rule concerns nobody',
                         '<4>server: group "no-such-group" does not exist, so the socket stays with the daemon\'s own group'], lines


def check_config_accepts_an_empty_file():
    for text in ("", " \n", "{}", "// nothing\n", "/* nothing */"):
        assert check_config(text) == (0, ["FILE: ok (1 camera)"]), text


def check_config_prints_every_mistake_with_its_line():
    status, lines = check_config("""{
  "socket": {"path": "", "mode": "0999", "grup": "openmv"},   // three
  "cameras": {
    "front": {"link": {"type": "serial", "device": "/dev/ttyAMA0", "baud": "fast"}},
    "top": {"link": {"type": "serial"}},
    "arm": {"link": {"type": "carrier pigeon"}},
    "lid": {"link": {"type": "usb", "baud": 9600}, "reset": {"lin": "GPIO25", "line": "GPIO25"}},
    "a b": {"link": {"type": "sim"}}
  },
  "callbacks": {"gauge": {"result": "<Q", "repeatabel": true}},
  "limits": {"clients": 0, "clint": 5},
  "camera": {}
}
""")
    assert status == 1
    expected = [
        (2, "socket.path", "found"), (2, "socket.mode", "0660"), (2, "socket.grup", 'did you mean "group"?'),
        (4, "cameras.front.link.baud", 'found "fast", expected an integer from 50 to 12000000'),
        (5, "cameras.top.link", '"device" is missing'), (6, "cameras.arm.link.type", '"serial"'),
        (7, "cameras.lid.link.baud", "no such key"), (7, "cameras.lid.reset.lin", "line"),
        (8, "cameras.a b", "name"), (10, "callbacks.gauge", ""), (10, "callbacks.gauge", "repeatable"),
        (11, "limits.clients", "an integer from 1 to 1000"), (11, "limits.clint", "limit"),
        (12, "camera", 'did you mean "cameras"?'),
    ]
    for line, path, text in expected:
        assert any(found.startswith(f"FILE:{line}: {path}") and text in found for found in lines), (line, path, text, lines)
    assert len(lines) == len(expected), lines


def check_config_refuses_broken_and_doubled_members():
    for text, line in (("{", 1), ('{\n"cameras": {},\n"cameras": {}\n}', 3), ("{}\n{}", 2), ('{"a":\n\xff}', 2), ("/* open", 1)):
        status, lines = check_config(text)
        assert status == 1 and lines[0].startswith(f"FILE:{line}"), (text, lines)


def check_config_accepts_numbers_as_texts():
    status, lines = check_config('{"limits": {"clients": "0x10"}, "cameras": {"a": {"link": '
                                 '{"type": "serial", "device": "/dev/x", "baud": "115200"}}}}')
    assert (status, lines) == (0, ["FILE: ok (1 camera)"]), lines


def a_daemon_with_a_bad_configuration_does_not_start():
    with tempfile.TemporaryDirectory() as folder:
        done = run("--config", os.path.join(folder, "none.json"), "--socket", os.path.join(folder, "s"))
        assert done.returncode == 1 and "none.json" in done.stderr, done.stderr


def the_journal_has_the_mistakes_that_keep_a_daemon_from_starting_as_errors():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "openmvd.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write('{\n"camera": {},\n"limit": {}}')
        done = run("--config", path, "--socket", os.path.join(folder, "s"))
        lines = done.stderr.splitlines()
        assert done.returncode == 1 and len(lines) == 3, done.stderr
        assert lines[0].startswith(f"<3>config: {path}:2: camera: "), lines
        assert lines[1].startswith(f"<3>config: {path}:3: limit: "), lines
        assert lines[2] == "<3>config: openmvd cannot start with this configuration; mistakes: 2", lines


@contextlib.contextmanager
def own_etc():
    """A folder, and a command that begins with what runs the rest with that folder in the place of /etc."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy("/etc/ld.so.cache", folder)
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', folder]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
            raise SkipTest("this machine gives no user a file system of its own")
        yield folder, command


def the_default_configuration_is_read_where_there_is_one():
    with own_etc() as (folder, command):
        def check():
            done = subprocess.run([*command, program("openmvd"), "--check-config"], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout + done.stderr
        path = os.path.join(folder, "openmvd.json")
        assert check() == (0, "(no configuration): ok (1 camera)\n"), check()
        os.symlink("nowhere.json", path)
        assert check() == (1, "/etc/openmvd.json: No such file or directory\n"), check()
        os.unlink(path)
        with open(path, "w", encoding="ascii") as file:
            file.write('{"cameras": {"a": {"link": {"type": "sim"}}, "b": {"link": {"type": "sim"}}}}')
        assert check() == (0, "/etc/openmvd.json: ok (2 cameras)\n"), check()


def a_default_configuration_that_has_gone_since_changes_nothing():
    with own_etc() as (folder, command):
        path = os.path.join(folder, "openmvd.json")
        with open(path, "w", encoding="ascii") as file:
            file.write('{"cameras": {"mine": {"link": {"type": "sim"}}}}')
        daemon = Daemon(simulate=True)
        daemon.command = [*command, program("openmvd"), "--socket", daemon.path]
        with daemon, daemon.client() as client:
            os.unlink(path)
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "the configuration was not reloaded" in daemon.log(), "the refusal")
            assert "<3>config: /etc/openmvd.json: No such file or directory" in daemon.log(), daemon.log()
            assert [row["name"] for row in client.result("cameras")] == ["mine"]


def the_socket_has_the_configured_mode():
    for mode in ("0600", "0660", "0666"):
        with Daemon(config={"cameras": SIM, "socket": {"mode": mode}}, environment={}) as daemon:
            status = os.stat(daemon.path)
            assert stat.S_ISSOCK(status.st_mode) and stat.S_IMODE(status.st_mode) == int(mode, 8), oct(status.st_mode)
        assert not os.path.exists(daemon.path), "the socket has to go with the daemon"


def a_group_that_does_not_exist_is_a_warning():
    with Daemon(config={"cameras": SIM, "socket": {"group": "no-such-group-here"}}) as daemon:
        assert "<4>" in daemon.log() and "no-such-group-here" in daemon.log()
        with daemon.client() as client:
            assert client.result("ping") == "pong"


def a_second_daemon_leaves_the_first_alone():
    with Daemon() as daemon:
        done = run("--simulate", "--socket", daemon.path)
        assert done.returncode == 1 and "another openmvd is running" in done.stderr, done.stderr
        with daemon.client() as client:
            assert client.result("ping") == "pong"


def the_socket_of_a_dead_daemon_is_replaced():
    daemon = Daemon().start()
    daemon.process.kill()
    daemon.process.wait()
    assert os.path.exists(daemon.path)
    with daemon:
        with daemon.client() as client:
            assert client.result("ping") == "pong"


def a_file_in_the_sockets_place_is_not_touched():
    with tempfile.NamedTemporaryFile() as file:
        done = run("--simulate", "--socket", file.name)
        assert done.returncode == 1 and "is no socket" in done.stderr, done.stderr
        assert os.path.exists(file.name)


def the_default_place_gives_way_to_the_runtime_folder():
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    if os.access("/run/openmvd", os.W_OK) and not nobody:
        raise SkipTest("this user may write to /run/openmvd")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        environment = dict(os.environ, XDG_RUNTIME_DIR=folder)
        try:
            process = subprocess.Popen([program("openmvd"), "--simulate"], env=environment, stderr=subprocess.PIPE, **nobody)
        except PermissionError:
            raise SkipTest("other users cannot reach the build")
        path = os.path.join(folder, "openmvd.sock")
        wait_until(lambda: os.path.exists(path) or process.poll() is not None, "the socket")
        process.terminate()
        _, log = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0 and path.encode() in log, log


def without_any_place_the_way_out_is_told():
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    environment = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    if os.access("/run/openmvd", os.W_OK) and not nobody:
        raise SkipTest("this user may write to /run/openmvd")
    try:
        done = subprocess.run([program("openmvd"), "--simulate"], env=environment, capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False, **nobody)
    except PermissionError:
        raise SkipTest("other users cannot reach the build")
    assert done.returncode == 1 and "--socket PATH" in done.stderr, done.stderr


def clients_over_the_limit_get_a_line_and_are_closed():
    with Daemon(config={"cameras": SIM, "limits": {"clients": 3}}) as daemon:
        clients = [daemon.client() for _ in range(3)]
        for client in clients:
            assert client.result("ping") == "pong"
        refused = daemon.client()
        error = refused.read()
        assert error["id"] is None and error["error"]["code"] == -32014, error
        assert error["error"]["data"]["reason"] == "too_many_clients", error
        assert refused.read() is None
        clients.pop().close()

        def has_room():
            with daemon.client() as client:
                try:
                    return client.request("ping").get("result") == "pong"
                except (AssertionError, OSError):
                    return False
        wait_until(has_room, "a place to become free")
        for client in clients:
            assert client.result("ping") == "pong"
            client.close()


def out_of_descriptors_the_daemon_goes_on():
    with Daemon(config={"cameras": SIM, "limits": {"clients": 1000}}, limit_descriptors=40) as daemon:
        first = daemon.client()
        assert first.result("ping") == "pong"
        others = []
        for _ in range(60):
            others.append(daemon.client())
        wait_until(lambda: "cannot accept clients for now" in daemon.log(), "the daemon to be out of descriptors")
        assert first.result("ping") == "pong"
        number = others[-1].send_request("ping")
        assert daemon.is_at_rest(), "it tries to accept all the time"
        assert not others[-1].is_readable()
        for other in others[:-1]:
            other.close()
        assert others[-1].reply(number)["result"] == "pong"
        others[-1].close()
        first.close()


def clients_that_only_wait_are_not_looked_at_all_the_time():
    with Daemon(config={"cameras": SIM}) as daemon, daemon.client() as watcher, daemon.client() as silent, \
            daemon.client() as half_closed, daemon.client() as half_a_line:
        wait_for_camera(watcher)
        silent.socket.setblocking(False)

        def is_read_no_further():
            with contextlib.suppress(BlockingIOError):
                silent.socket.send(b'{"jsonrpc":"2.0","id":1,"method":"stats"}\n' * 1000)
                return False
            return max(row["output_waiting"] for row in watcher.result("stats")["clients"]) > 256 << 10
        wait_until(is_read_no_further, "a client that does not read to be read no further")
        half_closed.result("subscribe", {"events": True})
        half_closed.shut_down_writing()
        half_a_line.send('{"jsonrpc":"2.0",')
        assert watcher.result("ping") == "pong"
        assert daemon.is_at_rest()


def calls_of_a_client_that_does_not_read_wait_until_it_does():
    config = {"cameras": SIM, "callbacks": dict(SLEEP, counter={"result": {"format": "<I"}})}
    with Daemon(config=config) as daemon, daemon.client() as other, daemon.client() as silent:
        wait_for_camera(other)
        with daemon.held():
            other.send_request("call", {"name": "sleep", "args": [3000]})
            asked = [silent.send_request("call", {"name": "counter", "timeout_ms": 60000}) for _ in range(5)]
            # At once, since many small writes fill the socket that is read no further.
            others = range(silent.last_id + 1, silent.last_id + 1001)
            silent.send("".join(json.dumps({"jsonrpc": "2.0", "id": number, "method": "stats"}) + "\n" for number in others))
        wait_until(lambda: max(row["output_waiting"] for row in other.result("stats")["clients"]) > 256 << 10,
                   "the replies to be too many")
        assert other.result("stats")["cameras"][0]["waiting"] == 5
        assert other.result("call", {"name": "counter", "timeout_ms": 60000})["value"] == [1], "others came first"
        assert all("result" in silent.reply(number) for number in others)
        assert [silent.reply(number)["result"]["value"][0] for number in asked] == [2, 3, 4, 5, 6]


def a_client_that_never_reads_is_closed_at_the_hard_bound():
    config = {"cameras": SIM, "limits": {"output_bytes": 262144, "payload_bytes": 65536, "output_pause_bytes": 131072},
              "callbacks": {"blob": {"args": {"format": "<I"}}}}
    with Daemon(config=config) as daemon, daemon.client() as client:
        wait_for_camera(client)
        silent = daemon.client()
        silent.result("ping")

        def row():
            return [row for row in client.result("stats")["clients"] if not row["you"]][0]

        # The kernel takes the first replies; then they wait in the daemon, at first too few to have the client read no further.
        sent = 1
        while row()["output_waiting"] < 70000:
            silent.send('{"jsonrpc":"2.0","id":1,"method":"ping"}\n' * 500)
            sent += 500
            wait_until(lambda: row()["requests"] == sent, "the requests to be read")
        assert row()["output_waiting"] < 131072
        batch = [{"jsonrpc": "2.0", "id": i, "method": "call", "params": {"name": "blob", "args": [48000]}} for i in range(3)]
        silent.send(json.dumps(batch) + "\n")
        wait_until(lambda: len(client.result("stats")["clients"]) == 1, "the client to be closed")
        assert re.search(r"^<4>client: client \d+ .* is closed: it does not read", daemon.log(), re.M), daemon.log()
        silent.close()


def idle_clients_cost_little_memory():
    if is_sanitized():
        raise SkipTest("the sanitizers have their own needs")
    with Daemon(config={"cameras": SIM, "limits": {"clients": 600}}) as daemon:
        clients = [daemon.client()]
        clients[0].result("ping")
        wait_for_camera(clients[0])
        before = daemon.resident_kb()
        for _ in range(500):
            clients.append(daemon.client())
            assert clients[-1].result("ping") == "pong"
        grown = daemon.resident_kb() - before
        assert grown < 8 * 500, f"{grown} kB for 500 clients"
        for client in clients:
            client.close()


def a_flood_of_requests_does_not_starve_others():
    with Daemon() as daemon, daemon.client() as flooding, daemon.client() as polite:
        flooding.socket.setblocking(False)
        line = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n' * 2000
        for _ in range(50):
            number = polite.send_request("ping")
            while not polite.is_readable():
                try:
                    flooding.socket.send(line)
                except BlockingIOError:
                    pass
                try:
                    flooding.socket.recv(1 << 20)
                except BlockingIOError:
                    pass
            assert polite.reply(number)["result"] == "pong"


def stop_with_calls(number):
    with Daemon(config={"cameras": SIM, "callbacks": SLEEP}) as daemon, daemon.client() as client:
        wait_for_camera(client)
        ids = {client.send_request("call", {"name": "sleep", "args": [20]}) for _ in range(20)}
        with Within(STOP_PATIENCE_S) as in_time:
            daemon.process.send_signal(number)
            while (message := client.read()) is not None:
                assert "result" in message and message["result"]["value"] == [20], message
                ids.remove(message["id"])
            assert not ids
        assert daemon.process.wait(PATIENCE_S) == 0
        assert not os.path.exists(daemon.path)
    return in_time


def accepted_calls_are_answered_at_the_end():
    """after SIGTERM, what is accepted is answered and the socket is gone"""
    for number in (signal.SIGTERM, signal.SIGINT):
        wait_until(lambda number=number: stop_with_calls(number), "a stop in time")


def refuse_at_the_end():
    with Daemon(config={"cameras": SIM, "callbacks": SLEEP}) as daemon, daemon.client() as client:
        wait_for_camera(client)
        running = client.send_request("call", {"name": "sleep", "args": [8000]})
        waiting = client.send_request("call", {"name": "sleep", "args": [1]})
        wait_until(lambda: client.result("cameras")[0]["busy"], "the camera to be busy")
        with Within(STOP_PATIENCE_S) as in_time:
            daemon.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not os.path.exists(daemon.path), "the socket to go")
            late = client.send_request("call", {"name": "sleep", "args": [1]})
            error = client.reply(late)["error"]
            assert error["data"]["reason"] == "not_delivered" and error["data"]["cause"] == "stopping", error
        error = client.reply(waiting)["error"]
        assert error["data"]["reason"] == "not_delivered" and error["data"]["cause"] == "stopping", error
        error = client.reply(running)["error"]
        assert error["data"]["reason"] == "result_unknown" and error["data"]["cause"] == "stopping", error
        assert client.read() is None
        assert daemon.process.wait(PATIENCE_S) == 0
    return in_time


def what_cannot_finish_is_refused_with_a_reason():
    wait_until(refuse_at_the_end, "a call that comes before the end")


def seconds_to_stop_with_idle_clients():
    with Daemon() as daemon:
        clients = [daemon.client() for _ in range(5)]
        clients[0].result("ping")
        begun = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE_S) == 0
        seconds = time.monotonic() - begun
        for client in clients:
            told = client.read()
            assert told["id"] is None and told["error"]["data"]["cause"] == "stopping", told
            assert client.read() is None
        return seconds


def idle_clients_are_told_of_the_end_and_do_not_delay_it():
    # A daemon that waits for them does so each time.
    tried(seconds_to_stop_with_idle_clients, lambda seconds: seconds < STOP_PATIENCE_S - 0.5, 5)


def on_a_terminal(daemon, *prefix):
    """Starts a daemon on a terminal of its own and closes that when it listens. Returns the process id."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp((prefix + tuple(daemon.command))[0], prefix + tuple(daemon.command))
    wait_until(lambda: daemon._listens(), "the daemon to listen")
    os.close(terminal)
    return pid


def a_terminal_that_is_closed_ends_the_daemon_that_was_started_there():
    daemon = Daemon()
    _, status = os.waitpid(on_a_terminal(daemon), 0)
    assert os.waitstatus_to_exitcode(status) == 0 and not os.path.exists(daemon.path)
    daemon.folder.cleanup()


def a_daemon_that_nohup_has_started_survives_its_terminal():
    daemon = Daemon()
    pid = on_a_terminal(daemon, "sh", "-c", 'trap "" HUP; exec "$@"', "sh")
    try:
        for _ in range(3):
            os.kill(pid, signal.SIGHUP)
            with daemon.client() as client:
                assert client.result("ping") == "pong"
    finally:
        os.kill(pid, signal.SIGTERM)
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    daemon.folder.cleanup()


def a_socket_that_another_daemon_has_taken_is_not_removed():
    with Daemon() as daemon:
        os.unlink(daemon.path)
        other = socket.socket(socket.AF_UNIX)
        other.bind(daemon.path)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE_S) == 0
        assert os.path.exists(daemon.path)
        other.close()


def the_log_is_filtered_by_subsystem():
    with Daemon("--log", "warning,client:debug") as daemon, daemon.client() as client:
        client.result("ping")
        assert re.search(r"^<7>client: client 1 connected", daemon.log(), re.M), daemon.log()
        assert not re.search(r"^<6>", daemon.log(), re.M), daemon.log()


HELPERS = ("run", "check_config", "on_a_terminal", "own_etc", "stop_with_calls", "refuse_at_the_end",
           "seconds_to_stop_with_idle_clients")
tap = Tap()
tap.run([test for name, test in list(globals().items())
         if callable(test) and getattr(test, "__module__", "") == "__main__" and name not in HELPERS])
tap.finish()
