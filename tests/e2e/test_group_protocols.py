"""Members share partitions by every protocol that the loaded librdkafka is good for: the system's, and a newer one.

The newer one is inside the wheel of confluent-kafka; its C interface is the same.
"""

from pathlib import Path

import confluent_kafka
import pytest
from harness import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.once]
LOG = """\
-- projection: journal
-- from: account
CREATE TABLE applied (nr bigserial, id text, version bigint);

-- on: happened
INSERT INTO applied (id, version) SELECT aggregate_id, version FROM events;
"""
COOPERATIVE = {"partition.assignment.strategy": "cooperative-sticky"}
CONSUMER = {"group.protocol": "consumer"}


@pytest.fixture
def newer(tmp_path):
    """The environment in which weir finds the newer librdkafka."""
    libraries = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    (library,) = libraries.glob("librdkafka-*.so.1")
    folder = tmp_path / "newer"
    folder.mkdir()
    (folder / "librdkafka.so.1").symlink_to(library)
    return {"LD_LIBRARY_PATH": f"{folder}:{libraries}"}


def journal(shop, properties):
    shop.configure(kafka={"partitions": 6, "properties": properties}, subscriptions={"journal": {"lanes": 2}})
    shop.projection("journal", LOG)
    return shop


@pytest.mark.parametrize("properties, version", [(COOPERATIVE, "2.10"), (CONSUMER, "2.12")])
def test_an_older_library_is_refused(shop, properties, version):
    journal(shop, properties)
    done = shop.weir("config", "check", check=False)
    assert done.code == 2 and f"before {version}" in done.stderr


@pytest.mark.parametrize("properties", [{}, COOPERATIVE, CONSUMER], ids=["range", "cooperative", "consumer"])
def test_members_come_and_go(shop, newer, properties):
    journal(shop, properties)
    shop.weir("migrate", env=newer)
    happened = 0

    def happen(events):
        nonlocal happened
        shop.sql(f"""SELECT weir.append('account', 'a-' || n % 100, NULL, '[{{"type": "happened", "data": {{}}}}]')
                     FROM generate_series(1, {events}) n""")
        happened += events

    def level():
        return shop.value("SELECT count(*) FROM journal.applied") == happened

    shop.start("relay", env=newer)
    members = [shop.start("run", env=newer)]
    happen(500)
    wait_until(level, 60, "one member applies")
    for leave in ("stop", "pause"):
        members.append(shop.start("run", env=newer))
        happen(500)
        wait_until(lambda: "partitions assigned" in members[-1].log and level(), 60, "two share")
        happen(500)
        leaver = members.pop(0)
        if leave == "stop":
            assert leaver.stop(30) == 0, leaver.tail()
        else:
            leaver.pause()
        happen(500)
        wait_until(level, 90, f"the other takes over after a {leave}")  # a broker of KIP-848 waits for 45 s
    leaver.resume()
    happen(500)
    wait_until(level, 60, "one that wakes up does no harm")
    assert shop.sql("SELECT id, version FROM journal.applied GROUP BY id, version HAVING count(*) > 1") == []
    assert shop.sql("""SELECT id FROM (SELECT id, version, lag(version) OVER (PARTITION BY id ORDER BY nr) AS before
                                       FROM journal.applied) a WHERE before >= version""") == []
