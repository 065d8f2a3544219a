"""weir query: what a projection's file lets readers ask, on the views of the generation that serves."""

import json
from pathlib import Path

import pytest
from harness import ROOT
from psycopg.conninfo import make_conninfo

pytestmark = pytest.mark.once

THINGS = """\
-- projection: things
-- from: thing
CREATE TABLE things (id text PRIMARY KEY, label text NOT NULL, made bigint NOT NULL);

-- on: thing.made
INSERT INTO things SELECT aggregate_id, data->>'label', version FROM events;

-- query: find(label)
-- By what it is called.
SELECT id, label FROM things WHERE label = :label ORDER BY id;

-- query: everything()
WITH all_of_them AS (SELECT * FROM things) SELECT * FROM all_of_them ORDER BY id;

-- query: kinds()
SELECT 1::int AS whole, 1.50::numeric(9,2) AS amount, 'NaN'::float8 AS nan, true AS yes, NULL::text AS nothing,
       E'{"a":\\n[1, "x\\\\n"]}'::json AS document, '{"b": 2}'::jsonb AS binary, ARRAY['a', NULL, 'b,c'] AS texts,
       ARRAY[[1, 2], [3, 4]] AS matrix, '2026-01-02 03:04:05Z'::timestamptz AS at, '2026-01-02'::date AS day, 'a:b::c' AS colons;

-- query: typed(since date, amount numeric(9, 2), ids text[], note)
SELECT :since AS since, :amount AS amount, :ids AS ids, nullif(:note, '') AS note WHERE :since::text > '';

-- query: divide(by integer)
SELECT 10 / :by AS quotient;

-- query: rest(seconds float8)
SELECT pg_sleep(:seconds) IS NULL AS rested;

-- query: writes()
SELECT public.scribble() AS written;

-- query: whereabouts()
SELECT current_schemas(true)::text AS schemas, current_user AS who, current_setting('transaction_read_only') AS read_only;

-- query: outside()
SELECT * FROM secrets;
"""
OUTSIDE = THINGS.index("\n-- query: outside")


@pytest.fixture
def things(shop):
    """Two things, applied from the store itself: no Kafka is needed to ask."""
    shop.weir("migrate")
    shop.configure(subscriptions={"things": {"source": "store"}})
    shop.projection("things", THINGS[:OUTSIDE])
    shop.append("thing", "t-1", {"type": "thing.made", "data": {"label": "pen"}})
    shop.append("thing", "t-2", {"type": "thing.made", "data": {"label": "ink"}})
    shop.sql("CREATE FUNCTION public.scribble() RETURNS int LANGUAGE sql AS 'CREATE TABLE public.scribbled (); SELECT 1'")
    shop.weir("run", "--once")
    return shop


def ask(shop, *words, **options):
    return shop.weir("query", "-o", "json", *words, **options)


def refused(shop, code, *words, **options):
    result = ask(shop, *words, check=False, **options)
    assert (result.code, result.stdout) == (code, ""), result
    return result.stderr


def test_values_are_values_and_types_stay(things):
    pen = [{"id": "t-1", "label": "pen"}]
    assert ask(things, "things.find", "pen").json() == ask(things, "find", "pen").json() == pen
    assert things.weir("query", "find", "pen", "-o", "jsonl").jsonl() == pen
    assert things.weir("query", "find", "pen").stdout == "id   label\nt-1  pen\n"
    # No rows is an answer. Whatever looks like SQL is a label that nothing has.
    for hostile in ("pen' OR '1'='1", "pen'; DROP VIEW things.things; --", ":label", "$1", "", "--", "\\", "pen\n", "日本"):
        assert ask(things, "find", "--", hostile).json() == []
    assert things.weir("query", "find", "nothing").stdout == "id  label\n"
    assert things.weir("query", "find", "nothing", "-o", "jsonl").stdout == ""
    assert [r["id"] for r in ask(things, "everything").json()] == ["t-1", "t-2"]

    line = things.weir("query", "kinds", "-o", "jsonl").stdout
    assert line.count("\n") == 1 and '"amount":1.50,' in line
    assert json.loads(line) == {
        "whole": 1, "amount": 1.5, "nan": "NaN", "yes": True, "nothing": None, "document": {"a": [1, "x\n"]},
        "binary": {"b": 2}, "texts": ["a", None, "b,c"], "matrix": [[1, 2], [3, 4]],
        "at": "2026-01-02T03:04:05+00:00", "day": "2026-01-02", "colons": "a:b::c"}
    typed = ["2026-02-28", "-1.5", '{a,"b c"}']
    assert ask(things, "typed", "--", *typed, "").json() == [
        {"since": "2026-02-28", "amount": -1.5, "ids": ["a", "b c"], "note": None}]

    where = ask(things, "whereabouts").json()[0]
    assert where == {"schemas": "{things,pg_catalog}", "who": "weir_reader", "read_only": "on"}


def test_each_mistake_has_its_exit_code_and_says_the_way_out(things):
    assert "things.find(label text) takes 1 argument, not 0" in refused(things, 2, "find")
    assert "takes 1 argument, not 2" in refused(things, 2, "find", "a", "b")
    assert "things.everything() takes 0 arguments, not 1" in refused(things, 2, "things.everything", "x")
    assert "no query 'finde'; did you mean 'find'?" in refused(things, 3, "finde", "pen")
    assert "did you mean 'things.find'?" in refused(things, 3, "thing.find", "pen")
    assert "--list" in refused(things, 2)
    said = refused(things, 2, "typed", "2026-02-30", "1", "{}", "")
    assert "argument 1, since: date/time field value out of range" in said
    assert "argument 2, amount: invalid input syntax" in refused(things, 2, "typed", "2026-02-28", "much", "{}", "")
    # Here the arguments are right, and the query is not.
    assert "things.sql:24: " in (said := refused(things, 1, "divide", "0")) and "division by zero" in said
    assert "read-only transaction" in refused(things, 2, "writes")
    assert things.value("SELECT to_regclass('public.scribbled') IS NULL")
    quick = ["--set", "projections.statement_timeout_ms=100"]
    assert "projections.statement_timeout_ms being 100" in refused(things, 4, "rest", "60", *quick)
    assert "arguments must be UTF-8" in refused(things, 2, "find", b"\xff".decode(errors="surrogateescape"))

    things.projection("others", THINGS[:OUTSIDE].replace("projection: things", "projection: others"))
    assert "several projections have a query 'find': others.find, things.find" in refused(things, 2, "find", "pen")
    assert "projection 'others' has never run" in refused(things, 3, "others.find", "pen")
    listed = ask(things, "--list").json()
    assert listed[0] == {"query": "others.find", "parameters": [{"name": "label", "type": "text"}],
                         "about": "By what it is called.", "file": str(things.directory / "projections/others.sql")}
    assert [q["query"] for q in listed].count("things.typed") == 1
    assert {"name": "amount", "type": "numeric(9, 2)"} in next(q for q in listed if q["query"] == "things.typed")["parameters"]
    table = things.weir("query", "--list").stdout.splitlines()
    assert table[0].split() == ["QUERY", "PARAMETERS", "ABOUT"]
    assert table[1].split() == ["others.find", "label", "text", "By", "what", "it", "is", "called."]


def test_a_reader_asks_and_nobody_else_need_be_it(things):
    """A user who is a member of weir_reader, and of nothing else; and one who is of nothing."""
    name = things.database
    things.sql(f"CREATE ROLE {name} LOGIN IN ROLE weir_reader")
    try:
        conninfo = make_conninfo(things.conninfo, user=name)
        as_reader = ["--set", f"store.conninfo={conninfo}"]
        assert ask(things, "find", "pen", *as_reader).json() == [{"id": "t-1", "label": "pen"}]
        assert ask(things, "whereabouts", *as_reader).json()[0]["who"] == "weir_reader"
        # What readers may not read, a query cannot either, whoever asks; it is there, and not in the path.
        things.sql("CREATE TABLE public.secrets (secret text)")
        things.projection("things", THINGS[:OUTSIDE] + THINGS[OUTSIDE:].replace("FROM secrets", "FROM public.secrets"))
        assert "permission denied for table secrets: a query runs as weir_reader" in refused(things, 2, "outside")
        things.sql(f"REVOKE weir_reader FROM {name}")
        assert "weir_reader" in refused(things, 2, "find", "pen", *as_reader)
    finally:
        things.sql(f"DROP ROLE {name}")


def test_a_query_is_checked_at_the_start_and_is_none_of_the_tables(things):
    kept = things.sql("SELECT subscription, generation, definition FROM weir.subscriptions")
    # Changed, added, removed: the tables serve on, and nothing of their definition has moved.
    for sql in (THINGS[:OUTSIDE].replace("ORDER BY id;", "ORDER BY id DESC;"), THINGS[:THINGS.index("\n-- query")]):
        things.projection("things", sql)
        assert "changed" not in things.weir("run", "--once").stderr
        assert things.sql("SELECT subscription, generation, definition FROM weir.subscriptions") == kept
    # A name outside the views is refused when the runtime starts, with its place; so is what tables have and views do not.
    line = THINGS.count("\n", 0, OUTSIDE) + 3
    for wrong, place, why in (
        ("SELECT * FROM secrets", f"things.sql:{line}:15", "secrets"),
        ("SELECT ctid FROM things", f"things.sql:{line}:8", "ctid"),
        ("SELECT label, made FROM things GROUP BY id", f"things.sql:{line}:8", "GROUP BY"),
    ):
        things.sql("CREATE TABLE IF NOT EXISTS public.secrets (secret text)")
        things.projection("things", THINGS.replace("SELECT * FROM secrets", wrong))
        things.weir("config", "check")
        started = things.weir("run", "--once", check=False)
        assert started.code == 2 and place in started.stderr and why in started.stderr, started.stderr
        assert place in refused(things, 2, "outside")


def test_after_a_rebuild_it_reads_the_generation_that_serves(things):
    sql = THINGS[:OUTSIDE].replace("data->>'label'", "upper(data->>'label')").replace("-- from: thing", "-- from: thing\n-- version: 2")
    things.projection("things", sql + "\n-- query: broken()\nSELECT lable FROM things;\n")
    rebuilt = things.weir("projection", "rebuild", "things", "--execute", check=False)
    assert rebuilt.code == 2 and "things.sql:" in rebuilt.stderr and "lable" in rebuilt.stderr
    assert things.sql("SELECT generation FROM weir.subscriptions") == [(1,)]
    things.projection("things", sql)
    assert ask(things, "find", "pen").json() == [{"id": "t-1", "label": "pen"}]
    things.weir("projection", "rebuild", "things", "--execute")
    assert ask(things, "find", "pen").json() == []
    assert ask(things, "find", "PEN").json() == [{"id": "t-1", "label": "PEN"}]
    assert things.sql("SELECT id FROM things__g1.things WHERE label = 'pen'") == [("t-1",)]
    things.weir("projection", "rollback", "things", "--execute")
    assert ask(things, "find", "pen").json() == [{"id": "t-1", "label": "pen"}]


def test_the_examples_answer_what_a_shop_asks(shop):
    files = sorted(str(f) for f in (ROOT / "examples/projections").glob("*.sql"))
    names = [Path(f).stem for f in files]
    shop.configure(projections={"files": files}, subscriptions={n: {"source": "store"} for n in names})
    shop.weir("migrate")
    shop.weir("import", ROOT / "examples/shop.jsonl")
    shop.weir("run", "--once")
    id, email = shop.sql("SELECT id, email FROM user_list.users WHERE active ORDER BY id LIMIT 1")[0]
    assert ask(shop, "find_by_email", email.upper()).json()[0]["id"] == id
    assert ask(shop, "user_list.find_by_id", id).json()[0]["email"] == email
    assert len(ask(shop, "list_active").json()) == shop.value("SELECT count(*) FROM user_list.users WHERE active")
    order, buyer = shop.sql("SELECT id, user_id FROM order_summary.orders WHERE status = 'shipped' ORDER BY id LIMIT 1")[0]
    found = ask(shop, "order_summary.find_by_id", order).json()[0]
    assert (found["statuses"][0], found["statuses"][-1]) == ("submitted", "shipped")
    assert order in [o["id"] for o in ask(shop, "find_by_user", buyer).json()]
    opened = ask(shop, "list_open", "infinity", 3).json()
    assert [o["id"] for o in opened] == [o for o, in shop.sql(
        "SELECT id FROM order_summary.orders WHERE status NOT IN ('shipped', 'cancelled') ORDER BY submitted_at, id LIMIT 3")]
    assert sum(s["orders"] for s in ask(shop, "count_by_status").json()) == shop.value("SELECT count(*) FROM order_summary.orders")
    first, last, paid = shop.sql("SELECT min(day)::text, max(day)::text, sum(paid_cents)::bigint FROM revenue_by_day.revenue")[0]
    assert sum(day["paid_cents"] for day in ask(shop, "revenue", first, last).json()) == paid > 0
    assert len(ask(shop, "revenue", first, first).json()) == 1
