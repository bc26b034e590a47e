# SPDX-License-Identifier: MIT
#
# What the two camera APIs share: a sensor with its constants, controls and pictures of the configured size. Every call
# is counted, and setting the pixel format is printed, so that the tests see when it happens.

import image
import scene

PIXEL_FORMATS = {"GRAYSCALE": 0x08020001, "RGB565": 0x0C030002, "YUV422": 0x0B060000}
FRAME_SIZES = {"QQVGA": 10, "QVGA": 11, "VGA": 12}
SENSORS = {"OV7725": 0x7721, "OV5640": 0x5640, "LEPTON": 0x5435}
_BYTES_PER_PIXEL = {PIXEL_FORMATS["GRAYSCALE"]: 1, PIXEL_FORMATS["RGB565"]: 2, PIXEL_FORMATS["YUV422"]: 2}
_RESOLUTIONS = {1: (88, 72), 10: (160, 120), 11: (320, 240), 12: (640, 480)}
# What a Lepton can measure in its usual gain mode.
_COLDEST = -10.0
_HOTTEST = 140.0


def _integer(value):
    # As the firmware's arguments: True is 1, a float is refused.
    if value is True or value is False:
        return int(value)
    if not isinstance(value, int):
        raise TypeError("can't convert to int")
    return value


def _number(value):
    return float(value if isinstance(value, float) else _integer(value))


class Sensor:
    def __init__(self):
        self._ready = False
        self._forget()

    def _forget(self):
        self._pixel_format = None
        self._frame_size = None
        self._resolution = None
        self._measures = False
        self._range = (-10.0, 40.0)
        self._hmirror = False
        self._vflip = False
        self._automatic = {"gain", "exposure", "whitebal"}
        self._gain = 0.0
        self._exposure = 0
        self._balance = (0.0, 0.0, 0.0)

    def reset(self):
        scene.called("reset")
        self._ready = True
        self._forget()

    def number(self):
        scene.called("cid")
        return SENSORS[scene.SENSOR]

    def set_pixel_format(self, value):
        scene.called("pixformat")
        print("sensor configured")
        if not self._ready or _integer(value) not in _BYTES_PER_PIXEL:
            raise RuntimeError("Pixel format is not supported!")
        self._pixel_format = value

    def pixel_format(self):
        if self._pixel_format is None:
            raise RuntimeError("Pixel format is not set!")
        return self._pixel_format

    def set_frame_size(self, value):
        scene.called("framesize")
        if not self._ready or _integer(value) not in _RESOLUTIONS:
            raise RuntimeError("Frame size is not supported!")
        self._frame_size = value
        self._resolution = _RESOLUTIONS[value]

    def frame_size(self):
        if self._frame_size is None:
            raise RuntimeError("Frame size is not set!")
        return self._frame_size

    def set_window(self, window):
        scene.called("window")
        width, height = window
        full_width, full_height = _RESOLUTIONS[self.frame_size()]
        if width < 1 or height < 1:
            raise ValueError("Invalid ROI dimensions!")
        self._resolution = (min(width, full_width), min(height, full_height))

    def set_level(self, name, value):
        # Brightness and its like say False where the sensor has no such control, or not that much of it.
        scene.called(name)
        return name not in scene.LACKS and -3 <= _integer(value) <= 3

    def set_hmirror(self, enable):
        self._switch("hmirror")
        self._hmirror = bool(enable)

    def hmirror(self):
        return self._hmirror

    def set_vflip(self, enable):
        self._switch("vflip")
        self._vflip = bool(enable)

    def vflip(self):
        return self._vflip

    def _switch(self, name):
        scene.called(name)
        if name in scene.LACKS:
            raise RuntimeError("Control is not supported!")

    # The automatic ones only print a warning where the sensor has no such control.

    def _let_choose(self, name, enable):
        scene.called("auto_" + name)
        (self._automatic.add if enable else self._automatic.discard)(name)

    def set_auto_gain(self, enable, gain_db, gain_db_ceiling):
        self._let_choose("gain", enable)
        if gain_db is not None:
            self._gain = _number(gain_db)

    def gain_db(self):
        return self._measured("gain_db", self._gain)

    def set_auto_exposure(self, enable, exposure_us):
        self._let_choose("exposure", enable)
        if _integer(exposure_us) >= 0:
            self._exposure = exposure_us

    def exposure_us(self):
        return self._measured("exposure_us", self._exposure)

    def set_auto_whitebal(self, enable, rgb_gain_db):
        self._let_choose("whitebal", enable)
        if rgb_gain_db is not None:
            if len(rgb_gain_db) != 3:
                raise ValueError("requested length 3 but object has length %d" % len(rgb_gain_db))
            self._balance = tuple([_number(gain) for gain in rgb_gain_db])

    def rgb_gain_db(self):
        return self._measured("rgb_gain_db", self._balance)

    def _measured(self, name, value):
        if name in scene.LACKS:
            raise RuntimeError("Control is not supported!")
        return value

    # A Lepton's own requests

    def _need_lepton(self, name):
        scene.called(name)
        if scene.SENSOR != "LEPTON":
            raise RuntimeError("Control is not supported!")

    def set_measurement_mode(self, enable, high_temperatures=False):
        self._need_lepton("lepton_mode")
        self._measures = bool(_integer(enable))

    def set_measurement_range(self, low, high):
        self._need_lepton("lepton_range")
        low, high = _number(low), _number(high)
        self._range = (max(min(low, high), _COLDEST), min(max(low, high), _HOTTEST))

    def measurement_range(self):
        self._need_lepton("lepton_range?")
        return self._range

    # Pictures

    def settle(self, milliseconds):
        scene.called("settle")
        if not 0 < _integer(milliseconds) <= 5000:
            raise ValueError("a time nobody would wait")
        # What is automatic finds its value by and by, and not before.
        if "gain" in self._automatic:
            self._gain = 12.5
        if "exposure" in self._automatic:
            self._exposure = 8000
        if "whitebal" in self._automatic:
            self._balance = (1.0, 0.0, 2.0)

    def snapshot(self):
        scene.called("snapshot")
        if self._pixel_format is None or self._resolution is None:
            raise RuntimeError("Frame size or pixel format is not set!")
        picture = image.Image(self._resolution[0], self._resolution[1], _BYTES_PER_PIXEL[self._pixel_format])
        if self._measures:
            low, high = self._range
            steps = [round((degrees - low) * 255 / (high - low)) for degrees in scene.TEMPERATURES]
            picture.fill([max(0, min(255, step)) for step in steps])
        return picture
