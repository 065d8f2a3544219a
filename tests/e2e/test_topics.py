"""Which topic an aggregate type has, how it is made, and what is said when it cannot be.

The record in weir.topics is the only truth: nothing moves because a setting or a topic changed.
"""

import pytest
from checks import compare_topics, stored_events
from confluent_kafka.admin import (
    AclBinding, AclOperation, AclPermissionType, AdminClient, ConfigResource, NewPartitions, NewTopic,
    ResourcePatternType, ResourceType,
)
from harness import Services, Shop, free_port, wait_until


def administer(shop, verb, *arguments, **options):
    """One call of the Admin API; what it says of each of its subjects."""
    admin = AdminClient({"bootstrap.servers": shop.services.brokers})
    return [future.result(30) for future in getattr(admin, verb)(*arguments, **options).values()]


def things(shop, count=1, kind="thing"):
    for n in range(count):
        shop.append(kind, f"{kind}{n % 11}", {"type": f"{kind}.happened", "data": n})


def properties(shop, topic):
    (found,) = administer(shop, "describe_configs", [ConfigResource(ResourceType.TOPIC, topic)])
    return {name: entry.value for name, entry in found.items()}


def refused(shop, *words, args=("relay", "--once")):
    result = shop.weir(*args, check=False)
    assert result.code == 2, result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


@pytest.mark.once
def test_each_type_has_what_the_configuration_says(shop):
    shop.configure(
        kafka={"partitions": 2, "topic_properties": {"retention.ms": "86400000", "segment.ms": "600000"}},
        topics={
            "order": {"name": "{prefix}.sales.orders", "partitions": 5},
            "user": {"properties": {"cleanup.policy": "compact", "segment.ms": "700000"}},
        },
    )
    shop.weir("migrate")
    for kind in ("order", "user", "thing"):
        things(shop, 3, kind)
    shop.weir("relay", "--once")
    orders = f"{shop.prefix}.sales.orders"
    assert shop.topics() == {orders: 5, f"{shop.prefix}.user": 2, f"{shop.prefix}.thing": 2}
    assert properties(shop, f"{shop.prefix}.user")["cleanup.policy"] == "compact"
    assert [properties(shop, t)["segment.ms"] for t in (orders, f"{shop.prefix}.user")] == ["600000", "700000"]
    assert properties(shop, f"{shop.prefix}.user")["retention.ms"] == "86400000"
    assert compare_topics(stored_events(shop), shop.consume(), shop.topics()) == ([], [])


@pytest.mark.once
def test_a_type_does_not_move_because_a_setting_did(shop):
    shop.weir("migrate")
    things(shop, 3)
    shop.weir("relay", "--once")
    shop.configure(topics={"thing": {"name": "{prefix}.elsewhere"}})
    things(shop, 3)
    for args in (("relay", "--once"), ("topic", "create", "thing")):
        refused(
            shop, f"is {shop.prefix}.thing", f"{shop.prefix}.elsewhere",
            f"set topics.thing.name to {shop.prefix}.thing", "reconcile --type thing", args=args,
        )
    assert list(shop.topics()) == [f"{shop.prefix}.thing"] and len(shop.consume()) == 3
    shop.configure(topics={"thing": {"name": f"{shop.prefix}.thing"}}, kafka={"topic_format": "x.{aggregate_type}"})
    shop.weir("relay", "--once")
    assert compare_topics(stored_events(shop), shop.consume(), shop.topics()) == ([], [])


@pytest.mark.once
def test_two_types_never_share_a_topic(shop):
    shop.configure(topics={"thing": {"name": "{prefix}.one"}, "other": {"name": "{prefix}.one"}})
    refused(shop, "topics.thing.name and topics.other.name", args=("migrate",))
    shop.configure(topics={"thing": {"name": "{prefix}.other"}, "other": {"partitions": 1}})
    shop.weir("migrate")
    things(shop)
    things(shop, kind="other")
    refused(shop, "thing", "other", "would share the topic", "each needs its own")
    refused(shop, "recorded for another aggregate type", args=("topic", "create", "other"))


def test_topics_ahead_of_their_first_event(shop):
    shop.configure(kafka={"partitions": 3}, topics={"order": {"partitions": 4}})
    shop.weir("migrate")
    made = shop.weir("topic", "create", "thing", "order", "-o", "json").json()
    assert made == [
        {"aggregatetype": "thing", "topic": f"{shop.prefix}.thing", "partitions": 3, "created": True},
        {"aggregatetype": "order", "topic": f"{shop.prefix}.order", "partitions": 4, "created": True},
    ]
    again = shop.weir("topic", "create", "order", "-o", "json").json()
    assert [(m["partitions"], m["created"]) for m in again] == [(4, False)]
    refused(shop, "is no aggregate type", args=("topic", "create", "a b"))
    things(shop, 20, "order")
    shop.weir("relay", "--once")
    assert compare_topics(stored_events(shop), shop.consume(), shop.topics()) == ([], [])


@pytest.mark.once
def test_the_list_shows_what_kafka_really_has(shop):
    shop.configure(kafka={"partitions": 3})
    shop.weir("migrate")
    shop.weir("topic", "create", "grown", "gone", "same", "shrunk")
    administer(shop, "create_partitions", [NewPartitions(f"{shop.prefix}.grown", 5)])
    gone = [f"{shop.prefix}.gone", f"{shop.prefix}.shrunk"]
    administer(shop, "delete_topics", gone, operation_timeout=10)
    wait_until(lambda: not set(gone) & set(shop.topics()), 30, "they are gone")
    administer(shop, "create_topics", [NewTopic(gone[1], 1, 1)])
    wait_until(lambda: sorted(shop.topics().values()) == [1, 3, 5], 30, "the others are as they are to be")
    rows = {r["aggregatetype"]: r for r in shop.weir("topic", "list", "-o", "json").json()}
    assert {t: (r["partitions"], r["kafkapartitions"], r["state"], r["generation"]) for t, r in rows.items()} == {
        "grown": (3, 5, "more partitions", 1),
        "gone": (3, 0, "missing", 1),
        "same": (3, 3, "ok", 1),
        "shrunk": (3, 1, "fewer partitions", 1),
    }
    refused(shop, "Kafka does not have it", "reconcile", args=("topic", "create", "gone"))
    shop.configure(kafka={"brokers": f"127.0.0.1:{free_port()}"})
    result = shop.weir("topic", "list", "-o", "json")
    assert {r["state"] for r in result.json()} == {"unknown"} and "Kafka does not say" in result.stderr


def test_partitions_added_while_it_runs_change_nothing(shop):
    shop.configure(kafka={"partitions": 3})
    shop.weir("migrate")
    relay = shop.start("relay")
    things(shop, 20)
    wait_until(lambda: len(shop.consume()) == 20, 60, "it publishes")
    topic = f"{shop.prefix}.thing"
    administer(shop, "create_partitions", [NewPartitions(topic, 7)])
    wait_until(lambda: shop.topics()[topic] == 7, 30, "the topic has grown")
    things(shop, 40)
    wait_until(lambda: len(shop.consume()) == 60, 60, "it goes on")
    assert relay.stop() == 0
    shop.weir("relay", "--once")
    assert compare_topics(stored_events(shop), shop.consume(), {topic: 3}) == ([], [])


@pytest.mark.once
def test_what_the_cluster_cannot_make_is_explained(shop):
    shop.configure(kafka={"replication": 3})
    shop.weir("migrate")
    things(shop)
    refused(shop, f"{shop.prefix}.thing", "replication 3", "Lower kafka.replication", "number of brokers")
    shop.configure(kafka={"replication": 1, "topic_properties": {"no.such": "1"}})
    refused(shop, f"{shop.prefix}.thing", "no.such", "See kafka.topic_properties")
    assert shop.topics() == {} and shop.sql("SELECT * FROM weir.topics") == []


# -- rights -------------------------------------------------------------------------------------------

AUTHORIZER = """
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
listeners={listeners},CLIENT://127.0.0.1:{port}
advertised.listeners={advertised},CLIENT://127.0.0.1:{port}
listener.security.protocol.map={protocols},CLIENT:SASL_PLAINTEXT
listener.name.client.sasl.enabled.mechanisms=PLAIN
listener.name.client.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_relay="secret";
auto.create.topics.enable=true
"""


@pytest.fixture
def guarded(tmp_path):
    """A shop whose relay logs in to a broker that permits it nothing yet."""
    services = Services(tmp_path / "services", 1)
    try:
        services.kill_kafka()
        settings = tmp_path / "services/kafka-1.properties"
        known = dict(line.split("=", 1) for line in settings.read_text().splitlines())
        port = free_port()
        settings.write_text(
            settings.read_text()
            + AUTHORIZER.format(
                listeners=known["listeners"], advertised=known["advertised.listeners"], port=port,
                protocols=known["listener.security.protocol.map"],
            )
        )
        services.start_kafka()
        shop = Shop(services, tmp_path)
        shop.configure(
            kafka={
                "brokers": f"127.0.0.1:{port}",
                "partitions": 2,
                "properties": {
                    "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
                    "sasl.username": "relay", "sasl.password": "secret",
                },
            }
        )
        yield shop
        assert shop.close() == []
    finally:
        services.down()


def permit(shop, operation, resource=ResourceType.TOPIC):
    name, pattern = (shop.prefix, ResourcePatternType.PREFIXED)
    if resource == ResourceType.BROKER:  # the cluster
        name, pattern = ("kafka-cluster", ResourcePatternType.LITERAL)
    allow = AclPermissionType.ALLOW
    administer(shop, "create_acls", [AclBinding(resource, name, pattern, "User:relay", "*", operation, allow)])


def refused_until_permitted(shop, *words):
    """A right that was just given takes a moment to reach the broker."""

    def says():
        stderr = shop.weir("relay", "--once", check=False).stderr
        return all(word in stderr for word in words)

    wait_until(says, 60, f"it says {words}")


@pytest.mark.once
@pytest.mark.slow
def test_each_right_that_is_missing_is_named(guarded):
    shop, topic = guarded, f"{guarded.prefix}.thing"
    shop.weir("migrate")
    things(shop, 5)
    refused_until_permitted(shop, "Permit the relay's principal Write on the topics")
    permit(shop, AclOperation.IDEMPOTENT_WRITE, ResourceType.BROKER)
    refused_until_permitted(shop, topic, "Create on the cluster or on topics of this prefix", "weir topic create")
    assert shop.topics() == {} and shop.sql("SELECT * FROM weir.topics") == []
    permit(shop, AclOperation.CREATE)
    refused_until_permitted(shop, topic, "leaders", "Describe, Read and Write")
    shop.sql("INSERT INTO weir.topics (aggregate_type, topic, partitions) VALUES ('thing', %s, 2)", topic)
    (row,) = shop.weir("topic", "list", "-o", "json").json()
    assert row["state"] == "not permitted"
    permit(shop, AclOperation.DESCRIBE)
    refused_until_permitted(shop, "thing.happened of thing/thing0", "Write on the topic")
    assert shop.consume() == []
    permit(shop, AclOperation.WRITE)
    wait_until(lambda: shop.weir("relay", "--once", check=False).code == 0, 60, "it may write")
    refused_until_permitted(shop, topic, "reading the end", "Describe, Read and Write")
    permit(shop, AclOperation.READ)
    wait_until(lambda: shop.weir("relay", "--once", check=False).code == 0, 60, "it may read")
    assert compare_topics(stored_events(shop), shop.consume(), shop.topics()) == ([], [])


@pytest.mark.once
def test_a_kafka_that_is_away_has_its_exit_code(shop):
    shop.weir("migrate")
    nowhere = f"kafka.brokers=127.0.0.1:{free_port()}"
    for command in (("create", "thing"), ("reconcile",)):
        result = shop.weir("topic", *command, "--set", nowhere, check=False)
        assert result.code == 4 and result.stdout == "" and nowhere.replace("=", " is ") in result.stderr
