/* Which events were applied.
 *
 * A checkpoint's position says: every event of this partition and lane up to here was applied.
 * Which they are follows from the recorded topic: partition = murmur2(aggregate id) mod partitions,
 * lane = that hash / partitions mod lanes. Dead letters name the exceptions: what waits, was
 * skipped or was discarded was not applied, though the checkpoint has passed it.
 *
 * This is the checker's reading of what the runtime wrote; it is written from the tables' own
 * comments and shares no code with who writes them. */
#include "projections/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPES_LIMIT ((size_t)1 << 20)

int32_t weir_reach_hash(const char *key)
{
    const uint32_t m = 0x5bd1e995;
    const unsigned char *at = (const unsigned char *)key;
    size_t length = strlen(key);
    uint32_t h = 0x9747b28c ^ (uint32_t)length;
    for (; length >= 4; at += 4, length -= 4) {
        uint32_t k = (at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
        k *= m;
        k ^= k >> 24;
        h = h * m ^ k * m;
    }
    for (size_t i = length; i-- > 0;)
        h ^= (uint32_t)at[i] << 8 * i;
    h = length > 0 ? h * m : h;
    h = (h ^ h >> 13) * m;
    return (int32_t)((h ^ h >> 15) & INT32_MAX);
}

static weir_result *ask(weir_connection *connection, const char *statement,
                        const weir_projection *projection, int generation, bool types,
                        weir_error *error)
{
    char number[16];
    weir_array names = {.bytes = WEIR_BUFFER(TYPES_LIMIT)};
    const char *const *type = weir_projection_types(projection);
    snprintf(number, sizeof number, "%d", generation);
    weir_array_begin(&names, WEIR_PG_TEXT);
    for (; *type; type++)
        weir_array_text(&names, *type, strlen(*type));
    const weir_param params[] = {WEIR_PARAM_TEXT(weir_projection_name(projection)),
                                 WEIR_PARAM_TEXT(number), weir_array_param(&names)};
    weir_result *result =
        weir_connection_query(connection, statement, params, types ? 3 : 2, error);
    weir_array_free(&names);
    return result;
}

static void take_rows(weir_reach *reach, const weir_result *rows)
{
    int count = weir_result_rows(rows);
    reach->row_count = (size_t)count;
    reach->rows = weir_calloc(reach->row_count, sizeof *reach->rows);
    for (int i = 0; i < count; i++) {
        reach->rows[i] = (weir_reach_row){
            .aggregate_type = weir_strdup(weir_result_value(rows, i, 0)),
            .partitions = (int32_t)weir_result_integer(rows, i, 1),
            .partition = (int32_t)weir_result_integer(rows, i, 2),
            .lanes = (int32_t)weir_result_integer(rows, i, 3),
            .lane = (int32_t)weir_result_integer(rows, i, 4),
            .position = weir_result_integer(rows, i, 5),
        };
        if (reach->rows[i].position > reach->last)
            reach->last = reach->rows[i].position;
    }
}

/* PostgreSQL writes a bytea as \x and two digits a byte. */
static void take_edited(weir_reach_letter *letter, const char *hex)
{
    if (!hex)
        return;
    letter->length = strlen(hex + 2) / 2;
    letter->edited = weir_calloc(letter->length + 1, 1);
    for (size_t i = 0; i < letter->length; i++) {
        char digits[3] = {hex[2 + 2 * i], hex[3 + 2 * i], '\0'};
        letter->edited[i] = (char)strtol(digits, NULL, 16);
    }
}

static void take_letters(weir_reach *reach, const weir_result *rows)
{
    int count = weir_result_rows(rows);
    reach->letters = weir_calloc((size_t)count, sizeof *reach->letters);
    for (int i = 0; i < count; i++) {
        const char *edited = weir_result_value(rows, i, 1);
        reach->left_out += !edited;
        if (!weir_result_value(rows, i, 0)) {
            reach->unplaced++;
            continue;
        }
        weir_reach_letter *letter = &reach->letters[reach->letter_count++];
        letter->position = weir_result_integer(rows, i, 0);
        take_edited(letter, edited);
    }
}

bool weir_reach_load(weir_reach *reach, const weir_projection *projection, int generation,
                     weir_connection *connection, weir_error *error)
{
    *reach = (weir_reach){0};
    weir_result *rows = ask(connection, "reach_rows", projection, generation, true, error);
    weir_result *letters =
        rows ? ask(connection, "reach_letters", projection, generation, false, error) : NULL;
    weir_result *parked =
        letters ? ask(connection, "reach_parked", projection, generation, false, error) : NULL;
    if (parked) {
        take_rows(reach, rows);
        take_letters(reach, letters);
        reach->parked = weir_result_integer(parked, 0, 0);
    }
    weir_result_free(rows);
    weir_result_free(letters);
    weir_result_free(parked);
    return parked != NULL;
}

void weir_reach_free(weir_reach *reach)
{
    for (size_t i = 0; i < reach->row_count; i++)
        free(reach->rows[i].aggregate_type);
    for (size_t i = 0; i < reach->letter_count; i++)
        free(reach->letters[i].edited);
    free(reach->rows);
    free(reach->letters);
    *reach = (weir_reach){0};
}

static const weir_reach_row *row_of(const weir_reach *reach, const weir_event *event)
{
    int32_t hash = weir_reach_hash(event->aggregate_id);
    for (size_t i = 0; i < reach->row_count; i++) {
        const weir_reach_row *row = &reach->rows[i];
        if (hash % row->partitions == row->partition &&
            hash / row->partitions % row->lanes == row->lane &&
            strcmp(row->aggregate_type, event->aggregate_type) == 0)
            return row;
    }
    return NULL;
}

/* letter_at finds the first letter at or beyond a position, by bisection. */
static size_t letter_at(const weir_reach *reach, int64_t position)
{
    size_t low = 0, high = reach->letter_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reach->letters[middle].position < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const weir_reach_letter *letter_of(const weir_reach *reach, int64_t position)
{
    size_t i = letter_at(reach, position);
    bool found = i < reach->letter_count && reach->letters[i].position == position;
    return found ? &reach->letters[i] : NULL;
}

bool weir_reach_has(const weir_reach *reach, const weir_event *event)
{
    const weir_reach_row *row = event->position <= reach->last ? row_of(reach, event) : NULL;
    if (!row || event->position > row->position)
        return false;
    const weir_reach_letter *letter = letter_of(reach, event->position);
    return !letter || letter->edited;
}

void weir_reach_edited(const weir_reach *reach, weir_event *event)
{
    const weir_reach_letter *letter = letter_of(reach, event->position);
    if (!letter || !letter->edited)
        return;
    event->data = letter->edited;
    event->data_length = letter->length;
}

/* range_of finds the lowest and highest position of the partition that row is of. */
static bool range_of(const weir_reach *reach, const weir_reach_row *row, int64_t *lowest,
                     int64_t *highest)
{
    *lowest = INT64_MAX;
    *highest = 0;
    for (size_t i = 0; i < reach->row_count; i++) {
        const weir_reach_row *other = &reach->rows[i];
        if (other->partition != row->partition || other->partitions != row->partitions ||
            strcmp(other->aggregate_type, row->aggregate_type) != 0)
            continue;
        if (other->lanes == row->lanes && other->lane == row->lane) {
            *lowest = *highest = other->position;
            return true;
        }
        *lowest = other->position < *lowest ? other->position : *lowest;
        *highest = other->position > *highest ? other->position : *highest;
    }
    return *lowest != INT64_MAX;
}

int64_t weir_reach_since(const weir_reach *before, const weir_reach *now)
{
    int64_t since = now->last, lowest, highest;
    for (size_t i = 0; i < before->row_count; i++)
        if (!range_of(now, &before->rows[i], &lowest, &highest) ||
            highest < before->rows[i].position)
            return -1;
    for (size_t i = 0; i < now->row_count; i++) {
        if (!range_of(before, &now->rows[i], &lowest, &highest))
            lowest = 0;
        if (lowest < now->rows[i].position && lowest < since)
            since = lowest;
    }
    for (size_t i = 0; i < before->letter_count; i++) { /* what waited and was applied meanwhile */
        const weir_reach_letter *was = &before->letters[i];
        const weir_reach_letter *is = letter_of(now, was->position);
        if (!was->edited && (!is || is->edited) && was->position - 1 < since)
            since = was->position - 1;
    }
    return since;
}
