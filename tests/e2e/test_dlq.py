"""`weir dlq`: looking at dead letters, and marking them for the runtime. The letters are planted."""

import base64
import json

import pytest
from harness import wait_until


class Letters:
    """Rows as a runtime leaves them: the first letter of an aggregate is the culprit, the others wait behind it."""

    def __init__(self, shop):
        self.shop, self.position = shop, 0
        shop.sql("INSERT INTO weir.subscriptions (subscription, generation) VALUES ('users', 1), ('orders', 1)")

    def add(self, id, subscription="users", status="waiting", value=b'{"n": 1}', headers=(), **more):
        self.position += 1
        known = self.shop.sql("SELECT 1 FROM weir.parked WHERE subscription = %s AND aggregate_id = %s", subscription, id)
        if status == "waiting" and not known:
            self.shop.sql("""INSERT INTO weir.parked (subscription, generation, aggregate_type, aggregate_id, topic, partition,
                             redrives, next_redrive_at) VALUES (%s, 1, 'user', %s, 't', 0, 2, '2030-01-01T00:00:00Z')""",
                          subscription, id)
        columns = {
            "subscription": subscription, "generation": 1, "topic": "t", "partition": 0, "message_offset": self.position + 100,
            "position": self.position, "aggregate_type": "user", "aggregate_id": id, "version": self.position,
            "event_type": "user.renamed", "key": id.encode(), "value": value, "cause": "behind" if known else "refused",
            "status": status, "error_class": "POISON", "error_text": "violates check", "attempts": 5,
            "header_names": [name for name, _ in headers], "header_values": [v for _, v in headers], **more,
        }
        return self.shop.value(
            f"INSERT INTO weir.dead_letters ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) RETURNING id",
            *columns.values())

    def marks(self):
        return dict(self.shop.sql("SELECT id, mark FROM weir.dead_letters WHERE mark IS NOT NULL"))

    def trail(self, id):
        return self.shop.sql("SELECT action, by, detail FROM weir.dead_letter_log WHERE letter = %s ORDER BY at", id)


@pytest.fixture
def letters(shop):
    shop.weir("migrate")
    return Letters(shop)


def listed(shop, *options):
    return [row["id"] for row in shop.weir("dlq", "list", *options, "-o", "json").json()]


def test_list_shows_what_waits_and_selects(letters, shop):
    a1, a2, b, done = letters.add("a"), letters.add("a"), letters.add("b", "orders"), letters.add("a", status="applied")
    assert listed(shop) == [a1, a2, b]
    assert listed(shop, "--status", "all") == [a1, a2, b, done]
    assert listed(shop, "--status", "applied") == [done]
    assert listed(shop, "--subscription", "orders") == [b]
    assert listed(shop, "--aggregate", "user", "a") == [a1, a2]
    assert listed(shop, "--limit", "1") == [a1]
    assert listed(shop, "--subscription", "orders", "--status", "skipped") == []
    unknown = shop.weir("dlq", "list", "--subscription", "user", check=False)
    assert unknown.code == 3 and "no subscription user" in unknown.stderr and "did you mean 'users'?" in unknown.stderr
    first = shop.weir("dlq", "list", "-o", "jsonl").jsonl()[0]
    expected = {
        "subscription": "users", "topic": "t", "partition": 0, "offset": 101, "position": 1, "aggregate_type": "user",
        "aggregate_id": "a", "version": 1, "event_type": "user.renamed", "cause": "refused", "status": "waiting", "mark": None,
        "error_class": "POISON", "error": "violates check", "attempts": 5, "redrives": 2,
        "next_redrive_at": "2030-01-01T00:00:00.000000Z", "edited": False,
    }
    assert {key: first[key] for key in expected} == expected
    table = shop.weir("dlq", "list").stdout.splitlines()
    assert len(table) == 4 and "GENERATION" in table[0] and "NEXT REDRIVE" in table[0] and "refused" in table[1] and "behind" in table[2]


@pytest.mark.parametrize("arguments", [("--aggregate", "user"), ("17",), ("--status", "lost"), ("--aggregate", "user", "a", "b")])
def test_list_refuses_what_it_cannot_mean(letters, shop, arguments):
    assert shop.weir("dlq", "list", *arguments, check=False).code == 2


def test_show_has_everything(letters, shop):
    headers = [("content-type", b"application/json"), ("ce_id", b"x"), ("raw", b"\xff\x00"), ("empty", b""), ("none", None)]
    id = letters.add("a", value=b'{"name":"\xc2\x9b","list":[1,{"deep":[]}],"n":1.50}', headers=headers)
    shop.weir("dlq", "edit", id, "--data", "-", "--execute", input='{"name": "Ann"}')
    found = shop.weir("dlq", "show", id, "-o", "json").json()
    assert found["headers"] == [
        {"name": "content-type", "value": "application/json"}, {"name": "ce_id", "value": "x"},
        {"name": "raw", "value_base64": base64.b64encode(b"\xff\x00").decode()},
        {"name": "empty", "value": ""}, {"name": "none", "value": None},
    ]
    assert found["value"] == {"name": "\u009b", "list": [1, {"deep": []}], "n": 1.5} and found["edited"] == {"name": "Ann"}
    assert (found["key"], found["offset"], found["redrives"], found["parked_since"][-1]) == ("a", 101, 2, "Z")
    assert [(row["action"], row["by"]) for row in found["trail"]] == [("edit", shop.value("SELECT session_user"))]
    text = shop.weir("dlq", "show", id).stdout
    for part in ('{\n  "name": "\\u009b",\n  "list": [\n    1,\n    {\n      "deep": []\n    }\n  ],\n  "n": 1.50\n}\n',
                 "ORIGINAL VALUE", "EDITED VALUE", '"name": "Ann"', "base64:/wA=", "violates check", "sha256"):
        assert part in text, part
    assert "\u009b" not in text


def test_show_of_values_that_are_no_json(letters, shop):
    broken = letters.add("a", value=b"{\x1b[2J", cause="unreadable")
    binary = letters.add("b", value=b"\xff\xfe")
    packed = letters.add("c", value=b"\x81\xa1n\x92\x01\x02", headers=[("content-type", b"application/msgpack")])
    wrapped = letters.add("d", value=json.dumps('{"n": 1}').encode(), headers=[("ce_valueform", b"string")])
    nothing = letters.add("e", value=None)
    shown = {id: shop.weir("dlq", "show", id, "-o", "jsonl").json() for id in (broken, binary, packed, wrapped, nothing)}
    assert base64.b64decode(shown[broken]["value_base64"]) == b"{\x1b[2J"
    assert base64.b64decode(shown[binary]["value_base64"]) == b"\xff\xfe"
    assert shown[packed]["value"] == {"n": [1, 2]} and shown[wrapped]["value"] == {"n": 1} and shown[nothing]["value"] is None
    assert "{\\x1b[2J" in shop.weir("dlq", "show", broken).stdout
    assert shop.weir("dlq", "show", "99", check=False).code == 3
    assert shop.weir("dlq", "show", "x", check=False).code == 2


def test_retry_is_dry_at_first_then_marks_and_leaves_its_trace(letters, shop):
    id = letters.add("a")
    dry = shop.weir("dlq", "retry", id, "-o", "json")
    assert dry.json() == [{"id": id, "subscription": "users", "aggregate_type": "user", "aggregate_id": "a", "version": 1,
                           "event_type": "user.renamed", "cause": "refused", "error": "violates check", "letters": 1, "waiting": 1}]
    assert "--execute" in dry.stderr and letters.marks() == {} and letters.trail(id) == []
    done = shop.weir("dlq", "retry", id, "--execute")
    assert "runtime" in done.stderr and "weir dlq" in done.stderr
    assert letters.marks() == {id: "retry"} and letters.trail(id) == [("retry", shop.value("SELECT session_user"), None)]
    assert shop.value("SELECT status FROM weir.dead_letters WHERE id = %s", id) == "waiting"
    assert shop.value("SELECT count(*) FROM weir.parked") == 1


def test_retry_of_any_letter_begins_with_the_first_of_its_aggregate(letters, shop):
    letters.add("a", status="applied")
    first, second, third = letters.add("a"), letters.add("a"), letters.add("a")
    other = letters.add("a", "orders")
    row = shop.weir("dlq", "retry", third, "--execute", "-o", "json").json()
    assert [(r["id"], r["letters"]) for r in row] == [(first, 3)]
    assert letters.marks() == {first: "retry"}
    assert "order" in letters.trail(third)[0][2] and letters.trail(second) == [] and letters.trail(other) == []


@pytest.mark.parametrize("choice, expected", [
    (("--aggregate", "user", "a"), ["a1", "a_orders"]), (("--subscription", "users"), ["a1", "b"]), (("--all",), ["a1", "b", "a_orders"]),
])
def test_retry_of_many_marks_the_first_of_each_aggregate(letters, shop, choice, expected):
    ids = {"a1": letters.add("a"), "a2": letters.add("a"), "b": letters.add("b"), "a_orders": letters.add("a", "orders")}
    shop.weir("dlq", "retry", *choice)
    assert letters.marks() == {}
    shop.weir("dlq", "retry", *choice, "--execute")
    assert letters.marks() == {ids[name]: "retry" for name in expected}


def test_discard_marks_only_what_is_named(letters, shop):
    first, second, third = letters.add("a"), letters.add("a"), letters.add("a")
    row = shop.weir("dlq", "discard", second, second, "--execute", "-o", "json").json()
    assert [(r["id"], r["letters"], r["waiting"]) for r in row] == [(second, 1, 3)]
    assert letters.marks() == {second: "discard"}
    shop.weir("dlq", "discard", "--aggregate", "user", "a", "--execute")
    assert letters.marks() == dict.fromkeys((first, second, third), "discard")
    shop.weir("dlq", "retry", first, "--execute")  # the last word counts
    assert letters.marks()[first] == "retry"


@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_what_is_missing_or_over_is_refused_by_name_and_nothing_is_half_done(letters, shop, verb):
    first, done = letters.add("a"), letters.add("b", status="discarded")
    missing = shop.weir("dlq", verb, first, "98", "99", "--execute", check=False)
    assert missing.code == 3 and "98, 99" in missing.stderr
    over = shop.weir("dlq", verb, first, done, "--execute", check=False)
    assert over.code == 3 and f"{done} (discarded)" in over.stderr
    assert shop.weir("dlq", verb, "--subscription", "nobody", check=False).code == 3
    assert letters.marks() == {} and shop.sql("SELECT * FROM weir.dead_letter_log") == []
    nothing = shop.weir("dlq", verb, "--aggregate", "user", "z", "--execute")
    assert "no letter waits" in nothing.stderr
    assert "does not serve" not in shop.weir("dlq", verb, first).stderr
    shop.sql("UPDATE weir.subscriptions SET serving = false WHERE subscription = 'users'")
    letters.add("a", "orders")
    others = shop.weir("dlq", verb, "--all", "--execute").stderr
    assert "of 2 aggregates" in others and "of these, 1 of a generation that does not serve" in others


@pytest.mark.parametrize("verb", ["retry", "discard"])
@pytest.mark.parametrize("arguments", [
    (), ("1", "--all"), ("--all", "--subscription", "users"), ("--aggregate", "user"), ("--aggregate", "user", "a", "b"), ("x",),
    ("-1",), ("--aggregate", "user", "a", "--all"),
])
def test_exactly_one_kind_of_selection(letters, shop, verb, arguments):
    assert shop.weir("dlq", verb, *arguments, check=False).code == 2


def test_edit_keeps_the_original_and_notes_it(letters, shop):
    id = letters.add("a")
    path = shop.write("fixed.json", '{"n": 2, "ü": "€"}')
    assert "--execute" in shop.weir("dlq", "edit", id, "--data", path).stderr
    assert shop.sql("SELECT edited, mark FROM weir.dead_letters") == [(None, None)]
    shop.weir("dlq", "edit", id, "--data", path, "--execute")
    value, edited, mark = shop.sql("SELECT value, edited, mark FROM weir.dead_letters")[0]
    assert (bytes(value), bytes(edited), mark) == (b'{"n": 1}', path.read_bytes(), None)
    assert [action for action, _, _ in letters.trail(id)] == ["edit"]
    behind = letters.add("a")
    dry = shop.weir("dlq", "edit", behind, "--data", "-", "--retry", input="3").stderr
    assert f"would be tried again, letter {id} first" in dry and letters.marks() == {}
    done = shop.weir("dlq", "edit", behind, "--data", "-", "--retry", "--execute", input="3").stderr
    assert f"tries its aggregate again, letter {id} first" in done
    assert "first" not in shop.weir("dlq", "edit", id, "--data", path).stderr
    assert letters.marks() == {id: "retry"}
    assert [action for action, _, _ in letters.trail(behind)] == ["edit", "retry"]


def test_edit_writes_the_form_of_the_original(letters, shop):
    packed = letters.add("c", value=b"\x81\xa1n\x01", headers=[("content-type", b"application/msgpack")])
    wrapped = letters.add("d", value=json.dumps('{"n": 1}').encode(), headers=[("ce_valueform", b"string")])
    image = letters.add("e", value=b"\x89PNG", headers=[("content-type", b"image/png")])
    for id in (packed, wrapped):
        shop.weir("dlq", "edit", id, "--data", "-", "--execute", input='{"n":2}')
    edited = {id: bytes(value) for id, value in shop.sql("SELECT id, edited FROM weir.dead_letters WHERE edited IS NOT NULL")}
    assert edited[packed] == b"\x81\xa1n\x02"
    assert json.loads(edited[wrapped]) == '{"n":2}'
    refused = shop.weir("dlq", "edit", image, "--data", "-", "--execute", input="{}", check=False)
    assert refused.code == 2 and "image/png" in refused.stderr


@pytest.mark.parametrize("text, says", [("{", "line 1"), ('{"a":1,"a":2}', "/a"), ("", "JSON"), ('"\\u0000"', "u0000")])
def test_edit_refuses_what_the_store_would_not_take(letters, shop, text, says):
    id = letters.add("a")
    refused = shop.weir("dlq", "edit", id, "--data", "-", "--execute", input=text, check=False)
    assert refused.code == 2 and says in refused.stderr, refused.stderr
    assert shop.sql("SELECT edited FROM weir.dead_letters") == [(None,)]


def test_edit_of_what_is_missing_or_over(letters, shop):
    done = letters.add("a", status="applied")
    for id, code in ((done, 3), (99, 3), ("x", 2)):
        assert shop.weir("dlq", "edit", id, "--data", "-", "--execute", input="1", check=False).code == code
    assert shop.weir("dlq", "edit", letters.add("b"), "--execute", check=False).code == 2
    assert shop.weir("dlq", "edit", letters.add("b"), "--data", "nowhere.json", check=False).code == 2


def test_a_letter_that_the_runtime_holds_is_waited_for(letters, shop):
    """It applies the letter while we ask: then it waits no more, and nothing is marked."""
    id = letters.add("a")
    with shop.connect(autocommit=False) as runtime:
        runtime.execute("UPDATE weir.dead_letters SET status = 'applied' WHERE id = %s", (id,))
        asked = shop.start("dlq", "retry", id, "--execute")
        waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'weir dlq retry' AND wait_event_type = 'Lock'"
        wait_until(lambda: shop.value(waits) == 1, 20, "it waits")
        runtime.commit()
    assert asked.wait() == 3
    assert letters.marks() == {}


def test_who_may_only_read_is_told_the_role(letters, shop):
    id = letters.add("a")
    shop.sql(f"DROP ROLE IF EXISTS \"{shop.database}_r\"; CREATE ROLE \"{shop.database}_r\" LOGIN")
    shop.sql(f'GRANT weir_reader TO "{shop.database}_r"')
    try:
        reader = {"WEIR_STORE_CONNINFO": f"{shop.conninfo} user={shop.database}_r"}
        assert str(id) in shop.weir("dlq", "list", env=reader).stdout
        shop.weir("dlq", "show", id, env=reader)
        refused = shop.weir("dlq", "retry", id, env=reader, check=False)
        assert refused.code == 2 and "weir_admin" in refused.stderr
    finally:
        shop.sql(f'DROP ROLE "{shop.database}_r"')
