"""Runs schedules of fence_plan.py on the steps of fence_steps.py, and judges what the readers saw.

Any schedule can be run again by itself, with its steps shown, in a database of its own:

    cd tests/e2e
    ../../.cache/venv/bin/python fence_explorer.py --seed 7 --number 1234 [--mutant "it locks after nextval"]
    ../../.cache/venv/bin/python fence_explorer.py --seed 8 --count 100000      # a longer search

The PostgreSQL is the one that WEIR_TEST_CONNINFO names, the program WEIR_BIN or build/dev/weir. What is
right is judged by the plain table: each committed event was seen once, in rising positions, nothing else was.
"""

import argparse
import csv
import os
import re
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import ExecStatus

from fence_plan import SCHEMAS, Plan
from fence_steps import MUTANTS, plant
from harness import ROOT, clean_environment, program

SESSIONS = ("writer_0", "writer_1", "writer_2", "reader_weir", "reader_other")
UNSAID = ("aggregate_type", "aggregate_id", "expected_version", "events", "event", "ignored")  # too long, or noise
GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


@dataclass
class Found:
    """A schedule that went wrong: `faults` in words, and as few of its steps as still go wrong."""

    seed: int
    number: int
    mutant: str
    faults: list
    said: list  # each step with what it gave

    def __str__(self):
        title = f"schedule {self.number} of seed {self.seed}: {'; '.join(self.faults)}"
        again = f"again: fence_explorer.py --seed {self.seed} --number {self.number}"
        return "\n".join([title, again + (f' --mutant "{self.mutant}"' if self.mutant else ""), *self.said])


def product_statement(name, schema):
    """A statement of store/sql, as the store prepares it for a schema."""
    text = (ROOT / f"store/sql/{name}.sql").read_text()
    return re.sub(r"\bweir\.", f"{schema}.", re.sub(r"^--.*\n", "", text, flags=re.MULTILINE))


def prepared(schema, steps):
    home = f"steps_{schema}"
    first = steps["append"][0]
    keys = ("aggregate_type", "aggregate_id", "expected_version", "events")
    row = ", ".join(f"'{key}', ${n}" for n, key in enumerate(keys, 1))
    arguments = f"jsonb_populate_record(NULL::{home}.append, jsonb_build_object({row}))"
    for name in steps:
        for step in steps[name]:
            types, state = "", f"current_setting('steps.{schema}_{name}')::{home}.{name}"
            if step == first:
                types, state = "(text, text, bigint, jsonb)", arguments
            elif step == steps[name][0]:
                state = "NULL"
            yield (
                f"PREPARE {schema}_{step}{types} AS SELECT"
                f" set_config('steps.{schema}_{name}', {home}.{name}_{step}({state})::text, false)"
            )
    yield f"PREPARE {schema}_append(text, text, bigint, jsonb) AS SELECT {schema}.append($1, $2, $3, $4)"
    yield (
        f"PREPARE {schema}_horizon AS SELECT set_config('steps.{schema}_horizon', format('(%s,,)', h.horizon), false)"
        f" FROM ({product_statement('horizon', schema)}) AS h"
    )
    yield f"PREPARE {schema}_read AS {product_statement('read_all', schema)}"


class World:
    """The sessions of one database, and what the readers have seen."""

    def __init__(self, conninfo, mutant=None):
        self.mutant, self.worker = mutant, conninfo_to_dict(conninfo)["dbname"]
        fault = MUTANTS.get(mutant)
        self.isolation = fault.isolation if fault else ""
        self.control = psycopg.connect(conninfo, autocommit=True)
        for schema in SCHEMAS:
            self.functions = plant(self.control, schema, fault)  # cut alike in both
        self.steps = {name: list(function.steps()) for name, function in self.functions.items()}
        self.sessions = {name: psycopg.connect(conninfo, autocommit=True) for name in SESSIONS}
        for connection in self.sessions.values():
            for schema in SCHEMAS:
                for statement in prepared(schema, self.steps):
                    connection.execute(statement)
        self.query = {name: connection.pgconn.exec_ for name, connection in self.sessions.items()}
        self.last = {}
        self.start = dict.fromkeys(SCHEMAS, 0)  # no event at or below it belongs to the schedule

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.sessions.values():
            connection.close()
        for [name] in self.control.execute("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
            self.control.execute(f"ROLLBACK PREPARED '{name}'")
        self.control.close()

    def plan(self, seed, number):
        return Plan(seed, number, self.steps, self.isolation)

    def _stored(self, schema, after):
        rows = self.control.execute(
            f"SELECT position, data #>> '{{}}' FROM {schema}.events WHERE position > {after} ORDER BY position"
        )
        return rows.fetchall()

    def run(self, steps, said=None):
        """Takes the steps; what went wrong. `said` gets each in words.

        Steps that one session takes without another's in between go to the server in one message:
        that is what makes the search fast. What must be known here, or be alone, ends the message."""
        self.committed = {schema: set() for schema in SCHEMAS}
        self.seen = {schema: [] for schema in SCHEMAS}
        self.cursor, message = dict(self.start), []
        for step, following in zip(steps, [*steps[1:], None]):
            message.append(self._sql(step))
            for schema, mark in step.marks:
                self.committed[schema].add(mark)
            ends = following is None or following.session != step.session or "alone" in (step.kind, following.kind)
            if ends or step.kind == "read" or said is not None:
                result = self._send(step.session, ";".join(message))
                gave = self._read(step, result) if step.kind == "read" else ""
                if said is not None:
                    said.append(self._in_words(step, message, gave))
                message = []
        for session in {s.session for s in steps if "set_config" in s.sql and "false" in s.sql}:
            self._send(session, "RESET ALL")
        return self._faults({step.schema for step in steps} - {""})

    def _sql(self, step):
        sql = step.sql
        if step.kind == "read":
            state = f"current_setting('steps.{step.schema}_horizon')::steps_{step.schema}.horizon"
            sql = sql.replace("{cursor}", str(self.cursor[step.schema])).replace("{horizon}", f"({state}).horizon")
        return sql.replace("%(worker)s", self.worker)

    def _send(self, session, sql):
        result = self.query[session](sql.encode())
        if result.status not in GOOD:
            raise RuntimeError(f"{session}: {sql}: {result.error_message.decode()}")
        return result

    def _read(self, step, result):
        positions = [int(result.get_value(row, 0)) for row in range(result.ntuples)]
        self.seen[step.schema] += positions
        if positions:
            self.cursor[step.schema] = positions[-1]
        return positions

    def _in_words(self, step, message, gave):
        """The step and what it gave; of the variables handed on, those that it changed."""
        if step.kind in ("append", "horizon"):
            setting = f"steps.{step.schema}_{step.kind}"
            row = self._send(step.session, f"SELECT current_setting('{setting}')").get_value(0, 0).decode()
            now = next(csv.reader([row[1:-1]]))
            fresh = step.sql.split("_")[-1].split("(")[0] == self.steps[step.kind][0]
            was = [""] * len(now) if fresh else self.last[step.session, setting]
            self.last[step.session, setting] = now
            names = [name for name, _, _ in self.functions[step.kind].kept]
            gave = ", ".join(f"{n} {b or 'NULL'}" for n, a, b in zip(names, was, now) if a != b and n not in UNSAID)
        elif step.sql.endswith("_horizon"):
            gave = self._send(step.session, f"SELECT current_setting('steps.{step.schema}_horizon')").get_value(0, 0)
            gave = "horizon " + gave.decode().strip("(,)")
        sql = re.sub(r"\(current_setting.*?\.horizon\)\.horizon", "horizon", message[0])
        return f"{step.session:13}{sql}" + (f"  → {gave}" if gave != "" else "")

    def _faults(self, schemas):
        faults = []
        for schema in sorted(schemas):
            stored = self._stored(schema, self.start[schema])
            positions, seen = [position for position, _ in stored], self.seen[schema]
            missed = [p for p in positions if p not in seen]
            if missed:
                faults.append(f"the reader of {schema} missed {missed}")
            if set(seen) - set(positions) or seen != sorted(set(seen)):
                faults.append(f"the reader of {schema} saw {seen}, where {positions} are")
            if {mark for _, mark in stored} != self.committed[schema]:
                faults.append(f"{schema} keeps {stored}, not {sorted(self.committed[schema])}")
            self.start[schema] = positions[-1] if positions else self.start[schema]
        return faults

    def smaller(self, plan):
        """The steps without each transaction and each reader's cycle that the fault does not need."""
        steps = plan.steps
        for group in range(1, plan.groups + 1):
            fewer = [step for step in steps if step.group != group]
            if self.run(fewer):
                steps = fewer
        return steps

    def explore(self, seed, numbers, until=None):
        """The first schedule that goes wrong, or None."""
        for number in numbers:
            if until and time.monotonic() > until:
                return None
            plan = self.plan(seed, number)
            faults = self.run(plan.steps)
            if faults:
                steps, said = self.smaller(plan), []
                return Found(seed, number, self.mutant, self.run(steps, said) or faults, said)
        return None


def maintain(conninfo, statement):
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statement)


@contextmanager
def database(conninfo, template=None):
    """A database of one's own, a copy of the template; its conninfo."""
    name = "fence_" + secrets.token_hex(5)
    maintain(conninfo, f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
    try:
        yield make_conninfo(conninfo, dbname=name)
    finally:
        maintain(conninfo, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def two_stores(conninfo):
    """The name of a database with the stores weir and other in it, to copy."""
    with database(conninfo) as made:
        for schema in SCHEMAS:
            command = [*program(), "migrate", "--set", f"store.conninfo={made}", "--set", f"store.schema={schema}"]
            subprocess.run(command, check=True, capture_output=True, env=clean_environment(), timeout=120)
        yield conninfo_to_dict(made)["dbname"]


def search(conninfo, template, mutant, task):
    """What each seed finds among its numbers, in a copy of the template."""
    seeds, numbers, until = task
    with database(conninfo, template) as copy, World(copy, mutant) as world:
        return [world.explore(seed, numbers, until) for seed in seeds]


def search_all(conninfo, tasks, mutant=None):
    """What each task (seeds, numbers, until) finds: a Found or None for each of its seeds. In two processes."""
    with two_stores(conninfo) as template, get_context("spawn").Pool(2) as pool:
        found = pool.map(partial(search, conninfo, template, mutant), tasks, chunksize=1)
        return [one for some in found for one in some]


def main():
    """One schedule, or a search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--number", type=int, help="run this schedule, and show its steps")
    parser.add_argument("--count", type=int, default=10000, help="or search so many, in two processes")
    parser.add_argument("--minutes", type=float, default=60, help="and for no longer than this")
    parser.add_argument("--mutant", choices=MUTANTS, help="in a fence with this fault")
    chosen = parser.parse_args()
    conninfo = os.environ.get("WEIR_TEST_CONNINFO") or parser.error("WEIR_TEST_CONNINFO names no PostgreSQL")
    if chosen.number is not None:
        said = []
        with two_stores(conninfo) as name, World(make_conninfo(conninfo, dbname=name), chosen.mutant) as world:
            found = world.explore(chosen.seed, [chosen.number])
            if not found:
                world.run(world.plan(chosen.seed, chosen.number).steps, said)
        print(found or "\n".join(said))
        return 1 if found else 0
    began = time.monotonic()
    until = began + 60 * chosen.minutes
    halves = [([chosen.seed], range(half, chosen.count, 2), until) for half in (0, 1)]
    found = [f for f in search_all(conninfo, halves, chosen.mutant) if f]
    print(*found, f"{time.monotonic() - began:.1f} s", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
