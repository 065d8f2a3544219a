"""A projection made anew while everybody goes on: nobody waits, nothing is missing, nothing is mixed.

How long a switch blocks anybody is told by the server itself: sessions of readers and writers have log_lock_waits on, so that a
wait of BLOCK_MS or more is a line of its log. scripts/soak rebuild is the same test with more events, and 100 ms."""

import os
import re
import signal
import threading
import time
from collections import defaultdict

import psycopg
import pytest
from harness import patience, wait_until


EVENTS = int(os.environ.get("WEIR_REBUILD_EVENTS", "200000"))
ACCOUNTS = 2000
BLOCK_MS = round(float(os.environ.get("WEIR_REBUILD_BLOCK_MS", "250")) * patience())
LONG = 120 + EVENTS // 1000  # seconds, for a command that reads all of them

FILE = """\
-- projection: ledger
-- from: account
-- version: {version}
-- apply: aggregate
CREATE TABLE balances (id text PRIMARY KEY, balance bigint NOT NULL, events bigint NOT NULL, made text NOT NULL DEFAULT 'v{version}');
CREATE TABLE lasts (id text PRIMARY KEY, last bigint NOT NULL, made text NOT NULL DEFAULT 'v{version}');

-- on: account.moved
INSERT INTO balances AS b (id, balance, events) SELECT aggregate_id, (data->>'amount')::bigint, 1 FROM events
    ON CONFLICT (id) DO UPDATE SET balance = b.balance + excluded.balance, events = b.events + 1;
INSERT INTO lasts AS l (id, last) SELECT aggregate_id, version FROM events
    ON CONFLICT (id) DO UPDATE SET last = excluded.last;
"""

BOTH = """
    SELECT count(*), coalesce(sum(b.events), 0), count(DISTINCT b.made || l.made),
           count(*) FILTER (WHERE b.made <> l.made), count(*) FILTER (WHERE b.events <> l.last)
    FROM ledger.balances b JOIN ledger.lasts l USING (id)"""


def fill(shop, events):
    """So many events, 20 of an account at a time, by the server itself."""
    shop.sql(f"""
        SELECT count(weir.append('account', 'a-' || n %% {ACCOUNTS}, NULL, (
            SELECT jsonb_agg(jsonb_build_object('type', 'account.moved', 'data', jsonb_build_object('amount', n %% 7 + i)))
            FROM generate_series(1, 20) i)))
        FROM generate_series(1, {events // 20}) n""".replace("%%", "%"))


def folded(shop):
    balances, events = defaultdict(int), defaultdict(int)
    for id, amount in shop.sql("SELECT aggregate_id, (data->>'amount')::bigint FROM weir.events"
                               " WHERE aggregate_type = 'account' ORDER BY position"):
        balances[id] += amount
        events[id] += 1
    return {id: (balances[id], events[id], events[id]) for id in balances}


def projected(shop, schema="ledger"):
    rows = shop.sql(f"SELECT b.id, balance, events, last FROM {schema}.balances b JOIN {schema}.lasts l USING (id)")
    return {id: tuple(rest) for id, *rest in rows}


def serving(shop):
    return shop.value("SELECT generation FROM weir.subscriptions WHERE serving")


class Loop(threading.Thread):
    """Does one thing again and again on a connection of its own, and remembers what went wrong."""

    def __init__(self, shop, fn, user=None, **options):
        super().__init__(daemon=True)
        self.connection = shop.connect(**options)
        self.connection.execute(f"SET log_lock_waits = on; SET deadlock_timeout = '{BLOCK_MS}ms'")
        self.pid = self.connection.info.backend_pid
        if user:
            self.connection.execute(f"SET ROLE {user}")
        self.fn, self.over, self.errors, self.longest, self.count = fn, threading.Event(), [], 0, 0

    def run(self):
        while not self.over.is_set():
            began = time.monotonic()
            try:
                self.fn(self)
            except (psycopg.Error, AssertionError) as error:
                self.errors.append(repr(error))
                return
            self.longest = max(self.longest, time.monotonic() - began)
            self.count += 1

    def finish(self):
        self.over.set()
        self.join(60)
        return self


def read(loop):
    rows, events, versions, mixed, torn = loop.connection.execute(BOTH).fetchone()
    assert rows >= ACCOUNTS and events >= loop.least, (rows, events, loop.least)
    assert versions == 1 and mixed == 0, (versions, mixed)
    assert torn == 0, torn
    loop.least = events


def read_repeatably(loop):
    with loop.connection.transaction():
        first = loop.connection.execute(BOTH).fetchone()
        time.sleep(0.02)
        again = loop.connection.execute(BOTH).fetchone()
    assert first[:2] == again[:2] and first[0] >= ACCOUNTS, (first, again)


def probe(loop):
    """The least that can be asked of a view beside the least that can be asked at all: what it takes longer is the switch."""
    for name, query in (("view", "SELECT FROM ledger.balances LIMIT 1"), ("nothing", "SELECT")):
        began = time.monotonic()
        loop.connection.execute(query)
        loop.times[name] = max(loop.times[name], (time.monotonic() - began) * 1000)
    time.sleep(0.005)


def watch(loop):
    """The longest wait for a lock that pg_locks shows of anybody it watches."""
    (waited,) = loop.connection.execute("""SELECT extract(epoch FROM max(clock_timestamp() - waitstart)) * 1000 FROM pg_locks
        WHERE NOT granted AND pid = ANY (%s)""", [loop.pids]).fetchone()
    loop.waited = max(loop.waited, float(waited or 0))
    time.sleep(0.002)


def long_waits(shop, loops, since):
    """What the server said of waits for locks of these sessions from that byte of its log on."""
    said = (shop.services.directory / "postgres.log").read_text(errors="replace")[since:]
    return [line for line in said.splitlines() if any(re.search(rf"process {loop.pid} (still waiting|acquired)", line) for loop in loops)]


def write(loop):
    loop.number += 1
    loop.connection.execute("SELECT weir.append('account', %s, NULL, %s::jsonb)", (
        f"a-{loop.number % ACCOUNTS}", '[{"type": "account.moved", "data": {"amount": 5}}]'))
    time.sleep(0.005)


@pytest.fixture
def ledger(shop):
    shop.configure(kafka={"partitions": 3})
    shop.projection("ledger", FILE.format(version=1))
    shop.weir("migrate")
    return shop


@pytest.mark.once
def test_nobody_notices(ledger):
    fill(ledger, EVENTS)
    ledger.weir("relay", "--once", timeout=LONG)
    ledger.weir("run", "--once", timeout=LONG)
    role = "reader_" + ledger.value("SELECT current_database()")
    ledger.sql(f"CREATE ROLE {role}; GRANT USAGE ON SCHEMA ledger TO {role};"
               f"GRANT SELECT ON ledger.balances, ledger.lasts TO {role};"
               "CREATE VIEW public.total AS SELECT sum(balance) AS balance FROM ledger.balances;"
               f"GRANT SELECT ON public.total TO {role}")
    ledger.start("relay")
    old = ledger.start("run")
    readers = [Loop(ledger, read, role), Loop(ledger, read, role), Loop(ledger, read_repeatably, role)]
    readers[2].connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    writer = Loop(ledger, write)
    writer.number = 0
    for reader in readers:
        reader.least = EVENTS
    prober, watcher = Loop(ledger, probe, role), Loop(ledger, watch)
    prober.times, watcher.waited = defaultdict(float), 0.0
    everybody = [*readers, writer, prober]
    watcher.pids = [loop.pid for loop in everybody]
    since = len((ledger.services.directory / "postgres.log").read_text(errors="replace"))
    for loop in [*everybody, watcher]:
        loop.start()
    ledger.projection("ledger", FILE.format(version=2))
    done = ledger.weir("projection", "rebuild", "ledger", "--execute", timeout=5 * LONG)
    assert "generation 2 serves" in done.stdout
    time.sleep(1)
    for loop in [*everybody, watcher]:
        loop.finish()
    print(f"longest wait for a lock, of {watcher.count} looks: {watcher.waited:.1f} ms; longest of {prober.count} probes of a view:"
          f" {prober.times['view']:.1f} ms, of nothing: {prober.times['nothing']:.1f} ms; longest read and append in ms:",
          [round(loop.longest * 1000) for loop in [*readers, writer]], "of", [loop.count for loop in [*readers, writer]])
    for loop in [*everybody, watcher]:
        assert not loop.errors, loop.errors
        assert loop.count > 10
    assert long_waits(ledger, everybody, since) == []
    assert is_told_of_a_long_wait(ledger, since)
    assert old.wait(60 * patience()) == 1 and "generation" in old.log  # it has the older file
    ledger.start("run")
    expected = folded(ledger)
    assert len(expected) == ACCOUNTS
    wait_until(lambda: projected(ledger) == expected, 60, "the new generation equals the fold")
    assert ledger.sql("SELECT DISTINCT made FROM ledger.balances") == [("v2",)]
    reader = ledger.connect()
    reader.execute(f"SET ROLE {role}")
    assert reader.execute("SELECT balance FROM public.total").fetchone()[0] == sum(b for b, _, _ in expected.values())
    reader.close()
    ledger.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def is_told_of_a_long_wait(shop, since):
    """Without this the log's silence would say nothing."""
    holder, reader = shop.connect(autocommit=False), Loop(shop, probe)
    reader.times = defaultdict(float)
    holder.execute("LOCK TABLE ledger__g2.balances IN ACCESS EXCLUSIVE MODE")
    reader.start()
    wait_until(lambda: long_waits(shop, [reader], since), 30, "the server says that it waits")
    holder.rollback()
    return not reader.finish().errors


@pytest.mark.threads
def test_a_running_member_goes_on_with_the_new_generation(ledger):
    fill(ledger, 2000)
    ledger.start("relay")
    member = ledger.start("run")
    wait_until(lambda: len(projected(ledger)) == 100, 60, "all accounts are there")
    for generation in (2, 3):
        ledger.weir("projection", "rebuild", "ledger", "--execute", "--parallel", "2")
        assert serving(ledger) == generation
        fill(ledger, 2000)
        wait_until(lambda: projected(ledger) == folded(ledger), 60, "the member feeds the new one")
    assert member.alive
    lanes = ledger.sql("SELECT topic, lanes FROM weir.checkpoints WHERE generation = 3 AND topic <> '$store'")
    assert len(lanes) == 3 and {n for _, n in lanes} == {1}
    assert projected(ledger, "ledger__g1") != projected(ledger)
    assert "from generation 3 to 2" in ledger.weir("projection", "rollback", "ledger").stdout
    ledger.weir("projection", "rollback", "ledger", "--execute")
    wait_until(lambda: projected(ledger, "ledger__g2") == folded(ledger), 60, "generation 2 caught up")
    assert projected(ledger) == folded(ledger)


@pytest.mark.parametrize(("way", "source"), [(signal.SIGKILL, "store"), (signal.SIGTERM, "store"), (signal.SIGKILL, "kafka")])
def test_an_interrupted_one_goes_on(ledger, way, source):
    fill(ledger, 20000)
    ledger.weir("relay", "--once")
    ledger.weir("run", "--once")
    ledger.configure(subscriptions={"ledger": {"batch_events": 50}})
    words = ("projection", "rebuild", "ledger", "--from", source, "--execute")
    rebuild = ledger.start(*words)
    applied = "SELECT coalesce(sum(events), 0) FROM weir.checkpoints WHERE generation = 2"
    wait_until(lambda: ledger.value(applied) > 500, 60, "it is filling")
    rebuild.send(way)
    code = rebuild.wait(30)
    wait_until(lambda: not ledger.sql("SELECT FROM pg_stat_activity WHERE application_name ~ 'rebuild' AND"
                                      " datname = current_database()"), 30, "its sessions have ended")
    assert serving(ledger) == 1 and projected(ledger) == folded(ledger)
    if way == signal.SIGTERM:
        assert code == 1 and "goes on with it" in rebuild.log
    before = ledger.value(applied)
    assert 500 < before < 20000
    again = ledger.weir(*words)
    assert "going on with generation 2" in again.stderr and f"from {20000 - before} more events" in again.stdout
    assert serving(ledger) == 2 and projected(ledger) == folded(ledger)


def test_one_at_a_time_and_dry_by_default(ledger):
    fill(ledger, 200)
    dry = ledger.weir("projection", "rebuild", "ledger")
    assert "from 200 events" in dry.stdout and "nothing serves yet" in dry.stdout
    assert ledger.sql("SELECT FROM weir.subscriptions") == []
    other = ledger.connect()
    other.execute("SELECT pg_advisory_lock(hashtext('weir rebuild'), hashtext('ledger'))")
    refused = ledger.weir("projection", "rebuild", "ledger", "--execute", check=False)
    assert refused.code == 3 and "another process is rebuilding" in refused.stderr
    other.close()
    ledger.weir("projection", "rebuild", "--all", "--execute")
    assert serving(ledger) == 1 and projected(ledger) == folded(ledger)
    assert ledger.weir("projection", "rebuild", check=False).code == 2
    assert ledger.weir("projection", "rebuild", "ledgers", "--execute", check=False).code == 3
    ledger.weir("relay", "--once")
    ledger.weir("run", "--once")  # what came from the store does not come again
    assert projected(ledger) == folded(ledger)


def test_a_long_reader_is_waited_for_and_named(ledger):
    fill(ledger, 200)
    ledger.weir("relay", "--once")
    ledger.weir("run", "--once")
    reader = ledger.connect()
    reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    reader.autocommit = False
    before = reader.execute(BOTH).fetchone()
    late = ledger.weir("projection", "rebuild", "ledger", "--execute", "--wait", "1", check=False)
    assert late.code == 4 and str(reader.info.backend_pid) in late.stderr
    assert reader.execute(BOTH).fetchone() == before
    reader.rollback()
    ledger.weir("projection", "rebuild", "ledger", "--execute")
    assert serving(ledger) == 2


def test_views_that_cannot_be_kept_are_refused_before_anything_is_filled(ledger):
    fill(ledger, 200)
    ledger.weir("relay", "--once")
    ledger.weir("run", "--once")
    ledger.sql("CREATE VIEW public.total AS SELECT sum(last) FROM ledger.lasts")
    ledger.projection("ledger", FILE.format(version=2).replace("last bigint NOT NULL", "last text NOT NULL"))
    refused = ledger.weir("projection", "rebuild", "ledger", "--execute", check=False)
    assert refused.code == 2 and "lasts" in refused.stderr and "public.total" in refused.stderr
    assert ledger.value("SELECT count(*) FROM weir.checkpoints WHERE generation = 2") == 0


def test_poison_is_parked_in_the_new_generation(ledger):
    fill(ledger, 200)
    ledger.append("account", "a-1", {"type": "account.moved", "data": {"amount": "many"}})
    ledger.append("account", "a-1", {"type": "account.moved", "data": {"amount": 1}})
    done = ledger.weir("projection", "rebuild", "ledger", "--execute")
    assert "1 aggregates are parked" in done.stdout
    assert ledger.sql("SELECT topic, message_offset, cause FROM weir.dead_letters ORDER BY id") == [
        ("$store", None, "refused"), ("$store", None, "behind")]
