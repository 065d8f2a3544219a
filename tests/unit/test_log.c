/* Log: levels, logfmt quoting, JSON escaping, bounded lines, whole lines from threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static char *output;
static int saved_stderr = -1;
static FILE *captured;

static void capture(void)
{
    fflush(stderr);
    captured = tmpfile();
    assert_non_null(captured);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

/* release returns what was written since capture, without the time, which differs. */
static const char *release(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    long size = lseek(fileno(captured), 0, SEEK_END);
    free(output);
    output = calloc(1, (size_t)size + 1);
    assert_int_equal(pread(fileno(captured), output, (size_t)size, 0), size);
    fclose(captured);
    return output;
}

static const char *after_time(const char *line)
{
    const char *level = strstr(line, "level");
    assert_non_null(level);
    return level;
}

static void test_logfmt(void **state)
{
    (void)state;
    weir_log_setup(WEIR_LOG_INFO, false);
    capture();
    WEIR_INFO("relay", "main", "published", WEIR_NUMBER("events", 500),
              WEIR_TEXT("topic", "weir.user"));
    const char *line = release();
    assert_memory_equal(line, "time=2", 6);
    assert_string_equal(after_time(line),
                        "level=info relay=main msg=\"published\" events=500 topic=weir.user\n");
}

static void test_logfmt_quoting(void **state)
{
    (void)state;
    weir_log_setup(WEIR_LOG_INFO, false);
    capture();
    WEIR_WARN("lane", "a b", "say \"hi\"\n", WEIR_TEXT("empty", ""), WEIR_TEXT("equals", "a=b"),
              WEIR_TEXT("path", "c:\\x"), WEIR_TEXT("utf8", "\xc3\xa4"),
              WEIR_NUMBER("least", INT64_MIN));
    assert_string_equal(
        after_time(release()),
        "level=warn lane=\"a b\" msg=\"say \\\"hi\\\"\\n\" empty=\"\" equals=\"a=b\" "
        "path=\"c:\\\\x\" utf8=\xc3\xa4 least=-9223372036854775808\n");
}

static void test_json(void **state)
{
    (void)state;
    weir_log_setup(WEIR_LOG_DEBUG, true);
    capture();
    WEIR_DEBUG("relay", "ma\"in", "two\nlines\x01", WEIR_NUMBER("n", -5), WEIR_TEXT("t", "a\\b"));
    const char *line = release();
    assert_memory_equal(line, "{\"time\":\"2", 10);
    assert_string_equal(strstr(line, "\"level\""),
                        "\"level\":\"debug\",\"relay\":\"ma\\\"in\",\"msg\":\"two\\nlines\\u0001\","
                        "\"n\":-5,\"t\":\"a\\\\b\"}\n");
}

static int evaluations;

static int64_t evaluate(void)
{
    return ++evaluations;
}

static void test_levels_that_are_off_cost_nothing(void **state)
{
    (void)state;
    weir_log_setup(WEIR_LOG_WARN, false);
    capture();
    WEIR_INFO("x", "y", "off", WEIR_NUMBER("n", evaluate()));
    WEIR_DEBUG("x", "y", "off");
    WEIR_ERROR("x", "y", "on", WEIR_NUMBER("n", evaluate()));
    assert_string_equal(after_time(release()), "level=error x=y msg=\"on\" n=1\n");
    assert_int_equal(evaluations, 1);
    assert_true(weir_log_enabled(WEIR_LOG_WARN));
    assert_false(weir_log_enabled(WEIR_LOG_INFO));
}

static void test_long_lines_stay_whole(void **state)
{
    (void)state;
    char text[10001];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    weir_log_setup(WEIR_LOG_INFO, true);
    capture();
    WEIR_INFO("a", "b", text, WEIR_TEXT("k1", text), WEIR_TEXT("k2", text), WEIR_TEXT("k3", text),
              WEIR_TEXT("k4", text), WEIR_NUMBER("last", 7));
    const char *line = release();
    size_t length = strlen(line);
    assert_true(length <= 16 * 1024 + 2);
    assert_non_null(strstr(line, "xx\xe2\x80\xa6\",\"k1\""));
    assert_null(strstr(line, "\"k4\""));
    assert_string_equal(line + length - 11, ",\"last\":7}\n");
}

#define LINES 500

static void *write_lines(void *name)
{
    for (int i = 0; i < LINES; i++)
        WEIR_INFO("thread", name, "a line of some length to be torn", WEIR_NUMBER("i", i));
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    weir_log_setup(WEIR_LOG_INFO, false);
    capture();
    pthread_t threads[4];
    static char names[4][2] = {"a", "b", "c", "d"};
    for (size_t t = 0; t < 4; t++)
        pthread_create(&threads[t], NULL, write_lines, names[t]);
    for (size_t t = 0; t < 4; t++)
        pthread_join(threads[t], NULL);
    release();
    int next[4] = {0}, lines = 0;
    char *rest = output;
    for (char *line = strsep(&rest, "\n"); rest; line = strsep(&rest, "\n"), lines++) {
        char name, extra;
        int i;
        assert_int_equal(sscanf(after_time(line),
                                "level=info thread=%c msg=\"a line of some length to be torn\" "
                                "i=%d%c",
                                &name, &i, &extra),
                         2);
        assert_int_equal(i, next[name - 'a']++);
    }
    assert_int_equal(lines, 4 * LINES);
}

static int free_output(void **state)
{
    (void)state;
    free(output);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logfmt),
        cmocka_unit_test(test_logfmt_quoting),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_levels_that_are_off_cost_nothing),
        cmocka_unit_test(test_long_lines_stay_whole),
        cmocka_unit_test(test_lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, free_output);
}
