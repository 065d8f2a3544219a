/* The subscriptions that the store knows, for commands that take the name of one. */
#ifndef WEIR_APP_SUBSCRIPTIONS_H
#define WEIR_APP_SUBSCRIPTIONS_H

#include "store/store.h"

/* weir_subscription_known: NOT_FOUND, with the nearest name, for one that the store does not know:
 * one is known from its first run on, in whichever generation. */
WEIR_MUST_USE bool weir_subscription_known(weir_connection *connection, const char *name,
                                           weir_error *error);

#endif
