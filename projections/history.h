/* history: the events that a projection reads, from the store, in the latest form of their type. */
#ifndef WEIR_PROJECTIONS_HISTORY_H
#define WEIR_PROJECTIONS_HISTORY_H

#include "projections/projections.h"
#include "store/upcast.h"

/* Which events, and how far they were read. The caller fills the first part; all of it outlives the
 * reading. Free scratch with weir_history_free. */
typedef struct weir_history {
    weir_store *store; /* hands events over as stored: no upcasters of its own */
    const weir_upcasters *upcasters;
    const weir_projection *projection;
    const weir_stop *stop;                     /* may be NULL */
    const char *aggregate_type, *aggregate_id; /* one aggregate; NULL: all of the types */
    int64_t as_of_us; /* only what was recorded until then, microseconds since 1970; 0: all */
    void (*amend)(void *context,
                  weir_event *event); /* changes what was stored; NULL: nothing does */
    void *context;                    /* of amend */
    int64_t after;                    /* the position of the last event handed over */
    int64_t version;                  /* of one aggregate: of the last event looked at */
    int64_t end; /* no event beyond; settled already (a checkpoint's position); 0: the horizon of
                  * the first page, or all of one aggregate */
    bool ended;  /* nothing is left */
    weir_buffer scratch;
} weir_history;

/* weir_history_fn receives one event, valid during the call. unreadable is NULL, or says why the
 * event cannot be brought to its latest form: then it is as it was stored. */
typedef bool weir_history_fn(void *context, const weir_event *event, const weir_error *unreadable,
                             weir_error *error);

/* weir_history_check refuses an aggregate type that the projection does not read (CONFIG, with a
 * suggestion) and an aggregate that does not exist (NOT_FOUND). */
WEIR_MUST_USE bool weir_history_check(const weir_history *history, weir_error *error);

/* weir_history_read hands over the next events, rising in position, and moves after and version; a
 * few thousand at most. Through the fence, where that matters. Nothing is
 * open on the store between two calls. FATAL when it is interrupted. */
WEIR_MUST_USE bool weir_history_read(weir_history *history, weir_history_fn *fn, void *context,
                                     weir_error *error);
void weir_history_free(weir_history *history);

#endif
