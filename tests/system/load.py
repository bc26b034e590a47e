# SPDX-License-Identifier: MIT
"""A client that asks without a pause, beside what a test does."""

import threading

from openmvd import PATIENCE_S, wait_until

AT_A_TIME = 4


class Load:
    """In a thread of its own it asks `question(i)` for i = 0, 1, ..., a few calls at a time: the params of a call, and the value
    that has to come. Leaving the with block fails where anything else came."""

    def __init__(self, daemon, question):
        self.client = daemon.client()
        self.question = question
        self.stopping = threading.Event()
        self.count = 0
        self.problem = None
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            while not self.stopping.is_set():
                questions = [self.question(self.count + i) for i in range(AT_A_TIME)]
                numbers = [self.client.send_request("call", params) for params, _ in questions]
                for number, (_, value) in zip(numbers, questions):
                    reply = self.client.reply(number)
                    assert "result" in reply and reply["result"]["value"] == value, reply
                self.count += AT_A_TIME
        except Exception as problem:
            self.problem = problem

    def await_more(self, count=8):
        until = self.count + count
        wait_until(lambda: self.problem or self.count >= until, "answers")
        assert self.problem is None, self.problem

    def __enter__(self):
        self.thread.start()
        self.await_more()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(PATIENCE_S)
        self.client.close()
        assert self.problem is None, self.problem
