/* The store through its C client, on a real PostgreSQL. */
#include "tests/integration/fixture.h"

#define ID_A "f7a11bd8-55b8-5d68-bd7d-355415d3b3b6"
#define ID_B "f7a11bd8-55b8-5d68-bd7d-355415d3b3b7"

static weir_new_event event_of(const char *type, const char *data)
{
    return (weir_new_event){.type = type, .data = data, .data_length = strlen(data)};
}

static int64_t append_one(fixture *f, const char *id, int64_t expected, weir_new_event event,
                          weir_error *error)
{
    weir_append append = {"user", id, expected, &event, 1, 0};
    weir_error_clear(error);
    return weir_store_append(f->store, &append, 1, NULL, error) ? append.version : -1;
}

static void appends_in_every_expected_version_mode(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_new_event e = event_of("user.created", "{\"a\": 1}");
    assert_int_equal(append_one(f, "u1", WEIR_MUST_EXIST, e, &error), -1);
    assert_int_equal(error.code, WEIR_CONFLICT);
    assert_string_equal(error.sqlstate, "WV001");
    assert_non_null(strstr(error.message, "expected version -1, actual version 0"));
    assert_int_equal(append_one(f, "u1", WEIR_NO_STREAM, e, &error), 1);
    assert_int_equal(append_one(f, "u1", WEIR_NO_STREAM, e, &error), -1);
    assert_int_equal(append_one(f, "u1", 1, e, &error), 2);
    assert_int_equal(append_one(f, "u1", 1, e, &error), -1);
    assert_int_equal(append_one(f, "u1", WEIR_MUST_EXIST, e, &error), 3);
    assert_int_equal(append_one(f, "u1", WEIR_ANY_VERSION, e, &error), 4);
    int64_t version;
    assert_ok(weir_store_stream_version(f->store, "user", "u1", &version, &error));
    assert_int_equal(version, 4);
    assert_ok(weir_store_stream_version(f->store, "user", "nobody", &version, &error));
    assert_int_equal(version, 0);
}

static void absorbs_the_identical_append_and_refuses_an_overlap(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_uuid a, b;
    assert_true(weir_uuid_parse(ID_A, 36, &a) && weir_uuid_parse(ID_B, 36, &b));
    weir_new_event events[] = {event_of("user.created", "{\"n\": 1.50}"),
                               event_of("user.renamed", "{}")};
    events[0].id = &a;
    events[1].id = &b;
    weir_append append = {"user", "u1", 0, events, 2, 0};
    assert_ok(weir_store_append(f->store, &append, 1, NULL, &error));
    assert_int_equal(append.version, 2);
    append.version = 0;
    assert_ok(weir_store_append(f->store, &append, 1, NULL, &error));
    assert_int_equal(append.version, 2);
    events[1].id = NULL;
    assert_false(weir_store_append(f->store, &append, 1, NULL, &error));
    assert_string_equal(error.sqlstate, "WV003");
    append.aggregate_id = "u2";
    events[1].id = &b;
    assert_false(weir_store_append(f->store, &append, 1, NULL, &error));
    assert_string_equal(error.sqlstate, "WV003");
    char *count =
        fixture_value(weir_store_connection(f->store), "SELECT count(*) FROM weir.events");
    assert_string_equal(count, "2");
    free(count);
}

static void appends_to_many_aggregates_or_to_none(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_new_event good = event_of("user.created", "{}");
    weir_append appends[] = {{"user", "u1", 0, &good, 1, 0},
                             {"user", "u2", 7, &good, 1, 0},
                             {"user", "u3", 0, &good, 1, 0}};
    size_t failed = 9;
    assert_false(weir_store_append(f->store, appends, 3, &failed, &error));
    assert_int_equal(failed, 1);
    assert_int_equal(error.fate, WEIR_FATE_CONFLICT);
    int64_t version;
    assert_ok(weir_store_stream_version(f->store, "user", "u1", &version, &error));
    assert_int_equal(version, 0);
    appends[1].expected_version = 0;
    assert_ok(weir_store_append(f->store, appends, 3, &failed, &error));
    assert_int_equal(appends[2].version, 1);
}

static void refuses_what_jsonb_would_refuse_or_fold(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    const char *bad[] = {"{",           "",      "{\"a\":1,\"a\":2}", "\"\\u0000\"",
                         "\"\\ud800\"", "1e999", "\"\xff\"",          "{} {}",
                         "nul"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(append_one(f, "u1", WEIR_ANY_VERSION, event_of("t", bad[i]), &error), -1);
        assert_int_equal(error.fate, WEIR_FATE_POISON);
    }
    char *count =
        fixture_value(weir_store_connection(f->store), "SELECT count(*) FROM weir.streams");
    assert_string_equal(count, "0");
    free(count);
}

static void refuses_an_event_over_the_limit(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    size_t length = 900002;
    char *data = weir_malloc(length + 1);
    memset(data, 'x', length);
    data[0] = data[length - 1] = '"';
    data[length] = '\0';
    assert_int_equal(append_one(f, "u1", WEIR_ANY_VERSION, event_of("t", data), &error), -1);
    assert_string_equal(error.sqlstate, "WV002");
    assert_non_null(strstr(error.message, "more than the limit of 900000"));
    free(data);
}

struct seen {
    int64_t versions[16];
    int count;
    char data[64];
    bool binary;
    int stop_after;
};

static bool see(void *context, const weir_event *event, weir_error *error)
{
    struct seen *seen = context;
    seen->versions[seen->count++] = event->version;
    snprintf(seen->data, sizeof seen->data, "%.*s", (int)event->data_length, event->data);
    seen->binary = event->binary;
    if (seen->stop_after && seen->count == seen->stop_after)
        return weir_fail(error, WEIR_FATE_POISON, "enough");
    return true;
}

static void reads_a_stream_in_both_directions_and_by_range(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    for (int i = 0; i < 5; i++)
        assert_int_equal(append_one(f, "u1", i, event_of("t", "{\"k\": [1, null]}"), &error),
                         i + 1);
    struct seen up = {0}, down = {0}, none = {0}, early = {.stop_after = 2};
    assert_ok(weir_store_read(f->store,
                              &(weir_read){.aggregate_type = "user",
                                           .aggregate_id = "u1",
                                           .from = 2,
                                           .to = 4,
                                           .backwards = false,
                                           .limit = 100},
                              see, &up, &error));
    assert_int_equal(up.count, 3);
    assert_int_equal(up.versions[0], 2);
    assert_string_equal(up.data, "{\"k\": [1, null]}");
    assert_ok(weir_store_read(f->store,
                              &(weir_read){.aggregate_type = "user",
                                           .aggregate_id = "u1",
                                           .from = 1,
                                           .to = 0,
                                           .backwards = true,
                                           .limit = 2},
                              see, &down, &error));
    assert_int_equal(down.count, 2);
    assert_int_equal(down.versions[0], 5);
    assert_ok(weir_store_read(f->store,
                              &(weir_read){.aggregate_type = "user",
                                           .aggregate_id = "x",
                                           .from = 1,
                                           .to = 9,
                                           .backwards = false,
                                           .limit = 9},
                              see, &none, &error));
    assert_int_equal(none.count, 0);
    assert_false(weir_store_read(f->store,
                                 &(weir_read){.aggregate_type = "user",
                                              .aggregate_id = "u1",
                                              .from = 1,
                                              .to = 9,
                                              .backwards = false,
                                              .limit = 9},
                                 see, &early, &error));
    assert_string_equal(error.message, "enough");
    assert_int_equal(append_one(f, "u1", 5, event_of("t", "1"), &error), 6);
}

static void stores_binary_content_beside_json(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_new_event event = {.type = "t",
                            .data = "\x81\xa1k\x00",
                            .data_length = 4,
                            .binary = true,
                            .content_type = "application/msgpack",
                            .metadata = "{\"userid\": \"u\"}",
                            .time = "2024-02-29T12:00:00+01:00",
                            .schema_version = 3};
    assert_int_equal(append_one(f, "u1", 0, event, &error), 1);
    struct seen seen = {0};
    weir_read all = {.limit = 10};
    assert_ok(weir_store_read(f->store, &all, see, &seen, &error));
    assert_int_equal(seen.count, 1);
    assert_true(seen.binary);
    assert_memory_equal(seen.data, "\x81\xa1k", 3);
    assert_true(all.horizon >= 1);
    assert_ok(
        weir_store_read(f->store, &(weir_read){.aggregate_type = "order"}, see, &seen, &error));
    assert_int_equal(seen.count, 1);
}

static void the_horizon_waits_for_an_open_append_only(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    char *conninfo = fixture_conninfo(f);
    weir_connection *slow = fixture_connect(conninfo);
    fixture_execute(
        slow, "BEGIN; SELECT weir.append('user', 'slow', 0, '[{\"type\":\"t\",\"data\":1}]')");
    assert_int_equal(append_one(f, "quick", 0, event_of("t", "2"), &error), 1);
    struct seen seen = {0};
    assert_ok(weir_store_read(f->store, &(weir_read){.after = 0, .limit = 10}, see, &seen, &error));
    assert_int_equal(seen.count, 0);
    weir_read settled = {.through = 2};
    assert_ok(weir_store_read(f->store, &settled, see, &seen, &error));
    assert_int_equal(seen.count, 1); /* the caller says that it knows better */
    seen.count = 0;
    fixture_execute(slow, "COMMIT");
    assert_ok(weir_store_read(f->store, &(weir_read){.after = 0, .limit = 10}, see, &seen, &error));
    assert_int_equal(seen.count, 2);
    fixture_execute(slow, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_false(weir_connection_execute(slow, "SELECT * FROM weir.horizon()", &error));
    assert_string_equal(error.sqlstate, "WV005");
    weir_connection_close(slow);
    free(conninfo);
}

static void an_undurable_commit_is_made_durable_before_it_is_read(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    char *conninfo = fixture_conninfo(f);
    weir_connection *hasty = fixture_connect(conninfo);
    for (int i = 0; i < 20; i++) {
        char sql[256];
        struct seen seen = {0};
        int64_t before = i;
        snprintf(sql, sizeof sql,
                 "BEGIN; SELECT weir.append('user', 'h', %d, '[{\"type\":\"t\",\"data\":1}]');"
                 "SET LOCAL synchronous_commit = off; COMMIT",
                 i);
        fixture_execute(hasty, sql);
        char *end = fixture_value(f->admin, "SELECT pg_current_wal_insert_lsn()");
        assert_ok(weir_store_read(f->store, &(weir_read){.after = before, .limit = 10}, see, &seen,
                                  &error));
        assert_int_equal(seen.count, 1);
        char *check = weir_format("SELECT pg_current_wal_flush_lsn() >= '%s'", end);
        char *durable = fixture_value(f->admin, check);
        assert_string_equal(durable, "t");
        free(end);
        free(check);
        free(durable);
    }
    weir_connection_close(hasty);
    free(conninfo);
}

static void one_transaction_holds_one_lock(void **state)
{
    fixture *f = *state;
    weir_connection *c = weir_store_connection(f->store);
    fixture_execute(c, "SELECT weir.append('a', '0', 0, '[{\"type\":\"t\",\"data\":1}]')");
    fixture_execute(c,
                    "BEGIN; SELECT weir.append('a', n::text, 0, '[{\"type\":\"t\",\"data\":1}]') "
                    "FROM generate_series(1, 2001) n");
    char *locks = fixture_value(c, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND "
                                   "pid = pg_backend_pid()");
    assert_string_equal(locks, "1");
    free(locks);
    fixture_execute(c, "ROLLBACK");
}

static void events_are_append_only(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    assert_int_equal(append_one(f, "u1", 0, event_of("t", "1"), &error), 1);
    const char *changes[] = {"UPDATE weir.events SET data = '2'",
                             "DELETE FROM weir.events",
                             "TRUNCATE weir.events",
                             "TRUNCATE weir.events_default",
                             "DELETE FROM weir.events_default",
                             "SET session_replication_role = replica; DELETE FROM weir.events"};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        assert_false(weir_connection_execute(weir_store_connection(f->store), changes[i], &error));
        assert_string_equal(error.sqlstate, "WV004");
    }
}

static void a_tombstone_closes_its_stream_for_all_but_its_own_repetition(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_uuid a, b;
    assert_true(weir_uuid_parse(ID_A, 36, &a) && weir_uuid_parse(ID_B, 36, &b));
    weir_new_event last[] = {event_of("user.left", "{}"), event_of(WEIR_TOMBSTONE, "null")};
    last[0].id = &a;
    last[1].id = &b;
    last[1].metadata = "{\"reason\": \"erased\"}";
    weir_append append = {"user", "u1", 0, last, 2, 0};
    assert_ok(weir_store_append(f->store, &append, 1, NULL, &error));
    assert_int_equal(append.version, 2);
    assert_int_equal(append_one(f, "u1", 2, event_of("user.back", "{}"), &error), -1);
    assert_string_equal(error.sqlstate, "WV006");
    assert_int_equal(error.fate, WEIR_FATE_CONFLICT);
    assert_non_null(strstr(error.message, "user/u1 is closed"));
    assert_non_null(strstr(error.message, "version 2"));
    append.version = 0;
    assert_ok(weir_store_append(f->store, &append, 1, NULL, &error));
    assert_int_equal(append.version, 2);
    assert_int_equal(append_one(f, "u1", 2, event_of("user.back", "{}"), &error), -1);
    assert_string_equal(error.sqlstate, "WV006");
    assert_int_equal(append_one(f, "u2", 0, event_of("user.created", "{}"), &error), 1);
    char *found = fixture_value(weir_store_connection(f->store),
                                "SELECT string_agg(format('%s %s', aggregate_id, closed), ', ' "
                                "ORDER BY aggregate_id) FROM weir.streams");
    assert_string_equal(found, "u1 t, u2 f");
    free(found);
}

static void reserved_types_and_misplaced_tombstones_are_refused(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_new_event early[] = {event_of(WEIR_TOMBSTONE, "null"), event_of("user.left", "{}")};
    weir_append append = {"user", "u1", 0, early, 2, 0};
    assert_false(weir_store_append(f->store, &append, 1, NULL, &error));
    assert_string_equal(error.sqlstate, "WV002");
    assert_non_null(strstr(error.message, "must be the last event"));
    assert_int_equal(append_one(f, "u1", 0, event_of(WEIR_TOMBSTONE, "{}"), &error), -1);
    assert_non_null(strstr(error.message, "must be null"));
    assert_int_equal(append_one(f, "u1", 0, event_of("weir.other", "{}"), &error), -1);
    assert_string_equal(error.sqlstate, "WV002");
    assert_non_null(strstr(error.message, "reserved"));
    assert_int_equal(append_one(f, "u1", 0, event_of("weirdness.seen", "null"), &error), 1);
    assert_int_equal(append_one(f, "u1", 1, event_of("user.created", "{}"), &error), 2);
}

static void indexed_metadata_is_short(void **state)
{
    static const char *const keys[] = {"correlationid", "causationid", "userid"};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        for (int length = 256; length <= 257; length++) {
            weir_error error = {0};
            weir_new_event event = event_of("t", "1");
            char *metadata =
                weir_format("{\"%s\": \"%0*d\", \"free\": \"%0300d\"}", keys[i], length, 0, 0);
            event.metadata = metadata;
            bool stored = append_one(f, "u1", WEIR_ANY_VERSION, event, &error) > 0;
            assert_int_equal(stored, length == 256);
            assert_true(stored || strcmp(error.sqlstate, "WV002") == 0);
            free(metadata);
        }
    }
}

/* A JSON null is data; in a batch and alone, plain and with what the quick check does not know. */
static void every_path_stores_the_same_row(void **state)
{
    fixture *f = *state;
    weir_connection *c = weir_store_connection(f->store);
    fixture_execute(
        c, "SELECT weir.append('a', 'one', 0, '[{\"type\":\"t\",\"data\":null}]'),"
           " weir.append('a', 'odd', 0, '[{\"type\":\"t\",\"data\":null,\"schemaversion\":1}]'),"
           " weir.append('a', 'two', 0, '[{\"type\":\"t\",\"data\":null},"
           "{\"type\":\"t\",\"data\":null,\"metadata\":{}}]')");
    char *rows = fixture_value(
        c,
        "SELECT count(*) || ' ' || count(DISTINCT (event_type, schema_version, data, data_binary,"
        " content_type, metadata)) || ' ' || min(data::text) FROM weir.events");
    assert_string_equal(rows, "4 1 null");
    free(rows);
}

/* What a reader of rows makes of them: how many, and when it has enough. */
typedef struct rows {
    int count, ends, columns, most;
} rows;

static bool count_row(void *context, const weir_result *row, weir_error *error)
{
    rows *r = context;
    r->columns = weir_result_columns(row);
    r->ends += weir_result_rows(row) == 0;
    r->count += weir_result_rows(row);
    assert_true(weir_result_rows(row) <= 1 && r->ends <= 1);
    return r->count <= r->most || weir_fail(error, WEIR_FATE_POISON, "that is enough");
}

static void rows_of_a_pipeline_come_one_by_one_and_end_early(void **state)
{
    fixture *f = *state;
    int failed;
    weir_error error = {0};
    weir_connection *c = weir_store_connection(f->store);
    assert_ok(
        weir_connection_prepare(c, "few", "SELECT i, i FROM generate_series(1, 5) i", &error));
    assert_ok(weir_connection_prepare(c, "none", "SELECT 1, 2, 3 WHERE false", &error));
    assert_ok(weir_connection_prepare(
        c, "many", "SELECT repeat('x', 1000), generate_series(1, 1000000000)", &error));
    assert_ok(weir_connection_prepare(c, "late", "SELECT 1 / (i - 3) FROM generate_series(1, 5) i",
                                      &error));
    const weir_call calls[] = {{"few", NULL, 0}, {"none", NULL, 0}, {"few", NULL, 0}};
    rows r = {.most = 100};
    assert_ok(weir_connection_pipeline_rows(c, calls, 3, 2, count_row, &r, NULL, &error));
    assert_true(r.count == 5 && r.ends == 1 && r.columns == 2);
    r = (rows){.most = 100};
    assert_ok(weir_connection_pipeline_rows(c, calls, 2, 1, count_row, &r, NULL, &error));
    assert_true(r.count == 0 && r.ends == 1 && r.columns == 3);
    /* a billion rows: it would not end by being read */
    const weir_call endless[] = {{"few", NULL, 0}, {"many", NULL, 0}};
    assert_ok(weir_connection_execute(c, "BEGIN", &error));
    r = (rows){.most = 100};
    assert_false(weir_connection_pipeline_rows(c, endless, 2, 1, count_row, &r, &failed, &error));
    assert_string_equal(error.message, "that is enough");
    assert_true(r.count == 101 && failed == 1 && weir_connection_in_transaction(c));
    assert_ok(weir_connection_execute(c, "ROLLBACK", &error));
    /* refused after some of its rows */
    const weir_call late[] = {{"few", NULL, 0}, {"late", NULL, 0}, {"few", NULL, 0}};
    r = (rows){.most = 100};
    assert_false(weir_connection_pipeline_rows(c, late, 3, 1, count_row, &r, &failed, &error));
    assert_string_equal(error.sqlstate, "22012");
    assert_true(r.count == 2 && r.ends == 0 && failed == 1);
    assert_ok(weir_connection_pipeline(c, calls, 3, NULL, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_store, fixture_drop)
        T(appends_in_every_expected_version_mode),
        T(absorbs_the_identical_append_and_refuses_an_overlap),
        T(appends_to_many_aggregates_or_to_none),
        T(refuses_what_jsonb_would_refuse_or_fold),
        T(refuses_an_event_over_the_limit),
        T(reads_a_stream_in_both_directions_and_by_range),
        T(stores_binary_content_beside_json),
        T(the_horizon_waits_for_an_open_append_only),
        T(an_undurable_commit_is_made_durable_before_it_is_read),
        T(one_transaction_holds_one_lock),
        T(events_are_append_only),
        T(a_tombstone_closes_its_stream_for_all_but_its_own_repetition),
        T(reserved_types_and_misplaced_tombstones_are_refused),
        T(indexed_metadata_is_short),
        T(rows_of_a_pipeline_come_one_by_one_and_end_early),
        T(every_path_stores_the_same_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
