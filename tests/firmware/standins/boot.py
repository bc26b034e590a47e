# SPDX-License-Identifier: MIT
#
# Sets the scene, and puts stand-ins in place of modules that are built into the interpreter, before the camera script
# runs.

import builtins
import json
import sys

import console
import scene

_open = builtins.open


class _Written:
    # A file on the camera's drive. What a script writes to it is printed.
    def __init__(self, path):
        self._path = path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def write(self, text):
        print(self._path + ": " + text.rstrip())


def open_file(path, mode="r"):
    return _Written(path) if mode == "w" else _open(path, mode)


def prepare(link, changes):
    scene.update(json.loads(changes))
    builtins.open = open_file
    if link == "can-fd":
        import pyb

        pyb.CAN = pyb.FdCan
    if link != "stdio":
        return
    for name, module in (("sys", console.Sys), ("micropython", console.Micropython)):
        sys.modules[name] = module
