/* The holes of one partition. What was lost together is one range, however many events it was. */
#include "producer/verify_holes_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static void make_room(weir_holes *holes)
{
    if (holes->count < holes->capacity)
        return;
    holes->capacity = holes->capacity ? 2 * holes->capacity : 16;
    holes->list = weir_realloc(holes->list, holes->capacity * sizeof *holes->list);
}

bool weir_holes_add(weir_holes *holes, int64_t position, int64_t previous, size_t *room)
{
    if (holes->count > 0 && holes->list[holes->count - 1].last == previous) {
        holes->list[holes->count - 1].last = position;
        return true;
    }
    if (*room == 0)
        return false;
    (*room)--;
    make_room(holes);
    holes->list[holes->count++] = (weir_hole){previous, position, position};
    return true;
}

/* find is the index of the first hole that ends at the position or behind it. */
static size_t find(const weir_holes *holes, int64_t position)
{
    size_t low = 0, high = holes->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (holes->list[middle].last < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void split(weir_holes *holes, size_t at, int64_t position)
{
    make_room(holes);
    memmove(&holes->list[at + 1], &holes->list[at], (holes->count - at) * sizeof *holes->list);
    holes->count++;
    holes->list[at].last = position - 1;
    holes->list[at + 1].first = position + 1;
    holes->list[at + 1].before = position;
}

bool weir_holes_take(weir_holes *holes, int64_t position)
{
    size_t at = find(holes, position);
    if (at == holes->count || holes->list[at].first > position)
        return false;
    weir_hole *hole = &holes->list[at];
    if (hole->first < position && position < hole->last) {
        split(holes, at, position);
    } else if (hole->first == hole->last) {
        holes->count--;
        memmove(hole, hole + 1, (holes->count - at) * sizeof *hole);
    } else if (hole->first == position) {
        hole->first++;
        hole->before = position;
    } else {
        hole->last--;
    }
    return true;
}

void weir_holes_free(weir_holes *holes)
{
    free(holes->list);
    *holes = (weir_holes){0};
}
