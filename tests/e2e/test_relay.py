"""The relay against what can happen to its topics, its session and its events.

Kafka's tail decides what was published; what cannot be decided without a person stops the relay.
"""

import time

import pytest
from checks import compare_topics, stored_events
from confluent_kafka import OFFSET_END, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, ResourceType
from harness import wait_until


@pytest.fixture
def relayed(shop):
    """Thirty events in three partitions, relayed."""
    shop.configure(kafka={"partitions": 3})
    shop.weir("migrate")
    things(shop, 30)
    shop.weir("relay", "--once")
    return shop


def things(shop, count, size=1):
    for n in range(count):
        shop.append("thing", f"t{n % 11}", {"type": "thing.happened", "data": {"text": "x" * size}})


def topic(shop):
    return f"{shop.prefix}.thing"


def administer(shop, verb, *arguments, **options):
    """One call of the Admin API; what it says of its single subject."""
    admin = AdminClient({"bootstrap.servers": shop.services.brokers})
    results = [future.result(30) for future in getattr(admin, verb)(*arguments, **options).values()]
    return results[0]


def make_topic(shop, name, partitions):
    administer(shop, "create_topics", [NewTopic(name, partitions, 1)])
    wait_until(lambda: shop.topics().get(name) == partitions, 10, "the topic is there")


def remove_topic(shop):
    administer(shop, "delete_topics", [topic(shop)], operation_timeout=10)
    wait_until(lambda: topic(shop) not in shop.topics(), 10, "the topic is gone")


def delete_records(shop):
    administer(shop, "delete_records", [TopicPartition(topic(shop), p, OFFSET_END) for p in range(3)])


def same(shop, duplicates=0):
    faults, repeated = compare_topics(stored_events(shop), shop.consume(), shop.topics())
    assert faults == [] and len(repeated) == duplicates


def refused(shop, *words):
    """The relay ends by itself and says why; nothing is published."""
    before = len(shop.consume())
    result = shop.weir("relay", "--once", check=False)
    assert result.code != 0
    for word in words:
        assert word in result.stderr, result.stderr
    assert len(shop.consume()) == before


def test_the_cursor_is_not_the_truth(relayed):
    relayed.sql("UPDATE weir.relays SET position = 0, clean = false")
    relayed.sql("DELETE FROM weir.relay_partitions")
    things(relayed, 10)
    relayed.weir("relay", "--once")
    same(relayed)


def test_retention_that_took_everything_loses_no_place(relayed):
    delete_records(relayed)
    things(relayed, 11)
    relayed.weir("relay", "--once")
    messages = relayed.consume()
    assert sorted(m.position for m in messages) == list(range(31, 42))
    tails = dict(relayed.sql("SELECT partition, position FROM weir.relay_partitions"))
    chains = {m.partition: m for m in sorted(messages, key=lambda m: m.offset)}
    assert {p: m.position for p, m in chains.items()} == {p: tails[p] for p in chains}
    firsts = {m.partition: m for m in sorted(messages, key=lambda m: -m.offset)}
    assert all(0 < m.prevposition <= 30 for m in firsts.values())


def test_foreign_records_are_stepped_over(relayed):
    producer = Producer({"bootstrap.servers": relayed.services.brokers})
    for n in range(600):
        producer.produce(topic(relayed), b"not ours", partition=n % 3)
    producer.flush(30)
    relayed.sql("DELETE FROM weir.relay_partitions")
    things(relayed, 11)
    result = relayed.weir("relay", "--once")
    assert "stepped over" in result.stderr
    ours = [m for m in relayed.consume() if m.value != b"not ours"]
    assert compare_topics(stored_events(relayed), ours, relayed.topics()) == ([], [])


def test_more_partitions_are_a_warning_and_move_nothing(relayed):
    administer(relayed, "create_partitions", [NewPartitions(topic(relayed), 5)])
    wait_until(lambda: relayed.topics()[topic(relayed)] == 5, 10, "the topic has grown")
    things(relayed, 11)
    result = relayed.weir("relay", "--once")
    assert "more partitions" in result.stderr
    messages = relayed.consume()
    assert compare_topics(stored_events(relayed), messages, {topic(relayed): 3}) == ([], [])


def test_fewer_partitions_stop_it(relayed):
    remove_topic(relayed)
    make_topic(relayed, topic(relayed), 2)
    refused(relayed, topic(relayed), "2 partitions", "3 are recorded", "reconcile")


def test_a_topic_that_is_gone_stops_it(relayed):
    remove_topic(relayed)
    result = relayed.weir("relay", "--once", check=False)
    assert result.code != 0 and "is gone" in result.stderr
    assert relayed.topics() == {}


def test_another_stores_events_stop_it(relayed):
    relayed.sql("UPDATE weir.store SET store_id = gen_random_uuid()")
    refused(relayed, "another store", topic(relayed))


def forget(shop, positions):
    """Events vanish, as from a store that was restored from an older backup."""
    shop.sql(
        "SET session_replication_role = replica;"
        "ALTER TABLE weir.events DISABLE TRIGGER append_only;"
        f"DELETE FROM weir.events WHERE position {positions};"
        "ALTER TABLE weir.events ENABLE ALWAYS TRIGGER append_only"
    )


def test_a_store_older_than_its_topics_stops_it(relayed):
    forget(relayed, "> 20")
    relayed.sql("SELECT setval('weir.event_position', 20)")
    refused(relayed, "ahead of everything in the store", "backup")


def test_an_event_that_the_store_does_not_know_stops_it(relayed):
    forget(relayed, "= 30")
    things(relayed, 1)
    refused(relayed, "the store does not have", "position 30")


def test_a_topic_that_exists_is_taken_as_it_is(shop):
    shop.configure(kafka={"partitions": 3})
    shop.weir("migrate")
    make_topic(shop, topic(shop), 4)
    things(shop, 20)
    shop.weir("relay", "--once")
    assert shop.sql("SELECT topic, partitions FROM weir.topics") == [(topic(shop), 4)]
    same(shop)


def test_topic_properties_and_names(shop):
    shop.configure(
        kafka={
            "partitions": 2,
            "topic_format": "{prefix}-{aggregate_type}-events",
            "topic_properties": {"retention.ms": "86400000"},
        }
    )
    shop.weir("migrate")
    things(shop, 3)
    shop.weir("relay", "--once")
    name = f"{shop.prefix}-thing-events"
    resource = ConfigResource(ResourceType.TOPIC, name)
    assert administer(shop, "describe_configs", [resource])["retention.ms"].value == "86400000"
    assert shop.sql("SELECT topic, partitions FROM weir.topics") == [(name, 2)]
    administer(shop, "delete_topics", [name])


def test_an_event_that_kafka_refuses_is_named(shop):
    shop.configure(kafka={"partitions": 1, "topic_properties": {"max.message.bytes": "20000"}})
    shop.weir("migrate")
    things(shop, 100, size=300)  # together more than the limit, each far below it
    shop.append("thing", "big", {"type": "thing.grew", "data": {"text": "y" * 60000}})
    things(shop, 5)
    result = shop.weir("relay", "--once", check=False)
    assert result.code == 1
    assert "position 101 (thing.grew of thing/big" in result.stderr, result.stderr
    faults, duplicates = compare_topics(stored_events(shop)[:100], shop.consume(), shop.topics())
    assert faults == [] and duplicates == []


def test_its_session_ends_and_nobody_led_since(shop):
    shop.weir("migrate")
    relay = shop.start("relay")
    things(shop, 20)
    wait_until(lambda: len(shop.consume()) == 20, 30, "it publishes")
    for n in range(3):
        end_sessions(shop)
        things(shop, 10)
    wait_until(lambda: len(shop.consume()) >= 50, 30, "it goes on")
    assert relay.stop() == 0
    assert shop.sql("SELECT epoch, clean FROM weir.relays") == [(1, True)]
    same(shop)


def test_its_session_ends_and_another_takes_over(shop):
    shop.weir("migrate")
    first = shop.start("relay")
    first.wait_for_log("publishing")
    second = shop.start("relay")
    second.wait_for_log("standby")
    for n in range(4):
        things(shop, 25)
        end_sessions(shop)
    things(shop, 25)
    wait_until(lambda: relayed_to(shop, 125), 30, "whoever leads goes on")
    assert first.stop() == 0 and second.stop() == 0
    assert shop.value("SELECT epoch FROM weir.relays") >= 1
    faults, _ = compare_topics(stored_events(shop), shop.consume(), shop.topics())
    assert faults == []


def end_sessions(shop):
    shop.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'weir relay main' AND datname = current_database()"
    )


def relayed_to(shop, position):
    return shop.value("SELECT position FROM weir.relays") >= position


def test_a_stop_while_a_topic_is_being_made_is_clean(shop):
    shop.weir("migrate")
    relay = shop.start("relay")
    things(shop, 20)
    wait_until(lambda: relayed_to(shop, 20), 30, "it publishes")
    with shop.services.kafka_paused():
        shop.append("other", "o1", {"type": "other.happened", "data": 1})
        time.sleep(0.5)
        assert relay.stop(15) == 0
    assert shop.sql("SELECT position, clean FROM weir.relays") == [(20, True)]
    shop.weir("relay", "--once")
    same(shop)


@pytest.mark.once
@pytest.mark.slow
def test_a_stop_while_kafka_is_away_claims_nothing(shop):
    shop.weir("migrate")
    relay = shop.start("relay")
    things(shop, 20)
    wait_until(lambda: relayed_to(shop, 20), 30, "it publishes")
    shop.services.kill_kafka()
    things(shop, 20)
    wait_until(lambda: "Kafka cannot be used" in relay.log, 30, "it says so")
    assert relay.stop(15) == 0
    assert "did not acknowledge" in relay.log
    assert shop.sql("SELECT position, clean FROM weir.relays") == [(20, False)]
    shop.services.start_kafka()
    shop.weir("relay", "--once")
    same(shop)
