/* Snapshots, on every backend: what is kept, what is found, and what is passed over. */
#include "tests/integration/contract_fixture.h"
#include "tests/integration/snapshot_fixture.h"

static void finds_the_latest_at_or_below_a_version(void **state)
{
    contract *c = *state;
    give_events(c->store, "a", 9);
    give_events(c->store, "b", 9);
    expect(c->store, "a", 1, INT64_MAX, "");
    save(c->store, "a", 3, 1, "three");
    save(c->store, "a", 6, 1, "six");
    save(c->store, "b", 9, 1, "of another");
    expect(c->store, "a", 1, INT64_MAX, "6:six");
    expect(c->store, "a", 1, 6, "6:six");
    expect(c->store, "a", 1, 5, "3:three");
    expect(c->store, "a", 1, 2, "");
    expect(c->store, "nobody", 1, INT64_MAX, "");
}

static void keeps_bytes_as_they_are(void **state)
{
    contract *c = *state;
    weir_error error = {0};
    weir_buffer bytes = WEIR_BUFFER(1000);
    static const char every[] = "\x00\x01\xff\x80'\\x00\"";
    give_events(c->store, "a", 2);
    weir_snapshot found, snapshot = {"account", "a", 2, 4, every, sizeof every, 0, 0};
    int64_t before = weir_clock_now_us();
    assert_ok(weir_snapshot_save(c->store, &snapshot, 3, &error));
    assert_ok(weir_snapshot_load(c->store, "account", "a", 4, 9, &bytes, &found, &error));
    assert_int_equal(found.length, sizeof every);
    assert_memory_equal(found.state, every, sizeof every);
    assert_in_range(found.taken_at_us, before - 60000000, before + 60000000);
    snapshot.length = 0;
    snapshot.version = 1;
    assert_ok(weir_snapshot_save(c->store, &snapshot, 3, &error));
    assert_ok(weir_snapshot_load(c->store, "account", "a", 4, 1, &bytes, &found, &error));
    assert_int_equal(found.version, 1);
    assert_int_equal(found.length, 0);
    weir_buffer_free(&bytes);
}

static void passes_over_another_schema_and_replaces_it(void **state)
{
    contract *c = *state;
    give_events(c->store, "a", 9);
    save(c->store, "a", 3, 2, "new");
    save(c->store, "a", 6, 1, "old");
    double before = unusable("schema");
    expect(c->store, "a", 2, INT64_MAX, "3:new");
    expect(c->store, "a", 1, INT64_MAX, "6:old");
    expect(c->store, "a", 3, INT64_MAX, "");
    assert_true(unusable("schema") - before > 2.5 && unusable("schema") - before < 3.5);
    save(c->store, "a", 6, 2, "newer");
    expect(c->store, "a", 2, INT64_MAX, "6:newer");
    expect(c->store, "a", 1, INT64_MAX, "");
}

static void passes_over_one_that_does_not_fit(void **state)
{
    contract *c = *state;
    give_events(c->store, "a", 9);
    save(c->store, "a", 3, 1, "three");
    save(c->store, "a", 6, 1, "much more than fits");
    double before = unusable("size");
    char *text = load(c->store, "a", 1, INT64_MAX, 10);
    assert_string_equal(text, "3:three");
    assert_true(unusable("size") > before + 0.5);
    free(text);
}

static void refuses_a_version_that_the_aggregate_does_not_have(void **state)
{
    contract *c = *state;
    weir_error error = {0};
    give_events(c->store, "a", 2);
    weir_snapshot ahead = {"account", "a", 3, 1, "s", 1, 0, 0};
    assert_false(weir_snapshot_save(c->store, &ahead, 3, &error));
    assert_int_equal(error.fate, WEIR_FATE_POISON);
    assert_string_equal(error.sqlstate, "WV002");
    assert_non_null(strstr(error.message, "account/a has no version 3 to take a snapshot of"));
    ahead.version = 0;
    assert_false(weir_snapshot_save(c->store, &ahead, 3, &error));
    assert_int_equal(error.fate, WEIR_FATE_POISON);
    expect(c->store, "a", 1, INT64_MAX, "");
}

static bool write_down(void *context, const weir_snapshot *snapshot, weir_error *error)
{
    (void)error;
    assert_null(snapshot->state);
    weir_buffer_format(context, "%s%lld/%d/%zu ", snapshot->aggregate_id,
                       (long long)snapshot->version, snapshot->schema_version, snapshot->length);
    return true;
}

static void expect_list(contract *c, const char *type, const char *id, const char *wanted)
{
    weir_error error = {0};
    weir_buffer text = WEIR_BUFFER(1000);
    weir_buffer_text(&text, "");
    assert_ok(weir_snapshot_list(c->store, type, id, write_down, &text, &error));
    assert_string_equal(text.data, wanted);
    weir_buffer_free(&text);
}

static void lists_prunes_and_forgets(void **state)
{
    contract *c = *state;
    weir_error error = {0};
    int64_t count = 0;
    give_events(c->store, "a", 9);
    give_events(c->store, "b", 9);
    for (int64_t version = 1; version <= 3; version++)
        save(c->store, "a", version, 1, "abc");
    save(c->store, "b", 2, 7, "");
    expect_list(c, NULL, NULL, "a3/1/3 a2/1/3 a1/1/3 b2/7/0 ");
    expect_list(c, "account", "b", "b2/7/0 ");
    expect_list(c, "other", NULL, "");
    assert_ok(weir_snapshot_prune(c->store, NULL, 1, false, &count, &error));
    assert_int_equal(count, 2);
    assert_ok(weir_snapshot_prune(c->store, "other", 0, true, &count, &error));
    assert_int_equal(count, 0);
    expect_list(c, NULL, NULL, "a3/1/3 a2/1/3 a1/1/3 b2/7/0 ");
    assert_ok(weir_snapshot_prune(c->store, "account", 1, true, &count, &error));
    assert_int_equal(count, 2);
    expect_list(c, NULL, NULL, "a3/1/3 b2/7/0 ");
    assert_ok(weir_snapshot_forget(c->store, "account", "a", &error));
    expect_list(c, NULL, NULL, "b2/7/0 ");
}

static int64_t taken_at(contract *c, const char *id, int64_t version)
{
    weir_error error = {0};
    weir_snapshot found;
    weir_buffer bytes = WEIR_BUFFER(1000);
    assert_ok(weir_snapshot_load(c->store, "account", id, 1, version, &bytes, &found, &error));
    assert_int_equal(found.version, version);
    weir_buffer_free(&bytes);
    return found.taken_at_us;
}

static void keeps_the_last_three_and_the_same_one_once(void **state)
{
    contract *c = *state;
    give_events(c->store, "a", 9);
    give_events(c->store, "b", 9);
    save(c->store, "b", 1, 1, "b");
    for (int64_t version = 1; version <= 8; version++)
        save(c->store, "a", version, 1, "s");
    int64_t first = taken_at(c, "a", 8);
    usleep(2000);
    save(c->store, "a", 8, 1, "s");
    save(c->store, "a", 2, 1, "late");
    assert_int_equal(taken_at(c, "a", 8), first);
    save(c->store, "a", 8, 1, "t");
    assert_true(taken_at(c, "a", 8) > first);
    expect_list(c, NULL, NULL, "a8/1/1 a7/1/1 a6/1/1 b1/1/1 ");
}

static void one_handle_finds_what_another_saved(void **state)
{
    contract *c = *state;
    give_events(c->store, "a", 2);
    weir_store *other = contract_open(c);
    save(other, "a", 2, 1, "two");
    weir_store_close(other);
    expect(c->store, "a", 1, INT64_MAX, "2:two");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(finds_the_latest_at_or_below_a_version),
        CONTRACT(keeps_bytes_as_they_are),
        CONTRACT(keeps_the_last_three_and_the_same_one_once),
        CONTRACT(one_handle_finds_what_another_saved),
        CONTRACT(passes_over_another_schema_and_replaces_it),
        CONTRACT(passes_over_one_that_does_not_fit),
        CONTRACT(refuses_a_version_that_the_aggregate_does_not_have),
        CONTRACT(lists_prunes_and_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
