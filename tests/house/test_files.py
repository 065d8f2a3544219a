"""Every file: formatted, its scripts parse, its links lead somewhere, and no trace of a machine."""

import os
import re
import socket

import pytest
from house import FOLDERS, ROOT, run, tracked

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

# Written in pieces, so that this file does not find itself.
TRACES = [
    "/" + "work/",
    "/" + "root/",
    "bash" + "_jobs",
    r"/home/" + r"(?!weir\b)\w+/",
    "artifact" + "registry",
    r"\bpkg\." + r"dev\b",
    r"\b(10\.\d+|192\.168|172\.(1[6-9]|2\d|3[01]))" + r"\.\d+\.\d+\b",
]


def read(path):
    return (ROOT / path).read_text(errors="replace")


def test_c_files_are_formatted():
    files = tracked("*.c", "*.h")
    assert files
    run("clang-format-14", "--dry-run", "-Werror", *files)


def shebang(path):
    return read(path).split("\n", 1)[0]


def test_shell_scripts_parse():
    scripts = [p for p in tracked() if re.match(r"#!.*\b(ba)?sh\b", shebang(p)) or p.suffix == ".sh"]
    assert len(scripts) >= 5
    for script in scripts:
        run("bash", "-n", script)


def test_what_has_an_interpreter_line_can_be_run():
    scripts = [p for p in tracked() if shebang(p).startswith("#!")]
    assert [p for p in scripts if not os.access(ROOT / p, os.X_OK)] == []


def test_python_files_parse():
    for path in tracked("*.py"):
        compile(read(path), str(path), "exec")


def traces(text, more=()):
    return [t for t in (*TRACES, *more) if re.search(t, text)]


def test_no_file_knows_the_machine_it_was_written_on():
    machine = [re.escape(str(ROOT)) + r"\b", rf"\b{re.escape(socket.gethostname())}\b"]
    machine = [m for m in machine if len(m) > 12]  # a host named `dev` is a word as well
    found = {str(p): traces(read(p), machine) for p in tracked() if p.name != "LICENSE"}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize("line", ["cd /" + "root/x", "host=10." + "1.2.3", "/home/" + "ann/weir"])
def test_a_trace_is_found(line):
    assert traces(line)


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.*?) *$", FENCE.sub("", text), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {name.replace(" ", "-") for name in plain}


def dead_links(page, text):
    for target in (a or b for a, b in LINK.findall(FENCE.sub("", text))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield f"{page.name}: {target}"
        elif anchor and file.suffix == ".md":
            if anchor not in anchors(text if file == page else file.read_text()):
                yield f"{page.name}: {target} (no such heading)"


def test_links_between_pages_lead_somewhere():
    pages = [ROOT / p for p in tracked("*.md")]
    assert [dead for page in pages for dead in dead_links(page, page.read_text())] == []


def test_a_dead_link_is_found(tmp_path):
    page = tmp_path / "a.md"
    page.write_text("# One Heading\n[fine](a.md) [fine](#one-heading) [dead](b.md) [dead](#two)\n")
    assert len(list(dead_links(page, page.read_text()))) == 2


@pytest.mark.parametrize("folder", [*FOLDERS, "bench", "examples"])
def test_a_folder_says_what_it_is(folder):
    has_files = any(p.suffix in (".c", ".h", ".sql", ".yaml") for p in tracked(folder))
    readme = ROOT / folder / "README.md"
    assert not has_files or readme.is_file() and len(readme.read_text()) > 200
