"""Dead letters in their topic: the original message, what happened to it, each at least once and in order."""

import re
import urllib.request
from collections import defaultdict

import pytest
from harness import partition_of, wait_until


STRICT = """\
-- projection: strict
-- from: account
CREATE TABLE accounts (id text PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));

-- on: account.opened
INSERT INTO accounts (id, balance) SELECT aggregate_id, 0 FROM events;

-- on: account.moved
UPDATE accounts a SET balance = a.balance + (e.data->>'amount')::bigint FROM events e WHERE a.id = e.aggregate_id;
"""
OURS = ("__connect.errors.", "weir.letter.")
WAIT = "dead letters wait for their topic"


@pytest.fixture
def strict(shop):
    shop.configure(kafka={"partitions": 3})
    shop.projection("strict", STRICT)
    shop.weir("migrate")
    for id in ("a", "b"):
        shop.append("account", id, {"type": "account.opened", "data": {}})
    return shop


@pytest.fixture
def planted(strict):
    """The subscription has run once, so that letters can be planted."""
    strict.weir("relay", "--once")
    strict.weir("run", "--once")
    assert letters(strict) == []
    return strict


def plant(shop, keys, value=b'{"n": 1}', headers=()):
    """Letters of these aggregates in one transaction; their ids."""
    with shop.connect().cursor() as cursor:
        cursor.executemany(
            """INSERT INTO weir.dead_letters (subscription, generation, topic, partition, message_offset, position, aggregate_type,
                   aggregate_id, key, value, header_names, header_values, cause, status)
               VALUES ('strict', 1, 't', 0, 7, 7, 'account', %s, %s, %s, %s, %s, 'behind', 'skipped') RETURNING id""",
            [(key, key.encode(), value, [n for n, _ in headers], [v for _, v in headers]) for key in keys], returning=True)
        ids = [cursor.fetchone()[0]]
        while cursor.nextset():
            ids.append(cursor.fetchone()[0])
        return ids


def letters(shop):
    return shop.consume(letters=True)


def ids(messages):
    return [int(m.header("weir.letter.id")) for m in messages]


def own(message):
    return tuple(h for h in message.headers if not h[0].startswith(OURS))


def said(message):
    return {name: value.decode() for name, value in message.headers if name.startswith(OURS)}


def all_published(shop):
    return not shop.value("SELECT count(*) FROM weir.dead_letters WHERE published_at IS NULL")


def assert_in_order(messages):
    """Per partition, looking at the first time that each letter is there."""
    by_partition = defaultdict(dict)
    for m in messages:
        by_partition[m.partition].setdefault(int(m.header("weir.letter.id")))
        assert m.partition == partition_of(m.key, 3)
    for found in by_partition.values():
        assert list(found) == sorted(found)


def test_a_letter_is_the_original_message_and_what_happened_to_it(strict):
    strict.append("account", "a", {"type": "account.moved", "data": {"amount": -5}, "metadata": {"user_id": "ann"}})
    strict.append("account", "a", {"type": "account.moved", "data": {"amount": 7}})
    strict.append("account", "b", {"type": "account.moved", "data": {"amount": 1}})
    strict.weir("relay", "--once")
    strict.weir("run", "--once")
    originals = {m.position: m for m in strict.consume()}
    rows = strict.sql("SELECT id, position, cause, attempts, error_class, error_text, published_at FROM weir.dead_letters ORDER BY id")
    messages = letters(strict)
    assert [row[2] for row in rows] == ["refused", "behind"] and ids(messages) == [row[0] for row in rows]
    for message, (id, position, cause, attempts, error_class, error_text, published) in zip(messages, rows):
        original = originals[position]
        assert (message.key, message.value, own(message)) == (original.key, original.value, original.headers)
        assert message.headers[: len(original.headers)] == original.headers
        assert message.topic == strict.prefix + ".strict.dlt" and message.partition == original.partition and published
        found = said(message)
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", found.pop("weir.letter.first_at"))
        error = {"__connect.errors.exception.class.name": error_class, "__connect.errors.exception.message": error_text}
        assert found == {
            "__connect.errors.topic": original.topic, "__connect.errors.partition": str(original.partition),
            "__connect.errors.offset": str(original.offset), "__connect.errors.connector.name": "strict",
            "__connect.errors.task.id": "0", "__connect.errors.stage": "TASK_PUT", "__connect.errors.class.name": "weir",
            "weir.letter.id": str(id), "weir.letter.cause": cause, "weir.letter.attempts": str(attempts),
            **{name: text for name, text in error.items() if text is not None},
        }
    assert rows[0][4] == "23514"
    strict.weir("run", "--once")
    assert len(letters(strict)) == 2


def test_many_letters_are_published_once_in_the_order_of_their_ids(planted):
    headers = [("twice", b"1"), ("twice", b"\xff\x00"), ("empty", b""), ("none", None), ("", b"nameless"), ("ü", "ö".encode())]
    expected = plant(planted, [f"k{n % 17}" for n in range(1234)], value=b"\x00\xff", headers=headers)
    empty = plant(planted, ["k0"], value=b"")[0]
    none = plant(planted, ["k0"], value=None)[0]
    serve = planted.start("serve")
    wait_until(lambda: all_published(planted), 60, "all are published")
    messages = letters(planted)
    assert sorted(ids(messages)) == [*expected, empty, none]
    assert_in_order(messages)
    values = {int(m.header("weir.letter.id")): m.value for m in messages}
    assert (values.pop(empty), values.pop(none)) == (b"", None) and set(values.values()) == {b"\x00\xff"}
    assert {own(m) for m in messages} == {tuple(headers), ()}
    metrics = urllib.request.urlopen(f"http://{planted.admin}/metrics").read().decode()
    assert 'weir_subscription_dead_letters_published_total{subscription="strict"} 1236' in metrics
    assert planted.topics() and planted.value("SELECT count(*) FROM weir.topics WHERE topic LIKE '%%.dlt'") == 0
    assert serve.stop() == 0


def test_two_processes_publish_each_letter_once(planted):
    members = [planted.start("run"), planted.start("run")]
    expected = []
    for n in range(20):
        expected += plant(planted, [f"k{i}" for i in range(n, n + 30)])
    wait_until(lambda: all_published(planted), 60, "all are published")
    messages = letters(planted)
    assert sorted(ids(messages)) == expected
    assert_in_order(messages)
    assert [member.stop() for member in members] == [0, 0]


def test_a_kill_between_kafka_and_commit_repeats_letters_and_loses_none(planted):
    expected = plant(planted, [f"k{n % 7}" for n in range(250)])
    for round in (1, 2):
        victim = planted.start("run", env={"WEIR_FAILPOINT": f"letters_before_commit=kill@{round}"})
        assert victim.wait() < 0, victim.tail()
    assert planted.value("SELECT count(*) FROM weir.dead_letters WHERE published_at IS NOT NULL") == 100
    planted.weir("run", "--once")
    assert all_published(planted)
    messages = letters(planted)
    assert set(ids(messages)) == set(expected) and len(messages) >= 250 + 200
    assert_in_order(messages)


def test_letters_wait_while_kafka_is_down_and_the_subscription_does_not(strict):
    strict.configure(subscriptions={"strict": {"source": "store", "dead_letter_topic": True}})
    member = strict.start("run")
    wait_until(lambda: len(strict.sql("SELECT id FROM strict.accounts")) == 2, 30, "events are applied")
    strict.services.kill_kafka()
    expected = plant(strict, [f"k{n % 7}" for n in range(150)])
    member.wait_for_log(WAIT, 60)
    strict.append("account", "c", {"type": "account.opened", "data": {}})
    wait_until(lambda: strict.sql("SELECT id FROM strict.accounts WHERE id = 'c'"), 30, "it goes on without Kafka")
    strict.services.start_kafka()
    wait_until(lambda: all_published(strict), 90, "all are published")
    messages = letters(strict)
    assert set(ids(messages)) == set(expected)
    assert_in_order(messages)
    wait_until(lambda: "dead letters are published again" in member.log, 10, "it says so")
    assert member.log.count(WAIT) == 1 and member.stop() == 0


def test_kafka_dies_while_letters_are_published(planted):
    member = planted.start("run")
    expected = plant(planted, ["k"])
    wait_until(lambda: all_published(planted), 30, "the first one is published")
    planted.services.kill_kafka()
    expected += plant(planted, [f"k{n % 7}" for n in range(150)])
    member.wait_for_log(WAIT, 60)
    planted.services.start_kafka()
    wait_until(lambda: all_published(planted), 90, "all are published")
    messages = letters(planted)
    assert set(ids(messages)) == set(expected)
    assert_in_order(messages)
    assert member.log.count(WAIT) == 1 and member.stop() == 0


def test_a_broker_that_hangs_does_not_cost_the_session(planted):
    """It hangs for longer than PostgreSQL lets a session idle in a transaction."""
    member = planted.start("run")
    expected = plant(planted, ["k"])
    wait_until(lambda: all_published(planted), 30, "the first one is published")
    with planted.services.kafka_paused():
        expected += plant(planted, [f"k{n % 7}" for n in range(150)])
        member.wait_for_log(WAIT, 14)
        assert planted.value("SELECT count(*) FROM weir.dead_letters WHERE published_at IS NULL") == 150
    wait_until(lambda: all_published(planted), 90, "all are published")
    messages = letters(planted)
    assert set(ids(messages)) == set(expected)
    assert_in_order(messages)
    line = next(line for line in member.log.splitlines() if WAIT in line)
    assert ".strict.dlt" in line and "idle-in-transaction" not in member.log and member.stop() == 0


def test_what_the_topic_does_not_take_is_left_out(planted):
    """Of a broker's 1 MiB; and it keeps its place."""
    first, = plant(planted, ["k"])
    large, = plant(planted, ["k"], value=b"x" * 1_500_000, headers=[("ce_id", b"1")])
    fits, = plant(planted, ["k"], value=b"y" * 900_000)
    headers, = plant(planted, ["k"], value=b"z", headers=[("ce_id", b"h" * 1_500_000)])
    last, = plant(planted, ["k"])
    planted.weir("run", "--once")
    assert all_published(planted)
    by_id = {int(m.header("weir.letter.id")): m for m in letters(planted)}
    assert [id for id, m in by_id.items() if m.key] == [first, large, fits, last] and len(by_id) == 5
    assert (by_id[large].value, own(by_id[large])) == (None, (("ce_id", b"1"),))
    assert by_id[fits].value == b"y" * 900_000 and by_id[fits].header("weir.letter.value_left_out") is None
    assert by_id[large].header("weir.letter.value_left_out") == "true" == by_id[headers].header("weir.letter.value_left_out")
    assert by_id[large].header("weir.letter.headers_left_out") is None
    assert (by_id[headers].key, by_id[headers].value, own(by_id[headers])) == (None, None, ())
    assert by_id[headers].header("weir.letter.headers_left_out") == "true"


@pytest.mark.parametrize(("settings", "published"), [
    ({"dead_letter_topic": False}, False), ({"source": "store"}, False), ({"source": "store", "dead_letter_topic": True}, True)])
def test_who_has_a_topic(strict, settings, published):
    strict.configure(subscriptions={"strict": settings})
    strict.append("account", "a", {"type": "account.moved", "data": {"amount": -5}})
    strict.weir("relay", "--once")
    strict.weir("run", "--once")
    assert strict.value("SELECT count(*) FROM weir.dead_letters") == 1
    messages = letters(strict)
    assert len(messages) == published == all_published(strict)
    if published:
        assert messages[0].header("__connect.errors.offset") is None and messages[0].header("ce_id")


def test_without_kafka_a_subscription_of_the_store_runs(strict):
    strict.configure(kafka={"brokers": "127.0.0.1:1"}, subscriptions={"strict": {"source": "store", "dead_letter_topic": True}})
    strict.append("account", "a", {"type": "account.moved", "data": {"amount": -5}})
    member = strict.start("run")
    member.wait_for_log(WAIT, 60)
    strict.append("account", "b", {"type": "account.moved", "data": {"amount": 2}})
    wait_until(lambda: strict.sql("SELECT balance FROM strict.accounts WHERE id = 'b'") == [(2,)], 30, "it goes on")
    wait_until(lambda: strict.value("SELECT count(*) FROM weir.dead_letters WHERE published_at IS NULL") == 1, 5, "it waits")
    assert member.stop(20) == 0 and member.log.count(WAIT) == 1
