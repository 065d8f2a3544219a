"""Read your writes: weir.wait_for and `weir wait`, on rows planted by hand and on a runtime that moves them."""

import random
import threading
import time

import psycopg
import pytest
from harness import independent_murmur2, partition_of, wait_until


COUNTS = """\
-- projection: counts
-- from: thing
CREATE TABLE counts (id text PRIMARY KEY, n bigint NOT NULL);

-- on: thing.happened
INSERT INTO counts SELECT aggregate_id, 1 FROM events ON CONFLICT (id) DO UPDATE SET n = counts.n + 1;
"""


def happened(shop, id):
    return shop.append("thing", id, {"type": "thing.happened", "data": {}})


@pytest.fixture
def counts(shop):
    shop.configure(kafka={"partitions": 3})
    shop.projection("counts", COUNTS)
    shop.weir("migrate")
    return shop


@pytest.fixture
def planted(shop):
    """A subscription of three lanes a partition, of four partitions; nothing applied, nothing runs."""
    shop.weir("migrate")
    shop.sql("INSERT INTO weir.topics (aggregate_type, topic, partitions) VALUES ('thing', 'things', 4)")
    shop.sql("""INSERT INTO weir.subscriptions (subscription, generation, definition)
                VALUES ('counts', 1, '{"from": ["thing"]}')""")
    shop.sql("""INSERT INTO weir.checkpoints (subscription, generation, topic, partition, lanes, lane)
                SELECT 'counts', 1, 'things', p, 3, l FROM generate_series(0, 3) p, generate_series(0, 2) l""")
    return shop


def refused(shop, sqlstate, id="t1", version=1, timeout="100 ms", subscription="counts", type="thing"):
    with pytest.raises(psycopg.Error) as error:
        shop.sql("SELECT weir.wait_for(%s, %s, %s, %s, %s)", subscription, type, id, version, timeout)
    assert error.value.sqlstate == sqlstate, error.value
    return str(error.value)


def waited(shop, id="t1", version=1, subscription="counts"):
    shop.sql("SELECT weir.wait_for(%s, 'thing', %s, %s, '100 ms')", subscription, id, version)


def test_the_hash_is_kafkas(shop):
    shop.weir("migrate")
    dice = random.Random(7)
    keys = ["", "a", "ab", "abc", "abcd", "user-17", "ü€𐍈", *("".join(map(chr, dice.choices(range(1, 0x2FFF), k=n))) for n in range(40))]
    found = dict(shop.sql("SELECT k, weir.key_hash(k) FROM unnest(%s::text[]) k", keys))
    assert found == {key: independent_murmur2(key.encode()) & 0x7FFFFFFF for key in keys}


def test_it_waits_for_the_partition_and_lane_of_its_event(planted):
    for n in range(40):
        happened(planted, f"t{n}")
    for n in range(40):
        hash = independent_murmur2(f"t{n}".encode()) & 0x7FFFFFFF
        partition, lane = hash % 4, hash // 4 % 3
        refused(planted, "WV016", f"t{n}", timeout="0")
        others = "UPDATE weir.checkpoints SET position = CASE WHEN (partition, lane) = (%s, %s) THEN %s ELSE %s END"
        position = planted.value("SELECT position FROM weir.events WHERE aggregate_id = %s", f"t{n}")
        planted.sql(others, partition, lane, position - 1, 1000)
        refused(planted, "WV016", f"t{n}", timeout="0")
        planted.sql(others, partition, lane, position, 0)
        waited(planted, f"t{n}")
        planted.sql("UPDATE weir.checkpoints SET position = 0")


def test_of_the_store_as_source_there_is_one_partition(planted):
    happened(planted, "t1")
    planted.sql("DELETE FROM weir.checkpoints")
    planted.sql("""INSERT INTO weir.checkpoints (subscription, generation, topic, partition, lanes, lane)
                   SELECT 'counts', 1, '$store', 0, 5, l FROM generate_series(0, 4) l""")
    lane = (independent_murmur2(b"t1") & 0x7FFFFFFF) % 5
    planted.sql("UPDATE weir.checkpoints SET position = 100 WHERE lane <> %s", lane)
    refused(planted, "WV016")
    planted.sql("UPDATE weir.checkpoints SET position = 100 WHERE lane = %s", lane)
    waited(planted)


def test_it_returns_when_the_event_is_applied_and_only_then(counts):
    relay, run = counts.start("relay"), counts.start("run")
    for n in range(30):
        id = f"t{n % 7}"
        version = happened(counts, id)
        counts.sql("SELECT weir.wait_for('counts', 'thing', %s, %s, '20 s')", id, version) if n else wait_until(
            lambda: counts.weir("wait", "counts", "thing", id, check=False).code == 0, 30, "it has begun")
        assert counts.value("SELECT n FROM counts.counts WHERE id = %s", id) == version
    assert run.stop() == 0 and relay.stop() == 0


def test_who_waits_sees_what_comes_while_it_waits(planted):
    happened(planted, "t1")
    begun = time.monotonic()
    timer = threading.Timer(0.5, lambda: planted.sql("UPDATE weir.checkpoints SET position = 100"))
    timer.start()
    planted.sql("SELECT weir.wait_for('counts', 'thing', 't1', 1, '20 s')")
    assert 0.4 < time.monotonic() - begun < 10
    timer.join()


def test_every_error_has_its_own_sqlstate(planted):
    happened(planted, "t1")
    assert "'100 ms'" in refused(planted, "WV016") or "00:00:00.1" in refused(planted, "WV016")
    assert "nothing" in refused(planted, "WV011", subscription="nothing")
    assert "version 2" in refused(planted, "WV012", version=2)
    refused(planted, "WV012", id="nobody")
    planted.append("other", "o1", {"type": "x", "data": 1})
    assert "does not read other" in refused(planted, "WV011", id="o1", type="other")
    planted.sql("UPDATE weir.subscriptions SET paused_at = now(), paused_by = 'ann'")
    assert "paused" in refused(planted, "WV015")
    planted.sql("UPDATE weir.subscriptions SET paused_at = NULL, stopped_at = now(), stopped_why = 'a hole'")
    assert "a hole" in refused(planted, "WV015")
    planted.sql("UPDATE weir.checkpoints SET position = 100")
    waited(planted)  # what is applied is applied


def test_a_parked_aggregate_is_said_what_was_applied_before_is_not_held(planted):
    for _ in range(3):
        happened(planted, "t1")
    planted.sql("UPDATE weir.checkpoints SET position = 100")
    planted.sql("""INSERT INTO weir.parked (subscription, generation, aggregate_type, aggregate_id, topic, partition)
                   VALUES ('counts', 1, 'thing', 't1', 'things', 0)""")
    position = planted.value("SELECT position FROM weir.events WHERE version = 2")
    planted.sql("""INSERT INTO weir.dead_letters (subscription, generation, topic, partition, position, aggregate_type,
                       aggregate_id, version, cause) VALUES ('counts', 1, 'things', 0, %s, 'thing', 't1', 2, 'refused')""",
                position)
    waited(planted, version=1)
    for version in (2, 3):
        assert "parked" in refused(planted, "WV014", version=version)
    planted.sql("UPDATE weir.dead_letters SET status = 'applied'")
    planted.sql("DELETE FROM weir.parked")
    waited(planted, version=3)


def test_inside_a_transaction_that_appended_it_refuses_at_once(planted):
    happened(planted, "before")
    planted.sql("UPDATE weir.checkpoints SET position = (SELECT max(position) FROM weir.events)")
    append = """SELECT weir.append('thing', 't1', NULL, '[{"type": "thing.happened", "data": {}}]')"""
    with planted.connect(autocommit=False) as mine:
        mine.execute(append)
        refused(planted, "WV012")
        mine.execute("SAVEPOINT tried")
        with pytest.raises(psycopg.Error) as error:
            mine.execute("SELECT weir.wait_for('counts', 'thing', 't1', 1)")
        assert error.value.sqlstate == "WV013" and "Commit first" in str(error.value)
        mine.execute("ROLLBACK TO SAVEPOINT tried")
        mine.execute("SELECT weir.wait_for('counts', 'thing', 'before', 1)")  # it needs nobody's commit
        mine.commit()
        with pytest.raises(psycopg.Error) as error:
            mine.execute("SELECT weir.wait_for('counts', 'thing', 't1', 1, '10 ms')")
        assert error.value.sqlstate == "WV016"
        mine.rollback()


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_above_read_committed_it_would_never_see_progress(planted, isolation):
    happened(planted, "t1")
    with planted.connect(autocommit=False) as mine:
        mine.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        with pytest.raises(psycopg.Error) as error:
            mine.execute("SELECT weir.wait_for('counts', 'thing', 't1', 1)")
        assert error.value.sqlstate == "WV005" and isolation in str(error.value)


@pytest.mark.parametrize("role", ["appender", "reader", "admin"])
def test_a_role_that_may_wait_needs_nothing_else(planted, role):
    happened(planted, "t1")
    planted.sql("UPDATE weir.checkpoints SET position = 100")
    planted.sql(f"SET ROLE weir_{role}; SELECT weir.wait_for('counts', 'thing', 't1', 1)")


def test_the_command_waits_for_the_latest_version_and_exits_4(planted):
    happened(planted, "t1")
    happened(planted, "t1")
    second = planted.value("SELECT position FROM weir.events WHERE version = 2")
    planted.sql("UPDATE weir.checkpoints SET position = %s", second - 1)
    late = planted.weir("wait", "counts", "thing", "t1", "--timeout", "50", check=False)
    assert late.code == 4 and "version 2" in late.stderr
    planted.weir("wait", "counts", "thing", "t1", "1")
    planted.sql("UPDATE weir.checkpoints SET position = %s", second)
    planted.weir("wait", "counts", "thing", "t1", "--timeout", "50")
    for arguments in (("nothing", "thing", "t1"), ("counts", "thing", "t9"), ("counts", "thing", "t1", "9")):
        assert planted.weir("wait", *arguments, check=False).code == 3, arguments
    for arguments in (("counts", "thing", "t1", "x"), ("counts", "thing", "t1", "--timeout", "-1"), ("counts", "thing")):
        assert planted.weir("wait", *arguments, check=False).code == 2, arguments
    planted.sql("UPDATE weir.checkpoints SET position = 0")
    planted.sql("UPDATE weir.subscriptions SET paused_at = now(), paused_by = 'ann'")
    paused = planted.weir("wait", "counts", "thing", "t1", check=False)
    assert paused.code == 1 and "paused" in paused.stderr and "ann" in paused.stderr
