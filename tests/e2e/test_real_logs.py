"""The whole road on real input: import → store → relay → Kafka → projections, against Python.

The reader is confluent-kafka with the CloudEvents SDK; the folds are a dozen lines below. Both know
nothing of weir but its documented formats.
"""

from collections import Counter, defaultdict
from hashlib import md5

import pytest
from checks import check_versions, compare_topics, stored_events
from cloudevents.kafka import KafkaMessage, from_binary
from logs import events_of, log


CASES = """\
-- projection: {name}
-- from: {type}
-- apply: {apply}
CREATE TABLE cases (
    id    text PRIMARY KEY,
    steps bigint NOT NULL,
    chain text NOT NULL,
    last  text NOT NULL,
    at    timestamptz NOT NULL
);

-- on: *
INSERT INTO cases AS c SELECT aggregate_id, 1, md5(event_id::text), event_type, time FROM events
ON CONFLICT (id) DO UPDATE SET steps = c.steps + 1, chain = md5(c.chain || excluded.chain),
    last = excluded.last, at = excluded.at;
"""


def digest(text):
    return md5(text.encode()).hexdigest()


def fold(events):
    """The cases table, by an independent fold of the source: order-sensitive through the chain."""
    cases = {}
    for event in events:
        steps, chain, *_ = cases.get(event["subject"], (0, None, None, None))
        link = digest(event["id"])
        chain = digest(chain + link) if chain else link
        cases[event["subject"]] = (steps + 1, chain, event["type"], event["time"])
    return cases


def projected(shop, name):
    rows = shop.sql(
        f"""SELECT id, steps, chain, last, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            FROM {name}.cases"""
    )
    return {row[0]: row[1:] for row in rows}


def normal(cases):
    return {k: (*v[:3], v[3] if "." in v[3] else v[3].replace("Z", ".000000Z")) for k, v in cases.items()}


@pytest.mark.parametrize("name, type, count", [("permits.jsonl", "permit", 8577), ("webhooks.jsonl", "repository", 329)])
def test_a_real_log_goes_the_whole_road(shop, name, type, count):
    source = log(name)
    events = events_of(source)
    assert len(events) == count
    for apply in ("each", "aggregate"):
        shop.projection(f"cases_{apply}", CASES.format(name=f"cases_{apply}", type=type, apply=apply))
    shop.weir("migrate")

    shop.weir("import", source)
    again = shop.weir("import", source)
    assert str(count) in again.stdout + again.stderr
    stored = stored_events(shop)
    assert [e.event_id for e in stored] == [e["id"] for e in events], "stored once, in the log's order"
    assert check_versions(stored) == []
    for event, row in zip(events, stored):
        assert (event["subject"], event["type"], event["data"]) == (row.id, row.event_type, row.data)

    shop.weir("relay", "--once")
    messages, topics = shop.consume(), shop.topics()
    faults, duplicates = compare_topics(stored, messages, topics)
    assert faults == [] and duplicates == []
    check_with_the_sdk(messages, events)

    shop.weir("run", "--once")
    expected = normal(fold(events))
    assert projected(shop, "cases_each") == expected
    assert projected(shop, "cases_aggregate") == expected
    shop.weir("run", "--once")
    assert projected(shop, "cases_each") == expected, "a second run changes nothing"
    done = shop.sql("SELECT subscription, sum(events) FROM weir.checkpoints GROUP BY 1 ORDER BY 1")
    assert done == [("cases_aggregate", count), ("cases_each", count)]


def check_with_the_sdk(messages, events):
    """Every event once, in version order per case, each case in one partition, payload equal."""
    source = {e["id"]: e for e in events}
    homes, versions, seen = defaultdict(set), Counter(), Counter()
    for message in messages:
        read = from_binary(KafkaMessage(dict(message.headers), message.key, message.value))
        original = source[read["id"]]
        assert (read["type"], read["subject"]) == (original["type"], original["subject"])
        assert read["time"].startswith(original["time"].rstrip("Z").rstrip("0").rstrip("."))
        assert read.data == original["data"]
        versions[read["subject"]] += 1
        assert int(read["aggregateversion"]) == versions[read["subject"]]
        homes[read["subject"]].add(message.partition)
        seen[read["id"]] += 1
    assert set(seen) == set(source) and set(seen.values()) == {1}
    assert all(len(partitions) == 1 for partitions in homes.values())
