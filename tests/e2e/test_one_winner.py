"""I1: every acknowledged append is stored, one winner per version, versions 1, 2, 3 … without a hole.

32 clients in 50 hot streams write through a proxy that cuts connections around COMMIT (cutter.py). A
client that does not know whether it committed repeats the identical transaction, with the same ids, until it
knows. It writes down what it sent and what it was answered; when all is quiet the raw tables must agree.
Wrong versions of weir.append must fail the very same scene: each mutant's test says which fault is found.
"""

import json
import random
import re
import threading
import time
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import psycopg
import pytest
from cutter import Cutter
from harness import wait_until

pytestmark = pytest.mark.once  # nothing of this depends on how the program was built

ANY, EXISTS = None, -1
RETRYABLE = {"40001", "40P01"}
LEVELS = ["READ COMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]


@dataclass
class Append:
    stream: str
    expected: int | None
    events: list
    version: int = 0  # as answered

    def ids(self):
        return [event["id"] for event in self.events]


@dataclass
class Transaction:
    appends: list
    outcome: str = "unknown"  # acknowledged, conflict, or an SQLSTATE that nobody expects
    detail: str = ""
    tries: Counter = field(default_factory=Counter)


class Client(threading.Thread):
    """Writes until somebody says that it is enough; `log` is its account of it."""

    def __init__(self, conninfo, number, streams, enough):
        super().__init__(daemon=True)
        self.conninfo, self.chance = conninfo, random.Random(number)
        self.streams, self.enough = streams, enough
        self.log, self.error, self.connection = [], None, None

    def run(self):
        try:
            while not self.enough.is_set():
                transaction = self.decide()
                if transaction:
                    self.log.append(transaction)
                    self.perform(transaction)
        except Exception as error:
            self.error = error
        finally:
            if self.connection:
                self.connection.close()

    def connect(self):
        self.connection = psycopg.connect(self.conninfo, options="-c deadlock_timeout=30ms")
        level = self.chance.choice(LEVELS)
        self.connection.isolation_level = psycopg.IsolationLevel[level.replace(" ", "_")]

    def decide(self):
        """Loads, as a service does, and decides what to append: one transaction of one or two streams."""
        pair = self.chance.random() < 0.1
        try:
            if self.connection is None or self.connection.closed:
                self.connect()
            return Transaction([self.new_append(few=pair) for _ in range(1 + pair)])
        except psycopg.OperationalError:
            return None
        finally:
            if self.connection and not self.connection.closed:
                self.connection.rollback()

    def new_append(self, few):
        """few: in one of five streams, so that pairs meet, and deadlock."""
        stream = f"hot-{self.chance.randrange(5 if few else self.streams)}"
        mode = "any" if few else self.chance.choice(["any", "exists", "exact", "exact", "exact"])
        expected = {"any": ANY, "exists": EXISTS}.get(mode)
        if mode == "exact":
            expected = self.connection.execute(
                "SELECT coalesce(max(version), 0) FROM weir.events"
                " WHERE aggregate_type = 'hot' AND aggregate_id = %s", (stream,)).fetchone()[0]
        events = [
            {"id": str(uuid.UUID(int=self.chance.getrandbits(128), version=4)), "type": "hot.touched",
             "data": {"by": self.name, "n": self.chance.randrange(10**6)}}
            for _ in range(self.chance.randint(1, 5))
        ]
        return Append(stream, expected, events)

    def perform(self, transaction):
        """Tries until it knows what became of it."""
        while True:
            try:
                if self.connection.closed:
                    self.connect()
                for place, append in enumerate(transaction.appends):
                    time.sleep(place * self.chance.random() * 0.02)  # time for the other one of a deadlock
                    append.version = self.connection.execute(
                        "SELECT weir.append('hot', %s, %s, %s::jsonb)",
                        (append.stream, append.expected, json.dumps(append.events))).fetchone()[0]
                self.connection.commit()
                transaction.outcome = "acknowledged"
                return
            except psycopg.Error as error:
                if error.sqlstate in RETRYABLE:
                    transaction.tries[error.sqlstate] += 1
                    self.connection.rollback()
                elif error.sqlstate is None:
                    transaction.tries["cut"] += 1
                    self.connection.close()
                else:
                    transaction.outcome = "conflict" if error.sqlstate == "WV001" else error.sqlstate
                    transaction.detail = f"{error.diag.message_detail}"
                    self.connection.rollback()
                    return


def check(rows, streams, log):
    """What contradicts I1, as sentences. rows: (position, stream, version, id, data) of weir.events."""
    faults = []
    stored, by_stream = defaultdict(list), defaultdict(list)
    for _, stream, version, event_id, data in sorted(rows):
        stored[event_id].append((stream, version, data))
        by_stream[stream].append(version)
    if len({row[0] for row in rows}) < len(rows):
        faults.append("a position stands twice")
    for stream, versions in by_stream.items():
        if versions != list(range(1, len(versions) + 1)):
            faults.append(f"{stream}: the versions are not 1 to {len(versions)} in order of position")
        if streams.get(stream) != max(versions):
            faults.append(f"{stream}: the stream says {streams.get(stream)}, the last event is {max(versions)}")
    faults += [f"{stream}: a stream without events" for stream in streams.keys() - by_stream.keys()]
    sent = {event_id for t in log for a in t.appends for event_id in a.ids()}
    faults += [f"{event_id} is stored, and nobody sent it" for event_id in stored.keys() - sent]
    claimed = defaultdict(list)
    for transaction in log:
        faults += check_transaction(transaction, stored, claimed)
    return faults + [f"{place} was acknowledged {len(by)} times" for place, by in claimed.items() if len(by) > 1]


def check_transaction(transaction, stored, claimed):
    ids = [event_id for append in transaction.appends for event_id in append.ids()]
    there = sum(event_id in stored for event_id in ids)
    if transaction.outcome == "conflict":
        return [f"{there} events of a refused transaction are stored: {ids}"] if there else conflict_faults(transaction)
    if transaction.outcome != "acknowledged":
        return [f"an answer nobody expects: {transaction.outcome} {transaction.detail} ({there} of {len(ids)} stored)"]
    return [fault for append in transaction.appends for fault in append_faults(append, stored, claimed)]


def conflict_faults(transaction):
    expected, actual = map(int, re.findall(r"-?\d+", transaction.detail))
    justified = actual != expected if expected >= 0 else actual == 0
    return [] if justified else [f"a conflict without a reason: {transaction.detail}"]


def append_faults(append, stored, claimed):
    faults, first = [], append.version - len(append.events) + 1
    if append.expected not in (ANY, EXISTS) and first != append.expected + 1:
        faults.append(f"{append.stream}: expected {append.expected}, and won versions {first} to {append.version}")
    if append.expected == EXISTS and first < 2:
        faults.append(f"{append.stream}: 'must exist' made version {first}")
    for version, event in enumerate(append.events, first):
        claimed[append.stream, version].append(event["id"])
        if stored.get(event["id"]) != [(append.stream, version, event["data"])]:
            faults.append(f"{append.stream} {version}: acknowledged, but stored is {stored.get(event['id'])}")
    return faults


def scene(shop, clients=32, streams=50, transactions=1000):
    """(faults, log, cuts) of so many clients and, in all, at least so many transactions."""
    with Cutter(shop.conninfo, seed=4) as cutter:
        enough = threading.Event()
        threads = [Client(cutter.conninfo, number, streams, enough) for number in range(clients)]
        for thread in threads:
            thread.start()
        try:
            wait_until(
                lambda: any(t.error for t in threads) or sum(len(t.log) for t in threads) >= transactions,
                100, "they wrote enough")
        finally:
            enough.set()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads), "a client does not come to an end"
        errors = [thread.error for thread in threads if thread.error]
        assert not errors, errors[:3]
    rows = shop.sql("SELECT position, aggregate_id, version, event_id::text, data FROM weir.events")
    heads = dict(shop.sql("SELECT aggregate_id, version FROM weir.streams WHERE aggregate_type = 'hot'"))
    log = [transaction for thread in threads for transaction in thread.log]
    return check(rows, heads, log), log, cutter.cuts


@pytest.mark.slow
def test_one_winner_per_version_whatever_is_cut(shop):
    shop.weir("migrate")
    faults, log, cuts = scene(shop)
    assert faults == []
    outcomes = Counter(transaction.outcome for transaction in log)
    tries = sum((transaction.tries for transaction in log), Counter())
    assert outcomes["acknowledged"] > 300 and outcomes["conflict"] > 30, outcomes
    assert all(cuts[fate] > 10 for fate in ("before", "after", "blind")), cuts
    assert tries["cut"] > 30 and tries["40001"] > 10 and tries["40P01"] > 0, (tries, outcomes)


# What to do to weir.append (a pattern and its replacement) and to the tables, and a fault it must make.
MUTANTS = {
    "absorbs nothing": (
        r"IF has_ids THEN", "IF false THEN", "", "23505"),
    "absorbs nothing, and no index minds": (
        r"IF has_ids THEN", "IF false THEN",
        "DROP event_id", "acknowledged, but stored is"),
    "locks no row": (
        r"INSERT INTO weir\.streams AS s .*?RETURNING s\.version[^;]*;",
        """SELECT coalesce(max(e.version), 0) + added INTO version FROM weir.events e
               WHERE e.aggregate_type = append.aggregate_type AND e.aggregate_id = append.aggregate_id;
           INSERT INTO weir.streams AS s (aggregate_type, aggregate_id, version)
               SELECT append.aggregate_type, append.aggregate_id, version
               WHERE NOT EXISTS (SELECT FROM weir.streams x WHERE x.aggregate_id = append.aggregate_id)
               ON CONFLICT DO NOTHING;""", "DROP version", "was acknowledged 2 times"),
    "checks no version": (
        r"append\.expected_version \+ added <> version", "false", "", "and won versions"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_append_is_caught(shop, mutant):
    pattern, replacement, tables, fault = MUTANTS[mutant]
    shop.weir("migrate")
    source = shop.value("SELECT pg_get_functiondef('weir.append'::regproc)")
    changed, count = re.subn(pattern, lambda _: replacement, source, flags=re.S)
    assert count == 1, f"weir.append has no longer what this mutant changes: {pattern}"
    shop.sql(changed)
    for name in tables.split()[1:]:
        for (constraint,) in shop.sql(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'weir.events'::regclass AND contype = 'u'"
            f" AND pg_get_constraintdef(oid) ~ '\\m{name}\\M'"
        ):
            shop.sql(f'ALTER TABLE weir.events DROP CONSTRAINT "{constraint}"')
    faults, _, _ = scene(shop, clients=12, streams=6, transactions=250)
    assert any(fault in found for found in faults), faults[:5]
