# SPDX-License-Identifier: MIT
"""What a service manager does for the daemon, for tests without one: hears its notifications, asks it to feed a watchdog, passes
it a socket. And threads that are stopped where they are."""

import contextlib
import ctypes
import os
import select
import socket
import sys

from openmvd import PATIENCE_S, Daemon, SkipTest, wait_until

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000

# Some variables say by its process id whom they are for, so they are set by the process that becomes the daemon.
BECOME = """
import os, sys
watchdog_us, numbers, *command = sys.argv[1:]
if int(watchdog_us):
    os.environ.update(WATCHDOG_USEC=watchdog_us, WATCHDOG_PID=str(os.getpid()))
if numbers:
    os.environ.update(LISTEN_FDS=str(len(numbers.split(","))), LISTEN_PID=str(os.getpid()))
    for place, number in enumerate(map(int, numbers.split(","))):
        os.dup2(number, 3 + place, inheritable=True)
        os.close(number)
os.execv(command[0], command)
"""


class ManagedDaemon(Daemon):
    """A daemon whose notifications are kept in `told`, oldest first. `sockets` are passed to it from descriptor 3 on."""

    def __init__(self, *options, watchdog_us=None, sockets=(), **others):
        super().__init__(*options, **others)
        self.sockets = list(sockets)
        self.told = []
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind(os.path.join(self.folder.name, "notify"))
        self.environment["NOTIFY_SOCKET"] = self.ear.getsockname()
        # From numbers that are out of the way, so that none is overwritten before it was passed.
        self.passed = [os.dup2(one.fileno(), 50 + i, inheritable=True) for i, one in enumerate(self.sockets)]
        self.command = [sys.executable, "-c", BECOME, str(watchdog_us or 0), ",".join(map(str, self.passed)), *self.command]
        self.pass_fds = self.passed

    def listen(self):
        """Takes what the daemon has told up to now."""
        while select.select([self.ear], [], [], 0)[0]:
            self.told.append(self.ear.recv(4096).decode())
        return self.told

    def await_told(self, text):
        """Waits for a notification with a line, and forgets it and what came before. Returns it."""
        def find():
            for i, message in enumerate(self.listen()):
                if text in message.splitlines():
                    del self.told[:i + 1]
                    return message
            return None
        return wait_until(find, f"the notification {text}")

    def await_status(self, text):
        """Waits for a notification that has a text somewhere, and returns it."""
        return wait_until(lambda: next((message for message in self.listen() if text in message), None), f"a status with {text}")

    def await_silence(self, text, seconds):
        """Waits until nothing with that line has been told for so long."""
        self.told.clear()
        end_of_patience = PATIENCE_S
        while end_of_patience > 0:
            if not select.select([self.ear], [], [], seconds)[0]:
                return
            end_of_patience -= seconds
            if text not in self.ear.recv(4096).decode().splitlines():
                continue
        raise AssertionError(f"{text} is told again and again")

    def __exit__(self, *how):
        try:
            super().__exit__(*how)
        finally:
            self.ear.close()
            for number in self.passed:
                with contextlib.suppress(OSError):
                    os.close(number)


@contextlib.contextmanager
def stopped_thread(pid, name):
    """Holds the thread of that name of a process where it is, as a driver does that hangs."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for thread in map(int, os.listdir(f"/proc/{pid}/task")):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="ascii") as file:
            if file.read().strip() == name:
                break
    else:
        raise AssertionError(f"there is no thread {name}")
    if libc.ptrace(PTRACE_SEIZE, thread, None, None) < 0:
        raise SkipTest("this machine does not let one process stop another's threads")
    try:
        assert libc.ptrace(PTRACE_INTERRUPT, thread, None, None) == 0
        os.waitpid(thread, WALL)
        yield
    finally:
        if libc.ptrace(PTRACE_DETACH, thread, None, None) < 0:
            # Its process has ended, and it is this one's to bury.
            os.waitpid(thread, WALL)
