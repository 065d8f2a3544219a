"""The bank of examples/account as a program: commands in, events in the store."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from harness import clean_environment, program

pytestmark = pytest.mark.once


@pytest.fixture
def bank(shop):
    shop.weir("migrate")
    binary = Path(program()[-1]).parent / "examples/bank"

    def run(*words):
        environment = {**clean_environment(), "WEIR_STORE_CONNINFO": shop.conninfo, "USER": "ada"}
        return subprocess.run([binary, *words], env=environment, capture_output=True, text=True, timeout=60)

    run.conninfo = shop.conninfo
    return run


def said(done):
    return done.returncode, done.stdout.strip() or done.stderr.strip()


def test_an_account_lives(bank):
    assert said(bank("open", "a-1", "Ada")) == (0, "a-1 is at version 1")
    assert said(bank("deposit", "a-1", "500")) == (0, "a-1 is at version 2")
    assert said(bank("withdraw", "a-1", "501")) == (2, "bank: the balance is 500")
    assert said(bank("close", "a-1")) == (2, "bank: there is money in the account")
    assert said(bank("withdraw", "a-1", "500")) == (0, "a-1 is at version 3")
    assert said(bank("close", "a-1")) == (0, "a-1 is at version 4")
    assert said(bank("close", "a-1")) == (0, "a-1 is at version 4")
    assert bank("burgle", "a-1").returncode == 2
    with psycopg.connect(bank.conninfo) as connection:
        rows = connection.execute("SELECT event_type, data, metadata FROM weir.events ORDER BY position").fetchall()
    ada = {"userid": "ada"}
    assert rows == [
        ("account.opened", {"owner": "Ada"}, ada),
        ("account.deposited", {"amount": 500}, ada),
        ("account.withdrawn", {"amount": 500}, ada),
        ("account.closed", {}, ada),
    ]


def test_two_tellers_lose_nothing(bank):
    assert bank("open", "a-1", "Ada").returncode == 0
    with ThreadPoolExecutor(4) as tellers:
        codes = list(tellers.map(lambda _: bank("deposit", "a-1", "1").returncode, range(16)))
    with psycopg.connect(bank.conninfo) as connection:
        deposits = connection.execute("SELECT count(*) FROM weir.events WHERE event_type = 'account.deposited'")
        assert deposits.fetchone()[0] == codes.count(0) > 0
    assert set(codes) <= {0, 1}  # a conflict too often: it said so, and stored nothing
