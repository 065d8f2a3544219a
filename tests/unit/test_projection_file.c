/* The parser of projection files: what it accepts, where it cuts, and the exact text of every
 * refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "projections/projection_int.h"

#define NAME "-- projection: p\n"
#define HEAD "-- projection: p\n-- from: a\n"
#define TABLE "CREATE TABLE t (id text);\n"
#define ON "-- on: x\n"
#define DOES "INSERT INTO t SELECT aggregate_id FROM events;\n"

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
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    assert_int_equal(error.code, WEIR_INVALID);
}

static void assert_sql(const weir_statement *statement, const char *sql)
{
    assert_int_equal(statement->length, strlen(sql));
    assert_memory_equal(statement->sql, sql, strlen(sql));
}

static void test_a_whole_file(void **state)
{
    (void)state;
    weir_projection *p = parse("-- Users as they are now. Note: prose.\n"
                               "-- projection: user_list\n"
                               "-- from: user, legacy.user\n"
                               "-- apply: aggregate\n"
                               "-- version: 3\n"
                               "CREATE TABLE users (id text PRIMARY KEY);\n"
                               "CREATE INDEX ON users (id);\n"
                               "\n"
                               "-- on: user.created, user.imported\n"
                               "INSERT INTO users SELECT aggregate_id FROM events;\n"
                               "  UPDATE users SET id = id -- why\n"
                               "  FROM events e WHERE users.id = e.aggregate_id;\n"
                               "-- on: user.*\r\n"
                               "DELETE FROM users USING events;");
    assert_string_equal(weir_projection_name(p), "user_list");
    assert_string_equal(weir_projection_file(p), "dir/p.sql");
    assert_int_equal(weir_projection_apply(p), WEIR_APPLY_AGGREGATE);
    assert_int_equal(p->version, 3);
    const char *const *types = weir_projection_types(p);
    assert_string_equal(types[0], "user");
    assert_string_equal(types[1], "legacy.user");
    assert_null(types[2]);
    assert_int_equal(p->table_count, 2);
    assert_sql(&p->tables[1], "CREATE INDEX ON users (id)");
    assert_int_equal(p->handler_count, 3);
    assert_sql(&p->handlers[1], "UPDATE users SET id = id -- why\n"
                                "  FROM events e WHERE users.id = e.aggregate_id");
    assert_int_equal(p->handlers[1].line, 11);
    assert_string_equal(p->handlers[1].label, "p.sql:11");
    assert_int_equal(p->on_count, 2);
    assert_int_equal(p->ons[0].count, 2);
    assert_int_equal(p->ons[1].first, 2);
    assert_int_equal(p->ons[1].line, 13);
    weir_projection_free(p);
}

static void test_defaults(void **state)
{
    (void)state;
    weir_projection *p = parse("\xef\xbb\xbf" HEAD TABLE ON DOES);
    assert_int_equal(p->version, 1);
    assert_int_equal(p->apply, WEIR_APPLY_EACH);
    assert_null(p->handlers[0].many);
    weir_projection_free(p);
}

static void test_topics_that_weir_did_not_write(void **state)
{
    (void)state;
    weir_projection *p = parse("-- projection: p\n"
                               "-- topic: payments, refunds.v2\n"
                               "-- format: debezium-outbox\n"
                               "-- type: header  eventType\n"
                               "-- time: field a.at\n"
                               "-- data: field payload\n"
                               "CREATE TABLE t (id text);\n"
                               "-- on: *\n"
                               "INSERT INTO t SELECT aggregate_id FROM events;");
    const weir_foreign *foreign = weir_projection_foreign(p);
    assert_non_null(foreign);
    assert_int_equal(foreign->topic_count, 2);
    assert_string_equal(foreign->topics[1], "refunds.v2");
    assert_null(foreign->topics[2]);
    assert_null(weir_projection_types(p)[0]);
    assert_int_equal(foreign->format, WEIR_FOREIGN_DEBEZIUM_OUTBOX);
    assert_int_equal(foreign->type.kind, WEIR_FOREIGN_HEADER);
    assert_string_equal(foreign->type.name, "eventType");
    assert_int_equal(foreign->time.kind, WEIR_FOREIGN_FIELD);
    assert_string_equal(foreign->time.name, "a.at");
    assert_string_equal(foreign->data.name, "payload");
    weir_buffer text = WEIR_BUFFER(1000);
    weir_projection_describe_foreign(p, &text);
    assert_string_equal(text.data, "debezium-outbox, type header eventType, time field a.at, data "
                                   "field payload");
    weir_buffer_free(&text);
    weir_projection_free(p);
    p = parse(HEAD TABLE ON DOES);
    assert_null(weir_projection_foreign(p));
    weir_projection_free(p);
}

static void test_an_event_goes_to_its_most_specific_match(void **state)
{
    (void)state;
    weir_projection *p =
        parse(HEAD TABLE "-- on: *\n" DOES "-- on: order.*\n" DOES
                         "-- on: order.item.*, order\n" DOES "-- on: order.item.added\n" DOES);
    static const struct {
        const char *type;
        int on;
    } cases[] = {{"order.item.added", 3}, {"order.item.added2", 2},
                 {"order.item.", 2},      {"order.item", 1},
                 {"order.", 1},           {"order", 2},
                 {"orders", 0},           {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(weir_projection_route(p, cases[i].type), cases[i].on);
    weir_projection_free(p);
    p = parse(HEAD TABLE ON DOES);
    assert_int_equal(weir_projection_route(p, "y"), -1);
    assert_int_equal(weir_projection_route(p, "x"), 0);
    weir_projection_free(p);
}

/* Every semicolon here but the two last is inside something. */
static void test_statements_end_only_outside(void **state)
{
    (void)state;
    static const char *const inside[] = {
        "';'",
        "'it''s;'",
        "'\\'",
        "E'\\';'",
        "e'a''\\';'",
        "E'a'\n ';\\''",
        "E'a' -- b\n",
        "$$;$$",
        "$a$;$b$;$a$",
        "\"a;\"\"b\"",
        "U&';'",
        "U&\"d;\"",
        "/* ; /* ; */ ; */ 1",
        "-- ;\n 1",
        "B'1;'",
        "(1;2)",
        "a$b$c",
        "$_ä$;$_ä$",
        "1.5e3",
        "'a\n;\n'",
        "E'a'\n -- b;\n ';\\''",
    };
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        char *sql = weir_format("SELECT %s FROM events", inside[i]);
        char *text = weir_format(HEAD TABLE ON "%s;\nDELETE FROM t;\n", sql);
        weir_projection *p = parse(text);
        assert_int_equal(p->handler_count, 2);
        assert_sql(&p->handlers[0], sql);
        assert_sql(&p->handlers[1], "DELETE FROM t");
        weir_projection_free(p);
        free(text);
        free(sql);
    }
}

static void test_prose_stays_prose(void **state)
{
    (void)state;
    static const char *const prose[] = {
        "-- a word or two: then this",
        "-- Note: a capital",
        "--",
        "-- :",
        "-- on",
        "--- on: a rule",
        "  -- note: indented, and no directive's name",
        "-- see http://localhost",
        "-- order.created: a dotted name",
        "/* on: this\n-- on: nor this\n*/",
        "SELECT 1 -- note: behind a statement\n;",
    };
    for (size_t i = 0; i < sizeof prose / sizeof *prose; i++) {
        char *text = weir_format(HEAD TABLE ON DOES "%s\n", prose[i]);
        weir_projection *p = parse(text);
        assert_int_equal(p->on_count, 1);
        weir_projection_free(p);
        free(text);
    }
}

static void test_refusals_of_directives(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "p.sql:1: the file is empty"},
        {"\n\n", "p.sql:1: the file is empty"},
        {"-- just prose\n", "p.sql:1: the directive 'projection' is missing"},
        {"-- from: a\n", "p.sql:1: 'projection' must be the first directive"},
        {TABLE, "p.sql:1: 'projection' must be the first directive"},
        {"-- projection: p\n" TABLE ON DOES,
         "p.sql:1: the directive 'from' is missing, or 'topic' for"},
        {HEAD ON DOES, "p.sql:1: no table is made before the first 'on'"},
        {HEAD TABLE, "p.sql:1: no 'on' with a statement follows"},
        {HEAD TABLE ON, "p.sql:4: no statement stands under this 'on'"},
        {HEAD TABLE ON "-- on: y\n" DOES, "p.sql:4: no statement stands under this 'on'"},
        {HEAD "-- form: a\n", "p.sql:3: unknown directive 'form'; did you mean 'from'?"},
        {HEAD "-- verison: 2\n", "p.sql:3: unknown directive 'verison'; did you mean 'version'?"},
        {HEAD TABLE "-- no: x\n" DOES, "p.sql:4: unknown directive 'no'; did you mean 'on'?"},
        {HEAD "-- table:x\n", "p.sql:3: unknown directive 'table'; prose must not begin with a "
                              "lower-case word and a colon"},
        {HEAD "-- topic: x\n" TABLE ON DOES,
         "p.sql:1: 'from' and 'topic' exclude each other: a projection reads aggregate types or "
         "topics that weir did not write"},
        {HEAD "-- format: json\n" TABLE ON DOES,
         "p.sql:3: 'format', 'type', 'time' and 'data' go with 'topic' only"},
        {NAME "-- topic: a b\n",
         "p.sql:2: 'a b' is no topic: 1 to 249 letters, digits, '_', '.' or '-'"},
        {NAME "-- topic: ..\n",
         "p.sql:2: '..' is no topic: 1 to 249 letters, digits, '_', '.' or '-'"},
        {NAME "-- topic: a, a\n", "p.sql:2: topic 'a' stands twice"},
        {NAME "-- format: avro\n", "p.sql:2: 'avro' is no format: json or debezium-outbox"},
        {NAME "-- type: kind\n", "p.sql:2: 'kind' says no place: 'header NAME' or 'field PATH'"},
        {NAME "-- time: header\n",
         "p.sql:2: 'header' says no place: 'header NAME' or 'field PATH'"},
        {NAME "-- type: field a..b\n",
         "p.sql:2: 'field a..b' says no place: 'header NAME' or 'field PATH'"},
        {NAME "-- data: header x\n", "p.sql:2: 'header x' says no place: 'field PATH'"},
        {HEAD TABLE "-- On: x\n" DOES,
         "p.sql:4: a directive must stand as '-- on: …' at the beginning of its line"},
        {HEAD TABLE "  -- on: x\n" DOES,
         "p.sql:4: a directive must stand as '-- on: …' at the beginning of its line"},
        {HEAD TABLE "-- on : x\n" DOES,
         "p.sql:4: a directive must stand as '-- on: …' at the beginning of its line"},
        {HEAD "-- apply: each\n-- apply: each\n",
         "p.sql:4: a second 'apply'; the first is on line 3"},
        {HEAD TABLE "-- version: 2\n",
         "p.sql:4: 'version' must stand before the first statement and the first 'on'"},
        {HEAD "-- on: x\n-- apply: batch\n",
         "p.sql:4: 'apply' must stand before the first statement and the first 'on'"},
        {"-- projection:\n", "p.sql:1: 'projection' has no value"},
        {"-- projection: User\n", "p.sql:1: 'User' is no projection name: 1 to 50 lower-case "
                                  "letters, digits and '_', a letter first"},
        {"-- projection: a__g2\n", "p.sql:1: the projection name 'a__g2' is reserved: it becomes a "
                                   "schema, with its tables in a__g2__g1"},
        {"-- projection: public\n", "p.sql:1: the projection name 'public' is reserved: it becomes "
                                    "a schema, with its tables in public__g1"},
        {"-- projection: p\n-- from: a b\n", "p.sql:2: 'a b' is no aggregate type: 1 to 100 "
                                             "letters, digits, '_', '.' or '-'"},
        {"-- projection: p\n-- from: a,,b\n", "p.sql:2: '' is no aggregate type: 1 to 100 letters, "
                                              "digits, '_', '.' or '-'"},
        {"-- projection: p\n-- from: a, a\n", "p.sql:2: aggregate type 'a' stands twice"},
        {HEAD "-- apply: all\n", "p.sql:3: 'all' is no way to apply: each, aggregate or batch"},
        {HEAD "-- version: 0\n", "p.sql:3: '0' is no version: a whole number from 1"},
        {HEAD "-- version: 1.2\n", "p.sql:3: '1.2' is no version: a whole number from 1"},
        {HEAD TABLE "-- on: x,\n" DOES, "p.sql:4: an event type is missing between the commas"},
        {HEAD TABLE "-- on: a*b\n" DOES,
         "p.sql:4: 'a*b': a '*' may stand at the end of a pattern only"},
        {HEAD TABLE ON DOES "-- on: y, x\n" DOES,
         "p.sql:6: a second handler for 'x'; the first is on line 4"},
        {HEAD TABLE "-- on: a.*, a.*\n" DOES,
         "p.sql:4: a second handler for 'a.*'; the first is on line 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i].text, cases[i].message);
}

static void test_refusals_of_statements(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {HEAD "CREATE TABLE t (id text)\n" ON DOES,
         "p.sql:3: the statement must end with ';' before line 4"},
        {HEAD TABLE ON "DELETE FROM t", "p.sql:5: the statement must end with ';'"},
        {HEAD "CREATE TABLE t (id text;\n", "p.sql:3: this '(' is not closed"},
        {HEAD "CREATE TABLE t\nid text);\n", "p.sql:4: this ')' closes nothing"},
        {HEAD TABLE ON "SELECT\n'abc;\n", "p.sql:6: this string does not end"},
        {HEAD TABLE ON "SELECT E'abc\\';\n", "p.sql:5: this string does not end"},
        {HEAD TABLE ON "SELECT \"abc;\n", "p.sql:5: this quoted name does not end"},
        {HEAD TABLE ON "SELECT $a$ $b$;\n", "p.sql:5: this dollar-quoted string does not end"},
        {HEAD "/* /* */\n", "p.sql:3: this comment does not end"},
        {HEAD "Begin;\n", "p.sql:3: BEGIN is refused here: the transaction is the runtime's, "
                          "together with the checkpoint"},
        {HEAD TABLE ON DOES "\n\ncommit;\n", "p.sql:8: COMMIT is refused here: the transaction is "
                                             "the runtime's, together with the checkpoint"},
        {HEAD TABLE ON "/* a */ TRUNCATE t;",
         "p.sql:5: TRUNCATE is refused here: it locks readers out; use DELETE"},
        {HEAD TABLE ON "CALL f();", "p.sql:5: CALL is refused here: a procedure can do anything"},
        {HEAD TABLE ON "DO $$ $$;", "p.sql:5: DO is refused here: a code block can do anything"},
        {HEAD TABLE ON "REFRESH MATERIALIZED VIEW t;",
         "p.sql:5: REFRESH is refused here: a materialized view is not a projection's table"},
        {HEAD TABLE ON "COPY t FROM STDIN;",
         "p.sql:5: COPY is refused here: its input is not an event"},
        {HEAD "SET search_path = public;",
         "p.sql:3: SET is refused here: the session is the runtime's"},
        {HEAD "CREATE TYPE mood AS ENUM ('ok');",
         "p.sql:3: CREATE TYPE is refused here: every generation of the tables would have a type "
         "of its own; use text and CHECK"},
        {HEAD "CREATE /* */ domain d AS text;",
         "p.sql:3: CREATE DOMAIN is refused here: every generation of the tables would have a type "
         "of its own; use text and CHECK"},
        {HEAD "CREATE TEMP TABLE t (id text);",
         "p.sql:3: CREATE TEMP is refused here: its tables must outlive the session"},
        {HEAD DOES, "p.sql:3: INSERT is refused here: it belongs under an 'on' directive"},
        {HEAD TABLE ON TABLE,
         "p.sql:5: CREATE TABLE is refused here: tables are made before the first 'on'"},
        {HEAD "VACUUM;", "p.sql:3: VACUUM is refused here: tables are made with CREATE TABLE, "
                         "CREATE INDEX, CREATE SEQUENCE, CREATE STATISTICS, ALTER and COMMENT, and "
                         "handled with INSERT, UPDATE, DELETE, MERGE, SELECT and WITH"},
        {HEAD "CREATE TABLE t AS\nSELECT 1;",
         "p.sql:3: CREATE TABLE … AS is refused: tables are filled from events alone"},
        {HEAD "CREATE TABLE IF NOT EXISTS events (id text);",
         "p.sql:3: a table named events is refused: the name is taken by the relation that "
         "handlers read"},
        {HEAD TABLE ON "UPDATE t SET id =\n $1;",
         "p.sql:6: the parameter $1 is refused: values come from the relation events"},
        {HEAD TABLE ON "SELECT 1 INTO u FROM events;",
         "p.sql:5: SELECT INTO is refused: it creates a table; tables are made before the first "
         "'on'"},
        {HEAD TABLE ON "WITH a AS (SELECT 1) TABLE a;",
         "p.sql:5: WITH must lead to an INSERT, UPDATE, DELETE, MERGE or SELECT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i].text, cases[i].message);
}

static void test_a_generated_column_is_no_copy_of_a_query(void **state)
{
    (void)state;
    weir_projection *p =
        parse(HEAD "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED);\n"
                   "CREATE TABLE u (LIKE t);\n" ON DOES);
    assert_int_equal(p->table_count, 2);
    weir_projection_free(p);
}

static void test_the_size_is_bounded(void **state)
{
    (void)state;
    char path[] = "/tmp/weir_projection_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char *text = weir_malloc(WEIR_PROJECTION_FILE_LIMIT + 1);
    memset(text, ' ', WEIR_PROJECTION_FILE_LIMIT + 1);
    static const char whole[] = HEAD TABLE ON DOES;
    memcpy(text, whole, strlen(whole));
    assert_int_equal(write(fd, text, WEIR_PROJECTION_FILE_LIMIT), WEIR_PROJECTION_FILE_LIMIT);
    weir_error error = {0};
    weir_projection *p = weir_projection_load(path, &error);
    assert_non_null(p);
    weir_projection_free(p);
    assert_int_equal(write(fd, " ", 1), 1);
    assert_null(weir_projection_load(path, &error));
    char *expected = weir_format("%s:1: the file has more than 1048576 bytes", path);
    assert_string_equal(error.message, expected);
    free(expected);
    close(fd);
    unlink(path);
    assert_null(weir_projection_load(path, &error));
    expected = weir_format("%s: No such file or directory", path);
    assert_string_equal(error.message, expected);
    free(expected);
    free(text);
}

static void test_a_nul_byte_is_refused(void **state)
{
    (void)state;
    weir_error error = {0};
    static const char text[] = HEAD "\0" TABLE;
    assert_null(weir_projection_parse("p.sql", text, sizeof text - 1, &error));
    assert_string_equal(error.message, "p.sql:1: the file contains a NUL byte");
}

/* Whatever the file is cut at, the parser ends, and reads no byte behind it. */
static void test_every_cut_of_a_file_ends(void **state)
{
    (void)state;
    static const char whole[] = HEAD "CREATE TABLE t (id text DEFAULT E'\\'' 'x');\n" ON
                                     "WITH a AS (SELECT $q$;$q$, \"b\") SELECT /* /* */ */ 1;\n";
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
        cmocka_unit_test(test_a_whole_file),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_topics_that_weir_did_not_write),
        cmocka_unit_test(test_an_event_goes_to_its_most_specific_match),
        cmocka_unit_test(test_statements_end_only_outside),
        cmocka_unit_test(test_prose_stays_prose),
        cmocka_unit_test(test_refusals_of_directives),
        cmocka_unit_test(test_refusals_of_statements),
        cmocka_unit_test(test_a_generated_column_is_no_copy_of_a_query),
        cmocka_unit_test(test_the_size_is_bounded),
        cmocka_unit_test(test_a_nul_byte_is_refused),
        cmocka_unit_test(test_every_cut_of_a_file_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
