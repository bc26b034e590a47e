# SPDX-License-Identifier: MIT
"""Help for the tests of the documentation: the documents, and what comments mark in them.

A comment on a line of its own, <!-- KIND: detail -->, says what the next code block or table is:

    replay                  a console block, run against a daemon with a simulated camera
    replay config: JSON     ... against a daemon with this configuration
    replay camera: SCRIPT   ... with the configuration marked before, and this script as the camera
    replay no-daemon        ... without a daemon
    socket                  requests (-->) and replies (<--) on one connection
    message                 what a program prints, found in the sources
    save: NAME              a file that later blocks of the document use
    config                  the configuration for "replay camera"
    file: PATH              part of that file of the repository, word for word
    machine                 a console block, run in the machine of tests/booted
    machine: camera         ... with a USB camera plugged in from here on
    machine: network        ... left out there, as it has no network
    machine: PATH           a file of that machine
    table: NAME             a table that is compared with the code
"""

import os
import re

from openmvd import ROOT

MARK = re.compile(r"<!-- ([\w-]+)(?:[: ] *([^\n]*?))? -->\n+(?:```\w*\n(.*?)^```$|((?:^\|[^\n]*\n)+))", re.MULTILINE | re.DOTALL)


def paths():
    """The documents of the repository that people read, relative to its root."""
    found = ["README.md"]
    for folder in ("docs", "firmware", "sim"):
        found += [os.path.join(folder, name) for name in sorted(os.listdir(os.path.join(ROOT, folder)))
                  if name.endswith(".md")]
    return found


def read(path):
    """The text of a file of the repository."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class Mark:
    """A marked code block or table."""

    def __init__(self, path, line, kind, detail, text):
        self.path = path
        self.line = line
        self.kind = kind
        self.detail = detail or ""
        self.text = text

    def place(self):
        """Where it begins, for people."""
        return f"{self.path}:{self.line}"


def marks(path):
    """All marks of a document, in order."""
    text = read(path)
    return [Mark(path, text.count("\n", 0, match.start()) + 1, match[1], match[2], match[3] or match[4] or "")
            for match in MARK.finditer(text)]


def lost_marks(path):
    """Comments that mark nothing: their block or table does not follow, or they have no known form."""
    return read(path).count("<!--") - len(marks(path))


def table(name):
    """The rows of a marked table, as lists of cells; its heading and ruler left out."""
    found = [mark for path in paths() for mark in marks(path) if mark.kind == "table" and mark.detail == name]
    assert len(found) == 1, f"{len(found)} tables are called {name}"
    lines = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in found[0].text.splitlines()]
    return [[cell.strip() for cell in cells] for cells in lines[2:]]


def names(cell):
    """The names in backquotes of a cell, each up to its first blank or sign of a value."""
    return [re.split(r"[ =\[](?!\])", name)[0] for name in re.findall(r"`([^`]+)`", cell)]


def first_names(name):
    """The names in the first column of a table."""
    return [word for row in table(name) for word in names(row[0])]
