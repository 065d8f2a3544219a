/* Snapshots on a real PostgreSQL: what is kept, what is found, and what is passed over. */
#include "tests/integration/fixture.h"

#include "store/snapshots.h"

static void give_events(fixture *f, const char *id, size_t count)
{
    weir_error error = {0};
    weir_new_event *events = weir_calloc(count, sizeof *events);
    for (size_t i = 0; i < count; i++)
        events[i] = (weir_new_event){.type = "account.used", .data = "{}", .data_length = 2};
    weir_append append = {"account", id, WEIR_ANY_VERSION, events, count, 0};
    assert_ok(weir_store_append(f->store, &append, 1, NULL, &error));
    free(events);
}

static void save(fixture *f, const char *id, int64_t version, int32_t schema, const char *state)
{
    weir_error error = {0};
    weir_snapshot snapshot = {"account", id, version, schema, state, strlen(state), 0};
    assert_ok(weir_snapshot_save(f->store, &snapshot, 3, &error));
}

/* The state and version that a load finds: "5:five", "" for none. */
static char *load(fixture *f, const char *id, int32_t schema, int64_t at_most, size_t limit)
{
    weir_error error = {0};
    weir_snapshot found;
    weir_buffer bytes = WEIR_BUFFER(limit);
    assert_ok(weir_snapshot_load(f->store, "account", id, schema, at_most, &bytes, &found, &error));
    assert_string_equal(found.aggregate_id, id);
    char *text = found.version ? weir_format("%lld:%.*s", (long long)found.version,
                                             (int)found.length, found.state)
                               : weir_strdup("");
    weir_buffer_free(&bytes);
    return text;
}

static void expect(fixture *f, const char *id, int32_t schema, int64_t at_most, const char *wanted)
{
    char *text = load(f, id, schema, at_most, 1000);
    assert_string_equal(text, wanted);
    free(text);
}

static double unusable(const char *reason)
{
    weir_buffer page = WEIR_BUFFER(1 << 20);
    weir_metrics_render(&page);
    char *line = weir_format("weir_snapshots_unusable_total{reason=\"%s\"} ", reason);
    const char *at = page.data ? strstr(page.data, line) : NULL;
    double value = at ? strtod(at + strlen(line), NULL) : 0;
    free(line);
    weir_buffer_free(&page);
    return value;
}

static void damage(fixture *f, const char *change)
{
    char *sql = weir_format("UPDATE weir.snapshots SET %s WHERE version = 6", change);
    fixture_execute(weir_store_connection(f->store), sql);
    free(sql);
}

static void finds_the_latest_at_or_below_a_version(void **state)
{
    fixture *f = *state;
    give_events(f, "a", 9);
    give_events(f, "b", 9);
    expect(f, "a", 1, INT64_MAX, "");
    save(f, "a", 3, 1, "three");
    save(f, "a", 6, 1, "six");
    save(f, "b", 9, 1, "of another");
    expect(f, "a", 1, INT64_MAX, "6:six");
    expect(f, "a", 1, 6, "6:six");
    expect(f, "a", 1, 5, "3:three");
    expect(f, "a", 1, 2, "");
    expect(f, "nobody", 1, INT64_MAX, "");
}

static void keeps_bytes_as_they_are(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_buffer bytes = WEIR_BUFFER(1000);
    static const char every[] = "\x00\x01\xff\x80'\\x00\"";
    give_events(f, "a", 2);
    weir_snapshot found, snapshot = {"account", "a", 2, 4, every, sizeof every, 0};
    int64_t before = weir_clock_now_us();
    assert_ok(weir_snapshot_save(f->store, &snapshot, 3, &error));
    assert_ok(weir_snapshot_load(f->store, "account", "a", 4, 9, &bytes, &found, &error));
    assert_int_equal(found.length, sizeof every);
    assert_memory_equal(found.state, every, sizeof every);
    assert_in_range(found.taken_at_us, before - 60000000, before + 60000000);
    snapshot.length = 0;
    snapshot.version = 1;
    assert_ok(weir_snapshot_save(f->store, &snapshot, 3, &error));
    assert_ok(weir_snapshot_load(f->store, "account", "a", 4, 1, &bytes, &found, &error));
    assert_int_equal(found.version, 1);
    assert_int_equal(found.length, 0);
    weir_buffer_free(&bytes);
}

static void keeps_the_last_three_and_the_same_one_once(void **state)
{
    fixture *f = *state;
    give_events(f, "a", 9);
    give_events(f, "b", 9);
    save(f, "b", 1, 1, "b");
    static const char *const taken_sql = "SELECT taken_at FROM weir.snapshots WHERE version = 8";
    for (int64_t version = 1; version <= 8; version++)
        save(f, "a", version, 1, "s");
    char *first = fixture_value(weir_store_connection(f->store), taken_sql);
    save(f, "a", 8, 1, "s");
    save(f, "a", 2, 1, "late");
    char *again = fixture_value(weir_store_connection(f->store), taken_sql);
    assert_string_equal(first, again);
    char *kept = fixture_value(weir_store_connection(f->store),
                               "SELECT string_agg(aggregate_id || version, ' ' ORDER BY "
                               "aggregate_id, version) FROM weir.snapshots");
    assert_string_equal(kept, "a6 a7 a8 b1");
    free(first);
    free(again);
    free(kept);
}

static void passes_over_another_schema_and_replaces_it(void **state)
{
    fixture *f = *state;
    give_events(f, "a", 9);
    save(f, "a", 3, 2, "new");
    save(f, "a", 6, 1, "old");
    double before = unusable("schema");
    expect(f, "a", 2, INT64_MAX, "3:new");
    expect(f, "a", 1, INT64_MAX, "6:old");
    expect(f, "a", 3, INT64_MAX, "");
    assert_true(unusable("schema") - before > 2.5 && unusable("schema") - before < 3.5);
    save(f, "a", 6, 2, "newer");
    expect(f, "a", 2, INT64_MAX, "6:newer");
    expect(f, "a", 1, INT64_MAX, "");
}

static void passes_over_a_damaged_one_and_heals_it(void **state)
{
    fixture *f = *state;
    static const char *const changes[] = {
        "state = 'sjx'",
        "state = 'sixx'",
        "state = ''",
        "aggregate_id = 'b'",
        "version = 7",
        "checksum = decode(repeat('00', 32), 'hex')",
        "aggregate_type = 'ac', aggregate_id = 'counta'",
    };
    give_events(f, "a", 9);
    give_events(f, "b", 9);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        fixture_execute(weir_store_connection(f->store), "DELETE FROM weir.snapshots");
        save(f, "a", 3, 1, "three");
        save(f, "a", 6, 1, "six");
        damage(f, changes[i]);
        expect(f, "a", 1, INT64_MAX, "3:three");
        expect(f, "b", 1, INT64_MAX, "");
        save(f, "a", 6, 1, "six");
        expect(f, "a", 1, 6, "6:six");
    }
    assert_true(unusable("damaged") > 5.5);
}

static void passes_over_one_that_does_not_fit(void **state)
{
    fixture *f = *state;
    give_events(f, "a", 9);
    save(f, "a", 3, 1, "three");
    save(f, "a", 6, 1, "much more than fits");
    double before = unusable("size");
    char *text = load(f, "a", 1, INT64_MAX, 10);
    assert_string_equal(text, "3:three");
    assert_true(unusable("size") > before + 0.5);
    free(text);
}

static void refuses_a_version_that_the_aggregate_does_not_have(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    give_events(f, "a", 2);
    weir_snapshot ahead = {"account", "a", 3, 1, "s", 1, 0};
    assert_false(weir_snapshot_save(f->store, &ahead, 3, &error));
    assert_int_equal(error.fate, WEIR_FATE_POISON);
    assert_non_null(strstr(error.message, "account/a has no version 3"));
    ahead.version = 0;
    assert_false(weir_snapshot_save(f->store, &ahead, 3, &error));
    assert_int_equal(error.fate, WEIR_FATE_POISON);
    expect(f, "a", 1, INT64_MAX, "");
}

static bool write_down(void *context, const weir_snapshot *snapshot, weir_error *error)
{
    (void)error;
    assert_null(snapshot->state);
    weir_buffer_format(context, "%s%lld/%d/%zu ", snapshot->aggregate_id,
                       (long long)snapshot->version, snapshot->schema_version, snapshot->length);
    return true;
}

static void expect_list(fixture *f, const char *type, const char *id, const char *wanted)
{
    weir_error error = {0};
    weir_buffer text = WEIR_BUFFER(1000);
    weir_buffer_text(&text, "");
    assert_ok(weir_snapshot_list(f->store, type, id, write_down, &text, &error));
    assert_string_equal(text.data, wanted);
    weir_buffer_free(&text);
}

static void lists_prunes_and_forgets(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    int64_t count = 0;
    give_events(f, "a", 9);
    give_events(f, "b", 9);
    for (int64_t version = 1; version <= 3; version++)
        save(f, "a", version, 1, "abc");
    save(f, "b", 2, 7, "");
    expect_list(f, NULL, NULL, "a3/1/3 a2/1/3 a1/1/3 b2/7/0 ");
    expect_list(f, "account", "b", "b2/7/0 ");
    expect_list(f, "other", NULL, "");
    assert_ok(weir_snapshot_prune(f->store, NULL, 1, false, &count, &error));
    assert_int_equal(count, 2);
    assert_ok(weir_snapshot_prune(f->store, "other", 0, true, &count, &error));
    assert_int_equal(count, 0);
    expect_list(f, NULL, NULL, "a3/1/3 a2/1/3 a1/1/3 b2/7/0 ");
    assert_ok(weir_snapshot_prune(f->store, "account", 1, true, &count, &error));
    assert_int_equal(count, 2);
    expect_list(f, NULL, NULL, "a3/1/3 b2/7/0 ");
    assert_ok(weir_snapshot_forget(f->store, "account", "a", &error));
    expect_list(f, NULL, NULL, "b2/7/0 ");
}

static void a_service_that_may_only_append_leaves_one_and_reads_none(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_snapshot found, snapshot = {"account", "a", 1, 1, "s", 1, 0};
    weir_buffer bytes = WEIR_BUFFER(1000);
    int64_t count;
    give_events(f, "a", 1);
    fixture_execute(weir_store_connection(f->store), "SET ROLE weir_appender");
    assert_ok(weir_snapshot_save(f->store, &snapshot, 3, &error));
    assert_false(weir_snapshot_load(f->store, "account", "a", 1, 9, &bytes, &found, &error));
    assert_string_equal(error.sqlstate, "42501");
    fixture_execute(weir_store_connection(f->store), "SET ROLE weir_reader");
    assert_ok(weir_snapshot_load(f->store, "account", "a", 1, 9, &bytes, &found, &error));
    assert_ok(weir_snapshot_prune(f->store, NULL, 0, false, &count, &error));
    assert_false(weir_snapshot_prune(f->store, NULL, 0, true, &count, &error));
    fixture_execute(weir_store_connection(f->store), "SET ROLE weir_admin");
    assert_ok(weir_snapshot_prune(f->store, NULL, 0, true, &count, &error));
    assert_int_equal(count, 1);
    weir_buffer_free(&bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_store, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finds_the_latest_at_or_below_a_version),
        TEST(keeps_bytes_as_they_are),
        TEST(keeps_the_last_three_and_the_same_one_once),
        TEST(passes_over_another_schema_and_replaces_it),
        TEST(passes_over_a_damaged_one_and_heals_it),
        TEST(passes_over_one_that_does_not_fit),
        TEST(refuses_a_version_that_the_aggregate_does_not_have),
        TEST(lists_prunes_and_forgets),
        TEST(a_service_that_may_only_append_leaves_one_and_reads_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
