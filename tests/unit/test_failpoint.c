/* Failpoints: names, and (where compiled in) kill, sleep, error, nth pass, refused texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/failpoint.h"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(weir_failpoint_name(WEIR_FP_relay_after_lock), "relay_after_lock");
    for (int i = 0; i < WEIR_FP_COUNT; i++)
        assert_non_null(weir_failpoint_name((weir_failpoint)i));
    assert_null(weir_failpoint_name(WEIR_FP_COUNT));
}

#ifdef WEIR_FAILPOINTS

/* passes runs two points three times each in a child armed with text; bit n of its exit status
 * tells whether pass n of relay_after_ack failed. Returns the status that waitpid gave. */
static int passes(const char *text)
{
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(99);
        signal(SIGABRT, SIG_DFL); /* not the test runner's handler */
        setenv("WEIR_FAILPOINT", text, 1);
        int failed = 0;
        for (int pass = 0; pass < 3; pass++) {
            failed |= WEIR_FAILPOINT(relay_after_ack) << pass;
            failed |= WEIR_FAILPOINT(consumer_after_commit) << (pass + 3);
        }
        _exit(failed);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

static void expect_exit(const char *text, int wanted)
{
    int status = passes(text);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
        fail_msg("'%s': status 0x%x, wanted exit %d", text, (unsigned)status, wanted);
}

static void expect_signal(const char *text, int wanted)
{
    int status = passes(text);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != wanted)
        fail_msg("'%s': status 0x%x, wanted signal %d", text, (unsigned)status, wanted);
}

static void test_error_from_the_nth_pass_on(void **state)
{
    (void)state;
    expect_exit("", 0);
    expect_exit("relay_after_ack=error", 7);
    expect_exit("relay_after_ack=error@2", 6);
    expect_exit("relay_after_ack=error@4", 0);
    expect_exit("relay_after_ack=error@3,consumer_after_commit=error@1", 4 + 56);
}

static void test_kill(void **state)
{
    (void)state;
    expect_signal("relay_after_ack=kill", SIGKILL);
    expect_signal("relay_after_ack=kill@3", SIGKILL);
    expect_exit("relay_after_ack=kill@4", 0);
}

static void test_sleep(void **state)
{
    (void)state;
    int64_t before = weir_clock_monotonic_us();
    expect_exit("relay_after_ack=sleep:30@2", 0); /* two passes of three */
    int64_t took = weir_clock_monotonic_us() - before;
    assert_true(took >= 60000);
}

static void test_bad_texts_abort(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "relay",
        "relay_after_ac=kill",
        "relay_after_ack",
        "relay_after_ack=",
        "relay_after_ack=die",
        "relay_after_ack=kill@",
        "relay_after_ack=kill@0",
        "relay_after_ack=kill@x",
        "relay_after_ack=sleep",
        "relay_after_ack=sleep:",
        "relay_after_ack=sleep:-1",
        "relay_after_ack=sleep:5x",
        "relay_after_ack=kill,",
        "relay_after_ack=kill ,consumer_after_commit=kill",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        expect_signal(bad[i], SIGABRT);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
#ifdef WEIR_FAILPOINTS
        cmocka_unit_test(test_error_from_the_nth_pass_on),
        cmocka_unit_test(test_kill),
        cmocka_unit_test(test_sleep),
        cmocka_unit_test(test_bad_texts_abort),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
