/* A projection p and its generations, for the tests of them. */
#ifndef WEIR_TESTS_GENERATION_FIXTURE_H
#define WEIR_TESTS_GENERATION_FIXTURE_H

#include "tests/integration/fixture.h"

#include "projections/generations.h"
#include "projections/projection_int.h"

#define HEAD "-- projection: p\n-- from: user\n"
#define T "CREATE TABLE t (id text PRIMARY KEY, n int NOT NULL DEFAULT 0);\n"
#define S "CREATE TABLE s (id text PRIMARY KEY);\n"
#define ON "-- on: a\nINSERT INTO t (id) SELECT aggregate_id FROM events ON CONFLICT DO NOTHING;\n"
#define ONE HEAD T S ON
#define SAME_TABLES HEAD "-- version: 2\n" T S ON
#define ADDED                                                                                      \
    HEAD "CREATE TABLE t (m text DEFAULT 'm', id text PRIMARY KEY, n int NOT NULL DEFAULT 0);\n" S \
         "CREATE TABLE extra (id text);\n" ON
#define REMOVED HEAD "CREATE TABLE t (id text PRIMARY KEY);\n" S ON
#define RETYPED HEAD "CREATE TABLE t (n bigint DEFAULT 0, id text PRIMARY KEY);\n" S ON
#define GONE HEAD T ON

static inline weir_connection *connect_to(const fixture *f)
{
    char *conninfo = fixture_conninfo(f);
    weir_connection *connection = fixture_connect(conninfo);
    free(conninfo);
    return connection;
}

static inline void execute(const fixture *f, const char *sql)
{
    weir_connection *connection = connect_to(f);
    fixture_execute(connection, sql);
    weir_connection_close(connection);
}

static inline void assert_value(const fixture *f, const char *sql, const char *expected)
{
    weir_connection *connection = connect_to(f);
    char *value = fixture_value(connection, sql);
    assert_string_equal(value ? value : "(null)", expected);
    free(value);
    weir_connection_close(connection);
}

static inline weir_projection *parse(const char *text)
{
    weir_error error = {0};
    weir_projection *p = weir_projection_parse("dir/p.sql", text, strlen(text), &error);
    if (!p)
        fail_msg("%s", error.message);
    return p;
}

/* Settles as the runtime does; generation 0: the serving one. */
static inline bool settle(const fixture *f, const char *text, int *generation, weir_error *error)
{
    weir_projection *p = parse(text);
    weir_connection *connection = connect_to(f);
    weir_handler *handler = weir_projection_handler(p, f->config);
    bool ok = handler->settle(handler, connection, generation, error);
    weir_connection_close(connection);
    weir_projection_free(p);
    return ok;
}

static inline void assert_settles(const fixture *f, const char *text, int expected)
{
    weir_error error = {0};
    int generation = 0;
    assert_ok(settle(f, text, &generation, &error));
    assert_int_equal(generation, expected);
}

static inline void assert_settle_refused(const fixture *f, const char *text, int generation,
                                         const char *message)
{
    weir_error error = {0};
    assert_false(settle(f, text, &generation, &error));
    assert_string_equal(error.message, message);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
}

static inline bool next_as(const fixture *f, const char *text, const char *user, int *generation,
                           bool *resumed, weir_error *error)
{
    weir_projection *p = parse(text);
    weir_connection *connection = connect_to(f);
    if (user) {
        char *sql = weir_format("SET SESSION AUTHORIZATION %s", user);
        fixture_execute(connection, sql);
        free(sql);
    }
    bool ok = weir_generation_next(p, f->config, connection, generation, resumed, error);
    assert_false(weir_connection_in_transaction(connection));
    weir_connection_close(connection);
    weir_projection_free(p);
    return ok;
}

static inline void assert_next(const fixture *f, const char *text, int expected,
                               bool expected_resumed)
{
    weir_error error = {0};
    int generation;
    bool resumed;
    assert_ok(next_as(f, text, NULL, &generation, &resumed, &error));
    assert_int_equal(generation, expected);
    assert_int_equal(resumed, expected_resumed);
}

/* One try, as somebody whose own statements stand before it. */
static inline bool switch_on(weir_connection *connection, int to, bool replace, weir_error *error)
{
    weir_error later;
    if (weir_connection_execute(connection, "BEGIN", error) &&
        weir_generation_switch(connection, "p", to, replace, error) &&
        weir_connection_execute(connection, "COMMIT", error))
        return true;
    assert_true(weir_connection_execute(connection, "ROLLBACK", &later));
    return false;
}

static inline bool switch_as(const fixture *f, const char *user, int to, bool replace,
                             weir_error *error)
{
    weir_connection *connection = connect_to(f);
    if (user) {
        char *sql = weir_format("SET SESSION AUTHORIZATION %s", user);
        fixture_execute(connection, sql);
        free(sql);
    }
    bool ok = switch_on(connection, to, replace, error);
    weir_connection_close(connection);
    return ok;
}

static inline void assert_switches(const fixture *f, int to, bool replace)
{
    weir_error error = {0};
    assert_ok(switch_as(f, NULL, to, replace, &error));
}

static inline void assert_switch_refused(const fixture *f, int to, bool replace,
                                         const char *message)
{
    weir_error error = {0};
    assert_false(switch_as(f, NULL, to, replace, &error));
    assert_string_equal(error.message, message);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
}

#define GENERATIONS                                                                                \
    "SELECT string_agg(generation || CASE WHEN serving THEN '!' ELSE '' END, ' ' ORDER BY "        \
    "generation) FROM weir.subscriptions"
#define SCHEMAS                                                                                    \
    "SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname ~ "          \
    "'^p(__.*)?$'"
#define READS                                                                                      \
    "SELECT string_agg(DISTINCT n.nspname || '.' || t.relname, ' ') FROM pg_rewrite w JOIN "       \
    "pg_class v ON v.oid = w.ev_class JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND " \
    "d.objid = w.oid JOIN pg_class t ON t.oid = d.refobjid AND t.relkind = 'r' JOIN pg_namespace " \
    "n ON n.oid = t.relnamespace WHERE v.relnamespace = 'p'::regnamespace"
#define COLUMNS                                                                                    \
    "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) " \
    "FROM pg_attribute WHERE attrelid = 'p.t'::regclass AND attnum > 0"

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_store, fixture_drop)

#endif
