"""A relay that has nothing to do finds what comes next, by asking alone, and soon, but not too soon.

Between reads it asks the sequence whether anything was appended. What that could get wrong: a
position that is drawn long before it is committed, one that never is, and an event behind both. And
what it finds within milliseconds may be committed and not yet on disk.
"""

import time

import pytest
from checks import compare_topics, stored_events
from confluent_kafka import OFFSET_END, Consumer, TopicPartition
from harness import patience, wait_until

EVENT = '[{"type": "thing.happened", "data": {"n": 1}}]'
APPEND = "SELECT weir.append('thing', %s, NULL, %s::jsonb)"


@pytest.fixture
def idle(shop):
    """A relay that has published one event and rests."""
    shop.weir("migrate")
    shop.append("thing", "first", {"type": "thing.happened", "data": {}})
    shop.start("relay")
    published(shop, 1)
    return shop


def published(shop, count):
    wait_until(lambda: shop.value("SELECT coalesce(max(published), 0) FROM weir.relays") >= count, 60,
               f"{count} events are published")


def heard(shop):
    """Waits until the relay has gone on for a while without anything to publish."""
    before = shop.value("SELECT heartbeat_at FROM weir.relays")
    wait_until(lambda: shop.value("SELECT heartbeat_at FROM weir.relays") > before, 60, "the relay goes on")


def same(shop, count):
    published(shop, count)
    assert compare_topics(stored_events(shop), shop.consume(), shop.topics()) == ([], [])


def test_an_idle_relay_finds_the_next_event(idle):
    heard(idle)
    idle.append("thing", "second", {"type": "thing.happened", "data": {}})
    same(idle, 2)


def test_an_event_that_commits_long_after_its_position_was_drawn_is_found(idle):
    slow = idle.connect(autocommit=False)
    slow.execute(APPEND, ("slow", EVENT))
    idle.append("thing", "behind", {"type": "thing.happened", "data": {}})
    heard(idle)
    assert idle.value("SELECT max(published) FROM weir.relays") == 1
    slow.commit()
    same(idle, 3)


def test_positions_that_were_drawn_for_nothing_hide_no_later_event(idle):
    undecided = idle.connect(autocommit=False)
    undecided.execute(APPEND, ("undecided", EVENT))
    heard(idle)
    undecided.rollback()
    heard(idle)
    idle.append("thing", "after", {"type": "thing.happened", "data": {}})
    same(idle, 2)


@pytest.fixture
def live(idle):
    """A consumer that waits at the ends of the relay's topic."""
    consumer = Consumer({"bootstrap.servers": idle.services.brokers, "group.id": idle.prefix, "enable.partition.eof": True})
    consumer.assign([TopicPartition(name, number, OFFSET_END) for name, count in idle.topics().items() for number in range(count)])
    for _ in range(sum(idle.topics().values())):
        receive(consumer)
    yield consumer
    consumer.close()


def receive(consumer):
    """The next record, or the end of a partition."""
    deadline = time.monotonic() + 60 * patience()
    while (record := consumer.poll(0.1)) is None:
        assert time.monotonic() < deadline, "nothing comes"
    return record


def test_an_event_is_published_only_after_its_commit_is_on_disk(idle, live):
    hasty = idle.connect(autocommit=False)
    for turn in range(10):
        hasty.execute(APPEND, ("hasty", EVENT))
        stored = hasty.execute("SELECT event_id::text FROM weir.events ORDER BY position DESC LIMIT 1").fetchone()[0]
        written = hasty.execute("SELECT pg_current_wal_insert_lsn()").fetchone()[0]
        hasty.execute("SET LOCAL synchronous_commit = off")  # append has raised it
        hasty.commit()
        while (record := receive(live)).error():
            pass
        assert dict(record.headers())["ce_id"].decode() == stored
        assert idle.value("SELECT pg_current_wal_flush_lsn() > %s::pg_lsn", written), f"turn {turn}"
