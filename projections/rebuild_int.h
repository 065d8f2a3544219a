/* The inside of a rebuild: what its files share. */
#ifndef WEIR_PROJECTIONS_REBUILD_INT_H
#define WEIR_PROJECTIONS_REBUILD_INT_H

#include "projections/rebuild.h"

typedef struct weir_rebuild_run {
    weir_projection *projection;
    const char *name;
    const weir_config *config;
    weir_rebuild_options *options;
    weir_store *store; /* for the switch; the filling has connections of its own */
    weir_connection *connection;
    weir_subscription *subscription;
    int from, to;     /* from 0: none serves */
    int64_t recorded; /* the last event of its types when it began; 0: none, or not the store's */
    bool relay_lags;  /* what an attempt to switch lacked is not in the topics yet */
} weir_rebuild_run;

/* weir_rebuild_check_source refuses a source that the projection, or what was filled so far, cannot
 * go on from (CONFIG). */
WEIR_MUST_USE bool weir_rebuild_check_source(const weir_rebuild_run *run, weir_error *error);

/* weir_rebuild_check_parked refuses (FATAL) a generation that parks aggregates which the serving
 * one does not, unless forced, and one that the runtime would stop for at once. */
WEIR_MUST_USE bool weir_rebuild_check_parked(weir_rebuild_run *run, weir_error *error);

/* weir_rebuild_verify compares the new generation, which nobody feeds meanwhile, with an
 * independent fold. FATAL where it differs: it is then left to be looked at, and never switched to.
 */
WEIR_MUST_USE bool weir_rebuild_verify(weir_rebuild_run *run, weir_error *error);

/* weir_rebuild_note finds out what the store had when the rebuild began, and whether Kafka has the
 * topics that are to be read (NOT_FOUND). */
WEIR_MUST_USE bool weir_rebuild_note(weir_rebuild_run *run, weir_error *error);

/* weir_rebuild_published: up to this position every event is in its topic; 0 where nobody asks. */
WEIR_MUST_USE bool weir_rebuild_published(weir_rebuild_run *run, int64_t *position,
                                          weir_error *error);

/* weir_rebuild_join has the new generation go on where the old one stands, which is held. upto: how
 * far that is in the store; published: what was in the topics before they were read to their ends.
 * RETRY while the new one lacks something. */
WEIR_MUST_USE bool weir_rebuild_join(weir_rebuild_run *run, int64_t upto, int64_t published,
                                     weir_error *error);

#endif
