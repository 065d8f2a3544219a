"""Independent checkers: they read raw tables and raw topics, and share no code with weir.

    faults, duplicates = compare_topics(stored_events(shop), shop.consume(), shop.topics())

compare_topics proves the promises I2 and I3 from what PostgreSQL and Kafka hold: every committed event
is in its partition, none else is, first occurrences rise in position, versions rise without a gap, the
chain (prevposition) is unbroken, and a repeated message is identical to the first. It returns faults
as sentences; an empty list is the proof.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from harness import partition_of


@dataclass(frozen=True)
class Stored:
    position: int
    type: str
    id: str
    version: int
    event_id: str
    event_type: str
    schema_version: int
    data: object
    metadata: dict
    time: datetime
    recorded_at: datetime


def stored_events(shop, schema="weir"):
    """Every event of the store, by position."""
    rows = shop.sql(
        f"SELECT position, aggregate_type, aggregate_id, version, event_id::text, event_type,"
        f" schema_version, data, metadata, time, recorded_at FROM {schema}.events ORDER BY position"
    )
    return [Stored(*row) for row in rows]


def compare_topics(events, messages, topics, prefix=None):
    """(faults, duplicates): what contradicts I2 and I3, and the repeated messages with their first."""
    by_position = {e.position: e for e in events}
    faults, duplicates, seen = [], [], {}
    for (topic, partition), run in _by_partition(messages).items():
        last = 0
        for message in run:
            if message.position in seen:
                duplicates.append((seen[message.position], message))
                faults += _differences(seen[message.position], message)
                continue
            seen[message.position] = message
            where = f"{topic}/{partition}@{message.offset} position {message.position}"
            if message.position < last:
                faults.append(f"{where}: comes after position {last}")
            if message.prevposition != last:
                faults.append(f"{where}: its prevposition is {message.prevposition}, not {last}")
            last = message.position
            event = by_position.get(message.position)
            faults += [f"{where}: {f}" for f in _mismatches(event, message, topics[topic])]
    missing = [e.position for e in events if e.position not in seen]
    if missing:
        faults.append(f"{len(missing)} of {len(events)} events are in no topic: {missing[:10]} …")
    return faults + _gaps(messages), duplicates


def _by_partition(messages):
    runs = defaultdict(list)
    for message in messages:
        runs[message.topic, message.partition].append(message)
    return runs


def _differences(first, second):
    same = (first.topic, first.partition, first.key, first.value, first.headers) == (
        second.topic, second.partition, second.key, second.value, second.headers)
    return [] if same else [f"position {first.position}: its repetition differs from the first"]


def _mismatches(event, message, partitions):
    if event is None:
        return ["no such event in the store"]
    expected = {
        "key": event.id.encode(),
        "partition": partition_of(event.id, partitions),
        "aggregate": (event.type, event.id),
        "version": event.version,
        "id": event.event_id,
        "type": event.event_type,
    }
    found = [f"{k} is {getattr(message, k)!r}, not {v!r}" for k, v in expected.items() if getattr(message, k) != v]
    if event.event_type == "weir.tombstone":
        if message.value is not None or event.data is not None:
            found.append("a tombstone with a value")
    elif message.json() != event.data:
        found.append("the payload differs")
    return found


def _gaps(messages):
    """Versions of one aggregate rise by one, ignoring repetitions."""
    faults, at, seen = [], defaultdict(int), set()
    for message in messages:
        if message.position in seen:
            continue
        seen.add(message.position)
        if message.version != at[message.aggregate] + 1:
            faults.append(f"{message.aggregate}: version {message.version} follows {at[message.aggregate]}")
        at[message.aggregate] = message.version
    return faults


def check_versions(events):
    """I1: versions of every aggregate are 1, 2, 3 … in position order."""
    at, faults = defaultdict(int), []
    for event in events:
        if event.version != at[event.type, event.id] + 1:
            faults.append(f"{event.type}/{event.id}: version {event.version} follows {at[event.type, event.id]}")
        at[event.type, event.id] = event.version
    return faults


def same_json(text, value):
    return json.loads(text) == value
