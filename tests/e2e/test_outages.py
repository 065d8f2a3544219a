"""I7: what goes away is retried for ever, said once when it goes and once when it is back."""

import pytest
from checks import compare_topics, stored_events
from harness import wait_until
from test_road import TOTALS


@pytest.fixture
def serving(shop):
    shop.projection("totals", TOTALS)
    shop.configure(kafka={"partitions": 2, "properties": {"session.timeout.ms": 6000}})
    shop.weir("migrate")
    deposit(shop, 10)
    process = shop.start("serve")
    wait_until(lambda: total(shop) == 10, 30, "the first events are projected")
    return process


def deposit(shop, count):
    for n in range(count):
        shop.append("account", f"a{n}", {"type": "account.deposited", "data": {"amount": n}})


def total(shop):
    return shop.value("SELECT coalesce(sum(events), 0) FROM totals.totals")


def lines(process, *words):
    return [line for line in process.log.splitlines() if all(word in line for word in words)]


@pytest.mark.threads
def test_postgresql_goes_away_and_comes_back(shop, serving):
    shop.services.kill_postgres()
    wait_until(lambda: len(lines(serving, "level=warn", "relay=main")) >= 1, 30, "the relay says so")
    wait_until(lambda: len(lines(serving, "level=warn", "subscription=totals")) >= 1, 30, "the runtime says so")
    shop.services.start_postgres()
    deposit(shop, 10)
    wait_until(lambda: total(shop) == 20, 30, "it goes on by itself")
    check(shop, serving)


def test_kafka_goes_away_and_comes_back(shop, serving):
    shop.services.kill_kafka()
    deposit(shop, 10)
    wait_until(lambda: len(lines(serving, "level=warn", "relay=main")) >= 1, 60, "the relay says so")
    assert serving.alive
    shop.services.start_kafka()
    wait_until(lambda: total(shop) == 20, 60, "it goes on by itself")
    check(shop, serving)


def check(shop, serving):
    assert serving.stop() == 0
    faults, _ = compare_topics(stored_events(shop), shop.consume(), shop.topics())
    assert faults == []
    for object in ("relay=main", "subscription=totals"):
        loud = [l for l in lines(serving, object) if "level=warn" in l or "level=error" in l]
        assert len(loud) <= 4, "once per change of state, not once per try:\n" + "\n".join(loud)


def test_a_relay_that_cannot_reach_kafka_still_stops_at_once(shop):
    shop.configure(kafka={"brokers": "127.0.0.1:9"})
    shop.weir("migrate")
    deposit(shop, 3)
    relay = shop.start("relay")
    wait_until(lambda: lines(relay, "level=warn"), 60, "it says that Kafka is away")
    assert relay.stop(15) in (0, 1)


def test_a_second_relay_stands_by(shop):
    shop.weir("migrate")
    first = shop.start("relay")
    deposit(shop, 3)
    wait_until(lambda: len(shop.consume()) == 3, 30, "the first publishes")
    second = shop.start("relay")
    second.wait_for_log("standby")
    deposit(shop, 3)
    wait_until(lambda: len(shop.consume()) == 6, 30, "the first goes on")
    first.kill()
    deposit(shop, 3)
    wait_until(lambda: len(shop.consume()) >= 9, 30, "the second takes over")
    assert second.stop() == 0
    faults, _ = compare_topics(stored_events(shop), shop.consume(), shop.topics())
    assert faults == []
    assert shop.value("SELECT epoch FROM weir.relays") == 2
