#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The controllers of the other scenarios themselves, asked by way of the kernel's interfaces with no daemon between."""

import contextlib
import ctypes
import errno
import fcntl
import os
import struct
import threading

from controllers import (ANSWERED, ATTACH_I2C, ATTACH_SPI, DRIVE, I2C, LINE, SPI, Soldered, bring_back, holder_of,
                         load_controllers, remove, removed)
from devices import PATIENCE_S, Tap, wait_until

# Numbers and layouts of linux/spi/spidev.h, linux/i2c-dev.h and linux/gpio.h.
SPI_IOC_MESSAGE_1 = 0x40206b00
I2C_RDWR = 0x0707
I2C_M_RD = 1
GPIO_GET_LINEEVENT = 0xc030b404
RISING, FALLING = 1, 2


@contextlib.contextmanager
def opened(node):
    descriptor = os.open(node, os.O_RDWR)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def spi_transfer(descriptor, data, speed=1000000):
    """Writes these bytes to what is at SPI, and returns those that come meanwhile."""
    out, back = ctypes.create_string_buffer(data, len(data)), ctypes.create_string_buffer(len(data))
    fcntl.ioctl(descriptor, SPI_IOC_MESSAGE_1, struct.pack("=QQIIHBBI", ctypes.addressof(out), ctypes.addressof(back),
                                                           len(data), speed, 0, 8, 0, 0))
    return back.raw


def i2c_transfer(descriptor, address, flags, data):
    """Writes these bytes, or reads that many."""
    buffer = ctypes.create_string_buffer(data, len(data))
    message = struct.pack("HHHxxP", address, flags, len(data), ctypes.addressof(buffer))
    messages = ctypes.create_string_buffer(message, len(message))
    fcntl.ioctl(descriptor, I2C_RDWR, struct.pack("PIxxxx", ctypes.addressof(messages), 1))
    return buffer.raw


@contextlib.contextmanager
def meanwhile(function, *arguments):
    """Runs a function in a thread; yields a list that has its result when the block is left."""
    result = []
    thread = threading.Thread(target=lambda: result.append(function(*arguments)), daemon=True)
    thread.start()
    yield result
    thread.join(PATIENCE_S)
    assert result, f"{function.__name__} did not return"


def fails_with(error, function, *arguments):
    try:
        function(*arguments)
    except OSError as failure:
        assert failure.errno == error, failure
    else:
        raise AssertionError(f"{function.__name__} did not fail with {os.strerror(error)}")


def where_there_is_no_camera_spi_gives_equal_bytes_and_i2c_no_acknowledgement():
    with opened(SPI[0]) as spi, opened(I2C) as i2c:
        assert spi_transfer(spi, b"abcd") == b"\xff\xff\xff\xff"
        fails_with(errno.ENXIO, i2c_transfer, i2c, 0x12, 0, b"abc")
        fails_with(errno.ENXIO, i2c_transfer, i2c, 0x12, I2C_M_RD, bytes(4))


def spi_moves_bytes_both_ways_to_whom_the_kernel_selects():
    with Soldered() as camera, Soldered() as other, opened(SPI[0]) as spi:
        camera.say(ATTACH_SPI, 8)
        other.say(ATTACH_SPI, 7)
        assert camera.hear()["value"] == other.hear()["value"] == 1
        with meanwhile(spi_transfer, spi, b"abc", 2000000) as result:
            line, transfer = camera.hear(), camera.hear()
            assert (line["kind"], line["number"], line["value"]) == (LINE, 8, 0), line
            assert (transfer["data"], transfer["wanted"], transfer["speed"]) == (b"abc", 3, 2000000), transfer
            camera.answer(transfer, b"xyz")
        assert result == [b"xyz"]
        answered = camera.hear()
        assert (answered["kind"], answered["number"]) == (ANSWERED, transfer["number"]), answered
        # For the camera no time has passed.
        passed_ns = answered["time_ns"] - transfer["time_ns"]
        assert 0 < passed_ns == answered["waited_ns"] - transfer["waited_ns"], (transfer, answered)
        assert camera.hear()["value"] == 1
        assert other.hear(0) is None


def i2c_moves_bytes_to_the_camera_of_the_address_only():
    with Soldered() as camera, Soldered() as other, opened(I2C) as i2c:
        camera.say(ATTACH_I2C, 0x12)
        other.say(ATTACH_I2C, 0x13)
        with meanwhile(i2c_transfer, i2c, 0x12, 0, b"abc"):
            transfer = camera.hear_transfer()
            assert (transfer["data"], transfer["wanted"]) == (b"abc", 0), transfer
            camera.answer(transfer)
        with meanwhile(i2c_transfer, i2c, 0x12, I2C_M_RD, bytes(8192)) as result:
            transfer = camera.hear_transfer()
            assert (transfer["data"], transfer["wanted"]) == (b"", 8192), transfer
            camera.answer(transfer, b"xy" * 4096)
        assert result == [b"xy" * 4096]
        assert other.hear(0) is None


def a_camera_that_does_not_answer_times_out_and_what_it_answers_later_is_refused():
    with Soldered() as camera, opened(I2C) as i2c:
        camera.say(ATTACH_I2C, 0x12)
        fails_with(errno.ETIMEDOUT, i2c_transfer, i2c, 0x12, 0, b"abc")
        fails_with(errno.ESTALE, camera.answer, camera.hear_transfer())


def a_controller_that_is_removed_fails_for_those_who_have_it_open_and_comes_back():
    with opened(SPI[0]) as spi:
        with removed("spi"):
            assert not os.path.exists(SPI[0])
            fails_with(errno.ESHUTDOWN, spi_transfer, spi, b"abc")
        wait_until(lambda: os.path.exists(SPI[0]), SPI[0])
    # The kernel waits until everybody has closed an adapter.
    i2c = os.open(I2C, os.O_RDWR)
    with meanwhile(remove, "i2c"):
        wait_until(lambda: not os.path.exists(I2C), f"no {I2C}")
        fails_with(errno.ENODEV, i2c_transfer, i2c, 0x12, 0, b"abc")
        os.close(i2c)
    bring_back("i2c")
    wait_until(lambda: os.path.exists(I2C), I2C)


def the_kernel_holds_the_lines_that_select():
    assert [holder_of(line) for line in (8, 7, 25)] == ["spi0 CS0", "spi0 CS1", ""]


def what_a_camera_drives_makes_edges_and_its_end_lets_go():
    with opened("/dev/gpiochip0") as chip, contextlib.ExitStack() as power:
        camera = power.enter_context(Soldered())
        request = bytearray(struct.pack("III32si", 25, 1, RISING | FALLING, b"test", 0))
        fcntl.ioctl(chip, GPIO_GET_LINEEVENT, request)
        with os.fdopen(struct.unpack_from("i", request, 44)[0], "rb", buffering=0) as edges:
            for level, edge in ((1, RISING), (0, FALLING), (1, RISING)):
                camera.say(DRIVE, 25, level)
                assert struct.unpack("QIxxxx", edges.read(16))[1] == edge
            power.close()
            assert struct.unpack("QIxxxx", edges.read(16))[1] == FALLING


load_controllers()
tap = Tap()
tap.run([
    where_there_is_no_camera_spi_gives_equal_bytes_and_i2c_no_acknowledgement,
    spi_moves_bytes_both_ways_to_whom_the_kernel_selects,
    i2c_moves_bytes_to_the_camera_of_the_address_only,
    a_camera_that_does_not_answer_times_out_and_what_it_answers_later_is_refused,
    a_controller_that_is_removed_fails_for_those_who_have_it_open_and_comes_back,
    the_kernel_holds_the_lines_that_select,
    what_a_camera_drives_makes_edges_and_its_end_lets_go,
])
tap.finish()
