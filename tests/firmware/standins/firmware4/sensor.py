# SPDX-License-Identifier: MIT
#
# The camera API of firmware 4.x: one sensor, and the module is it.

import scene
from frames import FRAME_SIZES, PIXEL_FORMATS, SENSORS, Sensor

if scene.SENSOR is None:
    raise RuntimeError("No sensor was detected!")

_sensor = Sensor()
globals().update(PIXEL_FORMATS)
globals().update(FRAME_SIZES)
globals().update(SENSORS)
QQCIF = 1
IOCTL_LEPTON_SET_MEASUREMENT_MODE = 21
IOCTL_LEPTON_GET_MEASUREMENT_MODE = 22
IOCTL_LEPTON_SET_MEASUREMENT_RANGE = 23
IOCTL_LEPTON_GET_MEASUREMENT_RANGE = 24

reset = _sensor.reset
get_id = _sensor.number
snapshot = _sensor.snapshot
set_pixformat = _sensor.set_pixel_format
get_pixformat = _sensor.pixel_format
set_framesize = _sensor.set_frame_size
get_framesize = _sensor.frame_size
set_windowing = _sensor.set_window
set_hmirror = _sensor.set_hmirror
get_hmirror = _sensor.hmirror
set_vflip = _sensor.set_vflip
get_vflip = _sensor.vflip
get_gain_db = _sensor.gain_db
get_exposure_us = _sensor.exposure_us
get_rgb_gain_db = _sensor.rgb_gain_db


def skip_frames(n=None, *, time=300):
    _sensor.settle(time)


def set_brightness(brightness):
    return _sensor.set_level("brightness", brightness)


def set_contrast(contrast):
    return _sensor.set_level("contrast", contrast)


def set_saturation(saturation):
    return _sensor.set_level("saturation", saturation)


def set_auto_gain(enable, *, gain_db=None, gain_db_ceiling=None):
    _sensor.set_auto_gain(enable, gain_db, gain_db_ceiling)


def set_auto_exposure(enable, *, exposure_us=-1):
    _sensor.set_auto_exposure(enable, exposure_us)


def set_auto_whitebal(enable, *, rgb_gain_db=None):
    _sensor.set_auto_whitebal(enable, rgb_gain_db)


def ioctl(request, *values):
    if request == IOCTL_LEPTON_SET_MEASUREMENT_MODE:
        return _sensor.set_measurement_mode(*values)
    if request == IOCTL_LEPTON_SET_MEASUREMENT_RANGE:
        return _sensor.set_measurement_range(*values)
    if request == IOCTL_LEPTON_GET_MEASUREMENT_RANGE:
        return _sensor.measurement_range(*values)
    raise RuntimeError("Control is not supported!")
