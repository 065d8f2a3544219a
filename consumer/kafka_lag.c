/* How much of some partitions is unread, and since when.
 *
 * A throwaway consumer that joins no group and commits nothing asks for the ends, then looks at one
 * message of each partition that has unread ones. The answer is a moment's: both ends move on. */
#include "consumer/kafka_int.h"
#include "consumer/lag_int.h"

#include <stdlib.h>

static int left_ms(int64_t deadline_us)
{
    int64_t left = (deadline_us - weir_clock_monotonic_us()) / 1000;
    return left > 0 ? (int)left : 0;
}

static bool ask_end(rd_kafka_t *kafka, weir_mark *mark, int64_t deadline_us, weir_error *error)
{
    int64_t low, high;
    rd_kafka_resp_err_t code = weir_kafka_ends(kafka, mark->place.topic, mark->place.partition,
                                               &low, &high, left_ms(deadline_us));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return weir_kafka_fail(error, code, "asking for the end of %s/%d", mark->place.topic,
                               (int)mark->place.partition);
    mark->first_offset = mark->next_offset > low ? mark->next_offset : low;
    mark->unread = high > mark->first_offset ? high - mark->first_offset : 0;
    return true;
}

/* When the event of a message was recorded; the message's own time for a foreign one. */
static int64_t recorded_us(const rd_kafka_message_t *message)
{
    weir_header headers[WEIR_MAX_HEADERS];
    weir_fields fields;
    weir_error ignored;
    size_t bytes = 0;
    int64_t time_us;
    weir_fields_find(headers, weir_kafka_headers(message, headers, &bytes), &fields);
    const char *text = fields.of[WEIR_FIELD_RECORDED_TIME].text;
    if (text &&
        weir_clock_parse(text, fields.of[WEIR_FIELD_RECORDED_TIME].length, &time_us, &ignored))
        return time_us;
    return rd_kafka_message_timestamp(message, NULL) * 1000;
}

static rd_kafka_topic_partition_list_t *assign_unread(rd_kafka_t *kafka, const weir_mark *marks,
                                                      size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        if (marks[i].unread > 0)
            rd_kafka_topic_partition_list_add(list, marks[i].place.topic, marks[i].place.partition)
                ->offset = marks[i].first_offset;
    rd_kafka_assign(kafka, list);
    return list;
}

/* Takes a partition off the list; false if it was seen before. */
static bool tick_off(rd_kafka_topic_partition_list_t *list, const rd_kafka_message_t *message)
{
    return message->rkt && rd_kafka_topic_partition_list_del(
                               list, rd_kafka_topic_name(message->rkt), message->partition) == 1;
}

static bool look_at_first(rd_kafka_t *kafka, rd_kafka_topic_partition_list_t *waiting,
                          int64_t deadline_us, int64_t *oldest_us, weir_error *error)
{
    while (waiting->cnt > 0) {
        int ms = left_ms(deadline_us);
        if (ms == 0)
            return weir_fail_code(error, WEIR_FATE_RETRY, WEIR_TIMEOUT,
                                  "Kafka did not show the oldest unread messages in time");
        rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka, ms < 100 ? ms : 100);
        if (!message)
            continue;
        bool expected = tick_off(waiting, message);
        int64_t time_us = expected && !message->err ? recorded_us(message) : 0;
        if (time_us > 0 && (*oldest_us == 0 || time_us < *oldest_us))
            *oldest_us = time_us;
        rd_kafka_message_destroy(message);
    }
    return true;
}

bool weir_kafka_unread(const weir_config *config, weir_mark *marks, size_t count,
                       int64_t deadline_us, int64_t *oldest_us, weir_error *error)
{
    char *group = weir_format("%s.lag", weir_config_text(config, "kafka.topic_prefix"));
    rd_kafka_t *kafka = weir_kafka_consumer(config, group, NULL, NULL, error);
    free(group);
    if (!kafka)
        return false;
    bool ok = true;
    *oldest_us = 0;
    for (size_t i = 0; ok && i < count; i++)
        ok = ask_end(kafka, &marks[i], deadline_us, error);
    if (ok) {
        rd_kafka_topic_partition_list_t *waiting = assign_unread(kafka, marks, count);
        ok = look_at_first(kafka, waiting, deadline_us, oldest_us, error);
        rd_kafka_topic_partition_list_destroy(waiting);
    }
    rd_kafka_consumer_close(kafka);
    rd_kafka_destroy(kafka);
    return ok;
}
