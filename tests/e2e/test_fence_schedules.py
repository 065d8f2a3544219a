"""I2, step by step: the append fence on thousands of schedules drawn from a seed.

fence_explorer.py, which runs one schedule again and searches further, is the place to begin with a
failure; fence_plan.py draws the schedules, fence_steps.py cuts the product's functions into steps.
How many schedules of which seed, and in how many seeds a wrong fence must be found, may be set.
"""

import os

import pytest
from fence_explorer import search_all
from fence_steps import MUTANTS

SCHEDULES = int(os.environ.get("WEIR_FENCE_SCHEDULES", "3000"))
SEED = int(os.environ.get("WEIR_FENCE_SEED", "0"))
SEEDS = int(os.environ.get("WEIR_FENCE_SEEDS", "2"))

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.timeout(900 + SCHEDULES // 10)]


def test_no_schedule_misses_an_event(services):
    halves = [([SEED], range(half, SCHEDULES, 2), None) for half in (0, 1)]
    found = search_all(services.conninfo, halves)
    assert found == [None, None], "\n".join(str(one) for one in found if one)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_fence_is_found_within_a_thousand_schedules_whatever_the_seed(services, mutant):
    seeds = range(SEED + 1, SEED + 1 + SEEDS)
    found = search_all(services.conninfo, [(seeds[half::2], range(1000), None) for half in (0, 1)], mutant)
    assert len(found) == SEEDS and all(found), found
    assert all(any("missed" in fault for fault in one.faults) for one in found)
