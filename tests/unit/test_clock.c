/* Clock: RFC 3339 both ways, against the C library's calendar and a corpus of bad input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static void expect_time(const char *text, int64_t wanted)
{
    int64_t time_us = 0;
    weir_error error;
    if (!weir_clock_parse(text, strlen(text), &time_us, &error))
        fail_msg("%s", error.message);
    if (time_us != wanted)
        fail_msg("%s is %lld, not %lld", text, (long long)time_us, (long long)wanted);
}

static void expect_text(int64_t time_us, const char *wanted)
{
    char text[WEIR_TIME_TEXT];
    size_t length = weir_clock_format(time_us, text);
    assert_string_equal(text, wanted);
    assert_int_equal(length, strlen(wanted));
}

#define S INT64_C(1000000)

static void test_parse(void **state)
{
    (void)state;
    expect_time("1970-01-01T00:00:00Z", 0);
    expect_time("2010-10-02T07:20:39.266Z", INT64_C(1286004039266000));
    expect_time("2010-10-02t09:20:39.266+02:00", INT64_C(1286004039266000));
    expect_time("2010-10-01T21:50:39.266-09:30", INT64_C(1286004039266000));
    expect_time("1970-01-01T00:00:00-00:00", 0);
    expect_time("1970-01-01T00:00:00+23:59", -86340 * S);
    expect_time("1969-12-31T23:59:59.999999z", -1);
    expect_time("2000-02-29T00:00:00Z", 951782400 * S);
    expect_time("2024-02-29T12:00:00Z", 1709208000 * S);
    expect_time("0001-01-01T00:00:00Z", INT64_C(-62135596800) * S);
    expect_time("9999-12-31T23:59:59.999999Z", INT64_C(253402300800) * S - 1);
}

static void test_fractions_are_cut_off(void **state)
{
    (void)state;
    expect_time("1970-01-01T00:00:00.1Z", 100000);
    expect_time("1970-01-01T00:00:00.0000019999999999999999999999999999Z", 1);
    expect_time("1970-01-01T00:00:00.123456789+00:00", 123456);
}

static void test_leap_second_counts_as_the_one_before(void **state)
{
    (void)state;
    expect_time("2016-12-31T23:59:60Z", 1483228799 * S);
    expect_time("2017-01-01T01:59:60.5+02:00", 1483228799 * S + 500000);
    expect_time("2016-12-31T15:59:60-08:00", 1483228799 * S);
}

static void test_bad_input(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2010",
        "2010-10-02",
        "2010-10-02T07:20:39",
        "2010-10-02 07:20:39Z",
        "2010-10-02T07:20Z",
        "2010-10-02T07:20:39,5Z",
        "2010-10-02T07:20:39.Z",
        "2010-10-02T07:20:39.5",
        "2010-10-02T07:20:39Zx",
        "2010-10-02T07:20:39Z ",
        " 2010-10-02T07:20:39Z",
        "2010-10-02T07:20:39+0200",
        "2010-10-02T07:20:39+02",
        "2010-10-02T07:20:39+24:00",
        "2010-10-02T07:20:39+02:60",
        "2010-10-02T07:20:39 +02:00",
        "2010-10-02T24:00:00Z",
        "2010-10-02T07:60:00Z",
        "2010-10-02T07:20:60Z",
        "2010-10-02T23:59:61Z",
        "2010-02-30T00:00:00Z",
        "2011-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2010-04-31T00:00:00Z",
        "2010-00-01T00:00:00Z",
        "2010-13-01T00:00:00Z",
        "2010-01-00T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "-010-10-02T07:20:39Z",
        "+2010-10-02T07:20:39Z",
        "2010-1-02T07:20:39Z",
        "20101002T072039Z",
        "\xd9\xa2\xd9\xa0-10-02T07:20:39Z",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        int64_t time_us = 42;
        weir_error error;
        if (weir_clock_parse(bad[i], strlen(bad[i]), &time_us, &error))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(error.fate, WEIR_FATE_POISON);
        assert_int_equal(time_us, 42);
    }
}

/* Every prefix of a good time, without a NUL behind it: a sanitizer sees a read too far. */
static void test_every_prefix_is_refused(void **state)
{
    (void)state;
    const char *whole = "2010-10-02T07:20:39.266+02:00";
    for (size_t length = 0; length < strlen(whole); length++) {
        char *prefix = weir_malloc(length);
        memcpy(prefix, whole, length);
        int64_t time_us;
        weir_error error;
        assert_false(weir_clock_parse(prefix, length, &time_us, &error));
        free(prefix);
    }
}

static void test_format(void **state)
{
    (void)state;
    expect_text(0, "1970-01-01T00:00:00Z");
    expect_text(-1, "1969-12-31T23:59:59.999999Z");
    expect_text(1000, "1970-01-01T00:00:00.001Z");
    expect_text(1001, "1970-01-01T00:00:00.001001Z");
    expect_text(INT64_C(1286004039266000), "2010-10-02T07:20:39.266Z");
    expect_text(INT64_MIN, "0001-01-01T00:00:00Z");
    expect_text(INT64_MAX, "9999-12-31T23:59:59.999999Z");
}

/* The days of some 400-year cycles, each there and back and as the C library sees them. */
static void test_agrees_with_the_calendar(void **state)
{
    (void)state;
    for (int64_t day = -719162; day <= 2932896; day += 97) {
        int64_t time_us = day * 86400 * S + 45296123456;
        char text[WEIR_TIME_TEXT], wanted[80];
        size_t length = weir_clock_format(time_us, text);
        time_t seconds = (time_t)(day * 86400 + 45296);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        snprintf(wanted, sizeof(wanted), "%04d-%02d-%02dT12:34:56.123456Z", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday);
        assert_string_equal(text, wanted);
        int64_t back;
        weir_error error;
        assert_true(weir_clock_parse(text, length, &back, &error));
        assert_true(back == time_us);
    }
}

static void test_clocks_run(void **state)
{
    (void)state;
    int64_t before = weir_clock_monotonic_us();
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    assert_true(weir_clock_monotonic_us() - before >= 2000);
    int64_t apart = weir_clock_now_us() / S - (int64_t)time(NULL);
    assert_true(apart >= -1 && apart <= 1);
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds; /* -1: refused */
    } rows[] = {
        {"5000ms", 5},
        {"0s", 0},
        {"90s", 90},
        {"15m", 900},
        {"1h", 3600},
        {"7d", 604800},
        {"", -1},
        {"s", -1},
        {"90", -1},
        {"1w", -1},
        {"1sm", -1},
        {"1hh", -1},
        {"-1s", -1},
        {"1 h", -1},
        {" 1h", -1},
        {"1.5h", -1},
        {"366000d", 31622400000},
        {"366001d", -1},
        {"9999999999999999999999s", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t us = -1000000;
        weir_error error = {0};
        assert_int_equal(weir_duration_parse(rows[i].text, &us, &error), rows[i].seconds >= 0);
        assert_int_equal(us, rows[i].seconds * 1000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_fractions_are_cut_off),
        cmocka_unit_test(test_leap_second_counts_as_the_one_before),
        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_agrees_with_the_calendar),
        cmocka_unit_test(test_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
