"""Poison among many events: it alone waits, with what follows of its aggregate, and comes back in order."""

import random
import threading

import pytest
from harness import wait_until

EVENTS, AGGREGATES, POISON = 100000, 2000, 100
LOG = """\
-- projection: journal
-- from: account
CREATE TABLE applied (nr bigserial, id text, version bigint, n bigint CHECK (n <> 13));

-- on: happened
INSERT INTO applied (id, version, n) SELECT aggregate_id, version, (data->>'n')::bigint FROM events;
"""


def fill(shop, events, poison):
    """Events 50 at a time of an aggregate, every so many of them poison."""
    every = events // poison if poison else 10**9
    shop.sql(f"""
        SELECT count(weir.append('account', 'a-' || n % {AGGREGATES}, NULL, (
            SELECT jsonb_agg(jsonb_build_object('type', 'happened', 'data', jsonb_build_object('n',
                CASE WHEN (n * 50 + i) % {every} = 7 THEN 13 ELSE 1 END)))
            FROM generate_series(1, 50) i)))
        FROM generate_series(1, {events // 50}) n""")


def disorder(shop):
    return shop.sql("""
        SELECT id, version, before FROM (
            SELECT id, version, lag(version) OVER (PARTITION BY id ORDER BY nr) AS before FROM journal.applied) a
        WHERE before IS NULL AND version <> 1 OR before + 1 <> version""")


def waiting(shop):
    return shop.value("SELECT count(*) FROM weir.dead_letters WHERE status = 'waiting'")


@pytest.fixture
def journal(shop):
    shop.configure(kafka={"partitions": 6}, subscriptions={"journal": {"lanes": 2, "redrive": "none", "attempts": 2}})
    shop.projection("journal", LOG)
    shop.weir("migrate")
    return shop


def allow_all(shop):
    shop.sql("ALTER TABLE journal__g1.applied DROP CONSTRAINT applied_n_check")


@pytest.mark.once
def test_poison_among_many(journal):
    fill(journal, EVENTS, POISON)
    journal.weir("relay", "--once")
    done = journal.weir("run", "--once", timeout=300)
    assert "aggregates are parked" in done.stderr
    parked = journal.value("SELECT count(*) FROM weir.parked")
    assert 0 < parked <= POISON
    assert journal.value("SELECT count(*) FROM journal.applied") + waiting(journal) == EVENTS
    assert disorder(journal) == []  # each has its events up to the poison
    whole = journal.value("""
        SELECT count(*) FROM weir.streams s
        WHERE s.version = (SELECT count(*) FROM journal.applied a WHERE a.id = s.aggregate_id)""")
    assert whole == AGGREGATES - parked
    journal.weir("verify", "projection", "journal", "--exclude", "nr", timeout=300)
    allow_all(journal)
    journal.weir("dlq", "retry", "--all", "--execute")
    journal.weir("run", "--once", timeout=300)
    assert waiting(journal) == 0 and journal.value("SELECT count(*) FROM weir.parked") == 0
    assert journal.value("SELECT count(*) FROM journal.applied") == EVENTS
    assert disorder(journal) == []
    assert journal.value("SELECT bool_and(status = 'applied') FROM weir.dead_letters")


def test_retries_and_discards_against_the_live_stream(journal):
    fill(journal, 4000, 40)
    journal.start("relay")
    member = journal.start("run")
    wait_until(lambda: waiting(journal) > 0, 60, "something waits")
    over, errors = threading.Event(), []

    def append(seed):
        chance = random.Random(seed)
        while not over.is_set():
            journal.append("account", f"a-{chance.randrange(80)}",
                           {"type": "happened", "data": {"n": 13 if chance.random() < 0.03 else 1}})

    def tend(verb):
        for _ in range(10):
            letters = journal.sql("SELECT id, aggregate_id FROM weir.dead_letters WHERE status = 'waiting'"
                                  " AND cause = 'refused' ORDER BY random() LIMIT 1")
            for id, aggregate in letters:
                args = (str(id),) if verb == "discard" else ("--aggregate", "account", aggregate)
                result = journal.weir("dlq", verb, *args, "--execute", check=False)
                if result.code not in (0, 3):
                    errors.append(result.stderr)

    appenders = [threading.Thread(target=append, args=(n,)) for n in range(2)]
    tenders = [threading.Thread(target=tend, args=(verb,)) for verb in ["retry", "discard"] * 10]
    for thread in appenders + tenders:
        thread.start()
    for thread in tenders:
        thread.join()
    over.set()
    for thread in appenders:
        thread.join()
    assert errors == [] and member.alive
    allow_all(journal)
    events = journal.value("SELECT count(*) FROM weir.events")

    def accounted():
        return journal.value("SELECT (SELECT count(*) FROM journal.applied) + (SELECT count(*) FROM weir.dead_letters"
                             " WHERE status IN ('waiting', 'discarded'))")

    wait_until(lambda: accounted() == events, 60, "every event is applied or a letter")

    def none_is_parked():  # the command changes nothing if the runtime was quicker with one letter
        journal.weir("dlq", "retry", "--all", "--execute", check=False)
        return journal.value("SELECT count(*) FROM weir.parked") == 0

    wait_until(none_is_parked, 60, "nothing is parked")
    discarded = {(id, version) for id, version in journal.sql(
        "SELECT aggregate_id, version FROM weir.dead_letters WHERE status = 'discarded'")}
    applied = journal.sql("SELECT id, version FROM journal.applied ORDER BY nr")
    assert len(applied) == len(set(applied)) and not discarded & set(applied)
    assert set(applied) | discarded == set(journal.sql("SELECT aggregate_id, version FROM weir.events"))
    last = {}
    for id, version in applied:
        assert version > last.get(id, 0)
        last[id] = version
    assert discarded, "the test discards some"


@pytest.mark.threads
def test_a_pause_holds_everything_and_ends(journal):
    fill(journal, 1000, 0)
    journal.start("relay")
    member = journal.start("run")
    wait_until(lambda: journal.value("SELECT count(*) FROM journal.applied") == 1000, 60, "all is applied")
    journal.weir("projection", "pause", "journal")
    wait_until(lambda: "paused" in member.log, 30, "it notices")
    fill(journal, 1000, 10)
    wait_until(lambda: journal.value("SELECT min(position) FROM weir.relays") >= journal.value(
        "SELECT max(position) FROM weir.events"), 30, "all is relayed")
    assert journal.value("SELECT count(*) FROM journal.applied") == 1000
    (status,) = journal.weir("projection", "status", "-o", "json").json()
    assert status["state"] == "paused" and status["lag_events"] == 1000
    other = journal.start("run")
    wait_until(lambda: "paused" in other.log, 30, "so does one that starts")
    assert journal.value("SELECT count(*) FROM journal.applied") == 1000
    journal.weir("projection", "resume", "journal")
    wait_until(lambda: journal.value("SELECT count(*) FROM journal.applied") + waiting(journal) == 2000, 60, "it goes on")
    assert member.alive and other.alive
