/* A subscription: its policies, its thread's loop, and how it ends.
 *
 * The loop takes the reader's steps (reader.c) until it is told to stop, or for ever through what
 * passes by itself. What does not pass ends it, and is recorded. It must never end itself for what
 * passes. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "consumer/subscription_int.h"

#define NAME_MOST 50
#define BACKOFF_MS 50
#define BACKOFF_MAX_MS 5000
#define MEMORY_FACTOR 4

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
    static const char *const poisons[] = {"park", "skip", "halt"};
    static const char *const holes[] = {"heal", "halt"};
    static const char *const sources[] = {"kafka", "store"};
    s->lanes.count = (size_t)weir_config_subscription_integer(s->config, s->name, "lanes");
    s->attempts = (int)weir_config_subscription_integer(s->config, s->name, "attempts");
    s->parked_most = (size_t)weir_config_subscription_integer(s->config, s->name, "parked_most");
    s->from_store = read_choice(s, "source", sources) == 1;
    s->on_poison = (weir_on_poison)read_choice(s, "on_poison", poisons);
    s->heals = read_choice(s, "on_hole", holes) == 0 && !s->handler->foreign;
    if (s->from_store && s->handler->foreign)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "subscriptions.%s.source: the store does not have the events of topic %s: "
                         "only kafka is possible",
                         s->name, s->handler->foreign->topics[0]);
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
    if (!handler->foreign && !handler->aggregate_types[0]) {
        weir_fail(error, WEIR_FATE_CONFIG, "subscription '%s' reads no aggregate type", name);
        return NULL;
    }
    weir_subscription *s = weir_calloc(1, sizeof *s);
    s->config = config;
    s->handler = handler;
    s->stop = stop;
    s->name = weir_strdup(name);
    s->batch_events = (size_t)weir_config_subscription_integer(config, name, "batch_events");
    if (handler->batch_most > 0 && s->batch_events > handler->batch_most)
        s->batch_events = handler->batch_most;
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

void weir_subscription_feed(weir_subscription *s, int generation, bool from_store, int lanes)
{
    s->fixed_generation = generation;
    s->from_store = from_store;
    s->alone = true;
    s->heals = true; /* or what retention removed would be missing in what is to be the whole */
    s->lanes.count = (size_t)lanes;
}

void weir_subscription_replaces(weir_subscription *s, int old, bool lossy)
{
    s->replaced = old;
    s->lossy = lossy;
}

void weir_subscription_watch(weir_subscription *s, weir_reach_fn *fn, void *context)
{
    s->watch = fn;
    s->watch_context = context;
}

weir_partition *weir_subscription_find(weir_subscription *s, const char *topic, int32_t number)
{
    size_t count;
    weir_partition *partitions = weir_subscription_partitions(s, &count);
    for (size_t i = 0; i < count; i++)
        if (weir_place_order(partitions[i].topic, partitions[i].number, topic, number) == 0)
            return &partitions[i];
    return NULL;
}

weir_result *weir_subscription_ask(const weir_subscription *s, weir_store *store,
                                   const char *statement, weir_error *error)
{
    char generation[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(s->name),
                                 weir_param_integer(s->generation, generation)};
    return weir_connection_query(weir_store_connection(store), statement, params, 2, error);
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
        .lag_us = atomic_load(&s->health.lag_us),
        .events = atomic_load(&s->health.events),
        .progress_us = atomic_load(&s->health.progress_us),
    };
}

static bool loop(weir_subscription *s, weir_error *error)
{
    bool done = false;
    while (!done && !weir_stop_requested(s->stop)) {
        if (weir_reader_step(s, &done, error))
            continue;
        if (error->fate == WEIR_FATE_RETRY && weir_stop_requested(s->stop))
            return true;
        if (error->fate != WEIR_FATE_RETRY || !weir_reader_rest(s, error))
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
            weir_reader_disconnect(s);
        if (!s->store)
            s->store = weir_store_open(s->config, "weir", s->stop, &error);
        if (s->store && weir_subscription_record(s, "subscription_stop", why->message, &error))
            return;
        if (error.fate != WEIR_FATE_RETRY ||
            weir_stop_wait(s->stop, weir_backoff_next(&s->backoff)))
            break;
    }
    WEIR_WARN("subscription", s->name, "could not record why it stopped",
              WEIR_TEXT("cause", error.message));
}

/* misses_relation: a table or column that was there when the generation was made. */
static bool misses_relation(const weir_error *error)
{
    return strcmp(error->sqlstate, "42P01") == 0 || strcmp(error->sqlstate, "42703") == 0;
}

static void stop_itself(weir_subscription *s, weir_error *error)
{
    size_t length = strlen(error->message);
    if (error->sqlstate[0])
        length += (size_t)snprintf(error->message + length, sizeof error->message - length,
                                   " (SQLSTATE %s)", error->sqlstate);
    if (misses_relation(error) && length < sizeof error->message)
        snprintf(
            error->message + length, sizeof error->message - length,
            ". If somebody changed its tables, weir projection rebuild %s%s --execute makes them "
            "anew",
            s->name, s->handler->foreign ? " --from kafka" : "");
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

bool weir_subscription_begin(weir_subscription *s, weir_error *error)
{
    weir_metric_set(s->meters.stopped, 0);
    atomic_store(&s->health.stopped, false);
    atomic_store(&s->health.progress_us, weir_clock_monotonic_us());
    if (s->from_store)
        weir_store_source_open(s);
    else
        s->source = weir_source_new(s->config, s->name, s->alone, give_back, s, error);
    return (s->source || s->stored) && weir_lanes_start(s, error);
}

bool weir_subscription_catch_up(weir_subscription *s, weir_error *error)
{
    s->once = true;
    if (s->stored)
        s->stored->caught_up = false;
    else
        weir_topics_doubt(s); /* up to the ends as they are from now on */
    return loop(s, error);
}

void weir_subscription_end(weir_subscription *s)
{
    if (s->lanes.started)
        weir_lanes_abandon(s, s->drain_ms);
    weir_source_close(s->source); /* gives the partitions back, offsets committed */
    s->source = NULL;
    weir_lanes_end(s);
    weir_store_source_close(s);
    weir_reader_disconnect(s);
    weir_topics_free(&s->topics);
    weir_goals_free(&s->goals);
    s->topics = (weir_topics){0};
    atomic_store(&s->health.assigned, false);
}

bool weir_subscription_run(weir_subscription *s, bool once, weir_error *error)
{
    s->once = once;
    bool ok = weir_subscription_begin(s, error) && loop(s, error);
    if (ok && once && s->parked_count > 0)
        WEIR_WARN("subscription", s->name,
                  "aggregates are parked: their events wait (weir dlq list)",
                  WEIR_NUMBER("aggregates", s->parked_count));
    if (!ok)
        stop_itself(s, error);
    weir_subscription_end(s);
    return ok;
}
