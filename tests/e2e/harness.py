"""The end-to-end harness: a shop of one's own on real PostgreSQL and real Kafka, in sentences.

    def test_an_event_reaches_its_topic(shop):
        shop.configure(kafka={"partitions": 3})
        shop.weir("migrate")
        shop.append("user", "u1", {"type": "user.created", "data": {"email": "a@b.c"}})
        relay = shop.start("relay")
        message = wait_until(shop.consume, 30, "the event is in the topic")[0]
        assert message.header("ce_id") == shop.value("SELECT event_id::text FROM weir.events")
        assert message.partition == partition_of("u1", 3)
        assert relay.stop() == 0

`shop` (conftest.py) is, per test: a fresh empty database, a topic prefix of its own, and a temporary
folder with a weir.yaml that names both. What a test may say:

    shop.configure(section={"key": value})   merge settings into weir.yaml
    shop.write("events.jsonl", text)         a file in the shop's folder (the commands' working folder)
    shop.projection("users", sql)            projections/users.sql, loaded by weir.yaml
    shop.weir("read", "-o", "jsonl")         run to its end; .stdout .stderr .code .json() .jsonl()
    shop.weir("append", …, input=text or bytes, check=False, env={"WEIR_FAILPOINT": …})
    shop.start("relay")                      in the background; see Process in harness_process.py:
                                             .stop() .kill() .pause() .resume() .wait() .log .alive
    shop.sql(query, *values)                 rows as tuples, autocommit; shop.value(…): the first column
    shop.connect()                           a psycopg connection of one's own, closed at the end
    shop.append(type, id, *events, expected=None)   SELECT weir.append(…), as any service would
    shop.consume()                           every message of every topic of the shop, beginning to
                                             end, raw: see Message in harness_kafka.py; uncommitted
                                             ones too, but for isolation__level="read_committed"
    shop.consume(letters=True)               those of the dead letter topics, which it leaves out otherwise
    shop.topics()                            {name: partition count}
    shop.services.kill_kafka(broker=None) .stop_kafka(…) .start_kafka(…) .kafka_paused() .kill_postgres() .start_postgres()
    shop.admin                               "127.0.0.1:port", where `weir serve` listens

`@pytest.mark.brokers(3)` puts the shop on three brokers. wait_until(predicate, seconds, what) returns
the predicate's first true value. Seconds are stretched by WEIR_TEST_PATIENCE for slow builds.

The program is $WEIR_BIN or build/dev/weir, prefixed with $WEIR_WRAPPER (valgrind). When the test is
over every process is stopped; one that does not stop, died of a signal nobody sent, or left a
sanitizer's report in its output fails the test. Everything reads the environment without WEIR_* and
PG*, so a developer's own settings never leak in.
"""

import json
import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import yaml
from psycopg.conninfo import make_conninfo

import harness_kafka
from harness_kafka import independent_murmur2, partition_of  # noqa: F401 (part of the harness)
from harness_process import Process, complaints, patience, wait_until  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
# What a SELECT may do besides answering: functions of the store, and of sessions, locks and sequences.
CHANGING = re.compile(r"\w+\.\w+\s*\(|set_config|setval|nextval|advisory|pg_terminate|pg_cancel|dblink|FOR (UPDATE|SHARE)", re.I)


def clean_environment(**more):
    """The environment without anything that would configure weir or libpq behind a test's back."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "PG"))}
    return {**inherited, **more}


def program():
    binary = Path(os.environ.get("WEIR_BIN", ROOT / "build/dev/weir")).resolve()
    return [*shlex.split(os.environ.get("WEIR_WRAPPER", "")), str(binary)]


class Services:
    """The PostgreSQL and Kafka that scripts/services runs in one folder."""

    def __init__(self, directory, brokers=None):
        self.directory = Path(directory)
        self.damaged = False
        self.up(brokers)

    def up(self, brokers=None):
        wanted = ["--brokers", str(brokers)] if brokers else []
        lines = self._run("up", *wanted).splitlines()
        settings = dict(shlex.split(line)[1].split("=", 1) for line in lines)
        self.conninfo = settings["WEIR_STORE_CONNINFO"]
        self.brokers = settings["WEIR_KAFKA_BROKERS"]
        self.damaged = False

    def down(self):
        self._run("down")

    def kill_kafka(self, broker=None):
        self.damaged = True
        self._run("kill-kafka", *(["--broker", str(broker)] if broker else []))

    def stop_kafka(self, broker=None):
        """A clean stop: the broker hands over what it leads."""
        self.damaged = True
        self._run("stop-kafka", *(["--broker", str(broker)] if broker else []))

    def start_kafka(self, broker=None):
        self._run("start-kafka", *(["--broker", str(broker)] if broker else []))

    @contextmanager
    def kafka_paused(self, broker=1):
        """The broker hangs (SIGSTOP) for the block."""
        pid = self.pid(f"kafka-{broker}")
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def kill_postgres(self):
        self.damaged = True
        self._run("kill-postgres")

    def start_postgres(self):
        self._run("start-postgres")

    def pid(self, name):
        """The process id of "postgres" or "kafka-1"."""
        return int((self.directory / f"{name}.pid").read_text())

    def _run(self, verb, *options):
        command = [ROOT / "scripts/services", verb, "--dir", self.directory, *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"scripts/services {verb} failed:\n{done.stderr}"
        return done.stdout


@dataclass
class Result:
    """What a command that ran to its end said."""

    args: tuple
    code: int
    stdout: str
    stderr: str

    def json(self):
        return json.loads(self.stdout)

    def jsonl(self):
        return [json.loads(line) for line in self.stdout.splitlines()]


class Shop:
    """A database, a topic prefix and a folder with a weir.yaml: everything one test needs."""

    def __init__(self, services, directory):
        self.services = services
        self.directory = Path(directory)
        name = "shop_" + secrets.token_hex(5)
        self.database, self.prefix = name, name
        self.conninfo = make_conninfo(services.conninfo, dbname=name)
        self.admin = f"127.0.0.1:{free_port()}"
        self.processes, self.results, self._connections = [], [], []
        self._asking = threading.local()
        self._maintain(f'CREATE DATABASE "{name}" STRATEGY file_copy')
        self.settings = {
            "store": {"conninfo": self.conninfo},
            "kafka": {"brokers": services.brokers, "topic_prefix": self.prefix},
            "admin": {"listen": self.admin},
        }
        self.configure()

    def configure(self, **sections):
        for section, values in sections.items():
            self.settings.setdefault(section, {}).update(values)
        self.config = self.write("weir.yaml", yaml.safe_dump(self.settings, sort_keys=False))

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def projection(self, name, sql):
        self.configure(projections={"files": ["projections/*.sql"]})
        return self.write(f"projections/{name}.sql", sql)

    def weir(self, *args, input=None, check=True, env=None, timeout=120):
        done = subprocess.run(
            [*program(), *map(str, args)],
            input=input.encode() if isinstance(input, str) else input,
            capture_output=True,
            cwd=self.directory,
            env=self._environment(env),
            timeout=timeout * patience(),
        )
        said = (stream.decode(errors="backslashreplace") for stream in (done.stdout, done.stderr))
        result = Result(args, done.returncode, *said)
        self.results.append(result)
        said = f"{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
        assert not check or result.code == 0, f"weir {shlex.join(map(str, args))}: exit {result.code}\n{said}"
        return result

    def start(self, *args, env=None):
        log = self.directory / "logs" / f"{len(self.processes) + 1}-{args[0]}.log"
        command = [*program(), *map(str, args)]
        process = Process(command, log, self.directory, self._environment(env))
        self.processes.append(process)
        return process

    def connect(self, **options):
        connection = psycopg.connect(self.conninfo, **{"autocommit": True, **options})
        self._connections.append(connection)
        return connection

    def sql(self, query, *values):
        """Questions that tests ask again and again share a connection; whatever may change something has its own."""
        if query.lstrip().startswith("SELECT") and not CHANGING.search(query):
            return self._ask(query, values)
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def _ask(self, query, values):
        known = getattr(self._asking, "connection", None)
        try:
            if known and not known.closed:
                known.execute("SELECT")
        except psycopg.OperationalError:
            known.close()  # the server was away since the last question
        if not known or known.closed:
            self._asking.connection = known = self.connect(prepare_threshold=None)
        return known.execute(query, values or None).fetchall()

    def value(self, query, *values):
        return self.sql(query, *values)[0][0]

    def append(self, aggregate_type, aggregate_id, *events, expected=None):
        values = (aggregate_type, aggregate_id, expected, json.dumps(events))
        return self._ask("SELECT weir.append(%s, %s, %s, %s::jsonb)", values)[0][0]

    def topics(self):
        return harness_kafka.topics(self.services.brokers, self.prefix)

    def consume(self, **properties):
        return harness_kafka.consume(self.services.brokers, self.prefix, **properties)

    def close(self):
        """Stops and removes everything; returns what a clean test would not have left."""
        found = [fault for process in self.processes for fault in process.finish()]
        for result in self.results:
            title = f"weir {shlex.join(map(str, result.args))}"
            found += complaints(title, result.stderr + result.stdout)
        for connection in self._connections:
            connection.close()
        if self.services.damaged:
            self.services.up()
        self._maintain(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        harness_kafka.delete_topics(self.services.brokers, self.prefix)
        return found

    def _environment(self, more):
        return clean_environment(WEIR_CONFIG=str(self.config), **(more or {}))

    def _maintain(self, statement):
        with psycopg.connect(self.services.conninfo, autocommit=True) as connection:
            connection.execute(statement)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
