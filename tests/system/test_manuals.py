#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual pages name what there is and nothing else: each is compared with the tables in the code, by what the
programs print of them."""

import os
import re
import shutil
import subprocess

import tables
from manuals import Page, paths
from openmvd import PATIENCE_S, ROOT, SkipTest, Tap


def same(shown, real, page, section):
    """Fails with what the page has to gain or lose."""
    shown, real = list(shown), list(real)
    twice = sorted({name for name in shown if shown.count(name) > 1})
    assert not twice, f"docs/man/{page}: {section}: these stand twice: {twice}"
    missing, invented = [name for name in real if name not in shown], [name for name in shown if name not in real]
    assert not missing and not invented, (
        f"docs/man/{page}, section {section}, and the code differ.\n"
        f"in the code and not in the page: {missing}\nin the page and not in the code: {invented}\n"
        "add an .It for each that is new, in the form of its neighbours, and take out what is gone")
    assert real, f"nothing was found in the code for {section} of {page}"


def same_remarks(items, real, page, section):
    """The same for items that say in brackets what holds for each: {tag: remark}."""
    same([item.tag for item in items], real, page, section)
    for item in items:
        assert item.remark() == real[item.tag], (
            f"docs/man/{page}, section {section}: {item.tag} says ({item.remark()}), the code ({real[item.tag]});\n"
            f"the line below .It has to be: .Pq {real[item.tag]}")


def bounded(rows):
    """Rows of key, default, least and most as the pages word them."""
    return {key: f"{default}; {least} to {most}" for key, default, least, most in rows}


# The programs.

def option_tags(words):
    return [f"{name} {value}".strip() for name, value in words.items()]


def normalised(tags):
    """Tags of options without the blanks that only the sources have."""
    return [re.sub(r" ?([:,\[]) ?", r"\1", tag).replace("- ", "-") for tag in tags]


def the_options_of_openmvd_are_those_of_its_help():
    same(normalised(Page("openmvd.8").tags("OPTIONS")), normalised(option_tags(tables.option_words("openmvd"))),
         "openmvd.8", "OPTIONS")


def the_synopsis_of_openmvd_has_every_option():
    lines = "\n".join(Page("openmvd.8").sections["SYNOPSIS"])
    same(sorted(set("--" + name for name in re.findall(r"Fl -([\w-]+)", lines))), sorted(tables.options("openmvd")),
         "openmvd.8", "SYNOPSIS")


def the_levels_and_subsystems_of_the_log_are_in_openmvd_8():
    page = Page("openmvd.8")
    same(page.tags("LOG", 0), tables.log_names("Levels"), "openmvd.8", "LOG, levels")
    same(page.tags("LOG", 1), tables.log_names("Subsystems"), "openmvd.8", "LOG, subsystems")


def the_options_of_openmv_sim_are_those_of_its_help():
    same(Page("openmv-sim.1").tags("OPTIONS"), option_tags(tables.option_words("openmv-sim")), "openmv-sim.1", "OPTIONS")


def the_faults_of_openmv_sim_are_those_of_its_help():
    same([tag.replace(" ", "") for tag in Page("openmv-sim.1").tags("FAULTS")], tables.faults(), "openmv-sim.1", "FAULTS")


def the_verbs_of_openmvctl_and_their_operands_are_those_of_its_help():
    same(Page("openmvctl.1").tags("VERBS"), [f"{verb} {usage}".strip() for verb, usage in tables.verbs().items()],
         "openmvctl.1", "VERBS")


def the_options_of_openmvctl_are_those_of_its_verbs():
    values = {}
    for verb in tables.verbs():
        values.update(tables.option_words("openmvctl", verb))
    page = Page("openmvctl.1")
    same(page.tags("OPTIONS"), option_tags(values), "openmvctl.1", "OPTIONS")
    real = tables.verb_options()
    for item in page.items("OPTIONS"):
        option = item.tag.split()[0]
        shown = [word for word in re.split(r"[ ,]+", item.remark()) if word]
        assert sorted(shown) == sorted(real[option]), (
            f"docs/man/openmvctl.1, section OPTIONS: {option} is said to be of {shown or 'all verbs'}, and is of "
            f"{real[option] or 'all verbs'};\nthe line below .It has to be: .Pq Cm {' , '.join(real[option])}")


def the_exit_codes_of_openmvctl_and_their_reasons_are_those_of_its_help():
    real = tables.exit_codes()
    items = Page("openmvctl.1").items("EXIT STATUS")
    same([item.tag for item in items], real, "openmvctl.1", "EXIT STATUS")
    for item in items:
        same(item.marked("Er") or ["no reason"], real[item.tag][1] or ["no reason"], "openmvctl.1",
             f"EXIT STATUS {item.tag}")


def the_environment_of_each_program_is_that_of_its_sources():
    for name, folders in (("openmvd.8", ["daemon", "sim", "libopenmvrpc"]), ("openmvctl.1", ["cli", "libopenmvd"])):
        shown = [word for tag in Page(name).tags("ENVIRONMENT") for word in re.findall(r"\w+", tag)]
        same(shown, tables.environment(*folders), name, "ENVIRONMENT")
    assert "ENVIRONMENT" not in Page("openmv-sim.1").sections and not tables.environment("sim", "libopenmvrpc")


# The configuration.

def the_keys_of_the_configuration_are_in_openmvd_json_5():
    page, real = Page("openmvd.json.5"), tables.sections()
    titles = {"sections": "SECTIONS", "schemas": "Schemas", "healing of a camera": "healing"}
    for section, keys in real.items():
        title = titles.get(section, section)
        same(page.tags(title), keys, "openmvd.json.5", title)
    same([item.tag for item in page.items("SECTIONS")], [title for title in page.subsections("SECTIONS")
                                                         if title[0].islower()], "openmvd.json.5", "SECTIONS")


def every_key_says_its_default():
    page = Page("openmvd.json.5")
    for title in page.subsections("SECTIONS"):
        for item in page.items(title):
            assert item.remark(), f"docs/man/openmvd.json.5, section {title}: {item.tag} has no .Pq DEFAULT below its .It"


def the_types_of_links_and_their_keys_are_in_openmvd_json_5():
    page = Page("openmvd.json.5")
    titles = [title for title in page.subsections("SECTIONS") if title.startswith("Links of type ")]
    same([title.split()[-1] for title in titles], tables.link_types(), "openmvd.json.5", "Links of type ...")
    for title in titles:
        real = tables.link_keys(title.split()[-1])
        items = page.items(title)
        same([item.tag for item in items], real, "openmvd.json.5", title)
        for item in items:
            _, _, span = item.remark().partition("; ")
            assert span == real[item.tag], (
                f"docs/man/openmvd.json.5, section {title}: {item.tag} has the range ({span}), in the code "
                f"({real[item.tag]}); the line below .It has to be: .Pq DEFAULT; {real[item.tag]}")


def the_limits_have_their_defaults_and_ranges_in_openmvd_json_5():
    same_remarks(Page("openmvd.json.5").items("limits"), bounded(tables.rows("limit")), "openmvd.json.5", "limits")


def the_times_of_healing_have_their_defaults_and_ranges_in_openmvd_json_5():
    same_remarks(Page("openmvd.json.5").items("healing"), bounded(tables.rows("healing")), "openmvd.json.5", "healing")


# The socket.

def the_methods_and_what_their_params_accept_are_in_openmvd_7():
    page, real = Page("openmvd.7"), tables.methods()
    same(page.subsections("METHODS"), real, "openmvd.7", "METHODS")
    for method, params in real.items():
        # A list of what the result has may follow, and is there alone where there are no params.
        items = [item for item in page.items(method, 0) if item.remark() or params]
        if items or params:
            same_remarks(items, params, "openmvd.7", method)


def last_event():
    """What a subscriber is told when the daemon ends."""
    from openmvd import Daemon
    with Daemon() as daemon, daemon.client() as client:
        client.result("subscribe", {"events": True})
        daemon.process.terminate()
        return next(event for event in iter(client.event, None) if "ended" in event)


def the_results_in_openmvd_7_have_the_members_that_the_daemon_gives():
    from openmvd import Daemon, wait_for_camera
    page = Page("openmvd.7")
    with Daemon() as daemon, daemon.client() as client:
        wait_for_camera(client)
        same(page.tags("call", 1), client.result("call", {"name": "face_detection"}), "openmvd.7", "call, its result")
        same(page.tags("cameras"), client.result("cameras")[0], "openmvd.7", "cameras")
        client.result("subscribe", {"name": "face_detection"})
        shown = client.event()
        client.result("subscribe", {"name": "fail"})
        failed = next(event for event in iter(client.event, None) if "error" in event)
        same(page.tags("event"), {**shown, **failed, **last_event()}, "openmvd.7", "event")
        client.send_request("call", {"name": "blob", "data": "AAAPAA==", "progress": True})
        progress = next(message for message in iter(client.read, None) if message.get("method") == "progress")
        same(page.tags("progress"), progress["params"], "openmvd.7", "progress")
    same(page.subsections("NOTIFICATIONS"), tables.notifications(), "openmvd.7", "NOTIFICATIONS")


def the_errors_and_what_they_promise_are_in_openmvd_7():
    real = {name: f"{code}{'; retryable' if retryable == 'yes' else ''}; executed: {executed}"
            for name, code, retryable, executed in tables.rows("error")}
    same_remarks(Page("openmvd.7").items("REASONS OF ERRORS"), real, "openmvd.7", "REASONS OF ERRORS")


def the_causes_of_errors_are_in_openmvd_7():
    same(Page("openmvd.7").tags("Causes"), tables.causes(), "openmvd.7", "Causes")


# The library.

def every_function_of_the_library_is_in_libopenmvrpc_3():
    page = Page("libopenmvrpc.3")
    shown = [tag for title in page.subsections("DESCRIPTION") for tag in page.tags(title)]
    same(shown, tables.functions("libopenmvrpc/openmvrpc.h"), "libopenmvrpc.3", "DESCRIPTION")


# All pages.

def no_page_names_an_option_that_no_program_has():
    known = {"--cflags", "--libs", "--now"}  # of pkg-config and systemctl
    for command in [["openmvd"], ["openmv-sim"], ["openmvctl"]] + [["openmvctl", verb] for verb in tables.verbs()]:
        known.update(tables.options(*command))
    for path in paths():
        text = tables.read(path)
        named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text)) | {"--" + name for name in re.findall(r"Fl -(\w[\w-]*)", text)}
        assert named <= known, f"{path}: {sorted(named - known)}"


def every_page_has_its_parts():
    parts = {"1": ["SYNOPSIS", "OPTIONS", "EXIT STATUS", "EXAMPLES"], "8": ["SYNOPSIS", "OPTIONS", "EXIT STATUS", "FILES"],
             "3": ["SYNOPSIS", "RETURN VALUES", "EXAMPLES"], "5": ["FILES", "EXAMPLES"], "7": ["FILES", "EXAMPLES"]}
    assert paths()
    for path in paths():
        page = Page(os.path.basename(path))
        missing = [part for part in ["NAME", "DESCRIPTION", "SEE ALSO"] + parts[path[-1]] if part not in page.sections]
        assert not missing, f"{path} lacks {missing}"


def every_page_is_named_by_the_documentation():
    lead = tables.read("README.md") + tables.read("docs/README.md")
    for path in paths():
        name, section = os.path.basename(path).rsplit(".", 1)
        assert f"{name}({section})" in lead, f"neither README.md nor docs/README.md names {name}({section})"


def every_page_that_a_page_refers_to_is_there():
    there = {tuple(os.path.basename(path).rsplit(".", 1)) for path in paths()}
    for path in paths():
        for name, section in re.findall(r"Xr (\S+) (\d)", tables.read(path)):
            assert (name, section) in there, f"{path} refers to {name}({section})"


def the_pages_are_clean_under_mandoc():
    if not shutil.which("mandoc"):
        raise SkipTest("mandoc is not installed")
    names = [os.path.basename(path) for path in paths()]
    # In their folder, where it finds the pages that they refer to.
    done = subprocess.run(["mandoc", "-T", "lint", *names], cwd=os.path.join(ROOT, "docs/man"), check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S)
    assert done.returncode == 0 and not done.stdout, done.stdout.decode()


def main():
    tap = Tap()
    tap.run([
        the_options_of_openmvd_are_those_of_its_help,
        the_synopsis_of_openmvd_has_every_option,
        the_levels_and_subsystems_of_the_log_are_in_openmvd_8,
        the_options_of_openmv_sim_are_those_of_its_help,
        the_faults_of_openmv_sim_are_those_of_its_help,
        the_verbs_of_openmvctl_and_their_operands_are_those_of_its_help,
        the_options_of_openmvctl_are_those_of_its_verbs,
        the_exit_codes_of_openmvctl_and_their_reasons_are_those_of_its_help,
        the_environment_of_each_program_is_that_of_its_sources,
        the_keys_of_the_configuration_are_in_openmvd_json_5,
        every_key_says_its_default,
        the_types_of_links_and_their_keys_are_in_openmvd_json_5,
        the_limits_have_their_defaults_and_ranges_in_openmvd_json_5,
        the_times_of_healing_have_their_defaults_and_ranges_in_openmvd_json_5,
        the_methods_and_what_their_params_accept_are_in_openmvd_7,
        the_results_in_openmvd_7_have_the_members_that_the_daemon_gives,
        the_errors_and_what_they_promise_are_in_openmvd_7,
        the_causes_of_errors_are_in_openmvd_7,
        every_function_of_the_library_is_in_libopenmvrpc_3,
        no_page_names_an_option_that_no_program_has,
        every_page_has_its_parts,
        every_page_is_named_by_the_documentation,
        every_page_that_a_page_refers_to_is_there,
        the_pages_are_clean_under_mandoc,
    ])
    tap.finish()


if __name__ == "__main__":
    main()
