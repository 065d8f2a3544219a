/* The run loop of a subscription.
 *
 *   connect → topics → resume from the checkpoints → collect → apply → collect → …
 *      ↑__________________________|______ RETRY: rest, then from the top
 *
 * Every step is safe to repeat; after any failure the loop forgets what it had in hand and starts
 * over from the checkpoint rows. While it rests the group membership is kept alive. It must never
 * go on after a failure with positions from memory, and never end itself for what passes. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "consumer/subscription_int.h"

#define NAME_MOST 50
#define TICK_US 200000
#define COMMIT_US 1000000
#define BACKOFF_MS 50
#define BACKOFF_MAX_MS 5000
#define MEMORY_FACTOR 4
#define POLL_MS 100
#define CONTROL_US 1000000 /* how often a person is listened to */
#define ROUND_MS 1000      /* then what is read is more than is applied */

static bool check_name(const char *name, weir_error *error)
{
    size_t length = strlen(name);
    bool ok = length > 0 && length <= NAME_MOST;
    for (size_t i = 0; ok && i < length; i++)
        ok = isalnum((unsigned char)name[i]) || name[i] == '_';
    return ok || weir_fail(error, WEIR_FATE_CONFIG,
                           "subscription '%.100s': a name has 1 to %d letters, digits or '_'", name,
                           NAME_MOST);
}

static int read_choice(const weir_subscription *s, const char *key, const char *const *choices)
{
    const char *text = weir_config_subscription_text(s->config, s->name, key);
    int i = 0;
    while (strcmp(choices[i], text) != 0)
        i++;
    return i;
}

static bool read_policies(weir_subscription *s, weir_error *error)
{
    static const char *const poisons[] = {"park", "skip", "halt"}, *const holes[] = {"heal",
                                                                                     "halt"};
    s->lanes.count = (size_t)weir_config_subscription_integer(s->config, s->name, "lanes");
    s->attempts = (int)weir_config_subscription_integer(s->config, s->name, "attempts");
    s->parked_most = (size_t)weir_config_subscription_integer(s->config, s->name, "parked_most");
    s->on_poison = (weir_on_poison)read_choice(s, "on_poison", poisons);
    s->heals = read_choice(s, "on_hole", holes) == 0;
    return weir_redrives_read(weir_config_subscription_text(s->config, s->name, "redrive"),
                              &s->redrives, error) ||
           weir_error_prefix(error, "subscriptions.%s.redrive", s->name);
}

weir_subscription *weir_subscription_new(const weir_config *config, weir_handler *handler,
                                         weir_stop *stop, weir_error *error)
{
    const char *name = handler->subscription;
    if (!check_name(name, error))
        return NULL;
    if (!handler->aggregate_types[0]) {
        weir_fail(error, WEIR_FATE_CONFIG, "subscription '%s' reads no aggregate type", name);
        return NULL;
    }
    weir_subscription *s = weir_calloc(1, sizeof *s);
    s->config = config;
    s->handler = handler;
    s->stop = stop;
    s->name = weir_strdup(name);
    s->batch_events = (size_t)weir_config_subscription_integer(config, name, "batch_events");
    s->batch_bytes = (size_t)weir_config_subscription_integer(config, name, "batch_bytes");
    s->drain_ms = (int)weir_config_subscription_integer(config, name, "drain_ms");
    s->batch_ms = (int)weir_config_subscription_integer(config, name, "batch_ms");
    size_t one_event = (size_t)weir_config_integer(config, "store.max_event_bytes");
    s->memory = MEMORY_FACTOR * (s->batch_bytes + one_event);
    s->backoff = (weir_backoff){.initial_ms = BACKOFF_MS, .max_ms = BACKOFF_MAX_MS};
    if (!read_policies(s, error)) {
        weir_subscription_free(s);
        return NULL;
    }
    weir_meters_open(s);
    return s;
}

void weir_subscription_free(weir_subscription *s)
{
    if (!s)
        return;
    free(s->name);
    free(s);
}

void weir_subscription_upcast(weir_subscription *s, const weir_upcasters *upcasters)
{
    s->upcasters = upcasters;
}

const char *weir_subscription_name(const weir_subscription *s)
{
    return s->name;
}

void weir_subscription_health_get(const weir_subscription *s, weir_subscription_health *health)
{
    *health = (weir_subscription_health){
        .assigned = atomic_load(&s->health.assigned),
        .stopped = atomic_load(&s->health.stopped),
        .store_up = atomic_load(&s->health.store_up),
        .kafka_up = atomic_load(&s->health.kafka_up),
        .lag_events = atomic_load(&s->health.lag_events),
        .events = atomic_load(&s->health.events),
        .progress_us = atomic_load(&s->health.progress_us),
    };
}

static bool run_statement(weir_subscription *s, const char *statement, const char *why,
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

static void disconnect(weir_subscription *s)
{
    weir_store_close(s->store);
    s->store = NULL;
}

static bool connect_store(weir_subscription *s, weir_error *error)
{
    char application[NAME_MOST + 8];
    if (s->store)
        return true;
    snprintf(application, sizeof application, "weir %s", s->name);
    s->store = weir_store_open(s->config, application, s->stop, error);
    if (!s->store)
        return false;
    snprintf(s->store_id, sizeof s->store_id, "%s", weir_store_id(s->store));
    s->resume = true;
    return true;
}

/* Which generation to feed; the lanes of another one are of no use. */
static bool settle(weir_subscription *s, weir_error *error)
{
    int generation = 0;
    if (!s->handler->settle(s->handler, weir_store_connection(s->store), &generation, error))
        return false;
    if (s->generation != 0 && generation != s->generation)
        WEIR_INFO("subscription", s->name, "goes on with another generation",
                  WEIR_NUMBER("generation", generation));
    if (generation != s->generation)
        weir_lanes_close(s, false);
    s->generation = generation;
    return run_statement(s, "subscription_start", NULL, error);
}

static int32_t recorded_partitions(const weir_subscription *s, const char *topic)
{
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
    if (!weir_checkpoints_open(connection, owner, partitions, count, (int)s->lanes.count, true,
                               error))
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
    char generation[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(s->name),
                                 weir_param_integer(s->generation, generation)};
    s->controlled_us = weir_clock_monotonic_us();
    weir_result *row = weir_connection_query(weir_store_connection(s->store),
                                             "subscription_control", params, 2, error);
    if (!row)
        return false;
    bool paused = weir_result_bool(row, 0, 0);
    if (paused != s->paused) {
        WEIR_INFO("subscription", s->name, paused ? "paused" : "goes on after a pause");
        s->resume = true;
    }
    s->paused = paused;
    if (weir_result_integer(row, 0, 1) != s->generation)
        s->resume = true;
    weir_metric_set(s->meters.paused, paused);
    weir_metric_set(s->meters.parked, (double)weir_result_integer(row, 0, 3));
    s->due = weir_result_bool(row, 0, 2) || weir_result_bool(row, 0, 4);
    if (s->due && !paused)
        weir_lanes_nudge(s);
    weir_result_free(row);
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
    if (!settle(s, error) || !control(s, error))
        return false;
    if (s->paused) {
        weir_source_rest(s->source);
        s->resume = false;
        return true;
    }
    if (!load_partitions(s, error) || !weir_lanes_open(s, error) ||
        !weir_source_resume(s->source, error))
        return false;
    s->resume = false;
    return true;
}

/* Tools that look at the group see where the checkpoints are, at most a second late. */
static bool commit_offsets(weir_subscription *s, weir_error *error)
{
    int64_t now = weir_clock_monotonic_us();
    if (now - s->committed_us < COMMIT_US)
        return true;
    s->committed_us = now;
    if (weir_source_commit(s->source) && WEIR_FAILPOINT(consumer_after_offsets))
        return weir_fail(error, WEIR_FATE_RETRY, "failpoint after offsets");
    return true;
}

static bool tick(weir_subscription *s, weir_error *error)
{
    int64_t now = weir_clock_monotonic_us();
    if (now - s->ticked_us < TICK_US)
        return true;
    s->ticked_us = now;
    bool ok = weir_source_tick(s->source, error);
    weir_meters_tick(s);
    return ok;
}

/* Something was applied since the last failure, or there is nothing to do. */
static bool is_working(weir_subscription *s)
{
    size_t count, ended = 0;
    const weir_partition *partitions = weir_subscription_partitions(s, &count);
    for (size_t i = 0; i < count; i++)
        ended += partitions[i].end != WEIR_UNKNOWN;
    return atomic_exchange(&s->lanes.worked, false) || (ended == count && weir_lanes_rest(s));
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
    if (s->topics.count > 0 && (!weir_goals_set(s, error) || !weir_goals_reached(s, done, error)))
        return false;
    *done = *done || s->topics.count == 0;
    if (!*done)
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
static bool idle(weir_subscription *s, weir_error *error)
{
    weir_message ignored;
    weir_poll poll = weir_source_poll(s->source, POLL_MS, &ignored, error);
    s->resume = s->resume || poll == WEIR_POLL_CHANGED;
    return poll != WEIR_POLL_FAILED;
}

/* Every lane has rounds waiting and none is done for a second: nothing is read until they are, and
 * then from the rows, so that the group hears from us meanwhile. */
static bool wait_for_lanes(weir_subscription *s, weir_error *error)
{
    weir_source_rest(s->source);
    while (!weir_lanes_settle(s, 0) && !s->resume && !weir_stop_requested(s->stop))
        if (!idle(s, error) || !tick(s, error) || !listen(s, error))
            return false;
    s->resume = true;
    return true;
}

/* What was handed over is applied before anything else is done. */
static bool finish_rounds(weir_subscription *s, const weir_round *round, weir_error *error)
{
    const weir_error refusal = round->refusal;
    weir_lanes_settle(s, -1);
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
    if (!weir_intake_fill(s, round, error))
        return false;
    if (s->resume) /* the partitions changed */
        return true;
    bool any = round->messages > 0, refused = round->refusal.fate != WEIR_FATE_NONE;
    weir_lanes_hand_over(s, round);
    if (s->rewind || refused || (s->leveling && any))
        return finish_rounds(s, round, error);
    return !weir_lanes_failed(s, error);
}

static bool step(weir_subscription *s, bool once, bool *done, weir_error *error)
{
    if (!connect_store(s, error) || !tick(s, error) || !resume(s, error) || !listen(s, error))
        return false;
    if (s->resume)
        return true;
    if (s->paused)
        return idle(s, error);
    if (!s->goals.set && !weir_topics_refresh(s, error))
        return false;
    if (once && !check_goals(s, done, error))
        return false;
    if (*done)
        return true;
    if (!read_on(s, error))
        return false;
    note_works(s);
    return commit_offsets(s, error);
}

/* Waits after a failure that passes. Nothing is fetched meanwhile, but the group hears from us and
 * may take or give partitions. */
static bool rest(weir_subscription *s, weir_error *error)
{
    weir_message ignored;
    weir_metric_add(s->meters.retries, 1);
    if (!s->troubled)
        WEIR_WARN("subscription", s->name, "trying again until it works",
                  WEIR_TEXT("cause", error->message));
    s->troubled = true;
    weir_lanes_abandon(s, s->drain_ms);
    if (s->store && !weir_store_alive(s->store))
        disconnect(s);
    weir_source_rest(s->source);
    s->resume = true;
    int64_t until = weir_clock_monotonic_us() + (int64_t)weir_backoff_next(&s->backoff) * 1000;
    for (int64_t left; (left = until - weir_clock_monotonic_us()) > 0;) {
        if (weir_stop_requested(s->stop))
            return true;
        int ms = (int)(left / 1000) + 1;
        if (weir_source_poll(s->source, ms < POLL_MS ? ms : POLL_MS, &ignored, error) ==
                WEIR_POLL_FAILED ||
            !tick(s, error))
            return false;
    }
    return true;
}

static bool loop(weir_subscription *s, bool once, weir_error *error)
{
    bool done = false;
    while (!done && !weir_stop_requested(s->stop)) {
        if (step(s, once, &done, error))
            continue;
        if (error->fate == WEIR_FATE_RETRY && weir_stop_requested(s->stop))
            return true;
        if (error->fate != WEIR_FATE_RETRY || !rest(s, error))
            return false;
    }
    return true;
}

/* Remembers in the store why it stopped. What keeps it from that is waited for, but not for ever
 * when a stop is requested, and not if the store itself is what is wrong. */
static void record_stop(weir_subscription *s, const weir_error *why)
{
    weir_error error = {0};
    if (s->generation <= 0) /* it never got as far as having a row */
        return;
    weir_backoff_reset(&s->backoff);
    for (;;) {
        if (s->store && !weir_store_alive(s->store))
            disconnect(s);
        if (!s->store)
            s->store = weir_store_open(s->config, "weir", s->stop, &error);
        if (s->store && run_statement(s, "subscription_stop", why->message, &error))
            return;
        if (error.fate != WEIR_FATE_RETRY ||
            weir_stop_wait(s->stop, weir_backoff_next(&s->backoff)))
            break;
    }
    WEIR_WARN("subscription", s->name, "could not record why it stopped",
              WEIR_TEXT("cause", error.message));
}

static void stop_itself(weir_subscription *s, weir_error *error)
{
    size_t length = strlen(error->message);
    if (error->sqlstate[0])
        snprintf(error->message + length, sizeof error->message - length, " (SQLSTATE %s)",
                 error->sqlstate);
    weir_utf8_clean(error->message);
    weir_metric_set(s->meters.stopped, 1);
    atomic_store(&s->health.stopped, true);
    record_stop(s, error);
}

/* Before the group takes partitions: what is in hand is finished or rolled back. */
static void give_back(void *context)
{
    weir_subscription *s = context;
    weir_lanes_abandon(s, s->drain_ms);
}

bool weir_subscription_run(weir_subscription *s, bool once, weir_error *error)
{
    weir_metric_set(s->meters.stopped, 0);
    atomic_store(&s->health.stopped, false);
    atomic_store(&s->health.progress_us, weir_clock_monotonic_us());
    s->source = weir_source_new(s->config, s->name, give_back, s, error);
    if (!s->source)
        return false;
    bool ok = weir_lanes_start(s, error) && loop(s, once, error);
    weir_lanes_abandon(s, s->drain_ms);
    weir_source_close(s->source); /* gives the partitions back, offsets committed */
    weir_lanes_end(s);
    s->source = NULL;
    if (!ok)
        stop_itself(s, error);
    disconnect(s);
    weir_topics_free(&s->topics);
    weir_goals_free(&s->goals);
    s->topics = (weir_topics){0};
    atomic_store(&s->health.assigned, false);
    return ok;
}
