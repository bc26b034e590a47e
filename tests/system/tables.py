# SPDX-License-Identifier: MIT
"""What the programs say of themselves, by their help, their messages and their tables: the one truth with which the tests
of the documentation, the manual pages and the completion compare."""

import glob
import json
import os
import re
import subprocess
import tempfile

from openmvd import PATIENCE_S, ROOT, program


def read(path):
    """The text of a file of the repository."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def output(*command):
    """What a program prints, on either output."""
    done = subprocess.run([program(command[0]), *command[1:]], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
    return done.stdout.decode()


def rows(name):
    """The rows of one of the daemon's tables (tests/helpers/tables.c), as lists of words."""
    lines = [line.split("\t") for line in output("tests/tables").splitlines()]
    found = [line[1:] for line in lines if line[0] == name]
    assert found, f"the helper prints no table {name}"
    return found


# The programs.

def indented(text, heading):
    """The first words of the indented lines below a heading of a help text."""
    part = text.split(heading, 1)[1].lstrip("\n").split("\n\n")[0]
    return re.findall(r"^  (\S+)", part, re.MULTILINE)


def option_words(*command):
    """The options in a help text, each with the word for its value, or ''."""
    found = re.findall(r"^  (--[\w-]+)(?: ([A-Z]\S*))? ", output(*command, "--help"), re.MULTILINE)
    assert found, f"{command} --help names no option"
    return dict(found)


def options(*command):
    """The names of the options in a help text."""
    return list(option_words(*command))


def verbs():
    """The verbs of openmvctl, each with its operands as its help words them."""
    names = indented(output("openmvctl", "--help"), "Verbs:")
    return {name: re.search(rf"^Usage: openmvctl \[OPTIONS\] {name} ?(.*)$", output("openmvctl", name, "--help"),
                            re.MULTILINE)[1] for name in names}


def verb_options():
    """Each option of openmvctl with the verbs that have it beside others, or none where all have it."""
    common = options("openmvctl")
    found = {option: [] for option in common}
    for verb in verbs():
        for option in options("openmvctl", verb):
            if option not in common:
                found.setdefault(option, []).append(verb)
    return found


def exit_codes():
    """The exit codes of openmvctl: code -> (what it means, the reasons of errors that lead to it)."""
    text = output("openmvctl", "--help").split("Exit codes:\n")[1]
    return {code: (doc, re.findall(r"\w+", reasons))
            for code, doc, reasons in re.findall(r"^  (\d)  (.*)\n((?:     .*\n)*)", text, re.MULTILINE)}


def log_names(heading):
    """The "Levels" or "Subsystems" of the daemon's log."""
    return re.search(heading + ": (.*)", output("openmvd", "--help"))[1].split()


def faults():
    """The faults of openmv-sim, as "drop=P%"."""
    return re.findall(r"^    (\w+=\S+)", output("openmv-sim", "--help").split("Faults, with commas between:")[1],
                      re.MULTILINE)


def environment(*folders):
    """The variables that the sources in these folders look at."""
    texts = [read(path) for folder in folders
             for path in glob.glob(os.path.join(ROOT, folder, "**/*.c"), recursive=True)]
    found = {name for text in texts for name in re.findall(r'getenv\("(\w+)"\)', text)}
    # libsystemd looks at these.
    for function, names in (("sd_notify", ["NOTIFY_SOCKET"]), ("sd_watchdog_enabled", ["WATCHDOG_USEC", "WATCHDOG_PID"]),
                            ("sd_listen_fds", ["LISTEN_FDS", "LISTEN_PID"])):
        if any(function + "(" in text for text in texts):
            found.update(names)
    return sorted(found)


# The configuration.

def mistakes(document):
    """What --check-config says of a configuration."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "probe.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)
        return output("openmvd", "--check-config", "--config", path)


def listed(text, before):
    """The names of a list in a message: behind the words `before`, to the end of its line or sentence."""
    return re.findall(r"[\w]+", re.search(re.escape(before) + r"([^\n;]*?)(?: in a schema)?$", text, re.MULTILINE)[1]
                      .replace(" and ", " "))


def known_keys(document, before="known are "):
    """The keys that are known where this configuration has the key zzzz."""
    return listed(mistakes(document), before)


def link_types():
    """The types of links."""
    return re.findall(r'"(\w+)"', mistakes({"cameras": {"a": {"link": {"type": 1}}}}).split("expected")[1])


def link_keys(kind):
    """The keys of a type of link, beside `type`, each with the range of its integers, or ''."""
    names = [key for key in known_keys({"cameras": {"a": {"link": {"type": kind, "zzzz": 1}}}}) if key != "type"]
    found = {}
    for name in names:
        said = mistakes({"cameras": {"a": {"link": {"type": kind, name: [1]}}}})
        span = re.search(rf"link\.{name}: found .*?expected an integer from (\w+ to \w+)", said)
        found[name] = span[1] if span else ""
    return found


def sections():
    """The keys of each section of the configuration that has names of its own, and of what is in it."""
    return {
        "sections": known_keys({"zzzz": 1}),
        "socket": known_keys({"socket": {"zzzz": 1}}),
        "cameras": known_keys({"cameras": {"a": {"zzzz": 1}}}),
        "access": known_keys({"access": [{"allow": ["*"], "zzzz": 1}]}),
        "callbacks": known_keys({"callbacks": {"a": {"zzzz": 1}}}, "expected only "),
        "schemas": known_keys({"callbacks": {"a": {"args": {"format": "<H", "zzzz": 1}}}}, "expected only "),
        "healing": known_keys({"healing": {"zzzz": 1}}),
        "healing of a camera": known_keys({"cameras": {"a": {"link": {"type": "sim"}, "healing": {"zzzz": 1}}}}),
    }


# The socket.

def methods():
    """The methods, each with its params: method -> {param: what may be given}."""
    found = {name: {} for name, in rows("method")}
    for method, name, what in rows("param"):
        found[method][name] = what
    return found


def causes():
    """The words that an error can have for its cause."""
    names = re.findall(r'= "(\w+)"', read("libopenmvrpc/master.c").split("cause_names[] = {")[1].split("};")[0])
    found = set(names) - {"none"}
    for path in glob.glob(os.path.join(ROOT, "daemon/**/*.c"), recursive=True):
        found.update(re.findall(r'cause = "(\w+)"', read(path)))
    return found


def notifications():
    """The notifications that the daemon sends."""
    texts = [read(path) for path in glob.glob(os.path.join(ROOT, "daemon/**/*.c"), recursive=True)]
    return sorted({name for text in texts for name in re.findall(r'\\"method\\":\\"(\w+)\\",\\"params\\"', text)})


def functions(path):
    """The public functions that a header declares."""
    return re.findall(r"^(?:OMVRPC_API|OPENMVD_API) [^;(]*?(\w+)\(", read(path), re.MULTILINE)
