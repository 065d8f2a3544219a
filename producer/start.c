/* Starting: what is recorded, what Kafka really holds, and where reading has to begin.
 *
 * The topics' tails decide. The recorded cursor is believed for where to begin reading, and moved
 * back where Kafka has lost what it had acknowledged. What cannot be put right without a person (a
 * topic that is gone or shrank, events that the store does not know) stops the relay and is named.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/relay_int.h"

#define RESOLVE                                                                                    \
    "Nothing was published to it. Find out what happened first; `weir topic reconcile` says what " \
    "there is to choose from"
#define ARRAY_LIMIT (64 << 20)

static weir_result *ask(weir_relay *relay, const char *statement, const weir_param *params,
                        int count, weir_error *error)
{
    return weir_connection_query(weir_store_connection(relay->store), statement, params, count,
                                 error);
}

static bool add_topic(weir_relay *relay, const weir_result *rows, int row, weir_error *error)
{
    const char *type = weir_result_value(rows, row, 0), *name = weir_result_value(rows, row, 1);
    if (!weir_topic_plan_check(relay->config, type, (int)weir_result_integer(rows, row, 3), name,
                               error) ||
        !weir_relay_topics_add(&relay->topics, type, name, (int)weir_result_integer(rows, row, 2),
                               error))
        return false;
    relay->topics.list[relay->topics.count - 1]->accepted = weir_result_integer(rows, row, 4);
    return true;
}

static bool load_topics(weir_relay *relay, weir_error *error)
{
    weir_result *rows = ask(relay, "relay_topics", NULL, 0, error);
    bool ok = rows != NULL;
    weir_relay_topics_clear(&relay->topics);
    for (int i = 0; ok && i < weir_result_rows(rows); i++)
        ok = add_topic(relay, rows, i, error);
    weir_result_free(rows);
    return ok;
}

static bool load_partitions(weir_relay *relay, weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name)};
    weir_result *rows = ask(relay, "relay_partitions", params, 1, error);
    for (int i = 0; rows && i < weir_result_rows(rows); i++) {
        const weir_relay_topic *topic =
            weir_relay_topics_named(&relay->topics, weir_result_value(rows, i, 0));
        int64_t partition = weir_result_integer(rows, i, 1);
        if (!topic || partition >= topic->partitions)
            continue;
        weir_part *part = &relay->topics.parts[topic->first + (size_t)partition];
        part->position = weir_result_integer(rows, i, 2);
        part->next_offset = weir_result_integer(rows, i, 3);
    }
    weir_result_free(rows);
    return rows != NULL;
}

static bool was_written(const weir_relay *relay, const weir_relay_topic *topic)
{
    for (int i = 0; i < topic->partitions; i++)
        if (relay->topics.parts[topic->first + (size_t)i].next_offset > 0)
            return true;
    return false;
}

static bool make_again(weir_relay *relay, weir_tail_reader *reader, const weir_relay_topic *topic,
                       int *count, weir_error *error)
{
    weir_topic_plan plan;
    bool created;
    if (!weir_topic_plan_make(relay->config, topic->aggregate_type, 1, &plan, error))
        return false;
    snprintf(plan.name, sizeof plan.name, "%s", topic->name);
    plan.partitions = topic->partitions;
    return weir_tail_reader_create(reader, relay->config, &plan, count, &created, error);
}

/* A topic that is recorded and missing was never written to only if a relay died between recording
 * and using it. */
static bool check_topic(weir_relay *relay, weir_tail_reader *reader, const weir_relay_topic *topic,
                        weir_error *error)
{
    int count;
    if (!weir_tail_reader_count(reader, topic->name, &count, error))
        return false;
    if (count == 0 && was_written(relay, topic))
        return weir_fail(error, WEIR_FATE_FATAL, "topic %s of aggregate type %s is gone. " RESOLVE,
                         topic->name, topic->aggregate_type);
    if (count == 0 && !make_again(relay, reader, topic, &count, error))
        return false;
    if (count < topic->partitions)
        return weir_fail(
            error, WEIR_FATE_FATAL,
            "topic %s has %d partitions, but %d are recorded: it was made anew. " RESOLVE,
            topic->name, count, topic->partitions);
    if (count > topic->partitions)
        WEIR_WARN("relay", relay->title,
                  "a topic has more partitions than recorded; they stay unused",
                  WEIR_TEXT("topic", topic->name), WEIR_NUMBER("partitions", count),
                  WEIR_NUMBER("recorded", topic->partitions));
    return true;
}

static bool check_topics(weir_relay *relay, weir_tail_reader *reader, weir_error *error)
{
    if (!weir_tail_reader_look(reader, error))
        return false;
    for (size_t i = 0; i < relay->topics.count; i++)
        if (!check_topic(relay, reader, relay->topics.list[i], error))
            return false;
    return true;
}

static bool refuse_unknown(const weir_tail *tail, int64_t last, weir_error *error)
{
    bool ahead = tail->position > last;
    return weir_fail(
        error, WEIR_FATE_FATAL,
        "partition %d of topic %s ends with position %" PRId64 " (offset %" PRId64
        "), %s. " RESOLVE,
        tail->partition, tail->topic, tail->position, tail->offset,
        ahead ? "ahead of everything in the store, as after a restore of an older backup"
              : "an event of this store that the store does not have, as after a failover "
                "that lost commits");
}

/* is_doubtful: the tail shows an event that nobody has accepted as unknown. */
static bool is_doubtful(const weir_relay *relay, const weir_tail *tail)
{
    return tail->seen &&
           tail->position > weir_relay_topics_named(&relay->topics, tail->topic)->accepted;
}

static weir_tail make_tail(const weir_relay *relay, const weir_relay_topic *topic, int partition)
{
    const weir_part *part = &relay->topics.parts[topic->first + (size_t)partition];
    return (weir_tail){.topic = topic->name,
                       .partition = partition,
                       .recorded_position = part->position,
                       .recorded_offset = part->next_offset};
}

/* is_empty: of what is recorded of any partition, another shard's too, nothing is left. Where
 * something is left elsewhere, Kafka has lost a part, and that is published again. */
static bool is_empty(weir_relay *relay, weir_tail_reader *reader, const weir_relay_topic *topic,
                     bool *empty, weir_error *error)
{
    size_t count = (size_t)topic->partitions;
    weir_tail *tails = weir_calloc(count, sizeof *tails);
    for (size_t i = 0; i < count; i++)
        tails[i] = make_tail(relay, topic, (int)i);
    bool ok =
        weir_tail_reader_read(reader, weir_store_id(relay->store), tails, count, false, error);
    *empty = true;
    for (size_t i = 0; i < count; i++)
        *empty = *empty && (tails[i].recorded_offset == 0 || tails[i].blank);
    free(tails);
    return ok;
}

/* refuse_empty: a topic of which nothing is left was made anew, as far as anybody can tell. */
static bool refuse_empty(weir_relay *relay, weir_tail_reader *reader, const weir_tail *tails,
                         size_t count, weir_error *error)
{
    const char *asked = NULL;
    for (size_t i = 0; i < count; i++) {
        bool empty;
        if (!tails[i].blank || tails[i].topic == asked)
            continue;
        asked = tails[i].topic;
        if (!is_empty(relay, reader, weir_relay_topics_named(&relay->topics, asked), &empty, error))
            return false;
        if (empty)
            return weir_fail(error, WEIR_FATE_FATAL,
                             "topic %s holds none of the events that were published to it: it was "
                             "made anew, or Kafka has lost all of it. " RESOLVE,
                             asked);
    }
    return true;
}

/* Every event that a tail shows must be in the store. */
static bool check_known(weir_relay *relay, const weir_tail *tails, size_t count, weir_error *error)
{
    weir_array positions = {WEIR_BUFFER(ARRAY_LIMIT), 0}, ids = {WEIR_BUFFER(ARRAY_LIMIT), 0};
    weir_array_begin(&positions, WEIR_PG_INT8);
    weir_array_begin(&ids, WEIR_PG_UUID);
    for (size_t i = 0; i < count; i++) {
        if (!is_doubtful(relay, &tails[i]))
            continue;
        weir_array_int64(&positions, tails[i].position);
        weir_array_uuid(&ids, &tails[i].id);
    }
    weir_param params[] = {weir_array_param(&positions), weir_array_param(&ids)};
    weir_result *rows = ask(relay, "relay_unknown", params, 2, error);
    bool ok = rows != NULL;
    for (size_t i = 0; ok && weir_result_rows(rows) > 0 && i < count; i++)
        if (is_doubtful(relay, &tails[i]) && tails[i].position == weir_result_integer(rows, 0, 0))
            ok = refuse_unknown(&tails[i], weir_result_integer(rows, 0, 1), error);
    weir_result_free(rows);
    weir_array_free(&positions);
    weir_array_free(&ids);
    return ok;
}

static void warn_about(const weir_relay *relay, const weir_tail *tail)
{
    if (tail->foreign > 0)
        WEIR_WARN("relay", relay->title, "records that no relay wrote were stepped over",
                  WEIR_TEXT("topic", tail->topic), WEIR_NUMBER("partition", tail->partition),
                  WEIR_NUMBER("records", tail->foreign));
    if (tail->lost)
        WEIR_WARN("relay", relay->title,
                  "Kafka has lost events that it had acknowledged; they are published again",
                  WEIR_TEXT("topic", tail->topic), WEIR_NUMBER("partition", tail->partition),
                  WEIR_NUMBER("after", tail->position),
                  WEIR_NUMBER("recorded", tail->recorded_position));
}

static void adopt(weir_relay *relay, weir_part *part, const weir_tail *tail)
{
    warn_about(relay, tail);
    if (tail->lost && tail->position < relay->read_position)
        relay->read_position = tail->position;
    part->tail = tail->position;
    part->end = tail->seen && !tail->regrown ? tail->offset + 1 : 0;
    if (!tail->seen && !tail->lost)
        return;
    int64_t next_offset = tail->seen ? tail->offset + 1 : 0;
    part->changed = part->position != tail->position || part->next_offset != next_offset;
    part->position = tail->position;
    part->next_offset = next_offset;
    relay->parts_changed = relay->parts_changed || part->changed;
}

bool weir_relay_owns(const weir_relay *relay, const weir_relay_topic *topic, int32_t partition)
{
    return relay->shards == 1 || weir_relay_owner(topic, partition, relay->shards) == relay->shard;
}

bool weir_relay_find_tails(weir_relay *relay, weir_tail_reader *reader, size_t first, size_t count,
                           bool settle, weir_error *error)
{
    weir_tail *tails = weir_calloc(count + 1, sizeof *tails);
    size_t *parts = weir_calloc(count + 1, sizeof *parts), asked = 0;
    for (size_t i = first; i < first + count; i++) {
        const weir_relay_topic *topic = weir_relay_topics_of(&relay->topics, i);
        if (!weir_relay_owns(relay, topic, (int32_t)(i - topic->first)))
            continue;
        parts[asked] = i;
        tails[asked++] = make_tail(relay, topic, (int)(i - topic->first));
    }
    weir_metric_add(relay->meters.tail_reads, 1);
    bool ok =
        weir_tail_reader_read(reader, weir_store_id(relay->store), tails, asked, settle, error) &&
        refuse_empty(relay, reader, tails, asked, error) && check_known(relay, tails, asked, error);
    for (size_t i = 0; ok && i < asked; i++)
        adopt(relay, &relay->topics.parts[parts[i]], &tails[i]);
    free(parts);
    free(tails);
    return ok;
}

bool weir_relay_last_position(weir_relay *relay, int64_t *position, weir_error *error)
{
    weir_result *result = ask(relay, "relay_goal", NULL, 0, error);
    if (result)
        *position = weir_result_integer(result, 0, 0);
    weir_result_free(result);
    return result != NULL;
}

static bool find_goal(weir_relay *relay, weir_error *error)
{
    return !relay->once || relay->goal >= 0 || weir_relay_last_position(relay, &relay->goal, error);
}

static bool open_sink(weir_relay *relay, weir_error *error)
{
    char *id = relay->exactly_once ? weir_relay_transactional_id(relay) : NULL;
    weir_sink_options options = {
        .events = relay->in_flight_events,
        .bytes = relay->in_flight_bytes,
        .single = relay->single,
        .transactional_id = id,
        .delivered = weir_relay_on_delivery,
        .context = relay,
    };
    relay->sink = weir_sink_open(relay->config, &options, error);
    free(id);
    return relay->sink != NULL;
}

static void begin(weir_relay *relay)
{
    weir_ring_reset(relay->ring, relay->read_position);
    relay->read_through = relay->read_position;
    relay->unclean = false;
    relay->wanted[0] = '\0';
    relay->caught_up = false;
    relay->saved_us = 0; /* at once: what the tails showed is worth keeping */
    weir_relay_kafka_up(relay, true, NULL);
    weir_relay_progress(relay);
    weir_relay_enter(relay, WEIR_RELAY_ACTIVE);
    WEIR_INFO("relay", relay->title, "publishing",
              WEIR_TEXT("delivery", relay->exactly_once ? "exactly_once" : "at_least_once"),
              WEIR_NUMBER("epoch", relay->epoch), WEIR_NUMBER("after", relay->read_position),
              WEIR_NUMBER("topics", relay->topics.count));
}

bool weir_relay_start(weir_relay *relay, weir_error *error)
{
    weir_relay_drop_sink(relay);
    relay->read_position = relay->saved_position;
    relay->parts_changed = false;
    weir_tail_reader *reader = NULL;
    bool led = false;
    bool ok = weir_relay_beat(relay, error) && load_topics(relay, error) &&
              load_partitions(relay, error) && open_sink(relay, error) &&
              weir_relay_take_over(relay, &led, error) && (led || weir_relay_lose(relay, error));
    if (ok) {
        reader = weir_tail_reader_open(relay->config, relay->stop, error);
        if (reader)
            weir_tail_reader_keep_beating(reader, weir_relay_keep_beating, relay);
        ok = reader && check_topics(relay, reader, error) &&
             weir_relay_find_tails(relay, reader, 0, relay->topics.part_count, relay->unclean,
                                   error) &&
             find_goal(relay, error);
        weir_tail_reader_close(reader);
    }
    if (ok)
        begin(relay);
    else
        weir_relay_drop_sink(relay);
    return ok;
}
