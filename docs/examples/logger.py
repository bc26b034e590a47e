#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes where faces are into a file of comma-separated values, for as long as asked, while other programs use the camera.

    PYTHONPATH=clients/python docs/examples/logger.py faces.csv 60
"""

import csv
import sys
import time

import openmvd



def write_faces(file, daemon, seconds):
    # Whoever asked in the last tenth of a second has asked for this program as well.
    camera = daemon.using(timeout=1, max_age=0.1)
    table = csv.writer(file)
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        try:
            face = camera.call("face_detection") or {}
            table.writerow([round(time.monotonic() - begun, 3)] + [face.get(field, "") for field in "xywh"])
        except openmvd.Error as error:
            if not error.retryable:
                raise
            print(error.message, file=sys.stderr)
        time.sleep(0.1)


if len(sys.argv) != 3:
    sys.exit("usage: logger.py FILE SECONDS")
try:
    with openmvd.connect(timeout=5) as connection, open(sys.argv[1], "w", newline="", encoding="ascii") as out:
        write_faces(out, connection, float(sys.argv[2]))
except openmvd.Error as error:
    sys.exit(f"logger.py: {error}")
