/* The holes of one partition: which of its events have not been met in the topic. Kept as ranges of
 * positions, of which each event of the partition is missing; rising, apart from each other. Pure;
 * one owner. */
#ifndef WEIR_PRODUCER_VERIFY_HOLES_INT_H
#define WEIR_PRODUCER_VERIFY_HOLES_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct weir_hole {
    int64_t before;      /* position of the partition's event before it */
    int64_t first, last; /* positions */
} weir_hole;

typedef struct weir_holes {
    weir_hole *list;
    size_t count, capacity;
} weir_holes;

/* weir_holes_add adds an event behind all that were added; previous is the position of the event
 * before it in the partition. False when that would need another range and *room, which all
 * partitions share, is used up: it is not remembered. */
bool weir_holes_add(weir_holes *holes, int64_t position, int64_t previous, size_t *room);

/* weir_holes_take takes an event of the partition out; true if it was missing. */
bool weir_holes_take(weir_holes *holes, int64_t position);
void weir_holes_free(weir_holes *holes);

#endif
