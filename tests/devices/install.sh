#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Fetches the kernel, the busybox and the udev of the virtual machine into $BUILD/devices, and builds the module with its
# controllers there. Nothing is installed: the machine that this runs on keeps its own kernel, and its devices. Needs no
# rights; asks the network only for what is not there yet. Without the headers of that kernel there is no module, and the
# scenarios that need it say so.
set -eu
cd "$(dirname "$0")/../.."
sources=$PWD/tests/devices/module
folder=$(realpath -m "${BUILD:-build}")/devices

lists=

download() { # PACKAGE...
    # shellcheck disable=SC2086 # options or none
    apt-get $lists -q -q -o APT::Sandbox::User=root download "$@" </dev/null
}

depends() { # PACKAGE PATTERN
    # shellcheck disable=SC2086 # options or none
    apt-cache $lists depends "$1" 2>/dev/null | sed -n "s/^ *Depends: *\($2\)\$/\1/p"
}

fetch_machine() {
    # linux-image-amd64 is only a name for the newest: the kernel is in the package that it depends on.
    kernel=$(depends linux-image-amd64 'linux-image-[0-9].*' | head -n 1)
    [ -n "$kernel" ] && download "$kernel" busybox-static udev
}

fetch_headers() {
    for modules in "$folder"/lib/modules/*; do
        headers=linux-headers-${modules##*/}
    done
    # shellcheck disable=SC2046 # a list of packages
    download "$headers" $(depends "$headers" 'linux-\(headers\|kbuild\)-.*')
}

unpack() { # TARGET
    for package in *.deb; do
        dpkg -x "$package" "$1"
        rm "$package"
    done
}

place_machine() {
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
    # Debian writes the list of what depends on what only when a kernel is installed.
    for modules in "$folder"/lib/modules/*; do
        PATH=$PATH:/usr/sbin:/sbin depmod -b "$folder" "${modules##*/}"
    done
}

place_headers() {
    # They name each other as if they were installed.
    sed -i "s|^include /usr/src|include $folder/headers/usr/src|" "$folder"/headers/usr/src/linux-headers-*/Makefile
}

# This machine's package lists may be old or empty. Lists of our own need no rights, but are some ten megabytes.
fetch() { # FUNCTION WHAT
    if "$1" 2>log; then
        return
    fi
    mkdir -p lists/partial cache/archives/partial
    lists="-o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/cache"
    # shellcheck disable=SC2086 # options
    apt-get $lists -q -q -o APT::Sandbox::User=root update </dev/null || :
    "$1" || { cat log >&2 && echo "$2 could not be fetched." >&2 && exit 1; }
}

build_module() {
    mkdir -p "$folder/module"
    cp -u "$sources"/* "$folder/module"
    # What the caller's make was told, such as another compiler, is not for the kernel.
    env -u MAKEFLAGS -u MFLAGS make -s -C "$folder"/headers/usr/src/linux-headers-*-amd64 M="$folder/module" W=1 \
        KCFLAGS=-Werror modules
}

if [ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ]; then
    echo "The virtual machine is for Debian on amd64, which this is not." >&2
    exit 1
fi

if ! { [ -e "$folder/complete" ] && [ -e "$folder/bin/udevadm" ]; }; then
    rm -rf "$folder"
    mkdir -p "$folder/packages"
    cd "$folder/packages"
    fetch fetch_machine "The kernel of the virtual machine"
    unpack unpacked
    place_machine
    touch "$folder/complete"
fi

if [ ! -e "$folder/headers/complete" ]; then
    rm -rf "$folder/headers"
    mkdir -p "$folder/packages"
    cd "$folder/packages"
    fetch fetch_headers "The headers of the virtual machine's kernel (where it is an old one, remove $folder to get the newest)"
    unpack "$folder/headers"
    place_headers
    touch "$folder/headers/complete"
fi
rm -rf "$folder/packages"

if ! build_module >"$folder/module.log" 2>&1; then
    rm -f "$folder/module/camera_bus.ko"
    cat "$folder/module.log" >&2
    echo "The controllers of the virtual machine could not be built." >&2
    exit 1
fi
