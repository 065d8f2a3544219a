/* Specifications of projections: what holds passes and leaves nothing, what does not is said with
 * what was expected and found. */
#include "tests/integration/fixture.h"

#include "projections/specification.h"

#define GIVEN                                                                                      \
    weir_given(WEIR_FACT_OF("user", "u-1", "user.created", "{\"name\": \"Ada\"}"),                 \
               WEIR_FACT_OF("user", "u-2", "user.created", "{\"name\": \"Bob\"}"),                 \
               WEIR_FACT_OF("user", "u-1", "user.renamed", "{\"name\": \"Eve\"}"))

static char why[WEIR_SPECIFICATION_TEXT];

#define holds(...)                                                                                 \
    weir_projection_specification_check(&(const weir_projection_specification){__VA_ARGS__}, why)
#define assert_holds(...)                                                                          \
    do {                                                                                           \
        if (!holds(__VA_ARGS__))                                                                   \
            fail_msg("%s", why);                                                                   \
    } while (0)

static void assert_said(const char *what)
{
    if (!strstr(why, what))
        fail_msg("not said: %s; but: %s", what, why);
}

static const char *write_projection(const char *statements)
{
    static char path[] = "/tmp/weir_specified.sql.XXXXXX";
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    char *text =
        weir_format("-- projection: specified\n-- from: user\n"
                    "CREATE TABLE names (id text PRIMARY KEY, name text NOT NULL, n int);\n"
                    "-- on: user.*\n%s\n",
                    statements);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    free(text);
    return path;
}

#define UPSERT                                                                                     \
    "INSERT INTO names SELECT aggregate_id, data->>'name', 1 FROM events ON CONFLICT (id) DO "     \
    "UPDATE SET name = excluded.name;"

static void a_projection_in_sql_is_specified(void **state)
{
    (void)state;
    const char *file = write_projection(UPSERT);
    assert_holds(.file = file, GIVEN,
                 weir_then_rows(WEIR_ROWS("SELECT id, name FROM names ORDER BY id",
                                          "[{\"name\": \"Eve\", \"id\": \"u-1\"},"
                                          " {\"id\": \"u-2\", \"name\": \"Bob\"}]"),
                                WEIR_ROWS("SELECT id FROM names WHERE n > 1", "[]")),
                 weir_then_again_unchanged());
    assert_false(
        holds(.file = file, GIVEN,
              weir_then_rows(WEIR_ROWS("SELECT count(*) FROM names", "[{\"count\": 3}]"))));
    assert_said("user/u-2 user.created {\"name\": \"Bob\"}");
    assert_said("expected\n  [{\"count\": 3}]\nactual\n  [{\"count\":2}]");
    assert_false(holds(.file = file, GIVEN, weir_then_refused("null value")));
    assert_said("expected\n  refused: null value\nactual\n  they are applied");
    assert_holds(.file = file, weir_given(WEIR_FACT_OF("user", "u-1", "user.created", "{}")),
                 weir_then_refused("null value"));
    assert_false(holds(.file = file, GIVEN));
    assert_said("without a then");
    assert_false(holds(.file = file, weir_given(WEIR_FACT("user.created", "{}")),
                       weir_then_again_unchanged()));
    assert_said("given user.created: it needs an aggregate that specified reads");
    unlink(file);
}

static void what_no_replay_equals_is_found(void **state)
{
    (void)state;
    const char *file = write_projection("INSERT INTO names SELECT aggregate_id || version, "
                                        "clock_timestamp()::text FROM events;");
    assert_false(holds(.file = file, GIVEN, weir_then_again_unchanged()));
    assert_said("one event at a time, from the start");
    unlink(file);
}

/* Keeps count in its context: of attempts that were taken back, too. */
static void *make_count(weir_error *error)
{
    (void)error;
    return weir_calloc(1, sizeof(int64_t));
}

static bool count_on(void *context, weir_transaction *transaction, const weir_event *events,
                     size_t count, weir_error *error)
{
    char number[24];
    int64_t *n = context;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = weir_transaction_exec(
            transaction, "INSERT INTO counted VALUES ($1, $2)",
            WEIR_PARAMS(WEIR_PARAM_TEXT(events[i].type), weir_param_integer(++*n, number)), error);
    return ok;
}

static const weir_plugin_handler counting = {
    .name = "counting",
    .from = "user",
    .on = "*",
    .tables = "CREATE TABLE counted (type text, n bigint)",
    .init = make_count,
    .free = free,
    .apply = count_on,
};

static void what_a_handler_keeps_is_found(void **state)
{
    (void)state;
    const weir_rows_fact rows =
        WEIR_ROWS("SELECT min(n), max(n) FROM counted", "[{\"min\": 1, \"max\": 3}]");
    assert_holds(.handler = &counting, GIVEN, weir_then_rows(rows));
    assert_false(
        holds(.handler = &counting, GIVEN, weir_then_rows(rows), weir_then_again_unchanged()));
    assert_said("actual\n  [{\"min\":4,\"max\":6}]");
    assert_false(holds(.handler = &counting, GIVEN, weir_then_again_unchanged()));
    assert_said("one event at a time");
}

static void nothing_stays(void **state)
{
    const fixture *f = *state;
    char *conninfo = fixture_conninfo(f);
    weir_connection *connection = fixture_connect(conninfo);
    char *left = fixture_value(
        connection, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%\\_\\_spec'");
    assert_string_equal(left, "0");
    weir_connection_close(connection);
    free(left);
    free(conninfo);
}

static int begin(void **state)
{
    int failed = fixture_database(state);
    char *conninfo = fixture_conninfo(*state);
    setenv("WEIR_STORE_CONNINFO", conninfo, 1);
    free(conninfo);
    return failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_projection_in_sql_is_specified),
        cmocka_unit_test(what_no_replay_equals_is_found),
        cmocka_unit_test(what_a_handler_keeps_is_found),
        cmocka_unit_test(nothing_stays),
    };
    return cmocka_run_group_tests(tests, begin, fixture_drop);
}
