"""Topics as an independent client sees them: made, deleted, counted and compared byte for byte."""

import hashlib
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PATIENCE = 120


def create(brokers, name, partitions):
    """Made, and led in every partition: what follows is not to wait for an election."""
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 4})
    for future in admin.create_topics([NewTopic(name, partitions, 1)]).values():
        future.result(30)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = admin.list_topics(name, timeout=10).topics[name].partitions.values()
        if len(found) == partitions and all(partition.leader >= 0 for partition in found):
            return
        time.sleep(0.1)
    raise SystemExit(f"topic {name} has no leaders")


def delete(brokers, prefix):
    """Every topic whose name begins so."""
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 4})
    names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
    for future in admin.delete_topics(names).values() if names else ():
        future.result(30)


def fingerprint(record):
    """A digest of everything in a record that its producer decides."""
    content = (record.key(), record.value(), record.headers())
    return hashlib.blake2b(repr(content).encode(), digest_size=16).digest()


def difference(brokers, left, right):
    """(messages compared, None), or where two topics first differ, as a sentence."""
    count, (one, other) = 0, (_read(brokers, name) for name in (left, right))
    if len(one) != len(other):
        return 0, f"{len(one)} partitions, and {len(other)}"
    for partition, stream in one.items():
        if len(stream) != len(other[partition]):
            return count, f"partition {partition} has {len(stream)} messages, and {len(other[partition])}"
        for offset, pair in enumerate(zip(stream, other[partition])):
            if pair[0] != pair[1]:
                return count, f"message {offset} of partition {partition} is another"
        count += len(stream)
    return count, None


def _read(brokers, name):
    """{partition: fingerprints}, from the beginnings to the ends as they are met."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "bench-compare", "enable.auto.commit": False,
                         "enable.partition.eof": True})
    found = {number: [] for number in consumer.list_topics(name, timeout=30).topics[name].partitions}
    consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for number in found])
    unfinished, deadline = set(found), time.monotonic() + PATIENCE
    while unfinished:
        if time.monotonic() > deadline:
            raise SystemExit(f"{name}: no end within {PATIENCE} s")
        for record in consumer.consume(1000, 0.1):
            if record.error() is None:
                found[record.partition()].append(fingerprint(record))
            elif record.error().code() == KafkaError._PARTITION_EOF:
                unfinished.discard(record.partition())
            else:
                raise SystemExit(f"{name}: {record.error()}")
    consumer.close()
    return found
