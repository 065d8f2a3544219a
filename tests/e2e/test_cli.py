"""The command line as somebody new to it meets it: what it says, where, and with which exit code."""

import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from harness import clean_environment, patience, program, wait_until
from test_outages import deposit


EVENT_ID = "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a10"
STOPS = """-- projection: stops
-- from: account
-- apply: each
CREATE TABLE t (n int CHECK (n < 0));

-- on: *
INSERT INTO t SELECT 1 FROM events;
"""


@pytest.mark.parametrize(
    "setting, said",
    [
        ("store.conninfo=localhost", 'store.conninfo: missing "="'),
        ("store.conninfo=postgresql://u:s3cret%zz@h/d", "store.conninfo: invalid percent-encoded token"),
        ("kafka.brokers=localhost:none", "kafka.brokers must be host:port"),
        ("kafka.brokers=a:1,,b:2", "kafka.brokers must be host:port"),
    ],
)
def test_addresses_that_cannot_be_read_are_refused(shop, setting, said):
    for command in (["config", "check"], ["relay", "--once"]):
        refused = shop.weir(*command, "--set", setting, check=False)
        assert refused.code == 2 and said in refused.stderr and "s3cret" not in refused.stderr


def test_the_configuration_in_use_is_named(shop):
    assert str(shop.config) in shop.weir("config", "check").stdout
    nowhere = shop.directory / "nowhere"
    nowhere.mkdir()

    def weir(*args):
        return subprocess.run(
            [*program(), *args], cwd=nowhere, env=clean_environment(PGHOST="/nonexistent"),
            capture_output=True, text=True, timeout=60 * patience(),
        )

    assert "no file" in weir("config", "check").stdout
    lost = weir("read")
    assert lost.returncode == 1 and "no weir.yaml here and store.conninfo is not set" in lost.stderr


def test_what_the_store_refuses_has_its_exit_code(shop):
    shop.weir("migrate")
    append = ["append", "user", "u1", "--type", "a", "--data", "1"]
    assert shop.weir(*append, "--expect", "-1", check=False).code == 3
    shop.weir(*append, "--id", EVENT_ID)
    assert shop.weir(*append, "--expect", "-1").stdout == "2\n"
    assert shop.weir("append", "user", "u2", "--type", "a", "--data", "1", "--id", EVENT_ID, check=False).code == 3
    assert shop.weir("append", "user", "u1", "--stdin", input="[{", check=False).code == 2
    assert shop.weir("append", "user", "u1", "--stdin", input="[{}]", check=False).code == 2
    shop.write("bad.jsonl", '\n{"a":1,,}\n')
    assert "bad.jsonl:2: bad JSON at column 8" in shop.weir("import", "bad.jsonl", check=False).stderr
    assert "missing argument ID" in shop.weir("append", "user", check=False).stderr
    for form in ("table", "json"):
        absent = shop.weir("read", "user", "nobody", "-o", form, check=False)
        assert absent.code == 3 and absent.stdout == ""


def test_a_selector_is_called_the_same_everywhere(shop):
    """--type is the type of an event that is written; what selects is --aggregate-type or --event-type."""
    shop.weir("migrate")
    shop.weir("append", "user", "u1", "--type", "user.created", "--data", "1")
    for command in (["read", "-o", "jsonl"], ["tail", "--from-start", "--limit", "1", "-o", "jsonl"], ["export"], ["stream", "list", "-o", "jsonl"]):
        assert '"user"' in shop.weir(*command, "--aggregate-type", "user").stdout, command
        mistaken = shop.weir(*command, "--type", "user", check=False)
        assert mistaken.code == 2 and "did you mean '--aggregate-type'?" in mistaken.stderr, command
    both = shop.weir("read", "--aggregate-type", "user", "--event-type", "user.created", check=False)
    assert both.code == 2 and both.stdout == "" and "--aggregate-type and --event-type exclude each other" in both.stderr


@pytest.mark.parametrize(
    "command", ["import -", "schema check -", "append a b --stdin", "append a b --type t --data -"], ids=str.split)
def test_a_command_that_waits_for_its_input_can_be_interrupted(shop, command):
    shop.weir("migrate")
    waiting = subprocess.Popen(
        [*program(), *command.split()], cwd=shop.directory, env=shop._environment({}),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    handled = 1 << signal.SIGINT - 1
    caught = lambda: int(re.search(r"SigCgt:\t(\w+)", Path(f"/proc/{waiting.pid}/status").read_text())[1], 16)
    wait_until(lambda: caught() & handled, 20, "it watches the signals")
    time.sleep(0.3)
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(20) == 1 and "interrupted" in waiting.stderr.read()
    assert shop.value("SELECT count(*) FROM weir.events") == 0


def test_a_relay_tells_whether_it_runs(shop):
    def state():
        return shop.weir("relay", "status", "-o", "json").json()["relays"][0]["state"]

    shop.weir("migrate")
    relay = shop.start("relay")
    wait_until(lambda: state() == "running", 20, "it runs")
    relay.wait_for_log("publishing")  # before that it knows nothing that it could call clean
    assert relay.stop() == 0 and state() == "stopped"
    shop.sql("UPDATE weir.relays SET clean = false")  # as when it died just now: nobody holds it
    assert state() == "lost"


def test_a_missing_role_is_named(shop):
    user = f"{shop.database}_low"
    shop.weir("migrate")
    shop.sql(f'CREATE ROLE "{user}" LOGIN')
    try:
        low = f"store.conninfo={shop.conninfo} user={user}"
        refused = shop.weir("read", "--set", low, check=False)
        assert refused.code == 2 and "GRANT weir_reader TO" in refused.stderr and refused.stdout == ""
        assert "GRANT weir_appender TO" in shop.weir(
            "append", "a", "b", "--type", "x", "--data", "1", "--set", low, check=False).stderr
    finally:
        shop.sql(f'DROP ROLE "{user}"')


def test_a_stopped_projection_is_not_ready_but_alive(shop):
    def get(path):
        try:
            return urllib.request.urlopen(f"http://{shop.admin}{path}", timeout=10).status, ""
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    shop.configure(subscriptions={"stops": {"on_poison": "halt"}})
    shop.projection("stops", STOPS)
    shop.weir("migrate")
    deposit(shop, 1)
    process = shop.start("serve")
    process.wait_for_log("stopped itself")
    status, parts = get("/readyz")
    assert status == 503
    assert [p["why"] for p in json.loads(parts)["parts"] if p["name"] == "stops"] == ["it stopped itself"]
    assert get("/healthz")[0] == 200
    assert process.stop() == 0
