/* Snapshots, whatever the backend: what is the same for all is the checksum, and what to do about
 * one that cannot be used.
 *
 * The checksum covers whose state it is, of which version and schema, so that a row that was
 * copied, edited or cut short never becomes somebody's state. What cannot be used is passed over
 * for the next older one; the caller then replays more, and its next snapshot takes the place. */
#include "store/snapshots.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_int.h"

#define HEADER_LIMIT 4096
#define SAID 1024 /* remembered warnings; one that is pushed out may be said again */

static const weir_metric_info unusable_info = {
    "weir_snapshots_unusable_total", "Snapshots that a load passed over.", WEIR_COUNTER, "reason"};

static bool checksum(const weir_snapshot *snapshot, unsigned char digest[WEIR_SNAPSHOT_CHECKSUM])
{
    weir_buffer header = WEIR_BUFFER(HEADER_LIMIT);
    weir_buffer_append(&header, snapshot->aggregate_type, strlen(snapshot->aggregate_type) + 1);
    weir_buffer_append(&header, snapshot->aggregate_id, strlen(snapshot->aggregate_id) + 1);
    weir_buffer_int64(&header, snapshot->version);
    weir_buffer_int32(&header, snapshot->schema_version);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = !header.overflow && context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
              EVP_DigestUpdate(context, header.data, header.length) &&
              EVP_DigestUpdate(context, snapshot->state, snapshot->length) &&
              EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    weir_buffer_free(&header);
    return ok;
}

bool weir_snapshot_save(weir_store *store, const weir_snapshot *snapshot, int keep,
                        weir_error *error)
{
    unsigned char digest[WEIR_SNAPSHOT_CHECKSUM];
    if (!weir_store_idle(store, error))
        return false;
    if (snapshot->version < 1 || !snapshot->state)
        return weir_fail(error, WEIR_FATE_POISON, "a snapshot needs a version and a state");
    if (!checksum(snapshot, digest))
        return weir_fail(error, WEIR_FATE_POISON, "no checksum of the snapshot of %s/%s",
                         snapshot->aggregate_type, snapshot->aggregate_id);
    return store->backend->snapshot_save(store, snapshot, digest, keep > 1 ? keep : 1, error);
}

/* said_before remembers a warning by its hash, so that a service that loads a damaged one a
 * thousand times a second says so once. */
static bool said_before(const char *text)
{
    static _Atomic uint64_t said[SAID];
    uint64_t hash = 14695981039346656037u;
    for (const char *at = text; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    hash = hash ? hash : 1;
    return atomic_exchange(&said[hash % SAID], hash) == hash;
}

/* pass_over: another schema is one fact about all aggregates of the type; damage is of one. */
static void pass_over(const weir_snapshot *snapshot, const char *reason, bool of_one)
{
    char *what =
        weir_format("%s/%s", snapshot->aggregate_type, of_one ? snapshot->aggregate_id : "");
    char *key = weir_format("%s %s %" PRId32 " %" PRId64, reason, what, snapshot->schema_version,
                            of_one ? snapshot->version : 0);
    weir_metric_add(weir_metrics_series(&unusable_info, reason), 1);
    if (!said_before(key))
        WEIR_WARN("aggregate", of_one ? what : snapshot->aggregate_type,
                  "a snapshot cannot be used; events are replayed instead",
                  WEIR_TEXT("reason", reason), WEIR_NUMBER("version", snapshot->version),
                  WEIR_NUMBER("schema", snapshot->schema_version));
    free(key);
    free(what);
}

static bool usable(const weir_stored_snapshot *stored, int32_t schema_version,
                   const weir_buffer *bytes)
{
    unsigned char digest[WEIR_SNAPSHOT_CHECKSUM];
    if (stored->snapshot.schema_version != schema_version)
        pass_over(&stored->snapshot, "schema", false);
    else if (bytes->overflow)
        pass_over(&stored->snapshot, "size", true);
    else if (!checksum(&stored->snapshot, digest) ||
             memcmp(digest, stored->checksum, sizeof digest) != 0)
        pass_over(&stored->snapshot, "damaged", true);
    else
        return true;
    return false;
}

bool weir_snapshot_load(weir_store *store, const char *aggregate_type, const char *aggregate_id,
                        int32_t schema_version, int64_t at_most, weir_buffer *bytes,
                        weir_snapshot *found, weir_error *error)
{
    weir_stored_snapshot stored;
    if (!weir_store_idle(store, error))
        return false;
    *found = (weir_snapshot){.aggregate_type = aggregate_type, .aggregate_id = aggregate_id};
    do {
        stored = (weir_stored_snapshot){.snapshot = *found};
        weir_buffer_clear(bytes);
        if (!store->backend->snapshot_find(store, &stored, schema_version, at_most, bytes, error))
            return false;
        stored.snapshot.state = bytes->data ? bytes->data : "";
        stored.snapshot.length = bytes->length;
        at_most = stored.snapshot.version - 1;
    } while (stored.snapshot.version > 0 && !usable(&stored, schema_version, bytes));
    if (stored.snapshot.version > 0)
        *found = stored.snapshot;
    return true;
}

bool weir_snapshot_forget(weir_store *store, const char *aggregate_type, const char *aggregate_id,
                          weir_error *error)
{
    int64_t count;
    return weir_store_idle(store, error) &&
           store->backend->snapshot_prune(store, aggregate_type, aggregate_id, 0, true, &count,
                                          error);
}

bool weir_snapshot_prune(weir_store *store, const char *aggregate_type, int64_t keep, bool execute,
                         int64_t *count, weir_error *error)
{
    return weir_store_idle(store, error) &&
           store->backend->snapshot_prune(store, aggregate_type, NULL, keep, execute, count, error);
}

bool weir_snapshot_list(weir_store *store, const char *aggregate_type, const char *aggregate_id,
                        weir_snapshot_fn *fn, void *context, weir_error *error)
{
    if (!weir_store_idle(store, error))
        return false;
    store->handing_over = true;
    bool ok =
        store->backend->snapshot_list(store, aggregate_type, aggregate_id, fn, context, error);
    store->handing_over = false;
    return ok;
}
