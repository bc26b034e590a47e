#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Debian package: installed over nothing, upgraded while it runs, removed and purged, and what stays each time."""

import os
import pathlib
import pwd

from booted import (BUILD, CONFIG_PATH, ROOT, SERVICE, SOCKET, SOCKET_PATH, Tap, client, fails, have_users, INSIDER, as_user,
                    main_pid, run, state)

PACKAGE = next(pathlib.Path(BUILD).glob("openmvd_*.deb"))

OF_THE_PROGRAMS = ("/usr/bin/openmvd", "/usr/bin/openmvctl", "/usr/bin/openmv-sim")


def dpkg(*words):
    # As with nobody there to be asked.
    return run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", *words)


def remove_what_is_there():
    """Whatever other scenarios have installed."""
    if os.path.exists("/usr/local/bin/openmvd"):
        run("systemctl", "disable", "--now", SOCKET, SERVICE)
        run("make", "-C", str(ROOT), "uninstall")
    dpkg("--purge", "openmvd")
    CONFIG_PATH.unlink(missing_ok=True)


def installing_makes_the_user_and_the_folder_and_starts_the_socket():
    dpkg("--install", str(PACKAGE))
    pwd.getpwnam("openmvd")
    assert state(SOCKET) == "active" and state() == "inactive", (state(SOCKET), state())
    assert run("systemctl", "is-enabled", SOCKET).strip() == "enabled"
    assert os.stat("/run/openmvd").st_uid == pwd.getpwnam("openmvd").pw_uid
    assert CONFIG_PATH.exists()


def its_first_client_starts_the_daemon_of_the_package():
    have_users()
    run(*as_user(INSIDER, "openmvctl", "ping"))
    assert os.readlink(f"/proc/{main_pid()}/exe") == "/usr/bin/openmvd"


def everything_that_the_daemon_needs_is_named_by_the_package():
    # dpkg has installed it, so its dependencies are there; a library that was not named would be missing elsewhere.
    needed = {line.split()[0] for line in run("ldd", "/usr/bin/openmvd").splitlines() if "=>" in line}
    named = run("dpkg-query", "--show", "--showformat=${Depends}", "openmvd")
    for library, package in (("libevent-2", "libevent-2"), ("libcjson", "libcjson"), ("libserialport", "libserialport"),
                             ("libudev", "libudev"), ("libsystemd", "libsystemd")):
        assert any(name.startswith(library) for name in needed), (library, needed)
        assert package in named, (package, named)


def an_upgrade_restarts_what_runs_and_keeps_a_changed_configuration():
    before = main_pid()
    CONFIG_PATH.write_text('{"cameras": {"mine": {"link": {"type": "sim"}}}}\n', encoding="ascii")
    dpkg("--install", "--force-confold", str(PACKAGE))
    # A client would start what the upgrade has left down.
    assert state() == "active" and main_pid() not in (0, before), (state(), main_pid(), before)
    with client() as one:
        assert [row["name"] for row in one.result("cameras")] == ["mine"]


def an_upgrade_starts_nothing_that_did_not_run():
    run("systemctl", "stop", SERVICE)
    dpkg("--install", "--force-confold", str(PACKAGE))
    assert (state(), state(SOCKET)) == ("inactive", "active"), (state(), state(SOCKET))
    run(*as_user(INSIDER, "openmvctl", "ping"))


def removing_ends_the_daemon_and_leaves_the_configuration():
    dpkg("--remove", "openmvd")
    assert state() == state(SOCKET) == "inactive", (state(), state(SOCKET))
    assert not os.path.exists(SOCKET_PATH) and not any(map(os.path.exists, OF_THE_PROGRAMS))
    fails("systemctl", "cat", SERVICE)
    assert "mine" in CONFIG_PATH.read_text(encoding="ascii")


def purging_leaves_nothing_but_the_user():
    dpkg("--purge", "openmvd")
    assert not CONFIG_PATH.exists()
    left = run("find", "/etc", "/usr", "/lib/systemd", "/var/lib/systemd", "-name", "*openmv*", "-not", "-path", "*/sudoers.d/*")
    assert left == "", left
    pwd.getpwnam("openmvd")


remove_what_is_there()
tap = Tap()
tap.run([
    installing_makes_the_user_and_the_folder_and_starts_the_socket,
    its_first_client_starts_the_daemon_of_the_package,
    everything_that_the_daemon_needs_is_named_by_the_package,
    an_upgrade_restarts_what_runs_and_keeps_a_changed_configuration,
    an_upgrade_starts_nothing_that_did_not_run,
    removing_ends_the_daemon_and_leaves_the_configuration,
    purging_leaves_nothing_but_the_user,
])
tap.finish()
