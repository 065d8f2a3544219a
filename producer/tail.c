/* Finding the tail of one partition.
 *
 * With something recorded, the range from that event to the end is read. Otherwise, and where the
 * record is not what was recorded, ranges ending at the end step back, doubling, until one of our
 * events is in them: what lies at the end may be markers, aborted or foreign records. */
#include "producer/tail_int.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_STEP                                                                                 \
    256 /* a dead predecessor's last request may lie behind its successor's first                  \
         */

static bool is_recorded(const weir_tail *tail)
{
    return tail->recorded_offset > 0;
}

static void step_back(weir_tail *tail, int64_t until)
{
    tail->until = until;
    tail->from = until - tail->low > tail->step ? until - tail->step : tail->low;
    tail->step *= 2;
}

/* Retention has taken every event of ours; that says nothing against the record. */
static void believe_record(weir_tail *tail)
{
    tail->position = tail->recorded_position;
    tail->offset = tail->recorded_offset - 1;
}

static void conclude(weir_tail *tail)
{
    bool expired = is_recorded(tail) && tail->position == 0 &&
                   tail->high >= tail->recorded_offset && tail->low >= tail->recorded_offset;
    if (expired)
        believe_record(tail);
    tail->lost = is_recorded(tail) && tail->position < tail->recorded_position;
    tail->blank = tail->lost && tail->position == 0 && tail->low == 0;
    tail->done = true;
}

void weir_tail_begin(weir_tail *tail)
{
    tail->step = FIRST_STEP;
    bool holds_record = is_recorded(tail) && tail->high >= tail->recorded_offset &&
                        tail->low < tail->recorded_offset;
    if (tail->low >= tail->high) {
        conclude(tail);
    } else if (holds_record) {
        tail->from = tail->recorded_offset - 1;
        tail->until = tail->high;
    } else {
        step_back(tail, tail->high);
    }
}

static bool read_position(const char *text, int64_t *position)
{
    char *end;
    *position = strtoll(text, &end, 10);
    return end > text && *end == '\0' && *position > 0;
}

/* Where the recorded event was stands something else: the log was lost and has grown again. What
 * was published since lies behind a hole; what came before it is the tail to go on from. */
static void compare_with_record(weir_tail *tail, int64_t offset, int64_t position)
{
    if (is_recorded(tail) && offset == tail->recorded_offset - 1 &&
        position != tail->recorded_position)
        tail->regrown = true;
}

static void keep(weir_tail *tail, int64_t position, const weir_uuid *id)
{
    size_t count = tail->found_count++;
    if ((count & (count - 1)) == 0) /* a power of two: it is full */
        tail->found = weir_realloc(tail->found, (count ? 2 * count : 1) * sizeof *tail->found);
    tail->found[count] = (weir_tail_event){position, *id, false};
}

bool weir_tail_see(weir_tail *tail, const weir_tail_record *record, const char *store_id,
                   weir_error *error)
{
    int64_t position;
    weir_uuid id;
    if (!record->store_id || !record->position || !record->id ||
        !read_position(record->position, &position) ||
        !weir_uuid_parse(record->id, strlen(record->id), &id)) {
        tail->foreign++;
        compare_with_record(tail, record->offset, 0);
        return true;
    }
    bool other_store = strcmp(record->store_id, store_id) != 0;
    if (tail->window && other_store)
        return tail->other_store = true;
    if (other_store)
        return weir_fail(error, WEIR_FATE_FATAL,
                         "partition %d of topic %s holds events of another store (%s, at offset "
                         "%lld), not of this one (%s): two stores must not share a topic. Nothing "
                         "was published. Change kafka.topic_prefix, or see `weir topic reconcile`",
                         tail->partition, tail->topic, record->store_id, (long long)record->offset,
                         store_id);
    if (tail->window) {
        keep(tail, position, &id);
        return true;
    }
    compare_with_record(tail, record->offset, position);
    if (tail->regrown && position > tail->recorded_position)
        return true;
    if (position > tail->position) {
        tail->position = position;
        tail->offset = record->offset;
        tail->id = id;
        tail->seen = true;
    }
    return true;
}

void weir_tail_next(weir_tail *tail)
{
    if (tail->position > 0 || tail->from <= tail->low)
        conclude(tail);
    else
        step_back(tail, tail->from);
}
