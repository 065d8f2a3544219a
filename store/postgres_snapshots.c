/* Snapshots on PostgreSQL: rows of weir.snapshots, written by weir.save_snapshot alone. */
#include <limits.h>
#include <string.h>

#include "store/store_int.h"

static bool count_of(weir_result *result, int64_t *count)
{
    if (result && count)
        *count = weir_result_integer(result, 0, 0);
    weir_result_free(result);
    return result != NULL;
}

bool weir_postgres_snapshot_save(weir_store *store, const weir_snapshot *snapshot,
                                 const unsigned char checksum[WEIR_SNAPSHOT_CHECKSUM], int keep,
                                 weir_error *error)
{
    char version[24], schema[24], most[24];
    if (snapshot->length > INT_MAX)
        return weir_fail(error, WEIR_FATE_POISON, "a state of %zu bytes", snapshot->length);
    weir_param params[] = {WEIR_PARAM_TEXT(snapshot->aggregate_type),
                           WEIR_PARAM_TEXT(snapshot->aggregate_id),
                           weir_param_integer(snapshot->version, version),
                           weir_param_integer(snapshot->schema_version, schema),
                           {snapshot->state, (int)snapshot->length, true},
                           {(const char *)checksum, WEIR_SNAPSHOT_CHECKSUM, true},
                           weir_param_integer(keep, most)};
    return count_of(weir_connection_query(store->connection, "snapshot_save", params, 7, error),
                    NULL);
}

struct finder {
    weir_stored_snapshot *found;
    weir_buffer *state;
};

static bool on_found(void *context, const weir_result *row, weir_error *error)
{
    (void)error;
    const struct finder *finder = context;
    weir_snapshot *snapshot = &finder->found->snapshot;
    snapshot->version = weir_result_integer(row, 0, 0);
    snapshot->schema_version = (int32_t)weir_result_integer(row, 0, 1);
    snapshot->taken_at_us = weir_result_integer(row, 0, 4) + WEIR_PG_EPOCH_US;
    snapshot->stream_version = weir_result_integer(row, 0, 5);
    memcpy(finder->found->checksum, weir_result_value(row, 0, 3), WEIR_SNAPSHOT_CHECKSUM);
    if (weir_result_value(row, 0, 2))
        weir_buffer_append(finder->state, weir_result_value(row, 0, 2),
                           weir_result_length(row, 0, 2));
    return true;
}

bool weir_postgres_snapshot_find(weir_store *store, weir_stored_snapshot *found,
                                 int32_t schema_version, int64_t at_most, weir_buffer *state,
                                 weir_error *error)
{
    char schema[24], most[24];
    struct finder finder = {found, state};
    weir_param params[] = {WEIR_PARAM_TEXT(found->snapshot.aggregate_type),
                           WEIR_PARAM_TEXT(found->snapshot.aggregate_id),
                           weir_param_integer(schema_version, schema),
                           weir_param_integer(at_most, most)};
    return weir_connection_stream(store->connection, "snapshot_find", params, 4, on_found, &finder,
                                  error);
}

bool weir_postgres_snapshot_prune(weir_store *store, const char *aggregate_type,
                                  const char *aggregate_id, int64_t keep, bool execute,
                                  int64_t *count, weir_error *error)
{
    char most[24];
    weir_param params[] = {WEIR_PARAM_TEXT(aggregate_type), WEIR_PARAM_TEXT(aggregate_id),
                           weir_param_integer(keep, most)};
    return count_of(weir_connection_query(store->connection,
                                          execute ? "snapshot_prune" : "snapshot_surplus", params,
                                          3, error),
                    count);
}

struct lister {
    weir_snapshot_fn *fn;
    void *context;
};

static bool on_listed(void *context, const weir_result *row, weir_error *error)
{
    const struct lister *lister = context;
    weir_snapshot snapshot = {
        .aggregate_type = weir_result_value(row, 0, 0),
        .aggregate_id = weir_result_value(row, 0, 1),
        .version = weir_result_integer(row, 0, 2),
        .schema_version = (int32_t)weir_result_integer(row, 0, 3),
        .length = (size_t)weir_result_integer(row, 0, 4),
        .taken_at_us = weir_result_integer(row, 0, 5) + WEIR_PG_EPOCH_US,
    };
    return lister->fn(lister->context, &snapshot, error);
}

bool weir_postgres_snapshot_list(weir_store *store, const char *aggregate_type,
                                 const char *aggregate_id, weir_snapshot_fn *fn, void *context,
                                 weir_error *error)
{
    struct lister lister = {fn, context};
    weir_param params[] = {WEIR_PARAM_TEXT(aggregate_type), WEIR_PARAM_TEXT(aggregate_id)};
    return weir_connection_stream(store->connection, "snapshot_list", params, 2, on_listed, &lister,
                                  error);
}
