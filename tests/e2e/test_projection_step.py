"""projection step: what each event does to the rows, seen from outside."""

import pytest

pytestmark = pytest.mark.once

CART = """\
-- projection: cart
-- from: cart, coupon
CREATE TABLE lines (cart text, "No." int, sku text NOT NULL, pieces numeric(9,2) NOT NULL CHECK (pieces > 0),
    PRIMARY KEY (cart, "No."));
CREATE TABLE history (cart text NOT NULL, what text NOT NULL);
CREATE TABLE totals (cart text PRIMARY KEY, pieces numeric NOT NULL);

-- on: cart.put
INSERT INTO lines SELECT aggregate_id, version, data->>'sku', (data->>'pieces')::numeric FROM events;
INSERT INTO totals AS t SELECT aggregate_id, (data->>'pieces')::numeric FROM events
ON CONFLICT (cart) DO UPDATE SET pieces = t.pieces + excluded.pieces;

-- on: cart.doubled
UPDATE lines l SET pieces = l.pieces * 2 FROM events e WHERE l.cart = e.aggregate_id;

-- on: cart.emptied
DELETE FROM lines l USING events e WHERE l.cart = e.aggregate_id;
DELETE FROM totals t USING events e WHERE t.cart = e.aggregate_id;

-- on: cart.noted
INSERT INTO history SELECT aggregate_id, data->>'what' FROM events;

-- on: cart.forgot
DELETE FROM history h USING events e WHERE h.what = e.data->>'what';

-- on: cart.moved
UPDATE lines l SET "No." = 100 FROM events e WHERE l.cart = e.aggregate_id;
"""


def put(sku, pieces):
    return {"type": "cart.put", "data": {"sku": sku, "pieces": pieces}}


@pytest.fixture
def cart(shop):
    shop.projection("cart", CART)
    shop.weir("migrate")
    return shop


def steps(shop, id="c-1", **options):
    return shop.weir("projection", "step", "cart", "--aggregate", "cart", id, "-o", "json", **options)


def changes(step):
    return [(c["change"], c["table"], c["key"], c["changed"]) for c in step["changes"]]


def nothing_is_left(shop):
    schemas = [s for s, in shop.sql("SELECT nspname FROM pg_namespace") if s.startswith("cart")]
    return schemas == [] and shop.sql("SELECT * FROM weir.subscriptions") == []


def test_each_event_shows_what_it_did(cart):
    cart.append("cart", "c-1", put("pen", "1.50"), put("ink", 2), {"type": "cart.doubled", "data": {}},
                {"type": "cart.seen", "data": {}}, {"type": "cart.emptied", "data": {}}, {"type": "cart.doubled", "data": {}})
    cart.append("cart", "c-2", put("pad", 9))
    first, second, doubled, seen, emptied, idle = steps(cart).json()
    assert changes(first) == [
        ("inserted", "lines", {"cart": "c-1", "No.": 1}, []), ("inserted", "totals", {"cart": "c-1"}, [])]
    assert first["changes"][0]["before"] is None
    assert first["changes"][0]["after"] == {"cart": "c-1", "No.": 1, "sku": "pen", "pieces": 1.5}
    assert changes(second) == [
        ("inserted", "lines", {"cart": "c-1", "No.": 2}, []), ("updated", "totals", {"cart": "c-1"}, ["pieces"])]
    assert (second["changes"][1]["before"]["pieces"], second["changes"][1]["after"]["pieces"]) == (1.5, 3.5)
    assert changes(doubled) == [("updated", "lines", {"cart": "c-1", "No.": n}, ["pieces"]) for n in (1, 2)]
    assert (seen["handled"], seen["changes"], seen["error"]) == (False, [], None)
    assert [(c["change"], c["table"], c["after"]) for c in emptied["changes"]] == [
        ("deleted", "lines", None), ("deleted", "lines", None), ("deleted", "totals", None)]
    assert (idle["handled"], idle["changes"]) == (True, [])
    assert [s["version"] for s in (first, second, doubled, seen, emptied, idle)] == [1, 2, 3, 4, 5, 6]
    assert nothing_is_left(cart)


def test_rows_without_a_key_come_and_go(cart):
    noted = {"type": "cart.noted", "data": {"what": "a \"quoted\", 'odd' → one"}}
    cart.append("cart", "c-1", noted, noted, {"type": "cart.forgot", "data": noted["data"]})
    first, second, third = steps(cart).json()
    row = {"cart": "c-1", "what": noted["data"]["what"]}
    for step in (first, second):
        assert [(c["change"], c["key"], c["after"]) for c in step["changes"]] == [("inserted", None, row)]
    assert [(c["change"], c["key"], c["before"]) for c in third["changes"]] == [("deleted", None, row)] * 2


def test_a_key_that_changes_is_another_row(cart):
    cart.append("cart", "c-1", put("pen", 1), {"type": "cart.moved", "data": {}})
    assert {(c["change"], c["key"]["No."]) for c in steps(cart).json()[1]["changes"]} == {
        ("deleted", 1), ("inserted", 100)}


def test_a_table_says_old_and_new_values(cart):
    cart.append("cart", "c-1", put("pen", "1.50"), put("ink", 2), {"type": "cart.seen", "data": {}})
    lines = cart.weir("projection", "step", "cart", "--aggregate", "cart", "c-1").stdout.splitlines()
    assert lines[0].split() == ["VERSION", "EVENT", "TYPE", "CHANGE", "TABLE", "KEY", "ROW"]
    assert [line.split()[2:4] for line in lines[1:]] == [
        ["inserted", "lines"], ["inserted", "totals"], ["inserted", "lines"], ["updated", "totals"], ["no", "handler"]]
    assert 'cart: "c-1", No.: 1' in lines[1] and 'sku: "pen", pieces: 1.50' in lines[1]
    assert lines[4].endswith("pieces: 1.50 → 3.50")


def test_it_ends_at_a_refused_event_like_the_runtime(cart):
    cart.append("cart", "c-1", put("pen", 1), put("ink", 0), put("pad", 3), put("cap", 4))
    result = steps(cart, check=False)
    assert result.code == 1
    first, refused = result.json()
    assert len(first["changes"]) == 2
    assert refused["changes"] == [] and "cart.sql:9" in refused["error"] and "lines_pieces_check" in refused["error"]
    assert "cart/c-1: version 2 (cart.put) is refused" in result.stderr
    assert "2 later events of cart/c-1 would wait" in result.stderr
    shown = cart.weir("projection", "step", "cart", "--aggregate", "cart", "c-1", check=False)
    assert shown.code == 1 and "refused" in shown.stdout.splitlines()[3]
    assert nothing_is_left(cart)


def test_old_events_come_in_their_latest_form(cart):
    cart.write("old.yaml", "cart.put:\n  - from: 1\n    to: 2\n    rename: { piece: pieces }\n")
    cart.append("cart", "c-1", {"type": "cart.put", "data": {"sku": "pen", "piece": 7}, "schemaversion": 1})
    assert steps(cart, check=False).code == 1
    cart.configure(schemas={"files": ["old.yaml"]})
    assert steps(cart).json()[0]["changes"][0]["after"]["pieces"] == 7
    cart.append("cart", "c-1", {"type": "cart.put", "data": {"sku": "ink", "pieces": 1}, "schemaversion": 3})
    result = steps(cart, check=False)
    assert result.code == 1 and "version 3" in result.json()[1]["error"]


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["card", "--aggregate", "cart", "c-1"], 3, ["no projection 'card'", "did you mean 'cart'"]),
        (["cart", "--aggregate", "cart", "c-9"], 3, ["there is no cart/c-9"]),
        (["cart", "--aggregate", "cat", "c-1"], 2, ["does not read aggregate type 'cat'", "did you mean 'cart'"]),
        (["cart", "--aggregate", "cart"], 2, ["--aggregate needs a value: --aggregate TYPE ID"]),
        (["cart"], 2, ["--aggregate TYPE ID"]),
    ],
)
def test_what_is_not_there_is_named(cart, words, code, said):
    cart.append("cart", "c-1", put("pen", 1))
    result = cart.weir("projection", "step", *words, check=False)
    assert result.code == code and result.stdout == ""
    for text in said:
        assert text in result.stderr


def test_a_file_that_is_refused_says_where(cart):
    cart.append("cart", "c-1", put("pen", 1))
    cart.projection("cart", CART.replace("l.pieces * 2", "l.peaces * 2"))
    result = steps(cart, check=False)
    assert result.code == 2 and "cart.sql:14" in result.stderr and "peaces" in result.stderr
