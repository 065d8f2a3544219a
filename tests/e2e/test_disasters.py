"""The drills of docs/disasters.md, performed: each disaster is caused, refused, and resolved by the
document's own commands. Afterwards topic == store, and a projection that counts has counted once.
"""

import json
import re
import shlex
import subprocess
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from checks import compare_topics, stored_events
from confluent_kafka import OFFSET_END, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec
from harness import ROOT, wait_until

pytestmark = pytest.mark.once
exactly_once = pytest.mark.parametrize("published", ["exactly_once"], indirect=True)

PAGE = (ROOT / "docs/disasters.md").read_text()
COUNTS = """-- projection: counts
-- from: order
CREATE TABLE counts (id text PRIMARY KEY, n bigint NOT NULL);

-- on: *
INSERT INTO counts AS c SELECT aggregate_id, 1 FROM events ON CONFLICT (id) DO UPDATE SET n = c.n + 1;
"""


def commands(drill):
    """The commands of a drill's console block."""
    section = PAGE.split(f"## Drill: {drill}\n")[1].split("\n## ")[0]
    return [line[2:] for line in re.findall(r"^\$ weir .*$", section, re.M)]


@pytest.fixture
def published(shop, request):
    """Thirty events in three partitions."""
    shop.configure(kafka={"partitions": 3}, relay={"delivery": getattr(request, "param", "at_least_once")})
    shop.weir("migrate")
    orders(shop, 30)
    shop.weir("relay", "--once")
    return shop


@pytest.fixture
def relayed(published):
    """They are projected as well."""
    published.projection("counts", COUNTS)
    published.weir("run", "--once")
    return published


def orders(shop, count):
    """Each in a transaction of its own."""
    with shop.connect() as connection:
        for n in range(count):
            event = json.dumps([{"type": "order.changed", "data": n}])
            connection.execute("SELECT weir.append('order', %s, NULL, %s::jsonb)", (f"o{n % 11}", event))


def name(shop, generation=1):
    return f"{shop.prefix}.order" + (f".g{generation}" if generation > 1 else "")


def administer(shop, verb, *arguments, **options):
    admin = AdminClient({"bootstrap.servers": shop.services.brokers})
    return [future.result(30) for future in getattr(admin, verb)(*arguments, **options).values()]


def remove_topic(shop):
    administer(shop, "delete_topics", [name(shop)], operation_timeout=10)
    wait_until(lambda: name(shop) not in shop.topics(), 30, "the topic is gone")


def make_topic(shop, partitions):
    administer(shop, "create_topics", [NewTopic(name(shop), partitions, 1)])
    wait_until(lambda: shop.topics().get(name(shop)) == partitions, 30, "the topic is there")


def lose(shop, after):
    """The store is as it was at that position: events, streams, checkpoints' and relays' rows as well."""
    shop.sql(
        "SET session_replication_role = replica;"
        "ALTER TABLE weir.events DISABLE TRIGGER append_only;"
        f"DELETE FROM weir.events WHERE position > {after};"
        "ALTER TABLE weir.events ENABLE ALWAYS TRIGGER append_only;"
        "UPDATE weir.streams s SET version = (SELECT coalesce(max(version), 0) FROM weir.events e"
        " WHERE e.aggregate_type = s.aggregate_type AND e.aggregate_id = s.aggregate_id);"
        "DELETE FROM weir.streams WHERE version = 0;"
        f"SELECT setval('weir.event_position', {after})"
    )


def refused(shop, words):
    before = ends(shop)
    result = shop.weir("relay", "--once", check=False)
    assert result.code != 0 and words in result.stderr, result.stderr
    assert "reconcile" in result.stderr
    assert ends(shop) == before


def ends(shop):
    """Where each partition of the topic ends."""
    admin = AdminClient({"bootstrap.servers": shop.services.brokers})
    parts = {TopicPartition(name(shop), p): OffsetSpec.latest() for p in range(shop.topics().get(name(shop), 0))}
    return [admin.list_offsets({part: latest})[part].result(30).offset for part, latest in parts.items()]


def perform(shop, drill):
    """Runs the drill's commands; only the one that just explains may exit 1. All of them's words."""
    said = ""
    for line in commands(drill):
        explains = line.startswith("weir topic reconcile --type order") and line.count("--") == 1
        result = shop.weir(*shlex.split(line)[1:], check=not explains)
        said += result.stderr + result.stdout
    return said


def of(shop, generation):
    return [m for m in shop.consume() if m.topic == name(shop, generation)]


def whole(shop, generation=1):
    """The topic of that generation is what the store is."""
    faults, duplicates = compare_topics(stored_events(shop), of(shop, generation), shop.topics())
    assert faults == [] and duplicates == []


def counted(shop, table="counts"):
    shop.weir("run", "--once")
    expected = shop.sql("SELECT aggregate_id, count(*) FROM weir.events GROUP BY 1 ORDER BY 1")
    assert shop.sql(f"SELECT id, n FROM {table}.counts ORDER BY 1") == expected


def verify(shop):
    """What is said of the one type; its exit code is 0."""
    return shop.weir("verify", "topics", "-o", "json").json()["types"][0]


def rename_projection(shop):
    (shop.directory / "projections/counts.sql").unlink()
    shop.projection("again", COUNTS.replace("projection: counts", "projection: again"))


@exactly_once
def test_restored_and_nothing_appended_since(relayed):
    seen = relayed.consume()
    lose(relayed, 20)
    refused(relayed, "ahead of everything in the store")
    said = perform(relayed, "a restored backup, nothing appended since")
    assert "10 events that the store does not have, positions 21 to 30" in said, said
    orders(relayed, 11)
    relayed.weir("relay", "--once")
    now = relayed.consume()
    assert set(seen) < set(now)
    assert min(e.position for e in stored_events(relayed) if e.position > 20) == 31
    for partition in range(3):
        run = [m for m in now if m.partition == partition]
        assert [m.prevposition for m in run] == [0, *[m.position for m in run][:-1]]
    relayed.weir("run", "--once")  # it goes on: no hole
    assert relayed.value("SELECT sum(n) FROM counts.counts") == 41
    verified = verify(relayed)
    assert verified["accepted"] == 10 and verified["findings"] == 0
    new = {p: min(m.offset for m in now if m.partition == p and m.position > 30) for p in range(3)}
    administer(relayed, "delete_records", [TopicPartition(name(relayed), p, offset) for p, offset in new.items()])
    verified = verify(relayed)  # and the chain may name what retention took
    assert verified["accepted"] == 0 and verified["records"] == 11 and verified["findings"] == 0
    assert "accepted as lost, up to position 30" in relayed.weir("topic", "reconcile").stderr


def test_restored_and_services_went_on(relayed):
    lose(relayed, 20)
    orders(relayed, 15)
    refused(relayed, "an event of this store that the store does not have")
    ahead = ("topic", "reconcile", "--type", "order", "--accept-ahead")
    for more in ((), ("--execute",)):
        result = relayed.weir(*ahead, *more, check=False)
        assert result.code == 2 and "--new-generation" in result.stderr, result.stderr
    said = perform(relayed, "a restored backup, and services went on")
    assert "Projection counts must be filled anew" in said
    whole(relayed, 2)
    assert relayed.sql("SELECT topic, generation FROM weir.topics") == [(name(relayed, 2), 2)]
    result = relayed.weir("run", "--once", check=False)
    assert result.code == 1 and "begun anew" in result.stderr and "Rename the projection" in result.stderr
    rename_projection(relayed)
    counted(relayed, "again")


def test_deleted(relayed):
    remove_topic(relayed)
    refused(relayed, "is gone")
    said = perform(relayed, "the topic was deleted")
    assert "Projection counts goes on by itself" in said
    whole(relayed)
    counted(relayed)
    orders(relayed, 7)
    relayed.weir("relay", "--once")
    counted(relayed)


@exactly_once
def test_made_anew(relayed):
    relayed.configure(relay={"shards": 2})
    remove_topic(relayed)
    make_topic(relayed, 3)
    refused(relayed, "holds none of the events")
    perform(relayed, "the topic was made anew")
    whole(relayed)
    counted(relayed)


def test_made_anew_with_fewer_partitions(relayed):
    remove_topic(relayed)
    make_topic(relayed, 2)
    refused(relayed, "2 partitions, but 3 are recorded")
    republish = relayed.weir("topic", "reconcile", "--type", "order", "--republish", check=False)
    assert republish.code == 2
    perform(relayed, "the topic was made anew with fewer partitions")
    whole(relayed, 2)
    orders(relayed, 7)
    relayed.weir("relay", "--once")
    counted(relayed)  # the same number of partitions as before: it goes on by itself


def test_another_stores(relayed):
    relayed.sql("UPDATE weir.store SET store_id = gen_random_uuid()")
    refused(relayed, "events of another store")
    perform(relayed, "the topic is another store's")
    whole(relayed, 2)
    assert relayed.weir("run", "--once", check=False).code == 1
    rename_projection(relayed)
    counted(relayed, "again")


def test_retention_took_everything(relayed):
    parts = [TopicPartition(name(relayed), p, OFFSET_END) for p in range(3)]
    administer(relayed, "delete_records", parts)
    orders(relayed, 11)
    said = perform(relayed, "retention took everything")
    assert "what Kafka holds is in the store" in said
    assert sorted(m.position for m in relayed.consume()) == list(range(31, 42))
    counted(relayed)


@pytest.mark.parametrize("shards", [1, 3])
def test_a_part_that_kafka_lost_heals_by_itself(published, shards):
    """One partition is gone entirely: all that a shard has, and still not the topic."""
    published.configure(relay={"shards": shards})
    kept = [m for m in published.consume() if m.partition != 1 and (m.partition != 2 or m.offset < 3)]
    remove_topic(published)
    make_topic(published, 3)
    producer = Producer({"bootstrap.servers": published.services.brokers})
    for m in kept:
        producer.produce(m.topic, m.value, m.key, m.partition, headers=list(m.headers))
    producer.flush(30)
    result = published.weir("relay", "--once")
    assert "Kafka has lost events" in result.stderr
    whole(published)


def test_a_new_partition_count_and_name_by_choice(relayed):
    relayed.configure(topics={"order": {"name": "{prefix}.sales", "partitions": 5}})
    result = relayed.weir("relay", "--once", check=False)
    assert result.code == 2 and "--new-generation" in result.stderr
    said = relayed.weir("topic", "reconcile", "--type", "order", "--new-generation", "--execute").stderr
    assert "must be filled anew" in said
    relayed.weir("relay", "--once")
    sales = f"{relayed.prefix}.sales.g2"
    messages = [m for m in relayed.consume() if m.topic == sales]
    assert compare_topics(stored_events(relayed), messages, relayed.topics()) == ([], [])
    assert relayed.topics()[sales] == 5
    rename_projection(relayed)
    counted(relayed, "again")


def test_a_running_projection_follows_to_the_new_generation(published):
    """It is in the midst of the topic that is left, an event a transaction."""
    published.projection("counts", COUNTS)
    published.configure(subscriptions={"counts": {"batch_events": 1}})
    orders(published, 1000)
    published.weir("relay", "--once")
    run = published.start("run")
    total = "SELECT coalesce(sum(n), 0) FROM counts.counts"
    run.wait_for_log("partitions assigned")
    wait_until(lambda: published.value(total) > 0, 60, "it has begun")
    published.weir("topic", "reconcile", "--type", "order", "--new-generation", "--execute")
    published.weir("relay", "--once")
    wait_until(lambda: published.value(total) >= 1030, 60, "it has followed")
    assert run.stop() == 0
    counted(published)


def test_a_projection_that_begins_meanwhile_reads_only_the_new_topic(published):
    published.projection("counts", COUNTS)
    with published.connect(autocommit=False) as way:
        way.execute("LOCK TABLE weir.relays, weir.checkpoints IN SHARE ROW EXCLUSIVE MODE")
        run = published.start("run")
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'weir.checkpoints'::regclass"
        wait_until(lambda: published.value(waiting) > 0, 60, "it is about to make its checkpoints")
        way.execute("UPDATE weir.topics SET topic = %s, generation = 2", (name(published, 2),))
        way.execute("UPDATE weir.relays SET position = 0, epoch = epoch + 1")
        way.commit()
    published.weir("relay", "--once")
    total = "SELECT coalesce(sum(n), 0) FROM counts.counts"
    wait_until(lambda: published.value(total) >= 30, 60, "it has followed")
    assert run.stop() == 0
    assert published.sql("SELECT DISTINCT topic FROM weir.checkpoints") == [(name(published, 2),)]
    counted(published)


def published_up_to(shop, position):
    wait_until(lambda: shop.value("SELECT position FROM weir.relays") == position, 30, "the relay has caught up")


def a_relay_at_ten(shop):
    """A relay that runs and has published ten events."""
    shop.configure(kafka={"partitions": 3})
    shop.weir("migrate")
    relay = shop.start("relay")
    orders(shop, 10)
    published_up_to(shop, 10)
    return relay


def notices_and_begins_anew(shop, relay):
    """It ends by itself, with the reason; a new generation puts it right."""
    assert relay.wait() == 1
    assert "an event of this store that the store does not have" in relay.log
    shop.weir("topic", "reconcile", "--type", "order", "--new-generation", "--execute")
    shop.weir("relay", "--once")
    whole(shop, 2)


def test_a_relay_that_runs_through_a_failover_notices(shop):
    """The promoted server lacks commits, and the relay's row in it has the epoch that the relay knows."""
    relay = a_relay_at_ten(shop)
    standby = f"{shop.database}_standby"
    with stood_still(shop, relay):
        maintain(shop, f'CREATE DATABASE "{standby}" TEMPLATE "{shop.database}"')
    orders(shop, 10)
    published_up_to(shop, 20)
    with stood_still(shop, relay):
        maintain(shop, f'DROP DATABASE "{shop.database}" WITH (FORCE)')
        maintain(shop, f'ALTER DATABASE "{standby}" RENAME TO "{shop.database}"')
        orders(shop, 15)
    notices_and_begins_anew(shop, relay)


def test_a_relay_whose_schema_is_restored_under_it_notices(shop):
    """In one transaction: neither its session nor its epoch says anything."""
    relay = a_relay_at_ten(shop)
    dump = ["pg_dump", "--schema=weir", "--inserts", shop.conninfo]
    backup = re.sub(r"^\\.*", "", subprocess.run(dump, capture_output=True, text=True, check=True).stdout, flags=re.M)
    orders(shop, 10)
    published_up_to(shop, 20)
    with shop.connect(autocommit=False) as restore:
        restore.execute("DROP SCHEMA weir CASCADE")
        restore.execute(backup)
        restore.execute("SET search_path TO DEFAULT")
        restore.commit()
    orders(shop, 15)
    notices_and_begins_anew(shop, relay)


@contextmanager
def stood_still(shop, process):
    """Meanwhile it does not run, and has no session."""
    process.pause()
    maintain(
        shop,
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        f" WHERE datname = '{shop.database}' AND pid <> pg_backend_pid()",
    )
    yield
    process.resume()


def maintain(shop, statement):
    with psycopg.connect(shop.services.conninfo, autocommit=True) as connection:
        connection.execute(statement)


def test_a_death_in_between_leaves_all_as_it_was(relayed):
    way = ("topic", "reconcile", "--type", "order", "--new-generation", "--execute")
    before = remembered(relayed)
    for point in ("reconcile_after_topic", "reconcile_before_commit"):
        died = relayed.weir(*way, check=False, env={"WEIR_FAILPOINT": f"{point}=kill"})
        assert died.code != 0
        assert remembered(relayed) == before
    relayed.weir(*way[:-1])
    assert remembered(relayed) == before, "it was a dry run"
    relayed.weir("relay", "--once")
    relayed.weir(*way)
    relayed.weir("relay", "--once")
    whole(relayed, 2)
    counted(relayed)


def remembered(shop):
    tables = ["topics", "relays", "relay_partitions", "checkpoints"]
    return [shop.sql(f"SELECT t::text FROM weir.{t} t ORDER BY 1") for t in tables]


def test_a_projection_that_applied_what_is_nowhere_does_not_go_on(relayed):
    """Lost commits that it had applied, and then the topic that showed them was deleted as well."""
    lose(relayed, 20)
    orders(relayed, 3)
    remove_topic(relayed)
    said = perform(relayed, "the topic was deleted")
    assert "Projection counts must be filled anew" in said
    whole(relayed)
    stopped = relayed.weir("run", "--once", check=False)
    assert stopped.code == 1 and "Rename the projection" in stopped.stderr
    rename_projection(relayed)
    counted(relayed, "again")


def test_a_running_relay_is_refused(published):
    relay = published.start("relay")
    relay.wait_for_log("publishing")
    result = published.weir("topic", "reconcile", check=False)
    assert result.code == 3 and "stop it first" in result.stderr
    assert relay.stop() == 0
    assert published.weir("topic", "reconcile").code == 0
    missing = published.weir("topic", "reconcile", "--type", "nothing", check=False)
    assert missing.code == 3
    for wrong in (["--republish"], ["--execute"], ["--type", "order", "--republish", "--accept-ahead"]):
        assert published.weir("topic", "reconcile", *wrong, check=False).code == 2


def test_every_drill_is_performed():
    performed = Path(__file__).read_text()
    drills = re.findall(r"^## Drill: (.*)$", PAGE, re.M)
    assert len(drills) == 7
    assert [drill for drill in drills if f'perform(relayed, "{drill}")' not in performed] == []
    assert PAGE.count("\n$ weir") == sum(len(commands(drill)) for drill in drills)
    assert re.findall(r"^```sh\n(.*?)```", PAGE, re.M | re.S) == ["weir topic reconcile\n"]  # as above
