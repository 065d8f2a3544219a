/* A topic of one test's own on a real Kafka, and messages in it as a relay would write them, or
 * not. Needs WEIR_TEST_BROKERS beside WEIR_TEST_CONNINFO (scripts/services prints both settings).
 */
#ifndef WEIR_TESTS_FIXTURE_KAFKA_H
#define WEIR_TESTS_FIXTURE_KAFKA_H

#include <librdkafka/rdkafka.h>

#include "config/kafka.h"
#include "tests/integration/fixture.h"

typedef struct fixture_topic {
    fixture *store;
    weir_config *config;
    char prefix[64], name[80];
    rd_kafka_t *producer;
    int64_t last[16]; /* per partition: the position produced last */
    int64_t position;
} fixture_topic;

/* What differs from an ordinary message. */
typedef struct fixture_message {
    const char *store_id; /* another store's */
    const char *data;     /* NULL: {"n": position} */
    int64_t position;     /* 0: the next */
    int64_t prevposition; /* 0: the one before it in the partition */
    const char *broken;   /* name of a header to spoil */
    bool foreign;         /* no headers at all */
} fixture_message;

static inline rd_kafka_t *fixture_producer(void)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", getenv("WEIR_TEST_BROKERS"), text, sizeof text);
    rd_kafka_conf_set(conf, "linger.ms", "1", text, sizeof text);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!producer)
        fail_msg("%s", text);
    return producer;
}

/* Runs one admin request to its end. */
static inline void fixture_admin(rd_kafka_t *producer, rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
    if (!event || rd_kafka_event_error(event))
        fail_msg("Kafka: %s", event ? rd_kafka_event_error_string(event) : "no answer");
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    (void)producer;
}

/* Waits until every leader answers. A producer that meets a partition without one looks again after
 * a second; and one that is refused at first may be overtaken by what it sends next. */
static inline void fixture_know_topic(fixture_topic *topic, int partitions)
{
    int64_t low, high;
    for (int partition = 0, tries = 0; partition < partitions; tries++) {
        if (tries > 3000)
            fail_msg("%s has no leaders", topic->name);
        if (weir_kafka_ends(topic->producer, topic->name, partition, &low, &high, 1000) == 0)
            partition++;
        else
            weir_stop_wait(NULL, 10);
    }
}

static inline void fixture_create_topic(fixture_topic *topic, int partitions)
{
    char text[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(topic->producer);
    rd_kafka_NewTopic_t *new_topic =
        rd_kafka_NewTopic_new(topic->name, partitions, 1, text, sizeof text);
    rd_kafka_CreateTopics(topic->producer, &new_topic, 1, NULL, queue);
    fixture_admin(topic->producer, queue);
    rd_kafka_NewTopic_destroy(new_topic);
    fixture_know_topic(topic, partitions);
}

/* Removes a partition's records below an offset, as retention does. */
static inline void fixture_truncate(fixture_topic *topic, int32_t partition, int64_t before)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(topic->producer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic->name, partition)->offset = before;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(topic->producer, &request, 1, NULL, queue);
    fixture_admin(topic->producer, queue);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
}

static inline void fixture_record_topic(fixture_topic *topic, int partitions)
{
    char sql[256];
    snprintf(sql, sizeof sql, "INSERT INTO weir.topics VALUES ('order', '%s', %d)", topic->name,
             partitions);
    fixture_execute(weir_store_connection(topic->store->store), sql);
}

static inline void fixture_produce(fixture_topic *topic, int32_t partition, fixture_message m)
{
    int64_t position = m.position ? m.position : topic->position + 1;
    int64_t before = m.prevposition ? m.prevposition : topic->last[partition];
    char number[32], previous[32], id[32], data[64], uuid[WEIR_UUID_TEXT], now[WEIR_TIME_TEXT];
    weir_uuid event_id = weir_uuid_new();
    weir_uuid_format(&event_id, uuid);
    weir_clock_format(weir_clock_now_us(), now);
    snprintf(number, sizeof number, "%lld", (long long)position);
    snprintf(previous, sizeof previous, "%lld", (long long)before);
    snprintf(id, sizeof id, "o-%lld", (long long)position % 7);
    snprintf(data, sizeof data, "{\"n\": %lld}", (long long)position);
    const char *headers[][2] = {
        {"ce_specversion", "1.0"},
        {"ce_id", uuid},
        {"ce_source", "/weir/order"},
        {"ce_type", "order.placed"},
        {"ce_time", now},
        {"ce_subject", id},
        {"content-type", "application/json"},
        {"ce_aggregatetype", "order"},
        {"ce_aggregateversion", number},
        {"ce_position", number},
        {"ce_prevposition", previous},
        {"ce_storeid", m.store_id ? m.store_id : weir_store_id(topic->store->store)},
        {"ce_schemaversion", "1"},
        {"ce_recordedtime", now},
    };
    rd_kafka_headers_t *all = rd_kafka_headers_new(16);
    for (size_t i = 0; i < sizeof headers / sizeof *headers && !m.foreign; i++) {
        bool spoil = m.broken && strcmp(m.broken, headers[i][0]) == 0;
        rd_kafka_header_add(all, headers[i][0], -1, spoil ? "?" : headers[i][1], -1);
    }
    const char *payload = m.data ? m.data : data;
    rd_kafka_resp_err_t code = rd_kafka_producev(
        topic->producer, RD_KAFKA_V_TOPIC(topic->name), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_KEY(id, strlen(id)),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)payload, strlen(payload)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(all), RD_KAFKA_V_END);
    assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
    if (m.foreign || m.store_id)
        return;
    topic->last[partition] = position;
    topic->position = position > topic->position ? position : topic->position;
}

static inline void fixture_flush(fixture_topic *topic)
{
    assert_int_equal(rd_kafka_flush(topic->producer, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* A store, and a topic that it has not recorded yet. */
/* Loads the configuration anew, with up to two more settings (NULL: none). */
static inline void fixture_configure(fixture_topic *topic, const char *one, const char *other)
{
    weir_error error = {0};
    char *conninfo = fixture_conninfo(topic->store);
    char *texts[] = {weir_format("store.conninfo=%s", conninfo),
                     weir_format("kafka.brokers=%s", getenv("WEIR_TEST_BROKERS")),
                     weir_format("kafka.topic_prefix=%s", topic->prefix), NULL, NULL};
    size_t count = 3;
    if (one)
        texts[count++] = weir_strdup(one);
    if (other)
        texts[count++] = weir_strdup(other);
    weir_config_free(topic->config);
    topic->config = weir_config_load("/dev/null", (const char *const *)texts, count, &error);
    if (!topic->config)
        fail_msg("%s", error.message);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(conninfo);
}

static inline int fixture_topic_open(void **state)
{
    static int number;
    fixture_topic *topic = weir_calloc(1, sizeof *topic);
    if (!getenv("WEIR_TEST_BROKERS"))
        fail_msg("set WEIR_TEST_BROKERS: eval \"$(scripts/services up)\" prints them");
    if (fixture_store((void **)&topic->store) != 0)
        return 1;
    snprintf(topic->prefix, sizeof topic->prefix, "t%ld-%lld-%d", (long)getpid(),
             (long long)weir_clock_now_us(), number++);
    snprintf(topic->name, sizeof topic->name, "%s.order", topic->prefix);
    fixture_configure(topic, NULL, NULL);
    topic->producer = fixture_producer();
    *state = topic;
    return 0;
}

static inline int fixture_topic_close(void **state)
{
    fixture_topic *topic = *state;
    rd_kafka_destroy(topic->producer);
    weir_config_free(topic->config);
    fixture_drop((void **)&topic->store);
    free(topic);
    return 0;
}

/* Runs SQL in the topic's store, or expects one value of it. */
static inline void fixture_run(fixture_topic *topic, const char *sql)
{
    fixture_execute(weir_store_connection(topic->store->store), sql);
}

static inline void fixture_expect(fixture_topic *topic, const char *sql, const char *expected)
{
    char *value = fixture_value(weir_store_connection(topic->store->store), sql);
    if (!value || strcmp(value, expected) != 0)
        fail_msg("%s: %s, not %s", sql, value ? value : "null", expected);
    free(value);
}

#endif
