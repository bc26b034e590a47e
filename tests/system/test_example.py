#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library as a stranger uses it: the example of the docs, built against the archive, the shared library and an
installed copy, and run against the simulated camera; and the names that the library shows to the world."""

import os
import pathlib
import re
import select
import shlex
import shutil
import subprocess
import sys
import tempfile

from openmvd import PATIENCE_S

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
SOURCE = ROOT / "docs" / "examples" / "face.c"
CC = shlex.split(os.environ.get("CC", "cc"))
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
FACE = re.compile(r"x (\d+) y (\d+) w (\d+) h (\d+)\n")


class Skip(Exception):
    pass


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def run(command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, **options)
    check(result.returncode == 0, "%s: %s" % (" ".join(map(str, command)), result.stderr.strip()))
    return result.stdout


def sanitizers():
    """A sanitized build needs the same flags again; it says so by the symbols it wants."""
    undefined = run(["nm", "-u", BUILD / "libopenmvrpc.a"])
    names = {"address": "__asan_init", "undefined": "__ubsan_", "thread": "__tsan_init"}
    wanted = [name for name, symbol in names.items() if symbol in undefined]
    return ["-fsanitize=" + ",".join(wanted)] if wanted else []


class Camera:
    """A running openmv-sim."""

    def __enter__(self):
        self.process = subprocess.Popen([str(BUILD / "openmv-sim")], stdout=subprocess.PIPE, bufsize=0)
        if not select.select([self.process.stdout], [], [], PATIENCE_S)[0]:
            self.process.kill()
            raise AssertionError("openmv-sim gives no port within %g s" % PATIENCE_S)
        return self.process.stdout.readline().decode().strip()

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def finds_the_face(program, environment=None):
    with Camera() as port:
        output = run([program, port], env=environment)
    match = FACE.fullmatch(output)
    check(match, "it printed %r" % output)
    x, y, width, height = map(int, match.groups())
    check(width > 0 and height > 0 and x + width <= 320 and y + height <= 240, "a face outside of the picture")


def the_example_runs_with_the_archive(work):
    program = work / "face-static"
    run([*CC, *WARNINGS, *sanitizers(), "-I", ROOT / "libopenmvrpc", SOURCE, BUILD / "libopenmvrpc.a", "-o", program])
    finds_the_face(program)


def the_example_runs_with_the_shared_library(work):
    program = work / "face-shared"
    flags = ["-I", ROOT / "libopenmvrpc", "-L", BUILD, "-lopenmvrpc"]
    run([*CC, *WARNINGS, *sanitizers(), SOURCE, *flags, "-o", program])
    finds_the_face(program, dict(os.environ, LD_LIBRARY_PATH=str(BUILD)))


def the_example_runs_with_an_installed_library(work):
    if not re.search(r"^install:", (ROOT / "Makefile").read_text(), re.MULTILINE):
        raise Skip("there is no make install yet")
    if sanitizers():
        raise Skip("a sanitized library is not installed")
    if not shutil.which("pkg-config"):
        raise Skip("pkg-config is missing")
    stage = work / "stage"
    run(["make", "-C", ROOT, "install", "BUILD=%s" % BUILD, "DESTDIR=%s" % stage, "PREFIX=/usr"])
    (description,) = stage.rglob("openmvrpc.pc")
    # What the library itself needs is described where pkg-config looks by default.
    others = run(["pkg-config", "--variable", "pc_path", "pkg-config"]).strip()
    environment = dict(
        os.environ,
        PKG_CONFIG_LIBDIR="%s:%s" % (description.parent, others),
        PKG_CONFIG_SYSROOT_DIR=str(stage),
        PKG_CONFIG_PATH="",
    )
    flags = run(["pkg-config", "--cflags", "--libs", "openmvrpc"], env=environment).split()
    program = work / "face-installed"
    run([*CC, *WARNINGS, SOURCE, *flags, "-o", program])
    (library,) = stage.rglob("libopenmvrpc.so.0")
    finds_the_face(program, dict(os.environ, LD_LIBRARY_PATH=str(library.parent)))


def the_example_says_what_is_wrong(work):
    program = work / "face-static"
    result = subprocess.run([str(program), "/nonexistent"], capture_output=True, text=True, timeout=PATIENCE_S)
    check(result.returncode == 1, "it exits with %d" % result.returncode)
    check("/nonexistent: No such file" in result.stderr, "it says %r" % result.stderr)


def the_header_is_good_cplusplus(work):
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if not compiler:
        raise Skip("there is no C++ compiler")
    source = work / "header.cpp"
    source.write_text("#include <openmvrpc.h>\nint main() { return omvrpc_now_us() > 0 ? 0 : 1; }\n")
    run([compiler, "-Wall", "-Wextra", "-Werror", *sanitizers(), "-I", ROOT / "libopenmvrpc", source,
         BUILD / "libopenmvrpc.a", "-o", work / "header"])  # fmt: skip
    run([work / "header"])


def exported():
    return {line.split()[-1] for line in run(["nm", "-D", "--defined-only", BUILD / "libopenmvrpc.so.0"]).splitlines()}


def the_shared_library_exports_only_its_own_names(work):
    foreign = sorted(name for name in exported() if not name.startswith("omvrpc_"))
    check(not foreign, "it exports %s" % ", ".join(foreign))


def the_shared_library_exports_all_that_the_header_declares(work):
    header = (ROOT / "libopenmvrpc" / "openmvrpc.h").read_text()
    declared = set(re.findall(r"OMVRPC_API\s[^;(]*?(omvrpc_\w+)\(", header))
    check(len(declared) > 30, "only %d functions were found in the header" % len(declared))
    check(declared == exported(), "they differ in %s" % ", ".join(sorted(declared ^ exported())))


def the_example_is_short(work):
    body = SOURCE.read_text().split("int main", 1)[1]
    statements = [line for line in body.splitlines()[1:] if line.strip(" {}")]
    check(len(statements) <= 18, "%d lines" % len(statements))


TESTS = [
    the_example_runs_with_the_archive,
    the_example_runs_with_the_shared_library,
    the_example_runs_with_an_installed_library,
    the_example_says_what_is_wrong,
    the_example_is_short,
    the_header_is_good_cplusplus,
    the_shared_library_exports_only_its_own_names,
    the_shared_library_exports_all_that_the_header_declares,
]


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, test in enumerate(TESTS, 1):
            name = test.__name__.replace("_", " ")
            try:
                test(pathlib.Path(folder))
                print("ok %d - %s" % (number, name), flush=True)
            except Skip as why:
                print("ok %d - %s # SKIP %s" % (number, name, why), flush=True)
            except Exception as error:  # noqa: BLE001 - any fault of a test is its failure
                failed += 1
                print("not ok %d - %s\n# %s" % (number, name, str(error).replace("\n", "\n# ")), flush=True)
    print("1..%d" % len(TESTS))
    return 1 if failed else 0


sys.exit(main())
