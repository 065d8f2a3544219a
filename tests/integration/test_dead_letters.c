/* What cannot be applied: parked by aggregate, in order, tried again, skipped, discarded; and what
 * a topic lacks, healed from the store; with one lane and with several. */
#include "consumer/consumer.h"
#include "tests/integration/fixture_kafka.h"

#define SEEN                                                                                       \
    "CREATE TABLE IF NOT EXISTS public.seen (nr bigserial, position bigint, id text, version "     \
    "bigint,"                                                                                      \
    " data jsonb);"                                                                                \
    "CREATE TABLE IF NOT EXISTS public.bad (position bigint PRIMARY KEY);"                         \
    "CREATE OR REPLACE FUNCTION public.judge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"       \
    " IF EXISTS (SELECT FROM public.bad b WHERE b.position = NEW.position)"                        \
    " THEN RAISE 'bad event %', NEW.position; END IF; RETURN NEW; END $$;"                         \
    "CREATE OR REPLACE TRIGGER judge BEFORE INSERT ON public.seen"                                 \
    " FOR EACH ROW EXECUTE FUNCTION public.judge()"

static bool settle(weir_handler *handler, weir_connection *connection, int *generation,
                   weir_error *error)
{
    (void)handler;
    (void)connection;
    (void)error;
    *generation = 1;
    return true;
}

static void *open_session(weir_handler *handler, weir_connection *connection, int generation,
                          weir_error *error)
{
    (void)generation;
    return weir_connection_prepare(connection, "see",
                                   "INSERT INTO public.seen (position, id, version, data)"
                                   " VALUES ($1::bigint, $2, $3::bigint, $4::jsonb)",
                                   error)
               ? handler
               : NULL;
}

static void close_session(void *session)
{
    (void)session;
}

static bool collect(void *session, const weir_batch *batch, bool one_by_one, weir_calls *calls,
                    weir_error *error)
{
    (void)session;
    (void)one_by_one;
    for (size_t i = 0; i < batch->count; i++) {
        const weir_event *event = &batch->events[i];
        weir_param *params = weir_arena_alloc(calls->arena, 4 * sizeof *params);
        char position[24], version[24];
        weir_param_integer(event->position, position);
        weir_param_integer(event->version, version);
        params[0] = WEIR_PARAM_TEXT(weir_arena_copy(calls->arena, position, strlen(position)));
        params[1] = WEIR_PARAM_TEXT(event->aggregate_id);
        params[2] = WEIR_PARAM_TEXT(weir_arena_copy(calls->arena, version, strlen(version)));
        params[3] = WEIR_PARAM_TEXT(event->data);
        if (!weir_calls_add(calls, (weir_call){"see", params, 4}, i, "seen.sql:1", error))
            return false;
    }
    return true;
}

static const char *const types[] = {"order", NULL};
static weir_handler handler = {.subscription = "scribe",
                               .aggregate_types = types,
                               .settle = settle,
                               .open = open_session,
                               .collect = collect,
                               .close = close_session};

static bool run_once(fixture_topic *topic, weir_error *error)
{
    weir_stop stop;
    assert_true(weir_stop_open(&stop, error));
    weir_subscription *subscription = weir_subscription_new(topic->config, &handler, &stop, error);
    if (!subscription)
        fail_msg("%s", error->message);
    bool ok = weir_subscription_run(subscription, true, error);
    weir_subscription_free(subscription);
    weir_stop_close(&stop);
    return ok;
}

static void run_well(fixture_topic *topic)
{
    weir_error error = {0};
    if (!run_once(topic, &error))
        fail_msg("stopped: %s", error.message);
}

static void make_topic(fixture_topic *topic, int partitions)
{
    fixture_create_topic(topic, partitions);
    fixture_record_topic(topic, partitions);
    fixture_run(topic, SEEN);
}

/* Ids repeat after 7 positions; versions are positions. */
static void produce_many(fixture_topic *topic, int count)
{
    for (int i = 0; i < count; i++)
        fixture_produce(topic, 0, (fixture_message){0});
    fixture_flush(topic);
}

static void expect_in_order(fixture_topic *topic)
{
    fixture_expect(
        topic,
        "SELECT count(*) FROM (SELECT version, lag(version) OVER (PARTITION BY id ORDER BY nr)"
        " AS before FROM public.seen) s WHERE before >= version",
        "0");
}

static void test_a_refused_event_parks_its_aggregate_alone(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 1);
    fixture_run(topic, "INSERT INTO public.bad VALUES (9)"); /* of o-2: 2, 9, 16, 23, 30, … */
    produce_many(topic, 100);
    run_well(topic);
    fixture_expect(topic, "SELECT count(*) || '|' || count(DISTINCT position) FROM public.seen",
                   "86|86");
    fixture_expect(topic,
                   "SELECT string_agg(position::text, ',') FROM public.seen WHERE id = 'o-2'", "2");
    fixture_expect(topic,
                   "SELECT count(*) || '|' || min(position) || '|' || max(position) || '|' ||"
                   " count(*) FILTER (WHERE cause = 'refused') FROM weir.dead_letters"
                   " WHERE status = 'waiting' AND aggregate_id = 'o-2'",
                   "14|9|100|1");
    fixture_expect(
        topic,
        "SELECT cause || '|' || attempts || '|' || error_class || '|' || error_text || '|' ||"
        " message_offset || '|' || partition FROM weir.dead_letters WHERE position = 9",
        "refused|5|P0001|seen.sql:1: bad event 9|8|0");
    fixture_expect(topic,
                   "SELECT next_offset || '|' || position || '|' || events FROM weir.checkpoints",
                   "100|100|100");
    fixture_expect(topic, "SELECT aggregate_type || '/' || aggregate_id FROM weir.parked",
                   "order/o-2");
}

static void test_a_letter_keeps_the_message(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 1);
    fixture_produce(topic, 0, (fixture_message){.data = "{\"n\":   1, \"not\": json}"});
    fixture_flush(topic);
    run_well(topic);
    fixture_expect(
        topic,
        "SELECT convert_from(value, 'UTF8') || '|' || convert_from(key, 'UTF8') || '|' ||"
        " convert_from(header_values[array_position(header_names, 'ce_position')], 'UTF8')"
        " || '|' || (message_time > now() - interval '1 minute') FROM weir.dead_letters",
        "{\"n\":   1, \"not\": json}|o-1|1|true");
}

static void test_it_is_tried_again_in_order(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 1);
    fixture_run(topic, "INSERT INTO public.bad VALUES (9), (23)");
    produce_many(topic, 60);
    run_well(topic);
    fixture_run(topic, "DELETE FROM public.bad WHERE position = 9");
    fixture_run(topic, "UPDATE weir.dead_letters SET mark = 'retry' WHERE position = 9");
    run_well(topic); /* up to the next bad one */
    fixture_expect(
        topic,
        "SELECT string_agg(position::text, ',' ORDER BY nr) FROM public.seen WHERE id = 'o-2'",
        "2,9,16");
    fixture_expect(
        topic,
        "SELECT string_agg(position || ' ' || cause || ' ' || status, ',' ORDER BY id)"
        " FROM weir.dead_letters WHERE position < 40",
        "9 refused applied,16 behind applied,23 refused waiting,30 behind waiting,37 behind "
        "waiting");
    fixture_run(topic, "DELETE FROM public.bad");
    fixture_run(topic, "UPDATE weir.parked SET next_redrive_at = now()");
    produce_many(topic, 40);
    run_well(topic);
    fixture_expect(topic, "SELECT count(*) || '|' || count(DISTINCT position) FROM public.seen",
                   "100|100");
    expect_in_order(topic);
    fixture_expect(topic, "SELECT count(*) FROM weir.parked", "0");
    fixture_expect(topic, "SELECT count(*) FROM weir.dead_letters WHERE status <> 'applied'", "0");
    produce_many(topic, 7); /* and the live stream goes on */
    run_well(topic);
    fixture_expect(topic, "SELECT count(*) FROM public.seen", "107");
    expect_in_order(topic);
}

static void test_a_discarded_one_lets_the_others_go(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 1);
    fixture_run(topic, "INSERT INTO public.bad VALUES (9)");
    produce_many(topic, 40);
    run_well(topic);
    fixture_run(topic, "UPDATE weir.dead_letters SET mark = 'discard' WHERE position IN (9, 30)");
    run_well(topic);
    fixture_expect(
        topic,
        "SELECT string_agg(position::text, ',' ORDER BY nr) FROM public.seen WHERE id = 'o-2'",
        "2,16,23,37");
    fixture_expect(topic, "SELECT count(*) FROM weir.parked", "0");
    fixture_expect(topic,
                   "SELECT string_agg(action, ',' ORDER BY at) FROM weir.dead_letter_log l"
                   " JOIN weir.dead_letters d ON d.id = l.letter WHERE d.position = 9",
                   "parked,discarded");
}

static void test_an_edited_one_is_applied_as_edited(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 1);
    fixture_produce(topic, 0, (fixture_message){.data = "no json"});
    fixture_flush(topic);
    run_well(topic);
    fixture_run(topic, "UPDATE weir.dead_letters SET mark = 'retry', edited = '{\"a\": 1}'");
    run_well(topic);
    fixture_expect(topic, "SELECT data::text FROM public.seen", "{\"a\": 1}");
    fixture_expect(topic,
                   "SELECT convert_from(value, 'UTF8') || '|' || status FROM weir.dead_letters",
                   "no json|applied");
}

static void test_unreadable_ones_are_parked_too(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 1);
    fixture_produce(topic, 0, (fixture_message){.broken = "ce_id"});
    produce_many(topic, 14);
    run_well(topic);
    fixture_expect(
        topic,
        "SELECT string_agg(position || ' ' || cause, ',' ORDER BY id) FROM weir.dead_letters",
        "1 unreadable,8 behind,15 behind");
    fixture_expect(topic, "SELECT count(*) FROM public.seen", "12");
}

static void test_skip_goes_on_with_the_aggregate(void **state)
{
    fixture_topic *topic = *state;
    fixture_configure(topic, "subscriptions.scribe.on_poison=skip", NULL);
    make_topic(topic, 1);
    fixture_run(topic, "INSERT INTO public.bad VALUES (9)");
    produce_many(topic, 40);
    run_well(topic);
    fixture_expect(topic, "SELECT count(*) FROM public.seen", "39");
    fixture_expect(topic,
                   "SELECT string_agg(position || ' ' || status, ',') FROM weir.dead_letters",
                   "9 skipped");
    fixture_expect(topic, "SELECT count(*) FROM weir.parked", "0");
}

static void test_too_many_parked_stop_it(void **state)
{
    fixture_topic *topic = *state;
    weir_error error = {0};
    fixture_configure(topic, "subscriptions.scribe.parked_most=3",
                      "subscriptions.scribe.attempts=1");
    make_topic(topic, 1);
    fixture_run(topic, "INSERT INTO public.bad SELECT generate_series(1, 100)");
    produce_many(topic, 20);
    assert_false(run_once(topic, &error));
    if (!strstr(error.message, "event 4 (order.placed") ||
        !strstr(error.message, "3 aggregates are parked"))
        fail_msg("%s", error.message);
    fixture_expect(topic, "SELECT count(*) FROM weir.parked", "3");
    fixture_expect(topic, "SELECT position FROM weir.checkpoints", "3");
}

/* The store's own events 1 to count, of ids o-0 to o-6, one by one. */
static void append_many(fixture_topic *topic, int count)
{
    char *sql = weir_format(
        "SELECT count(weir.append('order', 'o-' || i %% 7, NULL, jsonb_build_array("
        "jsonb_build_object('type', 'order.placed', 'data', jsonb_build_object('n', i)))))"
        " FROM generate_series(1, %d) i",
        count);
    fixture_run(topic, sql);
    free(sql);
}

static void test_a_hole_is_healed(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 1);
    append_many(topic, 40);
    fixture_expect(topic, "SELECT min(position) || '|' || max(position) FROM weir.events", "1|40");
    fixture_produce(topic, 0, (fixture_message){.position = 5, .prevposition = 4});
    fixture_produce(topic, 0, (fixture_message){.position = 6, .prevposition = 5});
    fixture_produce(topic, 0, (fixture_message){.position = 40, .prevposition = 39});
    fixture_flush(topic);
    run_well(topic);
    fixture_expect(
        topic,
        "SELECT count(*) || '|' || count(DISTINCT position) || '|' || min(position) || '|' ||"
        " max(position) FROM public.seen",
        "40|40|1|40");
    fixture_expect(topic,
                   "SELECT next_offset || '|' || position || '|' || events FROM weir.checkpoints",
                   "3|40|40");
    fixture_expect(topic,
                   "SELECT count(*) FROM (SELECT position, lag(position) OVER (ORDER BY nr) AS b"
                   " FROM public.seen) s WHERE b > position",
                   "0");
}

static void test_a_large_hole_is_healed_in_rounds(void **state)
{
    fixture_topic *topic = *state;
    fixture_configure(topic, "subscriptions.scribe.batch_events=10",
                      "subscriptions.scribe.lanes=3");
    make_topic(topic, 1);
    append_many(topic, 500);
    fixture_produce(topic, 0, (fixture_message){.position = 500, .prevposition = 499});
    fixture_flush(topic);
    run_well(topic);
    fixture_expect(topic, "SELECT count(*) || '|' || count(DISTINCT position) FROM public.seen",
                   "500|500");
    expect_in_order(topic);
    fixture_expect(topic,
                   "SELECT min(position) || '|' || max(position) || '|' || sum(events) || '|' ||"
                   " count(*) FROM weir.checkpoints",
                   "500|500|500|3");
}

static void test_retention_is_refilled(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 1);
    append_many(topic, 40);
    for (int position = 1; position <= 40; position++)
        fixture_produce(topic, 0, (fixture_message){0});
    fixture_flush(topic);
    fixture_truncate(topic, 0, 10);
    run_well(topic); /* a fresh one */
    fixture_expect(topic, "SELECT count(*) || '|' || count(DISTINCT position) FROM public.seen",
                   "40|40");
    fixture_run(topic,
                "TRUNCATE public.seen; UPDATE weir.checkpoints SET next_offset = 5, position = 5");
    run_well(topic);
    fixture_expect(topic, "SELECT count(*) || '|' || min(position) FROM public.seen", "35|6");
    fixture_truncate(topic, 0, 40); /* nothing is left to show the hole */
    fixture_run(topic,
                "TRUNCATE public.seen; UPDATE weir.checkpoints SET next_offset = 5, position = 5");
    fixture_run(topic, "INSERT INTO weir.relay_partitions SELECT 'main', topic, 0, 40, 40"
                       " FROM weir.topics");
    run_well(topic);
    fixture_expect(topic, "SELECT count(*) || '|' || min(position) FROM public.seen", "35|6");
}

static void test_lanes_keep_each_aggregates_order(void **state)
{
    fixture_topic *topic = *state;
    make_topic(topic, 2);
    static const char *const lanes[] = {"subscriptions.scribe.lanes=4",
                                        "subscriptions.scribe.lanes=1",
                                        "subscriptions.scribe.lanes=3"};
    for (int i = 0; i < 3; i++) {
        fixture_configure(topic, lanes[i], "subscriptions.scribe.batch_events=50");
        for (int n = 0; n < 1000; n++)
            fixture_produce(topic, (int)((topic->position + 1) % 7 % 2), (fixture_message){0});
        fixture_flush(topic);
        run_well(topic);
    }
    fixture_expect(topic, "SELECT count(*) || '|' || count(DISTINCT position) FROM public.seen",
                   "3000|3000");
    expect_in_order(topic);
    fixture_expect(
        topic, "SELECT count(*) || '|' || max(lanes) || '|' || sum(events) FROM weir.checkpoints",
        "6|3|3000");
}

/* It has no position: its offset says that a lane has it. */
static void test_a_message_without_a_position_is_one_letter(void **state)
{
    fixture_topic *topic = *state;
    fixture_configure(topic, "subscriptions.scribe.lanes=2", NULL);
    make_topic(topic, 1);
    append_many(topic, 14);
    produce_many(topic, 3);
    fixture_produce(topic, 0, (fixture_message){.position = 4, .broken = "ce_position"});
    produce_many(topic, 10);
    run_well(topic);
    char *lane = fixture_value(weir_store_connection(topic->store->store),
                               "SELECT weir.key_hash(aggregate_id) % 2 FROM weir.dead_letters"
                               " WHERE position IS NULL");
    char *sql = weir_format(
        "UPDATE weir.checkpoints SET next_offset = 2, position = 2 WHERE lane <> %s", lane);
    fixture_run(topic, sql);
    free(sql);
    free(lane);
    run_well(topic);
    fixture_expect(topic, "SELECT count(*) || ' ' || min(status) FROM weir.dead_letters",
                   "1 skipped");
    fixture_expect(
        topic, "SELECT count(DISTINCT position) || ' ' || max(position) FROM public.seen", "14 14");
}

/* A killed process leaves lanes that stand at different events. */
static void test_lanes_that_differ_level_first(void **state)
{
    fixture_topic *topic = *state;
    fixture_configure(topic, "subscriptions.scribe.lanes=2", NULL);
    make_topic(topic, 1);
    produce_many(topic, 100);
    run_well(topic);
    fixture_run(topic, "UPDATE weir.checkpoints SET next_offset = 40, position = 40 WHERE lane = 1;"
                       "DELETE FROM public.seen s USING public.seen t WHERE s.nr = t.nr AND"
                       " s.position > 40");
    fixture_run(topic,
                "UPDATE weir.checkpoints SET next_offset = 60, position = 60 WHERE lane = 0");
    fixture_configure(topic, "subscriptions.scribe.lanes=3", NULL);
    run_well(topic);
    /* Lane 0 had 41 to 60 before: what is missing of them was its. */
    fixture_expect(
        topic,
        "SELECT count(*) FILTER (WHERE position > 60) || '|' || count(*) - count(DISTINCT "
        "position) FROM public.seen",
        "40|0");
    fixture_expect(topic,
                   "SELECT string_agg(lanes || ':' || next_offset || ':' || position, ' ') FROM"
                   " weir.checkpoints",
                   "3:100:100 3:100:100 3:100:100");
}

static void test_the_store_itself_is_a_source(void **state)
{
    fixture_topic *topic = *state;
    fixture_configure(topic, "subscriptions.scribe.source=store", "subscriptions.scribe.lanes=2");
    fixture_run(topic, SEEN);
    fixture_run(topic, "INSERT INTO public.bad VALUES (9)");
    append_many(topic, 500);
    fixture_run(topic, "SELECT weir.append('other', 'x', 0, '[{\"type\": \"a\", \"data\": 1}]')");
    run_well(topic);
    fixture_expect(topic, "SELECT count(*) || '|' || count(DISTINCT position) FROM public.seen",
                   "429|429");
    expect_in_order(topic);
    fixture_expect(topic,
                   "SELECT string_agg(topic || '/' || partition || ' ' || position, ', ') || ' ' ||"
                   " sum(events) FROM weir.checkpoints",
                   "$store/0 500, $store/0 500 500");
    fixture_expect(topic,
                   "SELECT topic || ' ' || (message_offset IS NULL) || ' ' ||"
                   " convert_from(value, 'UTF8') FROM weir.dead_letters WHERE position = 9",
                   "$store true {\"n\": 9}");
    fixture_run(topic, "DELETE FROM public.bad");
    fixture_run(topic, "UPDATE weir.dead_letters SET mark = 'retry' WHERE position = 9");
    run_well(topic);
    fixture_expect(topic, "SELECT count(*) || '|' || count(DISTINCT position) FROM public.seen",
                   "500|500");
    expect_in_order(topic);
}

/* What was applied from the store is not applied again from the topic. */
static void test_from_the_store_to_its_topics(void **state)
{
    fixture_topic *topic = *state;
    weir_error error = {0};
    fixture_configure(topic, "subscriptions.scribe.source=store", "subscriptions.scribe.lanes=3");
    fixture_run(topic, SEEN);
    append_many(topic, 50);
    run_well(topic);
    make_topic(topic, 1);
    append_many(topic, 10);
    produce_many(topic, 60);
    fixture_configure(topic, NULL, NULL);
    run_well(topic);
    fixture_expect(topic, "SELECT count(*) || '|' || count(DISTINCT position) FROM public.seen",
                   "60|60");
    fixture_configure(topic, "subscriptions.scribe.source=store", NULL);
    assert_false(run_once(topic, &error));
    if (!strstr(error.message, "was fed from topics"))
        fail_msg("%s", error.message);
}

#define WITH_TOPIC(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, fixture_topic_open, fixture_topic_close)

int main(void)
{
    weir_log_setup(WEIR_LOG_ERROR, false);
    const struct CMUnitTest tests[] = {
        WITH_TOPIC(test_a_refused_event_parks_its_aggregate_alone),
        WITH_TOPIC(test_a_letter_keeps_the_message),
        WITH_TOPIC(test_it_is_tried_again_in_order),
        WITH_TOPIC(test_a_discarded_one_lets_the_others_go),
        WITH_TOPIC(test_an_edited_one_is_applied_as_edited),
        WITH_TOPIC(test_unreadable_ones_are_parked_too),
        WITH_TOPIC(test_skip_goes_on_with_the_aggregate),
        WITH_TOPIC(test_too_many_parked_stop_it),
        WITH_TOPIC(test_a_hole_is_healed),
        WITH_TOPIC(test_a_large_hole_is_healed_in_rounds),
        WITH_TOPIC(test_retention_is_refilled),
        WITH_TOPIC(test_lanes_keep_each_aggregates_order),
        WITH_TOPIC(test_a_message_without_a_position_is_one_letter),
        WITH_TOPIC(test_lanes_that_differ_level_first),
        WITH_TOPIC(test_the_store_itself_is_a_source),
        WITH_TOPIC(test_from_the_store_to_its_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
