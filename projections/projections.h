/* projections: read models as SQL. One .sql file is one projection: its own tables, then statements
 * per event type, with `-- name: value` directives. docs/projections.md is its manual.
 *
 * A projection may also be C code, a handler of a plug-in (store/plugin_handler.h): its tables are
 * made, fed and switched in the same way. docs/handlers_c.md is its manual. */
#ifndef WEIR_PROJECTIONS_PROJECTIONS_H
#define WEIR_PROJECTIONS_PROJECTIONS_H

#include "consumer/consumer.h"
#include "store/plugin_handler.h"

typedef enum weir_apply {
    WEIR_APPLY_EACH,      /* one event a statement, in partition order */
    WEIR_APPLY_AGGREGATE, /* waves: at most the next event of every aggregate a statement */
    WEIR_APPLY_BATCH,     /* each run of consecutive events a statement */
    WEIR_APPLY_CODE,      /* what a plug-in's handler says */
} weir_apply;

typedef struct weir_projection weir_projection;

/* weir_projection_load reads and parses one file. CONFIG errors start with "file:line: ". */
weir_projection *weir_projection_load(const char *path, weir_error *error);
void weir_projection_free(weir_projection *projection);

const char *weir_projection_name(const weir_projection *projection);
const char *weir_projection_file(const weir_projection *projection);
const char *const *weir_projection_types(const weir_projection *projection); /* NULL-terminated */
weir_apply weir_projection_apply(const weir_projection *projection);

/* weir_projection_of_handler makes a projection of a handler in C, which must outlive it; plugin
 * names the file that it is in, for messages. It runs in the calling process, without protection
 * from it: for tests, and programs that bring their own handlers. CONFIG. */
weir_projection *weir_projection_of_handler(const weir_plugin_handler *handler, const char *plugin,
                                            weir_error *error);

/* weir_plugin_host is the process of a plug-in's handler, spoken to by a runtime through its first
 * four files; returns the exit code. main calls it for `WEIR_PLUGIN_HOST file name`. */
#define WEIR_PLUGIN_HOST "plugin-host"
int weir_plugin_host(const char *file, const char *name);

/* weir_projection_foreign: the topics it reads that weir did not write, NULL when it reads
 * aggregate types; weir_projection_needs_store refuses such a projection, CONFIG, with what is to
 * be said. */
const weir_foreign *weir_projection_foreign(const weir_projection *projection);
WEIR_MUST_USE bool weir_projection_needs_store(const weir_projection *projection, const char *what,
                                               weir_error *error);

/* weir_projections_load loads every file of `projections.files` and every handler of
 * `plugins.files`, refuses two of one name and overrides under `subscriptions:` that no projection
 * and no handler of another language answers to. Handlers of plug-ins run in processes of this
 * program, whose main knows WEIR_PLUGIN_HOST. */
typedef struct weir_projections {
    weir_projection **items;
    size_t count;
} weir_projections;
WEIR_MUST_USE bool weir_projections_load(const weir_config *config, weir_projections *projections,
                                         weir_error *error);
void weir_projections_free(weir_projections *projections);

/* weir_projection_handler makes the handler that feeds the projection's tables; owned by the
 * projection. config outlives it. */
weir_handler *weir_projection_handler(weir_projection *projection, const weir_config *config);

/* weir_projection_check creates the tables in a scratch schema, prepares every statement against
 * them and every named query against views of them, rolls back, and compares the tables with those
 * of the generation that serves: for a start that refuses early. CONFIG errors start with
 * "file:line: ". */
WEIR_MUST_USE bool weir_projection_check(weir_projection *projection, const weir_config *config,
                                         weir_connection *connection, weir_error *error);

/* A projection tried on sample events, in a scratch schema and a transaction that is rolled back.
 * The connection is the rehearsal's until close; it is of no use afterwards but to be closed. */
typedef struct weir_rehearsal weir_rehearsal;

/* weir_rehearsal_open makes the tables and prepares the handlers. CONFIG errors start with
 * "file:line: ". projection, config and connection outlive it. */
weir_rehearsal *weir_rehearsal_open(weir_projection *projection, const weir_config *config,
                                    weir_connection *connection, weir_error *error);

/* weir_rehearsal_apply applies one event, alone, if it is of the projection's aggregate types;
 * *called: a handler wanted it. An event that is refused leaves no trace; the error names the
 * statement. RETRY: the connection is lost. */
WEIR_MUST_USE bool weir_rehearsal_apply(weir_rehearsal *rehearsal, const weir_event *event,
                                        bool *called, weir_error *error);
const char *weir_rehearsal_name(const weir_rehearsal *rehearsal);
void weir_rehearsal_close(weir_rehearsal *rehearsal); /* NULL is fine */

#endif
