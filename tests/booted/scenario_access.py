#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may ask: the group of the socket decides who connects, the access rules by who a client really is."""

from booted import INSIDER, OUTSIDER, USB, Tap, as_user, fails, prepare, run, service_with_camera, start, wait_until

NOT_ALLOWED = "is forbidden to"

# By name and by group, as the daemon sees them through the socket, from inside of its sandbox.
RULES = dict(USB, access=[
    {"allow": ["*"], "user": "root"},
    {"deny": ["call:counter"], "user": INSIDER},
    {"allow": ["*"], "group": "openmv"},
    {"deny": ["*"]},
])


def a_user_outside_the_group_is_refused_and_told_what_to_do():
    start(USB)
    told = fails(*as_user(OUTSIDER, "openmvctl", "ping"))
    assert f"sudo usermod -aG openmv {OUTSIDER}" in told, told


def a_user_inside_the_group_is_served():
    with service_with_camera():
        wait_until(lambda: "online" in run(*as_user(INSIDER, "openmvctl", "cameras")), "a camera that is online")


def the_access_rules_know_a_user_by_the_true_uid():
    with service_with_camera(RULES):
        told = fails(*as_user(INSIDER, "openmvctl", "call", "counter"))
        assert NOT_ALLOWED in told, told
        run(*as_user(INSIDER, "openmvctl", "call", "sleep", "1"))
        run("openmvctl", "call", "counter")


def a_rule_for_a_group_knows_who_is_in_it():
    rules = [{"allow": ["*"], "group": "openmv"}, {"deny": ["call"]}]
    with service_with_camera(dict(USB, access=rules)):
        run(*as_user(INSIDER, "openmvctl", "call", "sleep", "1"))
        # Who may connect, as root may, is not for that in the group.
        assert NOT_ALLOWED in fails("openmvctl", "call", "sleep", "1")


prepare()
tap = Tap()
tap.run([
    a_user_outside_the_group_is_refused_and_told_what_to_do,
    a_user_inside_the_group_is_served,
    the_access_rules_know_a_user_by_the_true_uid,
    a_rule_for_a_group_knows_who_is_in_it,
])
tap.finish()
