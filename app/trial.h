/* Tables of a projection that nobody serves and no subscription knows: filled from the store into a
 * schema of a person's choosing, and left there for a look. One thread. */
#ifndef WEIR_APP_TRIAL_H
#define WEIR_APP_TRIAL_H

#include "app/progress.h"
#include "app/session.h"
#include "projections/history.h"
#include "projections/refold.h"

/* The caller fills the first part; what it points to outlives the filling. */
typedef struct weir_trial {
    weir_session *session;
    const char *schema;
    const char *mark; /* the comment of the schema, by which it is known again */
    const char *done; /* the comment once it is filled; NULL: the same */
    bool replace;     /* an existing one with that mark is dropped first */
    int64_t limit;    /* events; 0: all */
    weir_history history;
    /* The rest is its own. */
    weir_refold *refold;
    weir_progress progress;
    int64_t read, refused, begun_us;
} weir_trial;

/* weir_trial_check refuses (CONFIG) what cannot be the name of such a schema: PostgreSQL's and
 * weir's own, that of the projection's views, and those that generations and proofs have. */
WEIR_MUST_USE bool weir_trial_check(const char *schema, const char *projection, weir_error *error);

/* weir_trial_open makes schema and tables; projection is history's. CONFLICT: the schema exists.
 * Close it whatever it returns. */
WEIR_MUST_USE bool weir_trial_open(weir_trial *trial, weir_projection *projection, weir_store *work,
                                   weir_error *error);

/* weir_trial_fill applies the events, names those that are refused, and writes what was done to
 * the session's output. POISON when some were refused. */
WEIR_MUST_USE bool weir_trial_fill(weir_trial *trial, weir_error *error);
void weir_trial_close(weir_trial *trial);

#endif
