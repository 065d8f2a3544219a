/* The topic of an aggregate type that has none yet: created, then recorded, then used; in this
 * order, so that a crash in between leaves at most an unused topic. A topic that exists already is
 * taken with the partitions it has, and its tails are read like any other's before the first event.
 */
#include "producer/relay_int.h"

static bool record(weir_relay *relay, const char *aggregate_type, const char *name, int partitions,
                   weir_error *error)
{
    char number[24];
    weir_param params[] = {WEIR_PARAM_TEXT(aggregate_type), WEIR_PARAM_TEXT(name),
                           weir_param_integer(partitions, number)};
    weir_result *result = weir_connection_query(weir_store_connection(relay->store), "topic_record",
                                                params, 3, error);
    weir_result_free(result);
    return result != NULL;
}

/* read_back adds what is recorded, which another relay may have been first to do. */
static const weir_relay_topic *read_back(weir_relay *relay, const char *aggregate_type,
                                         weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(aggregate_type)};
    weir_result *rows =
        weir_connection_query(weir_store_connection(relay->store), "topic_find", params, 1, error);
    const weir_relay_topic *topic = NULL;
    if (rows && weir_result_rows(rows) == 1)
        topic = weir_relay_topics_add(&relay->topics, aggregate_type, weir_result_value(rows, 0, 0),
                                      (int)weir_result_integer(rows, 0, 1), error);
    else if (rows)
        weir_fail(error, WEIR_FATE_RETRY, "the topic of %s is not recorded", aggregate_type);
    weir_result_free(rows);
    return topic;
}

static bool look_at_tails(weir_relay *relay, const weir_relay_topic *topic, weir_error *error)
{
    weir_tail_reader *reader = weir_tail_reader_open(relay->config, relay->stop, error);
    bool ok = reader && weir_relay_find_tails(relay, reader, topic->first,
                                              (size_t)topic->partitions, false, error);
    weir_tail_reader_close(reader);
    if (!ok) { /* a chain that is not known must not be continued */
        relay->unclean = true;
        weir_relay_drop_sink(relay);
        weir_relay_enter(relay, WEIR_RELAY_STARTING);
    }
    return ok;
}

/* make creates the topic unless it exists. */
static bool make(weir_relay *relay, const char *aggregate_type, char name[WEIR_TOPIC_NAME],
                 int *partitions, bool *created, weir_error *error)
{
    const weir_config *config = relay->config;
    if (!weir_relay_topic_name(weir_config_text(config, "kafka.topic_format"),
                               weir_config_text(config, "kafka.topic_prefix"), aggregate_type, name,
                               error) ||
        !weir_relay_topics_free_name(&relay->topics, aggregate_type, name, error))
        return false;
    *partitions = (int)weir_config_integer(config, "kafka.partitions");
    return weir_sink_create_topic(relay->sink, config, name, partitions, created, relay->stop,
                                  error) &&
           !WEIR_FAIL_AT(relay_after_topic);
}

bool weir_relay_ensure_topic(weir_relay *relay, const char *aggregate_type, weir_error *error)
{
    char name[WEIR_TOPIC_NAME];
    int partitions;
    bool created;
    if (!make(relay, aggregate_type, name, &partitions, &created, error) ||
        !record(relay, aggregate_type, name, partitions, error) ||
        WEIR_FAIL_AT(relay_after_mapping))
        return false;
    const weir_relay_topic *topic = read_back(relay, aggregate_type, error);
    if (!topic || (!created && !look_at_tails(relay, topic, error)))
        return false;
    WEIR_INFO("relay", relay->name, created ? "topic created" : "topic found",
              WEIR_TEXT("topic", topic->name), WEIR_TEXT("aggregate_type", aggregate_type),
              WEIR_NUMBER("partitions", topic->partitions));
    return true;
}
