"""I4 to I7 while members come and go, freeze and die, topics are fouled, and services are killed.

scripts/soak runtime does it for longer."""

import os
import time

import pytest
from harness import wait_until
from runtime_soak import RuntimeSoak

MINUTES = float(os.environ.get("WEIR_SOAK_MINUTES", "-1"))  # -1: the form of the suite
SEED = int(os.environ.get("WEIR_SOAK_SEED", "1"))


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.timeout(max(MINUTES, 2) * 60 + 900)
def test_members_come_and_go(shop):
    minutes = MINUTES if MINUTES > 0 else 2
    soak = RuntimeSoak(shop, SEED)
    with soak.running():
        wait_until(lambda: shop.value("SELECT coalesce(sum(events), 0) FROM weir.checkpoints") > 500, 60, "it runs")
        ends, turn = time.monotonic() + minutes * 60, 0
        while time.monotonic() < ends:
            turn += 1
            next_turn = time.monotonic() + 15  # a leave and a join: 40 in five minutes
            soak.replace_one()
            soak.thaw(30)
            if turn % 4 == 2:
                soak.lose()
            if turn % 8 == 3:
                with soak.outage():
                    shop.services.kill_postgres()
                    shop.services.start_postgres()
            if turn % 8 == 5:
                with soak.outage():
                    shop.services.stop_kafka()
                    shop.services.start_kafka()
            time.sleep(max(0, next_turn - time.monotonic()))
        soak.rest()
        found = soak.judge()
        letters = dict(shop.sql("SELECT status, count(*) FROM weir.dead_letters GROUP BY 1"))
        print(f"\nseed {SEED}: {soak.joins} joins, {soak.kills} kills, {soak.freezes} freezes, {soak.lost} messages lost;"
              f" {shop.value('SELECT count(*) FROM weir.events')} events, letters {letters},"
              f" services away {sum(end - began for began, end in soak.outages):.0f} s")
    assert found == [] and soak.lost > 0
