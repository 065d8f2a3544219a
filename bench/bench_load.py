"""load: an aggregate through the repository against bare libpq reading and folding the same rows.

Both sides fold every event by the same function and must come to the same balance. Each is one
process that connects, loads once unmeasured, and then loads many times by the clock; the floor does
it in single-row mode, with binary and with text results, and the fastest of the three counts. The
aggregate with a snapshot is measured against one row of it read by its index.
"""

import json
import random

from events import PAYLOAD_BYTES, payload
from stage import Measurement

TYPE = "ledger"
SIZES = (1_000, 10_000)
READS = 400_000  # rows a measurement
ROW_READS = 5_000
WAYS = ("rows", "page", "text")
TARGET_RATIO = 0.7
TARGET_SNAPSHOT = round(1 / 3, 3)  # at most three times one row
CHUNK = 1000

# A million events are put in as append would leave them, but at once: how they came in is not measured.
FILL_LARGE = (
    "INSERT INTO weir.streams (aggregate_type, aggregate_id, version) VALUES ('{type}', 'large', {count})",
    """INSERT INTO weir.events (position, aggregate_type, aggregate_id, version, event_id, event_type,
           schema_version, data, content_type, metadata, time, recorded_at)
       SELECT nextval('weir.event_position'), '{type}', 'large', n, gen_random_uuid(), 'ledger.booked', 1,
              jsonb_build_object('amount', n % 1000), 'application/json', '{{}}', now(), now()
       FROM generate_series(1, {count}) AS n""",
    "VACUUM ANALYZE weir.events",
    "CHECKPOINT",
)


def run(stage, report):
    bench = LoadBench(stage)
    report.title(f"load: aggregates of {', '.join(f'{n:,}' for n in SIZES)} events of {PAYLOAD_BYTES} B JSON, and of"
                 f" {bench.large:,} with a snapshot, against bare libpq")
    bench.prepare()
    for size in SIZES:
        report.compare(f"load, {size:,} events", "events", lambda: bench.floor(size), lambda: bench.weir(size),
                       TARGET_RATIO)
    report.say(f"  load: the fastest floors were {', '.join(sorted(bench.fastest))}; all balances are equal")
    report.record("equal", name="load", rows=sum(SIZES))
    report.compare("load, with a snapshot", "loads", bench.one_row, bench.snapshot, TARGET_SNAPSHOT)
    stage.drop_database(bench.database)


class LoadBench:
    def __init__(self, stage):
        self.stage, self.fastest, self.balances = stage, set(), {}
        self.large = 5_000 if stage.chosen.quick else 1_000_000
        self.share = 20 if stage.chosen.quick else 1

    def prepare(self):
        self.database = self.stage.create_database("load")
        self.stage.run_weir(self.stage.configure(self.database), "migrate")
        for size in SIZES:
            self._append(size)
        for statement in FILL_LARGE:
            self.stage.sql(self.database, statement.format(type=TYPE, count=self.large))
        self._check(self._run("load_weir", TYPE, "large", 1, "snapshots"), self.large)  # leaves the snapshot
        if self.stage.value(self.database, "SELECT max(version) FROM weir.snapshots") != self.large:
            raise SystemExit("the large aggregate has no snapshot")

    def floor(self, size):
        loads = self._loads(size)
        said = {way: self._run("load_floor", way, TYPE, f"ledger-{size}", loads) for way in WAYS}
        for one in said.values():
            self._check(one, size)
        fastest = min(said, key=lambda way: said[way]["seconds"])
        self.fastest.add(fastest)
        return self._measured(size * loads, said[fastest])

    def weir(self, size):
        loads = self._loads(size)
        return self._measured(size * loads, self._check(self._run("load_weir", TYPE, f"ledger-{size}", loads), size))

    def one_row(self):
        loads = ROW_READS // self.share
        return self._measured(loads, self._run("load_floor", "one", TYPE, "large", loads))

    def snapshot(self):
        loads = ROW_READS // self.share
        return self._measured(loads, self._check(self._run("load_weir", TYPE, "large", loads, "snapshots"), self.large))

    def _loads(self, size):
        return max(1, READS // size // self.share)

    def _append(self, size):
        chance = random.Random(size)
        for start in range(0, size, CHUNK):
            events = [{"type": "ledger.booked", "data": payload(chance)} for _ in range(start, min(start + CHUNK, size))]
            self.stage.sql(self.database, "SELECT weir.append(%s, %s, NULL, %s::jsonb)", TYPE, f"ledger-{size}",
                           json.dumps(events, ensure_ascii=False))

    def _run(self, program, *arguments):
        return self.stage.run_floor(program, self.database, *arguments)

    def _check(self, said, size):
        """Every load of an aggregate, by whichever side, gives the same."""
        if (said["events"], said["balance"]) != self.balances.setdefault(size, (size, said["balance"])):
            raise SystemExit(f"a load of {size} events came to {said}, before to {self.balances[size]}")
        return said

    def _measured(self, count, said):
        return Measurement(count, said["seconds"], count / said["seconds"])
