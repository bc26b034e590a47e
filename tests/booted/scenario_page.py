#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page for those who begin with nothing, followed to the letter by somebody who may use sudo."""

import os
import pathlib
import subprocess

from booted import COMMAND_S, CONFIG_PATH, ROOT, Tap, VirtualUsb, load_modules, run
import docs
from test_docs_transcripts import same_lines

PAGE = "docs/install-on-a-pi.md"
USER = "pi"
HOME = pathlib.Path("/home", USER)

LIBRARIES = ("libopenmvd.so.0", "libopenmvrpc.so.0")

# What is left out because it needs the network begins with one of these.
NEEDS_NETWORK = ("sudo apt-get update", "sudo apt-get install -y git make", "tools/install-dependencies ", "cd ")


class Reader:
    """Who follows the page: logs in anew for each block, and goes on in the folder where the last one has ended."""

    def __init__(self):
        run("useradd", "--create-home", "--shell", "/bin/bash", USER)
        pathlib.Path("/etc/sudoers.d/pi").write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n", encoding="ascii")
        self.folder = HOME
        self.camera = None
        self._clone()

    def _clone(self):
        """The sources and their build, as if the reader had fetched and built them; most files stay whose they are."""
        clone = HOME / "openmvd"
        clone.mkdir()
        run("mount", "--bind", str(ROOT), str(clone))
        build = clone / "build"
        written = [clone, build, *build.glob("*.pc"), *build.glob("systemd/**/*"), *build.glob("completion/**/*")]
        for path in (*written, build / "systemd", build / "completion"):
            os.chown(path, *self._ids())

    @staticmethod
    def _ids():
        return tuple(int(run("id", option, USER)) for option in ("--user", "--group"))

    def follow(self, mark):
        if mark.detail == "network":
            return
        if mark.detail == "camera":
            self.plug()
        if mark.detail.startswith("/"):
            pathlib.Path(mark.detail).write_text(mark.text, encoding="utf-8")
            return
        commands, shown = [], []
        for line in mark.text.splitlines():
            if line.startswith("$ "):
                commands.append(line[2:])
                shown.append([])
            else:
                shown[-1].append(line)
        script = f"cd {self.folder}\n" + "".join(f"{command}\nprintf '\\001%d\\n' $?\n" for command in commands) + "pwd\n"
        done = subprocess.run(["runuser", "-l", USER, "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=COMMAND_S, check=False)
        pieces = done.stdout.split("\001")
        assert len(pieces) == len(commands) + 1, done.stdout
        for number, command in enumerate(commands):
            printed = pieces[number].split("\n", 1)[1] if number else pieces[0]
            status = pieces[number + 1].split("\n", 1)[0]
            assert status == "0", f"{mark.place()}: {command}: status {status}: {printed}"
            got = printed.splitlines()
            assert not shown[number] or same_lines(shown[number], got), \
                f"{mark.place()}: {command}\n shown {shown[number]}\n got   {got}"
        self.folder = pathlib.Path(pieces[-1].splitlines()[-1])

    def plug(self):
        if self.camera is None:
            self.camera = VirtualUsb()
            self.camera.__enter__()
            self.camera.plug()


def only_what_needs_the_network_is_left_out():
    left_out = [line[2:] for mark in docs.marks(PAGE) if mark.detail == "network" for line in mark.text.splitlines()]
    assert left_out and all(command.startswith(NEEDS_NETWORK) for command in left_out), left_out
    blocks = docs.read(PAGE).count("\n```") // 2
    assert blocks == len([mark for mark in docs.marks(PAGE) if mark.kind == "machine"]), "a block has no mark"


def a_program_finds_the_installed_libraries():
    # By a name without a path, so through the loader's cache: /usr/local/lib is not among the folders that it looks into.
    for library in LIBRARIES:
        run("python3", "-c", f"import ctypes; ctypes.CDLL('{library}')")


def the_loader_knows_nothing_of_libraries_that_were_taken_away():
    cache = run("/sbin/ldconfig", "--print-cache")
    assert not any(library in cache for library in LIBRARIES), cache


def a_user_without_rights_installs_below_the_own_folder_and_is_told_what_to_do():
    def as_reader(command):
        return run("runuser", "-l", USER, "-c", f"cd openmvd && {command}")
    assert not CONFIG_PATH.exists()
    printed = as_reader("make install PREFIX=$HOME/own")
    assert f"{HOME}/own/bin/openmvd --config FILE" in printed and "systemctl" not in printed, printed
    assert not CONFIG_PATH.exists()
    as_reader("$HOME/own/bin/openmvd --check-config")


# What is to be true after a block with such a command, beside what the page shows.
AFTER = {
    "make install": a_program_finds_the_installed_libraries,
    "make uninstall": the_loader_knows_nothing_of_libraries_that_were_taken_away,
    "rm /etc/openmvd.json": a_user_without_rights_installs_below_the_own_folder_and_is_told_what_to_do,
}


def steps(reader):
    after = dict(AFTER)
    for mark in docs.marks(PAGE):
        def step(mark=mark):
            reader.follow(mark)
        step.__doc__ = f"the block at {mark.place()} does what the page says"
        yield step
        for command in [command for command in after if f"sudo {command}" in mark.text]:
            yield after.pop(command)
    assert not after, f"not on the page: {', '.join(after)}"


load_modules("vhci-hcd")
tap = Tap()
tap.run([only_what_needs_the_network_is_left_out, *steps(Reader())])
tap.finish()
