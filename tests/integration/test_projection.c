/* Projections on a real PostgreSQL: generations and views, rights, refusals with their places, and
 * that each way of applying gives the same tables. */
#include "tests/integration/fixture.h"

#include <pthread.h>

#include "projections/projection_int.h"

#define HEAD "-- projection: p\n-- from: user\n"
#define TABLE "CREATE TABLE t (id text PRIMARY KEY, n int NOT NULL DEFAULT 0);\n"
#define INSERT "-- on: a\nINSERT INTO t SELECT aggregate_id FROM events ON CONFLICT DO NOTHING;\n"
#define GOOD HEAD TABLE INSERT

static weir_projection *parse(const char *text)
{
    weir_error error = {0};
    weir_projection *p = weir_projection_parse("dir/p.sql", text, strlen(text), &error);
    if (!p)
        fail_msg("%s", error.message);
    return p;
}

static weir_connection *connect_to(const fixture *f)
{
    char *conninfo = fixture_conninfo(f);
    weir_connection *connection = fixture_connect(conninfo);
    free(conninfo);
    return connection;
}

static void execute(const fixture *f, const char *sql)
{
    weir_connection *connection = connect_to(f);
    fixture_execute(connection, sql);
    weir_connection_close(connection);
}

static void assert_value(const fixture *f, const char *sql, const char *expected)
{
    weir_connection *connection = connect_to(f);
    char *value = fixture_value(connection, sql);
    assert_string_equal(value ? value : "(null)", expected);
    free(value);
    weir_connection_close(connection);
}

/* What a start of the runtime does: which generation, and a connection made ready for it. */
static void *open_session(weir_handler *handler, weir_connection *connection, weir_error *error)
{
    int generation = 0;
    if (!handler->settle(handler, connection, &generation, error))
        return NULL;
    assert_int_equal(generation, 1);
    return handler->open(handler, connection, generation, error);
}

/* Opens the projection as a start of the runtime would, on a connection of its own. */
static bool start_as(const fixture *f, const char *text, const char *user, weir_error *error)
{
    weir_projection *p = parse(text);
    weir_connection *connection = connect_to(f);
    if (user) {
        char *sql = weir_format("SET SESSION AUTHORIZATION %s", user);
        fixture_execute(connection, sql);
        free(sql);
    }
    weir_handler *handler = weir_projection_handler(p, f->config);
    void *session = open_session(handler, connection, error);
    bool ok = session != NULL;
    handler->close(session);
    assert_false(weir_connection_in_transaction(connection));
    weir_connection_close(connection);
    weir_projection_free(p);
    return ok;
}

static void assert_starts(const fixture *f, const char *text)
{
    weir_error error = {0};
    if (!start_as(f, text, NULL, &error))
        fail_msg("%s", error.message);
}

static void assert_start_refused(const fixture *f, const char *text, const char *message)
{
    weir_error error = {0};
    assert_false(start_as(f, text, NULL, &error));
    assert_string_equal(error.message, message);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    assert_int_equal(error.code, WEIR_INVALID);
}

static void a_first_start_makes_tables_views_and_row(void **state)
{
    const fixture *f = *state;
    assert_starts(f, GOOD);
    assert_value(f,
                 "SELECT generation || ' ' || serving || ' ' || (definition - 'tables' - "
                 "'handlers')::text FROM weir.subscriptions WHERE subscription = 'p'",
                 "1 true {\"file\": \"p.sql\", \"from\": [\"user\"], \"apply\": \"each\", "
                 "\"version\": 1}");
    assert_value(f,
                 "SELECT string_agg(schemaname || '.' || viewname || ' ' || viewowner, ',') FROM "
                 "pg_views WHERE schemaname LIKE 'p%' AND schemaname NOT LIKE 'pg%'",
                 "p.t weir_owner");
    assert_value(f, "SELECT tableowner FROM pg_tables WHERE schemaname = 'p__g1'",
                 "weir_projector");
    assert_value(f,
                 "SELECT concat(has_table_privilege('weir_reader', 'p.t', 'SELECT'), "
                 "has_table_privilege('weir_projector', 'p.t', 'SELECT, INSERT, UPDATE, DELETE'), "
                 "has_table_privilege('weir_owner', 'p__g1.t', 'INSERT, UPDATE, DELETE'))",
                 "tff");
    execute(f, "SET ROLE weir_reader; SELECT * FROM p.t");
    assert_starts(f, GOOD);
    assert_value(f, "SELECT count(*) FROM weir.subscriptions", "1");
}

typedef struct member {
    const fixture *f;
    pthread_t thread;
    bool ok;
    weir_error error;
} member;

static void *run_member(void *context)
{
    member *m = context;
    m->ok = start_as(m->f, GOOD, NULL, &m->error);
    return NULL;
}

static void members_may_start_at_once(void **state)
{
    member members[8];
    for (size_t i = 0; i < 8; i++) {
        members[i] = (member){.f = *state};
        assert_int_equal(pthread_create(&members[i].thread, NULL, run_member, &members[i]), 0);
    }
    for (size_t i = 0; i < 8; i++)
        pthread_join(members[i].thread, NULL);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(members[i].ok ? "" : members[i].error.message, "");
    assert_value(*state, "SELECT count(*) FROM weir.subscriptions", "1");
}

#define CHANGED                                                                                    \
    "dir/p.sql:1: the tables' statements or the version changed since generation 1 was made: "     \
    "undo the change, or let the tables be filled anew: weir projection rebuild p --execute"

static void a_changed_definition_is_noticed(void **state)
{
    const fixture *f = *state;
    assert_starts(f, GOOD);
    assert_start_refused(f, HEAD "CREATE TABLE t (id text PRIMARY KEY, n bigint);\n" INSERT,
                         CHANGED);
    assert_start_refused(f, HEAD "-- version: 2\n" TABLE INSERT, CHANGED);
    assert_start_refused(f, GOOD "-- on: b\nDELETE FROM u USING events;\n",
                         "dir/p.sql:7:13: relation \"u\" does not exist");
    assert_starts(f, HEAD "-- prose\nCREATE  table t (id text primary key, n int not null default "
                          "0); /* more */\n" INSERT);
    assert_starts(f, GOOD "-- on: b\nDELETE FROM t USING events;\n");
    assert_value(f, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%check%'", "0");
    assert_starts(f, HEAD "-- apply: aggregate\n" TABLE INSERT);
    assert_value(f, "SELECT definition ->> 'apply' FROM weir.subscriptions", "aggregate");
}

static void foreign_schemas_are_left_alone(void **state)
{
    const fixture *f = *state;
    execute(f, "CREATE SCHEMA p; CREATE TABLE p.mine (id int)");
    assert_start_refused(f, GOOD,
                         "dir/p.sql:1: schema \"p\" exists and was not made by this projection; "
                         "rename the projection, or drop that schema");
    execute(f, "DROP SCHEMA p CASCADE; CREATE SCHEMA p__g1");
    assert_start_refused(
        f, GOOD,
        "dir/p.sql:1: schema \"p__g1\" exists and was not made by this projection; "
        "rename the projection, or drop that schema");
    execute(f, "DROP SCHEMA p__g1; INSERT INTO weir.subscriptions VALUES ('p', 1, 'saga')");
    assert_start_refused(f, GOOD,
                         "dir/p.sql:1: the name 'p' belongs to a subscription of kind saga");
}

/* Only what PostgreSQL can know; test_projection_file.c has the rest. */
static void refusals_name_their_place(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {HEAD "CREATE TABLE t (id text,\n  n inte);\n" INSERT,
         "dir/p.sql:4:5: type \"inte\" does not exist"},
        {HEAD TABLE "CREATE INDEX ON t (m);\n" INSERT, "dir/p.sql:4: column \"m\" does not exist"},
        {HEAD "CREATE TABLE t (id text,);\n" INSERT,
         "dir/p.sql:3:25: syntax error at or near \")\""},
        {HEAD TABLE "-- on: a\nINSERT INTO t\n  SELECT agregate_id FROM events;\n",
         "dir/p.sql:6:10: column \"agregate_id\" does not exist. Hint: Perhaps you meant to "
         "reference the column \"events.aggregate_id\"."},
        {HEAD TABLE "-- on: a\n/* ü */ SELECT 'ü', x.id FROM events;\n",
         "dir/p.sql:5:21: missing FROM-clause entry for table \"x\""},
        {HEAD TABLE "-- on: a\nWITH q AS (SELECT 1)\nINSERT INTO t SELECT nope FROM q, events;\n",
         "dir/p.sql:6:22: column \"nope\" does not exist"},
        {HEAD TABLE "-- on: a\nUPDATE t SET n = data FROM events;\n",
         "dir/p.sql:5:18: column \"n\" is of type integer but expression is of type jsonb. Hint: "
         "You will need to rewrite or cast the expression."},
        {HEAD "CREATE TABLE public.t (id text);\n" INSERT, NULL},
        {HEAD TABLE "ALTER TABLE t SET SCHEMA p;\n" INSERT, NULL},
        {HEAD TABLE "-- on: a\n\nINSERT INTO public.other SELECT 1 FROM events;\n", NULL},
        {HEAD TABLE
         "-- on: a\n\nWITH d AS (DELETE FROM public.other RETURNING 1)\nUPDATE t SET n = 1;\n",
         NULL},
        {HEAD TABLE "-- on: a\n\nMERGE INTO public.parted o USING events ON o.id = position\n"
                    "WHEN MATCHED THEN DELETE;\n",
         NULL},
        {HEAD TABLE "-- on: a\nUPDATE pg_settings SET setting = 'public' WHERE name = 'role';\n",
         "dir/p.sql:5: this statement calls set_config: the session is the runtime's"},
        {HEAD TABLE "-- on: a\nSELECT U&\"set\\005fconfig\"('role', 'none', true);\n",
         "dir/p.sql:5: this statement calls set_config: the session is the runtime's"},
        {HEAD "-- apply: aggregate\n" TABLE "-- on: a\nUPDATE t SET n = n + 1;\n",
         "dir/p.sql:6: this statement does not read the relation events, so it would run once for "
         "many of them; use apply: each"},
        {HEAD "-- apply: batch\n" TABLE
              "-- on: a\n\nWITH e AS (SELECT FROM events) DELETE FROM t;\n",
         "dir/p.sql:7: this statement does not read the relation events, so it would run once for "
         "many of them; use apply: each"},
    };
    static const char *const outside[] = {
        "dir/p.sql:3: this statement changes public.t; ",
        "dir/p.sql:4: this statement changes p.t; ",
        "dir/p.sql:6: this statement writes public.other; ",
        "dir/p.sql:6: this statement writes public.other; ",
        "dir/p.sql:6: this statement writes public.parted; ",
    };
    execute(f, "CREATE TABLE public.other (id bigint); CREATE TABLE public.parted (id bigint) "
               "PARTITION BY LIST (id); CREATE TABLE public.part PARTITION OF public.parted "
               "DEFAULT; CREATE SCHEMA p; GRANT ALL ON SCHEMA public, p TO weir_projector; GRANT "
               "ALL ON ALL TABLES IN SCHEMA public TO weir_projector");
    weir_connection *connection = connect_to(f);
    size_t out = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_error error = {0};
        weir_projection *p = parse(cases[i].text);
        char *expected = cases[i].message
                             ? weir_strdup(cases[i].message)
                             : weir_format("%sa projection may make, alter and write its own "
                                           "tables only",
                                           outside[out++]);
        for (int again = 0; again < 2; again++) { /* nothing is left behind, not even a name */
            assert_false(weir_projection_check(p, f->config, connection, &error));
            assert_string_equal(error.message, expected);
            assert_int_equal(error.fate, WEIR_FATE_CONFIG);
        }
        weir_projection_free(p);
        assert_start_refused(f, cases[i].text, expected);
        free(expected);
    }
    char *left =
        fixture_value(connection, "SELECT concat((SELECT count(*) FROM pg_namespace WHERE nspname "
                                  "LIKE 'p\\_\\_%'), (SELECT count(*) FROM weir.subscriptions), "
                                  "(SELECT count(*) FROM pg_prepared_statements WHERE name LIKE "
                                  "'check%'), current_user = session_user)");
    assert_string_equal(left, "000t");
    free(left);
    weir_connection_close(connection);
}

/* Through an updatable view a write would reach the serving generation. */
static void the_live_schema_cannot_be_written(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    static const char through[] = HEAD TABLE "-- on: a\nUPDATE p.t SET n = 2 FROM events;\n";
    assert_starts(f, GOOD);
    execute(f, "GRANT weir_owner TO weir_projector; GRANT ALL ON p.t TO weir_projector; "
               "GRANT ALL ON SCHEMA p TO weir_projector; GRANT ALL ON p__g1.t TO weir_owner");
    assert_start_refused(f, through,
                         "dir/p.sql:5: this statement writes p__g1.t; a projection may make, alter "
                         "and write its own tables only");
    execute(f, "REVOKE weir_owner FROM weir_projector");
    weir_projection *p = parse(through);
    weir_connection *connection = connect_to(f);
    assert_false(weir_projection_check(p, f->config, connection, &error));
    weir_connection_close(connection);
    weir_projection_free(p);
}

static void grant(const fixture *f, const char *user, const char *before, const char *after)
{
    char *sql = weir_format("%s %s %s", before, user, after);
    execute(f, sql);
    free(sql);
}

static void assert_start_needs_create(const fixture *f, const char *user, const char *role,
                                      const char *schema)
{
    weir_error error = {0};
    char *expected = weir_format("%s may not create schema \"%s\"; let an administrator run: GRANT "
                                 "CREATE ON DATABASE %s TO \"%s\"",
                                 role, schema, f->database, role);
    assert_false(start_as(f, GOOD, user, &error));
    assert_string_equal(error.message, expected);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    free(expected);
}

static void a_user_without_superuser_rights_needs_roles_or_create(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    char user[80], database[80];
    snprintf(user, sizeof user, "app_%s", f->database);
    snprintf(database, sizeof database, "DATABASE %s", f->database);
    grant(f, user, "CREATE ROLE", "");
    grant(f, user, "GRANT weir_projector TO", "");
    grant(f, database, "REVOKE CREATE ON", "FROM weir_projector");
    assert_start_needs_create(f, user, "weir_projector", "p__g1");
    grant(f, database, "GRANT CREATE ON", "TO weir_projector");
    if (!start_as(f, GOOD, user, &error))
        fail_msg("%s", error.message);
    assert_value(f, "SELECT tableowner FROM pg_tables WHERE schemaname = 'p__g1'",
                 "weir_projector");
    assert_value(f, "SELECT viewowner FROM pg_views WHERE schemaname = 'p'", user);
    execute(f, "SET ROLE weir_reader; SELECT * FROM p.t");
    execute(f, "DROP SCHEMA p, p__g1 CASCADE; DELETE FROM weir.subscriptions");
    grant(f, user, "GRANT weir_owner TO", "");
    grant(f, database, "REVOKE CREATE ON", "FROM weir_owner");
    assert_start_needs_create(f, user, "weir_owner", "p");
    grant(f, database, "GRANT CREATE ON", "TO weir_owner");
    if (!start_as(f, GOOD, user, &error))
        fail_msg("%s", error.message);
    assert_value(f, "SELECT viewowner FROM pg_views WHERE schemaname = 'p'", "weir_owner");
    grant(f, user, "DROP ROLE", "");
}

/* What is logged while fn runs. */
static char *logged(const fixture *f, const char *text)
{
    char path[] = "/tmp/weir_log_XXXXXX", *log = weir_calloc(1, 65536);
    int file = mkstemp(path), old = dup(2);
    assert_true(file >= 0 && old >= 0);
    dup2(file, 2);
    weir_error error = {0};
    bool ok = start_as(f, text, NULL, &error);
    dup2(old, 2);
    close(old);
    assert_true(pread(file, log, 65535, 0) >= 0);
    close(file);
    unlink(path);
    assert_string_equal(ok ? "" : error.message, "");
    return log;
}

static void values_that_change_at_a_replay_are_named(void **state)
{
    static const char text[] =
        HEAD "CREATE TABLE t (id text PRIMARY KEY, at timestamptz DEFAULT\n  Now());\n"
             "CREATE TABLE s (id serial, r float8, u uuid, d date);\n"
             "-- on: a\n"
             "INSERT INTO t SELECT 'now()', time FROM events; -- random()\n"
             "INSERT INTO s (r, u, d) SELECT RANDOM ( ), gen_random_uuid(), CURRENT_DATE;\n"
             "INSERT INTO t SELECT upper(lower(random)), max(now) FROM\n"
             "    (SELECT 'x' AS random, time AS now FROM events) e GROUP BY 1;\n";
    static const struct {
        const char *at, *value;
    } named[] = {{"p.sql:4", "Now"},
                 {"p.sql:5", "serial"},
                 {"p.sql:8", "RANDOM"},
                 {"p.sql:8", "gen_random_uuid"},
                 {"p.sql:8", "CURRENT_DATE"}};
    char *log = logged(*state, text), *rest = log;
    for (size_t i = 0; i < 5; i++) {
        char *expected = weir_format("at=%s value=%s\n", named[i].at, named[i].value);
        rest = strstr(rest, expected);
        if (!rest)
            fail_msg("missing: %s in\n%s", expected, log);
        rest += strlen(expected);
        free(expected);
    }
    assert_null(strstr(rest, "value="));
    free(log);
    log = logged(*state, text); /* a later start has nothing to say */
    assert_null(strstr(log, "value="));
    free(log);
}

static void a_store_without_roles_works_as_the_user(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    execute(f, "CREATE SCHEMA lonely; CREATE TABLE lonely.subscriptions "
               "(LIKE weir.subscriptions INCLUDING ALL)");
    char *conninfo = fixture_conninfo(f);
    weir_connection_options options = {conninfo, "lonely", "test", NULL};
    weir_connection *connection = weir_connection_open(&options, &error);
    assert_non_null(connection);
    weir_projection *p = parse(GOOD);
    weir_handler *handler = weir_projection_handler(p, f->config);
    void *session = open_session(handler, connection, &error);
    assert_ok(session != NULL);
    handler->close(session);
    char *path = fixture_value(connection, "SELECT current_setting('search_path') || ' ' || "
                                           "(session_user = current_user)");
    assert_string_equal(path, "\"p__g1\", pg_catalog, pg_temp true");
    free(path);
    weir_connection_close(connection);
    weir_projection_free(p);
    free(conninfo);
    assert_value(f, "SELECT count(*) FROM lonely.subscriptions", "1");
}

/* A random life of users, as events. */
typedef struct life {
    weir_event events[1200];
    char ids[40][16], data[1200][64];
    int64_t versions[40];
} life;

static life *make_life(unsigned seed)
{
    static const char *const types[] = {"user.set", "user.add", "user.gone", "user.other"};
    life *l = weir_calloc(1, sizeof *l);
    srand(seed);
    for (int i = 0; i < 40; i++)
        snprintf(l->ids[i], sizeof l->ids[i], "u'%d", i);
    for (int i = 0; i < 1200; i++) {
        int who = rand() % 40 * (rand() % 4 ? 1 : 0); /* one of them is busy */
        int length = snprintf(l->data[i], sizeof l->data[i], "{\"n\": %d, \"t\": \"ü\\\"%d\"}",
                              rand() % 100, i);
        l->events[i] = (weir_event){.position = i + 1,
                                    .aggregate_type = "user",
                                    .aggregate_id = l->ids[who],
                                    .version = ++l->versions[who],
                                    .id = weir_uuid_new(),
                                    .type = types[rand() % 4],
                                    .schema_version = 1,
                                    .data = l->data[i],
                                    .data_length = (size_t)length,
                                    .metadata = "{\"userid\": \"me\"}",
                                    .metadata_length = 16,
                                    .time_us = 1700000000000000 + i,
                                    .recorded_at_us = 1700000000000000 - i};
    }
    return l;
}

/* Folds the life through a projection, in batches, and returns its table as text. */
static char *fold(const fixture *f, const char *name, const char *apply, const life *l, size_t size,
                  bool one_by_one)
{
    weir_error error = {0};
    char *text = weir_format(
        "-- projection: %s\n-- from: user\n-- apply: %s\n"
        "CREATE TABLE t (id text PRIMARY KEY, n int, t text, p bigint, v bigint, e uuid, k int, "
        "m text, a timestamptz, r timestamptz);\n"
        "-- on: user.set\n"
        "INSERT INTO t SELECT aggregate_id, (data->>'n')::int, data->>'t', position, version, "
        "event_id, schema_version, metadata->>'userid', time, recorded_at FROM events "
        "ON CONFLICT (id) DO UPDATE SET n = excluded.n, t = excluded.t, p = excluded.p, v = "
        "excluded.v, e = excluded.e, a = excluded.a, r = excluded.r;\n"
        "UPDATE t SET n = t.n * 3 %% 1000 FROM events e WHERE t.id = e.aggregate_id;\n"
        "-- on: user.*\n"
        "UPDATE t SET n = (t.n * 7 + (e.data->>'n')::int) %% 1000, v = e.version "
        "FROM events e WHERE t.id = e.aggregate_id;\n"
        "-- on: user.gone\n"
        "DELETE FROM t USING events e WHERE t.id = e.aggregate_id AND (e.data->>'n')::int < 50;\n",
        name, apply);
    weir_projection *p = parse(text);
    weir_connection *connection = connect_to(f);
    weir_handler *handler = weir_projection_handler(p, f->config);
    weir_arena *arena = weir_arena_new(64 << 20);
    void *session = open_session(handler, connection, &error);
    assert_ok(session != NULL);
    for (size_t from = 0; from < 1200; from += size) {
        const weir_batch batch = {l->events + from, from + size > 1200 ? 1200 - from : size, arena};
        weir_calls calls = {.arena = arena};
        assert_ok(handler->collect(session, &batch, one_by_one, &calls, &error));
        assert_ok(
            weir_connection_pipeline(connection, calls.calls, (int)calls.count, NULL, &error));
        weir_arena_reset(arena);
    }
    weir_arena_free(arena);
    handler->close(session);
    char *table =
        fixture_value(connection, "SELECT string_agg((t.*)::text, E'\\n' ORDER BY id) FROM t");
    weir_connection_close(connection);
    weir_projection_free(p);
    free(text);
    return table;
}

static void aggregate_folds_as_each_does(void **state)
{
    const fixture *f = *state;
    for (unsigned seed = 1; seed <= 2; seed++) {
        life *l = make_life(seed);
        char *each = fold(f, seed == 1 ? "each1" : "each2", "each", l, 1200, false);
        char *waves = fold(f, seed == 1 ? "waves1" : "waves2", "aggregate", l, 300, false);
        char *single = fold(f, seed == 1 ? "single1" : "single2", "aggregate", l, 1200, true);
        assert_true(strlen(each) > 1000);
        assert_string_equal(each, waves);
        assert_string_equal(each, single);
        free(each);
        free(waves);
        free(single);
        free(l);
    }
}

static void batch_counts_every_event_once(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    life *l = make_life(3);
    weir_projection *p = parse(
        "-- projection: c\n-- from: user\n-- apply: batch\n"
        "CREATE TABLE c (type text PRIMARY KEY, n bigint, d numeric, last bigint);\n-- on: *\n"
        "WITH s AS (SELECT event_type, count(*), sum((data->>'n')::int), max(position) FROM events "
        "GROUP BY 1) INSERT INTO c AS c SELECT * FROM s ON CONFLICT (type) DO UPDATE SET n = c.n + "
        "excluded.n, d = c.d + excluded.d, last = excluded.last;\n");
    weir_connection *connection = connect_to(f);
    weir_handler *handler = weir_projection_handler(p, f->config);
    weir_arena *arena = weir_arena_new(64 << 20);
    void *session = open_session(handler, connection, &error);
    assert_ok(session != NULL);
    int64_t expected = 0;
    for (size_t from = 0; from < 1200; from += 400) {
        const weir_batch batch = {l->events + from, 400, arena};
        weir_calls calls = {.arena = arena};
        assert_ok(handler->collect(session, &batch, false, &calls, &error));
        assert_int_equal(calls.count, from < 800 ? 1 : 2); /* at 1000, plans are made anew */
        assert_ok(
            weir_connection_pipeline(connection, calls.calls, (int)calls.count, NULL, &error));
        weir_arena_reset(arena);
    }
    for (size_t i = 0; i < 1200; i++)
        expected += atoi(l->data[i] + strlen("{\"n\": "));
    char *wanted = weir_format("1200 %lld 1200", (long long)expected);
    char *found =
        fixture_value(connection, "SELECT concat_ws(' ', sum(n), sum(d), max(last)) FROM c");
    assert_string_equal(found, wanted);
    free(found);
    free(wanted);
    weir_arena_free(arena);
    handler->close(session);
    weir_connection_close(connection);
    weir_projection_free(p);
    free(l);
}

static char *example_path(const char *name)
{
    const char *slash = strrchr(__FILE__, '/');
    assert_non_null(slash);
    return weir_format("%.*s/../../examples/projections/%s.sql", (int)(slash - __FILE__), __FILE__,
                       name);
}

static void the_examples_are_accepted(void **state)
{
    const fixture *f = *state;
    static const char *const names[] = {"user_list", "order_summary", "revenue_by_day"};
    weir_connection *connection = connect_to(f);
    for (size_t i = 0; i < 3; i++) {
        weir_error error = {0};
        char *path = example_path(names[i]);
        weir_projection *p = weir_projection_load(path, &error);
        if (!p)
            fail_msg("%s", error.message);
        assert_string_equal(weir_projection_name(p), names[i]);
        assert_ok(weir_projection_check(p, f->config, connection, &error));
        weir_projection_free(p);
        free(path);
    }
    weir_connection_close(connection);
}

/* docs/projections.md shows this message. */
static void the_manual_shows_a_real_refusal(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    char text[4096], *path = example_path("user_list");
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    char *typo = strstr(text, "e.aggregate_id");
    assert_non_null(typo);
    memmove(typo + 3, typo + 4, strlen(typo + 4) + 1);
    weir_projection *p =
        weir_projection_parse("projections/user_list.sql", text, strlen(text), &error);
    assert_non_null(p);
    weir_connection *connection = connect_to(f);
    assert_false(weir_projection_check(p, f->config, connection, &error));
    assert_string_equal(error.message,
                        "projections/user_list.sql:19:28: column e.agregate_id does not exist. "
                        "Hint: Perhaps you meant to reference the column \"e.aggregate_id\".");
    weir_connection_close(connection);
    weir_projection_free(p);
    free(path);
}

#define STORE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_store, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_first_start_makes_tables_views_and_row),
        STORE_TEST(members_may_start_at_once),
        STORE_TEST(a_changed_definition_is_noticed),
        STORE_TEST(foreign_schemas_are_left_alone),
        STORE_TEST(refusals_name_their_place),
        STORE_TEST(the_live_schema_cannot_be_written),
        STORE_TEST(a_user_without_superuser_rights_needs_roles_or_create),
        STORE_TEST(values_that_change_at_a_replay_are_named),
        STORE_TEST(a_store_without_roles_works_as_the_user),
        STORE_TEST(aggregate_folds_as_each_does),
        STORE_TEST(batch_counts_every_event_once),
        STORE_TEST(the_examples_are_accepted),
        STORE_TEST(the_manual_shows_a_real_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
