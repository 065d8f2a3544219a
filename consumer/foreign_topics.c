/* Foreign topics as a subscription sees them: whether they are there, and are still the same.
 *
 * Their names are the handler's, their partitions Kafka's. What Kafka does not have yet is waited
 * for. Nothing that a foreign topic has lost can be had from elsewhere: whatever shows that
 * messages were not read stops the subscription, and a person says where it goes on. A feed that
 * replaces a generation must have what that one has: it begins where the topic began, so that what
 * is gone by then is missed, too. */
#include "consumer/subscription_int.h"

#include <stdlib.h>
#include <string.h>

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

static bool name_topics(weir_subscription *s, weir_error *error)
{
    const weir_foreign *foreign = s->handler->foreign;
    weir_topics *topics = &s->topics;
    for (size_t i = 0; i < foreign->topic_count; i++)
        if (!refuse_own(s, foreign->topics[i], error))
            return false;
    weir_topics_free(topics);
    topics->count = foreign->topic_count;
    topics->names = weir_calloc(topics->count, sizeof *topics->names);
    topics->partitions = weir_calloc(topics->count, sizeof *topics->partitions);
    for (size_t i = 0; i < topics->count; i++)
        topics->names[i] = weir_strdup(foreign->topics[i]);
    return true;
}

/* A feed has taken what there was: other partitions are not subscribed to. */
static bool count_partitions(weir_subscription *s, weir_error *error)
{
    weir_topics *topics = &s->topics;
    for (size_t i = 0; i < topics->count; i++) {
        int32_t count;
        if (!weir_source_count(s->source, topics->names[i], &count, error))
            return false;
        if (s->once && count == 0)
            return weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                                  "Kafka has no topic %s, and %s does not wait for it",
                                  topics->names[i], s->alone ? "a rebuild" : "--once");
        if (s->alone && topics->partitions[i] != count)
            topics->subscribed = 0;
        topics->partitions[i] = count;
    }
    return true;
}

/* A feed, to which no group gives anything, takes all partitions that there are. */
bool weir_foreign_subscribe(weir_subscription *s, weir_error *error)
{
    weir_topics *topics = &s->topics;
    if (topics->subscribed > 0 && (!s->alone || topics->asked_us))
        return true;
    if ((topics->subscribed == 0 && !name_topics(s, error)) ||
        (s->alone && !count_partitions(s, error)))
        return false;
    topics->asked_us = weir_clock_monotonic_us();
    if (topics->subscribed > 0)
        return true;
    if (!s->alone)
        weir_source_wait_for_topics(s->source);
    if (!weir_source_subscribe(s->source, (const char *const *)topics->names, topics->partitions,
                               topics->count, error))
        return false;
    topics->subscribed = topics->count;
    topics->complete = true;
    s->resume = s->resume || s->alone; /* its partitions are there already */
    return true;
}

/* For a feed the partitions are those that it took: of others it would wait for the end in vain. */
static bool look_at_partitions(weir_subscription *s, weir_error *error)
{
    if (!count_partitions(s, error))
        return false;
    if (s->topics.subscribed > 0)
        return true;
    weir_topics_doubt(s);
    return weir_fail(error, WEIR_FATE_RETRY, "a topic has other partitions than before");
}

static int partitions_of(const weir_subscription *s, const char *topic)
{
    for (size_t t = 0; t < s->topics.count; t++)
        if (strcmp(s->topics.names[t], topic) == 0)
            return s->topics.partitions[t];
    return 0;
}

/* A feed that may do so goes on without what is below an offset, from the next resume. */
static void do_without(weir_subscription *s, weir_place place, int64_t low)
{
    weir_partition *p = weir_subscription_find(s, place.topic, place.partition);
    if (!p || p->least_offset >= low)
        return;
    p->least_offset = low;
    WEIR_WARN("subscription", s->name,
              "Kafka has lost the start of what is to be read: beginning with what is left",
              WEIR_TEXT("topic", place.topic), WEIR_NUMBER("partition", place.partition),
              WEIR_NUMBER("offset", low));
}

static bool fail_shrunk(const weir_subscription *s, weir_place place, int64_t high, int64_t most,
                        weir_error *error)
{
    if (s->alone)
        return weir_fail(error, WEIR_FATE_FATAL,
                         "%s/%d ends at offset %lld, but generation %d was read up to %lld: the "
                         "topic was made anew, or lost its end. `weir projection drop %s "
                         "--generation %d --execute`, and begin again",
                         place.topic, (int)place.partition, (long long)high, s->generation,
                         (long long)most, s->name, s->generation);
    return weir_fail(error, WEIR_FATE_FATAL,
                     "%s/%d ends at offset %lld, but was read up to %lld: the topic was made "
                     "anew, or lost its end. `weir projection reset %s --to-earliest` reads it "
                     "from its beginning",
                     place.topic, (int)place.partition, (long long)high, (long long)most, s->name);
}

static bool fail_removed(const weir_subscription *s, weir_place place, int64_t low, int64_t least,
                         weir_error *error)
{
    return weir_fail(error, WEIR_FATE_FATAL,
                     "%s/%d begins at offset %lld, but was read up to %lld only: retention removed "
                     "the messages at %lld to %lld unread, and nobody else has them. `weir "
                     "projection %s %s %s` goes on with what is left",
                     place.topic, (int)place.partition, (long long)low, (long long)least,
                     (long long)least, (long long)low - 1, s->alone ? "rebuild" : "reset", s->name,
                     s->alone ? "--from kafka --force --execute" : "--to-earliest --skip-events");
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
        return fail_shrunk(s, place, high, most, error);
    if (least < 0 || least >= low)
        return true;
    if (!s->lossy)
        return fail_removed(s, place, low, least, error);
    do_without(s, place, low);
    return true;
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
    if (most > 0 && s->alone)
        return fail_shrunk(s, (weir_place){rows->topic, rows->partition}, 0, most, error);
    return most <= 0 ||
           weir_fail(error, WEIR_FATE_FATAL,
                     "%s/%d was read up to offset %lld, but the topic has %d partitions: it was "
                     "made anew. `weir projection reset %s --to-earliest` reads the new one from "
                     "its beginning",
                     rows->topic, (int)rows->partition, (long long)most, partitions, s->name);
}

static bool read_rows(weir_subscription *s, int generation, weir_checkpoints *read,
                      weir_error *error)
{
    weir_owner owner = {s->handler->subscription, generation};
    return weir_checkpoints_read(weir_store_connection(s->store), owner,
                                 (const char *const *)s->topics.names, s->topics.count, read,
                                 error);
}

/* The start of a partition, of which the replaced generation has something and this one nothing. */
static bool check_start(weir_subscription *s, weir_place place, int64_t low, weir_error *error)
{
    weir_partition *p = weir_subscription_find(s, place.topic, place.partition);
    if (low > 0 && !s->lossy)
        return weir_fail(error, WEIR_FATE_FATAL,
                         "%s/%d begins at offset %lld: retention removed what stood before, "
                         "generation %d has read there, and a new one would hold less. It goes on "
                         "serving; --force makes the new one from what is left",
                         place.topic, (int)place.partition, (long long)low, s->replaced);
    if (low > 0)
        do_without(s, place, low);
    else if (p && !s->lossy && p->seen_offset < 0)
        p->start = p->seen_offset = 0; /* Kafka then says if it is removed before it is read */
    return true;
}

static bool check_replaced(weir_subscription *s, const weir_checkpoint *row,
                           const weir_checkpoints *read, weir_error *error)
{
    weir_place place = {row->topic, row->partition};
    int64_t low = 0, high = 0;
    if (row->position <= 0)
        return true;
    if (row->partition < partitions_of(s, row->topic) &&
        !weir_source_ends(s->source, place, &low, &high, error))
        return false;
    if (row->next_offset > high && !s->lossy)
        return weir_fail(error, WEIR_FATE_FATAL,
                         "%s/%d ends at offset %lld, but generation %d was read up to %lld: the "
                         "topic was made anew, or lost its end, and a new generation would hold "
                         "less. It stays; --force makes the new one from what is there",
                         place.topic, (int)place.partition, (long long)high, s->replaced,
                         (long long)row->next_offset);
    return weir_checkpoints_lowest(read, place) >= 0 || check_start(s, place, low, error);
}

/* read: the rows of the new one. */
static bool check_all_replaced(weir_subscription *s, const weir_checkpoints *read,
                               weir_error *error)
{
    weir_checkpoints old = {0};
    bool ok = s->replaced == 0 || read_rows(s, s->replaced, &old, error);
    for (size_t i = 0; ok && i < old.count; i++)
        ok = check_replaced(s, &old.rows[i], read, error);
    weir_checkpoints_free(&old);
    return ok;
}

/* The rows are read before Kafka is asked: an end that is below one was so then. */
bool weir_foreign_check(weir_subscription *s, weir_error *error)
{
    weir_checkpoints read = {0};
    bool ok = look_at_partitions(s, error) && read_rows(s, s->generation, &read, error) &&
              check_all_replaced(s, &read, error);
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
