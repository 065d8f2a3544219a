/* generations: a projection's tables made anew beside those that serve, and readers moved over.
 *
 * Generation N is schema `<name>__g<N>`, a row in weir.subscriptions and rows in weir.checkpoints;
 * one of them serves: the views of schema `<name>` read it. What is here makes, compares, switches,
 * goes back and drops. Filling a generation is the runtime's work.
 *
 * Every function belongs to the thread of its connection. Where a transaction is mentioned it is
 * the caller's: after a failure only ROLLBACK is left. RETRY from a lock that was not free in 50 ms
 * is usual: roll back, wait a moment, try again. `name` is a projection's name. */
#ifndef WEIR_PROJECTIONS_GENERATIONS_H
#define WEIR_PROJECTIONS_GENERATIONS_H

#include "projections/projections.h"

/* weir_generation_next makes the schema and the empty tables of the next generation as the
 * projector, verifies the handlers on them and records it as not serving; no view changes. One that
 * was begun before by the same definition is taken up again (*resumed) unless it ever served: what
 * readers were taken back from is kept as it is. One of another definition that never served is
 * dropped. A number is not used twice in a row. In transactions of its own. CONFIG errors start
 * with "file:line: ". */
WEIR_MUST_USE bool weir_generation_next(weir_projection *projection, const weir_config *config,
                                        weir_connection *connection, int *generation, bool *resumed,
                                        weir_error *error);

/* weir_generation_begun: which one weir_generation_next would take up again; 0: none. Changes
 * nothing. */
WEIR_MUST_USE bool weir_generation_begun(weir_projection *projection, weir_connection *connection,
                                         int *generation, weir_error *error);

/* weir_generation_serving: the one that readers see; 0: none yet. */
WEIR_MUST_USE bool weir_generation_serving(weir_connection *connection, const char *name,
                                           int *generation, weir_error *error);

/* weir_generation_previous: the one that served before the one that serves, if it is kept.
 * NOT_FOUND: none is. */
WEIR_MUST_USE bool weir_generation_previous(weir_connection *connection, const char *name,
                                            int *generation, weir_error *error);

typedef enum weir_view_change {
    WEIR_VIEW_SAME,    /* the same columns */
    WEIR_VIEW_ADDED,   /* columns are added, at the end */
    WEIR_VIEW_NEW,     /* a table that had no view */
    WEIR_VIEW_REMOVED, /* columns are gone: from here on a view is replaced by another */
    WEIR_VIEW_RETYPED, /* columns have another type or collation */
    WEIR_VIEW_ALTERED, /* somebody gave it another query than ours */
    WEIR_VIEW_GONE,    /* the table is gone */
    WEIR_VIEW_TAKEN,   /* its name belongs to something that is not ours: always refused */
} weir_view_change;

typedef struct weir_view_plan {
    weir_view_change change;
    char *view;       /* "p.users", quoted where need be */
    char *columns;    /* those concerned: "a, b (integer, now bigint)"; may be "" */
    char *dependents; /* what depends on a view to be replaced: "view x, function f()"; "" */
    char *owner;      /* of the view */
    char *statement;  /* what follows CREATE [OR REPLACE]; NULL: gone */
    char *oid;        /* of the view; NULL: new */
    char *table;      /* oid of the new table; "0": gone */
} weir_view_plan;

typedef struct weir_generation_plan {
    int from, to; /* from 0: nothing serves yet */
    weir_view_plan *views;
    size_t count;
    char *unprotected; /* row security that the new tables lack: always refused; NULL: none */
} weir_generation_plan;

/* weir_generation_compare says what a switch to `to` would do with every view. Reads only, in the
 * caller's transaction or one of its own; search_path and lock_timeout are the transaction's. */
WEIR_MUST_USE bool weir_generation_compare(weir_connection *connection, const char *name, int to,
                                           weir_generation_plan *plan, weir_error *error);
void weir_generation_plan_free(weir_generation_plan *plan);
const char *weir_view_change_name(weir_view_change change); /* "same", "columns added", … */

/* weir_generation_allow refuses (CONFIG) a plan that no CREATE OR REPLACE VIEW can carry out, with
 * what depends on it; replace_views: only what nothing can. */
WEIR_MUST_USE bool weir_generation_allow(const weir_generation_plan *plan, const char *name,
                                         bool replace_views, weir_error *error);

/* weir_generation_switch moves all views to generation `to` in the open transaction, which is then
 * to be committed at once: views, grants, which generation serves, and the epochs of both, so that
 * whoever feeds them looks anew. It changes no row of a table. replace_views: views that need it
 * are dropped and made again, with the views that depend on them. Statements of the caller's own
 * come before it; role, search_path and lock_timeout are then the transaction's. */
WEIR_MUST_USE bool weir_generation_switch(weir_connection *connection, const char *name, int to,
                                          bool replace_views, weir_error *error);

/* weir_generation_rollback switches to a kept generation, in transactions of its own, again and
 * again until no reader is in the way, for patience_ms; then TIMEOUT, and who it was. stop may be
 * NULL. The generation that is left stays as it is. */
WEIR_MUST_USE bool weir_generation_rollback(weir_connection *connection, const char *name, int to,
                                            bool replace_views, weir_stop *stop, int patience_ms,
                                            weir_error *error);

/* weir_generation_drop removes a generation that does not serve: schema, checkpoints, dead letters,
 * row. CONFIG when something outside depends on it, with what. Waits like rollback. */
WEIR_MUST_USE bool weir_generation_drop(weir_connection *connection, const char *name,
                                        int generation, weir_stop *stop, int patience_ms,
                                        weir_error *error);

/* weir_generation_outside appends what a drop would be refused for, separated by ", ". */
WEIR_MUST_USE bool weir_generation_outside(weir_connection *connection, const char *name,
                                           int generation, weir_buffer *text, weir_error *error);

/* weir_generation_wait_snapshots returns when every snapshot of this database that was there at the
 * call is gone: readers that come later see all that was committed before. RETRY with TIMEOUT after
 * patience_ms, naming who holds one. Outside of a transaction, or in one that has no snapshot. */
WEIR_MUST_USE bool weir_generation_wait_snapshots(weir_connection *connection, weir_stop *stop,
                                                  int patience_ms, weir_error *error);

/* weir_generation_name_holders adds to error who holds locks on the views and tables. */
void weir_generation_name_holders(weir_connection *connection, const char *name, weir_error *error);

#endif
