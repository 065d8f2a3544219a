"""weir.append by itself: its quick check against its close one, and tombstones from append to projection."""

import itertools
import json

import psycopg
import pytest
from checks import compare_topics, stored_events
from harness import wait_until


GONE = {"type": "weir.tombstone", "data": None, "metadata": {"reason": "erased on request"}}

ABSENT = object()
UUID = "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a10"
LONG = "x" * 257
PARTS = {
    "type": ["a.b", "a" * 200, "", "a" * 201, "a b", "weir.x", "weir.tombstone", "weirs", "é", "t", "true", 5, True,
             False, None, ["a"], ABSENT],
    "data": [1, None, "x" * 700, {"n": 1}, ABSENT],
    "id": [ABSENT, UUID, UUID.upper(), UUID.replace("-", ""), "x" + UUID[1:], UUID + "x", 7, None, [UUID]],
    "metadata": [ABSENT, {}, {"free": [1]}, {"userid": LONG}, {"correlationid": LONG}, {"causationid": [LONG]},
                 {"userid": LONG[1:]}, [], None, "x"],
    "extra": [ABSENT, ("time", "2024-01-01T00:00:00Z"), ("other", 1), ("data_base64", "eA==")],
}


def combined():
    for type, data, id, metadata, extra in itertools.product(*PARTS.values()):
        event = {"type": type, "data": data, "id": id, "metadata": metadata}
        event = {key: value for key, value in event.items() if value is not ABSENT}
        if extra is not ABSENT:
            event[extra[0]] = extra[1]
        yield event


# As weir.append puts its quick check together.
USUAL = """event -> 'data' IS NOT NULL AND type IS NOT NULL AND id IS NOT NULL
    AND weir.usual(concat_ws(' ', type, event ->> 'type', id), event ->> 'type', event, 600)
    AND weir.usual_extras(event - '{type,data}'::text[])"""


def test_the_quick_check_passes_nothing_that_the_close_one_refuses(shop):
    shop.weir("migrate")
    events = [json.dumps(event) for event in [*combined(), None, 5, "x", [], [{}]]]
    passed, refused, wrong = shop.sql(
        "SELECT count(*) FILTER (WHERE usual), count(*) FILTER (WHERE problem IS NOT NULL),"
        " (array_agg(event::text || ' ' || problem) FILTER (WHERE usual AND problem IS NOT NULL))[:5]"
        " FROM unnest(%s::jsonb[]) AS e(event), (VALUES ('t', 'i')) AS n(type, id),"
        f" LATERAL (SELECT {USUAL}, weir.problem(event, 600)) AS c(usual, problem)",
        events,
    )[0]
    assert wrong is None
    assert passed > 50 and refused > 1000


def test_the_quick_check_passes_no_name_that_the_close_one_refuses(shop):
    shop.weir("migrate")
    event, other = '{"type": "t", "data": 1}', '{"type": null, "data": 1}'
    names = ["", "a b", "a/b", "ä", "a\n", "a\u0085", "x" * 101, "x" * 257, "a.b_c-d"]
    refused = 0
    for type, id in itertools.product([None, *names], repeat=2):
        usual = is_usual(shop, type, id, event)
        assert not is_usual(shop, type, id, other)
        try:
            shop.sql("SELECT weir.check_append(%s, %s, NULL, jsonb_build_array(%s::jsonb), 600)", type, id, event)
        except psycopg.Error as error:
            assert error.sqlstate == "WV002" and not usual, (type, id)
            refused += 1
    assert is_usual(shop, "a.b_c-d", "x:1", event) and refused > 50


def is_usual(shop, type, id, event):
    return shop.value(f"SELECT {USUAL} FROM (VALUES (%s, %s, %s::jsonb)) AS e(type, id, event)", type, id, event)


@pytest.fixture
def users(shop):
    """Two users and a projection that deletes the row of one who is gone."""
    shop.projection("users", """
-- projection: users
-- from: user
-- apply: aggregate
CREATE TABLE users (id text PRIMARY KEY, name text);

-- on: user.*
INSERT INTO users SELECT aggregate_id, data->>'name' FROM events;

-- on: weir.tombstone
DELETE FROM users u USING events e WHERE u.id = e.aggregate_id AND e.data = 'null';
""")
    shop.weir("migrate")
    for name in ("ann", "bob"):
        shop.append("user", name, {"type": "user.created", "data": {"name": name}})
    return shop


def test_a_tombstone_reaches_topic_and_projection(users):
    users.weir("append", "user", "ann", "--tombstone", "--metadata", json.dumps(GONE["metadata"]))
    users.weir("relay", "--once")
    users.weir("run", "--once")
    assert users.sql("SELECT id FROM users.users") == [("bob",)]
    messages = users.consume()
    faults, duplicates = compare_topics(stored_events(users), messages, users.topics())
    assert faults == [] and duplicates == []
    last = [message for message in messages if message.type == "weir.tombstone"]
    assert [(message.key, message.value) for message in last] == [(b"ann", None)]
    headers = dict(last[0].headers)
    assert json.loads(headers["ce_metadata"]) == GONE["metadata"]
    assert headers["ce_aggregateversion"] == b"2" and headers["content-type"] == b"application/json"


def test_what_is_closed_stays_closed_and_says_so(users):
    users.append("user", "ann", GONE)
    refused = users.weir("append", "user", "ann", "--type", "user.created", "--data", "{}", check=False)
    assert refused.code == 3
    for words in ("user/ann is closed", "version 2", "another id"):
        assert words in refused.stderr
    for more in (["--type", "t"], ["--data", "1"], ["--stdin"], ["--schema-version", "2"]):
        assert users.weir("append", "user", "bob", "--tombstone", *more, check=False).code == 2
    with pytest.raises(psycopg.Error) as reserved:
        users.append("user", "bob", {"type": "weir.anything", "data": 1})
    assert reserved.value.sqlstate == "WV002"


def test_an_export_with_a_tombstone_closes_the_stream_where_it_is_imported(users, shop):
    users.append("user", "ann", GONE)
    log = users.directory / "all.jsonl"
    log.write_text(users.weir("export").stdout)
    before = [event[1:] for event in users.sql("SELECT * FROM weir.events ORDER BY aggregate_id, version")]
    users.weir("migrate", "--set", "store.schema=other")
    users.weir("import", str(log), "--set", "store.schema=other")
    users.weir("import", str(log), "--set", "store.schema=other")
    after = users.sql("SELECT * FROM other.events ORDER BY aggregate_id, version")
    assert [row[1:-1] for row in after] == [row[:-1] for row in before]
    assert users.sql("SELECT aggregate_id, closed FROM other.streams ORDER BY 1") == [("ann", True), ("bob", False)]


def test_a_waiting_append_meets_the_tombstone_of_the_one_before_it(users):
    """The stream's row lock covers closing too."""
    with users.connect(autocommit=False) as closing, users.connect() as waiting:
        closing.execute("SELECT weir.append('user', 'bob', NULL, %s::jsonb)", [json.dumps([GONE])])
        waiting.execute("SET statement_timeout = '20s'")
        with waiting.pipeline():
            cursor = waiting.execute("""SELECT weir.append('user', 'bob', NULL, '[{"type": "t", "data": 1}]')""")
            wait_until(lambda: users.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                           " AND datname = current_database()"), 10, "the second append waits")
            closing.commit()
            with pytest.raises(psycopg.Error) as refused:
                cursor.fetchone()
        assert refused.value.sqlstate == "WV006"
