# SPDX-License-Identifier: MIT
#
# select.poll on the console, the only stream that the camera's scripts poll.

import console
import host

POLLIN = 1


class poll:
    def __init__(self):
        self._stream = None

    def register(self, stream, events):
        if stream is not console.Sys.stdin or events != POLLIN:
            raise OSError(22)
        self._stream = stream

    def ipoll(self, timeout=-1):
        if self._stream is None:
            raise OSError(22)
        if host.waitForInput(timeout):
            yield (self._stream, POLLIN)
