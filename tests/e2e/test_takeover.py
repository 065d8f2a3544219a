"""One relay of a name is active, and a standby replaces it when it is dead or silent, and only then."""

import random
import socket
import threading
import time

import pytest
from checks import compare_topics, stored_events
from harness import patience, wait_until
from psycopg.conninfo import make_conninfo
from workload import Writers

TAKEOVER_MS = int(2000 * patience())


@pytest.fixture
def pair(shop):
    """A migrated shop whose relays soon miss each other, and keep messages in their queues for a while."""
    shop.configure(
        kafka={"partitions": 3, "properties": {"linger.ms": 100}},
        relay={"takeover_ms": TAKEOVER_MS, "cursor_ms": 50},
    )
    shop.weir("migrate")
    return shop


def lead(shop, process):
    """The process leads: it is the holder that the store knows."""
    wait_until(lambda: shop.value("SELECT holder FROM weir.relays").endswith(f":{process.pid}"), 60, "it leads")


def start_pair(shop):
    first = shop.start("relay")
    first.wait_for_log("publishing")
    second = shop.start("relay")
    second.wait_for_log("standby")
    return first, second


def epoch(shop):
    return shop.value("SELECT epoch FROM weir.relays")


def goes_on(shop, process):
    """The process leads, and what is appended from now on is published."""
    lead(shop, process)
    shop.append("thing", "probe", {"type": "thing.happened", "data": {"n": 1}})
    last = shop.value("SELECT max(position) FROM weir.events")
    wait_until(lambda: shop.value("SELECT position FROM weir.relays") >= last, 60, "it goes on")


def whole(shop):
    last = shop.value("SELECT max(position) FROM weir.events")
    wait_until(lambda: shop.value("SELECT position FROM weir.relays") >= last, 60, "all is relayed")
    faults, duplicates = compare_topics(stored_events(shop), shop.consume(), shop.topics())
    assert faults == []
    return duplicates


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.once)])
def test_stopped_and_killed_leaders_are_replaced_and_do_no_harm_when_they_wake(pair, seed):
    chance, times = random.Random(seed), []
    leader, standby = start_pair(pair)
    with Writers(pair, 3, slowest=0.02, seed=seed) as writers:
        for n in range(3):
            time.sleep(chance.random() * patience())
            stopped_at = time.monotonic()
            if n == 1:
                leader.kill()
                goes_on(pair, standby)
                leader = pair.start("relay")
            else:
                leader.pause()
                goes_on(pair, standby)
                time.sleep(chance.random() * 0.2)
                leader.resume()
            times.append(round(time.monotonic() - stopped_at, 2))
            leader.wait_for_log("standby")
            leader, standby = standby, leader
            assert leader.alive and standby.alive
    assert len(writers.committed) > 20
    print(f"replaced and woken within {times} s, {len(whole(pair))} messages repeated")
    assert epoch(pair) == 4
    assert leader.stop() == 0 and standby.stop() == 0


def test_two_standbys_of_a_silent_leader_agree(pair):
    leader, second = start_pair(pair)
    third = pair.start("relay")
    third.wait_for_log("standby")
    leader.pause()
    wait_until(lambda: epoch(pair) == 2, 60, "one of them takes over")
    time.sleep(2.5 * TAKEOVER_MS / 1000)  # more than the other would wait
    assert epoch(pair) == 2
    leader.resume()
    leader.wait_for_log("standby")
    pair.append("thing", "t1", {"type": "thing.happened", "data": 1})
    assert sum(p.log.count("its session is ended") for p in (second, third)) == 1
    whole(pair)


@pytest.mark.once
def test_a_hanging_broker_is_no_reason_to_take_over(pair):
    """Neither while the leader publishes, nor while it reads the tails or makes a topic."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        held = []
        threading.Thread(target=lambda: accept(deaf, held), daemon=True).start()
        pair.configure(kafka={"brokers": f"127.0.0.1:{deaf.getsockname()[1]}"})
        first = pair.start("relay")
        wait_until(lambda: epoch(pair) == 1, 30, "it leads, and waits for Kafka")
        second = pair.start("relay")
        second.wait_for_log("standby")
        time.sleep(3 * TAKEOVER_MS / 1000)
        assert epoch(pair) == 1 and "session is ended" not in second.log
        assert first.stop(40) == 0 and second.stop(40) == 0
    pair.configure(kafka={"brokers": pair.services.brokers})
    first, second = start_pair(pair)
    pair.append("thing", "t1", {"type": "thing.happened", "data": 1})
    whole(pair)
    before = epoch(pair)
    with pair.services.kafka_paused():
        pair.append("thing", "t1", {"type": "thing.happened", "data": 2})
        pair.append("other", "o1", {"type": "other.happened", "data": 2})
        time.sleep(3 * TAKEOVER_MS / 1000)
        assert epoch(pair) == before and "session is ended" not in second.log
    whole(pair)


def accept(server, held):
    try:
        while True:
            held.append(server.accept())
    except OSError:
        pass  # closed: the test is over


@pytest.mark.once
def test_a_standby_that_may_not_end_the_session_says_what_to_grant(pair):
    users = [f"{pair.database}_{n}" for n in "ab"]
    for user in users:
        pair.sql(f"CREATE ROLE {user} LOGIN; GRANT weir_relay TO {user}")
    try:
        leader, standby = (start_as(pair, user) for user in users)
        leader.wait_for_log("publishing")
        leader.pause()
        standby.wait_for_log("may not end its session", 60)
        assert standby.alive and epoch(pair) == 1
        pair.sql(f"GRANT {users[0]} TO {users[1]}")
        pair.append("thing", "t1", {"type": "thing.happened", "data": 1})
        whole(pair)
        assert epoch(pair) == 2
        leader.resume()
        assert standby.stop() == 0 and leader.stop() == 0
    finally:
        for user in users:
            pair.sql(f"DROP OWNED BY {user}; DROP ROLE {user}")


def start_as(shop, user):
    shop.configure(store={"conninfo": make_conninfo(shop.conninfo, user=user)})
    process = shop.start("relay")
    process.wait_for_log("relay=main")
    return process
