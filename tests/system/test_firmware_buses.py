#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The camera on SPI, I2C and CAN, under genuine MicroPython: its slave asked by a stock master. The buses are stood in for
by messages on a pty (tests/firmware/bus.py).

FIRMWARE=all also runs a group that mostly repeats others.
"""

import os
import pathlib
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "firmware"))
sys.dont_write_bytecode = True

from bus_master import CAMERA_ADDRESS, CAN_ID  # noqa: E402
from harness import FIRMWARE_TESTS, Camera, check, check_equal, pattern, run, u32  # noqa: E402
from openmvd import in_time  # noqa: E402
from stock_master import (  # noqa: E402
    COMMAND_DATA,
    DATA_ACK,
    DATA_POLL,
    HEADER_ACK,
    HEADER_POLL,
    command_header,
    packet,
)
from test_firmware import ON_EVERY_LINK  # noqa: E402

# A camera keeps a result for so long.
KEPT_S = 1
SCRIPTS = FIRMWARE_TESTS / "scripts"
EXERCISE = ("--script", str(SCRIPTS / "exerciser.py"))


def counter(camera):
    return struct.unpack("<I", call(camera, "counter"))[0]


def call(camera, name, arguments=b""):
    result = camera.master.call(name, arguments)
    check(result is not None, "no result of %s" % name)
    return result


def header_is_acked(camera, header):
    """Whether a camera acks it that is armed for it by and by."""
    master = camera.master
    end = time.monotonic() + 10
    while time.monotonic() < end:
        master.flush()
        master.write(header)
        if master.read_exactly(4, 0.003) == HEADER_ACK:
            return True
    return False


def packet_comes(camera, expected, seconds):
    """Whether the camera sends that, while it may be busy for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = camera.master.read_exactly(len(expected), 0.003)
        # Equal bytes are what an SPI slave sends that is not there.
        if len(set(got)) > 1:
            return got == expected
    return False


def deliver(camera, name, arguments):
    """Brings a command to the camera, which takes it once. Where its ack is not seen, on a machine so slow that the camera
    does not offer it any longer, that command may run: then it is waited for, and another one is sent."""
    for _ in range(10):
        check(header_is_acked(camera, command_header(name, len(arguments))), "no ack of a header")
        camera.master.write(packet(COMMAND_DATA, arguments))
        if packet_comes(camera, DATA_ACK, 1):
            return
        counter(camera)
    raise AssertionError("%s was never acked" % name)


def fetch(camera, seconds=0):
    """The result of a callback that runs for so many seconds more, or None for none: within the time that the camera keeps
    it, in windows that are long enough for a busy machine."""
    return camera.master.get_result(seconds + 0.8, 0.3)


def wait_for_silence(camera):
    """Lets what a camera on CAN still sends come, such as a second ack of a header that was sent twice."""
    time.sleep(0.05)
    camera.master.flush()


# On every bus.


def polls_with_nothing_to_fetch_are_not_answered(camera):
    master = camera.master
    check_equal(call(camera, "echo", b"before"), b"before")
    wait_for_silence(camera)
    for poll in (HEADER_POLL, DATA_POLL) * 5:
        master.write(poll)
        check(len(set(master.read_exactly(8, 0.003))) <= 1, "a poll was answered")
    check_equal(call(camera, "echo", b"after"), b"after")


def truncated_headers_are_ignored(camera):
    before = counter(camera)
    wait_for_silence(camera)
    header = command_header("count", 4)
    for size in range(1, len(header)):
        camera.master.write(header[:size])
        check(camera.master.read_exactly(4, 0.003) != HEADER_ACK, "%d bytes of a header were acked" % size)
    check_equal(counter(camera), before)


def truncated_arguments_are_ignored(camera):
    before = counter(camera)
    data = packet(COMMAND_DATA, u32(0))
    for size in range(1, len(data)):
        check(header_is_acked(camera, command_header("count", 4)), "no ack of a header")
        camera.master.write(data[:size])
    check_equal(counter(camera), before)


def a_whole_packet_seen_before_does_not_complete_a_truncated_one(camera):
    header = command_header("count", 4)
    check(header_is_acked(camera, header), "no ack of a header")
    camera.master.write(packet(COMMAND_DATA, u32(0)))
    camera.master.read_exactly(4, 0.003)
    time.sleep(0.05)
    camera.master.get_result()
    before = counter(camera)
    wait_for_silence(camera)
    for size in (2, 4, 8, 11):
        for _ in range(3):
            camera.master.write(command_header("count", 4)[:size])
            check(camera.master.read_exactly(4, 0.003) != HEADER_ACK, "%d bytes of a header were acked" % size)
    check_equal(counter(camera), before)


def oversized_transactions_leave_the_camera_serving(camera):
    for extra in (1, 3, 4, 8, 100):
        camera.master.write(command_header("echo", 4) + b"\x55" * extra)
        camera.master.read_exactly(4, 0.003)
        camera.master.write(packet(COMMAND_DATA, u32(0)) + b"\x55" * extra)
        camera.master.read_exactly(4, 0.003)
        camera.master.write(HEADER_POLL + b"\x55" * extra)
        camera.master.read_exactly(8, 0.003)
        # If that was heard as a call, its result waits.
        camera.master.get_result(0.2)
        check_equal(call(camera, "echo", b"alive"), b"alive")


def damaged_headers_are_ignored(camera):
    before = counter(camera)
    wait_for_silence(camera)
    for position in range(12):
        damaged = bytearray(command_header("count", 4))
        damaged[position] ^= 0x10
        camera.master.write(bytes(damaged))
        check(camera.master.read_exactly(4, 0.003) != HEADER_ACK, "damage at byte %d was acked" % position)
    check_equal(counter(camera), before)


def damaged_arguments_are_ignored(camera):
    before = counter(camera)
    for position in range(8):
        damaged = bytearray(packet(COMMAND_DATA, u32(0)))
        damaged[position] ^= 0x10
        check(header_is_acked(camera, command_header("count", 4)), "no ack of a header")
        camera.master.write(bytes(damaged))
    check_equal(counter(camera), before)


def result_is_given_only_for_both_polls_in_order(camera):
    master = camera.master

    def attempt():
        deliver(camera, "echo", b"kept")
        time.sleep(0.05)
        check(HEADER_POLL[:2] not in master.read_exactly(8, 0.003), "a result's header came without a poll")
        for _ in range(3):
            master.write(DATA_POLL)
            check(DATA_POLL[:2] not in master.read_exactly(8, 0.003), "a result came before its header")
        check_equal(fetch(camera), b"kept")

    in_time(KEPT_S, attempt)


def damaged_poll_costs_no_result(camera):
    damaged = bytearray(HEADER_POLL)
    damaged[2] ^= 1

    def attempt():
        deliver(camera, "echo", b"kept")
        camera.master.write(bytes(damaged))
        check_equal(fetch(camera), b"kept")

    in_time(KEPT_S, attempt)


def command_sent_while_another_runs_is_never_run(camera):
    def attempt():
        before = counter(camera)
        deliver(camera, "count", u32(400))
        for _ in range(5):
            camera.master.write(command_header("count", 4))
            camera.master.write(packet(COMMAND_DATA, u32(0)))
        check_equal(fetch(camera, 0.4), u32(before + 1))
        check_equal(counter(camera), before + 1)

    in_time(0.4 + KEPT_S, attempt)


def result_nobody_fetches_is_dropped_after_the_send_timeout(camera):
    def attempt():
        # The camera may have had it for a while when this process gets to see its ack.
        start = time.monotonic()
        deliver(camera, "echo", b"dropped")
        deliver(camera, "echo", b"second")
        waited = time.monotonic() - start
        check(0.9 < waited < 5, "the result was kept for %.2f s instead of 1 s" % waited)
        check_equal(fetch(camera), b"second")

    in_time(2 * KEPT_S, attempt)


def length_beyond_memory_is_refused(camera):
    wait_for_silence(camera)
    for size in (0xFFFFFFFF, 0x40000000, 0x00FFFFFF, 0x00100001):
        for _ in range(5):
            camera.master.write(command_header("echo", size))
            check(camera.master.read_exactly(4, 0.003) != HEADER_ACK, "%d bytes were let in" % size)
    check_equal(call(camera, "echo", b"alive"), b"alive")


def stream_has_one_frame_under_way(camera):
    # A reader that is late on a busy machine finds the writer gone.
    for _ in range(5):
        check_equal(call(camera, "stream", u32(500)), b"")
        frames = camera.master.read_stream(255, 30)
        if len(frames) >= 30:
            break
    check(30 <= len(frames) <= 31, "%d frames instead of 30" % len(frames))
    for number, frame in enumerate(frames, 1):
        check_equal(frame, u32(number) + pattern(500))
    check_equal(call(camera, "echo", b"after"), b"after")


# On SPI and I2C, whose slave has to be armed.


def result_that_was_not_read_is_offered_again(camera):
    master = camera.master

    def attempt():
        deliver(camera, "echo", b"offered")
        for _ in range(20):
            master.write(HEADER_POLL)
            if master.read_exactly(8, 0.003)[:2] == HEADER_POLL[:2]:
                break
        master.write(DATA_POLL)
        # For longer than the camera waits for it to be read.
        time.sleep(0.2)
        check_equal(fetch(camera), b"offered")

    in_time(KEPT_S, attempt)


def ready_is_high_only_while_armed(camera):
    bus = camera.master.camera

    def attempt():
        check(bus.await_level("P7", 1, 5), "a camera that waits for a command is not ready")
        start = time.monotonic()
        deliver(camera, "count", u32(500))
        check_equal(bus.levels["P7"], 0)
        check(bus.await_level("P7", 1, 5), "a camera with a result is not ready")
        check(time.monotonic() - start >= 0.5, "the camera was ready while it computed")
        check(fetch(camera) is not None, "no result")
        check(bus.await_level("P7", 1, 5), "the camera is not ready for the next command")

    in_time(0.5 + KEPT_S, attempt)


# On one of them.


def spi_slave_that_computes_leaves_all_bytes_equal(camera):
    def attempt():
        deliver(camera, "count", u32(400))
        camera.master.wait_for_slave(0)
        check_equal(set(camera.master.camera.transfer(HEADER_POLL)), {0xFF})

    in_time(0.4, attempt)
    check_equal(call(camera, "echo", b"alive"), b"alive")


def spi_master_of_another_mode_finds_nobody(camera):
    camera.master.wait_for_slave(0)
    for mode in (0b00, 0b01, 0b11):
        check_equal(set(camera.master.camera.transfer(command_header("echo", 0), mode)), {0xFF})
    check_equal(call(camera, "echo", b"alive"), b"alive")


def i2c_slave_that_computes_acknowledges_nothing(camera):
    def attempt():
        deliver(camera, "count", u32(400))
        camera.master.wait_for_slave(0)
        check_equal(camera.master.camera.write(CAMERA_ADDRESS, HEADER_POLL), None)
        check_equal(camera.master.camera.read(CAMERA_ADDRESS, 8), None)

    in_time(0.4, attempt)
    check_equal(call(camera, "echo", b"alive"), b"alive")


def i2c_address_of_another_slave_is_not_acknowledged(camera):
    camera.master.wait_for_slave(0)
    for address in (0, CAMERA_ADDRESS + 1, 2 * CAMERA_ADDRESS):
        check_equal(camera.master.camera.write(address, command_header("echo", 0)), None)
    check_equal(call(camera, "echo", b"alive"), b"alive")


def i2c_result_over_65535_bytes_comes_in_pieces(camera):
    for size in (65531, 65532, 140_000):
        check_equal(call(camera, "sized", u32(size)), pattern(size))


def i2c_arguments_over_65535_bytes_come_in_pieces(camera):
    # The slave waits 100 ms for these, less than the CRC of so many bytes takes here on a busy machine.
    data = packet(COMMAND_DATA, pattern(70_000))
    # This process may also sleep for longer than the slave offers an ack, or a result.
    for _ in range(5):
        check(header_is_acked(camera, command_header("echo", 70_000)), "no ack of a header")
        camera.master.write(data)
        result = camera.master.get_result() if packet_comes(camera, DATA_ACK, 5) else None
        if result is not None:
            check_equal(result, pattern(70_000))
            return
    raise AssertionError("the arguments were never acked and their result given")


def can_frames_of_others_are_not_heard(camera):
    check_equal(call(camera, "echo", b"alive"), b"alive")
    wait_for_silence(camera)
    node = camera.master.camera
    header = command_header("echo", 0)
    for identifier in (CAN_ID - 1, 0, CAN_ID | 1 << 31, CAN_ID | 1 << 30):
        for start in (0, 8):
            node.send(identifier, header[start : start + 8])
        check_equal(node.receive(0.05), None)
    check_equal(call(camera, "echo", b"alive"), b"alive")


def frames_are_acked_as_a_header(camera, frames):
    """Whether they are once, on a machine that may come between any two for longer than the camera waits for the next."""
    node = camera.master.camera
    for _ in range(20):
        camera.master.flush()
        for identifier, data in frames:
            node.send(identifier, data)
        if node.receive(0.5) == (CAN_ID, HEADER_ACK):
            return True
    return False


def can_frames_of_others_do_not_break_a_packet(camera):
    header = command_header("nothing", 0)
    frames = ((CAN_ID, header[:8]), (CAN_ID - 1, b"other"), (CAN_ID, header[8:]))
    check(frames_are_acked_as_a_header(camera, frames), "never acked")
    check_equal(call(camera, "echo", b"alive"), b"alive")


def can_header_is_found_behind_half_a_packet(camera):
    header = command_header("nothing", 0)
    frames = [(CAN_ID, data) for data in (header[8:], header[:8], header[:8], header[8:])]
    check(frames_are_acked_as_a_header(camera, frames), "never acked")
    check_equal(call(camera, "echo", b"alive"), b"alive")


def can_frames_beyond_the_queue_are_lost_and_do_no_harm(camera):
    def attempt():
        before = counter(camera)
        deliver(camera, "count", u32(600))
        for _ in range(50):
            camera.master.write(HEADER_POLL)
        check_equal(fetch(camera, 0.6), u32(before + 1))

    in_time(0.6 + KEPT_S, attempt)
    check_equal(call(camera, "echo", b"alive"), b"alive")


# What a board does not have.


def said_by(script, *arguments):
    """What a camera prints whose script ends with an exception."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(script)
        file.flush()
        with Camera("--script", file.name, *arguments, with_master=False) as camera:
            end = time.monotonic() + 30
            while "OSError" not in camera.said() and time.monotonic() < end:
                time.sleep(0.05)
            return camera.said()


def links_that_a_board_without_pyb_lacks_are_refused_with_those_it_has(_):
    for link, name in (("--spi", "SPI"), ("--i2c", "I2C"), ("--can", "CAN")):
        said = said_by("import omvrpc\nLINK = omvrpc.usb()\n", link, "--firmware", "5")
        check("OSError: this board has no pyb.%s; it can use omvrpc.usb(), omvrpc.uart()\n" % name in said, said)


def links_that_a_pyb_lacks_are_refused_with_those_it_has(_):
    said = said_by("import pyb\ndel pyb.CAN\nimport omvrpc\nLINK = omvrpc.usb()\n", "--can")
    sentence = "this board has no pyb.CAN; it can use omvrpc.usb(), omvrpc.uart(), omvrpc.spi(), omvrpc.i2c()"
    check(sentence in said, said)


def uart_of_pyb_serves_where_machine_has_none(_):
    script = "import machine, pyb\ndel machine.UART\n" + (SCRIPTS / "exerciser.py").read_text()
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(script)
        file.flush()
        with Camera("--script", file.name, "--uart") as camera:
            check_equal(call(camera, "echo", b"hello"), b"hello")
            # The keyword for its buffer is another one.
            check_equal(camera.printed("UART with a buffer of 1024 bytes"), 1)


ON_EVERY_BUS = ON_EVERY_LINK + [
    polls_with_nothing_to_fetch_are_not_answered,
    truncated_headers_are_ignored,
    truncated_arguments_are_ignored,
    a_whole_packet_seen_before_does_not_complete_a_truncated_one,
    oversized_transactions_leave_the_camera_serving,
    damaged_headers_are_ignored,
    damaged_arguments_are_ignored,
    result_is_given_only_for_both_polls_in_order,
    damaged_poll_costs_no_result,
    command_sent_while_another_runs_is_never_run,
    result_nobody_fetches_is_dropped_after_the_send_timeout,
    length_beyond_memory_is_refused,
    stream_has_one_frame_under_way,
]
WHERE_IT_ARMS = [result_that_was_not_read_is_offered_again, ready_is_high_only_while_armed]
ON_SPI = [spi_slave_that_computes_leaves_all_bytes_equal, spi_master_of_another_mode_finds_nobody]
ON_I2C = [
    i2c_slave_that_computes_acknowledges_nothing,
    i2c_address_of_another_slave_is_not_acknowledged,
    i2c_result_over_65535_bytes_comes_in_pieces,
    i2c_arguments_over_65535_bytes_come_in_pieces,
]
ON_CAN = [
    can_frames_of_others_are_not_heard,
    can_frames_of_others_do_not_break_a_packet,
    can_header_is_found_behind_half_a_packet,
    can_frames_beyond_the_queue_are_lost_and_do_no_harm,
]
ON_BOARDS = [
    links_that_a_board_without_pyb_lacks_are_refused_with_those_it_has,
    links_that_a_pyb_lacks_are_refused_with_those_it_has,
    uart_of_pyb_serves_where_machine_has_none,
]
GROUPS = [
    ("spi", (*EXERCISE, "--spi"), ON_EVERY_BUS + WHERE_IT_ARMS + ON_SPI),
    ("i2c", (*EXERCISE, "--i2c"), ON_EVERY_BUS + WHERE_IT_ARMS + ON_I2C),
    ("can", (*EXERCISE, "--can"), ON_EVERY_BUS + ON_CAN),
    ("boards", EXERCISE, ON_BOARDS),
]
LONG_GROUPS = [("can with frames of five items", (*EXERCISE, "--can-fd"), ON_EVERY_LINK + ON_CAN[:1])]

if __name__ == "__main__":
    sys.exit(run(GROUPS + (LONG_GROUPS if os.environ.get("FIRMWARE") == "all" else [])))
