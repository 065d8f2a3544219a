/* Kafka transactions against librdkafka's mock cluster, which answers with the errors of our
 * choice: what passes is waited out, what a person must see names the way out, and a transaction
 * that failed never counts as committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "producer/sink_int.h"

#define INIT_PRODUCER_ID 22
#define ADD_PARTITIONS 24
#define END_TRANSACTION 26
#define PATIENCE_US 30000000

typedef struct cluster {
    rd_kafka_t *owner;
    rd_kafka_mock_cluster_t *mock;
    weir_config *config;
    weir_stop stop;
    weir_sink *sink;
    size_t acknowledged, refused;
} cluster;

static void on_delivery(void *context, uint64_t sequence, int64_t offset, int kafka_code)
{
    cluster *all = context;
    (void)sequence;
    (void)offset;
    all->acknowledged += kafka_code == 0;
    all->refused += kafka_code != 0;
}

/* Properties are in a file: an override, which the environment does not outdo, is a single value.
 */
static weir_config *configure(rd_kafka_mock_cluster_t *mock, int timeout_ms)
{
    weir_error error = {0};
    char path[] = "/tmp/weir-transactions-XXXXXX";
    int file = mkstemp(path);
    dprintf(file, "kafka: {properties: {socket.timeout.ms: %d}}\n", timeout_ms);
    char *brokers = weir_format("kafka.brokers=%s", rd_kafka_mock_cluster_bootstraps(mock));
    const char *texts[] = {brokers, "store.conninfo=dbname=none"};
    weir_config *config = weir_config_load(path, texts, 2, &error);
    if (!config)
        fail_msg("%s", error.message);
    free(brokers);
    close(file);
    unlink(path);
    return config;
}

static int cluster_open(void **state, int timeout_ms)
{
    char text[512];
    weir_error error = {0};
    cluster *all = weir_calloc(1, sizeof *all);
    all->owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
    all->mock = rd_kafka_mock_cluster_new(all->owner, 1);
    rd_kafka_mock_topic_create(all->mock, "t", 2, 1);
    all->config = configure(all->mock, timeout_ms);
    if (!weir_stop_open(&all->stop, &error))
        fail_msg("%s", error.message);
    weir_sink_options options = {
        .events = 10, .bytes = 10000, .transactional_id = "weir-test", .delivered = on_delivery};
    options.context = all;
    all->sink = weir_sink_open(all->config, &options, &error);
    if (!all->sink)
        fail_msg("%s", error.message);
    *state = all;
    return 0;
}

static int cluster_open_usual(void **state)
{
    return cluster_open(state, 8000);
}

static int cluster_open_impatient(void **state)
{
    return cluster_open(state, 1000);
}

static int cluster_close(void **state)
{
    cluster *all = *state;
    weir_sink_close(all->sink);
    weir_stop_close(&all->stop);
    weir_config_free(all->config);
    rd_kafka_mock_cluster_destroy(all->mock);
    rd_kafka_destroy(all->owner);
    free(all);
    return 0;
}

static void answer(cluster *all, int16_t request, rd_kafka_resp_err_t code, int times)
{
    for (int i = 0; i < times; i++)
        rd_kafka_mock_push_request_errors(all->mock, request, 1, code);
}

static void take_over(cluster *all)
{
    weir_error error = {0};
    if (!weir_sink_take_over(all->sink, &all->stop, &error))
        fail_msg("%s", error.message);
}

static void produce(cluster *all)
{
    static const weir_headers none;
    weir_error error = {0};
    bool full;
    weir_message message = {.topic = "t",
                            .key = "k",
                            .key_length = 1,
                            .value = "v",
                            .value_length = 1,
                            .headers = &none,
                            .sequence = 1};
    if (!weir_sink_produce(all->sink, &message, &full, &error))
        fail_msg("%s", error.message);
    assert_false(full);
}

/* committed: the outcome; false leaves why in error. */
static bool committed(cluster *all, weir_error *error)
{
    int64_t deadline = weir_clock_monotonic_us() + PATIENCE_US;
    while (weir_clock_monotonic_us() < deadline) {
        if (weir_sink_commit(all->sink))
            return true;
        if (!weir_sink_check(all->sink, error))
            return false;
    }
    fail_msg("the commit neither succeeds nor fails");
    return false;
}

static void test_what_passes_is_waited_out(void **state)
{
    cluster *all = *state;
    weir_error error = {0};
    answer(all, INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 3);
    take_over(all);
    answer(all, ADD_PARTITIONS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 2);
    answer(all, END_TRANSACTION, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 2);
    for (size_t n = 1; n <= 3; n++) {
        produce(all);
        assert_true(committed(all, &error));
        assert_int_equal(all->acknowledged, n);
    }
    assert_int_equal(all->refused, 0);
}

static void refuses_to_begin(cluster *all, rd_kafka_resp_err_t code, weir_fate fate,
                             const char *said)
{
    weir_error error = {0};
    answer(all, INIT_PRODUCER_ID, code, 1000);
    assert_false(weir_sink_take_over(all->sink, &all->stop, &error));
    assert_int_equal(error.fate, fate);
    assert_non_null(strstr(error.message, said));
    assert_non_null(strstr(error.message, "at_least_once"));
    assert_int_not_equal(error.kafka_code, 0);
}

static void test_no_right_to_the_id(void **state)
{
    refuses_to_begin(*state, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                     WEIR_FATE_CONFIG, "Grant");
}

static void test_a_timeout_that_brokers_refuse(void **state)
{
    refuses_to_begin(*state, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, WEIR_FATE_CONFIG,
                     "transaction.max.timeout.ms");
}

static void test_a_cluster_that_cannot_keep_transactions(void **state)
{
    refuses_to_begin(*state, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, WEIR_FATE_RETRY,
                     "transaction.state.log.min.isr");
}

static void fails(cluster *all, int16_t request, rd_kafka_resp_err_t code, weir_fate fate)
{
    weir_error error = {0};
    take_over(all);
    answer(all, request, code, 1);
    produce(all);
    assert_false(committed(all, &error));
    assert_int_equal(error.fate, fate);
    assert_false(weir_sink_check(all->sink, &error)); /* and stays failed */
    assert_false(weir_sink_commit(all->sink));
}

static void test_fenced_by_a_successor(void **state)
{
    fails(*state, END_TRANSACTION, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, WEIR_FATE_FATAL);
}

static void test_an_old_epoch(void **state)
{
    fails(*state, END_TRANSACTION, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, WEIR_FATE_FATAL);
}

static void test_no_right_to_the_topic(void **state)
{
    fails(*state, ADD_PARTITIONS, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, WEIR_FATE_CONFIG);
}

/* It takes the message and then hangs: whether the transaction is committed a new producer finds
 * out. */
static void test_a_coordinator_that_hangs(void **state)
{
    cluster *all = *state;
    weir_error error = {0};
    int64_t deadline = weir_clock_monotonic_us() + PATIENCE_US;
    take_over(all);
    produce(all);
    while (all->acknowledged == 0 && weir_clock_monotonic_us() < deadline)
        weir_sink_poll(all->sink, 10);
    rd_kafka_mock_broker_set_rtt(all->mock, 1, 10 * PATIENCE_US / 1000);
    assert_false(committed(all, &error));
    assert_int_equal(all->acknowledged, 1);
    assert_int_equal(error.fate, WEIR_FATE_RETRY);
    assert_non_null(strstr(error.message, "does not answer"));
    rd_kafka_mock_broker_set_rtt(all->mock, 1, 0);
}

#define ON_A_CLUSTER(test) cmocka_unit_test_setup_teardown(test, cluster_open_usual, cluster_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_CLUSTER(test_what_passes_is_waited_out),
        ON_A_CLUSTER(test_no_right_to_the_id),
        ON_A_CLUSTER(test_a_timeout_that_brokers_refuse),
        ON_A_CLUSTER(test_a_cluster_that_cannot_keep_transactions),
        ON_A_CLUSTER(test_fenced_by_a_successor),
        ON_A_CLUSTER(test_an_old_epoch),
        ON_A_CLUSTER(test_no_right_to_the_topic),
        cmocka_unit_test_setup_teardown(test_a_coordinator_that_hangs, cluster_open_impatient,
                                        cluster_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
