/* Which topics to read: those that the store has recorded for the handler's aggregate types.
 *
 * A type without an event yet has no topic; it is looked for every second until it has one. The
 * names are never made up here: only the record says what an aggregate type's topic is. */
#include <stdlib.h>
#include <string.h>

#include "consumer/subscription_int.h"

#define ASK_US 1000000
#define ASK_AGAIN_US 5000000 /* whether a topic was left for another generation */

void weir_topics_free(weir_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++)
        free(topics->names[i]);
    free(topics->names);
    free(topics->partitions);
    topics->names = NULL;
    topics->partitions = NULL;
    topics->count = 0;
}

bool weir_topics_read(weir_connection *connection, const char *const *aggregate_types,
                      weir_topics *topics, weir_error *error)
{
    weir_array types = {.bytes = WEIR_BUFFER((size_t)1 << 20)};
    size_t wanted = 0, found = 0;
    weir_array_begin(&types, WEIR_PG_TEXT);
    for (; aggregate_types[wanted]; wanted++)
        weir_array_text(&types, aggregate_types[wanted], strlen(aggregate_types[wanted]));
    weir_param params[] = {weir_array_param(&types)};
    weir_result *result =
        weir_connection_query(connection, "subscription_topics", params, 1, error);
    weir_array_free(&types);
    if (!result)
        return false;
    weir_topics_free(topics);
    size_t count = (size_t)weir_result_rows(result);
    topics->names = weir_calloc(count, sizeof *topics->names);
    topics->partitions = weir_calloc(count, sizeof *topics->partitions);
    for (size_t i = 0; i < count; i++) {
        topics->names[i] = weir_strdup(weir_result_value(result, (int)i, 0));
        topics->partitions[i] = (int)weir_result_integer(result, (int)i, 1);
        found += (size_t)weir_result_integer(result, (int)i, 2);
    }
    topics->count = count;
    topics->complete = found >= wanted;
    weir_result_free(result);
    return true;
}

static bool has(const weir_topics *topics, const char *name)
{
    for (size_t i = 0; i < topics->count; i++)
        if (strcmp(topics->names[i], name) == 0)
            return true;
    return false;
}

/* read_again reads the record, and notices a topic that took another's place. */
static bool read_again(weir_subscription *s, weir_error *error)
{
    weir_topics *topics = &s->topics, before = *topics;
    topics->names = NULL;
    topics->partitions = NULL;
    topics->count = 0;
    bool ok = weir_topics_read(weir_store_connection(s->store), s->handler->aggregate_types, topics,
                               error);
    for (size_t i = 0; ok && i < before.count; i++)
        if (!has(topics, before.names[i]))
            topics->subscribed = 0;
    if (ok)
        weir_topics_free(&before);
    else
        *topics = before;
    return ok;
}

void weir_topics_doubt(weir_subscription *s)
{
    s->topics.asked_us = 0;
    weir_goals_free(&s->goals);
}

bool weir_topics_check(weir_subscription *s, weir_error *error)
{
    size_t count;
    const weir_partition *partitions = weir_subscription_partitions(s, &count);
    if (s->handler->foreign)
        return weir_foreign_check(s, error);
    for (size_t i = 0; i < count; i++) {
        if (partitions[i].start != WEIR_LEFT)
            continue;
        if (!read_again(s, error))
            return false;
        weir_topics_doubt(s);
        if (!has(&s->topics, partitions[i].topic))
            return weir_fail(error, WEIR_FATE_RETRY, "topic %s was left for another",
                             partitions[i].topic);
        return weir_fail(error, WEIR_FATE_FATAL,
                         "topic %s was begun anew by `weir topic reconcile`, and some of what this "
                         "projection applied from the topic before is not in it. Rename the "
                         "projection: the new one is filled from the beginning",
                         partitions[i].topic);
    }
    return true;
}

bool weir_topics_refresh(weir_subscription *s, weir_error *error)
{
    weir_topics *topics = &s->topics;
    int64_t now = weir_clock_monotonic_us();
    if (s->handler->foreign)
        return weir_foreign_subscribe(s, error);
    bool settled = topics->complete && topics->subscribed == topics->count;
    if (topics->asked_us && now - topics->asked_us < (settled ? ASK_AGAIN_US : ASK_US))
        return true;
    if (!read_again(s, error))
        return false;
    topics->asked_us = now;
    if (!topics->complete && !topics->waiting)
        WEIR_INFO("subscription", s->name,
                  "not every aggregate type has a topic yet, looking every second",
                  WEIR_NUMBER("topics", topics->count));
    topics->waiting = !topics->complete;
    if (topics->count == topics->subscribed)
        return true;
    if (!weir_source_subscribe(s->source, (const char *const *)topics->names, topics->partitions,
                               topics->count, error))
        return false;
    topics->subscribed = topics->count;
    s->resume = s->resume || s->alone; /* its partitions are there already */
    return true;
}
