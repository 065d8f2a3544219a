"""The harness is itself a witness, so it is examined first: it must see what it claims to see."""

import os
import sys

import pytest
from harness import Process, clean_environment, complaints, independent_murmur2, wait_until

pytestmark = pytest.mark.once

# From the tests of Apache Kafka's Java client (UtilsTest.testMurmur2).
JAVA_VECTORS = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize("key", JAVA_VECTORS)
def test_murmur2_is_the_java_clients(key):
    assert independent_murmur2(key) == JAVA_VECTORS[key] & 0xFFFFFFFF


def run(tmp_path, program, **environment):
    command = [sys.executable, "-c", program]
    return Process(command, tmp_path / "log", tmp_path, {**os.environ, **environment})


@pytest.mark.parametrize(
    "line",
    ["a.c:3:4: runtime error: signed integer overflow", "==1==ERROR: AddressSanitizer: heap-use"],
)
def test_a_sanitizers_report_is_a_fault(tmp_path, line):
    process = run(tmp_path, f"print({line!r})")
    assert process.wait() == 0
    assert "log: " in process.finish()[0]


def test_a_crash_is_a_fault_but_a_kill_by_the_test_is_not(tmp_path):
    crashed = run(tmp_path, "import os; os.abort()")
    crashed.wait()
    assert "SIGABRT" in crashed.finish()[0]
    killed = run(tmp_path, "import time; time.sleep(60)")
    killed.kill()
    assert killed.finish() == []


def test_what_ignores_sigterm_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIR_TEST_PATIENCE", "0.05")
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"
    process = run(tmp_path, stubborn + "; time.sleep(60)")
    process.wait_for_log("up", 200)
    assert "did not stop" in process.finish()[0]


def test_quiet_output_is_no_fault():
    assert complaints("relay", "level=info relay=main msg=published") == []


def test_waiting_ends_with_what_was_waited_for(monkeypatch):
    monkeypatch.setenv("WEIR_TEST_PATIENCE", "1")
    with pytest.raises(AssertionError, match="the moon is full"):
        wait_until(lambda: 1 // 0, 0.1, "the moon is full")


def test_a_developers_settings_do_not_leak_in(monkeypatch):
    monkeypatch.setenv("WEIR_KAFKA_BROKERS", "elsewhere:9092")
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert not {"WEIR_KAFKA_BROKERS", "PGHOST"} & set(clean_environment())


def test_a_shop_starts_empty(shop):
    assert shop.sql("SELECT nspname FROM pg_namespace WHERE nspname = 'weir'") == []
    assert shop.topics() == {} and shop.consume() == []
