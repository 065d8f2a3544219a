"""Projections over topics that weir did not write: what Kafka has is applied once, and what it lost is said."""

import json
import time
import urllib.request
import uuid

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from harness import independent_murmur2, wait_until
from test_rebuild import serving

PAYMENTS = """\
-- projection: payments
-- topic: {topic}
CREATE TABLE seen (nr bigint GENERATED ALWAYS AS IDENTITY, place bigint, type text, id text, event uuid, kind text,
                   n bigint CHECK (n <> 13), metadata jsonb, data jsonb, at timestamptz, recorded timestamptz, version bigint);

-- on: *
INSERT INTO seen (place, type, id, event, kind, n, metadata, data, at, recorded, version)
SELECT position, aggregate_type, aggregate_id, event_id, event_type, (data->>'n')::bigint, metadata, data, time, recorded_at,
       version FROM events;
"""


class Stranger:
    """Another system: its topic, and what it writes there."""

    def __init__(self, shop, name, partitions=1):
        self.shop, self.topic = shop, f"{shop.prefix}.{name}"
        self.admin = AdminClient({"bootstrap.servers": shop.services.brokers})
        self.make(partitions)

    def make(self, partitions=1):
        wait_until(lambda: self._make(partitions), 30, "the topic is made")

    def _make(self, partitions):
        try:
            self.admin.create_topics([NewTopic(self.topic, partitions, 1)])[self.topic].result(30)
            return True
        except Exception as why:  # one that was just deleted is there for a moment still
            assert "ALREADY_EXISTS" in str(why)
            return False

    def remove(self):
        self.admin.delete_topics([self.topic])[self.topic].result(30)
        wait_until(lambda: self.topic not in self.admin.list_topics(timeout=30).topics, 30, "the topic is gone")

    def write(self, *messages, partition=0, headers=None):
        """(key, value) each: a value that is no bytes and not None becomes JSON."""
        producer = Producer({"bootstrap.servers": self.shop.services.brokers, "linger.ms": 0})  # knows all partitions
        for key, value in messages:
            raw = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
            producer.produce(self.topic, key=key, value=raw, partition=partition, headers=headers or [])
        assert producer.flush(30) == 0

    def cut(self, offset, partition=0):
        place = TopicPartition(self.topic, partition, offset)
        self.admin.delete_records([place])[place].result(30)


def payments(shop, *partitions, sql=PAYMENTS, name="payments", topic="payments"):
    """A stranger's topic, and the projection that reads it; nobody runs it yet."""
    other = Stranger(shop, topic, *partitions)
    shop.projection(name, sql.format(topic=other.topic))
    shop.weir("migrate")
    return other


def numbers(shop, order="nr"):
    return [n for n, in shop.sql(f"SELECT n FROM payments.seen ORDER BY {order}")]


def offsets(shop):
    return shop.sql("SELECT partition, next_offset, position FROM weir.checkpoints WHERE subscription = 'payments' ORDER BY 1, 2")


def reset(shop, *options):
    return shop.weir("projection", "reset", "payments", *options, "-o", "json", check=False)


def test_what_the_handler_sees(shop):
    other = payments(shop)
    other.write(("p-1", {"n": 1}), headers=[("eventType", b"paid"), ("trace", b"t-1"), ("raw", b"\xff")])
    other.write((None, {"n": 2}), ("p-1", None))
    shop.weir("run", "--once")
    seen = shop.sql("SELECT place, type, id, kind, n, metadata, data, version, at = recorded, at > now() - interval '1 h' FROM payments.seen ORDER BY nr")
    t = other.topic
    assert seen == [
        (1, t, "p-1", "paid", 1, {"eventType": "paid", "trace": "t-1", "raw": {"base64": "/w=="}}, {"n": 1}, 1, True, True),
        (2, t, "0-1", t, 2, {}, {"n": 2}, 2, True, True),
        (3, t, "p-1", "weir.tombstone", None, {}, None, 3, True, True),
    ]
    names = [uuid.uuid5(uuid.NAMESPACE_URL, f"kafka:///{t}/0/{offset}") for offset in range(3)]
    assert [e for e, in shop.sql("SELECT event FROM payments.seen ORDER BY nr")] == names
    assert shop.value("SELECT jsonb_typeof(data) FROM payments.seen WHERE nr = 3") == "null"
    assert offsets(shop) == [(0, 3, 3)]
    status = shop.weir("projection", "status", "-o", "json").json()[0]
    assert status["lag_events"] == 0 and status["events"] == 3
    other.write(("p-1", {"n": 4}))
    status = shop.weir("projection", "status", "-o", "json").json()[0]
    assert status["lag_events"] == 1 and status["unrelayed"] == 0 and status["lag_seconds"] > 0
    listed = shop.weir("projection", "list", "-o", "json").json()[0]
    assert listed["from"] == [] and listed["topics"] == [t]


OUTBOX = PAYMENTS.replace("-- topic: {topic}", "-- topic: {topic}\n-- format: debezium-outbox")


def test_an_outbox_that_debezium_fills(shop):
    """In the forms that Connect's converters give it; the topic's name is not Debezium's here, since the test's must differ."""
    other = payments(shop, sql=OUTBOX)
    ids = [uuid.uuid4() for _ in range(3)]
    values = [{"n": 1}, json.dumps({"n": 2}), {"schema": {"type": "string"}, "payload": json.dumps({"n": 3})}]
    for id, value in zip(ids, values):
        other.write(("o-1", value), headers=[("id", str(id).encode()), ("eventType", b"order.placed")])
    shop.weir("run", "--once")
    assert shop.sql("SELECT event, kind, id, n FROM payments.seen ORDER BY nr") == [
        (id, "order.placed", "o-1", n + 1) for n, id in enumerate(ids)]


def test_each_effect_is_there_once_whatever_is_killed(shop):
    """Two lanes, three partitions, one projection of the store's events beside it; killed at the worst moments."""
    other = payments(shop, 3)
    shop.configure(subscriptions={"payments": {"lanes": 2, "batch_events": 100}},
                   kafka={"properties": {"session.timeout.ms": 6000}})  # how long a killed member is missed
    shop.projection("things", """\
-- projection: things
-- from: thing
CREATE TABLE things (id text);
-- on: *
INSERT INTO things SELECT aggregate_id FROM events;
""")
    shop.append("thing", "t-1", {"type": "made", "data": {}})
    shop.weir("relay", "--once")
    for n in range(0, 600, 3):
        for p in range(3):
            other.write((f"k-{n % 7}-{p}", {"n": 1000 + n + p}), partition=p)
    for failpoint in ["consumer_after_commit", "consumer_before_commit"]:
        killed = shop.weir("run", "payments", check=False, env={"WEIR_FAILPOINT": f"{failpoint}=kill"})
        assert killed.code == -9
    shop.weir("run", "--once")
    assert numbers(shop, "n") == list(range(1000, 1600))
    disorder = """SELECT count(*) FROM (SELECT place, lag(place) OVER (PARTITION BY id ORDER BY nr) AS before FROM payments.seen) s
                  WHERE before >= place"""
    assert shop.value(disorder) == 0
    assert shop.value("SELECT count(*) FROM things.things") == 1
    assert {(p, o) for p, o, _ in offsets(shop)} == {(0, 200), (1, 200), (2, 200)}
    # A death that left one lane of a partition behind: it reads on from there, and the other lane does nothing twice.
    behind = [f"k-{n}-0" for n in range(7) if (independent_murmur2(f"k-{n}-0") & 0x7FFFFFFF) // 65536 % 2 == 0]
    assert 0 < len(behind) < 7
    shop.sql("DELETE FROM payments__g1.seen WHERE id = ANY (%s) AND place > 120", behind)
    shop.sql("UPDATE weir.checkpoints SET next_offset = 120, position = 120 WHERE subscription = 'payments' AND partition = 0 AND lane = 0")
    other.write(*[(f"k-{n}-0", {"n": 1600 + n}) for n in range(7)])
    shop.weir("run", "--once")
    assert numbers(shop, "n") == list(range(1000, 1607))


def test_poison_waits_and_comes_back_edited_or_not(shop):
    shop.configure(subscriptions={"payments": {"redrive": "none", "attempts": 1}})
    other = payments(shop, 1)
    other.write(("a", {"n": 1}), ("a", b'{"n": '), ("a", {"n": 3}), ("b", {"n": 13}), (b"\xff", {"n": 5}), (None, b"\xff\xfe"),
                (None, {"n": 7}), headers=[("x", b"\x00\x01"), ("content-type", b"text/plain")])
    shop.weir("run", "--once")
    assert numbers(shop) == [1, 7]
    letters = shop.sql("""SELECT message_offset, position, aggregate_id, cause, key, value, header_names, header_values
                          FROM weir.dead_letters ORDER BY id""")
    assert [l[:4] for l in letters] == [
        (1, 2, "a", "unreadable"), (2, 3, "a", "behind"), (3, 4, "b", "refused"), (4, 5, "0-4", "unreadable"), (5, 6, "0-5", "unreadable")]
    assert [l[4:6] for l in letters] == [
        (b"a", b'{"n": '), (b"a", b'{"n": 3}'), (b"b", b'{"n": 13}'), (b"\xff", b'{"n": 5}'), (None, b"\xff\xfe")]
    assert all(l[6:] == (["x", "content-type"], [b"\x00\x01", b"text/plain"]) for l in letters)
    shown = shop.weir("dlq", "list", "-o", "json").json()
    ids = [letter["id"] for letter in shown]
    assert "the value is not taken as JSON" in shown[0]["error"]
    shop.weir("dlq", "edit", ids[0], "--data", "-", "--retry", "--execute", input='{"n": 2}')
    shop.weir("dlq", "retry", ids[2], ids[3], "--execute")
    shop.weir("dlq", "discard", ids[4], "--execute")
    shop.sql("ALTER TABLE payments__g1.seen DROP CONSTRAINT seen_n_check")
    shop.weir("run", "--once")
    assert shop.sql("SELECT n, place, id FROM payments.seen ORDER BY nr")[2:] in (
        [(2, 2, "a"), (3, 3, "a"), (13, 4, "b")], [(13, 4, "b"), (2, 2, "a"), (3, 3, "a")])
    assert shop.sql("SELECT status FROM weir.dead_letters ORDER BY id") == [
        ("applied",), ("applied",), ("applied",), ("waiting",), ("discarded",)]
    assert shop.value("SELECT recorded = at AND at > now() - interval '1 h' FROM payments.seen WHERE n = 2")
    assert shop.value("SELECT metadata FROM payments.seen WHERE n = 2") == {
        "x": {"base64": "AAE="}, "content-type": "text/plain"}


def test_what_retention_took_stops_it_and_never_passes_silently(shop):
    other = payments(shop, 2)
    other.write(*[("a", {"n": n}) for n in range(4)])
    other.cut(2)  # before anything was read: it begins with what is left
    shop.weir("run", "--once")
    assert numbers(shop) == [2, 3] and offsets(shop) == [(0, 4, 4), (1, 0, 0)]
    other.write(*[("a", {"n": n}) for n in range(4, 8)])
    other.cut(6)
    stopped = shop.weir("run", "--once", check=False)
    assert stopped.code == 1 and "removed the messages at 4 to 5 unread" in stopped.stderr
    assert "4 to 5 unread" in shop.weir("projection", "status", "-o", "json", check=False).json()[0]["stopped_why"]
    assert numbers(shop) == [2, 3]
    dry = reset(shop, "--to-earliest")
    assert dry.code == 2 and "2 events would never be applied" in dry.stderr and "--skip-events" in dry.stderr
    done = reset(shop, "--to-earliest", "--skip-events", "--execute")
    assert done.code == 0 and [(r["partition"], r["position"], r["to_position"], r["skipped"]) for r in done.json()] == [
        (0, 4, 6, 2), (1, 0, 0, 0)]
    shop.weir("run", "--once")
    assert numbers(shop) == [2, 3, 6, 7]
    # A partition that was empty when it was looked at: what came and went meanwhile is missed, too.
    other.write(("b", {"n": 8}), ("b", {"n": 9}), partition=1)
    other.cut(1, partition=1)
    assert "removed the messages at 0 to 0 unread" in shop.weir("run", "--once", check=False).stderr


def test_a_topic_that_was_made_anew_stops_it(shop):
    other = payments(shop, 2)
    other.write(*[("a", {"n": n}) for n in range(3)])
    other.write(("b", {"n": 3}), partition=1)
    shop.weir("run", "--once")
    other.remove()
    gone = shop.weir("run", "--once", check=False)
    assert gone.code == 1 and f"Kafka has no topic {other.topic}" in gone.stderr
    assert shop.weir("projection", "status", check=False).code != 0
    other.make(2)
    other.write(("a", {"n": 10}))
    stopped = shop.weir("run", "--once", check=False)
    assert stopped.code == 1 and "ends at offset" in stopped.stderr and "--to-earliest" in stopped.stderr
    refused = reset(shop, "--to-earliest", "--execute")
    assert refused.code == 2 and "--keep-rows" in refused.stderr
    other.remove()
    other.make(1)
    other.write(("a", {"n": 10}))
    stopped = shop.weir("run", "--once", check=False)
    assert stopped.code == 1 and ("has 1 partitions" in stopped.stderr or "ends at offset" in stopped.stderr)
    assert reset(shop, "--to-earliest", "--empty-tables", "--execute").code == 0
    shop.weir("run", "--once")
    assert numbers(shop) == [10]


def progressed(shop):
    """When the subscription got on last, as its health says."""
    parts = json.load(urllib.request.urlopen(f"http://{shop.admin}/healthz"))["parts"]
    return time.monotonic() - next(p for p in parts if p["name"] == "payments")["seconds_since_progress"]


def test_more_partitions_a_topic_that_comes_late_and_a_time(shop):
    shop.projection("payments", PAYMENTS.format(topic=f"{shop.prefix}.payments"))
    shop.weir("migrate")
    running = shop.start("serve")
    running.wait_for_log("Kafka does not know a topic")
    before = progressed(shop)
    wait_until(lambda: progressed(shop) > before + 0.5, 30, "waiting for a topic is no standstill")
    other = Stranger(shop, "payments")
    other.write(("a", {"n": 0}))
    wait_until(lambda: numbers(shop) == [0], 60, "it is applied")
    other.admin.create_partitions([NewPartitions(other.topic, 2)])[other.topic].result(30)
    other.write(("b", {"n": 1}), partition=1)
    wait_until(lambda: numbers(shop) == [0, 1], 60, "the new partition is read from its beginning")
    other.remove()
    assert running.alive
    other.make(2)
    running.stop()
    # Paused, it stands; to a time, it goes back there.
    assert reset(shop, "--to-earliest", "--empty-tables", "--execute").code == 0
    other.write(("a", {"n": 5}))
    moment = shop.value("SELECT to_char(clock_timestamp() + interval '10 ms', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    shop.sql("SELECT pg_sleep(0.05)")
    other.write(("a", {"n": 6}))
    shop.weir("projection", "pause", "payments")
    shop.weir("projection", "resume", "payments")
    shop.weir("run", "--once")
    assert numbers(shop) == [5, 6]
    assert reset(shop, "--to-position", "1", "--keep-rows").code == 2
    back = reset(shop, "--to-time", moment, "--keep-rows", "--execute")
    assert back.code == 0 and "1 events come again" in back.stderr
    shop.weir("run", "--once")
    assert numbers(shop) == [5, 6, 6]


def read_all(other):
    """What an independent reader finds in the topic: place, key and n of each message, partition by partition."""
    reader = Consumer({"bootstrap.servers": other.shop.services.brokers, "group.id": other.topic + ".test", "enable.partition.eof": True})
    partitions = sorted(other.admin.list_topics(other.topic, timeout=30).topics[other.topic].partitions)
    reader.assign([TopicPartition(other.topic, p, OFFSET_BEGINNING) for p in partitions])
    found, ended = [], 0
    while ended < len(partitions):
        message = reader.poll(30)
        assert message is not None, "Kafka shows no end"
        if message.error():
            ended += 1
        else:
            found.append((message.offset() + 1, message.key().decode(), json.loads(message.value())["n"]))
    reader.close()
    return sorted(found)


def seen(shop, schema="payments"):
    return shop.sql(f"SELECT place, id, n FROM {schema}.seen ORDER BY 1, 2, 3")


def rebuild(shop, *options, words=("payments",), **more):
    return shop.weir("projection", "rebuild", *words, "--from", "kafka", *options, **more)


def test_rebuilt_from_its_topics_while_a_member_reads_them(shop):
    """Killed and gone on with; nobody in the group notices, and the member goes on with the new tables."""
    shop.configure(subscriptions={"payments": {"batch_events": 50, "lanes": 2}})
    other = payments(shop, 2)
    member = shop.start("run")
    for p in range(2):
        other.write(*[(f"k-{n % 5}-{p}", {"n": 100 + n}) for n in range(200)], partition=p)
    wait_until(lambda: len(seen(shop)) == 400, 60, "the member has applied all")
    shop.sql("UPDATE payments__g1.seen SET n = 0 WHERE place = 7")  # a rebuild puts it right
    assert "from at most 400 messages in 2 partitions, while generation 1 serves" in rebuild(shop).stdout
    for failpoint in ["consumer_after_commit", "consumer_before_commit"]:
        assert rebuild(shop, "--execute", check=False, env={"WEIR_FAILPOINT": f"{failpoint}=kill"}).code == -9
    assert serving(shop) == 1 and 0 < len(seen(shop, "payments__g2")) < 400
    done = rebuild(shop, "--execute")
    assert "going on with generation 2" in done.stderr and "generation 2 serves" in done.stdout
    assert seen(shop) == read_all(other) and len(seen(shop)) == 400
    other.write(*[("k-0-0", {"n": 500 + n}) for n in range(20)])
    wait_until(lambda: seen(shop) == read_all(other), 60, "the member feeds the new generation")
    # Of a partition that was just made the rebuild may know first.
    other.admin.create_partitions([NewPartitions(other.topic, 3)])[other.topic].result(30)
    wait_until(lambda: len(other.admin.list_topics(other.topic, timeout=30).topics[other.topic].partitions) == 3, 30, "it is there")
    other.write(("k-new", {"n": 600}), ("k-new", {"n": 13}), partition=2)
    refused = rebuild(shop, "--all", "--parallel", "3", "--execute", words=(), check=False)
    parked_before = shop.value("SELECT count(*) FROM weir.parked WHERE generation = 2")
    assert refused.code in ((0, 1) if parked_before else (1,)), "the poison is parked in the new one, or in both"
    if refused.code:
        assert "parked in generation 3 and not in generation 2" in refused.stderr
        rebuild(shop, "--all", "--parallel", "3", "--execute", "--force", words=())
    assert serving(shop) == 3 and seen(shop) == [row for row in read_all(other) if row[2] != 13]
    groups = [g.group_id for g in other.admin.list_consumer_groups().result(30).valid]
    assert f"{shop.prefix}.payments" in groups and not [g for g in groups if g.startswith(f"{shop.prefix}.") and g.endswith(".rebuild")]
    assert member.alive and member.log.count("partitions given back") == member.log.count("partitions assigned") - 1


def test_a_rebuild_refuses_to_hold_less_than_before(shop):
    shop.configure(subscriptions={"payments": {"batch_events": 2}})
    other = payments(shop, 2)
    other.write(*[("a", {"n": n}) for n in range(6)])
    other.write(("b", {"n": 20}), partition=1)
    shop.weir("run", "--once")
    # What was there when the rebuild began, and is gone when it goes on.
    assert rebuild(shop, "--execute", check=False, env={"WEIR_FAILPOINT": "consumer_after_commit=kill"}).code == -9
    begun = shop.value("SELECT next_offset FROM weir.checkpoints WHERE generation = 2 AND partition = 0")
    other.cut(4)
    refused = rebuild(shop, "--execute", check=False)
    assert refused.code == 1 and "--force" in refused.stderr and serving(shop) == 1 and len(seen(shop)) == 7
    assert (f"was read up to {begun} only" if begun >= 0 else "what stood before") in refused.stderr
    forced = rebuild(shop, "--force", "--execute")
    assert "beginning with what is left" in forced.stderr and serving(shop) == 2
    assert numbers(shop, "n") == [*range(max(begun, 0)), 4, 5, 20]
    # What is gone before it begins, of one partition a part, of another all.
    other.cut(5)
    other.cut(1, partition=1)
    told = rebuild(shop)
    assert f"{other.topic}/0 begins at offset 5: retention removed what stood before, and generation 2 has read there" in told.stdout
    assert f"{other.topic}/1 begins at offset 1" in told.stdout and "takes --force" in told.stdout
    refused = rebuild(shop, "--execute", check=False)
    assert refused.code == 1 and "a new one would hold less" in refused.stderr and serving(shop) == 2
    rebuild(shop, "--force", "--execute")
    assert serving(shop) == 3 and numbers(shop) == [5]
    other.write(("b", {"n": 21}), partition=1)
    other.write(("a", {"n": 6}))
    shop.weir("run", "--once")
    assert numbers(shop, "n") == [5, 6, 21]
    # Made anew; and another topic in the file, of which nothing was ever read, has nothing to lose.
    other.remove()
    other.make(1)
    other.write(("a", {"n": 30}))
    told = rebuild(shop)
    assert "made anew, or lost its end" in told.stdout
    refused = rebuild(shop, "--execute", check=False)
    assert refused.code == 1 and "ends at offset 1, but generation 3 was read up to" in refused.stderr and numbers(shop, "n") == [5, 6, 21]
    late = Stranger(shop, "late", 2)
    for p in range(2):
        late.write(("c", {"n": 40}), ("c", {"n": 41}), partition=p)
        late.cut(1 + p, partition=p)
    shop.projection("payments", PAYMENTS.format(topic=f"{other.topic}, {late.topic}"))
    rebuild(shop, "--force", "--execute")
    assert numbers(shop, "n") == [30, 41]
    other.remove()
    gone = rebuild(shop, "--execute", check=False)
    assert gone.code == 3 and f"Kafka has no topic {other.topic}" in gone.stderr and numbers(shop, "n") == [30, 41]
    shop.projection("payments", PAYMENTS.format(topic=late.topic).replace("version bigint)", "version bigint, more text)"))
    refused = rebuild(shop, "--execute", check=False)
    assert refused.code == 1 and late.topic in refused.stderr and "what stood before" in refused.stderr
    rebuild(shop, "--force", "--execute")  # and not the topic that the file has no more
    assert numbers(shop, "n") == [41]


@pytest.mark.once
def test_what_needs_the_stores_events_says_so(shop):
    stranger = payments(shop)
    shop.weir("run", "--once")
    name, t = "payments", f"{shop.prefix}.payments"
    for command in (["verify", "projection", name], ["projection", "step", name, "--aggregate", t, "a"],
                    ["projection", "try", "projections/payments.sql", "--into", "look"]):
        refused = shop.weir(*command, check=False)
        assert refused.code == 2 and f"reads topic {t}, whose messages the store does not have" in refused.stderr
    for more in ([], ["--execute"]):
        refused = shop.weir("projection", "rebuild", name, *more, check=False)
        assert refused.code == 2 and "rebuild it --from kafka" in refused.stderr
        refused = shop.weir("projection", "rebuild", "--all", "--from", "kafka", "--verify", *more, check=False)
        assert refused.code == 2 and "nothing to --verify it with" in refused.stderr
    assert "left out" in shop.weir("projection", "rebuild", "--all", "--execute").stderr
    waits = shop.weir("wait", name, t, "a", check=False)
    assert waits.code == 3 and "reads topics that weir did not write" in waits.stderr
    shop.configure(subscriptions={name: {"source": "store"}})
    refused = shop.weir("run", "--once", check=False)
    assert refused.code == 2 and "only kafka is possible" in refused.stderr
    shop.configure(subscriptions={name: {"source": "kafka"}})
    file = shop.projection("payments", PAYMENTS.replace("-- topic: {topic}", "-- from: thing"))
    refused = shop.weir("run", "--once", check=False)
    assert refused.code == 2 and "another name" in refused.stderr
    # One topic that is gone hides no row, of others nor of its own.
    Stranger(shop, "other").write(("p-1", {"n": 1}))
    shop.projection("others", PAYMENTS.replace("projection: payments", "projection: others").format(topic=f"{shop.prefix}.other"))
    shop.weir("run", "--once", "others")
    file.write_text(PAYMENTS.format(topic=t))
    stranger.remove()
    gone = shop.weir("projection", "status", "-o", "json", check=False)
    assert gone.code == 1 and f"Kafka has no topic {t}" in gone.stderr
    rows = {row["projection"]: row for row in gone.json()}
    assert rows["others"]["lag_events"] == 0 and rows["others"]["lag_unknown"] is None
    assert rows[name]["lag_events"] is None and rows[name]["lag_unknown"] == f"Kafka has no topic {t}"
    assert f"lag unknown: Kafka has no topic {t}" in shop.weir("projection", "status", check=False).stdout
    (file.parent / "others.sql").unlink()
    # A topic of the relay's is read by `from`.
    shop.append("thing", "t-1", {"type": "made", "data": {}})
    shop.weir("relay", "--once")
    file.unlink()
    shop.settings.pop("subscriptions")
    shop.projection("wrong", PAYMENTS.replace("payments", "wrong").format(topic=f"{shop.prefix}.thing"))
    refused = shop.weir("run", "--once", check=False)
    assert refused.code == 1 and "'from: thing'" in refused.stderr
