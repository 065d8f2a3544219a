/* What the commands of dead letters share. */
#ifndef WEIR_APP_DLQ_H
#define WEIR_APP_DLQ_H

#include "app/table.h"
#include "app/verbs.h"

/* weir_letter_id refuses, with CONFIG, what is no letter's id. */
WEIR_MUST_USE bool weir_letter_id(const char *text, weir_error *error);

/* weir_letter_aggregate reads the aggregate of --aggregate TYPE ID; both NULL: not given. */
void weir_letter_aggregate(const weir_arguments *arguments, const char **type, const char **id);

/* weir_letter_row writes a result's row into a table whose columns are the result's. */
void weir_letter_row(weir_table *table, const weir_column *columns, const weir_result *result,
                     int row);

/* weir_letters_heads finds the first waiting letter of each aggregate that `ids` (an array as
 * PostgreSQL writes it) are of, with which a retry begins: an array, malloc'd; NULL on failure. */
char *weir_letters_heads(weir_connection *connection, const char *ids, weir_error *error);

/* weir_letters_mark marks letters in the open transaction: of `ids` (an array as PostgreSQL writes
 * it), for retry the first waiting ones of their aggregates. how goes to the audit trail. *heads is
 * those that were marked, malloc'd. CONFLICT when the runtime was quicker. */
WEIR_MUST_USE bool weir_letters_mark(weir_connection *connection, const char *ids,
                                     const char *action, const char *how, char **heads,
                                     weir_error *error);

/* weir_letters_lock locks the letters of `ids` in the open transaction. NOT_FOUND naming those that
 * do not exist, CONFLICT naming those that wait no more. */
WEIR_MUST_USE bool weir_letters_lock(weir_connection *connection, const char *ids,
                                     weir_error *error);

#endif
