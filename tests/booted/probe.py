#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run instead of the daemon in the service's sandbox: tries what a file names, a line each, and prints as JSON what came of it.

    open:PATH     for reading and writing, as a device
    write:FOLDER  a new file there
    socket:FAMILY of that name in the socket module
"""

import json
import os
import socket
import sys


def attempt_open(path):
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY))


def attempt_write(folder):
    name = os.path.join(folder, "openmvd-probe")
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600))
    os.unlink(name)


def attempt_socket(family):
    kind = socket.SOCK_RAW if family in ("AF_NETLINK", "AF_PACKET", "AF_CAN") else socket.SOCK_STREAM
    socket.socket(getattr(socket, family), kind, 1 if family == "AF_CAN" else 0).close()


ATTEMPTS = {"open": attempt_open, "write": attempt_write, "socket": attempt_socket}


def outcome(word):
    kind, _, what = word.partition(":")
    try:
        ATTEMPTS[kind](what)
    except OSError as error:
        return error.strerror
    return "done"


with open(sys.argv[1], encoding="ascii") as asked:
    print(json.dumps({word: outcome(word) for word in asked.read().splitlines()}), flush=True)
