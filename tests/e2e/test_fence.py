"""I2: no schedule of slow, failed or reordered commits makes the relay skip an event.

A wrong fence (the lock after nextval) must fail the very same scene: a checker that has not been seen
to fail proves nothing.
"""

import psycopg
import pytest
from checks import check_versions, compare_topics, stored_events
from harness import wait_until
from workload import Writers


FENCE_START, FENCE_END = "    -- Fence: floor", "    -- Insert."
PAUSE = "    PERFORM pg_sleep(random() * 0.02);\n"  # the same unlucky schedule for the right order and the wrong one


@pytest.fixture
def strangers(shop):
    """Transactions that have nothing to do with this store, open all the while."""
    shop.sql("CREATE TABLE public.unrelated (n int)")
    shop.sql("CREATE SCHEMA IF NOT EXISTS unrelated")
    idle = shop.connect(autocommit=False)
    idle.execute("INSERT INTO public.unrelated VALUES (1)")
    elsewhere = psycopg.connect(shop.services.conninfo)
    elsewhere.execute("CREATE TEMP TABLE t (n int)")
    elsewhere.execute("SELECT pg_advisory_xact_lock_shared((1::bigint << 48) | 1)")
    yield
    idle.rollback()
    elsewhere.close()


@pytest.fixture
def second_store(shop):
    """Another weir store in the same database, with an append that does not come to an end."""
    shop.weir("migrate", "--set", "store.schema=other")
    appender = shop.connect(autocommit=False)
    appender.execute("""SELECT other.append('thing', 'one', NULL, '[{"type": "t", "data": 1}]')""")
    yield
    appender.rollback()


def scene(shop, transactions=60):
    """16 unruly writers with the relay live; when all is quiet, what is wrong.

    They think between transactions, so that now many, now few are open: with many, some old one's
    floor would hold readers back and so cover up for a wrong fence."""
    shop.configure(kafka={"partitions": 4})
    relay = shop.start("relay")
    with Writers(shop, 16, transactions=transactions, slowest=0.02, think=0.3) as writers:
        writers.join()
    events = stored_events(shop)
    assert sorted(e.event_id for e in events) == sorted(writers.committed)
    assert writers.rolled_back > len(writers.threads)
    last = events[-1].position
    wait_until(
        lambda: shop.value("SELECT position FROM weir.relays") >= last, 30, "the relay caught up"
    )
    assert relay.stop() == 0
    return events, *compare_topics(events, shop.consume(), shop.topics())


def test_nothing_is_skipped_whoever_commits_when(shop, strangers):
    shop.weir("migrate")
    events, faults, duplicates = scene(shop)
    assert faults == [] and duplicates == []
    assert check_versions(events) == []


def test_a_second_store_and_its_open_append_hold_nothing_back(shop, strangers, second_store):
    """The second store is migrated first, so that ours is not number 1 by luck."""
    shop.weir("migrate")
    numbers = shop.value("SELECT store_number FROM weir.store"), shop.value("SELECT store_number FROM other.store")
    assert numbers[0] != numbers[1]
    _, faults, duplicates = scene(shop, transactions=15)
    assert faults == [] and duplicates == []


def rewrite_append(shop, change):
    """Puts another order of steps into weir.append: change gets fence and insert, as SQL."""
    shop.weir("migrate")
    source = shop.value("SELECT pg_get_functiondef('weir.append'::regproc)")
    start, middle, end = (source.index(s) for s in (FENCE_START, FENCE_END, "    RETURN version;"))
    shop.sql(source[:start] + change(source[start:middle], source[middle:end]) + source[end:])


def lock_of(fence):
    start = fence.index("    ignored := pg_advisory_xact_lock_shared")
    return fence[:start], fence[start:]


@pytest.mark.once
def test_a_fence_stretched_in_the_middle_still_holds(shop):
    rewrite_append(shop, lambda fence, insert: fence + PAUSE + insert)
    _, faults, duplicates = scene(shop)
    assert faults == [] and duplicates == []


@pytest.mark.once
def test_a_fence_that_locks_after_nextval_is_caught(shop):
    def mutant(fence, insert):
        floor, lock = lock_of(fence)
        return floor + insert + PAUSE + lock

    rewrite_append(shop, mutant)
    _, faults, _ = scene(shop)
    assert any("are in no topic" in fault for fault in faults), faults


def test_a_transaction_holds_one_lock_however_often_it_appends(shop):
    """The first of a store, too, whose floor is 0: thousands would not fit the server's table of locks."""
    shop.weir("migrate")
    for id in ("first", "second"):
        with shop.connect(autocommit=False) as connection:
            connection.execute("""SELECT weir.append('thing', %s || n, NULL, '[{"type": "thing.happened", "data": {}}]')
                                  FROM generate_series(1, 50) n""", (id,))
            held = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
            assert held.fetchone() == (1,)
