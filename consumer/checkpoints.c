/* Checkpoint rows.
 *
 * A row is made in a transaction of its own before anything is applied, read when a partition is
 * taken over and after every failure, and moved by compare-and-swap on offset and epoch in the
 * transaction of the effects. It must never be written otherwise: what a row says was applied was
 * applied, and nothing else was. */
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

bool weir_checkpoints_create(weir_connection *connection, weir_owner owner,
                             const weir_partition *partitions, size_t count, weir_error *error)
{
    weir_array topics = {0}, numbers = {0};
    char generation[16];
    snprintf(generation, sizeof generation, "%d", owner.generation);
    begin(&topics, WEIR_PG_TEXT);
    begin(&numbers, WEIR_PG_INT4);
    for (size_t i = 0; i < count; i++) {
        weir_array_text(&topics, partitions[i].topic, strlen(partitions[i].topic));
        weir_array_int32(&numbers, partitions[i].number);
    }
    weir_param params[] = {
        WEIR_PARAM_TEXT(owner.subscription), WEIR_PARAM_TEXT(generation), weir_array_param(&topics),
        weir_array_param(&numbers),          WEIR_PARAM_TEXT("1"),        WEIR_PARAM_TEXT("true")};
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
            .next_offset = weir_result_integer(result, (int)i, 4),
            .position = weir_result_integer(result, (int)i, 5),
            .epoch = weir_result_integer(result, (int)i, 6),
        };
}

static int compare_rows(const void *a, const void *b)
{
    const weir_checkpoint *x = a, *y = b;
    return weir_place_order(x->topic, x->partition, y->topic, y->partition);
}

bool weir_checkpoints_read(weir_connection *connection, weir_owner owner, const char *const *topics,
                           size_t count, weir_checkpoints *checkpoints, weir_error *error)
{
    weir_array names = {0};
    char generation[16];
    snprintf(generation, sizeof generation, "%d", owner.generation);
    begin(&names, WEIR_PG_TEXT);
    for (size_t i = 0; i < count; i++)
        weir_array_text(&names, topics[i], strlen(topics[i]));
    weir_param params[] = {WEIR_PARAM_TEXT(owner.subscription), WEIR_PARAM_TEXT(generation),
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

const weir_checkpoint *weir_checkpoints_find(const weir_checkpoints *checkpoints, const char *topic,
                                             int32_t partition)
{
    weir_checkpoint wanted = {.topic = (char *)(uintptr_t)topic, .partition = partition};
    if (checkpoints->count == 0)
        return NULL;
    return bsearch(&wanted, checkpoints->rows, checkpoints->count, sizeof *checkpoints->rows,
                   compare_rows);
}

static void put_row(weir_partition *p, const weir_checkpoint *row, const char *store_id)
{
    p->next_offset = p->to_offset = p->seen_offset = row->next_offset;
    p->position = p->to_position = row->position;
    p->epoch = row->epoch;
    p->to_events = 0;
    p->gate = (weir_gate){store_id, row->position, row->position == 0};
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
    for (size_t i = 0; ok && i < count; i++) {
        const weir_checkpoint *row =
            weir_checkpoints_find(&read, partitions[i].topic, partitions[i].number);
        if (row)
            put_row(&partitions[i], row, store_id);
        else
            ok = weir_fail(error, WEIR_FATE_RETRY,
                           "there is no checkpoint of %s/%d: its topic was left for another, or "
                           "the row was removed",
                           partitions[i].topic, (int)partitions[i].number);
    }
    weir_checkpoints_free(&read);
    free(topics);
    return ok;
}

static void begin_moves(weir_moves *moves)
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

int weir_moves_fill(weir_moves *moves, weir_owner owner, const weir_partition *partitions,
                    size_t count)
{
    begin_moves(moves);
    for (size_t i = 0; i < count; i++) {
        const weir_partition *p = &partitions[i];
        if (p->to_offset == p->next_offset)
            continue;
        weir_array_text(&moves->topics, p->topic, strlen(p->topic));
        weir_array_int32(&moves->partitions, p->number);
        weir_array_int32(&moves->lanes, 1);
        weir_array_int32(&moves->lane, 0);
        weir_array_int64(&moves->from_offsets, p->next_offset);
        weir_array_int64(&moves->epochs, p->epoch);
        weir_array_int64(&moves->to_offsets, p->to_offset);
        weir_array_int64(&moves->positions, p->to_position);
        weir_array_int64(&moves->events, p->to_events);
    }
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
