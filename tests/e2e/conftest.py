"""Fixtures of the end-to-end tests: services for the session, a shop for each test.

The harness's manual is at the top of harness.py. WEIR_TEST_SERVICES names a folder in which
scripts/services already runs; without it each session starts, and stops, services of its own, or
leaves those of one broker to the next session in a folder WEIR_TEST_KEEP/<worker>-1.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import pytest

import harness
import plant


@pytest.fixture(scope="session")
def _all_services(worker_id):
    """Services by broker count, started when first asked for."""
    running, own = {}, {}
    existing = os.environ.get("WEIR_TEST_SERVICES")
    kept = os.environ.get("WEIR_TEST_KEEP")
    if existing:
        found = harness.Services(existing)
        running[len(found.brokers.split(","))] = found

    def of(brokers):
        if brokers not in running and kept and brokers == 1:
            running[brokers] = harness.Services(Path(kept) / f"{worker_id}-{brokers}", brokers)
        elif brokers not in running:
            own[brokers] = Path(tempfile.mkdtemp(prefix="weir-services-"))
            running[brokers] = harness.Services(own[brokers], brokers)
        return running[brokers]

    def end(brokers):
        if brokers in own:
            running.pop(brokers).down()
            shutil.rmtree(own.pop(brokers), ignore_errors=True)

    yield of, end
    for brokers in list(own):
        end(brokers)


def pytest_collection_modifyitems(items):
    """The slow ones first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def alone(request):
    """The only test with this mark's name at that moment, whatever the number of workers."""
    (name,) = request.node.get_closest_marker("alone").args
    (harness.ROOT / ".cache").mkdir(exist_ok=True)
    with open(harness.ROOT / f".cache/{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def services(request, _all_services):
    of, end = _all_services
    marker = request.node.get_closest_marker("brokers")
    brokers = marker.args[0] if marker else 1
    yield of(brokers)
    if brokers > 1:  # idle ones cost the other tests a tenth of a core
        end(brokers)


@pytest.fixture
def shop(request, services, tmp_path):
    shop = harness.Shop(services, tmp_path)
    yield shop
    found = shop.close()
    failed = getattr(request.node, "failed", False)
    if failed or found:
        for process in shop.processes:
            print(f"--- {process.title}\n{process.tail(60)}")
    assert not found, "\n".join(found)


@pytest.fixture
def relayed(shop):
    """A shop whose topics hold 61 events of all kinds."""
    plant.relay_things(shop)
    return shop


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        item.failed = True
    return report
