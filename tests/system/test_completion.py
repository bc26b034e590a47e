#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Completion for bash, in a real bash: what it offers is what the programs' help and a running daemon have."""

import os
import pty
import re
import select
import shlex
import socket
import subprocess
import tempfile
import time

import tables
from openmvd import PATIENCE_S, ROOT, Daemon, Tap, program, wait_for_camera, wait_until

SCRIPT = os.path.join(ROOT, "completion/openmvctl.bash")

# What stands for a value in a help text, and how it is completed. A new one gets a row here and a case in the script.
COMPLETED = {"FILE", "PATH", "NODE", "FOLDER", "NAME", "LEVEL", "FORM", "LEVEL[,SUBSYSTEM:LEVEL...]", "CAMERA", "METHOD",
             "KEY=VALUE"}
NOBODY_KNOWS = {"TIME", "N", "JSON", "HEX", "TEXT", "BYTES", "MS", "VALUE", "PARAMS-JSON"}

TWO_CAMERAS = {"cameras": {"left": {"link": {"type": "sim"}}, "right": {"link": {"type": "sim", "stock": True}}},
               "callbacks": {"read_gauge": {"args": {"format": "<HB", "fields": ["dial", "unit"]}}}}


class Bash:
    """A bash with the completion, in a folder of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="openmvd-completion-")
        self.environment = {"PATH": f"{os.path.dirname(program('openmvctl'))}:{os.environ['PATH']}",
                            "HOME": self.folder.name, "LC_ALL": "C.UTF-8", "TERM": "dumb",
                            "XDG_RUNTIME_DIR": self.folder.name}

    def offers(self, *words):
        """What is offered for the last word, which may be empty, of a command line that bash has taken apart."""
        name = {"openmv-sim": "_openmv_sim"}.get(words[0], "_" + words[0])
        script = (f"source {shlex.quote(SCRIPT)}; COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; "
                  f"{name} {words[0]}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "--norc", "-uc", script], cwd=self.folder.name, env=self.environment, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S)
        assert not done.stderr, done.stderr.decode()
        return [line for line in done.stdout.decode().splitlines() if line]

    def asks(self, *words):
        """What is offered of what a daemon knows: nothing, where that was held up for longer than the script waits."""
        return wait_until(lambda: self.offers(*words), f"an offer for {words}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()


def same(offered, real, line):
    assert sorted(offered) == sorted(real) and offered, (
        f"{line}: missing {sorted(set(real) - set(offered))}, invented {sorted(set(offered) - set(real))}; "
        "completion/openmvctl.bash decides")


def every_verb_is_offered():
    with Bash() as bash:
        same(bash.offers("openmvctl", ""), tables.verbs(), "openmvctl")
        same(bash.offers("openmvctl", "--json", "ca"), [verb for verb in tables.verbs() if verb.startswith("ca")], "ca")


def every_option_of_each_verb_is_offered_and_no_other():
    with Bash() as bash:
        same(bash.offers("openmvctl", "--"), tables.options("openmvctl"), "openmvctl --")
        for verb in tables.verbs():
            same(bash.offers("openmvctl", verb, "--"), tables.options("openmvctl", verb), f"openmvctl {verb} --")


def every_option_of_the_other_programs_is_offered():
    with Bash() as bash:
        for name in ("openmvd", "openmv-sim"):
            same(bash.offers(name, "--"), tables.options(name), f"{name} --")


def every_word_for_a_value_has_its_completion_or_none_on_purpose():
    wanted = {re.match(r"\S+", word)[0] for command in [["openmvd"], ["openmv-sim"]] + [["openmvctl", verb] for verb in tables.verbs()]
              for word in tables.option_words(*command).values() if word}
    wanted |= {word for usage in tables.verbs().values() for word in re.findall(r"[A-Z][A-Z=-]+", usage)}
    assert wanted == COMPLETED | NOBODY_KNOWS, (
        f"new words in the help: {sorted(wanted - COMPLETED - NOBODY_KNOWS)}, gone: "
        f"{sorted((COMPLETED | NOBODY_KNOWS) - wanted)}; say in completion/openmvctl.bash how each is completed, and here")


def values_that_the_daemon_knows_by_name_are_those_of_its_tables():
    params = tables.methods()["call"]
    with Bash() as bash:
        same(bash.offers("openmvctl", "call", "--priority", ""), params["priority"].split(", "), "--priority")
        same(bash.offers("openmvctl", "call", "--reply", ""), params["reply"].split(", "), "--reply")
        same(bash.offers("openmvctl", "request", ""), tables.methods(), "request METHOD")


def levels_and_subsystems_of_the_log_are_offered():
    levels, subsystems = tables.log_names("Levels"), tables.log_names("Subsystems")
    with Bash() as bash:
        same(bash.offers("openmvd", "--log", ""), levels + [name + ":" for name in subsystems], "--log")
        same(bash.offers("openmvd", "--log", "info,"), [f"info,{name}:" for name in subsystems], "--log info,")
        same(bash.offers("openmvd", "--log", "info,bus", ":", ""), levels, "--log info,bus:")


def faults_are_offered_one_after_the_other():
    names = [fault.split("=")[0] + "=" for fault in tables.faults()]
    with Bash() as bash:
        same(bash.offers("openmv-sim", "--faults", ""), names, "--faults")
        same(bash.offers("openmv-sim", "--faults", "drop", "=", "1%,d"), ["1%," + name for name in names if name[0] == "d"],
             "--faults drop=1%,d")


def files_and_folders_are_offered_where_they_are_meant():
    with Bash() as bash:
        os.mkdir(os.path.join(bash.folder.name, "a folder"))
        with open(os.path.join(bash.folder.name, "a file"), "w", encoding="ascii"):
            pass
        for line in (["replay", ""], ["trace", "front", ""], ["call", "x", "--out", ""], ["call", "x", "--out", "=", ""]):
            same(bash.offers("openmvctl", *line), ["a file", "a folder"], line)
        same(bash.offers("openmvctl", "deploy", "--drive", ""), ["a folder"], "--drive")
        same(bash.offers("openmvd", "--config", "a f"), ["a file", "a folder"], "--config")


def cameras_are_asked_of_the_daemon():
    with Daemon(config=TWO_CAMERAS) as daemon, Bash() as bash:
        for line in (["--camera", ""], ["--camera", "=", ""], ["call", "--camera", ""]):
            same(bash.asks("openmvctl", "--socket", daemon.path, *line), ["left", "right"], line)
        bash.environment["OPENMVD_SOCKET"] = daemon.path
        same(bash.asks("openmvctl", "release", "r"), ["right"], "release")
        same(bash.asks("openmvctl", "--camera", "left", "acquire", ""), ["left", "right"], "acquire")


def callbacks_are_those_of_the_camera_given():
    with Daemon(config=TWO_CAMERAS) as daemon, daemon.client() as client, Bash() as bash:
        bash.environment["OPENMVD_SOCKET"] = daemon.path
        offered = {}
        for camera in ("left", "right"):
            wait_for_camera(client, camera)
            if camera == "left":
                # One that is asked what it is in vain is called the stock way, and asked again.
                wait_until(lambda: client.result("cameras")[0]["library"], "the camera to say what it is")
            real = [row["name"] for row in client.result("callbacks", {"camera": camera})]
            offered[camera] = bash.asks("openmvctl", "--camera", camera, "call", "")
            same(offered[camera], real, f"call of {camera}")
        assert "echo" in offered["left"] and "echo" not in offered["right"], offered
        same(bash.asks("openmvctl", "watch", "--camera", "=", "left", "ech"), ["echo"], "watch")


def fields_of_an_argument_are_offered_by_name():
    with Daemon(config=TWO_CAMERAS) as daemon, Bash() as bash:
        line = ["openmvctl", "--socket", daemon.path, "--camera", "right", "call", "read_gauge"]
        same(bash.asks(*line, ""), ["dial=", "unit="], "call read_gauge")
        same(bash.asks(*line, "dial", "=", "3", "u"), ["unit="], "call read_gauge dial=3 u")
        assert bash.offers(*line, "dial", "=", "") == []
        assert bash.offers(*line[:-1], "qrcode_detection", "") == []


def names_that_a_shell_would_carry_out_are_quoted():
    hostile = ["$(>pwned)", "`>pwned`", ";>pwned", "~", "*", "a'b\"c\\d"]
    config = {"cameras": {"camera": {"link": {"type": "sim", "stock": True}}}, "callbacks": {name: {} for name in hostile}}
    with Daemon(config=config) as daemon, Bash() as bash:
        bash.environment["OPENMVD_SOCKET"] = daemon.path
        offered = bash.asks("openmvctl", "call", "")
        for name in hostile:
            assert any(shlex.split(word) == [name] for word in offered), (name, offered)
            assert name not in offered, f"{name} is offered as it is"
        done = subprocess.run(["bash", "--norc", "-c", f"printf '%s\\n' {' '.join(offered)}"], cwd=bash.folder.name,
                              check=True, stdout=subprocess.PIPE, timeout=PATIENCE_S)
        assert set(hostile) <= set(done.stdout.decode().splitlines()), done.stdout
        assert os.listdir(bash.folder.name) == []


def without_a_daemon_nothing_is_offered_and_nothing_said():
    with Bash() as bash:
        bash.environment["OPENMVD_SOCKET"] = os.path.join(bash.folder.name, "no.sock")
        assert bash.offers("openmvctl", "call", "") == []
        assert bash.offers("openmvctl", "--camera", "") == []


def a_daemon_that_is_silent_is_waited_for_only_briefly():
    with Bash() as bash, socket.socket(socket.AF_UNIX) as silent:
        path = os.path.join(bash.folder.name, "silent.sock")
        silent.bind(path)
        silent.listen()
        bash.environment["OPENMVD_SOCKET"] = path
        begun = time.monotonic()
        assert bash.offers("openmvctl", "call", "") == []
        assert 0.4 < time.monotonic() - begun < 10, "the script asks with a patience of 500ms"


def the_tab_key_completes_in_an_interactive_bash():
    with Daemon(config=TWO_CAMERAS) as daemon, Bash() as bash:
        bash.environment.update(OPENMVD_SOCKET=daemon.path, PS1="> ")
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(bash.folder.name)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], bash.environment)
        heard = b""

        def type_and_await(line, wanted):
            nonlocal heard
            os.write(terminal, line)
            end = time.monotonic() + PATIENCE_S
            while not (match := re.search(wanted, heard)):
                assert select.select([terminal], [], [], max(0, end - time.monotonic()))[0], f"not seen: {wanted}: {heard}"
                heard += os.read(terminal, 4096)
            heard = heard[match.end():]
            return match[0]

        def completes():
            line = type_and_await(b"openmvctl call --camera=ri\tread_g\tdi\t3 --prio\tlo\t\n", b"<call>[^ ]*> ")
            return line == b"<call><--camera=right><read_gauge><dial=3><--priority><low>> "
        try:
            # A function shows what the line has become; the completion asks the program behind it.
            type_and_await(f"source {shlex.quote(SCRIPT)}; openmvctl() {{ printf '<%s>' \"$@\"; }}\n".encode(), b"> ")
            # Words that the daemon was too slow for stay as they are typed.
            wait_until(completes, "the line to be completed")
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)


def main():
    tap = Tap()
    tap.run([
        every_verb_is_offered,
        every_option_of_each_verb_is_offered_and_no_other,
        every_option_of_the_other_programs_is_offered,
        every_word_for_a_value_has_its_completion_or_none_on_purpose,
        values_that_the_daemon_knows_by_name_are_those_of_its_tables,
        levels_and_subsystems_of_the_log_are_offered,
        faults_are_offered_one_after_the_other,
        files_and_folders_are_offered_where_they_are_meant,
        cameras_are_asked_of_the_daemon,
        callbacks_are_those_of_the_camera_given,
        fields_of_an_argument_are_offered_by_name,
        names_that_a_shell_would_carry_out_are_quoted,
        without_a_daemon_nothing_is_offered_and_nothing_said,
        a_daemon_that_is_silent_is_waited_for_only_briefly,
        the_tab_key_completes_in_an_interactive_bash,
    ])
    tap.finish()


if __name__ == "__main__":
    main()
