"""Command handlers: requests in the log are executed on aggregates in C, each exactly once, and what they raise is appended with
the checkpoint. The payments of plugins/payments.c write into each event how many its account had before."""

import json
import os
import random
import signal
import threading
from collections import Counter

import pytest
import yaml
from harness import ROOT, patience, wait_until
from test_plugin_handlers import children
from test_plugins import compile_plugin
from test_sagas import fulfilment

PAYMENTS = ROOT / "tests/e2e/plugins/payments.c"
TIMEOUT_MS = int(800 * patience())
EVENTS = """SELECT aggregate_id, version, event_type, data, metadata FROM weir.events
            WHERE aggregate_type = 'payment' ORDER BY aggregate_id, version"""


class Bank:
    def __init__(self, shop):
        self.shop, self.asked = shop, Counter()
        compile_plugin(shop, "payments", PAYMENTS)
        shop.configure(kafka={"partitions": 2}, plugins={"files": ["plugins/*.so"], "timeout_ms": TIMEOUT_MS},
                       subscriptions={"payments": {"attempts": 2, "redrive": "none", "lanes": 2}})
        shop.weir("migrate")

    def ask(self, order, account, *sums, kind="charge", **more):
        self.shop.append("fulfilment", order, *({"type": f"payment.{kind}_requested", "data": {"account": account, "sum": sum, **more}}
                                                for sum in sums))

    def run(self, **more):
        self.shop.weir("relay", "--once")
        return self.shop.weir("run", "--once", **more)

    def events(self, account=None):
        return [row for row in self.shop.sql(EVENTS) if account in (None, row[0])]

    def letters(self):
        return self.shop.weir("dlq", "list", "-o", "json").json()

    def assert_exactly_once(self, but=()):
        """Each request has one answer, by what its account held when it was given, and each account's answers to an order are in
        the order of its requests."""
        requests = self.shop.sql("""SELECT event_id::text, data ->> 'account', aggregate_id FROM weir.events
                                    WHERE event_type LIKE 'payment.%_requested' ORDER BY position""")
        answers = [row for row in self.events() if "causationid" in row[4]]
        expected = [row for row in requests if row[0] not in but]
        assert Counter((row[4]["causationid"], row[0]) for row in answers) == Counter(row[:2] for row in expected)
        for account, version, _, data, metadata in answers:
            assert data["before"] == version - 1, (account, version)
        for account, order in {row[1:] for row in expected}:
            given = [row[4]["causationid"] for row in answers if row[0] == account and row[3]["order"] == order]
            assert given == [id for id, *where in expected if where == [account, order]]


@pytest.fixture
def bank(shop):
    return Bank(shop)


def test_requests_are_executed_in_order_each_on_what_the_last_has_left(bank):
    bank.shop.append("payment", "a-1", {"type": "payment.opened", "data": {"limit": 1}})  # euros, once
    bank.ask("o-1", "a-1", 60, 60, 40)
    bank.ask("o-1", "a-1", 60, kind="refund")
    bank.ask("o-1", "a-1", 60)
    bank.ask("o-2", "zoe \"ü\" 2", 5)  # there is no such account yet
    bank.shop.append("fulfilment", "o-2", {"type": "fulfilment.completed", "data": {}})
    bank.run()
    assert [row[2] for row in bank.events("a-1")] == ["payment.opened", "payment.charged", "payment.refused", "payment.charged",
                                                      "payment.refunded", "payment.charged"]
    assert len(bank.events()) == 7
    status = bank.shop.weir("projection", "status", "-o", "json").json()[0]
    assert (status["projection"], status["kind"]) == ("payments", "command")
    assert bank.shop.weir("plugin", "list", "-o", "json").json()[0]["commands"] == ["payments"]
    # A replay, and then one without the checkpoints, executes nothing again; nor does it run the code: its targets are gone.
    before = bank.events()
    bank.shop.weir("projection", "reset", "payments", "--to-earliest", "--keep-rows", "--execute")
    bank.run()
    bank.shop.sql("DELETE FROM weir.checkpoints")
    bank.ask("o-3", "a-2", 1)
    bank.run()
    assert bank.events() == sorted(before + bank.events("a-2"), key=lambda row: row[:2]) and len(bank.events("a-2")) == 1
    assert bank.letters() == []


FAULTS = {
    "abort": "the handler's process ended before it was done (signal 6, Aborted",
    "abort at the target": "the handler's process ended before it was done (signal 6, Aborted",
    "hang": f"the handler hangs: it did not answer within {TIMEOUT_MS} ms",
    "refuse": "no such currency",
    "raise nothing": "it has raised nothing",
    "forge the cause": "another causationid than the request's",
    "raise no JSON": "payment.charged: ",
    "raise a bad type": 'types that begin with "weir." are reserved',
    "go on": "it went on after an event was refused",
}


def test_each_culprit_is_parked_alone_and_comes_back(bank):
    for n in range(8):
        bank.ask(f"good-{n}", "shared", 1, 2)
    for do in FAULTS:
        bank.ask(do, "shared", 1)
        bank.ask(do, "shared", 2, do=do)
        bank.ask(do, f"alone-{do}", 3)
    bank.shop.append("payment", "spoilt", {"type": "payment.spoilt", "data": {}})
    bank.ask("spoilt", "spoilt", 1)
    bank.shop.append("payment", "closed", {"type": "weir.tombstone", "data": None})
    bank.ask("closed", "closed", 1)
    bank.run()
    refused = {row["aggregate_id"]: row for row in bank.letters() if row["cause"] == "refused"}
    assert set(refused) == {*FAULTS, "spoilt", "closed"}
    for do, why in {**FAULTS, "spoilt": "an account does not know this", "closed": "payment/closed is closed"}.items():
        assert why in refused[do]["error"], (do, refused[do]["error"])
    late = {id for id, type, order, do in bank.shop.sql(
        "SELECT event_id::text, event_type, aggregate_id, data ->> 'do' FROM weir.events WHERE aggregate_type = 'fulfilment' AND"
        " (version > 1 AND aggregate_id NOT LIKE 'good-%' OR aggregate_id IN ('spoilt', 'closed'))")}
    bank.assert_exactly_once(but=late)
    bank.shop.write("repaired", "")
    bank.shop.weir("dlq", "retry", "--subscription", "payments", "--execute")
    bank.run()
    assert {row["aggregate_id"] for row in bank.letters()} == {"spoilt", "closed"}
    bank.assert_exactly_once(but={id for id, in bank.shop.sql(
        "SELECT event_id::text FROM weir.events WHERE aggregate_type = 'fulfilment' AND aggregate_id IN ('spoilt', 'closed')")})


@pytest.mark.threads
def test_who_is_faster_is_never_overwritten_and_parks_nobody(bank):
    """Other sessions hold the streams while the batch is under way, and then have appended."""
    orders, turns = [f"o-{n}" for n in range(10)], 8
    for order in orders:
        bank.ask(order, f"a-{order[-1]}", 1, 2)
    bank.shop.append("payment", "a-3", {"type": "payment.noticed", "data": {}})
    bank.shop.weir("relay", "--once")
    writer = bank.shop.connect()
    runtime = None
    for _ in range(turns):  # more often than a batch is halved and tried again
        with writer.transaction():
            for account in ("a-3", "a-7"):
                writer.execute("SELECT weir.append('payment', %s, NULL, %s)", (account, json.dumps([{"type": "payment.noticed", "data": {}}])))
            runtime = runtime or bank.shop.start("run")
            wait_until(lambda: bank.shop.value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'weir payments/%%'"
                                               " AND wait_event_type = 'Lock'"), 30, "the batch waits for the writer")
    wait_until(lambda: len([row for row in bank.events() if "causationid" in row[4]]) == 20, 30, "all are executed")
    assert runtime.stop() == 0
    bank.assert_exactly_once()
    assert bank.letters() == [] and len(bank.events("a-3")) == 1 + turns + 2


def test_a_letter_that_meets_a_faster_writer_counts_no_attempt(bank):
    bank.ask("o-1", "a-1", 1, 2, do="refuse")
    bank.run()
    assert [row["attempts"] for row in bank.letters()] == [2, 0]
    bank.shop.write("repaired", "")
    writer = bank.shop.connect()
    with writer.transaction():
        writer.execute("SELECT weir.append('payment', 'a-1', NULL, %s)", (json.dumps([{"type": "payment.noticed", "data": {}}]),))
        bank.shop.weir("dlq", "retry", "--subscription", "payments", "--execute")
        runtime = bank.shop.start("run")
        wait_until(lambda: bank.shop.value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'weir payments/%%'"
                                           " AND wait_event_type = 'Lock'"), 30, "the letter waits for the writer")
    wait_until(lambda: len(bank.events()) == 3, 30, "both are executed")
    assert runtime.stop() == 0 and "refused again" not in runtime.log
    bank.assert_exactly_once()
    assert bank.letters() == []


def test_a_saga_and_its_service_are_one_chain(bank):
    saga = fulfilment()
    saga["from"][2] = "payment"
    saga["steps"] = [{"name": "charge", "request": "payment.charge_requested", "data": {"account": "$start.account", "sum": "$start.sum"},
                      "success": "payment.charged", "failure": "payment.refused", "timeout": "60s"}]
    bank.shop.write("sagas/fulfilment.yaml", yaml.safe_dump(saga))
    bank.shop.configure(sagas={"files": ["sagas/*.yaml"]})
    bank.shop.append("order", "o-1", {"type": "order.submitted", "data": {"account": "a-1", "sum": 7}, "metadata": {"userid": "ann"}})
    for _ in range(3):
        bank.run()
    assert bank.shop.sql("SELECT state FROM weir.sagas") == [("completed",)]
    history = bank.shop.weir("saga", "show", "fulfilment", "o-1", "-o", "json").json()["history"]
    assert [row["event_type"] for row in history] == ["order.submitted", "fulfilment.started", "payment.charge_requested",
                                                     "payment.charged", "fulfilment.step_completed", "fulfilment.completed"]
    asked, charged = history[2], history[3]
    assert charged["causation_id"] == asked["event_id"]
    (event,) = bank.events()
    assert event[4] == {"correlationid": history[0]["event_id"], "causationid": asked["event_id"], "userid": "ann"}


@pytest.mark.once
def test_what_does_not_fit_a_batch_is_said(bank):
    bank.shop.configure(subscriptions={"payments": {"batch_bytes": 1 << 20}})
    bank.shop.append("payment", "large", *[{"type": "payment.noticed", "data": {"text": "x" * 890_000}}] * 14)
    bank.ask("o-1", "large", 1)
    bank.ask("o-2", "small", 1)
    bank.run()
    (letter,) = bank.letters()
    assert letter["aggregate_id"] == "o-1" and "do not fit in the memory of a batch" in letter["error"], letter["error"]
    assert "batch_bytes" in letter["error"] and len(bank.events("small")) == 1


@pytest.mark.once
@pytest.mark.parametrize("statement, index", [("command_streams", "aggregate_type_aggregate_id_version"), ("command_executed", "expr_position")])
def test_plans_of_an_empty_store_are_good_for_a_full_one(bank, statement, index):
    with bank.shop.connect() as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE asked (text, text) AS {(ROOT / f'store/sql/{statement}.sql').read_text()}")
        plan = "\n".join(row[0] for row in connection.execute("EXPLAIN EXECUTE asked ('payment', '[]')"))
    assert [line for line in plan.splitlines() if "on events" in line and index not in line] == [], plan


@pytest.mark.once
def test_mistakes_are_named_before_anything_runs(bank):
    for flags, why in (
        (["-DTWICE=\"refunds\""], "'payment' has a command handler already"),
        (["-DTWICE=\"payments\""], "a second command handler 'payments'"),
        (["-DNAME=\"Payments\""], "'Payments' is no"),
    ):
        compile_plugin(bank.shop, "payments", PAYMENTS, *flags)
        done = bank.shop.weir("config", "check", check=False)
        assert done.code == 2 and why in done.stderr, (done.stderr, why)
    compile_plugin(bank.shop, "payments", PAYMENTS)
    bank.shop.weir("config", "check")
    bank.shop.configure(subscriptions={"payment": {"lanes": 2}})
    done = bank.shop.weir("config", "check", check=False)
    assert done.code == 2 and "did you mean 'payments'" in done.stderr
    config = yaml.safe_load((bank.shop.directory / "weir.yaml").read_text())
    del config["subscriptions"]["payment"]
    bank.shop.write("weir.yaml", yaml.safe_dump(config))
    bank.shop.projection("payments", "-- projection: payments\n-- from: order\nCREATE TABLE t (id text);\n-- on: *\nINSERT INTO t SELECT aggregate_id FROM events;\n")
    done = bank.shop.weir("config", "check", check=False)
    assert done.code == 2 and "a projection is named 'payments' already" in done.stderr


@pytest.mark.slow
def test_each_request_once_whatever_is_killed_beside_other_writers(bank):
    chance, orders = random.Random(7), 150
    bank.shop.configure(subscriptions={"payments": {"batch_events": 4}})
    for n in range(orders):
        bank.ask(f"o-{n}", f"a-{n % 12}", 1, 2, 3, 4)
    bank.shop.weir("relay", "--once")
    ended = threading.Event()

    def write():
        with bank.shop.connect() as connection:
            while not ended.wait(0.005 * patience() ** 2):
                connection.execute("SELECT weir.append('payment', %s, NULL, %s)",
                                   (f"a-{chance.randrange(12)}", json.dumps([{"type": "payment.noticed", "data": {}}])))

    writer = threading.Thread(target=write)
    writer.start()
    executed = "SELECT count(*) FROM weir.events WHERE event_type = 'payment.charged'"
    try:
        runtime = bank.shop.start("run")
        for many, kill in ((1, lambda: os.kill(children(runtime.pid)[0], signal.SIGKILL)), (orders, runtime.kill)):
            wait_until(lambda: bank.shop.value(executed) >= many, 60, "it goes on")
            kill()
        assert 0 < bank.shop.value(executed) < orders * 4, "it was killed in the middle"
        bank.shop.weir("projection", "reset", "payments", "--to-earliest", "--keep-rows", "--execute")
        bank.shop.weir("run", "--once")
    finally:
        ended.set()
        writer.join()
    bank.assert_exactly_once()
    assert bank.letters() == []
