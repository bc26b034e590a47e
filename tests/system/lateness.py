# SPDX-License-Identifier: MIT
"""Whether this process was held up: what it says then of how others keep their times may be its own doing."""

import threading
import time


class Lateness(threading.Thread):
    """For a with block: `seconds` is how long this process was held up at most at a time."""

    STEP_S = 0.05

    def __init__(self):
        super().__init__(daemon=True)
        self.seconds = 0
        self._is_over = threading.Event()

    def run(self):
        begun = time.monotonic()
        while not self._is_over.wait(self.STEP_S):
            begun = self._look(begun)
        self._look(begun)

    def _look(self, begun):
        now = time.monotonic()
        self.seconds = max(self.seconds, now - begun - self.STEP_S)
        return now

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self.join()
