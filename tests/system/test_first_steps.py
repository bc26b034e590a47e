#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a newcomer meets before anything is built: packages that are missing, with and without the right to install them."""

import contextlib
import os
import shutil
import subprocess
import tempfile

from openmvd import PATIENCE_S, ROOT, Tap

TOOL = os.path.join(ROOT, "tools", "install-dependencies")

# The package lists are read, an installed package is there from then on, and all that was run is written down.
APT_GET = '#!/bin/sh\necho "apt-get $*" >>"$RAN"\ncase " $* " in *" install "*) touch "$RAN.installed" ;; esac\n'
PKG_CONFIG = '#!/bin/sh\n[ -e "$RAN.installed" ]\n'
SUDO = '#!/bin/sh\necho "sudo $*" >>"$RAN"\n[ "$1" != -n ] || shift\nexec "$@"\n'
NO_SUDO = '#!/bin/sh\necho "maker is not in the sudoers file." >&2\nexit 1\n'


@contextlib.contextmanager
def machine(user=1000, **programs):
    """A machine without libraries, on which somebody runs the tool with these programs; gives how it went, and what ran."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("sh", "sed", "sort", "tr", "env", "touch", "true", "make"):
            os.symlink(shutil.which(name), os.path.join(folder, name))
        programs = {"id": f"#!/bin/sh\necho {user}\n", "gcc": "#!/bin/sh\n", "pkg_config": PKG_CONFIG,
                    "apt_get": APT_GET, **programs}
        for name, text in programs.items():
            path = os.path.join(folder, name.replace("_", "-"))
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            os.chmod(path, 0o755)
        ran = os.path.join(folder, "ran")
        env = {"PATH": folder, "RAN": ran}
        done = subprocess.run([TOOL, "build"], env=env, check=False, capture_output=True, text=True, timeout=PATIENCE_S)
        commands = open(ran, encoding="ascii").read().splitlines() if os.path.exists(ran) else []
        yield done, commands


def root_installs_what_is_missing():
    with machine(user=0) as (done, ran):
        assert done.returncode == 0 and done.stdout.startswith("Installing with apt-get: libcjson-dev libevent-dev"), done
        assert len(ran) == 2 and ran[0].endswith("update") and "install --yes" in ran[1], ran


def who_has_sudo_installs_by_it():
    with machine(sudo=SUDO) as (done, ran):
        assert done.returncode == 0 and "Installing with sudo apt-get: " in done.stdout, done
        assert ran[-1].endswith("libudev-dev") and ran[-1].startswith("apt-get"), ran


def who_has_no_sudo_is_told_what_to_run_as_root():
    with machine() as (done, ran):
        assert done.returncode == 1 and not ran, (done, ran)
        assert "There is no sudo, so please run as root: apt-get install libcjson-dev libevent-dev" in done.stderr, done


def who_may_not_use_sudo_is_told_whom_to_ask_and_nothing_untrue():
    with machine(sudo=NO_SUDO) as (done, ran):
        assert done.returncode == 1 and not ran, (done, ran)
        assert "ask somebody who may: sudo apt-get install libcjson-dev libevent-dev" in done.stderr, done
        assert "package lists" not in done.stderr and "Installing" not in done.stdout, done


def where_nothing_is_missing_nothing_is_said_or_run():
    with machine(pkg_config="#!/bin/sh\n", sudo=NO_SUDO) as (done, ran):
        assert (done.returncode, done.stdout, done.stderr, ran) == (0, "", "", []), (done, ran)


def main():
    tap = Tap()
    tap.run([
        root_installs_what_is_missing,
        who_has_sudo_installs_by_it,
        who_has_no_sudo_is_told_what_to_run_as_root,
        who_may_not_use_sudo_is_told_whom_to_ask_and_nothing_untrue,
        where_nothing_is_missing_nothing_is_said_or_run,
    ])
    tap.finish()


if __name__ == "__main__":
    main()
