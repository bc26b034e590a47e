# SPDX-License-Identifier: MIT
#
# What the camera runs for openmvd: all of vision.py, offered to a master over one link. `openmvctl deploy` copies this
# file, omvrpc.py, omvcamera.py and vision.py to the camera's drive; then reset it.

import time

import machine
import omvrpc
import vision


def open_link():
    return omvrpc.usb()  # Or omvrpc.uart(3, 115200): UART number and rate. README.md tells of spi(), i2c() and can().


# Milliseconds after which the hardware resets a camera that hangs; 0 for never. The watchdog is fed after every call,
# in every quiet second and before every picture, so a callback that takes longer resets the camera. Nobody can stop it
# once it runs, not even the IDE. 8000 is a good value, and STM32 boards allow at most 32000.
WATCHDOG_MS = 0

# Between two tries when the link cannot be opened, or fails.
RETRY_MS = 100

# Why the link cannot be opened. The console may be the link: nothing is ever printed.
ERROR_FILE = "openmvd-error.txt"

remote = None
watchdog = None
reported = None


def feed():
    if watchdog is not None:
        watchdog.feed()


def start():
    global watchdog
    slave = omvrpc.Slave(open_link())
    vision.register(slave).before_picture = feed
    if WATCHDOG_MS:
        slave.setup_loop_callback(feed)
        watchdog = watchdog or machine.WDT(timeout=WATCHDOG_MS)
    return slave


def report(error):
    # The red LED shines while there is no link. The file is written once for each message: flash memory wears out.
    global reported
    red_led(True)
    text = "%s: %s\n" % (type(error).__name__, error)
    if remote is not None:
        remote.last_error = error
    elif text != reported:
        reported = text
        with open(ERROR_FILE, "w") as file:
            file.write(text)


def red_led(on):
    try:
        led = machine.LED("LED_RED")
    except (AttributeError, ValueError):
        # Older firmware.
        import pyb

        led = pyb.LED(1)
    led.on() if on else led.off()


def try_to(action, *arguments):
    # The exception that ended it, or None.
    try:
        action(*arguments)
    except Exception as error:
        return error
    return None


def serve():
    global remote
    if remote is None:
        remote = start()
    try_to(red_led, False)
    remote.loop()


while True:
    problem = try_to(serve)
    if problem:
        # Reporting may fail too: there may be no such LED, or no room for the file.
        try_to(report, problem)
    feed()
    time.sleep_ms(RETRY_MS)
