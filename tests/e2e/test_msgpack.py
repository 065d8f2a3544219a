"""msgpack from the command line to the read model: shown as JSON, kept as bytes, refused with its path."""

import base64
import json

import pytest


MSGPACK = "application/msgpack"
DATA = {"total": 5, "x": [1.5, "é", None]}
BYTES = b"\x82\xa5total\x05\xa1x\x93\xcb\x3f\xf8\0\0\0\0\0\0\xa2\xc3\xa9\xc0"  # by hand, from the specification
NAN = b"\x81\xa1a\xcb\x7f\xf8\0\0\0\0\0\0"

BY = """\
-- projection: by_{apply}
-- from: order
-- apply: {apply}
CREATE TABLE orders (id text, version bigint, total bigint, x jsonb, has_data bool);

-- on: order.*
INSERT INTO orders SELECT aggregate_id, version, (data->>'total')::bigint, data->'x', data IS NOT NULL FROM events;
"""


@pytest.fixture
def store(shop):
    shop.configure(kafka={"partitions": 1})
    shop.weir("migrate")
    return shop


def add(store, type, *options, **more):
    return store.weir("append", "order", "o1", "--type", type, *options, **more)


def stored(store):
    return store.sql("SELECT data, data_binary, content_type FROM weir.events ORDER BY position")


def append_bytes(store, bytes, content_type=MSGPACK):
    encoded = base64.b64encode(bytes).decode()
    store.append("order", "o1", {"type": "order.a", "data_base64": encoded, "datacontenttype": content_type})


def test_json_becomes_msgpack_and_is_shown_as_json(store):
    add(store, "order.a", "--content-type", MSGPACK, "--data", json.dumps(DATA))
    (store.directory / "raw").write_bytes(BYTES)
    add(store, "order.a", "--content-type", "application/x-msgpack", "--data-file", "raw")
    assert stored(store) == [(None, BYTES, MSGPACK), (None, BYTES, "application/x-msgpack")]
    assert '{"total":5,"x":[1.5,"é",null]}' in store.weir("read", "order", "o1").stdout
    for command in (["read"], ["tail", "--from-start", "--limit", "2"]):
        shown = store.weir(*command, "-o", "jsonl").jsonl()
        assert [(e["data"], e["datacontenttype"], "data_base64" in e) for e in shown] == [
            (DATA, MSGPACK, False), (DATA, "application/x-msgpack", False)]
    exported = store.weir("export").jsonl()
    assert [(base64.b64decode(e["data_base64"]), "data" in e) for e in exported] == [(BYTES, False)] * 2


def test_both_logs_come_back_as_the_same_events(store):
    add(store, "order.a", "--content-type", MSGPACK, "--data", json.dumps(DATA))
    append_bytes(store, b"\xc4\x01x")  # no JSON for it: bytes in both logs
    before = stored(store)
    logs = [store.weir("export").stdout, store.weir("read", "-o", "jsonl").stdout]
    for log in logs:
        store.write("again.jsonl", log)
        store.weir("import", "again.jsonl")  # absorbed, since type and bytes are the same
        assert stored(store) == before
        other = log.replace('"subject":"o1"', '"subject":"o2"')
        for event in (json.loads(line) for line in log.splitlines()):
            other = other.replace(event["id"], event["id"][:-4] + "0000")
    store.write("other.jsonl", other.replace('"aggregatetype":"order"', '"aggregatetype":"copy"'))
    store.weir("import", "other.jsonl")
    assert stored(store)[2:] == before


@pytest.mark.parametrize(
    "options, said",
    [
        (["--data", '{"a":[1,18446744073709551616]}'], "--data: /a/1: the integer"),
        (["--data", '{"a":1,"a":2}'], "--data: /a: a duplicate key"),
        (["--data", "[1"], "--data: bad JSON at line 1, column 3"),
        (["--data-file", "nan"], "--data-file: /a: NaN"),
        (["--data-file", "nan", "--data", "1"], "exclude each other"),
        (["--data-file", "absent"], "absent: No such file"),
    ],
)
def test_what_msgpack_cannot_hold_is_refused(store, options, said):
    (store.directory / "nan").write_bytes(NAN)
    refused = add(store, "order.a", "--content-type", MSGPACK, *options, check=False)
    assert refused.code == 2 and said in refused.stderr
    assert stored(store) == []


def test_an_import_refuses_the_same(store):
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "subject": "x", "aggregatetype": "order",
             "datacontenttype": MSGPACK, "data": {"big": 1 << 64}}
    store.write("log.jsonl", json.dumps(event))
    refused = store.weir("import", "log.jsonl", "--dry-run", check=False)
    assert refused.code != 0 and "log.jsonl:1: data as application/msgpack: /big: the integer" in refused.stderr


def test_other_content_is_taken_as_it_is(store):
    (store.directory / "png").write_bytes(b"\x89PNG\0")
    add(store, "order.a", "--content-type", "text/plain", "--data", "hé")
    add(store, "order.a", "--content-type", "image/png", "--data-file", "png")
    add(store, "order.a", "--content-type", "image/png", "--data", "@png")
    add(store, "order.a", "--content-type", "application/order+json", "--data", "{}")
    assert stored(store) == [
        (None, "hé".encode(), "text/plain"), (None, b"\x89PNG\0", "image/png"), (None, b"\x89PNG\0", "image/png"),
        ({}, None, "application/order+json")]


@pytest.mark.parametrize("apply", ["each", "aggregate", "batch"])
def test_projections_read_msgpack(store, apply):
    store.projection(f"by_{apply}", BY.format(apply=apply))
    append_bytes(store, BYTES)
    append_bytes(store, BYTES)
    append_bytes(store, b"\x89PNG", "image/png")
    store.append("order", "o1", {"type": "order.a", "data": {"total": 7, "x": None}})
    store.append("order", "o2", {"type": "order.a", "data": {"total": 8, "x": 1}})
    store.weir("relay", "--once")
    store.weir("run", "--once")
    rows = store.sql(f"SELECT * FROM by_{apply}.orders ORDER BY id, version")
    assert rows == [
        ("o1", 1, 5, DATA["x"], True), ("o1", 2, 5, DATA["x"], True), ("o1", 3, None, None, False),
        ("o1", 4, 7, None, True), ("o2", 1, 8, 1, True)]


def test_broken_msgpack_is_bytes_to_a_reader_and_stops_a_projection(store):
    store.configure(subscriptions={"by_batch": {"on_poison": "halt"}})
    store.projection("by_batch", BY.format(apply="batch"))
    append_bytes(store, BYTES)
    append_bytes(store, NAN)
    assert "12 bytes of application/msgpack" in store.weir("read", "order", "o1").stdout
    assert base64.b64decode(store.weir("read", "-o", "jsonl").jsonl()[1]["data_base64"]) == NAN
    store.weir("relay", "--once")
    stopped = store.weir("run", "--once", check=False)
    assert stopped.code == 1
    status = store.weir("projection", "status", "-o", "json").stdout
    assert "data: /a: NaN has no JSON" in status and "order/o1" in status and "version 2" in status
    assert store.value("SELECT count(*) FROM by_batch.orders") == 1
