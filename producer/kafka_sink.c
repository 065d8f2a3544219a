/* The sink over librdkafka's idempotent producer.
 *
 * acks=all, gapless and without a timeout: a message is either acknowledged, or the whole producer
 * has failed and the relay begins again from the topic's tail. In a transaction a message has as
 * long as the transaction, and its failure is the transaction's. The local queue is as large as
 * what the relay's ring has in flight. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "producer/kafka_int.h"

/* No message is too large for this side: the broker's limit decides, not a second one here. Twice
 * the most that store.max_event_bytes may be, and room for key and headers. */
#define LARGEST_MESSAGE (2 * 8388608 + 65536)

/* A topic's handle, so that producing needs no look-up by name inside librdkafka. */
typedef struct weir_sink_topic {
    UT_hash_handle hh;
    rd_kafka_topic_t *topic;
    char name[];
} handle;

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    weir_sink *sink = opaque;
    if (sink->closing)
        return;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        sink->cut_off = false;
    sink->delivered(sink->context, (uint64_t)(uintptr_t)message->_private, message->offset,
                    (int)message->err);
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    (void)reason;
    weir_sink *sink = opaque;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        sink->cut_off = true;
}

/* set_limits makes the local queue no tighter than the ring, which is what bounds memory. */
static bool set_limits(rd_kafka_conf_t *conf, const weir_sink_options *options, weir_error *error)
{
    char events[24], kilobytes[24], largest[24];
    snprintf(events, sizeof events, "%zu", options->events + 1);
    snprintf(kilobytes, sizeof kilobytes, "%zu", (options->bytes + LARGEST_MESSAGE) / 1024);
    snprintf(largest, sizeof largest, "%d", LARGEST_MESSAGE);
    const char *const pairs[] = {"queue.buffering.max.messages",
                                 events,
                                 "queue.buffering.max.kbytes",
                                 kilobytes,
                                 "message.max.bytes",
                                 largest,
                                 options->single ? "batch.num.messages" : NULL,
                                 "1",
                                 NULL};
    return weir_relay_client_set(conf, pairs, error);
}

/* Between two transactions a retry is the rule, not the exception: the next one can begin only when
 * the markers of the last are written. librdkafka's own 100 ms would be most of a transaction. */
static bool set_transactions(rd_kafka_conf_t *conf, const weir_config *config,
                             const char *transactional_id, weir_error *error)
{
    bool chosen = weir_kafka_property(config, "retry.backoff.ms") != NULL;
    const char *const pairs[] = {"transactional.id", transactional_id,
                                 chosen ? NULL : "retry.backoff.ms", "10", NULL};
    return weir_relay_client_set(conf, pairs, error);
}

static rd_kafka_conf_t *configure(const weir_config *config, const weir_sink_options *options,
                                  weir_error *error)
{
    const char *id = options->transactional_id;
    const char *compression = weir_config_text(config, "relay.compression");
    const char *const ours[] = {"enable.idempotence",
                                "true",
                                "acks",
                                "all",
                                "message.timeout.ms",
                                id ? WEIR_TRANSACTION_MS : "0",
                                id ? "transaction.timeout.ms" : "enable.gapless.guarantee",
                                id ? WEIR_TRANSACTION_MS : "true",
                                strcmp(compression, "none") == 0 ? NULL : "compression.type",
                                compression,
                                NULL};
    rd_kafka_conf_t *conf = weir_relay_client_conf(config, ours, error);
    if (!conf ||
        (set_limits(conf, options, error) && (!id || set_transactions(conf, config, id, error))))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

weir_sink *weir_sink_open(const weir_config *config, const weir_sink_options *options,
                          weir_error *error)
{
    char reason[512];
    rd_kafka_conf_t *conf = configure(config, options, error);
    if (!conf)
        return NULL;
    weir_sink *sink = weir_calloc(1, sizeof *sink);
    sink->delivered = options->delivered;
    sink->context = options->context;
    if (options->transactional_id)
        sink->transactional_id = weir_format("%s", options->transactional_id);
    rd_kafka_conf_set_opaque(conf, sink);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    sink->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (sink->client)
        return sink;
    weir_fail(error, WEIR_FATE_CONFIG, "Kafka producer: %s", reason);
    rd_kafka_conf_destroy(conf);
    free(sink->transactional_id);
    free(sink);
    return NULL;
}

void weir_sink_close(weir_sink *sink)
{
    if (!sink)
        return;
    sink->closing = true;
    weir_sink_abort(sink);
    handle *entry, *next;
    HASH_ITER(hh, sink->topics, entry, next)
    {
        HASH_DEL(sink->topics, entry);
        rd_kafka_topic_destroy(entry->topic);
        free(entry);
    }
    rd_kafka_destroy(sink->client);
    free(sink->transactional_id);
    free(sink);
}

static handle *find_handle(weir_sink *sink, const char *name)
{
    handle *entry = sink->latest;
    if (entry && strcmp(entry->name, name) == 0)
        return entry;
    size_t length = strlen(name);
    HASH_FIND(hh, sink->topics, name, length, entry);
    if (!entry) {
        entry = weir_calloc(1, sizeof *entry + length + 1);
        memcpy(entry->name, name, length);
        entry->topic = rd_kafka_topic_new(sink->client, name, NULL);
        if (!entry->topic) {
            free(entry);
            return NULL;
        }
        HASH_ADD(hh, sink->topics, name, length, entry);
    }
    return sink->latest = entry;
}

static rd_kafka_headers_t *copy_headers(const weir_headers *headers)
{
    rd_kafka_headers_t *copy = rd_kafka_headers_new(headers->count);
    for (size_t i = 0; i < headers->count; i++) {
        const weir_header *header = &headers->list[i];
        rd_kafka_header_add(copy, header->name, (ssize_t)header->name_length, header->value,
                            (ssize_t)header->length);
    }
    return copy;
}

bool weir_sink_produce(weir_sink *sink, const weir_message *message, bool *full, weir_error *error)
{
    *full = false;
    if (!weir_sink_begin(sink, error))
        return false;
    const handle *to = find_handle(sink, message->topic);
    if (!to)
        return weir_kafka_fail(error, rd_kafka_last_error(), "topic %s", message->topic);
    rd_kafka_headers_t *headers = copy_headers(message->headers);
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = to->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = message->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {(void *)(uintptr_t)message->key, message->key_length}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)message->value, message->value_length}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)message->sequence},
    };
    rd_kafka_error_t *failure =
        rd_kafka_produceva(sink->client, parts, sizeof parts / sizeof *parts);
    if (!failure)
        return true;
    rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    rd_kafka_error_destroy(failure);
    rd_kafka_headers_destroy(headers);
    *full = code == RD_KAFKA_RESP_ERR__QUEUE_FULL;
    return *full || weir_kafka_fail(error, code, "topic %s", message->topic);
}

void weir_sink_poll(weir_sink *sink, int ms)
{
    rd_kafka_poll(sink->client, ms);
}

/* The way out of a refusal, where one is known. */
static const struct {
    rd_kafka_resp_err_t code;
    const char *text;
} ways_out[] = {
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
     "Permit the relay's principal Write on the topic"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
     "Permit the relay's principal Write on the topics, or before Kafka 2.8 IdempotentWrite on the "
     "cluster"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "Raise the topic's max.message.bytes"},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
     "Raise the topic's max.message.bytes and segment.bytes"},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, "Raise the topic's max.message.bytes"},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, "The broker's log says what is wrong with it"},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
     "Compare the clocks of relay and broker, and the topic's message.timestamp properties"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE,
     "Set relay.compression to one that the broker knows"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
     "The topic's message format is older than headers, of Kafka 0.11"},
    {RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, "The broker has to take acks=all"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, "The broker's log says which of its policies forbids it"},
};

static bool advise(weir_error *error)
{
    size_t length = strlen(error->message);
    for (size_t i = 0; i < sizeof ways_out / sizeof *ways_out; i++)
        if (error->kafka_code == (int)ways_out[i].code)
            snprintf(error->message + length, sizeof error->message - length, ". %s",
                     ways_out[i].text);
    return false;
}

/* rd_kafka_flush suspends linger.ms for as long as it runs. */
void weir_sink_hurry(weir_sink *sink, int ms)
{
    rd_kafka_flush(sink->client, ms);
}

bool weir_sink_check(weir_sink *sink, weir_error *error)
{
    char reason[512];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(sink->client, reason, sizeof reason);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return weir_kafka_fail(error, code, "the producer has failed (%s)", reason) ||
               advise(error);
    if (sink->failed)
        *error = sink->failure;
    return !sink->failed;
}

bool weir_sink_cut_off(const weir_sink *sink)
{
    return sink->cut_off;
}

bool weir_sink_probe(weir_sink *sink, int ms)
{
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(sink->client, 0, NULL, &metadata, ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    rd_kafka_metadata_destroy(metadata);
    sink->cut_off = false;
    return true;
}

bool weir_sink_refusal(int kafka_code, weir_error *error)
{
    weir_kafka_fail(error, (rd_kafka_resp_err_t)kafka_code, "Kafka refused it");
    return advise(error);
}

int32_t weir_sink_partition(const char *key, size_t length, int count)
{
    return rd_kafka_msg_partitioner_murmur2(NULL, key, length, count, NULL, NULL);
}
