/* Appending in memory. What can be prepared is prepared before the lock is taken; under it all
 * appends of a call are placed, in the order in which PostgreSQL would lock their streams, or those
 * that were are taken back: nobody sees them in between. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/json_normal_int.h"
#include "store/memory_int.h"

/* One append with its events as records. */
struct draft {
    weir_append *append;
    weir_record **records;
};

static int by_aggregate(const void *left, const void *right)
{
    const weir_append *a = ((const struct draft *)left)->append,
                      *b = ((const struct draft *)right)->append;
    int order = strcmp(a->aggregate_type, b->aggregate_type);
    if (order == 0)
        order = strcmp(a->aggregate_id, b->aggregate_id);
    return order ? order : (a > b) - (a < b);
}

static bool prepare(struct draft *draft, int64_t max_event_bytes, weir_error *error)
{
    const weir_append *append = draft->append;
    bool ok = weir_aggregate_check(append, error);
    for (size_t i = 0; ok && i < append->count; i++) {
        weir_checked checked = {0};
        ok = weir_event_check(append, i, max_event_bytes, &checked, error);
        if (ok)
            draft->records[i] = weir_record_new(append, &append->events[i], &checked);
        weir_checked_free(&checked);
    }
    return ok;
}

static int by_key(const void *left, const void *right)
{
    const weir_record *a = *(weir_record *const *)left, *b = *(weir_record *const *)right;
    return memcmp(a->event.id.bytes, b->event.id.bytes, sizeof a->event.id.bytes);
}

static bool has_an_id_twice(const struct draft *draft)
{
    size_t count = draft->append->count, bytes = count * sizeof(weir_record *);
    bool twice = false;
    weir_record **sorted = weir_malloc(bytes);
    memcpy(sorted, draft->records, bytes);
    qsort(sorted, count, sizeof(weir_record *), by_key);
    for (size_t i = 1; i < count; i++)
        twice = twice || by_key(&sorted[i - 1], &sorted[i]) == 0;
    free(sorted);
    return twice;
}

static bool folded(const weir_event *event, weir_buffer *out)
{
    weir_error ignored;
    *out = WEIR_BUFFER(event->data_length + 1);
    return weir_json_normal(event->data, event->data_length, true, out, &ignored);
}

/* equal_data: as jsonb compares, 1.0 is 1.00; binary data byte by byte. */
static bool equal_data(const weir_event *a, const weir_event *b)
{
    if (a->binary != b->binary)
        return false;
    if (a->data_length == b->data_length && memcmp(a->data, b->data, a->data_length) == 0)
        return true;
    if (a->binary)
        return false;
    weir_buffer left, right;
    bool equal = folded(a, &left) & folded(b, &right);
    equal = equal && left.length == right.length && memcmp(left.data, right.data, left.length) == 0;
    weir_buffer_free(&left);
    weir_buffer_free(&right);
    return equal;
}

/* What an earlier append with these ids left. */
struct earlier {
    size_t known;
    int64_t last, offset; /* the highest version; version less place in the append */
    bool identical;
    const weir_event *example; /* the first by aggregate id */
};

static struct earlier look_back(const weir_memory *memory, const struct draft *draft)
{
    struct earlier earlier = {.identical = true};
    for (size_t i = 0; i < draft->append->count; i++) {
        const weir_record *known = weir_log_find(memory, draft->records[i]);
        if (!known)
            continue;
        const weir_event *before = &known->event, *now = &draft->records[i]->event;
        if (earlier.known++ == 0)
            earlier.offset = before->version - (int64_t)i;
        earlier.identical = earlier.identical && before->version - (int64_t)i == earlier.offset &&
                            strcmp(before->aggregate_id, now->aggregate_id) == 0 &&
                            strcmp(before->type, now->type) == 0 && equal_data(before, now);
        earlier.last = before->version > earlier.last ? before->version : earlier.last;
        if (!earlier.example || strcmp(before->aggregate_id, earlier.example->aggregate_id) < 0)
            earlier.example = before;
    }
    return earlier;
}

static bool refuse_overlap(const struct draft *draft, const struct earlier *earlier,
                           weir_error *error)
{
    char id[WEIR_UUID_TEXT];
    weir_uuid_format(&earlier->example->id, id);
    return weir_refuse(error, "WV003",
                       "%zu of %zu event ids are already used in %s: For example in %s (%s). Hint: "
                       "Only the identical append may be repeated; other events need other ids.",
                       earlier->known, draft->append->count, draft->append->aggregate_type,
                       earlier->example->aggregate_id, id);
}

static bool is_closed(const weir_memory_stream *stream, int64_t version)
{
    return version > 0 &&
           strcmp(stream->events.records[version - 1]->event.type, WEIR_TOMBSTONE) == 0;
}

/* place adds a draft's records under the lock, unless they are there or must not be. */
static bool place(weir_memory *memory, const struct draft *draft, weir_error *error)
{
    weir_append *append = draft->append;
    int64_t expected = append->expected_version;
    if (has_an_id_twice(draft))
        return weir_refuse(error, "WV002", "an event id stands twice in one append to %s/%s",
                           append->aggregate_type, append->aggregate_id);
    struct earlier earlier = look_back(memory, draft);
    append->version = earlier.last;
    if (earlier.known == append->count && earlier.identical)
        return true;
    if (earlier.known > 0)
        return refuse_overlap(draft, &earlier, error);
    weir_memory_stream *stream =
        weir_log_stream(memory, append->aggregate_type, append->aggregate_id, true);
    int64_t version = stream->events.count;
    if (is_closed(stream, version))
        return weir_refuse(error, "WV006",
                           "%s/%s is closed: Its last event, version %" PRId64 ", is a tombstone. "
                           "Hint: Append to an aggregate with another id.",
                           append->aggregate_type, append->aggregate_id, version);
    if ((expected >= 0 && expected != version) || (expected == WEIR_MUST_EXIST && version == 0))
        return weir_refuse(error, "WV001",
                           "conflict in %s/%s: expected version %" PRId64
                           ", actual version %" PRId64,
                           append->aggregate_type, append->aggregate_id, expected, version);
    for (size_t i = 0; i < append->count; i++)
        weir_log_add(memory, stream, draft->records[i]);
    append->version = stream->events.count;
    return true;
}

/* place_all places what could be prepared; all or nothing. Returns how many were placed. */
static size_t place_all(weir_memory *memory, const struct draft *drafts, size_t prepared,
                        size_t count, weir_error *error)
{
    size_t placed = 0;
    weir_error mine;
    pthread_mutex_lock(&memory->lock);
    int64_t before = memory->log.count;
    while (placed < prepared && place(memory, &drafts[placed], &mine))
        placed++;
    if (placed < count)
        weir_log_undo(memory, before);
    else
        pthread_cond_broadcast(&memory->grown);
    pthread_mutex_unlock(&memory->lock);
    if (placed < prepared)
        *error = mine;
    return placed;
}

static void drafts_free(struct draft *drafts, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        for (size_t i = 0; i < drafts[n].append->count; i++)
            if (drafts[n].records[i] && drafts[n].records[i]->event.position == 0)
                weir_record_free(drafts[n].records[i]);
        free(drafts[n].records);
    }
    free(drafts);
}

bool weir_memory_append(weir_store *store, weir_append *appends, size_t count, size_t *failed,
                        weir_error *error)
{
    struct draft *drafts = weir_calloc(count + 1, sizeof *drafts);
    for (size_t n = 0; n < count; n++)
        drafts[n] =
            (struct draft){&appends[n], weir_calloc(appends[n].count, sizeof(weir_record *))};
    qsort(drafts, count, sizeof *drafts, by_aggregate);
    size_t prepared = 0;
    while (prepared < count && prepare(&drafts[prepared], store->max_event_bytes, error))
        prepared++;
    size_t placed = place_all(store->memory, drafts, prepared, count, error);
    bool ok = placed == count;
    if (!ok)
        *failed = (size_t)(drafts[placed].append - appends);
    drafts_free(drafts, count);
    return ok;
}
