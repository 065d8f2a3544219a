/* A shard of the relay: its states, and what becomes of an error.
 *
 * A lost store or broker is waited out for ever and said once when it goes and once when it is
 * back. Every other failure ends the run: going on would break a promise or needs a person. A stop
 * leads from every state to an end within seconds; only what Kafka acknowledged is ever recorded.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "producer/relay_int.h"

#define BACKOFF_INITIAL_MS 50
#define BACKOFF_MAX_MS 5000
#define DRAIN_MS 20
#define LARGEST_VALUE (2 * 8388608 + 4096) /* the largest event, all of it escaped */
#define SILENT_US 4000000  /* a stop waits this long for one more acknowledgement, */
#define LONGEST_US 8000000 /* and this long for all */

#define STATE_NAME(name) #name,
static const char *const state_names[] = {WEIR_RELAY_STATES(STATE_NAME)};

/* share is this shard's part of what a setting allows the process. */
static size_t share(const weir_relay *relay, const char *setting)
{
    size_t all = (size_t)weir_config_integer(relay->config, setting),
           shards = (size_t)relay->shards;
    return (all + shards - 1) / shards;
}

/* A whole transaction stays in the ring until it is committed. The read that fills it up has room.
 */
static weir_ring *new_ring(const weir_relay *relay)
{
    size_t in_flight = relay->in_flight_events;
    return weir_ring_new(relay->exactly_once ? relay->transaction_events + in_flight : in_flight,
                         in_flight, relay->in_flight_bytes);
}

weir_relay *weir_shard_new(const weir_config *config, weir_stop *stop, int shard, atomic_int *held,
                           weir_error *error)
{
    weir_shape shape;
    if (!weir_shape_read(config, &shape, error))
        return NULL;
    weir_relay *relay = weir_calloc(1, sizeof *relay);
    relay->shape = shape;
    relay->value = WEIR_BUFFER(LARGEST_VALUE);
    relay->config = config;
    relay->stop = stop;
    relay->name = weir_config_text(config, "relay.name");
    relay->shard = shard;
    relay->shards = (int)weir_config_integer(config, "relay.shards");
    relay->held = held;
    relay->in_flight_events = share(relay, "relay.in_flight_events");
    relay->in_flight_bytes = share(relay, "relay.in_flight_bytes");
    relay->takeover_us = weir_config_integer(relay->config, "relay.takeover_ms") * 1000;
    relay->transaction_events = share(relay, "relay.transaction_events");
    if (relay->shards == 1)
        snprintf(relay->title, sizeof relay->title, "%s", relay->name);
    else
        snprintf(relay->title, sizeof relay->title, "%s/%d", relay->name, shard);
    relay->goal = -1;
    relay->mean_bytes = 1024;
    relay->backoff = (weir_backoff){.initial_ms = BACKOFF_INITIAL_MS, .max_ms = BACKOFF_MAX_MS};
    relay->exactly_once = weir_relay_is_exactly_once(relay);
    relay->ring = new_ring(relay);
    relay->events_pace.per_second = (int64_t)share(relay, "relay.max_events_per_second");
    relay->bytes_pace.per_second = (int64_t)share(relay, "relay.max_bytes_per_second");
    weir_relay_meters_open(&relay->meters, relay->name, shard);
    return relay;
}

void weir_shard_free(weir_relay *relay)
{
    if (!relay)
        return;
    weir_relay_drop_sink(relay);
    weir_relay_drop_store(relay);
    weir_relay_topics_clear(&relay->topics);
    weir_ring_free(relay->ring);
    weir_buffer_free(&relay->value);
    free(relay);
}

void weir_shard_health_get(const weir_relay *relay, weir_relay_health *health)
{
    *health = (weir_relay_health){
        .active = atomic_load(&relay->shown.active),
        .store_up = atomic_load(&relay->shown.store_up),
        .kafka_up = atomic_load(&relay->shown.kafka_up),
        .position = atomic_load(&relay->shown.position),
        .published = atomic_load(&relay->shown.published),
        .progress_us = atomic_load(&relay->shown.progress_us),
    };
}

void weir_relay_progress(weir_relay *relay)
{
    int64_t cursor = weir_ring_cursor(relay->ring);
    weir_backoff_reset(&relay->backoff);
    atomic_store(&relay->shown.position, cursor);
    atomic_store(&relay->shown.progress_us, weir_clock_monotonic_us());
    weir_metric_set(relay->meters.cursor, (double)cursor);
}

void weir_relay_enter(weir_relay *relay, weir_relay_state state)
{
    bool active = state == WEIR_RELAY_ACTIVE || state == WEIR_RELAY_STOPPING;
    WEIR_DEBUG("relay", relay->title, "state", WEIR_TEXT("from", state_names[relay->state]),
               WEIR_TEXT("to", state_names[state]));
    relay->state = state;
    relay->stopping_us = weir_clock_monotonic_us();
    atomic_store(&relay->shown.active, active);
    weir_metric_set(relay->meters.active, active);
}

void weir_relay_store_up(weir_relay *relay, bool up, const char *why)
{
    atomic_store(&relay->shown.store_up, up);
    if (!up && !relay->store_down_said)
        WEIR_WARN("relay", relay->title, "the store cannot be used; trying again until it can",
                  WEIR_TEXT("reason", why));
    else if (up && relay->store_down_said)
        WEIR_INFO("relay", relay->title, "the store is back");
    relay->store_down_said = !up;
}

void weir_relay_kafka_up(weir_relay *relay, bool up, const char *why)
{
    atomic_store(&relay->shown.kafka_up, up);
    if (!up && !relay->kafka_down_said)
        WEIR_WARN("relay", relay->title, "Kafka cannot be used; trying again until it can",
                  WEIR_TEXT("reason", why));
    else if (up && relay->kafka_down_said)
        WEIR_INFO("relay", relay->title, "Kafka is back");
    relay->kafka_down_said = !up;
}

void weir_relay_drop_store(weir_relay *relay)
{
    weir_store_close(relay->store);
    relay->store = NULL;
    if (relay->locked)
        atomic_fetch_sub(relay->held, 1);
    relay->locked = false;
}

void weir_relay_drop_sink(weir_relay *relay)
{
    weir_sink_close(relay->sink);
    relay->sink = NULL;
    relay->failed_code = 0;
    relay->log_lost = false;
    relay->committing = false;
    relay->cut_off_since_us = 0;
    weir_ring_reset(relay->ring, weir_ring_cursor(relay->ring));
}

/* drained: everything is acknowledged, or Kafka did not answer while a stop was waiting. */
static bool drained(const weir_relay *relay)
{
    int64_t now = weir_clock_monotonic_us();
    int64_t heard =
        relay->last_ack_us > relay->stopping_us ? relay->last_ack_us : relay->stopping_us;
    bool impatient = weir_stop_requested(relay->stop);
    return weir_ring_events(relay->ring) == 0 ||
           (impatient && (now - heard > SILENT_US || now - relay->stopping_us > LONGEST_US));
}

bool weir_relay_wind_up(weir_relay *relay, weir_error *error)
{
    if (!weir_relay_leads(relay, error) || !weir_relay_serve(relay, DRAIN_MS, error) ||
        !weir_relay_check_sink(relay, error))
        return false;
    if (relay->state != WEIR_RELAY_STOPPING)
        return true;
    if (!weir_relay_commit(relay, error))
        return false;
    if (!drained(relay))
        return weir_relay_save_due(relay, error);
    size_t left = weir_ring_events(relay->ring);
    if (WEIR_FAIL_AT(relay_before_clean_stop) || !weir_relay_save(relay, left == 0, error))
        return false;
    if (left > 0)
        WEIR_WARN("relay", relay->title,
                  "stopped with events that Kafka did not acknowledge; the next start finds out "
                  "which of them it has",
                  WEIR_NUMBER("events", left));
    if (relay->state == WEIR_RELAY_STOPPING)
        weir_relay_enter(relay, WEIR_RELAY_STOPPED);
    return true;
}

/* give_up ends a run that was told to stop and cannot do so cleanly. */
static void give_up(weir_relay *relay, const char *why)
{
    size_t left = weir_ring_events(relay->ring);
    if (relay->sink)
        WEIR_WARN("relay", relay->title,
                  "stopped without recording how far it came; the next start finds out from Kafka",
                  WEIR_TEXT("reason", why), WEIR_NUMBER("unacknowledged", left));
    weir_relay_enter(relay, WEIR_RELAY_STOPPED);
}

/* obey leads to the end once a stop is requested. */
static void obey(weir_relay *relay)
{
    if (!weir_stop_requested(relay->stop))
        return;
    if (relay->state == WEIR_RELAY_ACTIVE)
        weir_relay_enter(relay, WEIR_RELAY_STOPPING);
    else if (relay->state < WEIR_RELAY_ACTIVE)
        give_up(relay, "stopped before it led");
}

/* recover waits out what passes by itself; false for everything else. */
static bool recover(weir_relay *relay, const weir_error *error)
{
    weir_error ignored;
    if (relay->lost)
        return true;
    if (error->fate != WEIR_FATE_RETRY)
        return false;
    weir_metric_add(relay->meters.errors, 1);
    if (weir_stop_requested(relay->stop)) {
        if (relay->state != WEIR_RELAY_ACTIVE || error->kafka_code == 0)
            give_up(relay, error->message);
        return true; /* a leader whose wait the stop ended still records what Kafka has */
    }
    if (error->kafka_code != 0) {
        weir_relay_kafka_up(relay, false, error->message);
    } else {
        weir_relay_store_up(relay, false, error->message);
        weir_relay_drop_store(relay);
        if (relay->state != WEIR_RELAY_CONNECTING)
            weir_relay_enter(relay, WEIR_RELAY_CONNECTING);
    }
    bool rested = weir_relay_rest(relay, weir_backoff_next(&relay->backoff), &ignored);
    (void)rested; /* a failure while resting shows again in the next step */
    return true;
}

static bool (*const steps[WEIR_RELAY_STATE_COUNT])(weir_relay *, weir_error *) = {
    [WEIR_RELAY_CONNECTING] = weir_relay_connect, [WEIR_RELAY_STANDBY] = weir_relay_lead,
    [WEIR_RELAY_STARTING] = weir_relay_start,     [WEIR_RELAY_ACTIVE] = weir_relay_publish,
    [WEIR_RELAY_STOPPING] = weir_relay_wind_up,
};

bool weir_shard_run(weir_relay *relay, bool once, weir_error *error)
{
    bool ok = true;
    relay->once = once;
    for (obey(relay); ok && relay->state != WEIR_RELAY_STOPPED; obey(relay)) {
        weir_error_clear(error);
        ok = steps[relay->state](relay, error) || recover(relay, error);
        if (relay->lost)
            weir_relay_step_down(relay);
    }
    if (ok)
        WEIR_INFO("relay", relay->title, "stopped",
                  WEIR_NUMBER("position", weir_ring_cursor(relay->ring)),
                  WEIR_NUMBER("published", atomic_load(&relay->shown.published)));
    weir_relay_enter(relay, WEIR_RELAY_CONNECTING);
    weir_relay_drop_sink(relay);
    weir_relay_drop_store(relay);
    return ok;
}
