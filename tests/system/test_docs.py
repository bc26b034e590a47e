#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The documentation names what there is and nothing else: its tables are compared with what the programs say of
themselves and with the tables in the sources, its messages and links are looked up."""

import ast
import glob
import json
import os
import re

import docs
import tables
from openmvd import ROOT, Daemon, Tap
from tables import options, output

LEAD = [path for path in docs.paths() if path == "README.md" or path.startswith("docs/")]


def same(shown, real, what):
    """Fails with the differences of two collections of names."""
    shown, real = list(shown), list(real)
    assert len(set(shown)) == len(shown), f"{what}: something stands twice in {shown}"
    missing, invented = set(real) - set(shown), set(shown) - set(real)
    assert not missing and not invented, f"{what}: not in the docs {sorted(missing)}, not in the code {sorted(invented)}"
    assert real, f"{what}: nothing was found in the code"


# The programs.

def the_options_of_openmvd_are_documented():
    same(docs.first_names("openmvd options"), options("openmvd"), "openmvd")


def the_levels_and_subsystems_of_the_log_are_documented():
    text = docs.read("docs/command-line.md")
    for heading in ("Levels", "Subsystems"):
        shown = docs.names(re.search(heading + r"[^:]*:\s*((?:`\w+`,?\s*)+)", text)[1])
        same(shown, tables.log_names(heading), heading)


def the_verbs_of_openmvctl_are_documented():
    same(docs.first_names("openmvctl verbs"), tables.verbs(), "verbs")


def the_options_of_each_verb_of_openmvctl_are_documented():
    real = [(option, verb) for option, verbs in tables.verb_options().items() for verb in verbs or ["all"]]
    shown = [(docs.names(row[0])[0], verb) for row in docs.table("openmvctl options")
             for verb in (["all"] if row[1] == "all" else docs.names(row[1]))]
    same(shown, real, "options of verbs")


def the_exit_codes_of_openmvctl_are_documented():
    rows = {docs.names(row[0])[0]: (row[1], docs.names(row[2])) for row in docs.table("openmvctl exit codes")}
    assert rows == tables.exit_codes(), f"{rows}\n{tables.exit_codes()}"


def the_steps_of_the_doctor_are_documented():
    table = docs.read("cli/doctor.c").split("doctor_steps[] = {")[1].split("};")[0]
    real = re.findall(r'\{"(\w+)", ([\w |]+), ', table)
    words = {"DOCTOR_ALL": ["all"]}
    shown = [(docs.names(row[0])[0], docs.names(row[1]) or [row[1]]) for row in docs.table("doctor steps")]
    assert shown == [(name, words.get(links) or [link[len("DOCTOR_"):].lower() for link in links.split(" | ")])
                     for name, links in real], f"{shown}\n{real}"


def the_options_and_faults_of_openmv_sim_are_documented():
    same(docs.first_names("openmv-sim options"), options("openmv-sim"), "openmv-sim")
    same(docs.first_names("faults"), [fault.split("=")[0] for fault in tables.faults()], "faults")


def no_option_is_named_that_no_program_has():
    known = {"--system", "--cflags", "--libs"}  # of groupadd and pkg-config
    known |= {"--now", "--reload", "--subsystem-match", "--property"}  # of systemctl and udevadm
    known |= {"--create", "--print-architecture"}  # of systemd-tmpfiles and dpkg
    for name in ("openmvd", "openmvctl", "openmv-sim"):
        known.update(options(name))
    for verb in tables.verbs():
        known.update(options("openmvctl", verb))
    for path in LEAD:
        named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", docs.read(path)))
        assert named <= known, f"{path}: {sorted(named - known)}"


# The configuration.

def the_keys_of_the_configuration_are_documented():
    names = {"sections": "sections", "socket": "socket keys", "cameras": "camera keys", "access": "access keys",
             "callbacks": "callback keys", "schemas": "schema keys", "healing": "healing keys",
             "healing of a camera": "healing keys"}
    for section, keys in tables.sections().items():
        same(docs.first_names(names[section]), keys, section)
    real = [(kind, key) for kind in tables.link_types() for key in tables.link_keys(kind)]
    shown = [(docs.names(row[0])[0], docs.names(row[1])[0]) for row in docs.table("links")]
    same(shown, real, "links")


def bounds(name):
    """The defaults and ranges of one of the daemon's tables, as the documents word them."""
    return {key: (default, f"{least} to {most}") for key, default, least, most in tables.rows(name)}


def the_limits_are_documented_with_defaults_and_ranges():
    shown = {docs.names(row[0])[0]: (row[1], row[2]) for row in docs.table("limits")}
    assert shown == bounds("limit"), shown
    with Daemon() as daemon, daemon.client() as client:
        said = {name: str(limit["limit"]) for name, limit in client.result("stats")["limits"].items()}
    assert said == {name: default for name, (default, _) in shown.items()}, said


def the_times_of_healing_are_documented_with_defaults_and_ranges():
    shown = {docs.names(row[0])[0]: (row[1], row[2]) for row in docs.table("healing keys")}
    assert shown == bounds("healing"), shown


# The camera.

def assigned(path, name):
    """What a name is set to in a Python file, as a syntax tree."""
    for node in ast.walk(ast.parse(docs.read(path))):
        if isinstance(node, ast.Assign) and [target.id for target in node.targets if isinstance(target, ast.Name)] == [name]:
            return node.value
    raise AssertionError(f"{path} sets no {name}")


def the_callbacks_of_the_camera_are_documented():
    real = [row.elts[0].value for row in assigned("firmware/vision.py", "CALLBACKS").elts]
    same(docs.first_names("camera callbacks"), real, "callbacks of the camera")


def the_settings_of_the_camera_are_documented():
    settings = assigned("firmware/omvcamera.py", "SETTINGS")
    controls = assigned("firmware/omvcamera.py", "CONTROLS").args[0]
    real = [name.value for name in settings.left.elts] + [row.elts[0].value for row in controls.elts]
    shown = [name for row in docs.table("camera settings") for name in docs.names(row[0])]
    same(shown, real, "settings of the camera")


# The socket.

def the_methods_and_their_params_are_documented():
    real = tables.methods()
    rows = docs.table("methods")
    same([docs.names(row[0])[0] for row in rows], real, "methods")
    with_tables = ("call", "subscribe")
    for name in with_tables:
        shown = [word for row in docs.table(name + " params") for word in docs.names(row[0])]
        same(shown, real[name], name)
    for row in rows:
        name = docs.names(row[0])[0]
        if name not in with_tables:
            assert sorted(docs.names(row[1])) == sorted(real[name]), f"{name}: {row[1]}"


def every_method_is_one_that_the_daemon_has():
    with Daemon() as daemon, daemon.client() as client:
        for name in docs.first_names("methods"):
            reply = client.request(name, {"zzzz": 1})
            assert reply["error"]["data"]["reason"] == "invalid_params", reply
        for name in docs.first_names("call params"):
            reply = client.request("call", {name: {}})
            assert "there is no parameter" not in json.dumps(reply), reply


def the_choices_and_ranges_of_call_and_subscribe_are_documented():
    for method, some in (("call", "priority"), ("subscribe", "interval_ms")):
        shown = {docs.names(row[0])[0]: row[1] for row in docs.table(method + " params") if len(docs.names(row[0])) == 1}
        assert some in shown, shown
        for name, what in shown.items():
            assert what.replace("`", "").replace('"', "") == tables.methods()[method][name], f"{method} {name}: {what}"


def the_errors_are_documented_with_what_they_promise():
    real = [(code, name, retryable, executed) for name, code, retryable, executed in tables.rows("error")]
    same([(row[0], docs.names(row[1])[0], row[2], row[3]) for row in docs.table("errors")], real, "errors")


def the_causes_of_errors_are_documented():
    same(docs.first_names("causes"), tables.causes(), "causes")


def the_states_of_cameras_are_documented():
    real = re.findall(r'\[CAMERA_\w+\] = "(\w+)"', docs.read("daemon/bus.c"))
    same(docs.first_names("camera states"), real, "states")


def flattened(value, path=""):
    """The paths of all members of a JSON value, down to those that the docs describe as a whole."""
    if isinstance(value, list):
        return {name for item in value for name in flattened(item, path + "[]")}
    if not isinstance(value, dict) or path.split(".")[-1] in ("limits", "learned", "outcomes", "latency_ms"):
        return {path}
    return {name for key, item in value.items() for name in flattened(item, f"{path}.{key}" if path else key)}


def the_members_of_results_are_documented():
    with Daemon() as daemon, daemon.client() as client:
        same(docs.first_names("call result"), client.result("call", {"name": "face_detection"}), "call")
        same(docs.first_names("cameras result"), client.result("cameras")[0], "cameras")
        stats = client.result("stats")
    same(re.findall(r"`([^`]+)`", "".join(row[0] for row in docs.table("stats result"))), flattened(stats), "stats")
    rows = {row[0].strip("`"): docs.names(row[1]) for row in docs.table("stats result")}
    same(rows["cameras[].wire.learned"], stats["cameras"][0]["wire"]["learned"], "learned")
    same(rows["cameras[].callbacks[].latency_ms"], stats["cameras"][0]["callbacks"][0]["latency_ms"], "latency_ms")


# The wire.

def the_constants_of_the_master_are_documented_with_their_values():
    text = re.sub(r"/\*.*?\*/", "", docs.read("libopenmvrpc/master_internal.h"), flags=re.DOTALL)
    real = re.findall(r"^    ([A-Z_]+) = (\d+),", text.split("enum {")[1].split("};")[0], re.MULTILINE)
    same([(docs.names(row[0])[0], row[1]) for row in docs.table("constants")], real, "constants")
    for row in docs.table("constants"):
        assert row[2] == ("µs" if docs.names(row[0])[0].endswith("_US") else "count"), row


def the_packets_are_documented_with_their_magics():
    real = re.findall(r"OMVRPC_(\w+) = (0x\w{4}),", docs.read("libopenmvrpc/openmvrpc.h"))
    shown = [(row[0].upper().replace(" ", "_"), docs.names(row[1])[0]) for row in docs.table("packets")]
    same(shown, real, "packets")


# Texts.

def literals():
    """All pieces of text in the programs' sources, between what is filled in."""
    pieces = set()
    for path in glob.glob(os.path.join(ROOT, "daemon/**/*.c"), recursive=True) + \
            glob.glob(os.path.join(ROOT, "cli/*.c")) + \
            glob.glob(os.path.join(ROOT, "libopenmvd/*.c")) + glob.glob(os.path.join(ROOT, "sim/*.c")):
        text = re.sub(r'\b(LISTENER_DEFAULT_PATH|CONFIG_DEFAULT_PATH|PRI\w+)\b', '"\0"', docs.read(path))
        for run in re.findall(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', text):
            whole = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', run))
            whole = whole.replace('\\"', '"').replace("\\n", "\0")
            pieces.update(re.split(r"\0|%(?!%)[-+ #0]*[\d*]*(?:\.[\d*]+)?[lzjh]*[a-zA-Z]", whole))
    return {piece for piece in pieces if len(piece.strip(" ,.:;\"()'")) >= 2}


# What stands for the reader's own names: quoted names, nodes and paths, numbers, what the system says.
FILLED_IN = re.compile(r'"[^"]*"|/[\w./-]+( at \d+ baud)?|\b[0-9A-F]{12}\b|\(pid \d+\)|\b[0-9a-f]{4}:[0-9a-f]{4}\b|\b\d+(-\d+(\.\d+)*| s)?\b|\b(openmvctl|openmv|pi|dialout|camera\.json|ModemManager|agetty|GPIO\d+|can0|eth0|rtc-ds1307|ERROR-PASSIVE|0x[0-9a-f]+)\b'
                       r"|No such file or directory|Connection timed out|Operation not permitted|Read-only file system|No space left on device")


def uncovered(line, pieces):
    """The words of a message that no piece of the sources and nothing filled in accounts for."""
    covered = [False] * len(line)

    def cover(start, end):
        covered[start:end] = [True] * (end - start)
    for piece in pieces:
        at = line.find(piece)
        while at >= 0:
            cover(at, at + len(piece))
            at = line.find(piece, at + 1)
    for match in FILLED_IN.finditer(line):
        cover(*match.span())
    return re.findall(r"\w+", "".join(" " if is_covered else letter for letter, is_covered in zip(line, covered)))


def every_message_of_the_troubleshooting_page_stands_in_the_sources():
    pieces = [piece.strip() for piece in literals() if " " in piece.strip() or len(piece) > 6]
    messages = [mark for path in LEAD for mark in docs.marks(path) if mark.kind == "message"]
    assert messages
    for mark in messages:
        for line in mark.text.splitlines():
            left = uncovered(line.strip(), pieces)
            assert not left, f"{mark.place()}: {line!r}: nothing prints {left}"
    assert uncovered('no camera "front" was ever found', pieces), "this test cannot fail"


def slug(heading):
    """The anchor that a forge gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def every_link_resolves():
    for path in docs.paths():
        for target in re.findall(r"\]\(([^)\s]+)\)", docs.read(path)):
            if target.startswith("https://"):
                continue
            name, _, anchor = target.partition("#")
            other = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            assert os.path.exists(os.path.join(ROOT, other)), f"{path}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.*)$", docs.read(other), re.MULTILINE)
                assert anchor in map(slug, headings), f"{path}: {target}"


def the_files_that_contributors_are_sent_to_are_there():
    named = [name for path in ("CONTRIBUTING.md", "docs/architecture.md")
             for name in re.findall(r"`([\w.-]+/[\w./-]+)`", docs.read(path)) if "NAME" not in name]
    assert "cli/verbs.c" in named
    for name in named:
        assert os.path.exists(os.path.join(ROOT, name)) or os.path.exists(os.path.join(ROOT, "daemon", name)), name


def every_document_is_linked_from_the_readme():
    for path in LEAD[1:]:
        assert f"]({path})" in docs.read("README.md"), path


def quoted_files_are_quoted_word_for_word():
    found = [mark for path in docs.paths() for mark in docs.marks(path) if mark.kind == "file"]
    assert found
    for mark in found:
        assert mark.text in docs.read(mark.detail), f"{mark.place()} is not in {mark.detail}"


def every_mark_marks_something():
    kinds = {"replay", "socket", "message", "save", "config", "file", "table", "machine"}
    for path in docs.paths():
        assert docs.lost_marks(path) == 0, path
        for mark in docs.marks(path):
            assert mark.kind in kinds, mark.place()


def no_document_names_a_place_of_one_machine():
    usual = ("/dev/", "/run/", "/media/pi/OPENMV", "/proc/", "/sys", "/boot/", "/etc/openmvd", "/etc/modules-load.d/", "/etc/systemd/",
             "/usr/local/", "/bin/kill", "/tmp/openmvd.sock", "/tmp/nothing.sock")
    for path in LEAD:
        for named in re.findall(r"(?<![\w.$}:/`)*-])/[a-z][\w.-]*/?[\w./-]*", docs.read(path)):
            assert named.startswith(usual), f"{path}: {named}"


def main():
    tap = Tap()
    tap.run([
        the_options_of_openmvd_are_documented,
        the_levels_and_subsystems_of_the_log_are_documented,
        the_verbs_of_openmvctl_are_documented,
        the_options_of_each_verb_of_openmvctl_are_documented,
        the_exit_codes_of_openmvctl_are_documented,
        the_steps_of_the_doctor_are_documented,
        the_options_and_faults_of_openmv_sim_are_documented,
        no_option_is_named_that_no_program_has,
        the_keys_of_the_configuration_are_documented,
        the_limits_are_documented_with_defaults_and_ranges,
        the_times_of_healing_are_documented_with_defaults_and_ranges,
        the_callbacks_of_the_camera_are_documented,
        the_settings_of_the_camera_are_documented,
        the_methods_and_their_params_are_documented,
        every_method_is_one_that_the_daemon_has,
        the_choices_and_ranges_of_call_and_subscribe_are_documented,
        the_errors_are_documented_with_what_they_promise,
        the_causes_of_errors_are_documented,
        the_states_of_cameras_are_documented,
        the_members_of_results_are_documented,
        the_constants_of_the_master_are_documented_with_their_values,
        the_packets_are_documented_with_their_magics,
        every_message_of_the_troubleshooting_page_stands_in_the_sources,
        every_link_resolves,
        the_files_that_contributors_are_sent_to_are_there,
        every_document_is_linked_from_the_readme,
        quoted_files_are_quoted_word_for_word,
        every_mark_marks_something,
        no_document_names_a_place_of_one_machine,
    ])
    tap.finish()


if __name__ == "__main__":
    main()
