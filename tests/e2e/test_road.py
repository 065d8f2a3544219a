"""The short road, from append to read model: also what runs under valgrind."""

import pytest
from checks import compare_topics, stored_events
from harness import Shop

TOTALS = """\
-- projection: totals
-- from: account
-- apply: batch
CREATE TABLE totals (kind text PRIMARY KEY, events bigint NOT NULL, amount bigint NOT NULL);

-- on: account.*
INSERT INTO totals AS t SELECT event_type, count(*), sum((data->>'amount')::bigint) FROM events GROUP BY event_type
ON CONFLICT (kind) DO UPDATE SET events = t.events + excluded.events, amount = t.amount + excluded.amount;
"""


@pytest.mark.valgrind
@pytest.mark.threads
def test_from_append_to_read_model(shop):
    shop.projection("totals", TOTALS)
    shop.weir("migrate")
    for n in range(50):
        kind = "account.deposited" if n % 3 else "account.opened"
        shop.append("account", f"a{n % 9}", {"type": kind, "data": {"amount": n}, "metadata": {"userid": "u", "n": n}})
    shop.weir("relay", "--once")
    shop.weir("run", "--once")
    faults, duplicates = compare_topics(stored_events(shop), shop.consume(), shop.topics())
    assert faults == [] and duplicates == []
    expected = [
        ("account.deposited", 33, sum(n for n in range(50) if n % 3)),
        ("account.opened", 17, sum(n for n in range(50) if not n % 3)),
    ]
    assert shop.sql("SELECT kind, events, amount FROM totals.totals ORDER BY 1") == expected
    status = shop.weir("projection", "status", "--max-lag", "0", "-o", "json").json()
    assert "totals" in str(status)
    shop.weir("read", "account", "a1", "-o", "jsonl")


def test_another_schema_takes_the_same_road(shop):
    shop.configure(store={"schema": "ledger"})
    shop.projection("totals", TOTALS)
    shop.weir("migrate")
    for n in range(10):
        shop.value(
            """SELECT ledger.append('account', 'a', NULL, '[{"type": "account.opened", "data": {"amount": 1}}]')"""
        )
    shop.weir("relay", "--once")
    shop.weir("run", "--once")
    assert shop.sql("SELECT events, amount FROM totals.totals") == [(10, 10)]
    faults, _ = compare_topics(stored_events(shop, "ledger"), shop.consume(), shop.topics())
    assert faults == []


def test_two_databases_of_one_server_migrate_at_once(shop, services, tmp_path):
    """Their roles are the server's: both find them missing and one is first."""
    other = Shop(services, tmp_path / "other")
    try:
        for n in range(5):
            for each in (shop, other):
                each.configure(store={"schema": f"s{shop.database[-4:]}_{n}"})
            first = shop.start("migrate")
            other.weir("migrate")
            assert first.wait() == 0, first.tail()
    finally:
        assert other.close() == []
