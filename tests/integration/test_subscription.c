/* The runtime against a real Kafka and PostgreSQL: each effect once, holes and poison halt, what
 * passes is survived. */
#include <pthread.h>

#include "consumer/consumer.h"
#include "tests/integration/fixture_kafka.h"

/* A handler that writes down every event it applies. */
typedef struct scribe {
    weir_handler handler;
    size_t most;     /* larger batches do not fit, 0: all fit */
    bool hates_sets; /* its statement for a set fails for more than one event */
    size_t largest;  /* batch that was collected */
} scribe;

#define SEEN                                                                                       \
    "CREATE TABLE IF NOT EXISTS public.seen"                                                       \
    " (nr bigserial, position bigint, id text, data jsonb)"

static bool scribe_settle(weir_handler *handler, weir_connection *connection, int *generation,
                          weir_error *error)
{
    (void)handler;
    *generation = 1;
    return weir_connection_execute(connection, SEEN, error);
}

static void *scribe_open(weir_handler *handler, weir_connection *connection, int generation,
                         weir_error *error)
{
    (void)generation;
    bool ok = weir_connection_execute(connection, SEEN, error) &&
              weir_connection_prepare(connection, "see",
                                      "INSERT INTO public.seen (position, id, data)"
                                      " VALUES ($1::bigint, $2, $3::jsonb)",
                                      error) &&
              weir_connection_prepare(connection, "hate", "SELECT 1 / ($1::integer - $1::integer)",
                                      error);
    return ok ? handler->context : NULL;
}

static bool add(weir_calls *calls, const char *statement, const weir_event *event, size_t index,
                weir_error *error)
{
    weir_param *params = weir_arena_alloc(calls->arena, 3 * sizeof *params);
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)event->position);
    char *position = weir_arena_copy(calls->arena, number, strlen(number));
    if (!params || !position)
        return weir_fail(error, WEIR_FATE_RETRY, "full");
    params[0] = WEIR_PARAM_TEXT(position);
    params[1] = WEIR_PARAM_TEXT(event->aggregate_id);
    params[2] = WEIR_PARAM_TEXT(event->data);
    weir_call call = {statement, params, strcmp(statement, "see") == 0 ? 3 : 1};
    return weir_calls_add(calls, call, index, "seen.sql:1", error);
}

static void scribe_close(void *session)
{
    (void)session;
}

static bool scribe_collect(void *session, const weir_batch *batch, bool one_by_one,
                           weir_calls *calls, weir_error *error)
{
    scribe *s = session;
    if (s->most && batch->count > s->most)
        return weir_fail(error, WEIR_FATE_RETRY, "full");
    s->largest = batch->count > s->largest ? batch->count : s->largest;
    if (s->hates_sets && !one_by_one && batch->count > 1 &&
        !add(calls, "hate", &batch->events[0], SIZE_MAX, error))
        return false;
    for (size_t i = 0; i < batch->count; i++)
        if (!add(calls, "see", &batch->events[i], i, error))
            return false;
    return true;
}

static const char *const types[] = {"order", NULL};

static scribe new_scribe(void)
{
    return (scribe){.handler = {"scribe", types, NULL, NULL, scribe_settle, scribe_open,
                                scribe_collect, scribe_close}};
}

/* Runs once, to the end; true unless the subscription stopped itself. */
static bool run_once(fixture_topic *topic, scribe *s, weir_error *error)
{
    weir_stop stop;
    assert_true(weir_stop_open(&stop, error));
    s->handler.context = s;
    weir_subscription *subscription =
        weir_subscription_new(topic->config, &s->handler, &stop, error);
    if (!subscription)
        fail_msg("%s", error->message);
    bool ok = weir_subscription_run(subscription, true, error);
    weir_subscription_free(subscription);
    weir_stop_close(&stop);
    return ok;
}

static void run_well(fixture_topic *topic, scribe *s)
{
    weir_error error = {0};
    if (!run_once(topic, s, &error))
        fail_msg("stopped: %s", error.message);
}

static void run_into(fixture_topic *topic, scribe *s, const char *expected)
{
    weir_error error = {0};
    assert_false(run_once(topic, s, &error));
    if (!strstr(error.message, expected))
        fail_msg("'%s' is not in: %s", expected, error.message);
}

static void expect_seen(fixture_topic *topic, int events)
{
    char expected[64];
    snprintf(expected, sizeof expected, "%d|%d", events, events);
    fixture_expect(topic, "SELECT count(*) || '|' || count(DISTINCT position) FROM public.seen",
                   expected);
}

static void make_topic(fixture_topic *topic, int partitions)
{
    fixture_create_topic(topic, partitions);
    fixture_record_topic(topic, partitions);
    fixture_run(topic, SEEN);
}

static void produce_many(fixture_topic *topic, int partitions, int count)
{
    for (int i = 0; i < count; i++)
        fixture_produce(topic, i % partitions, (fixture_message){0});
    fixture_flush(topic);
}

static void test_once_without_a_topic_has_nothing_to_do(void **state)
{
    scribe s = new_scribe();
    run_well(*state, &s);
    fixture_expect(*state, "SELECT count(*) FROM weir.subscriptions WHERE subscription = 'scribe'",
                   "1");
}

static void test_an_empty_topic_is_done_at_once(void **state)
{
    scribe s = new_scribe();
    make_topic(*state, 3);
    run_well(*state, &s);
    expect_seen(*state, 0);
}

static void test_each_event_once_in_partition_order(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    make_topic(topic, 3);
    produce_many(topic, 3, 2500);
    run_well(topic, &s);
    expect_seen(topic, 2500);
    fixture_expect(
        topic,
        "SELECT count(*) FROM (SELECT position, lag(position) OVER (PARTITION BY position % 3"
        " ORDER BY nr) AS before FROM public.seen) s WHERE before > position",
        "0");
    fixture_expect(topic,
                   "SELECT sum(next_offset) || '|' || sum(events) || '|' || max(position)"
                   " FROM weir.checkpoints",
                   "2500|2500|2500");
    run_well(topic, &s);
    expect_seen(topic, 2500);
    produce_many(topic, 3, 10);
    run_well(topic, &s);
    expect_seen(topic, 2510);
}

static void test_duplicates_and_foreign_messages_are_stepped_over(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    make_topic(topic, 1);
    fixture_produce(topic, 0, (fixture_message){.foreign = true});
    produce_many(topic, 1, 3);
    fixture_produce(topic, 0, (fixture_message){.position = 2, .prevposition = 1});
    fixture_produce(topic, 0, (fixture_message){.position = 3, .prevposition = 2});
    fixture_produce(topic, 0, (fixture_message){.foreign = true});
    produce_many(topic, 1, 1);
    fixture_produce(topic, 0, (fixture_message){.foreign = true});
    fixture_flush(topic);
    run_well(topic, &s);
    expect_seen(topic, 4);
    fixture_expect(topic,
                   "SELECT next_offset || '|' || position || '|' || events FROM weir.checkpoints",
                   "9|4|4");
}

static void test_a_hole_halts(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    fixture_configure(topic, "subscriptions.scribe.on_hole=halt", NULL);
    make_topic(topic, 1);
    produce_many(topic, 1, 3);
    fixture_produce(topic, 0, (fixture_message){.position = 9, .prevposition = 7});
    fixture_flush(topic);
    run_into(topic, &s, "a hole in the topic: after position 3 comes 9");
    fixture_expect(topic,
                   "SELECT (stopped_why LIKE '%after position 3%')::text FROM weir.subscriptions"
                   " WHERE stopped_at IS NOT NULL",
                   "true");
    run_into(topic, &s, "predecessor is 7");
    fixture_expect(topic, "SELECT max(position) FROM public.seen", "3");
}

static void test_another_store_halts(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    make_topic(topic, 1);
    fixture_produce(topic, 0,
                    (fixture_message){.store_id = "0192d3a4-0000-7000-8000-00000000000a"});
    fixture_flush(topic);
    run_into(topic, &s, "an event of the store 0192d3a4");
}

static void test_broken_headers_halt(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    fixture_configure(topic, "subscriptions.scribe.on_poison=halt", NULL);
    make_topic(topic, 1);
    fixture_produce(topic, 0, (fixture_message){.broken = "ce_id"});
    fixture_flush(topic);
    run_into(topic, &s, "offset 0: the header ce_id makes no sense");
}

static void test_poison_is_named_and_never_passed(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    fixture_configure(topic, "subscriptions.scribe.on_poison=halt", NULL);
    make_topic(topic, 1);
    produce_many(topic, 1, 6);
    fixture_produce(topic, 0, (fixture_message){.data = "{\"n\": not json}"});
    produce_many(topic, 1, 5);
    run_into(topic, &s, "event 7 (order.placed, order/o-0 version 7, at ");
    run_into(topic, &s, "seen.sql:1: ");
    run_into(topic, &s, "(SQLSTATE 22P02)");
    expect_seen(topic, 6);
    fixture_expect(topic, "SELECT next_offset || '|' || position FROM weir.checkpoints", "6|6");
    fixture_expect(topic, "SELECT (stopped_why LIKE 'event 7 %')::text FROM weir.subscriptions",
                   "true");
}

static void test_a_repaired_handler_goes_on_at_the_event(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    fixture_configure(topic, "subscriptions.scribe.on_poison=halt", NULL);
    make_topic(topic, 1);
    fixture_run(topic, "DROP TABLE public.seen; CREATE TABLE public.seen (nr bigserial, position "
                       "bigint CHECK (position <> 5),"
                       " id text, data jsonb)");
    produce_many(topic, 1, 8);
    run_into(topic, &s, "event 5 ");
    expect_seen(topic, 4);
    fixture_run(topic, "ALTER TABLE public.seen DROP CONSTRAINT seen_position_check");
    run_well(topic, &s);
    expect_seen(topic, 8);
    fixture_expect(topic,
                   "SELECT (stopped_at IS NULL AND stopped_why IS NULL)::text"
                   " FROM weir.subscriptions",
                   "true");
}

static void test_a_deferred_constraint_is_the_events_fault(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    fixture_configure(topic, "subscriptions.scribe.on_poison=halt", NULL);
    make_topic(topic, 1);
    fixture_run(topic, "DROP TABLE public.seen; CREATE TABLE public.seen (nr bigserial, position "
                       "bigint, id text, data jsonb,"
                       " UNIQUE (id) DEFERRABLE INITIALLY DEFERRED)");
    produce_many(topic, 1, 9); /* ids repeat after 7 */
    run_into(topic, &s, "event 8 ");
    expect_seen(topic, 7);
}

static void test_a_handler_that_does_not_open_stops(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    make_topic(topic, 1);
    run_well(topic, &s);
    fixture_run(topic, "ALTER TABLE public.seen RENAME COLUMN data TO facts");
    produce_many(topic, 1, 2);
    run_into(topic, &s, "column \"data\" of relation \"seen\" does not exist");
}

static void test_a_set_statement_at_fault_is_worked_around(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    s.hates_sets = true;
    make_topic(topic, 2);
    produce_many(topic, 2, 40);
    run_well(topic, &s);
    expect_seen(topic, 40);
}

static void test_what_does_not_fit_is_halved(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    s.most = 3;
    make_topic(topic, 2);
    produce_many(topic, 2, 100);
    run_well(topic, &s);
    expect_seen(topic, 100);
    assert_in_range(s.largest, 1, 3);
    fixture_expect(topic, "SELECT sum(next_offset) || '|' || sum(events) FROM weir.checkpoints",
                   "100|100");
}

static void test_retention_before_a_fresh_subscription(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    fixture_configure(topic, "subscriptions.scribe.on_hole=halt", NULL);
    make_topic(topic, 1);
    produce_many(topic, 1, 10);
    fixture_truncate(topic, 0, 4);
    run_well(topic, &s);
    expect_seen(topic, 6);
}

static void test_retention_of_unread_events_halts(void **state)
{
    fixture_topic *topic = *state;
    scribe s = new_scribe();
    fixture_configure(topic, "subscriptions.scribe.on_hole=halt", NULL);
    make_topic(topic, 1);
    produce_many(topic, 1, 3);
    run_well(topic, &s);
    produce_many(topic, 1, 7);
    fixture_truncate(topic, 0, 6);
    run_into(topic, &s, "retention removed events that were not read");
    expect_seen(topic, 3);
}

static void test_lag_is_measured_from_outside(void **state)
{
    fixture_topic *topic = *state;
    weir_error error = {0};
    weir_lag lag;
    scribe s = new_scribe();
    make_topic(topic, 2);
    produce_many(topic, 2, 10);
    assert_ok(weir_lag_measure(topic->config, topic->store->store, "scribe", 1, types, NULL, &lag,
                               &error));
    assert_int_equal(lag.unread, 10);
    assert_true(lag.seconds > 0 && lag.seconds < 60);
    run_well(topic, &s);
    assert_ok(weir_lag_measure(topic->config, topic->store->store, "scribe", 1, types, NULL, &lag,
                               &error));
    assert_int_equal(lag.unread, 0);
    assert_int_equal(lag.unrelayed, 0);
    assert_true(lag.seconds <= 0);
    fixture_run(topic, "SELECT weir.append('order', 'o-1', 0, '[{\"type\": \"a\", \"data\": 1}]')");
    assert_ok(weir_lag_measure(topic->config, topic->store->store, "scribe", 1, types, NULL, &lag,
                               &error));
    assert_int_equal(lag.unrelayed, 1);
    assert_true(lag.seconds > 0);
}

/* A subscription that runs in a thread of its own. */
typedef struct member {
    scribe scribe;
    weir_stop stop;
    weir_subscription *subscription;
    weir_error error;
    pthread_t thread;
    bool ok;
} member;

static void *run_member(void *context)
{
    member *m = context;
    m->ok = weir_subscription_run(m->subscription, false, &m->error);
    return NULL;
}

static member *start_member(fixture_topic *topic)
{
    weir_error error = {0};
    member *m = weir_calloc(1, sizeof *m);
    m->scribe = new_scribe();
    m->scribe.handler.context = &m->scribe;
    assert_ok(weir_stop_open(&m->stop, &error));
    m->subscription = weir_subscription_new(topic->config, &m->scribe.handler, &m->stop, &error);
    assert_non_null(m->subscription);
    assert_int_equal(pthread_create(&m->thread, NULL, run_member, m), 0);
    return m;
}

static void stop_member(member *m)
{
    weir_stop_request(&m->stop);
    pthread_join(m->thread, NULL);
    if (!m->ok)
        fail_msg("stopped: %s", m->error.message);
    weir_subscription_free(m->subscription);
    weir_stop_close(&m->stop);
    free(m);
}

static void wait_for(fixture_topic *topic, const char *sql, const char *expected)
{
    for (int i = 0; i < 600; i++) {
        char *value = fixture_value(weir_store_connection(topic->store->store), sql);
        bool there = value && strcmp(value, expected) == 0;
        free(value);
        if (there)
            return;
        usleep(50000);
    }
    fixture_expect(topic, sql, expected);
}

static void test_a_topic_that_comes_later_is_found(void **state)
{
    fixture_topic *topic = *state;
    member *m = start_member(topic);
    wait_for(topic, "SELECT count(*) FROM weir.subscriptions", "1");
    make_topic(topic, 2);
    produce_many(topic, 2, 20);
    wait_for(topic, "SELECT count(*) FROM public.seen", "20");
    stop_member(m);
}

static void test_members_share_and_take_over(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 4);
    produce_many(topic, 4, 200);
    member *first = start_member(topic);
    wait_for(topic, "SELECT count(*) FROM public.seen", "200");
    member *second = start_member(topic);
    for (int i = 0; i < 40; i++) { /* across the rebalance */
        produce_many(topic, 4, 20);
        usleep(100000);
    }
    stop_member(first);
    produce_many(topic, 4, 100);
    wait_for(topic, "SELECT count(*) FROM public.seen", "1100");
    stop_member(second);
    expect_seen(topic, 1100);
    fixture_expect(topic, "SELECT sum(events) FROM weir.checkpoints", "1100");
}

static void test_a_moved_checkpoint_is_followed(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 1);
    produce_many(topic, 1, 10);
    member *m = start_member(topic);
    wait_for(topic, "SELECT count(*) FROM public.seen", "10");
    fixture_run(topic,
                "UPDATE weir.checkpoints SET epoch = epoch + 1, next_offset = 4, position = 4");
    produce_many(topic, 1, 5);
    wait_for(topic, "SELECT count(*) FROM public.seen", "21");
    stop_member(m);
    fixture_expect(topic, "SELECT count(*) FROM public.seen WHERE position BETWEEN 5 AND 10", "12");
    fixture_expect(topic, "SELECT next_offset FROM weir.checkpoints", "15");
}

static void test_a_lost_session_is_survived(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 2);
    member *m = start_member(topic);
    for (int i = 0; i < 20; i++) {
        produce_many(topic, 2, 50);
        fixture_run(topic, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                           " WHERE application_name = 'weir scribe'"
                           " AND datname = current_database()");
        usleep(100000);
    }
    wait_for(topic, "SELECT count(*) FROM public.seen", "1000");
    stop_member(m);
    expect_seen(topic, 1000);
    fixture_expect(topic, "SELECT sum(events) FROM weir.checkpoints", "1000");
}

static void test_a_locked_row_only_delays(void **state)
{
    fixture_topic *topic = *state;
    weir_error error = {0};
    make_topic(topic, 1);
    member *m = start_member(topic);
    produce_many(topic, 1, 5);
    wait_for(topic, "SELECT count(*) FROM public.seen", "5");
    assert_ok(weir_connection_execute(weir_store_connection(topic->store->store),
                                      "BEGIN; SELECT FROM weir.checkpoints FOR UPDATE", &error));
    produce_many(topic, 1, 5);
    usleep(300000);
    fixture_run(topic, "COMMIT");
    wait_for(topic, "SELECT count(*) FROM public.seen", "10");
    /* Counted after the commit that the query saw, by another thread. */
    weir_subscription_health health = {0};
    for (int tries = 0; tries < 3000 && health.events < 10; tries++, usleep(10000))
        weir_subscription_health_get(m->subscription, &health);
    assert_int_equal(health.events, 10);
    assert_true(health.assigned && health.store_up && health.kafka_up && !health.stopped);
    stop_member(m);
}

static void test_names_are_checked(void **state)
{
    fixture_topic *topic = *state;
    weir_error error = {0};
    scribe s = new_scribe();
    static const char *const bad[] = {
        "", "a b", "x;y", "sixty_letters_are_far_too_many_for_the_name_of_a_subscription"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        s.handler.subscription = bad[i];
        assert_null(weir_subscription_new(topic->config, &s.handler, NULL, &error));
        assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    }
}

#define WITH_TOPIC(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, fixture_topic_open, fixture_topic_close)

int main(void)
{
    weir_log_setup(WEIR_LOG_WARN, false);
    const struct CMUnitTest tests[] = {
        WITH_TOPIC(test_names_are_checked),
        WITH_TOPIC(test_once_without_a_topic_has_nothing_to_do),
        WITH_TOPIC(test_an_empty_topic_is_done_at_once),
        WITH_TOPIC(test_each_event_once_in_partition_order),
        WITH_TOPIC(test_duplicates_and_foreign_messages_are_stepped_over),
        WITH_TOPIC(test_a_hole_halts),
        WITH_TOPIC(test_another_store_halts),
        WITH_TOPIC(test_broken_headers_halt),
        WITH_TOPIC(test_poison_is_named_and_never_passed),
        WITH_TOPIC(test_a_repaired_handler_goes_on_at_the_event),
        WITH_TOPIC(test_a_deferred_constraint_is_the_events_fault),
        WITH_TOPIC(test_a_handler_that_does_not_open_stops),
        WITH_TOPIC(test_a_set_statement_at_fault_is_worked_around),
        WITH_TOPIC(test_what_does_not_fit_is_halved),
        WITH_TOPIC(test_retention_before_a_fresh_subscription),
        WITH_TOPIC(test_retention_of_unread_events_halts),
        WITH_TOPIC(test_lag_is_measured_from_outside),
        WITH_TOPIC(test_a_topic_that_comes_later_is_found),
        WITH_TOPIC(test_members_share_and_take_over),
        WITH_TOPIC(test_a_moved_checkpoint_is_followed),
        WITH_TOPIC(test_a_lost_session_is_survived),
        WITH_TOPIC(test_a_locked_row_only_delays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
