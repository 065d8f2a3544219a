/* A fresh database for one test program, with a store in it. Needs WEIR_TEST_CONNINFO
 * (scripts/services prints it). */
#ifndef WEIR_TESTS_FIXTURE_H
#define WEIR_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

typedef struct fixture {
    char database[64];
    weir_connection *admin; /* to the database that WEIR_TEST_CONNINFO names */
    weir_config *config;
    weir_store *store;
} fixture;

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s: %s", #call, error.message);                                              \
    } while (0)

static inline weir_connection *fixture_connect(const char *conninfo)
{
    weir_error error = {0};
    weir_connection_options options = {conninfo, "weir", "test", NULL};
    weir_connection *connection = weir_connection_open(&options, &error);
    if (!connection)
        fail_msg("%s", error.message);
    return connection;
}

static inline char *fixture_conninfo(const fixture *f)
{
    return weir_format("%s dbname=%s", getenv("WEIR_TEST_CONNINFO"), f->database);
}

static inline void fixture_execute(weir_connection *connection, const char *sql)
{
    weir_error error = {0};
    assert_ok(weir_connection_execute(connection, sql, &error));
}

/* The first value of a query, copied; NULL for SQL NULL or no row. */
static inline char *fixture_value(weir_connection *connection, const char *sql)
{
    weir_error error = {0};
    weir_result *result = weir_connection_text(connection, sql, NULL, 0, &error);
    if (!result)
        fail_msg("%s: %s", sql, error.message);
    const char *value = weir_result_rows(result) ? weir_result_value(result, 0, 0) : NULL;
    char *copy = value ? weir_strdup(value) : NULL;
    weir_result_free(result);
    return copy;
}

static inline weir_config *fixture_config(const fixture *f, const char *schema)
{
    weir_error error = {0};
    char *conninfo = fixture_conninfo(f);
    char *store = weir_format("store.conninfo=%s", conninfo);
    char *name = weir_format("store.schema=%s", schema);
    const char *overrides[] = {store, name};
    weir_config *config = weir_config_load("/dev/null", overrides, 2, &error);
    if (!config)
        fail_msg("%s", error.message);
    free(conninfo);
    free(store);
    free(name);
    return config;
}

/* A database without a store. */
static inline int fixture_database(void **state)
{
    if (!getenv("WEIR_TEST_CONNINFO"))
        fail_msg("set WEIR_TEST_CONNINFO: eval \"$(scripts/services up)\" prints one");
    fixture *f = weir_calloc(1, sizeof *f);
    char sql[128];
    snprintf(f->database, sizeof f->database, "weir_test_%ld_%lld", (long)getpid(),
             (long long)weir_clock_monotonic_us());
    f->admin = fixture_connect(getenv("WEIR_TEST_CONNINFO"));
    snprintf(sql, sizeof sql, "CREATE DATABASE %s STRATEGY file_copy", f->database);
    fixture_execute(f->admin, sql);
    f->config = fixture_config(f, "weir");
    *state = f;
    return 0;
}

static inline void fixture_migrate(fixture *f)
{
    weir_error error = {0};
    int applied;
    weir_buffer statements = WEIR_BUFFER(1 << 20);
    assert_ok(weir_store_migrate(f->config, NULL, &applied, &statements, &error));
    assert_int_equal(statements.length, 0);
    weir_buffer_free(&statements);
}

/* A database with a store, opened. */
static inline int fixture_store(void **state)
{
    weir_error error = {0};
    if (fixture_database(state) != 0)
        return 1;
    fixture *f = *state;
    fixture_migrate(f);
    f->store = weir_store_open(f->config, "test", NULL, &error);
    if (!f->store)
        fail_msg("%s", error.message);
    return 0;
}

static inline int fixture_drop(void **state)
{
    fixture *f = *state;
    char sql[128];
    weir_store_close(f->store);
    weir_config_free(f->config);
    snprintf(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", f->database);
    fixture_execute(f->admin, sql);
    weir_connection_close(f->admin);
    free(f);
    return 0;
}

#endif
