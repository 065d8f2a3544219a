/* The given/when/then kit: what holds, what does not, and how it says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char failed_with[8192];

static void remember(const char *file, int line, const char *message)
{
    assert_non_null(file);
    assert_true(line > 0);
    strncpy(failed_with, message, sizeof failed_with - 1);
}

#define WEIR_SPECIFICATION_FAIL remember
#include "store/specification.h"

typedef struct counter {
    int events;
} counter;

static bool apply(void *state, const weir_event *event, weir_error *error)
{
    if (strcmp(event->type, "unknown") == 0)
        return weir_fail(error, WEIR_FATE_POISON, "no such event");
    ((counter *)state)->events++;
    return true;
}

static const weir_aggregate_class counters = {
    .type = "counter", .size = sizeof(counter), .apply = apply};

/* The argument is the data of the event to raise; NULL refuses, "" does nothing. */
static bool count(weir_aggregate *aggregate, const void *argument, weir_error *error)
{
    const char *data = argument;
    if (!data)
        return weir_fail_code(error, WEIR_FATE_POISON, WEIR_INVALID, "enough is enough");
    weir_new_event event = {.type = "counted", .data = data, .data_length = strlen(data)};
    return !*data || weir_aggregate_raise(aggregate, &event, error);
}

static bool is_two(const void *state)
{
    return ((const counter *)state)->events == 2;
}

#define HOLDS(...)                                                                                 \
    do {                                                                                           \
        failed_with[0] = '\0';                                                                     \
        weir_specify(&counters, __VA_ARGS__);                                                      \
        assert_string_equal(failed_with, "");                                                      \
    } while (0)
#define FAILS(message, ...)                                                                        \
    do {                                                                                           \
        failed_with[0] = '\0';                                                                     \
        weir_specify(&counters, __VA_ARGS__);                                                      \
        assert_string_equal(failed_with, message);                                                 \
    } while (0)

#define ONE weir_given(WEIR_FACT("counted", "{}"))

static void what_is_so_holds(void **state)
{
    (void)state;
    weir_message_context by_ada = {.user_id = "ada"};
    HOLDS(ONE, weir_when(count, "{\"a\":1,\"b\":[1.0,{}]}"),
          weir_then_events(WEIR_FACT("counted", " {\"b\": [1, {}], \"a\": 1e0}")));
    HOLDS(ONE, weir_when(count, "{}"), weir_then_state(is_two));
    HOLDS(weir_given(WEIR_FACT("counted", NULL), WEIR_FACT("counted", "{}")),
          weir_then_state(is_two));
    HOLDS(weir_given_nothing(), weir_when(count, ""), weir_then_nothing());
    HOLDS(ONE, weir_when(count, NULL), weir_then_refused("enough"));
    HOLDS(ONE, weir_when_in(count, "{}", &by_ada),
          weir_then_events({.type = "counted", .metadata = "{\"userid\": \"ada\"}"}));
}

static void what_is_not_so_is_said(void **state)
{
    (void)state;
    FAILS("given\n  {\"type\": \"counted\", \"data\": {}}\nwhen\n  count\n"
          "expected\n  {\"type\": \"counted\", \"data\": {\"a\": 2}}\n"
          "actual\n  {\"type\": \"counted\", \"data\": {\"a\": 1}}\n",
          ONE, weir_when(count, "{\"a\": 1}"),
          weir_then_events(WEIR_FACT("counted", "{\"a\": 2}")));
    FAILS("given\n  nothing\nwhen\n  count\nexpected\n  nothing\nactual\n"
          "  refused: enough is enough\n",
          weir_given_nothing(), weir_when(count, NULL), weir_then_nothing());
    FAILS("given\n  nothing\nwhen\n  count\nexpected\n  refused: no\nactual\n"
          "  {\"type\": \"counted\", \"data\": {}}\n",
          weir_given_nothing(), weir_when(count, "{}"), weir_then_refused("no"));
    FAILS("given\n  nothing\nwhen\n  count\nexpected\n  a state for which is_two\nactual\n"
          "  nothing\n  a state for which it is not so\n",
          weir_given_nothing(), weir_when(count, ""), weir_then_state(is_two));
    FAILS("given: counter/specified, version 1, unknown: no such event",
          weir_given(WEIR_FACT("unknown", "{}")), weir_then_state(is_two));
    FAILS("a specification without a then says nothing", ONE);
}

static void differences_that_matter_are_seen(void **state)
{
    (void)state;
    const char *others[] = {"{\"a\": 1, \"b\": 1}", "{}",           "{\"a\": \"1\"}", "[1]",
                            "{\"a\": 1.5}",         "{\"a\": [1]}", "{\"a\": true}",  "{\"b\": 1}"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        failed_with[0] = '\0';
        weir_specify(&counters, weir_when(count, "{\"a\": 1}"),
                     weir_then_events(WEIR_FACT("counted", others[i])));
        assert_non_null(strstr(failed_with, "actual"));
    }
    failed_with[0] = '\0';
    weir_specify(&counters, weir_when(count, "{}"),
                 weir_then_events(WEIR_FACT("counted", "{}"), WEIR_FACT("counted", "{}")));
    assert_non_null(strstr(failed_with, "actual"));
    failed_with[0] = '\0';
    weir_specify(&counters, weir_when(count, "{}"),
                 weir_then_events({.type = "counted", .schema_version = 2}));
    assert_non_null(strstr(failed_with, "actual"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_so_holds),
        cmocka_unit_test(what_is_not_so_is_said),
        cmocka_unit_test(differences_that_matter_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
