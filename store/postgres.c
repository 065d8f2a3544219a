/* The PostgreSQL backend: opening a store, asking it who it is, and its small reads. */
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
        store->table = weir_result_integer(result, 0, 3);
    }
    weir_result_free(result);
    return found || weir_fail(error, WEIR_FATE_CONFIG,
                              "the store has no identity row: was it restored without its data?");
}

static bool stream_version(weir_store *store, const char *aggregate_type, const char *aggregate_id,
                           int64_t *version, weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(aggregate_type), WEIR_PARAM_TEXT(aggregate_id)};
    weir_result *result =
        weir_connection_query(store->connection, "stream_version", params, 2, error);
    if (!result)
        return false;
    *version = weir_result_rows(result) ? weir_result_integer(result, 0, 0) : 0;
    weir_result_free(result);
    return true;
}

struct lister {
    weir_stream_fn *fn;
    void *context;
};

static bool on_stream(void *context, const weir_result *row, weir_error *error)
{
    const struct lister *lister = context;
    return lister->fn(lister->context, weir_result_value(row, 0, 0), weir_result_value(row, 0, 1),
                      weir_result_integer(row, 0, 2), error);
}

static bool streams(weir_store *store, const char *aggregate_type, int64_t limit,
                    weir_stream_fn *fn, void *context, weir_error *error)
{
    char text[24];
    weir_param params[] = {WEIR_PARAM_TEXT(aggregate_type),
                           limit > 0 ? weir_param_integer(limit, text) : WEIR_PARAM_NULL};
    struct lister lister = {fn, context};
    return weir_connection_stream(store->connection, "streams", params, 2, on_stream, &lister,
                                  error);
}

static void wait_for_more(weir_store *store, int64_t beyond, int milliseconds)
{
    (void)beyond;
    weir_stop_wait(store->stop, milliseconds);
}

static bool alive(const weir_store *store)
{
    return weir_connection_alive(store->connection);
}

static void disconnect(weir_store *store)
{
    weir_connection_close(store->connection);
}

static const weir_backend postgres = {
    .append = weir_postgres_append,
    .read = weir_postgres_read,
    .stream_version = stream_version,
    .streams = streams,
    .snapshot_save = weir_postgres_snapshot_save,
    .snapshot_find = weir_postgres_snapshot_find,
    .snapshot_prune = weir_postgres_snapshot_prune,
    .snapshot_list = weir_postgres_snapshot_list,
    .wait = wait_for_more,
    .alive = alive,
    .close = disconnect,
};

weir_store *weir_store_open(const weir_config *config, const char *application, weir_stop *stop,
                            weir_error *error)
{
    weir_connection_options options = {weir_config_text(config, "store.conninfo"),
                                       weir_config_text(config, "store.schema"), application, stop};
    weir_store *store = weir_calloc(1, sizeof *store);
    store->backend = &postgres;
    store->stop = stop;
    store->connection = weir_connection_open(&options, error);
    if (store->connection && weir_migrations_check(store->connection, error) &&
        identify(store, error))
        return store;
    weir_store_close(store);
    return NULL;
}
