"""rebuild: `weir projection rebuild` from the store against the statement fed from memory.

weir's time is from the start of its process to its exit: it makes the next generation's tables, reads
the store through the fence, applies, waits for readers, and switches them over. The floor is that of
project: the very statement that the runtime sends, the same events in the topic's order, encoded in
memory, over one connection. Afterwards both tables must be equal, row for row.
"""

from bench_project import ProjectBench
from events import AGGREGATES, PAYLOAD_BYTES
from stage import Measurement

TARGET = 0.7


def run(stage, report):
    bench = RebuildBench(stage, "aggregate", stage.chosen.events, name="rebuild")
    report.title(f"rebuild: {stage.chosen.events:,} events of the store, {PAYLOAD_BYTES} B JSON, {AGGREGATES:,} aggregates,"
                 " against the same statement fed from memory")
    bench.prepare()
    report.settings("both sides", bench.settings)
    for name, weir, target in (("rebuild", bench.rebuild, TARGET), ("rebuild --parallel 2", bench.rebuild_in_lanes, None)):
        pairs = report.compare(name, "events", bench.floor, weir, target)
        report.say(f"  {name}: peak resident {max(weir.peak_mib for _, weir, _ in pairs):.1f} MiB;"
                   f" both tables are equal, {bench.rows:,} rows")
        report.record("equal", name=name, rows=bench.rows)
    bench.clean()


class RebuildBench(ProjectBench):
    def rebuild_in_lanes(self):
        return self.rebuild("2")

    def rebuild(self, lanes="1"):
        generation = self._value("SELECT generation FROM weir.subscriptions WHERE subscription = 'balances' AND serving")
        self._sql("CHECKPOINT")
        done = self.stage.run_weir(self.config, "projection", "rebuild", "balances", "--parallel", lanes, "--execute")
        if f"generation {generation + 1} serves, from {self.events} events" not in done.stdout:
            raise SystemExit(f"not all of the {self.events} events: {done.stdout}")
        self.stage.run_weir(self.config, "projection", "drop", "balances", "--generation", str(generation), "--execute")
        self._find_table()
        return Measurement(self.events, done.seconds, self.events / done.seconds, done.cpu_seconds, done.peak_mib)
