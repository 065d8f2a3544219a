/* Loading, saving and commanding aggregates.
 *
 * The invariants: what a load returns includes every event that was committed when it read; a save
 * expects exactly the version of its load; an instance whose state is not what the store has goes
 * back to nobody. It must never decide over a business rule, and never retry what a caller's
 * transaction has lost. */
#include "store/repository.h"

#include <stdlib.h>

#include "store/repository_int.h"
#include "store/store_int.h"

#define RETRIES 3
#define BACKOFF_MS 5
#define BACKOFF_MOST_MS 250
#define KEEP 3
#define CACHE_BYTES ((size_t)64 * 1024 * 1024)
#define CACHE_TTL_MS 60000

static const weir_metric_info conflicts_info = {"weir_aggregate_conflicts_total",
                                                "Saves that somebody else was faster than.",
                                                WEIR_COUNTER, "aggregate_type"};
static const weir_metric_info hits_info = {"weir_aggregate_cache_hits_total",
                                           "Loads that began with a cached state.", WEIR_COUNTER,
                                           "aggregate_type"};
static const weir_metric_info misses_info = {"weir_aggregate_cache_misses_total",
                                             "Loads that found no cached state.", WEIR_COUNTER,
                                             "aggregate_type"};
static const weir_metric_info snapshot_failures_info = {
    "weir_aggregate_snapshot_failures_total", "Snapshots that could not be saved or used.",
    WEIR_COUNTER, "aggregate_type"};

static int or_default(int value, int fallback)
{
    return value ? value : fallback;
}

weir_repository *weir_repository_new(weir_store *store, const weir_aggregate_class *of,
                                     const weir_repository_options *options)
{
    static const weir_repository_options defaults;
    static const weir_snapshot_policy snapshots = {.by_size = true, .lazily = true};
    const weir_repository_options *o = options ? options : &defaults;
    weir_repository *repository = weir_calloc(1, sizeof *repository);
    *repository = (weir_repository){
        .store = store,
        .of = of,
        .retries = or_default(o->retries, RETRIES),
        .backoff_ms = or_default(o->backoff_ms, BACKOFF_MS),
        .backoff_most_ms = or_default(o->backoff_most_ms, BACKOFF_MOST_MS),
        .snapshots = o->snapshots ? *o->snapshots : snapshots,
        .cache = {.most_entries = o->cache_entries,
                  .most_bytes = o->cache_bytes ? o->cache_bytes : CACHE_BYTES,
                  .ttl_us = (int64_t)or_default(o->cache_ttl_ms, CACHE_TTL_MS) * 1000},
        .conflicts = weir_metrics_series(&conflicts_info, of->type),
        .hits = weir_metrics_series(&hits_info, of->type),
        .misses = weir_metrics_series(&misses_info, of->type),
        .snapshot_failures = weir_metrics_series(&snapshot_failures_info, of->type),
    };
    repository->snapshots.keep = or_default(repository->snapshots.keep, KEEP);
    return repository;
}

void weir_repository_free(weir_repository *repository)
{
    if (!repository)
        return;
    weir_cache_clear(&repository->cache);
    weir_aggregate_free(repository->unsettled);
    free(repository);
}

void weir_repository_use(weir_repository *repository, weir_store *store)
{
    weir_cache_clear(&repository->cache);
    repository->store = store;
}

static bool in_transaction(const weir_repository *repository)
{
    const weir_connection *connection = repository->store->connection;
    return connection && weir_connection_in_transaction(connection);
}

static bool fold(void *context, const weir_event *event, weir_error *error)
{
    return weir_aggregate_fold(context, event, error);
}

/* Reads what comes after the instance's version, up to a version. */
static bool catch_up(weir_repository *repository, weir_aggregate *aggregate, int64_t to,
                     weir_error *error)
{
    int64_t begun_at = aggregate->version, begun_us = weir_clock_monotonic_us();
    weir_read what = {.aggregate_type = aggregate->of->type,
                      .aggregate_id = aggregate->id,
                      .from = aggregate->version + 1,
                      .to = to};
    aggregate->provisional |= in_transaction(repository);
    if (what.from > to)
        return true;
    if (!weir_store_read(repository->store, &what, fold, aggregate, error))
        return false;
    aggregate->replayed = aggregate->version - begun_at;
    aggregate->load_us = weir_clock_monotonic_us() - begun_us;
    return true;
}

/* A cached state and the version that the store has of the aggregate now, one indexed row. What is
 * ahead of the store (it lost events, as after a failover) is dropped. */
static bool from_cache(weir_repository *repository, const char *aggregate_id,
                       weir_aggregate **found, int64_t *to, weir_error *error)
{
    *found = NULL;
    if (repository->cache.most_entries == 0)
        return true;
    weir_aggregate *cached =
        weir_cache_take(&repository->cache, aggregate_id, weir_clock_monotonic_us());
    weir_metric_add(cached ? repository->hits : repository->misses, 1);
    if (!cached)
        return true;
    bool ok =
        weir_store_stream_version(repository->store, repository->of->type, aggregate_id, to, error);
    if (ok && *to >= cached->version)
        *found = cached;
    else
        weir_aggregate_free(cached);
    return ok;
}

weir_aggregate *weir_repository_load(weir_repository *repository, const char *aggregate_id,
                                     weir_error *error)
{
    weir_aggregate *aggregate;
    int64_t to;
    if (!from_cache(repository, aggregate_id, &aggregate, &to, error))
        return NULL;
    if (!aggregate) {
        aggregate = weir_aggregate_new(repository->of, aggregate_id);
        to = weir_repository_restore(repository, aggregate, INT64_MAX);
        to = to == WEIR_UNKNOWN_VERSION ? INT64_MAX : to;
    }
    if (!catch_up(repository, aggregate, to, error)) {
        weir_aggregate_free(aggregate);
        return NULL;
    }
    weir_repository_consider(repository, aggregate);
    return aggregate;
}

static bool note_version(void *context, const weir_event *event, weir_error *error)
{
    (void)error;
    *(int64_t *)context = event->version;
    return true;
}

/* A time means the last version that was recorded by then, so that what is loaded is always a
 * beginning of the stream, whatever the server's clock has done. */
static bool version_at(weir_repository *repository, const char *aggregate_id, int64_t time_us,
                       int64_t *version, weir_error *error)
{
    weir_read what = {.aggregate_type = repository->of->type,
                      .aggregate_id = aggregate_id,
                      .as_of_us = time_us,
                      .limit = 1,
                      .backwards = true};
    *version = 0;
    return weir_store_read(repository->store, &what, note_version, version, error);
}

weir_aggregate *weir_repository_load_as_of(weir_repository *repository, const char *aggregate_id,
                                           int64_t version, int64_t time_us, weir_error *error)
{
    int64_t to = version > 0 ? version : INT64_MAX, known = to;
    if (time_us != 0 && !version_at(repository, aggregate_id, time_us, &known, error))
        return NULL;
    to = known < to ? known : to;
    weir_aggregate *aggregate = weir_aggregate_new(repository->of, aggregate_id);
    aggregate->past = true;
    if (to == 0)
        return aggregate;
    weir_repository_restore(repository, aggregate, to);
    if (catch_up(repository, aggregate, to, error))
        return aggregate;
    weir_aggregate_free(aggregate);
    return NULL;
}

/* Who was faster knows more than anything cached. */
static void on_conflict(weir_repository *repository, weir_aggregate *aggregate)
{
    aggregate->undecided = false;
    weir_cache_drop(&repository->cache, aggregate->id);
    weir_metric_add(repository->conflicts, 1);
}

bool weir_repository_save(weir_repository *repository, weir_aggregate *aggregate, weir_error *error)
{
    if (aggregate->broken)
        return weir_fail(error, WEIR_FATE_POISON,
                         "%s/%s cannot be saved: an event that was raised could not be applied",
                         aggregate->of->type, aggregate->id);
    if (aggregate->count == 0)
        return true;
    weir_append append = {aggregate->of->type, aggregate->id,    aggregate->version,
                          aggregate->pending,  aggregate->count, 0};
    aggregate->provisional |= in_transaction(repository);
    if (weir_store_append(repository->store, &append, 1, NULL, error)) {
        weir_aggregate_settle(aggregate, append.version);
        weir_repository_consider(repository, aggregate);
        return true;
    }
    if (error->fate == WEIR_FATE_CONFLICT)
        on_conflict(repository, aggregate);
    else if (error->fate == WEIR_FATE_RETRY)
        aggregate->undecided = true;
    return false;
}

void weir_repository_release(weir_repository *repository, weir_aggregate *aggregate)
{
    if (!aggregate)
        return;
    if (aggregate->count > 0 || aggregate->broken || aggregate->past || aggregate->provisional) {
        weir_aggregate_free(aggregate);
        return;
    }
    weir_aggregate_set_context(aggregate, NULL);
    weir_cache_put(&repository->cache, aggregate, weir_clock_monotonic_us());
}

/* Whether another try makes sense; waits before it. */
static bool try_again(weir_repository *repository, weir_backoff *backoff, weir_fate wanted,
                      const weir_error *error)
{
    return error->fate == wanted && (int)backoff->attempts < repository->retries &&
           weir_store_alive(repository->store) && !in_transaction(repository) &&
           !weir_stop_wait(repository->store->stop, weir_backoff_next(backoff));
}

/* Saves; what passes by itself on a connection that lives (a deadlock) is saved again, as it is. */
static bool save(weir_repository *repository, weir_aggregate *aggregate, weir_error *error)
{
    weir_backoff backoff = {.initial_ms = repository->backoff_ms,
                            .max_ms = repository->backoff_most_ms};
    while (!weir_repository_save(repository, aggregate, error))
        if (!try_again(repository, &backoff, WEIR_FATE_RETRY, error))
            return false;
    return true;
}

struct decision {
    weir_command_fn *decide;
    const void *argument;
    const weir_message_context *context;
};

/* One decision. *conflict: its save came too late. */
static bool decide_once(weir_repository *repository, const char *aggregate_id,
                        const struct decision *decision, bool *conflict, int64_t *version,
                        weir_error *error)
{
    weir_aggregate *aggregate = weir_repository_load(repository, aggregate_id, error);
    if (!aggregate)
        return false;
    weir_aggregate_set_context(aggregate, decision->context);
    bool decided = decision->decide(aggregate, decision->argument, error);
    bool ok = decided && save(repository, aggregate, error);
    *conflict = decided && !ok && error->fate == WEIR_FATE_CONFLICT;
    if (ok && version)
        *version = aggregate->version;
    if (aggregate->undecided)
        repository->unsettled = aggregate;
    else if (ok)
        weir_repository_release(repository, aggregate);
    else
        weir_aggregate_free(aggregate);
    return ok;
}

bool weir_repository_execute(weir_repository *repository, const char *aggregate_id,
                             weir_command_fn *decide, const void *argument,
                             const weir_message_context *context, int64_t *version,
                             weir_error *error)
{
    const struct decision decision = {decide, argument, context};
    weir_backoff backoff = {.initial_ms = repository->backoff_ms,
                            .max_ms = repository->backoff_most_ms};
    bool conflict = false;
    weir_aggregate_free(repository->unsettled);
    repository->unsettled = NULL;
    while (!decide_once(repository, aggregate_id, &decision, &conflict, version, error)) {
        if (!conflict)
            return false;
        if (!try_again(repository, &backoff, WEIR_FATE_CONFLICT, error))
            return weir_error_prefix(error, "%s/%s, decided %u time%s", repository->of->type,
                                     aggregate_id, backoff.attempts + 1,
                                     backoff.attempts ? "s" : "");
    }
    return true;
}

bool weir_repository_resume(weir_repository *repository, int64_t *version, weir_error *error)
{
    weir_aggregate *aggregate = repository->unsettled;
    if (!aggregate)
        return weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND,
                              "no command is waiting for the outcome of its save");
    bool ok = save(repository, aggregate, error);
    if (ok && version)
        *version = aggregate->version;
    if (!ok && aggregate->undecided)
        return false;
    repository->unsettled = NULL;
    if (ok)
        weir_repository_release(repository, aggregate);
    else
        weir_aggregate_free(aggregate);
    return ok;
}
