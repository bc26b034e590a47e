#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon under a service manager: what it tells, its watchdog, a socket that is passed to it, and its clients at its end."""

import contextlib
import os
import re
import signal
import socket
import stat
import subprocess

from openmvd import PATIENCE_S, Daemon, SkipTest, Tap, wait_for_camera, wait_until
from service_manager import ManagedDaemon, stopped_thread

SIM = {"cameras": {"front": {"link": {"type": "sim"}}, "top": {"link": {"type": "sim"}}}}
WATCHDOG_US = 800000


def listening_socket(path, mode=0o600, kind=socket.SOCK_STREAM, backlog=64):
    """As systemd makes one: bound, listening, and not non-blocking."""
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.bind(path)
    os.chmod(path, mode)
    if kind == socket.SOCK_STREAM and backlog is not None:
        listener.listen(backlog)
    return listener


class Folder:
    """A folder for sockets that outlive a daemon."""

    def __enter__(self):
        import tempfile
        self.folder = tempfile.TemporaryDirectory(prefix="openmvd-passed-")
        return self.folder.name

    def __exit__(self, *_):
        self.folder.cleanup()


def it_says_that_it_is_ready_when_clients_are_served():
    with ManagedDaemon(config=SIM) as daemon:
        message = daemon.await_told("READY=1")
        assert re.search(r"^STATUS=[0-2] of 2 cameras online$", message, re.M), message


def the_status_follows_the_cameras():
    with ManagedDaemon(config=SIM) as daemon, daemon.client() as client:
        daemon.await_told("STATUS=2 of 2 cameras online")
        client.result("release", {"camera": "top"})
        daemon.await_told("STATUS=1 of 2 cameras online")
        client.result("acquire", {"camera": "top"})
        daemon.await_told("STATUS=2 of 2 cameras online")


def it_says_that_it_is_stopping():
    with ManagedDaemon(config=SIM) as daemon:
        daemon.await_told("READY=1")
        daemon.process.send_signal(signal.SIGTERM)
        daemon.await_told("STOPPING=1")


def fill(path):
    """Sends to a socket of datagrams until it takes no more."""
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.setblocking(False)
            sent = 0
            # What one sender may have under way is limited, too.
            with contextlib.suppress(BlockingIOError):
                while True:
                    one.sendto(b"X_FULL=1", path)
                    sent += 1
        if sent == 0:
            return


def a_manager_that_does_not_listen_holds_nothing_up_and_is_told_how_things_stand_when_it_does():
    with ManagedDaemon(config=SIM) as daemon, daemon.client() as client:
        daemon.await_told("STATUS=2 of 2 cameras online")
        fill(daemon.ear.getsockname())
        client.result("release", {"camera": "top"})
        wait_until(lambda: "is told again later" in daemon.log(), "the daemon to notice")
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reloaded; cameras" in daemon.log(), "the reload")
        assert client.result("ping") == "pong"
        assert daemon.await_told("READY=1") == "READY=1\nSTATUS=1 of 2 cameras online"
        # It is told news as before.
        client.result("acquire", {"camera": "top"})
        daemon.await_told("STATUS=2 of 2 cameras online")
        fill(daemon.ear.getsockname())
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE_S) == 0


def without_a_service_manager_nothing_is_told():
    with Daemon(config=SIM, environment={"NOTIFY_SOCKET": "", "WATCHDOG_USEC": ""}) as daemon, daemon.client() as client:
        assert client.result("ping") == "pong"
        assert "watchdog" not in daemon.log()


def the_watchdog_is_fed_also_while_the_workers_have_nothing_to_do():
    with ManagedDaemon(config=SIM, watchdog_us=WATCHDOG_US) as daemon, daemon.client() as client:
        client.result("release", {"camera": "front"})
        client.result("release", {"camera": "top"})
        # It would not be for longer than WATCHDOG_US if they were taken to hang.
        for _ in range(8):
            daemon.await_told("WATCHDOG=1")


def a_worker_that_hangs_ends_the_feeding_and_is_named():
    with ManagedDaemon(config=SIM, watchdog_us=WATCHDOG_US) as daemon, daemon.client() as client:
        wait_for_camera(client, "front")
        daemon.await_told("WATCHDOG=1")
        with stopped_thread(daemon.process.pid, "worker"):
            wait_until(lambda: "hangs" in daemon.log(), "the hanging worker to be told")
            daemon.await_silence("WATCHDOG=1", WATCHDOG_US / 1e6)
            assert client.result("ping") == "pong"
        assert re.search(r"<3>daemon: the worker of (front|top) \(simulated camera\) has not moved .* hangs", daemon.log()), daemon.log()
        daemon.await_told("WATCHDOG=1")


def a_stop_does_not_wait_for_ever_for_a_worker_that_hangs():
    # A thread that is left behind is what this is about, and no finding of a sanitizer's.
    options = ":".join(filter(None, [os.environ.get("TSAN_OPTIONS"), "report_thread_leaks=0"]))
    daemon = Daemon(config=SIM, environment={"TSAN_OPTIONS": options}).start()
    with daemon.client() as client:
        wait_for_camera(client, "front")
        wait_for_camera(client, "top")
    with stopped_thread(daemon.process.pid, "worker"):
        daemon.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "a worker hangs in its driver: the daemon ends without it" in daemon.log(), "the worker to be told")
    assert daemon.process.wait(PATIENCE_S) == 1 and not os.path.exists(daemon.path)
    daemon.folder.cleanup()


def a_passed_socket_is_served_and_its_path_mode_and_group_stay():
    with Folder() as folder:
        path = os.path.join(folder, "passed.sock")
        listener = listening_socket(path, mode=0o622)
        config = dict(SIM, socket={"path": os.path.join(folder, "configured.sock"), "mode": "0600", "group": "no-such-group"})
        daemon = ManagedDaemon(config=config, sockets=[listener])
        own, daemon.path = daemon.path, path
        with daemon:
            with daemon.client() as client:
                assert client.result("ping") == "pong"
            assert os.listdir(folder) == ["passed.sock"] and not os.path.exists(own), os.listdir(folder)
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o622
            assert f"listening at {path}, which the service manager has passed: the configured path" in daemon.log()
            assert "no-such-group" not in daemon.log()
        assert os.path.exists(path), "a passed socket is not the daemon's to remove"


def managed_at(path, listener, config=None, **others):
    daemon = ManagedDaemon(config=config or SIM, sockets=[listener], **others)
    daemon.path = path
    return daemon


def connections_that_wait_in_a_passed_socket_survive_a_restart():
    with Folder() as folder:
        path = os.path.join(folder, "passed.sock")
        listener = listening_socket(path)
        with managed_at(path, listener) as daemon, daemon.client() as established:
            assert established.result("ping") == "pong"
            # Connections that come while it stops wait in the socket.
            with daemon.held():
                early = daemon.client()
                number = early.send_request("ping")
                daemon.process.send_signal(signal.SIGTERM)
            told = established.read()
            assert told["error"]["data"]["cause"] == "stopping" and established.read() is None, told
            assert daemon.process.wait(PATIENCE_S) == 0
        late = daemon.client()
        late_number = late.send_request("cameras")
        with managed_at(path, listener):
            assert late.reply(late_number)["result"][0]["name"] == "front"
            # Which of the two daemons took it depends on what the first one saw first; either answers it, or tells.
            reply = early.read()
            assert reply.get("id") == number or reply["error"]["data"]["cause"] == "stopping", reply
        early.close()
        late.close()


def connections_that_were_not_taken_at_a_stop_are_left_to_the_next_daemon():
    with Folder() as folder:
        path = os.path.join(folder, "passed.sock")
        listener = listening_socket(path, backlog=128)
        config = dict(SIM, limits={"clients": 200})
        with managed_at(path, listener, config=config) as daemon:
            # More come at once than it takes in one turn, and the signal is seen in that turn, before them or after.
            with daemon.held():
                waiting = [daemon.client() for _ in range(100)]
                daemon.process.send_signal(signal.SIGTERM)
            assert daemon.process.wait(PATIENCE_S) == 0
        first, last = waiting[0], waiting[-1]
        if first.is_readable():
            told = first.read()
            assert told["error"]["data"]["cause"] == "stopping" and first.read() is None, told
        assert not last.is_readable(), "it was taken by the daemon that stopped"
        number = last.send_request("ping")
        with managed_at(path, listener, config=config):
            assert last.reply(number)["result"] == "pong"
        for one in waiting:
            one.close()


def what_is_passed_and_cannot_be_served_is_refused_with_a_reason():
    with Folder() as folder:
        good = listening_socket(os.path.join(folder, "good"))
        datagram = listening_socket(os.path.join(folder, "datagram"), kind=socket.SOCK_DGRAM)
        deaf = listening_socket(os.path.join(folder, "deaf"), backlog=None)
        internet = socket.create_server(("127.0.0.1", 0))
        for sockets, said in (([good, deaf], "2 sockets were passed, expected one"), ([datagram], "no Unix stream socket"),
                              ([deaf], "no Unix stream socket that listens"), ([internet], "no Unix stream socket")):
            daemon = ManagedDaemon(config=SIM, sockets=sockets)
            try:
                daemon.start()
            except AssertionError:
                pass
            assert daemon.process.wait(PATIENCE_S) == 1, daemon.log()
            assert said in daemon.log() and "is ready" not in daemon.log(), daemon.log()
            daemon.folder.cleanup()
        for one in (good, datagram, deaf, internet):
            one.close()


def subscribers_are_told_of_the_end():
    with Daemon(config=SIM) as daemon, daemon.client() as client:
        wait_for_camera(client, "front")
        numbers = {client.result("subscribe", {"events": True})["subscription"],
                   client.result("subscribe", {"camera": "front", "name": "face_detection", "interval_ms": 50})["subscription"],
                   client.result("subscribe", {"camera": "front", "stream": "jpeg_image_stream"})["subscription"]}
        daemon.process.send_signal(signal.SIGTERM)
        while (message := client.read()) is not None:
            params = message["params"]
            if "error" in params:
                assert params["error"]["data"]["cause"] == "stopping" and params["value"] is None, params
                numbers.remove(params["subscription"])
            else:
                assert params["subscription"] in numbers, "nothing comes after the last event"
        assert not numbers
        assert daemon.process.wait(PATIENCE_S) == 0


def workers_of(daemon):
    """The threads that talk with cameras, each with its policy and priority."""
    found = []
    for thread in map(int, os.listdir(f"/proc/{daemon.process.pid}/task")):
        with open(f"/proc/{daemon.process.pid}/task/{thread}/comm", encoding="ascii") as file:
            if file.read().strip() == "worker":
                found.append((os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority))
    return [(policy & ~os.SCHED_RESET_ON_FORK, priority) for policy, priority in found]


def blocked_signals(pid):
    """Of each thread of a process: its name, and which of the signals that the daemon handles it blocks."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
        mask = int(status["SigBlk"], 16)
        yield status["Name"], {number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM) if mask >> (number - 1) & 1}


def signals_interrupt_no_thread():
    with Daemon(config=SIM) as daemon, daemon.client() as client:
        wait_for_camera(client, "front")
        blocked = list(blocked_signals(daemon.process.pid))
        # The loop reads them from a descriptor. All threads are alike, as libraries that change a mask for a moment may expect.
        assert sum(name == "worker" for name, _ in blocked) == 2, blocked
        assert all(signals == {signal.SIGHUP, signal.SIGINT, signal.SIGTERM} for _, signals in blocked), blocked


def locked_kb(daemon):
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmLck:"))


def workers_are_scheduled_like_others_unless_configured():
    with Daemon(config=SIM) as daemon, daemon.client() as client:
        wait_for_camera(client, "front")
        assert workers_of(daemon) == [(os.SCHED_OTHER, 0)] * 2 and locked_kb(daemon) == 0


def may(*command):
    """Whether this user may do that with a program that it starts."""
    return subprocess.run([*command, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def a_configured_real_time_priority_is_that_of_the_workers():
    raised = [] if may("chrt", "--fifo", "7") else ["prlimit", "--rtprio=10"]
    if not may(*raised, "chrt", "--fifo", "7"):
        raise SkipTest("this user may not have real-time priorities")
    daemon = Daemon(config=dict(SIM, realtime_priority=7))
    daemon.command = [*raised, *daemon.command]
    with daemon, daemon.client() as client:
        wait_for_camera(client, "front")
        assert workers_of(daemon) == [(os.SCHED_FIFO, 7)] * 2, workers_of(daemon)
        assert os.sched_getscheduler(daemon.process.pid) == os.SCHED_OTHER, "the loop stays as it was"
        assert "cannot have the real-time priority" not in daemon.log(), daemon.log()


def with_a_real_time_priority_memory_is_locked():
    unlimited = ["prlimit", "--memlock=unlimited"]
    if not may(*unlimited):
        raise SkipTest("this user may not lock all of its memory")
    daemon = Daemon(config=dict(SIM, realtime_priority=7))
    daemon.command = [*unlimited, *daemon.command]
    with daemon:
        assert locked_kb(daemon) > 1000 and "memory should be locked" not in daemon.log(), daemon.log()


def a_real_time_priority_that_is_not_allowed_is_a_warning():
    daemon = Daemon(config=dict(SIM, realtime_priority=7))
    without_right = ["setpriv", "--bounding-set", "-sys_nice"] if os.geteuid() == 0 else []
    daemon.command = ["prlimit", "--rtprio=0", "--memlock=65536", *without_right, *daemon.command]
    with daemon, daemon.client() as client:
        wait_for_camera(client, "front")
        assert workers_of(daemon) == [(os.SCHED_OTHER, 0)] * 2
        assert "<4>bus: a worker cannot have the real-time priority 7" in daemon.log() and "LimitRTPRIO=" in daemon.log()
        assert "<4>daemon: with realtime_priority memory should be locked" in daemon.log() and locked_kb(daemon) == 0


HELPERS = ("listening_socket", "fill", "managed_at", "workers_of", "blocked_signals", "locked_kb", "may")
tap = Tap()
tap.run([test for name, test in list(globals().items())
         if callable(test) and getattr(test, "__module__", None) == "__main__" and not isinstance(test, type)
         and name not in HELPERS])
tap.finish()
