# SPDX-License-Identifier: MIT
"""What the scenarios share: openmvd as a service of this machine, whose users and journal can be asked.

Imported inside the booted machine only, where a scenario is root and nothing it does outlives the machine.
"""

import base64
import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "devices"), str(HERE.parent / "system")]

from devices import CALLBACKS, VirtualUsb, call, load_modules, value, wait_for_state  # noqa: E402,F401
from openmvd import BUILD, PATIENCE_S, Client, process_stat, tried, wait_until  # noqa: E402,F401
import openmvd  # noqa: E402

ROOT = HERE.parent.parent
SERVICE, SOCKET = "openmvd.service", "openmvd.socket"
SOCKET_PATH = "/run/openmvd/openmvd.sock"
CONFIG_PATH = pathlib.Path("/etc/openmvd.json")
DROPINS = pathlib.Path("/run/systemd/system/openmvd.service.d")

# A member of the group openmv, and somebody who is not.
INSIDER, OUTSIDER = "ada", "zoe"

# For one command: a package is installed in half a minute, where nothing else takes the processor.
COMMAND_S = 10 * PATIENCE_S

# Where nothing else is asked for: the virtual USB camera, alone.
USB = {"cameras": {"camera": {"link": {"type": "usb"}}}, "callbacks": CALLBACKS}


def run(*words, **options):
    """Runs a program, which has to end well, and returns what it printed."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=COMMAND_S, check=False, **options)
    assert done.returncode == 0, f"{words} ended with {done.returncode}: {done.stdout}"
    return done.stdout


def fails(*words):
    """Runs a program, which has to fail, and returns what it printed."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=COMMAND_S, check=False)
    assert done.returncode != 0, f"{words} ended well: {done.stdout}"
    return done.stdout


def as_user(user, *words):
    """The words of a command that another user runs."""
    return ("runuser", "-u", user, "--", *words)


def show(name, unit=SERVICE):
    """A property of a unit."""
    return run("systemctl", "show", "--property", name, "--value", unit).strip()


def state(unit=SERVICE):
    return show("ActiveState", unit)


def main_pid():
    return int(show("MainPID"))


def restarts():
    """How often systemd has started the service again by itself."""
    return int(show("NRestarts"))


class Journal:
    """What the journal has of the service and its socket, or of other units, from now on."""

    def __init__(self, *units):
        self.units = [f"--unit={unit}" for unit in units or (SERVICE, SOCKET)]
        shown = run("journalctl", "--show-cursor", "--lines=1", "--quiet")
        self.cursor = re.search(r"-- cursor: (.*)", shown).group(1)

    def text(self):
        return run("journalctl", "--quiet", "--no-pager", "--output=cat", f"--after-cursor={self.cursor}",
                   *self.units)

    def wait_for(self, words):
        wait_until(lambda: words in self.text(), f"{words!r} in the journal")


class Tap(openmvd.Tap):
    """Shows with each failure what the journal has of it."""

    def run(self, tests):
        for test in tests:
            journal, failed = Journal(), self.failed
            super().run([test])
            if self.failed != failed:
                print("\n".join(f"# journal: {line}" for line in journal.text().splitlines()[-40:]))


def install():
    """`make install`, with what it says to do next, where it has not been done."""
    if shutil.which("openmvd"):
        return
    follow_next_steps(run("make", "install", cwd=ROOT))


def follow_next_steps(printed):
    """Runs the commands that `make install` has printed for those who want a service, all but that for a person."""
    commands = [line.strip() for line in printed.splitlines() if line.startswith("    sudo ")]
    assert len(commands) == 3, printed
    for command in commands:
        run("sh", "-e", "-c", command)


def have_users():
    """Makes the two users who are not the service's."""
    for user, options in ((INSIDER, ("--groups", "openmv")), (OUTSIDER, ())):
        with contextlib.suppress(KeyError):
            pwd.getpwnam(user)
            continue
        run("useradd", *options, user)


def write_config(config):
    CONFIG_PATH.write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")


def start(config):
    """Has the service run with a configuration from its start on."""
    write_config(config)
    run("systemctl", "reset-failed", SERVICE)
    run("systemctl", "restart", SERVICE)


def client():
    return Client(SOCKET_PATH)


@contextlib.contextmanager
def dropin(text):
    """Lines that are added to the service's unit for as long as a with block lasts."""
    DROPINS.mkdir(parents=True, exist_ok=True)
    file = DROPINS / "test.conf"
    file.write_text(text, encoding="ascii")
    run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        file.unlink()
        run("systemctl", "daemon-reload")


@contextlib.contextmanager
def service_with_camera(config=None):
    """The service above a virtual USB camera that is online: the camera and a client."""
    with VirtualUsb() as camera:
        camera.plug()
        start(config or USB)
        with client() as first:
            wait_for_state(first, "online", name=next(iter((config or USB)["cameras"])))
            yield camera, first


def check_echo(one, text="here", **params):
    """Has the camera say something back, as it is."""
    data = base64.b64encode(text.encode()).decode()
    assert value(call(one, "echo", data=data, **params)) == data


def kill(number=signal.SIGKILL):
    os.kill(main_pid(), number)


def prepare():
    """What each scenario needs: the service as installed, users, and the port of the virtual camera."""
    install()
    have_users()
    load_modules("vhci-hcd")
