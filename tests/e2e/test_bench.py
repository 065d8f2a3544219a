"""The benchmarks still run, against the services of the tests, and compare what they say they do.

Their figures mean nothing here; that both sides did the same work does.
"""

import importlib.util
import json
import secrets
import subprocess
import time

import pytest
from confluent_kafka import Producer

from harness import ROOT, clean_environment, patience, program

pytestmark = pytest.mark.once
NAMES = [
    *(f"append, {events} a call, {clients}" for events in ("1 event", "100 events") for clients in ("1 client", "8 clients")),
    "load, 1,000 events", "load, 10,000 events", "load, with a snapshot", "relay", "exactly_once",
    "verify", *(f"{name}{lanes}" for name in ("project, aggregate", "project, each") for lanes in ("", ", 2 lanes")),
    "rebuild", "rebuild --parallel 2", "saga",
    *(f"appends beside a waiting relay, {clients}" for clients in ("1 client", "8 clients")),
]


def load_topics():
    spec = importlib.util.spec_from_file_location("bench_topics", ROOT / "bench/topics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


topics = load_topics()


@pytest.mark.slow
def test_every_benchmark_compares_equal_work(services, tmp_path):
    records = tmp_path / "bench.jsonl"
    build = program()[-1].rsplit("/", 1)[0]
    done = subprocess.run(
        [ROOT / "bench/run", "all", "--quick", "--services", services.directory, "--build", build, "--json", records],
        capture_output=True, text=True, env=clean_environment(), timeout=240 * patience(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = [json.loads(line) for line in records.read_text().splitlines()]
    ratios = {line["name"]: line["median"] for line in said if line["kind"] == "ratio"}
    assert sorted(ratios) == sorted(NAMES)
    assert all(ratio > 0 for ratio in ratios.values())
    assert all(f"{name}: ratio {ratio:.3f}" in done.stdout for name, ratio in ratios.items())
    assert [line["messages"] for line in said if line["kind"] == "identical"] == [3000]
    assert all(line["rows"] > 400 for line in said if line["kind"] == "equal")
    shown = {name for line in said if line["kind"] == "settings" for name in line}
    assert shown >= {"fsync", "synchronous_commit", "shared_buffers", "wal_level", "acks", "partitions",
                     "compression.codec", "linger.ms", "librdkafka"}


def fill(services, name, messages):
    topics.create(services.brokers, name, 2)
    producer = Producer({"bootstrap.servers": services.brokers})
    for partition, message in enumerate(messages):
        producer.produce(name, partition=partition % 2, **message)
    assert producer.flush(30) == 0


NOW = int(time.time() * 1000)  # an old one would be subject to retention
MESSAGE = {"key": b"a", "value": b"{}", "headers": [("ce_id", b"1"), ("ce_type", b"x")], "timestamp": NOW}
OTHERS = {
    "key": {"key": b"b"},
    "value": {"value": b"{ }"},
    "a header": {"headers": [("ce_id", b"2"), ("ce_type", b"x")]},
    "the headers' order": {"headers": [("ce_type", b"x"), ("ce_id", b"1")]},
}


@pytest.mark.parametrize("other", [None, *OTHERS, "one more"])
def test_topics_that_differ_are_told_apart(services, other):
    prefix = "compare_" + secrets.token_hex(4)
    changed = [MESSAGE] * 3 if other == "one more" else [MESSAGE, {**MESSAGE, **OTHERS.get(other, {})}]
    fill(services, f"{prefix}.left", [MESSAGE] * 2)
    fill(services, f"{prefix}.right", changed)
    count, fault = topics.difference(services.brokers, f"{prefix}.left", f"{prefix}.right")
    topics.delete(services.brokers, prefix)
    assert (fault is None) == (other is None)
    assert other or count == 2
