# SPDX-License-Identifier: MIT
#
# What stands before the camera, and what the camera is. The tests know these values, and set others with update().

# The sensor: None where there is none. BROKEN names calls of it that fail, LACKS the controls that it has not; both by
# their names in firmware 5. WITHOUT names methods of pictures that the firmware was built without.
SENSOR = "OV5640"
BROKEN = []
LACKS = []
WITHOUT = []
# Where the firmware keeps these, None for nowhere.
CASCADE = True
MODEL = True
# How many times the USB port belongs to the IDE before it is free, and how many times reading it fails then.
IDE_TURNS = 0
CABLE_TURNS = 0

FACES = [[40, 30, 20, 20], [100, 60, 64, 72]]
PERSON = True
QR_TEXTS = ["small", 'the "largest" \\ code\n']
MATRIX_TEXTS = ["matrix"]
BARCODE_TEXTS = ["0123456789"]
TAGS = [{"id": 7, "cx": 80, "cy": 60, "rotation": 1.5707964, "w": 20, "h": 20}]
# Blobs, each seen by the thresholds that are given with it and by no others.
BLOBS = [
    {"seen_by": [30, 100, 15, 127, 15, 127], "cx": 20, "cy": 9, "pixels": 600},
    {"seen_by": [30, 100, 15, 127, 15, 127], "cx": 200, "cy": 90, "pixels": 70000},
    {"seen_by": [0, 30, -20, 20, -60, 0], "cx": 15, "cy": 230, "pixels": 800},
]
CIRCLES = [{"x": 20, "y": 30, "r": 9, "magnitude": 4000}, {"x": 70, "y": 60, "r": 31, "magnitude": 70000}]
LINES = [
    {"x1": 1, "y1": 2, "x2": 4, "y2": 6, "length": 5, "magnitude": 1000, "theta": 127, "rho": -3},
    {"x1": 0, "y1": 119, "x2": 159, "y2": 0, "length": 198, "magnitude": 9000, "theta": 53, "rho": 95},
]
# For a Lepton, in degrees Celsius: one pixel, another one, and all others.
TEMPERATURES = [20.0, 40.0, 30.0]

# How often each call of the sensor came, by its name in firmware 5.
calls = {}

_ME = globals()
_USUAL = {name: _ME[name] for name in _ME if name == name.upper() and not name.startswith("_")}


def update(changes):
    # The usual scene but for these changes.
    _ME.update(_USUAL)
    for name, value in changes.items():
        if name not in _USUAL:
            raise ValueError("no such thing in the scene: " + name)
        _ME[name] = value


def called(name):
    calls[name] = calls.get(name, 0) + 1
    if SENSOR is None or name in BROKEN:
        raise RuntimeError("Camera interface timeout!")
