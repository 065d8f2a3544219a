"""Plug-ins: a user's own aggregates and upcasters, from C source to `weir aggregate show`; and what a
stranger is told about one that cannot be used."""

import hashlib
import re
import struct
import subprocess

import pytest
from harness import ROOT


ACCOUNT = ROOT / "tests/e2e/plugins/account.c"


def compile_plugin(shop, name, source, *flags):
    """A plug-in as a user builds it: headers, and no library."""
    target = shop.directory / "plugins" / f"{name}.so"
    target.parent.mkdir(exist_ok=True)
    if not hasattr(source, "read_text"):
        path = shop.directory / f"{name}.c"
        path.write_text('#include <stdbool.h>\n#include "store/plugin.h"\n' + source)
        source = path
    command = ["gcc", "-std=c17", "-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Werror", f"-I{ROOT}",
               source, "-o", target, *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def bank(shop):
    """A shop that knows accounts, with one: three events, the first deposit still in euros."""
    shop.weir("migrate")
    compile_plugin(shop, "bank", ACCOUNT)
    shop.configure(plugins={"files": ["plugins/*.so"]})
    shop.append("account", "a-1", {"type": "account.opened", "data": {"owner": "Ann"}})
    shop.append("account", "a-1", {"type": "account.deposited", "data": {"amount": 5}})
    shop.append("account", "a-1", {"type": "account.deposited", "data": {"amount": 30}, "schemaversion": 2})
    return shop


def state(shop, *options, id="a-1"):
    return shop.weir("aggregate", "show", "account", id, "-o", "json", *options).json()


def test_an_aggregate_is_shown_as_it_is_and_as_it_was(bank):
    now = state(bank)
    assert now["state"] == {"balance": 530, "open": True, "owner": "Ann"}
    assert (now["version"], now["snapshotversion"]) == (3, 0)
    assert state(bank, "--at-version", "1")["state"] == {"balance": 0, "open": True, "owner": "Ann"}
    second = bank.value("SELECT recorded_at::text FROM weir.events WHERE version = 2").replace(" ", "T") + ":00"
    assert state(bank, "--as-of", second)["version"] == 2
    shown = bank.weir("aggregate", "show", "account", "a-1").stdout
    assert "530" in shown and "Ann" in shown


def test_it_steps_through_the_events_and_marks_what_changed(bank):
    bank.append("account", "a-1", {"type": "account.closed", "data": {}})
    steps = bank.weir("aggregate", "step", "account", "a-1", "-o", "json").json()
    assert [s["changed"] for s in steps] == [["open", "owner"], ["balance"], ["balance"], ["open", "owner"]]
    assert [s["state"]["balance"] for s in steps] == [0, 500, 530, 530]
    assert [s["eventtype"] for s in steps][::3] == ["account.opened", "account.closed"]
    later = bank.weir("aggregate", "step", "account", "a-1", "--from", "3", "--to", "3", "-o", "jsonl").jsonl()
    assert later == [steps[2]]
    table = bank.weir("aggregate", "step", "account", "a-1", "--from", "3").stdout
    assert "balance: 500 → 530" in table and 'owner: "Ann" →' in table


def test_what_is_not_there_is_said(bank):
    for words, said in [
        (("show", "account", "nobody"), "there is no account/nobody"),
        (("show", "account", "a-1", "--at-version", "9"), "no version 9: it is at 3"),
        (("show", "account", "a-1", "--as-of", "2001-01-01T00:00:00Z"), "as of that time"),
        (("step", "account", "a-1", "--from", "4"), "no version 4: it is at 3"),
    ]:
        refused = bank.weir("aggregate", *words, check=False)
        assert refused.code == 3 and said in refused.stderr, refused
    for words, said in [
        (("show", "acount", "a-1"), "did you mean 'account'?"),
        (("show", "order", "a-1"), "plugins.files"),
        (("show", "account", "a-1", "--as-of", "yesterday"), "--as-of yesterday"),
        (("show", "account", "a-1", "--at-version", "1", "--as-of", "2030-01-01T00:00:00Z"), "exclude each other"),
    ]:
        refused = bank.weir("aggregate", *words, check=False)
        assert refused.code == 2 and said in refused.stderr, refused


def test_an_event_that_the_class_refuses_names_itself(bank):
    bank.append("account", "a-1", {"type": "account.exploded", "data": {}})
    refused = bank.weir("aggregate", "show", "account", "a-1", check=False)
    assert refused.code == 1
    assert "account/a-1, version 4, account.exploded: an account does not know this" in refused.stderr
    assert state(bank, "--at-version", "3")["state"]["balance"] == 530


def test_snapshots_are_made_used_listed_and_pruned(bank):
    made = bank.weir("snapshot", "create", "account", "a-1", "-o", "json").json()
    assert [(m["aggregateid"], m["version"], m["schemaversion"]) for m in made] == [("a-1", 3, 1)]
    assert state(bank)["snapshotversion"] == 3
    assert state(bank, "--no-snapshot") == {**state(bank), "snapshotversion": 0}
    assert state(bank, "--at-version", "2")["snapshotversion"] == 0
    bank.append("account", "a-1", {"type": "account.deposited", "data": {"amount": 1}, "schemaversion": 2})
    assert (state(bank)["state"]["balance"], state(bank)["snapshotversion"]) == (531, 3)
    bank.weir("snapshot", "create", "account", "a-1")
    listed = bank.weir("snapshot", "list", "account", "a-1", "-o", "json").json()
    assert [row["version"] for row in listed] == [4, 3]
    assert bank.weir("snapshot", "list", "order", "-o", "json").json() == []
    assert "would remove 1 snapshot;" in bank.weir("snapshot", "prune", "account", "--keep", "1").stdout
    assert bank.value("SELECT count(*) FROM weir.snapshots") == 2
    assert "removed 1 snapshot\n" in bank.weir("snapshot", "prune", "--keep", "1", "--execute").stdout
    assert bank.sql("SELECT version FROM weir.snapshots") == [(4,)]
    assert "removed 0 snapshots" in bank.weir("snapshot", "prune", "--execute").stdout


def test_a_snapshots_checksum_is_what_it_says(bank):
    bank.weir("snapshot", "create", "account", "a-1")
    (id, version, schema, saved, checksum), = bank.sql(
        "SELECT aggregate_id, version, schema_version, state, checksum FROM weir.snapshots")
    covered = b"account\0" + id.encode() + b"\0" + struct.pack(">qi", version, schema) + saved
    assert hashlib.sha256(covered).digest() == checksum


def test_a_false_snapshot_shows_that_it_is_used_and_a_damaged_one_that_it_is_not(bank):
    """The state comes from the snapshot, not from the events before it: seen by planting another."""
    bank.weir("snapshot", "create", "account", "a-1")
    saved = bank.value("SELECT state FROM weir.snapshots")
    false = saved.replace(b"\xa3Ann", b"\xa3Eve")
    bank.sql("UPDATE weir.snapshots SET state = %s", false)
    damaged = bank.weir("aggregate", "show", "account", "a-1", "-o", "json")
    assert damaged.json()["state"]["owner"] == "Ann" and "reason=damaged" in damaged.stderr
    covered = b"account\0a-1\0" + struct.pack(">qi", 3, 1) + false
    bank.sql("UPDATE weir.snapshots SET checksum = %s", hashlib.sha256(covered).digest())
    assert state(bank)["state"]["owner"] == "Eve"
    bank.weir("snapshot", "prune", "--keep", "0", "--execute")
    assert state(bank)["state"]["owner"] == "Ann"


def test_a_newer_class_passes_over_old_snapshots_and_makes_its_own(bank):
    bank.weir("snapshot", "create", "account", "a-1")
    compile_plugin(bank, "bank", ACCOUNT, "-DSCHEMA=2")
    shown = bank.weir("aggregate", "show", "account", "a-1", "-o", "json")
    assert shown.json()["snapshotversion"] == 0 and "reason=schema" in shown.stderr
    bank.weir("snapshot", "create", "account", "--all")
    assert bank.sql("SELECT version, schema_version FROM weir.snapshots") == [(3, 2)]
    assert state(bank)["snapshotversion"] == 3


def test_all_that_have_none_or_an_old_one_get_one(bank):
    for number in range(2, 5):
        bank.append("account", f"a-{number}", {"type": "account.opened", "data": {"owner": "B"}})
    bank.append("order", "o-1", {"type": "order.placed", "data": {}})
    def create(*options, **more):
        return bank.weir("snapshot", "create", "account", "-o", "json", *options, **more)
    bank.weir("snapshot", "create", "account", "a-2")
    assert [m["aggregateid"] for m in create("--all").json()] == ["a-1", "a-3", "a-4"]
    assert create("--all").json() == []
    for number in (2, 3, 4):
        bank.append("account", f"a-{number}", {"type": "account.closed", "data": {}})
    bank.sql("UPDATE weir.snapshots SET taken_at = now() - interval '2 hours' WHERE aggregate_id IN ('a-1', 'a-3')")
    bank.append("account", "a-5", {"type": "account.opened", "data": {"owner": "B"}})
    assert [m["aggregateid"] for m in create("--older-than", "1h").json()] == ["a-3", "a-5"]
    bank.append("account", "a-0", {"type": "account.exploded", "data": {}})
    rest = create("--all", check=False)
    assert rest.code == 1 and "account/a-0, version 1, account.exploded" in rest.stderr
    assert [m["aggregateid"] for m in rest.json()] == ["a-2", "a-4"]
    for words in ((), ("a-1", "--all"), ("--all", "--older-than", "1h"), ("--older-than", "soon")):
        assert create(*words, check=False).code == 2
    assert create("nobody", check=False).code == 3


def test_upcasters_of_a_plugin_are_checked_and_listed(bank):
    plugin, = bank.weir("plugin", "list", "-o", "json").json()
    assert plugin == {"name": "bank", "file": plugin["file"], "aggregates": ["account"],
                      "upcasters": ["account.deposited 1→2"], "handlers": [], "commands": []}
    assert plugin["file"].endswith("plugins/bank.so")
    bank.append("account", "a-1", {"type": "account.deposited", "data": {"amount": 1}, "schemaversion": 3})
    refused = bank.weir("aggregate", "show", "account", "a-1", check=False)
    assert refused.code == 1 and "account.deposited" in refused.stderr


def test_the_programs_log_is_the_plugins_log(bank):
    """One copy of everything: what --log-level sets for the program holds for the plug-in."""
    assert "plugin=account" not in bank.weir("aggregate", "show", "account", "a-1").stderr
    assert "plugin=account" in bank.weir("aggregate", "show", "account", "a-1", "--log-level", "debug").stderr


def test_a_plugin_may_use_all_of_libweir(bank):
    """Also what the program itself never calls: everything that a public header declares is there."""
    headers = [h for f in ("base", "config", "store") for h in sorted((ROOT / f).glob("*.h")) if not h.stem.endswith(("_int", "kafka"))]
    declared = set()
    for header in headers:
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
        declared |= set(re.findall(r"^(?!typedef|#|static)[^#(;={]*?\b(weir_\w+)\(", text, re.MULTILINE))
    assert len(declared) > 150
    declared = [name for name in declared if not name.endswith("_fn") and "failpoint" not in name]
    names = "\n".join(f"(void *){name}," for name in sorted(declared))
    includes = "\n".join(f'#include "{h.relative_to(ROOT)}"' for h in headers)
    compile_plugin(bank, "more", f"""{includes}
        void *const all[] = {{ {names} }};
        const weir_plugin_info weir_plugin = {{WEIR_PLUGIN_HEAD, .name = "more"}};""", "-fvisibility=default")
    assert [p["name"] for p in bank.weir("plugin", "list", "-o", "json").json()] == ["bank", "more"]


CLASS = """static bool apply(void *s, const weir_event *e, weir_error *x) { (void)s; (void)e; (void)x; return true; }
static const weir_aggregate_class one = {.type = "%s", .size = %s, .apply = %s};
const weir_plugin_info weir_plugin = {WEIR_PLUGIN_HEAD, .name = "%s",
    .aggregates = (const weir_aggregate_class *const[]){&one, NULL}};
bool keep(void *s); bool keep(void *s) { return apply(s, 0, 0); }"""
OTHER = "const weir_plugin_info weir_plugin = {WEIR_PLUGIN_HEAD, .name = \"x\", %s};"
HANDLER = """static bool apply(void *c, weir_transaction *t, const weir_event *e, size_t n, weir_error *x)
{ (void)c; (void)t; (void)e; (void)n; (void)x; return true; }
bool keep(void); bool keep(void) { return apply(0, 0, 0, 0, 0); }
static const weir_plugin_handler one = {.name = "%s", .from = "order", .on = "*", .tables = "%s", .apply = %s};
static const weir_plugin_handler *const all[] = {&one, 0};"""

COMMAND = """
static bool apply(void *s, const weir_event *e, weir_error *error) { return s && e && error; }
static bool target(const weir_event *e, char id[WEIR_ID_SIZE], weir_error *error) { return e && id && error; }
static const weir_aggregate_class class = {.type = "t", .size = 8, .apply = apply};
static const weir_plugin_command one = {"c", "f", "*", &class, target, %s};
static const weir_plugin_command *const all[] = {&one, 0};"""

BROKEN = {
    "no symbol": ("int other;", "it has no symbol weir_plugin"),
    "an unknown function": (
        OTHER % ".upcasters = 0" + "void weir_no_such(void); void f(void); void f(void) { weir_no_such(); }",
        "undefined symbol: weir_no_such"),
    "no head": ('const weir_plugin_info weir_plugin = {.name = "x"};', "does not begin with WEIR_PLUGIN_HEAD"),
    "a newer one": (OTHER % ".interface = WEIR_PLUGIN_INTERFACE + 1", "built for a newer weir (plug-in interface 2"),
    "an older one": (OTHER % ".interface = 0", "built for an older weir"),
    "a longer record": (OTHER % ".size = sizeof(weir_plugin_info) + 8", "built for a newer weir"),
    "other headers": (OTHER % ".sizes = {1, 2, 3, 4, 5}", "weir_error has 1 bytes there"),
    "no name": ("const weir_plugin_info weir_plugin = {WEIR_PLUGIN_HEAD};", "it has no name"),
    "no apply": (CLASS % ("t", "8", "NULL", "x"), "its aggregate 't' has no apply"),
    "no state": (CLASS % ("t", "0", "apply", "x"), "its aggregate 't' has no size"),
    "no type": (CLASS % ("", "8", "apply", "x"), "an aggregate without a type"),
    "a type of another": (CLASS % ("account", "8", "apply", "x"), "its aggregate type 'account' is in "),
    "other records of handlers": (HANDLER % ("witness", "1", "apply") + OTHER % ".handler_sizes = {1, 2, 3}, .handlers = all",
                                  "weir_plugin_handler has 1 bytes there"),
    "a handler without apply": (HANDLER % ("witness", "1", "0") + OTHER % ".handlers = all", "its handler 'witness' has no apply"),
    "other records of commands": (COMMAND % 0 + OTHER % ".command_size = 1, .commands = all", "weir_plugin_command has 1 bytes there"),
    "a command handler without execute": (COMMAND % 0 + OTHER % ".commands = all", "its command handler 'c' has no execute"),
    "an upcaster of nothing": (
        OTHER % '.upcasters = (const weir_plugin_upcaster[]){{"t", 1, 2, 0, 0}, {0}}',
        "its upcaster of 't' has no function"),
}


@pytest.mark.once
@pytest.mark.parametrize("fault", BROKEN)
def test_one_that_cannot_be_used_is_refused_with_the_way_out(shop, fault):
    source, said = BROKEN[fault]
    compile_plugin(shop, "a_bank", ACCOUNT)
    shop.configure(plugins={"files": ["plugins/a_bank.so", "plugins/x.so"]})
    compile_plugin(shop, "x", source, "-fvisibility=default", "-Wno-override-init")
    for command in (("config", "check"), ("plugin", "list"), ("aggregate", "show", "account", "a-1")):
        refused = shop.weir(*command, check=False)
        assert refused.code == 2 and said in refused.stderr and "plugins/x.so" in refused.stderr, refused


def test_files_that_are_no_libraries_are_refused(shop):
    for files, said in [(["nothing/*.so"], "plugins.files: no file matches"), (["text.so"], "cannot be loaded")]:
        shop.write("text.so", "not a library")
        shop.configure(plugins={"files": files})
        refused = shop.weir("config", "check", check=False)
        assert refused.code == 2 and said in refused.stderr, refused


def test_a_file_that_two_patterns_find_is_loaded_once(bank):
    bank.configure(plugins={"files": ["plugins/*.so", "plugins/bank.so"]})
    assert len(bank.weir("plugin", "list", "-o", "json").json()) == 1
