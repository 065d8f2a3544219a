/* Whatever a broker answers a produce request with: what passes by itself is waited out, what ends
 * the producer replaces it from the tail, what refuses an event ends the relay with its name. In
 * all cases the partitions' chains are whole, and nothing is lost. */
#include "tests/integration/fixture_mock.h"

#include <string.h>

#include "base/metrics.h"

#define SIZE(list) (sizeof(list) / sizeof *(list))

/* How often a relay of this process has begun from the tails. */
static int tail_reads(void)
{
    weir_buffer text = WEIR_BUFFER(1 << 20);
    weir_metrics_render(&text);
    const char *at = strstr(text.data, "\nweir_relay_tail_reads_total{");
    int value = at ? atoi(strchr(at, '}') + 1) : 0;
    weir_buffer_free(&text);
    return value;
}

/* Answers the next requests so, whatever they are of; returns whether the tails were read. */
static bool answer(mock *m, rd_kafka_resp_err_t code, int times)
{
    int before = tail_reads();
    mock_push(m, code, times);
    mock_append(m, 20);
    mock_wait(m, rd_kafka_err2name(code));
    return tail_reads() > before;
}

static const rd_kafka_resp_err_t passing[] = {
    RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
    RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
    RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
    RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
    RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
    RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
    RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, /* librdkafka takes a new producer id by itself */
};

static void test_what_passes_by_itself_is_waited_out(void **state)
{
    mock *m = *state;
    mock_start(m);
    for (size_t i = 0; i < SIZE(passing); i++)
        if (answer(m, passing[i], 3))
            fail_msg("%s: the producer was replaced", rd_kafka_err2name(passing[i]));
    mock_assert_all_there(m);
}

static const rd_kafka_resp_err_t ending[] = {
    RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
    RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
    RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING,
    RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
    RD_KAFKA_RESP_ERR_INVALID_MSG, /* damaged on its way */
    RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
    RD_KAFKA_RESP_ERR_UNKNOWN,
    (rd_kafka_resp_err_t)999, /* of a broker of the future */
};

static void test_what_ends_the_producer_replaces_it(void **state)
{
    mock *m = *state;
    mock_start(m);
    for (size_t i = 0; i < SIZE(ending); i++)
        if (!answer(m, ending[i], 1))
            fail_msg("%s: the producer goes on", rd_kafka_err2name(ending[i]));
    mock_assert_all_there(m);
}

/* Nothing is lost. The mock may hold an event twice or too early, what was taken without an answer
 * and what overtook, at a new leader, that which the old one refused; sequences keep both out of a
 * real partition, which tests/e2e shows. */
static void test_leaders_that_move_and_connections_that_drop(void **state)
{
    mock *m = *state;
    mock_start(m);
    for (int i = 0; i < 30; i++) {
        mock_append(m, 50);
        rd_kafka_mock_partition_set_leader(m->cluster, MOCK_TOPIC, i % 2, 1 + i % 3);
        if (i % 5 == 0)
            mock_push(m, RD_KAFKA_RESP_ERR__TRANSPORT, 2);
        weir_stop_wait(NULL, 20);
    }
    mock_wait(m, "moving leaders");
    mock_join(m, true);
    assert_true(m->ok);
    assert_int_equal(mock_read(m), m->appended);
}

static void set_rtt(mock *m, int ms)
{
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_rtt(m->cluster, broker, ms);
}

/* Requests that the broker takes and answers too late are sent again; only the mock keeps both. */
static void test_answers_that_come_late(void **state)
{
    mock *m = *state;
    mock_start(m);
    set_rtt(m, MOCK_TIMEOUT_MS / 2);
    mock_append(m, 200);
    mock_wait(m, "slow answers");
    set_rtt(m, 4 * MOCK_TIMEOUT_MS);
    mock_append(m, 200);
    weir_stop_wait(NULL, 3 * MOCK_TIMEOUT_MS);
    set_rtt(m, 0);
    mock_wait(m, "late answers");
    mock_join(m, true);
    assert_true(m->ok);
    assert_int_equal(mock_read(m), m->appended);
    assert_int_equal(m->astray, 0);
    assert_true(m->repeated > 0);
}

/* A relay that asks while a leader hangs has to go on beating. */
static void test_a_leader_that_hangs_is_not_waited_for(void **state)
{
    mock *m = *state;
    int64_t low = -1, high[MOCK_PARTITIONS] = {0}, late;
    mock_start(m);
    rd_kafka_t *client =
        mock_client(RD_KAFKA_CONSUMER, rd_kafka_mock_cluster_bootstraps(m->cluster));
    for (int p = 0; p < MOCK_PARTITIONS; p++) {
        assert_int_equal(weir_kafka_ends(client, MOCK_TOPIC, p, &low, &high[p], MOCK_PATIENCE_MS),
                         0);
        assert_int_equal(low, 0);
    }
    assert_int_equal(high[0] + high[1], m->appended);
    set_rtt(m, 2 * MOCK_PATIENCE_MS);
    assert_int_equal(weir_kafka_ends(client, MOCK_TOPIC, 0, &low, &late, MOCK_TIMEOUT_MS),
                     RD_KAFKA_RESP_ERR__TIMED_OUT);
    set_rtt(m, 0);
    rd_kafka_destroy(client);
    mock_join(m, true);
}

static void wait_for_kafka(mock *m, bool up)
{
    for (int waited = 0; mock_health(m).kafka_up != up; waited += 10) {
        if (waited > MOCK_PATIENCE_MS)
            fail_msg("the relay does not show that Kafka is %s", up ? "up" : "down");
        weir_stop_wait(NULL, 10);
    }
}

static void test_a_cluster_that_is_down_shows(void **state)
{
    mock *m = *state;
    mock_start(m);
    wait_for_kafka(m, true);
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_down(m->cluster, broker);
    mock_append(m, 100);
    wait_for_kafka(m, false);
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_up(m->cluster, broker);
    mock_wait(m, "the cluster is back");
    wait_for_kafka(m, true);
    mock_assert_all_there(m);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, mock_open, mock_close)
    const struct CMUnitTest tests[] = {
        T(test_what_passes_by_itself_is_waited_out),
        T(test_what_ends_the_producer_replaces_it),
        T(test_leaders_that_move_and_connections_that_drop),
        T(test_answers_that_come_late),
        T(test_a_leader_that_hangs_is_not_waited_for),
        T(test_a_cluster_that_is_down_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
