"""docker-compose.yml, as far as it can be judged without an engine: it parses, its services wait for
each other's health, and the program's image does not run as root."""

import json
import re
import shutil

import pytest
import yaml
from house import ROOT, run


@pytest.fixture(scope="module")
def compose():
    command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    run(*command, "config", "-q")
    return yaml.safe_load(run(*command, "config"))["services"]


def test_every_server_says_when_it_is_healthy(compose):
    servers = [name for name, service in compose.items() if service.get("restart") != "no"]
    assert sorted(servers) == ["kafka", "postgres", "weir"]
    assert all("healthcheck" in compose[name] for name in servers), json.dumps(compose, indent=1)


def test_weir_starts_after_what_it_needs(compose):
    assert compose["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert compose["weir"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_image_does_not_run_as_root():
    users = re.findall(r"^USER +(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users and users[-1] not in ("root", "0")
