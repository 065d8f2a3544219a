/* Tables and JSON rows: alignment, escapes, empty results, rows beyond the sample, failed writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/table.h"

static const weir_column columns[] = {
    {"name", "NAME", false}, {"count", "COUNT", true}, {"hidden", NULL, true}, {0}};

/* written returns what the rows look like; rows are {text, number} until a NULL text. */
static char *written(weir_shape format, bool object, const char *const *names, size_t count)
{
    FILE *file = tmpfile();
    weir_output output = WEIR_OUTPUT(fileno(file));
    weir_error error;
    weir_table *table = weir_table_new(&output, format, columns);
    if (object)
        weir_table_object(table);
    for (size_t i = 0; i < count; i++) {
        weir_table_text(table, names[i]);
        weir_table_number(table, (int64_t)i * 1000);
        weir_table_bool(table, i == 0);
    }
    weir_table_end(table);
    assert_true(weir_output_flush(&output, &error));
    weir_output_free(&output);
    off_t size = lseek(fileno(file), 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    lseek(fileno(file), 0, SEEK_SET);
    assert_int_equal(read(fileno(file), text, (size_t)size), size);
    fclose(file);
    return text;
}

static void assert_written(weir_shape format, bool object, const char *const *names, size_t count,
                           const char *expected)
{
    char *text = written(format, object, names, count);
    assert_string_equal(text, expected);
    free(text);
}

static void test_a_table_is_aligned_and_escaped(void **state)
{
    (void)state;
    assert_written(WEIR_SHAPE_TABLE, false,
                   (const char *[]){"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", NULL, "a\x1b[0m\n"},
                   3,
                   "NAME          COUNT\n"
                   "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9             0\n"
                   "               1000\n"
                   "a\\x1b[0m\\x0a   2000\n");
    assert_written(WEIR_SHAPE_TABLE, false, NULL, 0, "NAME  COUNT\n");
}

static void test_json_rows(void **state)
{
    (void)state;
    const char *const names[] = {"a\"\n", NULL};
    assert_written(WEIR_SHAPE_JSON, false, names, 2,
                   "[\n {\"name\":\"a\\\"\\n\",\"count\":0,\"hidden\":true},\n"
                   " {\"name\":null,\"count\":1000,\"hidden\":false}\n]\n");
    assert_written(WEIR_SHAPE_JSON, false, names, 0, "[]\n");
    assert_written(WEIR_SHAPE_JSONL, false, names, 1,
                   "{\"name\":\"a\\\"\\n\",\"count\":0,\"hidden\":true}\n");
    assert_written(WEIR_SHAPE_JSON, true, names, 1,
                   "{\"name\":\"a\\\"\\n\",\"count\":0,\"hidden\":true}\n");
}

/* Beyond the sample rows go out one by one; a wider one widens what follows. */
static void test_rows_beyond_the_sample(void **state)
{
    (void)state;
    enum {
        ROWS = 403
    };
    const char *names[ROWS];
    for (size_t i = 0; i < ROWS; i++)
        names[i] = i < 400 ? "x" : "wide name";
    char *text = written(WEIR_SHAPE_TABLE, false, names, ROWS);
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, ROWS + 1);
    assert_non_null(strstr(text, "\nx     399000\n"));
    assert_non_null(strstr(text, "\nwide name  402000\n"));
    free(text);
}

static void test_a_failed_write_is_kept(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_output output = WEIR_OUTPUT(open("/dev/full", O_WRONLY));
    weir_output_text(&output, "x");
    assert_false(weir_output_flush(&output, &error));
    assert_int_equal(error.code, WEIR_FAILED);
    weir_output_text(&output, "y");
    assert_false(weir_output_flush(&output, &error));
    close(output.fd);
    weir_output_free(&output);
}

static void test_a_closed_pipe_ends_quietly(void **state)
{
    (void)state;
    int ends[2];
    weir_error error = {0};
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    weir_output output = WEIR_OUTPUT(ends[1]);
    weir_output_text(&output, "x");
    assert_false(weir_output_flush(&output, &error));
    assert_int_equal(error.code, WEIR_OK);
    close(ends[1]);
    weir_output_free(&output);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_is_aligned_and_escaped),
        cmocka_unit_test(test_json_rows),
        cmocka_unit_test(test_rows_beyond_the_sample),
        cmocka_unit_test(test_a_failed_write_is_kept),
        cmocka_unit_test(test_a_closed_pipe_ends_quietly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
