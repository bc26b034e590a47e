# SPDX-License-Identifier: MIT
#
# The camera API of firmware 5.x: objects, whose methods set with an argument and ask without.

import scene
from frames import FRAME_SIZES, PIXEL_FORMATS, SENSORS, Sensor

globals().update(PIXEL_FORMATS)
globals().update(FRAME_SIZES)
globals().update(SENSORS)
IOCTL_LEPTON_SET_MODE = 17
IOCTL_LEPTON_GET_MODE = 18
IOCTL_LEPTON_SET_RANGE = 19
IOCTL_LEPTON_GET_RANGE = 20


class CSI:
    def __init__(self, *, cid=-1, delays=True, fflush=True, stream=None):
        if scene.SENSOR is None or cid not in (-1, SENSORS[scene.SENSOR]):
            raise RuntimeError("No sensor was detected!")
        self._sensor = Sensor()

    def reset(self, *, hard=True):
        self._sensor.reset()

    def cid(self):
        return self._sensor.number()

    def pixformat(self, *value):
        return self._sensor.set_pixel_format(*value) if value else self._sensor.pixel_format()

    def framesize(self, *value):
        return self._sensor.set_frame_size(*value) if value else self._sensor.frame_size()

    def window(self, window):
        self._sensor.set_window(window)

    def brightness(self, brightness):
        return self._sensor.set_level("brightness", brightness)

    def contrast(self, contrast):
        return self._sensor.set_level("contrast", contrast)

    def saturation(self, saturation):
        return self._sensor.set_level("saturation", saturation)

    def hmirror(self, *enable):
        return self._sensor.set_hmirror(*enable) if enable else self._sensor.hmirror()

    def vflip(self, *enable):
        return self._sensor.set_vflip(*enable) if enable else self._sensor.vflip()

    def auto_gain(self, enable, *, gain_db=None, gain_db_ceiling=None):
        self._sensor.set_auto_gain(enable, gain_db, gain_db_ceiling)

    def gain_db(self):
        return self._sensor.gain_db()

    def auto_exposure(self, enable, *, exposure_us=-1):
        self._sensor.set_auto_exposure(enable, exposure_us)

    def exposure_us(self):
        return self._sensor.exposure_us()

    def auto_whitebal(self, enable, *, rgb_gain_db=None):
        self._sensor.set_auto_whitebal(enable, rgb_gain_db)

    def rgb_gain_db(self):
        return self._sensor.rgb_gain_db()

    def ioctl(self, request, *values):
        if request == IOCTL_LEPTON_SET_MODE:
            return self._sensor.set_measurement_mode(*values)
        if request == IOCTL_LEPTON_SET_RANGE:
            return self._sensor.set_measurement_range(*values)
        if request == IOCTL_LEPTON_GET_RANGE:
            return self._sensor.measurement_range(*values)
        raise RuntimeError("Control is not supported!")

    def snapshot(self, *, time=-1, frames=-1, blocking=True, image=None):
        # With a time or a number of frames it only lets them pass.
        if time == -1 and frames == -1:
            return self._sensor.snapshot()
        self._sensor.settle(time)
        return None
