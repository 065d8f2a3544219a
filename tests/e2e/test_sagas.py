"""Sagas: what they ask for, what they make of answers in any order, and what kills, timers and people do to them.

The other services are this file: it answers requests by appending events.
"""

import json
import random
import threading
import time

import psycopg
import pytest
import yaml
from harness import wait_until
from saga_checks import breaches, stories

STEP = {"timeout": "60s"}


def fulfilment(version=1, **changes):
    """Two steps that can be undone and one that cannot."""
    saga = {
        "saga": "fulfilment", "version": version, "from": ["order", "stock", "bank", "carrier"],
        "start": "order.submitted", "key": "order", "abort": "order.cancelled",
        "steps": [
            {"name": "reserve", "request": "stock.reserve_requested", "data": {"order": "$id", "items": "$start.items"},
             "success": "stock.reserved", "failure": "stock.refused",
             "compensate": {"request": "stock.release_requested", "data": {"order": "$id", "shelf": "$reserve.shelf?"},
                            "success": "stock.released", "failure": "stock.stuck", "retries": 1, "backoff": "50ms", **STEP}, **STEP},
            {"name": "charge", "request": "bank.charge_requested", "data": {"order": "$id", "sum": "$start.sum"},
             "success": "bank.charged", "failure": "bank.refused", "retry_on": "bank.busy", "backoff": "50ms", "retries": 2,
             "compensate": {"request": "bank.refund_requested", "data": {"order": "$id", "why": "$reason"},
                            "success": "bank.refunded", **STEP}, **STEP},
            {"name": "ship", "request": "carrier.ship_requested", "data": {"order": "$id", "shelf": "$reserve.shelf"},
             "success": "carrier.shipped", "failure": "carrier.refused", **STEP},
        ],
    }
    for step in saga["steps"]:
        step.update(changes.get(step["name"], {}))
    return saga


@pytest.fixture
def town(shop):
    write(shop, fulfilment())
    shop.configure(sagas={"files": ["sagas/*.yaml"]}, kafka={"partitions": 2})
    shop.weir("migrate")
    return shop


def write(shop, saga):
    shop.write("sagas/fulfilment.yaml", yaml.safe_dump(saga))


def path(shop):
    return shop.directory / "sagas/fulfilment.yaml"


def submit(shop, *ids, total=5):
    for id in ids:
        shop.append("order", id, {"type": "order.submitted", "data": {"items": ["tea"], "sum": total}})


def answer(shop, kind, id, **data):
    shop.append(kind.split(".")[0], f"{kind.split('.')[0]}-{id}", {"type": kind, "data": {"order": id, **data}})


def turn(shop):
    shop.weir("relay", "--once")
    shop.weir("run", "--once")


def state(shop, id="o-1"):
    return shop.sql("SELECT state, step FROM weir.sagas WHERE id = %s", id)[0]


def types(shop, id="o-1"):
    return [type for type, _ in stories(shop, "fulfilment")[id]]


def test_from_an_order_to_its_delivery(town):
    submit(town, "o-1")
    turn(town)
    assert types(town) == ["fulfilment.started", "stock.reserve_requested"] and state(town) == ("running", "reserve")
    town.weir("relay", "--once")
    (request,) = [m for m in town.consume() if dict(m.headers)["ce_type"] == b"stock.reserve_requested"]
    assert request.key == b"o-1" and json.loads(request.value) == {"order": "o-1", "items": ["tea"]}
    order = town.value("SELECT event_id::text FROM weir.events WHERE event_type = 'order.submitted'")
    assert dict(request.headers)["ce_correlationid"].decode() == order
    answer(town, "stock.reserved", "o-1", shelf=7)
    turn(town)
    answer(town, "bank.charged", "o-1")
    turn(town)
    answer(town, "carrier.shipped", "o-1")
    turn(town)
    assert state(town) == ("completed", None) and breaches(town, path(town)) == []
    assert stories(town, "fulfilment")["o-1"][-3][1] == {"order": "o-1", "shelf": 7}
    assert town.value("SELECT count(*) FROM weir.sagas WHERE due_at IS NOT NULL") == 0


def test_what_comes_early_late_and_twice_counts_once(town):
    submit(town, "o-1", "o-1")
    answer(town, "bank.charged", "o-1")
    answer(town, "stock.reserved", "o-9", shelf=1)  # of an instance that there is not
    turn(town)
    answer(town, "bank.charged", "o-1")
    turn(town)
    for _ in range(2):
        answer(town, "stock.reserved", "o-1", shelf=1)
    turn(town)
    story = types(town)
    assert "bank.charge_requested" not in story or story.count("bank.charge_requested") == 1
    answer(town, "carrier.shipped", "o-1")
    answer(town, "carrier.refused", "o-1")
    turn(town)
    assert state(town) == ("completed", None) and town.value("SELECT count(*) FROM weir.sagas") == 1
    assert breaches(town, path(town)) == []


def test_what_was_done_is_undone_the_last_first(town):
    submit(town, "o-1")
    turn(town)
    answer(town, "stock.reserved", "o-1", shelf=3)
    turn(town)
    answer(town, "bank.charged", "o-1")
    turn(town)
    answer(town, "carrier.refused", "o-1")
    turn(town)
    assert state(town) == ("compensating", "charge")
    answer(town, "bank.refunded", "o-1")
    turn(town)
    assert stories(town, "fulfilment")["o-1"][-1] == ("stock.release_requested", {"order": "o-1", "shelf": 3})
    answer(town, "stock.released", "o-1")
    turn(town)
    assert state(town) == ("compensated", None) and breaches(town, path(town)) == []
    assert town.value("SELECT reason FROM weir.sagas") == "ship: carrier.refused"


def test_each_timer_is_acted_on_once_whoever_is_killed(town):
    short = {"timeout": "400ms", "retries": 2, "backoff": "100ms"}
    write(town, fulfilment(reserve={**short, "compensate": {"request": "stock.release_requested", "data": {"order": "$id"},
                                                           "success": "stock.released", **short}}))
    ids = [f"o-{n}" for n in range(150)]
    submit(town, *ids)
    town.weir("relay", "--once")
    chance, members = random.Random(3), [town.start("run") for _ in range(3)]

    def ended():
        return town.value("SELECT count(*) FROM weir.sagas WHERE state = 'failed'")

    for _ in range(8):
        time.sleep(0.2 + chance.random() * 0.3)
        members.pop(0).kill()
        members.append(town.start("run"))
    wait_until(lambda: ended() == len(ids), 60, "every instance waits for a person")
    assert breaches(town, path(town)) == []
    counts = town.sql("""SELECT aggregate_id, data ->> 'step', count(*) FROM weir.events
                         WHERE event_type = 'fulfilment.timed_out' GROUP BY 1, 2""")
    assert len(counts) == len(ids) and {count for _, _, count in counts} == {6}  # three of each direction


def test_timers_run_by_the_database_and_stand_still_while_it_is_paused(town):
    write(town, fulfilment(reserve={"timeout": "300ms"}))
    submit(town, "o-1")
    turn(town)
    town.weir("projection", "pause", "fulfilment")
    member = town.start("run")
    time.sleep(1)
    assert "fulfilment.timed_out" not in types(town)
    town.weir("projection", "resume", "fulfilment")
    wait_until(lambda: "fulfilment.timed_out" in types(town), 10, "it goes on")
    assert member.stop(30) == 0


def test_a_timer_waits_for_the_answers_that_came_before_it_was_due(town):
    write(town, fulfilment(reserve={"timeout": "1s", "retries": 0}))
    ids = [f"o-{n}" for n in range(20)]
    submit(town, *ids)
    turn(town)
    for id in ids:
        answer(town, "stock.reserved", id, shelf=1)
    town.weir("relay", "--once")
    time.sleep(1.5)  # nobody runs it: every timer is over
    member = town.start("run")
    wait_until(lambda: town.value("SELECT count(*) FROM weir.sagas WHERE step = 'charge'") == len(ids), 30, "answers come first")
    assert member.stop(30) == 0
    assert town.weir("projection", "rebuild", "fulfilment", check=False).code == 2


def test_instances_end_by_what_they_began_with(town):
    submit(town, "o-1")
    turn(town)
    other = fulfilment(charge={"request": "bank.debit_requested"})
    write(town, other)
    done = town.weir("run", "--once", check=False)
    assert done.code == 1 and "raise 'version'" in done.stderr
    other["version"] = 2
    other["from"].remove("bank")
    write(town, other)
    done = town.weir("run", "--once", check=False)
    assert done.code == 1 and "read aggregate type 'bank'" in done.stderr
    other["from"].append("bank")
    write(town, other)
    submit(town, "o-2")
    for id in ("o-1", "o-2"):
        answer(town, "stock.reserved", id, shelf=1)
    turn(town)
    turn(town)
    answer(town, "stock.reserved", "o-2", shelf=1)  # if the first came before its order
    turn(town)
    assert "bank.charge_requested" in types(town, "o-1") and "bank.debit_requested" in types(town, "o-2")
    write(town, fulfilment())  # a process of the old version goes on with instances of the new one
    for id in ("o-1", "o-2"):
        answer(town, "bank.refused", id)
    turn(town)
    assert [state(town, id) for id in ("o-1", "o-2")] == [("compensating", "reserve")] * 2


def test_a_person_decides(town):
    submit(town, "o-1", "o-2", "o-3")
    turn(town)
    said = town.weir("saga", "retry", "fulfilment", "o-1").stdout
    assert "would be" in said and "stock.reserve_requested" in said and "--execute" in said
    assert types(town).count("stock.reserve_requested") == 1
    town.weir("saga", "retry", "fulfilment", "o-1", "--reason", "the shop is back", "--execute")
    assert types(town)[-2:] == ["fulfilment.retried", "stock.reserve_requested"]
    assert stories(town, "fulfilment")["o-1"][-2][1]["reason"] == "the shop is back"
    town.weir("saga", "compensate", "fulfilment", "o-2", "--execute")
    assert state(town, "o-2") == ("compensating", "reserve")
    town.weir("saga", "cancel", "fulfilment", "o-3", "--execute")
    assert state(town, "o-3") == ("failed", None)
    for words, why in ((("retry", "fulfilment", "o-3"), "(cancelled)"), (("retry", "fulfilment", "o-7"), "no instance 'o-7'"),
                       (("cancel", "fulfillment", "o-1"), "did you mean 'fulfilment'")):
        done = town.weir("saga", *words, check=False)
        assert done.code == 3 and why in done.stderr, done.stderr
    rows = town.weir("saga", "list", "fulfilment", "-o", "json").json()
    assert {row["id"]: row["state"] for row in rows} == {"o-1": "running", "o-2": "compensating", "o-3": "failed"}
    (shown,) = [town.weir("saga", "show", "fulfilment", "o-1", "-o", "json").json()]
    assert [event["event_type"] for event in shown["history"]] == ["order.submitted", *types(town)]
    assert shown["history"][0]["event_id"] == shown["history"][1]["causation_id"] == shown["correlation_id"]
    assert breaches(town, path(town)) == []


def test_what_cannot_be_asked_for_is_a_dead_letter_and_comes_back(town):
    submit(town, "o-1", "o-2")
    turn(town)
    answer(town, "stock.reserved", "o-1", shelf=1)
    answer(town, "stock.reserved", "o-2")
    turn(town)
    for id in ("o-1", "o-2"):
        answer(town, "bank.charged", id)
    turn(town)
    assert state(town, "o-1") == ("running", "ship") and state(town, "o-2") == ("running", "charge")
    (letter,) = town.weir("dlq", "list", "-o", "json").json()
    assert letter["aggregate_id"] == "bank-o-2" and "there is no $reserve.shelf" in letter["error"]


def test_the_graph_names_every_step_and_answer(town):
    for form in ("dot", "mermaid"):
        graph = town.weir("saga", "graph", "fulfilment", "--form", form).stdout
        for word in ("reserve", "charge", "ship", "stock.reserved", "bank.refused", "undo", "compensated", "failed"):
            assert word in graph, (form, word)
    done = town.weir("saga", "graph", "fulfillment", check=False)
    assert done.code == 3 and "did you mean 'fulfilment'" in done.stderr


def test_mistakes_are_named_before_anything_runs(town):
    wrong = fulfilment()
    wrong["steps"][0]["sucess"] = wrong["steps"][0].pop("success")
    write(town, wrong)
    done = town.weir("config", "check", check=False)
    assert done.code == 2 and "unknown key 'sucess' in a step; did you mean 'success'" in done.stderr
    write(town, fulfilment())
    town.configure(subscriptions={"fulfillment": {"lanes": 2}})
    done = town.weir("config", "check", check=False)
    assert done.code == 2 and "did you mean 'fulfilment'" in done.stderr
    town.configure(subscriptions={})
    town.projection("fulfilment", "-- projection: fulfilment\n-- from: order\nCREATE TABLE t (id text);\n-- on: *\nINSERT INTO t SELECT aggregate_id FROM events;\n")
    done = town.weir("config", "check", check=False)
    assert done.code == 2 and "a projection is named 'fulfilment' already" in done.stderr


class Services(threading.Thread):
    """All three of them: they answer requests, some of them late, twice or with a refusal, by what their own tables say."""

    def __init__(self, shop, chance):
        super().__init__()
        self.shop, self.chance, self.ended, self.after = shop, chance, threading.Event(), 0
        self.given = {}

    ANSWERS = {
        "stock.reserve_requested": ("stock.reserved", "stock.refused", 0.1), "stock.release_requested": ("stock.released", None, 0),
        "bank.charge_requested": ("bank.charged", "bank.refused", 0.1), "bank.refund_requested": ("bank.refunded", None, 0),
        "carrier.ship_requested": ("carrier.shipped", "carrier.refused", 0.1),
    }

    def run(self):
        with self.shop.connect() as connection:
            while not self.ended.is_set():
                (through,) = connection.execute("SELECT horizon FROM weir.horizon()").fetchone()
                rows = connection.execute(
                    """SELECT aggregate_id, event_type FROM weir.events WHERE aggregate_type = 'fulfilment'
                       AND position > %s AND position <= %s ORDER BY position""", (self.after, through)).fetchall()
                self.after = max(self.after, through)
                for id, type in rows:
                    if type in self.ANSWERS:
                        self.reply(connection, id, type)
                time.sleep(0.01)

    def reply(self, connection, id, type):
        good, bad, share = self.ANSWERS[type]
        kind = self.given.setdefault((id, type), bad if self.chance.random() < share else good)
        if self.chance.random() < 0.05:
            return  # lost: the saga asks again
        for _ in range(2 if self.chance.random() < 0.1 else 1):
            connection.execute("SELECT weir.append(%s, %s, NULL, %s)", (
                kind.split(".")[0], f"{id}-{self.chance.randrange(3)}", json.dumps([{"type": kind, "data": {"order": id, "shelf": 1}}])))

    def end(self):
        self.ended.set()
        self.join()


@pytest.mark.slow
@pytest.mark.threads
def test_every_instance_ends_whatever_is_killed(town):
    quick = {"timeout": "700ms", "retries": 8, "backoff": "50ms"}
    saga = fulfilment()
    for step in saga["steps"]:
        step.update(quick)
        if "compensate" in step:
            step["compensate"].update(quick)
    write(town, saga)
    town.configure(subscriptions={"fulfilment": {"lanes": 2}})
    chance, ids = random.Random(5), [f"o-{n}" for n in range(200)]
    services = Services(town, chance)
    services.start()
    relay, members = town.start("relay"), [town.start("run") for _ in range(2)]
    for id in ids:
        submit(town, id)
        if chance.random() < 0.1:
            members.pop(0).kill()
            members.append(town.start("run"))
        if chance.random() < 0.03:
            relay.kill()
            relay = town.start("relay")
    ended = "SELECT count(*) FROM weir.sagas WHERE state IN ('completed', 'compensated', 'failed')"
    wait_until(lambda: town.value(ended) == len(ids), 120, "all have ended")
    services.end()
    assert breaches(town, path(town)) == []
    states = dict(town.sql("SELECT state, count(*) FROM weir.sagas GROUP BY 1"))
    assert states["completed"] > 50 and states["compensated"] > 10, states
    assert town.value("SELECT count(*) FROM weir.dead_letters") == 0


def delays(shop, seconds, until=lambda: False):
    """How long another service's events, appended one after the other, are held back from readers; in seconds."""
    found, ends = [], time.monotonic() + seconds
    with shop.connect() as writer, shop.connect() as reader:
        while time.monotonic() < ends and not until():
            committed = writer.execute("""SELECT weir.append('other', 'o', NULL, '[{"type": "other.happened", "data": {}}]'),
                                          pg_sequence_last_value('weir.event_position')""").fetchone() and time.perf_counter()
            position = writer.execute("SELECT max(position) FROM weir.events WHERE aggregate_type = 'other'").fetchone()[0]
            while reader.execute("SELECT horizon FROM weir.horizon()").fetchone()[0] < position:
                time.sleep(0.0005)
            found.append(time.perf_counter() - committed)
            time.sleep(0.002)
    return found


@pytest.mark.slow
@pytest.mark.once
def test_events_of_others_are_seen_at_once_while_sagas_run(town):
    """Batches that take a hundred milliseconds hold readers back for their last few alone."""
    ids = 3000
    town.sql(f"""SELECT count(weir.append('order', 'o-' || n, NULL, '[{{"type": "order.submitted", "data": {{"items": [], "sum": 1}}}}]'))
                 FROM generate_series(1, {ids}) n""")
    town.weir("relay", "--once")
    town.sql("""CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END';
                CREATE TRIGGER slow BEFORE UPDATE ON weir.sagas FOR EACH ROW EXECUTE FUNCTION slow()""")
    alone = delays(town, 2)
    member = town.start("run")
    wait_until(lambda: town.value("SELECT count(*) FROM weir.sagas") > 0, 30, "it runs")
    beside = delays(town, 60, until=lambda: town.value("SELECT count(*) FROM weir.sagas") == ids)
    assert member.stop(30) == 0
    spent = town.value("""SELECT extract(epoch FROM max(recorded_at) - min(recorded_at)) / count(DISTINCT batch)
                          FROM (SELECT recorded_at, xmin::text AS batch FROM weir.events WHERE aggregate_type = 'fulfilment') e""")
    p99, p99_alone, batch = p99_ms(beside), p99_ms(alone), float(spent) * 1000
    print(f"horizon delay p99 {p99:.1f} ms beside batches of {batch:.0f} ms, {p99_alone:.1f} ms alone; {len(beside)} events")
    assert batch > 100
    # On a machine that is late by itself only what a whole batch would cost can be told from that.
    assert p99 < (10 if p99_alone < 2 else p99_alone + batch / 2)


def p99_ms(found):
    return sorted(found)[int(len(found) * 0.99)] * 1000


def test_the_checker_finds_a_planted_breach(town):
    submit(town, "o-1")
    turn(town)
    assert breaches(town, path(town)) == []
    town.sql("UPDATE weir.sagas SET state = 'completed'")
    assert any("its row says" in one for one in breaches(town, path(town)))
    town.sql("UPDATE weir.sagas SET state = 'running', version = version + 1")
    answer_twice = [{"type": "fulfilment.timed_out", "data": {"step": "reserve", "attempt": 1}}] * 2
    town.append("fulfilment", "o-1", *answer_twice)
    assert any("acted on twice" in one for one in breaches(town, path(town)))
