#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Access rules: who may ask what, by the user and groups that a client has when it connects."""

import contextlib
import grp
import json
import os
import pwd
import re
import subprocess
import tempfile

from cameras import StockCamera, config_of
from openmvd import PATIENCE_S, Client, Daemon, SkipTest, Tap, command_id, program, wait_for_camera

SIM = {"camera": {"link": {"type": "sim", "stock": True}}}
COUNTER = {"counter": {"result": {"format": "<I"}, "repeatable": True}}
ME = pwd.getpwuid(os.geteuid()).pw_name

# Users and groups of every Debian.
OTHER = pwd.getpwnam("nobody")
GROUP = grp.getgrnam("sys")


@contextlib.contextmanager
def daemon_with(*rules, cameras=None, options=(), **others):
    """A daemon with these rules, which everybody may connect to."""
    config = dict({"cameras": cameras or SIM, "callbacks": COUNTER, "access": list(rules), "socket": {"mode": "0666"}},
                  **others)
    with Daemon(*options, config=config) as daemon:
        os.chmod(daemon.folder.name, 0o711)
        yield daemon


def skip_without_root():
    if os.geteuid() != 0:
        raise SkipTest("only root can become another user")


def connect_as(daemon, uid, gid, groups=()):
    """A connection whose peer, as the kernel keeps it, is another user; this process is itself again afterwards."""
    own = os.geteuid(), os.getegid(), os.getgroups()
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        return Client(daemon.path)
    finally:
        os.seteuid(own[0])
        os.setegid(own[1])
        os.setgroups(own[2])


def another(daemon, groups=()):
    return connect_as(daemon, OTHER.pw_uid, OTHER.pw_gid, groups)


def forbidden(client, method, params=None):
    """The message of a request that has to be refused."""
    error = client.error(method, params)
    assert error["code"] == -32010, error
    data = error["data"]
    assert data == {"reason": "forbidden", "retryable": False, "executed": "no"}, data
    return error["message"]


def without_rules_whoever_may_connect_may_do_all():
    with daemon_with() as daemon, daemon.client() as client:
        wait_for_camera(client)
        assert client.result("release") is True and client.result("acquire") is True


def the_refusal_names_the_rule_its_line_and_the_peer():
    text = ('{"cameras": {"camera": {"link": {"type": "sim"}}},\n"access": [\n{"allow": ["ping"]},\n'
            '{"deny": ["re*"], "user": "%s"}]}' % ME)
    with Daemon(config=text) as daemon, daemon.client() as client:
        message = forbidden(client, "reset")
        assert message == (f'method "reset" is forbidden to uid {os.geteuid()}, gid {os.getegid()}: rule access.1 of the '
                           f'configuration (line 4) denies "re*" to user "{ME}"'), message
        assert client.result("ping") == "pong" and client.result("version")


def refused_before_anything_else_is_looked_at():
    """what is forbidden is refused before its params are looked at"""
    with daemon_with({"deny": ["release", "call"]}) as daemon, daemon.client() as client:
        forbidden(client, "release", {"camera": "nowhere"})
        forbidden(client, "call", {"nonsense": 1})
        assert client.error("call_", {})["data"]["reason"] == "no_such_method"


def a_callback_is_forbidden_also_where_the_camera_does_not_have_it():
    """what is forbidden is not told apart from what is not there"""
    cameras = {"camera": {"link": {"type": "sim"}}}
    with daemon_with({"deny": ["call:configure", "call:echo"]}, cameras=cameras) as daemon, daemon.client() as client:
        wait_for_camera(client)
        forbidden(client, "call", {"name": "configure"})
        forbidden(client, "call", {"name": command_id("configure")})
        forbidden(client, "call", {"name": "echo", "args": [1]})
        assert client.error("call", {"name": "configured"})["data"]["reason"] == "no_such_callback"


def who_may_have_some_callbacks_does_not_get_the_events_of_cameras():
    with daemon_with({"allow": ["call:counter", "ping"]}, {"deny": ["*"]}) as daemon, daemon.client() as client:
        assert "result" in client.request("subscribe", {"name": "counter"})
        forbidden(client, "subscribe", {"events": True})
    with daemon_with({"allow": ["subscribe"]}, {"deny": ["*"]}) as daemon, daemon.client() as client:
        assert "result" in client.request("subscribe", {"events": True})


def rules_for_a_user_are_for_that_user_alone():
    skip_without_root()
    rules = ({"allow": ["*"], "user": "root"}, {"deny": ["release", "acquire", "reset", "call:counter"]})
    with daemon_with(*rules) as daemon, daemon.client() as root, another(daemon) as other:
        wait_for_camera(root)
        message = forbidden(other, "release")
        assert f"uid {OTHER.pw_uid}, gid {OTHER.pw_gid}" in message, message
        forbidden(other, "call", {"name": "counter"})
        assert "result" in other.request("call", {"name": "face_detection"})
        assert root.result("call", {"name": "counter"})["bytes"] == 4
        assert root.result("release") is True and root.result("acquire") is True


def rules_for_a_group_are_for_its_members_however_they_got_it():
    """rules for a group are for those who have it, as their first or as a further one"""
    skip_without_root()
    with daemon_with({"deny": ["release"], "group": GROUP.gr_name}) as daemon:
        for gid, groups, is_member in ((OTHER.pw_gid, [], False), (GROUP.gr_gid, [], True),
                                       (OTHER.pw_gid, [GROUP.gr_gid], True), (OTHER.pw_gid, [1001, 1002], False),
                                       (OTHER.pw_gid, list(range(1000, 1400)) + [GROUP.gr_gid], True)):
            with connect_as(daemon, OTHER.pw_uid, gid, groups) as client:
                if is_member:
                    assert f'to group "{GROUP.gr_name}"' in forbidden(client, "release"), (gid, groups)
                else:
                    assert client.result("release") is True, (gid, groups)
                    assert client.result("acquire") is True


def a_rule_with_user_and_group_needs_both():
    skip_without_root()
    rule = {"deny": ["release"], "user": OTHER.pw_name, "group": GROUP.gr_name}
    with daemon_with(rule) as daemon:
        with another(daemon, [GROUP.gr_gid]) as client:
            forbidden(client, "release")
        for uid, groups in ((OTHER.pw_uid, []), (0, [GROUP.gr_gid])):
            with connect_as(daemon, uid, OTHER.pw_gid, groups) as client:
                assert client.result("release") is True and client.result("acquire") is True


def a_connection_keeps_the_rights_it_was_made_with():
    skip_without_root()
    with daemon_with({"deny": ["release"], "user": OTHER.pw_name}) as daemon, another(daemon) as client:
        # By now this process is root again.
        assert os.geteuid() == 0
        forbidden(client, "release")


def callbacks_are_refused_by_name_and_by_id():
    """a callback is refused by its name and by its id, whichever of them the rule has"""
    for pattern in ("call:counter", f"call:{command_id('counter')}", "call:count*"):
        with daemon_with({"deny": [pattern]}) as daemon, daemon.client() as client:
            wait_for_camera(client)
            for name in ("counter", command_id("counter"), command_id("counter").upper()):
                assert f'callback "{name}"' in forbidden(client, "call", {"name": name}), (pattern, name)
            assert "result" in client.request("call", {"name": "face_detection"})


def an_allowed_callback_needs_no_other_right():
    rules = ({"allow": ["call:counter", "cameras"]}, {"deny": ["*"]})
    with daemon_with(*rules) as daemon, daemon.client() as client:
        wait_for_camera(client)
        assert client.result("call", {"name": "counter"})["bytes"] == 4
        assert client.result("call", {"name": command_id("counter")})["bytes"] == 4
        for name in ("face_detection", "made_up"):
            forbidden(client, "call", {"name": name})
        for method in ("ping", "stats", "release", "unsubscribe"):
            forbidden(client, method)


def callbacks_nobody_describes_are_not_what_a_wildcard_allows():
    rules = ({"allow": ["call:face_*", "cameras"]}, {"deny": ["call:*"]})
    with daemon_with(*rules) as daemon, daemon.client() as client:
        wait_for_camera(client)
        assert "result" in client.request("call", {"name": "face_detection"})
        assert "result" in client.request("call", {"name": command_id("face_detection")})
        for name in ("face_made_up", command_id("face_made_up"), "counter"):
            forbidden(client, "call", {"name": name})


def a_batch_is_checked_request_by_request():
    with daemon_with({"deny": ["reset", "call:counter"]}) as daemon, daemon.client() as client:
        wait_for_camera(client)
        asked = [("ping", None), ("reset", {}), ("call", {"name": "counter"}), ("call", {"name": "face_detection"})]
        batch = [{"jsonrpc": "2.0", "id": number, "method": method, **({} if params is None else {"params": params})}
                 for number, (method, params) in enumerate(asked)]
        replies = {reply["id"]: reply for reply in json.loads(client.exchange(json.dumps(batch)))}
        assert sorted(replies) == [0, 1, 2, 3], replies
        assert ["error" in replies[number] for number in range(4)] == [False, True, True, False], replies
        for number in (1, 2):
            assert replies[number]["error"]["data"]["reason"] == "forbidden", replies


def answers_of_others_are_not_given_to_who_may_not_ask():
    """an answer that the daemon remembers is not given to a client that may not ask for it"""
    skip_without_root()
    with daemon_with({"deny": ["call:counter"], "user": OTHER.pw_name}) as daemon, \
            daemon.client() as root, another(daemon) as other:
        wait_for_camera(root)
        root.result("call", {"name": "counter"})
        assert root.result("call", {"name": "counter", "max_age_ms": 3600000})["age_ms"] > 0
        forbidden(other, "call", {"name": "counter", "max_age_ms": 3600000})


def calls_that_wait_for_their_camera_are_checked_when_it_comes():
    with tempfile.TemporaryDirectory(prefix="openmvd-test-") as folder:
        node = os.path.join(folder, "camera")
        with Daemon(config=config_of(node, access=[{"deny": ["call:count*"]}])) as daemon, daemon.client() as client:
            refused = client.send_request("call", {"name": "counter", "wait": True, "timeout_ms": 30000})
            allowed = client.send_request("call", {"name": "echo", "wait": True, "timeout_ms": 30000})
            with StockCamera("--link", node):
                assert client.reply(refused)["error"]["data"]["reason"] == "forbidden"
                assert "result" in client.reply(allowed)


def subscriptions_are_refused_like_calls():
    """to subscribe to a callback is refused as to call it is, also where another client is subscribed to it"""
    skip_without_root()
    rules = ({"allow": ["*"], "user": "root"}, {"deny": ["call:counter"]})
    with daemon_with(*rules) as daemon, daemon.client() as root, another(daemon) as other:
        wait_for_camera(root)
        params = {"name": "counter", "interval_ms": 20}
        assert root.result("subscribe", params)["subscription"]
        assert 'callback "counter"' in forbidden(other, "subscribe", params)
        forbidden(other, "subscribe", {"name": command_id("counter")})
        assert other.result("subscribe", {"events": True})["subscription"]
        assert other.result("subscribe", {"name": "face_detection"})["subscription"]


def streams_are_refused_like_calls():
    with daemon_with({"deny": ["call:jpeg_image_stream"]}) as daemon, daemon.client() as client:
        wait_for_camera(client)
        forbidden(client, "subscribe", {"stream": "jpeg_image_stream"})
        forbidden(client, "subscribe", {"stream": command_id("jpeg_image_stream")})
        assert client.result("subscribe", {"name": "jpeg_snapshot"})["subscription"]


def subscriptions_are_refused_before_their_camera_is_there():
    with tempfile.TemporaryDirectory(prefix="openmvd-test-") as folder:
        config = config_of(os.path.join(folder, "camera"), access=[{"deny": ["call:count*"]}])
        with Daemon(config=config) as daemon, daemon.client() as client:
            forbidden(client, "subscribe", {"name": "counter"})
            assert client.result("subscribe", {"name": "echo"})["subscription"]


def a_right_to_a_callback_is_a_right_to_subscribe_to_it():
    rules = ({"allow": ["call:counter", "cameras"]}, {"deny": ["*"]})
    with daemon_with(*rules) as daemon, daemon.client() as client:
        wait_for_camera(client)
        assert client.result("subscribe", {"name": "counter"})["subscription"]
        forbidden(client, "subscribe", {"name": "face_detection"})


def users_and_groups_that_do_not_exist_are_warnings():
    rules = ({"deny": ["ping"], "user": "no-such-user"}, {"deny": ["ping"], "group": "no-such-group"})
    with daemon_with(*rules) as daemon, daemon.client() as client:
        assert client.result("ping") == "pong"
        lines = [line for line in daemon.log().splitlines() if line.startswith("<4>")]
        for number, name in enumerate(('user "no-such-user"', 'group "no-such-group"')):
            assert any(f"access.{number} (line 1): there is no {name}, so the rule concerns nobody" in line
                       for line in lines), daemon.log()


def the_log_names_uid_gid_and_pid_and_is_not_flooded():
    with daemon_with({"deny": ["reset"]}, options=("--log", "info")) as daemon, daemon.client() as client:
        for _ in range(20):
            forbidden(client, "reset")
        client.result("ping")
        lines = [line for line in daemon.log().splitlines() if "forbidden" in line]
        assert len(lines) == 1 and lines[0].startswith("<4>"), lines
        assert re.search(rf"client \d+ \(uid {os.geteuid()}, gid {os.getegid()}, pid {os.getpid()}\): ", lines[0]), lines


def openmvctl_shows_the_refusal_and_exits_with_5():
    with daemon_with({"deny": ["reset", "call:counter"]}) as daemon, daemon.client() as client:
        wait_for_camera(client)
        for arguments in (["reset"], ["call", "counter"]):
            done = subprocess.run([program("openmvctl"), "--socket", daemon.path, *arguments], capture_output=True, text=True,
                                  timeout=PATIENCE_S, check=False)
            assert done.returncode == 5 and done.stdout == "", done
            assert "is forbidden to uid" in done.stderr and "access.0" in done.stderr, done.stderr


tap = Tap()
tap.run([
    without_rules_whoever_may_connect_may_do_all,
    the_refusal_names_the_rule_its_line_and_the_peer,
    refused_before_anything_else_is_looked_at,
    a_callback_is_forbidden_also_where_the_camera_does_not_have_it,
    who_may_have_some_callbacks_does_not_get_the_events_of_cameras,
    rules_for_a_user_are_for_that_user_alone,
    rules_for_a_group_are_for_its_members_however_they_got_it,
    a_rule_with_user_and_group_needs_both,
    a_connection_keeps_the_rights_it_was_made_with,
    callbacks_are_refused_by_name_and_by_id,
    an_allowed_callback_needs_no_other_right,
    callbacks_nobody_describes_are_not_what_a_wildcard_allows,
    a_batch_is_checked_request_by_request,
    answers_of_others_are_not_given_to_who_may_not_ask,
    calls_that_wait_for_their_camera_are_checked_when_it_comes,
    subscriptions_are_refused_like_calls,
    streams_are_refused_like_calls,
    subscriptions_are_refused_before_their_camera_is_there,
    a_right_to_a_callback_is_a_right_to_subscribe_to_it,
    users_and_groups_that_do_not_exist_are_warnings,
    the_log_names_uid_gid_and_pid_and_is_not_flooded,
    openmvctl_shows_the_refusal_and_exits_with_5,
])
tap.finish()
