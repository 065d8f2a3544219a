"""latency: from COMMIT returning at the writer to the message in the hands of a consumer.

A writer of its own process appends RATE events a second at random moments (so that nothing beats in
time with the relay's polling), one event a transaction, and reads the clock when COMMIT has returned.
A bare librdkafka consumer of its own process, read_committed, reads it for each message. Both read
the host's monotonic clock. The first seconds, in which everything warms up, do not count; every
other event does.

Before that, the processor time of the relay and of its session while nothing happens; meanwhile,
the same at that rate.
"""

import json
import math
import os
import random
import subprocess
import time
import uuid
from pathlib import Path

import topics
from events import AGGREGATE_TYPE, PAYLOAD_BYTES, events
from latency_plot import draw

RATE = 500  # events a second
WARM_SECONDS = 10
PARTITIONS = 6
MODES = ("at_least_once", "exactly_once")
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1}
TARGETS = {"at_least_once": {"p50": 5, "p99": 20}, "exactly_once": {"p50": 40}}  # milliseconds
IDLE_TARGET = 1  # per cent of a core


def run(stage, report):
    seconds = 1 if stage.chosen.quick else max(stage.chosen.seconds * 3, 10)
    report.title(f"latency: {RATE} events/s for {seconds} s, {PAYLOAD_BYTES} B JSON, {PARTITIONS} partitions, from"
                 " COMMIT to a consumer on this host")
    curves = {}
    for mode in [stage.chosen.delivery] if stage.chosen.delivery else MODES:
        curves[mode] = measure(stage, report, mode, seconds)
    if stage.chosen.plot:
        stage.chosen.plot.write_text(draw(curves, f"{RATE} events/s, from COMMIT to the consumer"))
        report.say(f"  the plot is in {stage.chosen.plot}")


def quantile(ordered, share):
    return ordered[min(len(ordered), max(1, math.ceil(share * len(ordered)))) - 1]


# The distribution


def measure(stage, report, mode, seconds):
    scene = Scene(stage, mode)
    idle = scene.cost(1 if stage.chosen.quick else 10)
    warm = 1 if stage.chosen.quick else WARM_SECONDS
    plan = write_plan(stage.directory / "plan", RATE, warm + seconds)
    reader = start_reader(stage, scene.topic, len(plan))
    before = scene.used()
    committed = stamps(stage.measure([stage.build / "bench/latency_writer", stage.directory / "plan"],
                                     {"WEIR_STORE_CONNINFO": stage.conninfo_of(scene.database)}).stdout)
    busy = share(before, scene.used())
    arrived = stamps(reader.communicate(timeout=120)[0])
    if reader.returncode or set(committed) != set(plan) or set(arrived) != set(plan):
        raise SystemExit(f"latency: {len(plan)} planned, {len(committed)} committed, {len(arrived)} arrived")
    counted = [event for event in plan if plan[event] >= warm]
    found = sorted((arrived[event] - committed[event]) / 1e3 for event in counted)
    span = (max(committed[event] for event in counted) - min(committed[event] for event in counted)) / 1e6
    scene.close()
    tell(report, mode, found, len(counted) / span, idle, busy)
    return found


def tell(report, mode, found, rate, idle, busy):
    figures = {name: quantile(found, share) for name, share in QUANTILES.items()}
    shown = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
    report.say(f"  {mode}: {shown} ms ({len(found):,} events, {rate:.0f} events/s)")
    report.record("latency", name=mode, events=len(found), rate=rate, **figures)
    for name, limit in TARGETS[mode].items():
        report.judge(f"latency, {mode}, {name} ms", figures[name], f"< {limit}", figures[name] < limit)
    for state, (relay, session) in (("idle", idle), ("busy", busy)):
        report.say(f"  {mode}, {state}: relay {relay:.2f} % of a core, its PostgreSQL session {session:.2f} %")
        report.record("cpu", name=mode, state=state, relay=relay, session=session)
    report.judge(f"latency, {mode}, idle % of a core", sum(idle), f"< {IDLE_TARGET}", sum(idle) < IDLE_TARGET)


def write_plan(path, rate, seconds):
    """Writes what the writer is to do; {event id: its second}. Moments are a Poisson process."""
    chance = random.Random(rate)
    source, plan, moment = events(rate * seconds * 2), {}, 0.0
    with path.open("w") as file:
        while (moment := moment + chance.expovariate(rate)) < seconds:
            aggregate, event = next(source)
            identity = str(uuid.UUID(int=chance.getrandbits(128), version=4))
            array = json.dumps([{"id": identity, **event}], ensure_ascii=False)
            file.write(f"{int(moment * 1e6)}\t{AGGREGATE_TYPE}\t{aggregate}\t{identity}\t{array}\n")
            plan[identity] = moment
    return plan


def start_reader(stage, topic, count):
    reader = subprocess.Popen([stage.build / "bench/latency_reader", topic, str(count)], stdout=subprocess.PIPE,
                              text=True, env={**os.environ, "WEIR_KAFKA_BROKERS": stage.brokers})
    if reader.stdout.readline() != "ready\n":
        raise SystemExit("latency: the consumer did not start")
    return reader


def stamps(text):
    return {event: int(moment) for event, moment in (line.split() for line in text.splitlines())}


class Scene:
    """A database, its topic and its relay, which runs and waits."""

    def __init__(self, stage, mode):
        self.stage, self.prefix = stage, f"{stage.name}.latency.{mode}"
        self.topic = f"{self.prefix}.{AGGREGATE_TYPE}"
        self.database = stage.create_database(f"latency_{mode}")
        config = stage.configure(self.database, self.prefix, stage.chosen.properties, partitions=PARTITIONS,
                                 relay={"delivery": mode})
        stage.run_weir(config, "migrate")
        topics.create(stage.brokers, self.topic, PARTITIONS)
        self.append(1)
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "PG"))}
        self.relay = subprocess.Popen([stage.weir, "--config", config, "relay"], stderr=subprocess.DEVNULL, env=clean)
        self.wait("SELECT count(*) FROM weir.relays WHERE published > 0")
        self.session = stage.value(self.database, "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                                   " AND application_name ILIKE '%%relay%%'")

    def append(self, count):
        self.stage.sql(self.database, "SELECT count(weir.append(%s, 'first-' || n, NULL, %s::jsonb))"
                       " FROM generate_series(1, %s) n", AGGREGATE_TYPE, '[{"type": "first", "data": {}}]', count)

    def wait(self, question):
        deadline = time.monotonic() + 60
        while not self.stage.value(self.database, question):
            if time.monotonic() > deadline or self.relay.poll() is not None:
                raise SystemExit("latency: the relay did not publish")
            time.sleep(0.1)

    def used(self):
        """(now, processor seconds of the relay, of its session)."""
        return (time.monotonic(), processor_seconds(self.relay.pid), processor_seconds(self.session))

    def cost(self, seconds):
        time.sleep(1)
        before = self.used()
        time.sleep(seconds)
        return share(before, self.used())

    def stop(self):
        self.relay.terminate()
        self.relay.wait(30)

    def close(self):
        self.stop()
        topics.delete(self.stage.brokers, self.prefix)
        self.stage.drop_database(self.database)


def processor_seconds(pid):
    """User and system; of a session whose server is on another host: nan."""
    try:
        threads = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    except OSError:
        return math.nan
    return sum(int(fields[0]) for fields in threads) / 1e9 if threads else math.nan


def share(before, after):
    """Per cent of a core: of the relay, of its session."""
    return tuple((after[i] - before[i]) / (after[0] - before[0]) * 100 for i in (1, 2))
