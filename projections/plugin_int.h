/* How a plug-in's handler is run: what it says becomes calls of the batch's transaction
 * (plugin_collect.c, plugin_statements.c), whether it runs in this process or in one of its own
 * (plugin_process.c here, plugin_host.c there). All of it in the lane's thread. */
#ifndef WEIR_PROJECTIONS_PLUGIN_INT_H
#define WEIR_PROJECTIONS_PLUGIN_INT_H

#include "projections/handler_int.h"

/* The statements of one handler on one connection. */
typedef struct weir_plugin_statements weir_plugin_statements;
weir_plugin_statements *weir_plugin_statements_new(const weir_projection *projection);
void weir_plugin_statements_free(weir_plugin_statements *statements); /* NULL is fine */

typedef struct weir_plugin_statement {
    const char *name;  /* prepared under it */
    const char *label; /* for errors */
    bool events;       /* its rows are events, as weir_executor_row_read reads them */
} weir_plugin_statement;

/* weir_plugin_statements_find finds the statement of that text, which takes so many parameters. One
 * that is new is examined, prepared, and refused (CONFIG) if it does what a handler may not. NULL
 * with error filled; an open transaction has then failed. */
const weir_plugin_statement *weir_plugin_statements_find(weir_plugin_statements *statements,
                                                         weir_connection *connection,
                                                         const char *sql, int count,
                                                         weir_error *error);

/* One batch on its way through a handler. */
typedef struct weir_plugin_run {
    weir_plugin_statements *statements;
    weir_calls *calls;
    const weir_event *events;
    const uint32_t *index; /* of each event in the batch */
    size_t count;
    const char *scope;               /* what every $1 must be; NULL: anything */
    const weir_upcasters *upcasters; /* of events that are asked for */
    int patience_ms; /* what the transaction may rest once something was asked; 0: the usual */
    bool asked;
    bool of_events; /* the rows of what was added last are events */
    bool refused;   /* a statement: nothing more can be done, whatever the handler says */
    weir_error error;
    const weir_rows *rows; /* of the last query */
} weir_plugin_run;

/* weir_plugin_run_exec and _query do what a transaction does. event: -1 when not known. What is
 * handed over is in the calls' arena. False, NULL: run->error says why, and run->refused is set. */
WEIR_MUST_USE bool weir_plugin_run_exec(weir_plugin_run *run, const char *sql,
                                        const weir_param *params, int count, int64_t event);
const weir_rows *weir_plugin_run_query(weir_plugin_run *run, const char *sql,
                                       const weir_param *params, int count, int64_t event);

/* weir_plugin_run_fail ends a run that its handler gave up, at that event (-1: not known). False.
 */
bool weir_plugin_run_fail(weir_plugin_run *run, int64_t event, const weir_error *error);

/* A handler's process. */
typedef struct weir_plugin_process weir_plugin_process;
weir_plugin_process *weir_plugin_process_new(const weir_projection *projection);
void weir_plugin_process_free(weir_plugin_process *process); /* ends it; NULL is fine */

/* weir_plugin_process_apply has the events of a run handled. False: the run's error says why. */
WEIR_MUST_USE bool weir_plugin_process_apply(weir_plugin_process *process, weir_plugin_run *run);

#endif
