#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The camera's slave, firmware/omvrpc.py, under genuine MicroPython, asked by a stock master over a pty."""

import contextlib
import pathlib
import random
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "firmware"))
sys.dont_write_bytecode = True

from harness import FIRMWARE_TESTS, check, check_equal, pattern, run, u32  # noqa: E402
from openmvd import in_time  # noqa: E402
from stock_master import (  # noqa: E402
    COMMAND_DATA,
    DATA_ACK,
    DATA_POLL,
    HEADER_ACK,
    HEADER_POLL,
    RESULT_DATA,
    RESULT_HEADER,
    STREAM_OPEN,
    command_header,
    packet,
)

EXERCISE = ("--script", str(FIRMWARE_TESTS / "scripts" / "exerciser.py"))
# No answer takes so long that comes at all.
PATIENCE_S = 10
# A camera keeps a result for so long.
KEPT_S = 1


# What runs the cameras.


def waits_for_bytes_and_for_room_do_not_end_by_late_notices(_):
    ended = subprocess.run(["node", str(FIRMWARE_TESTS / "late_notices.mjs")], stderr=subprocess.PIPE, text=True, check=False)
    check(ended.returncode == 0, ended.stderr)


# On every link.


def call_returns_what_the_callback_returned(camera):
    check_equal(camera.master.call("echo", b"hello"), b"hello")
    check_equal(camera.master.call("another name"), b"text")


def unknown_callback_gives_an_empty_result(camera):
    check_equal(camera.master.call("no such callback", b"some arguments"), b"")
    check_equal(camera.master.call("nothing"), b"")


def every_byte_value_passes_both_ways(camera):
    data = bytes(range(256)) + b"\x03\x03\r\n\x04\x03"
    check_equal(camera.master.patient_call("echo", data), data)


def results_of_all_sizes_are_whole(camera):
    for size in (1, 251, 252, 253, 1000, 10_000, camera.master.LARGE):
        check_equal(camera.master.patient_call("sized", u32(size)), pattern(size))


def arguments_of_all_sizes_are_whole(camera):
    for size in (0, 1, 55, 1000):
        check_equal(camera.master.patient_call("echo", pattern(size)), pattern(size))


def arguments_larger_than_the_receive_buffer_are_whole(camera):
    for size in (1025, 10_000, 40_000):
        check_equal(camera.master.patient_call("echo", pattern(size)), pattern(size))


def callback_that_raises_gives_an_empty_result_and_the_loop_goes_on(camera):
    check_equal(camera.master.call("raises"), b"")
    check_equal(camera.master.call("last_error"), b"ValueError('on purpose',)")
    check_equal(camera.master.call("wrong_type"), b"")
    check_equal(camera.master.call("scheduled_raises"), b"")
    check_equal(camera.master.call("echo", b"alive"), b"alive")


def cut_through_sends_the_bytes_after_the_empty_result(camera):
    size = camera.master.LARGE
    check_equal(camera.master.patient_call("cut_through", u32(size)), b"")
    check_equal(camera.master.read_raw(size, PATIENCE_S), pattern(size))
    check_equal(camera.master.patient_call("echo", b"after"), b"after")


# On USB only: the link makes no difference.


def raw_bytes_are_taken_by_a_scheduled_callback(camera):
    def attempt():
        check_equal(camera.master.patient_call("take_bytes", u32(5000)), b"")
        camera.master.write(pattern(5000))
        check_equal(camera.master.patient_call("taken_bytes"), pattern(5000))

    in_time(KEPT_S, attempt)


def pair(name, arguments=b""):
    return command_header(name, len(arguments)) + packet(COMMAND_DATA, arguments)


def deliver(master, name, arguments=b""):
    """Brings a command to a camera that does nothing, once, however long its acks take."""
    master.flush()
    master.write(pair(name, arguments))
    check_equal(master.read_exactly(8, PATIENCE_S), HEADER_ACK + DATA_ACK)


def poll_until_result(master):
    """Polls in pairs until the result has come; a pair may fall into the camera's flush after the callback."""
    data = b""
    for _ in range(500):
        master.write(HEADER_POLL + DATA_POLL)
        data = master.read_exactly(8, 0.02)
        if data:
            break
    data += master.read_exactly(8 - len(data), PATIENCE_S)
    check_equal(len(data), 8)
    size = struct.unpack_from("<I", data, 2)[0]
    check_equal(data, packet(RESULT_HEADER, u32(size)))
    answer = master.read_exactly(size + 4, PATIENCE_S)
    check_equal(answer, packet(RESULT_DATA, answer[2:-2]))
    return answer[2:-2]


def both_packets_of_a_phase_may_come_in_one_write(camera):
    def attempt():
        deliver(camera.master, "echo", b"pair")
        check_equal(poll_until_result(camera.master), b"pair")

    in_time(KEPT_S, attempt)


def next_command_is_taken_at_once_after_a_result(camera):
    master = camera.master
    master.flush()

    def attempt(number):
        # No flush: a second answer to anything would be found here.
        master.write(pair("echo", u32(number)))
        check_equal(master.read_exactly(8, PATIENCE_S), HEADER_ACK + DATA_ACK)
        check_equal(poll_until_result(master), u32(number))

    for i in range(200):
        in_time(KEPT_S, lambda i=i: attempt(i))


def copies_of_a_command_that_come_while_it_runs_are_never_run(camera):
    master = camera.master

    def attempt():
        before = struct.unpack("<I", master.call("counter"))[0]
        deliver(master, "count", u32(300))
        master.write(pair("count", u32(300)) * 10)
        check_equal(poll_until_result(master), u32(before + 1))
        check_equal(master.call("counter"), u32(before + 1))

    in_time(0.3 + KEPT_S, attempt)


def command_that_came_before_the_result_was_sent_is_never_run(camera):
    master = camera.master

    def attempt(name, arguments, size):
        before = master.call("counter")
        deliver(master, name, arguments)
        time.sleep(0.05)
        master.write(HEADER_POLL + DATA_POLL + pair("count", u32(0)))
        check_equal(master.read_exactly(8, PATIENCE_S), packet(RESULT_HEADER, u32(size)))
        check_equal(len(master.read_exactly(size + 4, PATIENCE_S)), size + 4)
        check_equal(master.read_exactly(1, 0.1), b"")
        check_equal(master.call("counter"), before)

    for case in (("echo", b"small", 5), ("sized", u32(5000), 5000)):
        in_time(KEPT_S, lambda case=case: attempt(*case))


def polls_that_pile_up_are_not_answered_with_a_later_result(camera):
    master = camera.master

    def attempt():
        deliver(master, "count", u32(200))
        master.write((HEADER_POLL + DATA_POLL) * 100)
        poll_until_result(master)
        master.write((HEADER_POLL + DATA_POLL) * 20)
        check_equal(master.read_exactly(1, 0.1), b"")
        master.write(pair("echo", b"later"))
        check_equal(master.read_exactly(8, PATIENCE_S), HEADER_ACK + DATA_ACK)
        check_equal(master.read_exactly(1, 0.1), b"")
        check_equal(poll_until_result(master), b"later")

    in_time(0.2 + KEPT_S, attempt)


def data_poll_alone_is_not_answered(camera):
    master = camera.master

    def attempt():
        deliver(master, "echo", b"kept")
        master.write(DATA_POLL * 3)
        check_equal(master.read_exactly(1, 0.1), b"")
        check_equal(poll_until_result(master), b"kept")

    in_time(KEPT_S, attempt)


def result_nobody_asks_for_is_dropped_after_the_send_timeout(camera):
    master = camera.master

    def attempt():
        # The camera may have had it for a while when this process gets to see its ack.
        start = time.monotonic()
        deliver(master, "echo", b"dropped")
        acked = b""
        while not acked:
            check(time.monotonic() < start + PATIENCE_S, "no command was taken after the send timeout")
            master.write(pair("echo", b"second"))
            acked = master.read_exactly(8, 0.1)
        waited = time.monotonic() - start
        check(0.9 < waited < 5, "the result was kept for %.2f s instead of 1 s" % waited)
        check_equal(poll_until_result(master), b"second")

    in_time(KEPT_S, attempt)


def half_a_packet_does_not_hide_the_next(camera):
    master = camera.master

    def attempt(rubbish):
        master.flush()
        master.write(rubbish + pair("echo", b"found"))
        check_equal(master.read_exactly(8, PATIENCE_S), HEADER_ACK + DATA_ACK)
        check_equal(poll_until_result(master), b"found")

    for rubbish in (b"\x09", b"\x09\x12", pair("echo", b"x")[:7], b"\x00" * 100, b"\x09\x12" * 9, HEADER_POLL * 3):
        in_time(KEPT_S, lambda rubbish=rubbish: attempt(rubbish))


def damaged_packets_are_ignored(camera):
    master = camera.master
    before = master.call("counter")
    for position in (0, 3, 8, 11, 12, 15, 18, 19):
        damaged = bytearray(pair("count", u32(0)))
        damaged[position] ^= 0x10
        master.flush()
        master.write(damaged)
        check(DATA_ACK not in master.read_exactly(8, 0.15), "damage at byte %d was acked" % position)
        check_equal(master.call("counter"), before)


def truncated_commands_are_ignored(camera):
    master = camera.master
    before = master.call("counter")
    whole = pair("count", u32(0))
    for size in range(1, len(whole)):
        master.flush()
        master.write(whole[:size])
        check_equal(master.call("counter"), before)


def repeated_header_is_acked_again_only_if_no_data_follows(camera):
    master = camera.master

    def attempt():
        header = command_header("echo", 1)
        master.flush()
        master.write(header)
        check_equal(master.read_exactly(4, PATIENCE_S), HEADER_ACK)
        master.write(header)
        check_equal(master.read_exactly(4, PATIENCE_S), HEADER_ACK)
        master.write(header + packet(COMMAND_DATA, b"x"))
        check_equal(master.read_exactly(4, PATIENCE_S), DATA_ACK)
        check_equal(poll_until_result(master), b"x")

    in_time(KEPT_S, attempt)


def headers_that_have_waited_together_are_acked_twice_at_most(camera):
    # The first, and then the last: what they left unacked is one command.
    master = camera.master

    def attempt():
        master.flush()
        master.write(command_header("echo", 1) * 12)
        check_equal(master.read_exactly(4, PATIENCE_S), HEADER_ACK)
        check_equal(master.read_exactly(12 * 4, 0.3), HEADER_ACK)
        master.write(packet(COMMAND_DATA, b"x"))
        check_equal(master.read_exactly(4, PATIENCE_S), DATA_ACK)
        check_equal(poll_until_result(master), b"x")

    in_time(KEPT_S, attempt)


def header_poll_that_comes_twice_is_answered_once(camera):
    master = camera.master

    def attempt():
        deliver(master, "echo", b"once")
        time.sleep(0.05)
        master.write(HEADER_POLL * 3)
        check_equal(master.read_exactly(8, PATIENCE_S), packet(RESULT_HEADER, u32(4)))
        check_equal(master.read_exactly(1, 0.1), b"")
        master.write(DATA_POLL)
        check_equal(master.read_exactly(8, PATIENCE_S), packet(RESULT_DATA, b"once"))

    in_time(KEPT_S, attempt)


def header_poll_that_was_answered_is_answered_again_only_if_no_data_poll_follows(camera):
    # It was sent again since the answer was late: one more would be taken for the beginning of the data.
    master = camera.master

    def attempt():
        deliver(master, "echo", b"late")
        for poll in (HEADER_POLL, HEADER_POLL):
            master.write(poll)
            check_equal(master.read_exactly(8, PATIENCE_S), packet(RESULT_HEADER, u32(4)))
        master.write(HEADER_POLL + DATA_POLL)
        check_equal(master.read_exactly(8, PATIENCE_S), packet(RESULT_DATA, b"late"))
        check_equal(master.read_exactly(1, 0.1), b"")

    in_time(KEPT_S, attempt)


def header_replaces_a_header_whose_data_never_came(camera):
    master = camera.master

    def attempt():
        master.flush()
        master.write(command_header("count", 5000))
        check_equal(master.read_exactly(4, PATIENCE_S), HEADER_ACK)
        master.write(pair("echo", b"instead"))
        check_equal(master.read_exactly(8, PATIENCE_S), HEADER_ACK + DATA_ACK)
        check_equal(poll_until_result(master), b"instead")

    in_time(KEPT_S, attempt)


def length_beyond_memory_is_refused_before_allocation(camera):
    master = camera.master
    for size in (0xFFFFFFFF, 0x40000000, 0x00FFFFFF, 0x00100001):
        master.flush()
        master.write(command_header("count", size))
        check_equal(master.read_exactly(1, 0.1), b"")
    check_equal(master.call("echo", b"alive"), b"alive")


def commands_inside_a_refused_command_are_not_run(camera):
    master = camera.master
    before = master.call("counter")
    master.flush()
    master.write(command_header("echo", 0x00F00000) + pair("count", u32(0)) * 20)
    check_equal(master.read_exactly(1, 0.1), b"")
    check_equal(master.call("counter"), before)


def random_bytes_never_stop_the_camera(camera):
    master = camera.master
    source = random.Random(20)
    for _ in range(60):
        pieces = [pair("echo", b"x"), HEADER_POLL, DATA_POLL, packet(STREAM_OPEN, u32(3)), command_header("echo", 9)]
        master.write(bytes(source.randrange(256) for _ in range(source.randrange(300))))
        master.write(source.choice(pieces)[: source.randrange(1, 21)])
    # One of the pieces may have been a whole command, whose acks and result are not ours.
    while master.read(4096, 1.2):
        pass
    check_equal(master.call("echo", b"alive"), b"alive")


def stream_frames_come_in_order_until_a_wrong_byte(camera):
    master = camera.master
    for depth, most_under_way in ((1, 1), (2, 1), (3, 2), (255, 128)):
        frames = master.read_whole_stream("stream", u32(1000), depth, 300)
        check(300 <= len(frames) <= 300 + most_under_way, "%d frames at depth %d" % (len(frames), depth))
        for number, frame in enumerate(frames, 1):
            check_equal(frame, u32(number) + pattern(1000))
        check_equal(master.call("echo", b"after"), b"after")


def spare_polls_before_a_stream_open_are_skipped(camera):
    master = camera.master

    def attempt():
        check_equal(master.patient_call("stream", u32(10)), b"")
        master.write(HEADER_POLL + DATA_POLL)
        check_equal(len(master.read_stream(1, 5)), 5)

    in_time(KEPT_S, attempt)


def damaged_stream_open_starts_no_stream(camera):
    master = camera.master
    check_equal(master.patient_call("stream", u32(10)), b"")
    damaged = bytearray(packet(STREAM_OPEN, u32(2)))
    damaged[3] ^= 1
    master.write(damaged)
    check_equal(master.read_exactly(1, 0.2), b"")
    check_equal(master.call("echo", b"after"), b"after")


def stream_ends_when_the_reader_falls_silent(camera):
    master = camera.master

    def attempt():
        check_equal(master.patient_call("stream", u32(10)), b"")
        master.write(packet(STREAM_OPEN, u32(1)))
        check_equal(len(master.read_exactly(8 + 14, PATIENCE_S)), 8 + 14)
        check_equal(master.read_exactly(1, 0.3), b"")
        check_equal(master.call("echo", b"after"), b"after")

    in_time(KEPT_S, attempt)


def waiting_for_a_command_allocates_nothing(camera):
    rubbish = HEADER_POLL * 3 + b"\x09\x12" * 9 + pattern(500) + command_header("count", 100)
    check_equal(camera.master.call("wait_without_heap", rubbish), b"nothing allocated")


def loop_callback_runs_though_it_raises(camera):
    camera.master.call("let_turns_raise")
    before = struct.unpack("<I", camera.master.call("loop_turns"))[0]
    for _ in range(3):
        after = struct.unpack("<I", camera.master.call("loop_turns"))[0]
        check(after > before, "%d turns, then %d" % (before, after))
        before = after
    check("a loop callback that raises" in camera.master.call("last_error").decode(), "it did not raise")


ON_EVERY_LINK = [
    call_returns_what_the_callback_returned,
    unknown_callback_gives_an_empty_result,
    every_byte_value_passes_both_ways,
    results_of_all_sizes_are_whole,
    arguments_of_all_sizes_are_whole,
    callback_that_raises_gives_an_empty_result_and_the_loop_goes_on,
    cut_through_sends_the_bytes_after_the_empty_result,
]
ON_USB = [
    arguments_larger_than_the_receive_buffer_are_whole,
    raw_bytes_are_taken_by_a_scheduled_callback,
    both_packets_of_a_phase_may_come_in_one_write,
    next_command_is_taken_at_once_after_a_result,
    copies_of_a_command_that_come_while_it_runs_are_never_run,
    command_that_came_before_the_result_was_sent_is_never_run,
    polls_that_pile_up_are_not_answered_with_a_later_result,
    data_poll_alone_is_not_answered,
    result_nobody_asks_for_is_dropped_after_the_send_timeout,
    half_a_packet_does_not_hide_the_next,
    damaged_packets_are_ignored,
    truncated_commands_are_ignored,
    repeated_header_is_acked_again_only_if_no_data_follows,
    headers_that_have_waited_together_are_acked_twice_at_most,
    header_poll_that_comes_twice_is_answered_once,
    header_poll_that_was_answered_is_answered_again_only_if_no_data_poll_follows,
    header_replaces_a_header_whose_data_never_came,
    length_beyond_memory_is_refused_before_allocation,
    commands_inside_a_refused_command_are_not_run,
    random_bytes_never_stop_the_camera,
    stream_frames_come_in_order_until_a_wrong_byte,
    spare_polls_before_a_stream_open_are_skipped,
    damaged_stream_open_starts_no_stream,
    stream_ends_when_the_reader_falls_silent,
    waiting_for_a_command_allocates_nothing,
    loop_callback_runs_though_it_raises,
]
GROUPS = [
    ("queue", contextlib.nullcontext, [waits_for_bytes_and_for_room_do_not_end_by_late_notices]),
    ("usb", (*EXERCISE, "--usb"), ON_EVERY_LINK + ON_USB),
    ("stdio", (*EXERCISE, "--stdio"), ON_EVERY_LINK + ON_USB[:1]),
    ("uart", (*EXERCISE, "--uart"), ON_EVERY_LINK),
]

if __name__ == "__main__":
    sys.exit(run(GROUPS))
