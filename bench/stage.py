"""What both sides of a benchmark stand on: servers, databases, programs, and a stopwatch.

A Stage starts services of its own unless it is told which to use, makes databases that it drops at
the end, and runs a program while it watches its time, processor time and peak memory.
"""

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
import yaml
from psycopg.conninfo import make_conninfo

import topics

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers",
         "wal_level", "max_wal_size", "max_connections")
PROGRAMS = ("weir", "relay_floor", "project_floor", "load_floor", "load_weir", "verify_floor", "latency_writer",
            "latency_reader")


@dataclass
class Measurement:
    events: int
    seconds: float
    rate: float
    cpu_seconds: float = 0.0
    peak_mib: float = 0.0


@dataclass
class Finished:
    seconds: float  # from start to exit
    cpu_seconds: float
    peak_mib: float
    stdout: str


class Stage:
    def __init__(self, chosen, report):
        self.root, self.chosen, self.report = ROOT, chosen, report
        self.build = chosen.build.resolve()
        self.name = "weir_bench_" + secrets.token_hex(3)
        self.directory = Path(tempfile.mkdtemp(prefix="weir-bench-"))
        self.databases = []
        self.own_services, self.brokers = None, None

    def __enter__(self):
        try:
            self._compile()
            self._services()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        if self.brokers and not self.own_services:
            topics.delete(self.brokers, self.name)
        for name in self.databases:
            self.sql(None, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        if self.own_services:
            subprocess.run([ROOT / "scripts/services", "down", "--dir", self.own_services], check=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _compile(self):
        if not (self.build / "CMakeCache.txt").exists():
            self._quietly("cmake", "--preset", "release", "-B", self.build, "-DWEIR_TESTS=OFF")
        self._quietly("cmake", "--build", self.build, "--target", *PROGRAMS)
        self.weir = self.build / "weir"

    def _quietly(self, *command):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{shlex.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")

    def _services(self):
        settings = {name: os.environ.get(name) for name in ("WEIR_STORE_CONNINFO", "WEIR_KAFKA_BROKERS")}
        if self.chosen.services or not all(settings.values()):
            folder = self.chosen.services or self.directory / "services"
            self.own_services = None if self.chosen.services else folder
            said = subprocess.run([ROOT / "scripts/services", "up", "--dir", folder],
                                  check=True, stdout=subprocess.PIPE, text=True).stdout
            settings = dict(shlex.split(line)[1].split("=", 1) for line in said.splitlines())
        self.conninfo, self.brokers = settings["WEIR_STORE_CONNINFO"], settings["WEIR_KAFKA_BROKERS"]

    # Databases

    def conninfo_of(self, database):
        return make_conninfo(self.conninfo, **({"dbname": database} if database else {}))

    def sql(self, database, query, *values):
        with psycopg.connect(self.conninfo_of(database), autocommit=True) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, database, query, *values):
        return self.sql(database, query, *values)[0][0]

    def create_database(self, suffix, template=None):
        name = f"{self.name}_{suffix}"
        self.sql(None, f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        self.databases.append(name)
        return name

    def drop_database(self, name):
        self.sql(None, f'DROP DATABASE "{name}" WITH (FORCE)')
        self.databases.remove(name)

    def server_settings(self):
        return {name: self.value(None, f"SHOW {name}").split(" ")[0] for name in SHOWN}

    # Programs

    def configure(self, database, prefix=None, properties=None, files=(), partitions=6, **sections):
        """Writes weir.yaml; its path. The log is left at its default level."""
        settings = {
            "store": {"conninfo": self.conninfo_of(database)},
            "kafka": {"brokers": self.brokers, "topic_prefix": prefix or self.name,
                      "partitions": partitions, "properties": properties or {}},
        }
        settings.update(sections)
        if files:
            settings["projections"] = {"files": [str(file) for file in files]}
        path = self.directory / f"weir-{secrets.token_hex(4)}.yaml"
        path.write_text(yaml.safe_dump(settings, sort_keys=False))
        return path

    def run_weir(self, config, *arguments):
        return self.measure([self.weir, "--config", config, *arguments], {})

    def run_floor(self, program, database, *arguments):
        """A floor times itself; what it printed."""
        environment = {"WEIR_STORE_CONNINFO": self.conninfo_of(database), "WEIR_KAFKA_BROKERS": self.brokers}
        return json.loads(self.measure([self.build / "bench" / program, *arguments], environment).stdout)

    def measure(self, command, environment):
        """Runs to the end: what it took, and its stdout. stderr is shown when it fails."""
        command = [str(word) for word in command]
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "PG"))}
        log = self.directory / "stderr"
        with tempfile.TemporaryFile("w+", dir=self.directory) as out, log.open("w") as err:
            started = time.perf_counter()
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                     cwd=self.directory, env={**clean, **environment})
            watch = Watch(child.pid)
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - started
            child.returncode = os.waitstatus_to_exitcode(status)
            watch.join()
            out.seek(0)
            said = out.read()
        if child.returncode:
            raise SystemExit(f"{shlex.join(command)}: exit {child.returncode}\n{said}{log.read_text()[-4000:]}")
        return Finished(seconds, usage.ru_utime + usage.ru_stime, watch.peak_kib / 1024, said)


class Watch(threading.Thread):
    """Samples a process's own high-water mark. wait4's ru_maxrss also counts what the parent had
    when it forked, which for a Python parent is more than weir uses."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status, self.peak_kib = Path(f"/proc/{pid}/status"), 0
        self.start()

    def run(self):
        while True:
            try:
                found = re.search(r"VmHWM:\s+(\d+) kB", self.status.read_text())
            except OSError:
                return
            if not found:
                return
            self.peak_kib = int(found.group(1))
            time.sleep(0.02)
