#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""openmvctl doctor: what it finds on links that are well and on links that are not, on pseudo terminals."""

import fcntl
import json
import os
import re
import subprocess
import tempfile

from cameras import HostilePort, SimulatedCamera, config_of, serial
from openmvctl_bench import OPENMVCTL
from openmvd import PATIENCE_S, Daemon, Tap, tried, wait_for_camera

WELL, USAGE, UNWELL = 0, 2, 6


def run(*arguments, socket="/nonexistent/openmvd.sock"):
    return subprocess.run([OPENMVCTL, "--socket", socket, "doctor", *arguments], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S, text=True)


def visit(*arguments, code, **options):
    """Runs the doctor with --json; returns its verdict, and its steps by name."""
    done = run("--json", *arguments, **options)
    assert done.returncode == code, done
    found = json.loads(done.stdout)
    for row in found["steps"] + [found["verdict"]]:
        assert set(row) == {"step", "outcome", "found", "cure"} and row["found"], row
        assert row["outcome"] in ("ok", "warn", "fail", "skipped"), row
        assert row["cure"] or row["outcome"] not in ("warn", "fail"), f"no cure: {row}"
    return found["verdict"], {row["step"]: row for row in found["steps"]}


def wait_for_state(daemon, state, name="camera"):
    with daemon.client() as client:
        return wait_for_camera(client, name, state)


def own_name():
    with open("/proc/self/comm", encoding="utf-8") as file:
        return file.read().strip()


def is_content(visited):
    """A camera that is held up has a long round trip, or misses a call."""
    return visited[0]["outcome"] == "ok"


def a_healthy_link_passes_every_step():
    with SimulatedCamera() as camera, Daemon(config=config_of(camera.path)) as daemon:
        wait_for_state(daemon, "online")
        verdict, steps = tried(lambda: visit(code=WELL, socket=daemon.path), is_content)
        assert {row["outcome"] for row in steps.values()} == {"ok"}, steps
        assert verdict["outcome"] == "ok" and verdict["step"] is None, verdict
        assert steps["node"]["found"] == camera.path + " is there", steps
        assert "firmware simulated" in steps["describe"]["found"], steps
        assert re.match(r"20 empty calls: [\d.e-]+ ms each", steps["calls"]["found"]), steps
        done = run("camera", socket=daemon.path)
        assert done.returncode == WELL and "nothing is wrong with this link" in done.stdout, done


def a_simulated_camera_has_no_steps_about_ports():
    with Daemon() as daemon:
        wait_for_state(daemon, "online")
        _, steps = visit(code=WELL, socket=daemon.path)
        assert "answer" in steps and not {"node", "rights", "holder", "usb"} & set(steps), steps


def a_camera_that_has_just_begun_to_connect_is_waited_for():
    def attempt():
        with SimulatedCamera() as camera, Daemon(config=config_of(camera.path)) as daemon:
            return visit(code=WELL, socket=daemon.path)
    tried(attempt, is_content)


def without_a_daemon_that_is_the_verdict():
    verdict, steps = visit(code=UNWELL)
    assert verdict["step"] == "daemon" and "no daemon is running" in verdict["found"], verdict
    assert "openmvd --socket" in verdict["cure"], verdict
    assert steps["answer"]["outcome"] == "skipped", steps


def a_port_can_be_looked_at_without_a_daemon():
    with SimulatedCamera() as camera:
        verdict, steps = visit("--device", camera.path, code=WELL)
        assert verdict["outcome"] == "ok", verdict
        assert steps["daemon"]["outcome"] == "skipped", steps
        for name in ("node", "rights", "console", "login", "holder"):
            assert steps[name]["outcome"] == "ok", steps
        assert steps["calls"]["outcome"] == "skipped", steps


def a_port_that_is_a_cameras_is_that_camera():
    with SimulatedCamera() as one, SimulatedCamera() as other, tempfile.TemporaryDirectory() as folder, \
            Daemon(config={"cameras": {"front": serial(one.path), "top": serial(other.path)}}) as daemon:
        link = os.path.join(folder, "camera")
        os.symlink(other.path, link)
        done = run("--json", "--device", link, socket=daemon.path)
        assert done.returncode == WELL and json.loads(done.stdout)["camera"] == "top", done


def of_several_cameras_one_has_to_be_named():
    with SimulatedCamera() as one, \
            Daemon(config={"cameras": {"front": serial(one.path), "top": serial("/nonexistent")}}) as daemon:
        verdict, _ = visit(code=UNWELL, socket=daemon.path)
        assert verdict["step"] == "camera" and verdict["found"].endswith("front, top"), verdict
        verdict, _ = visit("frnt", code=UNWELL, socket=daemon.path)
        assert verdict["step"] == "camera" and '"frnt"' in verdict["found"], verdict
        visit("front", code=WELL, socket=daemon.path)
        assert visit("--camera", "top", code=UNWELL, socket=daemon.path)[0]["step"] == "node"


def a_missing_node_is_the_verdict():
    with Daemon(config=config_of("/dev/ttyACM77")) as daemon:
        verdict, steps = visit(code=UNWELL, socket=daemon.path)
        assert verdict["step"] == "node" and "/dev/ttyACM77" in verdict["found"], verdict
        assert "plug it in" in verdict["cure"], verdict
        assert steps["answer"]["outcome"] == "fail" and steps["rights"]["outcome"] == "skipped", steps


def what_is_no_device_is_told():
    with tempfile.NamedTemporaryFile() as file:
        verdict, _ = visit("--device", file.name, code=UNWELL)
        assert verdict["step"] == "node" and "is no device" in verdict["found"], verdict


def a_device_that_is_no_serial_port_is_told_and_nobody_is_to_be_killed_for_having_it_open():
    with open(os.devnull, "rb"):
        verdict, _ = visit("--device", os.devnull, code=UNWELL)
        assert verdict["step"] == "node" and verdict["found"] == "/dev/null is no serial port", verdict
        assert "kill" not in verdict["cure"], verdict


def a_port_in_use_names_the_program_that_has_it():
    with SimulatedCamera() as camera:
        port = os.open(camera.path, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(port, fcntl.LOCK_EX)
        with Daemon(config=config_of(camera.path)) as daemon:
            wait_for_state(daemon, "offline")
            for where, arguments in ((daemon.path, ()), ("/nonexistent", ("--device", camera.path))):
                verdict, _ = visit(*arguments, code=UNWELL, socket=where)
                assert verdict["step"] == "holder", verdict
                assert f"in use by {own_name()} (pid {os.getpid()})" in verdict["found"], verdict
            os.close(port)
            wait_for_state(daemon, "online")
            visit(code=WELL, socket=daemon.path)


def a_program_that_reads_beside_the_daemon_is_a_warning():
    with SimulatedCamera() as camera:
        port = os.open(camera.path, os.O_RDWR | os.O_NOCTTY)
        with Daemon(config=config_of(camera.path)) as daemon:
            wait_for_state(daemon, "online")
            verdict, _ = visit(code=WELL, socket=daemon.path)
            assert verdict["outcome"] == "warn" and verdict["step"] == "holder", verdict
            assert f"(pid {os.getpid()})" in verdict["found"], verdict
        os.close(port)


def a_silent_camera_gets_the_advice_to_deploy():
    with HostilePort(lambda port: port.read() and None) as port, Daemon(config=config_of(port.path)) as daemon:
        wait_for_state(daemon, "offline")
        verdict, steps = visit(code=UNWELL, socket=daemon.path)
        assert verdict["step"] == "answer" and "no answer from" in verdict["found"], verdict
        assert "openmvctl deploy" in verdict["cure"], verdict
        assert steps["calls"]["outcome"] == "skipped", steps


def garbage_gets_the_advice_to_look_at_the_rate():
    def babble(port):
        port.read()
        port.write(bytes(range(1, 200)))
    with HostilePort(babble) as port, Daemon(config=config_of(port.path)) as daemon:
        wait_for_state(daemon, "offline")
        verdict, _ = visit(code=UNWELL, socket=daemon.path)
        assert verdict["step"] == "answer" and "rate" in verdict["cure"], verdict


def a_lent_port_is_told_with_the_command_that_takes_it_back():
    with SimulatedCamera() as camera, Daemon(config=config_of(camera.path)) as daemon:
        with daemon.client() as client:
            wait_for_camera(client)
            client.result("release", {"camera": "camera"})
        # Whoever borrowed it may have it open.
        port = os.open(camera.path, os.O_RDWR | os.O_NOCTTY)
        verdict, steps = visit(code=UNWELL, socket=daemon.path)
        os.close(port)
        assert verdict["step"] == "answer" and verdict["cure"] == "openmvctl acquire camera", verdict
        assert steps["holder"]["outcome"] == "warn", steps


def a_line_that_loses_packets_is_a_warning():
    with SimulatedCamera("--faults", "seed=3,damage=10%") as camera, Daemon(config=config_of(camera.path)) as daemon:
        wait_for_state(daemon, "online")
        with daemon.client() as client:
            for _ in range(50):
                client.request("call", {"name": "echo", "data": "00" * 20, "encoding": "hex"})
        verdict, steps = visit(code=WELL, socket=daemon.path)
        assert verdict["outcome"] == "warn" and steps["wire"]["outcome"] == "warn", steps


def each_bus_that_is_missing_is_the_verdict_with_its_own_cure():
    for link, step, found, cure in (
            ({"type": "spi", "device": "/dev/spidev0.77"}, "node", "/dev/spidev0.77", "raspi-config nonint do_spi 0"),
            ({"type": "i2c", "device": "/dev/i2c-77"}, "node", "/dev/i2c-77", "modprobe i2c-dev"),
            ({"type": "can", "interface": "nocan7"}, "interface", "there is no interface nocan7", "mcp2515-can0"),
            ({"type": "can", "interface": "lo"}, "interface", "lo is no CAN interface", '"interface"')):
        with Daemon(config={"cameras": {"camera": {"link": link}}}) as daemon:
            verdict, steps = visit(code=UNWELL, socket=daemon.path)
            assert verdict["step"] == step and found in verdict["found"] and cure in verdict["cure"], verdict
            assert steps["answer"]["outcome"] == "fail" and "login" not in steps, steps
            assert steps["lines"]["found"] == "it needs no GPIO lines", steps
    for device, cure in (("/dev/spidev0.77", "do_spi"), ("/dev/i2c-77", "i2c-dev")):
        verdict, steps = visit("--device", device, code=UNWELL)
        assert cure in verdict["cure"] and "console" not in steps, verdict


def lines_that_this_machine_cannot_have_are_told():
    link = {"type": "spi", "device": "/dev/spidev0.77", "cs": {"line": "GPIO22"}, "ready": {"line": "GPIO24"}}
    with Daemon(config={"cameras": {"camera": {"link": link, "reset": {"line": "GPIO25"}}}}) as daemon:
        _, steps = visit(code=UNWELL, socket=daemon.path)
        if os.path.exists("/dev/gpiochip0"):
            assert "cs GPIO22, ready GPIO24, reset GPIO25" in steps["lines"]["found"] or "may not" in steps["lines"]["found"], steps
        else:
            assert steps["lines"]["found"] == ("this machine has no GPIO chip, and the camera needs cs GPIO22, ready GPIO24, "
                                               "reset GPIO25"), steps


def people_see_the_steps_and_the_cure():
    with Daemon(config=config_of("/dev/ttyACM77")) as daemon:
        done = run(socket=daemon.path)
        assert done.returncode == UNWELL, done
        lines = done.stdout.splitlines()
        assert lines[0].split()[:2] == ["ok", "daemon"], lines
        assert any(line.split()[:2] == ["fail", "node"] for line in lines), lines
        end = lines[lines.index("") + 1:]
        assert "/dev/ttyACM77" in end[0] and end[1].startswith("  plug it in"), lines


def two_answers_to_one_question_are_refused():
    assert run("front", "--camera", "top").returncode == USAGE
    assert run("front", "--device", "/dev/null").returncode == USAGE


if __name__ == "__main__":
    tap = Tap()
    tap.run([
        a_healthy_link_passes_every_step,
        a_simulated_camera_has_no_steps_about_ports,
        a_camera_that_has_just_begun_to_connect_is_waited_for,
        without_a_daemon_that_is_the_verdict,
        a_port_can_be_looked_at_without_a_daemon,
        a_port_that_is_a_cameras_is_that_camera,
        of_several_cameras_one_has_to_be_named,
        a_missing_node_is_the_verdict,
        what_is_no_device_is_told,
        a_device_that_is_no_serial_port_is_told_and_nobody_is_to_be_killed_for_having_it_open,
        a_port_in_use_names_the_program_that_has_it,
        a_program_that_reads_beside_the_daemon_is_a_warning,
        a_silent_camera_gets_the_advice_to_deploy,
        garbage_gets_the_advice_to_look_at_the_rate,
        a_lent_port_is_told_with_the_command_that_takes_it_back,
        a_line_that_loses_packets_is_a_warning,
        each_bus_that_is_missing_is_the_verdict_with_its_own_cure,
        lines_that_this_machine_cannot_have_are_told,
        people_see_the_steps_and_the_cure,
        two_answers_to_one_question_are_refused,
    ])
    tap.finish()
