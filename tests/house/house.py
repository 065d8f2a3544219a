"""What the tests of the house share: where it stands and which files belong to it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Folder by folder, what its code may include: the dependency direction of ARCHITECTURE.md.
MAY_INCLUDE = {
    "base": {"base"},
    "config": {"base", "config"},
    "store": {"base", "config", "store"},
    "producer": {"base", "config", "store", "producer"},
    "consumer": {"base", "config", "store", "consumer"},
    "projections": {"base", "config", "store", "consumer", "projections"},
    "sagas": {"base", "config", "store", "consumer", "sagas"},
    "app": {"base", "config", "store", "producer", "consumer", "projections", "sagas", "app"},
}
FOLDERS = list(MAY_INCLUDE)


def tracked(*patterns):
    """The files under version control that exist, as paths relative to ROOT."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--", *patterns]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def run(*command, **options):
    """Runs a command; fails the test with all it said when it fails."""
    options = {"capture_output": True, "text": True, "timeout": 240, "cwd": ROOT, **options}
    done = subprocess.run([str(word) for word in command], **options)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
