/* The producer of dead letter topics.
 *
 * Idempotent and acks=all. Messages of ordinary size go one behind the other; a large one, which
 * the topic may refuse, goes alone, so that it can go again without its value before the next one
 * does. One message a request: a refusal then speaks of one message. After any other failure the
 * producer is given up and made anew, since what it still has on the way is not known. */
#include <stdlib.h>
#include <string.h>

#include "config/kafka.h"
#include "consumer/letter_topic_int.h"

#define CREATE_MS 5000
#define SLICE_MS 100
#define LARGE 65536         /* below the max.message.bytes of any topic with sense */
#define DELIVERY_MS "9000"  /* sessions may idle in a transaction for 15 s */
#define LARGEST "100000000" /* the topic's limit decides, not a second one here */

struct weir_poster {
    rd_kafka_t *client;
    const weir_config *config;
    weir_stop *stop;
    size_t waiting; /* for their reports */
    rd_kafka_resp_err_t failure;
    bool closing;
};

static void on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    weir_poster *poster = opaque;
    weir_posting *posting = message->_private;
    if (poster->closing)
        return;
    poster->waiting--;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        posting->posted = WEIR_POSTED_YES;
    else if (message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        posting->posted = WEIR_POSTED_TOO_LARGE;
    else
        poster->failure = message->err;
}

/* What this producer needs, whatever kafka.properties, which are for every client, say. */
static bool tune(rd_kafka_conf_t *conf, weir_error *error)
{
    static const char *const own[][2] = {{"message.timeout.ms", DELIVERY_MS},
                                         {"message.max.bytes", LARGEST},
                                         {"batch.num.messages", "1"},
                                         {"queue.buffering.max.messages", "1000"},
                                         {"queue.buffering.max.kbytes", "1048576"},
                                         {"partitioner", "murmur2_random"}};
    char text[256];
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (rd_kafka_conf_set(conf, own[i][0], own[i][1], text, sizeof text) != RD_KAFKA_CONF_OK)
            return weir_fail(error, WEIR_FATE_CONFIG, "Kafka property %s: %s", own[i][0], text);
    return true;
}

weir_poster *weir_poster_open(const weir_config *config, weir_stop *stop, weir_error *error)
{
    const char *const ours[] = {"enable.idempotence", "true", "acks", "all", NULL};
    char text[256];
    rd_kafka_conf_t *conf = weir_kafka_conf(config, ours, error);
    if (!conf)
        return NULL;
    if (!tune(conf, error)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    weir_poster *poster = weir_calloc(1, sizeof *poster);
    *poster = (weir_poster){.config = config, .stop = stop};
    rd_kafka_conf_set_opaque(conf, poster);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    poster->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (poster->client)
        return poster;
    rd_kafka_conf_destroy(conf);
    free(poster);
    weir_fail(error, WEIR_FATE_CONFIG, "Kafka producer: %s", text);
    return NULL;
}

void weir_poster_close(weir_poster *poster)
{
    if (!poster)
        return;
    poster->closing = true;
    rd_kafka_purge(poster->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(poster->client);
    free(poster);
}

static rd_kafka_resp_err_t ask_to_create(weir_poster *poster, rd_kafka_NewTopic_t *topic)
{
    char text[128];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(poster->client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(poster->client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(options, CREATE_MS, text, sizeof text);
    rd_kafka_CreateTopics(poster->client, &topic, 1, options, queue);
    rd_kafka_event_t *event = NULL;
    for (int waited = 0; !event && waited <= CREATE_MS && !weir_stop_requested(poster->stop);
         waited += SLICE_MS)
        event = rd_kafka_queue_poll(queue, SLICE_MS);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t count;
        const rd_kafka_topic_result_t **results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
        code = rd_kafka_topic_result_error(results[0]);
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return code;
}

/* Who may not create topics may still be given one. */
static bool is_there(weir_poster *poster, const char *name)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(poster->client, name, NULL);
    if (!topic || rd_kafka_metadata(poster->client, 0, topic, &metadata, CREATE_MS) !=
                      RD_KAFKA_RESP_ERR_NO_ERROR)
        metadata = NULL;
    bool found = metadata && metadata->topic_cnt == 1 && metadata->topics[0].partition_cnt > 0;
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    if (topic)
        rd_kafka_topic_destroy(topic);
    return found;
}

bool weir_poster_prepare(weir_poster *poster, const char *topic, weir_error *error)
{
    char text[256];
    const weir_config *config = poster->config;
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(
        topic, (int)weir_config_integer(config, "kafka.partitions"),
        (int)weir_config_integer(config, "kafka.replication"), text, sizeof text);
    if (!made)
        return weir_fail(error, WEIR_FATE_CONFIG, "topic %s: %s", topic, text);
    for (size_t i = 0; i < weir_config_count(config, "kafka.topic_properties"); i++)
        rd_kafka_NewTopic_set_config(made,
                                     weir_config_item_key(config, "kafka.topic_properties", i),
                                     weir_config_item(config, "kafka.topic_properties", i));
    rd_kafka_resp_err_t code = ask_to_create(poster, made);
    rd_kafka_NewTopic_destroy(made);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ||
           (code != RD_KAFKA_RESP_ERR__TIMED_OUT && is_there(poster, topic)) ||
           weir_kafka_fail(error, code, "creating topic %s", topic);
}

static void add_header(rd_kafka_headers_t *to, const weir_header *header)
{
    rd_kafka_header_add(to, header->name, -1, header->value, (ssize_t)header->length);
}

static rd_kafka_headers_t *make_headers(const weir_posting *posting)
{
    static const weir_header no_value = {"weir.letter.value_left_out", "true", 4};
    static const weir_header no_headers = {"weir.letter.headers_left_out", "true", 4};
    rd_kafka_headers_t *headers = rd_kafka_headers_new(posting->header_count + 2);
    size_t from = posting->omitted == WEIR_OMIT_MESSAGE ? posting->original : 0;
    for (size_t i = from; i < posting->header_count; i++)
        add_header(headers, &posting->headers[i]);
    if (posting->omitted != WEIR_OMIT_NOTHING)
        add_header(headers, &no_value);
    if (posting->omitted == WEIR_OMIT_MESSAGE)
        add_header(headers, &no_headers);
    return headers;
}

static void produce(weir_poster *poster, const char *topic, weir_posting *posting)
{
    const weir_payload none = {NULL, 0};
    weir_payload key = posting->omitted == WEIR_OMIT_MESSAGE ? none : posting->key;
    weir_payload value = posting->omitted == WEIR_OMIT_NOTHING ? posting->value : none;
    rd_kafka_headers_t *headers = make_headers(posting);
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key.bytes, key.length}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value.bytes, value.length}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = posting},
    };
    posting->posted = WEIR_POSTED_NOT;
    rd_kafka_error_t *failure =
        rd_kafka_produceva(poster->client, parts, sizeof parts / sizeof *parts);
    if (!failure) {
        poster->waiting++;
        return;
    }
    if (rd_kafka_error_code(failure) == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        posting->posted = WEIR_POSTED_TOO_LARGE;
    else
        poster->failure = rd_kafka_error_code(failure);
    rd_kafka_error_destroy(failure);
    rd_kafka_headers_destroy(headers);
}

/* Waits for the reports; those that do not come in time count as a failure. */
static void wait_for_reports(weir_poster *poster, int64_t deadline_us)
{
    while (poster->waiting > 0 && weir_clock_monotonic_us() < deadline_us &&
           !weir_stop_requested(poster->stop))
        rd_kafka_poll(poster->client, SLICE_MS);
    if (poster->waiting > 0 && !poster->failure)
        poster->failure = RD_KAFKA_RESP_ERR__TIMED_OUT;
}

/* Sends some, and again with less of it what the topic does not take. */
static bool send_some(weir_poster *poster, const char *topic, weir_posting *postings, size_t count,
                      int64_t deadline_us)
{
    for (size_t i = 0; i < count && !poster->failure; i++)
        produce(poster, topic, &postings[i]);
    wait_for_reports(poster, deadline_us);
    for (size_t i = 0; i < count && !poster->failure; i++)
        while (!poster->failure && postings[i].posted == WEIR_POSTED_TOO_LARGE) {
            if (++postings[i].omitted == WEIR_OMISSIONS) {
                poster->failure = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
                break;
            }
            produce(poster, topic, &postings[i]);
            wait_for_reports(poster, deadline_us);
        }
    return !poster->failure;
}

bool weir_poster_send(weir_poster *poster, const char *topic, weir_posting *postings, size_t count,
                      int64_t deadline_us, weir_error *error)
{
    poster->failure = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t at = 0, some; at < count; at += some) {
        some = 1;
        if (weir_posting_size(&postings[at]) <= LARGE)
            while (at + some < count && weir_posting_size(&postings[at + some]) <= LARGE)
                some++;
        if (!send_some(poster, topic, &postings[at], some, deadline_us))
            return weir_kafka_fail(error, poster->failure, "topic %s", topic);
    }
    return true;
}
