"""verify projection: a clean projection passes, whatever goes on beside it; every planted defect is found.

Defects are planted with psycopg in the raw tables, or in what the runtime recorded.
"""

import json
import random
import secrets

import pytest
from checks import stored_events
from harness import ROOT, independent_murmur2, wait_until
from test_real_logs import CASES
from workload import Writers

pytestmark = pytest.mark.once

SHELF = """\
-- projection: shelf
-- from: book
CREATE TABLE books (id text, "Part" int, title text, price numeric, data json, tags text[], at timestamptz,
    PRIMARY KEY (id, "Part"));
CREATE TABLE log (id text, what text, size float8);

-- on: book.added
INSERT INTO books SELECT aggregate_id, 1, data->>'title', (data->>'price')::numeric, data::json,
    ARRAY[event_type, data->>'title'], time FROM events;
INSERT INTO log SELECT aggregate_id, event_type, 0.1 FROM events;

-- on: book.priced
UPDATE books b SET price = (e.data->>'price')::numeric FROM events e WHERE b.id = e.aggregate_id;
INSERT INTO log SELECT aggregate_id, 'priced', 0.2 FROM events;
"""

COUNTS = """\
-- projection: counts
-- from: book
-- apply: {apply}
CREATE TABLE counts (kind text PRIMARY KEY, n bigint NOT NULL);

-- on: book.added
INSERT INTO counts SELECT DISTINCT 'all', 0 FROM events ON CONFLICT DO NOTHING;
UPDATE counts c SET n = c.n + 1 FROM events e WHERE c.kind = 'all';
"""

STAMPED = """\
-- projection: stamped
-- from: book
CREATE TABLE stamped (number bigserial PRIMARY KEY, id text NOT NULL, seen timestamptz DEFAULT clock_timestamp());

-- on: book.added
INSERT INTO stamped (id) SELECT aggregate_id FROM events;
"""


def added(shop, *ids):
    for id in ids:
        shop.append("book", id, {"type": "book.added", "data": {"title": f"T {id}", "price": "1.50"}})


def priced(shop, id, *prices):
    shop.append("book", id, *({"type": "book.priced", "data": {"price": p}} for p in prices))


def feed(shop, *names):
    shop.weir("relay", "--once")
    shop.weir("run", "--once", *names)


@pytest.fixture
def shelf(shop):
    shop.configure(kafka={"partitions": 3})
    shop.projection("shelf", SHELF)
    shop.weir("migrate")
    added(shop, "a", "b", "c", "d")
    priced(shop, "a", "2.50", "3")
    feed(shop)
    return shop


def prove(shop, *words, name="shelf", **options):
    return shop.weir("verify", "projection", name, "-o", "json", *words, **options)


def found(result, code=1):
    assert result.code == code, result.stderr
    return [(f["kind"], f["table"], f["key"], f["columns"]) for f in result.json()["findings"]]


def is_clean(shop, *words, name="shelf"):
    result = prove(shop, *words, name=name)
    assert result.json()["findings"] == [] and "is what its events make of it" in result.stderr
    return result.json()


def nothing_is_left(shop, name="shelf"):
    assert shop.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", f"{name}\\_\\_v%") == []


def test_a_clean_one_passes(shelf):
    report = is_clean(shelf)
    assert report["tables"] == [{"table": "books", "rows": 4, "refolded": 4, "differences": 0},
                                {"table": "log", "rows": 6, "refolded": 6, "differences": 0}]
    position = max(e.position for e in stored_events(shelf))
    assert (report["generation"], report["position"], report["events"]) == (1, position, 6)
    nothing_is_left(shelf)


@pytest.mark.parametrize(
    "defect, finding",
    [
        ("UPDATE shelf__g1.books SET title = 'x' WHERE id = 'b'", ("different", "books", {"id": "b", "Part": 1}, ["title"])),
        ("UPDATE shelf__g1.books SET price = NULL, at = at + interval '1 us' WHERE id = 'a'",
         ("different", "books", {"id": "a", "Part": 1}, ["price", "at"])),
        ("UPDATE shelf__g1.books SET price = 3.0 WHERE id = 'a'", ("different", "books", {"id": "a", "Part": 1}, ["price"])),
        ("UPDATE shelf__g1.books SET tags = array_append(tags, NULL) WHERE id = 'c'",
         ("different", "books", {"id": "c", "Part": 1}, ["tags"])),
        ("UPDATE shelf__g1.books SET data = '{}' WHERE id = 'c'", ("different", "books", {"id": "c", "Part": 1}, ["data"])),
        ("DELETE FROM shelf__g1.books WHERE id = 'd'", ("missing", "books", {"id": "d", "Part": 1}, None)),
        ("INSERT INTO shelf__g1.books VALUES ('a', 2)", ("extra", "books", {"id": "a", "Part": 2}, None)),
        ("DELETE FROM shelf__g1.log WHERE id = 'b'", ("missing", "log", None, None)),
        ("INSERT INTO shelf__g1.log VALUES (NULL)", ("extra", "log", None, None)),
        ("INSERT INTO shelf__g1.log SELECT * FROM shelf__g1.log WHERE id = 'b'", ("extra", "log", None, None)),
        ("DROP TABLE shelf__g1.log CASCADE", ("gone", "log", None, None)),
    ],
)
def test_every_planted_defect_is_found(shelf, defect, finding):
    shelf.sql(defect)
    assert found(prove(shelf, check=False)) == [finding]
    nothing_is_left(shelf)


def test_differences_are_listed_up_to_a_limit_and_all_are_counted(shelf):
    added(shelf, *(f"n{n}" for n in range(50)))
    feed(shelf)
    shelf.sql("UPDATE shelf__g1.books SET title = 'x' WHERE id LIKE 'n%'")
    shelf.sql("DELETE FROM shelf__g1.log WHERE what = 'priced'")
    report = prove(shelf, check=False).json()
    assert [f["table"] for f in report["findings"]] == ["books"] * 20 + ["log"]
    assert report["findings"][-1]["rows"] == 2
    assert {t["table"]: t["differences"] for t in report["tables"]} == {"books": 50, "log": 2}
    few = shelf.weir("verify", "projection", "shelf", "--limit", 3, check=False)
    assert few.code == 1 and few.stdout.count("different") == 3 and "52 rows differ" in few.stderr
    assert 'title: "x"' in few.stdout and 'title: "T n0"' in few.stdout and "1.50" not in few.stdout


def test_a_false_promise_is_found(shop):
    shop.configure(kafka={"partitions": 1})
    shop.projection("counts", COUNTS.format(apply="aggregate"))
    shop.weir("migrate")
    added(shop, *(f"b{n}" for n in range(40)))
    feed(shop)
    assert shop.value("SELECT n FROM counts.counts") < 40  # a statement met the row many times, and changed it once
    result = prove(shop, name="counts", check=False)
    assert found(result) == [("different", "counts", {"kind": "all"}, ["n"])]
    assert result.json()["findings"][0]["refold"]["n"] == 40


def test_each_is_proven_too(shop):
    shop.configure(kafka={"partitions": 3})
    shop.projection("counts", COUNTS.format(apply="each"))
    shop.weir("migrate")
    added(shop, *(f"b{n}" for n in range(40)))
    feed(shop)
    assert shop.value("SELECT n FROM counts.counts") == 40
    assert is_clean(shop, name="counts")["events"] == 40


def test_what_no_replay_can_equal_is_excluded(shop):
    shop.configure(kafka={"partitions": 3})
    shop.projection("stamped", STAMPED)
    shop.weir("migrate")
    added(shop, "a", "b", "c")
    feed(shop)
    assert found(prove(shop, name="stamped", check=False)) != []
    wrong = prove(shop, "--exclude", "seem", name="stamped", check=False)
    assert wrong.code == 2 and "did you mean 'seen'" in wrong.stderr
    report = is_clean(shop, "--exclude", "seen", "--exclude", "stamped.number", name="stamped")
    assert report["excluded"] == ["seen", "stamped.number"]
    shop.sql("UPDATE stamped__g1.stamped SET id = 'x' WHERE id = 'a'")
    result = prove(shop, "--exclude", "seen", "--exclude", "number", name="stamped", check=False)
    assert [(f["kind"], f["serving"], f["refold"]) for f in result.json()["findings"]] == [
        ("missing", None, {"id": "a"}), ("extra", {"id": "x"}, None)]
    assert "column seen was not compared" in result.stderr


def test_it_is_proven_for_what_it_has_applied(shelf):
    """Partitions stand at different points, and events wait behind each."""
    added(shelf, *(f"n{n}" for n in range(30)))
    priced(shelf, "b", 9)
    assert is_clean(shelf)["events"] == 6
    shelf.weir("relay", "--once")
    assert is_clean(shelf)["events"] == 6
    rows = shelf.sql("SELECT partition, position FROM weir.checkpoints ORDER BY position")
    partition, position = rows[0]
    shelf.weir("run", "--once")
    homes = {p: e for p, e in shelf.sql("SELECT partition, position FROM weir.checkpoints")}
    assert is_clean(shelf)["events"] == 37
    shelf.sql("UPDATE weir.checkpoints SET position = %s WHERE partition = %s", position, partition)
    late = found(prove(shelf, "--limit", 100, check=False))
    assert late and {kind for kind, *_ in late} <= {"extra", "different"}  # it holds more than its checkpoint says
    shelf.sql("UPDATE weir.checkpoints SET position = %s WHERE partition = %s", homes[partition], partition)
    is_clean(shelf)


def test_an_appender_that_holds_the_fence_low_hides_nothing(shelf):
    """It read the sequence long ago, and takes its lock only now: readers through the fence see less than before."""
    with shelf.connect(autocommit=False) as late:
        late.execute("SELECT pg_advisory_xact_lock_shared(weir.fence_key(weir.store_number(), 1))")
        assert len(shelf.weir("read", "-o", "jsonl").jsonl()) == 1
        assert is_clean(shelf)["events"] == 6


def letter(shop, event, status="waiting", edited=None):
    shop.sql(
        """INSERT INTO weir.dead_letters (subscription, generation, topic, partition, position, aggregate_type,
               aggregate_id, version, event_id, event_type, cause, status, edited)
           VALUES ('shelf', 1, 't', 0, %s, %s, %s, %s, %s, %s, 'refused', %s, %s)""",
        event.position, event.type, event.id, event.version, event.event_id, event.event_type, status,
        edited and json.dumps(edited).encode(),
    )


def last_of(shop, id):
    return [e for e in stored_events(shop) if e.id == id][-1]


@pytest.mark.parametrize("status", ["waiting", "skipped", "discarded"])
def test_what_became_a_dead_letter_is_not_expected(shelf, status):
    shelf.sql("UPDATE shelf__g1.books SET price = 2.50 WHERE id = 'a'")
    shelf.sql("DELETE FROM shelf__g1.log WHERE ctid = (SELECT max(ctid) FROM shelf__g1.log WHERE what = 'priced')")
    assert len(found(prove(shelf, check=False))) == 2
    letter(shelf, last_of(shelf, "a"), status)
    if status == "waiting":
        shelf.sql("INSERT INTO weir.parked (subscription, generation, aggregate_type, aggregate_id, topic, partition)"
                  " VALUES ('shelf', 1, 'book', 'a', 't', 0)")
    report = is_clean(shelf)
    assert (report["events"], report["parked"], report["leftout"]) == (5, int(status == "waiting"), 1)
    shelf.sql("UPDATE shelf__g1.books SET price = 1.50 WHERE id = 'a'")
    assert found(prove(shelf, check=False)) == [("different", "books", {"id": "a", "Part": 1}, ["price"])]


def test_an_edited_letter_counts_as_what_was_applied(shelf):
    shelf.sql("UPDATE shelf__g1.books SET price = 77 WHERE id = 'a'")
    letter(shelf, last_of(shelf, "a"), "applied", {"price": 77})
    is_clean(shelf)
    shelf.sql("UPDATE weir.dead_letters SET edited = NULL")
    assert found(prove(shelf, check=False)) == [("different", "books", {"id": "a", "Part": 1}, ["price"])]


def test_lanes_have_checkpoints_of_their_own(shelf):
    """The rows of a partition with lanes, as the runtime keeps them: what a lane has not reached is not there."""
    added(shelf, *(f"n{n}" for n in range(30)))
    feed(shelf)
    shelf.sql("""SELECT weir.open_checkpoints('shelf', 1, array_agg(topic), array_agg(partition), 3, true)
                 FROM weir.checkpoints""")
    assert shelf.value("SELECT count(*) FROM weir.checkpoints") == 9
    is_clean(shelf)
    before = [e.id for e in stored_events(shelf) if e.id in shelf_of(shelf)]
    shelf.sql("UPDATE weir.checkpoints SET position = 0 WHERE partition = 1 AND lane = 2")
    late = {key["id"] for kind, table, key, _ in found(prove(shelf, "--limit", 100, check=False)) if table == "books"}
    assert late and late < set(before)
    hashes = {id: independent_murmur2(id.encode()) & 0x7FFFFFFF for id in before}
    assert late == {id for id, h in hashes.items() if h % 3 == 1 and h // 3 % 3 == 2}


def shelf_of(shop):
    return {id for id, in shop.sql("SELECT id FROM shelf.books")}


@pytest.fixture
def cases(shop):
    shop.configure(kafka={"partitions": 3})
    shop.projection("cases", CASES.format(name="cases", type="thing", apply="aggregate"))
    shop.weir("migrate")
    for n in range(60):
        shop.append("thing", f"t{n % 20}", *({"type": "thing.happened", "data": {}} for _ in range(3)))
    feed(shop)
    return shop


def test_a_part_is_proven(cases):
    report = is_clean(cases, "--sample", 7, name="cases")
    assert (report["aggregates"], report["events"]) == (7, 63)
    assert report["tables"] == [{"table": "cases", "rows": 20, "refolded": 7, "differences": 0}]
    is_clean(cases, "--aggregate", "thing", "t3", name="cases")
    cases.sql("UPDATE cases__g1.cases SET steps = steps + 1 WHERE id = 't3'")
    cases.sql("DELETE FROM cases__g1.cases WHERE id = 't5'")
    is_clean(cases, "--aggregate", "thing", "t4", name="cases")
    assert found(prove(cases, "--aggregate", "thing", "t3", name="cases", check=False)) == [
        ("different", "cases", {"id": "t3"}, ["steps"])]
    both = [("different", "cases", {"id": "t3"}, ["steps"]), ("missing", "cases", {"id": "t5"}, None)]
    assert found(prove(cases, "--sample", 1000, name="cases", check=False)) == both
    nothing_is_left(cases, "cases")


def test_it_may_run_beside_everything_else(shop):
    """Under load, with the runtime killed and started again, every proof is of one moment."""
    shop.configure(kafka={"partitions": 3, "properties": {"session.timeout.ms": 2000, "heartbeat.interval.ms": 300}})
    for apply in ("each", "aggregate"):
        shop.projection(f"cases_{apply}", CASES.format(name=f"cases_{apply}", type="thing", apply=apply))
    shop.weir("migrate")
    shop.append("thing", "first", {"type": "thing.happened", "data": {}})
    relay, runtime = shop.start("relay"), shop.start("run")
    wait_until(lambda: shop.value("SELECT count(*) FROM weir.subscriptions") == 2, 60, "both have begun")
    seen = set()
    with Writers(shop, 2) as writers:
        for round in range(8):
            for apply in ("each", "aggregate"):
                seen.add(is_clean(shop, name=f"cases_{apply}")["position"])
            if round % 3 == 1:
                runtime.kill()
                runtime = shop.start("run")
    assert len(seen) > 2
    first = "SELECT count(*) FROM cases_each.cases WHERE id = 'first'"
    wait_until(lambda: shop.value(first) == 1, 60, "the last runtime has its partitions")
    assert relay.stop() == 0 and runtime.stop() == 0
    shop.sql("UPDATE cases_each__g1.cases SET steps = steps + 1 WHERE id = 'first'")
    assert len(found(prove(shop, name="cases_each", check=False))) == 1


def test_an_event_that_the_fold_refuses_is_a_finding(shelf):
    shelf.projection("shelf", SHELF.replace("(e.data->>'price')::numeric", "(e.data->>'price')::int"))
    result = prove(shelf, check=False)
    assert result.code == 1 and "other" not in result.stdout
    assert ("refused", None, {"aggregatetype": "book", "aggregateid": "a", "version": 2}, None) in found(result)
    assert "1 events are refused" in result.stderr and "handlers are not those" in result.stderr
    assert "shelf.sql:13" in result.json()["findings"][0]["detail"]


def test_only_its_own_schema_is_replaced(shelf):
    shelf.sql("CREATE SCHEMA shelf__verify")
    result = prove(shelf, check=False)
    assert result.code == 3 and "made by somebody else" in result.stderr
    shelf.sql("COMMENT ON SCHEMA shelf__verify IS 'made by weir verify projection; drop it at will'")
    shelf.sql("ALTER SCHEMA shelf__verify OWNER TO weir_projector")  # what a killed one leaves
    is_clean(shelf)
    nothing_is_left(shelf)


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["shelv"], 3, "did you mean 'shelf'"),
        (["idle"], 3, "'idle' has never run"),
        (["shelf", "--sample", "3"], 2, "apply: aggregate"),
        (["shelf", "--aggregate", "book", "a"], 2, "apply: aggregate"),
        (["shelf", "--sample", "3", "--aggregate", "book", "a"], 2, "exclude each other"),
    ],
)
def test_what_cannot_be_proven_is_refused(shelf, words, code, said):
    shelf.projection("idle", STAMPED.replace("stamped", "idle"))
    result = shelf.weir("verify", "projection", *words, check=False)
    assert result.code == code and said in result.stderr and result.stdout == ""


def test_tables_of_another_definition_are_refused(shelf):
    shelf.projection("shelf", SHELF.replace("size float8", "size float4"))
    result = prove(shelf, check=False)
    assert result.code == 2 and "nothing to compare with" in result.stderr


def test_a_login_of_two_roles_will_do(shelf):
    name = f"prover_{secrets.token_hex(4)}"
    shelf.sql(f"CREATE ROLE {name} LOGIN")
    try:
        shelf.sql(f"GRANT weir_projector, weir_reader TO {name}")
        shelf.configure(store={"conninfo": shelf.conninfo.replace("user=weir", f"user={name}")})
        is_clean(shelf)
        shelf.sql(f"REVOKE weir_reader, weir_projector FROM {name}")
        result = prove(shelf, check=False)
        assert result.code == 2 and "weir_reader, weir_projector" in result.stderr
    finally:
        shelf.sql(f"DROP ROLE {name}")


def test_exactly_the_rows_that_were_spoilt_are_named(shelf):
    dice = random.Random(7)
    added(shelf, *(f"n{n}" for n in range(300)))
    feed(shelf)
    ids = sorted(shelf_of(shelf))
    dice.shuffle(ids)
    changed, deleted = ids[:20], ids[20:40]
    for id in changed:
        column, value = dice.choice([("title", "x"), ("price", "1.5"), ("data", "null"), ("at", "infinity"), ("tags", "{}")])
        shelf.sql(f"UPDATE shelf__g1.books SET {column} = %s WHERE id = %s", value, id)
    shelf.sql("DELETE FROM shelf__g1.books WHERE id = ANY (%s)", deleted)
    shelf.sql("INSERT INTO shelf__g1.books SELECT 'x' || n, 0 FROM generate_series(1, 20) n")
    kinds = {}
    for kind, _, key, _ in found(prove(shelf, "--limit", 1000, check=False)):
        kinds.setdefault(kind, []).append(key["id"])
    assert {k: sorted(v) for k, v in kinds.items()} == {
        "different": sorted(changed), "missing": sorted(deleted), "extra": sorted(f"x{n}" for n in range(1, 21))}


def test_the_examples_pass(shop):
    files = sorted(str(f) for f in (ROOT / "examples/projections").glob("*.sql"))
    shop.configure(projections={"files": files}, kafka={"partitions": 3})
    shop.weir("migrate")
    shop.weir("import", ROOT / "examples/shop.jsonl")
    feed(shop)
    for name in ("user_list", "order_summary", "revenue_by_day"):
        is_clean(shop, name=name)
