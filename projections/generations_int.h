/* What the files about generations share. */
#ifndef WEIR_PROJECTIONS_GENERATIONS_INT_H
#define WEIR_PROJECTIONS_GENERATIONS_INT_H

#include "projections/generations.h"
#include "projections/handler_int.h"

/* Below deadlock_timeout, so that nobody's query is ever chosen instead of us. */
#define WEIR_SWITCH_LOCK_TIMEOUT "50ms"

/* weir_locks_bound bounds the waits for locks in the open transaction, and clears search_path. */
WEIR_MUST_USE bool weir_locks_bound(weir_connection *connection, weir_error *error);

/* weir_view_is_replaced: CREATE OR REPLACE VIEW cannot do it. */
bool weir_view_is_replaced(const weir_view_plan *view);

/* weir_rows_joined joins the first column with ", "; malloc'd. */
char *weir_rows_joined(const weir_result *rows);

/* weir_run_made runs the statements that a statement of store/sql makes, one a row; *count (may be
 * NULL) of them. */
WEIR_MUST_USE bool weir_run_made(weir_connection *connection, const char *maker,
                                 const weir_param *params, int params_count, int *count,
                                 weir_error *error);

/* weir_views_replace carries out what CREATE OR REPLACE VIEW cannot, with the dependent views. */
WEIR_MUST_USE bool weir_views_replace(weir_connection *connection, const weir_generation_plan *plan,
                                      weir_error *error);

/* weir_attempts runs fn in transactions until one commits, up to patience_ms; RETRY errors of locks
 * are tried again, and at the end named with who holds them. */
typedef bool weir_attempt_fn(void *context, weir_connection *connection, weir_error *error);
WEIR_MUST_USE bool weir_attempts(weir_connection *connection, const char *name, weir_attempt_fn *fn,
                                 void *context, weir_stop *stop, int patience_ms,
                                 weir_error *error);

/* weir_session_describe appends who a row's session is: pid, user, application and age stand in its
 * columns from `column` on. */
void weir_session_describe(weir_buffer *text, const weir_result *rows, int row, int column);

/* weir_generation_remove drops the schema and the rows of a generation, in the open transaction. */
WEIR_MUST_USE bool weir_generation_remove(weir_connection *connection, const weir_actors *actors,
                                          const char *name, int generation, weir_error *error);

#endif
