#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes the root of the booted machine: a Debian as this one, with systemd, udev and the libraries that the built programs
# need, into $BUILD/booted; and fetches its kernel into $BUILD/devices. Made anew only when other packages are needed.
# Needs no rights where users may make namespaces, else root; changes nothing on this machine.
set -eu
cd "$(dirname "$0")/../.."
tests/devices/install.sh
build=$(realpath -m "${BUILD:-build}")
folder=$build/booted

os_release() { # NAME
    sed -n "s/^$1=//p" /etc/os-release
}
if [ "$(os_release ID)" != debian ]; then
    echo "The booted machine is a Debian as the one that the programs were built on, which this is not." >&2
    exit 1
fi
suite=$(os_release VERSION_CODENAME)

# The packages of libraries have other names in other Debians; their files tell.
libraries=$(ldd "$build/openmvd" "$build/openmvctl" "$build/tests/virtual_usb" "$build/tests/bus_camera" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u |
    while read -r file; do
        # dpkg knows a file by the path that it was installed as, with or without the link from /lib to /usr/lib.
        dpkg -S "$file" 2>/dev/null || dpkg -S "/usr$file" 2>/dev/null || dpkg -S "${file#/usr}" || echo "unknown: $file" >&2
    done | cut -d: -f1 | sort -u | tr '\n' ' ')
packages="systemd systemd-sysv udev dbus kmod procps make sudo python3 socat $libraries"

if [ "$(cat "$folder/packages" 2>/dev/null)" = "$suite $packages" ] && [ -e "$folder/root.sqfs" ]; then
    exit 0
fi
rm -rf "$folder"
mkdir -p "$folder"
include=$(echo "$packages" | sed 's/ *$//; s/  */,/g')

# In a container root itself may not mount, and the packages get along without.
can_mount=
if [ "$(id -u)" -eq 0 ] && ! unshare --mount true 2>/dev/null; then
    can_mount=--skip=check/canmount
fi
# shellcheck disable=SC2086 # one word or none
if ! mmdebstrap $can_mount --variant=minbase --dpkgopt=force-unsafe-io --include="$include" "$suite" "$folder/root.tar" \
    >"$folder/log" 2>&1 </dev/null; then
    tail -n 20 "$folder/log" >&2
    echo "The root of the booted machine could not be made; all that was said is in $folder/log." >&2
    exit 1
fi
# Little is saved by packing it well, and much is lost where the processor is emulated.
tar2sqfs --quiet --force --no-xattr --compressor lz4 "$folder/root.sqfs" <"$folder/root.tar"
rm "$folder/root.tar"
echo "$suite $packages" >"$folder/packages"
