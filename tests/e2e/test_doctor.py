"""weir doctor events: each finding is planted and found, a clean store has none, serve says the same.

The figures are counted again here, in Python, from what was appended.
"""

import json
import random
import subprocess
import urllib.request
import uuid

import pytest
from harness import ROOT, wait_until
from psycopg.conninfo import make_conninfo


CHECKS = ["name", "payload", "stream", "shape", "newer", "correlation"]
CHAIN = "user.renamed:\n  - from: 1\n    to: 2\n    rename: { name: full_name }\n"
LIMITS = {"payload_bytes": 1000, "stream_events": 20, "interval_s": 600}


def fact(event_type="user.created", data=None, **more):
    return {"type": event_type, "data": data or {"name": "Ann"}, "metadata": {"correlationid": "c-1"}, **more}


@pytest.fixture
def clean(shop):
    """A store about which there is nothing to say: no limit is passed, some are met exactly."""
    (shop.directory / "schemas").mkdir()
    shop.write("schemas/user.yaml", CHAIN)
    shop.configure(schemas={"files": ["schemas/*.yaml"]}, doctor=LIMITS)
    shop.weir("migrate")
    shop.append("user", "u-1", *[fact()] * 20)
    shop.append("user", "u-2", fact("user.renamed", {"name": "A"}), fact("user.renamed", {"full_name": "A"}, schemaversion=2))
    empty = len(json.dumps({"name": ""}))
    shop.append("user", "u-3", fact(data={"name": "x" * (1000 - empty)}))
    return shop


def findings(shop, *arguments):
    rows = shop.weir("doctor", "events", *arguments, "-o", "json").json()
    return {row["check"]: row for row in rows}


def found(shop, *arguments):
    return {check: row["found"] for check, row in findings(shop, *arguments).items() if row["found"]}


def test_a_clean_store_has_no_findings(clean):
    rows = findings(clean, "--strict")
    assert list(rows) == CHECKS
    assert not any(row["found"] or row["examples"] for row in rows.values())
    assert [rows[check]["of"] for check in CHECKS] == [2, 23, 3, 3, 23, 23]
    assert found(clean, "--all", "--strict") == {}


PLANTS = {
    "name": ([fact("create_user"), fact("create_user")], 1, "create_user"),
    "payload": ([fact(data={"name": "x" * 1000}), fact(data={"name": "x" * 3000})], 2, "3012 bytes"),
    "stream": ([fact()] * 21, 1, "user/planted: 21 events"),
    "shape": ([fact("user.moved", {"city": "Bonn"}), fact("user.moved", {"city": "Bonn", "zip": 1}), fact("user.moved", {"city": "B"})],
              1, "user.moved schema version 1: 2 shapes, mostly {city}, rarely {zip,city}"),
    "newer": ([fact("user.renamed", {"full_name": "A"}, schemaversion=3)], 1, "schema version 3, latest known 2"),
    "correlation": ([{"type": "user.created", "data": {"name": "A"}}, {**fact(), "metadata": {"correlationid": ""}}], 2, "version 2"),
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("scope", [(), ("--all",), ("--aggregate-type", "user")], ids=["sample", "all", "type"])
def test_each_finding_is_planted_and_found(clean, check, scope):
    events, count, example = PLANTS[check]
    clean.append("user", "planted", *events)
    assert found(clean, *scope) == {check: count}
    assert example in findings(clean, *scope)[check]["examples"][0]
    assert found(clean, *scope, "--aggregate-type", "order") == {}


def test_a_tombstone_is_nobodys_design(clean):
    clean.append("user", "u-3", {"type": "weir.tombstone", "data": None, "metadata": {"correlationid": "c-1"}})
    assert found(clean) == {} and findings(clean)["name"]["of"] == 2


def test_strict_counts_only_what_was_asked_for(clean):
    clean.append("user", "planted", fact("create_user"))
    assert clean.weir("doctor", "events").code == 0
    strict = clean.weir("doctor", "events", "--strict", check=False)
    assert strict.code == 1 and "create_user" in strict.stdout and "1 check found" in strict.stderr
    assert clean.weir("doctor", "events", "payload", "stream", "--strict").code == 0
    assert [row["check"] for row in clean.weir("doctor", "events", "stream", "payload", "-o", "jsonl").jsonl()] == ["payload", "stream"]
    wrong = clean.weir("doctor", "events", "nmae", check=False)
    assert wrong.code == 2 and "did you mean 'name'?" in wrong.stderr


def test_payloads_that_are_not_json_count_by_their_length_and_have_no_shape(clean):
    portrayed = {"type": "user.portrayed", "datacontenttype": "image/png", "metadata": {"correlationid": "c-1"}}
    clean.append("user", "planted", *({**portrayed, "data_base64": "A" * length} for length in (400, 4000)))
    assert found(clean) == {"payload": 1}
    assert "planted version 2 (user.portrayed): 3000 bytes" in findings(clean)["payload"]["examples"][0]


def test_a_sample_is_the_latest_of_each_type(clean):
    """What lies further back is not looked at, and that is said; what is rare is not lost among the rest."""
    clean.append("user", "old", {"type": "user.created", "data": {"name": "A"}})
    clean.append("user", "odd", fact("drop_user"))
    for n in range(30):
        clean.append("user", f"new-{n}", fact())
    sampled = clean.weir("doctor", "events", "--set", "doctor.sample_events=25", "-o", "json")
    assert {row["check"] for row in sampled.json() if row["found"]} == {"name"} and "--all" in sampled.stderr
    whole = clean.weir("doctor", "events", "--all", "-o", "json")
    assert {row["check"] for row in whole.json() if row["found"]} == {"name", "correlation"} and not whole.stderr


def test_the_figures_are_those_of_a_count_in_python(shop):
    """Random events over several types and partitions against a count that shares nothing with it."""
    shop.configure(doctor=LIMITS)
    shop.weir("migrate")
    rng, events = random.Random(4), []
    names = ["cart.created", "cart.filled", "cart.lost", "fill_cart", "cart.fill"]
    for n in range(60):
        stream = (rng.choice(["cart", "basket"]), f"{rng.choice('abc')}")
        batch = [{"type": rng.choice(names), "schemaversion": rng.choice([1, 2]), "id": str(uuid.uuid4()),
                  "data": {key: "x" * rng.choice([1, 1, 2000]) for key in rng.sample("pqr", rng.choice([1, 3, 3]))},
                  "metadata": {"correlationid": "c"} if rng.random() < 0.5 else {}} for _ in range(rng.randrange(1, 5))]
        shop.append(*stream, *batch)
        events += [(stream, event) for event in batch]
    shop.weir("partition", "add", "basket", "--execute")
    shapes = {}
    for _, event in events:
        shapes.setdefault((event["type"], event["schemaversion"]), set()).add(frozenset(event["data"]))
    streams = [stream for stream, _ in events]
    wanted = {
        "name": len({e["type"] for _, e in events} & {"fill_cart", "cart.fill"}),
        "payload": sum(len(json.dumps(e["data"])) > 1000 for _, e in events),
        "stream": sum(streams.count(stream) > 20 for stream in set(streams)),
        "shape": sum(len(each) > 1 for each in shapes.values()),
        "correlation": sum(not e["metadata"] for _, e in events),
    }
    assert found(shop) == found(shop, "--all") == {check: count for check, count in wanted.items() if count}


def metrics(shop):
    text = urllib.request.urlopen(f"http://{shop.admin}/metrics", timeout=10).read().decode()
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
    return text, {check: float(samples.get(f'weir_doctor_findings{{check="{check}"}}', -1)) for check in CHECKS}


def test_serve_shows_the_same_figures_as_metrics(clean):
    clean.configure(doctor={**LIMITS, "interval_s": 1})
    serving = clean.start("serve")
    wait_until(lambda: set(metrics(clean)[1].values()) == {0}, 30, "the doctor has looked")
    clean.append("user", "planted", fact("create_user"), *PLANTS["payload"][0])
    wait_until(lambda: metrics(clean)[1] == {**dict.fromkeys(CHECKS, 0), "name": 1, "payload": 2}, 30, "it has looked again")
    text = metrics(clean)[0]
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert checked.returncode == 0 and not checked.stdout + checked.stderr, checked.stdout + checked.stderr
    assert serving.stop() == 0


def test_a_doctor_that_cannot_look_disturbs_nothing(clean):
    """Somebody locks the events for good: health, readiness and the end of serve are as ever."""
    clean.configure(doctor={**LIMITS, "interval_s": 1})
    serving = clean.start("serve")
    wait_until(lambda: metrics(clean)[1]["name"] == 0, 30, "the doctor has looked")
    locker = clean.connect()
    locker.autocommit = False
    locker.execute("LOCK TABLE weir.streams IN ACCESS EXCLUSIVE MODE")
    wait_until(lambda: clean.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'weir doctor'"
                                   " AND wait_event_type = 'Lock' AND datname = current_database()") == 1, 30, "it waits")
    for page in ("healthz", "readyz"):
        assert urllib.request.urlopen(f"http://{clean.admin}/{page}", timeout=10).status == 200
    locker.rollback()
    assert serving.stop() == 0


def test_it_can_be_turned_off(clean):
    clean.configure(doctor={**LIMITS, "interval_s": 0})
    serving = clean.start("serve")
    wait_until(lambda: urllib.request.urlopen(f"http://{clean.admin}/readyz").status == 200, 30, "it is ready")
    assert "weir_doctor" not in metrics(clean)[0]
    assert serving.stop() == 0


@pytest.mark.parametrize("role", ["weir_reader", "weir_relay"])
def test_the_rights_of_who_reads_events_suffice(clean, role):
    user = "doctor_" + uuid.uuid4().hex[:12]
    clean.sql(f"CREATE ROLE {user} LOGIN IN ROLE {role}")
    try:
        arguments = ["doctor", "events", "--set", "store.conninfo=" + make_conninfo(clean.conninfo, user=user)]
        assert "correlation" in clean.weir(*arguments).stdout
        assert clean.weir(*arguments, "--all").code == 0
        clean.sql(f"REVOKE {role} FROM {user}")
        refused = clean.weir(*arguments, check=False)
        assert refused.code != 0 and "weir_reader" in refused.stderr
    finally:
        clean.sql(f"DROP ROLE {user}")


def test_the_page_on_designing_events_shows_what_the_example_shop_really_has(shop):
    shop.weir("migrate")
    shop.weir("import", ROOT / "examples/shop.jsonl")
    page = (ROOT / "docs/designing_events.md").read_text()
    shown = shop.weir("doctor", "events").stdout
    for line in shown.splitlines():
        assert line.rstrip() in [each.rstrip() for each in page.splitlines()], f"the page lacks: {line}"
    for check in CHECKS:
        assert f"## `{check}`" in page, f"the page does not explain {check}"
