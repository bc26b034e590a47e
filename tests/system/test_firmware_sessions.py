#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The extensions of firmware/omvrpc.py under genuine MicroPython: docs/extensions.md, sentence by sentence."""

import json
import pathlib
import random
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "firmware"))
sys.dont_write_bytecode = True

from harness import FIRMWARE_TESTS, check, check_equal, pattern, run, u32  # noqa: E402
from openmvd import in_time  # noqa: E402
from session_master import (  # noqa: E402
    DAMAGED,
    DONE,
    FORGOTTEN,
    NO_SESSION,
    NO_SUCH_CALLBACK,
    RAISED,
    CallbackRaised,
    NoExtensions,
    NoSuchCallback,
    Reply,
    ResultUnknown,
    Session,
    call_envelope,
    parse_reply,
    read_envelope,
    sealed,
)
from stock_master import command_id  # noqa: E402

SCRIPTS = FIRMWARE_TESTS / "scripts"
PIECE = 300
HELD = 2
# A camera keeps a result for so long.
KEPT_S = 1


def ask(camera, name, envelope):
    reply = parse_reply(camera.master.call(name, envelope))
    check(reply is not None, "no reply to %r" % envelope)
    return reply


class Raw:
    """A session whose every envelope is chosen by the test."""

    def __init__(self, camera):
        self.camera = camera
        self.session = random.randrange(1, 1 << 32)
        check_equal(self.call(0, "").status, DONE)

    def call(self, number, name, argument=b"", **more):
        return ask(self.camera, "omvrpc.call", call_envelope(self.session, number, name, argument, **more))

    def read(self, number, offset, **more):
        return ask(self.camera, "omvrpc.read", read_envelope(self.session, number, offset, **more))

    def reply(self, number, status, data=b"", total=None, offset=0):
        return Reply(self.session, number, status, len(data) if total is None else total, offset, data)

    def runs(self):
        return runs(self.camera)


def runs(camera):
    return struct.unpack("<I", camera.master.call("counter"))[0]


def opened(camera, **more):
    session = Session(camera.master, **more)
    session.open()
    return session


def check_raises(kind, function, *arguments):
    try:
        value = function(*arguments)
    except kind as error:
        return str(error)
    raise AssertionError("%.100r instead of %s" % (value, kind.__name__))


# On every link.


def calls_return_what_the_callbacks_returned(camera):
    session = opened(camera)
    for argument in (b"", b"x", bytes(range(256)), pattern(900)):
        check_equal(session.call("echo", argument), argument)
    check_equal(session.call("text"), "Grüße, 世界".encode())
    check_equal(session.call("nothing"), b"")
    check_equal(session.call("words"), b"\x01\x02\x03\x04")


def long_results_come_in_pieces(camera):
    session = opened(camera)
    for size in (PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 5000):
        check_equal(session.call("sized", u32(size)), pattern(size))


def a_raised_exception_has_its_name_and_message(camera):
    session = opened(camera)
    check_equal(check_raises(CallbackRaised, session.call, "raises", b"own"), "Unlucky: of the script")
    check_equal(session.call("echo", b"alive"), b"alive")


# On USB only: the link makes no difference.


def no_session_is_open_at_first(camera):
    before = runs(camera)
    for session in (0, 1):
        for number in (0, 1) if session == 0 else (1,):
            reply = ask(camera, "omvrpc.call", call_envelope(session, number, "count", b"\x00\x00"))
            check_equal(reply[:3], (session, number, NO_SESSION))
            check_equal(ask(camera, "omvrpc.read", read_envelope(session, number, 0))[:3], (session, number, NO_SESSION))
    check_equal(runs(camera), before)


DECLARED = {
    "echo": {"args": "bytes", "result": "bytes", "repeatable": True, "doc": 'Says "what" it is told, é.'},
    "sized": {"args": {"format": "<I", "fields": ["size"]}, "result": "bytes"},
    "count": {"args": "bytes", "result": "bytes"},
    "counter": {"result": {"format": "<I", "fields": ["runs"]}, "timeout_ms": 2000},
    "named otherwise": {
        "args": {"format": "<Hb4xs", "fields": ["x", "y", "z"], "repeat": True, "optional": True},
        "result": {"format": ">2H", "repeat": True},
    },
    "nothing": {"result": "json"},
    "view": {"result": "bytes"},
    "cut_through": {"schedules": "cut_through"},
}
UNDECLARED = (
    "text overwrite vast words schedules_count scheduled_raises schedules_and_raises last_error raises "
    "raises_of_itself wrong_type stand_still put_clock_forward overwrite_at_every_turn leave_turns_alone mistakes "
    "register_more"
).split()


def the_description_is_what_was_declared(camera):
    expected = {
        "library": "1.0",
        "extensions": 1,
        "firmware": "4.5.9",
        "board": "OPENMV4P with STM32H743",
        "id": "3A0024000651303832363334",
        "limits": {"argument": 65536, "piece": PIECE, "held": HELD},
        "callbacks": {**DECLARED, **{name: {} for name in UNDECLARED}},
    }
    check_equal(json.loads(camera.master.call("omvrpc.describe")), expected)
    check_equal(json.loads(Session(camera.master).open()), expected)


def mistakes_in_a_declaration_raise_at_once_with_a_sentence(camera):
    before = camera.master.call("omvrpc.describe")
    check_equal(camera.master.call("mistakes").decode(), "")
    check_equal(camera.master.call("omvrpc.describe"), before)


def the_description_is_read_in_pieces_and_held_until_a_call_begins(camera):
    raw = Raw(camera)
    whole = camera.master.call("omvrpc.describe")
    first = raw.call(0, "echo", b"the command says nothing", piece=100)
    check_equal(first, raw.reply(0, DONE, whole[:100], len(whole)))
    for offset in (500, 0, 100, 500, len(whole) - 1):
        expected = raw.reply(0, DONE, whole[offset : offset + 100], len(whole), offset)
        check_equal(raw.read(0, offset, piece=100), expected)
    camera.master.call("register_more")
    longer = camera.master.call("omvrpc.describe")
    check(len(longer) > 2 * len(whole), "no callbacks were added")
    check_equal(raw.call(0, "", piece=50), raw.reply(0, DONE, whole[:50], len(whole)))
    check_equal(raw.read(0, 500, piece=50), raw.reply(0, DONE, whole[500:550], len(whole), 500))
    check_equal(raw.call(1, "echo").status, DONE)
    check_equal(raw.read(0, 100), raw.reply(0, FORGOTTEN, offset=100))
    check_equal(raw.call(0, "").total, len(longer))
    check_equal(raw.read(0, 0).data, longer[:PIECE])


def opening_runs_nothing_and_forgets_nothing_of_the_same_session(camera):
    raw = Raw(camera)
    before = raw.runs()
    first = raw.call(1, "count", b"\x00\x04")
    check_equal(first.total, 4 + 2 + 1024)
    check_equal(raw.call(0, "count", b"\x00\x00").status, DONE)
    check_equal(raw.call(1, "count", b"\x00\x04"), first)
    check_equal(raw.read(1, 1000).data, (u32(before + 1) + b"\x00\x04" + pattern(1024))[1000:])
    check_equal(raw.runs(), before + 1)


def opening_forgets_every_other_session(camera):
    old = Raw(camera)
    check_equal(old.call(1, "sized", u32(1000)).status, DONE)
    new = Raw(camera)
    check_equal(old.call(1, "sized", u32(1000)).status, NO_SESSION)
    check_equal(old.read(1, 0).status, NO_SESSION)
    check_equal(new.read(1, 0), new.reply(1, FORGOTTEN))
    check_equal(new.call(1, "echo", b"from one again").data, b"from one again")


def the_last_number_is_answered_again_and_runs_nothing(camera):
    raw = Raw(camera)
    before = raw.runs()
    first = raw.call(1, "count", b"\x00\x00")
    check_equal(first, raw.reply(1, DONE, u32(before + 1) + b"\x00\x00"))
    for _ in range(5):
        check_equal(raw.call(1, "count", b"\x00\x00"), first)
        check_equal(raw.call(1, "echo", b"whatever the repetition says"), first)
    check_equal(raw.runs(), before + 1)


def every_kind_of_outcome_is_kept(camera):
    raw = Raw(camera)
    raised = raw.call(1, "raises", b"plain")
    check_equal(raised, raw.reply(1, RAISED, b"ValueError: on purpose"))
    check_equal(raw.call(1, "count", b"\x00\x00"), raised)
    unknown = raw.call(2, "no such callback")
    check_equal(unknown, raw.reply(2, NO_SUCH_CALLBACK))
    check_equal(raw.call(2, "count", b"\x00\x00"), unknown)
    check_equal(raw.read(2, 0), raw.reply(2, FORGOTTEN))
    nothing = raw.call(3, "nothing")
    check_equal(nothing, raw.reply(3, DONE))
    check_equal(raw.call(3, "count", b"\x00\x00"), nothing)


def a_smaller_number_is_forgotten_and_runs_nothing(camera):
    raw = Raw(camera)
    before = raw.runs()
    raw.call(7, "echo", b"the first may be any")
    for number in (1, 6):
        check_equal(raw.call(number, "count", b"\x00\x00"), raw.reply(number, FORGOTTEN))
    check_equal(raw.call(8, "echo", b"x").data, b"x")
    check_equal(raw.call(7, "count", b"\x00\x00"), raw.reply(7, FORGOTTEN))
    check_equal(raw.call(0xFFFFFFFF, "echo", b"the largest").data, b"the largest")
    check_equal(raw.call(0xFFFFFFFE, "count", b"\x00\x00").status, FORGOTTEN)
    check_equal(raw.runs(), before)


def session_0_and_unknown_sessions_run_nothing(camera):
    raw = Raw(camera)
    before = raw.runs()
    for session in (0, raw.session ^ 1):
        for number in (0, 1) if session == 0 else (1, 2):
            reply = ask(camera, "omvrpc.call", call_envelope(session, number, "count", b"\x00\x00"))
            check_equal(reply[:3], (session, number, NO_SESSION))
            reply = ask(camera, "omvrpc.read", read_envelope(session, number, 77))
            check_equal((reply[:3], reply.offset), ((session, number, NO_SESSION), 77))
    check_equal(raw.runs(), before)
    check_equal(raw.call(1, "echo", b"still open").data, b"still open")


def no_session_tells_the_milliseconds_since_another_was_opened(camera):
    other = Raw(camera)
    begun = time.monotonic()
    Raw(camera)
    early = time.monotonic()
    time.sleep(0.3)
    late = time.monotonic()
    milliseconds = struct.unpack("<I", other.call(1, "count", b"\x00\x00").data)[0]
    ended = time.monotonic()
    check((late - early) * 1000 - 5 <= milliseconds <= (ended - begun) * 1000 + 5, "%d ms" % milliseconds)
    check_equal(other.call(1, "count", piece=3), other.reply(1, NO_SESSION))


def damage_to_any_byte_of_an_envelope_is_found(camera):
    raw = Raw(camera)
    before = raw.runs()
    for name, envelope in (
        ("omvrpc.call", call_envelope(raw.session, 1, "count", b"\x00\x00")),
        ("omvrpc.read", read_envelope(raw.session, 1, 0)),
    ):
        for position in range(len(envelope)):
            damaged = bytearray(envelope)
            damaged[position] ^= 1 << position % 8
            check_equal(ask(camera, name, bytes(damaged)), Reply(0, 0, DAMAGED, 0, 0, b""))
    check_equal(raw.runs(), before)


def envelopes_of_any_length_are_survived(camera):
    raw = Raw(camera)
    whole = call_envelope(raw.session, 1, "count", b"\x00\x00")
    for name in ("omvrpc.call", "omvrpc.read"):
        for size in range(len(whole)):
            check_equal(ask(camera, name, whole[:size]), Reply(0, 0, DAMAGED, 0, 0, b""))
    check_equal(ask(camera, "omvrpc.read", whole), Reply(0, 0, DAMAGED, 0, 0, b""))
    check_equal(raw.call(1, "echo", pattern(65536)).data, pattern(PIECE))
    check_equal(opened(camera).call("echo", pattern(65536)), pattern(65536))


def pieces_come_in_any_order_and_as_often_as_wanted(camera):
    raw = Raw(camera)
    whole = pattern(1000)
    check_equal(raw.call(1, "sized", u32(1000), piece=64), raw.reply(1, DONE, whole[:64], 1000))
    for offset in (936, 0, 64, 999, 64, 500):
        expected = raw.reply(1, DONE, whole[offset : offset + 64], 1000, offset)
        check_equal(raw.read(1, offset, piece=64), expected)
    check_equal(raw.read(1, 990, piece=1), raw.reply(1, DONE, whole[990:991], 1000, 990))


def a_piece_is_never_larger_than_asked_for_or_than_the_limit(camera):
    raw = Raw(camera)
    whole = pattern(1000)
    for number, piece in enumerate((0, 1, PIECE - 1, PIECE, PIECE + 1, 0xFFFFFFFF), 1):
        expected = raw.reply(number, DONE, whole[: min(piece, PIECE)], 1000)
        check_equal(raw.call(number, "sized", u32(1000), piece=piece), expected)
        check_equal(raw.read(number, 0, piece=piece), expected)
        check_equal(raw.call(number, "sized", u32(1000), piece=10), expected._replace(data=whole[:10]))


def an_offset_at_or_beyond_the_end_has_no_data(camera):
    raw = Raw(camera)
    raw.call(1, "sized", u32(1000))
    for offset in (1000, 1001, 0x7FFFFFFF, 0xFFFFFFFF):
        check_equal(raw.read(1, offset), raw.reply(1, DONE, b"", 1000, offset))


def a_held_result_stays_while_other_calls_are_made(camera):
    raw = Raw(camera)
    first = raw.call(1, "sized", u32(1000))
    raw.call(2, "echo", b"x")
    raw.call(3, "echo", b"y")
    check_equal(raw.read(1, 300).data, pattern(1000)[300:600])
    check_equal(raw.call(1, "count", b"\x00\x00"), first)
    check_equal(raw.read(2, 0), raw.reply(2, FORGOTTEN))


def a_result_that_was_held_once_is_held_though_a_repetition_gets_it_whole(camera):
    raw = Raw(camera)
    raw.call(1, "sized", u32(200), piece=100)
    raw.call(1, "sized", u32(200), piece=200)
    raw.call(2, "echo", b"x")
    check_equal(raw.read(1, 100).data, pattern(200)[100:])


def a_released_result_is_forgotten_whatever_names_it(camera):
    raw = Raw(camera)
    before = raw.runs()
    for number, release in enumerate(
        (
            lambda done, next_number: raw.call(next_number, "echo", b"", released=done),
            lambda done, next_number: raw.call(0, "", released=done),
            lambda done, next_number: raw.read(0, 0, released=done),
        )
    ):
        number = 1 + 10 * number
        raw.call(number, "sized", u32(1000))
        raw.call(number + 1, "sized", u32(1000))
        release(number, number + 2)
        release(number, number + 2)
        check_equal(raw.read(number, 0), raw.reply(number, FORGOTTEN))
        check_equal(raw.call(number, "count", b"\x00\x00"), raw.reply(number, FORGOTTEN))
        check_equal(raw.read(number + 1, 300).data, pattern(1000)[300:600])
    check_equal(raw.runs(), before)


def the_last_number_may_be_released_and_is_not_run_again(camera):
    raw = Raw(camera)
    before = raw.runs()
    raw.call(1, "count", b"\x00\x04")
    raw.read(0, 0, released=1)
    check_equal(raw.call(1, "count", b"\x00\x04"), raw.reply(1, FORGOTTEN))
    check_equal(raw.call(2, "echo", b"x", released=2).data, b"x")
    check_equal(raw.runs(), before + 1)


def another_session_releases_nothing(camera):
    raw = Raw(camera)
    raw.call(1, "sized", u32(1000))
    ask(camera, "omvrpc.read", read_envelope(raw.session ^ 1, 5, 0, released=1))
    ask(camera, "omvrpc.call", call_envelope(raw.session ^ 1, 5, "echo", released=1))
    check_equal(raw.read(1, 300).data, pattern(1000)[300:600])


def the_oldest_held_result_makes_room(camera):
    raw = Raw(camera)
    for number in (1, 2):
        raw.call(number, "sized", u32(1000 + number))
    for number in (1, 2):
        check_equal(raw.read(number, 900).data, pattern(1000 + number)[900:])
    raw.call(3, "sized", u32(1003))
    check_equal(raw.read(1, 900), raw.reply(1, FORGOTTEN, offset=900))
    for number in (2, 3):
        check_equal(raw.read(number, 900).data, pattern(1000 + number)[900:])


def a_view_is_copied_before_anything_may_overwrite_it(camera):
    for overwrite in (
        lambda raw: raw.call(2, "overwrite"),
        lambda raw: camera.master.call("overwrite"),
        lambda raw: raw.call(2, "view", b"\x77" + struct.pack("<H", 5)),
        lambda raw: (raw.call(2, "no such callback"), raw.call(3, "overwrite")),
    ):
        raw = Raw(camera)
        check_equal(raw.call(1, "view", b"\x11" + struct.pack("<H", 1500)).data, b"\x11" * PIECE)
        overwrite(raw)
        check_equal(raw.read(1, PIECE).data, b"\x11" * PIECE)
        check_equal(raw.read(1, 1499).data, b"\x11")


def a_view_that_fits_one_piece_is_answered_again_though_a_stock_call_overwrote_it(camera):
    raw = Raw(camera)
    first = raw.call(1, "view", b"\x22" + struct.pack("<H", 50))
    check_equal(first.data, b"\x22" * 50)
    camera.master.call("overwrite")
    check_equal(raw.call(1, "view"), first)


def a_view_is_copied_before_the_loop_callback_runs(camera):
    camera.master.call("overwrite_at_every_turn")
    raw = Raw(camera)
    raw.call(1, "view", b"\x33" + struct.pack("<H", 1500))
    check_equal(raw.read(1, 1000).data, b"\x33" * PIECE)
    camera.master.call("leave_turns_alone")


def a_view_without_room_for_a_copy_is_forgotten_and_not_run_again(camera):
    raw = Raw(camera)
    first = raw.call(1, "vast")
    check_equal((first.status, first.total, len(first.data)), (DONE, 0x3FFFFFFF, PIECE))
    check_equal(raw.call(2, "echo", b"x").data, b"x")
    check_equal(raw.read(1, 0), raw.reply(1, FORGOTTEN))
    check_equal(raw.call(1, "count", b"\x00\x00"), raw.reply(1, FORGOTTEN))
    raw.call(3, "vast")
    camera.master.call("echo", b"a stock call")
    check_equal(raw.call(3, "count", b"\x00\x00"), raw.reply(3, FORGOTTEN))


RAISED_TEXTS = {
    "plain": "ValueError: on purpose",
    "own": "Unlucky: of the script",
    "two": "KeyError: ('a', 2)",
    "none": "RuntimeError: ",
    "class": "StopIteration: ",
    "memory": "MemoryError: no room",
    "system": "OSError: [Errno 2] ENOENT",
    "mute": "Mute: ",
    "umlaut": "ValueError: größer als 世界 \U0001f600",
    "control": "ValueError: a\x00b\nc",
    "surrogate": "ValueError: half ??? of a pair",
    "long": "ValueError: " + "x" * 188,
    "long umlauts": "ValueError: " + "ü" * 94,
    "long name": "Long" * 50,
}


def exceptions_of_every_kind_are_told(camera):
    session = opened(camera)
    for kind, text in RAISED_TEXTS.items():
        check_equal(check_raises(CallbackRaised, session.call, "raises", kind.encode()), text)
    for kind, name in (("import", "ImportError"), ("heap", "MemoryError"), ("attribute", "AttributeError")):
        text = check_raises(CallbackRaised, session.call, "raises_of_itself", kind.encode())
        check(text.startswith(name + ": "), text)
    check_equal(session.call("echo", b"alive"), b"alive")


def a_message_is_cut_to_the_piece_at_a_whole_character(camera):
    raw = Raw(camera)
    for number, piece in enumerate(range(12, 20), 1):
        reply = raw.call(number, "raises", b"long umlauts", piece=piece)
        check_equal(reply, raw.reply(number, RAISED, ("ValueError: " + "ü" * ((piece - 12) // 2)).encode()))
    check_equal(raw.call(100, "raises", b"plain", piece=0), raw.reply(100, RAISED))


def a_result_of_the_wrong_type_counts_as_a_raised_type_error(camera):
    session = opened(camera)
    for kind in (b"int", b"list", b"dict", b"true", b"object"):
        text = check_raises(CallbackRaised, session.call, "wrong_type", kind)
        check(text.startswith("TypeError: ") and len(text) > 15, text)


def a_stock_call_of_what_raises_is_empty_and_the_exception_is_kept(camera):
    check_equal(camera.master.call("raises", b"own"), b"")
    check_equal(camera.master.call("last_error"), b"Unlucky('of the script',)")
    check_raises(CallbackRaised, opened(camera).call, "raises", b"plain")
    check_equal(camera.master.call("last_error"), b"ValueError('on purpose',)")


def unknown_and_reserved_names_are_no_such_callback(camera):
    session = opened(camera)
    for name in ("no such callback", "omvrpc.describe", "omvrpc.call", "omvrpc.read"):
        check_raises(NoSuchCallback, session.call, name)


def an_id_that_differs_in_its_upper_bits_only_is_no_such_callback(camera):
    raw = Raw(camera)
    before = raw.runs()
    for number, bit in enumerate((30, 31), 1):
        envelope = sealed(raw.session, number, 0, 4096, command_id("count") ^ 1 << bit, data=b"\x00\x00")
        check_equal(ask(camera, "omvrpc.call", envelope).status, NO_SUCH_CALLBACK)
    check_equal(raw.runs(), before)


def what_a_callback_schedules_runs_once_after_the_result_was_taken(camera):
    raw = Raw(camera)
    before = raw.runs()
    first = raw.call(1, "schedules_count", struct.pack("<H", 1000))
    check_equal(first.data, b"\x11" * PIECE)
    for _ in range(3):
        check_equal(raw.call(1, "schedules_count"), first)
    check_equal(raw.read(1, 900).data, b"\x11" * 100)
    check_equal(raw.runs(), before + 1)


def what_a_callback_schedules_waits_until_the_result_is_taken(camera):
    raw = Raw(camera)
    master = camera.master
    before = raw.runs()
    envelope = call_envelope(raw.session, 1, "schedules_count", struct.pack("<H", 10))
    check(master.put_command("omvrpc.call", envelope), "not delivered")
    # A command is acked only after the result that nobody fetched has been dropped.
    check_equal(runs(camera), before)
    check_equal(raw.call(1, "").data, b"\x11" * 10)
    check_equal(raw.call(1, "").data, b"\x11" * 10)
    check_equal(runs(camera), before + 1)


def what_a_callback_schedules_is_dropped_when_the_next_call_begins(camera):
    raw = Raw(camera)
    before = raw.runs()
    envelope = call_envelope(raw.session, 1, "schedules_count", struct.pack("<H", 10))
    check(camera.master.put_command("omvrpc.call", envelope), "not delivered")
    raw.call(2, "echo", b"x")
    raw.call(1, "")
    check_equal(raw.runs(), before)


def scheduled_bytes_follow_the_reply(camera):
    def attempt():
        raw = Raw(camera)
        # Once: a repetition schedules nothing.
        envelope = call_envelope(raw.session, 1, "cut_through", b"raw bytes")
        check_equal(parse_reply(camera.master.patient_call("omvrpc.call", envelope)), raw.reply(1, DONE))
        check_equal(camera.master.read_exactly(9, 2), b"raw bytes")
        check_equal(raw.call(2, "echo", b"after").data, b"after")

    in_time(KEPT_S, attempt)


def exceptions_around_scheduling_change_no_outcome(camera):
    session = opened(camera)
    check_equal(session.call("scheduled_raises"), b"given before")
    check(camera.master.call("last_error").startswith(b"ZeroDivisionError"), "it did not raise")
    check_raises(CallbackRaised, session.call, "schedules_and_raises")
    check_equal(camera.master.read_exactly(1, 0.2), b"")
    check_equal(session.call("echo", b"alive"), b"alive")


def stock_calls_and_session_calls_mix(camera):
    session = opened(camera)
    source = random.Random(3)
    expected = runs(camera)
    for i in range(200):
        size = source.choice((0, 5, 290, 294, 295, 1000))
        argument = struct.pack("<H", size) + u32(i)
        expected += 1
        whole = u32(expected) + argument + pattern(size)
        check_equal(session.call("count", argument), whole)
        if source.random() < 0.5:
            check_equal(camera.master.call("sized", u32(size)), pattern(size))
        if source.random() < 0.2:
            check_equal(runs(camera), expected)


def a_callback_may_take_long_and_runs_once(camera):
    session = opened(camera, steady=0.1)
    before = runs(camera)
    check_equal(session.call("stand_still", u32(1500)), b"")
    check_equal(struct.unpack_from("<I", session.call("count", b"\x00\x00"))[0], before + 1)


def a_master_that_lost_its_camera_knows_what_is_unknown(camera):
    session = opened(camera)
    check_equal(session.call("echo", b"x"), b"x")
    time.sleep(0.2)
    # Another master comes and goes before the next call is sent: nothing of that can have run, so it is sent anew.
    Raw(camera)
    time.sleep(0.3)
    check_equal(session.call("echo", b"sent anew"), b"sent anew")
    session.number += 1
    reply = Raw(camera)
    unknown = reply.call(1, "echo", b"")
    check_equal(unknown.status, DONE)
    lost = ask(camera, "omvrpc.call", call_envelope(session.session, session.number, "echo"))
    check_raises(ResultUnknown, session._reopen, lost, time.monotonic() - 60)


def a_camera_without_extensions_is_recognised(camera):
    session = Session(camera.master)
    ask_for = session._ask
    session._ask = lambda name, *more: ask_for("not.registered", *more)
    check_raises(NoExtensions, session.open)


def the_milliseconds_are_right_for_months(camera):
    # Last of its group: the camera's clock is ahead from here on.
    begun = time.monotonic()
    raw = Raw(camera)
    hours = number = 0
    for steps in ((1,), (100,), (148, 148), (148, 148, 148), (148, 148, 148)):
        for step in steps:
            number += 1
            check_equal(raw.call(number, "put_clock_forward", u32(step * 3600000)).status, DONE)
        hours += sum(steps)
        milliseconds = struct.unpack("<I", ask(camera, "omvrpc.call", call_envelope(1, 1, "echo")).data)[0]
        ended = (time.monotonic() - begun) * 1000
        if hours * 3600000 < 1 << 32:
            extra = milliseconds - hours * 3600000
            check(-5 <= extra <= ended + 5, "%d ms too many after %d h and %d ms" % (extra, hours, ended))
        else:
            check_equal(milliseconds, 0xFFFFFFFF)
    check(hours * 3600000 > 1 << 32, "the clock was not put forward far enough")
    check_equal(raw.call(number + 1, "echo", b"still open").data, b"still open")


# With the limits that a camera chooses for itself.


def the_limits_follow_the_free_memory(camera):
    session = Session(camera.master, piece=0xFFFFFFFF)
    limits = json.loads(session.open())["limits"]
    check_equal(limits, {"argument": (1 << 20) - 24, "piece": 16384, "held": HELD})
    session.master.call("echo", b"x")
    check_equal(session.call("sized", u32(40000)), pattern(40000))


ON_EVERY_LINK = [
    calls_return_what_the_callbacks_returned,
    long_results_come_in_pieces,
    a_raised_exception_has_its_name_and_message,
]
ON_USB = [
    no_session_is_open_at_first,
    the_description_is_what_was_declared,
    mistakes_in_a_declaration_raise_at_once_with_a_sentence,
    the_description_is_read_in_pieces_and_held_until_a_call_begins,
    opening_runs_nothing_and_forgets_nothing_of_the_same_session,
    opening_forgets_every_other_session,
    the_last_number_is_answered_again_and_runs_nothing,
    every_kind_of_outcome_is_kept,
    a_smaller_number_is_forgotten_and_runs_nothing,
    session_0_and_unknown_sessions_run_nothing,
    no_session_tells_the_milliseconds_since_another_was_opened,
    damage_to_any_byte_of_an_envelope_is_found,
    envelopes_of_any_length_are_survived,
    pieces_come_in_any_order_and_as_often_as_wanted,
    a_piece_is_never_larger_than_asked_for_or_than_the_limit,
    an_offset_at_or_beyond_the_end_has_no_data,
    a_held_result_stays_while_other_calls_are_made,
    a_result_that_was_held_once_is_held_though_a_repetition_gets_it_whole,
    a_released_result_is_forgotten_whatever_names_it,
    the_last_number_may_be_released_and_is_not_run_again,
    another_session_releases_nothing,
    the_oldest_held_result_makes_room,
    a_view_is_copied_before_anything_may_overwrite_it,
    a_view_that_fits_one_piece_is_answered_again_though_a_stock_call_overwrote_it,
    a_view_is_copied_before_the_loop_callback_runs,
    a_view_without_room_for_a_copy_is_forgotten_and_not_run_again,
    exceptions_of_every_kind_are_told,
    a_message_is_cut_to_the_piece_at_a_whole_character,
    a_result_of_the_wrong_type_counts_as_a_raised_type_error,
    a_stock_call_of_what_raises_is_empty_and_the_exception_is_kept,
    unknown_and_reserved_names_are_no_such_callback,
    an_id_that_differs_in_its_upper_bits_only_is_no_such_callback,
    what_a_callback_schedules_runs_once_after_the_result_was_taken,
    what_a_callback_schedules_waits_until_the_result_is_taken,
    what_a_callback_schedules_is_dropped_when_the_next_call_begins,
    scheduled_bytes_follow_the_reply,
    exceptions_around_scheduling_change_no_outcome,
    stock_calls_and_session_calls_mix,
    a_callback_may_take_long_and_runs_once,
    a_master_that_lost_its_camera_knows_what_is_unknown,
    a_camera_without_extensions_is_recognised,
    the_milliseconds_are_right_for_months,
]
SESSIONS = ("--script", str(SCRIPTS / "sessions.py"))
GROUPS = [
    ("usb", (*SESSIONS, "--usb"), ON_USB[:1] + ON_EVERY_LINK + ON_USB[1:]),
    ("stdio", (*SESSIONS, "--stdio"), ON_EVERY_LINK),
    ("uart", (*SESSIONS, "--uart"), ON_EVERY_LINK),
    ("own limits", ("--script", str(SCRIPTS / "exerciser.py"), "--usb"), [the_limits_follow_the_free_memory]),
]

if __name__ == "__main__":
    sys.exit(run(GROUPS))
