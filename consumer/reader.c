/* The reader's steps: what a subscription's own thread does, again and again.
 *
 *   connect → settle and resume from the checkpoints → read a round → hand it over → …
 *      ↑__________________________|______ RETRY: rest, then from the top
 *
 * Every step is safe to repeat; after any failure it forgets what it had in hand and starts over
 * from the checkpoint rows, with the lanes at rest. While it rests the group membership is kept
 * alive. It must never go on after a failure with positions from memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/foreign_int.h"
#include "consumer/subscription_int.h"

#define TICK_US 200000
#define COMMIT_US 1000000
#define POLL_MS 100
#define CONTROL_US 1000000 /* how often a person is listened to */
#define ROUND_MS 1000      /* then what is read is more than is applied */

bool weir_subscription_record(weir_subscription *s, const char *statement, const char *why,
                              weir_error *error)
{
    char generation[16];
    snprintf(generation, sizeof generation, "%d", s->generation);
    weir_param params[] = {WEIR_PARAM_TEXT(s->name), WEIR_PARAM_TEXT(generation),
                           WEIR_PARAM_TEXT(why)};
    weir_result *result = weir_connection_query(weir_store_connection(s->store), statement, params,
                                                why ? 3 : 2, error);
    weir_result_free(result);
    return result != NULL;
}

void weir_reader_disconnect(weir_subscription *s)
{
    weir_store_close(s->store);
    s->store = NULL;
}

/* Which generation to feed; the lanes of another one are of no use. */
static bool settle(weir_subscription *s, weir_error *error)
{
    int generation = s->fixed_generation;
    if (!s->handler->settle(s->handler, weir_store_connection(s->store), &generation, error))
        return false;
    if (s->generation != 0 && generation != s->generation)
        WEIR_INFO("subscription", s->name, "goes on with another generation",
                  WEIR_NUMBER("generation", generation));
    if (generation != s->generation)
        weir_lanes_close(s, false);
    s->generation = generation;
    return weir_subscription_record(s, "subscription_start", NULL, error);
}

static bool connect_store(weir_subscription *s, weir_error *error)
{
    char application[96];
    if (s->store)
        return true;
    snprintf(application, sizeof application, "weir %s%s", s->name,
             s->fixed_generation ? " rebuild" : "");
    s->store = weir_store_open(s->config, application, s->stop, error);
    if (!s->store)
        return false;
    snprintf(s->store_id, sizeof s->store_id, "%s", weir_store_id(s->store));
    s->resume = true;
    s->settled = settle(s, error);
    if (!s->settled)
        weir_reader_disconnect(s);
    return s->settled;
}

static int32_t recorded_partitions(const weir_subscription *s, const char *topic)
{
    if (s->handler->foreign)
        return WEIR_FOREIGN_LANES_OF;
    for (size_t i = 0; i < s->topics.count; i++)
        if (strcmp(s->topics.names[i], topic) == 0)
            return s->topics.partitions[i];
    return 1;
}

/* What is known of a partition beside its rows. */
static void prepare_partitions(weir_subscription *s, weir_partition *partitions, size_t count)
{
    s->leveling = false;
    for (size_t i = 0; i < count; i++) {
        weir_partition *p = &partitions[i];
        p->of = recorded_partitions(s, p->topic);
        if (p->least_offset > 0 && p->start < p->least_offset)
            p->start = p->seen_offset = p->least_offset;
        s->leveling = s->leveling || (size_t)p->lanes != s->lanes.count;
    }
}

static bool load_partitions(weir_subscription *s, weir_error *error)
{
    size_t count;
    weir_partition *partitions = weir_subscription_partitions(s, &count);
    weir_connection *connection = weir_store_connection(s->store);
    weir_owner owner = weir_subscription_owner(s);
    if (count == 0)
        return true;
    if (!weir_checkpoints_open(connection, owner, partitions, count, (int)s->lanes.count,
                               s->source && !s->handler->foreign, error))
        return false;
    if (WEIR_FAILPOINT(consumer_after_rows))
        return weir_fail(error, WEIR_FATE_RETRY, "failpoint after rows");
    if (!weir_checkpoints_load(connection, owner, s->store_id, partitions, count, error)) {
        weir_topics_doubt(s);
        return false;
    }
    if (!weir_topics_check(s, error))
        return false;
    prepare_partitions(s, partitions, count);
    return true;
}

/* Asks whether a person wants something else, and which letters are due. */
static bool control(weir_subscription *s, weir_error *error)
{
    s->controlled_us = weir_clock_monotonic_us();
    weir_result *row = weir_subscription_ask(s, s->store, "subscription_control", error);
    if (!row)
        return false;
    bool paused = weir_result_bool(row, 0, 0);
    if (paused != s->paused) {
        WEIR_INFO("subscription", s->name, paused ? "paused" : "goes on after a pause");
        s->resume = true;
    }
    s->paused = paused;
    if (!s->fixed_generation && weir_result_integer(row, 0, 1) != s->generation)
        s->resume = true;
    weir_metric_set(s->meters.paused, paused);
    s->parked_count = weir_result_integer(row, 0, 3);
    weir_metric_set(s->meters.parked, (double)s->parked_count);
    s->due = weir_result_bool(row, 0, 2) || weir_result_bool(row, 0, 4);
    if (s->due && !paused)
        weir_lanes_nudge(s);
    weir_result_free(row);
    return true;
}

static void stop_reading(weir_subscription *s)
{
    if (s->source)
        weir_source_rest(s->source);
}

static bool begin_reading(weir_subscription *s, weir_error *error)
{
    if (s->source)
        return weir_source_resume(s->source, error);
    weir_store_source_resume(s);
    return true;
}

/* Makes what rows are missing, reads them all, and starts reading there. */
static bool resume(weir_subscription *s, weir_error *error)
{
    if (!s->resume)
        return true;
    weir_lanes_abandon(s, s->drain_ms);
    weir_lanes_close(s, true);
    s->rewind = false;
    if ((!s->settled && !settle(s, error)) || !control(s, error))
        return false;
    s->settled = false; /* the next time another generation may serve */
    bool leads = true;
    if (!s->source && !weir_store_source_lead(s, &leads, error))
        return false;
    s->waits = s->paused || !leads;
    s->resume = false;
    if (s->waits) {
        stop_reading(s);
        return true;
    }
    return load_partitions(s, error) && weir_lanes_open(s, error) && begin_reading(s, error);
}

/* Tools that look at the group see where the checkpoints are, at most a second late. */
static bool commit_offsets(weir_subscription *s, weir_error *error)
{
    int64_t now = weir_clock_monotonic_us();
    if (now - s->committed_us < COMMIT_US)
        return true;
    s->committed_us = now;
    if (s->source && weir_source_commit(s->source) && WEIR_FAILPOINT(consumer_after_offsets))
        return weir_fail(error, WEIR_FATE_RETRY, "failpoint after offsets");
    return true;
}

static void tell(weir_subscription *s)
{
    weir_subscription_reach reach = {.events = (int64_t)atomic_load(&s->health.events),
                                     .parked = s->parked_count};
    reach.done = s->stored ? s->stored->after : reach.events;
    reach.all = s->stored ? s->stored->horizon : reach.events + weir_meters_lag(s);
    s->watch(s->watch_context, &reach);
}

static bool tick(weir_subscription *s, weir_error *error)
{
    int64_t now = weir_clock_monotonic_us();
    if (now - s->ticked_us < TICK_US)
        return true;
    s->ticked_us = now;
    bool ok = !s->source || weir_source_tick(s->source, error);
    weir_meters_tick(s);
    if (s->watch)
        tell(s);
    return ok;
}

static bool is_at_end(weir_subscription *s)
{
    size_t count, ended = 0;
    const weir_partition *partitions = weir_subscription_partitions(s, &count);
    for (size_t i = 0; i < count && s->source; i++)
        ended += partitions[i].end != WEIR_UNKNOWN;
    return s->source ? ended == count : s->stored->caught_up;
}

/* Something was applied since the last failure, or there is nothing to do. */
static bool is_working(weir_subscription *s)
{
    return atomic_exchange(&s->lanes.worked, false) || (is_at_end(s) && weir_lanes_rest(s));
}

static void note_works(weir_subscription *s)
{
    if (!is_working(s))
        return;
    if (s->troubled)
        WEIR_INFO("subscription", s->name, "goes on");
    s->troubled = false;
    weir_backoff_reset(&s->backoff);
}

/* With once: *done when nothing is left to do, letters that are due included. */
static bool check_goals(weir_subscription *s, bool *done, weir_error *error)
{
    bool read = s->source ? s->topics.count == 0 : s->stored->caught_up;
    if (s->source && s->topics.count > 0 &&
        (!weir_goals_set(s, error) || !weir_goals_reached(s, &read, error)))
        return false;
    if (!read)
        return true;
    weir_lanes_settle(s, -1);
    if (weir_lanes_failed(s, error) || !control(s, error))
        return false;
    *done = !s->due;
    return true;
}

/* Once a second a person is listened to; it also tells whether the store is still there. */
static bool listen(weir_subscription *s, weir_error *error)
{
    return weir_clock_monotonic_us() - s->controlled_us < CONTROL_US || s->resume ||
           control(s, error);
}

/* While paused, and while all rounds are on their way for long, only the group is served. */
static bool idle(weir_subscription *s, int ms, weir_error *error)
{
    weir_message ignored;
    if (!s->source)
        weir_stop_wait(s->stop, ms);
    if (!s->source)
        return true;
    weir_poll poll = weir_source_poll(s->source, ms, &ignored, error);
    s->resume = s->resume || poll == WEIR_POLL_CHANGED;
    return poll != WEIR_POLL_FAILED;
}

/* Every lane has rounds waiting and none is done for a second: nothing is read until they are, and
 * then from the rows, so that the group hears from us meanwhile. */
static bool wait_for_lanes(weir_subscription *s, weir_error *error)
{
    stop_reading(s);
    while (!weir_lanes_settle(s, 0) && !s->resume && !weir_stop_requested(s->stop))
        if (!idle(s, POLL_MS, error) || !tick(s, error) || !listen(s, error))
            return false;
    s->resume = true;
    return true;
}

/* What was handed over is applied before anything else is done. */
static bool finish_rounds(weir_subscription *s, const weir_round *round, weir_error *error)
{
    const weir_error refusal = round->refusal;
    if (!weir_lanes_settle(s, ROUND_MS) && !wait_for_lanes(s, error))
        return false;
    if (weir_lanes_failed(s, error))
        return false;
    s->resume = true;
    if (refusal.fate == WEIR_FATE_NONE)
        return true;
    *error = refusal;
    return false;
}

static bool read_on(weir_subscription *s, weir_error *error)
{
    weir_round *round = weir_lanes_round(s, ROUND_MS);
    if (weir_lanes_failed(s, error))
        return false;
    if (!round)
        return wait_for_lanes(s, error);
    if (!(s->source ? weir_intake_fill : weir_store_source_fill)(s, round, error))
        return false;
    if (s->resume) /* the partitions changed */
        return true;
    bool any = round->messages > 0, refused = round->refusal.fate != WEIR_FATE_NONE;
    weir_round_reach(s, round);
    weir_lanes_hand_over(s, round);
    if (s->rewind || refused || (s->leveling && any))
        return finish_rounds(s, round, error);
    return !weir_lanes_failed(s, error);
}

/* Paused, or another process leads. */
static bool stand_by(weir_subscription *s, weir_error *error)
{
    if (!s->paused && weir_clock_monotonic_us() - s->controlled_us >= CONTROL_US)
        s->resume = true;
    return idle(s, POLL_MS, error);
}

bool weir_reader_step(weir_subscription *s, bool *done, weir_error *error)
{
    /* Topics come first: one that was left for another is found there, and only there. */
    if (!connect_store(s, error) || !tick(s, error) ||
        (s->source && !s->goals.set && !weir_topics_refresh(s, error)) || !resume(s, error) ||
        !listen(s, error))
        return false;
    if (s->resume)
        return true;
    if (s->waits)
        return stand_by(s, error);
    if (s->once && !check_goals(s, done, error))
        return false;
    if (*done)
        return true;
    if (!read_on(s, error))
        return false;
    note_works(s);
    return commit_offsets(s, error);
}

bool weir_reader_rest(weir_subscription *s, weir_error *error)
{
    weir_metric_add(s->meters.retries, 1);
    if (!s->troubled)
        WEIR_WARN("subscription", s->name, "trying again until it works",
                  WEIR_TEXT("cause", error->message));
    s->troubled = true;
    s->settled = false;
    weir_lanes_abandon(s, s->drain_ms);
    if (s->store && !weir_store_alive(s->store))
        weir_reader_disconnect(s);
    stop_reading(s);
    s->resume = true;
    int64_t until = weir_clock_monotonic_us() + (int64_t)weir_backoff_next(&s->backoff) * 1000;
    for (int64_t left; (left = until - weir_clock_monotonic_us()) > 0;) {
        if (weir_stop_requested(s->stop))
            return true;
        int ms = (int)(left / 1000) + 1;
        if (!idle(s, ms < POLL_MS ? ms : POLL_MS, error) || !tick(s, error))
            return false;
    }
    return true;
}
