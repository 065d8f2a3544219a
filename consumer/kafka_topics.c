/* What Kafka says of topics: how many partitions, where they begin and end, which offset has a
 * time. */
#include <stdlib.h>

#include "consumer/foreign.h"
#include "consumer/kafka_int.h"

#define QUERY_MS 10000

rd_kafka_resp_err_t weir_kafka_partitions(rd_kafka_t *kafka, const char *topic, int32_t *count,
                                          int timeout_ms)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka, topic, NULL);
    *count = 0;
    if (!handle)
        return rd_kafka_last_error();
    rd_kafka_resp_err_t code = rd_kafka_metadata(kafka, 0, handle, &metadata, timeout_ms);
    rd_kafka_topic_destroy(handle);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        *count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return code;
}

bool weir_source_count(weir_source *source, const char *topic, int32_t *count, weir_error *error)
{
    rd_kafka_resp_err_t code = weir_kafka_partitions(source->kafka, topic, count, QUERY_MS);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           weir_kafka_fail(error, code, "asking for the partitions of %s", topic);
}

/* The first offset of that time or later; the end where there is none. */
static bool find_time(rd_kafka_t *kafka, int64_t time_ms, weir_foreign_reach *reach,
                      weir_error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *asked =
        rd_kafka_topic_partition_list_add(list, reach->topic, reach->partition);
    asked->offset = time_ms;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(kafka, list, QUERY_MS);
    code = code == RD_KAFKA_RESP_ERR_NO_ERROR ? asked->err : code;
    reach->offset = asked->offset >= 0 && asked->offset < reach->high ? asked->offset : reach->high;
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           weir_kafka_fail(error, code, "asking %s/%d for an offset by time", reach->topic,
                           (int)reach->partition);
}

static bool reach_one(rd_kafka_t *kafka, int64_t time_ms, weir_foreign_reach *reach,
                      weir_error *error)
{
    rd_kafka_resp_err_t code =
        weir_kafka_ends(kafka, reach->topic, reach->partition, &reach->low, &reach->high, QUERY_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return weir_kafka_fail(error, code, "asking for the ends of %s/%d", reach->topic,
                               (int)reach->partition);
    reach->offset = reach->low;
    return time_ms < 0 || find_time(kafka, time_ms, reach, error);
}

static bool reach_topic(rd_kafka_t *kafka, const char *topic, int64_t time_ms,
                        weir_foreign_reach **reaches, size_t *count, weir_error *error)
{
    int32_t partitions;
    rd_kafka_resp_err_t code = weir_kafka_partitions(kafka, topic, &partitions, QUERY_MS);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND, "Kafka has no topic %s",
                              topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return weir_kafka_fail(error, code, "asking for the partitions of %s", topic);
    *reaches = weir_realloc(*reaches, (*count + (size_t)partitions + 1) * sizeof **reaches);
    for (int32_t p = 0; p < partitions; p++) {
        (*reaches)[*count] = (weir_foreign_reach){.topic = topic, .partition = p};
        if (!reach_one(kafka, time_ms, &(*reaches)[*count], error))
            return false;
        (*count)++;
    }
    return true;
}

bool weir_foreign_reaches(const weir_config *config, const char *const *topics, int64_t time_ms,
                          weir_foreign_reach **reaches, size_t *count, weir_error *error)
{
    char *group = weir_format("%s.lag", weir_config_text(config, "kafka.topic_prefix"));
    rd_kafka_t *kafka = weir_kafka_consumer(config, group, NULL, NULL, error);
    free(group);
    *reaches = NULL;
    *count = 0;
    bool ok = kafka != NULL;
    for (; ok && *topics; topics++)
        ok = reach_topic(kafka, *topics, time_ms, reaches, count, error);
    if (kafka) {
        rd_kafka_consumer_close(kafka);
        rd_kafka_destroy(kafka);
    }
    if (!ok) {
        free(*reaches);
        *reaches = NULL;
        *count = 0;
    }
    return ok;
}
