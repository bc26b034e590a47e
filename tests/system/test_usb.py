#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""USB cameras found, told apart, announced and explained, without USB: umockdev gives the daemon a /sys and a /dev that
this script makes, and simulated cameras answer behind the nodes in them."""

import contextlib
import os
import shutil
import socket
import struct
import tempfile
import threading

from cameras import SimulatedCamera
from openmvd import Daemon, SkipTest, Tap, is_sanitized, wait_for_camera, wait_until

PRELOADED = "libumockdev-preload.so.0"
CAMERA = ("37c5", "1204")
BOOTLOADER = ("37c5", "9204")
STRANGER = ("0403", "6001")

# So long that only an announcement can bring a camera back within a test.
PATIENT = {"healing": {"retry_min_ms": 60000, "retry_max_ms": 60000}}


def usb(**keys):
    return {"link": dict(keys, type="usb")}


class Machine:
    """A folder that umockdev shows as /sys and /dev."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="openmvd-test-")
        self.root = self.folder.name
        for name in ("dev/openmv", "sys/class/tty", "sys/bus/usb/devices", "ioctl"):
            os.makedirs(os.path.join(self.root, name))
        # What is preloaded asks here what to do with each ioctl of a node.
        self.ioctls = socket.socket(socket.AF_UNIX)
        self.ioctls.bind(os.path.join(self.root, "ioctl/_default"))
        self.ioctls.listen(128)
        threading.Thread(target=self._serve_ioctls, daemon=True).start()
        self.environment = {"UMOCKDEV_DIR": self.root, "LD_PRELOAD": PRELOADED}

    def _serve_ioctls(self):
        while True:
            try:
                connection = self.ioctls.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._let_ioctls_run, args=(connection,), daemon=True).start()

    @staticmethod
    def _let_ioctls_run(connection):
        """Has everything run for real, as the nodes lead to genuine terminals. A request is a kind and two numbers; what was
        run comes back as a request of its own, whose result is to be confirmed."""
        result, done, run = 2, 3, 4
        words = struct.Struct("@3L")
        with connection, contextlib.suppress(OSError):
            while len(request := connection.recv(words.size, socket.MSG_WAITALL)) == words.size:
                kind, *numbers = words.unpack(request)
                connection.sendall(words.pack(done, *numbers) if kind == result else words.pack(run, 0, 0))

    def _write(self, folder, **files):
        path = os.path.join(self.root, folder)
        os.makedirs(path, exist_ok=True)
        for name, text in files.items():
            with open(os.path.join(path, name), "w", encoding="ascii") as file:
                file.write(text + "\n")

    def _link(self, name, target):
        path = os.path.join(self.root, name)
        os.symlink(os.path.relpath(os.path.join(self.root, target), os.path.dirname(path)), path)

    def plug(self, port, ids, serial=None, tty=None, leads_to=None):
        """A USB device; with a serial port called `tty`, behind which is the terminal `leads_to`."""
        device = f"sys/devices/pci0000:00/usb1/1-1/{port}"
        self._write(device, idVendor=ids[0], idProduct=ids[1], busnum="1", devnum="5", uevent="DEVTYPE=usb_device",
                    **({"serial": serial} if serial else {}))
        self._link(f"{device}/subsystem", "sys/bus/usb")
        self._link(f"sys/bus/usb/devices/{port}", device)
        if tty:
            interface = f"{device}/{port}:1.0"
            self._write(interface, uevent="DEVTYPE=usb_interface", bInterfaceNumber="00")
            self._link(f"{interface}/subsystem", "sys/bus/usb")
            self._write(f"{interface}/tty/{tty}", uevent=f"MAJOR=166\nMINOR=0\nDEVNAME={tty}", dev="166:0")
            self._link(f"{interface}/tty/{tty}/subsystem", "sys/class/tty")
            self._link(f"{interface}/tty/{tty}/device", interface)
            os.symlink(leads_to, os.path.join(self.root, "dev", tty))
            self._link(f"sys/class/tty/{tty}", f"{interface}/tty/{tty}")
            self.devices = f"/{interface[4:]}/tty/{tty}"

    def unplug_all(self):
        for name in ("sys", "dev"):
            shutil.rmtree(os.path.join(self.root, name))
        for name in ("dev/openmv", "sys/class/tty", "sys/bus/usb/devices"):
            os.makedirs(os.path.join(self.root, name))

    def announce(self, tty):
        """Says what the kernel says of a new serial port."""
        fields = ["ACTION=add", f"DEVPATH={self.devices}", "SUBSYSTEM=tty", f"DEVNAME={tty}", "MAJOR=166", "MINOR=0", "SEQNUM=4711"]
        message = "\0".join([f"add@{self.devices}", *fields, ""]).encode()
        listeners = [name for name in os.listdir(self.root) if name.startswith("event")]
        assert listeners, "the daemon listens for no announcements"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
            for name in listeners:
                speaker.sendto(message, os.path.join(self.root, name))

    def daemon(self, cameras, **others):
        return Daemon(config=dict(others, cameras=cameras), environment=self.environment)

    def __enter__(self):
        if not shutil.which("umockdev-run"):
            raise SkipTest("umockdev is not installed")
        if is_sanitized():
            raise SkipTest("the sanitizers have their own needs when something is preloaded")
        return self

    def __exit__(self, *_):
        self.ioctls.close()
        self.folder.cleanup()


def a_camera_is_found_among_other_ports_and_answers():
    with Machine() as machine, SimulatedCamera() as camera, SimulatedCamera() as other:
        machine.plug("1-1.1", STRANGER, "A1", "ttyUSB0", other.path)
        machine.plug("1-1.2", CAMERA, "3258385A3030", "ttyACM0", camera.path)
        with machine.daemon({"front": usb()}) as daemon, daemon.client() as client:
            assert wait_for_camera(client, "front")["link"] == "USB camera"
            assert "value" in client.result("call", {"name": "face_detection"})
            assert daemon.has_open(camera.path) and not daemon.has_open(other.path)


def cameras_are_told_apart_by_serial_number_port_and_node():
    choices = {"serial": "B2", "port": "1-1.4", "device": "/dev/ttyACM1"}
    for key, value in choices.items():
        with Machine() as machine, SimulatedCamera() as one, SimulatedCamera() as two:
            machine.plug("1-1.2", CAMERA, "A1", "ttyACM0", one.path)
            machine.plug("1-1.4", CAMERA, "B2", "ttyACM1", two.path)
            with machine.daemon({"second": usb(**{key: value})}) as daemon, daemon.client() as client:
                assert value in wait_for_camera(client, "second")["link"]
                assert daemon.has_open(two.path) and not daemon.has_open(one.path), key


def names_stay_with_their_cameras_when_nodes_change_places():
    with Machine() as machine, SimulatedCamera() as one, SimulatedCamera() as two:
        cameras = {"first": usb(serial="A1"), "second": usb(serial="B2")}
        machine.plug("1-1.2", CAMERA, "A1", "ttyACM0", one.path)
        with machine.daemon(cameras) as daemon, daemon.client() as client:
            wait_for_camera(client, "first")
            wait_for_camera(client, "second", "offline")
            reason = [row["reason"] for row in client.result("cameras") if row["name"] == "second"][0]
            assert reason == "no OpenMV camera with USB serial number B2 is plugged in", reason
            one.stop()
            two.stop()
            machine.unplug_all()
            wait_until(lambda: all(row["state"] != "online" for row in client.result("cameras")), "both to be lost")
            with SimulatedCamera() as again, SimulatedCamera() as other:
                machine.plug("1-1.1", CAMERA, "B2", "ttyACM0", other.path)
                machine.plug("1-1.4", CAMERA, "A1", "ttyACM1", again.path)
                machine.announce("ttyACM1")
                for name in cameras:
                    wait_for_camera(client, name)
                    assert "value" in client.result("call", {"name": "face_detection", "camera": name})


def a_camera_is_online_when_its_port_is_announced():
    """a camera is online when its port is announced, where nobody would look for it for a minute"""
    with Machine() as machine, SimulatedCamera() as camera:
        with machine.daemon({"front": usb()}, **PATIENT) as daemon, daemon.client() as client:
            wait_for_camera(client, "front", "offline")
            machine.plug("1-1.2", CAMERA, "A1", "ttyACM0", camera.path)
            assert client.result("cameras")[0]["state"] == "offline"
            machine.announce("ttyACM0")
            row = wait_for_camera(client, "front")
            steps = client.result("stats")["cameras"][0]["healing"]
            assert steps["announcements"] == 1 and steps["failed_openings"] == 1, steps
            assert row["reason"] is None


def a_node_that_comes_late_is_waited_for():
    """a node that comes after its announcement is found, since what was announced is looked for more than once"""
    with Machine() as machine, SimulatedCamera() as camera:
        with machine.daemon({"front": usb()}, healing={"retry_min_ms": 20, "retry_max_ms": 60000}) as daemon, \
                daemon.client() as client:
            wait_for_camera(client, "front", "offline")
            machine.devices = "/devices/virtual/tty/ttyACM0"
            machine.announce("ttyACM0")
            wait_until(lambda: client.result("stats")["cameras"][0]["healing"]["announcements"], "the announcement")
            machine.plug("1-1.2", CAMERA, "A1", "ttyACM0", camera.path)
            wait_for_camera(client, "front")


def a_board_in_its_bootloader_is_named():
    with Machine() as machine:
        machine.plug("1-1.2", BOOTLOADER, "A1")
        with machine.daemon({"front": usb()}) as daemon, daemon.client() as client:
            reason = wait_until(lambda: client.result("cameras")[0]["reason"], "a reason")
            assert "in its bootloader (37c5:9204)" in reason, reason


def without_any_camera_that_is_said():
    with Machine() as machine, SimulatedCamera() as other:
        machine.plug("1-1.1", STRANGER, "A1", "ttyUSB0", other.path)
        with machine.daemon({"front": usb()}) as daemon, daemon.client() as client:
            reason = wait_until(lambda: client.result("cameras")[0]["reason"], "a reason")
            assert reason == "no OpenMV camera is plugged in by USB", reason


def the_kernel_s_own_announcements_are_heard():
    """where no udev runs, the kernel's own announcements are heard"""
    event = "/sys/class/tty/tty0/uevent"
    if os.path.exists("/run/udev/control") or not os.access(event, os.W_OK):
        raise SkipTest("the kernel cannot be asked to announce something here")
    with Daemon(config={"cameras": {"front": usb(serial="of no camera")}, **PATIENT}) as daemon, daemon.client() as client:
        wait_for_camera(client, "front", "offline")
        with open(event, "w", encoding="ascii") as file:
            file.write("add")
        wait_until(lambda: client.result("stats")["cameras"][0]["healing"]["announcements"], "the announcement")


tap = Tap()
tap.run([
    a_camera_is_found_among_other_ports_and_answers,
    cameras_are_told_apart_by_serial_number_port_and_node,
    names_stay_with_their_cameras_when_nodes_change_places,
    a_camera_is_online_when_its_port_is_announced,
    a_node_that_comes_late_is_waited_for,
    a_board_in_its_bootloader_is_named,
    without_any_camera_that_is_said,
    the_kernel_s_own_announcements_are_heard,
])
tap.finish()
