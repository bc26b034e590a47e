# SPDX-License-Identifier: MIT
#
# The image sensor, the same on every firmware: pictures by the names of their mode, and settings. Copy it to the camera
# next to vision.py, or use it alone:
#
#     import omvcamera
#     camera = omvcamera.Camera()
#     faces = camera.snapshot("GRAYSCALE", "QVGA").find_features(cascade)
#
# It knows no packets and looks at no picture.

from collections import OrderedDict

# Names that a master may ask for, with or without "sensor." or "csi." before them; a board offers those that its
# firmware has. They are looked up here and never evaluated.
PIXEL_FORMATS = ("GRAYSCALE", "RGB565", "BAYER", "YUV422")
FRAME_SIZES = (
    "QQCIF", "QCIF", "CIF", "QQSIF", "QSIF", "SIF", "QQQQVGA", "QQQVGA", "QQVGA", "QVGA", "VGA", "HQQQQVGA", "HQQQVGA",
    "HQQVGA", "HQVGA", "HVGA", "LCD", "QQVGA2", "WVGA", "WVGA2", "SVGA", "XGA", "WXGA", "SXGA", "SXGAM", "UXGA", "HD",
    "FHD", "QHD", "QXGA", "WQXGA", "WQXGA2", "B64X32", "B64X64", "B128X64", "B128X128", "B160X160", "B320X320",
)  # fmt: skip
SENSORS = (
    "OV2640", "OV5640", "OV7670", "OV7690", "OV7725", "OV9650", "MT9V032", "MT9V034", "MT9M114", "BOSON320", "BOSON640",
    "LEPTON", "HM01B0", "HM0360", "GC2145", "GENX320", "PAG7920", "PAG7936", "PAJ6100", "FROGEYE2020", "SOFTCSI",
)  # fmt: skip

# After a change of mode the sensor's exposure needs some frames; at power-up more of them. Milliseconds.
SETTLE_MS = 100
START_SETTLE_MS = 2000


# A setting that the sensor may choose for itself: "auto", "fixed" for what it has chosen by now, or a value.
AUTOMATIC = ("auto", "fixed")


def _is_level(value):
    return type(value) is int and -3 <= value <= 3


def _is_quality(value):
    return type(value) is int and 1 <= value <= 100


def _is_switch(value):
    return value is True or value is False


def _is_gain(value):
    return type(value) in (int, float) and -100 <= value <= 100


def _is_gain_or_auto(value):
    return value in AUTOMATIC or _is_gain(value)


def _is_exposure(value):
    return value in AUTOMATIC or (type(value) is int and 1 <= value <= 60000000)


def _is_balance(value):
    return value in AUTOMATIC or (isinstance(value, list) and len(value) == 3 and all(_is_gain(gain) for gain in value))


def _value(value):
    return (value,), {}


def _or_auto(keyword):
    def arguments(value):
        return ((value == "auto",), {}) if value in AUTOMATIC else ((False,), {keyword: value})

    return arguments


# By name of the setting: whether a value is one, what it has to be, the sensor's control and the arguments of that.
CONTROLS = OrderedDict(
    [
        ("brightness", (_is_level, "a whole number from -3 to 3", "brightness", _value)),
        ("contrast", (_is_level, "a whole number from -3 to 3", "contrast", _value)),
        ("saturation", (_is_level, "a whole number from -3 to 3", "saturation", _value)),
        ("gain_db", (_is_gain_or_auto, '"auto", "fixed" or decibels', "auto_gain", _or_auto("gain_db"))),
        ("exposure_us", (_is_exposure, '"auto", "fixed" or microseconds', "auto_exposure", _or_auto("exposure_us"))),
        ("white_balance", (_is_balance, '"auto", "fixed" or three decibels', "auto_whitebal", _or_auto("rgb_gain_db"))),
        ("mirror", (_is_switch, "true or false", "hmirror", _value)),
        ("flip", (_is_switch, "true or false", "vflip", _value)),
    ]
)
# Those that the sensor can be asked.
MEASURED = (("gain_db", "gain_db"), ("exposure_us", "exposure_us"), ("white_balance", "rgb_gain_db"))
SETTINGS = ["pixformat", "framesize", "quality"] + list(CONTROLS)


class Device:
    # The image sensor behind either API: firmware 5.x has csi.CSI, whose x(value) sets and x() asks; 4.x has the
    # module sensor, with set_x(value) and get_x(). Errors of the sensor are RuntimeErrors in both.
    def __init__(self):
        try:
            import csi

            self._device = csi.CSI()
            self._module = csi
        except (ImportError, AttributeError):
            # Some firmware 4.x has a module csi without that class.
            import sensor

            self._device = self._module = sensor
        self._is_csi = self._device is not self._module
        self.modes = {"pixformat": self._constants(PIXEL_FORMATS), "framesize": self._constants(FRAME_SIZES)}
        self.reset = self._device.reset
        self.snapshot = self._device.snapshot

    def _constants(self, names):
        return {name: getattr(self._module, name) for name in names if hasattr(self._module, name)}

    def set(self, control, *values, **named):
        if getattr(self._device, control if self._is_csi else "set_" + control)(*values, **named) is False:
            raise RuntimeError("this sensor has no " + control)

    def get(self, control):
        return getattr(self._device, control if self._is_csi else "get_" + control)()

    def set_window(self, window):
        self.set("window" if self._is_csi else "windowing", window)

    def settle(self, milliseconds):
        (self._device.snapshot if self._is_csi else self._device.skip_frames)(time=milliseconds)

    def sensor_name(self):
        number = self._device.cid() if self._is_csi else self._device.get_id()
        for name, value in self._constants(SENSORS).items():
            if value == number:
                return name
        return "0x%04x" % number

    def need_lepton(self):
        if self.sensor_name() != "LEPTON":
            raise RuntimeError("this camera's sensor is no Lepton: it measures no temperatures")

    def lepton(self, request, *values):
        # Firmware 4.x calls the requests MODE and RANGE by longer names.
        verb, noun = request.split("_")
        names = ("IOCTL_LEPTON_" + request, "IOCTL_LEPTON_%s_MEASUREMENT_%s" % (verb, noun))
        for constant in self._constants(names).values():
            return self._device.ioctl(constant, *values)
        raise RuntimeError("this firmware has no " + names[0])


class Camera:
    # Takes pictures in the mode that is asked for, and touches the sensor's configuration only when that mode differs
    # from the last one. held is the picture that the image reads refer to; the next snapshot overwrites its memory, so
    # it is let go before. before_picture() is called before every picture.
    def __init__(self):
        self.held = None
        self.before_picture = None
        self._device = None
        self._started = False
        self._thermal = False
        self._mode = None
        self._settle_ms = 0
        self._settings = {"pixformat": "RGB565", "framesize": "QVGA", "quality": 90}

    def device(self):
        if self._device is None:
            self._device = Device()
            disable_preview()
        return self._device

    def snapshot(self, pixformat=None, framesize=None, window=None, thermal=None):
        # pixformat, framesize: names, None for the configured ones. window: (width, height) around the centre.
        # thermal: (low, high) in degrees, for a Lepton.
        self.held = None
        if self.before_picture is not None:
            self.before_picture()
        mode = self._mode_of(pixformat, framesize, window, thermal)
        try:
            self._prepare(mode)
            device = self.device()
            if self._settle_ms:
                device.settle(self._settle_ms)
                self._settle_ms = 0
            return device.snapshot()
        except Exception:
            # A sensor that failed is reset before the next picture.
            self._started = False
            raise

    def jpeg(self, pixformat=None, framesize=None):
        image = self.snapshot(pixformat, framesize)
        # In place; firmware before 4.3 has only the older name.
        convert = image.to_jpeg if hasattr(image, "to_jpeg") else image.compress
        convert(quality=self._settings["quality"])
        return image.bytearray()

    def checked_name(self, kind, name):
        # kind: "pixformat" or "framesize".
        known = self.device().modes[kind]
        if isinstance(name, str):
            for prefix in ("sensor.", "csi."):
                if name.startswith(prefix):
                    name = name[len(prefix) :]
            if name in known:
                return name
        raise ValueError("no such %s: %s (choose from %s)" % (kind, name, ", ".join(sorted(known))))

    def checked_names(self, text):
        # "pixformat,framesize" as two names.
        names = text.split(",")
        if len(names) != 2:
            raise ValueError("expected pixformat,framesize as in RGB565,QVGA")
        return self.checked_name("pixformat", names[0].strip()), self.checked_name("framesize", names[1].strip())

    def name_of(self, kind, value):
        # The name of one of the firmware's own constants.
        known = self.device().modes[kind]
        for name in known:
            if known[name] == value:
                return name
        numbers = ", ".join(["%s=%d" % (name, known[name]) for name in sorted(known)])
        raise ValueError("no such %s: %d (choose from %s)" % (kind, value, numbers))

    def configure(self, changes):
        # Sets what the object names, all of it or nothing. Returns all settings as they are then.
        settings = dict(self._settings)
        for name, value in changes.items():
            settings[name] = self._checked_setting(name, value)
        if changes:
            previous = self._settings
            self._settings = settings
            try:
                self.held = None
                self._mode = None
                self._prepare(self._mode_of(None, None, None, None))
            except Exception:
                self._settings = previous
                self._started = False
                raise
        return self._report()

    def _checked_setting(self, name, value):
        if name in ("pixformat", "framesize"):
            return self.checked_name(name, value)
        if name not in SETTINGS:
            raise ValueError("no such setting: %s (choose from %s)" % (name, ", ".join(SETTINGS)))
        accepts, expected = CONTROLS[name][:2] if name in CONTROLS else (_is_quality, "a whole number from 1 to 100")
        if not accepts(value):
            raise ValueError("%s: expected %s" % (name, expected))
        return value

    def _report(self):
        report = OrderedDict([(name, self._settings.get(name)) for name in SETTINGS])
        report["measured"] = OrderedDict()
        if self._started:
            report["mirror"] = bool(self._device.get("hmirror"))
            report["flip"] = bool(self._device.get("vflip"))
            for name, control in MEASURED:
                try:
                    report["measured"][name] = self._device.get(control)
                except RuntimeError:
                    # Not every sensor can tell.
                    pass
        return report

    def _mode_of(self, pixformat, framesize, window, thermal):
        pixformat = self.checked_name("pixformat", pixformat or self._settings["pixformat"])
        framesize = self.checked_name("framesize", framesize or self._settings["framesize"])
        if thermal is not None:
            self.device().need_lepton()
        return pixformat, framesize, window, thermal

    def _prepare(self, mode):
        device = self.device()
        if not self._started:
            device.reset()
            self._started = True
            self._thermal = False
            self._mode = None
            self._settle_ms = START_SETTLE_MS
        if mode == self._mode:
            return
        pixformat, framesize, window, thermal = mode
        self._mode = None
        if thermal is not None:
            device.lepton("SET_MODE", True)
            device.lepton("SET_RANGE", *thermal)
        elif self._thermal:
            device.lepton("SET_MODE", False)
        self._thermal = thermal is not None
        device.set("pixformat", device.modes["pixformat"][pixformat])
        device.set("framesize", device.modes["framesize"][framesize])
        if window:
            device.set_window(window)
        self._settle_ms = max(self._settle_ms, SETTLE_MS)
        controls = [name for name in CONTROLS if name in self._settings]
        if controls:
            # "fixed" keeps what the sensor has chosen in this mode: it needs the time to choose. Exposure is counted in
            # lines, whose time depends on the mode, so all settings follow every change.
            device.settle(self._settle_ms)
            self._settle_ms = SETTLE_MS
        for name in controls:
            _, _, control, arguments = CONTROLS[name]
            values, named = arguments(self._settings[name])
            device.set(control, *values, **named)
        self._mode = mode


def disable_preview():
    # The IDE's preview would compress every frame once more; firmware that has no preview has no such switch.
    try:
        import omv

        omv.disable_fb(True)
    except (ImportError, AttributeError):
        pass
