/* The inside of a connection, shared by the files of the connection module only. */
#ifndef WEIR_STORE_CONNECTION_INT_H
#define WEIR_STORE_CONNECTION_INT_H

#include <libpq-fe.h>

#include "store/connection.h"

typedef struct weir_prepared weir_prepared;

struct weir_connection {
    PGconn *pg;
    PGcancel *cancel; /* made once: usable by any thread */
    char *schema;
    weir_stop *stop;
    int64_t deadline_us; /* once a stop was seen: when what runs is cancelled; 0 before */
    bool broken;         /* given up on: the protocol state is unknown */
    int error_position;
    weir_prepared *prepared; /* names known to the server, a uthash */
};

/* weir_connection_wait flushes what is queued and waits until the next result can be had without
 * blocking. */
WEIR_MUST_USE bool weir_connection_wait(weir_connection *connection, weir_error *error);

/* weir_connection_next waits for and returns the next result; NULL with *ok at the end of one
 * command's results, NULL without when the connection is gone (error filled). */
PGresult *weir_connection_next(weir_connection *connection, bool *ok, weir_error *error);

/* weir_connection_fail fills error from a failed result (NULL: from the connection); false. */
bool weir_connection_fail(weir_connection *connection, const PGresult *result, weir_error *error);

/* weir_connection_ready makes sure that a statement is prepared. */
WEIR_MUST_USE bool weir_connection_ready(weir_connection *connection, const char *statement,
                                         weir_error *error);

/* weir_connection_forget drops the set of prepared names. */
void weir_connection_forget(weir_connection *connection);

/* weir_connection_send queues one call of a prepared statement. */
WEIR_MUST_USE bool weir_connection_send(weir_connection *connection, const char *statement,
                                        const weir_param *params, int count, bool binary_result,
                                        weir_error *error);

/* weir_connection_send_text queues SQL text that is not prepared. */
WEIR_MUST_USE bool weir_connection_send_text(weir_connection *connection, const char *sql,
                                             const weir_param *params, int count,
                                             weir_error *error);

#endif
