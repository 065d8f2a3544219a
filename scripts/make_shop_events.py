#!/usr/bin/env python3
"""make_shop_events: the events of a small shop as CloudEvents JSON Lines, the same at every run.

    scripts/make_shop_events.py > examples/shop.jsonl

Users sign up, change their address and leave; orders are submitted, filled, paid, shipped or
cancelled. Ids are UUIDs derived from names, times rise by a fixed pace from a fixed day, and the
choices come from a seeded generator. No timestamp of the run and nothing of the machine enters.
"""
import datetime
import json
import random
import sys
import uuid

SPACE = uuid.UUID("6f0c1c2e-6a39-5c55-9d0b-0f6b7a1d2c33")
START = datetime.datetime(2026, 3, 2, 8, 0, tzinfo=datetime.timezone.utc)
NAMES = ["Ada", "Björn", "Chiara", "Dmitri", "Esra", "Femke", "Goran", "Hana", "Ibrahim", "Jelena",
         "Kofi", "Lucía", "Mei", "Noor", "Oleksandr", "Priya"]
GOODS = [("tea", 450), ("kettle", 3900), ("cup", 1250), ("strainer", 680), ("honey", 890)]
ORDERS = 30


class Shop:
    def __init__(self):
        self.random = random.Random(20260325)
        self.time = START
        self.versions = {}
        self.lines = []

    def happen(self, kind, what, subject, data):
        """One event; its id follows from the aggregate and its version."""
        version = self.versions[subject] = self.versions.get(subject, 0) + 1
        self.time += datetime.timedelta(minutes=self.random.randint(20, 180))
        self.lines.append({
            "specversion": "1.0",
            "id": str(uuid.uuid5(SPACE, f"{subject}/{version}")),
            "source": "/shop",
            "type": f"{kind}.{what}",
            "subject": subject,
            "time": self.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aggregatetype": kind,
            "datacontenttype": "application/json",
            "data": data,
        })

    def user(self, name):
        subject = str(uuid.uuid5(SPACE, f"user {name}"))
        self.happen("user", "created", subject, {"email": f"{name.lower()}@example.org", "name": name})
        return subject

    def order(self, number, users):
        """The steps of one order, to be interleaved with those of others."""
        subject = str(uuid.uuid5(SPACE, f"order {number}"))
        self.happen("order", "submitted", subject, {"user_id": self.random.choice(users)})
        yield
        total = 0
        for sku, price in self.random.sample(GOODS, self.random.randint(1, 4)):
            quantity = self.random.randint(1, 3)
            total += quantity * price
            self.happen("order", "item_added", subject,
                        {"sku": sku, "quantity": quantity, "price_cents": price})
            yield
        fate = self.random.random()
        if fate < 0.15:
            self.happen("order", "cancelled", subject, {"reason": "changed my mind", "refund_cents": 0})
            return
        self.happen("order", "paid", subject, {"amount_cents": total, "method": "card"})
        yield
        if fate < 0.3:
            self.happen("order", "cancelled", subject, {"reason": "out of stock", "refund_cents": total})
        elif fate < 0.9:
            self.happen("order", "shipped", subject, {"carrier": self.random.choice(["post", "bike"])})

    def run(self):
        users = [self.user(name) for name in NAMES]
        waiting = [self.order(number, users) for number in range(1, ORDERS + 1)]
        open_orders = []
        while waiting or open_orders:
            if waiting and (len(open_orders) < 4 or self.random.random() < 0.2):
                open_orders.append(waiting.pop(0))
            order = self.random.choice(open_orders)
            if next(order, "over") == "over":
                open_orders.remove(order)
            if self.random.random() < 0.06:
                number = self.random.randrange(len(NAMES))
                self.happen("user", "email_changed", users[number],
                            {"email": f"{NAMES[number].lower()}.{len(self.lines)}@example.com"})
        for number in (3, 8, 11):
            self.happen("user", "deactivated", users[number], {"reason": "moved away"})
        return self.lines


if __name__ == "__main__":
    for line in Shop().run():
        json.dump(line, sys.stdout, ensure_ascii=False)
        print()
