#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The camera on SPI, I2C and CAN, under genuine MicroPython: its slave asked by a stock master, its master asking its
slave. The buses are stood in for by messages on a pty (tests/firmware/bus.py).

FIRMWARE=all also runs the groups that take long and mostly repeat others.
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
from relay import INWARD, OUTWARD, CanRelay, I2cRelay, SpiRelay, UartRelay  # noqa: E402
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

SCRIPTS = FIRMWARE_TESTS / "scripts"
EXERCISE = ("--script", str(SCRIPTS / "exerciser.py"))


def counter(camera):
    return struct.unpack("<I", call(camera, "counter"))[0]


def call(camera, name, arguments=b""):
    result = camera.master.call(name, arguments)
    check(result is not None, "no result of %s" % name)
    return result


def header_is_acked(camera, header):
    """Whether a camera that is armed acks it. The first try may come before it is armed."""
    master = camera.master
    for _ in range(100):
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
        if got:
            return got == expected
    return False


# On every bus.


def polls_with_nothing_to_fetch_are_not_answered(camera):
    master = camera.master
    check_equal(call(camera, "echo", b"before"), b"before")
    for poll in (HEADER_POLL, DATA_POLL) * 5:
        master.write(poll)
        check(len(set(master.read_exactly(8, 0.003))) <= 1, "a poll was answered")
    check_equal(call(camera, "echo", b"after"), b"after")


def truncated_headers_are_ignored(camera):
    before = counter(camera)
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
        check_equal(call(camera, "echo", b"alive"), b"alive")


def damaged_headers_are_ignored(camera):
    before = counter(camera)
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
    check(master.put_command("echo", b"kept"), "not delivered")
    time.sleep(0.05)
    check(HEADER_POLL[:2] not in master.read_exactly(8, 0.003), "a result's header came without a poll")
    for _ in range(3):
        master.write(DATA_POLL)
        check(DATA_POLL[:2] not in master.read_exactly(8, 0.003), "a result came before its header")
    check_equal(master.get_result(), b"kept")


def damaged_poll_costs_no_result(camera):
    check(camera.master.put_command("echo", b"kept"), "not delivered")
    damaged = bytearray(HEADER_POLL)
    damaged[2] ^= 1
    camera.master.write(bytes(damaged))
    check_equal(camera.master.get_result(), b"kept")


def command_sent_while_another_runs_is_never_run(camera):
    before = counter(camera)
    check(camera.master.put_command("count", u32(400)), "not delivered")
    for _ in range(10):
        camera.master.write(command_header("count", 4))
        camera.master.write(packet(COMMAND_DATA, u32(0)))
    check_equal(camera.master.get_result(), u32(before + 1))
    check_equal(counter(camera), before + 1)


def result_nobody_fetches_is_dropped_after_the_send_timeout(camera):
    check(camera.master.put_command("echo", b"dropped"), "not delivered")
    start = time.monotonic()
    check(camera.master.put_command("echo", b"second"), "no command was taken after the send timeout")
    waited = time.monotonic() - start
    check(0.9 < waited < 4, "the result was kept for %.2f s instead of 1 s" % waited)
    check_equal(camera.master.get_result(), b"second")


def length_beyond_memory_is_refused(camera):
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
    check(master.put_command("echo", b"offered"), "not delivered")
    for _ in range(20):
        master.write(HEADER_POLL)
        if master.read_exactly(8, 0.003)[:2] == HEADER_POLL[:2]:
            break
    master.write(DATA_POLL)
    time.sleep(0.2)
    check_equal(master.get_result(), b"offered")


def ready_is_high_only_while_armed(camera):
    bus = camera.master.camera
    check(bus.await_level("P7", 1, 5), "a camera that waits for a command is not ready")
    check(camera.master.put_command("count", u32(500)), "not delivered")
    start = time.monotonic()
    check_equal(bus.levels["P7"], 0)
    check(bus.await_level("P7", 1, 5), "a camera with a result is not ready")
    check(time.monotonic() - start > 0.3, "the camera was ready while it computed")
    check(camera.master.get_result() is not None, "no result")
    check(bus.await_level("P7", 1, 5), "the camera is not ready for the next command")


# On one of them.


def spi_slave_that_computes_leaves_all_bytes_equal(camera):
    check(camera.master.put_command("count", u32(400)), "not delivered")
    check_equal(set(camera.master.camera.transfer(HEADER_POLL)), {0xFF})
    check(camera.master.get_result() is not None, "no result")


def spi_master_of_another_mode_finds_nobody(camera):
    for mode in (0b00, 0b01, 0b11):
        check_equal(set(camera.master.camera.transfer(command_header("echo", 0), mode)), {0xFF})
    check_equal(call(camera, "echo", b"alive"), b"alive")


def i2c_slave_that_computes_acknowledges_nothing(camera):
    check(camera.master.put_command("count", u32(400)), "not delivered")
    check_equal(camera.master.camera.write(CAMERA_ADDRESS, HEADER_POLL), None)
    check_equal(camera.master.camera.read(CAMERA_ADDRESS, 8), None)
    check(camera.master.get_result() is not None, "no result")


def i2c_address_of_another_slave_is_not_acknowledged(camera):
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
    node = camera.master.camera
    header = command_header("echo", 0)
    for identifier in (CAN_ID - 1, 0, CAN_ID | 1 << 31, CAN_ID | 1 << 30):
        for start in (0, 8):
            node.send(identifier, header[start : start + 8])
        check_equal(node.receive(0.05), None)
    check_equal(call(camera, "echo", b"alive"), b"alive")


def can_frames_of_others_do_not_break_a_packet(camera):
    check_equal(call(camera, "echo", b"alive"), b"alive")
    node = camera.master.camera
    header = command_header("nothing", 0)
    for frame in (header[:8], None, header[8:]):
        node.send(CAN_ID if frame else CAN_ID - 1, frame or b"other")
    check_equal(node.receive(5), (CAN_ID, HEADER_ACK))
    check_equal(call(camera, "echo", b"alive"), b"alive")


def can_header_is_found_behind_half_a_packet(camera):
    node = camera.master.camera
    header = command_header("nothing", 0)
    check_equal(call(camera, "echo", b"alive"), b"alive")
    time.sleep(0.1)
    for frame in (header[8:], header[:8], header[:8], header[8:]):
        node.send(CAN_ID, frame)
    check_equal(node.receive(5), (CAN_ID, HEADER_ACK))
    check_equal(call(camera, "echo", b"alive"), b"alive")


def can_frames_beyond_the_queue_are_lost_and_do_no_harm(camera):
    before = counter(camera)
    check(camera.master.put_command("count", u32(600)), "not delivered")
    for _ in range(50):
        camera.master.write(HEADER_POLL)
    check_equal(camera.master.get_result(), u32(before + 1))
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
            # More than the UART holds without the keyword for its buffer.
            check_equal(call(camera, "echo", pattern(1000)), pattern(1000))


# One camera asks another: scripts/asker.py prints what came of each call.


class Tamper:
    """Loses the ack of one command's data, the result of another, all that follows a third for longer than the slave
    keeps a result, and at the end everything."""

    HUSH_S = 1.5

    def __init__(self):
        self.unplugged = False
        self._hushed_until = None
        self._ack_is_next = False
        self._lost = False

    def __call__(self, direction, data):
        if self.unplugged:
            return None
        if direction == OUTWARD and b"HUSH" in data and self._hushed_until is None:
            self._hushed_until = time.monotonic() + self.HUSH_S
        if direction == INWARD and self._hushed_until and time.monotonic() < self._hushed_until:
            return None
        if direction == OUTWARD:
            self._ack_is_next = self._ack_is_next or b"LOSE-A" in data
        elif self._ack_is_next:
            self._ack_is_next = False
            return None
        elif b"LOSE-R" in data and not self._lost:
            self._lost = True
            return None
        return data


class Pair:
    """What a master camera printed once it has finished with a slave camera."""

    PATIENCE_S = 180

    def __init__(self, master_link, slave_link, relay):
        self.lines = []
        with (
            Camera(*EXERCISE, slave_link, with_master=False) as slave,
            Camera("--script", str(SCRIPTS / "asker.py"), master_link, with_master=False) as master,
        ):
            tamper = Tamper()
            wire = relay(master.path, slave.path, tamper)
            wire.start()
            try:
                end = time.monotonic() + self.PATIENCE_S
                while not master.printed("finished"):
                    check(wire.is_alive(), "the relay ended: %r" % wire.failure)
                    check(master.process.poll() is None, "the asking camera ended")
                    check(time.monotonic() < end, "the asking camera has not finished within %d s" % self.PATIENCE_S)
                    tamper.unplugged = master.printed("unplug the other camera") > 0
                    time.sleep(0.05)
            finally:
                wire.stop()
                self.lines = master.said().splitlines()

    def said(self, title):
        found = [line[len(title) + 2 :] for line in self.lines if line.startswith(title + ": ")]
        check(len(found) == 1, "%s was told %d times" % (title, len(found)))
        return found[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def summary(data):
    return "done %d bytes, sum %d" % (len(data), sum(data))


def master_gets_results_of_all_kinds(pair):
    check_equal(pair.said("echo"), "done b'hello'")
    check_equal(pair.said("empty"), "done b''")
    check_equal(pair.said("large result"), summary(pattern(6000)))
    check_equal(pair.said("large arguments"), summary(bytes(range(250)) * 12))
    check_equal(pair.said("slow"), "done %r" % u32(1))


def master_runs_out_of_patience_and_goes_on(pair):
    check_equal(pair.said("patience"), "result_unknown None")
    check_equal(pair.said("after patience"), "done b'again'")
    check_equal(pair.said("counted"), "done %r" % u32(2))


def master_gets_the_result_of_a_command_whose_ack_was_lost(pair):
    check_equal(pair.said("lost ack"), "done b'LOSE-A'")


def master_tells_a_lost_result_from_a_command_not_delivered(pair):
    check_equal(pair.said("lost result"), "result_unknown None")
    check_equal(pair.said("after lost result"), "done b'again'")
    check_equal(pair.said("absent"), "not_delivered None")


def master_never_repeats_a_command_that_may_have_run(pair):
    check_equal(pair.said("silence"), "result_unknown None")
    check_equal(pair.said("after silence"), "done b'again'")
    # Once, or not at all where the command was lost on a busy machine.
    counted = pair.said("counted after silence")
    check(counted in ["done %r" % u32(times) for times in (2, 3)], counted)


def master_refuses_a_result_beyond_its_limit(pair):
    check_equal(pair.said("too long"), "result_unknown None")
    check_equal(pair.said("after too long"), "done b'again'")


def master_moves_raw_bytes_both_ways(pair):
    check_equal(pair.said("cut through"), summary(pattern(3000)))
    check_equal(pair.said("bytes taken"), summary(bytes(range(250)) * 4))


def master_reads_a_stream_and_stops_it(pair):
    check_equal(pair.said("stream"), "True")
    check_equal(pair.said("after stream"), "done b'again'")


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
OF_A_MASTER = [
    master_gets_results_of_all_kinds,
    master_runs_out_of_patience_and_goes_on,
    master_gets_the_result_of_a_command_whose_ack_was_lost,
    master_tells_a_lost_result_from_a_command_not_delivered,
    master_never_repeats_a_command_that_may_have_run,
    master_refuses_a_result_beyond_its_limit,
    master_moves_raw_bytes_both_ways,
    master_reads_a_stream_and_stops_it,
]
GROUPS = [
    ("spi", (*EXERCISE, "--spi"), ON_EVERY_BUS + WHERE_IT_ARMS + ON_SPI),
    ("i2c", (*EXERCISE, "--i2c"), ON_EVERY_BUS + WHERE_IT_ARMS + ON_I2C),
    ("can", (*EXERCISE, "--can"), ON_EVERY_BUS + ON_CAN),
    ("boards", EXERCISE, ON_BOARDS),
    ("uart pair", lambda: Pair("--uart", "--uart", UartRelay), OF_A_MASTER),
    ("spi pair", lambda: Pair("--spi-master", "--spi", SpiRelay), OF_A_MASTER),
]
LONG_GROUPS = [
    ("can with frames of five items", (*EXERCISE, "--can-fd"), ON_EVERY_LINK + ON_CAN[:1]),
    ("i2c pair", lambda: Pair("--i2c-master", "--i2c", I2cRelay), OF_A_MASTER),
    ("can pair", lambda: Pair("--can", "--can", CanRelay), OF_A_MASTER),
]

if __name__ == "__main__":
    sys.exit(run(GROUPS + (LONG_GROUPS if os.environ.get("FIRMWARE") == "all" else [])))
