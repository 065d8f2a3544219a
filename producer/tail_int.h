/* The tail of one partition: the last event of ours that Kafka holds there. Pure: it decides which
 * offsets to look at, is shown the records, and concludes; reading is kafka_tail.c's.
 *
 * Kafka's tail is the truth of what was published. What PostgreSQL remembers of the partition only
 * saves reading, and shows when Kafka has lost something. */
#ifndef WEIR_PRODUCER_TAIL_INT_H
#define WEIR_PRODUCER_TAIL_INT_H

#include "base/base.h"

typedef struct weir_tail_event {
    int64_t position;
    weir_uuid id;
    bool unknown; /* to the store; set by who asks it */
} weir_tail_event;

typedef struct weir_tail {
    /* in: what is asked */
    const char *topic;
    int32_t partition;
    int64_t recorded_position; /* of the last event known to be there */
    int64_t recorded_offset;   /* the one after it; 0: nothing is recorded */
    int64_t low, high;         /* the partition's first offset and its end */

    /* out: what is there */
    int64_t position; /* largest of ours; 0: there is none */
    int64_t offset;   /* of that record */
    weir_uuid id;     /* of that event */
    bool seen;        /* it was read, not only remembered */
    bool regrown;     /* another record stands where the recorded event was */
    bool lost;        /* Kafka has lost what it had acknowledged */
    bool blank;       /* so much that nothing is left from the first offset on */
    size_t foreign;   /* records without our headers */

    /* with window: every event of ours in the range is kept, and another store's is no failure */
    bool window, other_store;
    weir_tail_event *found; /* freed by the caller */
    size_t found_count;

    /* the range to read now */
    int64_t from, until;
    int64_t step;
    bool done;
} weir_tail;

/* What is looked at in a record; header texts, NULL: the record has no such header. */
typedef struct weir_tail_record {
    int64_t offset;
    const char *store_id, *position, *id;
} weir_tail_record;

/* weir_tail_begin chooses the first range, or concludes at once (done). */
void weir_tail_begin(weir_tail *tail);

/* weir_tail_see takes in a record of the range. FATAL for an event of another store. */
WEIR_MUST_USE bool weir_tail_see(weir_tail *tail, const weir_tail_record *record,
                                 const char *store_id, weir_error *error);

/* weir_tail_next concludes (done) or chooses the next range, once a range was read to its end. */
void weir_tail_next(weir_tail *tail);

#endif
