#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SIGHUP: the configuration is read anew while clients ask, and only what is different changes."""

import importlib.util
import json
import os
import re
import signal
import subprocess

from cameras import CALLBACKS, SimulatedCamera, StockCamera, serial
from load import Load
from openmvd import PATIENCE_S, ROOT, Tap, program, wait_for_camera, wait_until
from service_manager import ManagedDaemon

# A camera that nobody asks anything would be asked for a sign of life, which counts like other calls.
UNPROBED = {"probe_interval_ms": 3600000}
SIM = {"link": {"type": "sim"}, "healing": UNPROBED}
STOCK_SIM = {"link": {"type": "sim", "stock": True}, "healing": UNPROBED}
LAMP = {"args": {"format": "<H", "fields": ["level"]}}


class Reloaded(ManagedDaemon):
    """A daemon whose configuration is written anew. `config` is what it has now."""

    def __init__(self, config, **others):
        super().__init__(config=config, **others)
        self.config = config
        self.config_path = os.path.join(self.folder.name, "openmvd.json")

    def hang_up(self, text):
        """Writes a configuration and has it read. Returns what the daemon told when it had done so."""
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)
        self.listen()
        self.told.clear()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "READY=1" in self.listen(), "the end of the reload")
        self.between = self.told[:self.told.index("READY=1")]
        assert any(message.startswith("RELOADING=1\nMONOTONIC_USEC=") for message in self.between), self.between
        del self.told[:len(self.between) + 1]

    def reload(self, **sections):
        """Changes sections, and has the daemon take them."""
        before = self.log().count("reloaded; ")
        self.config = {**self.config, **sections}
        self.hang_up(json.dumps(self.config))
        assert self.log().count("reloaded; ") == before + 1, self.log()


def counters(client, camera):
    """Of a link: how often its camera was asked who it is, lost, and opened anew; a link that was not touched keeps them."""
    row = next(row for row in client.result("stats")["cameras"] if row["name"] == camera)
    return row["wire"]["calls"], row["healing"]


def sleep_of(camera):
    """For a load: what is asked of that camera, and what is answered."""
    return lambda number: ({"camera": camera, "name": "sleep", "args": [number % 4]}, [number % 4])


def an_unchanged_file_changes_nothing():
    with Reloaded({"cameras": {"one": SIM, "two": SIM}, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        wait_for_camera(client, "two")
        calls, healing = counters(client, "one")
        with Load(daemon, sleep_of("two")) as load:
            for _ in range(5):
                daemon.reload()
                load.await_more()
        assert "kept: 2, replaced: 0, added: 0, removed: 0" in daemon.log()
        assert counters(client, "one") == (calls, healing)


def a_good_file_under_load_leaves_other_cameras_and_their_calls_alone():
    with SimulatedCamera() as first, SimulatedCamera() as second:
        kept = dict(serial(first.path), healing=UNPROBED)
        cameras = {"kept": kept, "old": SIM, "changed": SIM}
        with Reloaded({"cameras": cameras, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
            for name in cameras:
                wait_for_camera(client, name)
            _, healing = counters(client, "kept")
            slow = client.send_request("call", {"camera": "kept", "name": "sleep", "args": [400]})
            with Load(daemon, sleep_of("kept")) as load:
                daemon.reload(cameras={"changed": STOCK_SIM, "new": serial(second.path), "kept": kept})
                load.await_more()
                wait_for_camera(client, "new")
                wait_for_camera(client, "changed")
            assert client.reply(slow)["result"]["value"] == [400]
            assert "kept: 1, replaced: 1, added: 1, removed: 1" in daemon.log()
            assert counters(client, "kept")[1] == healing, "the link of a camera that stays was touched"
            assert [row["name"] for row in client.result("cameras")] == ["changed", "new", "kept"], "the order of the file"
            assert client.result("call", {"camera": "new", "name": "echo", "data": "eHg="})["value"] == "eHg="
            error = client.error("call", {"camera": "old", "name": "echo"})
            assert error["data"]["reason"] == "no_such_camera", error


def a_bad_file_under_load_changes_nothing_and_says_why():
    with Reloaded({"cameras": {"one": SIM}, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        before = client.result("callbacks", {"camera": "one"})
        _, healing = counters(client, "one")
        with Load(daemon, sleep_of("one")) as load:
            daemon.hang_up('{\n"cameras": {"one": {"link": {"type": "sim"}}, "two": {"link": {"type": "pigeon"}}},\n"limit": {}}')
            load.await_more()
        log = daemon.log()
        assert re.search(r"<3>config: .*openmvd\.json:2: cameras\.two\.link\.type: found \"pigeon\"", log), log
        assert re.search(r"<3>config: .*openmvd\.json:3: limit: .*did you mean \"limits\"", log), log
        assert "not reloaded, and nothing has changed; mistakes: 2" in log and "reloaded; cameras" not in log, log
        assert [row["name"] for row in client.result("cameras")] == ["one"]
        assert client.result("callbacks", {"camera": "one"}) == before and counters(client, "one")[1] == healing
        # The status keeps it, until a good file has been read.
        daemon.hang_up("{")
        status = daemon.between[-1]
        assert "1 of 1 camera online; reload refused: " in status and "openmvd.json:1" in status, status
        daemon.reload()
        assert daemon.between[-1] == "STATUS=1 of 1 camera online", daemon.between


def a_status_that_is_cut_stays_text():
    with Reloaded({"cameras": {"one": SIM}}) as daemon:
        # One of both is cut within a letter; listen() takes UTF-8 alone, as systemd does.
        for beginning in ("", "x"):
            daemon.hang_up(json.dumps({beginning + "\N{DOG FACE}" * 300: 1}, ensure_ascii=False))
            assert "reload refused: " in daemon.between[-1] and "\N{DOG FACE}" in daemon.between[-1], daemon.between


def a_file_that_has_gone_changes_nothing():
    with Reloaded({"cameras": {"one": SIM}}) as daemon, daemon.client() as client:
        os.unlink(daemon.config_path)
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "not reloaded" in daemon.log(), "the reload to be refused")
        assert "No such file" in daemon.log()
        assert client.result("ping") == "pong"


def calls_of_a_camera_that_is_removed_end_with_an_error_that_says_so():
    with Reloaded({"cameras": {"stays": SIM, "goes": SIM}, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
        wait_for_camera(client, "goes")
        running = client.send_request("call", {"camera": "goes", "name": "sleep", "args": [20000], "timeout_ms": 30000})
        wait_until(lambda: next(row for row in client.result("cameras") if row["name"] == "goes")["busy"], "the call to run")
        watched = client.result("subscribe", {"camera": "goes", "name": "counter", "interval_ms": 20})["subscription"]
        streamed = client.result("subscribe", {"camera": "goes", "stream": "jpeg_image_stream"})["subscription"]
        others = client.result("subscribe", {"camera": "stays", "name": "counter", "interval_ms": 20})["subscription"]
        events = client.result("subscribe", {"events": True})["subscription"]
        waiting = client.send_request("call", {"camera": "goes", "name": "echo"})
        trace = client.send_request("trace", {"camera": "goes", "duration_ms": 60000})
        client.result("ping")
        client.events.clear()
        daemon.reload(cameras={"stays": SIM})
        error = client.reply(running)["error"]
        assert error["data"]["reason"] == "result_unknown" and error["data"]["cause"] == "reloaded", error
        assert "taken out of the configuration" in error["message"], error
        error = client.reply(waiting)["error"]
        assert error["data"]["reason"] == "no_such_camera" and "taken out of the configuration" in error["message"], error
        assert client.reply(trace)["result"]["ended"] == "removed"
        last = {}
        while events not in last or others not in last or {watched, streamed} - last.keys():
            params = client.event()
            if params["subscription"] in (watched, streamed):
                if "error" in params:
                    last.setdefault(params["subscription"], []).append((params["error"]["data"]["reason"], params.get("ended")))
                else:
                    assert params["subscription"] not in last, "nothing comes after the last event"
            elif params["subscription"] == others:
                last[others] = params["value"]
            elif params["value"] == {"camera": "goes", "state": "offline", "reason": "taken out of the configuration"}:
                last[events] = True
        assert last[watched] == last[streamed] == [("no_such_camera", True)], last
        # Those of the camera that stays go on.
        seen = client.event()
        while seen["subscription"] != others:
            seen = client.event()
        assert "error" not in seen, seen
        for number in (watched, streamed):
            assert client.error("unsubscribe", {"subscription": number})["data"]["reason"] == "invalid_params"


def begin_beside_others(client, params):
    """Makes a call of the only camera, which is at other calls as well; returns its id when the camera is at this one: then it
    cannot be taken back."""
    def begin():
        number = client.send_request("call", params)
        wait_until(lambda: client.result("cameras")[0]["busy"], "the camera to be busy")
        if client.result("cancel", {"id": number}) is False:
            return number
        assert client.reply(number)["error"]["data"]["reason"] == "cancelled"
        return None
    return wait_until(begin, "the call to run")


def a_camera_that_is_changed_is_replaced_and_its_subscriptions_go_on():
    with StockCamera() as first, StockCamera() as second:
        with Reloaded({"cameras": {"one": serial(first.path)}, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
            wait_for_camera(client, "one")
            for _ in range(10):
                client.result("call", {"name": "count"})
            number = client.result("subscribe", {"name": "counter", "interval_ms": 20})["subscription"]
            assert client.event()["value"] == [10]
            running = begin_beside_others(client, {"name": "sleep", "args": [5000]})
            waiting = client.send_request("call", {"name": "count"})
            daemon.reload(cameras={"one": serial(second.path)})
            error = client.reply(waiting)["error"]
            assert error["data"]["reason"] == "not_delivered" and error["data"]["retryable"], error
            assert "given other settings" in error["message"] and error["data"]["cause"] == "reloaded", error
            assert client.reply(running)["error"]["data"]["reason"] == "result_unknown"
            # A call that comes at once waits for the new one.
            assert client.result("call", {"name": "count"})["value"] == [1]
            params = client.event()
            while params["value"] != [1]:
                assert params["subscription"] == number and (params["value"] in (None, [10], [0])), params
                params = client.event()


def a_camera_that_is_renamed_has_its_port_at_once():
    with SimulatedCamera() as camera:
        with Reloaded({"cameras": {"front": serial(camera.path)}, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
            wait_for_camera(client, "front")
            for name, before in (("back", "front"), ("top", "back"), ("front", "top")):
                daemon.reload(cameras={name: serial(camera.path)})
                assert client.result("call", {"camera": name, "name": "echo", "data": "eHg="})["value"] == "eHg="
                assert client.error("call", {"camera": before, "name": "echo"})["data"]["reason"] == "no_such_camera"
                rows = client.result("stats")["cameras"]
                assert [row["name"] for row in rows] == [name]
                assert rows[0]["healing"]["failed_openings"] == 0, "it was opened before the other had let go of it"


def a_lent_camera_stays_lent_when_it_is_changed():
    with SimulatedCamera() as first, SimulatedCamera() as second:
        with Reloaded({"cameras": {"one": serial(first.path)}, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
            wait_for_camera(client, "one")
            client.result("release", {"camera": "one"})
            daemon.reload(cameras={"one": serial(second.path)})
            wait_for_camera(client, "one", state="released")
            assert client.error("call", {"name": "echo"})["data"]["reason"] == "released"
            client.result("acquire", {"camera": "one"})
            wait_for_camera(client, "one")


def schemas_of_callbacks_change_also_those_of_a_camera_that_describes_itself():
    with Reloaded({"cameras": {"stock": STOCK_SIM, "modern": SIM},
                   "callbacks": {"echo": {"result": {"format": "<H"}}}}) as daemon, daemon.client() as client:
        for name in ("stock", "modern"):
            wait_for_camera(client, name)
        healing = [counters(client, name)[1] for name in ("stock", "modern")]
        call = {"name": "echo", "data": "AQA="}
        for name in ("stock", "modern"):
            assert client.result("call", {**call, "camera": name})["value"] == [1]
        daemon.reload(callbacks={"echo": {"result": {"format": "<bb", "fields": ["low", "high"]}}, "lamp": LAMP})
        for name in ("stock", "modern"):
            assert client.result("call", {**call, "camera": name})["value"] == {"low": 1, "high": 0}
        daemon.reload(callbacks={})
        assert client.result("call", {**call, "camera": "stock"})["value"] == "AQA="
        assert [counters(client, name)[1] for name in ("stock", "modern")] == healing


def a_call_that_waits_while_its_schema_changes_is_refused_with_a_reason_and_others_are_answered():
    callbacks = dict(CALLBACKS, echo={"result": {"format": "<H"}})
    with Reloaded({"cameras": {"one": SIM}, "callbacks": callbacks}) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        # Longer than anybody is held up.
        running = client.send_request("call", {"name": "sleep", "args": [3000]})
        waiting = client.send_request("call", {"name": "echo", "data": "AQA="})
        other = client.send_request("call", {"name": "sleep", "args": [1]})
        daemon.reload(callbacks=dict(CALLBACKS, echo={"result": "bytes"}))
        assert client.reply(running)["result"]["value"] == [3000]
        error = client.reply(waiting)["error"]
        assert error["data"]["retryable"] and "something else" in error["message"], error
        assert client.reply(other)["result"]["value"] == [1]
        assert client.result("call", {"name": "echo", "data": "AQA="})["value"] == "AQA="


def access_rules_count_for_clients_that_are_connected():
    with Reloaded({"cameras": {"one": SIM}, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        watched = client.result("subscribe", {"name": "counter", "interval_ms": 20})["subscription"]
        allowed = client.result("subscribe", {"name": "echo", "data": "eHg=", "interval_ms": 20})["subscription"]
        daemon.reload(access=[{"deny": ["call:counter", "stats"]}])
        assert client.error("stats")["data"]["reason"] == "forbidden"
        assert client.error("call", {"name": "counter"})["data"]["reason"] == "forbidden"
        params = client.event()
        while params["subscription"] != watched or "error" not in params:
            params = client.event()
        assert params["error"]["data"]["reason"] == "forbidden", params
        for _ in range(3):
            assert client.event()["subscription"] == allowed
        daemon.reload(access=[])
        assert client.result("call", {"name": "counter"})["bytes"] == 4
        assert client.result("stats")["cameras"]


def limits_below_what_is_connected_close_nobody_and_let_nobody_in():
    with Reloaded({"cameras": {"one": SIM}}) as daemon:
        clients = [daemon.client() for _ in range(6)]
        for client in clients:
            assert client.result("ping") == "pong"
        daemon.reload(limits={"clients": 3})
        for client in clients:
            assert client.result("ping") == "pong"
        with daemon.client() as late:
            refused = late.read()
            assert refused["error"]["data"]["reason"] == "too_many_clients", refused
            assert late.read() is None
        for client in clients[:4]:
            client.close()

        def is_let_in():
            with daemon.client() as one:
                try:
                    one.send_request("ping")
                except BrokenPipeError:
                    pass
                return one.read().get("result") == "pong"
        wait_until(is_let_in, "room")
        daemon.reload(limits={"clients": 64})
        with daemon.client() as one, daemon.client() as two:
            assert one.result("ping") == two.result("ping") == "pong"
        for client in clients[4:]:
            client.close()


def limits_of_payload_and_answers_count_at_once():
    with Reloaded({"cameras": {"one": SIM}, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        _, healing = counters(client, "one")
        assert client.result("call", {"name": "blob", "args": [20000]})["bytes"] == 20000
        daemon.reload(limits={"payload_bytes": 10000, "answers_bytes": 0})
        assert client.error("call", {"name": "blob", "args": [20000]})["data"]["reason"] == "too_large"
        daemon.reload(limits={"payload_bytes": 30000})
        assert client.result("call", {"name": "blob", "args": [20000], "max_age_ms": 60000})["bytes"] == 20000
        assert counters(client, "one")[1] == healing


def times_of_healing_count_without_opening_a_link_anew():
    cameras = {"one": dict(SIM, healing={"probe_interval_ms": 60000})}
    with Reloaded({"cameras": cameras}) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        _, healing = counters(client, "one")
        daemon.reload(cameras={"one": dict(SIM, healing={"probe_interval_ms": 500})})
        assert "kept: 1, replaced: 0" in daemon.log()
        wait_until(lambda: counters(client, "one")[1]["probes"] > healing["probes"] + 1, "signs of life more often")
        assert counters(client, "one")[1]["failed_openings"] == healing["failed_openings"]


def log_levels_change():
    with Reloaded({"cameras": {"one": SIM}, "log": "info"}) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        assert client.result("ping") == "pong"
        assert "<7>" not in daemon.log()
        daemon.reload(log="info,client:debug,bus:wire")
        with daemon.client() as other:
            other.result("call", {"name": "face_detection"})
        assert re.search(r"<7>client: client \d+ connected", daemon.log()) and re.search(r"<7>bus: one ->", daemon.log())
        # By default again.
        daemon.config = {"cameras": {"one": SIM}}
        daemon.reload()
        lines = daemon.log().count("<7>")
        with daemon.client() as other:
            other.result("call", {"name": "face_detection"})
        assert daemon.log().count("<7>") == lines


def a_level_on_the_command_line_goes_before_the_file():
    daemon = Reloaded({"cameras": {"one": SIM}, "log": "client:warning"})
    daemon.command += ["--log", "warning,client:debug"]
    with daemon, daemon.client() as client:
        client.result("ping")
        assert "<7>client: client" in daemon.log() and "<6>" not in daemon.log(), daemon.log()


def what_cannot_change_is_said():
    with Reloaded({"cameras": {"one": SIM}, "socket": {"mode": "0600"}}) as daemon, daemon.client() as client:
        daemon.reload(socket={"mode": "0660"}, realtime_priority=0)
        assert '<4>config: the section "socket" has changed, which counts when the daemon is started anew' in daemon.log()
        assert "realtime_priority has changed" not in daemon.log()
        assert os.stat(daemon.path).st_mode & 0o777 == 0o600
        assert client.result("ping") == "pong"
        lines = daemon.log().count("has changed")
        daemon.reload()
        assert daemon.log().count("has changed") == lines, "once is enough"


def devices_of_new_cameras_are_watched():
    with SimulatedCamera() as camera, Reloaded({"cameras": {"one": SIM}, "callbacks": CALLBACKS}) as daemon, \
            daemon.client() as client:
        node = os.path.join(daemon.folder.name, "later")
        daemon.reload(cameras={"one": SIM, "late": dict(serial(node), healing={"retry_min_ms": 60000, "retry_max_ms": 60000})})
        wait_until(lambda: counters(client, "late")[1]["failed_openings"] > 0, "the first attempt")
        os.symlink(camera.path, node)
        wait_for_camera(client, "late")


def a_hundred_reloads_under_load_keep_memory_and_descriptors():
    with Reloaded({"cameras": {"kept": SIM, "other": SIM}, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
        wait_for_camera(client, "kept")

        def descriptors():
            return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))

        def threads():
            return len(os.listdir(f"/proc/{daemon.process.pid}/task"))
        with Load(daemon, sleep_of("kept")) as load:
            for turn in range(100):
                if turn == 20:
                    wait_for_camera(client, "other")
                    before = descriptors(), threads()
                others = {"other": {"link": {"type": "sim", "stock": bool(turn % 2)}}} if turn % 5 else {}
                daemon.reload(cameras={"kept": SIM, **others}, callbacks=dict(CALLBACKS, **({"lamp": LAMP} if turn % 3 else {})))
            daemon.reload(cameras={"kept": SIM, "other": SIM})
            wait_for_camera(client, "other")
            load.await_more()
        wait_until(lambda: descriptors() <= before[0] and threads() <= before[1],
                   f"what was taken to be given back: {before}, now {descriptors()}, {threads()}")


def a_reload_while_it_stops_is_ignored():
    with Reloaded({"cameras": {"one": SIM}, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
        wait_for_camera(client, "one")
        number = client.send_request("call", {"name": "sleep", "args": [500]})
        wait_until(lambda: client.result("cameras")[0]["busy"], "the call to run")
        daemon.process.send_signal(signal.SIGTERM)
        daemon.await_told("STOPPING=1")
        daemon.process.send_signal(signal.SIGHUP)
        assert client.reply(number)["result"]["value"] == [500]
        assert daemon.process.wait(PATIENCE_S) == 0
        assert "reloaded;" not in daemon.log()


def a_stop_while_cameras_leave_ends_well():
    with StockCamera() as camera:
        with Reloaded({"cameras": {"one": serial(camera.path)}, "callbacks": CALLBACKS}) as daemon, daemon.client() as client:
            wait_for_camera(client, "one")
            client.send_request("call", {"name": "sleep", "args": [5000]})
            wait_until(lambda: client.result("cameras")[0]["busy"], "the call to run")
            with daemon.held():
                with open(daemon.config_path, "w", encoding="utf-8") as file:
                    file.write("{\"cameras\": {\"two\": {\"link\": {\"type\": \"sim\"}}}}")
                daemon.process.send_signal(signal.SIGHUP)
                daemon.process.send_signal(signal.SIGTERM)
            assert daemon.process.wait(PATIENCE_S) == 0


def programs_that_watch_a_camera_that_is_removed_end_with_the_reason():
    with Reloaded({"cameras": {"stays": SIM, "goes": SIM}}) as daemon, daemon.client() as client:
        wait_for_camera(client, "goes")
        for verb in (["watch", "counter", "--every", "50ms"], ["stream", "--out", os.path.join(daemon.folder.name, "%d.jpg")]):
            shown = subprocess.Popen([program("openmvctl"), "--socket", daemon.path, *verb, "--camera", "goes"],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            wait_until(lambda: client.result("stats")["limits"]["all_subscriptions"]["used"] > 0, "the subscription")
            daemon.reload(cameras={"stays": SIM})
            _, errors = shown.communicate(timeout=PATIENCE_S)
            assert shown.returncode == 1 and 'camera "goes" was taken out of the configuration by a reload' in errors, errors
            daemon.reload(cameras={"stays": SIM, "goes": SIM})
            wait_for_camera(client, "goes")


def the_python_client_ends_a_subscription_that_the_daemon_has_ended():
    spec = importlib.util.spec_from_file_location("client_of_openmvd", os.path.join(ROOT, "clients", "python", "openmvd.py"))
    api = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(api)
    with Reloaded({"cameras": {"stays": SIM, "goes": SIM}}) as daemon, daemon.client() as client:
        wait_for_camera(client, "goes")
        with api.connect(daemon.path, camera="goes") as camera:
            events = []
            with camera.using(interval=0.05).subscribe("counter") as subscription:
                events.append(subscription.next(PATIENCE_S))
                daemon.reload(cameras={"stays": SIM})
                events.extend(subscription)
            assert events[0].error is None and events[-1].error.reason == "no_such_camera", events


HELPERS = ("counters", "sleep_of", "begin_beside_others", "serial")
tap = Tap()
tap.run([test for name, test in list(globals().items())
         if callable(test) and getattr(test, "__module__", None) == "__main__" and not isinstance(test, type)
         and name not in HELPERS])
tap.finish()
