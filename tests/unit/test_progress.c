/* The progress line: what it says, and what it leaves out where it does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/progress.h"

static void says(const char *wanted, int64_t done, int64_t total, double rate, int columns)
{
    weir_buffer text = WEIR_BUFFER(1000);
    weir_progress_line(&text, "order", "records", done, total, rate, columns);
    assert_string_equal(text.data, wanted);
    weir_buffer_free(&text);
}

static void a_wide_terminal_shows_all_of_it(void **state)
{
    (void)state;
    says("order [############............] 50% 1,000 of 2,000 records, 250/s, 0:04 left", 1000,
         2000, 250, 120);
    says("order [########################] 100% 2,000 of 2,000 records, 250/s", 2000, 2000, 250,
         120);
}

static void a_narrow_one_the_most_wanted(void **state)
{
    (void)state;
    says("order 50% 1,000 of 2,000 records, 250/s, 0:04 left", 1000, 2000, 250, 80);
    says("order 50% 1,000 of 2,000 records", 1000, 2000, 250, 40);
}

static void without_a_total_there_is_no_share(void **state)
{
    (void)state;
    says("order 1,234,567 records, 1,000/s", 1234567, 0, 1000, 120);
    says("order 0 records", 0, 0, 0, 120);
}

static void a_long_time_has_hours(void **state)
{
    (void)state;
    says("order 0% 10 of 72,010 records, 10/s, 2:00:00 left", 10, 72010, 10, 80);
}

static void more_than_the_total_is_all(void **state)
{
    (void)state;
    says("order 100% 30 of 20 records, 10/s", 30, 20, 10, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wide_terminal_shows_all_of_it),
        cmocka_unit_test(a_narrow_one_the_most_wanted),
        cmocka_unit_test(without_a_total_there_is_no_share),
        cmocka_unit_test(a_long_time_has_hours),
        cmocka_unit_test(more_than_the_total_is_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
