"""verify topics --repair: what is missing comes back as the relay wrote it, whatever happens in between."""

import pytest
from harness import partition_of, wait_until
from plant import Planted, kinds, nth, verify, without


def test_a_repair_restores_what_it_can_and_says_the_rest(relayed):
    planted = Planted(relayed, "thing")
    records = planted.records()
    gone = [nth(records, n, 0) for n in (0, 3, 4)] + [next(r for r in records if r.type == "weir.tombstone"),
                                                      next(r for r in records if r.type == "thing.scanned")]
    again = nth(records, 5, 1)
    topic = planted.write(without(records, *gone) + [again])
    dry = relayed.weir("verify", "topics", "--repair", check=False)
    assert dry.code == 1 and "5 missing events would be republished" in dry.stderr and "--execute" in dry.stderr
    assert len([m for m in relayed.consume() if m.topic == topic]) == len(records) - 4
    with relayed.connect() as other:
        number = relayed.value("SELECT store_number FROM weir.store")
        other.execute("SELECT pg_advisory_lock(%s, hashtext('weir verify topics --repair'))", (number,))
        refused = relayed.weir("verify", "topics", "--repair", "--execute", check=False)
    assert refused.code == 3 and "another repair" in refused.stderr
    done = relayed.weir("verify", "topics", "--repair", "--execute", check=False)
    assert done.code == 1 and "5 of 5 missing events were republished" in done.stderr
    assert "duplicates stay" in done.stderr and "foreign" not in done.stderr
    now = [m for m in relayed.consume() if m.topic == topic]
    back = {m.position: m for m in now}
    assert all((back[g.position].key, back[g.position].value, back[g.position].headers, back[g.position].partition)
               == (g.key, g.value, g.headers, g.partition) for g in gone)
    found, _, _ = verify(relayed)
    assert kinds(found) == sorted([("duplicate", again.position)] + [("inverted", g.position) for g in gone])
    # A relay goes on as if nothing had been, and repeats nothing.
    relayed.append("thing", "t3", {"type": "thing.happened", "data": 1})
    relayed.weir("relay", "--once")
    assert len([m for m in relayed.consume() if m.topic == topic]) == len(now) + 1
    assert kinds(verify(relayed)[0]) == kinds(found)


@pytest.mark.once
def test_a_topic_that_was_made_anew_is_not_filled_behind_a_persons_back(relayed):
    planted = Planted(relayed, "thing")
    topic = planted.write([])
    planted.record(planted.original)
    done = relayed.weir("verify", "topics", "--type", "thing", "--repair", "--execute", check=False)
    assert done.code == 1 and "weir topic reconcile" in done.stderr and "0 of" in done.stderr
    assert [m for m in relayed.consume() if m.topic == topic] == []


@pytest.mark.once
def test_a_repair_that_is_killed_is_done_by_the_next(relayed):
    for n in range(40):
        relayed.append("thing", "late", *({"type": "thing.happened", "data": {"n": n, "m": m}} for m in range(50)))
    relayed.weir("relay", "--once")
    planted = Planted(relayed, "thing")
    partition = partition_of("late", 3)
    records = planted.records()
    last = [r for r in records if r.partition == partition][-1]
    gone = [r for r in records if r.key == b"late" and r is not last]
    topic = planted.write(without(records, *gone))

    def there():
        return {m.position for m in relayed.consume() if m.topic == topic}

    before, begun = len(there()), relayed.start("verify", "topics", "--repair", "--execute")
    wait_until(lambda: not begun.alive or len(there()) > before, 60, "the repair has begun")
    begun.kill() if begun.alive else begun.wait()
    relayed.weir("verify", "topics", "--repair", "--execute", check=False)
    assert there() == {r.position for r in records}
    assert {kind for kind, _ in kinds(verify(relayed, "--limit", "5000")[0])} <= {"inverted", "duplicate"}
