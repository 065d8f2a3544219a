"""The folder rules, read off the #include lines.

base ← config ← store ← {producer, consumer}, consumer ← {projections, sagas}, app → all. Includes are written
from the root; *_int.h stays in its folder, and the unit and integration tests that mirror its files;
every third-party header has its few places. Tests and benchmarks may speak to libraries directly:
they are independent witnesses.
"""

import re
from fnmatch import fnmatch

import pytest
from house import FOLDERS, MAY_INCLUDE, ROOT

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
WITNESSES = ("tests", "bench")

# Third-party header → where it may appear. A header that is neither here nor libc's is refused: a
# new dependency is a decision, made in this table.
THIRD_PARTY = {
    "libpq-fe.h": ["store/connection*.[ch]"],
    "librdkafka/*.h": [f"{folder}/kafka*.[ch]" for folder in ("config", "producer", "consumer")],
    "uuid/uuid.h": ["base/id.c"],
    "yaml.h": ["config/*.c"],
    "jansson.h": ["store/*", "producer/*", "consumer/*", "projections/*", "app/*", "examples/*"],
    "msgpack/*.h": ["store/*.c"],
    "microhttpd.h": ["app/*"],
    "openssl/*.h": ["store/*.c"],
    "cmocka.h": ["examples/*/test_*.c"],
    "uthash.h": ["store/*", "producer/*", "consumer/*", "projections/*"],
}
LIBC = re.compile(
    r"(assert|ctype|dirent|dlfcn|endian|errno|fcntl|fenv|float|fnmatch|getopt|glob|inttypes|langinfo|libgen|limits"
    r"|locale|malloc|math|netdb|poll|pthread|pwd|regex|sched|semaphore|setjmp|signal|spawn|stdalign|stdarg"
    r"|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|syslog|sysexits|termios|threads|time|uchar"
    r"|unistd|wchar|wctype|sys/\w+|arpa/\w+|net/\w+|netinet/\w+)\.h"
)


def sources(root):
    for folder in (*FOLDERS, "examples", *WITNESSES):
        for path in sorted((root / folder).rglob("*.[ch]")):
            yield path.relative_to(root)


def violations(root):
    for folder in FOLDERS:
        has_code = any((root / folder).glob("*.c"))
        if has_code and not (root / folder / f"{folder}.h").is_file():
            yield f"{folder}/ has no facade header {folder}.h"
    for path in sources(root):
        for quote, header in INCLUDE.findall((root / path).read_text()):
            fault = own_fault(root, path, header) if quote == '"' else library_fault(path, header)
            if fault:
                yield f"{path} includes {header}: {fault}"


def own_fault(root, path, header):
    if not (root / header).is_file():
        return "not a path from the root"
    home, owner = path.parts[0], header.split("/")[0]
    if header.endswith("_int.h") and home not in (owner, "tests"):
        return f"it is {owner}'s own"
    if home in MAY_INCLUDE and owner not in MAY_INCLUDE[home]:
        return f"{home} must not know {owner}"
    return None


def library_fault(path, header):
    if path.parts[0] in WITNESSES or LIBC.fullmatch(header):
        return None
    for pattern, places in THIRD_PARTY.items():
        if fnmatch(header, pattern):
            allowed = any(fnmatch(str(path), place) for place in places)
            return None if allowed else f"allowed in {', '.join(places)} only"
    return "a library that the table of this test does not know"


def test_every_include_keeps_the_folder_rules():
    assert list(violations(ROOT)) == []


def test_there_are_sources_to_look_at():
    assert len(list(sources(ROOT))) > 50


PLANTED = {
    "base knows store": ("base/zz.c", '#include "store/store.h"'),
    "producer knows consumer": ("producer/zz.c", '#include "consumer/consumer.h"'),
    "consumer knows producer": ("consumer/zz.c", '# include "producer/producer.h"'),
    "consumer knows projections": ("consumer/zz.h", '#include "projections/projections.h"'),
    "a foreign private header": ("app/zz.c", '#include "store/sql_int.h"'),
    "a private header in a benchmark": ("bench/zz.c", '#include "store/sql_int.h"'),
    "a path from the folder": ("store/zz.c", '#include "store.h"'),
    "libpq outside the connection": ("store/zz.c", "#include <libpq-fe.h>"),
    "librdkafka outside kafka*": ("producer/zz.c", "#include <librdkafka/rdkafka.h>"),
    "librdkafka in store": ("store/kafka.c", "#include <librdkafka/rdkafka.h>"),
    "uuid outside base/id.c": ("base/zz.c", "#include <uuid/uuid.h>"),
    "an unknown library": ("app/zz.c", "#include <curl/curl.h>"),
}


def small_house(root):
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
        (root / folder / f"{folder}.h").write_text("#include <stdint.h>\n")
        (root / folder / f"{folder}.c").write_text(f'#include "{folder}/{folder}.h"\n')
    (root / "store/sql_int.h").write_text("")
    (root / "store/connection.c").write_text('#include <libpq-fe.h>\n#include "store/sql_int.h"\n')
    (root / "producer/kafka_sink.c").write_text("#include <librdkafka/rdkafka.h>\n")
    (root / "bench").mkdir()
    (root / "tests/unit").mkdir(parents=True)
    (root / "tests/unit/test_sql.c").write_text('#include "store/sql_int.h"\n')


def test_a_clean_house_passes(tmp_path):
    small_house(tmp_path)
    assert list(violations(tmp_path)) == []


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_violation_is_caught(tmp_path, plant):
    small_house(tmp_path)
    path, line = PLANTED[plant]
    (tmp_path / path).write_text(line + "\n")
    assert len(list(violations(tmp_path))) == 1


def test_a_missing_facade_is_caught(tmp_path):
    small_house(tmp_path)
    (tmp_path / "store/store.h").rename(tmp_path / "store/shop.h")
    assert "store/ has no facade header store.h" in list(violations(tmp_path))
