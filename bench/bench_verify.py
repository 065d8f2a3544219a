"""verify: `weir verify topics` against a bare read of the store followed by one of the topic.

weir's time is from the start of its process to its exit: it connects to both, reads the store
through the fence and every partition beside it, compares each record with its event, key, value,
headers and chain, and reports. The floor reads the same events and then the same records, and does
nothing with them. That weir saw every event and every record, and that both sides' payloads have
the same size, is checked in every run.
"""

import json

from events import AGGREGATE_TYPE, AGGREGATES, PAYLOAD_BYTES, fill
from stage import Measurement

PARTITIONS = 6
TARGET_RATIO = 0.5
TARGET_MIB = 64


def run(stage, report):
    bench = VerifyBench(stage)
    report.title(f"verify: {stage.chosen.events:,} events, {PAYLOAD_BYTES} B JSON, {AGGREGATES:,} aggregates,"
                 f" {PARTITIONS} partitions, against a bare read of the store and then of the topic")
    bench.prepare()
    pairs = report.compare("verify", "events", bench.floor, bench.weir, TARGET_RATIO)
    report.memory("verify", pairs, TARGET_MIB)
    report.cost("verify", pairs)
    stage.drop_database(bench.database)


class VerifyBench:
    def __init__(self, stage):
        self.stage, self.events = stage, stage.chosen.events

    def prepare(self):
        """The backlog, relayed."""
        self.database = self.stage.create_database("verify")
        prefix = f"{self.stage.name}.verified"
        self.topic = f"{prefix}.{AGGREGATE_TYPE}"
        self.config = self.stage.configure(self.database, prefix, self.stage.chosen.properties, partitions=PARTITIONS)
        self.stage.run_weir(self.config, "migrate")
        fill(self.stage, self.database, self.events)
        self.stage.run_weir(self.config, "relay", "--once")

    def weir(self):
        done = self.stage.run_weir(self.config, "verify", "topics", "-o", "json")
        [said] = json.loads(done.stdout)["types"]
        if (said["events"], said["records"], said["pending"]) != (self.events, self.events, 0):
            raise SystemExit(f"weir verified something else: {said}")
        return Measurement(self.events, done.seconds, self.events / done.seconds, done.cpu_seconds, done.peak_mib)

    def floor(self):
        said = self.stage.run_floor("verify_floor", self.database, self.topic)
        if (said["events"], said["records"], said["event_bytes"]) != (self.events, self.events, said["record_bytes"]):
            raise SystemExit(f"the floor read something else: {said}")
        return Measurement(self.events, said["seconds"], self.events / said["seconds"], said["cpu_seconds"])
