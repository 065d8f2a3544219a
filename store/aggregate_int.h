/* The inside of an aggregate, for store/ only: the repository keeps its notes in it. */
#ifndef WEIR_STORE_AGGREGATE_INT_H
#define WEIR_STORE_AGGREGATE_INT_H

#include <uthash.h>

#include "store/aggregate.h"

struct weir_aggregate {
    const weir_aggregate_class *of;
    char *id;
    void *state;
    int64_t version; /* stored */
    weir_message_context *context;

    weir_arena *arena; /* of the pending events; NULL while there are none */
    weir_new_event *pending;
    size_t count, capacity;

    bool broken;      /* an event could not be applied: the state means nothing */
    bool undecided;   /* a save went out whose answer never came */
    bool past;        /* loaded as of earlier: nothing may be raised */
    bool provisional; /* touched within a caller's transaction, which may roll back */

    /* What decides over the next snapshot. */
    int64_t snapshot_version, snapshot_us;
    int64_t replayed, load_us;

    UT_hash_handle hh;  /* in the repository's cache */
    int64_t expires_us; /* 0 until it was there once */
};

/* weir_aggregate_reset goes back to version 0. */
void weir_aggregate_reset(weir_aggregate *aggregate);

/* weir_aggregate_settle: the pending events are stored, the last of them as this version. */
void weir_aggregate_settle(weir_aggregate *aggregate, int64_t version);

/* weir_aggregate_bytes is what it takes in memory. */
size_t weir_aggregate_bytes(const weir_aggregate *aggregate);

#endif
