"""Who may do what in the store: every role on every object with every verb, really tried.

MATRIX is the truth that docs/secure.md prints. For each cell whose statement exists it is executed as
the role, in a transaction that is rolled back: a missing letter must be answered "permission denied for
this very object" (42501), a letter that stands there must not. An object of the schema that is missing
here, or the other way round, fails.

Letters: S select, I insert, U update, D delete, T truncate, R references, G trigger (tables and views);
N nextval, W setval (sequences); X execute (functions); P use, C create in (the schema). * is all of them.
"""

import re
from collections import namedtuple

import psycopg
import pytest
from harness import ROOT

pytestmark = pytest.mark.once

MATRIX = """
| object              | owner | appender | reader | relay | projector | admin |
|---------------------|-------|----------|--------|-------|-----------|-------|
| schema weir         | PC    | P        | P      | P     | P         | P     |
| checkpoints         | *     |          | S      |       | SIUD      | SIUD  |
| dead_letter_log     | *     |          | S      |       | SI        | SI    |
| dead_letters        | *     |          | S      |       | SIUD      | SIUD  |
| dead_letters_id_seq | *     |          |        |       |           |       |
| event_position      | *     |          | S      | S     | S         | S     |
| events              | *     |          | S      | S     | S         | S     |
| events_default      | *     |          | S      |       |           | S     |
| migrations          | *     | S        | S      | S     | S         | S     |
| parked              | *     |          | S      |       | SIUD      | SIUD  |
| relay_partitions    | *     |          | S      | SIU   | S         | SIU   |
| relays              | *     |          | S      | SIUD  | S         | SIUD  |
| rewrites            | *     |          | S      |       |           | S     |
| rewrites_rewrite_seq | *     |          |        |       |           |       |
| saga_definitions    | *     |          | S      |       | SIU       | SIU   |
| sagas               | *     |          | S      |       | SIU       | SIU   |
| snapshots           | *     |          | S      |       |           | SD    |
| store               | *     | S        | S      | S     | S         | S     |
| streams             | *     |          | S      | S     |           | S     |
| subscriptions       | *     |          | S      |       | SIUD      | SIUD  |
| topics              | *     |          | S      | SIU   | S         | SIU   |
| abandon_partitions() | X     |          |        |       |           | X     |
| append()            | X     | X        |        |       |           | X     |
| append_idle_timeout_ms() | X     |          |        |       |           |       |
| append_many()       | X     | X        |        |       |           | X     |
| applied()           | X     |          |        |       |           |       |
| check_append()      | X     |          |        |       |           |       |
| check_partitions()  | X     |          |        |       |           | X     |
| compare_copies()    | X     |          |        |       |           |       |
| copy_rest()         | X     |          |        |       |           | X     |
| copy_to_partitions() | X     |          |        |       |           | X     |
| fence_key()         | X     |          |        |       |           |       |
| fix_facts()         | X     |          |        |       |           |       |
| hold_checkpoint()   | X     |          |        |       | X         | X     |
| hold_events()       | X     |          |        |       |           | X     |
| horizon()           | X     |          | X      | X     | X         | X     |
| key_hash()          | X     |          | X      |       |           | X     |
| lock_partitions()   | X     |          |        |       |           |       |
| max_event_bytes()   | X     |          |        |       |           |       |
| move_checkpoints()  | X     |          |        |       | X         | X     |
| no_store()          | X     |          |        |       |           |       |
| open_checkpoints()  | X     |          |        |       | X         | X     |
| partitions()        | X     |          | X      |       |           | X     |
| prepare_partitions() | X     |          |        |       |           | X     |
| problem()           | X     |          |        |       |           |       |
| raise_position()    | X     |          |        |       |           | X     |
| refuse_change()     | X     |          |        |       |           |       |
| relay_holders()     | X     |          | X      | X     |           | X     |
| rewrite()           | X     |          |        |       |           | X     |
| save_snapshot()     | X     | X        |        |       |           | X     |
| snapshot_holders()  | X     |          |        |       |           |       |
| store_number()      | X     |          | X      | X     | X         | X     |
| switch_partitions() | X     |          |        |       |           | X     |
| take_sagas()        | X     |          |        |       | X         | X     |
| usual()             | X     |          |        |       |           |       |
| usual_extras()      | X     |          |        |       |           |       |
| wait_for()          | X     | X        | X      |       |           | X     |
""".strip()

ALL = {"table": "SIUDTRG", "view": "SIUDTRG", "sequence": "SNW", "function": "X", "schema": "PC"}
ROLES = ["owner", "appender", "reader", "relay", "projector", "admin", "public"]
ASKED = {"R": "REFERENCES", "G": "TRIGGER"}  # a role that may not create tables cannot try these

Object = namedtuple("Object", "name kind identity column")  # column: one that may be written


def matrix():
    """{object: {role: letters}}, PUBLIC having nothing."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in MATRIX.splitlines()]
    return {row[0]: dict(zip(ROLES, [*row[1:], ""], strict=True)) for row in rows[2:]}


def objects(shop):
    """Everything in the schema that can be granted on."""
    relations = shop.sql("""
        SELECT c.relname, CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'view'
                                         ELSE 'table' END, format('weir.%I', c.relname),
               (SELECT quote_ident(a.attname) FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attgenerated = '' AND a.attidentity = ''
                  AND NOT a.attisdropped
                ORDER BY a.attnum LIMIT 1)
        FROM pg_class c WHERE c.relnamespace = 'weir'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')""")
    functions = shop.sql("""
        SELECT p.proname || '()', 'function', CASE p.prokind WHEN 'p' THEN 'CALL ' ELSE 'SELECT ' END || format('weir.%I(%s)',
               p.proname, (SELECT string_agg('NULL::' || format_type(t, NULL), ', ' ORDER BY i)
                           FROM unnest(p.proargtypes) WITH ORDINALITY AS a(t, i))), NULL
        FROM pg_proc p WHERE p.pronamespace = 'weir'::regnamespace""")
    return [Object(*row) for row in relations + functions] + [Object("schema weir", "schema", "weir", None)]


def statement(thing, verb):
    """What needs this very right and no other."""
    by_kind = {
        "table": {
            "S": "SELECT * FROM {t}", "I": "INSERT INTO {t} DEFAULT VALUES", "U": "UPDATE {t} SET {c} = NULL",
            "D": "DELETE FROM {t}", "T": "TRUNCATE {t}",
        },
        "sequence": {"S": "SELECT last_value FROM {t}", "N": "SELECT nextval('{t}')", "W": "SELECT setval('{t}', 1)"},
        "function": {"X": "{t}"},
        "schema": {"P": "SELECT 'weir.store'::regclass", "C": "CREATE TABLE weir.made_by_somebody ()"},
    }
    kind = "table" if thing.kind == "view" else thing.kind
    return by_kind[kind][verb].format(t=thing.identity, c=thing.column)


def may(connection, role, thing, verb):
    """Whether the role may, by trying. Errors other than the refusal of this very object mean yes."""
    if verb in ASKED:
        ask = "SELECT has_table_privilege(%s, %s, %s)"
        return connection.execute(ask, (role, thing.identity, ASKED[verb])).fetchone()[0]
    connection.execute("SAVEPOINT tried")
    if thing.kind != "schema":  # a right of PUBLIC's must not hide behind the schema's door
        connection.execute(f'GRANT USAGE ON SCHEMA weir TO "{role}"')
    connection.execute(f'SET LOCAL ROLE "{role}"')
    try:
        connection.execute(statement(thing, verb))
        return True
    except psycopg.errors.InsufficientPrivilege as error:
        kinds = "table|view|materialized view|sequence|function|procedure|schema"
        name = thing.name.removeprefix("schema ").removesuffix("()")
        return not re.fullmatch(f"permission denied for ({kinds}) {re.escape(name)}", error.diag.message_primary)
    except psycopg.Error:
        return True
    finally:
        connection.execute("ROLLBACK TO SAVEPOINT tried; RELEASE SAVEPOINT tried")


@pytest.fixture
def store(shop):
    """A migrated store with something in it, and a transaction with a role that has no rights."""
    shop.weir("migrate")
    shop.append("user", "u1", {"type": "user.created", "data": {}})
    with shop.connect(autocommit=False) as connection:
        connection.execute(f'CREATE ROLE "{shop.database}_public" NOLOGIN')
        yield connection
        connection.rollback()


def role_name(shop, role):
    return f"{shop.database}_public" if role == "public" else f"weir_{role}"


def test_every_cell_is_as_the_matrix_says(shop, store):
    wanted, found = matrix(), {o.name: o for o in objects(shop)}
    assert sorted(wanted) == sorted(found), "the matrix and the schema know different objects"
    wrong, tried = [], 0
    for name, thing in found.items():
        for role in ROLES:
            letters = wanted[name][role].replace("*", ALL[thing.kind])
            assert not set(letters) - set(ALL[thing.kind]), f"{name}: {role} has unknown letters"
            for verb in ALL[thing.kind]:
                tried += 1
                if may(store, role_name(shop, role), thing, verb) != (verb in letters):
                    wrong.append(f"{role} {'may not' if verb in letters else 'may'} {verb} on {name}")
    assert not wrong, "\n".join(wrong)
    assert tried > 300


def test_no_right_hides_in_columns_defaults_or_options(shop, store):
    assert store.execute("""
        SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'weir'::regnamespace AND a.attacl IS NOT NULL""").fetchall() == []
    assert store.execute("SELECT * FROM pg_default_acl WHERE defaclnamespace = 'weir'::regnamespace").fetchall() == []
    grantable = store.execute("""
        SELECT c.relname, a.grantee::regrole FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.relnamespace = 'weir'::regnamespace AND a.is_grantable AND a.grantee <> c.relowner""").fetchall()
    assert grantable == [], "a role may hand its rights on"


def test_everything_belongs_to_the_owner_and_no_role_logs_in(shop, store):
    owners = store.execute("""
        SELECT DISTINCT o::regrole::text FROM (SELECT relowner FROM pg_class WHERE relnamespace = 'weir'::regnamespace
            UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'weir'::regnamespace
            UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname = 'weir') AS x(o)""").fetchall()
    assert owners == [("weir_owner",)]
    roles = [f"weir_{role}" for role in ROLES[:-1]]
    powers = store.execute("""
        SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)
        AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)""", (roles,))
    assert powers.fetchall() == []
    members = store.execute("""
        SELECT member::regrole::text, array_agg(roleid::regrole::text ORDER BY roleid::regrole::text)
        FROM pg_auth_members WHERE member = ANY(%s::regrole[]) GROUP BY 1""", (roles,)).fetchall()
    assert members == [("weir_admin", ["weir_appender", "weir_projector", "weir_reader", "weir_relay"])]


def test_functions_that_run_as_the_owner_pin_their_search_path(shop, store):
    pinned = dict(store.execute("""
        SELECT proname, array_to_string(proconfig, ' ') FROM pg_proc
        WHERE pronamespace = 'weir'::regnamespace AND prosecdef""").fetchall())
    assert "append" in pinned
    assert all("search_path=pg_catalog, pg_temp" in (options or "") for options in pinned.values()), pinned


@pytest.mark.parametrize("mode", ["origin", "replica"])
@pytest.mark.parametrize("change", ["UPDATE {t} SET data = '1'", "DELETE FROM {t}", "TRUNCATE {t}"])
def test_not_even_the_owner_changes_an_event(shop, store, mode, change):
    """Replica mode switches ordinary triggers off; the ones that guard events stay on."""
    partitions = store.execute("SELECT 'weir.' || relname FROM pg_partition_tree('weir.events') JOIN pg_class ON oid = relid").fetchall()
    assert len(partitions) >= 2
    for (partition,) in partitions:
        store.execute(f"SAVEPOINT s; SET LOCAL session_replication_role = {mode}; SET LOCAL ROLE weir_owner")
        with pytest.raises(psycopg.Error) as refused:
            store.execute(change.format(t=partition))
        assert refused.value.sqlstate == "WV004", (partition, refused.value)
        store.execute("ROLLBACK TO SAVEPOINT s")


def test_a_service_appends_within_its_own_transaction_and_cannot_reach_further(shop):
    """Shadows of what weir.append uses, first in the caller's search path, are never called."""
    shop.weir("migrate")
    with shop.connect(autocommit=False) as service:
        service.execute(f"""
            CREATE SCHEMA evil;
            CREATE TABLE evil.called (what text);
            GRANT ALL ON SCHEMA evil TO weir_appender; GRANT ALL ON evil.called TO weir_appender;
            CREATE TEMP TABLE streams (aggregate_type text, aggregate_id text, version bigint);
            CREATE TEMP TABLE events (LIKE weir.events);
            CREATE TEMP TABLE store (LIKE weir.store);
            {"".join(SHADOW.format(**shadow) for shadow in SHADOWS)}
            CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.ne);
            SET LOCAL search_path = evil, pg_temp, public, pg_catalog;
            SET LOCAL ROLE weir_appender""")
        append = """SELECT weir.append('user', 'u1', 0, '[{"type": "t", "data": 1, "metadata": {}, "id":
            "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a10", "time": "2020-01-01T00:00:00Z", "schemaversion": 2}]'::pg_catalog.jsonb)"""
        assert service.execute(append).fetchone() == (1,)
        assert service.execute(append).fetchone() == (1,)
        service.execute("RESET ROLE")
        for table in ("evil.called", "pg_temp.streams", "pg_temp.events", "pg_temp.store"):
            assert service.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        assert service.execute("SELECT count(*) FROM weir.events").fetchone() == (1,)
        service.rollback()


SHADOW = """CREATE FUNCTION evil.{name}({takes}) RETURNS {gives} LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO evil.called VALUES ('{name}'); RETURN NULL; END $$;"""
SHADOWS = [
    {"name": "octet_length", "takes": "text", "gives": "int"},
    {"name": "ne", "takes": "text, text", "gives": "bool"},
    {"name": "jsonb_typeof", "takes": "jsonb", "gives": "text"},
    {"name": "jsonb_array_length", "takes": "jsonb", "gives": "int"},
    {"name": "jsonb_path_exists", "takes": "jsonb, jsonpath", "gives": "bool"},
    {"name": "current_setting", "takes": "text", "gives": "text"},
    {"name": "set_config", "takes": "text, text, bool", "gives": "text"},
    {"name": "nextval", "takes": "regclass", "gives": "bigint"},
    {"name": "gen_random_uuid", "takes": "", "gives": "uuid"},
    {"name": "clock_timestamp", "takes": "", "gives": "timestamptz"},
    {"name": "pg_advisory_xact_lock_shared", "takes": "bigint", "gives": "text"},
]


def test_the_document_prints_this_matrix():
    assert MATRIX in (ROOT / "docs/secure.md").read_text()
