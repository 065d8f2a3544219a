/* Repair: republishing what is missing, for readers that do not follow the chain.
 *
 * The very message that the relay would have written goes behind all others of its partition; a
 * reader that follows the chain has healed the hole or stands at it, and skips what comes late. It
 * is harmless beside a running relay, which takes the largest position for its tail, but only where
 * that relay has recorded where it stands: without a record a relay judges by the last few records
 * alone, and many old ones there would make it publish everything again. A repair that is killed
 * has done a part of its work; the next one does the rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/shape_int.h"
#include "producer/sink_int.h"
#include "producer/verify_int.h"

#define POLL_MS 50
#define SILENCE_US 30000000
#define VALUE_MOST (2 * 8388608 + 4096) /* the largest event, all of it escaped */

typedef struct repair {
    weir_verify *verify;
    weir_sink *sink;
    weir_shape shape;
    weir_buffer value;
    int64_t sent, acknowledged;
    int failed_code;
    int64_t heard_us;
    bool *known; /* per partition of the topic: its broker knows this producer */
} repair;

static void on_delivery(void *context, uint64_t sequence, int64_t offset, int kafka_code)
{
    repair *at = context;
    (void)sequence;
    (void)offset;
    at->heard_us = weir_clock_monotonic_us();
    if (kafka_code)
        at->failed_code = kafka_code;
    else
        at->acknowledged++;
}

/* check: silence counts only while something is awaited. */
static bool check(const repair *at, weir_error *error)
{
    if (at->failed_code)
        return weir_sink_refusal(at->failed_code, error);
    if (!weir_sink_check(at->sink, error))
        return false;
    if (weir_stop_requested(at->verify->stop))
        return weir_fail(error, WEIR_FATE_FATAL, "interrupted");
    if (at->acknowledged < at->sent && weir_clock_monotonic_us() - at->heard_us > SILENCE_US)
        return weir_fail_code(error, WEIR_FATE_RETRY, WEIR_TIMEOUT,
                              "Kafka does not acknowledge what was republished");
    return true;
}

static bool produce(repair *at, const weir_message *message, weir_error *error)
{
    weir_sink_poll(at->sink, 0); /* what was acknowledged while the store was read */
    if (at->acknowledged == at->sent)
        at->heard_us = weir_clock_monotonic_us();
    for (bool full = true; full;) {
        if (!check(at, error) || !weir_sink_produce(at->sink, message, &full, error))
            return false;
        if (full)
            weir_sink_poll(at->sink, POLL_MS);
    }
    at->sent++;
    return true;
}

static bool drain(repair *at, weir_error *error)
{
    bool ok = true;
    while (ok && at->acknowledged < at->sent) {
        weir_sink_hurry(at->sink, POLL_MS);
        ok = check(at, error);
    }
    return ok;
}

static bool republish(void *context, const weir_missing *missing, bool *enough, weir_error *error)
{
    repair *at = context;
    const weir_event *event = missing->event;
    int32_t partition = missing->partition;
    weir_verify *verify = at->verify;
    char source[128];
    weir_headers headers;
    (void)enough; /* all of them */
    if (!verify->parts[partition].recorded ||
        partition >= weir_topic_reader_partitions(verify->reader))
        return true;
    snprintf(source, sizeof source, "/weir/%s", event->aggregate_type);
    weir_chain chain = {source, weir_store_id(verify->store), missing->previous};
    weir_headers_make(&headers, event, &chain);
    weir_shape_headers(&at->shape, event, &headers);
    weir_buffer_clear(&at->value);
    size_t length;
    const char *value = weir_shape_value(&at->shape, event, &at->value, &length);
    weir_message message = {
        .topic = verify->topic,
        .partition = partition,
        .key = event->aggregate_id,
        .key_length = strlen(event->aggregate_id),
        .value = value,
        .value_length = length,
        .headers = &headers,
    };
    bool ok = produce(at, &message, error);
    weir_headers_done(&headers);
    /* A partition's first goes alone: to a broker that does not know this producer yet, a second
     * one would be in order though the first was refused. */
    if (ok && !at->known[partition])
        ok = at->known[partition] = drain(at, error);
    return ok;
}

static bool lock(weir_verify *verify, weir_error *error)
{
    char number[24];
    weir_param params[] = {weir_param_integer(weir_store_number(verify->store), number)};
    weir_result *result = weir_connection_query(weir_store_connection(verify->store), "verify_lock",
                                                params, 1, error);
    bool locked = result && weir_result_bool(result, 0, 0);
    weir_result_free(result);
    return locked || (result && weir_fail_code(error, WEIR_FATE_CONFLICT, WEIR_CONFLICT,
                                               "another repair of this store is at work"));
}

static bool republish_all(repair *at, weir_error *error)
{
    return weir_verify_missing(at->verify, republish, at, error) && drain(at, error);
}

bool weir_verify_repair(weir_verify *verify, weir_error *error)
{
    repair at = {.verify = verify, .value = WEIR_BUFFER(VALUE_MOST)};
    weir_sink_options options = {
        .events = (size_t)weir_config_integer(verify->config, "relay.in_flight_events"),
        .bytes = (size_t)weir_config_integer(verify->config, "relay.in_flight_bytes"),
        .delivered = on_delivery,
        .context = &at,
    };
    if (!verify->topic || verify->counts.replaced)
        return true; /* nowhere to publish to, or a person has to decide first */
    if (!weir_shape_read(verify->config, &at.shape, error) || !lock(verify, error) ||
        !(at.sink = weir_sink_open(verify->config, &options, error)))
        return false;
    at.known = weir_calloc((size_t)weir_topic_reader_partitions(verify->reader), sizeof *at.known);
    bool ok = republish_all(&at, error);
    verify->counts.republished = at.acknowledged;
    weir_sink_close(at.sink);
    free(at.known);
    weir_buffer_free(&at.value);
    return ok;
}
