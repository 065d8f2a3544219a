/* A broker that refuses an event for good: the relay ends with the event's name and the cause, and
 * goes on where it was once the cause is gone. */
#include "tests/integration/fixture_mock.h"

#include <string.h>

#define SIZE(list) (sizeof(list) / sizeof *(list))

/* One of each way to refuse, and what is to be done; tests/unit/test_kafka.c has the fates of all.
 */
static const struct {
    rd_kafka_resp_err_t code;
    const char *way_out;
} refusals[] = {
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "max.message.bytes"},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, "broker's log"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, "relay.compression"},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, "message.timestamp"},
    {RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, "acks=all"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, "policies"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "Write on the topic"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "IdempotentWrite"},
};

/* One event that is refused; when the cause is gone, the next run publishes it. */
static void test_a_refusal_names_the_event(void **state)
{
    mock *m = *state;
    char position[64];
    mock_start(m);
    for (size_t i = 0; i < SIZE(refusals); i++) {
        const char *name = rd_kafka_err2name(refusals[i].code);
        mock_push(m, refusals[i].code, 100);
        mock_append(m, 1);
        snprintf(position, sizeof position, "position %lld (order.placed of order/o-1",
                 (long long)mock_last(m));
        mock_join(m, false);
        if (m->ok || !strstr(m->error.message, position) ||
            !strstr(m->error.message, rd_kafka_err2str(refusals[i].code)) ||
            !strstr(m->error.message, refusals[i].way_out))
            fail_msg("%s: %s", name, m->ok ? "no error" : m->error.message);
        rd_kafka_mock_clear_request_errors(m->cluster, MOCK_PRODUCE);
        mock_run_again(m);
        mock_wait(m, name);
    }
    mock_assert_all_there(m);
}

/* Many events are in flight in both partitions, and one request of one is refused: the cause is
 * said, not that the others were given up. */
static void test_a_refusal_among_many_is_the_one_that_counts(void **state)
{
    mock *m = *state;
    mock_start(m);
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_rtt(m->cluster, broker, 50);
    for (int i = 0; i < 40; i++)
        mock_push(
            m, i == 3 ? RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED : RD_KAFKA_RESP_ERR_NO_ERROR,
            1);
    mock_append(m, 3000);
    mock_join(m, false);
    assert_false(m->ok);
    assert_int_equal(m->error.kafka_code, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    mock_run_again(m);
    mock_wait(m, "after it");
    mock_join(m, true);
    assert_int_equal(mock_read(m), m->appended);
    assert_int_equal(m->astray, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, mock_open, mock_close)
    const struct CMUnitTest tests[] = {
        T(test_a_refusal_names_the_event),
        T(test_a_refusal_among_many_is_the_one_that_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
