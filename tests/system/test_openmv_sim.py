#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The simulated camera as a program: asked by a stock master over its pty, streamed, unplugged, mistreated."""

import binascii
import fcntl
import json
import os
import pathlib
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
PROGRAM = BUILD / "openmv-sim"
sys.path.insert(0, str(ROOT / "tests" / "firmware"))

from stock_master import DATA_POLL, HEADER_POLL, StockMaster, command_header, command_id  # noqa: E402

# A sanitized program on a busy machine takes its time.
PATIENCE_S = 30
GRAYSCALE, RGB565 = 0x08020001, 0x0C030002
QQVGA = 10
RED = struct.pack("<bbbbbb", 30, 100, 15, 127, 15, 127)


def check_equal(got, expected):
    if got != expected:
        raise AssertionError("got %.200r, expected %.200r" % (got, expected))


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def u32(*values):
    return struct.pack("<%dI" % len(values), *values)


def wait_for(condition, what, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("after %d s there was still not: %s" % (seconds, what))
        time.sleep(0.005)


class Camera:
    """A running openmv-sim and a stock master on its port."""

    def __init__(self, *arguments, port=None):
        self.process = subprocess.Popen(
            [str(PROGRAM), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        self.path = self.read_path()
        self.master = StockMaster(self.path if port is None else port)

    def read_path(self):
        if not select.select([self.process.stdout], [], [], PATIENCE_S)[0]:
            self.process.kill()
            raise AssertionError("no port within %d s" % PATIENCE_S)
        return self.process.stdout.readline().decode().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.master.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


def refused(*arguments):
    result = subprocess.run([str(PROGRAM), *arguments], capture_output=True, text=True, timeout=PATIENCE_S)
    check_equal(result.returncode, 2)
    check_equal(result.stdout, "")
    return result.stderr


def check_jpeg(data):
    check(data[:3] == b"\xff\xd8\xff" and data[-2:] == b"\xff\xd9", "not a whole JPEG: %.20r" % data)
    if shutil.which("djpeg"):
        decoded = subprocess.run(["djpeg"], input=data, capture_output=True, timeout=PATIENCE_S)
        check(decoded.returncode == 0 and not decoded.stderr, "djpeg: %r" % decoded.stderr)


def port_is_a_raw_terminal_named_alone_on_the_first_line():
    with Camera() as camera:
        check(camera.path.startswith("/dev/pts/"), "path %r" % camera.path)
        check_equal(camera.master.call("echo", bytes(range(256))), bytes(range(256)))


def detections_are_packed_as_documented():
    with Camera("--delay", "0") as camera:
        call = camera.master.call
        x, y, width, height = struct.unpack("<HHHH", call("face_detection"))
        check(x + width <= 320 and y + height <= 240 and width > 0 and height > 0, "face outside of the picture")
        x, y, tag, rotation = struct.unpack("<HHHH", call("apriltag_detection"))
        check(x < 320 and y < 240 and tag < 587 and rotation < 360, "impossible tag")
        x, y = struct.unpack("<HH", call("color_detection", RED))
        check(x < 320 and y < 240, "blob outside of the picture")
        check(call("qrcode_detection").startswith(b"https://"), "QR text")
        check(call("datamatrix_detection").startswith(b"LOT-"), "data matrix text")
        check(call("barcode_detection").isdigit(), "barcode text")
        check(call("person_detection") in (b"person", b"no_person", b"unsure"), "person text")


def lists_are_json_and_agree_with_the_single_detections():
    with Camera("--delay", "0") as camera:
        for kind in ("qrcode", "datamatrix", "barcode"):
            (item,) = json.loads(camera.master.call("all_%s_detection" % kind))
            check_equal(item["payload"].encode(), camera.master.call("%s_detection" % kind))
        (item,) = json.loads(camera.master.call("all_apriltag_detection"))
        check_equal(item["id"], struct.unpack("<HHHH", camera.master.call("apriltag_detection"))[2])
        check(0 <= item["rotation"] < 6.3, "rotation is not in radians")


def color_detection_honours_its_thresholds():
    with Camera("--delay", "0") as camera:
        call = camera.master.call
        check_equal(len(call("color_detection", RED)), 4)
        check_equal(call("color_detection", struct.pack("<bbbbbb", 0, 100, -128, 127, -128, -60)), b"")


def malformed_arguments_give_empty_results():
    with Camera("--delay", "0") as camera:
        call = camera.master.call
        call("jpeg_image_snapshot", b"sensor.RGB565,sensor.QQVGA")
        for name, argument in (
            ("color_detection", b""),
            ("color_detection", RED + b"\0"),
            ("jpeg_image_snapshot", b""),
            ("jpeg_image_snapshot", b"sensor.RGB565,sensor.HUGE"),
            ("jpeg_image_snapshot", b"print(1),sensor.QVGA"),
            ("raw_image_snapshot", u32(RGB565)),
            ("raw_image_snapshot", u32(0xFFFFFFFF, 0xFFFFFFFF)),
            ("jpeg_image_read", u32(0)),
            ("jpeg_image_read", u32(0xFFFFFFFF, 1)),
            ("jpeg_image_read", u32(0, 0)),
            ("raw_image_read", u32(0, 100)),
            ("jpeg_image_stream", b"sensor.RGB565"),
            ("sleep", b"\1"),
            ("sleep", u32(0xFFFFFFFF)),
            ("blob", u32(0xFFFFFFFF)),
            ("no such callback", b""),
        ):
            check_equal((name, argument, call(name, argument)), (name, argument, b""))
        check_equal(call("echo", b"alive"), b"alive")


def snapshot_is_a_jpeg():
    with Camera() as camera:
        check_jpeg(camera.master.call("jpeg_snapshot"))


def held_jpeg_is_the_same_in_pieces_and_by_cut_through():
    with Camera("--delay", "0") as camera:
        call = camera.master.call
        (size,) = struct.unpack("<I", call("jpeg_image_snapshot", b"sensor.GRAYSCALE,sensor.QVGA"))
        pieces = b"".join(call("jpeg_image_read", u32(offset, 1000)) for offset in range(0, size, 1000))
        check_equal(len(pieces), size)
        check_jpeg(pieces)
        check_equal(call("jpeg_image_read", u32(size - 3, 0xFFFFFFFF)), pieces[-3:])
        check_equal(call("jpeg_image_read"), b"")
        check_equal(camera.master.read_exactly(size, PATIENCE_S), pieces)
        check_equal(call("echo", b"after"), b"after")


def raw_image_has_the_pixels_it_says():
    with Camera("--delay", "0") as camera:
        call = camera.master.call
        for pixel_format, pixel_size in ((RGB565, 2), (GRAYSCALE, 1)):
            header = struct.unpack("<IIII", call("raw_image_snapshot", u32(pixel_format, QQVGA)))
            check_equal(header, (160, 120, pixel_format, 160 * 120 * pixel_size))
            whole = call("raw_image_read", u32(0, header[3]))
            check_equal(len(whole), header[3])
            check(len(set(whole)) > 10, "a picture of hardly any colours")
            check_equal(call("raw_image_read"), b"")
            check_equal(camera.master.read_exactly(header[3], PATIENCE_S), whole)


def stream_gives_frames_until_it_is_stopped():
    with Camera("--fps", "200") as camera:
        frames = camera.master.read_whole_stream("jpeg_image_stream", b"sensor.RGB565,sensor.QQVGA", 2, 10)
        check(len(frames) in (10, 11), "%d frames" % len(frames))
        for frame in frames:
            check_jpeg(frame)
        check_equal(camera.master.call("echo", b"after"), b"after")


def stream_keeps_the_rate_it_was_told():
    with Camera("--fps", "20") as camera:
        camera.master.call("jpeg_image_stream", b"sensor.RGB565,sensor.QQVGA")
        begin = time.monotonic()
        camera.master.read_stream(2, 11)
        check(time.monotonic() - begin >= 0.45, "ten intervals of 50 ms in %.3f s" % (time.monotonic() - begin))


def sleep_answers_after_its_time_and_delay_sets_that_of_detections():
    with Camera("--delay", "150") as camera:
        begin = time.monotonic()
        check_equal(camera.master.call("sleep", u32(100)), u32(100))
        slept = time.monotonic() - begin
        begin = time.monotonic()
        camera.master.call("barcode_detection")
        check(slept >= 0.1, "sleep took %.3f s" % slept)
        check(time.monotonic() - begin >= 0.15, "barcode_detection took %.3f s" % (time.monotonic() - begin))


def blob_has_the_documented_pattern():
    with Camera() as camera:
        size = 200_000
        expected = bytes((i ^ i >> 8 ^ i >> 16) & 0xFF for i in range(size))
        check_equal(camera.master.call("blob", u32(size), 20), expected)


def count_on(master, before):
    """The counter after one more call: one more than before, or a little more where the master had to ask anew."""
    count = struct.unpack("<I", master.call("counter"))[0]
    check(before < count <= before + 3, "%d after %d" % (count, before))
    return count


def counter_counts_each_run():
    with Camera() as camera:
        count = 0
        for _ in range(3):
            count = count_on(camera.master, count)


def port_can_be_closed_and_opened_again():
    with Camera() as camera:
        count = 0
        for _ in range(5):
            count = count_on(camera.master, count)
            camera.master.close()
            camera.master = StockMaster(camera.path)


SESSION = 0x5E551011
DONE, RAISED, NO_SESSION = 0, 1, 4


def seal(data):
    return data + u32(binascii.crc32(data))


def by_number(master, number, name, argument=b"", session=SESSION, piece=4096):
    """Status, length of the whole and data of a numbered call."""
    envelope = u32(session, number, 0, piece, command_id(name)) + argument
    return unsealed(master.call("omvrpc.call", seal(envelope)), session, number, 0)


def read_piece(master, number, offset, session=SESSION, piece=4096):
    reply = master.call("omvrpc.read", seal(u32(session, number, 0, piece, offset)))
    return unsealed(reply, session, number, offset)


def unsealed(reply, *expected):
    check_equal(seal(reply[:-4]), reply)
    session, number, status, total, offset = struct.unpack_from("<IIIII", reply)
    check_equal((session, number, offset), expected)
    return status, total, reply[20:-4]


def whole(master, number, first):
    """The whole result, of which the first bytes are there."""
    status, total, data = first
    check_equal(status, DONE)
    while len(data) < total:
        status, again, more = read_piece(master, number, len(data))
        check(status == DONE and again == total and more, "status %d, %d bytes of %d" % (status, len(data), again))
        data += more
    return data


def documented_callbacks():
    """Names of the tables in the README, each with what is documented as its argument and result."""
    rows = {}
    for line in (ROOT / "sim" / "README.md").read_text().split("## Callbacks")[1].split("## Extensions")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`(\w+)`", cells[0]) if line.startswith("| `") else []:
            rows[name] = cells[1:]
    return rows


def every_callback_is_described_as_documented():
    with Camera("--seed", "254") as camera:
        description = json.loads(camera.master.call("omvrpc.describe"))
        check_equal(json.loads(whole(camera.master, 0, by_number(camera.master, 0, ""))), description)
        check_equal([description[key] for key in ("extensions", "board", "id")], [1, "OpenMV simulator", "%016X" % 254])
        check_equal(description["limits"], {"argument": 1 << 20, "piece": 4096, "held": 2})
        documented = documented_callbacks()
        check_equal(sorted(description["callbacks"]), sorted(documented))
        for name, entry in description["callbacks"].items():
            check(entry["doc"], name)
            for member, cell in zip(("args", "result"), documented[name]):
                schema = entry.get(member)
                if isinstance(schema, dict):
                    check("`%s`" % schema["format"] in cell, "%s: %s" % (name, schema))
                    check_equal(len(struct.unpack(schema["format"], bytes(struct.calcsize(schema["format"])))),
                                len(schema["fields"]))
        check_equal([name for name, entry in description["callbacks"].items() if not set(entry) - {"doc"}],
                    ["echo", "sleep", "blob", "counter"])
        check_equal([name for name, entry in description["callbacks"].items() if "schedules" in entry],
                    ["jpeg_image_read", "jpeg_image_stream", "raw_image_read"])


def calls_by_number_run_once_and_arrive_whole():
    with Camera() as camera:
        master = camera.master
        by_number(master, 0, "")
        first = by_number(master, 1, "counter")
        check_equal(first, (DONE, 4, u32(1)))
        check_equal(by_number(master, 1, "counter"), first)
        check_jpeg(whole(master, 2, by_number(master, 2, "jpeg_snapshot", piece=500)))
        size = 20_000
        pieces = by_number(master, 3, "blob", u32(size))
        check_equal(len(pieces[2]), 4096)
        check_equal(by_number(master, 4, "counter"), (DONE, 4, u32(2)))
        check_equal(whole(master, 3, pieces), bytes((i ^ i >> 8 ^ i >> 16) & 0xFF for i in range(size)))


def a_callback_that_fails_says_why():
    with Camera() as camera:
        by_number(camera.master, 0, "")
        for number, (argument, said) in enumerate((
                (b"ValueError: no dial 7", b"ValueError: no dial 7"), (b"no dial", b"RuntimeError: no dial"),
                (b"", b"RuntimeError: told to fail"), (b"KeyError: a: b", b"KeyError: a: b")), 1):
            check_equal(by_number(camera.master, number, "fail", argument), (RAISED, len(said), said))
        check_equal(camera.master.call("fail", b"unheard"), b"")


def a_stock_camera_has_no_extensions():
    with Camera("--stock") as camera:
        for name in ("omvrpc.describe", "omvrpc.call", "omvrpc.read"):
            check_equal(camera.master.call(name, seal(u32(SESSION, 0, 0, 4096, 0))), b"")
        check_equal(camera.master.call("echo", b"alive"), b"alive")


def check_resident(process):
    status = pathlib.Path("/proc/%d/status" % process.pid).read_text()
    kilobytes = int(status.split("VmRSS:")[1].split()[0])
    check(kilobytes < 20_000, "%d kB resident" % kilobytes)


def begin_result(master, name, argument):
    """Has a call made and polls once; returns the first bytes of what comes then. Who polls too late for the camera, since this
    process was held up, makes the call again."""
    for _ in range(3):
        if master.put_command(name, argument):
            master.flush()
            master.write(HEADER_POLL + DATA_POLL)
            begun = master.read(8, 5)
            if begun:
                return begun
    return b""


def output_that_nobody_reads_is_dropped_and_the_camera_goes_on():
    with Camera() as camera:
        for _ in range(3):
            # Seen to have begun, the result is never read.
            check(begin_result(camera.master, "blob", u32(4 << 20)), "no result began")
            camera.master.close()
            camera.master = StockMaster(camera.path)
            check_equal(camera.master.call("echo", b"alive", 10), b"alive")
        # Sanitizers keep freed memory for a while, so that its size says nothing there.
        if not any(name in PROGRAM.read_bytes() for name in (b"__asan_init", b"__tsan_init")):
            check_resident(camera.process)


def garbage_is_survived():
    with Camera() as camera:
        camera.master.write(bytes(i * 7 & 0xFF for i in range(5000)))
        camera.master.write(command_header("echo", 0xFFFFFFFF) + command_header("echo", 1 << 30))
        check_equal(camera.master.call("echo", b"alive", 10), b"alive")


def faults_strike_the_line():
    for faults in ("drop=100%", "damage=100%", "stall=60s@100%"):
        with Camera("--faults", faults) as camera:
            check(not camera.master.put_command("echo", b"lost", 0.3), "answered in spite of " + faults)


def slow_line_takes_its_time():
    with Camera("--faults", "slow=19200") as camera:
        begun = begin_result(camera.master, "blob", u32(960))
        begin = time.monotonic()
        rest = 8 + 964 - len(begun)
        check_equal(len(camera.master.read_exactly(rest, 5)), rest)
        check(time.monotonic() - begin >= 0.45, "960 bytes at 19200 baud in %.3f s" % (time.monotonic() - begin))


def unplugging_hangs_up_and_replugging_brings_the_camera_back():
    with tempfile.TemporaryDirectory() as folder:
        link = pathlib.Path(folder) / "camera"
        with Camera("--link", str(link), "--replug-after", "300") as camera:
            check_equal(os.readlink(link), camera.path)
            count = count_on(camera.master, 0)
            check_equal(by_number(camera.master, 0, "")[0], DONE)
            camera.process.send_signal(signal.SIGUSR1)
            check(select.select([camera.master.fd], [], [], PATIENCE_S)[0], "no hang-up")
            try:
                check_equal(os.read(camera.master.fd, 1), b"")
            except OSError:
                pass
            path = camera.read_path()
            check_equal(os.readlink(link), path)
            camera.master.close()
            camera.master = StockMaster(str(link))
            count_on(camera.master, count)
            check_equal(by_number(camera.master, 1, "counter")[0], NO_SESSION)
            check_equal(camera.end(signal.SIGTERM), 0)
            check(not link.is_symlink(), "the link was left behind")


def an_unplugged_camera_has_no_link():
    with tempfile.TemporaryDirectory() as folder:
        link = pathlib.Path(folder) / "camera"
        with Camera("--link", str(link), "--replug-after", "3600000") as camera:
            check_equal(os.readlink(link), camera.path)
            camera.process.send_signal(signal.SIGUSR1)
            wait_for(lambda: not link.is_symlink(), "the link is gone")


def rates_of(terminal):
    """Of a terminal: bits a second in either direction, which termios of Python tells of a few rates only."""
    tcgets2 = 0x802C542A
    return struct.unpack_from("II", fcntl.ioctl(terminal, tcgets2, bytes(44)), 36)


def device_is_answered_at_and_silent_while_unplugged():
    ours, theirs = os.openpty()
    node = os.ttyname(theirs)
    with Camera("--device", node, "--baud", "57600", "--replug-after", "300", port=ours) as camera:
        check_equal(camera.path, node)
        check_equal(rates_of(theirs), (57600, 57600))
        check_equal(camera.master.call("echo", b"over a cable"), b"over a cable")
        camera.process.send_signal(signal.SIGUSR1)
        check_equal(camera.read_path(), node)
        check_equal(camera.master.call("echo", b"again"), b"again")
        check_equal(camera.end(signal.SIGTERM), 0)
    os.close(theirs)


def device_that_cannot_be_had_is_named():
    result = subprocess.run([str(PROGRAM), "--device", "/dev/null"], capture_output=True, text=True, timeout=PATIENCE_S)
    check_equal(result.returncode, 1)
    check("/dev/null" in result.stderr, result.stderr)


def link_replaces_only_a_link():
    with tempfile.TemporaryDirectory() as folder:
        link = pathlib.Path(folder) / "camera"
        link.write_text("precious")
        result = subprocess.run([str(PROGRAM), "--link", str(link)], capture_output=True, text=True, timeout=PATIENCE_S)
        check_equal(result.returncode, 1)
        check("File exists" in result.stderr, result.stderr)
        check_equal(link.read_text(), "precious")
        link.unlink()
        link.symlink_to("/nowhere")
        with Camera("--link", str(link)) as camera:
            check_equal(os.readlink(link), camera.path)


def signals_end_it_cleanly():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Camera() as camera:
            check_equal(camera.end(number), 0)
    with Camera("--replug-after", "3600000") as camera:
        camera.process.send_signal(signal.SIGUSR1)
        check(select.select([camera.master.fd], [], [], PATIENCE_S)[0], "no hang-up")
        check_equal(camera.end(signal.SIGTERM), 0)


def bad_options_are_refused_with_help():
    check('did you mean "drop"' in refused("--faults", "drp=1%"), "no suggestion")
    check("1 to 1000" in refused("--fps", "0"), "no range")
    check("1 to 1000" in refused("--fps", "1e3"), "no range")
    check("300 to" in refused("--baud", "0"), "no range")
    check("--device" in refused("--baud", "9600"), "no hint")
    check("--device" in refused("--link", "port", "--device", "/dev/null"), "no hint")
    check("--help" in refused("--nonsense"), "no hint")
    check("--help" in refused("stray"), "no hint")


def help_names_every_option():
    result = subprocess.run([str(PROGRAM), "--help"], capture_output=True, text=True, timeout=PATIENCE_S)
    check_equal(result.returncode, 0)
    for word in ("--link", "--device", "--baud", "--seed", "--fps", "--delay", "--faults", "--stock", "--replug-after",
                 "--version", "stall=T@P%"):
        check(word in result.stdout, "%s is missing" % word)
    version = subprocess.run([str(PROGRAM), "--version"], capture_output=True, text=True, timeout=PATIENCE_S)
    check(version.stdout.startswith("openmv-sim ") and version.returncode == 0, version.stdout)


TESTS = [
    port_is_a_raw_terminal_named_alone_on_the_first_line,
    detections_are_packed_as_documented,
    lists_are_json_and_agree_with_the_single_detections,
    color_detection_honours_its_thresholds,
    malformed_arguments_give_empty_results,
    snapshot_is_a_jpeg,
    held_jpeg_is_the_same_in_pieces_and_by_cut_through,
    raw_image_has_the_pixels_it_says,
    stream_gives_frames_until_it_is_stopped,
    stream_keeps_the_rate_it_was_told,
    sleep_answers_after_its_time_and_delay_sets_that_of_detections,
    blob_has_the_documented_pattern,
    counter_counts_each_run,
    every_callback_is_described_as_documented,
    calls_by_number_run_once_and_arrive_whole,
    a_callback_that_fails_says_why,
    a_stock_camera_has_no_extensions,
    port_can_be_closed_and_opened_again,
    output_that_nobody_reads_is_dropped_and_the_camera_goes_on,
    garbage_is_survived,
    faults_strike_the_line,
    slow_line_takes_its_time,
    unplugging_hangs_up_and_replugging_brings_the_camera_back,
    an_unplugged_camera_has_no_link,
    device_is_answered_at_and_silent_while_unplugged,
    device_that_cannot_be_had_is_named,
    link_replaces_only_a_link,
    signals_end_it_cleanly,
    bad_options_are_refused_with_help,
    help_names_every_option,
]


def main():
    failures = 0
    for number, test in enumerate(TESTS, 1):
        try:
            test()
            print("ok %d - %s" % (number, test.__name__), flush=True)
        except Exception as error:
            failures += 1
            print("not ok %d - %s" % (number, test.__name__), flush=True)
            print("# %s: %s" % (type(error).__name__, error), flush=True)
    print("1..%d" % len(TESTS))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
