"""Rewriting an event: only by an admin, only with its original kept, and never its identity or place."""

import psycopg
import pytest

pytestmark = pytest.mark.once

KEPT = "position, aggregate_type, aggregate_id, version, event_id, time, recorded_at"


@pytest.fixture
def stored(shop):
    shop.weir("migrate")
    shop.append("user", "u-1", {"type": "user.created", "data": {"email": "a@b.c"}}, {"type": "user.renamed", "data": {"name": "A"}})
    shop.append("user", "u-2", {"type": "user.created", "data": {"email": "d@e.f"}})
    return shop


def rewrite(shop, *options, **more):
    return shop.weir("stream", "rewrite", "user", "u-1", *options, "-o", "json", **more)


def test_a_rewrite_keeps_the_original_and_everything_but_the_content(stored):
    shop = stored
    before = shop.sql("SELECT * FROM weir.events ORDER BY position")
    identity = shop.sql(f"SELECT {KEPT} FROM weir.events ORDER BY position")
    options = [1, "--data", '{"email": null}', "--reason", "erasure 17"]
    dry = rewrite(shop, *options)
    assert "--execute" in dry.stderr and shop.sql("SELECT * FROM weir.events ORDER BY position") == before
    assert shop.value("SELECT count(*) FROM weir.rewrites") == 0
    shop.sql("""INSERT INTO weir.snapshots (aggregate_type, aggregate_id, version, schema_version, state, checksum)
                SELECT 'user', id, 1, 1, '', decode(repeat('00', 32), 'hex') FROM (VALUES ('u-1'), ('u-2')) AS v(id)""")
    rewrite(shop, *options, "--type", "user.made", "--schema-version", 2, "--execute")
    assert shop.sql(f"SELECT {KEPT} FROM weir.events ORDER BY position") == identity
    assert shop.sql("SELECT event_type, schema_version, data, metadata FROM weir.events WHERE version = 1 AND aggregate_id = 'u-1'") == [
        ("user.made", 2, {"email": None}, {})
    ]
    assert shop.sql("SELECT * FROM weir.events WHERE position > %s ORDER BY position", before[0][0]) == before[1:]
    original = shop.sql(f"SELECT {KEPT}, event_type, schema_version, data, reason, rewritten_by FROM weir.rewrites")
    assert original == [(*identity[0], "user.created", 1, {"email": "a@b.c"}, "erasure 17", shop.value("SELECT session_user::text"))]
    assert shop.sql("SELECT aggregate_id FROM weir.snapshots") == [("u-2",)]


@pytest.mark.parametrize(
    "options, code, why",
    [
        ([9, "--data", "1", "--reason", "x"], 3, "no version 9"),
        (["x", "--data", "1", "--reason", "x"], 2, "VERSION must be"),
        ([0, "--data", "1", "--reason", "x"], 2, "VERSION must be"),
        (["9" * 19, "--data", "1", "--reason", "x"], 2, "VERSION must be"),
        ([1, "--data", "1"], 2, "--reason"),
        ([1, "--reason", "x"], 2, "what to change"),
        ([1, "--data", "1", "--reason", " "], 2, "reason"),
        ([1, "--data", "{", "--reason", "x"], 2, "--data"),
        ([1, "--type", "weir.tombstone", "--reason", "x"], 2, "weir itself"),
        ([1, "--metadata", "[]", "--reason", "x"], 2, "metadata"),
    ],
)
def test_what_cannot_be_rewritten_is_refused(stored, options, code, why):
    refused = rewrite(stored, *options, "--execute", check=False)
    assert refused.code == code and why in refused.stderr, refused.stderr
    assert stored.value("SELECT count(*) FROM weir.rewrites") == 0


def test_nothing_but_the_function_changes_an_event_and_nothing_changes_the_audit(stored):
    shop = stored
    rewrite(shop, 1, "--data", "1", "--reason", "x", "--execute")
    keep = """INSERT INTO weir.rewrites (reason, position, aggregate_type, aggregate_id, version, event_id, event_type,
                  schema_version, data, data_binary, content_type, metadata, time, recorded_at)
              SELECT 'forged', position, aggregate_type, aggregate_id, version, event_id, event_type,
                  schema_version, %s, data_binary, content_type, metadata, time, recorded_at
              FROM weir.events WHERE aggregate_id = 'u-2'"""
    wrong = [
        ["UPDATE weir.events SET data = '2' WHERE aggregate_id = 'u-1'"],  # kept, but in another transaction
        [keep % "'\"another\"'", "UPDATE weir.events SET data = '2' WHERE aggregate_id = 'u-2'"],
        [keep % "data", "UPDATE weir.events SET version = 2 WHERE aggregate_id = 'u-2'"],
        [keep % "data", "DELETE FROM weir.events WHERE aggregate_id = 'u-2'"],
        ["UPDATE weir.rewrites SET reason = 'y'"],
        ["DELETE FROM weir.rewrites"],
        ["TRUNCATE weir.rewrites"],
    ]
    for statements in wrong:
        with shop.connect(autocommit=False) as owner, pytest.raises(psycopg.Error) as refused:
            for statement in ["SET LOCAL ROLE weir_owner", *statements]:
                owner.execute(statement)
        assert refused.value.sqlstate == "WV004", statements


def test_only_an_admin_may(stored):
    for role in ("appender", "reader", "relay", "projector"):
        with stored.connect(autocommit=False) as service, pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute(f"SET LOCAL ROLE weir_{role}")
            service.execute("SELECT weir.rewrite('user', 'u-1', 1, '{\"data\": 1}', 'x')")
    with stored.connect(autocommit=False) as admin:
        admin.execute("SET LOCAL ROLE weir_admin")
        admin.execute("SELECT weir.rewrite('user', 'u-1', 1, '{\"data\": 1}', 'x')")


def test_a_split_that_is_under_way_would_miss_it(stored):
    stored.sql("SELECT weir.prepare_partitions('{order}')")
    refused = rewrite(stored, 1, "--data", "1", "--reason", "x", "--execute", check=False)
    assert refused.code == 2 and "--abandon" in refused.stderr


@pytest.mark.slow
def test_it_names_the_topic_and_the_projections_that_have_the_original(stored):
    shop = stored
    shop.projection("users", "-- projection: users\n-- from: user\nCREATE TABLE users (id text PRIMARY KEY);\n\n"
                    "-- on: user.created\nINSERT INTO users SELECT aggregate_id FROM events;\n")
    shop.weir("relay", "--once")
    options = [1, "--data", "1", "--reason", "x"]
    assert [row["kind"] for row in rewrite(shop, *options).json()] == ["topic"]
    shop.weir("run", "--once")
    rows = rewrite(shop, *options).json()
    assert [row["kind"] for row in rows] == ["topic", "projection"]
    assert rows[0]["name"].startswith(f"{shop.prefix}.user/") and rows[1]["name"] == "users generation 1"
