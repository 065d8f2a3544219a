/* Tables made anew: batches and single events, constraints at the end of each, what is refused and
 * what stays; and each event's changes, seen row by row. */
#include "tests/integration/fixture.h"

#include "projections/projection_int.h"
#include "projections/refold.h"
#include "projections/step.h"

#define TEXT                                                                                       \
    "-- projection: p\n-- from: user\n-- apply: batch\n"                                           \
    "CREATE TABLE t (id text PRIMARY KEY, n bigint NOT NULL CHECK (n < 1000),\n"                   \
    "    boss text REFERENCES t DEFERRABLE INITIALLY DEFERRED);\n"                                 \
    "CREATE TABLE seen (n bigint);\n"                                                              \
    "-- on: made\n"                                                                                \
    "INSERT INTO t SELECT aggregate_id, (data->>'n')::bigint, data->>'boss' FROM events;\n"        \
    "-- on: counted\n"                                                                             \
    "UPDATE t SET n = t.n + e.n FROM (SELECT aggregate_id, sum((data->>'n')::bigint) AS n\n"       \
    "    FROM events GROUP BY aggregate_id) e WHERE t.id = e.aggregate_id;\n"                      \
    "INSERT INTO seen SELECT count(*) FROM events;\n"

typedef struct bench {
    fixture *f;
    weir_projection *projection;
    weir_connection *connection, *other;
    int64_t position;
    int refused;
    char why[1200];
} bench;

static bench open_bench(void **state)
{
    weir_error error = {0};
    bench b = {.f = *state};
    char *conninfo = fixture_conninfo(b.f);
    b.projection = weir_projection_parse("dir/p.sql", TEXT, strlen(TEXT), &error);
    assert_non_null(b.projection);
    b.connection = fixture_connect(conninfo);
    b.other = fixture_connect(conninfo);
    free(conninfo);
    return b;
}

static void close_bench(bench *b)
{
    fixture_execute(b->other, "DROP SCHEMA IF EXISTS made CASCADE");
    weir_connection_close(b->connection);
    weir_connection_close(b->other);
    weir_projection_free(b->projection);
}

static weir_event event_of(bench *b, const char *id, const char *type, const char *data)
{
    return (weir_event){.position = ++b->position,
                        .aggregate_type = "user",
                        .aggregate_id = id,
                        .version = b->position,
                        .type = type,
                        .schema_version = 1,
                        .content_type = "application/json",
                        .data = data,
                        .data_length = strlen(data),
                        .time_us = WEIR_PG_EPOCH_US,
                        .recorded_at_us = WEIR_PG_EPOCH_US};
}

static void on_refused(void *context, const weir_event *event, const weir_error *why)
{
    bench *b = context;
    (void)event;
    b->refused++;
    memcpy(b->why, why->message, sizeof b->why);
}

static weir_refold *open_refold(bench *b, bool one_by_one, weir_error *error)
{
    const weir_refold_options options = {.schema = "made",
                                         .mark = "a mark",
                                         .replace = true,
                                         .one_by_one = one_by_one,
                                         .refused = on_refused,
                                         .context = b};
    return weir_refold_open(b->projection, b->f->config, b->connection, &options, error);
}

static void add(bench *b, weir_refold *r, const char *id, const char *type, const char *data)
{
    weir_error error = {0};
    char *volatile_data = weir_strdup(data);
    weir_event event = event_of(b, id, type, volatile_data);
    assert_ok(weir_refold_add(r, &event, &error));
    memset(volatile_data, 'x', strlen(data)); /* it was copied */
    free(volatile_data);
}

static void assert_value(weir_connection *connection, const char *sql, const char *expected)
{
    char *value = fixture_value(connection, sql);
    assert_string_equal(value ? value : "(null)", expected);
    free(value);
}

static void as_the_file_says_or_one_by_one(void **state)
{
    for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
        weir_error error = {0};
        bench b = open_bench(state);
        weir_refold *r = open_refold(&b, one_by_one, &error);
        if (!r)
            fail_msg("%s", error.message);
        add(&b, r, "a", "made", "{\"n\":1}");
        add(&b, r, "a", "counted", "{\"n\":2}");
        add(&b, r, "a", "counted", "{\"n\":3}");
        add(&b, r, "a", "unknown", "{}");
        assert_value(b.other, "SELECT count(*) FROM made.t", "0");
        assert_ok(weir_refold_flush(r, &error));
        assert_value(b.other, "SELECT n FROM made.t", "6");
        assert_value(b.other, "SELECT string_agg(n::text, ',') FROM made.seen",
                     one_by_one ? "1,1" : "2");
        assert_int_equal(weir_refold_applied(r), 3);
        assert_int_equal(weir_refold_refused(r), 0);
        assert_ok(weir_refold_drop(r, &error));
        assert_value(b.other, "SELECT to_regnamespace('made') IS NULL", "t");
        weir_refold_close(r);
        close_bench(&b);
    }
}

static void what_is_refused_is_left_out_and_named(void **state)
{
    weir_error error = {0};
    bench b = open_bench(state);
    weir_refold *r = open_refold(&b, false, &error);
    add(&b, r, "a", "made", "{\"n\":1}");
    add(&b, r, "b", "made", "{\"n\":1,\"boss\":\"nobody\"}"); /* at the commit alone */
    add(&b, r, "a", "counted", "{\"n\":999}");
    add(&b, r, "a", "counted", "{\"n\":5}");
    assert_ok(weir_refold_flush(r, &error));
    assert_value(b.other, "SELECT string_agg(id || n, ',') FROM made.t", "a6");
    assert_int_equal(b.refused, 2);
    assert_int_equal(weir_refold_applied(r), 2);
    assert_non_null(strstr(b.why, "p.sql:10: "));
    weir_refold_close(r);
    close_bench(&b);
}

static void in_a_transaction_of_the_callers_nothing_is_committed(void **state)
{
    weir_error error = {0};
    bench b = open_bench(state);
    weir_refold *r = open_refold(&b, true, &error);
    add(&b, r, "a", "made", "{\"n\":1}");
    assert_ok(weir_refold_flush(r, &error));
    fixture_execute(b.connection, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    add(&b, r, "a", "counted", "{\"n\":5}");
    add(&b, r, "b", "made", "{\"n\":1,\"boss\":\"nobody\"}");
    add(&b, r, "c", "made", "{\"n\":1,\"boss\":\"a\"}");
    assert_ok(weir_refold_flush(r, &error));
    assert_value(b.connection, "SELECT string_agg(id || n, ',' ORDER BY id) FROM made.t", "a6,c1");
    assert_value(b.other, "SELECT string_agg(id || n, ',') FROM made.t", "a1");
    assert_int_equal(b.refused, 1);
    fixture_execute(b.connection, "ROLLBACK");
    assert_value(b.other, "SELECT string_agg(id || n, ',') FROM made.t", "a1");
    weir_refold_close(r);
    close_bench(&b);
}

static void only_what_bears_the_mark_is_replaced(void **state)
{
    weir_error error = {0};
    bench b = open_bench(state);
    fixture_execute(b.other,
                    "SET ROLE weir_projector; CREATE SCHEMA made; CREATE TABLE made.precious ()");
    assert_null(open_refold(&b, false, &error));
    assert_int_equal(error.code, WEIR_CONFLICT);
    assert_false(weir_connection_in_transaction(b.connection));
    assert_value(b.other, "SELECT count(*) FROM made.precious", "0");
    fixture_execute(b.other, "COMMENT ON SCHEMA made IS 'a mark'; RESET ROLE");
    weir_refold *r = open_refold(&b, false, &error);
    assert_non_null(r);
    assert_value(b.other, "SELECT to_regclass('made.precious') IS NULL", "t");
    weir_refold_close(r);
    close_bench(&b);
}

/* The changes of one event: "+t a 1;" and so on. */
static void on_change(void *context, const weir_change *change)
{
    static const char signs[] = {'+', '~', '-'};
    weir_buffer_format(context, "%c%s %s;", signs[change->kind], change->table,
                       change->kind == WEIR_CHANGE_UPDATED ? change->after
                       : change->key                       ? change->key
                                                           : "?");
}

static void assert_changes(bench *b, weir_steps *steps, const char *type, const char *data,
                           bool handled, const char *expected)
{
    weir_error error = {0};
    weir_buffer changes = WEIR_BUFFER(4096);
    bool called;
    weir_event event = event_of(b, "a", type, data);
    weir_buffer_text(&changes, "");
    assert_ok(weir_steps_apply(steps, &event, &called, on_change, &changes, &error));
    assert_int_equal(called, handled);
    assert_string_equal(changes.data, expected);
    weir_buffer_free(&changes);
}

static void each_event_shows_its_rows(void **state)
{
    weir_error error = {0};
    bench b = open_bench(state);
    weir_buffer changes = WEIR_BUFFER(4096);
    bool called;
    weir_steps *steps = weir_steps_open(b.projection, b.f->config, b.connection, &error);
    if (!steps)
        fail_msg("%s", error.message);
    assert_changes(&b, steps, "made", "{\"n\":1}", true, "+t {\"id\":\"a\"};");
    assert_changes(&b, steps, "unknown", "{}", false, "");
    assert_changes(&b, steps, "counted", "{\"n\":2}", true,
                   "+seen ?;~t {\"id\":\"a\",\"n\":3,\"boss\":null};");
    weir_event poison = event_of(&b, "a", "counted", "{\"n\":1000}");
    assert_false(weir_steps_apply(steps, &poison, &called, on_change, &changes, &error));
    assert_int_equal(changes.length, 0);
    assert_non_null(strstr(error.message, "p.sql:10: "));
    assert_changes(&b, steps, "counted", "{\"n\":1}", true,
                   "+seen ?;~t {\"id\":\"a\",\"n\":4,\"boss\":null};");
    weir_steps_close(steps);
    assert_value(b.other, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'p\\_%'", "0");
    weir_buffer_free(&changes);
    close_bench(&b);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(as_the_file_says_or_one_by_one),
        T(what_is_refused_is_left_out_and_named),
        T(in_a_transaction_of_the_callers_nothing_is_committed),
        T(only_what_bears_the_mark_is_replaced),
        T(each_event_shows_its_rows),
    };
    return cmocka_run_group_tests(tests, fixture_store, fixture_drop);
}
