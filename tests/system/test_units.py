#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The units of systemd: that it understands them, that the sandbox is as tight as is promised, and that the files fit each
other. Without a running systemd."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from openmvd import PATIENCE_S, ROOT, SkipTest, Tap, program

SYSTEMD = pathlib.Path(ROOT, "systemd")

# Ten times the highest exposure that `systemd-analyze security` may find: 2.0 of 10.
THRESHOLD = 20


def analyze(*arguments):
    if shutil.which("systemd-analyze") is None:
        raise SkipTest("there is no systemd-analyze")
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE_S,
                          check=False, env=dict(os.environ, SYSTEMD_COLORS="0", SYSTEMD_PAGER="cat"))


class Installed:
    """The units in a folder, as `make install` makes them; the programs are those of the build."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="openmvd-units-")
        prefix = pathlib.Path(self.folder.name)
        (prefix / "bin").mkdir()
        (prefix / "bin" / "openmvd").symlink_to(os.path.abspath(program("openmvd")))
        for name in ("openmvd.service.in", "openmvd.socket"):
            text = (SYSTEMD / name).read_text().replace("@PREFIX@", str(prefix))
            (prefix / name.removesuffix(".in")).write_text(text)
        return prefix

    def __exit__(self, *_):
        self.folder.cleanup()


def add_drop_in(prefix, name):
    folder = prefix / "openmvd.service.d"
    folder.mkdir()
    shutil.copy(SYSTEMD / name, folder)


def settings(path):
    """The sections of a unit, each a list of what is assigned to each key."""
    sections = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, value = line.split("=", 1)
            section.setdefault(key, []).append(value)
    return sections


def systemd_understands_every_line():
    with Installed() as prefix:
        done = analyze("verify", "--man=no", prefix / "openmvd.service", prefix / "openmvd.socket")
        assert done.returncode == 0 and done.stderr == "", done.stderr


def systemd_understands_the_drop_in_for_real_time():
    with Installed() as prefix:
        add_drop_in(prefix, "realtime.conf")
        done = analyze("verify", "--man=no", prefix / "openmvd.service")
        assert done.returncode == 0 and done.stderr == "", done.stderr


def verify_says_on_standard_error_where_something_is_wrong():
    with Installed() as prefix:
        unit = prefix / "openmvd.service"
        unit.write_text(unit.read_text().replace("[Service]", "[Service]\nWatchdogSecs=3"))
        assert "WatchdogSecs" in analyze("verify", "--man=no", unit).stderr


def left_open(prefix):
    """What systemd-analyze finds open, by its names for it; the unit has to be within the threshold."""
    done = analyze("security", "--offline=true", f"--threshold={THRESHOLD}", prefix / "openmvd.service")
    assert done.returncode == 0, done.stdout
    return done.stdout, {line.split()[1] for line in done.stdout.splitlines() if line.startswith("✗")}


def the_sandbox_is_as_tight_as_promised():
    with Installed() as prefix:
        printed, open_rights = left_open(prefix)
        assert re.search(r"exposure level for openmvd\.service: 1\.\d", printed), printed
        # Of what the unit sets, nothing but this is left open; it says why. Later versions of systemd may look at more.
        known = {"DeviceAllow=", "RestrictAddressFamilies=~AF_NETLINK", "RestrictAddressFamilies=~AF_UNIX",
                 "RestrictAddressFamilies=~…"}
        set_here = {name for name in open_rights if name.split("=")[0] in settings(prefix / "openmvd.service")["Service"]}
        assert set_here == known, open_rights


def the_sandbox_is_as_tight_with_the_drop_in_for_real_time():
    with Installed() as prefix:
        add_drop_in(prefix, "realtime.conf")
        _, open_rights = left_open(prefix)
        assert "RestrictRealtime=" in open_rights, "the drop-in was not looked at"


def explained(text):
    """The settings of a unit that a comment names or stands above."""
    found, is_explained = set(), False
    for line in text.splitlines():
        if line.startswith("#"):
            found.update(re.findall(r"(\w+)=", line))
        elif "=" in line and is_explained:
            found.add(line.split("=")[0])
        is_explained = line.startswith("#") or (is_explained and line != "")
    return found


def what_is_left_open_is_explained_in_the_unit():
    text = (SYSTEMD / "openmvd.service.in").read_text()
    with Installed() as prefix:
        _, open_rights = left_open(prefix)
    # One name stands for two settings of a kind: RootDirectory=/RootImage=.
    names = {name.split("=")[0] for name in open_rights}
    assert {"PrivateUsers", "DeviceAllow"} <= names <= explained(text), names - explained(text)
    for name in ("realtime.conf", "backoff.conf"):
        assert name in text, name


def no_line_gives_the_service_root_or_a_capability():
    service = settings(SYSTEMD / "openmvd.service.in")["Service"]
    assert service["User"] == ["openmvd"] and service["CapabilityBoundingSet"] == [""]
    assert "AmbientCapabilities" not in service and "DynamicUser" not in service
    for key, values in service.items():
        if key.startswith("Exec"):
            assert all(not re.match(r"[-@:]*[+!]", value) for value in values), f"{key} with privileges: {values}"


def the_drop_ins_touch_nothing_but_what_they_are_for():
    real_time = settings(SYSTEMD / "realtime.conf")
    assert set(real_time) == {"Service"}
    assert set(real_time["Service"]) == {"RestrictRealtime", "LimitRTPRIO", "LimitMEMLOCK", "SystemCallFilter"}
    back_off = settings(SYSTEMD / "backoff.conf")
    assert set(back_off["Service"]) == {"RestartSec", "RestartSteps", "RestartMaxDelaySec"}


def users_groups_and_folders_of_the_units_are_made_by_sysusers_and_tmpfiles():
    words = [line.split() for line in (SYSTEMD / "openmvd.sysusers").read_text().splitlines()]
    users = {row[1] for row in words if row[:1] == ["u"]}
    groups = {row[1] for row in words if row[:1] == ["g"]} | {row[2] for row in words if row[:1] == ["m"]} | users
    service = settings(SYSTEMD / "openmvd.service.in")["Service"]
    socket = settings(SYSTEMD / "openmvd.socket")["Socket"]
    assert set(service["User"]) <= users and set(service["Group"]) <= groups and set(socket["SocketGroup"]) <= groups
    assert "SupplementaryGroups" not in service, "a group that is missing would keep the service from starting"
    folders = [line.split() for line in (SYSTEMD / "openmvd.tmpfiles").read_text().splitlines() if not line.startswith("#")]
    assert [row[1] for row in folders] == [os.path.dirname(socket["ListenStream"][0])]
    assert {folders[0][3], folders[0][4]} <= groups
    assert "RuntimeDirectory" not in service


def the_groups_of_the_udev_rules_are_made_by_sysusers():
    members = {line.split()[2] for line in (SYSTEMD / "openmvd.sysusers").read_text().splitlines() if line.startswith("m ")}
    rules = pathlib.Path(ROOT, "udev", "60-openmvd.rules").read_text()
    used = set(re.findall(r'GROUP="([^"]+)"', rules))
    assert used == {"dialout", "spi", "i2c", "gpio"} and used <= members, (used, members)


def systemd_sysusers_understands_its_file():
    if shutil.which("systemd-sysusers") is None:
        raise SkipTest("there is no systemd-sysusers")
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(os.path.join(root, "etc"))
        done = subprocess.run(["systemd-sysusers", f"--root={root}", str(SYSTEMD / "openmvd.sysusers")], capture_output=True,
                              text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0, done.stderr
        with open(os.path.join(root, "etc", "group"), encoding="ascii") as file:
            groups = {line.split(":")[0]: line.strip().split(":")[3] for line in file}
        for name in ("openmv", "dialout", "spi", "i2c", "gpio"):
            assert groups[name] == "openmvd", groups
        with open(os.path.join(root, "etc", "passwd"), encoding="ascii") as file:
            assert re.search(r"^openmvd:.*:/usr/sbin/nologin$", file.read(), re.M)


def systemd_tmpfiles_understands_its_file():
    if shutil.which("systemd-tmpfiles") is None:
        raise SkipTest("there is no systemd-tmpfiles")
    with tempfile.TemporaryDirectory() as root:
        line = (SYSTEMD / "openmvd.tmpfiles").read_text().replace("openmvd openmvd -", f"{os.geteuid()} {os.getegid()} -")
        file = os.path.join(root, "openmvd.conf")
        with open(file, "w", encoding="ascii") as copy:
            copy.write(line)
        done = subprocess.run(["systemd-tmpfiles", "--create", f"--root={root}", file], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        assert os.stat(os.path.join(root, "run", "openmvd")).st_mode & 0o777 == 0o755


HELPERS = ("analyze", "add_drop_in", "settings", "left_open", "explained")
tap = Tap()
tap.run([test for name, test in list(globals().items())
         if callable(test) and getattr(test, "__module__", None) == "__main__" and not isinstance(test, type)
         and name not in HELPERS])
tap.finish()
