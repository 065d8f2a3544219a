"""What the topics hold, judged message by message while it comes, by a reader that never stops.

A Reader follows every topic of a shop from its beginning, on the brokers themselves, and enters each
record in a Ledger, which knows I3 by heart: first occurrences rise in position, the chain is unbroken,
versions rise by one, a repetition is identical to the first. Ledger.compare(shop) holds what came since
the last call against the rows of weir.events: whatever is in a topic is committed, and is the same.

Nothing here shares code with weir, and no message is kept: it may run for an hour.
"""

import hashlib
import threading
import time
from collections import defaultdict, namedtuple

import harness_kafka
from checks import Stored, _mismatches
from confluent_kafka import Consumer, KafkaError, TopicPartition

Repetition = namedtuple("Repetition", "position first second")  # and when each was written, in ms
CHUNK = 5000


def digest(message):
    content = (message.topic, message.partition, message.key, message.value, message.headers)
    return hashlib.blake2b(repr(content).encode(), digest_size=16).digest()


class Ledger:
    def __init__(self):
        self.seen, self.faults, self.repetitions = {}, [], []
        self._last, self._versions, self._fresh = defaultdict(int), defaultdict(int), []
        self._lock = threading.Lock()

    def enter(self, message):
        with self._lock:
            self._judge(message)

    def _judge(self, message):
        where = f"{message.topic}/{message.partition}@{message.offset} position {message.position}"
        place, now = (message.topic, message.partition), digest(message)
        if message.position in self.seen:
            first, at = self.seen[message.position]
            self.repetitions.append(Repetition(message.position, at, message.timestamp))
            if first != now:
                self.faults.append(f"{where}: its repetition differs from the first")
            return
        if message.position < self._last[place]:
            self.faults.append(f"{where}: comes after position {self._last[place]}")
        if message.prevposition != self._last[place]:
            self.faults.append(f"{where}: its prevposition is {message.prevposition}, not {self._last[place]}")
        if message.version != self._versions[message.aggregate] + 1:
            self.faults.append(f"{where}: version {message.version} follows {self._versions[message.aggregate]}")
        self.seen[message.position] = now, message.timestamp
        self._last[place], self._versions[message.aggregate] = message.position, message.version
        self._fresh.append(message)

    def compare(self, shop):
        """Holds what is new against the store; everything that is wrong so far."""
        with self._lock:
            fresh, self._fresh = self._fresh, []
        counts = harness_kafka.topics(shop.services.brokers, shop.prefix)
        for start in range(0, len(fresh), CHUNK):
            chunk = fresh[start : start + CHUNK]
            rows = shop.sql(
                "SELECT position, aggregate_type, aggregate_id, version, event_id::text, event_type, schema_version,"
                " data, metadata, time, recorded_at FROM weir.events WHERE position = ANY (%s)",
                [message.position for message in chunk],
            )
            stored = {row[0]: Stored(*row) for row in rows}
            for message in chunk:
                for fault in _mismatches(stored.get(message.position), message, counts[message.topic]):
                    self.faults.append(f"{message.topic}/{message.partition}@{message.offset}: {fault}")
        return self.faults


class Reader(threading.Thread):
    """Feeds a ledger until the block ends. It looks for new topics all the while, and gives up on a
    silent broker soon: it measures the relay's outages, and is to have none of its own."""

    def __init__(self, shop, ledger, isolation):
        super().__init__(daemon=True)
        self.shop, self.ledger, self.error = shop, ledger, None
        self._done = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": shop.services.brokers,
                "group.id": shop.prefix + "-ledger",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": isolation,
                "socket.timeout.ms": 3000,
                "reconnect.backoff.max.ms": 500,
                "topic.metadata.refresh.interval.ms": 1000,
                "fetch.wait.max.ms": 100,
            }
        )

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self.join(60)
        assert not self.is_alive()

    def run(self):
        try:
            self._read()
        except Exception as error:
            self.error = error
        finally:
            self._consumer.close()

    def _read(self):
        assigned, looked = {}, 0.0
        while not self._done.is_set():
            if time.monotonic() - looked > 2:
                self._assign(assigned)
                looked = time.monotonic()
            for record in self._consumer.consume(500, 0.1):
                if record.error() is None:
                    self.ledger.enter(harness_kafka._message(record))
                    assigned[record.topic(), record.partition()] = record.offset() + 1
                elif record.error().code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                    raise AssertionError(record.error())

    def _assign(self, assigned):
        """Adds partitions of topics that are new; nothing moves for the others."""
        try:
            topics = self._consumer.list_topics(timeout=1).topics
        except Exception:  # no broker answers: as good as nothing new
            return
        known = set(assigned)
        for name, topic in topics.items():
            if name.startswith(self.shop.prefix + "."):
                for number in topic.partitions:
                    assigned.setdefault((name, number), 0)
        if set(assigned) != known:
            self._consumer.assign([TopicPartition(t, p, offset) for (t, p), offset in assigned.items()])
