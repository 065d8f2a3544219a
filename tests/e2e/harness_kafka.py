"""What Kafka holds, read by an independent client, and the arithmetic a reader in any language knows.

Nothing here shares code with weir: confluent-kafka reads the raw records, and murmur2 is written from
the algorithm, so that both sides can be held against each other.
"""

import json
import time
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient


@dataclass(frozen=True)
class Message:
    """One record as Kafka holds it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: tuple  # of (name, bytes), in their order
    timestamp: int = 0  # milliseconds, as the topic's message.timestamp.type says

    def header(self, name):
        """A header's text; None when it is absent. Twice the same header is an error."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, f"header {name} occurs {len(found)} times"
        return found[0].decode() if found else None

    @property
    def id(self):
        return self.header("ce_id")

    @property
    def type(self):
        return self.header("ce_type")

    @property
    def aggregate(self):
        return self.header("ce_aggregatetype"), self.header("ce_subject")

    @property
    def version(self):
        return int(self.header("ce_aggregateversion"))

    @property
    def position(self):
        return int(self.header("ce_position"))

    @property
    def prevposition(self):
        return int(self.header("ce_prevposition"))

    def json(self):
        return json.loads(self.value)


def independent_murmur2(key):
    """Java Kafka's murmur2 of a key's bytes, as an unsigned 32-bit number."""
    data = key.encode() if isinstance(key, str) else key
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) - len(data) % 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if data[whole:]:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of(key, partitions):
    return (independent_murmur2(key) & 0x7FFFFFFF) % partitions


def topics(brokers, prefix, letters=False):
    """{name: partition count} of the topics under a prefix: those of events, or those of dead letters."""
    return {n: count for n, count in all_topics(brokers, prefix).items() if n.endswith(".dlt") == letters}


def all_topics(brokers, prefix):
    admin = AdminClient({"bootstrap.servers": brokers})
    listed = admin.list_topics(timeout=30).topics
    return {n: len(t.partitions) for n, t in listed.items() if n.startswith(prefix + ".")}


def delete_topics(brokers, prefix):
    """Tries again for a while: a broker that hung needs some seconds until it takes orders."""
    deadline = time.monotonic() + 90
    while names := list(all_topics(brokers, prefix)):
        admin = AdminClient({"bootstrap.servers": brokers})  # its futures die with it
        try:
            for future in admin.delete_topics(names, request_timeout=10).values():
                future.result(15)
            return
        except (KafkaException, TimeoutError):
            if time.monotonic() > deadline:
                raise


def consume(brokers, prefix, seconds=120, letters=False, **properties):
    """Every record of every topic under the prefix (letters: of dead letters), by topic, partition and offset.

    Up to the ends as they are met. Reads uncommitted records too unless told otherwise
    (isolation__level="read_committed": double underscores stand for dots)."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": prefix + "-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_uncommitted",
            **{name.replace("__", "."): value for name, value in properties.items()},
        }
    )
    try:
        partitions = [
            TopicPartition(name, number, OFFSET_BEGINNING)
            for name, count in topics(brokers, prefix, letters).items()
            for number in range(count)
        ]
        consumer.assign(partitions)
        return _read_to_ends(consumer, {(p.topic, p.partition) for p in partitions}, seconds)
    finally:
        consumer.close()


def _read_to_ends(consumer, unfinished, seconds):
    messages, deadline = [], time.monotonic() + seconds
    while unfinished:
        assert time.monotonic() < deadline, f"no end after {seconds} s of {sorted(unfinished)}"
        for record in consumer.consume(1000, 0.05):  # it always waits so long for the last of 1000
            if record.error() is None:
                messages.append(_message(record))
            elif record.error().code() == KafkaError._PARTITION_EOF:
                unfinished.discard((record.topic(), record.partition()))
            else:
                raise AssertionError(record.error())
    return sorted(messages, key=lambda m: (m.topic, m.partition, m.offset))


def _message(record):
    headers = tuple(record.headers() or ())
    return Message(
        record.topic(),
        record.partition(),
        record.offset(),
        record.key(),
        record.value(),
        headers,
        record.timestamp()[1],
    )
