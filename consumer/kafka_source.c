/* Messages from Kafka: subscribing, polling, watermarks, and what Kafka's errors mean.
 *
 * Messages are taken one by one: batch consumption of librdkafka below 2.1 mishandles
 * re-assignment. An error that passes by itself is noted and logged when the state changes; one
 * that a person must resolve ends the subscription, in words that say how. It must never skip a
 * message, and never decide an offset. */
#include "consumer/kafka_int.h"

#include <stdlib.h>

#define PROBE_DOWN_US 1000000 /* how often a silent Kafka is asked whether it is there */
#define PROBE_UP_US 3000000
#define PROBE_MS 1000
#define QUERY_MS 10000
#define MISSING_US 30000000 /* a topic that was just made or moved may be unknown for a while */

weir_source *weir_source_new(const weir_config *config, const char *subscription, bool alone,
                             weir_change_fn *before_change, void *context, weir_error *error)
{
    weir_source *source = weir_calloc(1, sizeof *source);
    source->before_change = before_change;
    source->context = context;
    source->alone = alone;
    source->name = weir_strdup(subscription);
    char *group = weir_format("%s.%s%s", weir_config_text(config, "kafka.topic_prefix"),
                              subscription, alone ? ".rebuild" : "");
    source->kafka =
        weir_kafka_consumer(config, group, alone ? NULL : weir_source_on_rebalance, source, error);
    free(group);
    if (source->kafka)
        return source;
    free(source->name);
    free(source);
    return NULL;
}

static void let_go(weir_source *source)
{
    if (source->held)
        rd_kafka_message_destroy(source->held);
    source->held = NULL;
}

void weir_source_close(weir_source *source)
{
    if (!source)
        return;
    let_go(source);
    rd_kafka_consumer_close(source->kafka);
    rd_kafka_destroy(source->kafka);
    for (size_t i = 0; i < source->count; i++)
        weir_partition_free(&source->partitions[i]);
    free(source->partitions);
    free(source->missing);
    free(source->name);
    free(source);
}

static void take_all(weir_source *source, const char *const *topics, const int *partitions,
                     size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add_range(list, topics[i], 0, partitions[i] - 1);
    source->before_change(source->context);
    weir_source_take(source, list);
    source->joined = true;
    rd_kafka_topic_partition_list_destroy(list);
}

bool weir_source_subscribe(weir_source *source, const char *const *topics, const int *partitions,
                           size_t count, weir_error *error)
{
    if (source->alone) {
        take_all(source, topics, partitions, count);
        return true;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(source->kafka, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           weir_kafka_fail(error, code, "subscribing to topics");
}

void weir_source_is_up(weir_source *source, bool up, const char *why)
{
    if (!up && !source->known_down)
        WEIR_WARN("subscription", source->name, "Kafka does not answer, trying on",
                  WEIR_TEXT("cause", why));
    if (up && source->known_down)
        WEIR_INFO("subscription", source->name, "Kafka answers again");
    source->up = up;
    source->known_down = !up;
    source->heard_us = weir_clock_monotonic_us();
}

bool weir_source_up(const weir_source *source)
{
    return source->up;
}

/* Something came from Kafka: whatever it complained of is over. */
static void note_works(weir_source *source)
{
    source->complaint = RD_KAFKA_RESP_ERR_NO_ERROR;
    weir_source_is_up(source, true, NULL);
}

static void note_missing(weir_source *source, const char *topic)
{
    if (source->missing)
        return;
    source->missing = weir_strdup(topic);
    source->missing_us = weir_clock_monotonic_us();
    WEIR_WARN("subscription", source->name, "Kafka does not know a topic, waiting for it",
              WEIR_TEXT("topic", topic));
}

/* librdkafka's text often ends in the name of the code, which weir_kafka_fail adds itself. */
static void fail_kafka(const rd_kafka_message_t *message, const char *object, weir_error *error)
{
    const char *text = rd_kafka_message_errstr(message);
    const char *name = text ? strstr(text, rd_kafka_err2str(message->err)) : NULL;
    int length = name && name - text >= 2 ? (int)(name - text) - 2 : 0;
    if (!name && text)
        length = (int)strlen(text);
    weir_kafka_fail(error, message->err, "%s%s%.*s", object, length > 0 ? ": " : "", length,
                    text ? text : "");
}

static weir_poll on_error(weir_source *source, const rd_kafka_message_t *held,
                          weir_message *message, weir_error *error)
{
    const char *topic = held->rkt ? rd_kafka_topic_name(held->rkt) : NULL;
    weir_partition *p = topic ? weir_source_find(source, topic, held->partition) : NULL;
    switch (held->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        note_works(source);
        if (p)
            p->end = held->offset;
        return p ? WEIR_POLL_END : WEIR_POLL_NOTHING;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        message->partition = p;
        return p ? WEIR_POLL_OUT_OF_RANGE : WEIR_POLL_NOTHING;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        if (topic)
            note_missing(source, topic);
        return WEIR_POLL_NOTHING;
    default:
        fail_kafka(held, topic ? topic : "consumer group", error);
    }
    if (error->fate != WEIR_FATE_RETRY)
        return WEIR_POLL_FAILED;
    if (held->err != source->complaint)
        WEIR_WARN("subscription", source->name, "Kafka refuses something, trying on",
                  WEIR_TEXT("cause", error->message));
    source->complaint = held->err;
    return WEIR_POLL_NOTHING;
}

static weir_poll on_message(weir_source *source, const rd_kafka_message_t *held,
                            weir_message *message)
{
    note_works(source);
    message->partition = weir_source_find(source, rd_kafka_topic_name(held->rkt), held->partition);
    if (!message->partition)
        return WEIR_POLL_NOTHING;
    message->offset = held->offset;
    message->key = held->key;
    message->key_length = held->key ? held->key_len : 0;
    message->payload = (weir_payload){held->payload, held->len};
    message->time_ms = rd_kafka_message_timestamp(held, NULL);
    message->time_ms = message->time_ms > 0 ? message->time_ms : 0;
    message->bytes = held->len;
    message->header_count = weir_kafka_headers(held, message->headers, &message->bytes);
    return WEIR_POLL_MESSAGE;
}

weir_poll weir_source_poll(weir_source *source, int timeout_ms, weir_message *message,
                           weir_error *error)
{
    let_go(source);
    source->held = rd_kafka_consumer_poll(source->kafka, timeout_ms);
    if (source->changed) {
        source->changed = false;
        /* What is taken away may be so because nobody answered; alone, nobody was asked. */
        if (source->joined && !source->alone)
            note_works(source);
        return WEIR_POLL_CHANGED;
    }
    if (!source->held)
        return WEIR_POLL_NOTHING;
    if (source->held->err)
        return on_error(source, source->held, message, error);
    return on_message(source, source->held, message);
}

bool weir_source_ends(weir_source *source, weir_place place, int64_t *low, int64_t *high,
                      weir_error *error)
{
    rd_kafka_resp_err_t code =
        weir_kafka_ends(source->kafka, place.topic, place.partition, low, high, QUERY_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        note_missing(source, place.topic);
        return weir_fail(error, WEIR_FATE_RETRY, "Kafka does not know %s/%d", place.topic,
                         (int)place.partition);
    }
    return weir_kafka_fail(error, code, "asking for the ends of %s/%d", place.topic,
                           (int)place.partition);
}

bool weir_source_truncated(weir_source *source, const weir_partition *partition, bool *truncated,
                           weir_error *error)
{
    int64_t low, high;
    weir_place place = {partition->topic, partition->number};
    if (!weir_source_ends(source, place, &low, &high, error))
        return false;
    *truncated = low > 0;
    return true;
}

static void refresh_watermarks(weir_source *source)
{
    for (size_t i = 0; i < source->count; i++) {
        weir_partition *p = &source->partitions[i];
        int64_t low, high;
        if (rd_kafka_get_watermark_offsets(source->kafka, p->topic, p->number, &low, &high) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        p->low = low >= 0 ? low : p->low;
        p->high = high >= 0 ? high : p->high;
    }
}

/* Nothing tells an idle consumer that all brokers are gone, or that one is back. */
static void probe(weir_source *source)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(source->kafka, 0, NULL, &metadata, PROBE_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    weir_source_is_up(source, code == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(code));
}

/* Whether Kafka, asked about one topic, says that it has none of that name. */
static bool is_missing(weir_source *source, const char *name)
{
    int32_t count;
    return weir_kafka_partitions(source->kafka, name, &count, QUERY_MS) ==
           RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

void weir_source_wait_for_topics(weir_source *source)
{
    source->patient = true;
}

bool weir_source_waits(const weir_source *source)
{
    return source->patient && source->missing;
}

static bool check_missing(weir_source *source, weir_error *error)
{
    if (!source->missing || weir_clock_monotonic_us() - source->missing_us < MISSING_US)
        return true;
    bool missing = is_missing(source, source->missing);
    source->missing_us = weir_clock_monotonic_us();
    if (missing && source->patient)
        return true;
    if (missing)
        return weir_fail(error, WEIR_FATE_FATAL,
                         "the topic %s is to be read but Kafka does not have it: it was deleted, "
                         "or these are other brokers",
                         source->missing);
    free(source->missing);
    source->missing = NULL;
    return true;
}

bool weir_source_tick(weir_source *source, weir_error *error)
{
    int64_t silent_us = weir_clock_monotonic_us() - source->heard_us;
    refresh_watermarks(source);
    if (silent_us >= (source->up ? PROBE_UP_US : PROBE_DOWN_US))
        probe(source);
    return check_missing(source, error);
}
