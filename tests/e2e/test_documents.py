"""Every listing in the documents is executed, block by block in the order of the page.

A page's ```sh, ```sql, ```python blocks and whole ```c programs run in one shop with the example
projections, a prepared store and the page's services in the environment; a ```c block that begins with
a file's name is that file. `weir serve`, which would not end, is started, seen to be ready and stopped.
README's first block is scripts/demo and scripts/test: test_demo.py runs the
one, and whoever reads this runs the other.
"""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from harness import ROOT, patience, program, wait_until

pytestmark = [pytest.mark.once, pytest.mark.alone("demo")]  # the README has the demo

PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(sh|sql|python|c)\n(.*?)^```", re.M | re.S)
FILE = re.compile(r"/\* (\w+\.c): ")
ELSEWHERE = {"scripts/demo", "scripts/test"}


def blocks(page):
    return [b for b in BLOCK.findall((ROOT / page).read_text()) if not is_piece(b)]


def is_piece(block):
    """Projection files and C are documented in pieces, which the pages' own tests hold to the examples; not whole programs."""
    if block[0] == "c":
        return "int main(" not in block[1] and not FILE.match(block[1])
    return block[0] == "sql" and re.search(r"^-- (on|query|projection):", block[1], re.M)


@pytest.fixture
def reader(shop):
    """Somebody who follows a page: weir in the PATH, the services in the environment."""
    files = sorted(str(f) for f in (ROOT / "examples/projections").glob("*.sql"))
    shop.configure(projections={"files": files}, kafka={"partitions": 2})
    for file in files:
        shop.write(f"examples/projections/{Path(file).name}", Path(file).read_text())
    shop.weir("migrate")
    shop.weir("import", ROOT / "examples/shop.jsonl")
    built = Path(program()[-1]).parent
    shop.write("weir.pc", f"Name: weir\nDescription: the source tree\nVersion: 0\nCflags: -I{ROOT}\n"
                          f"Libs: -L{built} -lweir -Wl,-rpath,{built}\n")
    return shop


LETTERS = """
INSERT INTO weir.subscriptions (subscription, generation) VALUES ('order_summary', 1);
INSERT INTO weir.parked (subscription, generation, aggregate_type, aggregate_id, topic, partition)
    VALUES ('order_summary', 1, 'order', 'o-17', 'shop.order', 0);
INSERT INTO weir.dead_letters (id, subscription, generation, topic, partition, aggregate_type, aggregate_id, value, cause)
    OVERRIDING SYSTEM VALUE SELECT id, 'order_summary', 1, 'shop.order', 0, 'order', 'o-17', '{}', cause
    FROM (VALUES (17, 'refused'), (18, 'behind')) AS l(id, cause)"""
PAYMENTS = [("p-1", {"kind": "payment.made", "cents": 1250}), ("p-1", {"kind": "payment.refunded"}), ("p-2", None)]


def prepare_foreign(shop):
    """The page's own projection over a stranger's topic, which has the messages that it speaks of."""
    topic = f"{shop.prefix}.payments"
    admin = AdminClient({"bootstrap.servers": shop.services.brokers})  # its futures die with it
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    producer = Producer({"bootstrap.servers": shop.services.brokers})
    for key, value in PAYMENTS:
        producer.produce(topic, key=key, value=value and json.dumps(value))
    assert producer.flush(30) == 0
    pieces = BLOCK.findall((ROOT / "docs/foreign_topics.md").read_text())
    whole = next(text for _, text in pieces if "-- on:" in text)
    shop.projection("payments", whole.replace("-- topic: payments", f"-- topic: {topic}"))
    shop.weir("run", "--once")
    assert shop.sql("SELECT * FROM payments.payments") == [("p-1", 1250, "refunded")]


def prepare_saga(shop):
    """An order whose first request was sent."""
    shop.write("sagas/order_fulfilment.yaml", (ROOT / "examples/sagas/order_fulfilment.yaml").read_text())
    shop.configure(sagas={"files": ["sagas/*.yaml"]}, kafka={"partitions": 2})
    shop.append("order", "o-1", {"type": "order.submitted", "data": {"items": [], "total": "12.50", "account": "b-1"}})
    shop.weir("relay", "--once")
    shop.weir("run", "--once")


def prepare_commands(shop):
    """The same order, reserved: its saga has asked for the charge."""
    prepare_saga(shop)
    shop.append("inventory", "i-1", {"type": "inventory.reserved", "data": {"order_id": "o-1"}})
    for _ in range(2):
        shop.weir("relay", "--once")
        shop.weir("run", "--once")


PREPARED = {"docs/foreign_topics.md": prepare_foreign, "docs/sagas.md": prepare_saga, "docs/commands.md": prepare_commands}
PLANTED = {"docs/dead_letters.md": LETTERS}  # what a page finds that it does not make itself


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)])
def test_every_listing_runs(alone, reader, page):
    if page in PLANTED:
        reader.sql(PLANTED[page])
    PREPARED.get(page, lambda shop: None)(reader)
    try:
        for language, text in blocks(page):
            RUN[language](reader, text)
    finally:
        for role in re.findall(r"^CREATE ROLE (\w+)", (ROOT / page).read_text(), re.M):
            reader.sql(f"DROP ROLE IF EXISTS {role}")


def environment(shop):
    inherited = shop._environment({})
    return {
        **inherited,
        "PATH": f"{Path(program()[-1]).parent}:{inherited['PATH']}",
        "PKG_CONFIG_PATH": str(shop.directory),
        "WEIR_STORE_CONNINFO": shop.conninfo,
        "WEIR_KAFKA_BROKERS": shop.services.brokers,
        "WEIR_KAFKA_TOPIC_PREFIX": shop.prefix,
    }


def run_sh(shop, text):
    for command in text.replace("\\\n", " ").splitlines():
        command = re.sub(r"\s+#.*", "", command).strip()
        if not command or command.startswith("#") or command in ELSEWHERE or ELSEWHERE & set(command.split()):
            continue
        if command in ENDLESS:
            ENDLESS[command](shop)
            continue
        done = subprocess.run(
            ["bash", "-c", command], cwd=shop.directory, env=environment(shop),
            capture_output=True, text=True, timeout=120 * patience(),
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def serve(shop):
    process = shop.start("serve")
    wait_until(lambda: urllib.request.urlopen(f"http://{shop.admin}/readyz").status == 200, 30, "it is ready")
    # A relay that is stopped before it leads has recorded nothing, and counts as lost.
    metrics = f"http://{shop.admin}/metrics"
    wait_until(lambda: re.search(rb"weir_relay_active\{.*\} 1", urllib.request.urlopen(metrics).read()), 30, "it leads")
    assert process.stop() == 0


def run(shop):
    process = shop.start("run")
    process.wait_for_log("level=info")
    assert process.stop() == 0


ENDLESS = {"weir serve": serve, "weir run": run}


def run_sql(shop, text):
    with shop.connect() as connection:
        connection.execute(text)


def run_python(shop, text):
    done = subprocess.run([sys.executable, "-c", text], env=environment(shop), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def run_c(shop, text):
    if named := FILE.match(text):
        shop.write(named.group(1), text)
    else:
        run_program(shop, text)


def run_program(shop, text):
    """Built against the library of the build that is tested; twice, since it must not matter how often."""
    libraries = Path(program()[-1]).parent
    source, built = shop.directory / "listing.c", shop.directory / "listing"
    source.write_text(text)
    command = ["cc", "-std=c17", source, "-o", built, f"-I{ROOT}", f"-L{libraries}", "-lweir", f"-Wl,-rpath,{libraries}"]
    subprocess.run(command, check=True)
    for _ in range(2):
        done = subprocess.run([built], cwd=shop.directory, env=environment(shop), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


RUN = {"sh": run_sh, "sql": run_sql, "python": run_python, "c": run_c}


def test_the_readme_knows_every_command(shop):
    """The command tree on the first page and the program's own are the same."""
    listed = (ROOT / "README.md").read_text().split("## The commands")[1].split("```")[1]
    for line in shop.weir("--help").stdout.splitlines():
        found = re.match(r"^  (?:weir )?([a-z]+)\b", line)
        if found and found.group(1) not in {"help"}:
            assert found.group(1) in listed, f"README lacks {found.group(1)}"
