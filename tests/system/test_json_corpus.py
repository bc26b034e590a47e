#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends the corpus of JSON lines in tests/data/json to the real daemon: what is malformed gets one parse error and nothing
else, what is well-formed gets none, and the connection lives on through all of it."""

import json
import os
import sys

from openmvd import ROOT, Daemon, Tap

PING = b'{"jsonrpc":"2.0","id":"still here","method":"ping"}'


def corpus(name):
    with open(os.path.join(ROOT, "tests", "data", "json", name), "rb") as file:
        lines = file.read().split(b"\n")
    # An empty line is no message at all, and a line's last \r belongs to its end.
    return [line for line in lines if line.rstrip(b"\r")]


def answers(client, line):
    """What the daemon says to a line, up to its answer to a ping that follows."""
    client.send(line + b"\n" + PING + b"\n")
    found = []
    while True:
        reply = json.loads(client.read_line())
        if isinstance(reply, dict) and reply.get("id") == "still here" and reply.get("result") == "pong":
            return found
        found.append(reply)


def is_parse_error(reply):
    return isinstance(reply, dict) and reply.get("id") is None and reply.get("error", {}).get("code") == -32700


def every_malformed_line_gets_one_parse_error():
    with Daemon() as daemon, daemon.client() as client:
        for line in corpus("invalid.txt"):
            found = answers(client, line)
            assert len(found) == 1 and is_parse_error(found[0]), (line, found)


def no_well_formed_line_gets_a_parse_error():
    with Daemon() as daemon, daemon.client() as client:
        for line in corpus("valid.txt"):
            found = answers(client, line)
            flat = [reply for one in found for reply in (one if isinstance(one, list) else [one])]
            assert not any(is_parse_error(reply) for reply in flat), (line, found)


tap = Tap()
tap.run([every_malformed_line_gets_one_parse_error, no_well_formed_line_gets_a_parse_error])
sys.exit(tap.finish())
