#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cameras on SPI and I2C, by the daemon, on devices whose ioctls tests/umockdev/mock_buses answers; and what is said of
buses and lines that are not there, which needs no such thing."""

import contextlib
import json
import os
import signal
import struct
import subprocess
import threading
import time

import mocked
from load import Load
from openmvd import PATIENCE_S, Daemon, Tap, SkipTest, program, wait_until


def u32(*numbers):
    return struct.pack(f"<{len(numbers)}I", *numbers).hex()


@contextlib.contextmanager
def buses():
    """A mocked /dev/spidev0.0 and /dev/i2c-1; gives the environment that shows them to a program."""
    missing = mocked.what_is_missing()
    if missing:
        raise SkipTest(missing)
    environment = mocked.environment()
    show = "echo $$ $UMOCKDEV_DIR; exec sleep 1000"
    mock = subprocess.Popen([mocked.MOCK, "/bin/sh", "-c", show], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
    pid, folder = mock.stdout.readline().split()
    try:
        yield {"UMOCKDEV_DIR": folder, **environment}
    finally:
        os.kill(int(pid), signal.SIGTERM)
        mock.wait(PATIENCE_S)
        mock.stdout.close()


SPI = {"type": "spi", "device": "/dev/spidev0.0"}
I2C = {"type": "i2c", "device": "/dev/i2c-1"}


@contextlib.contextmanager
def daemon_on_buses(**links):
    with buses() as environment:
        config = {"cameras": {name: {"link": link} for name, link in links.items()}}
        with Daemon(config=config, environment=environment) as daemon:
            yield daemon


def await_online(client, *names):
    def states():
        return {row["name"]: row["state"] for row in client.result("cameras")}
    wait_until(lambda: all(states()[name] == "online" for name in names), f"{names} to be online", 30)


def call(client, camera, name, data="", **params):
    return client.result("call", {"camera": camera, "name": name, "data": data, "encoding": "hex", "reply": "hex", **params})["value"]


def blob(size):
    """The bytes that `blob` of the mocked camera gives."""
    return bytes(i * 7 + size & 0xff for i in range(size)).hex()


def cameras_on_spi_and_i2c_answer():
    with daemon_on_buses(lid=SPI, arm={**I2C, "address": "0x12"}) as daemon, daemon.client() as client:
        await_online(client, "lid", "arm")
        rows = {row["name"]: row for row in client.result("cameras")}
        assert rows["lid"]["link"] == "spi /dev/spidev0.0 at 1 MHz, mode 2", rows
        assert rows["arm"]["link"] == "i2c /dev/i2c-1, address 0x12", rows
        assert (rows["lid"]["type"], rows["lid"]["device"], rows["lid"]["ready_line"]) == ("spi", "/dev/spidev0.0", None)
        for number in range(20):
            for camera in ("lid", "arm"):
                assert call(client, camera, "echo", u32(number)) == u32(number), camera
        assert call(client, "lid", "blob", u32(5000)) == blob(5000)
        assert call(client, "arm", "blob", u32(5000)) == blob(5000)
        # A stock camera that gives more than a message of i2c-dev holds gives nothing but a reason.
        error = client.error("call", {"camera": "arm", "name": "blob", "data": u32(9000), "encoding": "hex"})
        assert error["data"]["reason"] == "too_large" and error["data"]["cause"] == "packet_limit", error
        assert len(call(client, "lid", "blob", u32(200000))) == 400000
        assert call(client, "arm", "echo", u32(1)) == u32(1)


def a_picture_that_no_message_holds_is_read_in_pieces():
    picture = bytes.fromhex(blob(60000))
    with daemon_on_buses(arm=I2C, lid=SPI) as daemon, daemon.client() as client:
        await_online(client, "arm", "lid")
        assert call(client, "lid", "jpeg_snapshot") == picture.hex()
        error = client.error("call", {"camera": "arm", "name": "jpeg_snapshot"})
        assert error["data"]["cause"] == "packet_limit" and "8192" in error["message"], error
        held = client.result("call", {"camera": "arm", "name": "jpeg_image_snapshot", "args": "sensor.RGB565,sensor.QVGA"})
        assert held["value"] == {"size": len(picture)}, held
        assert call(client, "arm", "jpeg_image_read") == picture.hex()
        path = os.path.join(daemon.folder.name, "picture.jpg")
        done = subprocess.run([program("openmvctl"), "--socket", daemon.path, "snapshot", "--camera", "arm", path], check=False,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done
        with open(path, "rb") as file:
            assert file.read() == picture


def frames_that_are_no_pictures_are_damaged_on_spi_alone():
    stream = {"stream": "jpeg_image_stream", "args": "sensor.RGB565,sensor.QVGA", "reply": "hex"}
    with daemon_on_buses(arm=I2C, lid=SPI) as daemon, daemon.client() as client, daemon.client() as other:
        await_online(client, "arm", "lid")
        client.result("subscribe", dict(stream, camera="arm"))
        other.result("subscribe", dict(stream, camera="lid"))
        for _ in range(3):
            assert client.event()["value"] == blob(3000), "another frame"
        # What single pictures are is not judged, and they stand in for the stream where they come.
        assert other.event()["value"] in (None, blob(60000)), "a frame"
        assert other.result("stats", {"camera": "lid"})["cameras"][0]["wire"]["crc_errors"] > 0


def the_doctor_finds_nothing_wrong_with_reads_that_came_too_early():
    with daemon_on_buses(arm=I2C, lid=SPI) as daemon, daemon.client() as client:
        await_online(client, "arm", "lid")
        for camera in ("arm", "lid"):
            for milliseconds in range(40):
                assert call(client, camera, "slow", u32(milliseconds)) == u32(milliseconds)
            done = subprocess.run([program("openmvctl"), "--socket", daemon.path, "doctor", "--json", camera], check=False,
                                  capture_output=True, text=True, timeout=60)
            steps = {row["step"]: row for row in json.loads(done.stdout)["steps"]}
            assert [steps[step]["outcome"] for step in ("lines", "answer", "calls", "wire")] == ["ok"] * 4, steps


def one_worker_has_all_cameras_of_a_bus():
    def threads():
        return len(os.listdir(f"/proc/{daemon.process.pid}/task"))
    with daemon_on_buses(one=I2C, two={**I2C, "address": 0x22}, three={**I2C, "address": 0x33}) as daemon, daemon.client() as client:
        await_online(client, "one", "two")
        # The loop's and that of the bus.
        assert threads() == 2, threads()
    with daemon_on_buses(one=I2C, lid=SPI) as daemon, daemon.client() as client:
        await_online(client, "one", "lid")
        assert threads() == 3, threads()


def cameras_on_one_adapter_compute_at_the_same_time():
    with daemon_on_buses(one=I2C, two={**I2C, "address": 0x22}) as daemon, daemon.client() as client:
        await_online(client, "one", "two")
        done = []

        def ask_slowly():
            with daemon.client() as other:
                begun = time.monotonic()
                assert call(other, "one", "slow", u32(3000)) == u32(3000)
                done.append(time.monotonic() - begun)

        thread = threading.Thread(target=ask_slowly)
        thread.start()
        wait_until(lambda: {row["name"]: row["busy"] for row in client.result("cameras")}["one"], "the slow call")
        times = []
        for number in range(100):
            begun = time.monotonic()
            assert call(client, "two", "slow", u32(2)) == u32(2)
            times.append(time.monotonic() - begun)
            if done:
                break
        thread.join()
        assert done and done[0] >= 3, done
        # A call of 2 ms takes some transactions of a fraction of a millisecond, and what this machine adds; no wait of 3 s.
        assert len(times) > 10 and sorted(times)[len(times) // 2] < 0.2, sorted(times)


def cameras_come_to_a_bus_and_go_while_another_computes():
    slow_ms = 4000

    def reload(**links):
        with open(os.path.join(daemon.folder.name, "openmvd.json"), "w", encoding="utf-8") as file:
            json.dump({"cameras": {name: {"link": link} for name, link in links.items()}}, file)
        daemon.process.send_signal(signal.SIGHUP)

    def names():
        return [row["name"] for row in client.result("cameras")]
    other = {**I2C, "address": 0x22}
    with daemon_on_buses(one=I2C) as daemon, daemon.client() as client, daemon.client() as patient:
        await_online(client, "one")
        begun = time.monotonic()
        number = patient.send_request("call", {"camera": "one", "name": "slow", "data": u32(slow_ms), "encoding": "hex", "reply": "hex"})
        wait_until(lambda: client.result("cameras")[0]["busy"], "the slow call")
        reload(one=I2C, two=other)
        wait_until(lambda: names() == ["one", "two"], "the second camera")
        await_online(client, "two")
        assert call(client, "two", "echo", u32(5)) == u32(5)
        assert len(os.listdir(f"/proc/{daemon.process.pid}/task")) == 2
        is_busy = client.result("cameras")[0]["busy"]
        assert is_busy or time.monotonic() - begun > slow_ms / 1000, "the slow call was to go on meanwhile"
        reload(one=I2C)
        wait_until(lambda: names() == ["one"], "the second camera to leave")
        reply = patient.reply(number)
        assert reply["result"]["value"] == u32(slow_ms), reply
        reload(two=other)
        wait_until(lambda: names() == ["two"], "the exchange of the cameras")
        await_online(client, "two")
        assert call(client, "two", "echo", u32(6)) == u32(6)


def slowly(number):
    """Of `one`, for a load: what is asked, and what is answered."""
    sleep = u32(number % 5)
    return {"camera": "one", "name": "slow", "data": sleep, "encoding": "hex", "reply": "hex"}, sleep


def a_camera_that_is_replaced_on_a_bus_leaves_the_others_link_and_calls_alone():
    def reload(**links):
        before = daemon.log().count("reloaded; ")
        with open(os.path.join(daemon.folder.name, "openmvd.json"), "w", encoding="utf-8") as file:
            json.dump({"cameras": {name: {"link": link} for name, link in {"one": I2C, **links}.items()}}, file)
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: daemon.log().count("reloaded; ") > before, "the reload")

    def healing_and_since():
        row, = client.result("stats", {"camera": "one"})["cameras"]
        return row["healing"], daemon.log().count("one (")
    with daemon_on_buses(one=I2C, two={**I2C, "address": "0x22"}) as daemon, daemon.client() as client:
        await_online(client, "one", "two")
        before = healing_and_since()
        with Load(daemon, slowly) as load:
            # Another address, where nobody is, and back; then another name, whose camera has to wait until the old one has let go.
            for name, address in ("two", "0x70"), ("two", "0x22"), ("other", "0x22"), ("two", "0x22"):
                running = client.send_request("call", {"camera": "one", "name": "slow", "data": u32(300), "encoding": "hex",
                                                       "reply": "hex", "priority": "high"})
                load.await_more()
                reload(**{name: {**I2C, "address": address}})
                if address == "0x22":
                    await_online(client, name)
                    assert call(client, name, "echo", u32(9)) == u32(9)
                assert client.reply(running)["result"]["value"] == u32(300)
                load.await_more()
        assert healing_and_since() == before
        assert len(os.listdir(f"/proc/{daemon.process.pid}/task")) == 2


def an_address_where_nobody_is_leaves_the_others_alone():
    with daemon_on_buses(one=I2C, nobody={**I2C, "address": "0x70"}) as daemon, daemon.client() as client:
        await_online(client, "one")

        def reason():
            return {row["name"]: row for row in client.result("cameras")}["nobody"]["reason"] or ""
        wait_until(lambda: reason().startswith("nobody answers at address 0x70 of the adapter /dev/i2c-1"), "the reason", 30)
        assert call(client, "one", "echo", u32(3)) == u32(3)


def an_address_of_the_kernels_own_driver_is_explained():
    with daemon_on_buses(clock={**I2C, "address": "0x50"}) as daemon, daemon.client() as client:
        wait_until(lambda: "belongs to a driver of the kernel" in (client.result("cameras")[0]["reason"] or ""), "the reason")


def faults_of_the_bus_cost_time_and_no_results():
    with daemon_on_buses(lid=SPI, arm=I2C) as daemon, daemon.client() as client:
        await_online(client, "lid", "arm")
        for camera in ("lid", "arm"):
            # Nobody there, zeros, half a packet, a wrong bit, a timeout, another master, a bus error: three each.
            for kind in range(1, 8):
                call(client, camera, "fault", u32(kind, 3))
                for number in range(5):
                    value = client.request("call", {"camera": camera, "name": "echo", "data": u32(number), "encoding": "hex",
                                                    "reply": "hex"})
                    right = value.get("result", {}).get("value") == u32(number)
                    known = value.get("error", {}).get("data", {}).get("reason") in ("result_unknown", "not_delivered")
                    assert right or known, (camera, kind, value)
                assert call(client, camera, "echo", u32(77)) == u32(77), (camera, kind)


def a_controller_that_is_removed_is_told_and_looked_for():
    with daemon_on_buses(arm=I2C) as daemon, daemon.client() as client:
        await_online(client, "arm")
        call(client, "arm", "fault", u32(8, 1))
        wait_until(lambda: client.result("stats")["cameras"][0]["healing"]["losses"] >= 1, "the loss", 30)
        await_online(client, "arm")
        assert call(client, "arm", "echo", u32(4)) == u32(4)


MISSING = {
    "lid": ({"type": "spi", "device": "/dev/spidev0.77"}, "/dev/spidev0.77 does not exist: on a Pi dtparam=spi=on"),
    "arm": ({"type": "i2c", "device": "/dev/i2c-77"}, "/dev/i2c-77 does not exist: on a Pi dtparam=i2c_arm=on"),
    "bus": ({"type": "can", "interface": "nocan7"}, "there is no interface nocan7"),
    "net": ({"type": "can", "interface": "lo"}, "lo is no CAN interface"),
}


def buses_that_are_missing_are_explained_and_the_others_go_on():
    config = {"cameras": {name: {"link": link} for name, (link, _) in MISSING.items()}}
    config["cameras"]["try"] = {"link": {"type": "sim"}}
    with Daemon(config=config) as daemon, daemon.client() as client:
        await_online(client, "try")
        for name, (_, sentence) in MISSING.items():
            def reason(name=name):
                return {row["name"]: row for row in client.result("cameras")}[name]["reason"] or ""
            wait_until(lambda: reason().startswith(sentence), f"the reason of {name}")
        assert client.result("call", {"camera": "try", "name": "face_detection"})["value"]


def a_reset_line_that_is_not_there_is_explained():
    config = {"cameras": {"front": {"link": {"type": "sim"}, "reset": {"line": "NO-SUCH-LINE"}}, "back": {"link": {"type": "sim"}}}}
    with Daemon(config=config) as daemon, daemon.client() as client:
        await_online(client, "front")
        rows = {row["name"]: row["reset_line"] for row in client.result("cameras")}
        assert rows == {"front": "NO-SUCH-LINE", "back": None}, rows
        error = client.error("reset", {"camera": "front"})
        assert error["data"]["reason"] == "unsupported", error
        assert error["message"].startswith('camera "front" cannot be reset: there is no GPIO line NO-SUCH-LINE (reset line)'), error
        error = client.error("reset", {"camera": "back"})
        assert error["data"]["reason"] == "unsupported" and '"reset": {"line": "GPIO25"}' in error["message"], error
        client.result("release", {"camera": "front"})
        assert client.error("reset", {"camera": "front"})["data"]["reason"] == "released"
        client.result("acquire", {"camera": "front"})
        await_online(client, "front")
        assert client.result("stats", {"camera": "front"})["cameras"][0]["healing"]["resets"] == 0


if __name__ == "__main__":
    tap = Tap()
    tap.run([
        cameras_on_spi_and_i2c_answer,
        a_picture_that_no_message_holds_is_read_in_pieces,
    frames_that_are_no_pictures_are_damaged_on_spi_alone,
        the_doctor_finds_nothing_wrong_with_reads_that_came_too_early,
        one_worker_has_all_cameras_of_a_bus,
        cameras_on_one_adapter_compute_at_the_same_time,
        cameras_come_to_a_bus_and_go_while_another_computes,
        a_camera_that_is_replaced_on_a_bus_leaves_the_others_link_and_calls_alone,
        an_address_where_nobody_is_leaves_the_others_alone,
        an_address_of_the_kernels_own_driver_is_explained,
        faults_of_the_bus_cost_time_and_no_results,
        a_controller_that_is_removed_is_told_and_looked_for,
        buses_that_are_missing_are_explained_and_the_others_go_on,
        a_reset_line_that_is_not_there_is_explained,
    ])
    tap.finish()
