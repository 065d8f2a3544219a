"""Generations by command: readers taken back to the one before, and old ones dropped."""

import pytest
from harness import wait_until

pytestmark = pytest.mark.once

COUNTS = """\
-- projection: counts
-- from: account
CREATE TABLE accounts (id text PRIMARY KEY, events bigint NOT NULL DEFAULT 0);

-- on: *
INSERT INTO accounts AS a SELECT aggregate_id, 1 FROM events ON CONFLICT (id) DO UPDATE SET events = a.events + 1;
"""
NEWER = COUNTS.replace("-- from: account", "-- from: account\n-- version: 2")


def happened(shop, id):
    shop.append("account", id, {"type": "account.happened", "data": {}})


def accounts(shop):
    return dict(shop.sql("SELECT id, events FROM counts.accounts"))


def switch(shop, columns="", view_columns=""):
    """Generation 2 with the rows and checkpoints of 1, and the readers on it: what a rebuild leaves."""
    shop.sql(f"""
        CREATE SCHEMA counts__g2 AUTHORIZATION weir_projector;
        CREATE TABLE counts__g2.accounts (LIKE counts__g1.accounts INCLUDING ALL);
        ALTER TABLE counts__g2.accounts OWNER TO weir_projector;
        INSERT INTO counts__g2.accounts SELECT * FROM counts__g1.accounts;
        {columns};
        GRANT USAGE ON SCHEMA counts__g2 TO weir_owner;
        GRANT SELECT ON counts__g2.accounts TO weir_owner;
        CREATE OR REPLACE VIEW counts.accounts AS SELECT id, events {view_columns} FROM counts__g2.accounts;
        UPDATE weir.subscriptions SET serving = false;
        INSERT INTO weir.subscriptions (subscription, generation, definition, served_at)
            SELECT subscription, 2, definition || '{{"version": 2}}', clock_timestamp() FROM weir.subscriptions;
        INSERT INTO weir.checkpoints SELECT subscription, 2, topic, partition, lanes, lane, next_offset, position, epoch, events,
            last_processed_at FROM weir.checkpoints""")


def served(shop):
    return shop.sql("SELECT generation FROM weir.subscriptions WHERE serving")


@pytest.fixture
def counted(shop):
    shop.configure(kafka={"partitions": 2})
    shop.projection("counts", COUNTS)
    shop.weir("migrate")
    happened(shop, "a")
    happened(shop, "b")
    shop.weir("relay", "--once")
    shop.weir("run", "--once")
    return shop


def test_there_must_be_something_to_go_back_to(counted):
    result = counted.weir("projection", "rollback", "counts", check=False)
    assert result.code == 3 and "no generation is kept from before generation 1" in result.stderr
    result = counted.weir("projection", "rollback", "never", "--execute", check=False)
    assert result.code == 3 and "there is no subscription never: one is known from its first run on" in result.stderr
    for wrong in (["rollback"], ["drop", "--generation", "1"], ["reset", "--to-earliest"]):
        result = counted.weir("projection", *wrong, "count", check=False)
        assert result.code == 3 and "did you mean 'counts'?" in result.stderr, wrong
    result = counted.weir("projection", "drop", "counts", "--generation", "1", "--execute", check=False)
    assert result.code == 2 and "generation 1 serves" in result.stderr
    assert counted.weir("projection", "drop", "counts", check=False).code == 2
    assert counted.weir("projection", "drop", "counts", "--generation", "7", check=False).code == 3


def test_rollback_takes_readers_back_and_the_older_generation_goes_on(counted):
    switch(counted)
    counted.projection("counts", NEWER)
    happened(counted, "a")
    counted.weir("relay", "--once")
    counted.weir("run", "--once")
    assert accounts(counted) == {"a": 2, "b": 1}
    dry = counted.weir("projection", "rollback", "counts")
    assert "from generation 2 to 1" in dry.stdout and "view counts.accounts: same" in dry.stdout
    assert "; 1 event behind the store" in dry.stdout and "Nothing was done" in dry.stdout
    assert served(counted) == [(2,)]

    assert "generation 1" in counted.weir("projection", "rollback", "counts", "--execute").stderr
    assert served(counted) == [(1,)] and accounts(counted) == {"a": 1, "b": 1}
    happened(counted, "b")
    counted.weir("relay", "--once")
    refused = counted.weir("run", "--once", check=False)
    assert refused.code == 2 and "generation 1 serves, made from another file" in refused.stderr
    counted.projection("counts", COUNTS)
    counted.weir("run", "--once")
    assert accounts(counted) == {"a": 2, "b": 2}  # from its own checkpoint


def test_a_member_with_the_other_file_stops_after_a_switch(counted):
    switch(counted)
    counted.projection("counts", NEWER)
    newer = counted.start("run")
    wait_until(lambda: "partitions assigned" in newer.log, 30, "a member runs")
    counted.weir("projection", "rollback", "counts", "--execute")
    happened(counted, "b")
    counted.weir("relay", "--once")
    assert newer.wait(10) == 1
    assert "generation 1 serves, made from another file" in newer.log
    assert accounts(counted) == {"a": 1, "b": 1}


def test_status_shows_the_kept_generations_when_asked(counted):
    switch(counted)
    rows = counted.weir("projection", "status", "-o", "jsonl").jsonl()
    assert [(r["generation"], r["state"]) for r in rows] == [(2, "not running")]
    rows = counted.weir("projection", "status", "--all-generations", "-o", "jsonl").jsonl()
    assert [(r["generation"], r["state"], r["events"], r["lag_events"]) for r in rows] == [
        (2, "not running", 2, 0), (1, "kept", 2, 0)]
    counted.sql("UPDATE weir.subscriptions SET served_at = NULL WHERE generation = 1")
    assert "unfinished" in counted.weir("projection", "status", "--all-generations").stdout


def test_a_view_that_would_lose_a_column_is_replaced_only_when_asked(counted):
    switch(counted, "ALTER TABLE counts__g2.accounts ADD note text", ", note")
    counted.sql("CREATE VIEW public.report AS SELECT id FROM counts.accounts")
    dry = counted.weir("projection", "rollback", "counts", check=False)
    assert dry.code == 2 and "counts.accounts: columns removed (note)" in dry.stderr and "view public.report" in dry.stderr
    assert "Nothing was done" in counted.weir("projection", "rollback", "counts", "--replace-views").stdout
    counted.weir("projection", "rollback", "counts", "--replace-views", "--execute")
    assert counted.sql("SELECT count(*) FROM public.report") == [(2,)]
    assert served(counted) == [(1,)]


def test_a_reader_in_the_way_is_named(counted):
    switch(counted)
    reader = counted.connect()
    reader.autocommit = False
    reader.execute("SELECT * FROM counts.accounts")
    result = counted.weir("projection", "rollback", "counts", "--wait", "1", "--execute", check=False)
    assert result.code == 4 and f"in the way: session {reader.info.backend_pid}" in result.stderr
    assert served(counted) == [(2,)]
    reader.rollback()
    counted.weir("projection", "rollback", "counts", "--execute")
    assert served(counted) == [(1,)]


def test_an_old_generation_is_dropped_unless_it_is_used(counted):
    switch(counted)
    counted.sql("CREATE VIEW public.report AS SELECT id FROM counts__g1.accounts")
    for execute in ([], ["--execute"]):
        refused = counted.weir("projection", "drop", "counts", "--generation", "1", *execute, check=False)
        assert refused.code == 2 and "still used: view public.report" in refused.stderr
    counted.sql("DROP VIEW public.report")
    assert "would drop schema counts__g1" in counted.weir("projection", "drop", "counts", "--generation", "1").stdout
    assert counted.value("SELECT count(*) FROM counts__g1.accounts") == 2
    counted.weir("projection", "drop", "counts", "--generation", "1", "--execute")
    assert counted.sql("SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^counts' ORDER BY 1") == [
        ("counts",), ("counts__g2",)]
    assert counted.sql("SELECT DISTINCT generation FROM weir.checkpoints") == [(2,)]
    assert accounts(counted) == {"a": 1, "b": 1}
