"""The README's first command, from a copy of the checkout, on a shop and on a real log."""

import os
import re
import subprocess

import pytest
from harness import ROOT, clean_environment
from logs import log

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What somebody has who cloned this and did nothing else; its builds and caches are its own."""
    folder = tmp_path_factory.mktemp("checkout") / "weir"
    subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
    changed = subprocess.run(
        ["git", "ls-files", "-mo", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in changed.stdout.split():
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
            (folder / name).chmod((ROOT / name).stat().st_mode)
    yield folder
    subprocess.run([folder / "scripts/demo", "down"], check=True, capture_output=True)


def demo(checkout, *arguments):
    done = subprocess.run(
        [checkout / "scripts/demo", *arguments], cwd=checkout, env=clean_environment(),
        capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


slow_once = pytest.mark.skipif(
    float(os.environ.get("WEIR_TEST_PATIENCE", "1")) > 1, reason="builds its own release program"
)


@slow_once
@pytest.mark.slow
def test_the_demo_shows_a_shop(checkout):
    said = demo(checkout)
    counts = re.search(r"store (\d+) = topics (\d+) = projection (\d+)", said).groups()
    assert len(set(counts)) == 1 and int(counts[0]) > 100
    assert "@example" in said and "scripts/demo down" in said


@slow_once
@pytest.mark.slow
def test_the_demo_takes_any_log(checkout):
    said = demo(checkout, log("webhooks.jsonl"))
    assert "store 329 = topics 329 = projection 329" in said
    subprocess.run([checkout / "scripts/demo", "down"], check=True, capture_output=True)
    assert not (checkout / ".cache/demo").exists()
