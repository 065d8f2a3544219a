"""Planting defects in topics: records written by an independent producer, one by one.

    relay_things(shop)                        61 events of all kinds, relayed
    planted = Planted(shop, "thing")          the records that the relay wrote, by partition
    planted.write(mutated)                    into a fresh topic, recorded as the type's own
    findings, types, done = verify(shop)      what weir says to that

A record is a harness Message; records() copies them, so that a test may change what it likes.
"""

import base64
import json
import secrets
from dataclasses import replace

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from harness import wait_until

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
METADATA = {"correlationid": "c-1", "causationid": 'a "quoted"\tcause', "userid": "jos\u00e9",
            "traceparent": TRACE, "tracestate": "a=1,b=2"}


def relay_things(shop):
    """Sixty-one events in three partitions, relayed: text, bytes, metadata of all kinds, a closed aggregate."""
    shop.configure(kafka={"partitions": 3})
    shop.weir("migrate")
    connection = shop.connect()

    def append(aggregate_type, aggregate_id, *events):
        connection.execute("SELECT weir.append(%s, %s, NULL, %s::jsonb)",
                           (aggregate_type, aggregate_id, json.dumps(events)))

    for n in range(54):
        event = {"type": "thing.happened", "data": {"n": n, "text": "x" * n, "price": 1.10}, "schemaversion": 2}
        event["metadata"] = [{}, METADATA, {"tenant": "t", "deep": {"a": [1, None]}}][n % 3]
        event["time"] = ["2024-02-29T23:59:59Z", "2024-02-29T23:59:59.5Z", "2024-02-29T23:59:59.000001Z"][n % 3]
        append("thing", "t3" if n % 4 == 3 else f"t{n % 11}", event)
    binary = {"type": "thing.scanned", "data_base64": base64.b64encode(b"\0\x01\xff").decode(),
              "datacontenttype": "application/octet-stream"}
    append("thing", "t1", binary)
    append("thing", "t0", {"type": "weir.tombstone", "data": None})
    append("other", "o1", {"type": "other.happened", "data": {}}, {"type": "other.happened", "data": {}})
    append("thing", "t2", {"type": "thing.ended", "data": []}, {"type": "thing.ended", "data": "text"})
    append("thing", "t7", {"type": "thing.ended", "data": None})
    shop.weir("relay", "--once")


def verify(shop, *options):
    """(findings, the types by name, exit code)."""
    done = shop.weir("verify", "topics", "-o", "json", *options, check=False)
    assert done.code in (0, 1), done.stderr
    said = done.json()
    assert (done.code == 1) == bool(said["findings"]) or "--limit" in options
    return said["findings"], {t["aggregatetype"]: t for t in said["types"]}, done


def kinds(findings):
    return sorted(((f["kind"], f["position"]) for f in findings), key=lambda e: (e[0], e[1] or 0))


def clean(shop):
    findings, types, done = verify(shop)
    assert findings == [] and "topics and store are equal" in done.stderr
    return types


def nth(records, n, partition=None):
    """The n-th record (of a partition)."""
    return [r for r in records if partition is None or r.partition == partition][n]


def without(records, *gone):
    return [r for r in records if r not in gone]


def swapped(records, old, new):
    return [new if r is old else r for r in records]


def with_header(message, name, value):
    """The record with that header changed; value None: without it."""
    kept = tuple((k, value if k == name else v) for k, v in message.headers if k != name or value is not None)
    return replace(message, headers=kept)


def with_more(message, *headers):
    return replace(message, headers=message.headers + headers)


class Planted:
    def __init__(self, shop, aggregate_type):
        self.shop, self.type = shop, aggregate_type
        self.topic = shop.value("SELECT topic FROM weir.topics WHERE aggregate_type = %s", aggregate_type)
        self.partitions = shop.value("SELECT partitions FROM weir.topics WHERE aggregate_type = %s", aggregate_type)
        self.original = tuple(m for m in shop.consume() if m.topic == self.topic)
        self.spare = []
        self.producer = Producer({"bootstrap.servers": shop.services.brokers, "acks": "all",
                                  "max.in.flight.requests.per.connection": 1, "linger.ms": 5})

    def records(self):
        """The records in position order, as the relay wrote them."""
        return sorted(self.original, key=lambda m: m.position)

    def make_topics(self, count, **config):
        """Topics for so many writes, in one request: that is what takes its time."""
        names = [f"{self.shop.prefix}.{self.type}.{secrets.token_hex(4)}" for _ in range(count)]
        admin = AdminClient({"bootstrap.servers": self.shop.services.brokers})
        for future in admin.create_topics([NewTopic(n, self.partitions, 1, config=config) for n in names]).values():
            future.result(30)
        wait_until(lambda: self.shop.topics().keys() >= set(names), 30, "the topics are there")
        self.spare += names

    def write(self, records, **config):
        """A fresh topic with these records takes the place of the type's topic."""
        if config or not self.spare:
            self.make_topics(1, **config)
        name = self.spare.pop()
        self._produce(name, records)
        self.point_at(name)
        self.record(records)
        return name

    def _produce(self, topic, records):
        """Each record into its partition, in order; waits until Kafka has them."""
        failures = []
        for r in records:
            self.producer.produce(topic, r.value, r.key, r.partition, headers=list(r.headers),
                                  on_delivery=lambda error, _: failures.append(error) if error else None)
        assert self.producer.flush(60) == 0 and failures == []

    def record(self, records):
        """What the relay would have recorded of these: its last event's position, and the offset behind."""
        for partition in range(self.partitions):
            there = [r for r in records if r.partition == partition]
            ours = [(r.position, n + 1) for n, r in enumerate(there) if r in self.original]
            self.shop.sql("UPDATE weir.relay_partitions SET position = %s, next_offset = %s"
                          " WHERE topic = %s AND partition = %s", *max(ours, default=(0, 0)), self.topic, partition)

    def point_at(self, name):
        self.shop.sql("UPDATE weir.topics SET topic = %s WHERE aggregate_type = %s", name, self.type)
        self.shop.sql("UPDATE weir.relay_partitions SET topic = %s WHERE topic = %s", name, self.topic)
        self.shop.configure(topics={self.type: {"name": name}})
        self.topic = name
