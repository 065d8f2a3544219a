/* A projection whose statements are made by C code rather than written down in SQL: what happens to
 * its own tables for each batch of events. A plug-in names its handlers in weir_plugin_info.
 *
 * Its effects are exactly once: what apply adds to the transaction is committed together with the
 * checkpoint, or not at all. Whatever else it does (files, calls to services) happens once more at
 * every attempt. docs/handlers_c.md is the manual. */
#ifndef WEIR_STORE_PLUGIN_HANDLER_H
#define WEIR_STORE_PLUGIN_HANDLER_H

#include "store/event.h"
#include "store/transaction.h"

typedef struct weir_plugin_handler {
    const char *name;   /* as a projection's: its tables stand in <name>__g<N>, views in <name> */
    const char *from;   /* aggregate types, separated by commas */
    const char *on;     /* event types: "order.placed, order.*" or "*" */
    const char *tables; /* the statements that make its tables, separated by semicolons */
    int version;        /* raised when the tables must be filled anew; 0 is 1 */

    /* init makes what apply is given as context, once a process; NULL with error filled: RETRY is
     * tried again later, any other fate stops the subscription. Left out: the context is NULL. */
    void *(*init)(weir_error *error);
    void (*free)(void *context);

    /* apply handles events, in their order, all of them or none: they are of its types, each
     * aggregate's in the order of its versions, and live until it returns. Tables are named without
     * a schema. A batch that was rolled back comes again, whole or in parts, so nothing of it may
     * stay in the context. False with error filled (weir_fail): POISON accuses the event that
     * weir_transaction_at named last, which is tried again and then parked; RETRY accuses nobody,
     * and the batch is tried again later; CONFIG and FATAL stop the subscription. One thread, in a
     * process that has only this handler. */
    bool (*apply)(void *context, weir_transaction *transaction, const weir_event *events,
                  size_t count, weir_error *error);
} weir_plugin_handler;

#endif
