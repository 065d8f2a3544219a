"""Every read of the store is served by an index, whatever plan is chosen and however many events there are.

The store is skewed on purpose: a rare type behind hundreds of thousands of others, a giant stream, a
correlation that half of all share. A statement that walks somebody else's events shows as rows removed
or buffers touched; the answers themselves are compared with a filter written in Python.
"""

import datetime
import os
import re

import pytest
from harness import ROOT


STATEMENTS = {file.stem: file.read_text() for file in (ROOT / "store/sql").glob("read_*.sql")}
EVENTS = int(os.environ.get("WEIR_INDEX_EVENTS", "100000"))
LIMIT, END = 100, 2**63 - 1
SERVED = {"Limit", "Index Scan", "Append", "Merge Append"}
KEYS = {
    "category": ["order", "invoice", "rare"],
    "event_type": ["order.created", "user.odd", "rare.paid"],
    "correlation": ["hot", "odd", "c7", "absent"],
    "causation": ["cause-1", "absent"],
    "user": ["u1", "absent"],
}
STREAMS = [("order", "giant"), ("invoice", "invoice-3"), ("rare", "rare-0")]

# n is position and version. Invoices come first, then orders and users in turn; of the first orders one
# aggregate has them all. Times rise by a second, with the odd step back that real ones have.
ROWS = """
    SELECT n, t, id, n, md5(n::text)::uuid,
           t || '.' || CASE WHEN n %% 100000 = 51 THEN 'odd' ELSE (array['created', 'changed', 'paid'])[1 + n %% 3] END, 1,
           jsonb_build_object('n', n, 'text', repeat('x', 40)), NULL, 'application/json',
           CASE WHEN n %% 3 = 0 THEN '{}' ELSE jsonb_build_object('userid', 'u' || n %% 1000, 'causationid', 'cause-' || n,
               'correlationid', CASE WHEN n %% 2 = 1 THEN 'hot' WHEN n %% 50000 = 2 THEN 'odd' ELSE 'c' || n / 7 END) END,
           at, at - (n %% 5) * interval '1.2 s'
    FROM (SELECT n, '2026-01-01'::timestamptz + n * interval '1 s' AS at, t,
                 CASE WHEN t = 'order' AND n < %(events)s / 2 THEN 'giant' ELSE t || '-' || n / 40 END AS id
          FROM (SELECT n, CASE WHEN n %% 250000 = 7 THEN 'rare' WHEN n <= %(events)s * 0.4 THEN 'invoice'
                               WHEN n %% 2 = 0 THEN 'order' ELSE 'user' END AS t
                FROM generate_series(1, %(events)s) n) AS x) AS y"""
LIKE = "(LIKE weir.events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"


def fill(database, events):
    """Into a table without indexes, which is then attached: PostgreSQL builds what the parent has."""
    with database.transaction():
        database.execute(f"CREATE TABLE weir.filled {LIKE}")
        database.execute("INSERT INTO weir.filled" + ROWS, {"events": events})
        database.execute("ALTER TABLE weir.events DETACH PARTITION weir.events_default")
        database.execute("DROP TABLE weir.events_default")
        database.execute("ALTER TABLE weir.events ATTACH PARTITION weir.filled DEFAULT")
        database.execute("SELECT setval('weir.event_position', %s)", [events])
    database.execute("VACUUM ANALYZE weir.filled")
    database.execute("ANALYZE weir.events")


def split(database):
    """One partition for each of two types, the rest stays in the default."""
    with database.transaction():
        database.execute("ALTER TABLE weir.events DETACH PARTITION weir.filled")
        for aggregate_type in ("order", "rare"):
            table = f"weir.events_{aggregate_type}"
            database.execute(f"CREATE TABLE {table} {LIKE}")
            database.execute(f"INSERT INTO {table} SELECT * FROM weir.filled WHERE aggregate_type = '{aggregate_type}'")
            database.execute(f"ALTER TABLE weir.events ATTACH PARTITION {table} FOR VALUES IN ('{aggregate_type}')")
        database.execute(f"CREATE TABLE weir.rest {LIKE}")
        database.execute("INSERT INTO weir.rest SELECT * FROM weir.filled WHERE aggregate_type NOT IN ('order', 'rare')")
        database.execute("ALTER TABLE weir.events ATTACH PARTITION weir.rest DEFAULT")
        database.execute("DROP TABLE weir.filled")
    database.execute("VACUUM ANALYZE weir.events")


def path_of(name):
    return name.removeprefix("read_").removesuffix("_backwards")


def calls(name, events, limit):
    """The parameters to try a statement with, in its own order."""
    if path_of(name) == "stream":
        return [(*stream, *versions, None, limit) for stream in STREAMS for versions in ((1, END), (events // 2 - 20, events // 2 - 10))]
    starts = (END, events // 2, 10) if name.endswith("_backwards") else (0, events // 2, events - 10)
    keys = [()] if path_of(name) == "all" else [(key,) for key in KEYS[path_of(name)]]
    return [(*key, start, events, None, limit) for key in keys for start in starts]


@pytest.fixture
def database(shop):
    shop.weir("migrate")
    return shop.connect(prepare_threshold=None)


def literal(value):
    return "NULL" if value is None else repr(value)


def explain(database, name, parameters):
    rows = database.execute(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE {name}({', '.join(map(literal, parameters))})"
    )
    return rows.fetchone()[0][0]["Plan"]


def nodes(plan):
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def fault_of(plan):
    """What is wrong with a plan. Buffers: a constant for descending each tree, then a few a row. Other
    nodes than an ordered index scan are right for a few rows only, as in a tiny partition or a short stream."""
    for node in nodes(plan):
        removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        if removed > LIMIT:
            return f"removes {removed} rows by a filter"
        if node["Node Type"] not in SERVED and node["Actual Rows"] > LIMIT // 2:
            return f"uses {node['Node Type']}"
    buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return f"touches {buffers} buffers" if buffers > 3 * LIMIT + 30 else None


def faults(database, statements):
    found = []
    for name, text in statements.items():
        database.execute(f"PREPARE {name} AS {text}".encode())
        for mode in ("force_generic_plan", "force_custom_plan"):
            database.execute(f"SET plan_cache_mode = {mode}")
            for parameters in calls(name, EVENTS, LIMIT):
                fault = fault_of(explain(database, name, parameters))
                found += [f"{name}{parameters} ({mode}) {fault}"] if fault else []
        database.execute(f"DEALLOCATE {name}")
    return found


def plain(text):
    """The category's statement with plain conditions, which a reader would write first."""
    bounds = "aggregate_type = $1::text AND position > $2::bigint AND position <= $3::bigint\n  AND ("
    return re.sub(r"\(aggregate_type, position\) > .*?AND \(\$4", bounds + "$4", text, flags=re.S)


DOCTOR = {name: (ROOT / f"store/sql/{name}.sql").read_text() for name in ("doctor_events", "doctor_streams")}


def walks(database, name, text, types, sample):
    """Where a statement of the doctor leaves its sample: other people's rows, or more buffers than rows. Each
    connection of the doctor calls it once, so it is planned for its values."""
    found = []
    database.execute(f"PREPARE {name} AS {text}".encode())
    database.execute("SET plan_cache_mode = force_custom_plan")
    for aggregate_type in (None, "order", "rare", "absent"):
        plan = explain(database, name, (aggregate_type, sample, 1000, 100))
        for node in nodes(plan):
            rows = sum(node.get(key, 0) for key in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"))
            if rows > types * sample and "Relation Name" in node:
                found.append(f"{name}({aggregate_type}) reads {rows} rows of {node['Relation Name']}")
        buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        if buffers > types * (2 * sample + 100):
            found.append(f"{name}({aggregate_type}) touches {buffers} buffers")
    database.execute(f"DEALLOCATE {name}")
    return found


def doctor_walks(database, change=lambda text: text):
    types = database.execute("SELECT count(DISTINCT event_type) FROM weir.events").fetchone()[0]
    return [fault for name, text in DOCTOR.items() for fault in walks(database, name, change(text), types, 200)]


def all_types(text):
    """The doctor's statement with the list of types that a reader would write first."""
    return re.sub(r"types\(event_type\) AS \(.*?\),\nsample", "types AS (SELECT DISTINCT event_type FROM weir.events),\nsample", text, flags=re.S)


def seek(database, as_of, horizon):
    return database.execute(
        re.sub(r"\$(\d)", r"%(p\1)s", (ROOT / "store/sql/as_of_position.sql").read_text()),
        {"p1": as_of, "p2": horizon},
    ).fetchone()[0]


@pytest.mark.once
@pytest.mark.slow
def test_every_read_is_served_by_an_index(database):
    fill(database, EVENTS)
    assert not faults(database, STATEMENTS)
    naive = {"read_category": plain(STATEMENTS["read_category"])}
    assert any("removes" in fault for fault in faults(database, naive)), "the measure does not see a walk"
    assert not doctor_walks(database)
    assert doctor_walks(database, all_types), "the measure does not see a walk"
    split(database)
    assert not faults(database, STATEMENTS)
    assert not doctor_walks(database)


def expected(name, parameters, events):
    """The positions that a read must give, by the words of its header."""
    *key, low, high, as_of, limit = parameters
    backwards = name.endswith("_backwards")
    if path_of(name) == "stream":
        chosen = [e for e in events if [e["aggregate_type"], e["aggregate_id"]] == key and low <= e["version"] <= high]
    else:
        after, up_to = (0, min(low - 1, high)) if backwards else (low, high)
        field = {"category": "aggregate_type", "event_type": "event_type", "all": None}.get(path_of(name), path_of(name) + "id")
        chosen = [e for e in events if after < e["position"] <= up_to and (not field or [e[field]] == key)]
    chosen = [e["position"] for e in chosen if as_of is None or e["recorded_at"] <= as_of]
    return (chosen[::-1] if backwards else chosen)[:limit]


@pytest.mark.parametrize("partitions", ["default", "split"])
def test_every_read_gives_what_its_header_says(database, partitions):
    fill(database, 4000)
    if partitions == "split":
        split(database)
    columns = "position, aggregate_type, aggregate_id, version, event_type, recorded_at"
    ids = ", ".join(f"metadata ->> '{key}id' AS {key}id" for key in ("correlation", "causation", "user"))
    cursor = database.execute(f"SELECT {columns}, {ids} FROM weir.events ORDER BY position")
    names = [column.name for column in cursor.description]
    events = [dict(zip(names, row)) for row in cursor]
    assert len(events) == 4000
    assert set(map(path_of, STATEMENTS)) == {*KEYS, "stream", "all"}, "a new read has no test here"
    noon = events[2000]["recorded_at"]
    for name, text in STATEMENTS.items():
        query = re.sub(r"\$(\d)", r"%(p\1)s", text.replace("%", "%%"))
        for *wanted, _, _ in calls(name, 4000, None):
            for as_of in (None, noon):
                for limit in (None, 0, 7):
                    parameters = (*wanted, as_of, limit)
                    rows = database.execute(query, {f"p{i}": value for i, value in enumerate(parameters, 1)})
                    assert [row[0] for row in rows] == expected(name, parameters, events), (name, parameters)


def test_the_position_as_of_a_time_cuts_closely_and_never_too_low(database):
    fill(database, 4000)
    times = dict(database.execute("SELECT position, recorded_at FROM weir.events").fetchall())
    second = datetime.timedelta(seconds=1)
    for as_of in [min(times.values()) - 1000 * second, max(times.values()), *(times[n] for n in range(1, 4000, 97))]:
        reached = max((n for n, at in times.items() if at <= as_of), default=0)
        assert reached <= seek(database, as_of, 4000) <= reached + 70
    assert seek(database, times[4000], 0) == 0
