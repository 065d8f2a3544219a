/* What a command handler makes of a batch, on a transaction that is this file: what it asks, whom
 * it accuses, what it appends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "projections/executor_int.h"
#include "store/upcast.h"

static const char *const stored[] = {
    "a",
    "7",
    "1",
    "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a10",
    "counter.added",
    "1",
    "{\"by\": 5}",
    NULL,
    "application/json",
    "{}",
    "1500000 1600000",
};

/* What the transaction answers, and what it was told. */
typedef struct told {
    const char *executed;  /* a request's id */
    bool no_streams;       /* nothing is stored */
    weir_buffer said;      /* statements and their second parameter, a line each */
    size_t at, statements; /* the last event; appends */
} told;

static bool exec(void *context, const char *sql, const weir_param *params, int count,
                 weir_error *error)
{
    told *t = context;
    (void)error;
    assert_int_equal(count, 2);
    assert_string_equal(params[0].value, "counter");
    weir_buffer_format(&t->said, "%s %.300s\n", sql, params[1].value);
    t->statements += strcmp(sql, "append_many") == 0;
    return true;
}

static const weir_rows *query(void *context, const char *sql, const weir_param *params, int count,
                              weir_error *error)
{
    told *t = context;
    static weir_rows rows;
    assert_true(exec(context, sql, params, count, error));
    if (strcmp(sql, "command_executed") == 0)
        rows = (weir_rows){t->executed ? 1 : 0, 1, &t->executed};
    else
        rows = (weir_rows){t->no_streams ? 0 : 1, WEIR_EXECUTOR_COLUMNS, stored};
    return &rows;
}

static void at(void *context, size_t event)
{
    ((told *)context)->at = event;
}

typedef struct counter {
    int64_t sum;
} counter;

static bool apply(void *state, const weir_event *event, weir_error *error)
{
    long by;
    if (sscanf(event->data, "{\"by\": %ld", &by) != 1)
        return weir_fail(error, WEIR_FATE_POISON, "it does not say by what");
    ((counter *)state)->sum += by;
    return true;
}

static const weir_aggregate_class counter_class = {
    .type = "counter", .size = sizeof(counter), .apply = apply};

static bool target(const weir_event *request, char id[WEIR_ID_SIZE], weir_error *error)
{
    if (strcmp(request->data, "who") == 0)
        return weir_fail(error, WEIR_FATE_POISON, "nobody");
    if (strcmp(request->data, "long") == 0)
        memset(id, 'x', WEIR_ID_SIZE);
    else
        snprintf(id, WEIR_ID_SIZE, "%s", request->aggregate_id);
    return true;
}

/* Adds as much as there is. */
static bool execute(weir_aggregate *aggregate, const weir_event *request, weir_error *error)
{
    const counter *self = weir_aggregate_state(aggregate);
    static char data[600000];
    const bool large = strcmp(request->data, "large") == 0;
    if (strcmp(request->data, "nothing") == 0)
        return true;
    int length = snprintf(data, sizeof data, "{\"by\": %ld, \"text\": \"%0*d\"}",
                          (long)self->sum + 1, large ? 500000 : 1, 0);
    const weir_new_event added = {
        .type = "counter.added", .data = data, .data_length = (size_t)length};
    return weir_aggregate_raise(aggregate, &added, error);
}

static const weir_plugin_command command = {.name = "counters",
                                            .from = "wish",
                                            .on = "*",
                                            .aggregate = &counter_class,
                                            .target = target,
                                            .execute = execute};

static weir_event wish(const char *id, const char *data)
{
    return (weir_event){.aggregate_type = "wish",
                        .aggregate_id = id,
                        .id = weir_uuid_new(),
                        .type = "wish.made",
                        .data = data,
                        .data_length = strlen(data),
                        .metadata = "{\"correlationid\": \"c-1\"}",
                        .metadata_length = 24};
}

static bool run(told *t, const weir_event *wishes, size_t count, weir_error *error)
{
    weir_transaction transaction = {exec, query, at, t};
    t->said = WEIR_BUFFER(1 << 20);
    return weir_executor_apply((void *)&command, &transaction, wishes, count, error);
}

static void requests_to_one_aggregate_see_each_other(void **state)
{
    (void)state;
    told t = {0};
    weir_error error;
    const weir_event wishes[] = {wish("b", "1"), wish("a", "1"), wish("", "for nobody"),
                                 wish("a", "1")};
    assert_true(run(&t, wishes, 4, &error));
    assert_non_null(strstr(t.said.data, "command_streams [\"a\",\"b\"]\n"));
    assert_non_null(strstr(t.said.data, "append_many [{\"id\":\"a\",\"version\":1,\"events\":["));
    assert_non_null(strstr(t.said.data, "\"data\":{\"by\": 6, "));
    assert_int_equal(t.statements, 1);
    assert_true(t.at == SIZE_MAX);
    weir_buffer_free(&t.said);
}

static void what_was_executed_reaches_no_code(void **state)
{
    (void)state;
    char id[WEIR_UUID_TEXT];
    weir_error error;
    const weir_event wishes[] = {wish("a", "who")};
    weir_uuid_format(&wishes[0].id, id);
    told t = {.executed = id};
    assert_true(run(&t, wishes, 1, &error));
    assert_null(strstr(t.said.data, "command_streams"));
    assert_int_equal(t.statements, 0);
    weir_buffer_free(&t.said);
}

static void the_culprit_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *data, *why;
    } cases[] = {{"who", "nobody"},
                 {"long", "longer than an aggregate id"},
                 {"nothing", "it has raised nothing"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        told t = {.no_streams = true};
        weir_error error = {0};
        const weir_event wishes[] = {wish("a", "1"), wish("a", cases[i].data), wish("b", "1")};
        assert_false(run(&t, wishes, 3, &error));
        assert_non_null(strstr(error.message, cases[i].why));
        assert_int_equal(t.at, 1);
        assert_int_equal(t.statements, 0);
        weir_buffer_free(&t.said);
    }
}

static void much_is_appended_in_parts(void **state)
{
    (void)state;
    told t = {.no_streams = true};
    weir_error error;
    weir_event wishes[7];
    const char *const ids[] = {"g", "f", "e", "d", "c", "b", "a"};
    for (size_t i = 0; i < 7; i++)
        wishes[i] = wish(ids[i], "large");
    assert_true(run(&t, wishes, 7, &error));
    assert_int_equal(t.statements, 3);
    weir_buffer_free(&t.said);
}

static bool twice(void *context, const weir_event *event, weir_buffer *data, weir_error *error)
{
    (void)context, (void)error;
    weir_buffer_append(data, event->data, event->data_length);
    weir_buffer_append(data, event->data, event->data_length);
    return true;
}

static void rows_get_their_latest_form(void **state)
{
    (void)state;
    bool full;
    weir_event event;
    weir_error error;
    weir_arena *arena = weir_arena_new(1 << 16);
    weir_upcasters *upcasters = weir_upcasters_new();
    const char *row[] = {"a",  "7",    "1",         stored[3], "counter.drawn",  "1",
                         NULL, "AAE=", "image/png", "{}",      "1500000 1600000"};
    assert_true(weir_upcasters_add(upcasters, "counter.drawn", 1, 2, twice, NULL, &error));
    assert_true(
        weir_executor_row_upcast(row, WEIR_EXECUTOR_COLUMNS, upcasters, arena, &full, &error));
    assert_true(weir_executor_row_read(row, "counter", arena, &event, &error));
    assert_int_equal(event.schema_version, 2);
    assert_true(event.binary && event.data_length == 4);
    assert_memory_equal(event.data, "\0\1\0\1", 4);
    assert_int_equal(event.time_us, 1500000);
    assert_int_equal(event.recorded_at_us, 1600000);
    assert_false(weir_executor_row_upcast(row, 3, upcasters, arena, &full, &error));
    weir_arena *small = weir_arena_new(64);
    row[5] = "1";
    row[7] =
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
    assert_false(
        weir_executor_row_upcast(row, WEIR_EXECUTOR_COLUMNS, upcasters, small, &full, &error));
    assert_true(full);
    weir_arena_free(small);
    weir_arena_free(arena);
    weir_upcasters_free(upcasters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_to_one_aggregate_see_each_other),
        cmocka_unit_test(what_was_executed_reaches_no_code),
        cmocka_unit_test(the_culprit_is_named),
        cmocka_unit_test(much_is_appended_in_parts),
        cmocka_unit_test(rows_get_their_latest_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
