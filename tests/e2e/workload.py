"""Writers as unruly as services get: slow commits, savepoints, rollbacks, forged settings.

Each writer is a thread with a connection of its own. What it committed, by the writer's own account,
is in `committed`: the ids of events whose COMMIT was answered. A patient one connects again for as long
as PostgreSQL is away.
"""

import json
import random
import threading
import time
import uuid

import psycopg

RETRYABLE = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


class Writers:
    def __init__(
        self, shop, count, streams=40, transactions=None, slowest=0.05, think=0.0, schema="weir", seed=1, patient=False
    ):
        self.shop, self.schema, self.streams, self.patient = shop, schema, streams, patient
        self.transactions, self.slowest, self.think = transactions, slowest, think
        self.committed, self.rolled_back, self.errors = [], 0, []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self.threads = [
            threading.Thread(target=self._guard, args=(random.Random(seed * 1000 + n),), daemon=True)
            for n in range(count)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self.join()

    def join(self):
        for thread in self.threads:
            thread.join()
        assert not self.errors, self.errors[:3]

    def _guard(self, chance):
        while not self._stop.is_set():
            try:
                return self._write(chance)
            except psycopg.OperationalError as error:  # what was in hand is in doubt: not `committed`
                if not self.patient:
                    self.errors.append(error)
                    return
                self._stop.wait(0.1)
            except Exception as error:
                self.errors.append(error)
                return

    def _write(self, chance):
        with psycopg.connect(self.shop.conninfo) as connection:
            done = 0
            while not self._stop.is_set() and (self.transactions is None or done < self.transactions):
                done += 1
                time.sleep(chance.random() * self.think)
                try:
                    ids = self._transaction(connection, chance)
                except RETRYABLE:
                    connection.rollback()
                    ids = None
                with self._lock:
                    if ids is None:
                        self.rolled_back += 1
                    else:
                        self.committed += ids

    def _transaction(self, connection, chance):
        ids = []
        for _ in range(chance.randint(1, 3)):
            if chance.random() < 0.15:
                self._forge(connection, chance)
            if chance.random() < 0.25:
                ids += self._savepoint(connection, chance)
            else:
                ids += self._append(connection, chance)
            if chance.random() < 0.3:
                time.sleep(chance.random() * self.slowest)
        if chance.random() < 0.2:
            connection.rollback()
            return None
        connection.commit()
        return ids

    def _append(self, connection, chance):
        events = [
            {"id": str(uuid.UUID(int=chance.getrandbits(128), version=4)), "type": "thing.happened",
             "data": {"n": chance.randint(0, 999), "text": "x" * chance.randint(0, 200)}}
            for _ in range(chance.randint(1, 3))
        ]
        connection.execute(
            f"SELECT {self.schema}.append('thing', %s, NULL, %s::jsonb)",
            (f"thing-{chance.randint(1, self.streams)}", json.dumps(events)),
        )
        return [event["id"] for event in events]

    def _savepoint(self, connection, chance):
        connection.execute("SAVEPOINT s")
        ids = self._append(connection, chance)
        if chance.random() < 0.5:
            connection.execute("ROLLBACK TO SAVEPOINT s")
            ids = []
        connection.execute("RELEASE SAVEPOINT s")
        return ids

    def _forge(self, connection, chance):
        """A setting that lies about the floor this transaction remembers."""
        floor = chance.choice(["", "0", "1", "-5", "999999999", "x", "281474976710656", "1" * 40])
        connection.execute("SELECT set_config('weir.fence_1', %s, true)", (floor,))
