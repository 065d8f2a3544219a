"""I2, I3 and I7 on three brokers under load: every fault once, in one mode of delivery or the other.

scripts/soak does all of them in both, and more often."""

import os
import time

import pytest
from checks import compare_topics, stored_events
from faults import dealt, in_order
from harness import wait_until
from soak import Soak

MINUTES = float(os.environ.get("WEIR_SOAK_MINUTES", "-1"))  # 0: one pass; -1: shared by the modes
SEED = int(os.environ.get("WEIR_SOAK_SEED", "1"))
FAULT = os.environ.get("WEIR_SOAK_FAULT", "")  # those alone with this in their name
FEW = 50000  # messages that a comparison from the beginning can hold


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.brokers(3)
@pytest.mark.alone("brokers")
@pytest.mark.timeout(max(MINUTES, 0) * 60 + 900)
@pytest.mark.parametrize("delivery", ["exactly_once", *(["at_least_once"] if MINUTES >= 0 else [])])
def test_soak(alone, shop, delivery):
    soak = Soak(shop, delivery, SEED, leeway=1 if MINUTES >= 0 else 2)
    print(f"\nseed {SEED}", flush=True)
    with soak.running():
        for name, fault in chosen(soak.chance, delivery):
            soak.strike(name, fault)
        soak.rest()
        print(soak.summary(), flush=True)
        stop(soak)
    assert soak.breaches == []


def chosen(chance, delivery):
    """(name, fault), one pass of them, or for so many minutes."""
    ends = time.monotonic() + MINUTES * 60
    while MINUTES > 0:
        for name, fault in in_order(chance):
            if time.monotonic() > ends:
                return
            if FAULT in name:
                yield name, fault
    faults = in_order(chance, times=1)
    yield from (f for f in (faults if MINUTES == 0 else dealt(faults, delivery)) if FAULT in f[0])


def stop(soak):
    """Without load everything ends level, and a comparison from the beginning finds the same."""
    shop = soak.shop
    last = shop.value("SELECT max(position) FROM weir.events")
    wait_until(lambda: shop.value("SELECT min(position) FROM weir.relays") >= last, 60, "the cursor is level")
    for relay in soak.relays:
        assert relay.stop() == 0, relay.tail()
    if len(soak.ledger.seen) < FEW:
        properties = {"isolation__level": "read_committed"} if soak.delivery == "exactly_once" else {}
        messages = shop.consume(**properties)
        faults, duplicates = compare_topics(stored_events(shop), messages, shop.topics())
        assert faults == [] and len(duplicates) == len(soak.ledger.repetitions)
