"""Handlers in C: their effects in the checkpoint's transaction, their process apart from weir's. The witness writes every
event down together with the one that it found written before it; what it is told to do wrong stands in the event."""

import os
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from harness import ROOT, clean_environment, patience, program, wait_until
from test_plugins import compile_plugin


WITNESS = ROOT / "tests/e2e/plugins/witness.c"
TIMEOUT_MS = int(800 * patience())
FAULTS = {
    "abort": "the handler's process ended before it was done (signal 6, Aborted",
    "exit": "the handler's process ended before it was done (exit code 0",
    "hang": f"the handler hangs: it did not answer within {TIMEOUT_MS} ms",
    "refuse": "no such customer",
    "refuse without a word": "the handler returned false without weir_fail",
    "violate": 'witness: INSERT INTO seen (position) VALUES (NULL): null value in column "position"',
    "violate in a query": 'VALUES (NULL) RETURNING 1: null value in column "position"',
}


class Witness:
    def __init__(self, shop, *flags):
        self.shop = shop
        self.compile(*flags)
        shop.configure(kafka={"partitions": 1}, plugins={"files": ["plugins/*.so"], "timeout_ms": TIMEOUT_MS},
                       subscriptions={"witness": {"attempts": 2, "redrive": "none", "lanes": 2}})
        shop.weir("migrate")
        self.appended = []

    def compile(self, *flags):
        compile_plugin(self.shop, "witness", WITNESS, *flags)

    def order(self, id, *todos):
        self.shop.append("order", id, *({"type": "order.placed", "data": {"do": do}} for do in todos))
        self.appended += [(id, version) for version in range(1, len(todos) + 1)]

    def run(self, **more):
        self.shop.weir("relay", "--once")
        return self.shop.weir("run", "--once", **more)

    def seen(self):
        return self.shop.sql("SELECT id, version, before FROM witness.seen ORDER BY position")

    def assert_complete(self, but=()):
        """Each once, and each right after the one before it, as the handler itself saw it."""
        assert sorted((id, version) for id, version, _ in self.seen()) == sorted(set(self.appended) - set(but))
        assert [row for row in self.seen() if (row[2] or 0) != row[1] - 1] == []

    def letters(self):
        return self.shop.weir("dlq", "list", "-o", "json").json()


@pytest.fixture
def witness(shop):
    return Witness(shop)


@pytest.mark.parametrize("silent", [False, True])
def test_each_culprit_is_parked_alone_and_comes_back(witness, silent):
    if silent:
        witness.shop.write("silent", "")
    faults = {k: v for k, v in FAULTS.items() if not silent or k in ("abort", "violate in a query")}
    for id in range(10):
        witness.order(f"good-{id}", *[None] * 6)
    for do in faults:
        witness.order(do, None, do, None)
    witness.order("printer", "print")
    witness.order("talker", "say much", None)
    run = witness.run()
    witness.assert_complete(but=[(do, version) for do in faults for version in (2, 3)])
    causes = {(row["aggregate_id"], row["version"]): row["error"] for row in witness.letters() if row["cause"] == "refused"}
    assert set(causes) == {(do, 2) for do in faults}
    for do, cause in faults.items():
        assert cause in causes[do, 2], (do, causes[do, 2])
    assert "a handler may print" in run.stderr and "handler=witness" in run.stderr
    witness.shop.write("repaired", "")
    witness.shop.weir("dlq", "retry", "--subscription", "witness", "--execute")
    witness.run()
    assert witness.letters() == []
    witness.assert_complete()


@pytest.mark.parametrize("do, said", [
    ("commit", "COMMIT is refused here: the transaction is the runtime's"),
    ("write elsewhere", "this statement writes elsewhere.things"),
    ("set the path", "set_config is refused here: the session is the runtime's"),
    ("misspell", "INSERT INTO sene VALUES (1): relation"),
])
def test_what_is_not_a_handlers_own_stops_it(witness, do, said):
    witness.shop.sql("CREATE SCHEMA elsewhere")
    witness.shop.sql("CREATE TABLE elsewhere.things AS SELECT 1 AS id")
    witness.shop.sql("GRANT ALL ON SCHEMA elsewhere TO weir_projector; GRANT ALL ON elsewhere.things TO weir_projector")
    witness.order("a", None, do, None)
    stopped = witness.run(check=False)
    assert stopped.code == 1 and said in stopped.stderr and "order/a version 2" in stopped.stderr
    assert witness.letters() == [] and [row[:2] for row in witness.seen()] == [("a", 1)]
    assert witness.shop.value("SELECT count(*) FROM elsewhere.things") == 1


@pytest.mark.parametrize("flag, said", [
    ("-DNAME=Witness", "witness.so(Witness): 'Witness' is no projection name"),
    ("-DTABLES=\\nDROP TABLE seen", "witness.so(witness):2: DROP is refused here"),
    ("-DTABLES=\\n-- on: order.paid\\n", "have no directive 'on'"),
])
def test_what_cannot_be_a_projection_is_refused_at_the_start(shop, flag, said):
    name, text = flag.split("=", 1)
    compile_plugin(shop, "witness", WITNESS, f'{name}="{text}"')
    shop.configure(plugins={"files": ["plugins/*.so"]})
    refused = shop.weir("config", "check", check=False)
    assert refused.code == 2 and said in refused.stderr, refused.stderr


@pytest.mark.once
def test_a_query_of_many_rows_is_refused_and_never_held(witness):
    """Also when a dead letter is tried again, and when the rows are not even asked for."""
    witness.order("much", None, "ask too much", None)
    witness.order("dropped", None, "drop much", None)
    witness.shop.weir("relay", "--once")
    for attempts in (2, 3):
        runtime = witness.shop.start("run")
        wait_until(lambda: len(witness.letters()) == 2 and len(witness.seen()) == 4
                   and witness.letters()[0]["attempts"] == attempts, 60, "all others are applied")
        assert runtime.peak_memory() < 120_000_000
        assert runtime.stop() == 0
        letter = witness.letters()[0]
        assert "witness: SELECT repeat('x', 1000)" in letter["error"] and "its rows do not fit in the memory" in letter["error"]
        witness.assert_complete(but=[("much", 2), ("much", 3)])
        witness.shop.weir("dlq", "retry", "--subscription", "witness", "--execute")


def test_one_that_waits_accuses_nobody(witness):
    witness.order("a", None, "later", None)
    witness.shop.weir("relay", "--once")
    runtime = witness.shop.start("run")
    wait_until(lambda: "the price list is not there yet" in runtime.log, 30, "it waits")
    witness.shop.write("open", "")
    wait_until(lambda: len(witness.seen()) == 3, 30, "it goes on")
    assert runtime.stop() == 0
    assert witness.letters() == []
    witness.assert_complete()


def test_one_that_cannot_start_stops_and_parks_nothing(witness):
    witness.order("a", None)
    for file, said in [("no init", "ended before it was ready (signal 6"), ("not yet", "there is no licence")]:
        witness.shop.write(file, "")
        stopped = witness.run(check=False)
        assert stopped.code == 1 and said in stopped.stderr and "cannot be started" in stopped.stderr
        (witness.shop.directory / file).unlink()
    (witness.shop.directory / "plugins/witness.so").write_text("not a library")
    refused = witness.run(check=False)
    assert refused.code == 2 and "cannot be loaded" in refused.stderr
    witness.compile()
    witness.run()
    assert witness.letters() == []
    witness.assert_complete()


def test_its_tables_are_generations(witness):
    shop = witness.shop
    witness.order("a", None, None)
    witness.run()
    status = shop.weir("projection", "status", "-o", "json").json()[0]
    assert (status["projection"], status["kind"], status["generation"], status["events"]) == ("witness", "projection", 1, 2)
    assert shop.weir("projection", "list", "-o", "json").json()[0]["apply"] == "code"
    assert shop.weir("plugin", "list", "-o", "json").json()[0]["handlers"] == ["witness"]
    shop.weir("verify", "projection", "witness")
    stepped = shop.weir("projection", "step", "witness", "--aggregate", "order", "a").stdout
    assert "before" in stepped and "seen" in stepped
    witness.compile("-DVERSION=2", '-DTABLES="CREATE TABLE more (id text)"')
    refused = shop.weir("run", "--once", check=False)
    assert refused.code == 2 and "weir projection rebuild witness --execute" in refused.stderr
    shop.weir("projection", "rebuild", "witness", "--execute")
    witness.order("b", None)
    witness.run()
    witness.assert_complete()
    assert shop.value("SELECT count(*) FROM witness__g2.seen") == 3 and shop.sql("SELECT * FROM witness.more") == []
    witness.compile()
    shop.weir("projection", "rollback", "witness", "--replace-views", "--execute")
    witness.run()
    witness.assert_complete()
    shop.sql("UPDATE witness__g1.seen SET before = 7 WHERE id = 'b'")
    assert shop.weir("verify", "projection", "witness", check=False).code == 1


def test_a_file_that_changed_meanwhile_is_refused(witness):
    witness.order("a", None)
    witness.shop.weir("relay", "--once")
    runtime = witness.shop.start("run")
    wait_until(lambda: len(witness.seen()) == 1, 30, "it works")
    witness.compile("-DVERSION=2")
    os.kill(children(runtime.pid)[0], signal.SIGKILL)
    witness.order("b", None)
    witness.shop.weir("relay", "--once")
    assert runtime.wait(30) == 1 and "file has changed: start weir again" in runtime.log
    assert witness.letters() == [] and len(witness.seen()) == 1


def children(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(word) for word in listed.split()]


def gone(pid):
    try:
        return open(f"/proc/{pid}/stat").read().split(")")[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_handler_does_not_outlive_weir(witness):
    witness.shop.configure(plugins={"timeout_ms": 600_000}, subscriptions={"witness": {"drain_ms": 300}})
    witness.order("a", "hang")
    witness.shop.weir("relay", "--once")
    runtime = witness.shop.start("run")
    child, = wait_until(lambda: children(runtime.pid), 30, "the handler's process runs")
    assert runtime.stop(20) == 0 and gone(child) and witness.letters() == []
    runtime = witness.shop.start("run")
    child, = wait_until(lambda: children(runtime.pid), 30, "the handler's process runs")
    runtime.kill()
    wait_until(lambda: gone(child), 30, "it is gone, though it hangs")


@pytest.fixture
def prefix(tmp_path_factory):
    """An installed tree, and nothing of the source."""
    prefix = tmp_path_factory.mktemp("prefix")
    subprocess.run(["cmake", "--install", Path(program()[-1]).parent, "--prefix", prefix], check=True, capture_output=True)
    return prefix


def build_example(shop, prefix):
    """examples/handlers_c outside of the tree, by pkg-config alone: the plug-in, and its specifications' program."""
    shutil.copytree(ROOT / "examples/handlers_c", shop.directory / "examples/handlers_c")
    library = next(prefix.rglob("libweir.so")).parent
    environment = clean_environment(PKG_CONFIG_PATH=str(library / "pkgconfig"), LD_LIBRARY_PATH=str(library),
                                    WEIR_STORE_CONNINFO=shop.conninfo)
    source, cc = "examples/handlers_c", "cc -std=c17 -Wall -Wextra -Werror -I."
    for command in (
        f"{cc} -shared -fPIC -fvisibility=hidden $(pkg-config --cflags weir jansson) {source}/customer_orders.c {source}/plugin.c"
        " $(pkg-config --libs jansson) -o customer_orders.so",
        f"{cc} {source}/*customer_orders.c $(pkg-config --cflags --libs weir jansson) -lcmocka -o specifications",
        "./specifications",
    ):
        done = subprocess.run(command, shell=True, cwd=shop.directory, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def fold(shop):
    """What the customers must be, from the events alone."""
    customer, orders, paid, items = {}, Counter(), Counter(), Counter()
    for type, order, data in shop.sql("SELECT event_type, aggregate_id, data FROM weir.events WHERE aggregate_type = 'order'"
                                      " ORDER BY position"):
        if type == "order.submitted":
            customer[order] = data["user_id"]
            orders[data["user_id"]] += 1
        paid[customer[order]] += data.get("amount_cents", 0) - data.get("refund_cents", 0)
        items[order] += data.get("quantity", 0)
    def tier(cents):
        return "gold" if cents >= 50000 else "silver" if cents >= 10000 else "bronze"
    return ({(id, orders[id], paid[id], tier(paid[id])) for id in orders}, {(id, customer[id], items[id]) for id in customer})


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.threads
def test_the_example_is_exactly_once_whatever_is_killed(shop, prefix):
    build_example(shop, prefix)
    shop.configure(plugins={"files": ["customer_orders.so"]}, kafka={"partitions": 3},
                   subscriptions={"customer_orders": {"batch_events": 20, "lanes": 2}})
    shop.weir("migrate")
    shop.weir("import", ROOT / "examples/shop.jsonl")
    for id in range(300):
        shop.append("order", f"o-{id}", {"type": "order.submitted", "data": {"user_id": f"u-{id % 7}"}},
                    {"type": "order.item_added", "data": {"quantity": id}},
                    {"type": "order.paid", "data": {"amount_cents": 100 * id}},
                    {"type": "order.cancelled", "data": {"refund_cents": 50 * id}})
    shop.weir("relay", "--once")
    total = shop.value("SELECT count(*) FROM weir.events WHERE aggregate_type = 'order'")
    applied, handlers = "SELECT coalesce(sum(events), 0) FROM weir.checkpoints", set()
    runtime = shop.start("run")
    for kill in (lambda: os.kill(children(runtime.pid)[0], signal.SIGKILL), runtime.kill):
        before = shop.value(applied)
        wait_until(lambda: shop.value(applied) > before, 60, "it goes on")
        handlers |= set(children(runtime.pid))
        kill()
    assert 0 < shop.value(applied) < total, "it was killed in the middle"
    shop.weir("run", "--once")
    customers, orders = fold(shop)
    assert set(shop.sql("SELECT * FROM customer_orders.customers")) == customers and len(customers) > 20
    assert set(shop.sql("SELECT * FROM customer_orders.orders")) == orders
    assert shop.weir("dlq", "list", "-o", "json").json() == []
    shop.weir("verify", "projection", "customer_orders")
    wait_until(lambda: all(map(gone, handlers)), 30, "no process of a handler is left")
