/* Readers moved from one generation to another on a real PostgreSQL: what they keep, what is
 * refused, and that none of them sees a part or an empty table. */
#include "tests/integration/generation_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"

/* What readers have, they keep: rights, options, owners, dependents, also on the new columns. */
static void a_switch_keeps_what_readers_have(void **state)
{
    const fixture *f = *state;
    char role[80], sql[2048];
    snprintf(role, sizeof role, "r_%s", f->database);
    assert_settles(f, ONE, 1);
    snprintf(sql, sizeof sql,
             "CREATE ROLE %1$s; GRANT SELECT ON p.t TO %1$s WITH GRANT OPTION; GRANT USAGE ON "
             "SCHEMA p TO %1$s; ALTER VIEW p.t SET (security_barrier = true); ALTER VIEW p.s SET "
             "(security_invoker = true); GRANT SELECT (id) ON p.s TO %1$s; GRANT SELECT (id) ON "
             "p__g1.s TO %1$s; GRANT USAGE ON SCHEMA p__g1 TO %1$s; COMMENT ON VIEW p.t IS 'ours'; "
             "CREATE VIEW public.over AS SELECT n, id FROM p.t; CREATE FUNCTION public.f() RETURNS "
             "SETOF p.t LANGUAGE sql AS 'SELECT * FROM p.t'; CREATE FUNCTION public.g() RETURNS "
             "bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM p.t; END",
             role);
    execute(f, sql);
    execute(f, "INSERT INTO p__g1.t VALUES ('old', 1)");
    assert_next(f, ADDED, 2, false);
    execute(f, "INSERT INTO p__g2.t VALUES ('m', 'new', 2); INSERT INTO p__g2.s VALUES ('s')");
    assert_switches(f, 2, true /* of no use here: s is there, nothing is dropped */);
    assert_value(f, GENERATIONS, "1 2!");
    assert_value(f, READS, "p__g2.extra p__g2.s p__g2.t");
    assert_value(f, COLUMNS, "id text, n integer, m text");
    assert_value(f,
                 "SELECT concat_ws(' ', o.id, o.n, f.m, public.g()) FROM public.over o, public.f()",
                 "new 2 m 1");
    assert_value(f,
                 "SELECT string_agg(relname || ' ' || reloptions::text, ' ' ORDER BY relname) "
                 "FROM pg_class WHERE relnamespace = 'p'::regnamespace AND reloptions IS NOT "
                 "NULL",
                 "s {security_invoker=true} t {security_barrier=true}");
    assert_value(f, "SELECT obj_description('p.t'::regclass)", "ours");
    assert_value(f,
                 "SELECT string_agg(DISTINCT viewowner, ' ') FROM pg_views WHERE schemaname = "
                 "'p'",
                 "weir_owner");
    snprintf(sql, sizeof sql, "SET ROLE %s; SELECT * FROM p.t; SELECT id FROM p.s", role);
    execute(f, sql);
    execute(f, "SET ROLE weir_reader; SELECT * FROM p.extra, p.t");
    snprintf(sql, sizeof sql,
             "SELECT concat(has_table_privilege('%1$s', 'p.t', 'SELECT WITH GRANT OPTION'), "
             "has_table_privilege('%1$s', 'p__g2.t', 'SELECT'), "
             "has_column_privilege('%1$s', 'p__g2.s', 'id', 'SELECT'), "
             "has_table_privilege('weir_owner', 'p__g2.t', 'INSERT'))",
             role);
    assert_value(f, sql, "tftf");
    snprintf(sql, sizeof sql, "DROP OWNED BY %1$s; DROP ROLE %1$s", role);
    execute(f, sql);
}

static void incompatible_changes_are_refused_with_names(void **state)
{
    const fixture *f = *state;
    assert_settles(f, ONE, 1);
    execute(f, "CREATE VIEW public.over AS SELECT n, id FROM p.t; CREATE VIEW public.top AS SELECT "
               "n FROM public.over; CREATE FUNCTION public.g() RETURNS bigint LANGUAGE sql BEGIN "
               "ATOMIC SELECT count(*) FROM p.t; END");
    assert_next(f, REMOVED, 2, false);
    assert_switch_refused(
        f, 2, false,
        "p: the views cannot move to generation 2 as they are: p.t: columns removed (n), and view "
        "public.top, function public.g(), view public.over depend on it; --replace-views drops "
        "these and makes them again");
    assert_switch_refused(f, 2, true,
                          "function public.g() depends on a view that must be replaced, and is no "
                          "plain view that could be made again: drop it before, and make it again "
                          "after");
    execute(f, "DROP FUNCTION public.g()");
    assert_switch_refused(f, 2, true, "making again view public.over: column t.n does not exist");
    assert_value(f, "SELECT count(*) FROM public.top", "0");
    assert_next(f, GONE, 3, false);
    assert_switch_refused(f, 3, false,
                          "p: the views cannot move to generation 3 as they are: p.s: table gone; "
                          "--replace-views drops these and makes them again");
    execute(f, "CREATE OR REPLACE VIEW p.t AS SELECT id, n FROM p__g1.t WHERE n > 0");
    assert_next(f, SAME_TABLES, 4, false);
    assert_switch_refused(
        f, 4, false,
        "p: the views cannot move to generation 4 as they are: p.t: altered by hand, and view "
        "public.top, view public.over depend on it; --replace-views drops these and makes them "
        "again");
    execute(f, "DROP SCHEMA p CASCADE; CREATE SCHEMA p AUTHORIZATION weir_owner; CREATE TABLE p.t "
               "(id int)");
    assert_switch_refused(f, 4, true,
                          "p: the views cannot move to generation 4: p.t: name taken; rename what "
                          "has the name of a view");
    assert_value(f, GENERATIONS, "1! 4");
}

static void row_security_is_not_lost(void **state)
{
    const fixture *f = *state;
    assert_settles(f, ONE, 1);
    execute(f, "ALTER TABLE p__g1.t ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON p__g1.t USING "
               "(n > 0)");
    assert_next(f, SAME_TABLES, 2, false);
    assert_switch_refused(f, 2, true,
                          "p: generation 2 lacks policy few on p__g1.t, row security of p__g1.t, "
                          "and would show what was hidden; make it on its tables, too, before the "
                          "switch");
    execute(f, "ALTER TABLE p__g2.t ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON p__g2.t USING "
               "(n > 0)");
    assert_switches(f, 2, false);
}

static void views_are_replaced_with_their_dependents(void **state)
{
    const fixture *f = *state;
    assert_settles(f, ONE, 1);
    execute(
        f, "GRANT SELECT ON p.t TO PUBLIC; ALTER VIEW p.t SET (security_barrier = true); COMMENT "
           "ON COLUMN p.t.id IS 'it''s'; CREATE VIEW public.over WITH (security_barrier) AS "
           "SELECT id, n FROM p.t; GRANT SELECT (id) ON public.over TO weir_relay WITH GRANT "
           "OPTION; COMMENT ON VIEW public.over IS 'over'; ALTER VIEW public.over OWNER TO "
           "weir_reader; GRANT CREATE ON SCHEMA public TO weir_reader; GRANT SELECT ON public.over "
           "TO weir; CREATE VIEW public.top AS SELECT count(*) FROM public.over; ALTER DEFAULT "
           "PRIVILEGES FOR ROLE weir_reader GRANT SELECT ON TABLES TO weir_appender");
    assert_next(f, RETYPED, 2, false);
    execute(f, "INSERT INTO p__g2.t (id) VALUES ('x')");
    assert_switches(f, 2, true);
    assert_value(f, COLUMNS, "id text, n bigint");
    assert_value(f, "SELECT count FROM public.top", "1");
    assert_value(f,
                 "SELECT concat_ws(' ', relowner::regrole, reloptions, obj_description(oid), "
                 "relacl, (SELECT attacl FROM pg_attribute WHERE attrelid = c.oid AND attname = "
                 "'id')) FROM pg_class c WHERE oid = 'public.over'::regclass",
                 "weir_reader {security_barrier=true} over "
                 "{weir_reader=arwdDxt/weir_reader,weir=r/weir_reader} "
                 "{weir_relay=r*/weir_reader}");
    assert_value(f,
                 "SELECT concat_ws(' ', relowner::regrole, reloptions, col_description(oid, 1), "
                 "relacl) FROM pg_class WHERE oid = 'p.t'::regclass",
                 "weir_owner {security_barrier=true} it's "
                 "{weir_owner=arwdDxt/weir_owner,weir_reader=r/weir_owner,=r/weir_owner}");
    assert_next(f, GONE, 3, false);
    assert_switch_refused(f, 3, false,
                          "p: the views cannot move to generation 3 as they are: p.s: table gone; "
                          "p.t: columns of another type (n (bigint, now integer)), and view "
                          "public.top, view public.over depend on it; --replace-views drops these "
                          "and makes them again");
    assert_switches(f, 3, true);
    assert_value(f, COLUMNS, "id text, n integer");
    assert_value(f, READS, "p__g3.t");
    execute(f, "ALTER DEFAULT PRIVILEGES FOR ROLE weir_reader REVOKE SELECT ON TABLES FROM "
               "weir_appender");
}

static void compare_says_it_before(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    weir_generation_plan plan;
    assert_settles(f, ONE, 1);
    assert_next(f, ADDED, 2, false);
    weir_connection *connection = connect_to(f);
    assert_ok(weir_generation_compare(connection, "p", 2, &plan, &error));
    assert_false(weir_connection_in_transaction(connection));
    assert_int_equal(plan.from, 1);
    assert_int_equal(plan.count, 3);
    assert_string_equal(plan.views[0].view, "p.extra");
    assert_int_equal(plan.views[0].change, WEIR_VIEW_NEW);
    assert_int_equal(plan.views[1].change, WEIR_VIEW_SAME);
    assert_int_equal(plan.views[2].change, WEIR_VIEW_ADDED);
    assert_string_equal(plan.views[2].columns, "m");
    assert_ok(weir_generation_allow(&plan, "p", false, &error));
    weir_generation_plan_free(&plan);
    weir_connection_close(connection);
}

static void a_reader_in_the_way_is_not_waited_for(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    assert_settles(f, ONE, 1);
    assert_next(f, SAME_TABLES, 2, false);
    weir_connection *reader = connect_to(f), *connection = connect_to(f);
    fixture_execute(reader, "SET application_name = 'report'; BEGIN; SELECT * FROM p.t");
    int64_t began = weir_clock_monotonic_us();
    assert_false(switch_on(connection, 2, false, &error));
    assert_int_equal(error.fate, WEIR_FATE_RETRY);
    assert_string_equal(error.sqlstate, "55P03");
    assert_in_range(weir_clock_monotonic_us() - began, 40000, 900000);
    assert_false(weir_generation_rollback(connection, "p", 2, false, NULL, 200, &error));
    assert_int_equal(error.code, WEIR_TIMEOUT);
    assert_int_equal(error.fate, WEIR_FATE_RETRY);
    assert_non_null(strstr(error.message, "in the way: session "));
    assert_non_null(strstr(error.message, "(report), in a transaction for "));
    assert_value(f, GENERATIONS, "1! 2");
    fixture_execute(reader, "COMMIT");
    assert_ok(switch_on(connection, 2, false, &error));
    weir_connection_close(reader);
    weir_connection_close(connection);
}

/* What a rebuild does: its own statements first, in the same transaction. */
static void a_switch_is_part_of_its_callers_transaction(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    assert_settles(f, ONE, 1);
    assert_next(f, SAME_TABLES, 2, false);
    execute(f, "INSERT INTO weir.checkpoints (subscription, generation, topic, partition) SELECT "
               "'p', g, 'x', 0 FROM generate_series(1, 2) g");
    weir_connection *connection = connect_to(f);
    assert_false(weir_generation_switch(connection, "p", 2, false, &error));
    fixture_execute(connection, "BEGIN; SELECT FROM weir.checkpoints WHERE generation = 1 FOR "
                                "UPDATE");
    assert_ok(weir_generation_switch(connection, "p", 2, false, &error));
    fixture_execute(connection, "ROLLBACK");
    assert_value(f, GENERATIONS, "1! 2");
    assert_value(f, READS, "p__g1.s p__g1.t");
    fixture_execute(connection, "BEGIN; SELECT FROM weir.checkpoints WHERE generation = 1 FOR "
                                "UPDATE");
    assert_ok(weir_generation_switch(connection, "p", 2, false, &error));
    fixture_execute(connection, "COMMIT");
    assert_value(f, "SELECT string_agg(epoch::text, ' ') FROM weir.checkpoints", "1 1");
    assert_switch_refused(f, 2, false, "p: generation 2 serves already");
    assert_switch_refused(f, 7, false, "p: there is no generation 7");
    weir_connection_close(connection);
}

/* A reader that counts both tables in one statement, until told to stop. */
typedef struct counter {
    const fixture *f;
    pthread_t thread;
    atomic_bool stop;
    int statements, odd, failed;
    weir_error error;
} counter;

static void *count_rows(void *context)
{
    counter *c = context;
    weir_connection *connection = connect_to(c->f);
    while (!atomic_load(&c->stop)) {
        weir_result *row = weir_connection_text(
            connection,
            "SELECT (SELECT count(*) FROM p.t), count(*), count(DISTINCT t.n), max(t.n) FROM p.s "
            "JOIN p.t USING (id)",
            NULL, 0, &c->error);
        c->statements++;
        if (!row)
            c->failed++;
        else if (weir_result_integer(row, 0, 0) != 100 || weir_result_integer(row, 0, 1) != 100 ||
                 weir_result_integer(row, 0, 2) != 1)
            c->odd++;
        weir_result_free(row);
    }
    weir_connection_close(connection);
    return NULL;
}

static void readers_see_one_generation_whole(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    assert_settles(f, ONE, 1);
    assert_next(f, SAME_TABLES, 2, false);
    execute(f, "INSERT INTO p__g1.t SELECT i, 1 FROM generate_series(1, 100) i; INSERT INTO "
               "p__g1.s SELECT id FROM p__g1.t; INSERT INTO p__g2.t SELECT i, 2 FROM "
               "generate_series(1, 100) i; INSERT INTO p__g2.s SELECT id FROM p__g2.t");
    counter counters[3];
    for (size_t i = 0; i < 3; i++) {
        counters[i] = (counter){.f = f};
        assert_int_equal(pthread_create(&counters[i].thread, NULL, count_rows, &counters[i]), 0);
    }
    weir_connection *connection = connect_to(f);
    bool ok = true;
    for (int i = 0; ok && i < 20; i++)
        ok = weir_generation_rollback(connection, "p", i % 2 ? 1 : 2, false, NULL, 30000, &error);
    weir_connection_close(connection);
    for (size_t i = 0; i < 3; i++) {
        atomic_store(&counters[i].stop, true);
        pthread_join(counters[i].thread, NULL);
    }
    assert_ok(ok);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(counters[i].failed ? counters[i].error.message : "", "");
        assert_int_equal(counters[i].odd, 0);
        assert_true(counters[i].statements > 5);
    }
    assert_value(f, "SELECT max(n) FROM p.t", "1");
}

/* Readers whose snapshot is older than their query. */
static void *count_late(void *context)
{
    counter *c = context;
    weir_connection *connection = connect_to(c->f);
    while (!atomic_load(&c->stop)) {
        fixture_execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
        usleep(30000);
        char *count = fixture_value(connection, "SELECT count(*) FROM p.t");
        c->statements++;
        c->odd += strcmp(count, "100") != 0;
        free(count);
        fixture_execute(connection, "COMMIT");
    }
    weir_connection_close(connection);
    return NULL;
}

static void make_next(const fixture *f, int *generation)
{
    weir_error error = {0};
    bool resumed;
    char *text = weir_format(HEAD "-- version: %d\n" T ON, *generation + 1);
    assert_ok(next_as(f, text, NULL, generation, &resumed, &error));
    free(text);
}

static void fill_next(weir_connection *connection, int generation)
{
    char sql[160];
    snprintf(sql, sizeof sql, "INSERT INTO p__g%d.t SELECT i FROM generate_series(1, 100) i",
             generation);
    fixture_execute(connection, sql);
}

/* Without the wait: a reader whose snapshot is older than the rows does not see them. */
static void expect_missed(const fixture *f, int *generation)
{
    weir_error error = {0};
    weir_connection *connection = connect_to(f), *reader = connect_to(f);
    make_next(f, generation);
    fixture_execute(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    fill_next(connection, *generation);
    assert_ok(weir_generation_rollback(connection, "p", *generation, false, NULL, 20000, &error));
    char *count = fixture_value(reader, "SELECT count(*) FROM p.t");
    assert_string_equal(count, "0");
    free(count);
    weir_connection_close(reader);
    weir_connection_close(connection);
}

/* What a rebuild does again and again: fill, commit, wait, switch. */
static int count_odd(const fixture *f, int *generation)
{
    weir_error error = {0};
    counter counters[2];
    weir_connection *connection = connect_to(f);
    for (size_t i = 0; i < 2; i++) {
        counters[i] = (counter){.f = f};
        assert_int_equal(pthread_create(&counters[i].thread, NULL, count_late, &counters[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        make_next(f, generation);
        usleep(40000); /* the tables are there for everybody: only rows can be missed */
        fill_next(connection, *generation);
        assert_ok(weir_generation_wait_snapshots(connection, NULL, 20000, &error));
        assert_ok(
            weir_generation_rollback(connection, "p", *generation, false, NULL, 20000, &error));
    }
    for (size_t i = 0; i < 2; i++) {
        atomic_store(&counters[i].stop, true);
        pthread_join(counters[i].thread, NULL);
        assert_true(counters[i].statements > 3);
    }
    weir_connection_close(connection);
    return counters[0].odd + counters[1].odd;
}

static void a_switch_after_the_wait_shows_nobody_empty_tables(void **state)
{
    const fixture *f = *state;
    int generation = 1;
    assert_settles(f, GONE, 1);
    execute(f, "INSERT INTO p__g1.t SELECT i FROM generate_series(1, 100) i");
    expect_missed(f, &generation); /* so the wait is what helps */
    assert_int_equal(count_odd(f, &generation), 0);
}

static void old_snapshots_are_waited_for(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    char user[80], sql[256];
    snprintf(user, sizeof user, "w_%s", f->database);
    snprintf(sql, sizeof sql, "CREATE ROLE %s; GRANT weir_projector TO %s", user, user);
    execute(f, sql);
    weir_connection *old = connect_to(f), *later = connect_to(f), *writer = connect_to(f),
                    *connection = connect_to(f);
    snprintf(sql, sizeof sql, "SET SESSION AUTHORIZATION %s", user);
    fixture_execute(connection, sql);
    assert_ok(weir_generation_wait_snapshots(connection, NULL, 0, &error));
    fixture_execute(writer, "BEGIN; CREATE TABLE public.open (n int)"); /* keeps every xmin low */
    fixture_execute(old, "SET application_name = 'report'; BEGIN ISOLATION LEVEL REPEATABLE READ; "
                         "SELECT 1");
    assert_false(weir_generation_wait_snapshots(connection, NULL, 100, &error));
    assert_int_equal(error.fate, WEIR_FATE_RETRY);
    assert_int_equal(error.code, WEIR_TIMEOUT);
    assert_non_null(strstr(error.message, "after 100 ms 1 session still holds a snapshot from "
                                          "before: session "));
    assert_non_null(strstr(error.message, " of weir (report)"));
    fixture_execute(old, "COMMIT");
    assert_ok(weir_generation_wait_snapshots(connection, NULL, 0, &error));
    /* In the caller's transaction, too; then with a snapshot of its own. */
    fixture_execute(connection, "BEGIN");
    fixture_execute(old, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    assert_false(weir_generation_wait_snapshots(connection, NULL, 0, &error));
    fixture_execute(old, "COMMIT");
    fixture_execute(later, "BEGIN");
    assert_ok(weir_generation_wait_snapshots(connection, NULL, 0, &error));
    fixture_execute(connection, "ROLLBACK");
    weir_connection_close(old);
    weir_connection_close(later);
    weir_connection_close(writer);
    weir_connection_close(connection);
    snprintf(sql, sizeof sql, "DROP ROLE %s", user);
    execute(f, sql);
}

/* Snapshots that are taken while it waits are not waited for. */
typedef struct waiter {
    const fixture *f;
    pthread_t thread;
    atomic_bool done;
    bool ok;
    weir_error error;
} waiter;

static void *wait_for_snapshots(void *context)
{
    waiter *w = context;
    weir_connection *connection = connect_to(w->f);
    w->ok = weir_generation_wait_snapshots(connection, NULL, 20000, &w->error);
    atomic_store(&w->done, true);
    weir_connection_close(connection);
    return NULL;
}

static void newer_snapshots_are_not_waited_for(void **state)
{
    const fixture *f = *state;
    weir_connection *old = connect_to(f), *later = connect_to(f), *writer = connect_to(f);
    fixture_execute(writer, "BEGIN; CREATE TABLE public.open (n int)");
    fixture_execute(old, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    waiter w = {.f = f};
    assert_int_equal(pthread_create(&w.thread, NULL, wait_for_snapshots, &w), 0);
    usleep(300000);
    assert_false(atomic_load(&w.done));
    fixture_execute(later, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    fixture_execute(old, "COMMIT");
    pthread_join(w.thread, NULL);
    assert_string_equal(w.ok ? "" : w.error.message, "");
    weir_connection_close(old);
    weir_connection_close(later);
    weir_connection_close(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_switch_keeps_what_readers_have),
        CASE(incompatible_changes_are_refused_with_names),
        CASE(row_security_is_not_lost),
        CASE(views_are_replaced_with_their_dependents),
        CASE(compare_says_it_before),
        CASE(a_reader_in_the_way_is_not_waited_for),
        CASE(a_switch_is_part_of_its_callers_transaction),
        CASE(readers_see_one_generation_whole),
        CASE(a_switch_after_the_wait_shows_nobody_empty_tables),
        CASE(old_snapshots_are_waited_for),
        CASE(newer_snapshots_are_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
