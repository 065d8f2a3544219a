/* Publishing: events come out of the store in position order, and each goes to its partition behind
 * the one before it, unless Kafka has it already.
 *
 * A read is never larger than what the ring has room for, so that the connection is soon free again
 * for the cursor. What cannot be done while rows are streaming (making a topic, waiting long) ends
 * the read early; the next one begins behind the last event that was taken. */
#include <stdio.h>
#include <string.h>

#include "producer/relay_int.h"

#define SERVE_EVERY 128 /* events */
#define ROOM_MS 5
#define PACE_MS 10
#define SHORTEST_REST_MS 1
#define LONGEST_WAIT_MS 200 /* for room: the heartbeat may be due */
#define REST_SHARE 4        /* a rest is this part of the time since there was something to read */
#define KNOWN_US 3600000000 /* a broker forgets a producer after a day at the earliest */
#define PROBE_US 1000000
#define PROBE_MS 500
#define CUT_OFF_US 1000000

static bool pause_reading(weir_relay *relay, weir_error *error)
{
    relay->paused = true;
    return weir_fail(error, WEIR_FATE_RETRY, "paused");
}

/* A broker that has not seen this producer in a partition lately takes whatever sequence comes
 * first: should the first request fail there and the second pass, the order would be broken, and a
 * death at that moment would lose the first for good. So until an acknowledgement has shown that
 * the broker knows us, one message is in flight in a partition. Source:
 * ProducerAppendInfo.checkSequence() and producer.id.expiration.ms of Apache Kafka. */
static bool is_known(const weir_relay *relay, const weir_part *part)
{
    return part->acked_us > 0 && relay->served_us - part->acked_us < KNOWN_US;
}

static bool has_room(const weir_relay *relay, const weir_part *part, size_t bytes)
{
    return weir_ring_has_room(relay->ring, bytes) &&
           (part->in_flight == 0 || is_known(relay, part));
}

/* wait_for_room: *room false when the read had better end. */
static bool wait_for_room(weir_relay *relay, const weir_part *part, size_t bytes, bool *room,
                          weir_error *error)
{
    *room = has_room(relay, part, bytes);
    if (*room)
        return true;
    int64_t patience_ms = weir_config_integer(relay->config, "relay.cursor_ms");
    if (patience_ms > LONGEST_WAIT_MS)
        patience_ms = LONGEST_WAIT_MS;
    int64_t until = weir_clock_monotonic_us() + patience_ms * 1000;
    bool first = part->in_flight > 0 && !is_known(relay, part); /* it must not linger */
    while (!has_room(relay, part, bytes) && !weir_stop_requested(relay->stop) &&
           relay->failed_code == 0 && !relay->log_lost && weir_clock_monotonic_us() < until)
        if (!(first ? weir_relay_hurry(relay, ROOM_MS, error)
                    : weir_relay_serve(relay, ROOM_MS, error)))
            return false;
    *room = has_room(relay, part, bytes);
    return true;
}

/* hand_over: *taken false when the local queue is full or the producer has failed. */
static bool hand_over(weir_relay *relay, const weir_event *event, const weir_relay_topic *topic,
                      int32_t partition, const weir_headers *headers, bool *taken,
                      weir_error *error)
{
    weir_error failed;
    bool full;
    size_t index = topic->first + (size_t)partition, key_length = strlen(event->aggregate_id);
    size_t value_length;
    const char *value = weir_shape_value(&relay->shape, event, &relay->value, &value_length);
    size_t bytes = headers->bytes + key_length + value_length;
    weir_part *part = &relay->topics.parts[index];
    *taken = false;
    relay->mean_bytes += ((int64_t)bytes - relay->mean_bytes) / 64;
    if (WEIR_FAIL_AT(relay_before_produce) || !wait_for_room(relay, part, bytes, taken, error))
        return false;
    if (!*taken)
        return true;
    if (weir_ring_events(relay->ring) == 0)
        relay->transaction_us = weir_clock_monotonic_us();
    weir_message message = {
        .topic = topic->name,
        .partition = partition,
        .key = event->aggregate_id,
        .key_length = key_length,
        .value = value,
        .value_length = value_length,
        .headers = headers,
        .sequence =
            weir_ring_push(relay->ring, event->position, index, bytes, event->recorded_at_us),
    };
    bool accepted = weir_sink_produce(relay->sink, &message, &full, &failed);
    *taken = accepted && !full;
    part->in_flight += *taken;
    if (*taken) {
        weir_pace_spend(&relay->events_pace, 1);
        weir_pace_spend(&relay->bytes_pace, (int64_t)bytes);
        return true;
    }
    weir_ring_take_back(relay->ring);
    if (!accepted) {
        relay->failed_code = failed.kafka_code;
        relay->failed_position = event->position;
    }
    return true;
}

static bool publish_event(weir_relay *relay, const weir_event *event, const weir_relay_topic *topic,
                          weir_error *error)
{
    int32_t partition =
        weir_sink_partition(event->aggregate_id, strlen(event->aggregate_id), topic->partitions);
    weir_part *part = &relay->topics.parts[topic->first + (size_t)partition];
    if (!weir_relay_owns(relay, topic, partition)) {
        weir_ring_skip(relay->ring, event->position);
        return true;
    }
    if (event->position <= part->tail) {
        weir_ring_skip(relay->ring, event->position);
        weir_metric_add(relay->meters.skipped, 1);
        return true;
    }
    weir_headers headers;
    weir_chain chain = {topic->source, weir_store_id(relay->store), part->tail};
    weir_headers_make(&headers, event, &chain);
    weir_shape_headers(&relay->shape, event, &headers);
    bool taken, ok = hand_over(relay, event, topic, partition, &headers, &taken, error);
    weir_headers_done(&headers);
    if (!ok)
        return false;
    if (!taken)
        return pause_reading(relay, error);
    part->tail = event->position;
    return !WEIR_FAIL_AT(relay_after_produce);
}

static bool on_event(void *context, const weir_event *event, weir_error *error)
{
    weir_relay *relay = context;
    if (weir_stop_requested(relay->stop) || relay->failed_code != 0 || relay->log_lost ||
        weir_relay_late(relay))
        return pause_reading(relay, error);
    const weir_relay_topic *topic = weir_relay_topics_find(&relay->topics, event->aggregate_type);
    if (!topic) {
        snprintf(relay->wanted, sizeof relay->wanted, "%s", event->aggregate_type);
        return pause_reading(relay, error);
    }
    if (!publish_event(relay, event, topic, error))
        return false;
    relay->read_position = event->position;
    relay->read_events++;
    return relay->read_events % SERVE_EVERY != 0 || weir_relay_serve(relay, 0, error);
}

/* read_limit: how many events the ring can take now; 0: better wait than read a few. */
static int64_t read_limit(const weir_relay *relay)
{
    int64_t batch = weir_config_integer(relay->config, "relay.batch_events");
    int64_t events = (int64_t)weir_ring_free_events(relay->ring);
    int64_t by_bytes = (int64_t)weir_ring_free_bytes(relay->ring) / (relay->mean_bytes + 1);
    int64_t in_flight = (int64_t)weir_ring_in_flight(relay->ring);
    int64_t limit = events < by_bytes ? events : by_bytes;
    if (limit > batch)
        limit = batch;
    if (in_flight == 0)
        return limit > 0 ? limit : 1;
    return limit >= batch / 4 || limit >= in_flight ? limit : 0;
}

/* paced: how many events the limits on the rate permit now. */
static int64_t paced(weir_relay *relay)
{
    int64_t now = weir_clock_monotonic_us();
    int64_t events = weir_pace_room(&relay->events_pace, now);
    int64_t bytes = weir_pace_room(&relay->bytes_pace, now);
    int64_t by_bytes = bytes > 0 ? bytes / (relay->mean_bytes + 1) + 1 : 0;
    return events < by_bytes ? events : by_bytes;
}

static bool read_some(weir_relay *relay, int64_t limit, weir_error *error)
{
    weir_read next = {
        .after = relay->read_position, .limit = limit, .horizon = relay->read_through};
    relay->read_events = 0;
    relay->paused = false;
    relay->caught_up = false;
    bool ok = weir_store_read(relay->store, &next, on_event, relay, error);
    weir_metric_set(relay->meters.horizon, (double)next.horizon);
    if (!ok)
        return relay->paused && weir_store_alive(relay->store);
    relay->caught_up = relay->read_events < limit;
    relay->read_through = relay->caught_up && next.horizon > relay->read_position
                              ? next.horizon
                              : relay->read_position;
    return true;
}

/* rest_a_while: nothing is left to read. The longer ago the last event, the longer, as far as the
 * cursor permits; so while traffic flows an event waits a fraction of the time since the one before
 * it. */
static bool rest_a_while(weir_relay *relay, weir_error *error)
{
    int64_t longest = weir_config_integer(relay->config, "relay.poll_max_ms");
    int64_t cursor_ms = weir_config_integer(relay->config, "relay.cursor_ms");
    bool busy = relay->parts_changed || weir_ring_events(relay->ring) > 0;
    if (busy && longest > cursor_ms)
        longest = cursor_ms;
    int64_t rest = (weir_clock_monotonic_us() - relay->found_us) / 1000 / REST_SHARE;
    if (rest < SHORTEST_REST_MS)
        rest = SHORTEST_REST_MS;
    if (rest > longest)
        rest = longest;
    /* Nothing to do is progress only while it could be done: an outage shows in /healthz. */
    if (weir_ring_events(relay->ring) == 0 && atomic_load(&relay->shown.kafka_up))
        weir_relay_progress(relay);
    return weir_relay_rest(relay, (int)rest, error);
}

/* watch_kafka says once that no broker can be reached, and once that one can again. With something
 * in flight an acknowledgement tells; without, a probe. */
static void watch_kafka(weir_relay *relay)
{
    int64_t now = weir_clock_monotonic_us();
    bool cut_off = weir_sink_cut_off(relay->sink);
    if (cut_off && weir_ring_events(relay->ring) == 0 && now - relay->probed_us >= PROBE_US) {
        cut_off = !weir_sink_probe(relay->sink, PROBE_MS);
        now = relay->probed_us = weir_clock_monotonic_us();
    }
    if (!cut_off) {
        relay->cut_off_since_us = 0;
        if (relay->wanted[0] == '\0') /* a topic that could not be made is an outage too */
            weir_relay_kafka_up(relay, true, NULL);
    } else if (relay->cut_off_since_us == 0) {
        relay->cut_off_since_us = now;
    } else if (now - relay->cut_off_since_us > CUT_OFF_US) {
        weir_relay_kafka_up(relay, false, "no broker can be reached");
    }
}

/* find_more: *more false when nothing was appended since a read that left nothing. The sequence
 * says so for a fraction of what asking for the horizon costs; a position that is drawn and not
 * committed yet, or never will be, counts as more, and so does a sequence that was set back. */
static bool find_more(weir_relay *relay, bool *more, weir_error *error)
{
    int64_t last = 0;
    *more = !relay->caught_up;
    if (*more)
        return true;
    bool ok = weir_relay_last_position(relay, &last, error);
    *more = ok && last != relay->read_through;
    return ok;
}

static bool read_and_rest(weir_relay *relay, weir_error *error)
{
    bool more;
    int64_t limit = read_limit(relay);
    if (limit == 0)
        return weir_relay_serve(relay, ROOM_MS, error);
    int64_t most = paced(relay);
    if (most == 0)
        return weir_relay_rest(relay, PACE_MS, error);
    if (!find_more(relay, &more, error))
        return false;
    if (more) {
        if (!read_some(relay, most < limit ? most : limit, error))
            return false;
        if (relay->read_events > 0)
            relay->found_us = weir_clock_monotonic_us();
    }
    return !relay->caught_up || rest_a_while(relay, error);
}

bool weir_relay_publish(weir_relay *relay, weir_error *error)
{
    if (!weir_relay_leads(relay, error) || !weir_relay_serve(relay, 0, error) ||
        !weir_relay_check_sink(relay, error))
        return false;
    if (relay->state != WEIR_RELAY_ACTIVE)
        return true;
    watch_kafka(relay);
    if (!weir_relay_commit(relay, error))
        return false;
    if (!weir_relay_save_due(relay, error))
        return false;
    if (relay->state != WEIR_RELAY_ACTIVE || relay->committing)
        return true;
    if (!weir_relay_lag_due(relay, error))
        return false;
    if (relay->wanted[0] != '\0') {
        if (!weir_relay_ensure_topic(relay, relay->wanted, error))
            return false;
        relay->wanted[0] = '\0';
    }
    if (relay->once && relay->read_through >= relay->goal) {
        weir_relay_enter(relay, WEIR_RELAY_STOPPING);
        return true;
    }
    return read_and_rest(relay, error);
}
