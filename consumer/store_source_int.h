/* The store as a source of events. */
#ifndef WEIR_CONSUMER_STORE_SOURCE_INT_H
#define WEIR_CONSUMER_STORE_SOURCE_INT_H

#include "consumer/lanes_int.h"

#define WEIR_STORE_TOPIC "$store" /* no name that Kafka takes */

typedef struct weir_stored {
    weir_partition partition;
    int64_t after;   /* the last event read */
    int64_t horizon; /* up to where was read last */
    bool caught_up;  /* the last read found the end */
    bool waits;      /* for another process to end; said in the log */
    int idle_ms;
} weir_stored;

void weir_store_source_open(struct weir_subscription *s);
void weir_store_source_close(struct weir_subscription *s);

/* weir_store_source_lead tells whether this process reads the store, which one at a time does. */
WEIR_MUST_USE bool weir_store_source_lead(struct weir_subscription *s, bool *leads,
                                          weir_error *error);

/* weir_store_source_resume begins at the position of the gate. */
void weir_store_source_resume(struct weir_subscription *s);

/* weir_store_source_fill takes what is there into a round; waits a moment if nothing is. */
WEIR_MUST_USE bool weir_store_source_fill(struct weir_subscription *s, weir_round *round,
                                          weir_error *error);

#endif
