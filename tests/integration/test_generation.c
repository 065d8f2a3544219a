/* Generations on a real PostgreSQL: made, taken up again, taken back and dropped; and what members
 * of each file are told. */
#include "tests/integration/generation_fixture.h"

static void the_next_one_is_made_beside_the_serving_one(void **state)
{
    const fixture *f = *state;
    assert_settles(f, ONE, 1);
    assert_next(f, ADDED, 2, false);
    assert_value(f, GENERATIONS, "1! 2");
    assert_value(f, SCHEMAS, "p p__g1 p__g2");
    assert_value(f, READS, "p__g1.s p__g1.t");
    assert_value(f,
                 "SELECT string_agg(DISTINCT tableowner, ' ') FROM pg_tables WHERE schemaname = "
                 "'p__g2'",
                 "weir_projector");
    assert_value(
        f,
        "SELECT concat_ws(' ', kind, served_at IS NULL, definition <> (SELECT definition "
        "FROM weir.subscriptions WHERE serving)) FROM weir.subscriptions WHERE NOT serving",
        "projection t t");
    assert_settles(f, ONE, 1); /* nothing changes for the old */
    int generation = 2;
    weir_error error = {0};
    assert_ok(settle(f, ADDED, &generation, &error));
}

static void one_that_was_begun_is_taken_up_again(void **state)
{
    const fixture *f = *state;
    assert_settles(f, ONE, 1);
    assert_next(f, ADDED, 2, false);
    execute(f, "INSERT INTO p__g2.t (id) VALUES ('x'); INSERT INTO weir.checkpoints (subscription, "
               "generation, topic, partition) VALUES ('p', 2, 'x', 0); INSERT INTO "
               "weir.dead_letters (subscription, generation, topic, partition, aggregate_type, "
               "aggregate_id, cause) VALUES ('p', 2, 'x', 0, 'user', 'u', 'refused')");
    assert_next(f, ADDED, 2, true);
    assert_value(f, "SELECT count(*) FROM p__g2.t", "1");
    assert_next(f, SAME_TABLES, 3, false); /* another definition: begun anew, another number */
    assert_value(f, GENERATIONS, "1! 3");
    assert_value(f, SCHEMAS, "p p__g1 p__g3");
    assert_value(f,
                 "SELECT (SELECT count(*) FROM weir.checkpoints) + (SELECT count(*) FROM "
                 "weir.dead_letters)",
                 "0");
    execute(f, "DROP SCHEMA p__g3 CASCADE"); /* what is no longer there cannot be taken up */
    assert_next(f, SAME_TABLES, 4, false);
    assert_value(f, SCHEMAS, "p p__g1 p__g4");
}

static void a_projection_that_never_ran_gets_its_first(void **state)
{
    const fixture *f = *state;
    assert_next(f, ONE, 1, false);
    assert_value(f, GENERATIONS, "1");
    assert_value(f, SCHEMAS, "p__g1");
    assert_next(f, ONE, 1, true);
    assert_switches(f, 1, false);
    assert_value(f, GENERATIONS, "1!");
    assert_value(f, READS, "p__g1.s p__g1.t");
    execute(f, "SET ROLE weir_reader; SELECT * FROM p.t, p.s");
    assert_settles(f, ONE, 1);
}

static void next_refuses_what_is_not_right(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    int generation;
    bool resumed;
    assert_settles(f, ONE, 1);
    assert_false(
        next_as(f, HEAD "CREATE TABLE t (id inte);\n" ON, NULL, &generation, &resumed, &error));
    assert_string_equal(error.message, "dir/p.sql:3:20: type \"inte\" does not exist");
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    assert_false(next_as(f, HEAD T "-- on: a\nDELETE FROM u USING events;\n", NULL, &generation,
                         &resumed, &error));
    assert_string_equal(error.message, "dir/p.sql:5:13: relation \"u\" does not exist");
    execute(f, "CREATE SCHEMA p__g2");
    assert_false(next_as(f, ADDED, NULL, &generation, &resumed, &error));
    assert_string_equal(error.message,
                        "dir/p.sql:1: schema \"p__g2\" exists and was not made by this projection; "
                        "rename the projection, or drop that schema");
    execute(f, "DROP SCHEMA p__g2");
    assert_value(f, GENERATIONS, "1!");
    assert_value(f, SCHEMAS, "p p__g1");
}

static void members_of_the_wrong_file_are_told(void **state)
{
    const fixture *f = *state;
    assert_settles(f, ONE, 1);
    assert_settle_refused(
        f, SAME_TABLES, 0,
        "dir/p.sql:1: the tables' statements or the version changed since generation 1 was made: "
        "undo the change, or let the tables be filled anew: weir projection rebuild p --execute");
    assert_next(f, SAME_TABLES, 2, false);
    assert_settle_refused(
        f, SAME_TABLES, 0,
        "dir/p.sql:1: generation 1 serves, made from another file; generation 2, made from this "
        "one, does not serve: weir projection rebuild p --execute");
    assert_settle_refused(f, ONE, 2,
                          "dir/p.sql:1: generation 2 was begun from another file: begin anew: weir "
                          "projection rebuild p --execute");
    assert_settle_refused(f, ONE, 3,
                          "dir/p.sql:1: there is no generation 3 any more: begin anew: weir "
                          "projection rebuild p --execute");
    assert_switches(f, 2, false);
    assert_settles(f, SAME_TABLES, 2);
    assert_settle_refused(
        f, ONE, 0,
        "dir/p.sql:1: this file is that of generation 1, but generation 2 serves, made from "
        "another: run the file of generation 2, or go back: weir projection rollback p --execute");
}

static void going_back_needs_a_kept_generation(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    int generation;
    weir_connection *connection = connect_to(f);
    assert_false(weir_generation_previous(connection, "p", &generation, &error));
    assert_int_equal(error.code, WEIR_NOT_FOUND);
    assert_settles(f, ONE, 1);
    assert_false(weir_generation_previous(connection, "p", &generation, &error));
    assert_string_equal(error.message,
                        "p: no generation is kept from before generation 1, which serves");
    assert_next(f, SAME_TABLES, 2, false);
    assert_switches(f, 2, false);
    assert_ok(weir_generation_previous(connection, "p", &generation, &error));
    assert_int_equal(generation, 1);
    assert_ok(weir_generation_rollback(connection, "p", 1, false, NULL, 1000, &error));
    assert_settles(f, ONE, 1);
    assert_next(f, ADDED, 3, false); /* what served once is not dropped by a rebuild */
    assert_value(f, GENERATIONS, "1! 2 3");
    assert_next(f, SAME_TABLES, 4,
                false); /* nor taken up again: its rows are what was gone back from */
    weir_connection_close(connection);
}

static void an_old_generation_is_dropped(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    weir_connection *connection = connect_to(f);
    assert_settles(f, ONE, 1);
    assert_next(f, SAME_TABLES, 2, false);
    assert_switches(f, 2, false);
    execute(f, "INSERT INTO weir.checkpoints (subscription, generation, topic, partition) SELECT "
               "'p', g, 'x', 0 FROM generate_series(1, 2) g; CREATE VIEW public.late AS SELECT "
               "* FROM p__g1.t; CREATE VIEW p__g1.inside AS SELECT * FROM p__g1.t; CREATE TABLE "
               "public.child (id text REFERENCES p__g1.t)");
    assert_false(weir_generation_drop(connection, "p", 2, NULL, 1000, &error));
    assert_string_equal(error.message, "p: generation 2 serves");
    assert_false(weir_generation_drop(connection, "p", 3, NULL, 1000, &error));
    assert_int_equal(error.code, WEIR_NOT_FOUND);
    assert_false(weir_generation_drop(connection, "p", 1, NULL, 1000, &error));
    assert_string_equal(error.message,
                        "p: generation 1 is still used: constraint child_id_fkey on table "
                        "public.child, view public.late; drop or change that first");
    assert_value(f, GENERATIONS, "1 2!");
    execute(f, "DROP TABLE public.child; DROP VIEW public.late");
    assert_ok(weir_generation_drop(connection, "p", 1, NULL, 1000, &error));
    assert_value(f, GENERATIONS, "2!");
    assert_value(f, SCHEMAS, "p p__g2");
    assert_value(f, "SELECT count(*) FROM weir.checkpoints", "1");
    weir_connection_close(connection);
}

/* A user that is a member of the two roles and no more. */
static void a_plain_user_switches_and_drops(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    int generation;
    bool resumed;
    char user[80], sql[256];
    snprintf(user, sizeof user, "u_%s", f->database);
    snprintf(sql, sizeof sql, "CREATE ROLE %s; GRANT weir_projector, weir_owner TO %s", user, user);
    execute(f, sql);
    assert_settles(f, ONE, 1);
    assert_ok(next_as(f, ADDED, user, &generation, &resumed, &error));
    assert_ok(switch_as(f, user, 2, false, &error));
    execute(f, "SET ROLE weir_reader; SELECT * FROM p.extra, p.t");
    assert_ok(next_as(f, REMOVED, user, &generation, &resumed, &error));
    assert_ok(switch_as(f, user, 3, true, &error));
    weir_connection *connection = connect_to(f);
    snprintf(sql, sizeof sql, "SET SESSION AUTHORIZATION %s", user);
    fixture_execute(connection, sql);
    assert_ok(weir_generation_drop(connection, "p", 1, NULL, 1000, &error));
    assert_ok(weir_generation_rollback(connection, "p", 2, true, NULL, 1000, &error));
    weir_connection_close(connection);
    snprintf(sql, sizeof sql, "DROP ROLE %s", user);
    execute(f, sql);
    assert_value(f, GENERATIONS, "2! 3");
}

static void a_store_without_roles_works_as_the_user(void **state)
{
    const fixture *f = *state;
    weir_error error = {0};
    int generation = 0;
    bool resumed;
    execute(f, "CREATE SCHEMA lonely; CREATE TABLE lonely.subscriptions (LIKE weir.subscriptions "
               "INCLUDING ALL); CREATE TABLE lonely.checkpoints (LIKE weir.checkpoints); CREATE "
               "TABLE lonely.parked (LIKE weir.parked); CREATE TABLE lonely.dead_letters (LIKE "
               "weir.dead_letters)");
    char *conninfo = fixture_conninfo(f);
    weir_connection_options options = {conninfo, "lonely", "test", NULL};
    weir_connection *connection = weir_connection_open(&options, &error);
    assert_non_null(connection);
    weir_projection *p = parse(ONE), *q = parse(ADDED);
    weir_handler *handler = weir_projection_handler(p, f->config);
    assert_ok(handler->settle(handler, connection, &generation, &error));
    assert_ok(weir_generation_next(q, f->config, connection, &generation, &resumed, &error));
    assert_ok(switch_on(connection, generation, false, &error));
    assert_ok(weir_generation_drop(connection, "p", 1, NULL, 1000, &error));
    assert_value(f, READS, "p__g2.extra p__g2.s p__g2.t");
    weir_connection_close(connection);
    weir_projection_free(p);
    weir_projection_free(q);
    free(conninfo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_next_one_is_made_beside_the_serving_one),
        CASE(one_that_was_begun_is_taken_up_again),
        CASE(a_projection_that_never_ran_gets_its_first),
        CASE(next_refuses_what_is_not_right),
        CASE(members_of_the_wrong_file_are_told),
        CASE(going_back_needs_a_kept_generation),
        CASE(an_old_generation_is_dropped),
        CASE(a_plain_user_switches_and_drops),
        CASE(a_store_without_roles_works_as_the_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
