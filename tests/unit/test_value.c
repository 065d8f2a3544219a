/* Values: types, limits and choices of every row; the table itself is sound. */
#include "tests/unit/config_fixture.h"
#include <inttypes.h>

#include "config/config_int.h"

static bool assign(const char *name, const char *text, weir_error *error)
{
    weir_value value = {0};
    bool done = weir_value_assign(&value, &weir_settings[weir_setting_find(name)], text, "here",
                                  "here", error);
    weir_value_clear(&value);
    return done;
}

static void refuse(const char *name, const char *text, const char *message)
{
    weir_error error;
    if (assign(name, text, &error))
        fail_msg("%s took '%s'", name, text);
    assert_string_equal(error.message, message);
}

static void test_whole_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"", " 1", "1 ", "+1", "1.0", "1e3", "0x10", "six", "-", "1k"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char message[100];
        snprintf(message, sizeof message, "here: kafka.partitions must be a whole number, not '%s'",
                 bad[i]);
        refuse("kafka.partitions", bad[i], message);
    }
    refuse("kafka.partitions", "-1", "here: kafka.partitions must be from 1 to 10000, not -1");
    refuse("relay.cursor_ms", "99999999999999999999",
           "here: relay.cursor_ms must be from 10 to 60000 ms, not 99999999999999999999");
}

static void test_choices(void **state)
{
    (void)state;
    refuse("log.level", "debgu",
           "here: log.level must be one of error|warn|info|debug, not 'debgu'; did you mean "
           "'debug'?");
    refuse("log.level", "error|warn",
           "here: log.level must be one of error|warn|info|debug, not 'error|warn'");
    refuse("log.format", "", "here: log.format must be one of logfmt|json, not ''");
}

/* Both ends of every number are taken, and the numbers beyond them are not. */
static void test_limits_of_every_row(void **state)
{
    (void)state;
    for (const weir_setting *s = weir_settings; s->name; s++) {
        if (s->type != WEIR_SETTING_INTEGER)
            continue;
        weir_error error;
        const int64_t texts[] = {s->least, s->most, s->least - 1, s->most + 1};
        for (size_t i = 0; i < 4; i++) {
            char text[32];
            snprintf(text, sizeof text, "%" PRId64, texts[i]);
            if (assign(s->name, text, &error) != (i < 2))
                fail_msg("%s = %s", s->name, text);
        }
    }
}

static void test_every_row_is_sound(void **state)
{
    (void)state;
    for (const weir_setting *s = weir_settings; s->name; s++) {
        weir_error error;
        assert_non_null(strchr(s->name, '.'));
        assert_true(s->doc && *s->doc);
        assert_non_null(s->unit);
        assert_null(strchr(s->doc, '|')); /* it would break the reference's table */
        assert_int_equal(weir_setting_find(s->name), s - weir_settings);
        assert_int_equal(s->choices != NULL, s->type == WEIR_SETTING_CHOICE);
        if (s->preset && !assign(s->name, s->preset, &error))
            fail_msg("%s", error.message);
        if (s->type == WEIR_SETTING_INTEGER)
            assert_true((s->preset || strchr(s->name, '*')) && s->least < s->most);
    }
    assert_int_equal(weir_setting_find("kafka"), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_limits_of_every_row),
        cmocka_unit_test(test_every_row_is_sound),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
