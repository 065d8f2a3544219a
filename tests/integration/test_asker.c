/* Asking a named query from C, on one connection: what comes as rows, what follows a failure, and
 * what a lost connection does. The command's tests have the rest. */
#include "tests/integration/generation_fixture.h"

#include "projections/query.h"

#define QUERIES                                                                                    \
    "-- query: pair(a, n integer)\nSELECT :a AS a, :n AS n FROM t WHERE id = 'x';\n"               \
    "-- query: all_of_them()\nSELECT i, sum(i) OVER (ORDER BY i) / (5000 - i) AS q FROM "          \
    "generate_series(1, 5000) i;\n"                                                                \
    "-- query: many()\nSELECT i FROM generate_series(1, 100000) i;\n"

/* Rows as "a/n …", the end as "."; ends after `most` rows. */
typedef struct seen {
    char text[256];
    int rows, most;
} seen;

static bool see(void *context, const weir_result *row, weir_error *error)
{
    seen *s = context;
    size_t length = strlen(s->text);
    s->rows += weir_result_rows(row);
    if (weir_result_rows(row) == 0)
        snprintf(s->text + length, sizeof s->text - length, "%s.", weir_result_name(row, 0));
    for (int i = 0; s->rows <= 3 && weir_result_rows(row) && i < weir_result_columns(row); i++) {
        const char *value = weir_result_value(row, 0, i);
        length = strlen(s->text);
        snprintf(s->text + length, sizeof s->text - length, "%s/", value ? value : "null");
    }
    return s->most == 0 || s->rows < s->most || weir_fail(error, WEIR_FATE_POISON, "enough");
}

static void assert_pair(weir_asker *asker, const weir_query *pair, weir_query_rows rows,
                        const char *a, const char *n, const char *wanted)
{
    weir_error error = {0};
    seen s = {0};
    const char *values[] = {a, n};
    assert_ok(weir_asker_run(asker, pair, values, 2, rows, see, &s, &error));
    assert_string_equal(s.text, wanted);
}

static void one_asker_asks_again_whatever_happened(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    assert_settles(f, ONE QUERIES, 1);
    execute(f, "INSERT INTO p__g1.t VALUES ('x')");
    weir_projection *p = parse(ONE QUERIES);
    const weir_projections all = {&p, 1};
    weir_asker *asker = weir_asker_open(f->config, &all, "asker", NULL, &error);
    assert_non_null(asker);
    const weir_query *pair = weir_query_find(&all, "p.pair", &error);
    const weir_query *fails = weir_query_find(&all, "all_of_them", &error);
    const weir_query *many = weir_query_find(&all, "many", &error);
    assert_pair(asker, pair, WEIR_ROWS_COLUMNS, "it's", "7", "it's/7/a.");
    assert_pair(asker, pair, WEIR_ROWS_COLUMNS, NULL, NULL, "null/null/a.");
    assert_pair(asker, pair, WEIR_ROWS_JSON, NULL, "7", "{\"a\":null,\"n\":7}/row_to_json.");

    /* It fails behind thousands of rows: they were handed over, the error says where, and it is
     * no argument's fault. */
    seen s = {0};
    assert_false(weir_asker_run(asker, fails, NULL, 0, WEIR_ROWS_COLUMNS, see, &s, &error));
    assert_int_equal(s.rows, 4999);
    assert_int_equal(error.code, WEIR_FAILED);
    assert_string_equal(error.message, "dir/p.sql:10: division by zero");
    assert_pair(asker, pair, WEIR_ROWS_COLUMNS, "b", "1", "b/1/a.");

    /* A reader of rows that has enough. */
    s = (seen){.most = 2};
    assert_false(weir_asker_run(asker, many, NULL, 0, WEIR_ROWS_COLUMNS, see, &s, &error));
    assert_int_equal(s.rows, 2);
    assert_string_equal(error.message, "enough");
    assert_pair(asker, pair, WEIR_ROWS_COLUMNS, "c", "2", "c/2/a.");

    /* The session dies between two questions: the one that finds out says so, the next is asked. */
    execute(f, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
               "WHERE application_name = 'asker' AND datname = current_database()");
    s = (seen){0};
    const char *values[] = {"d", "3"};
    assert_false(weir_asker_run(asker, pair, values, 2, WEIR_ROWS_COLUMNS, see, &s, &error));
    assert_int_equal(error.fate, WEIR_FATE_RETRY);
    assert_pair(asker, pair, WEIR_ROWS_COLUMNS, "e", "4", "e/4/a.");
    weir_asker_close(asker);
    weir_projection_free(p);
}

#define STORE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_store, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {STORE_TEST(one_asker_asks_again_whatever_happened)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
