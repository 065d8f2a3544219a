"""What surrounds a subscription is not as it should be: the role's defaults, its tables, the disk, the topic, memory.

Each ends in the right state, or in a clear message and the right state after what the message asks for.
"""

import json
import os
import resource
import subprocess
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions
from harness import wait_until

LOG = """\
-- projection: journal
-- from: account
CREATE TABLE applied (id text, version bigint, said text, at text, day text, bytes text, PRIMARY KEY (id, version));

-- on: happened
INSERT INTO applied SELECT aggregate_id, version, data->>'said', time::text, (data->>'day')::date::text, decode('5c00', 'hex')::text
FROM events;
"""


@pytest.fixture
def journal(shop):
    shop.configure(kafka={"partitions": 2}, subscriptions={"journal": {"attempts": 2}})
    shop.projection("journal", LOG)
    shop.weir("migrate")
    return shop


def happen(shop, first, last, said="x"):
    """One event for each of these aggregates."""
    for n in range(first, last):
        shop.append("account", f"a-{n}", {"type": "happened", "data": {"said": said, "day": "2026-03-04"},
                                          "time": "2026-03-04T05:06:07.5Z"})


def applied(shop):
    return shop.value("SELECT count(*) FROM journal.applied")


def has_applied(shop, count):
    return shop.value("SELECT to_regclass('journal.applied') IS NOT NULL") and applied(shop) == count


ODD_DEFAULTS = {
    "timezone": "Asia/Kathmandu", "datestyle": "SQL, DMY", "bytea_output": "escape",
    "default_transaction_isolation": "serializable", "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on", "search_path": "pg_catalog", "standard_conforming_strings": "off",
    "statement_timeout": "100", "lock_timeout": "1", "idle_in_transaction_session_timeout": "1", "row_security": "off",
    "synchronous_commit": "off", "client_encoding": "LATIN1", "extra_float_digits": "-5", "intervalstyle": "sql_standard",
}


def test_a_role_with_odd_defaults_changes_nothing(journal):
    happen(journal, 0, 5, "Grüße")
    journal.weir("relay", "--once")
    journal.weir("run", "--once")
    plain = journal.sql("SELECT * FROM journal.applied ORDER BY id")
    with psycopg.connect(journal.services.conninfo, autocommit=True) as admin:
        for name, value in ODD_DEFAULTS.items():
            admin.execute(f"ALTER DATABASE {journal.database} SET {name} = '{value}'")
    more = [{"type": "happened", "data": {"said": "Grüße", "day": "2026-03-04"}, "time": "2026-03-04T05:06:07.5Z"}]
    for n in range(5, 10):
        journal.weir("append", "account", f"a-{n}", "--stdin", input=json.dumps(more))
    journal.weir("relay", "--once")
    journal.weir("run", "--once")
    journal.weir("projection", "rebuild", "journal", "--execute")
    journal.weir("verify", "projection", "journal")
    with psycopg.connect(journal.services.conninfo, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {journal.database} RESET ALL")
    rows = journal.sql("SELECT * FROM journal.applied ORDER BY id")
    assert rows[:5] == plain and len(rows) == 10
    assert {row[1:] for row in rows} == {plain[0][1:]}


@pytest.mark.parametrize("moment", ["while it runs", "before it starts"])
def test_a_table_dropped_by_hand_stops_it_and_a_rebuild_is_the_way_out(journal, moment):
    happen(journal, 0, 5)
    journal.weir("relay", "--once")
    if moment == "while it runs":
        member = journal.start("run")
        wait_until(lambda: has_applied(journal, 5), 30, "it runs")
    else:
        journal.weir("run", "--once")
    journal.sql("DROP TABLE journal__g1.applied CASCADE")
    happen(journal, 5, 8)
    journal.weir("relay", "--once")
    if moment == "while it runs":
        assert member.wait(60) == 1, member.tail()
        said = member.log
    else:
        done = journal.weir("run", "--once", check=False)
        assert done.code == 1
        said = done.stderr
    assert "applied" in said and "weir projection rebuild" in said, said
    assert journal.value("SELECT count(*) FROM weir.dead_letters") == 0, "no event is at fault"
    journal.weir("projection", "rebuild", "journal", "--replace-views", "--execute")
    journal.weir("run", "--once")
    assert applied(journal) == 8


def test_partitions_that_somebody_adds_move_nothing(journal):
    happen(journal, 0, 20)
    journal.start("relay")
    member = journal.start("run")
    wait_until(lambda: has_applied(journal, 20), 30, "it runs")
    topic = f"{journal.prefix}.account"
    admin = AdminClient({"bootstrap.servers": journal.services.brokers})
    for future in admin.create_partitions([NewPartitions(topic, 5)]).values():
        future.result(30)
    producer = Producer({"bootstrap.servers": journal.services.brokers})
    producer.produce(topic, key=b"stranger", value=b"?", partition=4)
    producer.flush(30)
    happen(journal, 20, 40)
    wait_until(lambda: applied(journal) == 40, 60, "it goes on")
    assert member.stop(30) == 0
    assert {m.partition for m in journal.consume() if m.key != b"stranger"} <= {0, 1}
    happen(journal, 40, 45)
    wait_until(lambda: journal.value("SELECT min(position) FROM weir.relays") >= 45, 30, "all is relayed")
    journal.weir("run", "--once")
    assert applied(journal) == 45


@contextmanager
def small_disk(shop, size):
    """A tablespace on a tmpfs of its own; skips where nothing may be mounted."""
    place = Path(f"/tmp/weir-disk-{shop.database}")
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode != 0:
        place.rmdir()
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    try:
        owner = Path(f"/proc/{shop.services.pid('postgres')}").stat()
        os.chown(place, owner.st_uid, owner.st_gid)
        shop.sql(f"CREATE TABLESPACE {shop.database} LOCATION '{place}'")
        yield place
        shop.sql("DROP SCHEMA journal__g1 CASCADE")
        shop.sql(f"DROP TABLESPACE {shop.database}")
    finally:
        subprocess.run(["umount", "-l", place], check=True)
        place.rmdir()


@pytest.mark.once
def test_a_full_disk_is_waited_for(journal):
    journal.start("relay")
    member = journal.start("run")
    happen(journal, 0, 5)
    wait_until(lambda: has_applied(journal, 5), 30, "it runs")
    with small_disk(journal, "1m") as place:
        journal.sql(f"ALTER TABLE journal__g1.applied SET TABLESPACE {journal.database}")
        happen(journal, 5, 405, "large " + os.urandom(4000).hex())
        wait_until(lambda: "No space left on device" in member.log, 60, "the disk is full")
        assert member.alive and journal.value("SELECT count(*) FROM weir.dead_letters") == 0, "no event is at fault"
        (status,) = journal.weir("projection", "status", "-o", "json").json()
        assert status["state"] == "running" and status["lag_events"] > 0
        subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
        wait_until(lambda: applied(journal) == 405, 60, "it goes on by itself")
        assert journal.value("SELECT count(*) FROM weir.parked") == 0
        assert member.stop(30) == 0


def bomb(shop, codec, megabytes):
    """A message of zeros, which no relay wrote, compressed to less than a megabyte; its offset."""
    offsets = []
    producer = Producer({"bootstrap.servers": shop.services.brokers, "compression.type": codec, "message.max.bytes": 10**9,
                         "queue.buffering.max.kbytes": 2**21 - 1})
    producer.produce(f"{shop.prefix}.account", key=b"bomb", value=bytes(megabytes << 20), partition=0,
                     on_delivery=lambda error, message: offsets.append(message.offset() if error is None else error))
    producer.flush(60)
    assert isinstance(offsets[0], int), offsets
    return offsets[0]


@pytest.mark.once
@pytest.mark.parametrize("codec, megabytes", [("gzip", 60), ("lz4", 60), ("snappy", 16), ("zstd", 6)])
def test_a_message_that_unpacks_to_much_is_stepped_over(journal, codec, megabytes):
    """docs/operate.md says how much memory each codec takes."""
    happen(journal, 0, 4)
    journal.weir("relay", "--once")
    bomb(journal, codec, megabytes)
    happen(journal, 4, 8)
    journal.weir("relay", "--once")
    member = journal.start("run")
    resource.prlimit(member.pid, resource.RLIMIT_DATA, (300 << 20, 300 << 20))
    wait_until(lambda: has_applied(journal, 8), 60, "it gets past")
    assert member.stop(30) == 0


@pytest.mark.once
def test_what_cannot_be_unpacked_stops_it_and_the_store_refills_what_was_removed(journal):
    happen(journal, 0, 4)
    journal.weir("relay", "--once")
    offset = bomb(journal, "zstd", 60)
    done = journal.weir("run", "--once", check=False)
    assert done.code in (1, 2) and "kafka-delete-records" in done.stderr and f"at {offset} of" in done.stderr, done.stderr
    (status,) = journal.weir("projection", "status", "-o", "json").json()
    assert status["state"] == "stopped"
    happen(journal, 4, 8)
    done = journal.weir("relay", "--once", check=False)
    admin = AdminClient({"bootstrap.servers": journal.services.brokers})
    for future in admin.delete_records([TopicPartition(f"{journal.prefix}.account", 0, offset + 1)]).values():
        future.result(30)
    journal.weir("relay", "--once")
    journal.weir("run", "--once")
    assert applied(journal) == 8


@pytest.mark.once
@pytest.mark.parametrize("codec", ["zstd"])
def test_large_payloads_need_no_more_memory_for_being_many(journal, codec):
    """A hundred events of a megabyte, which no codec makes smaller."""
    journal.configure(relay={"compression": codec})
    journal.sql("""CREATE EXTENSION IF NOT EXISTS pgcrypto""")
    for n in range(100):
        journal.sql("""SELECT weir.append('account', %s, NULL, jsonb_build_array(jsonb_build_object('type', 'happened', 'data',
                           jsonb_build_object('day', '2026-03-04', 'said', string_agg(encode(gen_random_bytes(1000), 'hex'), '')))))
                       FROM generate_series(1, 440)""", f"a-{n}")
    limit = (192 << 20, 192 << 20)
    for command in ("relay", "run"):
        process = journal.start(command, "--once")
        resource.prlimit(process.pid, resource.RLIMIT_DATA, limit)
        assert process.wait(120) == 0, process.tail()
    assert journal.value("SELECT count(*) FROM journal.applied WHERE length(said) = 880000") == 100
