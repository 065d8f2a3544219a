/* Examining one topic: what Kafka holds against what the store has and the record says.
 *
 * Only the last events of each partition are read: what a restored backup or a failover took from
 * the store were its last. It changes nothing. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "producer/producer.h"
#include "producer/reconcile_int.h"

#define WINDOW 20000 /* offsets of a partition, */
#define MOST 1000000 /* unless that is more than this for all of them */
#define ARRAY_LIMIT (64 << 20)
#define MOST_CONFLICTS 10000

void weir_case_free(weir_case *this)
{
    for (int i = 0; this->tails && i < this->partitions; i++)
        free(this->tails[i].found);
    free(this->tails);
    free(this->parts);
    free(this->aggregate_type);
    free(this->topic);
    weir_buffer_free(&this->explained);
    weir_buffer_free(&this->ways);
    weir_buffer_free(&this->plan);
}

static bool load_record(weir_case *this, weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(this->topic)};
    weir_result *rows = weir_connection_query(weir_store_connection(this->store),
                                              "reconcile_recorded", params, 1, error);
    for (int i = 0; rows && i < weir_result_rows(rows); i++) {
        int64_t partition = weir_result_integer(rows, i, 0);
        if (partition >= this->partitions)
            continue;
        this->tails[partition].recorded_position = weir_result_integer(rows, i, 1);
        this->tails[partition].recorded_offset = weir_result_integer(rows, i, 2);
    }
    weir_result_free(rows);
    return rows != NULL;
}

static bool was_written(const weir_case *this)
{
    for (int i = 0; i < this->partitions; i++)
        if (this->tails[i].recorded_offset > 0)
            return true;
    return false;
}

static int compare_events(const void *a, const void *b)
{
    const weir_tail_event *x = a, *y = b;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* mark_unknown asks the store which of the partition's events it does not have. */
static bool mark_unknown(weir_case *this, weir_tail *tail, weir_error *error)
{
    weir_array positions = {WEIR_BUFFER(ARRAY_LIMIT), 0}, ids = {WEIR_BUFFER(ARRAY_LIMIT), 0};
    weir_array_begin(&positions, WEIR_PG_INT8);
    weir_array_begin(&ids, WEIR_PG_UUID);
    for (size_t i = 0; i < tail->found_count; i++) {
        weir_array_int64(&positions, tail->found[i].position);
        weir_array_uuid(&ids, &tail->found[i].id);
    }
    weir_param params[] = {weir_array_param(&positions), weir_array_param(&ids)};
    weir_result *rows = weir_connection_query(weir_store_connection(this->store), "relay_unknown",
                                              params, 2, error);
    for (int row = 0; rows && row < weir_result_rows(rows); row++)
        tail->found[weir_result_integer(rows, row, 2) - 1].unknown =
            weir_result_integer(rows, row, 0) > this->accepted;
    weir_result_free(rows);
    weir_array_free(&positions);
    weir_array_free(&ids);
    return rows != NULL;
}

static void note_unknown(weir_case *this, weir_case_part *part, int64_t position)
{
    if (part->below == INT64_MAX)
        part->below = position;
    part->last = position;
    if (this->unknown++ == 0 || position < this->first_unknown)
        this->first_unknown = position;
    if (position > this->last_unknown)
        this->last_unknown = position;
}

static bool compare_with_store(weir_case *this, int partition, weir_error *error)
{
    weir_tail *tail = &this->tails[partition];
    weir_case_part *part = &this->parts[partition];
    if (tail->found_count > 0)
        qsort(tail->found, tail->found_count, sizeof *tail->found, compare_events);
    if (!mark_unknown(this, tail, error))
        return false;
    bool expired = tail->found_count == 0 && tail->low > 0;
    part->below = expired ? tail->recorded_position + 1 : INT64_MAX;
    for (size_t i = 0; i < tail->found_count; i++)
        if (tail->found[i].unknown &&
            (i == 0 || tail->found[i].position != tail->found[i - 1].position))
            note_unknown(this, part, tail->found[i].position);
        else if (!tail->found[i].unknown && part->below == INT64_MAX)
            part->known = tail->found[i].position;
    if (part->last > 0 && part->known == 0 && tail->from > 0)
        this->beyond = true; /* nothing that both have was met */
    return true;
}

/* is_blank as a relay sees it at its start; nothing else is left of what was recorded. */
static bool is_blank(const weir_tail *tail)
{
    for (size_t i = 0; i < tail->found_count; i++)
        if (tail->found[i].position <= tail->recorded_position)
            return false;
    return tail->low == 0 && tail->from == 0;
}

static weir_disaster judge(const weir_case *this)
{
    bool other = false, blank = was_written(this);
    for (int i = 0; i < this->partitions; i++) {
        other = other || this->tails[i].other_store;
        blank = blank && (this->tails[i].recorded_offset == 0 || is_blank(&this->tails[i]));
    }
    return other               ? WEIR_DISASTER_OTHER_STORE
           : this->unknown > 0 ? WEIR_DISASTER_AHEAD
           : blank             ? WEIR_DISASTER_EMPTY
                               : WEIR_DISASTER_NONE;
}

static bool in_topic(const weir_tail *tail, int64_t position)
{
    for (size_t i = 0; i < tail->found_count; i++)
        if (tail->found[i].position == position && !tail->found[i].unknown)
            return true;
    return false;
}

bool weir_case_count_conflicts(weir_case *this, weir_error *error)
{
    char after[24], until[24];
    int64_t lowest = INT64_MAX;
    for (int i = 0; i < this->partitions; i++)
        if (this->parts[i].last > 0 && this->parts[i].known < lowest)
            lowest = this->parts[i].known;
    weir_param params[] = {WEIR_PARAM_TEXT(this->aggregate_type), weir_param_integer(lowest, after),
                           weir_param_integer(this->last_unknown, until)};
    weir_result *rows = weir_connection_query(weir_store_connection(this->store),
                                              "reconcile_events", params, 3, error);
    this->conflicts = rows && weir_result_rows(rows) > MOST_CONFLICTS ? 1 : 0;
    for (int i = 0; rows && i < weir_result_rows(rows); i++) {
        int64_t position = weir_result_integer(rows, i, 0);
        const char *id = weir_result_value(rows, i, 1);
        int32_t partition = weir_sink_partition(id, strlen(id), this->partitions);
        const weir_case_part *part = &this->parts[partition];
        if (part->last > 0 && position > part->known && position <= part->last &&
            !in_topic(&this->tails[partition], position))
            this->conflicts++;
    }
    weir_result_free(rows);
    return rows != NULL;
}

static bool read_topic(weir_case *this, weir_error *error)
{
    int64_t each = MOST / this->partitions;
    if (!weir_tail_reader_window(this->reader, weir_store_id(this->store), this->tails,
                                 (size_t)this->partitions, each < WINDOW ? each : WINDOW, error))
        return false;
    for (int i = 0; i < this->partitions; i++)
        if (!compare_with_store(this, i, error))
            return false;
    this->disaster = judge(this);
    return this->disaster != WEIR_DISASTER_AHEAD || weir_case_count_conflicts(this, error);
}

/* explain_expired: where retention took all, the record has to be believed. */
static void explain_expired(weir_case *this)
{
    int expired = 0;
    int64_t most = 0;
    for (int i = 0; this->real > 0 && i < this->partitions; i++) {
        const weir_tail *tail = &this->tails[i];
        if (tail->recorded_offset == 0 || tail->low < tail->high ||
            tail->high < tail->recorded_offset)
            continue;
        expired++;
        if (tail->high - tail->recorded_offset > most)
            most = tail->high - tail->recorded_offset;
    }
    if (expired > 0)
        weir_buffer_format(&this->explained,
                           ". Retention took everything from %d of its %d partitions: a relay goes "
                           "on behind what is recorded of them, after which at most %" PRId64
                           " offsets were used; if the store was restored from a backup since, "
                           "these were events that it may not have, and --new-generation is safe",
                           expired, this->partitions, most);
}

static void explain_ahead(weir_case *this)
{
    weir_buffer *out = &this->explained;
    weir_buffer_format(out, "it holds %s%" PRId64 " event%s that the store does not have, ",
                       this->beyond ? "more than " : "", this->unknown,
                       this->unknown == 1 ? "" : "s");
    if (this->first_unknown == this->last_unknown)
        weir_buffer_format(out, "position %" PRId64, this->first_unknown);
    else
        weir_buffer_format(out, "positions %" PRId64 " to %" PRId64, this->first_unknown,
                           this->last_unknown);
    weir_buffer_text(out, ": the store was restored from an older backup, or lost commits in a "
                          "failover. Readers may have seen them");
    if (this->conflicts > 0)
        weir_buffer_text(out, ". Events were appended since, at positions that the topic has "
                              "given to others: its readers would skip them");
}

static void explain(weir_case *this)
{
    static const char *const ways[] = {
        [WEIR_DISASTER_NONE] = "",
        [WEIR_DISASTER_GONE] = "--republish --new-generation",
        [WEIR_DISASTER_FEWER] = "--new-generation",
        [WEIR_DISASTER_OTHER_STORE] = "--new-generation",
        [WEIR_DISASTER_AHEAD] = "--accept-ahead --new-generation",
        [WEIR_DISASTER_EMPTY] = "--republish --new-generation",
    };
    weir_buffer *out = &this->explained;
    weir_buffer_text(out, "");
    bool services_went_on = this->beyond || this->conflicts > 0;
    weir_buffer_text(&this->ways, this->disaster == WEIR_DISASTER_AHEAD && services_went_on
                                      ? "--new-generation"
                                      : ways[this->disaster]);
    switch (this->disaster) {
    case WEIR_DISASTER_NONE:
        weir_buffer_text(out, "what Kafka holds is in the store");
        if (this->accepted > 0)
            weir_buffer_format(
                out, ", except events that were accepted as lost, up to position %" PRId64,
                this->accepted);
        explain_expired(this);
        break;
    case WEIR_DISASTER_GONE:
        weir_buffer_text(out, "Kafka does not have the topic: it was deleted, or these are other "
                              "brokers. The store has all events; readers lost nothing that they "
                              "had read");
        break;
    case WEIR_DISASTER_FEWER:
        weir_buffer_format(out,
                           "it has %d partitions and %d are recorded, so it was made anew by "
                           "somebody: keys would change their partition. Make it anew with %d, or "
                           "leave it for another",
                           this->real, this->partitions, this->partitions);
        break;
    case WEIR_DISASTER_OTHER_STORE:
        weir_buffer_text(out, "it holds events of another store: two stores publish to one topic, "
                              "or this store was restored under another identity. Readers saw "
                              "events that are not of this store");
        break;
    case WEIR_DISASTER_AHEAD:
        explain_ahead(this);
        break;
    case WEIR_DISASTER_EMPTY:
        weir_buffer_text(out, "nothing is left of the events that were published to it: it was "
                              "made anew, or Kafka has lost all of it. The store has all events; "
                              "readers lost nothing that they had read");
        break;
    }
}

bool weir_case_examine(weir_case *this, weir_error *error)
{
    this->tails = weir_calloc((size_t)this->partitions, sizeof *this->tails);
    this->parts = weir_calloc((size_t)this->partitions, sizeof *this->parts);
    for (int i = 0; i < this->partitions; i++)
        this->tails[i] = (weir_tail){.topic = this->topic, .partition = i};
    if (!load_record(this, error) ||
        !weir_tail_reader_count(this->reader, this->topic, &this->real, error))
        return false;
    bool ok = true;
    if (this->real == 0)
        this->disaster = was_written(this) ? WEIR_DISASTER_GONE : WEIR_DISASTER_NONE;
    else if (this->real < this->partitions)
        this->disaster = WEIR_DISASTER_FEWER;
    else
        ok = read_topic(this, error);
    explain(this);
    return ok;
}

void weir_case_same_below(const weir_case *this, int count, weir_array *below)
{
    bool known =
        count == this->partitions && !this->beyond && this->disaster != WEIR_DISASTER_OTHER_STORE;
    bool looked = this->real > 0 &&
                  (this->disaster == WEIR_DISASTER_AHEAD || this->disaster == WEIR_DISASTER_NONE);
    weir_array_begin(below, WEIR_PG_INT8);
    for (int i = 0; i < count; i++)
        weir_array_int64(below, !known ? 0 : looked ? this->parts[i].below : INT64_MAX);
}
