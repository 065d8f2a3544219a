"""weir.append_many gives what weir.append gives, refuses what it refuses, and stands behind the same fence."""

import json

import psycopg
import pytest

pytestmark = pytest.mark.once
KEPT = "aggregate_type, aggregate_id, version, event_type, schema_version, data, data_binary, content_type, metadata"
EVENTS = {
    "a": [{"type": "thing.made", "data": {"n": 1.10}, "metadata": {"userid": "ann"}}, {"type": "thing.moved", "data": None}],
    "b": [{"type": "thing.drawn", "data_base64": "AAE=", "datacontenttype": "image/png", "schemaversion": 3}],
    "ü c": [{"type": "thing.made", "data": [1], "time": "2024-01-01T00:00:00Z", "id": "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a10"}],
}


@pytest.fixture
def store(shop):
    shop.weir("migrate")
    return shop


def many(connection, *streams, type="thing"):
    ids, versions, events = zip(*streams)
    connection.execute("SELECT weir.append_many(%s, %s, %s::bigint[], %s)", (type, list(ids), list(versions), json.dumps(events)))


def test_it_stores_what_single_appends_store(store):
    with store.connect() as connection:
        many(connection, *((id, 0, events) for id, events in EVENTS.items()))
        many(connection, ("b", 1, EVENTS["a"]), ("a", 2, EVENTS["b"]))
    for id, events in EVENTS.items():
        events = [{k: v for k, v in event.items() if k != "id"} for event in events]
        store.value("SELECT weir.append('single', %s, 0, %s)", id, json.dumps(events))
    store.value("SELECT weir.append('single', 'b', 1, %s)", json.dumps(EVENTS["a"]))
    store.value("SELECT weir.append('single', 'a', 2, %s)", json.dumps(EVENTS["b"]))
    rows = {type: [row[1:] for row in store.sql(f"SELECT {KEPT} FROM weir.events WHERE aggregate_type = %s ORDER BY 2, 3", type)]
            for type in ("thing", "single")}
    assert rows["thing"] == rows["single"] and len(rows["thing"]) == 7
    assert store.sql("SELECT aggregate_id, version, closed FROM weir.streams WHERE aggregate_type = 'thing' ORDER BY 1") == [
        ("a", 3, False), ("b", 3, False), ("ü c", 1, False)]
    assert store.sql("""SELECT aggregate_id FROM (SELECT aggregate_id, version, lag(version) OVER (PARTITION BY aggregate_id
                        ORDER BY position) AS before FROM weir.events WHERE aggregate_type = 'thing') e WHERE before >= version""") == []


MADE = [{"type": "thing.made", "data": {}}]
REFUSED = [
    ("WV001", [("a", 0, MADE), ("kept", 0, MADE)]),
    ("WV001", [("a", 2, MADE)]),
    ("WV001", [("new", 1, MADE)]),
    ("WV006", [("closed", 2, MADE)]),
    ("WV002", [("new", 0, [])]),
    ("WV002", [("new", 0, [{"type": "weir.x", "data": 1}])]),
    ("WV002", [("new", 0, [{"type": "x"}])]),
    ("WV002", [("", 0, MADE)]),
    ("WV002", [("new\n", 0, MADE)]),
    ("WV002", [("new", 0, MADE), ("other", 0, [{"type": "weir.tombstone", "data": None}])]),
    ("WV002", [("new", 0, [{"type": "x", "data": "x" * 900001}])]),
]


@pytest.mark.parametrize("state, streams", REFUSED)
def test_a_refusal_stores_nothing(store, state, streams):
    store.append("thing", "a", *MADE)
    store.append("thing", "closed", *MADE, {"type": "weir.tombstone", "data": None})
    with store.connect() as connection, pytest.raises(psycopg.Error) as refusal:
        many(connection, *streams)
    assert refusal.value.sqlstate == state, refusal.value
    assert store.value("SELECT count(*) FROM weir.events") == 3 and store.value("SELECT sum(version) FROM weir.streams") == 3


def test_it_stands_behind_the_fence(store):
    store.append("thing", "first", *MADE)
    with store.connect(autocommit=False) as connection:
        many(connection, ("a", 0, MADE), ("b", 0, MADE))
        many(connection, ("c", 0, MADE))
        held = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert held.fetchone() == (1,)
        store.append("thing", "later", *MADE)
        assert store.value("SELECT horizon FROM weir.horizon()") == 1
    assert store.value("SELECT horizon FROM weir.horizon()") == 5
