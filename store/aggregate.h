/* What an aggregate is to the store: a table of functions over a state that events build.
 *
 * A class is written once, as a constant, in the program or in a plug-in; it holds no data of its
 * own. Deciding is not its business: commands read the state and raise events (repository.h). */
#ifndef WEIR_STORE_AGGREGATE_H
#define WEIR_STORE_AGGREGATE_H

#include "store/event.h"

typedef struct weir_aggregate_class {
    const char *type;           /* aggregate type */
    size_t size;                /* bytes of its state */
    void (*init)(void *state);  /* fills zeroed bytes; NULL: zeroes are the beginning */
    void (*clear)(void *state); /* releases what the state owns; NULL: nothing */

    /* apply changes the state by one event; it never refuses on business grounds, since the event
     * has happened. false (POISON) only for an event that it cannot understand. */
    bool (*apply)(void *state, const weir_event *event, weir_error *error);

    /* Snapshots: the state as msgpack and back. Both NULL: the aggregate has none. restore gets
     * zeroed bytes; false when it cannot read them, and then events rebuild the state instead. */
    int32_t snapshot_schema; /* raise it when what snapshot writes changes */
    void (*snapshot)(const void *state, weir_buffer *msgpack);
    bool (*restore)(void *state, const char *msgpack, size_t length, weir_error *error);
} weir_aggregate_class;

#endif
