"""The manuals quote the examples, and the shop's events are what their script makes."""

import re
import sys

from house import ROOT, run

MANUAL = (ROOT / "docs/projections.md").read_text()
EXAMPLES = {p.stem: p.read_text() for p in (ROOT / "examples/projections").glob("*.sql")}


def listings():
    return re.findall(r"^```sql\n(.*?)^```", MANUAL, re.MULTILINE | re.DOTALL)


def test_every_piece_of_a_projection_is_in_an_example():
    pieces = [piece for piece in listings() if "-- on:" in piece or "-- query:" in piece]
    assert len(pieces) >= 4
    assert [p for p in pieces if not any(p in text for text in EXAMPLES.values())] == []


def test_every_listing_of_the_manual_of_aggregates_is_in_the_example():
    manual = (ROOT / "docs/aggregates.md").read_text()
    pieces = re.findall(r"^```c\n(.*?)^```", manual, re.MULTILINE | re.DOTALL)
    sources = [p.read_text() for p in (ROOT / "examples/account").glob("*.[ch]")]
    assert len(pieces) >= 8
    assert [p for p in pieces if not any(p in text for text in sources)] == []


def test_every_query_reads_a_table_of_an_example():
    queries = [piece for piece in listings() if "-- on:" not in piece and "-- query:" not in piece]
    assert queries
    for query in queries:
        schema, table = re.search(r"FROM (\w+)\.(\w+)", query).groups()
        assert f"CREATE TABLE {table} (" in EXAMPLES[schema]


def test_the_shops_events_are_made_by_their_script():
    made = run(sys.executable, "scripts/make_shop_events.py")
    assert made == (ROOT / "examples/shop.jsonl").read_text()
