"""Handlers in other languages: what a child process is given, and what becomes of an event when the child refuses it,
dies, hangs or babbles. The witness writes down what it handled, in a file, before it answers."""

import json
import os
import shutil
import signal
import sys
import time

import pytest
from harness import ROOT, wait_until


WITNESS = """\
import json, os, sys, time
def say(**line): print(json.dumps(line), flush=True)
def note(name, event):
    with open(name, "a") as file:
        file.write(json.dumps({**event, "pid": os.getpid()}) + "\\n")
say(ready=True)
for line in sys.stdin:
    event = json.loads(line)
    do = None if os.path.exists("repaired") else (event["data"] or {}).get("do")
    note("tried.jsonl", event)
    if do == "refuse": say(id=event["id"], error="no such customer"); continue
    if do == "refuse at length": say(id=event["id"], error="x" * 1_000_000); continue
    if do == "crash": print("Traceback\\nValueError: bad total", file=sys.stderr); sys.exit(3)
    if do == "die": os.kill(os.getpid(), 9)
    if do == "hang": time.sleep(600)
    if do == "babble": print("sending a mail")
    if do == "misname": say(id="7", ok=True); continue
    if do == "later" and not os.path.exists("open"): say(id=event["id"], error="the mail server is away", retry=True); continue
    if do == "slow": time.sleep(0.1)
    note("handled.jsonl", event)
    say(id=event["id"], ok=True)
    if do == "say more": print("and another thing", flush=True)
"""


class Witness:
    def __init__(self, shop):
        self.shop = shop
        shop.write("witness.py", WITNESS)
        self.configure()
        shop.weir("migrate")

    def configure(self, command=f"{sys.executable} witness.py", **handler):
        self.shop.configure(kafka={"partitions": 1},
                            handlers={"witness": {"command": command, "from": "order", "timeout_ms": 10_000, **handler}})

    def order(self, id, *todos, **data):
        self.shop.append("order", id, *({"type": "order.placed", "data": {"do": do, **data}} for do in todos))

    def run(self, **more):
        self.shop.weir("relay", "--once")
        return self.shop.weir("run", "--once", **more)

    def start(self):
        self.shop.weir("relay", "--once")
        return self.shop.start("run")

    def read(self, name):
        path = self.shop.directory / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def events(self):
        return self.read("handled.jsonl")

    @property
    def handled(self):
        return [(e["subject"], e["aggregateversion"]) for e in self.events]

    @property
    def tried(self):
        return [(e["subject"], e["aggregateversion"]) for e in self.read("tried.jsonl")]

    def letters(self, **filters):
        return [(row["aggregate_id"], row["version"], row["cause"]) for row in self.shop.weir("dlq", "list", "-o", "json").json()]

    def cause(self):
        return self.shop.weir("dlq", "list", "-o", "json").json()[0]["error"]

    def status(self):
        return self.shop.weir("projection", "status", "witness", "-o", "json").json()[0]


@pytest.fixture
def witness(shop):
    return Witness(shop)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_every_event_is_handled_once_and_in_order(witness):
    for id in "abc":
        witness.order(id, *[None] * 30)
    witness.run()
    witness.run()
    assert sorted(witness.handled) == [(id, v) for id in "abc" for v in range(1, 31)]
    for id in "abc":
        assert [v for i, v in witness.handled if i == id] == list(range(1, 31))
    event = witness.events[0]
    stored = witness.shop.sql("SELECT event_id::text, position FROM weir.events ORDER BY position LIMIT 1")[0]
    assert (event["id"], event["position"]) == stored
    assert event["type"] == "order.placed" and event["aggregatetype"] == "order" and event["data"] == {"do": None}
    status = witness.status()
    assert (status["kind"], status["events"], status["lag_events"]) == ("handler", 90, 0)
    assert witness.shop.value("SELECT kind FROM weir.subscriptions") == "handler"
    witness.shop.weir("wait", "witness", "order", "a")


def test_only_the_types_of_on_are_delivered(witness):
    witness.configure(on="order.paid, refund.*")
    witness.shop.append("order", "a", *({"type": t, "data": {}} for t in ("order.placed", "order.paid", "refund.made")))
    witness.run()
    assert witness.handled == [("a", 2), ("a", 3)] and witness.status()["lag_events"] == 0


@pytest.mark.parametrize("do, cause", [
    ("refuse", "no such customer"),
    ("refuse at length", "xxxxx"),
    ("crash", "the process ended before it answered (exit code 3; it last said: ValueError: bad total)"),
    ("die", "Killed"),  # sh says it
    ("babble", "the process wrote 'sending a mail' to its stdout instead of"),
    ("misname", """{"id": "7", "ok": true}' to its stdout instead of"""),
])
def test_what_cannot_be_handled_is_parked_and_comes_back(witness, do, cause):
    witness.order("a", None, do, None)
    witness.order("b", None, None)
    result = witness.run()
    assert sorted(witness.handled) == [("a", 1), ("b", 1), ("b", 2)] or do == "babble"
    assert witness.tried.count(("a", 2)) == 5 and ("a", 3) not in witness.tried
    assert witness.tried.count(("a", 1)) == witness.tried.count(("b", 1)) == 1
    assert witness.letters() == [("a", 2, "refused"), ("a", 3, "behind")]
    assert cause in witness.cause()
    assert "handler=witness" in result.stderr or do != "crash"
    witness.shop.write("repaired", "")
    witness.shop.weir("dlq", "retry", "--aggregate", "order", "a", "--execute")
    witness.run()
    assert witness.letters() == [] and witness.handled[-2:] == [("a", 2), ("a", 3)]


def test_a_child_that_hangs_is_killed(witness):
    witness.configure(timeout_ms=1000)
    witness.shop.configure(subscriptions={"witness": {"attempts": 2}})
    witness.order("a", "hang", None)
    witness.order("b", None)
    witness.run()
    assert witness.handled == [("b", 1)] and witness.letters() == [("a", 1, "refused"), ("a", 2, "behind")]
    assert "hangs: 1000 ms passed" in witness.cause()
    pids = {e["pid"] for e in witness.read("tried.jsonl")}
    assert len(pids) == 3 and all(map(gone, pids))


def test_a_stop_does_not_wait_for_a_child_that_hangs(witness):
    witness.configure(timeout_ms=60_000)
    witness.shop.configure(subscriptions={"witness": {"drain_ms": 500}})
    witness.order("a", None, "hang")
    runtime = witness.start()
    wait_until(lambda: ("a", 2) in witness.tried, 30, "it hangs")
    assert runtime.stop(15) == 0
    assert all(map(gone, {e["pid"] for e in witness.read("tried.jsonl")}))
    assert witness.letters() == [] and witness.status()["events"] == 1


def test_two_members_share_and_hand_over(witness):
    witness.shop.configure(kafka={"partitions": 4})
    for n in range(30):
        witness.order(f"o{n}", *["slow"] * 4)
    first = witness.start()
    wait_until(lambda: len(witness.handled) >= 10, 30, "some are handled")
    second = witness.shop.start("run")
    wait_until(lambda: len({e["pid"] for e in witness.events}) == 2, 60, "both have a child")
    assert first.stop() == 0
    wait_until(lambda: witness.status()["events"] == 120, 60, "all are handled")
    assert second.stop() == 0
    assert sorted(set(witness.handled)) == sorted((f"o{n}", v) for n in range(30) for v in range(1, 5))
    assert len(witness.handled) <= 120 + 2, "nothing but what was in flight at a handover is repeated"


def test_a_letter_may_take_longer_than_a_transaction_may_rest(witness):
    witness.order("a", "refuse")
    witness.shop.configure(subscriptions={"witness": {"attempts": 1}})
    witness.configure(timeout_ms=60_000)
    witness.run()
    witness.shop.write("witness.py", WITNESS.replace('do = None if', 'time.sleep(17); do = None if'))
    witness.shop.write("repaired", "")
    witness.shop.weir("dlq", "retry", "--aggregate", "order", "a", "--execute")
    witness.run()
    assert witness.letters() == [] and witness.handled == [("a", 1)]


def test_reset_lets_events_come_again(witness):
    witness.order("a", None, None)
    witness.run()
    witness.shop.weir("projection", "reset", "witness", "--to-earliest", "--keep-rows", "--execute")
    witness.run()
    assert witness.handled == [("a", 1), ("a", 2)] * 2


def test_a_line_too_many_is_an_error_of_the_next_event(witness):
    witness.order("a", "say more", None)
    result = witness.run()
    assert witness.handled[0] == ("a", 1) and witness.handled[-1] == ("a", 2) and witness.letters() == []
    assert result.code == 0


def test_later_is_no_attempt_and_waits(witness):
    witness.order("a", None, "later", None)
    runtime = witness.start()
    runtime.wait_for_log("the handler wants to try it later: the mail server is away")
    wait_until(lambda: witness.tried.count(("a", 2)) > 6, 30, "it is tried again and again")
    witness.shop.write("open", "")
    wait_until(lambda: witness.handled == [("a", 1), ("a", 2), ("a", 3)], 30, "all is handled")
    assert witness.letters() == [] and runtime.stop() == 0


@pytest.mark.parametrize("command, why", [
    ("no_such_program --at all", "not found"),
    ("echo hello; cat", "the process wrote 'hello' to its stdout instead of"),
    ("sleep 60", "hangs: 200 ms passed and it never was ready"),
])
def test_a_command_that_cannot_start_is_waited_for(witness, command, why):
    witness.configure(command=command, timeout_ms=200)
    witness.order("a", None)
    result = witness.run(check=False)
    assert result.code == 1 and "cannot be started" in result.stderr and why in result.stderr
    assert witness.status()["state"] == "stopped"
    runtime = witness.start()
    runtime.wait_for_log(why)
    runtime.wait_for_log("trying again until it works")
    assert runtime.stop() == 0 and witness.letters() == []
    witness.configure()
    witness.run()
    assert witness.handled == [("a", 1)]


def test_a_killed_runtime_loses_nothing_and_repeats_only_what_was_in_flight(witness):
    witness.order("a", *["slow"] * 30)
    for round in range(3):
        before = len(witness.handled)
        runtime = witness.start()
        wait_until(lambda: len(witness.handled) >= before + 8, 30, "some are handled")
        child = witness.events[-1]["pid"]
        runtime.kill()
        wait_until(lambda: gone(child), 30, "the child has ended")
        committed = witness.shop.value("SELECT coalesce(sum(events), 0)::int FROM weir.checkpoints")
        assert 0 <= max(v for _, v in witness.handled) - committed <= 8
    witness.run()
    versions = [v for _, v in witness.handled]
    assert set(versions) == set(range(1, 31)) and len(versions) <= 30 + 3 * 8
    assert all(later <= earlier + 1 for earlier, later in zip(versions, versions[1:]))


def test_large_events_pass_both_ways(witness):
    witness.shop.configure(store={"max_event_bytes": 950_000})
    witness.order("a", *[None] * 3, "refuse at length", text="ä" * 430_000)
    witness.shop.configure(subscriptions={"witness": {"attempts": 1}})
    witness.run()
    assert witness.handled == [("a", 1), ("a", 2), ("a", 3)] and len(witness.events[2]["data"]["text"]) == 430_000
    assert witness.letters() == [("a", 4, "refused")]


def test_two_lanes_are_two_children_and_a_stop_ends_them(witness):
    witness.shop.configure(subscriptions={"witness": {"lanes": 2}})
    for n in range(20):
        witness.order(f"o{n}", "slow", "slow")
    runtime = witness.start()
    wait_until(lambda: len(witness.handled) >= 10, 30, "some are handled")
    pids = {e["pid"] for e in witness.events}
    assert len(pids) == 2
    assert runtime.stop() == 0
    assert all(map(gone, pids))
    witness.run()
    assert sorted(witness.handled) == [(f"o{n}", v) for n in sorted(range(20), key=str) for v in (1, 2)]
    for n in range(20):
        assert [v for id, v in witness.handled if id == f"o{n}"] == [1, 2]


def test_a_child_that_dies_while_idle_accuses_nobody(witness):
    witness.shop.configure(subscriptions={"witness": {"attempts": 1}})
    witness.order("a", None)
    runtime = witness.start()
    wait_until(lambda: witness.handled == [("a", 1)], 30, "the first is handled")
    os.kill(witness.events[0]["pid"], signal.SIGKILL)
    time.sleep(0.3)
    witness.order("a", None)
    witness.shop.weir("relay", "--once")
    wait_until(lambda: witness.handled == [("a", 1), ("a", 2)], 30, "the second is handled")
    assert "nothing to do" in runtime.log and witness.letters() == [] and runtime.stop() == 0


def test_a_child_has_none_of_our_files(witness):
    witness.configure(command='ls -l /proc/self/fd > fds; exec ' + sys.executable + " witness.py")
    witness.order("a", None)
    witness.run()
    opened = [line.split()[8] for line in (witness.shop.directory / "fds").read_text().splitlines()[1:]]
    assert sorted(opened) == ["0", "1", "2", "3"]  # 3: the folder that ls reads


@pytest.mark.parametrize("handlers, why", [
    ({"witness": {"from": "order"}}, "handlers.witness.command is missing"),
    ({"witness": {"command": "cat"}}, "handlers.witness.from is missing"),
    ({"witness": {"command": "cat", "from": "order", "comand": "x"}}, "did you mean 'command'"),
    ({"users": {"command": "cat", "from": "order"}}, "a projection has that name"),
    ({"witness": {"command": "cat", "from": "order", "on": "order.*.paid"}},
     "handlers.witness.on: 'order.*.paid': a '*' may stand at the end of a pattern only"),
])
def test_what_cannot_be_meant_is_refused(shop, handlers, why):
    shop.projection("users", "-- projection: users\n-- from: user\nCREATE TABLE t (id text);\n-- on: *\nINSERT INTO t SELECT aggregate_id FROM events;\n")
    shop.configure(handlers=handlers)
    for command in (("config", "check"), ("run", "--once")):
        result = shop.weir(*command, check=False)
        assert result.code == 2 and why in result.stderr


def test_a_name_that_a_projection_had_is_refused(witness):
    witness.shop.sql("INSERT INTO weir.subscriptions (subscription, generation) VALUES ('witness', 1)")
    witness.order("a", None)
    result = witness.run(check=False)
    assert result.code == 1 and "the name belongs to a subscription of kind projection" in result.stderr


def test_overrides_and_names(witness):
    witness.shop.configure(subscriptions={"witnes": {"attempts": 2}})
    assert "did you mean 'witness'" in witness.shop.weir("config", "check", check=False).stderr
    del witness.shop.settings["subscriptions"]
    witness.shop.configure()
    assert witness.shop.weir("run", "witnes", check=False).code == 3
    witness.order("a", None)
    witness.shop.weir("relay", "--once")
    witness.shop.weir("run", "witness", "--once")
    assert witness.handled == [("a", 1)]


@pytest.mark.parametrize("program, script", [(sys.executable, "mailer.py"), ("node", "mailer.mjs")])
def test_the_examples_send_their_mails(shop, program, script):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    shop.configure(handlers={"mailer": {"command": f"{program} {ROOT}/examples/handlers/{script}", "from": "order",
                                        "on": "order.submitted"}},
                   subscriptions={"mailer": {"attempts": 1}})
    shop.weir("migrate")
    shop.append("order", "o-1", {"type": "order.submitted", "data": {"email": "ann@example.org"}})
    shop.append("order", "o-1", {"type": "order.paid", "data": {}})
    shop.append("order", "o-2", {"type": "order.submitted", "data": {}})
    shop.weir("relay", "--once")
    result = shop.weir("run", "--once")
    assert "to ann@example.org: Your order o-1" in result.stderr
    letters = shop.weir("dlq", "list", "-o", "json").json()
    assert [row["aggregate_id"] for row in letters] == ["o-2"] and "email" in letters[0]["error"]
