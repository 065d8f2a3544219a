"""The real logs, where they are to be had: beside the checkout, or where WEIR_TEST_DATA says."""

import json
import os
from pathlib import Path

import pytest

from harness import ROOT

DATA = Path(os.environ.get("WEIR_TEST_DATA", ROOT.parent / "shared/data"))


def log(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not here; set WEIR_TEST_DATA to the folder that has it")
    return path


def events_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]
