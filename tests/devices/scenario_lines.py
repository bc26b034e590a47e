#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon's GPIO lines at the kernel's gpiolib: who has which and when, by which name, and the pulse that resets."""

from buses import READY, READY_LINE, RESET, RESET_LINE, Bus, config_of, daemon_with, has_reason
from controllers import I2C, WATCH, Soldered, held_line, holder_of, load_controllers
from devices import Tap, count, tried, wait_for_state, wait_until

BUS = Bus(kind="i2c", name=I2C, links=[{"device": I2C, "address": 0x12}], options=[("--address", 0x12)])

# As bus_camera takes them.
LINES = ("--ready", READY, "--reset", RESET, "--boot-ms", 200)


def edges_of_reset(reset):
    """Resets a camera, and returns the level of its line before and the times in ms at which that changed."""
    with BUS.camera(*LINES), Soldered() as watcher, daemon_with(config_of(BUS.link(), reset=reset)) as (_, client):
        watcher.say(WATCH, RESET)
        before = watcher.hear()["value"]
        wait_for_state(client, "online")
        assert client.result("reset", {"camera": "camera"}) is True
        edges = [watcher.hear(), watcher.hear()]
        assert watcher.hear(0) is None and [edge["value"] for edge in edges] == [1 - before, before], edges
        return before, [edge["time_ns"] // 1000000 for edge in edges]


def a_camera_is_reset_by_a_low_pulse_of_the_length_configured():
    def length_ms():
        level, (begin, end) = edges_of_reset(dict(RESET_LINE, pulse_ms=400))
        assert level == 1 and end - begin >= 400, (level, end - begin)
        return end - begin
    # A busy machine may hold up whoever ends it.
    tried(length_ms, lambda length: length < 2000, 5)


def lines_are_found_by_chip_and_offset_too():
    for chip in ("gpiochip0", "/dev/gpiochip0", "camera-gpio"):
        level, _ = edges_of_reset({"chip": chip, "offset": RESET})
        assert level == 1


def with_a_transistor_in_between_the_pulse_is_high():
    # The camera here has no pull-up on that line, and is not reset by it.
    with BUS.camera(), Soldered() as watcher, \
            daemon_with(config_of(BUS.link(), reset=dict(RESET_LINE, active_low=False))) as (_, client):
        watcher.say(WATCH, RESET)
        assert watcher.hear()["value"] == 0
        wait_for_state(client, "online")
        assert client.result("reset", {"camera": "camera"}) is True
        assert [watcher.hear()["value"] for _ in range(2)] == [1, 0]


def has_ready_line():
    # A link on which a busy machine is silent is closed and opened anew.
    wait_until(lambda: holder_of(READY) == "openmvd", "the ready line to be the daemon's")


def lines_belong_to_the_daemon_for_as_long_as_it_needs_them():
    config = config_of(BUS.link(ready=READY_LINE), reset=RESET_LINE)
    with BUS.camera(*LINES):
        with daemon_with(config) as (_, client):
            wait_for_state(client, "online")
            has_ready_line()
            assert holder_of(RESET) == ""
            assert client.result("reset", {"camera": "camera"}) is True
            assert holder_of(RESET) == ""
            client.result("release", {"camera": "camera"})
            assert holder_of(READY) == ""
            client.result("acquire", {"camera": "camera"})
            wait_for_state(client, "online")
            has_ready_line()
        assert holder_of(READY) == ""


def a_ready_line_that_somebody_has_is_named_and_used_when_it_is_free():
    with BUS.camera(*LINES), daemon_with(config_of(BUS.link(ready=READY_LINE))) as (_, client):
        wait_for_state(client, "online")
        client.result("release", {"camera": "camera"})
        with held_line(READY, "pump"):
            client.result("acquire", {"camera": "camera"})
            wait_for_state(client, "offline")
            has_reason(client, "camera", "GPIO25", "ready line", '"pump"')
        wait_for_state(client, "online")
        has_ready_line()
        assert count(client) == 1


load_controllers()
tap = Tap()
tap.run([
    a_camera_is_reset_by_a_low_pulse_of_the_length_configured,
    lines_are_found_by_chip_and_offset_too,
    with_a_transistor_in_between_the_pulse_is_high,
    lines_belong_to_the_daemon_for_as_long_as_it_needs_them,
    a_ready_line_that_somebody_has_is_named_and_used_when_it_is_free,
])
tap.finish()
