/* When a snapshot is due, at every boundary; and the text that says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "store/snapshot_policy.h"

#define HOUR ((int64_t)3600 * 1000000)

/* A row: the policy, the aggregate, the load, and the answer. */
static const struct row {
    const char *policy;
    int64_t version, last_version, last_us, replayed, load_us, now_us;
    bool due;
} rows[] = {
    {"none", 1000000, 0, 0, 1000000, 10 * HOUR, HOUR, false},
    /* auto: under 50 none, 50 to 200 every 100, to 1,000 every 200, beyond every 500 */
    {"auto", 1, 0, 0, 0, 0, 0, false},
    {"auto", 49, 0, 0, 0, 0, 0, false},
    {"auto", 50, 0, 0, 0, 0, 0, false},
    {"auto", 99, 0, 0, 0, 0, 0, false},
    {"auto", 100, 0, 0, 0, 0, 0, true},
    {"auto", 199, 100, 0, 0, 0, 0, false},
    {"auto", 200, 100, 0, 0, 0, 0, true},
    {"auto", 201, 101, 0, 0, 0, 0, false},
    {"auto", 300, 101, 0, 0, 0, 0, false},
    {"auto", 301, 101, 0, 0, 0, 0, true},
    {"auto", 1000, 801, 0, 0, 0, 0, false},
    {"auto", 1000, 800, 0, 0, 0, 0, true},
    {"auto", 1001, 801, 0, 0, 0, 0, false},
    {"auto", 1300, 801, 0, 0, 0, 0, false},
    {"auto", 1301, 801, 0, 0, 0, 0, true},
    {"auto", 1000000, 999501, 0, 0, 0, 0, false},
    {"auto", 1000000, 999500, 0, 0, 0, 0, true},
    {"auto", 1000000, 1000000, 0, 0, 0, 0, false},
    {"auto", 150, 60, 0, 500, HOUR, HOUR, false}, /* a slow load is not its business */
    /* every N */
    {"every:10", 9, 0, 0, 0, 0, 0, false},
    {"every:10", 10, 0, 0, 0, 0, 0, true},
    {"every:10", 25, 16, 0, 0, 0, 0, false},
    {"every:10", 25, 15, 0, 0, 0, 0, true},
    {"every:1", 7, 7, 0, 0, 0, 0, false},
    {"every:1", 8, 7, 0, 0, 0, 0, true},
    /* by age; none yet is older than any */
    {"age:1h", 5, 4, HOUR, 0, 0, 2 * HOUR - 1, false},
    {"age:1h", 5, 4, HOUR, 0, 0, 2 * HOUR, true},
    {"age:1h", 5, 5, HOUR, 0, 0, 9 * HOUR, false},
    {"age:1h", 1, 0, 0, 0, 0, 9 * HOUR, true},
    {"age:1h", 5, 4, 9 * HOUR, 0, 0, HOUR, false}, /* a clock that went back */
    /* lazily */
    {"lazy", 500, 0, 0, 100, 100000, 0, false},
    {"lazy", 500, 0, 0, 101, 0, 0, true},
    {"lazy", 500, 0, 0, 1, 100001, 0, true},
    {"lazy", 500, 500, 0, 101, 100001, 0, false},
    /* what is combined asks together; the latest snapshot may be ahead of what was loaded */
    {"every:50,lazy", 20, 0, 0, 20, 100001, 0, true},
    {"every:50, age:1h", 50, 0, HOUR, 0, 0, HOUR, true},
    {"auto,every:1000", 100, 0, 0, 0, 0, 0, true},
    {"every:1,lazy", 3, 9, 0, 500, HOUR, 0, false},
};

static void test_every_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        weir_snapshot_policy policy = {0};
        weir_error error = {0};
        if (!weir_snapshot_policy_parse(r->policy, &policy, &error))
            fail_msg("%s", error.message);
        if (weir_snapshot_due(&policy, r->version, r->last_version, r->last_us, r->replayed,
                              r->load_us, r->now_us) != r->due)
            fail_msg("row %zu: %s at %lld after %lld", i, r->policy, (long long)r->version,
                     (long long)r->last_version);
    }
}

static void test_the_text_is_read(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_snapshot_policy policy = {.keep = 7, .every = 3, .by_size = true};
    assert_true(weir_snapshot_policy_parse("every:250 , age:2d,lazy", &policy, &error));
    assert_false(policy.by_size);
    assert_true(policy.lazily);
    assert_int_equal(policy.every, 250);
    assert_int_equal(policy.age_us, 48 * HOUR);
    assert_int_equal(policy.keep, 7);
    assert_true(weir_snapshot_policy_parse("none", &policy, &error));
    assert_false(policy.lazily || policy.every || policy.age_us);
}

static void test_other_text_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "sometimes",
        "auto,",
        "none,auto",
        "auto,none",
        "every:",
        "every:0",
        "every:-1",
        "every:1x",
        "every: 5",
        "every:9999999999999999",
        "age:",
        "age:1",
        "age:0h",
        "age:1w",
        "Auto",
        "auto;lazy",
        ",",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_error error = {0};
        weir_snapshot_policy policy = {.every = 11};
        if (weir_snapshot_policy_parse(bad[i], &policy, &error))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(error.fate, WEIR_FATE_CONFIG);
        assert_non_null(strstr(error.message, "every:100"));
        assert_int_equal(policy.every, 11);
    }
}

static void test_the_setting_names_where_it_stands(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_snapshot_policy policy = {0};
    const char *overrides[] = {"snapshots.policy=weekly", "snapshots.keep=5"};
    weir_config *config = weir_config_load("/dev/null", overrides, 2, &error);
    assert_non_null(config);
    assert_false(weir_snapshot_policy_configure(config, &policy, &error));
    assert_non_null(strstr(error.message, "--set: snapshots.policy: 'weekly'"));
    weir_config_free(config);
    config = weir_config_load("/dev/null", NULL, 0, &error);
    assert_true(weir_snapshot_policy_configure(config, &policy, &error));
    assert_true(policy.by_size);
    assert_int_equal(policy.keep, 3);
    weir_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_the_text_is_read),
        cmocka_unit_test(test_other_text_is_refused_and_changes_nothing),
        cmocka_unit_test(test_the_setting_names_where_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
