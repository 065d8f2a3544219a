/* Deliveries: what Kafka acknowledged moves the cursor; what it did not take begins everything anew
 * from the topics' tails, or, when the event itself is at fault, ends the relay with its name. */
#include <inttypes.h>
#include <stdio.h>

#include "producer/relay_int.h"

#define SLICE_MS 5
#define LONGEST_MS 100 /* the heartbeat may be due */

static weir_fate fate_of(int kafka_code)
{
    weir_error said;
    weir_sink_refusal(kafka_code, &said);
    return said.fate;
}

/* The first failure counts, but one that a person must see before any that follows from it. */
static void remember_failure(weir_relay *relay, int kafka_code, int64_t position)
{
    weir_fate fate = fate_of(kafka_code);
    bool for_people = fate == WEIR_FATE_POISON || fate == WEIR_FATE_CONFIG;
    if (relay->failed_code != 0 &&
        (!for_people || fate_of(relay->failed_code) == WEIR_FATE_POISON ||
         fate_of(relay->failed_code) == WEIR_FATE_CONFIG))
        return;
    relay->failed_code = kafka_code;
    relay->failed_position = position;
}

void weir_relay_on_delivery(void *context, uint64_t sequence, int64_t offset, int kafka_code)
{
    weir_relay *relay = context;
    const weir_flight *flight = weir_ring_find(relay->ring, sequence);
    if (!flight)
        return;
    if (kafka_code != 0) {
        remember_failure(relay, kafka_code, flight->position);
        return;
    }
    weir_part *part = &relay->topics.parts[flight->partition];
    /* A partition only grows, unless the log was lost under us; then nothing after it is believed.
     */
    relay->log_lost = relay->log_lost || (offset >= 0 && offset < part->end);
    if (relay->log_lost || !weir_ring_acknowledge(relay->ring, sequence, offset))
        return;
    if (offset >= 0)
        part->end = offset + 1;
    part->in_flight--;
    part->acked_us = relay->served_us;
}

static void settle_flight(weir_relay *relay, const weir_flight *flight, int64_t now_us)
{
    weir_part *part = &relay->topics.parts[flight->partition];
    weir_metric_observe(relay->meters.ack_seconds, (double)(now_us - flight->recorded_at_us) / 1e6);
    if (flight->offset < 0) /* Kafka had it already and does not say where */
        return;
    part->position = flight->position;
    part->next_offset = flight->offset + 1;
    part->changed = true;
    relay->parts_changed = true;
}

bool weir_relay_serve(weir_relay *relay, int ms, weir_error *error)
{
    relay->served_us = weir_clock_monotonic_us();
    if (relay->sink)
        weir_sink_poll(relay->sink, ms);
    if (!relay->exactly_once)
        return weir_relay_release(relay, error);
    weir_metric_set(relay->meters.in_flight, (double)weir_ring_events(relay->ring));
    return true;
}

bool weir_relay_release(weir_relay *relay, weir_error *error)
{
    weir_flight flight;
    int64_t released = 0, bytes = 0, now_us = weir_clock_now_us();
    for (; weir_ring_release(relay->ring, &flight); released++) {
        settle_flight(relay, &flight, now_us);
        bytes += (int64_t)flight.bytes;
    }
    weir_metric_set(relay->meters.in_flight, (double)weir_ring_events(relay->ring));
    if (released == 0)
        return true;
    relay->unsaved_events += released;
    relay->last_ack_us = weir_clock_monotonic_us();
    weir_metric_add(relay->meters.events, (double)released);
    weir_metric_add(relay->meters.bytes, (double)bytes);
    atomic_fetch_add(&relay->shown.published, released);
    weir_relay_progress(relay);
    return !WEIR_FAIL_AT(relay_after_ack);
}

/* A commit sends everything anyway; what failed is in the ring and no longer on its way. */
bool weir_relay_hurry(weir_relay *relay, int ms, weir_error *error)
{
    if (relay->exactly_once || relay->failed_code != 0 || relay->log_lost)
        return weir_relay_serve(relay, ms, error);
    weir_sink_hurry(relay->sink, ms);
    return weir_relay_serve(relay, 0, error);
}

bool weir_relay_rest(weir_relay *relay, int ms, weir_error *error)
{
    int64_t until = weir_clock_monotonic_us() + (int64_t)ms * 1000;
    for (;;) {
        if (!weir_relay_commit(relay, error))
            return false;
        int left = (int)((until - weir_clock_monotonic_us() + 999) / 1000);
        if (left <= 0 || weir_stop_requested(relay->stop))
            return weir_relay_serve(relay, 0, error);
        if (!weir_relay_beat(relay, error))
            return false;
        if (!relay->sink || weir_ring_events(relay->ring) == 0) {
            weir_stop_wait(relay->stop, left < LONGEST_MS ? left : LONGEST_MS);
            continue;
        }
        if (!weir_relay_hurry(relay, left < SLICE_MS ? left : SLICE_MS, error))
            return false;
    }
}

static bool name_event(void *context, const weir_event *event, weir_error *error)
{
    char id[WEIR_UUID_TEXT];
    (void)context;
    weir_uuid_format(&event->id, id);
    return weir_error_prefix(
        error, "event %s, position %" PRId64 " (%s of %s/%s, version %" PRId64 ", %zu bytes)", id,
        event->position, event->type, event->aggregate_type, event->aggregate_id, event->version,
        event->data_length);
}

/* refuse ends the relay with the event that Kafka does not take. */
static bool refuse(weir_relay *relay, weir_error *error)
{
    weir_error named;
    weir_read it = {.after = relay->failed_position - 1, .limit = 1};
    weir_sink_refusal(relay->failed_code, error);
    named = *error;
    if (!weir_store_read(relay->store, &it, name_event, NULL, &named) && named.fate == error->fate)
        *error = named;
    return false;
}

static void start_over(weir_relay *relay, const char *why)
{
    WEIR_WARN("relay", relay->title, "starting over with a new producer", WEIR_TEXT("reason", why));
    weir_metric_add(relay->meters.errors, 1);
    relay->unclean = true;
    weir_relay_drop_sink(relay);
    weir_relay_enter(relay, WEIR_RELAY_STARTING);
}

bool weir_relay_check_sink(weir_relay *relay, weir_error *error)
{
    weir_error failed, dead;
    if (relay->log_lost) {
        start_over(relay, "Kafka has lost part of a topic while we were publishing to it");
        return true;
    }
    bool alive = weir_sink_check(relay->sink, &dead);
    if (relay->failed_code == 0 && alive)
        return true;
    failed = dead;
    if (relay->failed_code != 0)
        weir_sink_refusal(relay->failed_code, &failed);
    if (failed.fate == WEIR_FATE_CONFIG && relay->failed_code == 0) {
        *error = failed;
        return false;
    }
    if (failed.fate == WEIR_FATE_CONFIG || (failed.fate == WEIR_FATE_POISON && relay->single))
        return refuse(relay, error);
    /* A refusal is of a whole request; one message a request will show which it was. */
    relay->single = relay->single || failed.fate == WEIR_FATE_POISON;
    /* A dead producer says why; of its messages, most only that they were given up. */
    start_over(relay, alive ? failed.message : dead.message);
    return true;
}
