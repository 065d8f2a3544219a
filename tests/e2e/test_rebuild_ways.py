"""Rebuilt from the topics, compared before the switch, refused where more is parked, made as of a time."""

import signal
import time

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from harness import wait_until
from test_rebuild import FILE, fill, folded, ledger, projected, serving  # noqa: F401 (ledger is a fixture)
from test_topics import administer

pytestmark = pytest.mark.once

TOTALS = """\
-- projection: totals
-- from: account
-- apply: {apply}
CREATE TABLE totals (kind text PRIMARY KEY, n bigint NOT NULL);

-- on: account.moved
INSERT INTO totals SELECT DISTINCT 'all', 0 FROM events ON CONFLICT DO NOTHING;
UPDATE totals t SET n = t.n + 1 FROM events e WHERE t.kind = 'all';
"""


def rebuild(shop, *words, **options):
    return shop.weir("projection", "rebuild", *words, "--execute", **options)


def test_from_the_topics_while_a_member_reads_them(ledger):  # noqa: F811
    ledger.configure(subscriptions={"ledger": {"on_hole": "halt"}})  # which is not asked when all is to be there
    fill(ledger, 4000)
    ledger.start("relay")
    member = ledger.start("run")
    wait_until(lambda: projected(ledger) == folded(ledger), 60, "the member has applied all")
    topic = f"{ledger.prefix}.account"
    administer(ledger, "delete_records", [TopicPartition(topic, 0, OFFSET_END), TopicPartition(topic, 1, 500)])
    done = rebuild(ledger, "ledger", "--from", "kafka", "--parallel", "2", "--verify")
    assert "generation 2 serves, from 4000 events" in done.stdout and "no difference" in done.stdout
    assert projected(ledger) == folded(ledger)
    assert ledger.value("SELECT count(*) FROM weir.checkpoints WHERE generation = 2 AND topic = '$store'") == 0
    rebuild(ledger, "ledger")  # from here on positions are those of the store, wherever a topic ends
    rebuild(ledger, "ledger", "--from", "kafka")
    assert serving(ledger) == 4
    fill(ledger, 2000)
    wait_until(lambda: projected(ledger) == folded(ledger), 60, "the member feeds the new one from where it was filled to")
    assert member.log.count("partitions assigned") == 1, "it was disturbed"
    refused = rebuild(ledger, "ledger", "--from", "topics", check=False)
    assert refused.code == 2 and "store or kafka" in refused.stderr


def test_what_is_not_in_the_topics_yet_is_waited_for(ledger):  # noqa: F811
    fill(ledger, 200)
    ledger.weir("relay", "--once")
    fill(ledger, 200)
    rebuild(ledger, "ledger")
    late = rebuild(ledger, "ledger", "--from", "kafka", "--wait", "1", check=False)
    assert late.code == 4 and "is the relay running?" in late.stderr and serving(ledger) == 1
    assert "waiting for the relay" in late.stderr and "waiting for readers" not in late.stderr
    assert projected(ledger) == folded(ledger)
    refused = rebuild(ledger, "ledger", check=False)
    assert refused.code == 2 and "begun from the topics: go on with --from kafka" in refused.stderr
    dry = ledger.weir("projection", "rebuild", "ledger", "--from", "kafka", "--verify", "--parallel", "2").stdout
    assert dry.startswith("would go on with generation 2 of ledger, unfinished, from the topics, with the 400 events that the store has"
                          " in 2 lanes, compare them with an independent fold, while generation 1 serves")
    ledger.weir("relay", "--once")
    assert "from 200 more events" in rebuild(ledger, "ledger", "--from", "kafka").stdout
    assert serving(ledger) == 2 and projected(ledger) == folded(ledger)
    ledger.configure(subscriptions={"ledger": {"source": "store"}})
    refused = rebuild(ledger, "ledger", "--from", "kafka", check=False)
    assert refused.code == 2 and "subscriptions.ledger.source is store" in refused.stderr


def test_the_topics_are_not_there_yet_or_no_more(ledger):  # noqa: F811
    """Nothing serves yet, so only the store says what the new tables must have."""
    fill(ledger, 20)  # one account: of three partitions two stay empty
    assert "would make new tables of ledger from 20 events of the store, while nothing serves" in \
        ledger.weir("projection", "rebuild", "ledger").stdout
    for verify in [(), ("--verify",)]:
        late = rebuild(ledger, "ledger", "--from", "kafka", *verify, "--wait", "0", check=False)
        assert late.code == 4 and "up to position 20, but the topics only up to 0 (is the relay running?)" in late.stderr
    assert not ledger.sql("SELECT FROM weir.subscriptions WHERE serving")
    ledger.weir("relay", "--once")
    ledger.sql("INSERT INTO weir.relays (relay, position) VALUES ('retired', 3)")
    assert "no difference" in rebuild(ledger, "ledger", "--from", "kafka", "--verify", "--wait", "5").stdout
    ledger.configure(subscriptions={"ledger": {"on_hole": "halt"}})
    rebuild(ledger, "ledger")
    ledger.weir("run", "--once")
    ledger.sql("UPDATE weir.checkpoints SET next_offset = greatest(next_offset, 2) WHERE generation = 2 AND topic <> '$store'")  # marks
    rebuild(ledger, "ledger", "--from", "kafka", "--wait", "5")
    assert projected(ledger) == folded(ledger) and serving(ledger) == 3
    ledger.weir("projection", "rollback", "ledger", "--execute")
    ledger.sql("UPDATE ledger__g3.balances SET balance = -1")  # what was gone back from is not taken for the new one
    assert "filling generation 4" in rebuild(ledger, "ledger").stderr and projected(ledger) == folded(ledger)
    with ledger.connect() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT FROM ledger.balances")
        late = rebuild(ledger, "ledger", "--wait", "0", check=False)
    assert late.code == 4 and "waiting for readers" in late.stderr and serving(ledger) == 4
    refused = rebuild(ledger, "ledger", "--from", "kafka", check=False)
    assert refused.code == 2 and "begun from the store: go on with --from store" in refused.stderr
    assert "0 more events" in rebuild(ledger, "ledger").stdout
    administer(ledger, "delete_topics", [f"{ledger.prefix}.account"])
    gone = rebuild(ledger, "ledger", "--from", "kafka", "--wait", "1", check=False)
    assert gone.code == 3 and "any more: rebuild --from store" in gone.stderr


@pytest.mark.parametrize("source", ["store", "kafka"])
def test_of_fewer_types_and_of_more_again(ledger, source):  # noqa: F811
    both = FILE.format(version=1).replace("-- from: account", "-- from: account, order")
    ledger.projection("ledger", both)
    fill(ledger, 100)
    ledger.append("order", "o-1", {"type": "account.moved", "data": {"amount": 5}})
    ledger.weir("relay", "--once")
    ledger.weir("run", "--once")
    assert "o-1" in projected(ledger)
    ledger.projection("ledger", FILE.format(version=2))
    rebuild(ledger, "ledger", "--from", source, "--verify", "--wait", "5")
    assert serving(ledger) == 2 and projected(ledger) == folded(ledger)
    ledger.append("order", "o-1", {"type": "account.moved", "data": {"amount": 5}})
    fill(ledger, 100)
    ledger.weir("relay", "--once")
    ledger.weir("run", "--once")
    assert projected(ledger) == folded(ledger)
    ledger.projection("ledger", both.replace("version: 1", "version: 3"))
    rebuild(ledger, "ledger", "--from", source, "--verify", "--wait", "5")
    ledger.append("order", "o-1", {"type": "account.moved", "data": {"amount": 5}})
    ledger.weir("relay", "--once")
    ledger.weir("run", "--once")
    assert projected(ledger) == {**folded(ledger), "o-1": (15, 3, 3)}


def test_a_difference_stops_it_before_the_switch(shop):
    shop.projection("totals", TOTALS.format(apply="each"))
    shop.weir("migrate")
    fill(shop, 200)
    assert "no difference" in rebuild(shop, "totals", "--verify").stdout
    shop.projection("totals", TOTALS.format(apply="aggregate"))  # a promise that its handler breaks
    found = rebuild(shop, "totals", "--verify", check=False)
    assert found.code == 1 and "generation 2 is not what its events make of it: 1 rows differ" in found.stderr
    assert 'different in totals: {"kind":"all"}, columns ["n"]' in found.stdout
    assert 'should be {"kind":"all","n":200}' in found.stdout
    assert shop.sql("SELECT n FROM totals.totals") == [(200,)] and serving(shop) == 1
    assert shop.value("SELECT n FROM totals__g2.totals") < 200
    assert "is not what" in shop.value("SELECT stopped_why FROM weir.subscriptions WHERE generation = 2")
    again = rebuild(shop, "totals", "--verify", check=False)  # it is not gone on with
    assert again.code == 1 and "filling generation 3" in again.stderr
    assert shop.sql("SELECT generation FROM weir.subscriptions ORDER BY 1") == [(1,), (3,)]
    shop.projection("totals", TOTALS.format(apply="each"))
    rebuild(shop, "totals", "--verify")
    assert serving(shop) == 4 and shop.sql("SELECT n FROM totals.totals") == [(200,)]


def test_more_parked_than_before_is_refused(ledger):  # noqa: F811
    fill(ledger, 200)
    ledger.append("account", "odd", {"type": "account.moved", "data": {"amount": -7}})
    rebuild(ledger, "ledger")
    ledger.projection("ledger", FILE.format(version=2).replace("balance bigint NOT NULL", "balance bigint NOT NULL CHECK (balance > 0)"))
    refused = rebuild(ledger, "ledger", check=False)
    assert refused.code == 1 and serving(ledger) == 1
    assert "1 aggregates are parked in generation 2 and not in generation 1" in refused.stderr
    assert "account/odd: " in refused.stderr and "--force" in refused.stderr
    ledger.configure(subscriptions={"ledger": {"parked_most": 1}})
    done = rebuild(ledger, "ledger", "--force")
    assert "going on with generation 2" in done.stderr and "1 aggregates are parked" in done.stdout and serving(ledger) == 2
    rebuild(ledger, "ledger")  # the same ones are: nothing gets worse
    assert serving(ledger) == 3
    ledger.append("account", "odder", {"type": "account.moved", "data": {"amount": -7}})
    refused = rebuild(ledger, "ledger", "--force", "--parallel", "8", check=False)  # a lane each
    assert refused.code == 1 and "raise subscriptions.ledger.parked_most" in refused.stderr and serving(ledger) == 3


def test_as_of_a_time(ledger):  # noqa: F811
    fill(ledger, 20000)
    rebuild(ledger, "ledger")
    open_one = ledger.connect()
    open_one.autocommit = False
    open_one.execute("""SELECT weir.append('account', 'slow', NULL, '[{"type": "account.moved", "data": {"amount": 5}}]')""")
    then = ledger.value("SELECT clock_timestamp()").isoformat()
    expected = {**folded(ledger), "slow": (5, 1, 1)}
    fill(ledger, 2000)
    words = ("projection", "rebuild", "ledger", "--until", then, "--into", "tuesday")
    assert "in schema tuesday as the events recorded until" in ledger.weir(*words).stdout
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'tuesday'"
    killed = ledger.start(*words, "--execute")
    held = "SELECT count(*) FROM pg_locks WHERE classid::bigint = hashtext('weir rebuild')::bigint & 4294967295"
    wait_until(lambda: ledger.value(held), 30, "it has begun")
    time.sleep(0.5)
    assert ledger.value(schemas) == 0 and killed.alive  # it waits for what may yet appear
    open_one.commit()
    wait_until(lambda: ledger.value("SELECT to_regclass('tuesday.balances') IS NOT NULL"), 60, "it is filling")
    killed.send(signal.SIGKILL)
    killed.wait(30)
    assert "unfinished" in ledger.value("SELECT obj_description('tuesday'::regnamespace)")
    wait_until(lambda: not ledger.value(held), 30, "the server has noticed")
    again = ledger.weir(*words, "--execute")
    assert "begun anew" in again.stderr and again.stdout.splitlines()[1].split()[:4] == ["tuesday", "20001", "20001", "0"]
    assert projected(ledger, "tuesday") == expected != projected(ledger)
    assert serving(ledger) == 1 and ledger.value("SELECT count(*) FROM weir.subscriptions") == 1
    refused = ledger.weir(*words, "--execute", check=False)
    assert refused.code == 3 and 'schema "tuesday" exists: drop it' in refused.stderr
    for taken in ["weir", "public", "pg_x", "ledger", "ledger__g8", "other__verify"]:
        refused = ledger.weir("projection", "rebuild", "ledger", "--until", then, "--into", taken, check=False)
        assert refused.code == 2 and "PostgreSQL's or weir's own" in refused.stderr and "drop" not in refused.stderr
    ledger.sql("CREATE SCHEMA theirs")
    refused = ledger.weir("projection", "rebuild", "ledger", "--until", then, "--into", "theirs", check=False)
    assert refused.code == 3 and 'schema "theirs" exists: name another one' in refused.stderr
    for wrong, why in [(("--until", then), "go together"), (("--until", "soon", "--into", "s"), "--until soon"),
                       (("--until", "2999-01-01T00:00:00Z", "--into", "s"), "future"),
                       (("--until", then, "--into", "s", "--force"), "--force says nothing")]:
        refused = ledger.weir("projection", "rebuild", "ledger", *wrong, check=False)
        assert refused.code == 2 and why in refused.stderr
