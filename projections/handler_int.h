/* A projection as the consumer runtime's handler: its state, and the steps of opening it. */
#ifndef WEIR_PROJECTIONS_HANDLER_INT_H
#define WEIR_PROJECTIONS_HANDLER_INT_H

#include "projections/projection_int.h"

#define WEIR_EVENT_COLUMNS 11 /* of the relation events */

struct weir_feed {
    weir_handler handler; /* context points back here */
    weir_projection *projection;
    const weir_config *config;
    bool warned_roles, warned_values;
};

/* What feeds a generation's tables on one connection. */
typedef struct weir_feeder {
    const weir_projection *projection;
    weir_array arrays[WEIR_EVENT_COLUMNS]; /* reused for every call */
    uint64_t events, replan_at;            /* since the connection was opened */
    struct weir_plugin_feeder *code;       /* of code; NULL: it is SQL */
} weir_feeder;

/* In whose name things are made and handled. A role that is not there, or that the connecting user
 * may not take, is "none": then that user acts itself. */
typedef struct weir_actors {
    char projector[64], owner[64]; /* for SET ROLE */
    char viewer[64];               /* who will own the views: owner, or the connecting user */
    char user[64];                 /* who connected */
    char reader[64];               /* "" when there is none */
    char asker[64];                /* for SET ROLE: the reader */
    char database[130];            /* quoted, for messages */
    bool complete;                 /* all three roles are there */
} weir_actors;

/* weir_feed_of returns the projection's state, made on first use. */
weir_feed *weir_feed_of(weir_projection *projection, const weir_config *config);
void weir_feed_free(weir_feed *feed); /* NULL is fine */

/* weir_feeder_new makes a feeder, weir_feeder_collect is the handler's collect of one. */
weir_feeder *weir_feeder_new(const weir_projection *projection);
void weir_feeder_free(void *feeder); /* NULL is fine */
WEIR_MUST_USE bool weir_feeder_collect(void *feeder, const weir_batch *batch, bool one_by_one,
                                       weir_calls *calls, weir_error *error);

/* The same for code: what a feeder has beyond; weir_plugin_collect is handed the events of the
 * batch that code wants (index: which, of the batch). */
struct weir_plugin_feeder *weir_plugin_feeder_new(const weir_projection *projection);
void weir_plugin_feeder_free(struct weir_plugin_feeder *code); /* NULL is fine */
WEIR_MUST_USE bool weir_plugin_collect(struct weir_plugin_feeder *code, const weir_batch *batch,
                                       const uint32_t *index, size_t count, weir_calls *calls,
                                       weir_error *error);

/* weir_plugin_timeout_ms is how long a handler of a plug-in may take for a batch; weir_plugin_
 * patience_ms how long that can be with its start and end. */
int weir_plugin_timeout_ms(const weir_config *config);
int weir_plugin_patience_ms(const weir_config *config);

/* weir_actors_find looks the roles up. */
WEIR_MUST_USE bool weir_actors_find(weir_connection *connection, weir_actors *actors,
                                    weir_error *error);

/* weir_tables_schema writes the name of the schema of a generation's tables. */
#define WEIR_SCHEMA_SIZE 64
void weir_tables_schema(const weir_projection *projection, int generation,
                        char schema[WEIR_SCHEMA_SIZE]);

/* weir_session_set sets role, search_path to schema, and what handlers run under; local: until the
 * end of the transaction. plans is a plan_cache_mode. */
WEIR_MUST_USE bool weir_session_set(const weir_feed *feed, weir_connection *connection,
                                    const char *role, const char *schema, const char *plans,
                                    bool local, weir_error *error);

/* weir_act_as takes a role for the rest of the transaction. */
WEIR_MUST_USE bool weir_act_as(weir_connection *connection, const char *role, weir_error *error);

/* weir_schema_make makes a schema as role, which is the current one; an existing one will do. */
WEIR_MUST_USE bool weir_schema_make(weir_connection *connection, const weir_actors *actors,
                                    const char *role, const char *schema, weir_error *error);

/* weir_statement_run calls a statement of store/sql for its effect alone. */
WEIR_MUST_USE bool weir_statement_run(weir_connection *connection, const char *statement,
                                      const weir_param *params, int count, weir_error *error);

/* weir_tables_make makes the schema and the projection's tables in it, in the open transaction, as
 * the role that is to own them. */
WEIR_MUST_USE bool weir_tables_make(const weir_projection *projection, weir_connection *connection,
                                    const weir_actors *actors, const char *schema,
                                    weir_error *error);

/* weir_handlers_verify prepares every handler statement, asks for its plan, and refuses one that
 * writes outside schema or, being for many events, does not read them. */
WEIR_MUST_USE bool weir_handlers_verify(const weir_projection *projection,
                                        weir_connection *connection, const char *schema,
                                        weir_error *error);

/* weir_plan_judge asks for the plan of a statement that was prepared as name, with so many
 * parameters, under plan_cache_mode force_generic_plan, and refuses it as verify does. */
WEIR_MUST_USE bool weir_plan_judge(const weir_projection *projection, weir_connection *connection,
                                   const weir_statement *statement, const char *name, int params,
                                   const char *schema, weir_error *error);

/* weir_handlers_prepare prepares every handler statement under its name, for the tables that the
 * search_path leads to. */
WEIR_MUST_USE bool weir_handlers_prepare(const weir_projection *projection,
                                         weir_connection *connection, weir_error *error);

/* weir_queries_verify makes views of the tables in schema, as readers will have them, and prepares
 * every named query on them, in the open transaction, which is of no use afterwards but to be
 * rolled back. CONFIG errors start with "file:line: ". */
WEIR_MUST_USE bool weir_queries_verify(weir_feed *feed, weir_connection *connection,
                                       const weir_actors *actors, const char *schema,
                                       weir_error *error);

/* weir_values_warn logs, once, the functions whose values no replay can equal. */
WEIR_MUST_USE bool weir_values_warn(weir_feed *feed, weir_connection *connection,
                                    weir_error *error);

/* weir_scratch_check makes the tables in a scratch schema, verifies the handlers against them, and
 * rolls back. */
WEIR_MUST_USE bool weir_scratch_check(weir_feed *feed, weir_connection *connection,
                                      const weir_actors *actors, weir_error *error);

/* weir_generation_find finds the serving generation, 0 if there is none, and compares its recorded
 * definition: *same_tables, *same (the handlers, too). */
WEIR_MUST_USE bool weir_generation_find(const weir_projection *projection,
                                        weir_connection *connection, const char *definition,
                                        int *generation, bool *same_tables, bool *same,
                                        weir_error *error);

/* weir_generation_fits: there is no generation yet, or its tables are made as the file says. */
WEIR_MUST_USE bool weir_generation_fits(const weir_projection *projection,
                                        weir_connection *connection, weir_error *error);

/* weir_generation_fail_changed says why a file does not fit the serving generation, and the way
 * out; false. */
bool weir_generation_fail_changed(const weir_projection *projection, weir_connection *connection,
                                  const char *definition, int generation, weir_error *error);

/* weir_generation_check: that generation was begun from this very definition. */
WEIR_MUST_USE bool weir_generation_check(const weir_projection *projection,
                                         weir_connection *connection, const char *definition,
                                         int generation, weir_error *error);

/* weir_generation_fill_schema makes the schema and tables of a generation and verifies the handlers
 * on them; weir_generation_record its row; weir_views_schema_free: the schema of the views is ours
 * to make. All in the open transaction. */
WEIR_MUST_USE bool weir_generation_fill_schema(weir_feed *feed, weir_connection *connection,
                                               const weir_actors *actors, int generation,
                                               weir_error *error);
WEIR_MUST_USE bool weir_generation_record(const weir_projection *projection,
                                          weir_connection *connection, const weir_actors *actors,
                                          int generation, bool serving, const char *definition,
                                          weir_error *error);
WEIR_MUST_USE bool weir_views_schema_free(const weir_projection *projection,
                                          weir_connection *connection, weir_error *error);

/* weir_generation_fail_made makes CONFIG of what no retry can help; false. */
bool weir_generation_fail_made(weir_error *error);

/* weir_generation_create makes generation 1 and its views unless somebody else just did. */
WEIR_MUST_USE bool weir_generation_create(weir_feed *feed, weir_connection *connection,
                                          const weir_actors *actors, const char *definition,
                                          weir_error *error);

/* weir_definition_make returns what is recorded of a projection: JSON text, malloc'd. */
char *weir_definition_make(const weir_projection *projection, weir_connection *connection,
                           weir_error *error);

#endif
