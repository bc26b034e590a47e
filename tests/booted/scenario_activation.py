#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The service and its socket: started by a first client, ready and with a status, stopped and started with clients waiting."""

import contextlib
import os
import signal
import stat
import subprocess
import threading

from booted import (INSIDER, SERVICE, SOCKET, SOCKET_PATH, USB, Journal, Tap, as_user, call, check_echo, client, kill,
                    main_pid, prepare, process_stat, restarts, run, service_with_camera, show, start, state, value,
                    wait_for_state, wait_until, write_config)

# Of clients whose connections wait while there is no daemon.
WAITING = 8


def a_client_without_the_socket_is_told_to_enable_it_and_with_it_starts_the_service_and_is_answered():
    write_config(USB)
    run("systemctl", "stop", SERVICE, SOCKET)
    told = subprocess.run(as_user(INSIDER, "openmvctl", "ping"), capture_output=True, text=True, check=False)
    assert "sudo systemctl enable --now openmvd.socket" in told.stderr, told
    run("systemctl", "start", SOCKET)
    assert state() == "inactive" and main_pid() == 0, state()
    run(*as_user(INSIDER, "openmvctl", "ping"))
    wait_until(lambda: state() == "active" and main_pid() != 0, "the service to be active")


def the_daemon_is_the_user_openmvd():
    start(USB)
    status = os.stat(f"/proc/{main_pid()}")
    assert run("id", "--user", "openmvd").strip() == str(status.st_uid) != "0", status
    assert show("Type") == "notify", show("Type")


def the_socket_has_the_unit_s_mode_and_group_and_the_log_says_that_the_configured_ones_do_not_count():
    journal = Journal()
    start(dict(USB, socket={"path": "/run/openmvd/other.sock", "mode": "0666", "group": "root"}))
    status = os.stat(SOCKET_PATH)
    assert stat.S_IMODE(status.st_mode) == 0o660, oct(status.st_mode)
    assert run("getent", "group", str(status.st_gid)).startswith("openmv:"), status
    assert not os.path.exists("/run/openmvd/other.sock")
    journal.wait_for("do not count")


def the_status_tells_how_many_cameras_are_online():
    with service_with_camera() as (camera, _):
        wait_until(lambda: show("StatusText") == "1 of 1 camera online", "the status of a camera that is online")
        camera.unplug()
        wait_until(lambda: show("StatusText") == "0 of 1 camera online", "the status of a camera that is away")
        assert "0 of 1 camera online" in run("systemctl", "status", "--no-pager", SERVICE)


def connections_that_wait_in_the_socket_survive_a_restart():
    with service_with_camera() as (_, first):
        stopped = main_pid()
        # It takes nobody in any more, and would not at an orderly stop either.
        os.kill(stopped, signal.SIGSTOP)
        wait_until(lambda: process_stat(stopped)[0] == "T", "the daemon to stand still")
        waiting = [client() for _ in range(WAITING)]
        asked = [one.send_request("call", {"name": "counter", "wait": True, "timeout_ms": 25000}) for one in waiting]
        run("systemctl", "kill", "--signal=SIGKILL", SERVICE)
        run("systemctl", "restart", SERVICE)
        assert main_pid() not in (0, stopped), main_pid()
        numbers = sorted(value(one.reply(request))[0] for one, request in zip(waiting, asked))
        assert len(set(numbers)) == WAITING, numbers
        for one in waiting:
            one.close()
        assert first.read() is None


def nobody_is_refused_during_restarts():
    answered = told = 0

    def restart_some_times():
        # On a busy machine few may have asked between two of them.
        for number in range(12):
            if number < 3 or answered <= 3:
                run("systemctl", "restart", SERVICE)

    start(USB)
    restarting = threading.Thread(target=restart_some_times)
    restarting.start()
    # A connection is refused where nobody listens, and waits where somebody will.
    while restarting.is_alive():
        with client() as one:
            # Who is told of the stop before asking is told nevertheless.
            with contextlib.suppress(BrokenPipeError):
                one.send_request("ping")
            message = one.read()
            assert message is not None, "a connection was closed without a word"
            answered += "result" in message
            told += "error" in message and message["error"]["data"]["cause"] == "stopping"
    restarting.join()
    assert answered > 3, (answered, told)


def a_client_that_is_connected_at_a_stop_is_told_and_its_connection_is_closed():
    start(USB)
    with client() as idle:
        idle.result("ping")
        run("systemctl", "stop", SERVICE)
        told = idle.read()
        assert told["id"] is None and told["error"]["data"]["cause"] == "stopping", told
        assert idle.read() is None
    assert state() == "inactive" and state(SOCKET) == "active", (state(), state(SOCKET))


def after_a_crash_systemd_starts_the_daemon_again_with_the_same_socket():
    with service_with_camera() as (_, first):
        before, inode = restarts(), os.stat(SOCKET_PATH).st_ino
        kill(signal.SIGKILL)
        assert first.read() is None
        wait_until(lambda: restarts() == before + 1 and state() == "active", "the service to be active again")
        assert os.stat(SOCKET_PATH).st_ino == inode
        with client() as second:
            wait_for_state(second, "online")
            check_echo(second)


prepare()
tap = Tap()
tap.run([
    a_client_without_the_socket_is_told_to_enable_it_and_with_it_starts_the_service_and_is_answered,
    the_daemon_is_the_user_openmvd,
    the_socket_has_the_unit_s_mode_and_group_and_the_log_says_that_the_configured_ones_do_not_count,
    the_status_tells_how_many_cameras_are_online,
    connections_that_wait_in_the_socket_survive_a_restart,
    nobody_is_refused_during_restarts,
    a_client_that_is_connected_at_a_stop_is_told_and_its_connection_is_closed,
    after_a_crash_systemd_starts_the_daemon_again_with_the_same_socket,
])
tap.finish()
