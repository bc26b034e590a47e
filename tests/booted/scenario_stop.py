#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stopped and killed in the middle of work: every accepted request is answered, and the camera is as good as before."""

import signal

from booted import (SERVICE, USB, Tap, VirtualUsb, call, check_echo, client, kill, prepare, run, service_with_camera,
                    show, start, state, tried, value, wait_for_state, wait_until)

CLIENTS, REQUESTS = 8, 20


def answer_everything(one, requests):
    """All answers of a client until its connection ends: by their ids, each once."""
    answers = {}
    while True:
        message = one.read()
        if message is None:
            return answers
        if message.get("id") is not None:
            assert message["id"] in requests and message["id"] not in answers, message
            answers[message["id"]] = message


def judge(answers):
    """Counts the results, and has every other answer say what is known."""
    results = 0
    for answer in answers.values():
        if "result" in answer:
            results += 1
            continue
        data = answer["error"]["data"]
        assert data["reason"] in ("not_delivered", "result_unknown") and data["cause"] == "stopping", answer
        assert data["executed"] == ("no" if data["reason"] == "not_delivered" else "unknown"), answer
    return results


def under_load_every_accepted_request_is_answered_before_the_end():
    with service_with_camera():
        clients = [client() for _ in range(CLIENTS)]
        asked = []
        for one in clients:
            # In one piece, so that who has one answer knows that all were read.
            requests = [one.send_request("call", {"name": "sleep", "args": [20]}) for _ in range(REQUESTS)]
            asked.append(requests)
        early = [one.reply(requests[0]) for one, requests in zip(clients, asked)]
        assert all("result" in reply for reply in early), early
        run("systemctl", "stop", SERVICE)
        # After 10 s systemd would have killed it: timeout.
        assert show("Result") == "success", show("Result")
        results = 0
        for one, requests in zip(clients, asked):
            answers = answer_everything(one, requests[1:] + list(one.replies))
            answers.update(one.replies)
            assert sorted(answers) == requests[1:], (sorted(answers), requests)
            results += judge(answers)
        assert 0 < results, "not one was waited for"
        assert state() == "inactive", state()


def stop_in_a_call():
    """Stops the service while the camera is at a call of 0.7 s, and returns how that ends."""
    with service_with_camera() as (camera, first):
        before, _ = camera.counts()
        asked = first.send_request("call", {"name": "sleep", "args": [700]})
        wait_until(lambda: camera.counts()[0] > before, "the call to be under way")
        run("systemctl", "stop", SERVICE)
        return first.reply(asked)


def a_call_that_is_soon_done_is_waited_for():
    # For 2 s, and a machine may be so busy that these are over before.
    assert value(tried(stop_in_a_call, lambda reply: judge({0: reply}), 4)) is not None


def a_camera_whose_stream_was_stopped_or_killed_answers_the_next_daemon():
    for number in (signal.SIGTERM, signal.SIGKILL):
        with VirtualUsb() as camera:
            camera.plug()
            start(USB)
            with client() as one:
                wait_for_state(one, "online")
                one.result("subscribe", {"stream": "jpeg_image_stream", "args": "sensor.RGB565,sensor.QVGA"})
                for _ in range(3):
                    one.event()
                kill(number)
            run("systemctl", "restart", SERVICE)
            with client() as one:
                wait_for_state(one, "online")
                check_echo(one)


def a_camera_that_is_left_in_the_middle_of_a_result_answers_the_next_daemon():
    with service_with_camera() as (camera, first):
        _, before = camera.counts()
        first.send_request("call", {"name": "blob", "args": [400000]})
        wait_until(lambda: camera.counts()[1] - before > 20000, "a part of the result")
        kill(signal.SIGKILL)
        run("systemctl", "restart", SERVICE)
        with client() as one:
            wait_for_state(one, "online")
            check_echo(one)


prepare()
tap = Tap()
tap.run([
    under_load_every_accepted_request_is_answered_before_the_end,
    a_call_that_is_soon_done_is_waited_for,
    a_camera_whose_stream_was_stopped_or_killed_answers_the_next_daemon,
    a_camera_that_is_left_in_the_middle_of_a_result_answers_the_next_daemon,
])
tap.finish()
