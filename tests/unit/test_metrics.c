/* Metrics: exposition text, escaping, cumulative buckets, updates from threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/metrics.h"

static const weir_metric_info events = {"weir_b_events_total", "Events.\nAll of \\ them.",
                                        WEIR_COUNTER, "topic"};
static const weir_metric_info gauge = {"weir_a_lag_seconds", "Lag.", WEIR_GAUGE, NULL};
static const weir_metric_info wait_time = {"weir_c_wait_seconds", "Waits.", WEIR_HISTOGRAM, "lane"};
static const weir_metric_info shared = {"weir_d_shared_total", "Shared.", WEIR_COUNTER, NULL};
static const weir_metric_info timing = {"weir_e_timing_seconds", "Timing.", WEIR_HISTOGRAM, NULL};

static weir_buffer rendered = WEIR_BUFFER(1 << 20);

static const char *render(void)
{
    weir_buffer_clear(&rendered);
    weir_metrics_render(&rendered);
    return rendered.data;
}

static void expect_line(const char *line)
{
    const char *text = render();
    const char *found = strstr(text, line);
    if (!found || (found > text && found[-1] != '\n'))
        fail_msg("no line '%s' in:\n%s", line, text);
}

static void test_nothing_renders_nothing(void **state)
{
    (void)state;
    render();
    assert_int_equal(rendered.length, 0);
}

static void test_series_are_found_again_and_sorted(void **state)
{
    (void)state;
    weir_metric *b = weir_metrics_series(&events, "b");
    weir_metric *a = weir_metrics_series(&events, "a");
    assert_ptr_equal(weir_metrics_series(&events, "b"), b);
    assert_ptr_not_equal(a, b);
    weir_metric_add(a, 1);
    weir_metric_add(b, 2.5);
    weir_metric_add(b, 1e15);
    weir_metric_set(weir_metrics_series(&gauge, NULL), 0.1);
    assert_ptr_equal(weir_metrics_series(&gauge, "ignored"), weir_metrics_series(&gauge, NULL));
    assert_string_equal(render(), "# HELP weir_a_lag_seconds Lag.\n"
                                  "# TYPE weir_a_lag_seconds gauge\n"
                                  "weir_a_lag_seconds 0.1\n"
                                  "# HELP weir_b_events_total Events.\\nAll of \\\\ them.\n"
                                  "# TYPE weir_b_events_total counter\n"
                                  "weir_b_events_total{topic=\"a\"} 1\n"
                                  "weir_b_events_total{topic=\"b\"} 1000000000000002.5\n");
}

static void test_two_labels(void **state)
{
    (void)state;
    static const weir_metric_info staged = {"weir_a_lag_events", "Lag.", WEIR_GAUGE, "relay,stage"};
    weir_metric_set(weir_metrics_series(&staged, "ma\"in" WEIR_LABEL_NEXT "broker"), 3);
    expect_line("weir_a_lag_events{relay=\"ma\\\"in\",stage=\"broker\"} 3\n");
}

static void test_label_values_are_escaped(void **state)
{
    (void)state;
    weir_metric_add(weir_metrics_series(&events, "q\"b\\n\nx"), 3);
    expect_line("weir_b_events_total{topic=\"q\\\"b\\\\n\\nx\"} 3\n");
}

static void test_special_values(void **state)
{
    (void)state;
    weir_metric *metric = weir_metrics_series(&gauge, NULL);
    weir_metric_set(metric, INFINITY);
    expect_line("weir_a_lag_seconds +Inf\n");
    weir_metric_set(metric, -INFINITY);
    expect_line("weir_a_lag_seconds -Inf\n");
    weir_metric_set(metric, NAN);
    expect_line("weir_a_lag_seconds NaN\n");
    weir_metric_set(metric, 1.0 / 3);
    expect_line("weir_a_lag_seconds 0.33333333333333331\n");
    weir_metric_set(metric, -4);
    expect_line("weir_a_lag_seconds -4\n");
}

/* A value on a bound belongs to that bound's bucket; each bucket holds all below it. */
static void test_histogram_is_cumulative(void **state)
{
    (void)state;
    weir_metric *metric = weir_metrics_series(&wait_time, "x");
    static const double values[] = {0, 0.001, 0.0011, 0.5, 60, 61, 1e9};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        weir_metric_observe(metric, values[i]);
    expect_line("weir_c_wait_seconds_bucket{lane=\"x\",le=\"0.001\"} 2\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"0.002\"} 3\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"0.005\"} 3\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"0.01\"} 3\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"0.02\"} 3\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"0.05\"} 3\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"0.1\"} 3\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"0.2\"} 3\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"0.5\"} 4\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"1\"} 4\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"2\"} 4\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"5\"} 4\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"10\"} 4\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"20\"} 4\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"50\"} 4\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"60\"} 5\n"
                "weir_c_wait_seconds_bucket{lane=\"x\",le=\"+Inf\"} 7\n"
                "weir_c_wait_seconds_sum{lane=\"x\"} 1000000121.5021\n"
                "weir_c_wait_seconds_count{lane=\"x\"} 7\n");
}

static void *update(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10000; i++) {
        weir_metric_add(weir_metrics_series(&shared, NULL), 1);
        weir_metric_observe(weir_metrics_series(&timing, NULL), 0.25);
    }
    return NULL;
}

static void test_updates_of_threads_add_up(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t t = 0; t < 4; t++)
        pthread_create(&threads[t], NULL, update, NULL);
    for (int i = 0; i < 50; i++)
        render();
    for (size_t t = 0; t < 4; t++)
        pthread_join(threads[t], NULL);
    assert_true(weir_metric_value(weir_metrics_series(&shared, NULL)) > 39999.5);
    expect_line("weir_d_shared_total 40000\n");
    expect_line("weir_e_timing_seconds_sum 10000\n");
    expect_line("weir_e_timing_seconds_bucket{le=\"0.2\"} 0\n");
    expect_line("weir_e_timing_seconds_count 40000\n");
}

static int free_buffer(void **state)
{
    (void)state;
    weir_buffer_free(&rendered);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_renders_nothing),
        cmocka_unit_test(test_series_are_found_again_and_sorted),
        cmocka_unit_test(test_two_labels),
        cmocka_unit_test(test_label_values_are_escaped),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_histogram_is_cumulative),
        cmocka_unit_test(test_updates_of_threads_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, free_buffer);
}
