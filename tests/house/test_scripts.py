"""The scripts keep their word: services leave nothing behind, deps agrees with the Dockerfile, and
the tally of scripts/test misses no failure."""

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from house import ROOT, run

SERVICES = ROOT / "scripts/services"


def processes_naming(text):
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line and int(folder.name) != os.getpid():
            found.append(line)
    return found


def test_services_come_again_and_leave_nothing(tmp_path):
    folder = tmp_path / "services"
    lines = run(SERVICES, "up", "--dir", folder)
    assert run(SERVICES, "up", "--dir", folder) == lines, "up is idempotent"
    assert "down" not in run(SERVICES, "status", "--dir", folder)
    settings = dict(shlex.split(line)[1].split("=", 1) for line in lines.splitlines())
    socket_folder = (folder / "socket").read_text().strip()
    run(SERVICES, "kill-kafka", "--dir", folder)
    run(SERVICES, "kill-postgres", "--dir", folder)
    assert subprocess.run([SERVICES, "status", "--dir", folder], capture_output=True).returncode == 1
    run(SERVICES, "start-postgres", "--dir", folder)
    run(SERVICES, "down", "--dir", folder)
    assert not folder.exists() and not Path(socket_folder).exists()
    assert processes_naming(str(folder)) == []
    host, port = settings["WEIR_KAFKA_BROKERS"].split(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0


def test_services_that_cannot_start_say_why_and_leave_nothing(tmp_path):
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin/java"
    java.write_text('#!/bin/sh\n[ "$1" = -version ] || { echo "no heap today"; exit 1; }\n'
                    "echo 'openjdk version \"17.0.1\"' >&2\n")
    java.chmod(0o755)
    environment = {**os.environ, "PATH": f"{java.parent}:{os.environ['PATH']}", "JAVA_HOME": ""}
    folder = tmp_path / "services"
    done = subprocess.run(
        [SERVICES, "up", "--dir", folder], capture_output=True, text=True, env=environment
    )
    assert done.returncode != 0 and "no heap today" in done.stderr and done.stdout == ""
    assert not folder.exists() and processes_naming(str(folder)) == []


def test_deps_finds_all_of_it_here():
    listed = run(ROOT / "scripts/deps", "--list")
    assert "missing" not in listed and len(listed.splitlines()) > 20


def test_the_dockerfile_builds_with_what_deps_installs():
    known = {line.split()[1] for line in run(ROOT / "scripts/deps", "--list").splitlines()}
    wanted = set(re.findall(r"\b[a-z0-9-]+-dev\b", (ROOT / "Dockerfile").read_text()))
    assert wanted and wanted <= known


def test_every_fuzz_target_has_seeds_and_is_documented():
    sources = {p.stem.removeprefix("fuzz_") for p in (ROOT / "tests/fuzz").glob("fuzz_*.c")}
    folders = {p.name for p in (ROOT / "tests/fuzz/corpus").iterdir() if any(p.iterdir())}
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "tests/fuzz/README.md").read_text(), re.M))
    assert set(run(ROOT / "scripts/fuzz", "--list").split()) == sources == folders == documented
    wrong = subprocess.run([ROOT / "scripts/fuzz", "nosuch"], capture_output=True, text=True)
    assert wrong.returncode == 1 and "no target 'nosuch'" in wrong.stderr


CTEST = """<testsuite>
<testcase name="unit/a" status="run"><system-out>[ RUN      ] one
[       OK ] one
[ RUN      ] two
[       OK ] two
</system-out></testcase>
<testcase name="unit/b" status="fail"><failure message=""/><system-out>[       OK ] one
[  FAILED  ] two
[  FAILED  ] tests: 1 test(s), listed below:
[  FAILED  ] two
</system-out></testcase>
<testcase name="unit/crashed" status="fail"><failure message=""/><system-out>[       OK ] one
</system-out></testcase>
</testsuite>"""
PYTEST = """<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure/></testcase>
<testcase name="c"><error/></testcase><testcase name="d"><skipped/></testcase></testsuite></testsuites>"""


@pytest.mark.parametrize(
    "report, said", [(CTEST, "4 2 0"), (PYTEST, "1 2 1"), ("", "0 0 0"), ("<testsuite/>", "0 0 0")]
)
def test_the_tally_counts_cases_and_crashes(tmp_path, report, said):
    (tmp_path / "report.xml").write_text(report)
    tally = ROOT / "scripts/lib/tally.py"
    assert run(sys.executable, tally, tmp_path / "report.xml").strip() == said
