#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the documentation shows of sessions is what happens: its transcripts are replayed."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import docs
from openmvd import BUILD, PATIENCE_S, ROOT, Daemon, SkipTest, Tap, Within, wait_until

SHOWN_SOCKET = "/tmp/openmvd.sock"
SHOWN_DEVICE = "/dev/ttyACM0"

# Numbers under these names are the same in every run; of all others only that they are numbers.
EXACT = {"code", "id", "api", "limit", "bar"}


def similar(shown, got, name=""):
    """Whether a JSON value is the one shown, but for what varies. A "..." in a shown list stands for anything."""
    if isinstance(shown, dict) and isinstance(got, dict):
        return list(shown) == list(got) and all(similar(shown[key], got[key], key) for key in shown)
    if isinstance(shown, list) and isinstance(got, list):
        if shown and shown[-1] == "...":
            shown, got = shown[:-1], got[:len(shown) - 1]
        return len(shown) == len(got) and all(similar(one, other, name) for one, other in zip(shown, got))
    if isinstance(shown, (int, float)) and isinstance(got, (int, float)) and not isinstance(shown, bool):
        return name not in EXACT or shown == got
    if isinstance(shown, str) and isinstance(got, str) and re.fullmatch("([0-9a-f]{2}){8,}", shown):
        return bool(re.fullmatch("[0-9a-f]{%d}" % len(shown), got))
    return shown == got and isinstance(shown, type(got))


def is_json(line):
    """The JSON value of a line, or None."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def masked(line):
    """A line for people, with its numbers and the widths of its columns levelled; a number alone is an exit code."""
    if line.isdigit():
        return line
    return re.sub(r" {2,}", "  ", re.sub(r"(?<![\w#.])\d+(\.\d+)?(?![\w.])", "N", line)).rstrip()


def same_line(shown, got):
    """Whether a printed line is the one shown, but for what varies."""
    shown_json, got_json = is_json(shown), is_json(got)
    if isinstance(shown_json, (dict, list)) and isinstance(got_json, (dict, list)):
        return similar(shown_json, got_json)
    return masked(shown) == masked(got)


def same_lines(shown, got):
    """Whether all lines are the ones shown."""
    return len(shown) == len(got) and all(map(same_line, shown, got))


class Room:
    """A folder with the files that a document saves and with build/ as in the repository; what it shows is run there."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="openmvd-docs-")
        self.build = os.path.join(ROOT, BUILD)
        os.symlink(self.build, os.path.join(self.folder, "build"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def save(self, name, text):
        """Makes a file that later blocks use."""
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run(self, mark, socket, same=same_lines):
        """Runs the commands of a console block in one shell and compares what they print."""
        if "socat" in mark.text and not shutil.which("socat"):
            raise SkipTest("socat is missing")
        commands, outputs = [], []
        for line in mark.text.splitlines():
            if line.startswith("$ "):
                commands.append(line[2:].replace(SHOWN_SOCKET, socket))
                outputs.append([])
            else:
                outputs[-1].append(line)
        script = "".join(f"(exit $status)\n{command}\nstatus=$?\nprintf '\\001\\n'\n" for command in commands)
        environment = dict(os.environ, PATH=self.build + os.pathsep + os.environ["PATH"], OPENMVD_SOCKET=socket,
                           NO_COLOR="1")
        done = subprocess.run(["sh", "-c", "status=0\n" + script], cwd=self.folder, env=environment, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=4 * PATIENCE_S)
        printed = done.stdout.decode(errors="replace").replace(socket, SHOWN_SOCKET).split("\001\n")
        for command, shown, got in zip(commands, outputs, printed):
            got = got.splitlines()
            assert same(shown, got), f"{mark.place()}: {command}\n shown {shown}\n got   {got}"


def replay_without_daemon(room, mark, _):
    # Nothing varies here.
    room.run(mark, SHOWN_SOCKET, list.__eq__)


def wait_for_cameras(daemon):
    """Waits until all cameras are online, as they are when somebody has started the daemon and then types."""
    with daemon.client() as client:
        wait_until(lambda: all(camera["state"] == "online" for camera in client.result("cameras")), "the cameras")


def replay_with_daemon(room, mark, _):
    config = json.loads(mark.detail[len("config:"):]) if mark.detail else None
    with Daemon(config=config) as daemon:
        wait_for_cameras(daemon)
        room.run(mark, daemon.path)


def replay_with_camera(room, mark, config):
    run_camera = os.path.join(ROOT, "tests/firmware/run-camera")
    script = os.path.join(ROOT, mark.detail[len("camera:"):].strip())
    check = subprocess.run([run_camera, "--check"], stderr=subprocess.PIPE, check=False)
    if check.returncode:
        raise SkipTest(check.stderr.decode().strip())
    with subprocess.Popen([run_camera, "--script", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as camera:
        try:
            device = camera.stdout.readline().decode().strip()
            with Daemon(config=config.replace(SHOWN_DEVICE, device)) as daemon:
                wait_for_cameras(daemon)
                room.run(mark, daemon.path)
        finally:
            camera.kill()


def talk(mark):
    sent = ""
    # Where a camera has not taken a command within its deadline, the answer is another one than is shown.
    deadlines = [int(number) / 1000 for number in re.findall(r'"timeout_ms":(\d+)', mark.text)]
    with Daemon() as daemon, daemon.client() as client:
        wait_for_cameras(daemon)
        with Within(min(deadlines, default=PATIENCE_S)) as in_time:
            for line in mark.text.splitlines():
                if line.startswith("--> "):
                    sent += line[4:] + "\n"
                    continue
                assert line.startswith("<-- "), f"{mark.place()}: what is {line!r}?"
                # In one piece, so that nothing is answered before the next is asked.
                client.send(sent)
                sent = ""
                shown = json.loads(line[4:].replace(",...]", ',"..."]'))
                got = client.read_line().decode()
                assert similar(shown, json.loads(got)), f"{mark.place()}:\n shown {line[4:]}\n got   {got}"
    return in_time


def replay_on_socket(_, mark, __):
    wait_until(lambda: talk(mark), "what is shown to be asked in time")


def choose(mark):
    """How to replay a mark, or None."""
    if mark.kind == "socket":
        return replay_on_socket
    if mark.kind != "replay":
        return None
    ways = {"no-daemon": replay_without_daemon, "camera": replay_with_camera, "config": replay_with_daemon,
            "": replay_with_daemon}
    return ways[mark.detail.split(":")[0]]


def replay(mark, saved, config):
    """Replays one block, with the files that its document has saved before it."""
    with Room() as room:
        for name, text in saved.items():
            room.save(name, text)
        choose(mark)(room, mark, config)


def tests():
    """A test for each transcript."""
    for path in docs.paths():
        saved, config = {}, None
        for mark in docs.marks(path):
            if mark.kind == "save":
                saved[mark.detail] = mark.text
            elif mark.kind == "config":
                config = mark.text
            elif choose(mark):
                def test(mark=mark, saved=dict(saved), config=config):
                    replay(mark, saved, config)
                test.__doc__ = f"the transcript at {mark.place()} is what happens"
                yield test


def main():
    """Runs all, or those whose names contain the first argument."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    tap = Tap()
    tap.run(test for test in tests() if wanted in test.__doc__)
    tap.finish()


if __name__ == "__main__":
    main()
