"""verify topics as it is run: beside relays, on topics that Kafka has shortened, with little memory."""

import time

import pytest
from confluent_kafka import OFFSET_END, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from harness import wait_until
from logs import log
from plant import Planted, clean, kinds, verify, without
from workload import Writers


def test_options_that_cannot_be(shop):
    shop.weir("migrate")
    unknown = shop.weir("verify", "topics", "--type", "nothing", check=False)
    assert unknown.code == 3 and "nothing" in unknown.stderr and unknown.stdout == ""
    assert shop.weir("verify", "topics", "--execute", check=False).code == 2


def test_a_topic_that_is_gone_and_a_type_without_one(relayed):
    relayed.sql("UPDATE weir.topics SET topic = topic || '.gone' WHERE aggregate_type = 'thing'")
    relayed.sql("DELETE FROM weir.topics WHERE aggregate_type = 'other'")
    findings, types, _ = verify(relayed, "--limit", "60")
    assert {(f["kind"], f["detail"]) for f in findings} == {
        ("missing", "its aggregate type has no recorded topic"), ("missing", "the topic does not exist")}
    assert (types["thing"]["kinds"]["missing"], types["other"]["kinds"]["missing"]) == (59, 2) and len(findings) == 60


@pytest.mark.once
def test_what_retention_removed_is_not_missing(relayed):
    topic = f"{relayed.prefix}.thing"
    admin = AdminClient({"bootstrap.servers": relayed.services.brokers})
    cut = [TopicPartition(topic, 0, 5), TopicPartition(topic, 1, OFFSET_END)]
    for future in admin.delete_records(cut).values():
        future.result(30)
    whole = sum(m.topic == topic for m in relayed.consume())
    types = clean(relayed)
    assert types["thing"]["expired"] == 59 - whole > 5
    relayed.append("thing", "t3", {"type": "thing.happened", "data": 1})
    assert clean(relayed)["thing"]["pending"] == 1
    relayed.weir("relay", "--once")
    assert clean(relayed)["thing"]["expired"] == 59 - whole


def test_a_compacted_topic_need_only_have_the_latest(relayed):
    planted = Planted(relayed, "thing")
    records, latest = planted.records(), {}
    for record in records:
        latest[record.key] = record
    kept = [r for r in records if latest[r.key] is r]
    planted.write(kept, **{"cleanup.policy": "compact"})
    findings, types, done = verify(relayed, "--type", "thing")
    assert findings == [] and types["thing"]["compacted"] == 59 - len(kept) and "compacted" in done.stderr
    planted.write([r for r in kept if r.key != b"t7"], **{"cleanup.policy": "compact"})
    assert kinds(verify(relayed, "--type", "thing")[0]) == [("missing", latest[b"t7"].position)]


@pytest.mark.parametrize("options", [
    pytest.param({}, id="default", marks=pytest.mark.once),
    pytest.param({"delivery": "exactly_once", "shards": 2}, id="exactly_once"),
])
def test_nothing_is_found_beside_a_relay_under_load(shop, options):
    shop.configure(kafka={"partitions": 4}, relay=options)
    shop.weir("migrate")
    relay = shop.start("relay")
    with Writers(shop, 3, slowest=0.03):
        wait_until(lambda: shop.value("SELECT min(position) > 50 FROM weir.relays"), 30, "the relay is at work")
        seen = 0
        for _ in range(4):
            findings, types, _ = verify(shop)
            assert findings == [], (findings[:3], types)
            seen = max(seen, sum(t["events"] for t in types.values()))
    assert seen > 50
    wait_until(lambda: all(t["pending"] == 0 and t["events"] == t["records"] for t in clean(shop).values()), 60,
               "all is published")
    assert relay.stop() == 0


@pytest.mark.once
def test_an_open_transaction_is_waited_for(relayed):
    """What is in it may be committed already, by its coordinator, and not yet in the partition."""
    planted = Planted(relayed, "thing")
    records = planted.records()
    topic = planted.write(without(records, records[-1]))
    last = records[-1]
    producer = Producer({"bootstrap.servers": relayed.services.brokers, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, last.value, last.key, last.partition, headers=list(last.headers))
    producer.flush(30)
    waiting = relayed.start("verify", "topics", "--type", "thing")
    time.sleep(1)
    assert waiting.alive
    producer.commit_transaction(30)
    assert waiting.wait() == 0, waiting.tail()


@pytest.mark.once
@pytest.mark.parametrize("name", ["permits.jsonl", "webhooks.jsonl"])
def test_a_real_log_is_found_equal(shop, name):
    path = log(name)
    shop.weir("migrate")
    shop.weir("import", "-", input="".join(path.open().readlines()[:2000]))
    shop.weir("relay", "--once")
    events = shop.value("SELECT count(*) FROM weir.events")
    assert sum(t["records"] for t in clean(shop).values()) == events > 300


FILL = """
WITH ids AS (
    INSERT INTO weir.streams (aggregate_type, aggregate_id, version)
    SELECT 'bulk', 'b' || n, 1 FROM generate_series(%s::int, %s::int) n RETURNING aggregate_id
)
INSERT INTO weir.events (position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
                         data, content_type, metadata, time, recorded_at)
SELECT nextval('weir.event_position'), 'bulk', aggregate_id, 1, gen_random_uuid(), 'bulk.added', 1,
       jsonb_build_object('text', repeat('x', 1500)), 'application/json', '{}', now(), now()
FROM ids
"""


def peak_of(shop):
    """Peak resident bytes of a verification."""
    run, peak = shop.start("verify", "topics"), 0
    while run.alive:
        try:
            peak = max(peak, run.peak_memory())
        except (OSError, AttributeError):
            pass
        time.sleep(0.01)
    assert run.wait() == 0, run.tail()
    return peak


@pytest.mark.once
def test_memory_does_not_grow_with_the_number_of_events(shop):
    shop.weir("migrate")
    shop.sql(FILL, 1, 5000)
    shop.weir("relay", "--once")
    small = peak_of(shop)
    shop.sql(FILL, 5001, 40_000)
    shop.weir("relay", "--once", timeout=300)
    large = peak_of(shop)  # 80 MB of records
    assert 1 << 20 < large < small + (40 << 20), (small, large)
