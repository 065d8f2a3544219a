/* The relation put before a statement, and the way back from PostgreSQL's place to the file's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "projections/projection_int.h"

#define HEAD "-- projection: p\n-- from: a\nCREATE TABLE t (id text);\n-- on: x\n"
#define COLUMNS                                                                                    \
    "events(position, aggregate_type, aggregate_id, version, event_id, event_type, "               \
    "schema_version, data, metadata, time, recorded_at) AS ("
#define SCALARS                                                                                    \
    "SELECT $1::bigint, $2::text, $3::text, $4::bigint, $5::uuid, $6::text, $7::integer, "         \
    "$8::jsonb, $9::jsonb, $10::timestamptz, $11::timestamptz)"
#define ARRAYS                                                                                     \
    "SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::uuid[], "        \
    "$6::text[], $7::integer[], $8::jsonb[], $9::jsonb[], $10::timestamptz[], "                    \
    "$11::timestamptz[]))"

static weir_projection *parse(const char *text)
{
    weir_error error = {0};
    weir_projection *p = weir_projection_parse("p.sql", text, strlen(text), &error);
    if (!p)
        fail_msg("refused: %s", error.message);
    return p;
}

static void assert_injected(const char *statement, bool many, const char *expected)
{
    char *text = weir_format("%s%s;", HEAD, statement);
    weir_projection *p = parse(text);
    weir_buffer sql = WEIR_BUFFER(65536);
    weir_statement_inject(&p->handlers[0], many, &sql);
    assert_string_equal(sql.data, expected);
    weir_buffer_free(&sql);
    weir_projection_free(p);
    free(text);
}

static void test_events_come_first(void **state)
{
    (void)state;
    assert_injected("DELETE FROM t", false, "WITH " COLUMNS SCALARS " DELETE FROM t");
    assert_injected("DELETE FROM t", true, "WITH " COLUMNS ARRAYS " DELETE FROM t");
    assert_injected("with a AS (SELECT 1) SELECT", true,
                    "WITH " COLUMNS ARRAYS ", a AS (SELECT 1) SELECT");
    assert_injected("WITH /* why */ Recursive a AS (SELECT 1) SELECT", false,
                    "WITH RECURSIVE " COLUMNS SCALARS ", a AS (SELECT 1) SELECT");
    assert_injected("WITH recursive_not AS (SELECT 1) SELECT", false,
                    "WITH " COLUMNS SCALARS ", recursive_not AS (SELECT 1) SELECT");
}

/* Finds `needle` in what is sent, reports that place as PostgreSQL would, and expects its place in
 * the file. */
static void assert_place(const char *statement, const char *needle, bool many, const char *expected)
{
    char *text = weir_format("%s%s;", HEAD, statement);
    weir_projection *p = parse(text);
    weir_buffer sql = WEIR_BUFFER(65536);
    weir_statement_inject(&p->handlers[0], many, &sql);
    int character = 0;
    for (const char *c = sql.data, *end = strstr(sql.data, needle); c <= end; c++)
        character += ((unsigned char)*c & 0xC0) != 0x80;
    weir_error error;
    weir_fail(&error, WEIR_FATE_POISON, "wrong");
    assert_false(weir_statement_place(p, &p->handlers[0], sql.data, true, character, &error));
    assert_string_equal(error.message, expected);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    weir_buffer_free(&sql);
    weir_projection_free(p);
    free(text);
}

static void test_places_lead_back_to_the_file(void **state)
{
    (void)state;
    assert_place("DELETE FROM u", "DELETE", false, "p.sql:5:1: wrong");
    assert_place("DELETE FROM u", "u", true, "p.sql:5: wrong"); /* within what was put before */
    assert_place("  DELETE\n FROM usr", "usr", true, "p.sql:6:7: wrong");
    assert_place("SELECT 'äöü€😀', usr", "usr", false, "p.sql:5:17: wrong");
    assert_place("/* ä */ SELECT 'ä\n€', usr", "usr", true, "p.sql:6:5: wrong");
    assert_place("WITH a AS (\n SELECT usr) SELECT", "usr", true, "p.sql:6:9: wrong");
    assert_place("WITH RECURSIVE a AS (SELECT usr) SELECT", "usr", false, "p.sql:5:29: wrong");
}

static void test_an_unknown_place_is_the_statement(void **state)
{
    (void)state;
    weir_projection *p = parse(HEAD "\n\nSELECT;");
    weir_error error;
    weir_fail(&error, WEIR_FATE_POISON, "wrong");
    weir_statement_place(p, &p->handlers[0], "SELECT", false, 0, &error);
    assert_string_equal(error.message, "p.sql:7: wrong");
    weir_fail(&error, WEIR_FATE_RETRY, "gone");
    weir_statement_place(p, &p->handlers[0], "SELECT", false, 3, &error);
    assert_string_equal(error.message, "p.sql:7: gone");
    assert_int_equal(error.fate, WEIR_FATE_RETRY);
    weir_fail(&error, WEIR_FATE_POISON, "behind the end");
    weir_statement_place(p, &p->handlers[0], "SELECT", false, 99, &error);
    assert_string_equal(error.message, "p.sql:7:7: behind the end");
    weir_projection_free(p);
}

static void test_comments_and_blanks_do_not_change_a_definition(void **state)
{
    (void)state;
    weir_projection *p = parse(HEAD "DELETE FROM t WHERE id='a  b';"
                                    "delete /* x */ from\n\tt -- y\n where id = 'a  b' ;"
                                    "DELETE FROM t WHERE id='a b';");
    weir_buffer normal[3] = {WEIR_BUFFER(100), WEIR_BUFFER(100), WEIR_BUFFER(100)};
    for (size_t i = 0; i < 3; i++)
        weir_statements_normal(&p->handlers[i], 1, &normal[i]);
    assert_string_equal(normal[0].data, "delete from t where id = 'a  b' ;\n");
    assert_string_equal(normal[1].data, normal[0].data);
    assert_string_not_equal(normal[2].data, normal[0].data);
    for (size_t i = 0; i < 3; i++)
        weir_buffer_free(&normal[i]);
    weir_projection_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_come_first),
        cmocka_unit_test(test_places_lead_back_to_the_file),
        cmocka_unit_test(test_an_unknown_place_is_the_statement),
        cmocka_unit_test(test_comments_and_blanks_do_not_change_a_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
