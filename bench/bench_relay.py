"""relay: `weir relay --once` over a backlog against a bare producer of the same messages.

weir's time is from the start of its process to its exit: it connects, becomes the active relay,
reads the tails, reads the store through the fence, makes the messages, produces them and writes its
cursor. The floor has the messages (those of a first, unmeasured relay) in memory and does nothing
but produce them. Each measurement of either fills a topic of its own that was made before. Both use
one set of producer properties, and that the two streams are equal byte for byte is checked in every
run. Then the same relay delivers exactly_once, paired with itself delivering at_least_once.
"""

import topics
from events import AGGREGATE_TYPE, AGGREGATES, PAYLOAD_BYTES, fill
from stage import Measurement

PARTITIONS = 6
# What the relay sets itself; the rest is librdkafka's default or --property, for both sides.
RELAY = {"acks": "all", "enable.idempotence": "true", "enable.gapless.guarantee": "true", "message.timeout.ms": "0"}
FORGET = ("DELETE FROM weir.relay_partitions", "DELETE FROM weir.relays", "DELETE FROM weir.topics")
TARGET_RATIO = 0.5
TARGET_EXACTLY_ONCE = 0.7
TARGET_MIB = 48


def run(stage, report):
    bench = RelayBench(stage)
    report.title(f"relay: a backlog of {stage.chosen.events:,} events, {PAYLOAD_BYTES} B JSON, {AGGREGATES:,}"
                 f" aggregates, {PARTITIONS} partitions, against a bare producer of the same messages")
    bench.prepare()
    report.settings("both sides", {"partitions": PARTITIONS, **bench.floor_settings})
    pairs = report.compare("relay", "events", bench.floor, bench.weir, TARGET_RATIO)
    report.memory("relay", pairs, TARGET_MIB)
    report.cost("relay", pairs)
    count, fault = bench.compared
    report.say(f"  relay: {count:,} messages of weir and of the floor are identical")
    report.record("identical", name="relay", messages=count)
    compare_deliveries(bench, report)
    stage.drop_database(bench.database)


def compare_deliveries(bench, report):
    """The floor's side of these pairs is weir, too: at_least_once."""
    report.say("  exactly_once, against at_least_once as the floor:")
    pairs = report.compare("exactly_once", "events", bench.weir, lambda: bench.weir("exactly_once"), TARGET_EXACTLY_ONCE)
    report.memory("exactly_once", pairs, TARGET_MIB)


class RelayBench:
    def __init__(self, stage):
        self.stage, self.brokers = stage, stage.brokers
        self.turns = 0
        self.properties = stage.chosen.properties

    def prepare(self):
        """The backlog, and a first relay whose topic the floor reads its messages from."""
        self.database = self.stage.create_database("relay")
        self.stage.run_weir(self.stage.configure(self.database), "migrate")
        fill(self.stage, self.database, self.stage.chosen.events)
        self.source = f"{self.stage.name}.source.{AGGREGATE_TYPE}"
        self._relay(f"{self.stage.name}.source")
        target = self._floor_topic("compared")
        self.floor_settings = {k: v for k, v in self._produce(target).items() if isinstance(v, str)}
        self.compared = topics.difference(self.brokers, self.source, target)
        if self.compared != (self.stage.chosen.events, None):
            raise SystemExit(f"the floor's messages are not weir's: {self.compared}")
        topics.delete(self.brokers, target)

    def weir(self, delivery="at_least_once"):
        self.turns += 1
        prefix = f"{self.stage.name}.weir{self.turns}"
        for statement in FORGET:
            self.stage.sql(self.database, statement)
        done = self._relay(prefix, delivery)
        topics.delete(self.brokers, prefix)
        events = self.stage.chosen.events
        return Measurement(events, done.seconds, events / done.seconds, done.cpu_seconds, done.peak_mib)

    def floor(self):
        self.turns += 1
        target = self._floor_topic(f"floor{self.turns}")
        said = self._produce(target)
        topics.delete(self.brokers, target)
        return Measurement(said["events"], said["seconds"], said["events"] / said["seconds"], said["cpu_seconds"])

    def _relay(self, prefix, delivery="at_least_once"):
        config = self.stage.configure(self.database, prefix, self.properties, partitions=PARTITIONS,
                                      relay={"delivery": delivery})
        self.stage.run_weir(config, "topic", "create", AGGREGATE_TYPE)
        found = self.stage.run_weir(config, "relay", "--once")
        published = self.stage.value(self.database, "SELECT published FROM weir.relays")
        if published != self.stage.chosen.events:
            raise SystemExit(f"weir relay published {published} of {self.stage.chosen.events} events")
        return found

    def _floor_topic(self, name):
        target = f"{self.stage.name}.{name}.{AGGREGATE_TYPE}"
        topics.create(self.brokers, target, PARTITIONS)
        return target

    def _produce(self, target):
        properties = [f"{name}={value}" for name, value in {**RELAY, **self.properties}.items()]
        return self.stage.run_floor("relay_floor", self.database, self.source, target, *properties)
