/* Foreign topics as a subscription sees them: whether they are there, and are still the same.
 *
 * Their names are the handler's, their partitions Kafka's. What Kafka does not have yet is waited
 * for. Nothing that a foreign topic has lost can be had from elsewhere: whatever shows that
 * messages were not read stops the subscription, and a person says where it goes on. */
#include "consumer/subscription_int.h"

#include <stdlib.h>

/* The record of our own topics knows better what is in them. */
static bool refuse_own(weir_subscription *s, const char *topic, weir_error *error)
{
    const weir_param param = WEIR_PARAM_TEXT(topic);
    weir_result *found =
        weir_connection_query(weir_store_connection(s->store), "topic_type", &param, 1, error);
    bool ok = found && weir_result_rows(found) == 0;
    if (found && !ok)
        weir_fail(error, WEIR_FATE_CONFIG,
                  "topic %s is written by weir's relay: read it by the directive 'from: %s'", topic,
                  weir_result_value(found, 0, 0));
    weir_result_free(found);
    return ok;
}

bool weir_foreign_subscribe(weir_subscription *s, weir_error *error)
{
    const weir_foreign *foreign = s->handler->foreign;
    weir_topics *topics = &s->topics;
    if (topics->subscribed > 0)
        return true;
    for (size_t i = 0; i < foreign->topic_count; i++)
        if (!refuse_own(s, foreign->topics[i], error))
            return false;
    weir_topics_free(topics);
    topics->count = foreign->topic_count;
    topics->names = weir_calloc(topics->count, sizeof *topics->names);
    topics->partitions = weir_calloc(topics->count, sizeof *topics->partitions);
    for (size_t i = 0; i < topics->count; i++)
        topics->names[i] = weir_strdup(foreign->topics[i]);
    weir_source_wait_for_topics(s->source);
    if (!weir_source_subscribe(s->source, (const char *const *)topics->names, topics->partitions,
                               topics->count, error))
        return false;
    topics->subscribed = topics->count;
    topics->complete = true;
    return true;
}

static bool count_partitions(weir_subscription *s, weir_error *error)
{
    for (size_t i = 0; i < s->topics.count; i++) {
        if (!weir_source_count(s->source, s->topics.names[i], &s->topics.partitions[i], error))
            return false;
        if (s->once && s->topics.partitions[i] == 0)
            return weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                                  "Kafka has no topic %s, and --once does not wait for it",
                                  s->topics.names[i]);
    }
    return true;
}

static int partitions_of(const weir_subscription *s, const char *topic)
{
    for (size_t t = 0; t < s->topics.count; t++)
        if (strcmp(s->topics.names[t], topic) == 0)
            return s->topics.partitions[t];
    return 0;
}

/* least, most: where the lanes of a partition stand. False: what is to be read next is not there,
 * and nobody else has it. */
static bool check_range(weir_subscription *s, weir_place place, int64_t least, int64_t most,
                        weir_error *error)
{
    int64_t low, high;
    if (!weir_source_ends(s->source, place, &low, &high, error))
        return false;
    if (most > high)
        return weir_fail(error, WEIR_FATE_FATAL,
                         "%s/%d ends at offset %lld, but was read up to %lld: the topic was made "
                         "anew, or lost its end. `weir projection reset %s --to-earliest` reads it "
                         "from its beginning",
                         place.topic, (int)place.partition, (long long)high, (long long)most,
                         s->name);
    return least < 0 || least >= low ||
           weir_fail(error, WEIR_FATE_FATAL,
                     "%s/%d begins at offset %lld, but was read up to %lld only: retention removed "
                     "the messages at %lld to %lld unread, and nobody else has them. `weir "
                     "projection reset %s --to-earliest --skip-events` goes on with what is left",
                     place.topic, (int)place.partition, (long long)low, (long long)least,
                     (long long)least, (long long)low - 1, s->name);
}

/* The rows of one partition. */
static bool check_rows(weir_subscription *s, const weir_checkpoint *rows, size_t count,
                       weir_error *error)
{
    int partitions = partitions_of(s, rows->topic);
    int64_t least = INT64_MAX, most = WEIR_NOTHING_READ;
    for (size_t i = 0; i < count; i++) {
        least = rows[i].next_offset < least ? rows[i].next_offset : least;
        most = rows[i].next_offset > most ? rows[i].next_offset : most;
        if (rows[i].position > 0 && rows[i].position > rows[i].next_offset)
            return weir_fail(error, WEIR_FATE_FATAL,
                             "%s/%d stands at position %lld, which is no offset: it was read as a "
                             "topic of weir's. Give the projection another name",
                             rows->topic, (int)rows->partition, (long long)rows[i].position);
    }
    if (partitions == 0) /* it is waited for */
        return true;
    if (rows->partition < partitions)
        return check_range(s, (weir_place){rows->topic, rows->partition}, least, most, error);
    return most <= 0 ||
           weir_fail(error, WEIR_FATE_FATAL,
                     "%s/%d was read up to offset %lld, but the topic has %d partitions: it was "
                     "made anew. `weir projection reset %s --to-earliest` reads the new one from "
                     "its beginning",
                     rows->topic, (int)rows->partition, (long long)most, partitions, s->name);
}

/* The rows are read before Kafka is asked: an end that is below one was so then. */
bool weir_foreign_check(weir_subscription *s, weir_error *error)
{
    weir_checkpoints read = {0};
    bool ok =
        count_partitions(s, error) &&
        weir_checkpoints_read(weir_store_connection(s->store), weir_subscription_owner(s),
                              (const char *const *)s->topics.names, s->topics.count, &read, error);
    for (size_t from = 0, to; ok && from < read.count; from = to) {
        const weir_checkpoint *first = &read.rows[from];
        for (to = from + 1; to < read.count; to++)
            if (weir_place_order(first->topic, first->partition, read.rows[to].topic,
                                 read.rows[to].partition) != 0)
                break;
        ok = check_rows(s, first, to - from, error);
    }
    weir_checkpoints_free(&read);
    return ok;
}

bool weir_foreign_out_of_range(weir_subscription *s, const weir_partition *p, weir_error *error)
{
    return check_range(s, (weir_place){p->topic, p->number}, p->seen_offset, p->seen_offset,
                       error) &&
           weir_fail(error, WEIR_FATE_RETRY, "%s/%d has offset %lld, but Kafka did not find it",
                     p->topic, (int)p->number, (long long)p->seen_offset);
}
