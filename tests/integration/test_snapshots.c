/* Snapshots on PostgreSQL alone: rows that were tampered with, and who may do what. */
#include "tests/integration/snapshot_fixture.h"

static void damage(fixture *f, const char *change)
{
    char *sql = weir_format("UPDATE weir.snapshots SET %s WHERE version = 6", change);
    fixture_execute(weir_store_connection(f->store), sql);
    free(sql);
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
    give_events(f->store, "a", 9);
    give_events(f->store, "b", 9);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        fixture_execute(weir_store_connection(f->store), "DELETE FROM weir.snapshots");
        save(f->store, "a", 3, 1, "three");
        save(f->store, "a", 6, 1, "six");
        damage(f, changes[i]);
        expect(f->store, "a", 1, INT64_MAX, "3:three");
        expect(f->store, "b", 1, INT64_MAX, "");
        save(f->store, "a", 6, 1, "six");
        expect(f->store, "a", 1, 6, "6:six");
    }
    assert_true(unusable("damaged") > 5.5);
}

/* Loads it so often, and counts the lines in the log that say that it cannot be used. */
static int lines_said(fixture *f, const char *id, int loads)
{
    char line[1000];
    int lines = 0, saved = dup(STDERR_FILENO);
    FILE *log = tmpfile();
    assert_true(saved >= 0 && log != NULL && dup2(fileno(log), STDERR_FILENO) >= 0);
    for (int i = 0; i < loads; i++)
        expect(f->store, id, 1, INT64_MAX, "");
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    rewind(log);
    while (fgets(line, sizeof line, log))
        lines += strstr(line, "reason=damaged") != NULL;
    fclose(log);
    return lines;
}

static void says_once_that_one_is_damaged(void **state)
{
    fixture *f = *state;
    give_events(f->store, "said", 9);
    give_events(f->store, "too", 9);
    save(f->store, "said", 6, 1, "six");
    save(f->store, "too", 6, 1, "six");
    damage(f, "state = 'sjx'");
    double before = unusable("damaged");
    assert_int_equal(lines_said(f, "said", 5), 1);
    assert_int_equal(lines_said(f, "too", 1), 1);
    assert_int_equal(lines_said(f, "said", 3), 0);
    assert_true(unusable("damaged") - before > 8.5);
}

static void a_service_that_may_only_append_leaves_one_and_reads_none(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_snapshot found, snapshot = {"account", "a", 1, 1, "s", 1, 0, 0};
    weir_buffer bytes = WEIR_BUFFER(1000);
    int64_t count;
    give_events(f->store, "a", 1);
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
        TEST(passes_over_a_damaged_one_and_heals_it),
        TEST(says_once_that_one_is_damaged),
        TEST(a_service_that_may_only_append_leaves_one_and_reads_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
