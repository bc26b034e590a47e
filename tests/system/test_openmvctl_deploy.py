#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""openmvctl deploy onto folders that stand for a camera's drive."""

import json
import os
import pty
import select
import shutil
import subprocess
import tempfile

from openmvctl_bench import OPENMVCTL, PATIENCE, Daemon as FakeDaemon, error
from openmvd import ROOT, SkipTest, Tap

FIRMWARE = os.path.join(ROOT, "firmware")
SCRIPTS = sorted(name for name in os.listdir(FIRMWARE) if name.endswith(".py"))
FOREIGN = b"# main.py -- put your code here!\nimport pyb\npyb.LED(1).on()\n"


class Drive(tempfile.TemporaryDirectory):
    """A folder for a drive."""

    def __enter__(self):
        super().__enter__()
        return self

    def path(self, name):
        return os.path.join(self.name, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)

    def files(self):
        return sorted(os.listdir(self.name))


def ours(name):
    with open(os.path.join(FIRMWARE, name), "rb") as file:
        return file.read()


def deploy(*arguments, stdin=subprocess.DEVNULL, command=(OPENMVCTL,)):
    return subprocess.run([*command, "deploy", *arguments], check=False, stdin=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE, text=True)


def outcomes(done):
    assert done.returncode == 0, done
    return {row["name"]: row["outcome"] for row in json.loads(done.stdout)["files"]}


def check_deployed(drive, others=()):
    assert drive.files() == sorted([*SCRIPTS, *others]), drive.files()
    for name in SCRIPTS:
        assert drive.read(name) == ours(name), name


def all_scripts_are_copied_and_the_next_steps_told():
    with Drive() as drive:
        done = deploy("--drive", drive.name)
        assert done.returncode == 0, done
        check_deployed(drive)
        assert "reset button" in done.stdout and "openmvctl callbacks" in done.stdout, done.stdout


def only_what_differs_is_written():
    with Drive() as drive:
        deploy("--drive", drive.name)
        os.utime(drive.path("main.py"), (1, 1))
        drive.write("omvrpc.py", b"# old\n")
        said = outcomes(deploy("--drive", drive.name, "--json"))
        assert said == dict.fromkeys(SCRIPTS, "same") | {"omvrpc.py": "written"}, said
        assert os.stat(drive.path("main.py")).st_mtime == 1
        check_deployed(drive)
        assert "nothing had to be written" in deploy("--drive", drive.name).stdout


def a_dry_run_writes_nothing():
    with Drive() as drive:
        drive.write("main.py", FOREIGN)
        said = outcomes(deploy("--drive", drive.name, "--dry-run", "--json"))
        assert said == dict.fromkeys(SCRIPTS, "would_write") | {"main.py": "would_ask"}, said
        assert outcomes(deploy("--drive", drive.name, "--dry-run", "--yes", "--json"))["main.py"] == "would_replace"
        assert drive.files() == ["main.py"] and drive.read("main.py") == FOREIGN


def a_foreign_main_script_is_kept_unless_told_otherwise():
    with Drive() as drive:
        drive.write("main.py", FOREIGN)
        done = deploy("--drive", drive.name)
        assert done.returncode == 5 and "--yes" in done.stderr, done
        assert drive.files() == ["main.py"] and drive.read("main.py") == FOREIGN
        done = deploy("--drive", drive.name, "--json")
        assert json.loads(done.stdout)["data"]["reason"] == "not_confirmed", done
        assert deploy("--drive", drive.name, "--yes").returncode == 0
        check_deployed(drive)


def an_older_main_script_of_openmvd_is_replaced_without_a_question():
    with Drive() as drive:
        drive.write("main.py", ours("main.py") + b"# an older one\n")
        assert outcomes(deploy("--drive", drive.name, "--json"))["main.py"] == "written"
        check_deployed(drive)


def ask_at_a_terminal(drive, answer):
    """Runs deploy on a terminal of its own and types an answer; returns the exit code."""
    process, terminal = pty.fork()
    if process == 0:
        os.execv(OPENMVCTL, [OPENMVCTL, "deploy", "--drive", drive.name])
    said = b""
    while True:
        assert select.select([terminal], [], [], PATIENCE)[0], f"silence after {said!r}"
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break  # Linux says so at the end of a terminal's output.
        if not part:
            break
        said += part
        if said.endswith(b"[y/N] "):
            os.write(terminal, answer)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def at_a_terminal_the_user_is_asked():
    for answer, code, left in ((b"n\n", 5, FOREIGN), (b"\n", 5, FOREIGN), (b"\x03", 5, FOREIGN),
                               (b"y\n", 0, ours("main.py"))):
        with Drive() as drive:
            drive.write("main.py", FOREIGN)
            assert ask_at_a_terminal(drive, answer) == code, answer
            assert drive.read("main.py") == left, answer


def other_files_of_the_drive_are_left_alone():
    with Drive() as drive:
        drive.write("README.txt", b"mine")
        deploy("--drive", drive.name)
        check_deployed(drive, ["README.txt"])


def another_folder_may_be_copied():
    with Drive() as drive, Drive() as source:
        source.write("main.py", FOREIGN)
        source.write("helper.py", b"X = 1\n")
        source.write("notes.txt", b"not for the camera")
        assert deploy("--drive", drive.name, "--from", source.name).returncode == 0
        assert drive.files() == ["helper.py", "main.py"] and drive.read("main.py") == FOREIGN


def a_temporary_file_of_an_interrupted_run_is_no_obstacle():
    with Drive() as drive:
        drive.write("omvrpc.py.new", b"half")
        assert deploy("--drive", drive.name).returncode == 0
        check_deployed(drive)


def mistakes_are_told_with_what_to_do():
    with Drive() as drive, Drive() as empty:
        drive.write("main.py", b"# of openmvd\n")
        os.mkdir(drive.path("omvrpc.py"))
        for arguments, words in ((("--drive", "/nonexistent"), "is no folder"),
                                 (("--drive", drive.path("main.py")), "is no folder"),
                                 (("--drive", drive.name), "Is a directory"),
                                 (("--drive", drive.name, "--from", empty.name), "has no scripts"),
                                 (("--drive", drive.name, "--from", "/nonexistent"), "No such file")):
            done = deploy(*arguments)
            assert done.returncode == 1 and words in done.stderr, done
            assert "\n  " in done.stderr, f"no next step: {done}"
        assert drive.read("main.py") == b"# of openmvd\n"
    done = deploy("--drive", "/tmp", "--serial", "1")
    assert done.returncode == 2 and "--serial" in done.stderr, done


def without_the_camera_that_is_meant_it_says_how_to_find_one():
    done = deploy("--serial", "nobody has this")
    assert done.returncode == 1, done
    assert "no OpenMV camera with USB serial number nobody has this is plugged in" in done.stderr, done
    assert "\n  " in done.stderr, f"no next step: {done}"
    assert json.loads(deploy("--serial", "nobody has this", "--json").stdout)["data"]["reason"] == "no_drive"


def in_namespace(script, *arguments):
    """Runs a shell script where it may mount, which is undone at its end."""
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *rights, "--mount", "sh", "-c", script, "sh", *arguments]
    if subprocess.run(command[:-len(arguments) - 2] + ["mount -t tmpfs none /tmp"], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        raise SkipTest("this machine does not let tests mount")
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE, text=True)


def a_drive_with_no_room_for_old_and_new_keeps_one_of_them():
    size = sum(-(-os.path.getsize(os.path.join(FIRMWARE, name)) // 4096) * 4 for name in SCRIPTS)
    biggest = max(SCRIPTS, key=lambda name: os.path.getsize(os.path.join(FIRMWARE, name)))
    with Drive() as drive:
        # Room for all scripts and a page, but not for the biggest twice.
        done = in_namespace(f'''mount -t tmpfs -o size={size + 8}k none "$1" && "$2" deploy --drive "$1" >/dev/null &&
                                echo "# older" >>"$1/{biggest}" && "$2" deploy --drive "$1" && ls "$1" &&
                                cmp "$1/{biggest}" "$3/{biggest}"''', drive.name, OPENMVCTL, FIRMWARE)
        assert done.returncode == 0, done
        assert done.stdout.split()[-len(SCRIPTS):] == SCRIPTS, done.stdout


def a_full_drive_loses_nothing():
    with Drive() as drive:
        done = in_namespace('''mount -t tmpfs -o size=16k none "$1" && echo "# openmvd" >"$1/main.py" &&
                               echo "# old" >"$1/omvrpc.py"; "$2" deploy --drive "$1"; echo "code $?"
                               cat "$1/omvrpc.py"; ls "$1"''', drive.name, OPENMVCTL)
        assert done.stdout == "code 1\n# old\nmain.py\nomvrpc.py\n", done
        assert "No space left" in done.stderr and "remove files" in done.stderr, done


def a_read_only_drive_is_told():
    with Drive() as drive:
        done = in_namespace('mount -t tmpfs -o ro none "$1" && exec "$2" deploy --drive "$1"', drive.name, OPENMVCTL)
        assert done.returncode == 1 and "Read-only file system" in done.stderr, done
        assert "reset the camera" in done.stderr, done


def the_daemon_is_asked_to_reset_the_camera_that_is_named():
    for reply, words in ((True, "the camera was reset"), (error("unsupported"), "reset button")):
        with Drive() as drive, FakeDaemon(reply) as daemon:
            done = deploy("--drive", drive.name, "--camera", "front", "--socket", daemon.path)
            assert done.returncode == 0 and words in done.stdout, done
            assert [request["method"] for request in daemon.requests] == ["reset"], daemon.requests
            assert daemon.params() == {"camera": "front"}, daemon.requests
            # The second time nothing is written.
            deploy("--drive", drive.name, "--camera", "front", "--socket", daemon.path)
            assert len(daemon.requests) == 1, daemon.requests


def an_installed_program_finds_the_installed_scripts():
    with Drive() as root, Drive() as drive:
        os.makedirs(root.path("bin"))
        installed = shutil.copy(OPENMVCTL, root.path("bin"))
        done = deploy("--drive", drive.name, command=(installed,))
        assert done.returncode == 1 and "--from" in done.stderr, done
        shutil.copytree(FIRMWARE, root.path("share/openmvd/firmware"))
        assert deploy("--drive", drive.name, command=(installed,)).returncode == 0
        check_deployed(drive)


if __name__ == "__main__":
    tap = Tap()
    tap.run([
        all_scripts_are_copied_and_the_next_steps_told,
        only_what_differs_is_written,
        a_dry_run_writes_nothing,
        a_foreign_main_script_is_kept_unless_told_otherwise,
        an_older_main_script_of_openmvd_is_replaced_without_a_question,
        at_a_terminal_the_user_is_asked,
        other_files_of_the_drive_are_left_alone,
        another_folder_may_be_copied,
        a_temporary_file_of_an_interrupted_run_is_no_obstacle,
        mistakes_are_told_with_what_to_do,
        without_the_camera_that_is_meant_it_says_how_to_find_one,
        a_drive_with_no_room_for_old_and_new_keeps_one_of_them,
        a_full_drive_loses_nothing,
        a_read_only_drive_is_told,
        the_daemon_is_asked_to_reset_the_camera_that_is_named,
        an_installed_program_finds_the_installed_scripts,
    ])
    tap.finish()
