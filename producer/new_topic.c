/* The topic of an aggregate type that has none yet: created, then recorded, then used; in this
 * order, so that a crash in between leaves at most an unused topic. A topic that exists already is
 * taken with the partitions it has, and its tails are read like any other's before the first event.
 */
#include <string.h>

#include "producer/relay_int.h"

bool weir_topic_record(weir_store *store, const weir_topic_plan *plan, weir_error *error)
{
    char number[24];
    weir_param params[] = {WEIR_PARAM_TEXT(plan->aggregate_type), WEIR_PARAM_TEXT(plan->name),
                           weir_param_integer(plan->partitions, number)};
    weir_result *result =
        weir_connection_query(weir_store_connection(store), "topic_record", params, 3, error);
    if (!result && strcmp(error->sqlstate, "23505") == 0)
        weir_fail(
            error, WEIR_FATE_CONFIG,
            "topic %s is recorded for another aggregate type than %s: each needs its own. See "
            "kafka.topic_format and topics.%s.name",
            plan->name, plan->aggregate_type, plan->aggregate_type);
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
    if (rows && weir_result_rows(rows) == 1 &&
        weir_topic_plan_check(relay->config, aggregate_type, (int)weir_result_integer(rows, 0, 2),
                              weir_result_value(rows, 0, 0), error))
        topic = weir_relay_topics_add(&relay->topics, aggregate_type, weir_result_value(rows, 0, 0),
                                      (int)weir_result_integer(rows, 0, 1), error);
    else if (rows && weir_result_rows(rows) != 1)
        weir_fail(error, WEIR_FATE_RETRY, "the topic of %s is not recorded", aggregate_type);
    weir_result_free(rows);
    return topic;
}

static bool look_at_tails(weir_relay *relay, weir_tail_reader *reader,
                          const weir_relay_topic *topic, weir_error *error)
{
    bool ok =
        weir_relay_find_tails(relay, reader, topic->first, (size_t)topic->partitions, false, error);
    if (!ok) { /* a chain that is not known must not be continued */
        relay->unclean = true;
        weir_relay_drop_sink(relay);
        weir_relay_enter(relay, WEIR_RELAY_STARTING);
    }
    return ok;
}

/* make creates the topic unless it exists. */
static bool make(weir_relay *relay, weir_tail_reader *reader, weir_topic_plan *plan, bool *created,
                 weir_error *error)
{
    return weir_relay_topics_free_name(&relay->topics, plan->aggregate_type, plan->name, error) &&
           weir_tail_reader_create(reader, relay->config, plan, &plan->partitions, created,
                                   error) &&
           !WEIR_FAIL_AT(relay_after_topic);
}

static bool ensure(weir_relay *relay, weir_tail_reader *reader, weir_topic_plan *plan,
                   weir_error *error)
{
    bool created;
    if (!make(relay, reader, plan, &created, error) ||
        !weir_topic_record(relay->store, plan, error) || WEIR_FAIL_AT(relay_after_mapping))
        return false;
    const weir_relay_topic *topic = read_back(relay, plan->aggregate_type, error);
    if (!topic || (!created && !look_at_tails(relay, reader, topic, error)))
        return false;
    WEIR_INFO("relay", relay->title, created ? "topic created" : "topic found",
              WEIR_TEXT("topic", topic->name), WEIR_TEXT("aggregate_type", plan->aggregate_type),
              WEIR_NUMBER("partitions", topic->partitions));
    return true;
}

bool weir_relay_ensure_topic(weir_relay *relay, const char *aggregate_type, weir_error *error)
{
    weir_topic_plan plan;
    if (!weir_topic_plan_make(relay->config, aggregate_type, 1, &plan, error))
        return false;
    weir_tail_reader *reader = weir_tail_reader_open(relay->config, relay->stop, error);
    if (reader)
        weir_tail_reader_keep_beating(reader, weir_relay_keep_beating, relay);
    bool ok = reader && ensure(relay, reader, &plan, error);
    weir_tail_reader_close(reader);
    return ok;
}
