/* The inside of a store handle, for store/ only. */
#ifndef WEIR_STORE_STORE_INT_H
#define WEIR_STORE_STORE_INT_H

#include "store/store.h"

struct weir_store {
    weir_connection *connection;
    char id[WEIR_UUID_TEXT];
    int number;
    int64_t max_event_bytes;
};

/* weir_migrations_check: the schema's migrations are exactly this program's. CONFIG else. */
WEIR_MUST_USE bool weir_migrations_check(weir_connection *connection, weir_error *error);

#endif
