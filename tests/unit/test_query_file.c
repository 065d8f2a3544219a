/* Named queries in a projection file: what is read, what stands for a parameter, where an error in
 * PostgreSQL's words stands in the file, and the text of every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "projections/projection_int.h"

#define HEAD "-- projection: p\n-- from: a\n"
#define TABLE "CREATE TABLE t (id text);\n"
#define DOES "-- on: x\nINSERT INTO t SELECT aggregate_id FROM events;\n"
#define BEFORE HEAD TABLE DOES /* five lines */

static weir_projection *parse(const char *text)
{
    weir_error error = {0};
    weir_projection *projection = weir_projection_parse("dir/p.sql", text, strlen(text), &error);
    if (!projection)
        fail_msg("refused: %s", error.message);
    return projection;
}

static void assert_refused(const char *text, const char *message)
{
    weir_error error = {0};
    weir_projection *projection = weir_projection_parse("p.sql", text, strlen(text), &error);
    if (projection) {
        weir_projection_free(projection);
        fail_msg("accepted, expected: %s\n%s", message, text);
    }
    assert_string_equal(error.message, message);
    assert_int_equal(error.code, WEIR_INVALID);
}

static void test_what_a_query_is(void **state)
{
    (void)state;
    weir_projection *p =
        parse(BEFORE "-- query: find(email, since date, worth numeric(9, 2),ids  text[] )\n"
                     "-- Who it is: by address.\n"
                     "-- More of it.\n"
                     "SELECT id -- Not: this.\n"
                     "FROM t WHERE id = :email AND :since > now() AND :worth=1\n"
                     "AND id = ANY (:ids) OR :email IS NULL;\n"
                     "-- query: all_of_them()\n"
                     "WITH q AS (SELECT id AS delete FROM t)\n"
                     "SELECT coalesce(delete, 'a') FROM q;\n");
    const weir_query *find = weir_projection_query(p, 0), *all = weir_projection_query(p, 1);
    assert_null(weir_projection_query(p, 2));
    assert_int_equal(p->handler_count, 1);
    assert_int_equal(p->table_count, 1);
    assert_ptr_equal(weir_query_projection(find), p);
    assert_string_equal(weir_query_signature(find),
                        "find(email text, since date, worth numeric(9, 2), ids text[])");
    assert_string_equal(weir_query_about(find), "Who it is: by address.");
    assert_string_equal(
        find->sql, "SELECT id -- Not: this.\n"
                   "FROM t WHERE id = ($1::text) AND ($2::date) > now() AND ($3::numeric(9, 2))=1\n"
                   "AND id = ANY (($4::text[])) OR ($1::text) IS NULL");
    size_t count;
    const weir_query_parameter *parameters = weir_query_parameters(find, &count);
    assert_int_equal(count, 4);
    assert_string_equal(parameters[2].name, "worth");
    assert_string_equal(parameters[2].type, "numeric(9, 2)");
    assert_string_equal(weir_query_signature(all), "all_of_them()");
    assert_null(weir_query_about(all));
    weir_projection_free(p);
}

/* What has a colon and is no parameter. */
static void test_colons_of_other_kinds(void **state)
{
    (void)state;
    static const char sql[] =
        "SELECT id::text, id ::text, ':id', E'\\':id', $q$:id$q$, \":id\", a[1 : n], "
        "':a'::text /* :id */ -- :id\n FROM t";
    char *text = weir_format(BEFORE "-- query: q()\n%s;\n", sql);
    weir_projection *p = parse(text);
    assert_string_equal(p->queries[0].sql, sql);
    weir_projection_free(p);
    p = parse(BEFORE "-- query: q(n integer, from)\nSELECT a[:n::int: :n], :from::text||:from;\n");
    assert_string_equal(
        p->queries[0].sql,
        "SELECT a[($1::integer)::int: ($1::integer)], ($2::text)::text||($2::text)");
    weir_projection_free(p);
    free(text);
}

static void assert_place(const weir_query *query, const char *at, size_t further,
                         const char *wanted)
{
    weir_error error = {0};
    const char *place = strstr(query->sql, at);
    assert_non_null(place);
    int character = 1;
    for (const char *c = query->sql; c < place + further; c++)
        character += ((unsigned char)c[0] & 0xC0) != 0x80;
    weir_fail(&error, WEIR_FATE_CONFIG, "why");
    assert_false(weir_query_place(query, character, &error));
    assert_string_equal(error.message, wanted);
}

static void test_a_place_in_sql_is_one_in_the_file(void **state)
{
    (void)state;
    weir_projection *p = parse(BEFORE "-- query: q(a, b date)\n"
                                      "SELECT 'ü', :a, id,\n"
                                      "  :b, last, :a FROM t;\n");
    const weir_query *query = &p->queries[0];
    assert_place(query, "SELECT", 0, "dir/p.sql:7:1: why");
    assert_place(query, "($1", 0, "dir/p.sql:7:13: why");
    assert_place(query, "($1", 5, "dir/p.sql:7:13: why");
    assert_place(query, "id", 0, "dir/p.sql:7:17: why");
    assert_place(query, "date", 0, "dir/p.sql:8:3: why");
    assert_place(query, "last", 0, "dir/p.sql:8:7: why");
    assert_place(query, " FROM t", 1, "dir/p.sql:8:16: why");
    weir_error error = {0};
    weir_fail(&error, WEIR_FATE_CONFIG, "why");
    assert_false(weir_query_place(query, 0, &error));
    assert_string_equal(error.message, "dir/p.sql:7: why");
    weir_projection_free(p);
}

#define Q "-- query: q()\n"
#define NO_NAME ": 1 to 50 lower-case letters, digits and '_', a letter first"

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {HEAD "-- query: q()\n", "p.sql:3: 'query' must stand behind the tables that it reads"},
        {HEAD TABLE "-- query: q()\nSELECT 1;\n" DOES,
         "p.sql:4: 'query' must stand behind the last 'on'"},
        {HEAD TABLE "-- on: x\n" Q "SELECT 1;\n", "p.sql:4: no statement stands under this 'on'"},
        {BEFORE Q "SELECT 1;\n-- on: y\nINSERT INTO t SELECT 1;\n",
         "p.sql:8: 'on' must stand before the first 'query', which is on line 7"},
        {BEFORE Q, "p.sql:6: no statement stands under the query 'q'"},
        {BEFORE Q "-- query: r()\nSELECT 1;\n", "p.sql:6: no statement stands under the query 'q'"},
        {BEFORE Q "SELECT 1;\n SELECT 2;\n",
         "p.sql:8:2: a second statement under the query 'q': it is one SELECT"},
        {BEFORE Q "SELECT 1;\n" Q "SELECT 2;\n", "p.sql:8:11: a second query 'q'"},
        {BEFORE Q "SELECT 1", "p.sql:7: the statement must end with ';'"},
        {BEFORE "-- query: Q()\nSELECT 1;\n", "p.sql:6:11: 'Q' is no name of a query" NO_NAME},
        {BEFORE "-- query: q\nSELECT 1;\n",
         "p.sql:6:12: the parameters are missing: 'q()' has none"},
        {BEFORE "-- query: q(a\nSELECT :a;\n", "p.sql:6:14: the type of 'a' is cut off or is none"},
        {BEFORE "-- query: q(a,)\nSELECT :a;\n",
         "p.sql:6:15: ')' is no name of a parameter" NO_NAME},
        {BEFORE "-- query: q(a, 1)\nSELECT :a;\n",
         "p.sql:6:16: '1' is no name of a parameter" NO_NAME},
        {BEFORE "-- query: q(a 'x)\nSELECT :a;\n", "p.sql:6:15: this string does not end"},
        {BEFORE "-- query: q(a int;)\nSELECT :a;\n",
         "p.sql:6:18: the type of 'a' is cut off or is none"},
        {BEFORE "-- query: q(a) by a\nSELECT :a;\n",
         "p.sql:6:15: nothing may follow the ')'; a comment goes under this line"},
        {BEFORE "-- query: q(a, a)\nSELECT :a;\n", "p.sql:6:16: the parameter 'a' stands twice"},
        {BEFORE "-- query: q(ä)\nSELECT 1;\n", "p.sql:6:13: 'ä' is no name of a parameter" NO_NAME},
        {BEFORE "-- query: q(a, ab)\nSELECT 'ü', :ab;\n",
         "p.sql:6:13: the parameter 'a' is not used: nothing says ':a'"},
        {BEFORE "-- query: q(email)\nSELECT 'ü',\n  :emial;\n",
         "p.sql:8:3: q(email text) has no parameter ':emial'; did you mean 'email'?"},
        {BEFORE "-- query: q(a)\nSELECT :A, :a;\n", "p.sql:7:8: q(a text) has no parameter ':A'"},
        {BEFORE "-- query: q(a)\nSELECT $1, :a;\n",
         "p.sql:7:8: $1 is refused here: a query names its parameters, as in :email"},
        {BEFORE Q "DELETE FROM t;\n",
         "p.sql:7:1: DELETE is refused here: it belongs under an 'on' directive"},
        {BEFORE Q "CREATE TABLE u ();\n",
         "p.sql:7:1: CREATE TABLE is refused here: tables are made before the first 'on'"},
        {BEFORE Q "VALUES (1);\n", "p.sql:7:1: VALUES is refused here: a query is one SELECT, or a "
                                   "WITH that leads to one"},
        {BEFORE Q "SET ROLE x;\n", "p.sql:7:1: SET is refused here: the session is the runtime's"},
        {BEFORE Q "WITH d AS (SELECT 1) DELETE FROM t;\n",
         "p.sql:7:1: WITH must lead to a SELECT: a query only reads"},
        {BEFORE Q "WITH d AS (DELETE FROM t RETURNING id) SELECT * FROM d;\n",
         "p.sql:7:12: DELETE is refused here: a query only reads"},
        {BEFORE Q "WITH d AS NOT MATERIALIZED\n(/* */ update t SET id = id) SELECT 1;\n",
         "p.sql:8:8: update is refused here: a query only reads"},
        {BEFORE Q "SELECT * INTO u FROM t;\n",
         "p.sql:7:1: SELECT INTO is refused: a query only reads"},
        {BEFORE Q "SELECT * FROM t FOR NO KEY UPDATE;\n",
         "p.sql:7:17: FOR is refused here: a query locks no rows"},
        {BEFORE Q "SELECT pg_catalog.set_config('role', 'x', true);\n",
         "p.sql:7: set_config is refused here: the session is the runtime's"},
        {BEFORE Q "SELECT * FROM\n\"p__g1\".t;\n",
         "p.sql:8:1: \"p__g1\" is refused here: these are "
         "the tables of one generation; name the view alone"},
        {BEFORE Q "SELECT (1;\n", "p.sql:7: this '(' is not closed"},
        {BEFORE " -- query: q()\nSELECT 1;\n",
         "p.sql:6: a directive must stand as '-- query: …' at the beginning of its line"},
        {BEFORE "-- querry: q()\nSELECT 1;\n",
         "p.sql:6: unknown directive 'querry'; did you mean 'query'?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i].text, cases[i].message);
}

static void test_parameters_are_bounded(void **state)
{
    (void)state;
    weir_buffer text = WEIR_BUFFER(65536);
    weir_buffer_text(&text, BEFORE "-- query: q(p0");
    for (int i = 1; i < 33; i++)
        weir_buffer_format(&text, ",p%d", i);
    weir_buffer_text(&text, ")\nSELECT 1;\n");
    assert_refused(text.data, "p.sql:6:131: a query has at most 32 parameters");
    weir_buffer_free(&text);
    assert_refused(BEFORE
                   "-- query: q(a x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x."
                   "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x)\nSELECT 1;\n",
                   "p.sql:6:15: a type has at most 100 bytes");
}

static void test_names_that_only_look_like_a_generation(void **state)
{
    (void)state;
    weir_projection *p = parse(BEFORE Q "SELECT p__group, p__g, xp__g1, 'p__g1.t' FROM t;\n");
    assert_int_equal(p->query_count, 1);
    weir_projection_free(p);
}

static void test_a_handler_in_c_has_queries_too(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_plugin_handler code = {
        .name = "p", .from = "a", .on = "x", .tables = TABLE "-- query: q(a)\nSELECT :a FROM t"};
    weir_projection *p = weir_projection_parse_code("p.so", &code, &error);
    if (!p)
        fail_msg("%s", error.message);
    assert_int_equal(p->query_count, 1);
    assert_string_equal(p->queries[0].sql, "SELECT ($1::text) FROM t");
    assert_int_equal(p->on_count, 1);
    weir_projection_free(p);
    code.tables = TABLE "-- query: q(a)\nSELECT :b FROM t";
    assert_null(weir_projection_parse_code("p.so", &code, &error));
    assert_string_equal(error.message, "p.so:3:8: q(a text) has no parameter ':b'");
}

static void test_finding_one_by_name(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_projection *p = parse(BEFORE Q "SELECT 1;\n-- query: only()\nSELECT 2;\n");
    weir_projection *r = parse("-- projection: r\n-- from: a\n" TABLE DOES Q "SELECT 3;\n");
    weir_projection *both[] = {p, r};
    const weir_projections projections = {both, 2};
    assert_ptr_equal(weir_query_find(&projections, "only", &error), &p->queries[1]);
    assert_ptr_equal(weir_query_find(&projections, "r.q", &error), &r->queries[0]);
    assert_null(weir_query_find(&projections, "q", &error));
    assert_string_equal(error.message, "several projections have a query 'q': p.q, r.q");
    assert_int_equal(error.code, WEIR_INVALID);
    assert_null(weir_query_find(&projections, "r.only", &error));
    assert_int_equal(error.code, WEIR_NOT_FOUND);
    assert_string_equal(error.message, "no query 'r.only'; did you mean 'p.only'?");
    assert_null(weir_query_find(&projections, "", &error));
    assert_int_equal(error.code, WEIR_NOT_FOUND);
    weir_projection_free(p);
    weir_projection_free(r);
}

/* Whatever the file is cut at, the parser ends, and reads no byte behind it. */
static void test_every_cut_of_a_file_ends(void **state)
{
    (void)state;
    static const char whole[] = BEFORE
        "-- query: q(a numeric(9, 2), b)\n-- About.\nWITH a AS (SELECT :a) SELECT :b, 'x'::text;\n";
    for (size_t length = 0; length < sizeof whole; length++) {
        char *exact = weir_malloc(length);
        memcpy(exact, whole, length);
        weir_error error = {0};
        weir_projection *p = weir_projection_parse("p.sql", exact, length, &error);
        assert_true(p || strncmp(error.message, "p.sql:", 6) == 0);
        weir_projection_free(p);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_query_is),
        cmocka_unit_test(test_colons_of_other_kinds),
        cmocka_unit_test(test_a_place_in_sql_is_one_in_the_file),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_parameters_are_bounded),
        cmocka_unit_test(test_names_that_only_look_like_a_generation),
        cmocka_unit_test(test_a_handler_in_c_has_queries_too),
        cmocka_unit_test(test_finding_one_by_name),
        cmocka_unit_test(test_every_cut_of_a_file_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
