/* Checkpoint rows.
 *
 * A row is made in a transaction of its own before anything is applied, read when a partition is
 * taken over and after every failure, and moved by compare-and-swap on offset and epoch in the
 * transaction of the effects. A partition has one row a lane; their number changes only while they
 * agree. It must never be written otherwise: what a row says was applied was applied, and nothing
 * else was. */
#include "consumer/checkpoints_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LIMIT ((size_t)64 * 1024 * 1024) /* names of all partitions that a member can own */

static void begin(weir_array *array, weir_pg_type type)
{
    array->bytes.limit = ARRAY_LIMIT;
    weir_array_begin(array, type);
}

bool weir_checkpoints_open(weir_connection *connection, weir_owner owner,
                           const weir_partition *partitions, size_t count, int lanes, bool recorded,
                           weir_error *error)
{
    weir_array topics = {0}, numbers = {0};
    char generation[24], lane_count[24];
    begin(&topics, WEIR_PG_TEXT);
    begin(&numbers, WEIR_PG_INT4);
    for (size_t i = 0; i < count; i++) {
        weir_array_text(&topics, partitions[i].topic, strlen(partitions[i].topic));
        weir_array_int32(&numbers, partitions[i].number);
    }
    weir_param params[] = {WEIR_PARAM_TEXT(owner.subscription),
                           weir_param_integer(owner.generation, generation),
                           weir_array_param(&topics),
                           weir_array_param(&numbers),
                           weir_param_integer(lanes, lane_count),
                           WEIR_PARAM_TEXT(recorded ? "true" : "false")};
    weir_result *result = weir_connection_query(connection, "checkpoint_open", params, 6, error);
    weir_result_free(result);
    weir_array_free(&topics);
    weir_array_free(&numbers);
    return result != NULL;
}

static void take_rows(const weir_result *result, weir_checkpoints *checkpoints)
{
    checkpoints->count = (size_t)weir_result_rows(result);
    checkpoints->rows = weir_calloc(checkpoints->count, sizeof *checkpoints->rows);
    for (size_t i = 0; i < checkpoints->count; i++)
        checkpoints->rows[i] = (weir_checkpoint){
            .topic = weir_strdup(weir_result_value(result, (int)i, 0)),
            .partition = (int32_t)weir_result_integer(result, (int)i, 1),
            .lanes = (int32_t)weir_result_integer(result, (int)i, 2),
            .lane = (int32_t)weir_result_integer(result, (int)i, 3),
            .next_offset = weir_result_integer(result, (int)i, 4),
            .position = weir_result_integer(result, (int)i, 5),
            .epoch = weir_result_integer(result, (int)i, 6),
        };
}

static int compare_rows(const void *a, const void *b)
{
    const weir_checkpoint *x = a, *y = b;
    int order = weir_place_order(x->topic, x->partition, y->topic, y->partition);
    return order ? order : (x->lane > y->lane) - (x->lane < y->lane);
}

bool weir_checkpoints_read(weir_connection *connection, weir_owner owner, const char *const *topics,
                           size_t count, weir_checkpoints *checkpoints, weir_error *error)
{
    weir_array names = {0};
    char generation[24];
    begin(&names, WEIR_PG_TEXT);
    for (size_t i = 0; i < count; i++)
        weir_array_text(&names, topics[i], strlen(topics[i]));
    weir_param params[] = {WEIR_PARAM_TEXT(owner.subscription),
                           weir_param_integer(owner.generation, generation),
                           weir_array_param(&names)};
    weir_result *result = weir_connection_query(connection, "checkpoint_load", params, 3, error);
    weir_array_free(&names);
    if (!result)
        return false;
    take_rows(result, checkpoints);
    weir_result_free(result);
    /* The server sorts by its collation. */
    qsort(checkpoints->rows, checkpoints->count, sizeof *checkpoints->rows, compare_rows);
    return true;
}

void weir_checkpoints_free(weir_checkpoints *checkpoints)
{
    for (size_t i = 0; i < checkpoints->count; i++)
        free(checkpoints->rows[i].topic);
    free(checkpoints->rows);
    *checkpoints = (weir_checkpoints){0};
}

/* The rows of one partition: the first of them, NULL if there is none, and their number. */
static const weir_checkpoint *find_rows(const weir_checkpoints *checkpoints, weir_place place,
                                        size_t *count)
{
    size_t low = 0, high = checkpoints->count;
    *count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const weir_checkpoint *row = &checkpoints->rows[middle];
        if (weir_place_order(row->topic, row->partition, place.topic, place.partition) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const weir_checkpoint *first = checkpoints->rows + low;
    while (low + *count < checkpoints->count &&
           weir_place_order(first[*count].topic, first[*count].partition, place.topic,
                            place.partition) == 0)
        (*count)++;
    return *count > 0 ? first : NULL;
}

int64_t weir_checkpoints_lowest(const weir_checkpoints *checkpoints, weir_place place)
{
    size_t count;
    const weir_checkpoint *rows = find_rows(checkpoints, place, &count);
    int64_t lowest = rows ? rows[0].next_offset : WEIR_NOTHING_READ;
    for (size_t i = 1; i < count; i++)
        lowest = rows[i].next_offset < lowest ? rows[i].next_offset : lowest;
    return lowest;
}

/* Reading begins where the lane that is behind stands; the others know what they have. */
static void put_rows(weir_partition *p, const weir_checkpoint *rows, size_t count,
                     const char *store_id)
{
    p->lanes = (int32_t)count;
    p->rows = weir_realloc(p->rows, count * sizeof *p->rows);
    p->floors = weir_realloc(p->floors, count * sizeof *p->floors);
    int64_t offset = rows->next_offset, position = rows->position;
    for (size_t i = 0; i < count; i++) {
        p->rows[i] = (weir_row){.next_offset = rows[i].next_offset,
                                .position = rows[i].position,
                                .epoch = rows[i].epoch};
        p->floors[i] = (weir_floor){rows[i].next_offset, rows[i].position};
        offset = rows[i].next_offset < offset ? rows[i].next_offset : offset;
        position = rows[i].position < position ? rows[i].position : position;
    }
    p->start = p->seen_offset = offset;
    p->gate = (weir_gate){store_id, position, position == 0};
    atomic_store(&p->committed, p->start);
}

static bool load_one(const weir_checkpoints *read, const char *store_id, weir_partition *p,
                     weir_error *error)
{
    size_t count;
    const weir_checkpoint *rows = find_rows(read, (weir_place){p->topic, p->number}, &count);
    if (!rows)
        return weir_fail(error, WEIR_FATE_RETRY,
                         "there is no checkpoint of %s/%d: its topic was left for another, or the "
                         "row was removed",
                         p->topic, (int)p->number);
    for (size_t i = 0; i < count; i++)
        if (rows[i].lanes != (int32_t)count || rows[i].lane != (int32_t)i)
            return weir_fail(
                error, WEIR_FATE_FATAL,
                "the checkpoints of %s/%d are not those of %d lanes: rows were removed "
                "or added by hand",
                p->topic, (int)p->number, (int)rows[i].lanes);
    put_rows(p, rows, count, store_id);
    return true;
}

bool weir_checkpoints_load(weir_connection *connection, weir_owner owner, const char *store_id,
                           weir_partition *partitions, size_t count, weir_error *error)
{
    weir_checkpoints read = {0};
    const char **topics = weir_calloc(count, sizeof *topics);
    size_t topic_count = 0;
    for (size_t i = 0; i < count; i++) /* partitions are in order of topics */
        if (i == 0 || strcmp(partitions[i].topic, partitions[i - 1].topic) != 0)
            topics[topic_count++] = partitions[i].topic;
    bool ok = weir_checkpoints_read(connection, owner, topics, topic_count, &read, error);
    for (size_t i = 0; ok && i < count; i++)
        ok = load_one(&read, store_id, &partitions[i], error);
    weir_checkpoints_free(&read);
    free(topics);
    return ok;
}

void weir_moves_begin(weir_moves *moves)
{
    begin(&moves->topics, WEIR_PG_TEXT);
    begin(&moves->partitions, WEIR_PG_INT4);
    begin(&moves->lanes, WEIR_PG_INT4);
    begin(&moves->lane, WEIR_PG_INT4);
    begin(&moves->from_offsets, WEIR_PG_INT8);
    begin(&moves->epochs, WEIR_PG_INT8);
    begin(&moves->to_offsets, WEIR_PG_INT8);
    begin(&moves->positions, WEIR_PG_INT8);
    begin(&moves->events, WEIR_PG_INT8);
}

void weir_moves_add(weir_moves *moves, const weir_partition *p, int32_t lane)
{
    const weir_row *row = &p->rows[lane];
    weir_array_text(&moves->topics, p->topic, strlen(p->topic));
    weir_array_int32(&moves->partitions, p->number);
    weir_array_int32(&moves->lanes, p->lanes);
    weir_array_int32(&moves->lane, lane);
    weir_array_int64(&moves->from_offsets, row->next_offset);
    weir_array_int64(&moves->epochs, row->epoch);
    weir_array_int64(&moves->to_offsets, row->to_offset);
    weir_array_int64(&moves->positions, row->to_position);
    weir_array_int64(&moves->events, row->to_events);
}

int weir_moves_end(weir_moves *moves, weir_owner owner)
{
    snprintf(moves->generation, sizeof moves->generation, "%d", owner.generation);
    const weir_param params[WEIR_MOVE_PARAMS] = {
        WEIR_PARAM_TEXT(owner.subscription),    WEIR_PARAM_TEXT(moves->generation),
        weir_array_param(&moves->topics),       weir_array_param(&moves->partitions),
        weir_array_param(&moves->lanes),        weir_array_param(&moves->lane),
        weir_array_param(&moves->from_offsets), weir_array_param(&moves->epochs),
        weir_array_param(&moves->to_offsets),   weir_array_param(&moves->positions),
        weir_array_param(&moves->events),
    };
    memcpy(moves->params, params, sizeof params);
    return moves->topics.elements;
}

void weir_moves_free(weir_moves *moves)
{
    weir_array *arrays[] = {&moves->topics,     &moves->partitions,   &moves->lanes,
                            &moves->lane,       &moves->from_offsets, &moves->epochs,
                            &moves->to_offsets, &moves->positions,    &moves->events};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        weir_array_free(arrays[i]);
}
