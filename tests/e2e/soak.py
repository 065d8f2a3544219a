"""The relay under load, on three brokers, while one fault after the other is done to it.

A Soak is a shop with two relays of one name behind proxies, writers that never rest, and a reader that
enters every record in a Ledger. strike(fault) does one fault and says what came of it: a line with the
seconds of recovery and repeated messages, and breaches, of

    I7  everything committed by 20 events after the fault's end is in its topic within the fault's limit
    I2  everything in a topic is committed; everything acknowledged to a writer is in the store
    I3  and what else the Ledger knows of a partition
        no repetition for readers of exactly_once; in at_least_once only of what was first written
        after the fault began, or was in flight then

A fault (faults.py) is a generator that does its harm, and yields (what, limit in seconds) where the
pipeline has to recover.
"""

import random
import time
from contextlib import ExitStack, contextmanager

from confluent_kafka.admin import AdminClient
from harness import patience, wait_until
from ledger import Ledger, Reader
from proxy import Proxy
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from workload import Writers

NEWS = 20  # events that have to be acknowledged after a fault, so that recovery is of the living
GIVE_UP = 4  # times the limit
IN_FLIGHT_MS = 1000  # a message that was acknowledged this long before a fault is not repeated


class Soak:
    def __init__(self, shop, delivery, seed, leeway=1):
        """`leeway` stretches I7's limits, where a suite and not the relay decides who gets the processor."""
        self.shop, self.delivery, self.services, self.leeway = shop, delivery, shop.services, leeway * patience()
        self.chance, self.ledger = random.Random(seed), Ledger()
        self.relays, self.breaches, self.lines = [], [], []
        self._acknowledged = self._repeated = 0

    @contextmanager
    def running(self):
        with ExitStack() as stack:
            self._put_proxies_between(stack)
            self.shop.weir("migrate")
            self.writers = Writers(self.shop, 3, slowest=0.05, think=0.1, seed=self.chance.random(), patient=True)
            self.relays = [self.shop.start("relay"), self.shop.start("relay")]
            self.shop.append("thing", "first", {"type": "thing.happened", "data": 0})
            wait_until(lambda: self.shop.topics(), 60, "the first topic is made")
            isolation = "read_committed" if self.delivery == "exactly_once" else "read_uncommitted"
            self.reader = stack.enter_context(Reader(self.shop, self.ledger, isolation))
            self._load = stack.enter_context(ExitStack())
            self._load.enter_context(self.writers)
            self.breaches += self._recover("start", 30, time.time())[1]
            yield self

    def rest(self):
        """The load ends; the relays go on."""
        self._load.close()

    def _put_proxies_between(self, stack):
        server, directory = conninfo_to_dict(self.shop.conninfo), self.services.directory
        postgres = Proxy({0: (server["host"], int(server["port"]))}, self.chance.random())
        self.postgres = stack.enter_context(postgres)
        routes = {
            int((directory / f"kafka-{n}.proxy").read_text()):
                ("127.0.0.1", int((directory / f"kafka-{n}.behind").read_text()))
            for n in self.brokers
        }
        self.kafka = stack.enter_context(Proxy(routes, self.chance.random()))
        self.shop.configure(
            store={"conninfo": make_conninfo(self.shop.conninfo, port=postgres.ports[0])},
            kafka={
                "brokers": ",".join(f"127.0.0.1:{port}" for port in routes),
                "partitions": 4,
                "replication": len(self.brokers),
                "topic_properties": {"min.insync.replicas": "2", "message.timestamp.type": "LogAppendTime"},
            },
            relay={"delivery": self.delivery},
        )

    @property
    def brokers(self):
        return range(1, len(self.services.brokers.split(",")) + 1)

    def leader(self):
        """The relay that leads, by what it wrote in weir.relays."""
        def found():
            pid = int(self.shop.value("SELECT holder FROM weir.relays").split(":")[-1])
            return next((relay for relay in self.relays if relay.pid == pid and relay.alive), None)

        return wait_until(found, 30, "one of our relays leads")

    def replace(self, relay):
        self.relays.remove(relay)
        self.relays.append(self.shop.start("relay"))

    def partition_leader(self):
        topics = AdminClient({"bootstrap.servers": self.services.brokers}).list_topics(timeout=10).topics
        return topics[f"{self.shop.prefix}.thing"].partitions[0].leader

    def wait_for_replicas(self):
        """A broker's fault is to find the others in step: two away at once is another matter."""
        def in_step():
            topics = AdminClient({"bootstrap.servers": self.services.brokers}).list_topics(timeout=5).topics
            return all(
                len(p.isrs) == len(self.brokers) and p.leader > 0
                for t in topics.values()
                for p in t.partitions.values()
            )

        wait_until(in_step, 120, "every replica is in step")

    def strike(self, name, fault):
        """Does one fault; appends to lines and breaches."""
        began, lag, found, breaches = time.time(), self._lag(), [], []
        try:
            for what, limit in fault(self):
                seconds, broken = self._recover(what, limit, time.time())
                found.append(f"{what} {seconds:.1f} s")
                breaches += broken
        except AssertionError as error:
            breaches.append(str(error))
        repeated, broken = self._repetitions(began)
        breaches += broken + self._compare()
        took = time.time() - began
        line = f"{self.delivery:13} {name:22} {', '.join(found):34} in flight {lag:4}  repeated {repeated:3}  {took:4.0f} s"
        self.lines.append(line)
        self.breaches += [f"{name}: {breach}" for breach in breaches]
        print(line, *(f"\n    BREACH {breach}" for breach in breaches[:10]), flush=True)

    def _lag(self):
        return len(self._committed() - self.ledger.seen.keys())

    def _committed(self):
        return {position for (position,) in self.shop.sql("SELECT position FROM weir.events")}

    def _recover(self, what, limit, since):
        """(seconds until all is in the topics, breaches): all that is committed once there is news."""
        already = len(self.writers.committed)
        wait_until(lambda: len(self.writers.committed) >= already + NEWS, 60, f"{what}: writers get on")
        missing = self._committed()
        while time.time() - since < GIVE_UP * limit * self.leeway:
            missing = {position for position in missing if position not in self.ledger.seen}
            if not missing:
                seconds = time.time() - since
                return seconds, [] if seconds <= limit * self.leeway else [f"I7: {what} took {seconds:.1f} s"]
            assert self.reader.error is None, self.reader.error
            time.sleep(0.05)
        raise AssertionError(f"I7: {what}: {len(missing)} events are in no topic: {sorted(missing)[:10]} …")

    def _repetitions(self, began):
        new = self.ledger.repetitions[self._repeated :]
        self._repeated += len(new)
        if self.delivery == "exactly_once":
            return len(new), [f"position {r.position} is there twice" for r in new]
        old = [r for r in new if r.first < began * 1000 - IN_FLIGHT_MS * patience()]
        return len(new), [f"position {r.position} was not in flight, and is repeated" for r in old]

    def _compare(self):
        """I1 to I3, by raw rows and raw records."""
        faults, self.ledger.faults = self.ledger.compare(self.shop), []
        ids = self.writers.committed[self._acknowledged :]
        self._acknowledged += len(ids)
        stored = self.shop.value(
            "SELECT count(*) FROM weir.events WHERE aggregate_type = 'thing' AND event_id = ANY (%s::uuid[])", ids
        )
        return faults + ([f"I1: {len(ids) - stored} acknowledged events are not stored"] if stored != len(ids) else [])

    def summary(self):
        return (
            f"{self.delivery}: {len(self.lines)} faults, {len(self.ledger.seen)} events in their topics,"
            f" {len(self.ledger.repetitions)} repeated, {len(self.breaches)} breaches;"
            f" dealt by proxies: {dict(self.kafka.dealt + self.postgres.dealt)}"
        )
