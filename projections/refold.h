/* refold: a projection's tables made anew from events, in a schema of their own, which nobody
 * serves and no subscription knows. */
#ifndef WEIR_PROJECTIONS_REFOLD_H
#define WEIR_PROJECTIONS_REFOLD_H

#include "projections/projections.h"

/* weir_refused_fn is told of an event that was refused, and left out. */
typedef void weir_refused_fn(void *context, const weir_event *event, const weir_error *why);

typedef struct weir_refold_options {
    const char *schema; /* lower-case letters, digits, _; not there yet, or see replace */
    const char *mark;   /* the schema's comment, by which it is known again */
    bool replace;       /* an existing schema with that very mark is dropped first */
    bool one_by_one;    /* every event a statement of its own, whatever the file's `apply` */
    weir_refused_fn *refused;
    void *context;
} weir_refold_options;

typedef struct weir_refold weir_refold;

/* weir_refold_open makes the schema and the tables, committed, and prepares the handlers. From then
 * on the connection is the refold's until close: it works as the projector role. CONFLICT when the
 * schema exists; CONFIG errors of the file start with "file:line: ". projection, config and
 * connection outlive it. One thread. */
weir_refold *weir_refold_open(weir_projection *projection, const weir_config *config,
                              weir_connection *connection, const weir_refold_options *options,
                              weir_error *error);

/* weir_refold_add takes one event, which is copied; batches are committed as they fill. Inside a
 * transaction of the caller's nothing is committed. RETRY: the connection is lost. */
WEIR_MUST_USE bool weir_refold_add(weir_refold *refold, const weir_event *event, weir_error *error);

/* weir_refold_refuse counts and reports an event that could not even be read. */
void weir_refold_refuse(weir_refold *refold, const weir_event *event, const weir_error *why);

/* weir_refold_flush applies what was added. */
WEIR_MUST_USE bool weir_refold_flush(weir_refold *refold, weir_error *error);

int64_t weir_refold_applied(const weir_refold *refold); /* events that a handler took */
int64_t weir_refold_refused(const weir_refold *refold);

/* weir_refold_mark gives the schema another comment than options.mark, as a text without quotes. */
WEIR_MUST_USE bool weir_refold_mark(weir_refold *refold, const char *mark, weir_error *error);

/* weir_refold_drop drops the schema with all that is in it. */
WEIR_MUST_USE bool weir_refold_drop(weir_refold *refold, weir_error *error);
void weir_refold_close(weir_refold *refold); /* NULL is fine; the schema stays */

#endif
