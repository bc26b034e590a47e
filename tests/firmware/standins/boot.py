# SPDX-License-Identifier: MIT
#
# Puts stand-ins in place of modules that are built into the interpreter, before the camera script runs.

import sys

import console


def prepare(link):
    if link == "can-fd":
        import pyb

        pyb.CAN = pyb.FdCan
    if link != "stdio":
        return
    for name, module in (("sys", console.Sys), ("micropython", console.Micropython)):
        sys.modules[name] = module
