"""Delivery exactly_once: whatever is killed, stopped or switched, who reads committed messages reads
each event once; and who reads uncommitted ones too finds nothing but repetitions of the same.
"""

import itertools
import os
import random
import time

import pytest
from checks import compare_topics, stored_events
from harness import patience, wait_until
from test_kills import TRANSACTIONAL, failpoints, things
from workload import Writers

KILLS = int(os.environ.get("WEIR_TEST_KILLS", "20"))
DELIVERIES = ("exactly_once", "at_least_once")


@pytest.fixture
def pipeline(shop):
    """A migrated shop whose topics carry Kafka's own append times."""
    shop.configure(
        kafka={"partitions": 4, "topic_properties": {"message.timestamp.type": "LogAppendTime"}},
        relay={"cursor_ms": 50, "delivery": "exactly_once"},
    )
    shop.weir("migrate")
    return shop


def start(shop, delivery, env=None):
    shop.configure(relay={"delivery": delivery})
    return shop.start("relay", env=env)


def relay_all(shop, delivery="exactly_once"):
    relay = start(shop, delivery)
    last = max(e.position for e in stored_events(shop))
    wait_until(lambda: shop.value("SELECT position FROM weir.relays") >= last, 60, "all is relayed")
    assert relay.stop() == 0


def repeated(shop):
    """Everything against everything; the repetitions that readers of committed messages see."""
    events, topics = stored_events(shop), shop.topics()
    committed = shop.consume(isolation__level="read_committed")
    faults, duplicates = compare_topics(events, committed, topics)
    assert faults == []
    everything = shop.consume()
    faults, aborted = compare_topics(events, everything, topics)
    assert faults == [] and len(everything) >= len(committed)
    print(f"{len(committed)} messages, {len(duplicates)} repeated; {len(aborted)} with those of aborted transactions")
    return duplicates


def test_a_clean_switch_repeats_nothing_for_anybody(pipeline):
    for delivery in (*DELIVERIES, *DELIVERIES):
        things(pipeline, 20)
        pipeline.configure(relay={"delivery": delivery})
        pipeline.weir("relay", "--once")
        used = pipeline.value("SELECT transactional_id IS NOT NULL FROM weir.relays")
        assert used == (delivery == "exactly_once")
    things(pipeline, 20)
    relay_all(pipeline)  # and one that SIGTERM ends
    assert repeated(pipeline) == []
    everything = pipeline.consume()
    assert compare_topics(stored_events(pipeline), everything, pipeline.topics()) == ([], [])


@pytest.mark.once
@pytest.mark.slow
def test_killed_at_random_moments_under_load(pipeline):
    chance = random.Random(11)
    with Writers(pipeline, 2, slowest=0.02):
        for _ in range(KILLS):
            relay = start(pipeline, "exactly_once")
            relay.wait_for_log("publishing")
            time.sleep(chance.random() * 0.3 * patience())
            relay.kill()
    relay_all(pipeline)
    assert repeated(pipeline) == []


def test_killed_at_each_failpoint(pipeline):
    things(pipeline, 20)
    for n, name in enumerate(f for f in failpoints() if f.startswith("relay") and f != "relay_before_clean_stop"):
        victim = start(pipeline, "exactly_once", env={"WEIR_FAILPOINT": f"{name}=kill"})
        things(pipeline, 10, new_type=f"other{n}")  # a type without a topic yet
        assert victim.wait(60) < 0, f"{name} was not reached:\n{victim.tail()}"
    relay_all(pipeline)
    assert repeated(pipeline) == []


@pytest.mark.once
def test_killed_in_one_mode_and_started_in_the_other(pipeline):
    chance, kills = random.Random(13), []
    with Writers(pipeline, 2, slowest=0.02):
        for delivery in itertools.islice(itertools.cycle(DELIVERIES), 6):
            relay = start(pipeline, delivery)
            relay.wait_for_log("publishing")
            time.sleep(chance.random() * 0.5)
            relay.kill()
            kills.append((delivery, time.time() * 1000))
    relay_all(pipeline)
    for first, second in repeated(pipeline):
        assert any(
            delivery == "at_least_once" and at - 1000 <= m.timestamp <= at + 3000 * patience()
            for delivery, at in kills
            for m in (first, second)
        ), f"position {second.position} was repeated though no kill had it in flight"


@pytest.mark.once
@pytest.mark.parametrize("name", TRANSACTIONAL)
def test_what_a_killed_transaction_held_comes_once_from_a_relay_without(pipeline, name):
    things(pipeline, 20)
    victim = start(pipeline, "exactly_once", env={"WEIR_FAILPOINT": f"{name}=kill"})
    assert victim.wait(60) < 0, victim.tail()
    relay_all(pipeline, "at_least_once")
    assert repeated(pipeline) == []


def end_leaders_session(shop):
    """What a takeover of a stopped process does: its lock goes with its session."""
    ended = shop.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND datname = current_database()"
    )
    assert len(ended) >= 1


def stop_inside_a_transaction(shop, leader):
    """SIGSTOP while the leader has delivered something that it has not committed."""

    def caught():
        things(shop, 3)
        time.sleep(0.3)
        leader.pause()
        if len(shop.consume()) > len(shop.consume(isolation__level="read_committed")):
            return True
        leader.resume()

    wait_until(caught, 60, "the leader stands before a commit")


@pytest.mark.once
@pytest.mark.parametrize("successor_delivery", DELIVERIES)
def test_a_stopped_leader_wakes_after_its_successor_published(pipeline, successor_delivery):
    things(pipeline, 20)
    leader = start(pipeline, "exactly_once", env={"WEIR_FAILPOINT": "relay_before_commit=sleep:2000@2"})
    leader.wait_for_log("publishing")
    stop_inside_a_transaction(pipeline, leader)
    successor = start(pipeline, successor_delivery)
    end_leaders_session(pipeline)
    last = max(e.position for e in stored_events(pipeline))
    wait_until(lambda: pipeline.value("SELECT position FROM weir.relays") >= last, 60, "the successor published")
    leader.resume()
    things(pipeline, 20)
    leader.wait_for_log("standby")
    things(pipeline, 20)
    last = max(e.position for e in stored_events(pipeline))
    wait_until(lambda: pipeline.value("SELECT position FROM weir.relays") >= last, 60, "all is relayed")
    assert "starting over" not in successor.log, "the one that woke up shut its successor out"
    assert leader.stop() == 0 and successor.stop() == 0
    assert repeated(pipeline) == []


@pytest.mark.once
def test_a_large_event_is_named_within_a_transaction_too(pipeline):
    """The topic takes 1 KiB: the transaction fails, and one message a request shows which it was."""
    pipeline.configure(kafka={"topic_properties": {"max.message.bytes": "2000"}})
    things(pipeline, 5)
    pipeline.append("thing", "large", {"type": "thing.happened", "data": {"text": os.urandom(3000).hex()}})
    things(pipeline, 5)
    result = pipeline.weir("relay", "--once", check=False)
    event = pipeline.value("SELECT event_id::text FROM weir.events WHERE aggregate_id = 'large'")
    assert result.code == 1 and event in result.stderr and "thing/large" in result.stderr
