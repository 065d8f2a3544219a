/* A partition that this member owns: its checkpoint, its gate and what the batch in hand adds.
 * Belongs to the subscription's thread. */
#ifndef WEIR_CONSUMER_PARTITION_INT_H
#define WEIR_CONSUMER_PARTITION_INT_H

#include <string.h>

#include "consumer/gate_int.h"

#define WEIR_NOTHING_READ (-1) /* next_offset of a fresh checkpoint */
#define WEIR_LEFT (-2)         /* and of one whose topic was left for another generation */
#define WEIR_UNKNOWN (-1)      /* a watermark that Kafka has not told yet */

typedef struct weir_partition {
    char *topic;
    int32_t number;
    /* The checkpoint row, as read or as this process moved it. */
    int64_t next_offset, position, epoch;
    /* The batch in hand. */
    weir_gate gate;      /* starts at position */
    int64_t seen_offset; /* the next offset after the last message taken or skipped */
    bool warned_foreign;
    /* The transaction in hand: where its part of the batch takes the row. */
    int64_t to_offset, to_position, to_events;
    /* Kafka's side. */
    int64_t low, high;    /* last known watermarks, or WEIR_UNKNOWN */
    int64_t end;          /* the offset at which the end was last seen, or WEIR_UNKNOWN */
    int64_t group_offset; /* last offset committed to the group, or WEIR_UNKNOWN */
} weir_partition;

/* A named partition that need not be owned. */
typedef struct weir_place {
    const char *topic;
    int32_t partition;
} weir_place;

/* weir_place_order orders by topic, then number, for qsort and bsearch. */
static inline int weir_place_order(const char *topic_a, int32_t a, const char *topic_b, int32_t b)
{
    int order = strcmp(topic_a, topic_b);
    return order ? order : (a > b) - (a < b);
}

#endif
