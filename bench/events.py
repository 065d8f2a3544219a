"""The events that every benchmark uses: movements of bank accounts, the same ones in every run.

A payload is an object of exactly 300 bytes in the text form that PostgreSQL gives jsonb. Its texts
and numbers vary as an application's do, so that neither compression nor a cache is flattered.
"""

import json
import random

import psycopg

PAYLOAD_BYTES = 300
AGGREGATES = 10_000
AGGREGATE_TYPE = "account"
CHUNK = 2000
WORDS = """invoice for services in march rent of the flat groceries and wine refund ticket to vienna salary
bonus insurance of car bicycle repair books school fees electricity gas water internet phone dinner with
colleagues flowers present doctor pharmacy gym membership donation savings transfer own account loan
interest tax return hotel two nights parking fuel toll bakery market garden tools paint carpenter
plumber deposit concert museum train season shoes coat laptop cable printer paper""".split()
CITIES = "Graz Linz Lyon Porto Gent Turin Malmö Gdańsk Brno Kraków Bergen Utrecht".split()


def payload(chance):
    cents = chance.randrange(-500_000, 500_000)
    event = {
        "amount": cents / 100,
        "currency": chance.choice(("EUR", "EUR", "EUR", "SEK", "PLN", "CZK")),
        "reference": f"{chance.getrandbits(64):016x}",
        "counterparty": f"{chance.choice(CITIES)[:2].upper()}{chance.randrange(10**18):018d}",
        "booked": f"2024-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}",
        "city": chance.choice(CITIES),
        "note": "",
    }
    room = PAYLOAD_BYTES - len(json.dumps(event, ensure_ascii=False).encode())
    note = ""
    while len(note) < room:
        note += chance.choice(WORDS) + " "
    event["note"] = note[: room - 1] + "."
    return event


def events(count, seed=1):
    """count of (aggregate id, event); aggregates at random, so that they interleave."""
    chance = random.Random(seed)
    for _ in range(count):
        data = payload(chance)
        kind = "account.credited" if data["amount"] >= 0 else "account.debited"
        yield f"account-{chance.randrange(AGGREGATES):05d}", {"type": kind, "data": data}


def fill(stage, database, count):
    """Appends the backlog: one weir.append an event, CHUNK of them a transaction."""
    source = events(count)
    with psycopg.connect(stage.conninfo_of(database), autocommit=True) as connection:
        for start in range(0, count, CHUNK):
            chunk = [next(source) for _ in range(min(CHUNK, count - start))]
            connection.execute(
                "SELECT count(weir.append(%s, id, NULL, event))"
                " FROM unnest(%s::text[], %s::jsonb[]) AS e(id, event)",
                (AGGREGATE_TYPE, [id for id, _ in chunk],
                 [json.dumps([event], ensure_ascii=False) for _, event in chunk]),
            )
        connection.execute("VACUUM ANALYZE weir.events, weir.streams")
        connection.execute("CHECKPOINT")
