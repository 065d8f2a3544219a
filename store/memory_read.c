/* Reading in memory: a read is a range of a sequence, a direction and a filter. A page of records
 * is gathered under the lock and handed over without it, since a receiver may take its time; what
 * is appended after a read began is beyond its range. */
#include <stdlib.h>
#include <string.h>

#include "store/memory_int.h"

#define PAGE 256           /* records handed over between two lockings */
#define LONGEST_SCAN 65536 /* records looked at under one locking */

static bool is(const char *wanted, const char *value)
{
    return !wanted || (value && strcmp(wanted, value) == 0);
}

static bool is_wanted(const weir_read *what, const weir_record *record)
{
    return is(what->aggregate_type, record->event.aggregate_type) &&
           is(what->event_type, record->event.type) &&
           is(what->correlation_id, record->correlation_id) &&
           is(what->causation_id, record->causation_id) && is(what->user_id, record->user_id) &&
           (what->as_of_us == 0 || record->event.recorded_at_us <= what->as_of_us);
}

/* What is left to read: places low to high of a sequence, counted from 1. */
struct range {
    const weir_sequence *sequence;
    int64_t low, high, left;
};

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* range_of is set under the lock. */
static struct range range_of(weir_memory *memory, weir_read *what)
{
    static const weir_sequence nothing;
    struct range range = {.sequence = &memory->log, .left = what->limit};
    if (what->limit <= 0)
        range.left = INT64_MAX;
    if (what->aggregate_id) {
        const weir_memory_stream *stream =
            weir_log_stream(memory, what->aggregate_type, what->aggregate_id, false);
        range.sequence = stream ? &stream->events : &nothing;
        range.low = most(what->from, 1);
        range.high = least(what->to ? what->to : INT64_MAX, range.sequence->count);
        return range;
    }
    what->horizon = memory->log.count;
    if (what->through > 0)
        what->horizon = least(what->through, memory->log.count);
    range.low = what->backwards ? 1 : most(what->after, 0) + 1;
    range.high = what->horizon;
    if (what->backwards && what->after)
        range.high = least(what->after - 1, what->horizon);
    return range;
}

/* gather takes the next records of a range, under the lock. */
static size_t gather(struct range *range, const weir_read *what, const weir_record **page)
{
    size_t found = 0;
    for (int n = 0; n < LONGEST_SCAN && found < PAGE && range->low <= range->high; n++) {
        int64_t place = what->backwards ? range->high-- : range->low++;
        const weir_record *record = range->sequence->records[place - 1];
        if (is_wanted(what, record))
            page[found++] = record;
    }
    return found;
}

bool weir_memory_read(weir_store *store, weir_read *what, weir_event_fn *fn, void *context,
                      weir_error *error)
{
    weir_memory *memory = store->memory;
    const weir_record *page[PAGE];
    pthread_mutex_lock(&memory->lock);
    struct range range = range_of(memory, what);
    pthread_mutex_unlock(&memory->lock);
    while (range.left > 0 && range.low <= range.high) {
        pthread_mutex_lock(&memory->lock);
        size_t found = gather(&range, what, page);
        pthread_mutex_unlock(&memory->lock);
        for (size_t i = 0; i < found && range.left > 0; i++, range.left--)
            if (!fn(context, &page[i]->event, error))
                return false;
    }
    return true;
}

bool weir_memory_stream_version(weir_store *store, const char *aggregate_type,
                                const char *aggregate_id, int64_t *version, weir_error *error)
{
    (void)error;
    pthread_mutex_lock(&store->memory->lock);
    const weir_memory_stream *stream =
        weir_log_stream(store->memory, aggregate_type, aggregate_id, false);
    *version = stream ? stream->events.count : 0;
    pthread_mutex_unlock(&store->memory->lock);
    return true;
}

/* A stream as it is listed: its last event says all. */
static int by_aggregate(const void *left, const void *right)
{
    const weir_event *a = &(*(const weir_record *const *)left)->event;
    const weir_event *b = &(*(const weir_record *const *)right)->event;
    int order = strcmp(a->aggregate_type, b->aggregate_type);
    return order ? order : strcmp(a->aggregate_id, b->aggregate_id);
}

static const weir_record **last_records(weir_memory *memory, const char *aggregate_type,
                                        int64_t *count)
{
    pthread_mutex_lock(&memory->lock);
    const weir_record **last =
        weir_calloc(HASH_COUNT(memory->streams) + 1u, sizeof(const weir_record *));
    for (weir_memory_stream *s = memory->streams; s; s = s->hh.next)
        if (s->events.count > 0 && is(aggregate_type, s->key))
            last[(*count)++] = s->events.records[s->events.count - 1];
    pthread_mutex_unlock(&memory->lock);
    return last;
}

bool weir_memory_streams(weir_store *store, const char *aggregate_type, int64_t limit,
                         weir_stream_fn *fn, void *context, weir_error *error)
{
    int64_t count = 0;
    bool ok = true;
    const weir_record **last = last_records(store->memory, aggregate_type, &count);
    qsort(last, (size_t)count, sizeof *last, by_aggregate);
    for (int64_t i = 0; ok && i < count && (limit <= 0 || i < limit); i++) {
        const weir_event *event = &last[i]->event;
        ok = fn(context, event->aggregate_type, event->aggregate_id, event->version, error);
    }
    free(last);
    return ok;
}
