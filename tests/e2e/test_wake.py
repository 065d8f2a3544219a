"""A relay that has nothing to do finds what comes next, by asking alone.

Between reads it asks the sequence whether anything was appended. What that could get wrong: a
position that is drawn long before it is committed, one that never is, and an event behind both.
"""

import pytest
from checks import compare_topics, stored_events
from harness import wait_until

EVENT = '[{"type": "thing.happened", "data": {"n": 1}}]'
APPEND = "SELECT weir.append('thing', %s, NULL, %s::jsonb)"


@pytest.fixture
def idle(shop):
    """A relay that has published one event and rests."""
    shop.weir("migrate")
    shop.append("thing", "first", {"type": "thing.happened", "data": {}})
    shop.start("relay")
    published(shop, 1)
    return shop


def published(shop, count):
    wait_until(lambda: shop.value("SELECT coalesce(max(published), 0) FROM weir.relays") >= count, 60,
               f"{count} events are published")


def heard(shop):
    """Waits until the relay has gone on for a while without anything to publish."""
    before = shop.value("SELECT heartbeat_at FROM weir.relays")
    wait_until(lambda: shop.value("SELECT heartbeat_at FROM weir.relays") > before, 60, "the relay goes on")


def same(shop, count):
    published(shop, count)
    assert compare_topics(stored_events(shop), shop.consume(), shop.topics()) == ([], [])


def test_an_idle_relay_finds_the_next_event(idle):
    heard(idle)
    idle.append("thing", "second", {"type": "thing.happened", "data": {}})
    same(idle, 2)


def test_an_event_that_commits_long_after_its_position_was_drawn_is_found(idle):
    slow = idle.connect(autocommit=False)
    slow.execute(APPEND, ("slow", EVENT))
    idle.append("thing", "behind", {"type": "thing.happened", "data": {}})
    heard(idle)
    assert idle.value("SELECT max(published) FROM weir.relays") == 1
    slow.commit()
    same(idle, 3)


def test_positions_that_were_drawn_for_nothing_hide_no_later_event(idle):
    undecided = idle.connect(autocommit=False)
    undecided.execute(APPEND, ("undecided", EVENT))
    heard(idle)
    undecided.rollback()
    heard(idle)
    idle.append("thing", "after", {"type": "thing.happened", "data": {}})
    same(idle, 2)
