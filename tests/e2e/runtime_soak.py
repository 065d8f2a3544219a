"""The consumer runtime under load while its members come, go, die and freeze, and its topics are fouled.

Three aggregate types in three topics of ten partitions, two lanes each. One projection logs every event
that it applies, in the order in which it does, and refuses some for good (poison). Meanwhile

    writers append, and a relay publishes;
    a vandal repeats old messages two to five times, shuffled, adds foreign ones, and keeps some from ever
    reaching their topics;
    a person retries and discards dead letters at random;
    members join and leave, are killed, are stopped for longer than a session lasts and wake up;
    PostgreSQL and Kafka are killed and come back.

judge() reads raw rows: every event of the store was applied once, or is a letter that a person
discarded, never both; each aggregate's events were applied in their order; each 30 s saw progress.
"""

import json
import random
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager

import psycopg
from confluent_kafka import Producer
from harness import patience, wait_until
from harness_kafka import consume, partition_of

TYPES = ["cart", "order", "stock"]
AGGREGATES = 300
LOG = """\
-- projection: journal
-- from: cart, order, stock
CREATE TABLE applied (nr bigserial, type text, id text, version bigint, position bigint, n integer CHECK (n <> 13));

-- on: happened
INSERT INTO applied (type, id, version, position, n)
    SELECT aggregate_type, aggregate_id, version, position, (data->>'n')::integer FROM events;
"""


class RuntimeSoak:
    def __init__(self, shop, seed, members=4):
        self.shop, self.chance, self.wanted = shop, random.Random(seed), members
        self.members, self.frozen, self.errors, self.progress, self.outages = [], [], [], [], []
        self.over, self.quiet = threading.Event(), threading.Lock()  # quiet: held while one appends
        self.joins = self.kills = self.freezes = self.lost = 0

    @contextmanager
    def running(self):
        shop = self.shop
        shop.configure(kafka={"partitions": 10}, subscriptions={
            "journal": {"lanes": 2, "attempts": 2, "batch_events": 200, "redrive": "2s,4s"}})
        shop.projection("journal", LOG)
        shop.weir("migrate")
        with ExitStack() as stack:
            stack.callback(self.over.set)
            self._start_relays()
            for _ in range(self.wanted):
                self.join_group()
            for work in (self._write, self._write, self._foul, self._tend, self._watch):
                thread = threading.Thread(target=self._patiently, args=(work, self.chance.random()), daemon=True)
                thread.start()
                stack.callback(thread.join)
            yield self

    def _patiently(self, work, seed):
        chance = random.Random(seed)
        while not self.over.is_set():
            try:
                work(chance)
            except (psycopg.Error, subprocess.TimeoutExpired):
                time.sleep(0.2)
            except Exception as error:  # the test must see it
                self.errors.append(f"{work.__name__}: {error!r}")
                return

    def _write(self, chance):
        with psycopg.connect(self.shop.conninfo, autocommit=True) as connection:
            while not self.over.is_set():
                events = [{"type": "happened", "data": {"n": chance.randrange(100)}} for _ in range(chance.randint(1, 5))]
                with self.quiet:
                    connection.execute("SELECT weir.append(%s, %s, NULL, %s::jsonb)", (
                        chance.choice(TYPES), f"a-{chance.randrange(AGGREGATES)}", json.dumps(events)))
                time.sleep(chance.random() * 0.02)

    def _foul(self, chance):
        """Old messages again and again, in disorder, and strangers."""
        time.sleep(3)
        messages = consume(self.shop.services.brokers, self.shop.prefix)
        producer = Producer({"bootstrap.servers": self.shop.services.brokers, "message.timeout.ms": 5000})
        for _ in range(min(200, len(messages))):
            m = chance.choice(messages)
            for _ in range(chance.randint(1, 4)):
                producer.produce(m.topic, key=m.key, value=m.value, partition=m.partition, headers=list(m.headers))
            if chance.random() < 0.1:
                producer.produce(m.topic, key=b"stranger", value=b"?", partition=m.partition)
        producer.flush(10)

    def _tend(self, chance):
        """A person who tries some letters again and gives others up."""
        time.sleep(1)
        parked = self.shop.sql("SELECT aggregate_type, aggregate_id FROM weir.parked ORDER BY random() LIMIT 3")
        for type, id in parked:
            verb = chance.choice(["retry", "discard"])
            if verb == "discard":  # only what cannot be applied
                ids = self.shop.sql("SELECT id FROM weir.dead_letters WHERE aggregate_type = %s AND aggregate_id = %s"
                                    " AND status = 'waiting' AND cause = 'refused'", type, id)
                chosen = [str(n) for (n,) in ids]
            else:
                chosen = ["--aggregate", type, id]
            if chosen:
                self.shop.weir("dlq", verb, *chosen, "--execute", check=False)

    def _watch(self, chance):
        with psycopg.connect(self.shop.conninfo, autocommit=True) as connection:
            while not self.over.is_set():
                applied = connection.execute("SELECT coalesce(sum(events), 0)::bigint FROM weir.checkpoints").fetchone()[0]
                self.progress.append((time.monotonic(), applied))
                time.sleep(0.5)

    def _start_relays(self):
        self.relays = [self.shop.start("relay"), self.shop.start("relay")]

    def lose(self):
        """Some events never reach their topic: behind the back of a stopped relay a later one of the same partition
        is published, from whose position the relay then goes on."""
        for relay in self.relays:
            assert relay.stop(60) == 0, relay.tail()
        time.sleep(1)  # of appends that nobody publishes
        tails = {}
        for message in consume(self.shop.services.brokers, self.shop.prefix):
            place = message.topic, message.partition
            if message.header("ce_position") and message.position > (tails[place].position if place in tails else 0):
                tails[place] = message
        producer = Producer({"bootstrap.servers": self.shop.services.brokers})
        with self.quiet:
            for (topic, partition), tail in tails.items():
                missing = [row for row in self.shop.sql("""
                    SELECT position, aggregate_id, version, event_id::text, data::text FROM weir.events
                    WHERE aggregate_type = %s AND position > %s ORDER BY position""", tail.aggregate[0], tail.position)
                    if partition_of(row[1], 10) == partition]
                if len(missing) < 2:
                    continue
                self.lost += len(missing) - 1
                position, id, version, event_id, data = missing[-1]
                said = {"ce_position": position, "ce_subject": id, "ce_aggregateversion": version, "ce_id": event_id,
                        "ce_prevposition": missing[-2][0]}
                headers = [(k, str(said[k]).encode() if k in said else v) for k, v in tail.headers]
                producer.produce(topic, key=id.encode(), value=data.encode(), partition=partition, headers=headers)
            producer.flush(30)
        self._start_relays()

    def join_group(self):
        self.members.append(self.shop.start("run"))
        self.joins += 1

    def replace_one(self):
        """One leaves in one of three ways, and another joins."""
        way = self.chance.choice(["stop", "kill", "freeze"])
        member = self.members.pop(self.chance.randrange(len(self.members)))
        if way == "stop":
            assert member.stop(60) == 0, member.tail()
        elif way == "kill":
            self.kills += 1
            member.kill()
        else:
            self.freezes += 1
            member.pause()
            self.frozen.append((time.monotonic(), member))
        self.join_group()

    def thaw(self, seconds):
        """Wakes the zombies that have slept for so long; they are members again until they leave."""
        for since, member in [f for f in self.frozen if time.monotonic() - f[0] > seconds]:
            self.frozen.remove((since, member))
            member.resume()
            self.members.append(member)
        while len(self.members) > self.wanted + 2:
            member = self.members.pop(0)
            assert member.stop(60) == 0, member.tail()

    def rest(self):
        """No more events, no more faults; what is parked can be applied now."""
        self.over.set()
        for _, member in self.frozen:
            member.resume()
            self.members.append(member)
        self.frozen = []
        self.shop.sql("ALTER TABLE journal__g1.applied DROP CONSTRAINT applied_n_check")
        wait_until(self._is_level, 120, "everything is relayed and read")
        wait_until(self._none_is_parked, 120, "nothing is parked any more")

    def _none_is_parked(self):
        """The command changes nothing if the runtime was quicker with one letter: it is repeated, as a person would."""
        self.shop.weir("dlq", "retry", "--all", "--execute", check=False)
        time.sleep(1)
        return self.shop.value("SELECT count(*) FROM weir.parked") == 0

    def _is_level(self):
        last = self.shop.value("SELECT max(position) FROM weir.events")
        behind = self.shop.value("""
            SELECT count(*) FROM weir.topics t
            JOIN LATERAL (SELECT e.position, e.aggregate_id FROM weir.events e WHERE e.aggregate_type = t.aggregate_type
                          ORDER BY position DESC LIMIT 1) e ON true
            WHERE NOT EXISTS (SELECT FROM weir.checkpoints c WHERE c.topic = t.topic AND c.position >= e.position)""")
        return behind == 0 and self.shop.value("SELECT min(position) FROM weir.relays") >= last and self._all_applied()

    def _all_applied(self):
        return self.shop.value("SELECT count(*) FROM weir.events") <= self.shop.value("""
            SELECT (SELECT count(*) FROM journal.applied) + (SELECT count(*) FROM weir.dead_letters
                    WHERE status IN ('waiting', 'discarded'))""")

    def judge(self):
        """What is wrong, in sentences."""
        found = list(self.errors)
        found += self._rows("""
            SELECT format('%s/%s version %s (position %s) was applied %s times', type, id, version, position, count(*))
            FROM journal.applied GROUP BY type, id, version, position HAVING count(*) > 1 LIMIT 10""")
        found += self._rows("""
            SELECT format('%s/%s: version %s was applied after %s', type, id, version, before)
            FROM (SELECT *, lag(version) OVER (PARTITION BY type, id ORDER BY nr) AS before FROM journal.applied) a
            WHERE before >= version LIMIT 10""")
        found += self._rows("""
            SELECT format('position %s was not applied, and is no discarded letter', e.position)
            FROM weir.events e LEFT JOIN journal.applied a USING (position)
            WHERE a.position IS NULL AND NOT EXISTS (SELECT FROM weir.dead_letters d
                WHERE d.position = e.position AND d.status = 'discarded') LIMIT 10""")
        found += self._rows("""
            SELECT format('position %s was applied and discarded', d.position)
            FROM weir.dead_letters d JOIN journal.applied a USING (position) WHERE d.status = 'discarded' LIMIT 10""")
        found += self._rows("""
            SELECT format('position %s has %s letters', position, count(*)) FROM weir.dead_letters
            GROUP BY position HAVING count(*) > 1 LIMIT 10""")
        return found + self._stalls()

    def _rows(self, query):
        return [row[0] for row in self.shop.sql(query)]

    def _stalls(self, window=30):
        """Stretches without progress; while a service is away nobody can make any."""
        found, since, applied = [], *self.progress[0]
        for at, events in self.progress:
            away = sum(max(0, min(at, end) - max(since, began)) for began, end in self.outages)
            if events > applied:
                since, applied = at, events
            elif at - since - away > window * patience():
                found.append(f"no progress for {at - since:.0f} s, {away:.0f} s of it without a service, at {applied} events")
                since = at
        return found

    @contextmanager
    def outage(self):
        began = time.monotonic()
        yield
        self.outages.append((began, time.monotonic()))
