#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon's sessions with camera scripts under genuine MicroPython: what comes back is what the script gave, on good
lines and on bad ones, and over the camera's death."""

import base64
import collections
import contextlib
import os
import pathlib
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "firmware"))
sys.dont_write_bytecode = True

from cameras import config_of  # noqa: E402
from faulty_line import FaultyLine  # noqa: E402
from harness import FIRMWARE_TESTS, Camera, check, check_equal, pattern, run  # noqa: E402
from openmvd import PATIENCE_S, Daemon, wait_for_camera, wait_until  # noqa: E402

SCENE_JPEG = (FIRMWARE_TESTS / "standins" / "scene.jpg").read_bytes()
LINE_SEED = 7
FAULTY = 0.02
FAULTY_CALLS = 300
# Where a machine is busy, or the daemon slow, nothing here is to end by its deadline.
PATIENT_MS = 60000
# What a call may end as while its camera is away.
AWAY = {"camera_offline", "not_delivered", "result_unknown"}
SHORT_MS = 300
# GRAYSCALE in QQVGA, by the numbers of standins/frames.py.
SMALL_RAW = {"pixformat": 0x08020001, "framesize": 10}


def script(name):
    return ("--script", str(FIRMWARE_TESTS / "scripts" / (name + ".py")))


def ask(client, name, **params):
    """Sends a call and returns its id."""
    return client.send_request("call", {"name": name, "timeout_ms": PATIENT_MS, **params})


def number_as_data(number):
    return base64.b64encode(struct.pack("<I", number)).decode()


def value_bytes(reply):
    check("result" in reply, reply)
    return base64.b64decode(reply["result"]["value"])


def value_of(client, name, **params):
    return value_bytes(client.reply(ask(client, name, reply="base64", **params)))


def echo(client, text):
    check_equal(value_of(client, "echo", data=text, encoding="utf8"), text.encode())


def failure_of(client, name, **params):
    reply = client.reply(ask(client, name, **params))
    check("error" in reply, reply)
    return reply["error"]


def reason_of(reply):
    return reply["error"]["data"]["reason"] if "error" in reply else None


def wait_for_introduction(client):
    """Waits until the camera has said what it is."""
    wait_for_camera(client)
    wait_until(lambda: client.result("cameras")[0]["library"], "the camera to say what it is")


# What a test is given: the daemon, a client of it, and what the test is to know of the daemon's line.
Bench = collections.namedtuple("Bench", "daemon client line", defaults=(None,))


@contextlib.contextmanager
def bench(*arguments):
    with Camera(*arguments, with_master=False) as camera, \
            Daemon(config=config_of(camera.path, callbacks={})) as daemon, daemon.client() as client:
        wait_for_introduction(client)
        yield Bench(daemon, client)


# With scripts/sessions.py.


def the_camera_says_what_it_is(given):
    row = given.client.result("cameras")[0]
    told = {member: row[member] for member in ("state", "board", "id", "library")}
    check_equal(told, {"state": "online", "board": "OPENMV4P with STM32H743", "id": "3A0024000651303832363334",
                       "library": "1.0"})
    check(row["firmware"] in ("4.5.9", "5.0.0"), row)


def callbacks_have_the_schemas_of_the_script(given):
    rows = {row["name"]: row for row in given.client.result("callbacks") if row["origin"] == "camera"}
    check_equal(rows["echo"], {"name": "echo", "args": "bytes", "result": "bytes", "repeatable": True,
                               "doc": 'Says "what" it is told, é.', "origin": "camera"})
    check_equal(rows["sized"]["args"], {"format": "<I", "fields": ["size"]})
    check_equal((rows["counter"]["result"], rows["counter"]["timeout_ms"]), ({"format": "<I", "fields": ["runs"]}, 2000))
    check_equal(rows["cut_through"]["schedules"], "cut_through")
    check(not any(name.startswith("omvrpc.") for name in rows), list(rows))


def an_exception_comes_with_its_name_and_message(given):
    before = value_of(given.client, "counter")
    for which, name, message in (
        ("plain", "ValueError", "on purpose"),
        ("own", "Unlucky", "of the script"),
        ("umlaut", "ValueError", "größer als 世界 \U0001f600"),
        ("none", "RuntimeError", ""),
    ):
        error = failure_of(given.client, "raises", data=which, encoding="utf8")
        data = error["data"]
        check_equal((error["code"], data["reason"], data["executed"]), (-32011, "callback_failed", "yes"))
        check_equal(data["exception"], {"name": name, "message": message})
        check(message in error["message"], error)
    check_equal(value_of(given.client, "counter"), before)


def a_name_that_the_script_has_not_is_refused(given):
    error = failure_of(given.client, "ehco")
    check_equal((error["code"], error["data"]["reason"], error["data"]["executed"]), (-32005, "no_such_callback", "no"))
    check('"echo"' in error["message"], error)
    check_equal(failure_of(given.client, "#00000001")["data"]["reason"], "no_such_callback")


# With scripts/exerciser.py, whose pieces are as large as the library makes them.


def large_and_small_end(large, small, size):
    """Asks for a result of that size, then makes three small calls. When the small ones and when the large one ended, in
    milliseconds since then. The daemon's own clock tells, since this process may hear of it later."""
    begun = time.monotonic()
    whole = ask(large, "sized", data=number_as_data(size), reply="base64")
    texts = ["small %d" % number for number in range(3)]
    asked = [ask(small, "echo", data=text, encoding="utf8", reply="base64") for text in texts]
    apart_ms = (time.monotonic() - begun) * 1000
    replies = [small.reply(number) for number in asked]
    check_equal([value_bytes(reply).decode() for reply in replies], texts)
    whole = large.reply(whole)
    check_equal(value_bytes(whole), pattern(size))
    return apart_ms + max(reply["result"]["elapsed_ms"] for reply in replies), whole["result"]["elapsed_ms"]


def small_calls_are_answered_between_the_pieces_of_large_results(given):
    with given.daemon.client() as large:
        for size in (100_000, 200_000):
            # This process may also be kept from making the small calls until the large one is nearly through.
            for _ in range(10):
                small_ms, whole_ms = large_and_small_end(large, given.client, size)
                if small_ms < whole_ms:
                    break
            else:
                raise AssertionError("the small calls ended after %g ms, the large one after %g ms" % (small_ms, whole_ms))


# With firmware/main.py.


def a_picture_is_its_clients_though_another_takes_one(given):
    mode = "sensor.RGB565,sensor.QVGA"
    with given.daemon.client() as other:
        for _ in range(5):
            taken = [ask(given.client, "jpeg_image_snapshot", args=mode), ask(other, "raw_image_snapshot", args=SMALL_RAW)]
            check_equal(given.client.reply(taken[0])["result"]["value"], {"size": len(SCENE_JPEG)})
            check_equal(other.reply(taken[1])["result"]["value"], {"width": 160, "height": 120, "size": 19200,
                                                                  "pixformat": SMALL_RAW["pixformat"]})
            reads = [ask(given.client, "jpeg_image_read"), ask(other, "raw_image_read")]
            check_equal(value_bytes(given.client.reply(reads[0])), SCENE_JPEG)
            pixels = value_bytes(other.reply(reads[1]))
            check_equal((len(pixels), pixels[:512]), (19200, bytes(i * 7 & 0xFF for i in range(512))))
            piece = {"offset": 100, "size": 50}
            check_equal(value_of(given.client, "jpeg_image_read", args=piece), SCENE_JPEG[100:150])
            check_equal(value_of(other, "raw_image_read", args=piece), pixels[100:150])


# With scripts/stock.py.


@contextlib.contextmanager
def stock_bench():
    with Camera(*script("stock"), "--usb", with_master=False) as camera, \
            Daemon(config=config_of(camera.path, callbacks={})) as daemon, daemon.client() as client:
        wait_for_camera(client)
        echo(client, "who is there?")
        yield Bench(daemon, client)


def a_camera_without_the_extensions_is_called_the_stock_way(given):
    row = given.client.result("cameras")[0]
    check_equal([row[member] for member in ("state", "firmware", "board", "id", "library")], ["online"] + [None] * 4)
    check("camera" not in {row["origin"] for row in given.client.result("callbacks")}, "it cannot have said what it has")
    for number in range(1, 51):
        check_equal(value_of(given.client, "count"), struct.pack("<I", number))
        echo(given.client, "call %d" % number)
    check_equal(value_of(given.client, "sized", data=number_as_data(100_000)), bytes(range(250)) * 400)
    # Its way to say that a callback raised, or is not there.
    for name in ("raises", "ehco"):
        check_equal(given.client.reply(ask(given.client, name))["result"]["value"], None)


# On a line that loses and damages packets.


@contextlib.contextmanager
def faulty_bench(link):
    with Camera(*script("sessions"), link, with_master=False) as camera, \
            FaultyLine(camera.path, LINE_SEED, FAULTY) as line, \
            Daemon(config=config_of(line.path, callbacks={})) as daemon, daemon.client() as client:
        wait_for_introduction(client)
        yield Bench(daemon, client, line)


def a_counter_never_jumps(given):
    counts = []
    for _ in range(0, FAULTY_CALLS, 50):
        asked = [ask(given.client, "count", data="AAA=", reply="base64") for _ in range(50)]
        counts += [struct.unpack_from("<I", value_bytes(given.client.reply(number)))[0] for number in asked]
    check_equal(counts, list(range(1, FAULTY_CALLS + 1)))
    faults = given.line.faults.count
    check(faults > FAULTY_CALLS * FAULTY, "the line had only %d faults" % faults)


# A camera that dies.


@contextlib.contextmanager
def empty_bench():
    """The line is the path where the daemon expects its camera."""
    with tempfile.TemporaryDirectory(prefix="openmvd-test-") as folder:
        node = os.path.join(folder, "camera")
        with Daemon(config=config_of(node, callbacks={})) as daemon, daemon.client() as client:
            yield Bench(daemon, client, node)


@contextlib.contextmanager
def plugged(node, *arguments):
    """A camera at that path, killed at the end, whatever it does."""
    with Camera(*arguments, with_master=False) as camera:
        os.symlink(camera.path, node)
        try:
            yield camera
        finally:
            # As udev does. The pty's own path may soon be somebody else's.
            os.unlink(node)


def call_until_good(client, what):
    """Calls until one succeeds; checks that meanwhile nothing ends in a way that it may not."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        reply = client.request("call", {"name": "echo", "data": "YWJj", "timeout_ms": SHORT_MS})
        if "result" in reply:
            check_equal(value_bytes(reply), b"abc")
            return
        check(reason_of(reply) in AWAY, reply)
        check(time.monotonic() < deadline, "waited in vain for %s; the last call: %s" % (what, reply))


def kill_and_bring_back(given):
    client = given.client
    with given.daemon.client() as caller, given.daemon.client() as other:
        with plugged(given.line, *script("sessions"), "--usb") as camera:
            call_until_good(client, "the camera to serve")
            check_equal(value_of(client, "count", data="AAA="), b"\1\0\0\0\0\0")
            slow = ask(caller, "stand_still", data=number_as_data(50000))
            wait_until(lambda: camera.printed("stands still"), "the slow call to begin")
            check_equal(failure_of(other, "counter", timeout_ms=SHORT_MS)["data"]["reason"], "not_delivered")
            waiting = [(one, ask(one, "count", data="AAA=", reply="base64")) for one in (client, other) for _ in range(10)]
        check_equal(reason_of(caller.reply(slow)), "result_unknown")
        reason = failure_of(caller, "counter", timeout_ms=SHORT_MS)["data"]["reason"]
        check(reason in AWAY, reason)
        with plugged(given.line, *script("sessions"), "--usb"):
            call_until_good(caller, "the same camera to serve again")
            # None of these had been begun, so they have waited; the camera has forgotten how far it had counted.
            counts = [value_bytes(one.reply(number)) for one, number in waiting]
            check_equal(sorted(counts), [bytes((number, 0, 0, 0, 0, 0)) for number in range(1, 21)])
        with plugged(given.line, *script("exerciser"), "--stdio"):
            call_until_good(other, "another camera to serve")
            wait_until(lambda: client.result("cameras")[0]["firmware"] == "5.0.0", "the new description")
            names = {row["name"] for row in client.result("callbacks") if row["origin"] == "camera"}
            check("let_turns_raise" in names and "stand_still" not in names, names)
            check_equal(failure_of(caller, "stand_still")["data"]["reason"], "no_such_callback")
            check_equal(value_of(client, "another name"), b"text")


def a_camera_that_is_killed_in_a_call_is_served_again_when_it_is_back(_):
    # A camera that needs more than two seconds to say what it is, as on a very busy machine, is called the stock way until
    # it has; then a call that waits for what it had before is refused.
    for attempt in range(3):
        with empty_bench() as given:
            try:
                kill_and_bring_back(given)
                return
            except AssertionError as error:
                log = given.daemon.log()
                if attempt == 2 or "it does not say what it is (not_delivered)" not in log:
                    raise AssertionError("%s\n%s" % (error, log)) from error


ON_EVERY_LINK = [
    the_camera_says_what_it_is,
    callbacks_have_the_schemas_of_the_script,
    an_exception_comes_with_its_name_and_message,
    a_name_that_the_script_has_not_is_refused,
]
LARGE = [small_calls_are_answered_between_the_pieces_of_large_results]
LINKS = ("usb", "stdio", "uart")
GROUPS = [(link, lambda link=link: bench(*script("sessions"), "--" + link), ON_EVERY_LINK) for link in LINKS]
GROUPS += [("large " + link, lambda link=link: bench(*script("exerciser"), "--" + link), LARGE) for link in LINKS]
GROUPS += [
    ("pictures", bench, [a_picture_is_its_clients_though_another_takes_one]),
    ("stock camera", stock_bench, [a_camera_without_the_extensions_is_called_the_stock_way]),
    ("faulty usb", lambda: faulty_bench("--usb"), [a_counter_never_jumps]),
    ("faulty uart", lambda: faulty_bench("--uart"), [a_counter_never_jumps]),
    ("death", contextlib.nullcontext, [a_camera_that_is_killed_in_a_call_is_served_again_when_it_is_back]),
]

if __name__ == "__main__":
    sys.exit(run(GROUPS, programs=("openmvd",)))
