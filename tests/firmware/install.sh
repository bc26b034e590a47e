#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs the MicroPython that the firmware tests run under into $BUILD/firmware, exactly as the lock file pins it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${BUILD:-$here/../../build}/firmware

mkdir -p "$target"
if cmp -s "$here/package-lock.json" "$target/installed.json"; then
    exit 0
fi
cp "$here/package.json" "$here/package-lock.json" "$target/"
cd "$target"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
cp package-lock.json installed.json
