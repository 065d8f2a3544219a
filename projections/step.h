/* step: one event after the other through a projection's statements, and what each does to the
 * rows. Everything happens in a scratch schema and a transaction that is rolled back. */
#ifndef WEIR_PROJECTIONS_STEP_H
#define WEIR_PROJECTIONS_STEP_H

#include "projections/projections.h"

typedef enum weir_change_kind {
    WEIR_CHANGE_INSERTED,
    WEIR_CHANGE_UPDATED,
    WEIR_CHANGE_DELETED,
} weir_change_kind;

/* One row that an event changed. JSON objects, in the order of the table's columns. */
typedef struct weir_change {
    weir_change_kind kind;
    const char *table;
    const char *key;    /* the primary key; NULL: the table has none */
    const char *before; /* NULL: inserted */
    const char *after;  /* NULL: deleted */
} weir_change;

/* weir_change_fn receives one change, valid during the call. */
typedef void weir_change_fn(void *context, const weir_change *change);

typedef struct weir_steps weir_steps;

/* weir_steps_open makes the tables and prepares the handlers. CONFIG errors start with
 * "file:line: ". projection, config and connection outlive it; the connection is of no use
 * afterwards but to be closed. One thread. */
weir_steps *weir_steps_open(weir_projection *projection, const weir_config *config,
                            weir_connection *connection, weir_error *error);

/* weir_steps_apply applies one event, alone, and hands over what it changed, by table and key;
 * *called: a handler wanted it. In a table without a primary key nothing is ever updated: a row
 * goes and another comes. An event that is refused leaves no trace; the error names the statement.
 * RETRY: the connection is lost. */
WEIR_MUST_USE bool weir_steps_apply(weir_steps *steps, const weir_event *event, bool *called,
                                    weir_change_fn *fn, void *context, weir_error *error);
void weir_steps_close(weir_steps *steps); /* NULL is fine */

#endif
