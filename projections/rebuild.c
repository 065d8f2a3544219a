/* Filling a new generation and moving over to it.
 *
 *   fill from the store, or the topics once all is there → look at it (rebuild_check.c)
 *     → wait until every reader's snapshot is newer → hold the old checkpoints
 *     → the last events → every snapshot newer still → join the topics, switch views → commit
 *
 * What feeds the new tables is a subscription like any other: checkpoints, dead letters, lanes. The
 * old generation is held only for the last events, a few milliseconds; whatever is in the way then
 * ends the attempt, the old one goes on, and it is tried again. Until the commit nothing has
 * changed for anybody. It must never let a reader see tables that lack what its snapshot had seen.
 */
#include "projections/rebuild.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/backoff.h"
#include "projections/generations_int.h"
#include "projections/rebuild_int.h"

#define HOLD_MS 50 /* most that one attempt waits for snapshots while the old generation stands */
#define PAUSE_FIRST_MS 50
#define PAUSE_MOST_MS 1000

typedef weir_rebuild_run rebuild;

static void tell(rebuild *r, const char *stage)
{
    weir_rebuild_options *options = r->options;
    options->progress.stage = stage;
    if (options->fn)
        options->fn(options->context, &options->progress);
}

static void watch(void *context, const weir_subscription_reach *reach)
{
    rebuild *r = context;
    r->options->progress.events = reach->events;
    r->options->progress.done = reach->done;
    r->options->progress.all = reach->all;
    r->options->parked = reach->parked;
    tell(r, r->options->progress.stage);
}

static bool lead(rebuild *r, weir_error *error)
{
    const weir_param param = WEIR_PARAM_TEXT(r->name);
    weir_result *row = weir_connection_query(r->connection, "rebuild_lock", &param, 1, error);
    bool ok = row && weir_result_bool(row, 0, 0);
    if (row && !ok)
        weir_fail_code(error, WEIR_FATE_CONFLICT, WEIR_CONFLICT,
                       "another process is rebuilding '%s'", r->name);
    weir_result_free(row);
    return ok;
}

/* What the views cannot take is refused before hours of filling. */
static bool allow(rebuild *r, weir_error *error)
{
    weir_generation_plan plan = {0};
    bool ok = weir_generation_compare(r->connection, r->name, r->to, &plan, error) &&
              weir_generation_allow(&plan, r->name, r->options->replace_views, error);
    weir_generation_plan_free(&plan);
    return ok;
}

static bool open_all(rebuild *r, weir_error *error)
{
    weir_rebuild_options *options = r->options;
    if (!weir_rebuild_allow(r->projection, options->from_kafka, options->verify, error))
        return false;
    r->store = weir_store_open(r->config, "weir rebuild", options->stop, error);
    if (!r->store)
        return false;
    r->connection = weir_store_connection(r->store);
    if (!lead(r, error) || !weir_generation_serving(r->connection, r->name, &r->from, error) ||
        !weir_generation_next(r->projection, r->config, r->connection, &r->to,
                              &options->progress.resumed, error) ||
        !weir_rebuild_check_source(r, error) || !allow(r, error) || !weir_rebuild_note(r, error))
        return false;
    options->progress.generation = r->to;
    weir_handler *handler = weir_projection_handler(r->projection, r->config);
    r->subscription = weir_subscription_new(r->config, handler, options->stop, error);
    if (!r->subscription)
        return false;
    weir_subscription_feed(r->subscription, r->to, !options->from_kafka, options->lanes);
    if (weir_projection_foreign(r->projection))
        weir_subscription_replaces(r->subscription, r->from, options->force);
    weir_subscription_upcast(r->subscription, options->upcasters);
    weir_subscription_watch(r->subscription, watch, r);
    return weir_subscription_begin(r->subscription, error);
}

static bool fail_stopped(rebuild *r, weir_error *error)
{
    return weir_fail(
        error, WEIR_FATE_RETRY,
        "interrupted: what is done is kept, and the next rebuild of '%s' goes on with it", r->name);
}

static bool catch_up(rebuild *r, weir_error *error)
{
    if (!weir_subscription_catch_up(r->subscription, error))
        return false;
    return !weir_stop_requested(r->options->stop) || fail_stopped(r, error);
}

/* From here on the old generation stands, until the transaction ends. *upto: how far it was. */
static bool hold(rebuild *r, int64_t *upto, weir_error *error)
{
    char from[24], to[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(r->name), weir_param_integer(r->from, from),
                                 weir_param_integer(r->to, to)};
    *upto = 0;
    if (!weir_locks_bound(r->connection, error))
        return false;
    weir_result *row = weir_connection_query(r->connection, "rebuild_hold", params, 3, error);
    if (row)
        *upto = weir_result_integer(row, 0, 0);
    weir_result_free(row);
    return row != NULL;
}

static bool wait_snapshots(rebuild *r, int patience_ms, weir_error *error)
{
    return r->options->force ||
           weir_generation_wait_snapshots(r->connection, r->options->stop, patience_ms, error);
}

static bool attempt(rebuild *r, weir_error *error)
{
    int64_t upto, published = 0;
    return weir_connection_execute(r->connection, "BEGIN", error) && hold(r, &upto, error) &&
           weir_rebuild_published(r, &published, error) && catch_up(r, error) &&
           weir_rebuild_check_parked(r, error) && wait_snapshots(r, HOLD_MS, error) &&
           weir_rebuild_join(r, upto, published, error) &&
           weir_generation_switch(r->connection, r->name, r->to, r->options->replace_views,
                                  error) &&
           weir_connection_execute(r->connection, "COMMIT", error);
}

static bool roll_back(rebuild *r)
{
    weir_error ignored;
    return weir_connection_alive(r->connection) &&
           (!weir_connection_in_transaction(r->connection) ||
            weir_connection_execute(r->connection, "ROLLBACK", &ignored));
}

static int left_ms(int64_t deadline_us)
{
    int64_t left = (deadline_us - weir_clock_monotonic_us()) / 1000;
    return left > 0 ? (int)left : 0;
}

/* Again and again until nobody is in the way: between two attempts the old generation goes on. */
static bool move_over(rebuild *r, weir_error *error)
{
    weir_backoff backoff = {.initial_ms = PAUSE_FIRST_MS, .max_ms = PAUSE_MOST_MS};
    int64_t deadline_us = weir_clock_monotonic_us() + (int64_t)r->options->patience_ms * 1000;
    for (;;) {
        tell(r, r->relay_lags ? "waiting for the relay" : "waiting for readers");
        r->relay_lags = false;
        if (!catch_up(r, error) || !wait_snapshots(r, left_ms(deadline_us), error))
            return false;
        tell(r, "switching");
        if (attempt(r, error))
            return true;
        if (!roll_back(r) || error->fate != WEIR_FATE_RETRY)
            return false;
        if (weir_stop_requested(r->options->stop))
            return fail_stopped(r, error);
        if (left_ms(deadline_us) == 0) {
            error->code = WEIR_TIMEOUT;
            if (!r->relay_lags)
                weir_generation_name_holders(r->connection, r->name, error);
            return false;
        }
        if (weir_stop_wait(r->options->stop, weir_backoff_next(&backoff)))
            return fail_stopped(r, error);
    }
}

/* A topic that is read to its end has everything only if everything was there. */
static bool await_relay(rebuild *r, weir_error *error)
{
    if (!r->options->from_kafka)
        return true;
    weir_backoff backoff = {.initial_ms = PAUSE_FIRST_MS, .max_ms = PAUSE_MOST_MS};
    int64_t deadline_us = weir_clock_monotonic_us() + (int64_t)r->options->patience_ms * 1000;
    for (;;) {
        int64_t published;
        if (!weir_rebuild_published(r, &published, error))
            return false;
        if (published >= r->recorded)
            return catch_up(r, error);
        tell(r, "waiting for the relay");
        if (left_ms(deadline_us) == 0)
            return weir_fail_code(error, WEIR_FATE_RETRY, WEIR_TIMEOUT,
                                  "the store has events up to position %" PRId64
                                  ", but the topics only up to %" PRId64
                                  " (is the relay running?): `weir relay --once` publishes them, "
                                  "or rebuild --from store",
                                  r->recorded, published);
        if (weir_stop_wait(r->options->stop, weir_backoff_next(&backoff)))
            return fail_stopped(r, error);
    }
}

/* look finds out what is wrong with the new tables while nobody waits. */
static bool look(rebuild *r, weir_error *error)
{
    if (!weir_rebuild_check_parked(r, error))
        return false;
    if (!r->options->verify)
        return true;
    tell(r, "comparing");
    return weir_rebuild_verify(r, error);
}

bool weir_rebuild(weir_projection *projection, const weir_config *config,
                  weir_rebuild_options *options, weir_error *error)
{
    rebuild r = {.projection = projection,
                 .name = weir_projection_name(projection),
                 .config = config,
                 .options = options};
    options->progress = (weir_rebuild_progress){.stage = "filling"};
    bool ok = open_all(&r, error) && catch_up(&r, error) && await_relay(&r, error) &&
              look(&r, error) && move_over(&r, error);
    if (r.subscription) {
        weir_subscription_health health;
        weir_subscription_health_get(r.subscription, &health);
        options->progress.events = health.events;
        weir_subscription_end(r.subscription);
    }
    weir_subscription_free(r.subscription);
    weir_store_close(r.store);
    return ok;
}
