#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""openmvctl against the real daemon with its simulated camera."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

from openmvctl_bench import (OPENMVCTL, OPENMVD, PATIENCE, OK, CAMERA_AWAY, REFUSED, clean_environment, expect,
                             expect_failure, expect_in, main, run, test, until)


class Simulated:
    """The real daemon with its simulated camera, and a folder that is gone afterwards."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="openmvctl-")
        self.path = os.path.join(self.folder, "openmvd.sock")
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.process = subprocess.Popen([OPENMVD, "--simulate", "--socket", self.path], stdout=self.log,
                                        stderr=self.log, env=clean_environment())
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.log.close()
            shutil.rmtree(self.folder, ignore_errors=True)


@test
def the_daemon_creates_its_socket(daemon):
    def listens():
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(daemon.path) == 0
    until(lambda: listens() or daemon.process.poll() is not None, "the socket")
    daemon.log.seek(0)
    expect(daemon.process.poll(), None, "the daemon ended, saying " + daemon.log.read().decode(errors="replace"))


@test
def the_daemon_answers_ping_and_version(daemon):
    expect(run(daemon, "ping").stdout, b"pong\n", "ping")
    expect_in(b"openmvd ", run(daemon, "version").stdout, "version")


@test
def the_simulated_camera_comes_online_and_is_listed(daemon):
    expect(run(daemon, "call", "face_detection").returncode, OK, "first call")
    cameras = json.loads(run(daemon, "cameras", "--json").stdout)
    expect([(camera["name"], camera["state"]) for camera in cameras], [("camera", "online")], "cameras")
    done = run(daemon, "cameras")
    expect_in("online", done.stdout.decode(), "table")


@test
def a_face_is_found_and_shown(daemon):
    def found():
        done = run(daemon, "call", "face_detection")
        expect(done.returncode, OK, done.stderr)
        words = done.stdout.decode().split()
        return words[::2] == ["x", "y", "w", "h"] and all(word.isdigit() for word in words[1::2])
    until(found, "a face")


@test
def arguments_reach_the_camera(daemon):
    done = run(daemon, "call", "color_detection", "30", "100", "15", "127", "15", "127", "--json")
    expect(done.returncode, OK, done.stderr + done.stdout.decode())
    expect_failure(run(daemon, "call", "color_detection", "30"), REFUSED)
    expect_failure(run(daemon, "call", "color_detection", "999", "100", "15", "127", "-10", "60"), REFUSED)


@test
def a_picture_is_saved(daemon):
    path = os.path.join(daemon.folder, "a.jpg")
    done = run(daemon, "snapshot", path)
    expect(done.returncode, OK, done.stderr)
    with open(path, "rb") as file:
        picture = file.read()
    expect((picture[:2], picture[-2:]), (b"\xff\xd8", b"\xff\xd9"), "ends of a JPEG")
    expect(run(daemon, "snapshot", "--count", "2", os.path.join(daemon.folder, "s%d")).returncode, OK, "series")
    expect(run(daemon, "call", "jpeg_snapshot", "--out", "-").stdout[:2], b"\xff\xd8", "call --out -")


@test
def a_callback_is_watched(daemon):
    done = run(daemon, "watch", "face_detection", "--every", "20ms", "--count", "5")
    expect((done.returncode, done.stderr), (OK, ""), "outcome")
    lines = done.stdout.decode().splitlines()
    expect(len(lines), 5, "lines")
    for line in lines:
        expect(line == "nothing seen" or line.split()[::2] == ["x", "y", "w", "h"], True, line)
    done = run(daemon, "watch", "qrcode_detection", "--every", "20ms", "--on-change", "--count", "1", "--json")
    shown = json.loads(done.stdout)
    expect((shown["seq"], shown["dropped"], "value" in shown), (1, 0, True), "event")
    expect_failure(run(daemon, "watch", "color_detection", "30"), REFUSED)


@test
def a_stream_is_written_as_pictures_one_behind_the_other(daemon):
    done = run(daemon, "stream", "--count", "10")
    expect(done.returncode, OK, done.stderr)
    expect(done.stdout.count(b"\xff\xd9\xff\xd8\xff"), 9, "places where a picture ends and the next begins")
    expect((done.stdout[:2], done.stdout[-2:]), (b"\xff\xd8", b"\xff\xd9"), "ends of a JPEG")
    expect_in("10 frames, ", done.stderr, "summary")
    expect(run(daemon, "call", "face_detection").returncode, OK, "a call afterwards")
    expect_failure(run(daemon, "stream", "face_detection"), REFUSED)


@test
def a_stream_that_the_camera_does_not_begin_ends_as_refused(daemon):
    with tempfile.TemporaryDirectory() as folder:
        done = run(daemon, "stream", "jpeg_image_stream", "banana", "--count", "1", "--out", folder + "/none.jpg")
        expect_failure(done, REFUSED, "began no stream", "0 frames")
        expect(os.listdir(folder), [], "files")


@test
def calls_go_on_while_a_stream_is_watched(daemon):
    with subprocess.Popen([OPENMVCTL, "--socket", daemon.path, "stream"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env=clean_environment()) as stream:
        try:
            expect(stream.stdout.read(2), b"\xff\xd8", "the begin of a picture")
            expect(run(daemon, "call", "face_detection").returncode, OK, "a call meanwhile")
            expect(b"\xff\xd9\xff\xd8" in stream.stdout.read(100000), True, "more pictures")
        finally:
            stream.terminate()
        expect(stream.wait(PATIENCE), OK, "exit code")


@test
def comings_and_goings_are_watched(daemon):
    def subscriptions():
        return json.loads(run(daemon, "stats", "--json").stdout)["limits"]["all_subscriptions"]["used"]
    until(lambda: subscriptions() == 0, "those of others to end")
    with subprocess.Popen([OPENMVCTL, "--socket", daemon.path, "watch", "--events"], stdout=subprocess.PIPE,
                          env=clean_environment()) as watch:
        try:
            until(lambda: subscriptions() == 1, "the subscription")
            expect(run(daemon, "release").returncode, OK, "release")
            expect(watch.stdout.readline(), b"camera is released: lent to other software\n", "line")
            expect(run(daemon, "acquire").returncode, OK, "acquire")
            while (line := watch.stdout.readline()) != b"camera is online\n":
                expect_in(b"camera is connecting: ", line, "line")
        finally:
            watch.terminate()
        expect(watch.wait(PATIENCE), OK, "exit code")


@test
def an_unknown_camera_and_method_are_refused(daemon):
    expect_failure(run(daemon, "--camera", "nowhere", "call", "face_detection"), REFUSED, "openmvctl cameras")
    expect_failure(run(daemon, "request", "nonsense"), REFUSED)


@test
def callbacks_are_listed_with_their_schemas(daemon):
    done = run(daemon, "callbacks")
    expect(done.returncode, OK, done.stderr)
    row = next(line for line in done.stdout.decode().splitlines() if line.startswith("face_detection "))
    expect_in("x y w h (<HHHH)", row, "result")
    expect_in("camera", row, "origin")


@test
def stats_tell_of_calls(daemon):
    run(daemon, "call", "face_detection")
    done = run(daemon, "stats")
    expect(done.returncode, OK, done.stderr)
    expect_in("face_detection", done.stdout.decode(), "stats")


@test
def a_released_camera_exits_with_its_code_until_it_is_acquired(daemon):
    expect(run(daemon, "release").returncode, OK, "release")
    expect_failure(run(daemon, "call", "face_detection"), CAMERA_AWAY, "openmvctl acquire")
    expect(run(daemon, "acquire").returncode, OK, "acquire")
    expect(run(daemon, "call", "face_detection", "--wait").returncode, OK, "call")


if __name__ == "__main__":
    if not os.access(OPENMVD, os.X_OK):
        sys.exit(main(skip="there is no " + OPENMVD))
    with Simulated() as running:
        sys.exit(main(running))
