#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Wire captures: recorded by the daemon, shown by openmvctl, played again by openmv-sim."""

import glob
import json
import os
import re
import signal
import subprocess
import tempfile
import time

from cameras import SimulatedCamera, serial
from openmvd import PATIENCE_S, ROOT, Daemon, Tap, program, tried, wait_for_camera, wait_until

CAPTURES = os.path.join(ROOT, "tests/data/captures")
FIRST_LINE = "# openmvd wire capture 1"
LINE = re.compile(r"#.*|\d+\.\d{6} ([<>] ([0-9a-f]{2}){1,64}|! [ -~]+)")

# A call of face_detection, answered with x 9, y 7, w 60, h 75, as a person might have written it down.
HEADER, DATA = "091254543448000000009e84", "d1ab983f"
POLLS = "219061abba1d552f"
GOOD = f"""{FIRST_LINE}
# somebody's camera

0.000000 ! online
0.001000 > {HEADER}{DATA}
0.002000 < 0912e495d1ab983f
0.002000 > {POLLS}
0.030000 < 219008000000f1dd
0.031000 < ba1d090007003c004b00
0.031000 < RESULTCRC
"""


def crc(data):
    value = 0xffff
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ (0x1021 if value & 0x8000 else 0)) & 0xffff
    return value


GOOD = GOOD.replace("RESULTCRC", crc(bytes.fromhex("ba1d090007003c004b00")).to_bytes(2, "little").hex())


def openmvctl(*arguments, path=None, **others):
    command = [program("openmvctl"), *(["--socket", path] if path else []), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, **others)


class Capture:
    """A capture in a file of its own, for a with block; gives its path."""

    def __init__(self, text):
        self.text = text

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="openmvd-capture-")
        path = os.path.join(self.folder.name, "capture.txt")
        with open(path, "wb") as file:
            file.write(self.text if isinstance(self.text, bytes) else self.text.encode())
        return path

    def __exit__(self, *_):
        self.folder.cleanup()


def traced(client, calls=(), **params):
    """Records while calls are made and returns the result of the trace."""
    request = client.send_request("trace", dict({"duration_ms": 60000}, **params))
    for name in calls:
        client.result("call", {"name": name})
    client.result("cancel", {"id": request})
    reply = client.reply(request)
    assert "result" in reply, reply
    return reply["result"]


def a_trace_is_a_capture_as_documented():
    with Daemon() as daemon, daemon.client() as client:
        wait_for_camera(client)
        result = traced(client, ["face_detection", "jpeg_snapshot"])
        lines = result["capture"].splitlines()
        assert lines[0] == FIRST_LINE, lines[0]
        assert "# camera: camera" in lines and "# link: simulated camera" in lines, lines[:8]
        for line in lines:
            assert LINE.fullmatch(line), line
        sizes = {mark: sum(len(line.split()[2]) // 2 for line in lines if f" {mark} " in line[:14]) for mark in "<>"}
        assert sizes == {"<": result["bytes_received"], ">": result["bytes_sent"]}, (sizes, result)
        assert result["bytes_received"] > 5000 and result["ended"] == "cancelled", result
        times = [float(line.split()[0]) for line in lines if line[0] != "#"]
        assert times == sorted(times) and times[-1] * 1000 <= result["duration_ms"], result


def a_trace_ends_by_its_duration():
    with Daemon() as daemon, daemon.client() as client:
        result = client.result("trace", {"duration_ms": 50})
        assert result["ended"] == "duration" and result["duration_ms"] >= 40, result


def a_trace_ends_when_it_is_full_and_keeps_whole_lines():
    with Daemon() as daemon, daemon.client() as client:
        wait_for_camera(client)
        request = client.send_request("trace", {"duration_ms": 3600000, "max_bytes": 2048})
        client.result("call", {"name": "jpeg_snapshot"})
        result = client.reply(request)["result"]
        assert result["ended"] == "max_bytes", result
        assert 1500 < len(result["capture"]) <= 2048 and result["capture"].endswith("\n"), result


def states_are_events_in_a_trace():
    with Daemon() as daemon, daemon.client() as client:
        wait_for_camera(client)
        request = client.send_request("trace", {"duration_ms": 60000})
        client.result("release")
        client.result("acquire")
        wait_for_camera(client)
        client.result("cancel", {"id": request})
        text = client.reply(request)["result"]["capture"]
        events = [line.split(" ! ")[1] for line in text.splitlines() if " ! " in line]
        assert events[0].startswith("released: ") and events[-1] == "online", events


def a_fifth_trace_of_a_camera_is_refused_until_one_ends_with_its_client():
    with Daemon() as daemon, daemon.client() as client:
        with daemon.client() as other:
            for _ in range(4):
                other.send_request("trace", {"duration_ms": 3600000})
            other.result("ping")
            error = client.error("trace")
            assert error["data"]["reason"] == "queue_full", error
        wait_until(lambda: "result" in client.request("trace", {"duration_ms": 1}), "a trace after the client has gone")


def params_out_of_range_are_refused():
    with Daemon(config={"limits": {"output_bytes": 1 << 20, "payload_bytes": 65536}}, simulate=True) as daemon:
        with daemon.client() as client:
            for params in ({"duration_ms": 0}, {"duration_ms": 3600001}, {"max_bytes": 1023}, {"max_bytes": 1 << 23},
                           {"max_bytes": (1 << 19) + 1}):
                assert client.error("trace", params)["data"]["reason"] == "invalid_params", params
            assert client.error("trace", {"camera": "none"})["data"]["reason"] == "no_such_camera"


def a_daemon_that_stops_answers_its_traces_first():
    def seconds_to_stop():
        with Daemon() as daemon, daemon.client() as client:
            request = client.send_request("trace", {"duration_ms": 3600000})
            client.result("ping")
            begun = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            assert client.reply(request)["result"]["ended"] == "stopping"
            assert client.read() is None
            daemon.process.wait(PATIENCE_S)
            return time.monotonic() - begun
    # It would wait for the trace for 2 s.
    tried(seconds_to_stop, lambda seconds: seconds < 1.9)


def openmvctl_writes_what_it_has_when_interrupted():
    with Daemon() as daemon, daemon.client() as client, Capture("") as path:
        wait_for_camera(client)
        process = subprocess.Popen([program("openmvctl"), "--socket", daemon.path, "trace", "camera", path, "--for", "1h"],
                                   stdout=subprocess.PIPE, text=True)
        # It is under way once there is another client with a request that is not answered.
        wait_until(lambda: any(row["open"] and not row["you"] for row in client.result("stats")["clients"]), "the trace")
        client.result("call", {"name": "face_detection"})
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=PATIENCE_S)[0]
        assert process.returncode == 0 and "ended by: cancelled" in output, output
        shown = openmvctl("replay", path).stdout
        assert ", face_detection\n" in shown, shown


def a_capture_is_shown_in_words_with_gaps_and_counts():
    with Capture(GOOD) as path:
        shown = openmvctl("replay", path)
        assert shown.returncode == 0, shown
        for words in ("# somebody's camera", "!  online", "+28.000 ms  <- result header: 8 bytes",
                      "<- result data: 8 bytes: 09 00 07 00 3c 00 4b 00", "longest silence 0.028 s before line 8",
                      "from the camera  28 bytes, 4 packets, 0 bytes in no whole packet"):
            assert words in shown.stdout, (words, shown.stdout)
        counts = json.loads(openmvctl("replay", "--json", path).stdout)
        assert counts["from_camera"] == {"bytes": 28, "packets": 4, "bytes_in_no_packet": 0}, counts


def damaged_and_foreign_bytes_are_marked():
    with Capture(GOOD.replace("ba1d0900", "ba1d0901") + "0.040000 < 4d6963726f507974686f6e0d0a\n") as path:
        shown = openmvctl("replay", path).stdout
        assert "25 bytes in no whole packet" in shown and "<- no whole packet, 25 bytes: ba 1d 09 01" in shown, shown


def what_is_no_capture_is_refused_with_the_line_by_both():
    faults = {
        2: FIRST_LINE + "\n0.1 > 00\n", 3: FIRST_LINE + "\n0.000001 > 00\n0.000000 > 00\n",
        4: FIRST_LINE + "\n\n\n0.000000 > 0\n", 5: FIRST_LINE + "\n\n\n\n0.000000 ! a\x1bb\n",
        6: FIRST_LINE + "\n\n\n\n\n" + "# " + "x" * 511 + "\n", 7: FIRST_LINE + "\n" * 6 + "0.000000 > " + "00" * 65 + "\n",
        1: "# openmvd wire capture 2\n",
    }
    for line, text in faults.items():
        with Capture(text) as path:
            for command in ([program("openmvctl"), "replay", path], [program("openmv-sim"), "--replay", path]):
                run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
                assert run.returncode == 1 and f"line {line}:" in run.stderr and run.stdout == "", (line, run)
    for path in ("/nonexistent/capture", ROOT):
        assert openmvctl("replay", path).returncode == 1, path


def expectations(path):
    """The calls that a capture's comments name, and their values."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    calls = [json.loads(line[8:]) for line in lines if line.startswith("# call: ")]
    values = [json.loads(line[9:]) for line in lines if line.startswith("# value: ")]
    assert calls and len(calls) == len(values), path
    return zip(calls, values)


def ask_as_captured(path, expected):
    """Plays a capture to a daemon that makes these calls, and compares the answers."""
    with SimulatedCamera("--replay", path) as camera:
        with Daemon(config={"cameras": {"camera": serial(camera.path)}}) as daemon, daemon.client() as client:
            wait_for_camera(client)
            for call, value in expected:
                answer = client.request("call", dict(call, timeout_ms=20000))
                assert "result" in answer and answer["result"]["value"] == value, (path, call, answer, camera.diagnosis())
        camera.process.send_signal(signal.SIGTERM)
        assert camera.process.wait(PATIENCE_S) == 0, (path, camera.diagnosis())


def the_captures_of_the_tree_are_answered_as_they_were():
    paths = sorted(glob.glob(os.path.join(CAPTURES, "*.txt")))
    assert len(paths) >= 4, paths
    for path in paths:
        ask_as_captured(path, expectations(path))


def a_recording_plays_the_same_answers_again():
    config = {"cameras": {"camera": {"link": {"type": "sim", "stock": True}}}}
    with Daemon(config=config) as daemon, daemon.client() as client, Capture("") as path:
        wait_for_camera(client)
        request = client.send_request("trace", {"duration_ms": 60000, "max_bytes": 4 << 20})
        calls = [{"name": "jpeg_snapshot"}, {"name": "echo", "data": "5a" * 500, "encoding": "hex", "reply": "hex"}]
        expected = [(call, client.result("call", call)["value"]) for call in calls]
        client.result("cancel", {"id": request})
        text = client.reply(request)["result"]["capture"]
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        ask_as_captured(path, expected)


def a_host_that_asks_something_else_ends_the_simulator_with_the_line():
    for params, words in (
            ({"name": "qrcode_detection"},
             "line 5: the capture goes on with command #48345454, 0 bytes, and the host sent command #"),
            ({"name": "face_detection", "data": "00", "encoding": "hex"},
             "sent another argument, of 1 bytes, for command #48345454")):
        with Capture(GOOD) as path, SimulatedCamera("--replay", path) as camera:
            with Daemon(config={"cameras": {"camera": serial(camera.path)}}) as daemon, daemon.client() as client:
                wait_for_camera(client)
                client.send_request("call", dict(params, timeout_ms=1000))
                assert camera.process.wait(PATIENCE_S) == 1
                assert words in camera.diagnosis(), camera.diagnosis()


def a_simulator_that_is_stopped_early_says_where():
    with Capture(GOOD) as path, SimulatedCamera("--replay", path) as camera:
        camera.process.send_signal(signal.SIGTERM)
        assert camera.process.wait(PATIENCE_S) == 1
        assert "stopped at line 5 of the capture: 0 of 1 calls were played" in camera.diagnosis(), camera.diagnosis()


if __name__ == "__main__":
    tap = Tap()
    tap.run([
        a_trace_is_a_capture_as_documented,
        a_trace_ends_by_its_duration,
        a_trace_ends_when_it_is_full_and_keeps_whole_lines,
        states_are_events_in_a_trace,
        a_fifth_trace_of_a_camera_is_refused_until_one_ends_with_its_client,
        params_out_of_range_are_refused,
        a_daemon_that_stops_answers_its_traces_first,
        openmvctl_writes_what_it_has_when_interrupted,
        a_capture_is_shown_in_words_with_gaps_and_counts,
        damaged_and_foreign_bytes_are_marked,
        what_is_no_capture_is_refused_with_the_line_by_both,
        the_captures_of_the_tree_are_answered_as_they_were,
        a_recording_plays_the_same_answers_again,
        a_host_that_asks_something_else_ends_the_simulator_with_the_line,
        a_simulator_that_is_stopped_early_says_where,
    ])
    tap.finish()
