"""Pause, resume and reset of subscriptions, and why one is behind, on rows and on a runtime."""

import pytest
from harness import independent_murmur2, wait_until


COUNTS = """\
-- projection: counts
-- from: thing
CREATE TABLE counts (id text PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE log (at bigint GENERATED ALWAYS AS IDENTITY, id text NOT NULL);

-- on: thing.happened
INSERT INTO counts SELECT aggregate_id, 1 FROM events ON CONFLICT (id) DO UPDATE SET n = counts.n + 1;
INSERT INTO log (id) SELECT aggregate_id FROM events;
"""


def happened(shop, *ids):
    for id in ids:
        shop.append("thing", id, {"type": "thing.happened", "data": {}})


@pytest.fixture
def counts(shop):
    """Twelve events of three aggregates, applied; nobody runs it."""
    shop.configure(kafka={"partitions": 2})
    shop.projection("counts", COUNTS)
    shop.weir("migrate")
    happened(shop, *["a", "b", "c"] * 4)
    applied(shop)
    return shop


def applied(shop):
    shop.weir("relay", "--once")
    shop.weir("run", "--once")


def rows(shop):
    return shop.sql("""SELECT partition, lane, next_offset, position, epoch, events FROM weir.checkpoints
                       WHERE subscription = 'counts' ORDER BY 1, 2""")


def status(shop, check=True):
    return shop.weir("projection", "status", "-o", "json", check=check).json()[0]


def tables(shop):
    return dict(shop.sql("SELECT id, n FROM counts.counts"))


def events(shop):
    """(position, partition of two) of every event."""
    of = "SELECT position, aggregate_id FROM weir.events ORDER BY 1"
    return [(position, (independent_murmur2(id.encode()) & 0x7FFFFFFF) % 2) for position, id in shop.sql(of)]


def last(shop, upto, partition):
    return max((p for p, where in events(shop) if p <= upto and where == partition), default=0)


# --- pause and resume


def test_pause_and_resume_are_seen_and_raise_the_epochs(counts):
    before = rows(counts)
    done = counts.weir("projection", "pause", "counts", "-o", "json").json()
    assert done == [{"projection": "counts", "generation": 1, "result": "paused"}]
    assert [(r[4], r[:4]) for r in rows(counts)] == [(r[4] + 1, r[:4]) for r in before]
    at, by = counts.sql("SELECT paused_at, paused_by FROM weir.subscriptions")[0]
    assert at and by == counts.value("SELECT session_user")
    seen = status(counts)
    assert seen["state"] == "paused" and seen["paused_by"] == by and seen["paused_at"]
    again = counts.weir("projection", "pause", "--all", "-o", "json").json()
    assert again[0]["result"] == "was paused before"
    assert counts.value("SELECT paused_at FROM weir.subscriptions") == at and [r[4] for r in rows(counts)] == [r[4] + 1 for r in before]
    assert counts.weir("projection", "resume", "counts", "-o", "json").json()[0]["result"] == "resumed"
    assert counts.sql("SELECT paused_at, paused_by FROM weir.subscriptions") == [(None, None)]
    assert counts.weir("projection", "resume", "--all", "-o", "json").json()[0]["result"] == "was not paused"
    assert status(counts)["state"] == "not running"


def test_a_transaction_under_way_ends_before_a_pause_or_rolls_back(counts):
    move = """SELECT weir.move_checkpoints('counts', 1, '{%s}', '{0}', '{1}', '{0}', '{%s}', '{%s}', '{%s}', '{%s}', '{0}')"""
    topic = counts.value("SELECT topic FROM weir.topics")
    _, _, offset, position, epoch, _ = rows(counts)[0]
    with counts.connect(autocommit=False) as runtime:
        runtime.execute(move % (topic, offset, epoch, offset + 1, position))
        pause = counts.start("projection", "pause", "counts")
        waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'weir projection pause' AND wait_event_type = 'Lock'"
        wait_until(lambda: counts.value(waits) == 1, 20, "the pause waits")
        runtime.commit()
        assert pause.wait() == 0
        assert rows(counts)[0][2:5] == (offset + 1, position, epoch + 1)
        with pytest.raises(Exception, match="moved by somebody else"):
            runtime.execute(move % (topic, offset + 1, epoch, offset + 2, position))
        runtime.rollback()


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_who_is_paused_must_be_said_and_known(counts, verb):
    assert counts.weir("projection", verb, check=False).code == 2
    assert counts.weir("projection", verb, "counts", "--all", check=False).code == 2
    unknown = counts.weir("projection", verb, "counts", "nobody", check=False)
    assert unknown.code == 3 and "nobody" in unknown.stderr
    assert counts.sql("SELECT paused_at FROM weir.subscriptions") == [(None,)]


# --- reset


def test_to_the_beginning_with_empty_tables_gives_the_same_again(counts):
    whole, log = tables(counts), counts.sql("SELECT * FROM counts.log ORDER BY at")
    dry = counts.weir("projection", "reset", "counts", "--to-earliest", "--empty-tables", "-o", "json")
    assert "12 events come again" in dry.stderr and "--execute" in dry.stderr
    assert sum(row["again"] for row in dry.json()) == 12 and {row["to_position"] for row in dry.json()} == {0}
    assert tables(counts) == whole
    epochs = [r[4] for r in rows(counts)]
    counts.weir("projection", "reset", "counts", "--to-earliest", "--empty-tables", "--execute")
    assert tables(counts) == {} and [r[2:] for r in rows(counts)] == [(-1, 0, epoch + 1, 0) for epoch in epochs]
    counts.weir("run", "--once")
    assert tables(counts) == whole and sorted(counts.sql("SELECT * FROM counts.log")) == sorted(log)


def test_back_on_rows_that_have_their_effects_must_be_said(counts):
    middle = events(counts)[5][0]
    refused = counts.weir("projection", "reset", "counts", "--to-position", middle, "--execute", check=False)
    assert refused.code == 2 and "6 events" in refused.stderr and "--keep-rows" in refused.stderr
    assert counts.weir("projection", "reset", "counts", "--to-earliest", check=False).code == 2
    counts.weir("projection", "reset", "counts", "--to-position", middle, "--keep-rows", "--execute")
    assert [(r[0], r[2], r[3]) for r in rows(counts)] == [
        (p, -1 if last(counts, middle, p) < last(counts, 10**9, p) else rows(counts)[p][2], last(counts, middle, p)) for p in (0, 1)]
    counts.weir("run", "--once")
    assert sum(tables(counts).values()) == 18  # six of them twice: they count


def test_to_a_time_is_before_the_first_event_recorded_later(counts):
    moment = counts.value("SELECT to_char(clock_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    before = {p: last(counts, 10**9, p) for p in (0, 1)}
    happened(counts, "a", "b", "c", "d")
    applied(counts)
    counts.weir("projection", "reset", "counts", "--to-time", moment, "--keep-rows", "--execute")
    assert {r[0]: r[3] for r in rows(counts)} == before
    assert counts.weir("projection", "reset", "counts", "--to-time", "yesterday", check=False).code == 2


def test_forward_skips_events_which_must_be_said(counts):
    happened(counts, "a", "b", "c", "c")
    counts.weir("relay", "--once")
    ahead = events(counts)[-2][0]
    offsets = [r[2] for r in rows(counts)]
    refused = counts.weir("projection", "reset", "counts", "--to-position", ahead, "--execute", check=False)
    assert refused.code == 2 and "3 events would never be applied" in refused.stderr
    done = counts.weir("projection", "reset", "counts", "--to-position", ahead, "--skip-events", "--execute", "-o", "json")
    assert sum(row["skipped"] for row in done.json()) == 3 and "3 are skipped" in done.stderr
    assert [(r[2], r[3]) for r in rows(counts)] == [(offsets[p], last(counts, ahead, p)) for p in (0, 1)]
    counts.weir("run", "--once")
    assert tables(counts) == {"a": 4, "b": 4, "c": 5}


def test_a_position_that_nobody_has_reached_is_the_horizon(counts):
    """What commits later, below that number, is not passed over."""
    counts.weir("projection", "reset", "counts", "--to-position", 10**9, "--skip-events", "--execute")
    happened(counts, "a")
    applied(counts)
    assert tables(counts)["a"] == 5
    with counts.connect(autocommit=False) as slow:
        slow.execute("""SELECT weir.append('thing', 'slow', 0, '[{"type": "thing.happened", "data": {}}]')""")
        happened(counts, "b")
        counts.weir("projection", "reset", "counts", "--to-position", 10**9, "--skip-events", "--execute")
        slow.commit()
    applied(counts)
    assert tables(counts)["slow"] == 1 and tables(counts)["b"] == 5


def test_lanes_are_set_level_and_counted_each_from_where_it_stands(counts):
    topic = counts.value("SELECT topic FROM weir.topics")
    counts.sql("DELETE FROM weir.checkpoints")
    all = events(counts)
    middle = all[5][0]
    counts.sql("""INSERT INTO weir.checkpoints (subscription, generation, topic, partition, lanes, lane, next_offset, position)
                  SELECT 'counts', 1, %s, p, 2, l, 4 + l, CASE l WHEN 0 THEN %s ELSE %s END
                  FROM generate_series(0, 1) p, generate_series(0, 1) l""", topic, all[2][0], all[8][0])
    lane = {id: (independent_murmur2(id.encode()) & 0x7FFFFFFF) // 2 % 2 for id in "abc"}
    of = [lane["abc"[i % 3]] for i in range(12)]
    again = sum(1 for i in range(6, 9) if of[i] == 1)
    skipped = sum(1 for i in range(3, 6) if of[i] == 0)
    plan = counts.weir("projection", "reset", "counts", "--to-position", middle, "--keep-rows", "--skip-events", "--execute", "-o", "json")
    assert (sum(r["again"] for r in plan.json()), sum(r["skipped"] for r in plan.json())) == (again, skipped)
    assert [r[:4] for r in rows(counts)] == [(p, l, -1, last(counts, middle, p)) for p in (0, 1) for l in (0, 1)]


def plant(shop, id, position, status="waiting", partition=None):
    partition = (independent_murmur2(id.encode()) & 0x7FFFFFFF) % 2 if partition is None else partition
    topic = shop.value("SELECT topic FROM weir.topics")
    shop.sql("""INSERT INTO weir.parked (subscription, generation, aggregate_type, aggregate_id, topic, partition)
                VALUES ('counts', 1, 'thing', %s, %s, %s) ON CONFLICT DO NOTHING""", id, topic, partition)
    return shop.value("""INSERT INTO weir.dead_letters (subscription, generation, topic, partition, position, aggregate_type,
                             aggregate_id, cause, status, mark) VALUES ('counts', 1, %s, %s, %s, 'thing', %s, 'refused', %s, 'retry')
                         RETURNING id""", topic, partition, position, id, status)


def test_letters_that_come_again_go_and_leave_a_trace(counts):
    all = events(counts)
    stays, goes, parked_no_more = plant(counts, "a", all[0][0]), plant(counts, "a", all[9][0]), plant(counts, "b", all[7][0])
    unread, over = plant(counts, "c", None), plant(counts, "c", all[11][0], status="applied")
    seen = status(counts)
    assert (seen["parked"], seen["waiting_letters"], seen["lag_reason"]) == (3, 4, "parked")
    done = counts.weir("projection", "reset", "counts", "--to-position", all[4][0], "--keep-rows", "--execute", "-o", "json")
    assert sum(row["letters"] for row in done.json()) == 3
    assert counts.sql("SELECT id FROM weir.dead_letters WHERE status = 'waiting'") == [(stays,)]
    assert set(counts.sql("SELECT letter, action FROM weir.dead_letter_log")) == {(id, "reset") for id in (goes, parked_no_more, unread)}
    assert counts.sql("SELECT aggregate_id FROM weir.parked") == [("a",)]
    assert counts.sql("SELECT status, mark FROM weir.dead_letters WHERE id = %s", over) == [("applied", "retry")]
    assert counts.sql("SELECT status, mark FROM weir.dead_letters WHERE id = %s", goes) == [("discarded", None)]


def test_what_is_running_must_be_paused_first(counts):
    run = counts.start("run")
    wait_until(lambda: status(counts)["state"] == "running", 30, "it runs")
    reset = ("projection", "reset", "counts", "--to-earliest", "--empty-tables")
    counts.weir(*reset)  # a dry run does no harm
    refused = counts.weir(*reset, "--execute", check=False)
    assert refused.code == 3 and "weir projection pause counts" in refused.stderr
    counts.weir("projection", "pause", "counts")
    counts.weir(*reset, "--execute")
    counts.weir("projection", "resume", "counts")
    happened(counts, "a")
    counts.weir("relay", "--once")
    wait_until(lambda: tables(counts) == {"a": 5, "b": 4, "c": 4}, 60, "all of it came again, once")
    assert run.stop() == 0


@pytest.mark.parametrize("arguments", [
    (), ("--to-earliest", "--to-position", "1"), ("--to-position", "1", "--empty-tables"),
    ("--to-earliest", "--keep-rows", "--empty-tables"), ("--to-position", "-1"),
])
def test_reset_refuses_what_it_cannot_mean(counts, arguments):
    before = rows(counts)
    assert counts.weir("projection", "reset", "counts", *arguments, "--execute", check=False).code == 2
    assert rows(counts) == before
    assert counts.weir("projection", "reset", "nobody", "--to-earliest", check=False).code == 3


# --- why it is behind


def test_status_says_why_it_is_behind(counts):
    assert status(counts)["lag_reason"] is None
    happened(counts, "a")
    assert status(counts)["lag_reason"] == "not running"
    run = counts.start("run")
    wait_until(lambda: status(counts)["state"] == "running", 30, "it runs")
    assert status(counts)["lag_reason"] == "relay"
    counts.weir("projection", "pause", "counts")
    assert status(counts)["lag_reason"] == "paused"
    counts.weir("projection", "resume", "counts")
    with counts.connect(autocommit=False) as rude:
        rude.execute("LOCK TABLE counts__g1.counts")
        counts.weir("relay", "--once")
        wait_until(lambda: status(counts)["lag_reason"] == "waiting lock", 30, "it waits")
        assert status(counts)["blocked_by"] == [rude.info.backend_pid]
        assert f"held by {rude.info.backend_pid}" in counts.weir("projection", "status").stdout
        rude.rollback()
    wait_until(lambda: status(counts)["lag_reason"] is None, 30, "it has caught up")
    run.pause()
    happened(counts, "b")
    counts.weir("relay", "--once")
    assert status(counts)["lag_reason"] == "handler"
    run.resume()
    wait_until(lambda: status(counts)["lag_reason"] is None, 30, "it has caught up")
    assert run.stop() == 0


def test_status_names_the_broker_when_it_does_not_answer(counts):
    run = counts.start("run")
    wait_until(lambda: status(counts)["state"] == "running", 30, "it runs")
    with counts.services.kafka_paused():
        seen = status(counts, check=False)
        assert seen["lag_reason"] == "broker" and seen["state"] == "running"
    run.kill()
