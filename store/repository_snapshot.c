/* What the repository does with snapshots: a base for a load, and one more when it is due.
 *
 * Never the truth and never a reason to fail: what goes wrong here is logged, counted, and done
 * without. The state's msgpack is bounded. */
#include "store/snapshots.h"

#include "store/repository_int.h"

#define STATE_BYTES ((size_t)64 * 1024 * 1024)

static void note_failure(weir_repository *repository, const weir_aggregate *aggregate,
                         const char *what, const weir_error *error)
{
    weir_metric_add(repository->snapshot_failures, 1);
    WEIR_WARN("aggregate", aggregate->id, what, WEIR_TEXT("type", aggregate->of->type),
              WEIR_NUMBER("version", aggregate->version), WEIR_TEXT("error", error->message));
}

static bool restore(weir_aggregate *aggregate, const weir_snapshot *found, weir_error *error)
{
    if (!aggregate->of->restore(aggregate->state, found->state, found->length, error)) {
        weir_aggregate_reset(aggregate);
        return false;
    }
    aggregate->version = aggregate->snapshot_version = found->version;
    aggregate->snapshot_us = found->taken_at_us;
    return true;
}

/* restore gets zeroed bytes, not those of init. */
static void empty(weir_aggregate *aggregate)
{
    if (aggregate->of->clear)
        aggregate->of->clear(aggregate->state);
    memset(aggregate->state, 0, aggregate->of->size);
}

int64_t weir_repository_restore(weir_repository *repository, weir_aggregate *aggregate,
                                int64_t at_most)
{
    const weir_aggregate_class *of = aggregate->of;
    weir_buffer bytes = WEIR_BUFFER(STATE_BYTES);
    weir_snapshot found = {0};
    weir_error error = {0};
    if (!of->restore)
        return WEIR_UNKNOWN_VERSION;
    bool ok = weir_snapshot_load(repository->store, of->type, aggregate->id, of->snapshot_schema,
                                 at_most, &bytes, &found, &error);
    if (ok && found.version > found.stream_version)
        ok = weir_fail(&error, WEIR_FATE_POISON, "it is ahead of its aggregate's events");
    if (ok && found.version > 0) {
        empty(aggregate);
        ok = restore(aggregate, &found, &error);
    }
    if (!ok)
        note_failure(repository, aggregate, "a snapshot could not be used", &error);
    weir_buffer_free(&bytes);
    return ok && found.version > 0 ? found.stream_version : WEIR_UNKNOWN_VERSION;
}

static bool take(weir_repository *repository, const weir_aggregate *aggregate, weir_error *error)
{
    const weir_aggregate_class *of = aggregate->of;
    weir_buffer state = WEIR_BUFFER(STATE_BYTES);
    of->snapshot(aggregate->state, &state);
    weir_snapshot snapshot = {.aggregate_type = of->type,
                              .aggregate_id = aggregate->id,
                              .version = aggregate->version,
                              .schema_version = of->snapshot_schema,
                              .state = state.data,
                              .length = state.length};
    bool ok =
        state.overflow || state.length == 0
            ? weir_fail(error, WEIR_FATE_POISON, "its state is %s",
                        state.overflow ? "too large" : "no msgpack: nothing was written")
            : weir_snapshot_save(repository->store, &snapshot, repository->snapshots.keep, error);
    weir_buffer_free(&state);
    return ok;
}

void weir_repository_consider(weir_repository *repository, weir_aggregate *aggregate)
{
    weir_error error = {0};
    int64_t now_us = weir_clock_now_us();
    int64_t replayed = aggregate->replayed, load_us = aggregate->load_us;
    aggregate->replayed = aggregate->load_us = 0;
    if (!aggregate->of->snapshot || aggregate->provisional ||
        aggregate->version <= aggregate->snapshot_version ||
        !weir_snapshot_due(&repository->snapshots, aggregate->version, aggregate->snapshot_version,
                           aggregate->snapshot_us, replayed, load_us, now_us))
        return;
    /* Also when it fails: the next try is as far away as the next snapshot. */
    aggregate->snapshot_us = now_us;
    if (!take(repository, aggregate, &error))
        note_failure(repository, aggregate, "a snapshot could not be saved", &error);
    aggregate->snapshot_version = aggregate->version;
}
