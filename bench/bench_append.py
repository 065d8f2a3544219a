"""append: weir.append against the insert that it ends in.

Both sides: pgbench as weir_appender, the role of a service, prepared statements, one event or a
hundred of one aggregate a transaction, the same payloads sent as parameters, the same aggregates at
random, a store that already has every aggregate. The floor inserts into a table of the same shape,
partitioning and indexes, with its positions and versions drawn from sequences: no stream row, no
version check, no validation, no fence. A hundred rows are unnested from an array of types and one of
payloads, which pgbench can only send as text, as it sends weir's JSON array. Every measurement
starts on a fresh copy of one template.
"""

import json
import random
import re
import shutil
import subprocess
from pathlib import Path

from events import AGGREGATE_TYPE, AGGREGATES, PAYLOAD_BYTES, payload
from psycopg.conninfo import make_conninfo
from stage import Measurement

TARGETS = {1: 0.70, 100: 0.75}  # events a call: the least ratio with 8 clients
PAYLOADS = {1: 32, 100: 8}  # pgbench scripts, each with its own; pgbench picks one at random for every transaction
KIND = "account.credited"

FLOOR_TABLES = """
CREATE SCHEMA bench;
CREATE TABLE bench.events (LIKE weir.events INCLUDING ALL) PARTITION BY LIST (aggregate_type);
CREATE TABLE bench.events_default PARTITION OF bench.events DEFAULT;
CREATE SEQUENCE bench.position;
CREATE SEQUENCE bench.version START 2;
INSERT INTO bench.events SELECT * FROM weir.events;
SELECT setval('bench.position', max(position)) FROM weir.events;
GRANT USAGE ON SCHEMA bench TO weir_appender;
GRANT INSERT ON bench.events TO weir_appender;
GRANT USAGE ON SEQUENCE bench.position, bench.version TO weir_appender;
"""
COLUMNS = """(position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version, data, data_binary,
    content_type, metadata, time, recorded_at)"""
ID = "'account-' || lpad(:id::text, 5, '0')"
DRAWN = f"nextval('bench.position'), '{AGGREGATE_TYPE}', {ID}, nextval('bench.version'), gen_random_uuid()"
CONSTANT = "NULL, 'application/json', '{}', clock_timestamp(), clock_timestamp()"
CALL = f"SELECT weir.append('{AGGREGATE_TYPE}', {ID}, NULL, :payload%d::jsonb);"
INSERT = {  # by events a call
    1: f"INSERT INTO bench.events {COLUMNS} VALUES ({DRAWN}, '{KIND}', 1, :payload%d::jsonb, {CONSTANT});",
    100: f"INSERT INTO bench.events {COLUMNS} SELECT {DRAWN}, e.type, 1, e.data, {CONSTANT}"
         " FROM unnest(:types::text[], :payload%d::jsonb[]) AS e(type, data);",
}


def run(stage, report):
    report.title(f"append: {PAYLOAD_BYTES} B JSON, {AGGREGATES:,} aggregates, {stage.chosen.seconds} s a measurement,"
                 " against a bare INSERT")
    template = prepare(stage)
    report.settings("both sides", {
        "pgbench": pgbench_version(), "protocol": "prepared",
        "synchronous_commit": stage.value(template, "SHOW synchronous_commit")})
    for size in PAYLOADS:
        scripts = write_scripts(stage.directory, size)
        for clients in (1, 8):
            sides = {side: lambda side=side: once(stage, template, scripts, side, size, clients)
                     for side in ("floor", "weir")}
            name = f"append, {size} event{'s' * (size > 1)} a call, {clients} client{'s' * (clients > 1)}"
            report.compare(name, "events", sides["floor"], sides["weir"], TARGETS[size] if clients == 8 else None)
    stage.drop_database(template)


def prepare(stage):
    """The template: a migrated store with one event of every aggregate, and the floor's copy of it."""
    template = stage.create_database("append")
    stage.run_weir(stage.configure(template), "migrate")
    stage.sql(template,
              "SELECT count(weir.append(%s, 'account-' || lpad(n::text, 5, '0'), 0, %s::jsonb))"
              " FROM generate_series(0, %s) AS n",
              AGGREGATE_TYPE, json.dumps([{"type": "account.opened", "data": {}}]), AGGREGATES - 1)
    for statement in filter(str.strip, FLOOR_TABLES.split(";")):
        stage.sql(template, statement)
    for table in ("weir.events", "weir.streams", "bench.events"):
        stage.sql(template, f"VACUUM ANALYZE {table}")
    return template


def write_scripts(directory, size):
    """{side: files}. Payloads are not in them: a literal would be parsed once, when prepared."""
    files = {"weir": [], "floor": []}
    for n in range(PAYLOADS[size]):
        for side, text in (("weir", CALL), ("floor", INSERT[size])):
            path = directory / f"{side}-{size}-{n}.sql"
            path.write_text(f"\\set id random(0, {AGGREGATES - 1})\n{text % n}\n")
            files[side].append(path)
    return files


def variables(side, size):
    """The payloads as pgbench variables, which it sends as text parameters."""
    chance = random.Random(1)
    if size > 1:
        yield "types={" + ",".join([KIND] * size) + "}"
    for n in range(PAYLOADS[size]):
        data = [payload(chance) for _ in range(size)]
        texts = [json.dumps(one, ensure_ascii=False) for one in data]
        if side == "weir":
            value = json.dumps([{"type": KIND, "data": one} for one in data], ensure_ascii=False)
        elif size == 1:
            value = texts[0]
        else:
            value = "{" + ",".join(json.dumps(text, ensure_ascii=False) for text in texts) + "}"
        yield f"payload{n}={value}"


def once(stage, template, scripts, side, size, clients):
    database = stage.create_database("append_run", template)
    stage.sql(None, "CHECKPOINT")
    command = [pgbench(), "-n", "-M", "prepared", "-c", clients, "-j", min(clients, 2), "-T", stage.chosen.seconds,
               "--random-seed=1"]
    for value in variables(side, size):
        command += ["-D", value]
    for script in scripts[side]:
        command += ["-f", script]
    conninfo = make_conninfo(stage.conninfo_of(database), options="-c role=weir_appender")
    said = stage.measure([*command, conninfo], {}).stdout
    done = int(re.search(r"number of transactions actually processed: (\d+)", said).group(1))
    rate = float(re.search(r"tps = ([\d.]+)", said).group(1))
    table = "weir.events" if side == "weir" else "bench.events"
    stored = stage.value(database, f"SELECT count(*) FROM {table}") - AGGREGATES
    if stored != done * size:
        raise SystemExit(f"{side}: pgbench did {done} transactions of {size}, {table} has {stored} new events")
    stage.drop_database(database)
    return Measurement(stored, done / rate, rate * size)


def pgbench():
    found = shutil.which("pgbench") or max(map(str, Path("/usr/lib/postgresql").glob("*/bin/pgbench")), default=None)
    if not found:
        raise SystemExit("no pgbench; run scripts/deps")
    return found


def pgbench_version():
    return subprocess.run([pgbench(), "--version"], capture_output=True, text=True).stdout.split()[2]
