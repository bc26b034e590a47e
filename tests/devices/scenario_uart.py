#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The kernel's own 8250 driver: the daemon at one UART, the simulated camera at another, and a cable between them."""

import contextlib
import errno
import fcntl
import os
import pathlib
import signal
import subprocess
import termios
import time
import tty

from devices import (CALLBACKS, FAR_UART, PATIENCE_S, UART, Daemon, Tap, call, count, fetch_blob, held_open, only_camera, program,
                     value, wait_for_reason, wait_for_state)

BAUD = 115200


def config_of(device=UART, **keys):
    return {"cameras": {"camera": {"link": dict({"type": "serial", "device": device, "baud": BAUD}, **keys)}},
            "callbacks": CALLBACKS}


@contextlib.contextmanager
def far_camera(*options):
    """openmv-sim at the far end of the cable."""
    process = subprocess.Popen([program("openmv-sim"), "--device", FAR_UART, "--baud", str(BAUD), *options],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().strip() == FAR_UART, process.communicate()
        yield process
    finally:
        process.terminate()
        process.communicate()


@contextlib.contextmanager
def online(**keys):
    with far_camera("--replug-after", "3600000") as camera, Daemon(config=config_of(**keys)) as daemon, \
            daemon.client() as client:
        wait_for_state(client, "online")
        yield camera, daemon, client


def modem_lines():
    """The modem lines that are on, by name, as the driver has them: to open the port and ask would raise two of them."""
    lines = pathlib.Path("/proc/tty/driver/serial").read_text().splitlines()
    number = UART.removeprefix("/dev/ttyS")
    return next(line.split()[-1].split("|") for line in lines if line.startswith(f"{number}: "))


def calls_are_answered():
    with online() as (_, _, client):
        for _ in range(20):
            assert set(value(call(client, "color_detection", [30, 100, 15, 127, -10, 60]))) == {"cx", "cy"}
        assert [count(client) for _ in range(20)] == list(range(1, 21))


def results_come_byte_for_byte():
    with online() as (_, _, client):
        # Around the sizes of the UART's FIFO and of the camera's buffer.
        for size in (1, 15, 16, 17, 63, 64, 65, 20000):
            fetch_blob(client, size)


def a_port_is_set_raw_and_to_its_rate_with_dtr_and_rts_raised():
    with online():
        assert {"DTR", "RTS"} <= set(modem_lines()), modem_lines()
        with held_open(UART) as descriptor:
            settings = termios.tcgetattr(descriptor)
        flags_in, flags_out, control, local, rate_in, rate_out, _ = settings
        assert rate_in == rate_out == termios.B115200, (rate_in, rate_out)
        assert flags_in == flags_out == local == 0, (flags_in, flags_out, local)
        assert not control & (termios.CRTSCTS | termios.HUPCL | termios.PARENB | termios.CSTOPB), control


def with_flow_control_in_hardware_calls_are_answered_too():
    with online(rtscts=True) as (_, _, client):
        with held_open(UART) as descriptor:
            assert termios.tcgetattr(descriptor)[2] & termios.CRTSCTS
        # The far end of this cable is always ready.
        assert {"CTS", "RTS"} <= set(modem_lines()), modem_lines()
        fetch_blob(client, 20000)


def a_camera_without_power_is_silent_and_comes_back():
    with online() as (camera, _, client):
        camera.send_signal(signal.SIGUSR1)
        assert any(line == "openmv-sim: unplugged\n" for line in camera.stderr), "it is still there"
        data = call(client, "counter", timeout_ms=2500)["error"]["data"]
        assert data["reason"] in ("camera_offline", "not_delivered", "result_unknown"), data
        reason = wait_for_reason(client, UART)
        assert str(BAUD) in reason, reason
        # The second one plugs it in before its time.
        camera.send_signal(signal.SIGUSR1)
        wait_for_state(client, "online")
        count(client)


def noise_as_of_another_rate_gives_a_reason_that_names_the_port_and_the_rate():
    # This cable carries bytes whatever the rates are, so the far end says what a UART could hear of another rate.
    with held_open(FAR_UART) as far, Daemon(config=config_of()) as daemon, daemon.client() as client:
        tty.setraw(far)
        end = time.monotonic() + 2 * PATIENCE_S
        # What the daemon says first may be of a time in which a busy machine has made no noise.
        row = only_camera(client)
        while row["state"] != "offline" or "another rate" not in row["reason"]:
            assert time.monotonic() < end, row
            with contextlib.suppress(BlockingIOError):
                heard = os.read(far, 256)
                os.write(far, bytes((byte * 0x1d ^ 0xa5) & 0xff for byte in heard[::2]))
            time.sleep(0.01)
            row = only_camera(client)
        assert UART in row["reason"] and str(BAUD) in row["reason"], row


def a_rate_that_the_uart_has_not_is_named_with_its_cure():
    with Daemon(config=config_of(baud=921600)) as daemon, daemon.client() as client:
        reason = wait_for_reason(client, "921600")
        assert reason == f"{UART} cannot be set to 921600 baud: choose a rate that its driver has", reason


def a_port_that_another_program_uses_is_named_with_its_cure():
    with far_camera(), held_open(UART) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with Daemon(config=config_of()) as daemon, daemon.client() as client:
            reason = wait_for_reason(client, "in use")
            assert UART in reason and f"(pid {os.getpid()})" in reason, reason
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            wait_for_state(client, "online")


def nobody_else_can_open_a_port_that_the_daemon_has():
    with online(), held_open(UART) as descriptor:
        # Root may open what is exclusive, but finds it locked; others may not.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            raise AssertionError("the port is not locked")
        except BlockingIOError:
            pass
        os.fchmod(descriptor, 0o666)
        opened = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", "cat", UART], capture_output=True, text=True)
        assert opened.returncode != 0 and os.strerror(errno.EBUSY) in opened.stderr, opened


def a_port_that_is_not_there_and_one_that_is_none_are_named():
    for device, words in (("/dev/ttyS77", "does not exist"), ("/dev/null", "is not a serial port")):
        with Daemon(config=config_of(device=device)) as daemon, daemon.client() as client:
            assert device in wait_for_reason(client, words)


tap = Tap()
tap.run([
    calls_are_answered,
    results_come_byte_for_byte,
    a_port_is_set_raw_and_to_its_rate_with_dtr_and_rts_raised,
    with_flow_control_in_hardware_calls_are_answered_too,
    a_camera_without_power_is_silent_and_comes_back,
    noise_as_of_another_rate_gives_a_reason_that_names_the_port_and_the_rate,
    a_rate_that_the_uart_has_not_is_named_with_its_cure,
    a_port_that_another_program_uses_is_named_with_its_cure,
    nobody_else_can_open_a_port_that_the_daemon_has,
    a_port_that_is_not_there_and_one_that_is_none_are_named,
])
tap.finish()
