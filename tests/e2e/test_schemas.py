"""Old events in new forms: what was appended years ago reaches a handler that knows today's form only."""

import json

import pytest


RULES = """\
user.registered:
  - from: 1
    to: 2
    rename: { mail: email }
    move: { address.city: city }
    drop: [ address ]
  - from: 2
    to: 3
    convert: { credit: number }
    default: { active: true }
"""

PROJECTION = """\
-- projection: members
-- from: user
CREATE TABLE members (id text PRIMARY KEY, email text NOT NULL, city text, credit numeric, active bool NOT NULL,
                      version int NOT NULL);

-- on: user.registered
INSERT INTO members SELECT aggregate_id, data->>'email', data->>'city', (data->'credit')::numeric,
    (data->'active')::bool, schema_version FROM events;

-- on: user.left
DELETE FROM members m USING events e WHERE m.id = e.aggregate_id;
"""

BIG = "123456789012345678901234567890.10"


def registered(shop, id, version, data):
    """Appended by any service, in SQL; data is JSON text, so that no number is touched on the way."""
    event = f'[{{"type": "user.registered", "schemaversion": {version}, "data": {data}}}]'
    shop.value("SELECT weir.append('user', %s, NULL, %s::jsonb)", id, event)


@pytest.fixture
def members(shop):
    shop.configure(schemas={"files": ["schemas/*.yaml"]}, kafka={"partitions": 1})
    (shop.directory / "schemas").mkdir()
    shop.write("schemas/user.yaml", RULES)
    shop.projection("members", PROJECTION)
    shop.weir("migrate")
    return shop


def project(shop):
    shop.weir("relay", "--once")
    shop.weir("run", "--once")
    return shop.sql("SELECT id, email, city, credit::text, active, version FROM members.members ORDER BY id")


def test_a_projection_for_version_3_reads_events_of_all_versions(members):
    registered(members, "a", 1, f'{{"mail": "a@x", "address": {{"city": "Bonn", "zip": 1}}, "credit": "{BIG}"}}')
    registered(members, "b", 2, f'{{"email": "b@x", "city": "Köln", "credit": {BIG}}}')
    registered(members, "c", 3, '{"email": "c@x", "city": null, "credit": 0.10, "active": false}')
    members.append("user", "d", {"type": "user.left", "data": {}, "schemaversion": 77})
    assert project(members) == [
        ("a", "a@x", "Bonn", BIG, True, 3),
        ("b", "b@x", "Köln", BIG, True, 3),
        ("c", "c@x", None, "0.10", False, 3),
    ]


def test_topic_and_export_keep_what_was_recorded(members):
    registered(members, "a", 1, '{"mail": "a@x", "credit": 1.10}')
    members.weir("relay", "--once")
    message = members.consume()[0]
    assert message.header("ce_schemaversion") == "1"
    assert json.loads(message.value) == {"mail": "a@x", "credit": 1.10}
    exported = members.weir("export").jsonl()[0]
    assert exported["schemaversion"] == 1 and exported["data"] == {"mail": "a@x", "credit": 1.10}


def test_read_and_tail_show_the_latest_form_unless_told_otherwise(members):
    registered(members, "a", 1, '{"mail": "a@x", "credit": 1.10}')
    for command in (["read", "user", "a"], ["read"], ["tail", "--from-start", "--limit", "1"]):
        shown = members.weir(*command, "-o", "jsonl")
        assert shown.jsonl()[0]["schemaversion"] == 3
        assert '"data":{"email": "a@x", "credit": 1.10, "active": true}' in shown.stdout
        stored = members.weir(*command, "-o", "jsonl", "--as-stored").jsonl()[0]
        assert stored["schemaversion"] == 1 and stored["data"] == {"mail": "a@x", "credit": 1.10}


@pytest.mark.parametrize("command", [["run", "--once"], ["config", "check"], ["read"], ["schema", "list"]])
def test_a_missing_link_is_refused_at_start(members, command):
    members.write("schemas/user.yaml", RULES + "  - { from: 4, to: 5 }\n")
    refused = members.weir(*command, check=False)
    assert refused.code == 2 and refused.stdout == ""
    assert "schemas/user.yaml:7" in refused.stderr and "none goes on from 3" in refused.stderr


def test_a_rule_that_contradicts_another_is_refused_with_its_place(members):
    members.write("schemas/user.yaml", RULES.replace("[ address ]", "[ address, mail ]"))
    refused = members.weir("config", "check", check=False)
    assert refused.code == 2
    assert "schemas/user.yaml:6:22: 'drop mail' contradicts 'rename mail to email'" in refused.stderr


def stops_with(shop, *expected):
    shop.weir("relay", "--once")
    stopped = shop.weir("run", "--once", check=False)
    assert stopped.code == 1
    why = shop.value("SELECT stopped_why FROM weir.subscriptions WHERE subscription = 'members'")
    for text in expected:
        assert text in why and text in stopped.stderr


def test_a_version_newer_than_known_stops_the_subscription_until_it_is_known(members):
    members.configure(subscriptions={"members": {"on_poison": "halt"}})
    registered(members, "a", 3, '{"email": "a@x", "active": true}')
    registered(members, "b", 4, '{"contact": "b@x", "active": true}')
    registered(members, "c", 3, '{"email": "c@x", "active": true}')
    stops_with(members, "user/b version 1", "schema version 4 of user.registered is newer than 3")
    assert members.sql("SELECT id FROM members.members") == [("a",)]
    unreadable = members.weir("read", "user", "b", check=False)
    assert unreadable.code == 1 and "--as-stored shows" in unreadable.stderr
    assert members.weir("read", "user", "b", "--as-stored").code == 0
    members.write("schemas/user.yaml", RULES + "  - { from: 3, to: 4, rename: { email: contact } }\n"
                                               "  - { from: 4, to: 5, rename: { contact: email } }\n")
    assert [row[0] for row in project(members)] == ["a", "b", "c"]


def test_data_that_a_rule_does_not_fit_stops_the_subscription_with_the_path(members):
    members.configure(subscriptions={"members": {"on_poison": "halt"}})
    registered(members, "a", 1, '{"mail": "a@x", "credit": "a lot"}')
    stops_with(members, "user/a version 1", "upcasting user.registered from schema version 2 to 3",
               "'credit' cannot become a number: it is ")


def test_the_list_says_where_every_link_stands(members):
    rows = members.weir("schema", "list", "-o", "json").json()
    assert [(r["type"], r["from"], r["to"], r["latest"]) for r in rows] == [
        ("user.registered", 1, 2, 3), ("user.registered", 2, 3, 3)]
    assert rows[0]["place"].endswith("schemas/user.yaml:2")
    assert rows[0]["rules"] == ["rename mail to email", "move address.city to city", "drop address"]
    assert rows[1]["rules"] == ["convert credit to number", "default active"]


def sample(number, version, data, type="user.registered", id=None):
    return json.dumps({
        "specversion": "1.0", "id": str(number), "source": "/old", "type": type, "subject": id or f"u-{number}",
        "aggregatetype": "user", "schemaversion": version, "data": data}) + "\n"


def check(shop, *arguments):
    checked = shop.weir("schema", "check", "old.jsonl", "-o", "json", *arguments, check=False)
    return checked, [(f["kind"], f["type"], f["line"], f["events"]) for f in checked.json()]


def everything(shop):
    """What a check must leave as it was: schemas, rows, roles' defaults."""
    return [
        shop.sql("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_t' ORDER BY 1"),
        shop.sql("SELECT relname FROM pg_class ORDER BY 1"),
        shop.sql("SELECT count(*) FROM weir.events"),
        shop.sql("SELECT * FROM members.members ORDER BY id"),
        shop.sql("SELECT subscription, generation, definition FROM weir.subscriptions ORDER BY 1"),
    ]


def test_old_samples_are_tried_and_nothing_is_stored(members):
    registered(members, "a", 3, '{"email": "a@x", "active": true}')
    project(members)
    before = everything(members)
    members.write("old.jsonl", "".join([
        sample(1, 1, {"mail": "1@x", "address": {"city": "Bonn"}, "credit": "1"}),
        sample(2, 1, {"address": {"city": "Bonn"}}),             # no email: the table refuses it
        "\n",
        sample(3, 2, {"email": "3@x", "credit": "x"}),           # the link refuses it
        sample(4, 3, {"email": "4@x", "active": True}),
        sample(5, 3, {"email": "5@x", "active": True}, id="u-4"),  # the key is taken: by a row of the sample
        sample(6, 4, {}),
        sample(7, 1, {"any": "thing"}, type="user.left"),
        "{\n",
    ]))
    checked, found = check(members)
    assert checked.code == 1 and "5 of 8 events failed" in checked.stderr
    assert found == [
        ("failure", "user.registered", 2, 1), ("failure", "user.registered", 4, 1),
        ("failure", "user.registered", 6, 1), ("newer", "user.registered", 7, 1), ("failure", None, 9, 1)]
    rows = checked.json()
    assert rows[0]["where"] == "projection members" and "members.sql:7" in rows[0]["why"]
    assert rows[1]["where"].startswith("2 to 3 (") and "'credit' cannot become a number" in rows[1]["why"]
    assert everything(members) == before


def test_samples_that_pass_and_rules_that_none_of_them_needs(members):
    members.write("old.jsonl", sample(1, 1, {"mail": "1@x"}) + sample(2, 2, {}, type="user.left"))
    checked, found = check(members, "--event-type", "user.registered")
    assert checked.code == 0 and "1 events tried, 1 of older versions, 0 failed" in checked.stderr
    assert {kind for kind, *_ in found} == {"unused"}
    assert [f["why"] for f in checked.json()] == [
        "move address.city to city: no sample has 'address.city'", "drop address: no sample has 'address'",
        "convert credit to number: no sample has 'credit'"]


def test_an_export_is_a_sample(members):
    for version in (1, 3):
        registered(members, f"v{version}", version, '{"mail": "a@x", "email": "b@x", "active": true}'
                   if version == 3 else '{"mail": "a@x", "address": {"city": "Bonn"}, "credit": 1}')
    members.write("old.jsonl", members.weir("export").stdout)
    assert check(members)[0].code == 0


def test_rules_are_tried_without_a_store_when_there_are_no_projections(members):
    members.configure(projections={"files": []}, store={"conninfo": "host=127.0.0.1 port=1"})
    members.write("old.jsonl", sample(1, 9, {}))
    checked, found = check(members)
    assert checked.code == 1 and found[0] == ("newer", "user.registered", 1, 1)
    assert members.weir("schema", "check", "none.jsonl", check=False).code == 3
