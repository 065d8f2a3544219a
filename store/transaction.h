/* A transaction as code is given it that must neither begin nor end it: a plug-in's handler applies
 * events through one (store/plugin_handler.h).
 *
 *     weir_transaction_exec(transaction,
 *                           "INSERT INTO orders (id, total) VALUES ($1, $2::numeric)",
 *                           WEIR_PARAMS(WEIR_PARAM_TEXT(id), WEIR_PARAM_TEXT(total)), error)
 *
 * It has the thread that was given it, and lives as long as the call that it was given to. */
#ifndef WEIR_STORE_TRANSACTION_H
#define WEIR_STORE_TRANSACTION_H

#include "store/connection.h"

typedef struct weir_transaction weir_transaction;

/* The rows of a query: texts, as PostgreSQL writes them; NULL for SQL's NULL. */
typedef struct weir_rows {
    size_t count, columns;
    const char *const *values; /* row by row */
} weir_rows;

/* weir_rows_value: rows and columns count from 0. */
static inline const char *weir_rows_value(const weir_rows *rows, size_t row, size_t column)
{
    return rows->values[row * rows->columns + column];
}

/* The values of a statement's $1, $2, … : two arguments of exec and query. */
#define WEIR_PARAMS(...)                                                                           \
    (const weir_param[]){__VA_ARGS__},                                                             \
        (int)(sizeof((const weir_param[]){__VA_ARGS__}) / sizeof(weir_param))
#define WEIR_PARAMS_NONE NULL, 0

/* weir_transaction_exec adds a statement: INSERT, UPDATE, DELETE, MERGE, SELECT or WITH, values as
 * parameters. It is copied and may be sent later, so what PostgreSQL says to it is mostly not known
 * here. False, error filled: nothing more can be done; return false. */
WEIR_MUST_USE bool weir_transaction_exec(weir_transaction *transaction, const char *sql,
                                         const weir_param *params, int count, weir_error *error);

/* weir_transaction_query reads, and sees what was added before. The rows live as long
 * as the transaction; NULL as exec's false. A round trip each: ask for what several events need at
 * once. */
const weir_rows *weir_transaction_query(weir_transaction *transaction, const char *sql,
                                        const weir_param *params, int count, weir_error *error);

/* weir_transaction_at says which event (from 0) the code is at, until it says another: who is to
 * blame for a refused statement, an error, a crash or a hang. Costs nothing; without it the culprit
 * is found by halving the batch. */
void weir_transaction_at(weir_transaction *transaction, size_t event);

/* What one is made of, for whoever hands it out; exec, query and at as above. */
struct weir_transaction {
    bool (*exec)(void *context, const char *sql, const weir_param *params, int count,
                 weir_error *error);
    const weir_rows *(*query)(void *context, const char *sql, const weir_param *params, int count,
                              weir_error *error);
    void (*at)(void *context, size_t event);
    void *context;
};

#endif
