"""What a subscription meets in a topic: duplicates, holes, strangers, poison; and members that come and go."""

import time

import pytest
from checks import stored_events
from confluent_kafka import Producer
from harness import partition_of, wait_until
from test_real_logs import CASES
from test_kills import fold, projected

STRICT = """\
-- projection: strict
-- from: account
CREATE TABLE accounts (id text PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0), seen bigint NOT NULL DEFAULT 1);

-- on: account.opened
INSERT INTO accounts (id, balance) SELECT aggregate_id, 0 FROM events;

-- on: account.moved
UPDATE accounts a SET balance = a.balance + (e.data->>'amount')::bigint, seen = a.seen + 1
FROM events e WHERE a.id = e.aggregate_id;
"""


def opened(shop, id):
    shop.append("account", id, {"type": "account.opened", "data": {}})


def moved(shop, id, amount):
    shop.append("account", id, {"type": "account.moved", "data": {"amount": amount}})


@pytest.fixture
def strict(shop):
    shop.configure(kafka={"partitions": 1})
    shop.projection("strict", STRICT)
    shop.weir("migrate")
    opened(shop, "a")
    opened(shop, "b")
    return shop


def produce(shop, messages):
    producer = Producer({"bootstrap.servers": shop.services.brokers})
    for m in messages:
        producer.produce(m.topic, key=m.key, value=m.value, partition=m.partition, headers=list(m.headers))
    producer.flush()


def balances(shop):
    return shop.sql("SELECT id, balance, seen FROM strict.accounts ORDER BY id")


def test_repeated_messages_have_no_second_effect(strict):
    moved(strict, "a", 5)
    strict.weir("relay", "--once")
    once = strict.consume()
    produce(strict, once + once[1:])
    strict.weir("run", "--once")
    assert balances(strict) == [("a", 5, 2), ("b", 0, 1)]
    produce(strict, once)
    strict.weir("run", "--once")
    assert balances(strict) == [("a", 5, 2), ("b", 0, 1)]


def test_a_hole_halts_and_says_where(strict):
    strict.weir("relay", "--once")
    strict.weir("run", "--once")
    first, second = strict.consume()
    gap = [(k, b"7" if k == "ce_prevposition" else b"9" if k == "ce_position" else v) for k, v in second.headers]
    produce(strict, [type(second)(second.topic, 0, 0, second.key, second.value, tuple(gap))])
    result = strict.weir("run", "--once", check=False)
    assert result.code == 1
    assert "hole" in result.stderr and f"{strict.prefix}.account" in result.stderr
    assert balances(strict) == [("a", 0, 1), ("b", 0, 1)]
    status = strict.weir("projection", "status", "strict", check=False)
    assert "hole" in status.stdout + status.stderr


def test_a_strangers_record_is_stepped_over_another_stores_halts(strict):
    strict.weir("relay", "--once")
    known = strict.consume()[1]
    produce(strict, [type(known)(known.topic, 0, 0, b"x", b"hello", ())])
    strict.weir("run", "--once")
    assert balances(strict) == [("a", 0, 1), ("b", 0, 1)]
    other = [(k, b"00000000-0000-4000-8000-000000000000" if k == "ce_storeid" else v) for k, v in known.headers]
    produce(strict, [type(known)(known.topic, 0, 0, known.key, known.value, tuple(other))])
    result = strict.weir("run", "--once", check=False)
    assert result.code == 1 and "store" in result.stderr


@pytest.mark.parametrize("apply", ["each", "aggregate"])
def test_poison_can_stop_the_subscription_and_is_never_passed(strict, apply):
    strict.configure(subscriptions={"strict": {"on_poison": "halt"}})
    strict.projection("strict", STRICT.replace("-- from: account", f"-- from: account\n-- apply: {apply}"))
    for n in range(20):
        moved(strict, "a", 1)
    moved(strict, "b", -3)
    moved(strict, "a", 100)
    poison = stored_events(strict)[-2]
    strict.weir("relay", "--once")
    for _ in range(2):
        result = strict.weir("run", "--once", check=False)
        assert result.code == 1
        for word in (str(poison.position), "account.moved", "account", "b", "strict.sql:10", "23514"):
            assert word in result.stderr, word
        assert balances(strict) == [("a", 20, 21), ("b", 0, 1)]
    stopped = strict.weir("projection", "status", "--max-lag", "1000000", check=False)
    assert stopped.code == 1
    strict.projection("strict", STRICT.replace("-- from: account", f"-- from: account\n-- apply: {apply}").replace(
        "a.balance + (e", "abs(a.balance + (e").replace("::bigint, seen", "::bigint), seen"))
    strict.weir("run", "--once")
    assert balances(strict) == [("a", 120, 22), ("b", 3, 2)]


@pytest.mark.parametrize("source", ["store", "kafka"])
def test_what_was_read_and_failed_at_the_last_moment_is_not_done(strict, source):
    strict.configure(subscriptions={"strict": {"source": source}})
    strict.weir("relay", "--once")
    failing = strict.start("run", "--once", env={"WEIR_FAILPOINT": "consumer_before_apply=error"})
    failing.wait_for_log("failpoint before apply")
    time.sleep(1)
    assert failing.alive
    failing.kill()
    strict.weir("run", "--once")
    assert balances(strict) == [("a", 0, 1), ("b", 0, 1)]


def test_a_run_of_poison_does_not_grow_the_stack(strict, monkeypatch):
    """Each of hundreds is found and written off with a stack of a quarter of a megabyte."""
    strict.configure(subscriptions={"strict": {"on_poison": "skip", "attempts": 1, "redrive": "none"}})
    strict.sql("""SELECT weir.append('account', 'a', NULL, jsonb_agg('{"type": "account.moved", "data": {"amount": -1}}'::jsonb))
                  FROM generate_series(1, 400)""")
    moved(strict, "b", 5)
    strict.weir("relay", "--once")
    monkeypatch.setenv("WEIR_WRAPPER", "prlimit --stack=262144")
    strict.weir("run", "--once")
    assert balances(strict) == [("a", 0, 1), ("b", 5, 2)]
    assert strict.value("SELECT count(*) FROM weir.dead_letters") == 400


@pytest.mark.parametrize(
    "change, place, message",
    [
        (("-- from: account", "-- form: account"), "strict.sql:2", "form"),
        (("-- on: account.moved", "-- on: account.opened"), "strict.sql:8", "account.opened"),
        (("a.balance + (e", "a.balanse + (e"), "strict.sql:9", "balanse"),
        (("UPDATE accounts a", "TRUNCATE accounts;\nUPDATE accounts a"), "strict.sql:9", "TRUNCATE"),
    ],
)
def test_a_wrong_file_is_refused_at_start(strict, change, place, message):
    strict.projection("strict", STRICT.replace(*change))
    result = strict.weir("run", "--once", check=False)
    assert result.code == 2
    assert place in result.stderr and message in result.stderr, result.stderr
    assert strict.sql("SELECT * FROM weir.subscriptions") == []


@pytest.mark.threads
def test_members_share_partitions_come_and_go(shop):
    shop.configure(kafka={"partitions": 6, "properties": {"session.timeout.ms": 2000, "heartbeat.interval.ms": 500}})
    shop.projection("cases_each", CASES.format(name="cases_each", type="thing", apply="each"))
    shop.weir("migrate")
    relay = shop.start("relay")
    members = [shop.start("run") for _ in range(2)]
    for n in range(600):
        shop.append("thing", f"t{n % 23}", {"type": "thing.happened", "data": {}})
        if n == 200:
            members.append(shop.start("run"))
        if n == 400:
            assert members[0].stop() == 0
            members[1].kill()
    wait_until(
        lambda: shop.value("SELECT coalesce(sum(events), 0) FROM weir.checkpoints") == 600, 60, "all is applied"
    )
    assert projected(shop, "cases_each") == fold(stored_events(shop))
    assert relay.stop() == 0 and members[2].stop() == 0
    homes = {partition_of(f"t{n}", 6) for n in range(23)}
    rows = shop.sql("SELECT partition FROM weir.checkpoints WHERE events > 0")
    assert {p for p, in rows} == homes


def test_changed_tables_are_refused_before_anything_starts(strict):
    strict.weir("relay", "--once")
    strict.weir("run", "--once")
    strict.projection("strict", STRICT.replace("balance >= 0", "balance >= -10"))
    moved(strict, "a", 5)
    strict.weir("relay", "--once")
    result = strict.weir("run", "--once", check=False)
    assert result.code == 2 and "weir projection rebuild strict" in result.stderr, result.stderr
    assert "assigned" not in result.stderr
    strict.projection("strict", STRICT)
    strict.weir("run", "--once")
    assert balances(strict) == [("a", 5, 2), ("b", 0, 1)]
