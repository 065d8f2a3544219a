"""verify topics: each defect planted by an independent hand is found and named, and nothing else is."""

from dataclasses import replace

from harness import partition_of
from plant import TRACE, Planted, clean, kinds, nth, swapped, verify, with_header, with_more, without


def test_what_the_relay_wrote_is_found_equal(relayed):
    types = clean(relayed)
    assert (types["thing"]["events"], types["thing"]["records"]) == (59, 59)
    assert (types["other"]["events"], types["other"]["findings"]) == (2, 0)
    assert relayed.weir("verify", "topics", "--type", "thing", "-o", "jsonl").stdout == ""
    table = relayed.weir("verify", "topics", "--type", "other").stdout.splitlines()
    assert table[0].split()[:2] == ["AGGREGATE", "TYPE"] and table[1].split()[0] == "other" and len(table) == 2


# The defects. Each takes the records in position order and gives what the topic is to hold instead,
# and what must be found: (kind, position), and a word of the detail.


def missing_in_the_middle(records):
    gone = nth(records, 4, 0)
    return without(records, gone), {("missing", gone.position)}, "later events"


def missing_run(records):
    gone = [nth(records, n, 1) for n in (3, 4, 5)]
    return without(records, *gone), {("missing", g.position) for g in gone}, "later events"


def missing_at_the_beginning(records):
    gone = nth(records, 0, 2)
    return without(records, gone), {("missing", gone.position)}, "later events"


def missing_at_the_end(records):
    gone = [nth(records, -1, 0), nth(records, -2, 0)]
    return without(records, *gone), {("missing", g.position) for g in gone}, "acknowledged"


def missing_partition(records):
    gone = [r for r in records if r.partition == 1]
    return without(records, *gone), {("missing", g.position) for g in gone}, "acknowledged"


def duplicate_at_once(records):
    again = nth(records, 7)
    return records[:8] + [again] + records[8:], {("duplicate", again.position)}, "again"


def duplicate_late(records):
    again = [nth(records, 2), nth(records, 3)]
    return records + again, {("duplicate", a.position) for a in again}, "again"


def inverted_neighbours(records):
    one, two = nth(records, 5, 1), nth(records, 6, 1)
    swap = {id(one): two, id(two): one}
    return [swap.get(id(r), r) for r in records], {("inverted", one.position)}, "behind a later"


def inverted_to_the_end(records):
    late = nth(records, 1, 2)
    return without(records, late) + [late], {("inverted", late.position)}, "behind a later"


def foreign_plain(records):
    stranger = replace(records[0], key=b"k", value=b"\xff not ours", headers=())
    return records[:9] + [stranger] + records[9:], {("foreign", None)}, "no ce_storeid"


def foreign_store(records):
    stranger = with_header(records[3], "ce_storeid", b"0189f7a0-0000-7000-8000-000000000000")
    return records[:9] + [stranger] + records[9:], {("foreign", None)}, "another store"


def altered_position_gone(records):
    victim = nth(records, 4, 1)
    return (swapped(records, victim, with_header(victim, "ce_position", None)),
            {("altered", None), ("missing", victim.position)}, "")


def altered_value(records):
    victim = nth(records, 10)
    changed = replace(victim, value=victim.value.replace(b"1.1", b"1.2"))
    return swapped(records, victim, changed), {("altered", victim.position)}, "value differs"


def altered_bytes(records):
    victim = next(r for r in records if r.type == "thing.scanned")
    return (swapped(records, victim, replace(victim, value=b"\0\x01\xfe")), {("altered", victim.position)},
            "value differs")


def altered_value_gone(records):
    victim = nth(records, 10)
    return swapped(records, victim, replace(victim, value=None)), {("altered", victim.position)}, "null"


def altered_tombstone(records):
    victim = next(r for r in records if r.type == "weir.tombstone")
    return swapped(records, victim, replace(victim, value=b"{}")), {("altered", victim.position)}, "tombstone"


def altered_key(records):
    victim = nth(records, 11)
    return swapped(records, victim, replace(victim, key=b"t99")), {("altered", victim.position)}, "the key is 't99'"


def altered_header_gone(records):
    victim = nth(records, 12)
    return (swapped(records, victim, with_header(victim, "ce_schemaversion", None)),
            {("altered", victim.position)}, "ce_schemaversion is missing")


def altered_header_twice(records):
    victim = nth(records, 12)
    return (swapped(records, victim, with_more(victim, ("ce_type", victim.type.encode()))),
            {("altered", victim.position)}, "ce_type is there twice")


def altered_header_more(records):
    victim = nth(records, 12)
    return (swapped(records, victim, with_more(victim, ("x-more", b"1"))), {("altered", victim.position)},
            "x-more is no header")


def altered_metadata_more(records):
    victim = nth(records, 12)  # its metadata is empty
    return (swapped(records, victim, with_more(victim, ("ce_userid", b"u"))), {("altered", victim.position)},
            "ce_userid should not be there")


def altered_partition(records):
    victim = nth(records, 3, 0)
    return (without(records, victim) + [replace(victim, partition=1)],
            {("altered", victim.position), ("missing", victim.position)}, "")


def altered_copy_elsewhere(records):
    victim = nth(records, 3, 0)
    return (records[:-2] + [replace(victim, partition=2)] + records[-2:], {("altered", victim.position)},
            "belongs to partition 0")


def altered_repetition(records):
    victim = nth(records, 6)
    return records + [replace(victim, value=b'{"n": 0}')], {("altered", victim.position)}, "a repetition that differs"


def ahead_of_everything(records):
    """In front of all others: nothing behind it may suffer."""
    future = with_header(with_header(records[0], "ce_position", b"1000000"),
                         "ce_id", b"0189f7a0-0000-7000-8000-000000000001")
    return [future] + records, {("ahead", 1000000)}, "no event at its position"


def ahead_at_a_known_position(records):
    """As an older backup leaves it: the position was given to another event again."""
    victim = nth(records, 8)
    other = with_header(replace(victim, value=b'{"lost": true}'), "ce_id", b"0189f7a0-0000-7000-8000-000000000002")
    return records[:8] + [other] + records[8:], {("ahead", victim.position)}, "another event at its position"


def chain_broken(records):
    victim = nth(records, 4, 1)
    return (swapped(records, victim, with_header(victim, "ce_prevposition", b"1")), {("chain", victim.position)},
            "ce_prevposition is '1', not")


def many_at_once(records):
    """Each is found beside the others."""
    again, gone, late = nth(records, 2, 0), nth(records, 5, 0), nth(records, 6, 0)
    records = without(records, gone, late)
    return (records + [again, late, replace(again, headers=())],
            {("duplicate", again.position), ("missing", gone.position), ("inverted", late.position), ("foreign", None)},
            "")


DEFECTS = (missing_in_the_middle, missing_run, missing_at_the_beginning, missing_at_the_end, missing_partition,
           duplicate_at_once, duplicate_late, inverted_neighbours, inverted_to_the_end, foreign_plain, foreign_store,
           altered_position_gone, altered_value, altered_bytes, altered_value_gone, altered_tombstone, altered_key,
           altered_header_gone, altered_header_twice, altered_header_more, altered_metadata_more, altered_partition,
           altered_copy_elsewhere, altered_repetition, ahead_of_everything, ahead_at_a_known_position, chain_broken,
           many_at_once)


def test_each_planted_defect_is_found_and_named_and_nothing_else_is(relayed):
    planted = Planted(relayed, "thing")
    planted.make_topics(len(DEFECTS) + 1)
    records = planted.records()
    spaced = replace(records[4], value=b' { "text":"xxxx", "price" : 1.1e0, "n": 4.0 } ')
    planted.write(swapped(records, records[4], spaced))  # it means the same
    clean(relayed)
    for defect in DEFECTS:
        records, expected, word = defect(planted.records())
        planted.write(records)
        findings, _, done = verify(relayed, "--type", "thing")
        assert kinds(findings) == sorted(expected, key=lambda e: (e[0], e[1] or 0)), defect.__name__
        assert all(word in f["detail"] for f in findings), (defect.__name__, [f["detail"] for f in findings])
        assert "topics and store differ" in done.stderr


HEADERS = {
    "ce_specversion": b"0.3", "ce_id": b"0189f7a0-0000-7000-8000-000000000003", "ce_source": b"/weir/things",
    "ce_type": b"thing.happens", "ce_time": b"2024-02-29T23:59:59.000002Z", "ce_subject": b"t12",
    "content-type": b"text/json", "ce_aggregatetype": b"other", "ce_aggregateversion": b"77", "ce_schemaversion": b"1",
    "ce_recordedtime": b"2024-02-29T23:59:59Z", "ce_correlationid": b"c-2", "ce_causationid": b"a cause",
    "ce_userid": b"jose", "tracestate": b"a=1", "traceparent": TRACE.replace("4bf", "4be").encode(),
}


def test_no_header_can_change_unseen(relayed):
    planted = Planted(relayed, "thing")
    records = planted.records()
    whole = [r for r in records if r.header("ce_userid")]
    changed = {id(r): with_header(r, name, value) for r, (name, value) in zip(whole, HEADERS.items())}
    assert len(changed) == len(HEADERS)
    deep = next(r for r in records if r.header("ce_metadata"))
    changed[id(deep)] = with_header(deep, "ce_metadata", b'{"tenant": "t", "deep": {"a": [1, 0]}}')
    planted.write([changed.get(id(r), r) for r in records])
    found = {f["position"]: f for f in verify(relayed, "--type", "thing")[0]}
    names = {r.position: name for r, name in zip(whole, HEADERS)}
    names[deep.position] = "ce_metadata"
    assert {p: (f["kind"], f["detail"].split(" ")[0]) for p, f in found.items()} == {
        p: ("altered", name) for p, name in names.items()}
    assert all(f["aggregateid"] and f["version"] and f["topic"] == planted.topic for f in found.values())


def test_findings_of_the_stores_own_changes(relayed):
    """A store that lost an event, one whose event was changed behind weir's back, and one rewritten."""
    position = relayed.value("SELECT position FROM weir.events WHERE aggregate_id = 't5' AND version = 2")
    relayed.weir("stream", "rewrite", "thing", "t4", "1", "--data", '{"n": 0}', "--reason", "test", "--execute")
    types = clean(relayed)
    assert types["thing"]["rewritten"] == 1
    relayed.sql("ALTER TABLE weir.events DISABLE TRIGGER append_only")
    relayed.sql("UPDATE weir.events SET data = '{}' WHERE aggregate_id = 't6' AND version = 1")
    altered = relayed.value("SELECT position FROM weir.events WHERE aggregate_id = 't6' AND version = 1")
    relayed.sql("DELETE FROM weir.events WHERE position = %s", position)
    relayed.sql("ALTER TABLE weir.events ENABLE ALWAYS TRIGGER append_only")
    partition = partition_of("t5", 3)
    following = min(m.position for m in relayed.consume()
                    if m.topic.endswith(".thing") and m.partition == partition and m.position > position)
    assert kinds(verify(relayed)[0]) == [("ahead", position), ("altered", altered), ("chain", following)]


def test_further_headers_and_forms_are_held_against_the_event_too(relayed):
    """Records from before and after the change of the configuration are both right."""
    relayed.configure(relay={"headers": {"id": "id", "eventType": "type", "tenant": "metadata.tenant"},
                             "value": "schema"})
    relayed.append("thing", "t8", {"type": "thing.happened", "data": {"q": '"'}, "metadata": {"tenant": "t"}})
    relayed.append("thing", "t9", {"type": "thing.happened", "data": {"n": 1}})
    relayed.weir("relay", "--once")
    clean(relayed)
    relayed.configure(relay={"value": "string"})
    relayed.append("thing", "t8", {"type": "thing.happened", "data": {"n": 2}, "metadata": {"tenant": "u"}})
    relayed.weir("relay", "--once")
    clean(relayed)
    planted = Planted(relayed, "thing")
    records = planted.records()
    schema, string = nth(records, -3), nth(records, -1)
    assert string.header("ce_valueform") == "string" and schema.header("ce_valueform") == "schema"
    changed = {
        id(schema): replace(schema, value=schema.value.replace(b"q", b"r")),
        id(string): with_header(string, "tenant", b"x"),
        id(records[4]): with_more(records[4], ("ce_valueform", b"string")),
        id(records[7]): with_more(records[7], ("id", b"x")),
    }
    gone = nth(records, -2)
    planted.write([changed.get(id(r), r) for r in records if r is not gone])
    found = {f["position"]: (f["kind"], f["detail"]) for f in verify(relayed, "--type", "thing")[0]}
    assert found.pop(gone.position)[0] == "missing"
    assert found == {
        schema.position: ("altered", "the value differs"),
        string.position: ("altered", "tenant is not what relay.headers says"),
        records[4].position: ("altered", "the value differs"),
        records[7].position: ("altered", "id is not what relay.headers says"),
    }
    relayed.configure(relay={"value": "schema"})
    relayed.weir("verify", "topics", "--type", "thing", "--repair", "--execute", check=False)
    back = next(m for m in relayed.consume() if m.topic == planted.topic and m.position == gone.position)
    assert (back.key, back.value, back.headers) == (gone.key, gone.value, gone.headers)
