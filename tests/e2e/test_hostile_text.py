"""No text changes what a statement does: it is stored and read back byte for byte, or refused.

Every string of hostile.py (some where each costs a process) goes through every text that weir takes. What fits where is said again here, by
the documents alone. After each attack all that it had no business with is as before: bystander tables,
the other tables of the store, the catalogue.
"""

import hashlib
import json
import os
import re
import uuid

import psycopg
import pytest
from harness import patience
from hostile import BYTES, STRINGS

SOME = STRINGS[:: int(3 * patience())]

NO_CONTROL = r"[^\x00-\x1f\x7f-\x9f]+"


def fits_type(text):
    return re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", text) is not None


def fits_id(text):
    return re.fullmatch(NO_CONTROL, text) is not None and len(text.encode()) <= 256


def fits_event_type(text):
    """weir. is reserved."""
    return re.fullmatch(NO_CONTROL, text) is not None and len(text.encode()) <= 200 and not text.startswith("weir.")


def fits_content_type(text):
    """Of content that is not JSON."""
    return re.fullmatch(r"[!-~][ -~]{0,199}", text) is not None and not re.search(r"[/+]json *(;.*)?$", text, re.I)


def fits_index(text):
    """Metadata that is indexed."""
    return len(text.encode()) <= 256


def fits_always(_):
    return True


def fits_never(_):
    return False


# parameter: (where it fits, weir.append's arguments with it, the column or expression that gives it back)
PARAMETERS = {
    "aggregate type": (fits_type, lambda s: (s, "a", {"type": "t", "data": 1}), "aggregate_type"),
    "aggregate id": (fits_id, lambda s: ("ids", s, {"type": "t", "data": 1}), "aggregate_id"),
    "event type": (fits_event_type, lambda s: ("types", "a", {"type": s, "data": 1}), "event_type"),
    "data": (fits_always, lambda s: ("data", "a", {"type": "t", "data": s}), "data #>> '{}'"),
    "data key": (fits_always, lambda s: ("datakey", "a", {"type": "t", "data": {s: s}}), "(SELECT min(k) FROM jsonb_object_keys(data) k)"),
    "metadata": (fits_index, lambda s: ("meta", "a", {"type": "t", "data": 1, "metadata": {"userid": s}}), "metadata ->> 'userid'"),
    "metadata key": (
        fits_always, lambda s: ("metakey", "a", {"type": "t", "data": 1, "metadata": {s: s}}),
        "(SELECT min(k) FROM jsonb_object_keys(metadata) k)"),
    "content type": (
        fits_content_type, lambda s: ("content", "a", {"type": "t", "data_base64": "AAAA", "datacontenttype": s}), "content_type"),
    "event id": (fits_never, lambda s: ("never", "a", {"type": "t", "data": 1, "id": s}), "event_id"),
    "time": (fits_never, lambda s: ("never", "a", {"type": "t", "data": 1, "time": s}), "time"),
    "base64": (fits_never, lambda s: ("never", "a", {"type": "t", "data_base64": s + "!", "datacontenttype": "x/y"}), "data"),
    "key": (fits_never, lambda s: ("never", "a", {"type": "t", "data": 1, s + "?": 1}), "data"),
}


def world(shop):
    """A digest of all that no append and no command here has any business with."""
    tables = [t for (t,) in shop.sql(
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace IN ('weir'::regnamespace, 'public'::regnamespace)"
        " AND relkind = 'r' AND relname NOT LIKE 'events%%' AND relname <> 'streams' ORDER BY 1")]
    assert "bystander" in tables and len(tables) > 5
    rows = [shop.sql(f"SELECT t::text FROM {table} t ORDER BY 1") for table in tables]
    catalogue = shop.sql("""
        SELECT 'c', oid::int8, relname::text, relacl::text FROM pg_class WHERE relkind <> 'i' AND relpersistence = 'p'
        UNION ALL SELECT 'p', oid::int8, proname, prosrc || coalesce(proacl::text, '') FROM pg_proc
        UNION ALL SELECT 'n', oid::int8, nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_'
        UNION ALL SELECT 't', oid::int8, tgname, tgenabled::text FROM pg_trigger
        UNION ALL SELECT 's', setdatabase::int8, setrole::text, setconfig::text FROM pg_db_role_setting
        ORDER BY 1, 2""")
    return hashlib.sha256(repr((tables, rows, catalogue)).encode()).hexdigest()


@pytest.fixture
def town(shop):
    """A shop with a bystander."""
    shop.weir("migrate")
    shop.sql("CREATE TABLE public.bystander (n int); INSERT INTO public.bystander VALUES (1)")
    return shop


def test_there_are_enough_strings():
    assert len(STRINGS) > 400 and len(BYTES) >= 10
    assert all(s.encode().decode() == s and "\0" not in s for s in STRINGS)


# Sessions of old applications: they change how PostgreSQL reads and writes.
ODD = {
    "standard_conforming_strings": "off", "DateStyle": "German, DMY", "IntervalStyle": "sql_standard", "bytea_output": "escape",
    "TimeZone": "Asia/Kathmandu", "transform_null_equals": "on", "array_nulls": "off", "quote_all_identifiers": "on",
    "synchronous_commit": "off", "idle_in_transaction_session_timeout": "1h", "plan_cache_mode": "force_generic_plan",
}
GOOD = {"id": "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a10", "type": "t", "data": "\\d", "time": "2020-02-29T23:59:60+05:45",
        "metadata": {"a": None}, "datacontenttype": "application/json; charset=utf-8"}


@pytest.mark.once
@pytest.mark.parametrize("session", [{}, ODD], ids=["plain", "odd"])
def test_append_stores_or_refuses(town, session):
    before, wrong = world(town), []
    stored = {parameter: [] for parameter in PARAMETERS}
    ask = "SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY 1"
    with town.connect(autocommit=False) as connection:
        for name, value in session.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.commit()
        settings = connection.execute(ask).fetchall()
        for _ in range(2):
            connection.execute("SELECT weir.append('good', 'g', 0, %s::jsonb)", (json.dumps([GOOD]),))
        for parameter, (fits, arguments, _) in PARAMETERS.items():
            for text in STRINGS:
                aggregate_type, aggregate_id, event = arguments(text)
                connection.execute("SAVEPOINT s")
                try:
                    connection.execute(
                        "SELECT weir.append(%s, %s, NULL, %s::jsonb)",
                        (aggregate_type, aggregate_id, json.dumps([event], ensure_ascii=False)))
                    stored[parameter].append(text)
                except psycopg.Error as error:
                    connection.execute("ROLLBACK TO SAVEPOINT s")
                    if error.sqlstate != "WV002" or fits(text):
                        wrong.append((parameter, text[:80], error.sqlstate, str(error)[:150]))
                connection.execute("RELEASE SAVEPOINT s")
        connection.commit()
        assert connection.execute(ask).fetchall() == settings, "a setting of an append outlived its transaction"
    assert not wrong, "\n".join(map(str, wrong))
    assert world(town) == before
    for parameter, (fits, arguments, column) in PARAMETERS.items():
        assert stored[parameter] == [s for s in STRINGS if fits(s)], parameter
        if parameter == "aggregate type":
            found = town.sql(f"SELECT {column} FROM weir.events WHERE aggregate_id = 'a' AND aggregate_type NOT IN "
                             "('types', 'data', 'datakey', 'meta', 'metakey', 'content', 'good') ORDER BY position")
        else:
            found = town.sql(f"SELECT {column} FROM weir.events WHERE aggregate_type = %s ORDER BY position", arguments("")[0])
        assert [text for (text,) in found] == stored[parameter], parameter
    assert town.value("SELECT count(*) FROM weir.events") == sum(map(len, stored.values())) + 1
    assert town.value("SELECT time = '2020-02-29T18:15:00Z' FROM weir.events WHERE aggregate_type = 'good'")


@pytest.mark.once
def test_snapshots_are_of_the_very_aggregate(town):
    """weir.save_snapshot takes no type and no id but those of streams that there are."""
    before, wrong = world(town), []
    save = "SELECT weir.save_snapshot(%s, %s, 1, 1, '\\x80', %s, 3)"
    with town.connect(autocommit=False) as connection:
        for text in filter(fits_id, STRINGS):
            connection.execute("""SELECT weir.append('kept', %s, 0, '[{"type": "t", "data": 1}]')""", (text,))
        for text in STRINGS:
            for aggregate_type, aggregate_id, fits in (("kept", text, fits_id(text)), (text, "a", False)):
                connection.execute("SAVEPOINT s")
                try:
                    connection.execute(save, (aggregate_type, aggregate_id, b"c" * 32))
                    said = None
                except psycopg.Error as error:
                    connection.execute("ROLLBACK TO SAVEPOINT s")
                    said = error.sqlstate
                if said != (None if fits else "WV002"):
                    wrong.append((aggregate_type[:80], aggregate_id[:80], said))
        assert not wrong, "\n".join(map(str, wrong))
        found = connection.execute("SELECT aggregate_type, aggregate_id FROM weir.snapshots").fetchall()
        assert sorted(found) == sorted(("kept", text) for text in STRINGS if fits_id(text))
        connection.execute("DELETE FROM weir.snapshots")
        connection.commit()
    assert world(town) == before


def line(number, **members):
    whole = {"specversion": "1.0", "id": str(uuid.UUID(int=number)), "source": "/s", "type": "t", "subject": "a",
             "aggregatetype": "imported", "data": 1}
    return {**whole, **members}


def test_import_and_export_keep_every_byte(town):
    """One log with every string wherever it fits; what comes out again, and what went in, are equal."""
    before = world(town)
    lines = []
    for text in STRINGS:
        indexed = {"userid": text, "correlationid": text} if fits_index(text) else {}
        lines.append({"data": {text: text}, "metadata": {text + "'": text, **indexed}})
        lines.append({"source": text, "id": text})
        if fits_id(text):
            lines.append({"subject": text})
        if fits_event_type(text):
            lines.append({"type": text})
        if fits_content_type(text):
            lines.append({"datacontenttype": text, "data": text})
        if fits_type(text):
            lines.append({"aggregatetype": text})
    lines = [line(number, **members) for number, members in enumerate(lines)]
    town.write("log.jsonl", "".join(json.dumps(each, ensure_ascii=number % 2 == 0) + "\n" for number, each in enumerate(lines)))
    town.weir("import", "log.jsonl")
    assert world(town) == before
    found = [json.loads(each) for each in town.weir("export").stdout.split("\n")[:-1]]
    assert len(found) == len(lines)
    for sent, got in zip(lines, found, strict=True):
        for name in ("type", "subject", "aggregatetype"):
            assert got[name] == sent[name]
        assert got["source"] == sent["source"] or sent["source"] == f"/weir/{sent['aggregatetype']}"
        assert got["id"] == sent["id"] or got["ceid"] == sent["id"]
        data = bytes(got["data"], "utf-8") if "data" in got and isinstance(got["data"], str) else got.get("data")
        if "datacontenttype" in sent:
            assert got["datacontenttype"] == sent["datacontenttype"] and data in (None, sent["data"].encode())
            continue
        assert got["data"] == sent["data"]
        kept = {**got.get("metadata", {}), **{k: got[k] for k in sent.get("metadata", {}) if k in got}}
        assert {k: kept[k] for k in sent.get("metadata", {})} == sent.get("metadata", {})


def test_the_command_line_stores_or_refuses(town):
    before, wrong, expected = world(town), [], []
    for text in SOME:
        fits = fits_id(text) and fits_event_type(text)
        done = town.weir(
            "append", f"--type={text}", f"--data={json.dumps(text)}", f"--metadata={json.dumps({text: text})}",
            "--", "args", text, check=False)
        if done.code != (0 if fits else 2) or (not fits and not re.search("1 to 2|reserved", done.stderr)):
            wrong.append((text[:80], done.code, done.stderr[:200]))
        if fits:
            expected.append((text, text, text, {text: text}))
    assert not wrong, "\n".join(map(str, wrong))
    assert town.sql("SELECT aggregate_id, event_type, data #>> '{}', metadata FROM weir.events ORDER BY position") == expected
    assert world(town) == before


def test_commands_find_exactly_what_they_are_asked_for(town):
    """Every twelfth string as an id among many: read and show find that one, --aggregate-type only itself."""
    ids = [s for s in STRINGS if fits_id(s)]
    with town.connect(autocommit=False) as connection:
        for text in ids:
            connection.execute("""SELECT weir.append('find', %s, 0, '[{"type": "t", "data": 1}]')""", (text,))
        connection.commit()
    before = world(town)
    for text in ids[::12]:
        (found,) = town.weir("read", "-o", "jsonl", "--", "find", text).jsonl()
        assert found["subject"] == text
        assert town.weir("stream", "show", "-o", "json", "--", "find", text).json()["aggregateid"] == text
    for text in STRINGS[::20]:
        for command in (["read", "-o", "jsonl"], ["stream", "list", "-o", "jsonl"]):
            assert town.weir(*command, f"--aggregate-type={text}").stdout == ""
        assert town.weir("read", "--", text, text, check=False).code in (0, 3)
        assert town.weir("stream", "show", "--", text, "x", check=False).code == 3
    assert world(town) == before


def test_bytes_that_are_no_text_are_refused(town):
    town.append("a", "b", {"type": "t", "data": 1})
    before, wrong = world(town), []
    for raw in BYTES:
        text = os.fsdecode(raw)
        for command in (
            ["append", "--type=t", "--data=1", "--", "a", text], ["append", f"--type={text}", "--data=1", "a", "b"],
            ["append", "--type=t", "--data=1", "--", text, "b"], ["append", "--type=t", f'--data="{text}"', "a", "b"],
            ["append", "--type=t", "--data=1", f'--metadata={{"{text}": 1}}', "a", "b"],
            ["append", "--type=t", "--data=1", f"--id={text}", "a", "b"], ["append", "--type=t", "--data=1", f"--time={text}", "a", "b"],
            ["append", "--type=t", "--data=1", f"--expect={text}", "a", "b"], ["read", "--", "a", text], ["read", f"--aggregate-type={text}"],
            ["stream", "show", "--", text, "b"], ["stream", "list", f"--aggregate-type={text}"],
            ["config", "check", "--set", f"store.schema={text}"],
        ):
            done = town.weir(*command, check=False)
            if done.code != 2 or not done.stderr:
                wrong.append((raw, command, done.code, done.stdout[:80], done.stderr[:150]))
    assert not wrong, "\n".join(map(str, wrong))
    assert world(town) == before and town.value("SELECT count(*) FROM weir.events") == 1


def fits_schema(text):
    return re.fullmatch(r"[a-z_][a-z0-9_]{0,39}", text) and not text.startswith("pg_") and text != "public"


def test_settings_refuse_what_would_be_another_name(town):
    """By flag and by environment; a name that is SQL's own is refused before anything is made."""
    before, wrong = world(town), []
    for text in SOME:
        done = town.weir("config", "check", "--set", f"store.schema={text}", check=False)
        if done.code != (0 if fits_schema(text) else 2) or (done.code and "store.schema" not in done.stderr):
            wrong.append((text[:80], done.code, done.stderr[:200]))
    for text in ["select", "table", "user", "order", "time", "values", "null", "all"]:
        done = town.weir("migrate", env={"WEIR_STORE_SCHEMA": text}, check=False)
        if done.code != 2 or "is a word of SQL" not in done.stderr:
            wrong.append((text, done.code, done.stderr[:200]))
    town.sql("CREATE SCHEMA taken; CREATE TABLE taken.secret (n int)")
    done = town.weir("migrate", "--set", "store.schema=taken", check=False)
    assert done.code == 2 and "has other things than a store in it" in done.stderr
    town.sql("DROP SCHEMA taken CASCADE")
    for text in STRINGS[::16]:
        for name in ("relay.name", "kafka.topic_prefix", "kafka.topic_format", "admin.listen", "store.conninfo", "log.level"):
            done = town.weir("config", "check", "--set", f"{name}={text}", check=False)
            if done.code not in (0, 2) or (done.code == 2 and name not in done.stderr):
                wrong.append((name, text[:80], done.code, done.stderr[:200]))
    assert not wrong, "\n".join(map(str, wrong))
    assert world(town) == before


def test_projection_names_and_numbers_are_held_to_their_shape(town):
    before, wrong = world(town), []
    town.configure(projections={"files": ["projections/*.sql"]})
    for text in SOME:
        if "\n" in text or "\r" in text:
            continue  # ends the comment: another file, not another name
        town.projection("hostile", f"-- projection: {text}\n-- from: user\n-- apply: each\nCREATE TABLE t (n int);\n\n"
                        "-- on: *\nINSERT INTO t SELECT 1 FROM events;\n")
        done = town.weir("projection", "list", "-o", "json", check=False)
        name = text.strip(" \t\v\f")
        fits = re.fullmatch(r"[a-z][a-z0-9_]{0,49}", name) and not re.search("__|^pg_|^public$", name)
        if done.code != (0 if fits else 2) or (not fits and "hostile.sql:1" not in done.stderr):
            wrong.append(("projection", text[:80], done.code, done.stderr[:200]))
    for text in STRINGS[::5]:
        if re.fullmatch(r"any|exists|none|-1|\+?0*\d{1,18}|9223372036854775807|-0", text):
            continue
        done = town.weir("append", "--type=t", "--data=1", f"--expect={text}", "a", "b", check=False)
        if done.code != 2:
            wrong.append(("expect", text[:80], done.code, done.stderr[:200]))
        done = town.weir("read", f"--limit={text}", check=False)
        if done.code != 2:
            wrong.append(("limit", text[:80], done.code, done.stderr[:200]))
    assert not wrong, "\n".join(map(str, wrong))
    assert world(town) == before and town.value("SELECT count(*) FROM weir.events") == 0
