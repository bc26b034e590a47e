#!/bin/sh
# SPDX-License-Identifier: MIT
#
# on_qrcode.sh COMMAND...: runs COMMAND with the text of a QR code as its last argument, once for each code that comes into
# sight. The text is whatever somebody has printed: it is one argument, never a piece of a command line, and never the
# command itself. It may begin with a -, so a COMMAND that would take that for an option wants -- before it.
#
#     docs/examples/on_qrcode.sh notify-send -- 'The camera reads'
set -u
if [ $# -eq 0 ]; then
    echo "usage: on_qrcode.sh COMMAND..." >&2
    exit 2
fi
last=
while :; do
    # 0: answered, 4: the camera is away, and may come back. Anything else will not be better the next time.
    code=$(openmvctl call --max-age 200ms --out - qrcode_detection 2>/dev/null)
    status=$?
    case $status in
    0) ;;
    4) code= ;;
    *) exit "$status" ;;
    esac
    if [ -n "$code" ] && [ "$code" != "$last" ]; then
        "$@" "$code"
    fi
    last=$code
    sleep 0.2
done
