/* Migrations, roles and grants, and every statement of store/sql against a migrated database. */
#include "tests/integration/fixture.h"

#include "store/sql_int.h"

static void migrating_twice_changes_nothing(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_buffer statements = WEIR_BUFFER(1 << 20);
    int applied;
    assert_ok(weir_store_migrate(f->config, NULL, &applied, &statements, &error));
    assert_true(applied >= 5);
    assert_ok(weir_store_migrate(f->config, NULL, &applied, &statements, &error));
    assert_int_equal(applied, 0);
    assert_int_equal(statements.length, 0);
    weir_buffer_free(&statements);
}

static void expect_refusal(fixture *f, const char *change, const char *message)
{
    weir_error error = {0};
    weir_buffer statements = WEIR_BUFFER(1 << 20);
    int applied;
    char *conninfo = fixture_conninfo(f);
    weir_connection *c = fixture_connect(conninfo);
    fixture_execute(c, change);
    weir_connection_close(c);
    free(conninfo);
    assert_false(weir_store_migrate(f->config, NULL, &applied, &statements, &error));
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    assert_non_null(strstr(error.message, message));
    assert_null(weir_store_open(f->config, "test", NULL, &error));
    assert_non_null(strstr(error.message, message));
    weir_buffer_free(&statements);
}

static void a_changed_migration_is_refused(void **state)
{
    fixture_migrate(*state);
    expect_refusal(*state, "UPDATE weir.migrations SET checksum = 'x' WHERE number = 2",
                   "migration 0002_append of the store differs");
}

static void a_newer_store_is_refused(void **state)
{
    fixture_migrate(*state);
    expect_refusal(*state, "INSERT INTO weir.migrations VALUES (9999, '9999_future', 'x')",
                   "the store is newer than this program: it has migration 9999_future");
}

static void a_missing_store_says_what_to_do(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    assert_null(weir_store_open(f->config, "test", NULL, &error));
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    assert_non_null(strstr(error.message, "run `weir migrate`"));
}

static void every_statement_prepares(void **state)
{
    fixture *f = *state;
    int prepared = 0;
    char *conninfo = fixture_conninfo(f);
    weir_connection *c = fixture_connect(conninfo);
    for (const weir_sql *sql = weir_sql_embedded; sql->name; sql++) {
        weir_error error = {0};
        if (strchr(sql->name, '/') || strcmp(sql->name, "session") == 0)
            continue;
        if (!weir_connection_prepare(c, sql->name, sql->text, &error))
            fail_msg("%s: %s", sql->name, error.message);
        prepared++;
    }
    assert_true(prepared > 10);
    weir_connection_close(c);
    free(conninfo);
}

static void two_stores_live_in_one_database(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_buffer statements = WEIR_BUFFER(1 << 20);
    int applied;
    weir_config *config = fixture_config(f, "other_store");
    assert_ok(weir_store_migrate(config, NULL, &applied, &statements, &error));
    weir_store *other = weir_store_open(config, "test", NULL, &error);
    assert_non_null(other);
    assert_int_not_equal(weir_store_number(other), weir_store_number(f->store));
    assert_string_not_equal(weir_store_id(other), weir_store_id(f->store));
    weir_new_event event = {.type = "t", .data = "1", .data_length = 1};
    weir_append append = {"user", "u", 0, &event, 1, 0};
    assert_ok(weir_store_append(other, &append, 1, NULL, &error));
    int64_t version;
    assert_ok(weir_store_stream_version(f->store, "user", "u", &version, &error));
    assert_int_equal(version, 0);
    weir_store_close(other);
    weir_config_free(config);
    weir_buffer_free(&statements);
}

/* role, what it tries, whether it may */
static const struct {
    const char *role, *sql;
    bool allowed;
} grants[] = {
#define APPEND                                                                                     \
    "SELECT weir.append('t', gen_random_uuid()::text, 0, '[{\"type\":\"t\",\"data\":1}]')"
#define INSERT_EVENT                                                                               \
    "INSERT INTO weir.events VALUES "                                                              \
    "(99,'t','x',1,gen_random_uuid(),'t',1,'1',NULL,'a/b','{}',now(),now())"
    {"weir_appender", APPEND, true},
    {"weir_appender", "SELECT * FROM weir.events", false},
    {"weir_appender", INSERT_EVENT, false},
    {"weir_appender", "UPDATE weir.streams SET version = 1", false},
    {"weir_appender", "SELECT nextval('weir.event_position')", false},
    {"weir_reader", "SELECT * FROM weir.events", true},
    {"weir_reader", "SELECT * FROM weir.horizon()", true},
    {"weir_reader", APPEND, false},
    {"weir_reader", "DELETE FROM weir.events", false},
#define WAIT "SELECT weir.wait_for('s', 't', 'u', 1, '0')"
    {"weir_relay", WAIT, false},
    {"weir_relay", "SELECT * FROM weir.horizon()", true},
    {"weir_relay", "INSERT INTO weir.topics VALUES ('x', 'x', 1)", true},
    {"weir_relay", "SELECT pg_logical_emit_message(true, 'weir', '')", true},
    {"weir_relay", APPEND, false},
    {"weir_relay", "UPDATE weir.checkpoints SET position = 0", false},
    {"weir_projector", "INSERT INTO weir.subscriptions (subscription, generation) VALUES ('s', 1)",
     true},
    {"weir_projector", "SELECT * FROM weir.events", true}, /* a hole is healed from the store */
    {"weir_projector", "DELETE FROM weir.dead_letters", true},
    {"weir_projector", "UPDATE weir.relays SET epoch = 0", false},
    {"weir_projector", "CREATE SCHEMA grants_test", true},
    {"weir_projector", "CREATE TABLE weir.mine (n int)", false},
    {"weir_admin", APPEND, true},
    {"weir_admin", "SELECT * FROM weir.events", true},
    {"weir_admin", "DELETE FROM weir.events", false},
    {"weir_owner", "DELETE FROM weir.events", false},
    {"weir_owner", "TRUNCATE weir.events", false},
};

static void roles_may_do_what_they_are_for(void **state)
{
    fixture *f = *state;
    weir_connection *c = weir_store_connection(f->store);
    weir_error error = {0};
    weir_new_event event = {.type = "t", .data = "1", .data_length = 1};
    weir_append append = {"t", "u", 0, &event, 1, 0};
    assert_ok(weir_store_append(f->store, &append, 1, NULL, &error));
    for (size_t i = 0; i < sizeof grants / sizeof *grants; i++) {
        char sql[512];
        snprintf(sql, sizeof sql, "BEGIN; SET ROLE %s; %s", grants[i].role, grants[i].sql);
        bool allowed = weir_connection_execute(c, sql, &error);
        if (allowed != grants[i].allowed)
            fail_msg("%s: %s: %s", grants[i].role, grants[i].sql,
                     allowed ? "is allowed" : error.message);
        fixture_execute(c, "ROLLBACK; RESET ROLE");
    }
}

/* A user who may create a schema but no roles. */
static void who_may_not_create_roles_gets_the_statements(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_buffer statements = WEIR_BUFFER(1 << 20);
    int applied;
    char sql[512];
    char *conninfo = fixture_conninfo(f);
    weir_connection *c = fixture_connect(conninfo);
    snprintf(
        sql, sizeof sql,
        "DROP ROLE IF EXISTS weir_test_poor; CREATE ROLE weir_test_poor LOGIN; GRANT CREATE ON "
        "DATABASE %s TO weir_test_poor",
        f->database);
    fixture_execute(c, sql);
    char *poor = weir_format("store.conninfo=%s user=weir_test_poor", conninfo);
    const char *overrides[] = {poor, "store.schema=poor"};
    weir_config *config = weir_config_load("/dev/null", overrides, 2, &error);
    assert_non_null(config);
    assert_ok(weir_store_migrate(config, NULL, &applied, &statements, &error));
    assert_non_null(strstr(statements.data, "CREATE ROLE"));
    assert_non_null(strstr(statements.data, "poor_appender"));
    weir_store *store = weir_store_open(config, "test", NULL, &error);
    assert_non_null(store);
    weir_store_close(store);
    weir_config_free(config);
    weir_buffer_free(&statements);
    snprintf(sql, sizeof sql, "DROP OWNED BY weir_test_poor; DROP ROLE weir_test_poor");
    fixture_execute(c, sql);
    weir_connection_close(c);
    free(poor);
    free(conninfo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define EMPTY(name) cmocka_unit_test_setup_teardown(name, fixture_database, fixture_drop)
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_store, fixture_drop)
        EMPTY(migrating_twice_changes_nothing),
        EMPTY(a_changed_migration_is_refused),
        EMPTY(a_newer_store_is_refused),
        EMPTY(a_missing_store_says_what_to_do),
        T(every_statement_prepares),
        T(two_stores_live_in_one_database),
        T(roles_may_do_what_they_are_for),
        EMPTY(who_may_not_create_roles_gets_the_statements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
