#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sandbox from inside: the devices that links need and nothing else, no right that a daemon does not need."""

import json
import os
import pathlib
import re

from booted import HERE, SERVICE, Tap, check_echo, main_pid, prepare, run, service_with_camera

UNITS = pathlib.Path("/run/systemd/system")
# What the probe is to try, and what came of it.
ASKED, SAID = pathlib.Path("/run/openmvd-probe.words"), pathlib.Path("/run/openmvd-probe.json")
REFUSED = ("Operation not permitted", "Permission denied")

# Devices that the machine has and no camera is on.
OTHER_DEVICES = ("/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/rtc0", "/dev/input/event0", "/dev/net/tun", "/dev/fuse",
                 "/dev/loop-control", "/dev/uinput", "/dev/snapshot", "/dev/hpet", "/dev/cpu_dma_latency")


def probe_of(user):
    return f"openmvd-probe-{user}.service"


def make_probes():
    """Units like the service's, with the probe as their program: one for its user, one for root."""
    text = run("systemctl", "cat", SERVICE)
    text = re.sub(r"^ExecStart=.*", f"ExecStart=/usr/bin/python3 {HERE}/probe.py {ASKED}", text, flags=re.MULTILINE)
    text = re.sub(r"^(ExecReload|Restart|WatchdogSec|Requires|Also|WantedBy|\[Install\]).*", "", text, flags=re.MULTILINE)
    text = re.sub(r"^Type=.*", "Type=oneshot", text, flags=re.MULTILINE)
    text += f"\n[Service]\nStandardOutput=truncate:{SAID}\n"
    (UNITS / probe_of("openmvd")).write_text(text, encoding="utf-8")
    (UNITS / probe_of("root")).write_text(text + "User=root\nGroup=root\n", encoding="utf-8")
    run("systemctl", "daemon-reload")


def probe(*words, user="openmvd"):
    """Has the probe try some things in the sandbox of the service. Returns what came of them."""
    ASKED.write_text("\n".join(words), encoding="ascii")
    run("systemctl", "start", probe_of(user))
    return json.loads(SAID.read_text(encoding="ascii"))


def status_of(pid):
    """What the kernel tells of a process."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}


def the_daemon_has_no_capability_and_no_way_to_one():
    with service_with_camera():
        status = status_of(main_pid())
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[name][0], 16) == 0, (name, status[name])
        assert status["NoNewPrivs"] == ["1"] and status["Seccomp"] == ["2"], status
        assert "0" not in status["Uid"] + status["Gid"] + status["Groups"], status


def the_camera_s_port_is_open_to_the_service_s_user_and_answers():
    with service_with_camera() as (camera, first):
        check_echo(first)
        node = camera.nodes()[0]
        # The daemon has it for itself, so a second one is told that it is busy: the device let it try.
        assert probe(f"open:{node}") == {f"open:{node}": "Device or resource busy"}


def no_other_device_is_open_not_even_to_root():
    there = [path for path in OTHER_DEVICES if os.path.exists(path)]
    assert {"/dev/mem", "/dev/vda", "/dev/kmsg"} <= set(there), there
    for user in ("openmvd", "root"):
        outcomes = probe(*(f"open:{path}" for path in there), user=user)
        assert all(outcome in REFUSED for outcome in outcomes.values()), (user, outcomes)
    # What every program may have is the other half of the test: the probe can open devices.
    assert probe("open:/dev/null") == {"open:/dev/null": "done"}


def the_file_system_is_to_be_read_only():
    folders = ("/", "/etc", "/usr", "/var", "/var/log", "/run", "/run/openmvd", "/home", "/root", "/opt", "/dev/shm")
    for user in ("openmvd", "root"):
        outcomes = probe(*(f"write:{folder}" for folder in folders), user=user)
        assert "done" not in outcomes.values(), (user, outcomes)
    assert probe("write:/tmp") == {"write:/tmp": "done"}
    assert not os.path.exists("/tmp/openmvd-probe")


def no_network_but_that_of_cameras_and_of_the_kernel_s_news():
    outcomes = probe("socket:AF_UNIX", "socket:AF_NETLINK", "socket:AF_INET", "socket:AF_INET6", "socket:AF_PACKET")
    assert outcomes["socket:AF_UNIX"] == outcomes["socket:AF_NETLINK"] == "done", outcomes
    assert outcomes["socket:AF_INET"] == outcomes["socket:AF_INET6"] == "Address family not supported by protocol", outcomes
    assert outcomes["socket:AF_PACKET"] != "done", outcomes


def systemd_finds_nothing_wrong_with_the_units():
    # Its exit status says nothing of a key that it does not know.
    told = run("systemd-analyze", "verify", "--man=no", "openmvd.service", "openmvd.socket")
    assert "openmvd" not in told, told


def systemd_gives_the_sandbox_two_or_better():
    told = run("systemd-analyze", "security", "--no-pager", "--threshold=20", SERVICE)
    exposure = float(re.search(r"exposure level for .*: ([\d.]+)", told).group(1))
    assert exposure <= 2.0, told


prepare()
make_probes()
tap = Tap()
tap.run([
    the_daemon_has_no_capability_and_no_way_to_one,
    the_camera_s_port_is_open_to_the_service_s_user_and_answers,
    no_other_device_is_open_not_even_to_root,
    the_file_system_is_to_be_read_only,
    no_network_but_that_of_cameras_and_of_the_kernel_s_news,
    systemd_finds_nothing_wrong_with_the_units,
    systemd_gives_the_sandbox_two_or_better,
])
tap.finish()
