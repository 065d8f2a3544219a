/* A command handler: requests that stand in the log as events, such as what a saga asks for, are
 * executed on aggregates of a class, each exactly once. A plug-in names its command handlers in
 * weir_plugin_info.
 *
 *     static bool execute(weir_aggregate *account, const weir_event *request, weir_error *error)
 *     {
 *         const weir_new_event charged = {.type = "payment.charged", .data = …};
 *         return weir_aggregate_raise(account, &charged, error);
 *     }
 *
 * What is raised is appended in the transaction of the checkpoint, at the version that was loaded.
 * docs/commands.md is the manual. */
#ifndef WEIR_STORE_PLUGIN_COMMAND_H
#define WEIR_STORE_PLUGIN_COMMAND_H

#include "store/aggregate.h"

#define WEIR_ID_SIZE 257 /* an aggregate id and its NUL */

typedef struct weir_plugin_command {
    const char *name; /* letters, digits, _ : the subscription's */
    const char *from; /* aggregate types whose events are requests, separated by commas */
    const char *on;   /* event types: "payment.charge_requested, payment.*" or "*" */
    const weir_aggregate_class *aggregate; /* it has no other command handler */

    /* target writes the id of the aggregate that the request is for; left empty: it is for none of
     * these. False with error filled, as execute's. */
    bool (*target)(const weir_event *request, char id[WEIR_ID_SIZE], weir_error *error);

    /* execute reads the state and raises one event at least, by which it is known that the request
     * was executed; a refusal that somebody should hear about is an event, too. It may run again,
     * on another state, when somebody else was faster or the process died, so it has no other
     * effects. False with error filled (weir_fail): POISON accuses the request, which is tried
     * again and then parked; RETRY accuses nobody, and it is tried again later; CONFIG and FATAL
     * stop the subscription. One thread, in a process that has only this handler. */
    bool (*execute)(weir_aggregate *aggregate, const weir_event *request, weir_error *error);
} weir_plugin_command;

#endif
