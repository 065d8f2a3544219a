/* Lines: ends with and without a line feed, lines across chunks, the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/lines.h"

static FILE *file_of(const char *text, size_t length)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    rewind(file);
    return file;
}

static void test_every_line_is_returned(void **state)
{
    (void)state;
    static const char *const expected[] = {"one", "", "two\r", "three"};
    weir_lines lines;
    weir_error error;
    const char *text;
    size_t length;
    const char *const texts[] = {"one\n\ntwo\r\nthree", "one\n\ntwo\r\nthree\n"};
    for (size_t t = 0; t < 2; t++) {
        FILE *file = file_of(texts[t], strlen(texts[t]));
        weir_lines_open(&lines, fileno(file), "x", 100, NULL);
        for (size_t i = 0; i < 4; i++) {
            assert_true(weir_lines_next(&lines, &text, &length, &error));
            assert_false(lines.ended);
            assert_int_equal(lines.number, i + 1);
            assert_int_equal(length, strlen(expected[i]));
            assert_memory_equal(text, expected[i], length);
        }
        assert_true(weir_lines_next(&lines, &text, &length, &error));
        assert_true(lines.ended);
        weir_lines_close(&lines);
        fclose(file);
    }
}

static void test_lines_longer_than_a_chunk(void **state)
{
    (void)state;
    enum {
        LONG = 300000
    };
    char *text = malloc(2 * LONG + 2);
    memset(text, 'a', LONG);
    text[LONG] = '\n';
    memset(text + LONG + 1, 'b', LONG);
    text[2 * LONG + 1] = '\n';
    FILE *file = file_of(text, 2 * LONG + 2);
    weir_lines lines;
    weir_error error;
    const char *line;
    size_t length;
    weir_lines_open(&lines, fileno(file), "x", LONG, NULL);
    for (char c = 'a'; c <= 'b'; c++) {
        assert_true(weir_lines_next(&lines, &line, &length, &error));
        assert_int_equal(length, LONG);
        assert_int_equal(line[0], c);
        assert_int_equal(line[LONG - 1], c);
    }
    weir_lines_close(&lines);
    rewind(file);
    weir_lines_open(&lines, fileno(file), "file", LONG - 1, NULL);
    assert_false(weir_lines_next(&lines, &line, &length, &error));
    assert_non_null(strstr(error.message, "file:1: more than 299999 bytes"));
    weir_lines_close(&lines);
    fclose(file);
    free(text);
}

static void test_all_is_bounded(void **state)
{
    (void)state;
    weir_lines lines;
    weir_error error;
    const char *text;
    size_t length;
    FILE *file = file_of("a\nb", 3);
    weir_lines_open(&lines, fileno(file), "x", 3, NULL);
    assert_true(weir_lines_all(&lines, &text, &length, &error));
    assert_int_equal(length, 3);
    assert_memory_equal(text, "a\nb", 3);
    weir_lines_close(&lines);
    rewind(file);
    weir_lines_open(&lines, fileno(file), "x", 2, NULL);
    assert_false(weir_lines_all(&lines, &text, &length, &error));
    weir_lines_close(&lines);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_line_is_returned),
        cmocka_unit_test(test_lines_longer_than_a_chunk),
        cmocka_unit_test(test_all_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
