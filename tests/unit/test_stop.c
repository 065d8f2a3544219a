/* Stop: wakes every waiter, from a thread and from a signal handler; waits no shorter than asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/stop.h"

static weir_stop stop;

static int open_stop(void **state)
{
    (void)state;
    weir_error error;
    return weir_stop_open(&stop, &error) ? 0 : -1;
}

static int close_stop(void **state)
{
    (void)state;
    weir_stop_close(&stop);
    return 0;
}

static void test_waits_its_time(void **state)
{
    (void)state;
    int64_t before = weir_clock_monotonic_us();
    assert_false(weir_stop_wait(&stop, 30));
    assert_true(weir_clock_monotonic_us() - before >= 30000);
    assert_false(weir_stop_wait(&stop, 0));
    assert_false(weir_stop_wait(&stop, -5));
    assert_false(weir_stop_requested(&stop));
}

static void *wait_long(void *woken)
{
    *(bool *)woken = weir_stop_wait(&stop, 60000);
    return NULL;
}

static void test_wakes_all_waiters(void **state)
{
    (void)state;
    pthread_t threads[3];
    bool woken[3] = {false};
    int64_t before = weir_clock_monotonic_us();
    for (size_t t = 0; t < 3; t++)
        pthread_create(&threads[t], NULL, wait_long, &woken[t]);
    assert_false(weir_stop_wait(&stop, 20));
    weir_stop_request(&stop);
    weir_stop_request(&stop);
    for (size_t t = 0; t < 3; t++) {
        pthread_join(threads[t], NULL);
        assert_true(woken[t]);
    }
    assert_true(weir_clock_monotonic_us() - before < 20000000);
    assert_true(weir_stop_requested(&stop));
    assert_true(weir_stop_wait(&stop, 0));
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
    weir_stop_request(&stop);
}

static void ignore_alarm(int signal_number)
{
    (void)signal_number;
}

static void alarm_in_20_ms(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 20000}, NULL);
}

static void test_signal_handler_requests(void **state)
{
    (void)state;
    alarm_in_20_ms(on_alarm);
    assert_true(weir_stop_wait(&stop, 60000));
}

static void test_other_signals_do_not_shorten_the_wait(void **state)
{
    (void)state;
    int64_t before = weir_clock_monotonic_us();
    alarm_in_20_ms(ignore_alarm);
    assert_false(weir_stop_wait(&stop, 60));
    assert_true(weir_clock_monotonic_us() - before >= 60000);
}

static void test_request_keeps_errno(void **state)
{
    (void)state;
    weir_stop closed = {.event = -1};
    errno = EDOM;
    weir_stop_request(&closed);
    assert_int_equal(errno, EDOM);
    assert_true(weir_stop_requested(&closed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_waits_its_time, open_stop, close_stop),
        cmocka_unit_test_setup_teardown(test_wakes_all_waiters, open_stop, close_stop),
        cmocka_unit_test_setup_teardown(test_signal_handler_requests, open_stop, close_stop),
        cmocka_unit_test_setup_teardown(test_other_signals_do_not_shorten_the_wait, open_stop,
                                        close_stop),
        cmocka_unit_test(test_request_keeps_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
