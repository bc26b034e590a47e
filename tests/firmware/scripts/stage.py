# SPDX-License-Identifier: MIT
#
# A camera script for the tests: vision.py, and callbacks that set the scene and tell what the sensor was asked.

import json

import omvrpc
import scene
import uctypes
import vision

remote = omvrpc.Slave(omvrpc.usb())
camera = vision.register(remote)


@remote.callback
def set_scene(arguments):
    # The usual scene but for what the argument names, as JSON.
    scene.update(json.loads(bytes(arguments).decode()))
    remote.last_error = None
    return "set"


@remote.callback
def set_qr_bytes(arguments):
    # A code whose payload is those bytes, be they text or not, as the firmware makes it of what it has read.
    text = "".join(["\t" for _ in range(len(arguments))])
    uctypes.bytearray_at(uctypes.addressof(text), len(arguments))[:] = arguments
    scene.QR_TEXTS = [text]
    return "set"


@remote.callback
def sensor_calls(_):
    return json.dumps(scene.calls)


@remote.callback
def last_error(_):
    error = remote.last_error
    return "none" if error is None else "%s: %s" % (type(error).__name__, error)


remote.loop()
