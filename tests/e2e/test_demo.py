"""The README's first command, on a shop and on a real log."""

import re
import subprocess

import pytest
from harness import ROOT, clean_environment
from logs import log

pytestmark = [pytest.mark.once, pytest.mark.alone("demo")]


@pytest.fixture
def checkout(alone):
    """This one, with its release build; in continuous integration a clone to which nothing was done."""
    if (ROOT / ".cache/demo").exists():
        pytest.skip("a demo is running already: scripts/demo down")
    yield ROOT
    subprocess.run([ROOT / "scripts/demo", "down"], check=True, capture_output=True)


def demo(checkout, *arguments):
    done = subprocess.run(
        [checkout / "scripts/demo", *arguments], cwd=checkout, env=clean_environment(),
        capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_demo_shows_a_shop(checkout):
    said = demo(checkout)
    counts = re.search(r"store (\d+) = topics (\d+) = projection (\d+)", said).groups()
    assert len(set(counts)) == 1 and int(counts[0]) > 100
    assert "@example" in said and "scripts/demo down" in said


@pytest.mark.slow
def test_the_demo_takes_any_log(checkout):
    said = demo(checkout, log("webhooks.jsonl"))
    assert "store 329 = topics 329 = projection 329" in said
    subprocess.run([checkout / "scripts/demo", "down"], check=True, capture_output=True)
    assert not (checkout / ".cache/demo").exists()
