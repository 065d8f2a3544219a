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

#include "consumer/subscription_int.h"

#define NAME_MOST 50
#define TICK_US 200000
#define COMMIT_US 1000000
#define BACKOFF_MS 50
#define BACKOFF_MAX_MS 5000
#define MEMORY_FACTOR 4
#define POLL_MS 100
#define STORE_SILENT_US 3000000 /* then an idle subscription asks whether the store is there */

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
    s->batch_ms = (int)weir_config_subscription_integer(config, name, "batch_ms");
    size_t one_event = (size_t)weir_config_integer(config, "store.max_event_bytes");
    s->memory = MEMORY_FACTOR * (s->batch_bytes + one_event);
    s->backoff = (weir_backoff){.initial_ms = BACKOFF_MS, .max_ms = BACKOFF_MAX_MS};
    s->calls_arena = weir_arena_new(s->memory);
    weir_intake_open(s);
    weir_meters_open(s);
    return s;
}

void weir_subscription_free(weir_subscription *s)
{
    if (!s)
        return;
    weir_intake_close(s);
    weir_arena_free(s->calls_arena);
    weir_moves_free(&s->moves);
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
    s->handler->close(s->session);
    s->session = NULL;
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
    weir_connection *connection = weir_store_connection(s->store);
    snprintf(s->store_id, sizeof s->store_id, "%s", weir_store_id(s->store));
    s->resume = true;
    s->store_us = weir_clock_monotonic_us();
    if (weir_apply_prepare(connection, error) &&
        s->handler->settle(s->handler, connection, &s->generation, error) &&
        (s->session = s->handler->open(s->handler, connection, s->generation, error)) != NULL &&
        run_statement(s, "subscription_start", NULL, error))
        return true;
    disconnect(s);
    return false;
}

/* Creates what rows are missing, reads them all, and starts reading there. */
static bool resume(weir_subscription *s, weir_error *error)
{
    size_t count;
    weir_partition *partitions = weir_source_partitions(s->source, &count);
    weir_connection *connection = weir_store_connection(s->store);
    weir_owner owner = weir_subscription_owner(s);
    if (!s->resume)
        return true;
    if (count > 0) {
        if (!weir_checkpoints_create(connection, owner, partitions, count, error))
            return false;
        if (WEIR_FAILPOINT(consumer_after_rows))
            return weir_fail(error, WEIR_FATE_RETRY, "failpoint after rows");
        if (!weir_checkpoints_load(connection, owner, s->store_id, partitions, count, error)) {
            weir_topics_doubt(s);
            return false;
        }
        if (!weir_topics_check(s, error))
            return false;
    }
    if (!weir_source_resume(s->source, error))
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

/* Something was done since the last failure, or there is nothing to do. */
static bool is_working(weir_subscription *s)
{
    size_t count, ended = 0;
    const weir_partition *partitions = weir_source_partitions(s->source, &count);
    for (size_t i = 0; i < count; i++)
        ended += partitions[i].end != WEIR_UNKNOWN;
    return s->intake.messages > 0 || ended == count;
}

/* Nothing else tells an idle subscription that its session is gone. */
static bool ask_store(weir_subscription *s, weir_error *error)
{
    int64_t now = weir_clock_monotonic_us();
    if (s->intake.messages > 0)
        s->store_us = now;
    if (now - s->store_us < STORE_SILENT_US)
        return true;
    s->store_us = now;
    return weir_connection_execute(weir_store_connection(s->store), "SELECT", error);
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

/* With once: *done when nothing is left to do. */
static bool check_goals(weir_subscription *s, bool *done, weir_error *error)
{
    if (s->topics.count == 0) {
        *done = true;
        return true;
    }
    return weir_goals_set(s, error) && weir_goals_reached(s, done, error);
}

static bool step(weir_subscription *s, bool once, bool *done, weir_error *error)
{
    if (!connect_store(s, error) || !tick(s, error) ||
        (!s->goals.set && !weir_topics_refresh(s, error)))
        return false;
    if (once && !check_goals(s, done, error))
        return false;
    if (*done)
        return true;
    if (!resume(s, error) || !weir_intake_fill(s, error))
        return false;
    if (s->resume) /* the partitions changed */
        return true;
    if (s->intake.messages > 0 && WEIR_FAILPOINT(consumer_before_apply))
        return weir_fail(error, WEIR_FATE_RETRY, "failpoint before apply");
    if (!weir_apply(s, error))
        return false;
    if (s->intake.refusal.fate != WEIR_FATE_NONE) {
        *error = s->intake.refusal;
        return false;
    }
    note_works(s);
    return ask_store(s, error) && commit_offsets(s, error);
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
    weir_intake_clear(s);
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
    weir_metric_set(s->meters.stopped, 1);
    atomic_store(&s->health.stopped, true);
    record_stop(s, error);
}

bool weir_subscription_run(weir_subscription *s, bool once, weir_error *error)
{
    weir_metric_set(s->meters.stopped, 0);
    atomic_store(&s->health.stopped, false);
    atomic_store(&s->health.progress_us, weir_clock_monotonic_us());
    s->source = weir_source_new(s->config, s->name, error);
    if (!s->source)
        return false;
    bool ok = loop(s, once, error);
    weir_intake_clear(s);
    weir_source_close(s->source); /* gives the partitions back, offsets committed */
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
