/* The distance of a subscription from the store, measured from outside.
 *
 * Two stretches: from the store to the topics, by the relay's cursor, and from the topics to the
 * checkpoints. They may overlap by what the relay has published since it last wrote its cursor (a
 * fifth of a second), so the sum can be too large for a moment and is never too small. */
#include <stdio.h>
#include <stdlib.h>

#include "consumer/lag_int.h"
#include "consumer/subscription_int.h"

#define DEADLINE_US 10000000
#define COUNT_MOST "1000000"

static bool ask_unrelayed(weir_connection *connection, const char *const *aggregate_types,
                          weir_lag *lag, weir_error *error)
{
    weir_array types = {.bytes = WEIR_BUFFER((size_t)1 << 20)};
    weir_array_begin(&types, WEIR_PG_TEXT);
    for (size_t i = 0; aggregate_types[i]; i++)
        weir_array_text(&types, aggregate_types[i], strlen(aggregate_types[i]));
    weir_param params[] = {weir_array_param(&types), WEIR_PARAM_TEXT(COUNT_MOST)};
    weir_result *result =
        weir_connection_query(connection, "subscription_unrelayed", params, 2, error);
    weir_array_free(&types);
    if (!result)
        return false;
    lag->unrelayed = weir_result_integer(result, 0, 0);
    lag->seconds = strtod(weir_result_value(result, 0, 1), NULL);
    weir_result_free(result);
    return true;
}

/* Nothing of foreign topics is in the store; their partitions are Kafka's to tell. */
static bool count_foreign(const weir_config *config, const weir_foreign *foreign,
                          weir_topics *topics, weir_error *error)
{
    weir_foreign_reach *reaches;
    size_t count;
    if (!weir_foreign_reaches(config, (const char *const *)foreign->topics, -1, &reaches, &count,
                              error))
        return false;
    topics->count = foreign->topic_count;
    topics->names = weir_calloc(topics->count, sizeof *topics->names);
    topics->partitions = weir_calloc(topics->count, sizeof *topics->partitions);
    for (size_t t = 0; t < topics->count; t++) {
        topics->names[t] = weir_strdup(foreign->topics[t]);
        for (size_t i = 0; i < count; i++)
            topics->partitions[t] += reaches[i].topic == foreign->topics[t];
    }
    free(reaches);
    return true;
}

static weir_mark *make_marks(const weir_topics *topics, const weir_checkpoints *rows, size_t *count)
{
    size_t most = 0;
    for (size_t t = 0; t < topics->count; t++)
        most += (size_t)topics->partitions[t];
    weir_mark *marks = weir_calloc(most, sizeof *marks);
    *count = 0;
    for (size_t t = 0; t < topics->count; t++)
        for (int32_t p = 0; p < topics->partitions[t]; p++) {
            weir_place place = {topics->names[t], p};
            marks[(*count)++] =
                (weir_mark){.place = place, .next_offset = weir_checkpoints_lowest(rows, place)};
        }
    return marks;
}

static void add_unread(weir_lag *lag, const weir_mark *marks, size_t count, int64_t oldest_us)
{
    for (size_t i = 0; i < count; i++)
        lag->unread += marks[i].unread;
    double age = oldest_us > 0 ? (double)(weir_clock_now_us() - oldest_us) / 1e6 : 0;
    if (age > lag->seconds)
        lag->seconds = age;
    if (lag->unread + lag->unrelayed == 0 || lag->seconds < 0)
        lag->seconds = 0;
}

bool weir_lag_measure(const weir_config *config, weir_store *store, const char *subscription,
                      int generation, const char *const *aggregate_types,
                      const weir_foreign *foreign, weir_lag *lag, weir_error *error)
{
    weir_connection *connection = weir_store_connection(store);
    weir_owner owner = {subscription, generation};
    weir_topics topics = {0};
    weir_checkpoints rows = {0};
    weir_mark *marks = NULL;
    size_t count;
    int64_t oldest_us = 0, deadline_us = weir_clock_monotonic_us() + DEADLINE_US;
    *lag = (weir_lag){0};
    bool ok = (foreign ? count_foreign(config, foreign, &topics, error)
                       : ask_unrelayed(connection, aggregate_types, lag, error) &&
                             weir_topics_read(connection, aggregate_types, &topics, error)) &&
              weir_checkpoints_read(connection, owner, (const char *const *)topics.names,
                                    topics.count, &rows, error);
    if (!ok || topics.count == 0)
        goto out;
    marks = make_marks(&topics, &rows, &count);
    ok = weir_kafka_unread(config, marks, count, deadline_us, &oldest_us, error);
    if (ok)
        add_unread(lag, marks, count, oldest_us);
out:
    free(marks);
    weir_checkpoints_free(&rows);
    weir_topics_free(&topics);
    return ok;
}
