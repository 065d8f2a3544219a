/* Kafka's half of measuring lag. */
#ifndef WEIR_CONSUMER_LAG_INT_H
#define WEIR_CONSUMER_LAG_INT_H

#include "config/config.h"
#include "consumer/partition_int.h"

/* A partition and where its checkpoint stands. */
typedef struct weir_mark {
    weir_place place;
    int64_t next_offset;  /* in: WEIR_NOTHING_READ: none */
    int64_t unread;       /* out: messages from there to the end */
    int64_t first_offset; /* of the first unread message, or where retention begins */
} weir_mark;

/* weir_kafka_unread fills unread of each mark. *oldest_us is when the oldest first unread event was
 * recorded, 0 when nothing is unread. RETRY when Kafka does not answer by the deadline (monotonic).
 */
WEIR_MUST_USE bool weir_kafka_unread(const weir_config *config, weir_mark *marks, size_t count,
                                     int64_t deadline_us, int64_t *oldest_us, weir_error *error);

#endif
