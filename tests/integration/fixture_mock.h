/* A relay on a Kafka that does as it is told: librdkafka's mock cluster, which speaks real TCP,
 * with a store of one test's own. Needs WEIR_TEST_CONNINFO.
 *
 * The mock knows no CreateTopics, so the topic is there and recorded before the relay starts; and
 * it does not look at sequences: what reached it without an answer may come twice, and a request
 * that overtakes a refused one is taken. Hence one request at a time; Kafka itself would refuse the
 * second. */
#ifndef WEIR_TESTS_FIXTURE_MOCK_H
#define WEIR_TESTS_FIXTURE_MOCK_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdatomic.h>

#include "config/kafka.h"
#include "producer/producer.h"
#include "tests/integration/fixture.h"

#define MOCK_TOPIC "mock.order"
#define MOCK_PARTITIONS 2
#define MOCK_PRODUCE 0 /* ApiKey */
#define MOCK_TIMEOUT_MS 1000
#define MOCK_PATIENCE_MS 60000

typedef struct mock {
    fixture *store;
    rd_kafka_t *owner;
    rd_kafka_mock_cluster_t *cluster;
    weir_config *config;
    weir_stop stop;
    weir_relays *relay;
    pthread_t thread;
    atomic_bool ended;
    bool ok; /* once ended, as error */
    weir_error error;
    int64_t appended, repeated, astray;
} mock;

static inline rd_kafka_t *mock_client(rd_kafka_type_t type, const char *brokers)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", text, sizeof text);
    if (brokers)
        rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof text);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof text);
    rd_kafka_conf_set(conf, "group.id", "test", text, sizeof text);
    rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof text);
    if (!client)
        fail_msg("%s", text);
    return client;
}

/* Properties are in a file: an override is a single value. */
static inline weir_config *mock_config(const mock *m)
{
    weir_error error = {0};
    char path[] = "/tmp/weir-mock-XXXXXX", *conninfo = fixture_conninfo(m->store);
    int file = mkstemp(path);
    dprintf(file,
            "store: {conninfo: \"%s\"}\nkafka:\n  brokers: \"%s\"\n  topic_prefix: mock\n"
            "  properties: {retry.backoff.ms: 20, socket.timeout.ms: %d, reconnect.backoff.max.ms: "
            "200, max.in.flight: 1}\n",
            conninfo, rd_kafka_mock_cluster_bootstraps(m->cluster), MOCK_TIMEOUT_MS);
    weir_config *config = weir_config_load(path, NULL, 0, &error);
    if (!config)
        fail_msg("%s", error.message);
    close(file);
    unlink(path);
    free(conninfo);
    return config;
}

static inline int mock_open(void **state)
{
    weir_error error = {0};
    mock *m = weir_calloc(1, sizeof *m);
    if (fixture_store((void **)&m->store) != 0)
        return 1;
    m->owner = mock_client(RD_KAFKA_PRODUCER, NULL);
    m->cluster = rd_kafka_mock_cluster_new(m->owner, 3);
    rd_kafka_mock_topic_create(m->cluster, MOCK_TOPIC, MOCK_PARTITIONS, 3);
    fixture_execute(weir_store_connection(m->store->store),
                    "INSERT INTO weir.topics VALUES ('order', '" MOCK_TOPIC "', 2)");
    m->config = mock_config(m);
    assert_ok(weir_stop_open(&m->stop, &error));
    m->relay = weir_relays_new(m->config, &m->stop, &error);
    *state = m;
    return 0;
}

static inline void *mock_run(void *context)
{
    mock *m = context;
    m->ok = weir_relays_run(m->relay, false, &m->error);
    atomic_store(&m->ended, true);
    return NULL;
}

static inline void mock_append(mock *m, int events)
{
    char sql[256];
    snprintf(
        sql, sizeof sql,
        "SELECT weir.append('order', 'o-' || n %% 7, NULL, "
        "'[{\"type\": \"order.placed\", \"data\": {\"n\": 1}}]') FROM generate_series(1, %d) n",
        events);
    fixture_execute(weir_store_connection(m->store->store), sql);
    m->appended += events;
}

static inline int64_t mock_last(mock *m)
{
    char *text = fixture_value(weir_store_connection(m->store->store),
                               "SELECT max(position) FROM weir.events");
    int64_t last = text ? atoll(text) : 0;
    free(text);
    return last;
}

static inline weir_relay_health mock_health(mock *m)
{
    weir_relay_health health;
    weir_relays_health_get(m->relay, 0, &health);
    return health;
}

/* Waits until the relay has all that was appended acknowledged. */
static inline void mock_wait(mock *m, const char *what)
{
    int64_t last = mock_last(m);
    for (int waited = 0; mock_health(m).position < last; waited += 10) {
        if (waited > MOCK_PATIENCE_MS || atomic_load(&m->ended))
            fail_msg("%s: the cursor stays at %lld of %lld: %s", what,
                     (long long)mock_health(m).position, (long long)last,
                     atomic_load(&m->ended) ? m->error.message : "the relay runs");
        weir_stop_wait(NULL, 10);
    }
}

/* A relay that has published something, and so knows its partitions. */
static inline void mock_start(mock *m)
{
    pthread_create(&m->thread, NULL, mock_run, m);
    mock_append(m, 14);
    mock_wait(m, "start");
}

/* Runs a relay that has ended once more, as whoever starts it again would. */
static inline void mock_run_again(mock *m)
{
    weir_error error = {0};
    weir_relays_free(m->relay);
    weir_stop_close(&m->stop);
    assert_ok(weir_stop_open(&m->stop, &error));
    m->relay = weir_relays_new(m->config, &m->stop, &error);
    m->ended = false;
    pthread_create(&m->thread, NULL, mock_run, m);
}

/* Waits for the relay's end: its own, or with stop the one that is asked for. */
static inline void mock_join(mock *m, bool stop)
{
    if (stop)
        weir_stop_request(&m->stop);
    pthread_join(m->thread, NULL);
}

static inline int64_t mock_header(rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t length;
    char text[32] = "";
    assert_int_equal(rd_kafka_message_headers(message, &headers), 0);
    assert_int_equal(rd_kafka_header_get_last(headers, name, &value, &length), 0);
    snprintf(text, sizeof text, "%.*s", (int)length, (const char *)value);
    return atoll(text);
}

/* Reads both partitions from their beginning. Returns how many events there are; m->repeated counts
 * the records above that, m->astray those before which another event of the partition is due. */
static inline int64_t mock_read(mock *m)
{
    int64_t last[MOCK_PARTITIONS] = {0}, events = 0, greatest = mock_last(m);
    int ends = 0;
    bool *seen = weir_calloc((size_t)greatest + 1, sizeof *seen);
    rd_kafka_t *reader =
        mock_client(RD_KAFKA_CONSUMER, rd_kafka_mock_cluster_bootstraps(m->cluster));
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(MOCK_PARTITIONS);
    for (int p = 0; p < MOCK_PARTITIONS; p++)
        rd_kafka_topic_partition_list_add(all, MOCK_TOPIC, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(reader, all);
    rd_kafka_topic_partition_list_destroy(all);
    m->repeated = m->astray = 0;
    while (ends < MOCK_PARTITIONS) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, MOCK_PATIENCE_MS);
        assert_non_null(message);
        ends += message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (!message->err) {
            int64_t position = mock_header(message, "ce_position");
            assert_in_range(position, 1, greatest);
            events += !seen[position];
            m->repeated += seen[position];
            m->astray += !seen[position] &&
                         mock_header(message, "ce_prevposition") != last[message->partition];
            seen[position] = true;
            if (last[message->partition] < position)
                last[message->partition] = position;
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    free(seen);
    return events;
}

/* Answers so many produce requests from now on with a code. */
static inline void mock_push(mock *m, rd_kafka_resp_err_t code, int times)
{
    for (int i = 0; i < times; i++)
        rd_kafka_mock_push_request_errors(m->cluster, MOCK_PRODUCE, 1, code);
}

/* Stops the relay: everything is there, once, in chains that are whole. */
static inline void mock_assert_all_there(mock *m)
{
    mock_join(m, true);
    if (!m->ok)
        fail_msg("%s", m->error.message);
    assert_int_equal(mock_read(m), m->appended);
    assert_int_equal(m->repeated, 0);
    assert_int_equal(m->astray, 0);
}

static inline int mock_close(void **state)
{
    mock *m = *state;
    weir_relays_free(m->relay);
    weir_stop_close(&m->stop);
    weir_config_free(m->config);
    rd_kafka_mock_cluster_destroy(m->cluster);
    rd_kafka_destroy(m->owner);
    fixture_drop((void **)&m->store);
    free(m);
    return 0;
}

#endif
