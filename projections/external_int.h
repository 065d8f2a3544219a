/* The inside of a handler in another language. */
#ifndef WEIR_PROJECTIONS_EXTERNAL_INT_H
#define WEIR_PROJECTIONS_EXTERNAL_INT_H

#include "projections/external.h"

struct weir_external {
    weir_handler handler; /* context points back here */
    const char *name, *command, *directory;
    char **types;    /* NULL-terminated */
    char **patterns; /* NULL-terminated: order.paid, order.*, * */
    int timeout_ms, drain_ms;
    int give_up;              /* starts; 0: never */
    atomic_int failed_starts; /* in a row, over all lanes */
};

/* weir_external_wants: it gets events of that type. */
bool weir_external_wants(const weir_external *external, const char *event_type);

/* weir_external_open, _deliver and _close are the handler's: a session is one child. */
void *weir_external_open(weir_handler *handler, weir_connection *connection, int generation,
                         weir_error *error);
bool weir_external_deliver(void *session, const weir_batch *batch, const atomic_bool *abandon,
                           size_t *done, weir_error *error);
void weir_external_close(void *session);

#endif
