/* What an aggregate is to the store: a table of functions over a state that events build; and one
 * aggregate in memory.
 *
 * A class is written once, as a constant, in the program or in a plug-in; it holds no data of its
 * own. Deciding is not its business: commands read the state and raise events (repository.h).
 * An instance is its id, its state at a version, and the events raised on top that no store has
 * yet. It belongs to one thread and knows no store. */
#ifndef WEIR_STORE_AGGREGATE_H
#define WEIR_STORE_AGGREGATE_H

#include "store/event.h"
#include "store/message_context.h"

typedef struct weir_aggregate_class {
    const char *type;           /* aggregate type */
    size_t size;                /* bytes of its state */
    void (*init)(void *state);  /* fills zeroed bytes; NULL: zeroes are the beginning */
    void (*clear)(void *state); /* releases what the state owns; NULL: nothing */

    /* apply changes the state by one event; it never refuses on business grounds, since the event
     * has happened. false (POISON) only for an event that it cannot understand. An event that was
     * just raised has no position and recorded_at_us yet (0). WEIR_TOMBSTONE never comes here. */
    bool (*apply)(void *state, const weir_event *event, weir_error *error);

    /* Snapshots: the state as msgpack and back. Both NULL: the aggregate has none. restore gets
     * zeroed bytes; false when it cannot read them, and then events rebuild the state instead. */
    int32_t snapshot_schema; /* raise it when what snapshot writes changes */
    void (*snapshot)(const void *state, weir_buffer *msgpack);
    bool (*restore)(void *state, const char *msgpack, size_t length, weir_error *error);

    /* owned is how many bytes the state holds beyond its own size, for the cache's limit; NULL: 0.
     */
    size_t (*owned)(const void *state);
} weir_aggregate_class;

typedef struct weir_aggregate weir_aggregate;

/* weir_aggregate_new makes an aggregate without events, at version 0. The class must outlive it. */
weir_aggregate *weir_aggregate_new(const weir_aggregate_class *of, const char *aggregate_id);
void weir_aggregate_free(weir_aggregate *aggregate);

/* weir_aggregate_fold applies the next stored event. POISON from the class, or for an event of
 * another aggregate type; FATAL when it is not the next version; the instance is then of no use. */
WEIR_MUST_USE bool weir_aggregate_fold(weir_aggregate *aggregate, const weir_event *event,
                                       weir_error *error);

/* weir_aggregate_raise applies a new event to the state at once and keeps a copy until the
 * aggregate is saved. It gets its id, its time and the context's metadata here, once, so that a
 * save that is repeated after a lost answer is absorbed. POISON for what can not be appended or
 * applied: the instance can then not be saved. CONFIG on one loaded as of earlier, or one whose
 * last save's outcome is unknown. */
WEIR_MUST_USE bool weir_aggregate_raise(weir_aggregate *aggregate, const weir_new_event *event,
                                        weir_error *error);

/* weir_aggregate_sound: all that was raised could be applied. Of one that is not the state means
 * nothing. */
bool weir_aggregate_sound(const weir_aggregate *aggregate);

/* weir_aggregate_set_context says what all that is raised from now on belongs to; copied. NULL:
 * nothing. */
void weir_aggregate_set_context(weir_aggregate *aggregate, const weir_message_context *context);

const void *weir_aggregate_state(const weir_aggregate *aggregate); /* pending events included */
int64_t weir_aggregate_version(const weir_aggregate *aggregate);   /* stored; 0: none yet */
const char *weir_aggregate_id(const weir_aggregate *aggregate);

/* weir_aggregate_snapshot_version is that of its latest snapshot known here; 0: none was used. */
int64_t weir_aggregate_snapshot_version(const weir_aggregate *aggregate);
const weir_new_event *weir_aggregate_pending(const weir_aggregate *aggregate, size_t *count);

#endif
