/* Opening a store and asking it who it is. */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_int.h"

static bool identify(weir_store *store, weir_error *error)
{
    weir_result *result =
        weir_connection_query(store->connection, "store_identity", NULL, 0, error);
    if (!result)
        return false;
    bool found = weir_result_rows(result) == 1;
    if (found) {
        snprintf(store->id, sizeof store->id, "%s", weir_result_value(result, 0, 0));
        store->number = (int)weir_result_integer(result, 0, 1);
        store->max_event_bytes = weir_result_integer(result, 0, 2);
    }
    weir_result_free(result);
    return found || weir_fail(error, WEIR_FATE_CONFIG,
                              "the store has no identity row: was it restored without its data?");
}

weir_store *weir_store_open(const weir_config *config, const char *application, weir_stop *stop,
                            weir_error *error)
{
    weir_connection_options options = {weir_config_text(config, "store.conninfo"),
                                       weir_config_text(config, "store.schema"), application, stop};
    weir_store *store = weir_calloc(1, sizeof *store);
    store->connection = weir_connection_open(&options, error);
    if (store->connection && weir_migrations_check(store->connection, error) &&
        identify(store, error))
        return store;
    weir_store_close(store);
    return NULL;
}

void weir_store_close(weir_store *store)
{
    if (!store)
        return;
    weir_connection_close(store->connection);
    free(store);
}

weir_connection *weir_store_connection(weir_store *store)
{
    return store->connection;
}

const char *weir_store_id(const weir_store *store)
{
    return store->id;
}

int weir_store_number(const weir_store *store)
{
    return store->number;
}
