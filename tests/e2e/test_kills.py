"""I2 to I5 when the relay and the runtime die: at random moments under load, and at every failpoint.

The topics carry Kafka's own append times, so that a repeated message can be held against the moment of
the kill: it may only stem from a request that was in flight then.
"""

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from checks import check_versions, compare_topics, stored_events
from harness import patience, wait_until
from test_real_logs import CASES, digest, projected
from workload import Writers

KILLS = int(os.environ.get("WEIR_TEST_KILLS", "50"))  # of the relay
PROJECTIONS = ("cases_each", "cases_aggregate")
TRANSACTIONAL = ("relay_after_take_over", "relay_before_commit", "relay_after_commit")  # exactly_once only


@pytest.fixture
def pipeline(shop):
    """A migrated shop with two projections; members that die are soon missed."""
    shop.configure(
        kafka={
            "partitions": 4,
            "topic_properties": {"message.timestamp.type": "LogAppendTime"},
            "properties": {"session.timeout.ms": int(800 * patience()), "heartbeat.interval.ms": 200},
        },
        relay={"cursor_ms": 50},
    )
    for name in PROJECTIONS:
        shop.projection(name, CASES.format(name=name, type="thing", apply=name.split("_")[1]))
    shop.weir("migrate")
    return shop


def fold(events):
    cases = {}
    for e in events:
        steps, chain, *_ = cases.get(e.id, (0, None, None, None))
        link = digest(e.event_id)
        cases[e.id] = (steps + 1, digest(chain + link) if chain else link, e.event_type,
                       e.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    return cases


class Watch(threading.Thread):
    """I5: reads the checkpoints all the while; none ever moves back."""

    def __init__(self, shop):
        super().__init__(daemon=True)
        self.shop, self.faults, self.looks, self.done = shop, [], 0, threading.Event()

    def run(self):
        at = {}
        connection = self.shop.connect()
        while not self.done.wait(0.02):
            self.looks += 1
            rows = connection.execute(
                "SELECT subscription, topic, partition, next_offset, position, events FROM weir.checkpoints"
            ).fetchall()
            for *key, offset, position, events in rows:
                now = (offset, position, events)
                if any(a < b for a, b in zip(now, at.get(tuple(key), now))):
                    self.faults.append(f"{key}: {at[tuple(key)]} → {now}")
                at[tuple(key)] = now

    def __exit__(self, *_):
        self.done.set()
        self.join()

    def __enter__(self):
        self.start()
        return self


def settle(shop):
    """Everything relayed and applied; then everything is compared with everything."""
    relay, runtime = shop.start("relay"), shop.start("run")
    events = stored_events(shop)
    last, count = events[-1].position, sum(e.type == "thing" for e in events)
    wait_until(lambda: shop.value("SELECT position FROM weir.relays") >= last, 60, "all is relayed")
    wait_until(
        lambda: [n for _, n in applied(shop)] == [count] * len(PROJECTIONS), 60, "all is applied"
    )
    assert relay.stop() == 0 and runtime.stop() == 0
    events, messages = stored_events(shop), shop.consume()
    faults, duplicates = compare_topics(events, messages, shop.topics())
    assert faults == [] and check_versions(events) == []
    expected = fold([e for e in events if e.type == "thing"])
    for name in PROJECTIONS:
        assert projected(shop, name) == expected, name
    return messages, duplicates


def applied(shop):
    return shop.sql("SELECT subscription, sum(events)::bigint FROM weir.checkpoints GROUP BY 1 ORDER BY 1")


def kill_again_and_again(shop, name, times, longest, kills, committed):
    """Both need a second or so from their start until they do anything."""
    chance = random.Random(name)
    for _ in range(times):
        process = shop.start(name)
        time.sleep(chance.random() * longest * patience())
        process.kill()
        kills.append((name, time.time(), len(committed), in_flight(shop), progress(shop)))


@pytest.mark.once
@pytest.mark.slow
def test_killed_at_random_moments_under_load(pipeline):
    kills = []
    with Watch(pipeline) as watch, Writers(pipeline, 3, slowest=0.02) as writers, ThreadPoolExecutor() as killers:
        deaths = [
            killers.submit(kill_again_and_again, pipeline, *victim, kills, writers.committed)
            for victim in (("relay", KILLS, 3), ("run", KILLS * 3 // 5, 5))
        ]
        for death in deaths:
            death.result()
    messages, duplicates = settle(pipeline)
    report(kills, messages, duplicates, watch)
    assert watch.faults == [] and watch.looks > 10
    moved = len({k[4] for k in kills if k[0] == "run"})
    assert moved >= KILLS / 10, f"only {moved} of {KILLS * 3 // 5} runtimes got anything done before they died"
    for first, second in duplicates:
        assert any(
            name == "relay" and -1000 <= m.timestamp - at * 1000 <= 3000 * patience()
            for name, at, *_ in kills
            for m in (first, second)
        ), f"position {second.position} was repeated though no kill had it in flight"


def in_flight(shop):
    """Events stored beyond the relay's cursor at this moment."""
    return shop.value(
        "SELECT count(*) FROM weir.events WHERE position > (SELECT coalesce(max(position), 0) FROM weir.relays)"
    )


def progress(shop):
    """Events applied so far, over all projections."""
    return shop.value("SELECT coalesce(sum(events), 0)::bigint FROM weir.checkpoints")


def report(kills, messages, duplicates, watch):
    relay_kills = [k for k in kills if k[0] == "relay"]
    print(
        f"{len(kills)} kills ({len(relay_kills)} of the relay), {len(messages)} messages,"
        f" {len(duplicates)} repeated; beyond the cursor at a kill: {[k[3] for k in relay_kills]};"
        f" applied at a kill: {[k[4] for k in kills if k[0] == 'run']};"
        f" checkpoints looked at {watch.looks} times"
    )


def failpoints():
    """The names in base/failpoint.h, for the parameters; the program's own list must agree."""
    from harness import ROOT

    text = (ROOT / "base/failpoint.h").read_text()
    start = text.index("#define WEIR_FAILPOINTS_LIST(X)")
    lines = text[start : text.index("#define WEIR_FAILPOINT_ENUM")].splitlines()
    return [line.split("X(")[1].split(")")[0] for line in lines[1:] if "X(" in line]


def test_the_program_knows_the_same_failpoints(shop):
    assert shop.weir("version", "--failpoints").stdout.split() == failpoints()


@pytest.mark.threads
def test_the_relay_killed_at_each_of_its_failpoints(pipeline):
    things(pipeline, 20)
    for n, name in enumerate(f for f in failpoints() if f.startswith("relay") and f not in TRANSACTIONAL):
        victim = pipeline.start("relay", env={"WEIR_FAILPOINT": f"{name}=kill"})
        things(pipeline, 10, new_type=f"other{n}")  # a type without a topic yet
        if name == "relay_before_clean_stop":
            victim.wait_for_log("publishing")
            victim.send(signal.SIGTERM)
        assert victim.wait(60) == -signal.SIGKILL, f"{name} was not reached:\n{victim.tail()}"
    messages, duplicates = settle(pipeline)
    print(f"{len(messages)} messages, {len(duplicates)} repeated")


@pytest.mark.threads
def test_the_runtime_killed_at_each_of_its_failpoints(pipeline):
    relay = pipeline.start("relay")
    things(pipeline, 20)
    for name in (f for f in failpoints() if not f.startswith(("relay", "reconcile", "letters"))):
        victim = pipeline.start("run", env={"WEIR_FAILPOINT": f"{name}=kill"})
        wait_until(lambda: things(pipeline, 3) or not victim.alive, 60, f"{name} is reached")
        assert victim.wait() == -signal.SIGKILL, victim.tail()
    assert relay.stop() == 0
    _, duplicates = settle(pipeline)
    assert duplicates == []


def things(shop, count, new_type=None):
    connection = shop.connect()
    if new_type:
        connection.execute("""SELECT weir.append(%s, 'x', NULL, '[{"type": "t", "data": 1}]')""", (new_type,))
    for n in range(count):
        connection.execute(
            """SELECT weir.append('thing', 'thing-' || %s, NULL, '[{"type": "thing.happened", "data": {"n": 1}}]')""",
            (n % 7,),
        )
    connection.close()
