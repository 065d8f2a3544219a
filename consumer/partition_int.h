/* A partition that this member owns: the checkpoints of its lanes, its gate, and how far the reader
 * is. All of it is the reader's (the subscription's thread); the lanes share rows and committed. */
#ifndef WEIR_CONSUMER_PARTITION_INT_H
#define WEIR_CONSUMER_PARTITION_INT_H

#include <stdatomic.h>
#include <string.h>

#include "consumer/gate_int.h"

#define WEIR_NOTHING_READ (-1) /* next_offset of a fresh checkpoint */
#define WEIR_LEFT (-2)         /* and of one whose topic was left for another generation */
#define WEIR_FROM_STORE (-1)   /* the offset of an event that was read from the store */
#define WEIR_UNKNOWN (-1)      /* a watermark that Kafka has not told yet */

/* The checkpoint row of one lane. Read by the reader while the lanes rest, then its lane's alone.
 */
typedef struct weir_row {
    int64_t next_offset, position, epoch;      /* as read, or as the lane moved it */
    int64_t to_offset, to_position, to_events; /* where the transaction in hand takes it */
} weir_row;

/* What a lane had when reading began: at or below the position, and before the offset. */
typedef struct weir_floor {
    int64_t offset, position;
} weir_floor;

typedef struct weir_partition {
    char *topic;
    int32_t number;
    int32_t of; /* recorded number of partitions of the topic */
    int32_t lanes;
    weir_row *rows;     /* by lane */
    weir_floor *floors; /* by lane */
    weir_gate gate;
    int64_t start;                 /* where reading begins */
    int64_t seen_offset;           /* the next offset after the last message taken or skipped */
    atomic_int_fast64_t committed; /* the lowest next_offset of its lanes */
    int64_t least_offset;          /* retention has removed what is below; 0: not known to */
    int64_t refill_to; /* up to this position the store is read, since the topic is empty */
    bool refill_asked; /* whether one that is empty, and was never read, was always so */
    bool warned_foreign;
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

/* weir_partition_committed is the lowest next_offset of its lanes; any thread. */
static inline int64_t weir_partition_committed(const weir_partition *partition)
{
    return atomic_load(&partition->committed);
}

/* weir_partition_lane: which lane an aggregate's events go to. Independent of the partition, which
 * is the same hash modulo `of`. */
int32_t weir_partition_lane(const weir_partition *partition, const char *aggregate_id);

/* weir_partition_owns: whether an aggregate's events go to this partition of its topic. */
bool weir_partition_owns(const weir_partition *partition, const char *aggregate_id);

void weir_partition_free(weir_partition *partition); /* what it holds */

#endif
