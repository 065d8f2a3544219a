/* Creating topics through the Admin API, and saying why one cannot be made, seen or written.
 * Existing ones are taken as they are. */
#include <stdio.h>
#include <string.h>

#include "producer/kafka_int.h"
#include "producer/tail_reader_int.h"

#define WAIT_US 15000000
#define SLICE_MS 100

static bool give_up(weir_tail_reader *reader, int64_t deadline_us)
{
    weir_error ignored;
    return weir_tail_reader_interrupted(reader, &ignored) ||
           weir_clock_monotonic_us() > deadline_us;
}

/* is_set_by_type: the aggregate type's own value goes before the common one. */
static bool is_set_by_type(const weir_config *config, const char *aggregate_type, const char *name)
{
    const char *key;
    for (size_t i = 0; i < weir_config_topic_properties(config, aggregate_type); i++)
        if (weir_config_topic_property(config, aggregate_type, i, &key) && strcmp(key, name) == 0)
            return true;
    return false;
}

static void set_properties(rd_kafka_NewTopic_t *made, const weir_config *config,
                           const char *aggregate_type)
{
    for (size_t i = 0; i < weir_config_count(config, "kafka.topic_properties"); i++) {
        const char *key = weir_config_item_key(config, "kafka.topic_properties", i);
        if (!is_set_by_type(config, aggregate_type, key))
            rd_kafka_NewTopic_set_config(made, key,
                                         weir_config_item(config, "kafka.topic_properties", i));
    }
    for (size_t i = 0; i < weir_config_topic_properties(config, aggregate_type); i++) {
        const char *key, *value = weir_config_topic_property(config, aggregate_type, i, &key);
        rd_kafka_NewTopic_set_config(made, key, value);
    }
}

static rd_kafka_NewTopic_t *describe(const weir_config *config, const weir_topic_plan *plan,
                                     weir_error *error)
{
    char reason[512];
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(plan->name, plan->partitions,
                                                      plan->replication, reason, sizeof reason);
    if (made)
        set_properties(made, config, plan->aggregate_type);
    else
        weir_fail(error, WEIR_FATE_CONFIG, "topic %s: %s", plan->name, reason);
    return made;
}

static rd_kafka_event_t *wait_for(weir_tail_reader *reader, rd_kafka_queue_t *queue)
{
    int64_t deadline = weir_clock_monotonic_us() + WAIT_US;
    rd_kafka_event_t *event = NULL;
    while (!event && !give_up(reader, deadline))
        event = rd_kafka_queue_poll(queue, SLICE_MS);
    return event;
}

/* What is refused, and the way out. */
typedef struct advice {
    rd_kafka_resp_err_t code;
    const char *text;
} advice;

static const char *way_out(const advice *list, rd_kafka_resp_err_t code)
{
    while (list->text && list->code != code)
        list++;
    return list->text;
}

/* refuse is weir_kafka_fail with the way out behind it, if there is one. */
static bool refuse(const advice *list, rd_kafka_resp_err_t code, const char *verb,
                   const char *topic, const char *detail, weir_error *error)
{
    const char *text = way_out(list, code);
    weir_kafka_fail(error, code, "%s topic %s%s%s", verb, topic, detail ? ": " : "",
                    detail ? detail : "");
    size_t length = strlen(error->message);
    if (text)
        snprintf(error->message + length, sizeof error->message - length, ". %s", text);
    return false;
}

#define MAY_CREATE                                                                                 \
    "Permit the relay's principal to create it (Create on the cluster or on topics of this "       \
    "prefix), or let `weir topic create` make it as somebody who may"

static bool refuse_creation(rd_kafka_resp_err_t code, const weir_topic_plan *plan,
                            const char *detail, weir_error *error)
{
    static const advice list[] = {
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, MAY_CREATE},
        {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, MAY_CREATE},
        {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
         "Lower kafka.replication, or topics.<type>.replication, to the number of brokers, or "
         "start more"},
        {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, "See kafka.partitions and topics.<type>.partitions"},
        {RD_KAFKA_RESP_ERR_INVALID_CONFIG,
         "See kafka.topic_properties and topics.<type>.properties"},
        {RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
         "The cluster has a policy for new topics: adapt kafka.partitions, kafka.replication or "
         "kafka.topic_properties to it"},
        {0, NULL}};
    char what[64];
    snprintf(what, sizeof what, "creating (%d partitions, replication %d)", plan->partitions,
             plan->replication);
    return refuse(list, code, what, plan->name, detail, error);
}

bool weir_kafka_refuse_topic(rd_kafka_resp_err_t code, const char *verb, const char *topic,
                             weir_error *error)
{
    static const advice list[] = {{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                   "Permit the relay's principal Describe, Read and Write on it"},
                                  {0, NULL}};
    return refuse(list, code, verb, topic, NULL, error);
}

/* outcome reads the answer for the one topic; that it exists is as good. */
static bool outcome(rd_kafka_event_t *event, const weir_topic_plan *plan, bool *created,
                    weir_error *error)
{
    if (!event)
        return refuse_creation(RD_KAFKA_RESP_ERR__TIMED_OUT, plan, NULL, error);
    if (rd_kafka_event_error(event))
        return refuse_creation(rd_kafka_event_error(event), plan, NULL, error);
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[0]);
    *created = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    return *created || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ||
           refuse_creation(code, plan, rd_kafka_topic_result_error_string(results[0]), error);
}

static bool create(weir_tail_reader *reader, rd_kafka_NewTopic_t *topic,
                   const weir_topic_plan *plan, bool *created, weir_error *error)
{
    weir_stop *stop;
    rd_kafka_t *client = weir_tail_reader_client(reader, &stop);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char reason[128];
    rd_kafka_AdminOptions_set_request_timeout(options, WAIT_US / 1000, reason, sizeof reason);
    rd_kafka_AdminOptions_set_operation_timeout(options, WAIT_US / 1000, reason, sizeof reason);
    rd_kafka_CreateTopics(client, &topic, 1, options, queue);
    rd_kafka_event_t *event = wait_for(reader, queue);
    bool ok = outcome(event, plan, created, error);
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

static bool wait_until_led(weir_tail_reader *reader, const char *name, int *partitions,
                           weir_error *error)
{
    weir_stop *stop;
    rd_kafka_t *client = weir_tail_reader_client(reader, &stop);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    if (!topic)
        return weir_kafka_fail(error, rd_kafka_last_error(), "topic %s", name);
    int64_t deadline = weir_clock_monotonic_us() + WAIT_US;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    int count = led(client, topic, &code);
    while (count == 0 && !give_up(reader, deadline)) {
        weir_stop_wait(stop, 20);
        count = led(client, topic, &code);
    }
    rd_kafka_topic_destroy(topic);
    *partitions = count;
    return count > 0 || weir_kafka_refuse_topic(code ? code : RD_KAFKA_RESP_ERR__TIMED_OUT,
                                                "waiting for the leaders of", name, error);
}

bool weir_tail_reader_create(weir_tail_reader *reader, const weir_config *config,
                             const weir_topic_plan *plan, int *partitions, bool *created,
                             weir_error *error)
{
    rd_kafka_NewTopic_t *made = describe(config, plan, error);
    if (!made)
        return false;
    bool ok = create(reader, made, plan, created, error) &&
              wait_until_led(reader, plan->name, partitions, error);
    rd_kafka_NewTopic_destroy(made);
    return ok;
}
