/* What the merge put aside: events that were not met, and records whose event was not at hand.
 *
 * They are looked up by position, many at a time, past the fence: that a record exists proves that
 * its event was committed. What is in the holes was not met before, so its record is the first; all
 * else of the partition was, so its record is a repetition. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "producer/verify_int.h"

#define ARRAY_LIMIT ((size_t)64 << 20)
#define DETAIL_MOST ((size_t)900)
#define ANOTHER "the store has another event at its position"

enum column {
    POSITION,
    AGGREGATE_TYPE,
    AGGREGATE_ID,
    VERSION,
    EVENT_ID,
    EVENT_TYPE,
    SCHEMA_VERSION,
    DATA,
    DATA_HEX,
    CONTENT_TYPE,
    METADATA,
    TIME,
    RECORDED_AT,
};

/* read_event fills event from a row; *bytes (free it) holds binary data. */
static void read_event(const weir_result *rows, int row, weir_event *event, char **bytes)
{
    *bytes = NULL;
    *event = (weir_event){
        .position = weir_result_integer(rows, row, POSITION),
        .aggregate_type = weir_result_value(rows, row, AGGREGATE_TYPE),
        .aggregate_id = weir_result_value(rows, row, AGGREGATE_ID),
        .version = weir_result_integer(rows, row, VERSION),
        .type = weir_result_value(rows, row, EVENT_TYPE),
        .schema_version = (int32_t)weir_result_integer(rows, row, SCHEMA_VERSION),
        .data = weir_result_value(rows, row, DATA),
        .data_length = weir_result_length(rows, row, DATA),
        .content_type = weir_result_value(rows, row, CONTENT_TYPE),
        .metadata = weir_result_value(rows, row, METADATA),
        .metadata_length = weir_result_length(rows, row, METADATA),
        .time_us = weir_result_integer(rows, row, TIME),
        .recorded_at_us = weir_result_integer(rows, row, RECORDED_AT),
    };
    const char *id = weir_result_value(rows, row, EVENT_ID);
    if (!weir_uuid_parse(id, strlen(id), &event->id))
        memset(&event->id, 0, sizeof event->id);
    if (event->data)
        return;
    const char *text = weir_result_value(rows, row, DATA_HEX);
    event->binary = true;
    event->data_length = weir_result_length(rows, row, DATA_HEX) / 2;
    event->data = *bytes = weir_malloc(event->data_length + 1);
    for (size_t i = 0; i < event->data_length; i++)
        (*bytes)[i] = (char)(weir_hex_digit(text[2 * i]) << 4 | weir_hex_digit(text[2 * i + 1]));
}

static weir_result *ask(weir_verify *verify, const char *statement, const weir_param *params,
                        int count, weir_error *error)
{
    return weir_connection_query(weir_store_connection(verify->store), statement, params, count,
                                 error);
}

/* is_original tells whether the record holds the event as it was before a rewrite. */
static bool is_original(weir_verify *verify, const weir_expectation *expected,
                        const weir_record *record, bool *original, weir_error *error)
{
    char number[24];
    weir_param params[] = {weir_param_integer(expected->event->position, number)};
    weir_result *rows = ask(verify, "verify_originals", params, 1, error);
    *original = false;
    for (int row = 0; rows && row < weir_result_rows(rows) && !*original; row++) {
        weir_event event;
        char *bytes;
        weir_buffer ignored = WEIR_BUFFER(1);
        weir_expectation before = *expected;
        read_event(rows, row, &event, &bytes);
        before.event = &event;
        *original = weir_verify_compare(&before, record, &ignored) == WEIR_SAME;
        weir_buffer_free(&ignored);
        free(bytes);
    }
    weir_result_free(rows);
    return rows != NULL;
}

static void find_difference(weir_verify *verify, int32_t partition, const weir_event *event,
                            const weir_record *record, unsigned differs, const char *prefix,
                            const weir_buffer *differences)
{
    weir_buffer detail = WEIR_BUFFER(DETAIL_MOST + 100);
    weir_buffer_format(&detail, "%s%s", prefix, differences->data);
    weir_verify_found(verify, differs == WEIR_DIFFERS_CHAIN ? WEIR_CHAIN : WEIR_ALTERED, partition,
                      record, event->position, event, detail.data);
    weir_buffer_free(&detail);
}

bool weir_verify_judge(weir_verify *verify, int32_t partition, const weir_expectation *expected,
                       const weir_record *record, const char *prefix, weir_verdict *verdict,
                       weir_error *error)
{
    const weir_event *event = expected->event;
    weir_buffer differences = WEIR_BUFFER(DETAIL_MOST);
    unsigned differs = weir_verify_compare(expected, record, &differences);
    if (verify->counts.compacted_topic)
        differs &= ~(unsigned)WEIR_DIFFERS_CHAIN;
    unsigned others = differs & ~(unsigned)WEIR_DIFFERS_CHAIN;
    bool original = false;
    bool ok =
        differs != WEIR_DIFFERS_CONTENT || is_original(verify, expected, record, &original, error);
    verify->counts.rewritten += original;
    if (!ok || original || differs == WEIR_SAME) {
        *verdict = WEIR_VERDICT_SAME;
    } else if ((others & WEIR_DIFFERS_ID) && others != WEIR_DIFFERS_ID) {
        *verdict = WEIR_VERDICT_OTHER;
        weir_verify_found(verify, WEIR_AHEAD, partition, record, event->position, NULL, ANOTHER);
    } else {
        *verdict = WEIR_VERDICT_DIFFERS;
        find_difference(verify, partition, event, record, differs, prefix, &differences);
    }
    weir_buffer_free(&differences);
    return ok;
}

/* find_ahead: the store does not have the record's event. */
static void find_ahead(weir_verify *verify, const weir_late *late, const char *why)
{
    if (late->claim.position <= verify->accepted)
        verify->counts.accepted++;
    else
        weir_verify_found(verify, WEIR_AHEAD, late->partition, late->record, late->claim.position,
                          NULL, why);
}

/* belongs tells whether the event of a row is what the record claims, and in its place; what is not
 * is a finding. */
static bool belongs(weir_verify *verify, const weir_late *late, const weir_event *event)
{
    char place[180];
    if (!event) {
        find_ahead(verify, late, "the store has no event at its position");
        return false;
    }
    if (memcmp(&event->id, &late->claim.id, sizeof event->id) != 0) {
        weir_buffer ignored = WEIR_BUFFER(1);
        weir_expectation expected = {event, weir_store_id(verify->store), -1, &verify->extras};
        bool only_id = weir_verify_compare(&expected, late->record, &ignored) == WEIR_DIFFERS_ID;
        weir_buffer_free(&ignored);
        if (!only_id)
            find_ahead(verify, late, ANOTHER);
        return only_id;
    }
    int32_t partition = -1;
    if (strcmp(event->aggregate_type, verify->type) != 0)
        snprintf(place, sizeof place, "it belongs to the topic of aggregate type %.100s",
                 event->aggregate_type);
    else if (verify->partitions > 0 &&
             (partition = weir_verify_partition(event->aggregate_id, strlen(event->aggregate_id),
                                                verify->partitions)) != late->partition)
        snprintf(place, sizeof place, "it belongs to partition %d", partition);
    else
        return true;
    weir_verify_found(verify, WEIR_ALTERED, late->partition, late->record, late->claim.position,
                      event, place);
    return false;
}

/* repeated: a record of an event that was met before. */
static bool repeated(weir_verify *verify, const weir_late *late, const weir_expectation *expected,
                     weir_error *error)
{
    weir_verdict verdict;
    if (!weir_verify_judge(verify, late->partition, expected, late->record,
                           "a repetition that differs: ", &verdict, error))
        return false;
    if (verdict == WEIR_VERDICT_SAME)
        weir_verify_found(verify, WEIR_DUPLICATE, late->partition, late->record,
                          late->claim.position, expected->event, "the same event again");
    return true;
}

/* resolve says what a record that was put aside is. */
static bool resolve(weir_verify *verify, weir_late *late, const weir_event *event,
                    weir_error *error)
{
    weir_verify_part *part = &verify->parts[late->partition];
    bool known = belongs(verify, late, event);
    weir_verdict ignored;
    if (late->head) {
        part->known = known;
        if (!known) {
            weir_topic_reader_release(verify->reader, part->head);
            part->head = NULL;
        }
        return true;
    }
    bool ok = true;
    weir_expectation expected = {event, weir_store_id(verify->store), -1, &verify->extras};
    if (known && late->claim.position > verify->horizon) {
        ok = weir_verify_judge(verify, late->partition, &expected, late->record, "", &ignored,
                               error);
    } else if (known && weir_holes_take(&part->holes, late->claim.position)) {
        verify->counts.defects[WEIR_MISSING]--;
        weir_verify_found(verify, WEIR_INVERTED, late->partition, late->record,
                          late->claim.position, event,
                          "it stands behind a later event of its partition");
        ok = weir_verify_judge(verify, late->partition, &expected, late->record, "", &ignored,
                               error);
    } else if (known) {
        ok = repeated(verify, late, &expected, error);
    }
    weir_topic_reader_release(verify->reader, late->record);
    return ok;
}

/* row_of is the row of a position, -1 if there is none; rows rise in position. */
static int row_of(const weir_result *rows, int64_t position)
{
    int low = 0, high = weir_result_rows(rows);
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (weir_result_integer(rows, middle, POSITION) < position)
            low = middle + 1;
        else
            high = middle;
    }
    bool found =
        low < weir_result_rows(rows) && weir_result_integer(rows, low, POSITION) == position;
    return found ? low : -1;
}

static bool resolve_all(weir_verify *verify, const weir_result *rows, weir_error *error)
{
    bool ok = true;
    size_t count = verify->late_count;
    verify->late_count = verify->late_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        weir_late *late = &verify->late[i];
        weir_event event;
        char *bytes = NULL;
        int row = ok ? row_of(rows, late->claim.position) : -1;
        if (row >= 0)
            read_event(rows, row, &event, &bytes);
        if (ok)
            ok = resolve(verify, late, row >= 0 ? &event : NULL, error);
        else if (!late->head)
            weir_topic_reader_release(verify->reader, late->record);
        free(bytes);
    }
    return ok;
}

static bool look_up(weir_verify *verify, weir_error *error)
{
    if (verify->late_count == 0)
        return true;
    weir_array positions = {WEIR_BUFFER(ARRAY_LIMIT), 0};
    weir_array_begin(&positions, WEIR_PG_INT8);
    for (size_t i = 0; i < verify->late_count; i++)
        weir_array_int64(&positions, verify->late[i].claim.position);
    weir_param params[] = {weir_array_param(&positions)};
    weir_result *rows = ask(verify, "verify_events", params, 1, error);
    weir_array_free(&positions);
    bool ok = rows && resolve_all(verify, rows, error);
    weir_result_free(rows);
    return ok;
}

/* superseded asks which of the events that were given up compaction may have removed. */
static weir_result *superseded(weir_verify *verify, weir_error *error)
{
    weir_array positions = {WEIR_BUFFER(ARRAY_LIMIT), 0}, ids = {WEIR_BUFFER(ARRAY_LIMIT), 0},
               versions = {WEIR_BUFFER(ARRAY_LIMIT), 0};
    weir_array_begin(&positions, WEIR_PG_INT8);
    weir_array_begin(&ids, WEIR_PG_TEXT);
    weir_array_begin(&versions, WEIR_PG_INT8);
    for (size_t i = 0; i < verify->given_up_count; i++) {
        const weir_event *event = &verify->given_up[i]->event;
        weir_array_int64(&positions, event->position);
        weir_array_text(&ids, event->aggregate_id, strlen(event->aggregate_id));
        weir_array_int64(&versions, event->version);
    }
    weir_param params[] = {WEIR_PARAM_TEXT(verify->type), weir_array_param(&positions),
                           weir_array_param(&ids), weir_array_param(&versions)};
    weir_result *rows = ask(verify, "verify_superseded", params, 4, error);
    weir_array_free(&positions);
    weir_array_free(&ids);
    weir_array_free(&versions);
    return rows;
}

static bool remember(weir_verify *verify, weir_error *error)
{
    weir_result *gone = NULL;
    bool ask_first = verify->counts.compacted_topic && verify->given_up_count > 0;
    if (ask_first && !(gone = superseded(verify, error)))
        return false;
    for (size_t i = 0; i < verify->given_up_count; i++) {
        const weir_expected *event = verify->given_up[i];
        weir_verify_part *part = &verify->parts[event->partition];
        if (gone && row_of(gone, event->event.position) >= 0) {
            verify->counts.compacted++;
            continue;
        }
        verify->counts.defects[WEIR_MISSING]++;
        if (!weir_holes_add(&part->holes, event->event.position, event->previous,
                            &verify->hole_room))
            verify->counts.untracked++;
    }
    verify->given_up_count = 0;
    weir_result_free(gone);
    return true;
}

bool weir_verify_settle(weir_verify *verify, weir_error *error)
{
    return remember(verify, error) && look_up(verify, error);
}
