/* Reading one topic for its verification: each partition by itself, at the caller's pace.
 *
 * librdkafka fetches ahead into one bounded queue a partition, so a partition that waits for the
 * others costs a bounded amount of memory and needs no pausing. That it then looks once a second
 * only whether there is room again is made up for: see wake. No group, nothing is committed, no
 * offset is ever jumped over: one that is gone is an error. */
#include "producer/record_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/kafka_int.h"

#define ANSWER_MS 10000
#define SLICE_MS 100
#define SILENCE_US 30000000
#define REQUEST_MS "30000" /* as long as the silence: wake waits for its answer */
/* Of all partitions together. librdkafka counts keys and values only; headers and its own
 * bookkeeping, about a kilobyte a record, are bounded by the number of records. */
#define AHEAD_BYTES (8 << 20)
#define AHEAD_RECORDS 16384
#define FETCH_BYTES (2 << 20)

typedef struct span {
    int64_t low, end, next;
    int64_t records, bytes; /* taken since its broker's thread was woken */
    bool started, ended;
} span;

/* How much is fetched ahead of each partition. */
typedef struct ahead {
    int records, bytes, fetch;
} ahead;

struct weir_topic_reader {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    weir_stop *stop;
    char *name;
    span *spans;
    int count;
    ahead ahead;
    bool compacted;
    weir_record *unused;
};

static int share(int bytes, int partitions, int least, int most)
{
    int each = bytes / (partitions > 0 ? partitions : 1);
    return each < least ? least : each > most ? most : each;
}

static ahead share_out(int partitions)
{
    return (ahead){.records = share(AHEAD_RECORDS, partitions, 256, 4096),
                   .bytes = share(AHEAD_BYTES, partitions, 64 << 10, 4 << 20),
                   .fetch = share(FETCH_BYTES, partitions, 64 << 10, 1 << 20)};
}

static rd_kafka_t *open_client(const weir_config *config, ahead each, bool committed,
                               weir_error *error)
{
    char queue[24], records[24], fetch[24], all[24];
    snprintf(queue, sizeof queue, "%d", each.bytes >> 10);
    snprintf(records, sizeof records, "%d", each.records);
    snprintf(fetch, sizeof fetch, "%d", each.fetch);
    snprintf(all, sizeof all, "%d", FETCH_BYTES);
    const char *const pairs[] = {"isolation.level",
                                 committed ? "read_committed" : "read_uncommitted",
                                 "enable.auto.commit",
                                 "false",
                                 "auto.offset.reset",
                                 "error",
                                 "enable.partition.eof",
                                 "true",
                                 "allow.auto.create.topics",
                                 "false",
                                 "fetch.wait.max.ms",
                                 "10",
                                 "socket.timeout.ms",
                                 REQUEST_MS,
                                 "queued.min.messages",
                                 records,
                                 "queued.max.messages.kbytes",
                                 queue,
                                 "fetch.message.max.bytes",
                                 fetch,
                                 "fetch.max.bytes",
                                 all,
                                 NULL};
    return weir_relay_consumer_open(config, pairs, error);
}

/* silent is for a cluster that does not answer: exit code 4 instead of what findings have. */
static bool silent(weir_error *error, rd_kafka_resp_err_t code, const char *doing,
                   const char *topic)
{
    weir_kafka_fail(error, code, "%s topic %s", doing, topic);
    if (error->fate == WEIR_FATE_RETRY)
        error->code = WEIR_TIMEOUT;
    return false;
}

static bool stopped(const weir_topic_reader *reader, weir_error *error)
{
    return weir_stop_requested(reader->stop) && !weir_fail(error, WEIR_FATE_FATAL, "interrupted");
}

/* All topics are asked for: asking for one by name could create it. */
static bool count_partitions(weir_topic_reader *reader, weir_error *error)
{
    const struct rd_kafka_metadata *metadata;
    int64_t deadline = weir_clock_monotonic_us() + (int64_t)ANSWER_MS * 1000;
    rd_kafka_resp_err_t code;
    do {
        if (stopped(reader, error))
            return false;
        code = rd_kafka_metadata(reader->client, 1, NULL, &metadata, 1000);
    } while (code && weir_clock_monotonic_us() < deadline);
    if (code)
        return silent(error, code, "looking for", reader->name);
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, reader->name) == 0)
            reader->count = metadata->topics[i].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

static bool find_ends(weir_topic_reader *reader, weir_error *error)
{
    reader->spans = weir_calloc((size_t)reader->count + 1, sizeof *reader->spans);
    for (int32_t i = 0; i < reader->count; i++) {
        span *at = &reader->spans[i];
        if (stopped(reader, error))
            return false;
        rd_kafka_resp_err_t code =
            weir_kafka_ends(reader->client, reader->name, i, &at->low, &at->end, ANSWER_MS);
        if (code)
            return silent(error, code, "asking for the ends of", reader->name);
        at->next = at->low;
        at->ended = at->low >= at->end;
    }
    return true;
}

/* read_policy: without the right to ask, the topic is taken for one that is not compacted. */
static void read_policy(weir_topic_reader *reader, rd_kafka_event_t *event)
{
    size_t resources = 0, entries = 0;
    const rd_kafka_ConfigResource_t **list = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &resources);
    if (resources != 1 || rd_kafka_ConfigResource_error(list[0])) {
        WEIR_WARN("verify", reader->name, "it cannot be seen whether the topic is compacted",
                  WEIR_TEXT("reason", resources == 1 ? rd_kafka_ConfigResource_error_string(list[0])
                                                     : rd_kafka_event_error_string(event)));
        return;
    }
    const rd_kafka_ConfigEntry_t **all = rd_kafka_ConfigResource_configs(list[0], &entries);
    for (size_t i = 0; i < entries; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(all[i]), "cleanup.policy") == 0)
            reader->compacted = strstr(rd_kafka_ConfigEntry_value(all[i]), "compact") != NULL;
}

static void ask_policy(weir_topic_reader *reader)
{
    char reason[128];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(reader->client);
    rd_kafka_ConfigResource_t *topic =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, reader->name);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(reader->client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_MS, reason, sizeof reason);
    rd_kafka_DescribeConfigs(reader->client, &topic, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS + 1000);
    if (event) {
        read_policy(reader, event);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(topic);
    rd_kafka_queue_destroy(queue);
}

static bool start(weir_topic_reader *reader, weir_error *error)
{
    reader->topic = rd_kafka_topic_new(reader->client, reader->name, NULL);
    if (!reader->topic)
        return weir_kafka_fail(error, rd_kafka_last_error(), "topic %s", reader->name);
    for (int32_t i = 0; i < reader->count; i++) {
        span *at = &reader->spans[i];
        if (at->ended)
            continue;
        if (rd_kafka_consume_start(reader->topic, i, at->low) < 0)
            return weir_kafka_fail(error, rd_kafka_last_error(), "reading topic %s", reader->name);
        at->started = true;
    }
    return true;
}

/* The ends are those of all records, committed or not: what a relay has committed may, for a
 * moment, still count as open in a partition, and must not be taken for missing. Two clients:
 * shares of memory are fixed when one is made, and only then is it known for how many partitions.
 */
static bool open_topic(weir_topic_reader *reader, const weir_config *config, weir_error *error)
{
    if (!(reader->client = open_client(config, share_out(1), false, error)) ||
        !count_partitions(reader, error) || !find_ends(reader, error))
        return false;
    rd_kafka_destroy(reader->client);
    reader->ahead = share_out(reader->count);
    reader->client = open_client(config, reader->ahead, true, error);
    if (!reader->client || reader->count == 0)
        return reader->client != NULL;
    ask_policy(reader);
    return start(reader, error);
}

weir_topic_reader *weir_topic_reader_open(const weir_config *config, const char *topic,
                                          weir_stop *stop, weir_error *error)
{
    weir_topic_reader *reader = weir_calloc(1, sizeof *reader);
    reader->stop = stop;
    reader->name = weir_strdup(topic);
    if (open_topic(reader, config, error))
        return reader;
    weir_topic_reader_close(reader);
    return NULL;
}

void weir_topic_reader_close(weir_topic_reader *reader)
{
    if (!reader)
        return;
    for (int32_t i = 0; reader->spans && i < reader->count; i++)
        if (reader->spans[i].started)
            rd_kafka_consume_stop(reader->topic, i);
    if (reader->topic)
        rd_kafka_topic_destroy(reader->topic);
    if (reader->client)
        rd_kafka_destroy(reader->client);
    while (reader->unused) {
        weir_record *record = reader->unused;
        reader->unused = record->next;
        free(record);
    }
    free(reader->spans);
    free(reader->name);
    free(reader);
}

int weir_topic_reader_partitions(const weir_topic_reader *reader)
{
    return reader->count;
}

int64_t weir_topic_reader_low(const weir_topic_reader *reader, int32_t partition)
{
    return partition < reader->count ? reader->spans[partition].low : 0;
}

int64_t weir_topic_reader_end(const weir_topic_reader *reader, int32_t partition)
{
    return partition < reader->count ? reader->spans[partition].end : 0;
}

bool weir_topic_reader_compacted(const weir_topic_reader *reader)
{
    return reader->compacted;
}

static void read_headers(weir_record *record, rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value;
    record->header_count = 0;
    record->more_headers = false;
    if (rd_kafka_message_headers(message, &headers))
        return;
    for (;;) {
        weir_record_header *header = &record->headers[record->header_count];
        if (record->header_count == WEIR_RECORD_HEADERS) {
            record->more_headers = rd_kafka_header_cnt(headers) > WEIR_RECORD_HEADERS;
            return;
        }
        if (rd_kafka_header_get_all(headers, record->header_count, &header->name, &value,
                                    &header->length))
            return;
        header->value = value;
        record->header_count++;
    }
}

static weir_record *lend(weir_topic_reader *reader, rd_kafka_message_t *message)
{
    weir_record *record = reader->unused;
    if (record)
        reader->unused = record->next;
    else
        record = weir_malloc(sizeof *record);
    record->message = message;
    record->offset = message->offset;
    record->key = message->key;
    record->key_length = message->key_len;
    record->value = message->payload;
    record->value_length = message->len;
    read_headers(record, message);
    return record;
}

void weir_topic_reader_release(weir_topic_reader *reader, weir_record *record)
{
    rd_kafka_message_destroy(record->message);
    record->next = reader->unused;
    reader->unused = record;
}

/* wake makes librdkafka fetch when half of what it had fetched ahead was taken. Its thread of a
 * broker stops once every queue is full, and looks again only after a second or when it has a
 * request to send: so it is given one, whose answer is of no interest. */
static void wake(weir_topic_reader *reader, int32_t partition, const weir_record *record)
{
    span *at = &reader->spans[partition];
    int64_t low, high;
    at->records++;
    at->bytes += (int64_t)(record->key_length + record->value_length);
    if (at->records < reader->ahead.records / 2 && at->bytes < reader->ahead.bytes / 2)
        return;
    at->records = at->bytes = 0;
    if (!at->ended)
        (void)!weir_kafka_ends(reader->client, reader->name, partition, &low, &high, SLICE_MS);
}

/* take looks at what came; *record is set when it is one to hand over. */
static bool take(weir_topic_reader *reader, span *at, rd_kafka_message_t *message,
                 weir_record **record, weir_error *error)
{
    rd_kafka_resp_err_t code = message->err;
    if (!code && message->offset < at->end) {
        at->next = message->offset + 1;
        at->ended = at->next >= at->end;
        *record = lend(reader, message);
        return true;
    }
    at->ended = (!code || code == RD_KAFKA_RESP_ERR__PARTITION_EOF) && message->offset >= at->end;
    rd_kafka_message_destroy(message);
    if (!code || code == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return true; /* short of the end: a transaction is open there, and is waited for */
    if (code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
        code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        return weir_fail(error, WEIR_FATE_RETRY,
                         "records of topic %s were removed while they were read: run it again",
                         reader->name);
    weir_kafka_fail(error, code, "reading topic %s", reader->name);
    return error->fate == WEIR_FATE_RETRY; /* passes by itself, or the silence grows too long */
}

bool weir_topic_reader_next(weir_topic_reader *reader, int32_t partition, weir_record **record,
                            weir_error *error)
{
    *record = NULL;
    if (partition >= reader->count)
        return true;
    span *at = &reader->spans[partition];
    int64_t waits_since = 0;
    while (!*record && !at->ended) {
        rd_kafka_message_t *message = rd_kafka_consume(reader->topic, partition, SLICE_MS);
        bool got = message && !message->err;
        if (message && !take(reader, at, message, record, error))
            return false;
        if (got)
            continue;
        int64_t now = weir_clock_monotonic_us();
        waits_since = waits_since ? waits_since : now;
        if (stopped(reader, error))
            return false;
        if (now - waits_since > SILENCE_US)
            return weir_fail_code(
                error, WEIR_FATE_RETRY, WEIR_TIMEOUT,
                "nothing comes from partition %d of topic %s between offset %lld and its end, "
                "%lld: Kafka does not answer, or a producer's transaction is open there, behind "
                "which no reader of committed messages comes",
                partition, reader->name, (long long)at->next, (long long)at->end);
    }
    if (*record)
        wake(reader, partition, *record);
    return true;
}
