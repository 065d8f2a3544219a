/* The command line against the table: paths, options anywhere, values, refusals with suggestions;
 * and the table against itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "app/command.h"

#define RESOLVE(arguments, error, ...)                                                             \
    resolve(arguments, error, (const char *[]){"weir", __VA_ARGS__, NULL})

static bool resolve(weir_arguments *arguments, weir_error *error, const char **words)
{
    int count = 0;
    while (words[count])
        count++;
    weir_arguments_free(arguments);
    weir_error_clear(error);
    return weir_command_resolve(count, (char **)(uintptr_t)words, arguments, error);
}

static void test_words_name_a_command_then_its_arguments(void **state)
{
    (void)state;
    weir_arguments arguments = {0};
    weir_error error;
    assert_true(RESOLVE(&arguments, &error, "stream", "show", "user", "u-1"));
    assert_string_equal(arguments.command->name, "stream show");
    assert_string_equal(weir_arguments_word(&arguments, 0), "user");
    assert_string_equal(weir_arguments_word(&arguments, 1), "u-1");
    assert_null(weir_arguments_word(&arguments, 2));
    assert_true(RESOLVE(&arguments, &error, "relay"));
    assert_string_equal(arguments.command->name, "relay");
    assert_true(RESOLVE(&arguments, &error, "relay", "status"));
    assert_string_equal(arguments.command->name, "relay status");
    weir_arguments_free(&arguments);
}

static void test_options_stand_anywhere_and_the_last_counts(void **state)
{
    (void)state;
    weir_arguments arguments = {0};
    weir_error error;
    assert_true(RESOLVE(&arguments, &error, "--config=a.yaml", "read", "--limit", "3", "user", "u",
                        "-o", "json", "--limit=7", "--backwards"));
    assert_string_equal(weir_arguments_text(&arguments, "config"), "a.yaml");
    assert_int_equal(weir_arguments_integer(&arguments, "limit"), 7);
    assert_string_equal(weir_arguments_text(&arguments, "output"), "json");
    assert_true(weir_arguments_flag(&arguments, "backwards"));
    assert_int_equal(arguments.word_count, 2);
    assert_true(RESOLVE(&arguments, &error, "stream", "list"));
    assert_int_equal(weir_arguments_integer(&arguments, "limit"), 1000);
    assert_false(weir_arguments_has(&arguments, "limit"));
    assert_true(RESOLVE(&arguments, &error, "read", "-ojsonl", "--", "user", "--limit"));
    assert_string_equal(weir_arguments_text(&arguments, "output"), "jsonl");
    assert_string_equal(weir_arguments_word(&arguments, 1), "--limit");
    assert_true(
        RESOLVE(&arguments, &error, "projection", "step", "--aggregate", "user", "-7", "p"));
    assert_string_equal(weir_arguments_text(&arguments, "aggregate"), "user");
    assert_string_equal(weir_arguments_second(&arguments, "aggregate"), "-7");
    assert_string_equal(weir_arguments_word(&arguments, 0), "p");
    assert_true(RESOLVE(&arguments, &error, "import", "-"));
    assert_string_equal(weir_arguments_word(&arguments, 0), "-");
    weir_arguments_free(&arguments);
}

static void test_what_is_unknown_is_refused_with_a_suggestion(void **state)
{
    (void)state;
    static const struct {
        const char *words[6];
        const char *says;
    } cases[] = {
        {{"weir", "apend"}, "did you mean 'append'"},
        {{"weir", "stream", "lst"}, "did you mean 'list'"},
        {{"weir", "stream"}, "needs a command"},
        {{"weir", "zzzzzzz"}, "unknown command 'zzzzzzz'\n"},
        {{"weir", "relay", "statu"}, "did you mean 'status'"},
        {{"weir", "migrate", "now"}, "unexpected argument 'now'"},
        {{"weir", "append", "user"}, "missing argument"},
        {{"weir", "stream", "show", "a", "b", "c"}, "unexpected argument 'c'"},
        {{"weir", "read", "--limti", "3"}, "did you mean '--limit'"},
        {{"weir", "read", "-x"}, "unknown option '-x'"},
        {{"weir", "read", "--limit"}, "needs a value"},
        {{"weir", "projection", "step", "p", "--aggregate", "user"}, "--aggregate TYPE ID"},
        {{"weir", "read", "--limit", "0"}, "whole number from 1"},
        {{"weir", "read", "--limit", "3x"}, "whole number from 1"},
        {{"weir", "projection", "rebuild", "--parallel", "65"},
         "whole number from 1 to 64, not '65'"},
        {{"weir", "read", "--limit=9223372036854775808"}, "whole number from 1"},
        {{"weir", "read", "--backwards=yes"}, "takes no value"},
        {{"weir", "read", "-o", "xml"}, "one of table|json|jsonl"},
        {{"weir", "--log-level", "inf"}, "one of error|warn|info|debug"},
        {{"weir", "relay", "--once", "status"}, "has no option --once"},
        {{"weir"}, "no command"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_arguments arguments = {0};
        weir_error error = {0};
        const char *words[7] = {0};
        memcpy(words, cases[i].words, sizeof cases[i].words);
        assert_false(resolve(&arguments, &error, words));
        if (!strstr(error.message, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", error.message, cases[i].says);
        assert_int_equal(error.code, WEIR_INVALID);
        weir_arguments_free(&arguments);
    }
}

static void test_help_needs_nothing_else(void **state)
{
    (void)state;
    weir_arguments arguments = {0};
    weir_error error;
    assert_true(RESOLVE(&arguments, &error, "append", "--help"));
    assert_true(weir_arguments_flag(&arguments, "help"));
    assert_true(RESOLVE(&arguments, &error, "stream", "-h"));
    assert_true(RESOLVE(&arguments, &error, "--version"));
    weir_arguments_free(&arguments);
}

/* Every command can be found by its path, stands below its group, and says what it does. */
static void test_the_table_is_whole(void **state)
{
    (void)state;
    for (const weir_command *command = weir_command_after(NULL); command;
         command = weir_command_after(command)) {
        const char *space = strrchr(command->name, ' ');
        assert_ptr_equal(weir_command_find(command->name), command);
        assert_true(*command->summary && *command->details);
        assert_true(!command->run || command->examples);
        assert_true(command->most < 0 || command->least <= command->most);
        if (!space)
            continue;
        char group[32] = {0};
        memcpy(group, command->name, (size_t)(space - command->name));
        assert_non_null(weir_command_find(group));
        assert_string_equal(weir_command_child(command, group), space + 1);
    }
    assert_null(weir_command_find("nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_name_a_command_then_its_arguments),
        cmocka_unit_test(test_options_stand_anywhere_and_the_last_counts),
        cmocka_unit_test(test_what_is_unknown_is_refused_with_a_suggestion),
        cmocka_unit_test(test_help_needs_nothing_else),
        cmocka_unit_test(test_the_table_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
