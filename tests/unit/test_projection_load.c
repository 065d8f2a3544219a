/* Loading all of projections.files: globs, duplicates, and settings for what does not exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "projections/projections.h"

typedef struct folder {
    char path[32];
} folder;

static void put(const folder *f, const char *name, const char *text)
{
    char *path = weir_format("%s/%s", f->path, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) < 0, 0);
    fclose(file);
    free(path);
}

static void put_projection(const folder *f, const char *name, const char *projection)
{
    char *text = weir_format("-- projection: %s\n-- from: a\nCREATE TABLE t (id text);\n"
                             "-- on: x\nDELETE FROM t USING events;\n",
                             projection);
    put(f, name, text);
    free(text);
}

static int make_folder(void **state)
{
    folder *f = weir_calloc(1, sizeof *f);
    snprintf(f->path, sizeof f->path, "/tmp/weir_load_XXXXXX");
    assert_non_null(mkdtemp(f->path));
    char *below = weir_format("%s/sql", f->path);
    assert_int_equal(mkdir(below, 0700), 0);
    free(below);
    put_projection(f, "sql/b.sql", "user_list");
    put_projection(f, "sql/a.sql", "orders");
    *state = f;
    return 0;
}

static int remove_folder(void **state)
{
    folder *f = *state;
    static const char *const names[] = {"weir.yaml", "sql/a.sql", "sql/b.sql",
                                        "sql/c.sql", "sql",       "."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = i == 5 ? weir_strdup(f->path) : weir_format("%s/%s", f->path, names[i]);
        remove(path);
        free(path);
    }
    free(f);
    return 0;
}

static bool load(const folder *f, const char *yaml, weir_projections *projections,
                 weir_error *error)
{
    put(f, "weir.yaml", yaml);
    char *path = weir_format("%s/weir.yaml", f->path);
    weir_config *config = weir_config_load(path, NULL, 0, error);
    if (!config)
        fail_msg("%s", error->message);
    bool ok = weir_projections_load(config, projections, error);
    weir_config_free(config);
    free(path);
    return ok;
}

static void assert_refused(const folder *f, const char *yaml, const char *format)
{
    weir_error error = {0};
    weir_projections projections;
    assert_false(load(f, yaml, &projections, &error));
    assert_int_equal(projections.count, 0);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    weir_buffer expected = WEIR_BUFFER(4096);
    for (const char *c = format; *c; c++) { /* "@" is the folder */
        if (*c == '@')
            weir_buffer_text(&expected, f->path);
        else
            weir_buffer_char(&expected, *c);
    }
    assert_string_equal(error.message, expected.data);
    weir_buffer_free(&expected);
}

static void test_a_pattern_finds_its_files_beside_the_config(void **state)
{
    weir_error error = {0};
    weir_projections projections;
    assert_true(load(*state, "projections: { files: [\"sql/*.sql\"] }\n", &projections, &error));
    assert_int_equal(projections.count, 2);
    assert_string_equal(weir_projection_name(projections.items[0]), "orders");
    assert_string_equal(weir_projection_name(projections.items[1]), "user_list");
    weir_projections_free(&projections);
    assert_true(load(*state, "store: { schema: weir }\n", &projections, &error));
    assert_int_equal(projections.count, 0);
    weir_projections_free(&projections);
}

static void test_a_pattern_without_a_file_is_refused(void **state)
{
    assert_refused(*state, "projections: { files: [\"sql/a.sql\", \"sql/*.txt\"] }\n",
                   "projections.files: no file matches '@/sql/*.txt'");
}

static void test_a_second_projection_of_one_name_is_refused(void **state)
{
    put_projection(*state, "sql/c.sql", "orders");
    assert_refused(*state, "projections: { files: [\"sql/*.sql\"] }\n",
                   "@/sql/c.sql:1: a second projection 'orders'; the first is in @/sql/a.sql");
}

static void test_a_bad_file_is_refused(void **state)
{
    put(*state, "sql/c.sql", "\nSELECT 1;\n");
    assert_refused(*state, "projections: { files: [\"sql/*.sql\"] }\n",
                   "@/sql/c.sql:2: 'projection' must be the first directive");
}

#define FOLDER_TEST(fn) cmocka_unit_test_setup_teardown(fn, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_a_pattern_finds_its_files_beside_the_config),
        FOLDER_TEST(test_a_pattern_without_a_file_is_refused),
        FOLDER_TEST(test_a_second_projection_of_one_name_is_refused),
        FOLDER_TEST(test_a_bad_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
