"""What a configuration may change about messages and their rate, and what it never changes."""

import json
import struct

import pytest
from checks import compare_topics, stored_events
from harness import wait_until


TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "congo=t61rcWkgMzE"}


def things(shop, count, aggregate_type="thing", size=1):
    with shop.connect() as connection:
        for n in range(count):
            event = {"type": "thing.happened", "data": {"n": n, "text": "x" * size}}
            append = "SELECT weir.append(%s, %s, NULL, %s::jsonb)"
            connection.execute(append, (aggregate_type, f"t{n % 7}", json.dumps([event])))


def same(shop):
    assert compare_topics(stored_events(shop), shop.consume(), shop.topics()) == ([], [])


def busiest_second(times):
    """Most messages within any second, by the clock of whoever produced them (ms)."""
    return max(sum(start <= t < start + 1000 for t in times) for start in times)


@pytest.mark.once
@pytest.mark.parametrize("limit", [{"max_events_per_second": 100}, {"max_bytes_per_second": 60000}])
def test_a_rate_is_kept(shop, limit):
    shop.configure(relay=limit, kafka={"partitions": 2})
    shop.weir("migrate")
    things(shop, 250)
    shop.weir("relay", "--once")
    messages = shop.consume()
    times = sorted(m.timestamp for m in messages)
    sizes = [len(m.key) + len(m.value) + sum(len(k) + len(v) for k, v in m.headers) for m in messages]
    rate = limit.get("max_events_per_second") or limit["max_bytes_per_second"] / (sum(sizes) / len(sizes))
    assert busiest_second(times) <= rate * 1.2 + 5
    assert times[-1] - times[0] >= (250 / rate - 0.5) * 1000
    same(shop)


def test_a_slow_relay_still_records_and_stops(shop):
    shop.configure(relay={"max_events_per_second": 10})
    shop.weir("migrate")
    things(shop, 200)
    relay = shop.start("relay")
    beats = "SELECT position, heartbeat_at FROM weir.relays"
    wait_until(lambda: shop.sql(beats) and 0 < shop.sql(beats)[0][0], 30, "the cursor moves")
    first = shop.sql(beats)[0]
    wait_until(lambda: all(a < b for a, b in zip(first, shop.sql(beats)[0])), 30, "and the heartbeat")
    assert relay.stop() == 0
    ((position, clean),) = shop.sql("SELECT position, clean FROM weir.relays")
    assert position < 200 and clean
    shop.configure(relay={"max_events_per_second": 0})
    shop.weir("relay", "--once")
    same(shop)


CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def codecs_on_disk(shop, topic):
    """The codec of every record batch, as the broker's log files have it."""
    found = set()
    for path in shop.services.directory.glob(f"**/{topic}-*/*.log"):
        data, at = path.read_bytes(), 0
        while at + 61 <= len(data):
            length, magic, attributes = struct.unpack_from(">8xi4xb4xh", data, at)
            if length <= 0:
                break
            assert magic == 2
            found.add(attributes & 7)
            at += 12 + length
    return found


@pytest.mark.once
def test_compression(shop):
    shop.weir("migrate")
    for codec in CODECS:
        shop.configure(relay={"compression": codec})
        things(shop, 20, codec, size=2000)
        shop.weir("relay", "--once")
    things(shop, 20, "plain", size=2000)
    shop.configure(relay={"compression": "none"})
    shop.weir("relay", "--once")
    same(shop)
    assert codecs_on_disk(shop, f"{shop.prefix}.plain") == {0}
    for codec, number in CODECS.items():
        assert codecs_on_disk(shop, f"{shop.prefix}.{codec}") == {number}, codec


def test_compression_is_said_once(shop):
    """An unknown codec, and one that kafka.properties contradicts."""
    shop.configure(relay={"compression": "brotli"})
    refused = shop.weir("config", "check", check=False)
    assert refused.code == 2 and "zstd" in refused.stderr
    shop.configure(relay={"compression": "zstd"}, kafka={"properties": {"compression.codec": "lz4"}})
    shop.weir("migrate")
    refused = shop.weir("relay", "--once", check=False)
    assert refused.code == 2 and "compression" in refused.stderr and "lz4" in refused.stderr


ALL = """-- projection: all
-- from: thing
CREATE TABLE traces (id text PRIMARY KEY, metadata jsonb);

-- on: *
INSERT INTO traces SELECT aggregate_id, metadata FROM events;
"""


def test_trace_context_is_carried(shop):
    """W3C: as headers of their own names, and back into metadata where weir consumes it."""
    shop.projection("all", ALL)
    shop.weir("migrate")
    shop.append("thing", "plain", {"type": "t", "data": 1, "metadata": TRACE})
    shop.append("thing", "more", {"type": "t", "data": 1, "metadata": {**TRACE, "tenant": 7}})
    shop.weir("relay", "--once")
    by_key = {m.key.decode(): m for m in shop.consume()}
    for message in by_key.values():
        assert {name: message.header(name) for name in TRACE} == TRACE
    assert by_key["plain"].header("ce_metadata") is None
    assert json.loads(by_key["more"].header("ce_metadata")) == {**TRACE, "tenant": 7}
    shop.weir("run", "--once")
    rows = dict(shop.sql('SELECT id, metadata FROM "all".traces'))
    assert rows == {"plain": TRACE, "more": {**TRACE, "tenant": 7}}


def test_the_latest_of_every_key_is_a_tombstone_or_a_state(shop):
    """As compaction leaves it: a null value takes the key away, null bytes and not the text null."""
    shop.configure(kafka={"topic_properties": {"cleanup.policy": "compact"}})
    shop.weir("migrate")
    things(shop, 14)
    shop.append("thing", "t3", {"type": "weir.tombstone", "data": None})
    shop.weir("relay", "--once")
    latest = {m.key: m.value for m in sorted(shop.consume(), key=lambda m: (m.partition, m.offset))}
    assert latest.pop(b"t3") is None
    assert sorted(latest) == [b"t0", b"t1", b"t2", b"t4", b"t5", b"t6"]
    assert [json.loads(latest[f"t{n}".encode()])["n"] for n in (0, 1, 2, 4, 5, 6)] == [7, 8, 9, 11, 12, 13]
    same(shop)


OUTBOX = {"id": "id", "eventType": "type", "aggregateType": "aggregate_type", "user": "metadata.userid"}
PAYLOAD = {"n": 12345678901234567890, "text": "\"quoted\" \\ ä \n"}
VALUES = {  # as a reader of Kafka Connect's JsonConverter gets at the payload
    "payload": json.loads,
    "string": lambda value: json.loads(json.loads(value)),
    "schema": lambda value: json.loads(json.loads(value)["payload"]),
}
STATES = """-- projection: states
-- from: order
CREATE TABLE orders (id text PRIMARY KEY, data jsonb);

-- on: *
INSERT INTO orders SELECT aggregate_id, data FROM events ON CONFLICT (id) DO UPDATE SET data = excluded.data;
"""


@pytest.mark.parametrize("form", VALUES)
def test_messages_as_the_outbox_event_router_gives_them(shop, form):
    """Topic, key, headers and value for its readers; the chain and CloudEvents for everybody else;
    a restart in another form goes on where it was."""
    format = {"topic_format": "{prefix}.outbox.event.{aggregate_type}"}
    shop.configure(relay={"headers": OUTBOX, "value": form}, kafka=format)
    shop.projection("states", STATES)
    shop.weir("migrate")
    event = {"type": "OrderCreated", "data": PAYLOAD, "metadata": {"userid": "ada"}}
    shop.append("order", "1", event)
    shop.append("order", "2", {"type": "OrderCreated", "data": [1, None]})
    shop.append("order", "1", {"type": "weir.tombstone", "data": None})
    shop.append("order", "3", {"type": "OrderScanned", "data_base64": "AAECAw==", "datacontenttype": "image/png"})
    shop.weir("relay", "--once")
    first, second, gone, binary = sorted(shop.consume(), key=lambda m: m.position)
    assert first.topic == f"{shop.prefix}.outbox.event.order" and first.key == b"1"
    ids = [i for (i,) in shop.sql("SELECT event_id::text FROM weir.events ORDER BY position")]
    assert [m.header("id") for m in (first, second, gone, binary)] == ids
    assert [first.header(name) for name in ("eventType", "aggregateType", "user")] == ["OrderCreated", "order", "ada"]
    assert second.header("user") is None
    assert VALUES[form](first.value) == PAYLOAD and VALUES[form](second.value) == [1, None]
    assert gone.value is None and binary.value == bytes([0, 1, 2, 3])
    assert first.header("ce_valueform") == (None if form == "payload" else form)
    assert binary.header("ce_valueform") is None
    if form == "schema":
        expected = {"type": "string", "optional": True, "name": "io.debezium.data.Json", "version": 1}
        assert json.loads(first.value)["schema"] == expected
    shop.configure(relay={"value": "payload"})
    shop.append("order", "4", event)
    shop.weir("relay", "--once")
    plain = [m for m in shop.consume() if m.position == 5]
    assert len(plain) == 1 and plain[0].json() == PAYLOAD
    before = [m.position for m in shop.consume() if m.partition == plain[0].partition and m.position < 5]
    assert plain[0].prevposition == max(before, default=0)
    shop.weir("run", "--once")
    rows = dict(shop.sql("SELECT id, data FROM states.orders"))
    assert rows == {"1": None, "2": [1, None], "3": None, "4": PAYLOAD}


def test_a_header_must_stand_for_something(shop):
    shop.weir("migrate")
    for headers, said in [
        ({"ce_id": "id"}, "itself"), ({"tracestate": "id"}, "itself"),
        ({"eventType": "kind"}, "kind"), ({"tenant": "metadata."}, "metadata.KEY"),
        ({f"h{n}": "id" for n in range(17)}, "at most 16"),
    ]:  # fmt: skip
        shop.settings["relay"] = {"headers": headers}
        shop.configure()
        for command in (("relay", "--once"), ("config", "check")):
            refused = shop.weir(*command, check=False)
            assert refused.code == 2 and said in refused.stderr, refused.stderr
