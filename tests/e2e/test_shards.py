"""A relay in shards: every partition has one publisher, whatever is killed, and however many there are."""

import json
import random
import time

import pytest
from checks import compare_topics, stored_events
from harness import patience, wait_until
from test_serve import get
from workload import Writers

SHARDS = 3


@pytest.fixture
def sharded(shop):
    shop.configure(
        kafka={"partitions": 4},
        relay={"shards": SHARDS, "cursor_ms": 50, "takeover_ms": int(2000 * patience())},
    )
    shop.weir("migrate")
    return shop


def caught_up(shop):
    last = shop.value("SELECT max(position) FROM weir.events")
    wait_until(lambda: shop.value("SELECT min(position) FROM weir.relays") >= last, 60, "all is relayed")


def whole(shop):
    faults, duplicates = compare_topics(stored_events(shop), shop.consume(), shop.topics())
    assert faults == []
    return duplicates


def things(shop, count, types=("thing",)):
    for n in range(count):
        shop.append(types[n % len(types)], f"a{n % 11}", {"type": "thing.happened", "data": {"n": n}})


def test_every_shard_publishes_its_own_partitions_once(sharded):
    things(sharded, 120, ("one", "two", "three"))
    sharded.weir("relay", "--once")
    assert whole(sharded) == []
    rows = sharded.sql("SELECT shard, shards, published, clean FROM weir.relays ORDER BY shard")
    assert [r[:2] for r in rows] == [(n, SHARDS) for n in range(SHARDS)]
    assert all(r[2] > 0 and r[3] for r in rows) and sum(r[2] for r in rows) == 120
    things(sharded, 30, ("one", "four"))
    sharded.weir("relay", "--once")
    assert whole(sharded) == []
    shown = sharded.weir("relay", "status", "-o", "json").json()["relays"]
    assert [(r["relay"], r["shard"], r["state"]) for r in shown] == [("main", n, "stopped") for n in range(SHARDS)]


@pytest.mark.threads
def test_killed_and_stopped_under_load(sharded):
    chance = random.Random(11)
    with Writers(sharded, 3, slowest=0.02) as writers:
        running = [sharded.start("relay"), sharded.start("relay")]
        wait_until(lambda: sharded.value("SELECT bool_and(epoch > 0) FROM weir.relays"), 30, "every shard has a holder")
        for n in range(6):
            time.sleep(chance.random() * 1.5 * patience())
            victim = running[n % 2]
            if n == 3:
                victim.pause()
                wait_until(lambda: not holds(sharded, victim), 60, "its shards are taken over")
                victim.resume()
            else:
                victim.kill()
                running[n % 2] = sharded.start("relay")
    caught_up(sharded)
    assert all(p.stop() == 0 for p in running)
    print(f"{len(writers.committed)} events, {len(whole(sharded))} repeated;"
          f" holders {sharded.sql('SELECT shard, epoch, holder FROM weir.relays ORDER BY 1')}")


def holds(shop, process):
    return shop.value("SELECT count(*) FROM weir.relays WHERE holder LIKE %s", f"%:{process.pid}")


@pytest.mark.once
def test_the_number_is_changed_by_stopping_all(sharded):
    things(sharded, 40)
    relay = sharded.start("relay")
    caught_up(sharded)
    sharded.configure(relay={"shards": 2})
    refused = sharded.weir("relay", check=False)
    assert refused.code == 2 and "stop all relays of this name" in refused.stderr, refused.stderr
    assert relay.alive and relay.stop() == 0
    things(sharded, 40)
    sharded.weir("relay", "--once")
    assert whole(sharded) == []
    assert sharded.sql("SELECT shard, shards, clean FROM weir.relays ORDER BY 1") == [(0, 2, True), (1, 2, True)]

    for shards in (4, 1):  # now each time after a kill in the middle of it
        with Writers(sharded, 2, slowest=0.01):
            relay = sharded.start("relay")
            before = sharded.value("SELECT min(position) FROM weir.relays")
            wait_until(lambda: sharded.value("SELECT min(position) FROM weir.relays") > before, 60, "it publishes")
            relay.kill()
        sharded.configure(relay={"shards": shards})
        relay = sharded.start("relay")
        wait_until(lambda: sharded.value("SELECT count(*) FROM weir.relays") == shards, 60, "the number is recorded")
        caught_up(sharded)
        assert relay.stop() == 0
        whole(sharded)
    assert sharded.value("SELECT sum(published) FROM weir.relays") <= len(sharded.consume())


@pytest.mark.once
def test_monitors_see_every_shard(sharded):
    things(sharded, 20)
    serving = sharded.start("serve")
    caught_up(sharded)
    wait_until(lambda: get(sharded, "/readyz")[0] == 200, 30, "it is ready")
    parts = json.loads(get(sharded, "/readyz")[1])["parts"]
    assert [p["name"] for p in parts if p["part"] == "relay"] == [f"main/{n}" for n in range(SHARDS)]
    metrics = get(sharded, "/metrics")[1]
    assert all(f'weir_relay_active{{relay="main",shard="{n}"}} 1' in metrics for n in range(SHARDS))
    assert serving.stop() == 0
