# SPDX-License-Identifier: MIT
"""A virtual machine with Debian's own kernel that runs the scenarios of a folder and reports in TAP how they went.

The machine reads this machine's files over 9p, cannot write to any of them, and has no network; what it has to say comes
over its serial console. What is plugged into it, and what it boots, is its `Setup`. See README.md.
"""

import argparse
import collections
import contextlib
import dataclasses
import gzip
import lzma
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import typing

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(ROOT, os.environ.get("BUILD") or "build").resolve()
KERNEL = BUILD / "devices"

# An old one: what newer ones have beyond it, programs would use, and is slow to emulate.
PROCESSOR = "Nehalem"

# What `guest` says of a scenario that it had to end; no program's own status.
LATE = 256

TEST_LINE = re.compile(r"(not ok|ok) \d+ - (.*)")
PLAN = re.compile(r"1\.\.(\d+)$")


@dataclasses.dataclass(frozen=True)
class Setup:
    """What one machine has that others have not."""

    folder: pathlib.Path  # of its `init` and its scenarios
    scenarios: tuple  # their names, in the order in which they are run
    modules: tuple  # what the kernel needs to reach its root; everything else is loaded from there
    hardware: typing.Callable  # with a folder for sockets: qemu's options
    what_is_missing: typing.Callable  # with the name of a scenario: why it cannot be run here, or None
    memory_mb: int
    processors: int
    start_s: int  # seconds for starting the machine and ending it
    kernel_options: str = ""


def scenarios_in(folder):
    """The names of all that there are, by the alphabet."""
    return tuple(path.stem.removeprefix("scenario_") for path in sorted(folder.glob("scenario_*.py")))


def what_is_missing(_scenario=None):
    """Why there can be no machine at all here, or None."""
    if shutil.which("qemu-system-x86_64") is None:
        return "there is no qemu-system-x86_64 here"
    if not (KERNEL / "complete").exists():
        return f"the kernel of the virtual machine is not in {KERNEL}"
    return None


def why_no_controllers():
    """Why the machine has no controllers of SPI, I2C and GPIO, which module/ is, or None."""
    if (KERNEL / "module/camera_bus.ko").exists():
        return None
    return f"the controllers of the virtual machine are not in {KERNEL}"


# The initial file system: a cpio archive, whose format ("newc") is a header of hexadecimal numbers before each file.

def archive_entry(name, mode, content=b""):
    encoded = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    entry = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    entry += bytes(-len(entry) % 4) + content
    return entry + bytes(-len(entry) % 4)


def modules_in_order(version, modules):
    """The files of modules and of all that they need, each after what it needs itself."""
    folder = KERNEL / "lib/modules" / version
    needs = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        name, _, rest = line.partition(":")
        needs[name] = rest.split()
    by_name = {pathlib.Path(name).name.split(".")[0].replace("-", "_"): name for name in needs}
    order = []
    for module in modules:
        wanted = by_name.get(module.replace("-", "_"))
        # What is not there is part of the kernel itself.
        for name in (*reversed(needs[wanted]), wanted) if wanted else ():
            if name not in order:
                order.append(name)
    return [folder / name for name in order]


def module_content(path):
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def make_initial_files(version, setup):
    directory, program, symbolic_link = 0o040755, 0o100755, 0o120777
    archive = b"".join(archive_entry(name, directory) for name in ("bin", "dev", "proc", "sys", "root", "modules"))
    archive += archive_entry("bin/busybox", program, (KERNEL / "bin/busybox").read_bytes())
    archive += archive_entry("bin/sh", symbolic_link, b"busybox")
    archive += archive_entry("init", program, (setup.folder / "init").read_bytes())
    for number, path in enumerate(modules_in_order(version, setup.modules)):
        archive += archive_entry(f"modules/{number:02}-{path.name.split('.')[0]}.ko", program, module_content(path))
    return gzip.compress(archive + archive_entry("TRAILER!!!", 0), compresslevel=1)


def share(name, path):
    return ["-virtfs", f"local,path={path},mount_tag={name},security_model=none,readonly=on,multidevs=remap"]


def command_of(version, setup, names, folder, options):
    initial_files = os.path.join(folder, "initrd")
    pathlib.Path(initial_files).write_bytes(make_initial_files(version, setup))
    return ["qemu-system-x86_64", "-M", "pc", "-accel", options.accelerator, "-cpu", PROCESSOR, "-m", str(setup.memory_mb),
            "-smp", str(setup.processors), "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-nic", "none", "-no-reboot",
            "-kernel", str(KERNEL / "boot" / f"vmlinuz-{version}"), "-initrd", initial_files,
            # Only what ends the kernel may stand between the lines of the tests.
            "-append", "console=ttyS0,115200 panic=-1 quiet loglevel=1 mitigations=off "
            f"{setup.kernel_options} scenarios={','.join(names)} time_limit={options.time_limit}",
            *share("project", ROOT), *share("build", BUILD), "-serial", "stdio", *setup.hardware(folder)]


class Machine:
    """The virtual machine while it runs: its console, line by line, until it ends or its time is over."""

    def __init__(self, command, time_limit):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, errors="replace")
        self.is_late = False
        self.timer = threading.Timer(time_limit, self.give_up)
        self.timer.start()

    def give_up(self):
        self.is_late = True
        self.process.kill()

    def lines(self):
        for line in self.process.stdout:
            yield line.rstrip("\r\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.timer.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Report:
    """Joins what the scenarios say to one TAP document, and notices what they do not say."""

    def __init__(self):
        self.number = 0
        self.failed = 0
        self.begin(None)

    def begin(self, scenario):
        self.scenario = scenario
        self.tests = 0
        self.failed_before = self.failed
        self.plan = None

    def test(self, good, name):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {self.scenario}: {name}", flush=True)

    def skip(self, scenario, why):
        self.number += 1
        print(f"ok {self.number} - {scenario} # SKIP {why}", flush=True)

    def take(self, line):
        test, plan = TEST_LINE.match(line), PLAN.match(line)
        if test:
            self.tests += 1
            self.test(test.group(1) == "ok", test.group(2))
        elif plan:
            self.plan = int(plan.group(1))
        elif line:
            print("# " + line.removeprefix("# "), flush=True)

    def end(self, status):
        """A scenario has ended with a status, or, if that is None, its machine has."""
        if status is None:
            self.test(False, "the machine ended before the scenario")
        elif status == LATE:
            self.test(False, "it was not done in its time, and ended")
        elif self.plan != self.tests or not self.tests:
            self.test(False, f"{self.tests} tests were run of {self.plan}; it ended with status {status}")
        elif status != 0 and self.failed == self.failed_before:
            self.test(False, f"it ended with status {status}, though no test failed")
        self.begin(None)


def run_machine(setup, names, options, report):
    version = next((KERNEL / "lib/modules").iterdir()).name
    left = list(names)
    aside = collections.deque(maxlen=60)
    with tempfile.TemporaryDirectory(prefix="openmvd-machine-") as folder, contextlib.ExitStack() as stack:
        time_limit = setup.start_s + options.time_limit * len(names)
        machine = stack.enter_context(Machine(command_of(version, setup, names, folder, options), time_limit))
        for line in machine.lines():
            word, _, rest = line.partition(" ")
            if word == "@begin":
                report.begin(rest)
            elif word == "@end":
                left.remove(report.scenario)
                report.end(int(rest))
            elif report.scenario:
                report.take(line)
            # What is said before and after them is of interest where they are not all done.
            else:
                aside.append(line)
        late = machine.is_late
    for name in left:
        report.begin(name)
        report.end(None)
    for line in aside if left else ():
        report.take(line)
    if late:
        print(f"# the machine was ended after {time_limit} s")


def main(setup):
    """What the `run` of a folder does."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help=", ".join(setup.scenarios))
    parser.add_argument("--accelerator", default="tcg,thread=multi", metavar="NAME",
                        help="another way to run it, as kvm, which may hang where machines are virtual themselves (default tcg)")
    parser.add_argument("--time-limit", type=int, default=600, metavar="S", help="seconds for one scenario (default 600)")
    options = parser.parse_args()
    names = [name for name in setup.scenarios if name in options.names or not options.names]
    for name in set(options.names) - set(setup.scenarios):
        parser.error(f"there is no scenario {name}")
    report = Report()
    why_not = {name: setup.what_is_missing(name) for name in names}
    for name, why in why_not.items():
        if why:
            report.skip(name, why)
    # So that the machine is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    able = [name for name in names if not why_not[name]]
    if able:
        run_machine(setup, able, options, report)
    print(f"1..{report.number}")
    return 1 if report.failed else 0
