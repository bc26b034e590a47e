#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""openmvctl deploy and doctor with USB devices of the kernel's own gadget drivers: a FAT drive at usb-storage, and ids."""

import contextlib
import glob
import json
import os
import pathlib
import struct
import subprocess
import tempfile

from devices import PATIENCE_S, Tap, load_modules, program, wait_until

FIRMWARE = pathlib.Path(__file__).resolve().parents[2] / "firmware"
SCRIPTS = sorted(path.name for path in FIRMWARE.glob("*.py"))
GADGETS = pathlib.Path("/sys/kernel/config/usb_gadget")
SECTOR = 512
PARTITION_AT = 256  # as in the flash of a board


def make_drive(path, kilobytes):
    """Writes an image of a disk with one FAT12 partition of that size, as boards format their flash."""
    sectors = kilobytes * 1024 // SECTOR
    fat_sectors = -(-(sectors * 3 // 2 + 3) // SECTOR)
    entry = struct.pack("<B3sB3sII", 0, bytes(3), 1, bytes(3), PARTITION_AT, sectors)
    table = bytes(446) + entry + bytes(48) + b"\x55\xaa"
    start = b"\xeb\x3c\x90MSDOS5.0" + struct.pack("<HBHBHHBHHHII", SECTOR, 1, 1, 1, 512, sectors, 0xf8, fat_sectors, 63, 255,
                                                  PARTITION_AT, 0)
    start += struct.pack("<BBBI11s8s", 0x80, 0, 0x29, 0x1234, b"OPENMV     ", b"FAT12   ")
    volume = start.ljust(SECTOR - 2, b"\0") + b"\x55\xaa" + (b"\xf8\xff\xff").ljust(fat_sectors * SECTOR, b"\0")
    with open(path, "wb") as file:
        file.write(table.ljust(PARTITION_AT * SECTOR, b"\0") + volume)
        file.truncate((PARTITION_AT + sectors) * SECTOR)


def drives():
    return {path.name for path in pathlib.Path("/sys/class/block").glob("sd*")}


def can_be_read(node):
    """The kernel shows a partition a moment before it lets anybody open it."""
    try:
        os.close(os.open(node, os.O_RDONLY))
        return True
    except OSError:
        return False


class Board:
    """A USB device with the ids of a board and, with `image`, a drive; else with a port, or nothing of use."""

    number = 0

    def __init__(self, vendor="0x1209", product="0xabd1", serial="0123456789AB", image=None, port=False):
        self.texts = {"idVendor": vendor, "idProduct": product, "strings/0x409/serialnumber": serial,
                      "strings/0x409/product": "OpenMV Cam"}
        self.image = image
        self.function = "mass_storage.0" if image else "acm.0" if port else "hid.0"
        self.controller = None

    def __enter__(self):
        Board.number += 1
        self.folder = GADGETS / f"board{Board.number}"
        self.config = self.folder / "configs/c.1"
        function = self.folder / "functions" / self.function
        for path in (self.folder, self.folder / "strings/0x409", self.config, function):
            path.mkdir()
        for name, text in self.texts.items():
            (self.folder / name).write_text(text)
        if self.image:
            (function / "lun.0/removable").write_text("1")
            (function / "lun.0/file").write_text(self.image)
        elif self.function == "hid.0":
            (function / "report_length").write_text("8")
            (function / "report_desc").write_bytes(bytes.fromhex("0600ff0901a1010902150025017508950881 02c0".replace(" ", "")))
        (self.config / self.function).symlink_to(function)
        before = drives()
        busy = {(board / "UDC").read_text().strip() for board in GADGETS.iterdir()}
        self.controller = min(path.name for path in pathlib.Path("/sys/class/udc").iterdir() if path.name not in busy)
        (self.folder / "UDC").write_text(self.controller)
        wait_until(lambda: self.texts["strings/0x409/serialnumber"] in serials(), "the device")
        if self.image:
            # "sda", and then its partition, "sda1".
            self.drive = wait_until(lambda: next((name for name in drives() - before if name[-1].isdigit()), None),
                                    "a partition of the drive")
            wait_until(lambda: can_be_read("/dev/" + self.drive), "the partition to be readable")
        elif self.function == "acm.0":
            wait_until(lambda: os.path.exists("/dev/ttyACM0"), "the port")
        return self

    def unplug(self):
        if self.controller:
            (self.folder / "UDC").write_text("\n")
            self.controller = None
            wait_until(lambda: self.texts["strings/0x409/serialnumber"] not in serials(), "the device to go")

    def __exit__(self, *_):
        self.unplug()

    @contextlib.contextmanager
    def mounted(self, options="rw"):
        """The drive as a folder."""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["mount", "-t", "vfat", "-o", options, "/dev/" + self.drive, folder], check=True)
            try:
                yield pathlib.Path(folder)
            finally:
                subprocess.run(["umount", folder], check=True)


def serials():
    found = set()
    for path in glob.glob("/sys/bus/usb/devices/*/serial"):
        # A device may go while it is read.
        with contextlib.suppress(OSError):
            found.add(pathlib.Path(path).read_text().strip())
    return found


@contextlib.contextmanager
def board_with_drive(kilobytes=512, **identity):
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, "image")
        make_drive(image, kilobytes)
        with Board(image=image, **identity) as board:
            yield board


def openmvctl(*arguments):
    return subprocess.run([program("openmvctl"), "--socket", "/run/none.sock", *arguments], check=False, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=3 * PATIENCE_S)


def deploy(*arguments):
    return openmvctl("deploy", "--from", str(FIRMWARE), *arguments)


def outcomes(done):
    assert done.returncode == 0, done
    return {row["name"]: row["outcome"] for row in json.loads(done.stdout)["files"]}


def check_nothing_is_left():
    assert "vfat" not in pathlib.Path("/proc/self/mounts").read_text()
    assert not list(pathlib.Path("/tmp").glob("openmvctl-*"))


def check_content(folder, others=()):
    assert sorted(path.name for path in folder.iterdir()) == sorted([*SCRIPTS, *others])
    for name in SCRIPTS:
        assert (folder / name).read_bytes() == (FIRMWARE / name).read_bytes(), name


def the_drive_is_found_mounted_written_and_unmounted():
    with board_with_drive() as board:
        done = deploy()
        assert done.returncode == 0 and "the drive is unmounted" in done.stdout, done
        check_nothing_is_left()
        with board.mounted("ro") as folder:
            check_content(folder)
        assert outcomes(deploy("--json")) == dict.fromkeys(SCRIPTS, "same")
        check_nothing_is_left()


def what_was_written_survives_unplugging_at_once():
    with board_with_drive() as board:
        assert deploy().returncode == 0
        board.unplug()
        with Board(image=board.image) as again, again.mounted("ro") as folder:
            check_content(folder)


def a_dry_run_does_not_write_a_single_sector():
    with board_with_drive() as board:
        before = pathlib.Path(board.image).read_bytes()
        assert outcomes(deploy("--dry-run", "--json")) == dict.fromkeys(SCRIPTS, "would_write")
        check_nothing_is_left()
        board.unplug()
        assert pathlib.Path(board.image).read_bytes() == before


def a_drive_that_is_mounted_already_is_used_where_it_is():
    with board_with_drive() as board, board.mounted() as folder:
        (folder / "mine.txt").write_text("mine")
        done = deploy()
        assert done.returncode == 0 and str(folder) in done.stdout and "now eject the drive" in done.stdout, done
        check_content(folder, ["mine.txt"])


def a_drive_that_is_mounted_read_only_is_told():
    with board_with_drive() as board, board.mounted("ro"):
        done = deploy()
        assert done.returncode == 1 and "Read-only file system" in done.stderr, done


def a_drive_that_is_too_small_for_old_and_new_is_written_all_the_same():
    size = sum(-(-(FIRMWARE / name).stat().st_size // SECTOR) * SECTOR for name in SCRIPTS)
    # One FAT, a root folder of 512 entries, and a few sectors to spare: less than the smallest script.
    with board_with_drive(kilobytes=size // 1024 + 20) as board:
        assert deploy().returncode == 0
        with board.mounted() as folder:
            for name in SCRIPTS:
                with open(folder / name, "r+b") as file:
                    file.write(b"# of openmvd, older\n")
        assert outcomes(deploy("--json")) == dict.fromkeys(SCRIPTS, "written")
        with board.mounted("ro") as folder:
            check_content(folder)


def a_full_drive_keeps_what_it_has():
    older = "# of openmvd, older\n"
    with board_with_drive(kilobytes=40) as board:
        with board.mounted() as folder:
            for name in SCRIPTS:
                (folder / name).write_text(older)
        done = deploy()
        assert done.returncode == 1 and "No space left on device" in done.stderr, done
        check_nothing_is_left()
        with board.mounted("ro") as folder:
            assert sorted(path.name for path in folder.iterdir()) == SCRIPTS
            # Some may have had room. Each is whole, the older or the newer.
            for name in SCRIPTS:
                assert (folder / name).read_text() in (older, (FIRMWARE / name).read_text()), name


def a_drive_without_a_file_system_is_told():
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, "image")
        make_drive(image, 512)
        with open(image, "r+b") as file:
            file.seek(PARTITION_AT * SECTOR)
            file.write(bytes(4096))
        with Board(image=image):
            done = deploy()
            assert done.returncode == 1 and "cannot be mounted" in done.stderr and "damaged" in done.stderr, done
            check_nothing_is_left()


def of_two_cameras_the_one_with_the_serial_number_is_meant():
    with board_with_drive(serial="AAA1") as one, board_with_drive(serial="BBB2") as other:
        done = deploy()
        assert done.returncode == 1 and "--serial AAA1" in done.stderr and "--serial BBB2" in done.stderr, done
        assert deploy("--serial", "BBB2").returncode == 0
        with other.mounted("ro") as folder:
            check_content(folder)
        with one.mounted("ro") as folder:
            assert not list(folder.iterdir())


def drives_of_others_are_not_touched():
    with board_with_drive(vendor="0x0781", product="0x5567") as stick:
        done = deploy()
        assert done.returncode == 1 and "no OpenMV camera is plugged in" in done.stderr, done
        with stick.mounted("ro") as folder:
            assert not list(folder.iterdir())


def a_camera_without_a_drive_gets_the_other_ways_to_copy():
    with Board(vendor="0x37c5", product="0x1204", port=True):
        done = deploy()
        assert done.returncode == 1 and "has no drive" in done.stderr and "/dev/ttyACM0 fs cp" in done.stderr, done


def the_doctor_finds_a_camera_and_its_port():
    with Board(vendor="0x37c5", product="0x1204", port=True):
        steps = {row["step"]: row for row in json.loads(openmvctl("doctor", "--json").stdout)["steps"]}
        assert "(37c5:1204)" in steps["usb"]["found"] and steps["usb"]["found"].endswith("/dev/ttyACM0"), steps
        assert [steps[name]["outcome"] for name in ("usb", "node", "rights", "holder")] == ["ok"] * 4, steps


def a_bootloader_is_named():
    with Board(vendor="0x37c5", product="0x9204"):
        assert "bootloader" in deploy().stderr
        steps = {row["step"]: row for row in json.loads(openmvctl("doctor", "--json").stdout)["steps"]}
        assert steps["usb"]["outcome"] == "fail" and "bootloader (37c5:9204" in steps["usb"]["found"], steps


if __name__ == "__main__":
    load_modules("libcomposite", "usb_f_mass_storage", "usb_f_acm", "usb_f_hid", "usb-storage", "sd_mod", "cdc-acm", "vfat",
                 "nls_cp437", "nls_ascii", "nls_iso8859-1")
    # The driver's pause is for disks that need to spin up.
    pathlib.Path("/sys/module/usb_storage/parameters/delay_use").write_text("0")
    if not GADGETS.exists():
        subprocess.run(["mount", "-t", "configfs", "none", "/sys/kernel/config"], check=True)
    subprocess.run(["modprobe", "-d", os.path.join(os.environ["BUILD"], "devices"), "dummy_hcd", "num=2"], check=True)
    tap = Tap()
    tap.run([
        the_drive_is_found_mounted_written_and_unmounted,
        what_was_written_survives_unplugging_at_once,
        a_dry_run_does_not_write_a_single_sector,
        a_drive_that_is_mounted_already_is_used_where_it_is,
        a_drive_that_is_mounted_read_only_is_told,
        a_drive_that_is_too_small_for_old_and_new_is_written_all_the_same,
        a_full_drive_keeps_what_it_has,
        a_drive_without_a_file_system_is_told,
        of_two_cameras_the_one_with_the_serial_number_is_meant,
        drives_of_others_are_not_touched,
        a_camera_without_a_drive_gets_the_other_ways_to_copy,
        the_doctor_finds_a_camera_and_its_port,
        a_bootloader_is_named,
    ])
    tap.finish()
