"""A corpus of broken events: each is refused with its reason, and none of it is stored.

SQL: what weir.append itself refuses (WV002), and what cannot even become its jsonb argument (the SQLSTATE
stands in the table). LINES: what `weir import` refuses, exit 2, naming the line and why; the events before
and behind it in the file are not stored either, since a batch is one transaction. STDIN: what `weir append
--stdin` and its options refuse. A reason is a piece of what is said, so that a refusal for another reason
than the meant one fails.
"""

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from harness import wait_until


ID = "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a10"
NOT_TIME, NOT_UUID, NOT_BASE64 = '"time" is not an RFC 3339', '"id" is not a UUID', '"data_base64" is not base64'
TEXT = '"type" must'
EXCLUDE = '"data" and "data_base64" exclude each other'
MEDIA = '"datacontenttype" must be a media type'
VERSION = '"schemaversion" must be a whole number'
ARRAY = "events must be a JSON array of at least one event"


def event(**members):
    return json.dumps([{"type": "t", "data": {}, **members}])


def binary(text, **members):
    return json.dumps([{"type": "t", "data_base64": text, "datacontenttype": "x/y", **members}])


def times(*texts):
    return [(event(time=text), "WV002", NOT_TIME) for text in texts]


# (events as text, SQLSTATE, a piece of the message)
SQL = [
    *((text, "WV002", ARRAY) for text in ("[]", "{}", "null", "1", '"x"', "true")),
    *((f"[{text}]", "WV002", "it is not a JSON object") for text in ("null", "1", '"x"', "[]", "[[]]", "true")),
    ('[{"type": "t", "data": 1}, 7]', "WV002", "event 2 of 2 for broken/b is refused: it is not a JSON object"),
    ("[{}]", "WV002", TEXT),
    ('[{"data": 1}]', "WV002", TEXT),
    *((event(type=value), "WV002", TEXT) for value in (None, 1, True, [], {}, ["t"], "")),
    *((event(type=value), "WV002", "1 to 200 bytes and no control") for value in ("x" * 201, "é" * 101, "a\nb", "a\tb")),
    *((event(type=value), "WV002", "1 to 200 bytes and no control") for value in ("\x7f", "a\x1b[0m", "\x85", "\x9f")),
    ('[{"type": "t"}]', "WV002", '"data" or "data_base64" is missing'),
    ('[{"type": "t", "datacontenttype": "x/y"}]', "WV002", '"data" or "data_base64" is missing'),
    (event(data_base64="", datacontenttype="x/y"), "WV002", EXCLUDE),
    (event(data=None, data_base64="AAAA", datacontenttype="x/y"), "WV002", EXCLUDE),
    *((event(**{key: 1}), "WV002", f'unknown keys in it: {{"{key}": 1}}')
      for key in ("Type", "DATA", "payload", "schema_version", "schemaVersion", "aggregate_id", "version", "")),
    *((binary(text), "WV002", NOT_BASE64) for text in ("A", "AA", "AAA", "A===", "====", "AA=A", "AAAA=", "AA\nAA=")),
    *((binary(text), "WV002", NOT_BASE64) for text in ("AA==AA==", "_-AA", "AA A", "ÄÄÄÄ", " AAAA")),
    *((binary(value), "WV002", NOT_BASE64) for value in (None, 1, [], {}, True)),
    ('[{"type": "t", "data_base64": "AAAA"}]', "WV002", 'needs its "datacontenttype"'),
    *((binary("e30=", datacontenttype=text), "WV002", "JSON goes to")
      for text in ("application/json", "application/JSON; charset=utf-8", "application/ld+json", "text/json ;x")),
    *((binary("AAAA", datacontenttype=value), "WV002", MEDIA)
      for value in ("", " x/y", "x/\ny", "é/é", 1, None, [], "x" * 201)),
    *((event(datacontenttype=text), "WV002", "other content goes to") for text in ("text/plain", "json", "x/jsonx")),
    *((event(id=value), "WV002", NOT_UUID)
      for value in (None, 1, "", "x", ID[:-1], ID + "0", ID.replace("-", ""), f"{{{ID}}}", f" {ID}", f"urn:uuid:{ID}",
                    ID + "\n", ID.replace("0", "O"), {}, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
                    ID.replace("-", "_"), ID.replace("0", "x"), ID.replace("0", "٠"))),
    *((event(metadata=value), "WV002", '"metadata" must be a JSON object') for value in (None, 1, "x", [], [{}], True)),
    (event(metadata={"k": "x" * 65536}), "WV002", "64 KiB"),
    *times(None, 1, 1e9, True, {}, [], "", "now", "today", "infinity", "-infinity", "epoch", "allballs"),
    *times("2020-02-30T00:00:00Z", "2021-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2020-04-31T00:00:00Z"),
    *times("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2020-00-10T00:00:00Z"),
    *times("2020-13-01T00:00:00Z", "2020-01-32T00:00:00Z", "2020-01-00T00:00:00Z", "20200101T000000Z", "2020-01-01"),
    *times("2020-01-01T24:00:00Z", "2020-01-01T00:60:00Z", "2020-01-01T00:00:61Z", "2020-01-01T00:00:00"),
    *times("2020-01-01 00:00:00Z", "2020-01-01T00:00:00.Z", "2020-01-01T00:00:00,5Z", "2020-01-01T00:00:00 UTC"),
    *times("2020-01-01T00:00:00Z BC", "2020-01-01T00:00:00+24:00", "2020-01-01T00:00:00+0100", "٢٠٢٠-01-01T00:00:00Z"),
    *times("2020-01-01T00:00:00Z\n", "2020-1-1T0:0:0Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"),
    # what PostgreSQL's own parser would refuse, or fail on, with an error of its own
    *times("2020-01-01T00:00:00+16:00", "2020-01-01T00:00:00-23:59", "2016-12-31T23:59:60.5Z"),
    *times(f"2020-01-01T00:00:00.{'1' * 200}Z", f"2020-01-01T00:00:00.{'1' * 100000}Z"),
    *((event(schemaversion=value), "WV002", VERSION)
      for value in (None, 0, -1, 1.5, "1", True, [], 10**9, 10**30, "", {})),
    (event(data=1)[:-2].replace("1", "[" * 2048 + "]" * 2048) + "}]", "WV002", "it is nested deeper than 2048 levels"),
    (event(data=1)[:-2].replace("1", '{"k":' * 2048 + "1" + "}" * 2048) + "}]", "WV002", "it is nested deeper than 2048 levels"),
    (event(data=1)[:-2].replace("1", "[" * 10_000 + "]" * 10_000) + "}]", "WV002", "it is nested deeper than 2048 levels"),
    (event(data="x" * 900_000), "WV002", "more than the limit of 900000"),
    ('[{"type": "t", "data": 1e131000}, {"type": "t", "data": [%s]}]' % ",".join(["1e131000"] * 7), "WV002",
     "event 2 of 2 for broken/b is refused: it has 91"),
    ("", "22P02", "invalid input syntax for type json"),
    *((text, "22P02", "invalid input syntax for type json")
      for text in ("[", "[{]", "[{},]", "[{'type': 't'}]", "[{type: 1}]", "[NaN]", "[Infinity]", "[01]", "[1.]", "[.5]",
                   "[+1]", "[0x10]", "[1] x", "[1][2]", "[tru]", "['x']", '["a\nb"]', '["\\x41"]', "\ufeff[]", "[1] // x")),
    ('[{"type": "t", "data": "\\u0000"}]', "22P05", "unsupported Unicode escape sequence"),
    ('[{"type": "t", "data": {"\\u0000": 1}}]', "22P05", "unsupported Unicode escape sequence"),
    ('[{"type": "t", "data": "\\ud800"}]', "22P02", "invalid input syntax for type json"),
    ('[{"type": "t", "data": "\\udc00"}]', "22P02", "invalid input syntax for type json"),
    ('[{"type": "t", "data": "\\ud800\\ud800"}]', "22P02", "invalid input syntax for type json"),
    ('[{"type": "t", "data": 1e131072}]', "22003", "overflow"),
    ('[{"type": "t", "data": ' + "[" * 30_000 + "]" * 30_000 + "}]", "54001", "stack depth limit exceeded"),
]


def digest(shop):
    """All rows of the store but its migrations, and how many objects the database has."""
    tables = [t for (t,) in shop.sql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'weir'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1")]
    rows = [shop.sql(f'SELECT t::text FROM weir."{table}" t ORDER BY 1') for table in tables]
    objects = shop.sql("SELECT count(*) FROM pg_class UNION ALL SELECT count(*) FROM pg_proc UNION ALL SELECT count(*) FROM pg_roles")
    return hashlib.sha256(repr((tables, rows, objects)).encode()).hexdigest()


@pytest.mark.once
def test_append_refuses_each(shop):
    shop.weir("migrate")
    before, wrong = digest(shop), []
    connection = shop.connect()
    for text, sqlstate, reason in SQL:
        try:
            connection.execute("SELECT weir.append('broken', 'b', NULL, %s::jsonb)", (text,))
            wrong.append((text[:120], "was stored"))
        except psycopg.Error as error:
            said = f"{error.diag.message_primary} {error.diag.message_detail}"
            if error.sqlstate != sqlstate or reason not in said:
                wrong.append((text[:120], error.sqlstate, said[:200]))
    assert len(SQL) > 80
    assert not wrong, "\n".join(map(str, wrong))
    assert digest(shop) == before


# (aggregate type, id, expected version, a piece of the message)
ARGUMENTS = [
    (None, "b", None, "invalid aggregate type NULL"),
    *((text, "b", None, "1 to 100 letters") for text in ("", "x" * 101, "a b", "ä", "a\n", "a/b", "a;b", "a'b")),
    ("a", None, None, "invalid aggregate id NULL"),
    *(("a", text, None, "1 to 256 bytes") for text in ("", "x" * 257, "é" * 129)),
    *(("a", text, None, "no control characters") for text in ("b\n", "\x1b[0m", "\x7f", "\x9b")),
    *(("a", "b", number, "invalid expected version") for number in (-2, -(2**63))),
]


@pytest.mark.once
def test_append_refuses_its_other_arguments(shop):
    shop.weir("migrate")
    before, wrong = digest(shop), []
    connection = shop.connect()
    for *arguments, reason in ARGUMENTS:
        try:
            connection.execute("""SELECT weir.append(%s, %s, %s, '[{"type": "t", "data": 1}]')""", arguments)
            wrong.append((arguments, "was stored"))
        except psycopg.Error as error:
            said = f"{error.diag.message_primary} {error.diag.message_detail}"
            if error.sqlstate != "WV002" or reason not in said:
                wrong.append((arguments, error.sqlstate, said))
    assert not wrong, "\n".join(map(str, wrong))
    assert digest(shop) == before


@pytest.mark.once
@pytest.mark.parametrize("count", [1, 2])
def test_what_is_odd_but_right_is_stored_as_it_is(shop, count):
    """The other side of the corpus, alone and in a batch: these must not be refused, nor changed."""
    shop.weir("migrate")
    for n, (data, more) in enumerate(RIGHT):
        events = [{"type": "t", "data": data, **more}] * count
        assert shop.append("right", f"r{n}", *events) == count, data
        rows = shop.sql("SELECT data, data = %s::jsonb, metadata FROM weir.events WHERE aggregate_id = %s",
                        json.dumps(data), f"r{n}")
        assert rows == [(data, True, more.get("metadata", {}))] * count, data


RIGHT = [
    *((value, {}) for value in (None, True, False, 0, -0.5, 10**400, "", "null", [], {}, [None], {"": None}, {"a": {"a": {}}})),
    *(({}, {"metadata": value}) for value in ({}, {"userid": None}, {"userid": 1}, {"correlationid": []}, {"": ""}, {"id": "x"})),
    *((1, {"type": text}) for text in ("x" * 200, "é" * 100, " ", "a b", "\u202e", "'", "😀" * 50)),
    *((1, {"time": text}) for text in ("0001-01-02T00:00:00Z", "9999-12-30T23:59:59.999999Z", "2020-02-29t23:59:60z",
                                       "2020-01-01T00:00:00+15:59", "2020-01-01T00:00:00.123456789012345678901234567890-00:00")),
    *((1, {"schemaversion": value}) for value in (1, 999_999_999)),
    (1, {"datacontenttype": "application/vnd.x+json; charset=utf-8"}),
]


@pytest.mark.once
def test_an_id_twice_or_used_elsewhere_is_refused(shop):
    shop.weir("migrate")
    shop.append("broken", "b", {"id": ID, "type": "t", "data": 1})
    before = digest(shop)
    for stream, events, sqlstate in [
        ("c", [{"id": ID, "type": "t", "data": 1}], "WV003"),
        ("b", [{"id": ID, "type": "t", "data": 2}], "WV003"),
        ("b", [{"id": ID, "type": "u", "data": 1}], "WV003"),
        ("b", [{"id": ID, "type": "t", "data": 1}, {"type": "t", "data": 1}], "WV003"),
        ("b", [{"id": ID, "type": "t", "data": 1}, {"id": ID.upper(), "type": "t", "data": 1}], "WV002"),
        ("b", [{"id": ID[:-1] + "f", "type": "t", "data": 1}] * 2, "WV002"),
    ]:
        with pytest.raises(psycopg.Error) as refused:
            shop.append("broken", stream, *events)
        assert refused.value.sqlstate == sqlstate, events
    assert digest(shop) == before


@pytest.mark.once
def test_an_id_used_at_the_same_moment_in_another_stream_is_refused(shop):
    """The one that comes second waits for the first; the message is PostgreSQL's own, as documented."""
    shop.weir("migrate")
    append = "SELECT weir.append('broken', %s, NULL, %s::jsonb)"
    events = json.dumps([{"id": ID, "type": "t", "data": 1}])
    with shop.connect(autocommit=False) as first, ThreadPoolExecutor() as pool:
        first.execute(append, ("b", events))
        second = pool.submit(shop.connect().execute, append, ("c", events))
        wait_until(lambda: shop.value("SELECT count(*) FROM pg_locks WHERE NOT granted"), 10, "the second waits")
        first.commit()
        with pytest.raises(psycopg.errors.UniqueViolation):
            second.result(30)
    assert shop.sql("SELECT aggregate_id, version FROM weir.streams") == [("b", 1)]
    assert shop.value("SELECT count(*) FROM weir.events") == 1


@pytest.mark.once
def test_the_deepest_nesting_that_append_takes_comes_back_through_a_log(shop):
    shop.weir("migrate")
    deep = "[" * 2047 + "]" * 2047
    shop.sql("SELECT weir.append('broken', 'deep', NULL, %s::jsonb)", f'[{{"type": "t", "data": {deep}}}]')
    shop.weir("import", shop.write("log.jsonl", shop.weir("export").stdout))
    assert shop.value("SELECT data::text FROM weir.events") == deep


def line(**members):
    whole = {"specversion": "1.0", "id": ID, "source": "/s", "type": "t", "subject": "b", "aggregatetype": "broken",
             "data": {}, **members}
    return json.dumps({k: v for k, v in whole.items() if v is not ...}).encode()


def data(text):
    """A line with this JSON text as its data."""
    return line(data="HERE").replace(b'"HERE"', text.encode() if isinstance(text, str) else text)


BAD_JSON = "bad JSON at column"
# (line as bytes, a piece of the message)
LINES = [
    *((text, BAD_JSON) for text in (b"{", b"[", b"{}}", b"{'a': 1}", b'{"a":1,}', b'{"a" 1}', b"nul", b"{} {}", b"//", b"{a: 1}")),
    *((text, "not a JSON object") for text in (b"[]", b"1", b'"x"', b"null", b"true", b"[{}]")),
    *((data(text), BAD_JSON) for text in ("NaN", "Infinity", "-", "01", "1.", ".5", "+1", "0x1", "1e", "'x'", "", "tru")),
    *((data(text), BAD_JSON) for text in ('"\\x41"', '"\t"', '"\x01"', '"a', "[1", "{1: 2}")),
    (data('"\\u0000"'), "/data: \\u0000 in a text"),
    (data('[1, {"\\u0000": 1}]'), "/data/1: in a key: \\u0000 in a text"),
    *((data(text), "/data: half of a surrogate pair") for text in ('"\\ud800"', '"\\udc00"', '"\\ud800\\ud800"', '"\\ud800x"')),
    *((data(text), "/data: the number is out of range") for text in ("1e400", "-1e400", "1e131072")),
    *((data(text), "/data: invalid UTF-8, byte 0x")
      for text in (b'"\xff"', b'"\xc3"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"',
                   b'"\xf8\x88\x80\x80\x80"', b'"\xe2\x82"', b'"\x80"')),
    (data("[" * 10_000 + "]" * 10_000), "nested deeper than 2048 levels"),
    (data('{"a": 1, "a": 1}'), "/data/a: a duplicate key"),
    (data('[{"deep": {"a": 1, "\\u0061": 2}}]'), "/data/0/deep/a: a duplicate key"),
    (line()[:-1] + b', "id": "x"}', "/id: a duplicate key"),
    (b"\xff\xfe{\x00}\x00", BAD_JSON),
    (b"\xef\xbb\xbf" + line(), BAD_JSON),  # a mark that is not at the file's start
    *((line(**{name: ...}), f'"{name}" is missing') for name in ("specversion", "id", "source", "type", "subject")),
    *((line(**{name: None}), f'"{name}" is missing') for name in ("specversion", "id", "source", "type", "subject")),
    *((line(**{name: ""}), f'"{name}" must not be empty') for name in ("id", "source", "type", "subject")),
    *((line(**{name: 1}), f'"{name}" must be a text')
      for name in ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "aggregatetype", "data_base64")),
    (line(specversion="0.3"), 'must be "1.0"'),
    (line(aggregatetype=...), "--aggregate-type"),
    *((line(time=text), '"time" is not an RFC 3339')
      for text in ("", "now", "2020-02-30T00:00:00Z", "2020-01-01", "0000-01-01T00:00:00Z", "2016-12-31T23:58:60Z",
                   "2020-01-01T00:00:00+24:00", "2020-01-01T00:00:00+16:00", "10000-01-01T00:00:00Z",
                   "2016-12-31T23:59:60.5Z", f"2020-01-01T00:00:00.{'1' * 200}Z")),
    *((line(schemaversion=value), '"schemaversion" must be a whole number') for value in (0, -1, 1.5, "1", True, [], 10**9)),
    *((line(data=..., data_base64=text), "is not base64") for text in ("A", "AA", "====", "A===", "AA=A", "AA\nA", "____")),
    (line(data_base64="AAAA"), "exclude each other"),
    (line(data=..., data_base64="e30=", datacontenttype="application/json"), "JSON goes to"),
    (line(data={}, datacontenttype="text/plain"), "must be a text, or data_base64"),
    (line(data="x", datacontenttype="é"), MEDIA),
    *((line(aggregatetype=text), "invalid aggregate type") for text in ("", "a b", "é", "x" * 101, "a/b", "a;b")),
    *((line(subject=text), "invalid aggregate id") for text in ("a\nb", "x" * 257, "\x7f", "\x85")),
    *((line(type=text), '"type" must have 1 to 200 bytes') for text in ("a\nb", "x" * 201, "\x9f")),
    (data('"' + "x" * 900_000 + '"'), "more than the limit of 900000"),
    (line(note="x" * 65_536), "64 KiB"),
    (line(metadata={"correlationid": "twice"}, correlationid="twice"), "duplicate"),
]


def test_import_refuses_each_and_names_its_line(shop):
    """Third line of five: the ones around it are good, and share its batch."""
    shop.weir("migrate")
    before, wrong = digest(shop), []
    good = [line(id=f"{n}", subject=f"good-{n}") for n in range(4)]
    for number, (text, reason) in enumerate(LINES):
        content = b"\r\n".join([*good[:2], text, *good[2:]]) + b"\r\n"
        (shop.directory / "broken.jsonl").write_bytes(content)
        refused = shop.weir("import", "broken.jsonl", check=False)
        if refused.code != 2 or "broken.jsonl:3: " not in refused.stderr or reason not in refused.stderr:
            wrong.append((number, text[:150], refused.code, refused.stderr[:250]))
    assert not wrong, "\n".join(map(str, wrong))
    assert digest(shop) == before


@pytest.mark.parametrize("content, reason", [
    (b"", None), (b"\n\r\n \t\n", None), (b"\xef\xbb\xbf", None),
    (line() + b"\n" + line(), None),  # the very event twice: absorbed
    (line() + b"\n" + line(data=2), "lines.jsonl:2: "),  # another one with its id: not
    (line()[:-5], "lines.jsonl:1: " + BAD_JSON),  # cut off
    (b"\x00" + line(), "lines.jsonl:1: " + BAD_JSON),
    (line() + b"\x00", "lines.jsonl:1: " + BAD_JSON),
    (b"x" * (17 << 20), "lines.jsonl:1: "),
])
def test_files_as_a_whole(shop, content, reason):
    shop.weir("migrate")
    (shop.directory / "lines.jsonl").write_bytes(content)
    done = shop.weir("import", "lines.jsonl", check=False)
    if reason is None:
        assert done.code == 0, done.stderr
        assert shop.value("SELECT count(*) FROM weir.events") == (1 if b"spec" in content else 0)
    else:
        assert done.code in (2, 3) and reason in done.stderr, (done.code, done.stderr[:300])
        assert shop.value("SELECT count(*) FROM weir.events") == 0


STDIN = [
    *((text, "stdin: bad JSON") for text in (b"", b"[", b"[{},]", b"\x00", b"[1] [2]", b"\xef\xbb\xbf[]")),
    (b'[{"type": "t", "data": "\\u0000"}]', "stdin: /0/data: \\u0000 in a text"),
    (b'[{"a": 1, "a": 2}]', "stdin: /0/a: a duplicate key"),
    (b'[{"type": "t", "data": "\xff"}]', "stdin: /0/data: invalid UTF-8"),
    (b'[{"type": "t", "data": 1e400}]', "stdin: /0/data: the number is out of range"),
    (b"[" * 10_000 + b"]" * 10_000, "nested deeper than 2048 levels"),
    *((text, ARRAY) for text in (b"[]", b"{}", b"null", b'"x"')),
    (b"[{}]", TEXT),
    (event(data_base64="").encode(), EXCLUDE),
    (event(extra=1).encode(), "unknown keys"),
    (binary(base64.b64encode(b"{}").decode(), datacontenttype="application/json").encode(), "JSON goes to"),
]
OPTIONS = [
    (("--type", "t", "--data", "{"), "--data: bad JSON"),
    (("--type", "t", "--data", '"\\u0000"'), "--data: \\u0000 in a text"),
    (("--type", "t", "--data", '{"a":1,"a":1}'), "--data: /a: a duplicate key"),
    (("--type", "t", "--data", "1, \"id\": 2"), "--data: bad JSON"),
    (("--type", "t", "--data", "1}, {\"type\": \"u\", \"data\": 2"), "--data: bad JSON"),
    (("--type", "t", "--data", ""), "--data: bad JSON"),
    (("--type", "", "--data", "1"), TEXT),
    (("--data", "1"), "needs --type and --data"),
    (("--type", "t"), "needs --type and --data"),
    (("--type", "t", "--data", "1", "--metadata", "[]"), '"metadata" must be'),
    (("--type", "t", "--data", "1", "--metadata", "{"), "--metadata: bad JSON"),
    (("--type", "t", "--data", "1", "--metadata", '{}, "id": "x"'), "--metadata: bad JSON"),
    (("--type", "t", "--data", "1", "--id", "x"), NOT_UUID),
    (("--type", "t", "--data", "1", "--time", "now"), NOT_TIME),
    (("--type", "t", "--data", "1", "--schema-version", "0"), "schema-version"),
    (("--type", "t", "--data", "1", "--schema-version", "9999999999"), "schema"),
    (("--type", "t", "--data", "1", "--expect", "-2"), "--expect must be"),
    (("--type", "t", "--data", "1", "--expect", "1x"), "--expect must be"),
    (("--type", "t", "--data", "1", "--expect", "99999999999999999999"), "--expect must be"),
    (("--type", "t", "--data", "@/nonexistent"), "No such file"),
]


def test_append_by_command_refuses_each(shop):
    shop.weir("migrate")
    before, wrong = digest(shop), []
    for text, reason in STDIN:
        refused = shop.weir("append", "broken", "b", "--stdin", input=text, check=False)
        if refused.code != 2 or reason not in refused.stderr:
            wrong.append((text[:100], refused.code, refused.stderr[:250]))
    for options, reason in OPTIONS:
        refused = shop.weir("append", "broken", "b", *options, check=False)
        if refused.code != 2 or reason not in refused.stderr:
            wrong.append((options, refused.code, refused.stderr[:250]))
    assert not wrong, "\n".join(map(str, wrong))
    assert digest(shop) == before
