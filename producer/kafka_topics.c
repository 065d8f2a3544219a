/* Creating topics through the Admin API. Existing ones are taken as they are. */
#include <stdio.h>

#include "producer/kafka_int.h"
#include "producer/sink_int.h"

#define WAIT_US 15000000
#define SLICE_MS 100

static bool give_up(weir_stop *stop, int64_t deadline_us)
{
    return weir_stop_requested(stop) || weir_clock_monotonic_us() > deadline_us;
}

static rd_kafka_NewTopic_t *describe(const weir_config *config, const char *topic, int partitions,
                                     weir_error *error)
{
    char reason[512];
    int replication = (int)weir_config_integer(config, "kafka.replication");
    rd_kafka_NewTopic_t *made =
        rd_kafka_NewTopic_new(topic, partitions, replication, reason, sizeof reason);
    if (!made) {
        weir_fail(error, WEIR_FATE_CONFIG, "topic %s: %s", topic, reason);
        return NULL;
    }
    for (size_t i = 0; i < weir_config_count(config, "kafka.topic_properties"); i++)
        rd_kafka_NewTopic_set_config(made,
                                     weir_config_item_key(config, "kafka.topic_properties", i),
                                     weir_config_item(config, "kafka.topic_properties", i));
    return made;
}

static rd_kafka_event_t *wait_for(rd_kafka_queue_t *queue, weir_stop *stop)
{
    int64_t deadline = weir_clock_monotonic_us() + WAIT_US;
    rd_kafka_event_t *event = NULL;
    while (!event && !give_up(stop, deadline))
        event = rd_kafka_queue_poll(queue, SLICE_MS);
    return event;
}

/* outcome reads the answer for the one topic; that it exists is as good. */
static bool outcome(rd_kafka_event_t *event, const char *topic, bool *created, weir_error *error)
{
    if (!event)
        return weir_kafka_fail(error, RD_KAFKA_RESP_ERR__TIMED_OUT, "creating topic %s", topic);
    if (rd_kafka_event_error(event))
        return weir_kafka_fail(error, rd_kafka_event_error(event), "creating topic %s", topic);
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[0]);
    const char *text = rd_kafka_topic_result_error_string(results[0]);
    *created = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    return *created || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ||
           weir_kafka_fail(error, code, "creating topic %s: %s", topic, text ? text : "refused");
}

static bool create(rd_kafka_t *client, rd_kafka_NewTopic_t *topic, const char *name, bool *created,
                   weir_stop *stop, weir_error *error)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char reason[128];
    rd_kafka_AdminOptions_set_request_timeout(options, WAIT_US / 1000, reason, sizeof reason);
    rd_kafka_AdminOptions_set_operation_timeout(options, WAIT_US / 1000, reason, sizeof reason);
    rd_kafka_CreateTopics(client, &topic, 1, options, queue);
    rd_kafka_event_t *event = wait_for(queue, stop);
    bool ok = outcome(event, name, created, error);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return ok;
}

/* led counts the partitions of a topic once all of them have a leader; 0 before. */
static int led(rd_kafka_t *client, rd_kafka_topic_t *topic, rd_kafka_resp_err_t *code)
{
    const struct rd_kafka_metadata *metadata;
    *code = rd_kafka_metadata(client, 0, topic, &metadata, 1000);
    if (*code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    int count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    if (metadata->topic_cnt == 1)
        *code = metadata->topics[0].err;
    for (int i = 0; i < count; i++)
        if (metadata->topics[0].partitions[i].leader < 0) {
            *code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
            count = 0;
        }
    rd_kafka_metadata_destroy(metadata);
    return *code == RD_KAFKA_RESP_ERR_NO_ERROR ? count : 0;
}

static bool wait_until_led(rd_kafka_t *client, const char *name, int *partitions, weir_stop *stop,
                           weir_error *error)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    if (!topic)
        return weir_kafka_fail(error, rd_kafka_last_error(), "topic %s", name);
    int64_t deadline = weir_clock_monotonic_us() + WAIT_US;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    int count = led(client, topic, &code);
    while (count == 0 && !give_up(stop, deadline)) {
        weir_stop_wait(stop, 20);
        count = led(client, topic, &code);
    }
    rd_kafka_topic_destroy(topic);
    *partitions = count;
    return count > 0 || weir_kafka_fail(error, code ? code : RD_KAFKA_RESP_ERR__TIMED_OUT,
                                        "topic %s is not ready", name);
}

bool weir_sink_create_topic(weir_sink *sink, const weir_config *config, const char *topic,
                            int *partitions, bool *created, weir_stop *stop, weir_error *error)
{
    rd_kafka_t *client = weir_sink_client(sink);
    rd_kafka_NewTopic_t *made = describe(config, topic, *partitions, error);
    if (!made)
        return false;
    bool ok = create(client, made, topic, created, stop, error) &&
              wait_until_led(client, topic, partitions, stop, error);
    rd_kafka_NewTopic_destroy(made);
    return ok;
}
