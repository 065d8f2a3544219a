"""saga: transitions a second, against a bare loop of the statements that one transition consists of.

A transition: an answer is read from its topic, its instance is locked, and row, timer, two events (the
step is done, the next one is asked for) and checkpoint are committed. weir's time is from the start of
`weir run --once` to its exit. The floor is saga.sql, which lists the statements: pgbench sends them in one
round trip and commits each transition, prepared, over one connection, on a copy of the same database;
what weir does besides (Kafka, decoding, deciding, versions, the fence) it leaves out, and weir commits
many transitions at once, which is why it may be faster. Afterwards all instances of both wait for step two.
"""

import re

from stage import ROOT, Measurement

TARGET = 0.5
SAGA = """\
saga: fulfilment
from: [order, stock]
start: order.submitted
key: order
steps:
  - { name: reserve, request: stock.reserve_requested, data: { order: $id }, success: stock.reserved, timeout: 10m }
  - { name: charge, request: bank.charge_requested, data: { order: $id, sum: $start.sum }, success: bank.charged, timeout: 10m }
"""


def run(stage, report):
    bench = SagaBench(stage, stage.chosen.each)
    report.title(f"saga: {bench.instances:,} answers, each the transition of another instance,"
                 " against a loop of the statements of one transition")
    bench.prepare()
    pairs = report.compare("saga", "transitions", bench.floor, bench.weir, TARGET)
    report.say(f"  saga: peak resident {max(weir.peak_mib for _, weir, _ in pairs):.1f} MiB;"
               f" on both sides {bench.instances:,} instances wait for the second step")
    report.record("equal", name="saga", rows=bench.instances)
    bench.clean()


class SagaBench:
    def __init__(self, stage, instances):
        self.stage, self.instances, self.prefix = stage, instances, f"{stage.name}.saga"

    def prepare(self):
        """A database in which every instance waits for its first answer, and the answers are in their topic."""
        stage = self.stage
        file = stage.directory / "fulfilment.yaml"
        file.write_text(SAGA)
        self.sections = {"prefix": self.prefix, "partitions": 1, "sagas": {"files": [str(file)]}}
        self.template = stage.create_database("saga")
        config = stage.configure(self.template, **self.sections)
        stage.run_weir(config, "migrate")
        self._append("order", "o-", '{"type": "order.submitted", "data": {"sum": 5}}')
        stage.run_weir(config, "relay", "--once")
        stage.run_weir(config, "run", "--once")
        self._append("stock", "s-", '{"type": "stock.reserved", "data": {"order": "o-%s", "shelf": 1}}')
        stage.run_weir(config, "relay", "--once")
        self._at(self.template, "reserve")
        stage.sql(self.template, "VACUUM ANALYZE")

    def _append(self, aggregate_type, prefix, event):
        self.stage.sql(self.template, f"""
            SELECT count(weir.append('{aggregate_type}', '{prefix}' || n, NULL, jsonb_build_array(replace('{event}', '%s', n::text)::jsonb)))
            FROM generate_series(1, {self.instances}) n""")

    def _at(self, database, step):
        found = self.stage.value(database, f"SELECT count(*) FROM weir.sagas WHERE step = '{step}' AND state = 'running'")
        if found != self.instances:
            raise SystemExit(f"{found} of {self.instances} instances are at {step}")

    def _measured(self, measure):
        """On a copy of the database, which is dropped."""
        copy = self.stage.create_database("saga_copy", self.template)
        self.stage.sql(copy, "CHECKPOINT")
        measurement = measure(copy)
        self._at(copy, "charge")
        self.stage.drop_database(copy)
        return measurement

    def weir(self):
        return self._measured(self._weir)

    def _weir(self, copy):
        done = self.stage.run_weir(self.stage.configure(copy, **self.sections), "run", "--once")
        return Measurement(self.instances, done.seconds, self.instances / done.seconds, done.cpu_seconds, done.peak_mib)

    def floor(self):
        return self._measured(self._floor)

    def _floor(self, copy):
        done = self.stage.measure(
            ["pgbench", "-n", "-M", "prepared", "-c", "1", "-t", str(self.instances), "-D", "n=0", "-D", f"topic={self.prefix}.stock",
             "-f", ROOT / "bench/saga.sql", self.stage.conninfo_of(copy)], {})
        rate = float(re.search(r"^tps = ([0-9.]+)", done.stdout, re.M).group(1))
        return Measurement(self.instances, self.instances / rate, rate)

    def clean(self):
        self.stage.drop_database(self.template)
