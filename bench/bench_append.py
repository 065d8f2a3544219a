"""append: weir.append against the insert that it ends in.

Both sides: pgbench, prepared statements, one event a transaction, the same payloads sent as
parameters, the same aggregates at random, a store that already has every aggregate. The floor
inserts into a table of the same shape, partitioning and indexes, with its position and version
drawn from sequences: no stream row, no version check, no validation, no fence. Every measurement
starts on a fresh copy of one template database.
"""

import json
import random
import re
import shutil
import subprocess
from pathlib import Path

from events import AGGREGATE_TYPE, AGGREGATES, PAYLOAD_BYTES, payload
from stage import Measurement

PAYLOADS = 32  # pgbench scripts, each with its own; pgbench picks one at random for every transaction

FLOOR_TABLES = """
CREATE SCHEMA bench;
CREATE TABLE bench.events (LIKE weir.events INCLUDING ALL) PARTITION BY LIST (aggregate_type);
CREATE TABLE bench.events_default PARTITION OF bench.events DEFAULT;
CREATE SEQUENCE bench.position;
CREATE SEQUENCE bench.version START 2;
INSERT INTO bench.events SELECT * FROM weir.events;
SELECT setval('bench.position', max(position)) FROM weir.events;
"""
CALL = {
    "weir": "SELECT weir.append('{type}', 'account-' || lpad(:id::text, 5, '0'), NULL, :event{n}::jsonb);",
    "floor": "INSERT INTO bench.events (position, aggregate_type, aggregate_id, version, event_id, event_type,"
    " schema_version, data, data_binary, content_type, metadata, time, recorded_at)"
    " VALUES (nextval('bench.position'), '{type}', 'account-' || lpad(:id::text, 5, '0'), nextval('bench.version'),"
    " gen_random_uuid(), 'account.credited', 1, :data{n}::jsonb, NULL, 'application/json', '{{}}',"
    " clock_timestamp(), clock_timestamp());",
}


def run(stage, report):
    report.title(f"append: one event a call, {PAYLOAD_BYTES} B JSON, {AGGREGATES:,} aggregates,"
                 f" {stage.chosen.seconds} s a measurement, against a bare INSERT")
    template = prepare(stage)
    scripts = write_scripts(stage.directory)
    report.settings("both sides", {
        "pgbench": pgbench_version(), "protocol": "prepared",
        "synchronous_commit": stage.value(template, "SHOW synchronous_commit"),
        "payloads": PAYLOADS})
    for clients in (1, 8):
        sides = {side: lambda side=side: once(stage, template, scripts, side, clients) for side in ("floor", "weir")}
        report.compare(f"append, {clients} client{'s' * (clients > 1)}", "events", sides["floor"], sides["weir"])
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


def write_scripts(directory):
    """{side: files}. Payloads are not in them: a literal would be parsed once, when prepared."""
    files = {side: [] for side in CALL}
    for side, text in CALL.items():
        for n in range(PAYLOADS):
            path = directory / f"{side}-{n}.sql"
            path.write_text(f"\\set id random(0, {AGGREGATES - 1})\n" + text.format(type=AGGREGATE_TYPE, n=n) + "\n")
            files[side].append(path)
    return files


def variables(side):
    """The payloads as pgbench variables, which it sends as text parameters."""
    chance = random.Random(1)
    for n in range(PAYLOADS):
        data = payload(chance)
        value = data if side == "floor" else [{"type": "account.credited", "data": data}]
        name = f"data{n}" if side == "floor" else f"event{n}"
        yield f"{name}={json.dumps(value, ensure_ascii=False)}"


def once(stage, template, scripts, side, clients):
    database = stage.create_database("append_run", template)
    stage.sql(None, "CHECKPOINT")
    command = [pgbench(), "-n", "-M", "prepared", "-c", clients, "-j", min(clients, 2), "-T", stage.chosen.seconds,
               "--random-seed=1"]
    for value in variables(side):
        command += ["-D", value]
    for script in scripts[side]:
        command += ["-f", script]
    said = stage.measure([*command, stage.conninfo_of(database)], {}).stdout
    done = int(re.search(r"number of transactions actually processed: (\d+)", said).group(1))
    rate = float(re.search(r"tps = ([\d.]+)", said).group(1))
    table = "weir.events" if side == "weir" else "bench.events"
    stored = stage.value(database, f"SELECT count(*) FROM {table}") - AGGREGATES
    if stored != done:
        raise SystemExit(f"{side}: pgbench did {done} transactions, {table} has {stored} new events")
    stage.drop_database(database)
    return Measurement(done, done / rate, rate)


def pgbench():
    found = shutil.which("pgbench") or max(map(str, Path("/usr/lib/postgresql").glob("*/bin/pgbench")), default=None)
    if not found:
        raise SystemExit("no pgbench; run scripts/deps")
    return found


def pgbench_version():
    return subprocess.run([pgbench(), "--version"], capture_output=True, text=True).stdout.split()[2]
