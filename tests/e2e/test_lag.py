"""Explainable lag: where the events are that are not in Kafka yet, and who holds them back."""

import pytest
from harness import wait_until
from proxy import Proxy
from test_serve import get

APPEND = """SELECT weir.append('thing', 'held', NULL, '[{"type": "t", "data": 1}]')"""


def things(shop, count):
    for n in range(count):
        shop.append("thing", "t", {"type": "thing.happened", "data": n})


def status(shop, *more, env=None):
    result = shop.weir("relay", "status", "-o", "json", *more, env=env)
    return result.json(), result


def stages(relay):
    return [relay[f"{stage}_events"] for stage in ("horizon", "relay", "broker")]


@pytest.fixture
def relayed(shop):
    shop.weir("migrate")
    things(shop, 3)
    shop.weir("relay", "--once")
    return shop


def test_an_open_transaction_is_named(relayed):
    """Live and prepared: who holds readers back, and how much."""
    open_one = relayed.connect(autocommit=False, application_name="slow importer")
    open_one.execute(APPEND)
    things(relayed, 5)
    shown, _ = status(relayed)
    (relay,), (holder,) = shown["relays"], shown["appenders"]
    assert stages(relay) == [5, 0, 0] and relay["lag_events"] == 5
    assert 0 < relay["horizon_seconds"] <= relay["lag_seconds"]
    assert holder["pid"] == open_one.info.backend_pid and holder["gid"] is None
    assert (holder["application"], holder["state"]) == ("slow importer", "idle in transaction")
    assert holder["user"] == open_one.info.user and holder["client"]
    assert holder["age_seconds"] >= relay["horizon_seconds"] and not holder["hidden"]
    assert "slow importer" in relayed.weir("relay", "status").stdout

    name = f"import of {relayed.database}"
    open_one.execute(f"PREPARE TRANSACTION '{name}'")
    try:
        shown, _ = status(relayed)
        (holder,) = shown["appenders"]
        assert (holder["pid"], holder["gid"], holder["state"]) == (None, name, "prepared")
        assert holder["user"] == open_one.info.user and holder["age_seconds"] is not None
        assert name in relayed.weir("relay", "status").stdout
    finally:
        relayed.sql(f"COMMIT PREPARED '{name}'")
    relayed.weir("relay", "--once")
    shown, _ = status(relayed)
    assert shown["appenders"] == [] and stages(shown["relays"][0]) == [0, 0, 0]
    assert shown["relays"][0]["published"] == 9


def test_what_a_reader_may_not_see_is_said(relayed):
    open_one = relayed.connect(autocommit=False, application_name="slow importer")
    open_one.execute(APPEND)
    reader = {"WEIR_STORE_CONNINFO": f"{relayed.conninfo} options='-c role=weir_reader'"}
    shown, result = status(relayed, env=reader)
    (holder,) = shown["appenders"]
    assert holder["pid"] == open_one.info.backend_pid and holder["user"] == open_one.info.user
    assert holder["hidden"] and holder["age_seconds"] is None and holder["client"] is None
    assert "GRANT pg_read_all_stats TO weir_reader" in result.stderr


def test_a_bound_on_lag_decides_the_exit_code(relayed):
    assert relayed.weir("relay", "status", "--max-lag", "0").code == 0
    things(relayed, 2)
    beyond = relayed.weir("relay", "status", "--max-lag", "1", check=False)
    assert beyond.code == 1 and "main is 2 events behind" in beyond.stderr
    assert relayed.weir("relay", "status", "--max-lag", "2").code == 0
    assert relayed.weir("relay", "status", "--max-lag", "0s", check=False).code == 1
    assert relayed.weir("relay", "status", "--max-lag", "3600s").code == 0
    assert relayed.weir("relay", "status", "--max-lag", "much", check=False).code == 2
    relayed.sql("UPDATE weir.relays SET clean = false, heartbeat_at = now() - interval '1 hour'")
    assert "is lost" in relayed.weir("relay", "status", "--max-lag", "1000", check=False).stderr
    relayed.sql("DELETE FROM weir.relay_partitions; DELETE FROM weir.relays")
    assert relayed.weir("relay", "status").code == 0
    assert relayed.weir("relay", "status", "--max-lag", "1000", check=False).code == 1


def samples(shop):
    lines = get(shop, "/metrics")[1].splitlines()
    return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}


def lag(shop, what="events"):
    shown = samples(shop)
    return [shown[f'weir_relay_lag_{what}{{relay="main",shard="0",stage="{s}"}}'] for s in ("horizon", "relay", "broker")]


@pytest.mark.once
def test_the_metrics_say_which_stage_it_is(shop):
    """A broker that does not answer, with one message in flight: the rest waits in the relay; what an
    open transaction holds back is behind both."""
    port, behind = (int((shop.services.directory / f"kafka-1.{name}").read_text()) for name in ("proxy", "behind"))
    with Proxy({port: ("127.0.0.1", behind)}, seed=1) as kafka:
        shop.configure(kafka={"partitions": 1, "brokers": f"127.0.0.1:{port}"}, relay={"in_flight_events": 1})
        shop.weir("migrate")
        serving = shop.start("serve")
        things(shop, 1)
        wait_until(lambda: shop.value("SELECT position FROM weir.relays") == 1, 30, "the first is acknowledged")
        with kafka.unruly("hold"):
            see_every_stage(shop)
        serving.kill()


def see_every_stage(shop):
    things(shop, 4)
    open_one = shop.connect(autocommit=False)
    open_one.execute(APPEND)
    things(shop, 5)
    wait_until(lambda: lag(shop) == [5, 3, 1], 60, "the metrics know")
    assert all(seconds > 0 for seconds in lag(shop, "seconds"))
    shown = samples(shop)
    assert shown['weir_relay_horizon_holder_age_seconds{relay="main",shard="0"}'] > 0
    assert shown['weir_relay_lag_last_success_timestamp_seconds{relay="main",shard="0"}'] > 0
    wait_until(lambda: stages(status(shop)[0]["relays"][0]) == [5, 3, 1], 30, "the command, too")
    open_one.rollback()
    wait_until(lambda: lag(shop) == [0, 8, 1], 60, "nothing is held back any more")
    age = 'weir_relay_horizon_holder_age_seconds{relay="main",shard="0"}'
    wait_until(lambda: samples(shop)[age] == 0, 60, "nor by anybody")
