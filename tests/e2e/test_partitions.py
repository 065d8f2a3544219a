"""Splitting types off while the store is used: no event lost, doubled or out of sight at any moment.

The split is killed again and again at random points and goes on; writers and readers never stop. The
readers are statements of their own, with nothing in common with the program. One of them reads in
REPEATABLE READ: its snapshot may be older than a copy, which must not make it see less.
"""

import json
import random
import re
import threading
import time

import psycopg
import pytest
from harness import wait_until


TYPES = ["order", "invoice", "rare.type"]
PAYLOAD = {"text": "x" * 100}


class Live:
    """Threads that append and read until the block ends; what they complain of fails the test."""

    def __init__(self, shop):
        self.shop, self.ended, self.complaints = shop, threading.Event(), []
        self.written, self.seen, self.longest = 0, [], 0.0
        tasks = [self.write, self.write, self.count, self.follow, self.repeat]
        self.threads = [threading.Thread(target=self.guard, args=[task], daemon=True) for task in tasks]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *failure):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)
        assert failure[0] or not self.complaints, self.complaints

    def guard(self, task):
        try:
            with psycopg.connect(self.shop.conninfo, autocommit=True) as connection:
                while not self.ended.is_set():
                    task(connection)
        except Exception as problem:
            self.complaints.append(f"{task.__name__}: {problem!r}")

    def write(self, connection):
        events = json.dumps([{"type": "thing.happened", "data": PAYLOAD}] * 3)
        began = time.monotonic()
        connection.execute(
            "SELECT weir.append(%s, %s, NULL, %s::jsonb)",
            (random.choice(TYPES), f"a-{random.randrange(50)}", events),
        )
        self.longest = max(self.longest, time.monotonic() - began)
        self.written += 3
        time.sleep(0.002)

    def count(self, connection):
        """Never fewer of one type than before, and none of them twice."""
        count, distinct = connection.execute(
            "SELECT count(*), count(DISTINCT position) FROM weir.events WHERE aggregate_type = 'order'"
        ).fetchone()
        assert count == distinct and count >= getattr(self, "counted", 0), (count, distinct, self.counted)
        self.counted = count
        time.sleep(0.01)

    def follow(self, connection):
        """All events through the fence, from the first to the last."""
        [horizon] = connection.execute("SELECT horizon FROM weir.horizon()").fetchone()
        after = self.seen[-1] if self.seen else 0
        rows = connection.execute(
            "SELECT position FROM weir.events WHERE position > %s AND position <= %s ORDER BY position", (after, horizon)
        )
        self.seen += [row[0] for row in rows]
        time.sleep(0.005)

    def repeat(self, connection):
        """One snapshot, taken before the events are touched: they add up to their streams' versions."""
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            [versions] = connection.execute("SELECT sum(version) FROM weir.streams").fetchone()
            time.sleep(random.random() * 0.03)
            [events] = connection.execute("SELECT count(*) FROM weir.events").fetchone()
            assert versions == events, f"{versions} by the streams, {events} in sight"


def fill(shop, events):
    """Of four types: three that are split off, and one that stays."""
    call = json.dumps([{"type": "thing.happened", "data": PAYLOAD}] * (events // 120))
    calls = [([*TYPES, "user"][n % 4], f"a-{n % 12}", call) for n in range(120)]
    with shop.connect() as connection:
        connection.cursor().executemany("SELECT weir.append(%s, %s, NULL, %s::jsonb)", calls)


@pytest.fixture
def filled(shop):
    shop.weir("migrate")
    fill(shop, 6000)
    return shop


def places(shop):
    """Where each type's events really are."""
    return dict(shop.sql("""SELECT aggregate_type, 'weir.' || min(relname) FROM weir.events
                            JOIN pg_class c ON c.oid = events.tableoid GROUP BY 1"""))


@pytest.mark.slow
def test_types_are_split_off_under_load_and_kills_without_anybody_noticing(filled):
    shop = filled
    fill(shop, 54000)  # so many that a split takes a while
    began = shop.value("SELECT count(*) FROM weir.events")
    with Live(shop) as live:
        kills = 0
        while "order" not in [t for p in shop.sql("SELECT aggregate_types FROM weir.partitions()") for t in p[0]]:
            split = shop.start("partition", "add", *TYPES, "--execute")
            time.sleep(random.random() * (0.3 + 0.2 * kills))
            if kills < 8 and split.alive:
                split.kill()
                kills += 1
            else:
                assert split.wait(120) == 0, split.tail(30)
        time.sleep(0.5)
    assert kills >= 3, "the kills came too late to say anything"
    longest = re.search(r"waited longer than ([\d.]+) ms", split.log)
    print(f"{kills} kills, own report {longest and longest[1]} ms, longest append {live.longest * 1000:.0f} ms")
    stored = [row[0] for row in shop.sql("SELECT position FROM weir.events ORDER BY position")]
    assert len(stored) == began + live.written == len(set(stored))
    assert live.seen == stored[: len(live.seen)] and len(live.seen) >= len(stored) - 300
    assert set(live.shop.sql("SELECT aggregate_type FROM weir.events_default")) == {("user",)}
    found = places(shop)
    assert len({found[t] for t in TYPES}) == 3
    assert shop.value("SELECT to_regclass('weir.events_next') IS NULL")


def test_what_is_split_keeps_every_promise(filled):
    shop = filled
    before = shop.sql("SELECT * FROM weir.events ORDER BY position")
    assert "add --execute" in shop.weir("partition", "add", "order").stdout
    assert "no events yet: odrer\n" in shop.weir("partition", "add", "odrer", "order").stdout
    assert places(shop)["order"] == "weir.events_default"
    done = shop.weir("partition", "add", "order", "--execute")
    assert "nobody waited longer" in done.stderr
    shop.weir("partition", "add", "invoice", "new", "--execute")
    assert shop.sql("SELECT * FROM weir.events ORDER BY position") == before
    shop.append("new", "n-1", {"type": "thing.happened", "data": 1}, expected=0)
    assert places(shop) == {
        "order": "weir.events_order", "invoice": "weir.events_invoice", "new": "weir.events_new",
        "rare.type": "weir.events_default", "user": "weir.events_default",
    }
    for table in ("events", "events_order", "events_default"):
        for verb in (f"DELETE FROM weir.{table}", f"UPDATE weir.{table} SET version = 0", f"TRUNCATE weir.{table}"):
            with shop.connect() as own, pytest.raises(psycopg.Error) as refused:
                own.execute("SET session_replication_role = replica")
                own.execute(verb)
            assert refused.value.sqlstate == "WV004", verb
    assert shop.sql("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename ~ '^events'") == [("weir_owner",)]
    for execute in ((), ("--execute",)):
        again = shop.weir("partition", "add", "order", *execute, check=False)
        assert again.code == 2 and "already" in again.stderr and again.stdout == ""
        bad = shop.weir("partition", "add", "a b", *execute, check=False)
        assert bad.code == 2 and "invalid aggregate type" in bad.stderr and bad.stdout == ""
    listed = {row["aggregatetype"]: row for row in shop.weir("partition", "list", "-o", "json").json()}
    assert listed["order"] | {"bytes": 0} == {
        "aggregatetype": "order", "partition": "events_order", "default": False, "events": 1500, "bytes": 0,
    }
    assert listed["user"]["default"] is True


@pytest.mark.once
def test_a_split_that_was_given_up_leaves_nothing(filled):
    shop = filled
    shop.sql("SELECT weir.prepare_partitions('{order}'), weir.copy_to_partitions(1000)")
    other = shop.weir("partition", "add", "user", "--execute", check=False)
    assert other.code == 2 and "not finished: order" in other.stderr
    assert "dropped" in shop.weir("partition", "add", "--abandon").stderr
    assert shop.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'weir' AND tablename ~ '^events'") == 2
    shop.weir("partition", "add", "user", "--execute")


@pytest.mark.once
def test_copies_that_differ_are_not_taken(filled):
    shop = filled
    shop.sql("SELECT weir.prepare_partitions('{order}'), weir.copy_to_partitions(1000)")
    shop.sql("DELETE FROM weir.events_next WHERE position = 7")
    refused = shop.weir("partition", "add", "order", "--execute", check=False)
    assert refused.code != 0 and "the copies hold" in refused.stderr
    assert places(shop)["order"] == "weir.events_default"


@pytest.mark.once
def test_a_snapshot_older_than_the_copy_is_waited_for(filled):
    """In such a transaction copied events would be out of sight, and the old ones gone."""
    shop = filled
    old = shop.connect(autocommit=False)
    old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    [versions] = old.execute("SELECT sum(version) FROM weir.streams").fetchone()
    split = shop.start("partition", "add", "order", "--execute")
    wait_until(lambda: "holds an old snapshot" in split.log, 30, "the split saw the snapshot")
    shop.append("order", "a-1", {"type": "thing.happened", "data": 1})
    [events] = old.execute("SELECT count(*) FROM weir.events").fetchone()
    assert events == versions
    old.commit()
    assert split.wait(60) == 0
    assert shop.value("SELECT count(*) FROM weir.events") == events + 1
    assert places(shop)["order"] == "weir.events_order"


@pytest.mark.once
def test_an_event_that_commits_late_is_not_left_behind(filled):
    """Its position is drawn, and later ones are committed, before it is."""
    shop = filled
    late = shop.connect(autocommit=False)
    late.execute("""SELECT weir.append('order', 'late', 0, '[{"type": "thing.happened", "data": 1}]')""")
    shop.append("order", "early", {"type": "thing.happened", "data": 2})
    split = shop.start("partition", "add", "order", "--execute")
    wait_until(lambda: "appending for long" in split.log, 30, "the split met the appender")
    late.commit()
    assert split.wait(60) == 0
    assert shop.value("SELECT count(*) FROM weir.events WHERE aggregate_id IN ('late', 'early')") == 2
    assert places(shop)["order"] == "weir.events_order"


@pytest.mark.once
def test_a_copy_that_nobody_held_writers_for_costs_no_event(filled):
    """As when the session that holds them ends just before the other copies the rest."""
    shop = filled
    shop.sql("SELECT weir.prepare_partitions('{order}'), weir.copy_to_partitions(100000)")
    late = shop.connect(autocommit=False)
    late.execute("""SELECT weir.append('order', 'late', 0, '[{"type": "thing.happened", "data": 1}]')""")
    shop.append("order", "early", {"type": "thing.happened", "data": 2})
    shop.sql("SELECT weir.copy_rest()")
    split = shop.start("partition", "add", "order", "--execute")
    wait_until(lambda: "appending for long" in split.log, 30, "the split met the appender")
    late.commit()
    assert split.wait(60) != 0 and "the copies hold 1 events, the default partition 2" in split.log
    shop.weir("partition", "add", "--abandon")
    shop.weir("partition", "add", "order", "--execute")
    assert shop.value("SELECT count(*) FROM weir.events WHERE aggregate_id IN ('late', 'early')") == 2
    assert places(shop)["order"] == "weir.events_order"


@pytest.mark.once
@pytest.mark.parametrize("checked", [False, True])
def test_the_admin_cannot_lose_events_by_a_switch_without_copies(filled, checked):
    shop = filled
    before = shop.value("SELECT count(*) FROM weir.events")
    with shop.connect(autocommit=False) as admin, pytest.raises(psycopg.Error) as refused:
        admin.execute("SET ROLE weir_admin")
        admin.execute("SELECT weir.prepare_partitions('{order}')")
        if checked:
            admin.execute("SELECT weir.check_partitions()")
        admin.execute("SELECT weir.hold_events()")
        admin.execute("SELECT weir.switch_partitions()")
    assert refused.value.sqlstate == "WV007"
    assert shop.value("SELECT count(*) FROM weir.events") == before


@pytest.mark.once
def test_an_appender_with_an_older_snapshot_that_waited_through_the_switch_begins_anew(filled):
    """It would find neither the old row nor the new of what was copied last."""
    shop, refused = filled, []
    happened = """SELECT weir.append('order', 'b', 0, '[{"type": "thing.happened", "data": 1}]')"""
    shop.sql("SELECT weir.prepare_partitions('{order}'), weir.copy_to_partitions(100000), weir.check_partitions()")
    shop.append("order", "last", {"type": "thing.happened", "data": 1})
    holder = shop.connect(autocommit=False)
    holder.execute("SELECT weir.hold_events()")

    def append():
        with psycopg.connect(shop.conninfo) as own:
            own.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            try:
                own.execute(happened)
            except psycopg.Error as problem:
                refused.append(problem.sqlstate)

    waiting = threading.Thread(target=append)
    waiting.start()
    blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'weir.events'::regclass"
    wait_until(lambda: shop.value(blocked) == 1, 30, "the appender waits")
    shop.sql("SELECT weir.copy_rest()")
    assert holder.execute("SELECT weir.switch_partitions()").fetchone() == (None,)
    holder.commit()
    waiting.join(30)
    assert refused == ["40001"]
    with shop.connect(autocommit=False) as own:
        own.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        own.execute(happened)
    assert places(shop)["order"] == "weir.events_order"
