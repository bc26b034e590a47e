#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Fetches the kernel, the busybox and the udev of the virtual machine into $BUILD/devices. They are unpacked there and not
# installed: the machine that this runs on keeps its own kernel, and its devices. Needs no rights; asks the network only for what is not there yet.
set -eu
cd "$(dirname "$0")/../.."
folder=$(realpath -m "${BUILD:-build}")/devices
if [ -e "$folder/complete" ] && [ -e "$folder/bin/udevadm" ]; then
    exit 0
fi
if [ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ]; then
    echo "The virtual machine is for Debian on amd64, which this is not." >&2
    exit 1
fi

rm -rf "$folder"
mkdir -p "$folder/packages"
cd "$folder/packages"

fetch() { # APT-OPTIONS...
    # linux-image-amd64 is only a name for the newest: the kernel is in the package that it depends on.
    kernel=$(apt-cache "$@" depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)$/\1/p' | head -n 1)
    [ -n "$kernel" ] && apt-get "$@" -q -q -o APT::Sandbox::User=root download "$kernel" busybox-static udev </dev/null
}

# This machine's package lists may be old or empty. Lists of our own need no rights, but are some ten megabytes.
if ! fetch 2>log; then
    mkdir -p lists/partial cache/archives/partial
    set -- -o Dir::State::lists="$PWD/lists" -o Dir::Cache="$PWD/cache"
    apt-get "$@" -q -q -o APT::Sandbox::User=root update </dev/null || :
    fetch "$@" || { cat log >&2 && echo "The kernel of the virtual machine could not be fetched." >&2 && exit 1; }
fi
for package in *.deb; do
    dpkg -x "$package" unpacked
done
# Debian 12 has these at the root, later ones below usr.
for file in boot/vmlinuz-* lib/modules usr/lib/modules bin/busybox usr/bin/busybox bin/udevadm usr/bin/udevadm; do
    for found in unpacked/$file; do
        if [ -e "$found" ]; then
            target=$folder/$(dirname "${file#usr/}")
            mkdir -p "$target"
            mv "$found" "$target"
        fi
    done
done
cd "$folder"
rm -rf packages
# Debian writes the list of what depends on what only when a kernel is installed.
for modules in lib/modules/*; do
    PATH=$PATH:/usr/sbin:/sbin depmod -b "$folder" "${modules##*/}"
done
touch complete
