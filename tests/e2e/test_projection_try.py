"""projection try: a file that nobody runs, over the store's events, into a schema that stays."""

import signal

import pytest
from checks import stored_events
from harness import ROOT, wait_until
from test_kills import fold
from test_real_logs import CASES, projected

pytestmark = pytest.mark.once

ACCOUNTS = """\
-- projection: accounts
-- from: account
CREATE TABLE accounts (id text PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));

-- on: account.opened
INSERT INTO accounts SELECT aggregate_id, 0 FROM events;

-- on: account.moved
UPDATE accounts a SET balance = a.balance + (e.data->>'amount')::bigint FROM events e WHERE a.id = e.aggregate_id;
"""


@pytest.fixture
def bank(shop):
    shop.weir("migrate")
    shop.file = shop.write("accounts.sql", ACCOUNTS)
    for id in ("a", "b"):
        shop.append("account", id, {"type": "account.opened", "data": {}})
    return shop


def moved(shop, id, *amounts):
    shop.append("account", id, *({"type": "account.moved", "data": {"amount": a}} for a in amounts))


def attempt(shop, *words, **options):
    return shop.weir("projection", "try", shop.file, "--into", "look", *words, **options)


def balances(shop, schema="look"):
    return shop.sql(f"SELECT id, balance FROM {schema}.accounts ORDER BY id")


def tried(result):
    figures = result.json()
    return figures["read"], figures["applied"], figures["refused"]


def test_the_tables_stay_and_nothing_is_recorded(bank):
    moved(bank, "a", 5, 7)
    bank.append("account", "b", {"type": "account.seen", "data": {}})
    bank.append("user", "u", {"type": "user.created", "data": {}})
    assert tried(attempt(bank, "-o", "json")) == (5, 4, 0)
    assert balances(bank) == [("a", 12), ("b", 0)]
    assert bank.sql("SELECT * FROM weir.subscriptions") == bank.sql("SELECT * FROM weir.checkpoints") == []
    assert "projection try" in bank.value("SELECT obj_description('look'::regnamespace, 'pg_namespace')")


@pytest.mark.parametrize("apply", ["each", "aggregate"])
def test_a_large_store_gives_what_a_fold_gives(shop, apply):
    shop.weir("migrate")
    for n in range(40):
        shop.append("thing", f"t{n % 23}", *({"type": "thing.happened", "data": {"n": i}} for i in range(300)))
    shop.append("other", "o", {"type": "other.happened", "data": {}})
    shop.file = shop.write("cases.sql", CASES.format(name="cases", type="thing", apply=apply))
    assert tried(attempt(shop, "-o", "json")) == (12000, 12000, 0)
    assert projected(shop, "look") == fold(e for e in stored_events(shop) if e.type == "thing")


def test_refused_events_are_named_and_left_out(bank):
    moved(bank, "a", 5, -9, 1)
    moved(bank, "b", *([-1] * 30))
    moved(bank, "b", "much")
    result = attempt(bank, "-o", "json", check=False)
    assert result.code == 1 and tried(result) == (36, 4, 32)
    assert balances(bank) == [("a", 6), ("b", 0)]
    first = result.stderr.splitlines()[0]
    for word in ("account/a version 3, position", "account.moved", "accounts.sql:9", "accounts_balance_check"):
        assert word in first
    assert result.stderr.count("is refused:") == 20 and "only counted" in result.stderr
    assert result.stderr.splitlines()[-1] == "weir: 32 of 36 events are refused"


def test_an_event_without_a_latest_form_is_refused(bank):
    bank.write("rules.yaml", "account.moved:\n  - from: 1\n    to: 2\n    rename: { sum: amount }\n")
    bank.configure(schemas={"files": ["rules.yaml"]})
    bank.append("account", "a", {"type": "account.moved", "data": {"sum": 3}},
                {"type": "account.moved", "data": {"amount": 4}, "schemaversion": 2},
                {"type": "account.moved", "data": {"amount": 4}, "schemaversion": 3})
    result = attempt(bank, "-o", "json", check=False)
    assert result.code == 1 and tried(result) == (5, 4, 1)
    assert "version 4" in result.stderr and balances(bank) == [("a", 7), ("b", 0)]


def test_a_part_of_the_events(bank):
    moved(bank, "a", 5, 7)
    moved(bank, "b", 1)
    assert tried(attempt(bank, "--aggregate", "account", "b", "-o", "json")) == (2, 2, 0)
    assert balances(bank) == [("b", 1)]
    assert tried(attempt(bank, "--limit", 3, "--replace", "-o", "json")) == (3, 3, 0)
    assert balances(bank) == [("a", 5), ("b", 0)]


def test_events_that_are_not_committed_are_not_seen(bank):
    with bank.connect(autocommit=False) as other:
        other.execute("SELECT weir.append('account', 'z', 0, '[{\"type\": \"account.opened\", \"data\": {}}]')")
        bank.append("account", "y", {"type": "account.opened", "data": {}})
        assert tried(attempt(bank, "-o", "json")) == (2, 2, 0)  # y is behind what may still come before it
        other.commit()
    assert tried(attempt(bank, "--replace", "-o", "json")) == (4, 4, 0)


def test_the_fence_held_lower_later_hides_nothing(shop):
    """Between two pages somebody takes the fence's lock at a floor of long ago."""
    shop.weir("migrate")
    for n in range(12):
        shop.append("thing", f"t{n}", *({"type": "thing.happened", "data": {}} for _ in range(1000)))
    sql = CASES.format(name="cases", type="thing", apply="each").replace("SELECT aggregate_id, 1", "SELECT aggregate_id, 1 + slow()")
    shop.sql("""CREATE FUNCTION pg_catalog.slow() RETURNS int LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_sleep(0.0002); RETURN 0; END $$""")
    shop.file = shop.write("cases.sql", sql)
    process = shop.start("projection", "try", "cases.sql", "--into", "look", "-o", "json")
    wait_until(lambda: shop.value("SELECT to_regclass('look.cases') IS NOT NULL"), 30, "it has begun")
    wait_until(lambda: shop.value("SELECT count(*) FROM look.cases") > 0, 30, "its first page is under way")
    with shop.connect(autocommit=False) as late:
        late.execute("SELECT pg_advisory_xact_lock_shared(weir.fence_key(weir.store_number(), 1))")
        assert process.wait() == 0
    assert shop.value("SELECT sum(steps) FROM look.cases") == 12000


def test_only_its_own_schema_is_replaced(bank):
    bank.sql("CREATE SCHEMA look")
    bank.sql("CREATE TABLE look.precious ()")
    for words in ([], ["--replace"]):
        result = attempt(bank, *words, check=False)
        assert result.code == 3 and 'schema "look" exists' in result.stderr
        assert bank.value("SELECT count(*) FROM look.precious") == 0
    bank.sql("DROP SCHEMA look CASCADE")
    attempt(bank)
    assert attempt(bank, check=False).code == 3
    attempt(bank, "--replace")


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["gone.sql", "--into", "look"], 2, "gone.sql"),
        (["accounts.sql"], 2, "--into SCHEMA"),
        (["accounts.sql", "--into", 'lo"ok'], 2, "--into must be"),
        (["accounts.sql", "--into", "look", "--aggregate", "accont", "a"], 2, "did you mean 'account'"),
        (["accounts.sql", "--into", "look", "--aggregate", "account", "z"], 3, "there is no account/z"),
        (["wrong.sql", "--into", "look"], 2, "wrong.sql:9:"),
    ],
)
def test_what_is_wrong_leaves_nothing(bank, words, code, said):
    bank.write("wrong.sql", ACCOUNTS.replace("a.balance + ", "a.balanse + "))
    result = bank.weir("projection", "try", *words, check=False)
    assert result.code == code and said in result.stderr
    assert bank.sql("SELECT FROM pg_namespace WHERE nspname = 'look'") == []


def test_it_works_as_the_projector_and_beside_the_real_one(bank):
    bank.configure(projections={"files": ["accounts.sql"]}, kafka={"partitions": 1})
    bank.weir("relay", "--once")
    bank.weir("run", "--once")
    before = bank.sql("SELECT * FROM weir.checkpoints")
    attempt(bank)
    assert balances(bank) == balances(bank, "accounts")
    assert bank.value("SELECT tableowner FROM pg_tables WHERE schemaname = 'look'") == "weir_projector"
    assert bank.sql("SELECT * FROM weir.checkpoints") == before


def test_the_examples_can_be_tried(shop):
    shop.weir("migrate")
    shop.weir("import", ROOT / "examples/shop.jsonl")
    for file in sorted((ROOT / "examples/projections").glob("*.sql")):
        shop.weir("projection", "try", file, "--into", f"try_{file.stem}")
    users = shop.value("SELECT count(*) FROM weir.streams WHERE aggregate_type = 'user'")
    assert shop.value("SELECT count(*) FROM try_user_list.users") == users > 0


def test_an_interrupted_one_can_be_repeated(shop):
    shop.weir("migrate")
    for n in range(20):
        shop.append("thing", f"t{n}", *({"type": "thing.happened", "data": {}} for _ in range(1000)))
    shop.file = shop.write("cases.sql", CASES.format(name="cases", type="thing", apply="each"))
    process = shop.start("projection", "try", "cases.sql", "--into", "look")
    wait_until(lambda: shop.value("SELECT to_regclass('look.cases') IS NOT NULL"), 30, "it has begun")
    process.send(signal.SIGTERM)
    assert process.wait() == 1
    assert tried(attempt(shop, "--replace", "-o", "json")) == (20000, 20000, 0)
