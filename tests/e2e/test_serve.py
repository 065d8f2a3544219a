"""weir serve: all in one process, and what it tells a monitor."""

import json
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest
from harness import wait_until
from test_outages import deposit, total
from test_road import TOTALS


@pytest.fixture
def serving(shop):
    shop.projection("totals", TOTALS)
    shop.weir("migrate")
    deposit(shop, 5)
    process = shop.start("serve")
    wait_until(lambda: total(shop) == 5, 30, "all is projected")
    return process


def get(shop, path, method="GET"):
    request = urllib.request.Request(f"http://{shop.admin}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.threads
def test_it_answers_its_monitors(shop, serving):
    wait_until(lambda: get(shop, "/readyz")[0] == 200, 30, "it is ready")
    assert get(shop, "/healthz")[0] == 200
    status, text = get(shop, "/version")
    assert status == 200 and json.loads(text)
    assert get(shop, "/nothing")[0] == 404
    assert get(shop, "/metrics", "POST")[0] == 405
    status, metrics = get(shop, "/metrics")
    assert status == 200
    samples = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line and line[0] != "#")
    assert float(samples['weir_relay_events_total{relay="main",shard="0"}']) == 5
    assert float(samples['weir_subscription_events_total{subscription="totals"}']) == 5
    assert samples['weir_store_up{part="relay",name="main"}'] == samples['weir_kafka_up{part="subscription",name="totals"}'] == "1"
    promtool = shutil.which("promtool")
    assert promtool, "scripts/deps installs it"
    checked = subprocess.run([promtool, "check", "metrics"], input=metrics, capture_output=True, text=True)
    assert checked.returncode == 0 and not checked.stdout + checked.stderr, checked.stdout + checked.stderr
    assert serving.stop() == 0


def test_it_listens_on_loopback_only_by_default(shop):
    shown = shop.weir("config", "show").stdout
    assert "127.0.0.1" in shown
    default = shop.weir("config", "reference").stdout
    assert "127.0.0.1:8780" in default


def test_a_port_in_use_is_said(shop, serving):
    wait_until(lambda: get(shop, "/readyz")[0] == 200, 30, "it is ready")
    second = shop.weir("serve", check=False)
    assert second.code == 2 and shop.admin.split(":")[1] in second.stderr
