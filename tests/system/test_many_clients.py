#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""64 clients of all habits, good and bad, on one simulated camera: whoever behaves is answered once, rightly and in turn,
and the rest costs no more than the limits say. SOAK_SECONDS says for how long; `make soak` takes more."""

import base64
import json
import os
import random
import threading

from openmvd import PATIENCE_S, Client, Daemon, Tap, is_sanitized, wait_for_camera, wait_until

# Two halves of the same, of which the second must not need more memory than the first.
SECONDS = float(os.environ.get("SOAK_SECONDS", "6")) / 2

LIMITS = {
    "clients": 100,  # one that has left is still counted for a moment
    "line_bytes": 65536,
    "payload_bytes": 65536,
    "client_waiting": 64,
    "client_waiting_bytes": 65536,
    "output_pause_bytes": 65536,
    "output_bytes": 262144,
}

# Each answer of this counter is another number, so that whoever gets one knows whose turns were before.
CONFIG = {
    "cameras": {"camera": {"link": {"type": "sim"}}},
    "callbacks": {"counter": {"result": {"format": "<I"}, "repeatable": False}},
    "limits": LIMITS,
}

# In kB: a daemon with a camera; what the limits allow each client, with as much again for how memory is handed out, and
# a call that waits; what may come and go from half to half.
IDLE_KB = 6 * 1024
CALL_KB = 2
CLIENT_KB = 2 * (LIMITS["line_bytes"] + LIMITS["output_pause_bytes"] + LIMITS["payload_bytes"]) // 1024 + \
    LIMITS["client_waiting"] * CALL_KB
NOISE_KB = 1024

CALL = {"name": "counter", "timeout_ms": 60000}


class Habit(threading.Thread):
    """A client that does what it does again and again until it is told to stop."""

    stays = True  # on the connection that it has

    def __init__(self, daemon, number):
        super().__init__(daemon=True)
        self.path = daemon.path
        self.source = random.Random(number)
        self.stopping = threading.Event()
        self.failure = None
        self.rounds = 0

    def run(self):
        try:
            while not self.stopping.is_set():
                with Client(self.path) as client:
                    self.live(client)
        except Exception as failure:
            self.failure = failure

    def live(self, client):
        while True:
            self.act(client)
            self.rounds += 1
            if not self.stays or self.stopping.is_set():
                return

    def act(self, client):
        raise NotImplementedError


class Polite(Habit):
    """Asks two things at a time, and checks that it gets these answers, each once, and the second when it is its turn."""

    def __init__(self, daemon, number):
        super().__init__(daemon, number)
        self.numbers = []
        self.longest_wait = 0

    def act(self, client):
        data = base64.b64encode(self.source.randbytes(self.source.randrange(200))).decode()
        asked = [client.last_id + i for i in (1, 2, 3)]
        client.last_id += 3
        params = [CALL, CALL, {"name": "echo", "data": data, "timeout_ms": 60000, "reply": "base64"}]
        client.send("".join(json.dumps({"jsonrpc": "2.0", "id": number, "method": "call", "params": one}) + "\n"
                            for number, one in zip(asked, params)))
        replies = {}
        for _ in asked:
            reply = client.read()
            assert reply["id"] in asked and reply["id"] not in replies, reply
            replies[reply["id"]] = reply["result"]
        assert (replies[asked[2]]["value"] or "") == data, replies
        first, second = (replies[number]["value"][0] for number in asked[:2])
        # The second waited already while the first was under way.
        self.longest_wait = max(self.longest_wait, second - first)
        self.numbers += [first, second]
        assert not client.is_readable(), "an answer that nobody asked for"


class Flooding(Habit):
    """Sends far more calls than it may, and reads what comes."""

    def act(self, client):
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "call", "params": CALL}) + "\n"
        client.send(line * 100)
        for _ in range(100):
            reply = client.read()
            assert "result" in reply or reply["error"]["data"]["reason"] == "queue_full", reply


class Silent(Habit):
    """Connects, and that is all."""

    def act(self, client):
        self.stopping.wait(PATIENCE_S)


class Slow(Habit):
    """Sends one byte at a time."""

    def act(self, client):
        for byte in b'{"jsonrpc":"2.0","id":7,"method":"ping"}\n':
            client.send(bytes([byte]))
            self.stopping.wait(0.001)
        assert client.read() == {"jsonrpc": "2.0", "id": 7, "result": "pong"}


class Deaf(Habit):
    """Asks and never reads, until it is closed for that or cannot send any more; then it comes back."""

    stays = False

    def act(self, client):
        client.socket.settimeout(0.2)
        try:
            while not self.stopping.is_set():
                client.send('{"jsonrpc":"2.0","id":1,"method":"stats"}\n' * 50)
        except OSError:
            self.stopping.wait(0.5)


class Leaving(Habit):
    """Leaves in the middle of a request, with calls under way, at once or by a reset."""

    stays = False

    def act(self, client):
        # By then the daemon has this connection, so that there are never more of them than it takes.
        assert client.result("ping") == "pong"
        call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "call", "params": CALL}) + "\n"
        client.send(call * self.source.randrange(4) + call[:self.source.randrange(len(call))])
        if self.source.random() < 0.3:
            client.shut_down_writing()
        if self.source.random() < 0.5:
            self.stopping.wait(0.005)


class Garbled(Habit):
    """Sends what is no request, too long lines among it, and has to get an error for each."""

    LETTERS = b'{}[]",:\\ truefalsn0123456789.eE+-\x80\xff\x01'

    def line(self):
        if self.source.random() < 0.02:
            return b"x" * (LIMITS["line_bytes"] + 1)
        return b"?" + bytes(self.source.choices(self.LETTERS, k=self.source.randrange(80)))

    def act(self, client):
        lines = [self.line() for _ in range(20)]
        client.send(b"\n".join(lines) + b"\n")
        for line in lines:
            error = client.read()["error"]["data"]["reason"]
            assert error == ("too_large" if len(line) > LIMITS["line_bytes"] else "parse_error"), (line[:80], error)


HABITS = [(Polite, 16), (Flooding, 8), (Silent, 8), (Slow, 8), (Deaf, 8), (Leaving, 8), (Garbled, 8)]

# Those that call the camera. One that has left and come back may still have a turn in both places.
ACTIVE = sum(count * (1 if habit.stays else 2) for habit, count in HABITS if habit in (Polite, Flooding, Leaving))


def live(daemon, seconds, seed):
    """Lets all the clients live for a while; returns them, and the most memory in kB that the daemon had."""
    clients = [habit(daemon, seed + i) for habit, count in HABITS for i in range(count)]
    most = 0
    for client in clients:
        client.start()
    end = threading.Event()
    timer = threading.Timer(seconds, end.set)
    timer.start()
    # On a busy machine the time may be over before everybody had a turn.
    while not end.wait(0.05) or any(client.rounds == 0 for client in clients if isinstance(client, (Polite, Slow, Garbled))):
        most = max(most, daemon.resident_kb())
        failed = [client.failure for client in clients if client.failure]
        if failed:
            raise failed[0]
        assert daemon.process.poll() is None, daemon.log()
    timer.cancel()
    for client in clients:
        client.stopping.set()
    for client in clients:
        client.join(2 * PATIENCE_S)
        assert not client.is_alive(), f"{type(client).__name__} waits for an answer"
        if client.failure:
            raise client.failure
    return clients, most


def descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def everybody_has_gone(observer):
    stats = observer.result("stats")
    return len(stats["clients"]) == 1 and stats["cameras"][0]["waiting"] == 0


def politeness_is_answered():
    """64 clients of all habits: whoever is polite is answered once, rightly and in turn, and nothing leaks"""
    with Daemon(config=CONFIG) as daemon, daemon.client() as observer:
        wait_for_camera(observer)
        before = descriptors(daemon)
        settled = []
        numbers = set()
        for half in range(2):
            clients, most = live(daemon, SECONDS, seed=1000 * half)
            wait_until(lambda: everybody_has_gone(observer), "the daemon to see that all have gone")
            wait_until(lambda: descriptors(daemon) == before, "the descriptors to be those of before")
            settled.append(daemon.resident_kb())
            polite = [client for client in clients if isinstance(client, Polite)]
            for client in polite:
                assert not numbers & set(client.numbers) and len(set(client.numbers)) == len(client.numbers), "one answer for two"
                numbers.update(client.numbers)
            rounds = {habit.__name__: sum(client.rounds for client in clients if isinstance(client, habit))
                      for habit, _ in HABITS}
            longest = max(client.longest_wait for client in polite)
            print(f"# {rounds}; longest wait {longest} exchanges; at most {most} kB, then {settled[-1]} kB")
            assert 0 < longest <= ACTIVE + 1, f"a call has waited for {longest} exchanges"
            if not is_sanitized():
                bound = IDLE_KB + len(clients) * CLIENT_KB
                assert most < bound, f"{most} kB are more than {bound} kB"
        if not is_sanitized():
            assert settled[1] <= settled[0] + NOISE_KB, f"{settled} kB after each half"


tap = Tap()
tap.run([politeness_is_answered])
tap.finish()
