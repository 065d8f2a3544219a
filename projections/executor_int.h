/* A command handler on both sides of its pipe: in the lane the statements that it may send, and
 * rows that are events; in its own process what it does with a batch of requests. */
#ifndef WEIR_PROJECTIONS_EXECUTOR_INT_H
#define WEIR_PROJECTIONS_EXECUTOR_INT_H

#include "projections/executor.h"
#include "projections/plugin_int.h"

/* executor.c. weir_executor_code is the command handler as a handler, whose context is the command;
 * version and tables say which one it is. */
weir_plugin_handler weir_executor_code(const weir_plugin_command *command);

/* weir_executor_statement finds what a command handler may send: the name of a statement of
 * store/sql and so many parameters. NULL: FATAL. */
const weir_plugin_statement *weir_executor_statement(const char *name, int count,
                                                     weir_error *error);

/* executor_run.c: a handler's apply; context is a weir_plugin_command. It speaks to nothing but
 * the transaction. */
WEIR_MUST_USE bool weir_executor_apply(void *context, weir_transaction *transaction,
                                       const weir_event *requests, size_t count, weir_error *error);

/* executor_rows.c: a row of command_streams and an event. read: of an aggregate type, what is not
 * text is decoded into the arena. upcast: brings the row to its latest form; *full: the arena is.
 */
#define WEIR_EXECUTOR_COLUMNS 11
WEIR_MUST_USE bool weir_executor_row_read(const char *const *row, const char *aggregate_type,
                                          weir_arena *arena, weir_event *event, weir_error *error);
WEIR_MUST_USE bool weir_executor_row_upcast(const char **row, size_t columns,
                                            const weir_upcasters *upcasters, weir_arena *arena,
                                            bool *full, weir_error *error);

#endif
