/* The timers of a saga. An instance has at most one, in its row: whoever locks the row acts on it,
 * and whatever moves the instance on replaces it, so that none is acted on twice or too late. Time
 * is the database's. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sagas/saga_int.h"

#define BATCH 50
#define LOOK_MS 500 /* at least so often, for timers that others set */
#define POSTPONE_MS 30000
#define SETTLED_US 1000000 /* the ends of partitions are known with the first messages */
#define ARENA_LIMIT ((size_t)64 << 20)

struct weir_saga_clock {
    weir_saga *saga;
    const weir_subscription *subscription; /* NULL: it runs once */
    const weir_config *config;
    weir_stop *stop;
    int64_t assigned_us; /* monotonic time since when it has partitions; 0: it has none */
    atomic_bool quit;
    pthread_t thread;
    weir_store *store; /* NULL: not connected */
    weir_saga_book book;
    weir_arena *arena;
    int64_t behind_ms; /* of the subscription */
    int most;          /* instances at a time; 1 while a culprit is sought */
    weir_metric *fired;
};

static const weir_metric_info fired_info = {
    "weir_saga_timers_total", "Timers of sagas that were acted on.", WEIR_COUNTER, "saga"};

/* One transaction's instances. */
typedef struct due {
    weir_saga_work *work;
    size_t count;
    size_t culprit; /* the one that an error is about; count: not known */
} due;

static weir_connection *connection_of(const weir_saga_clock *c)
{
    return weir_store_connection(c->store);
}

static void disconnect(weir_saga_clock *c)
{
    weir_saga_book_close(&c->book);
    weir_store_close(c->store);
    c->store = NULL;
}

static bool connect(weir_saga_clock *c, weir_error *error)
{
    if (c->store && weir_store_alive(c->store))
        return true;
    disconnect(c);
    c->store = weir_store_open(c->config, "weir saga timers", c->stop, error);
    if (c->store && weir_connection_prepare(connection_of(c), "commit", "COMMIT", error) &&
        weir_saga_book_open(&c->book, c->saga->plan, connection_of(c), error))
        return true;
    disconnect(c);
    return false;
}

static const weir_saga_plan *plan_of(weir_saga_clock *c, int64_t version, weir_error *error)
{
    char number[24];
    const char *name = c->saga->plan->name;
    const weir_saga_plan *plan = weir_saga_book_plan(&c->book, version);
    if (plan)
        return plan;
    const weir_param params[] = {WEIR_PARAM_TEXT(name), weir_param_integer(version, number)};
    weir_result *row = weir_connection_query(connection_of(c), "saga_definition", params, 2, error);
    if (!row)
        return NULL;
    if (weir_result_rows(row) > 0)
        plan = weir_saga_book_add(&c->book, name, version, weir_result_value(row, 0, 0), error);
    else
        weir_fail(error, WEIR_FATE_CONFIG, "version %s of saga %s is recorded nowhere", number,
                  name);
    weir_result_free(row);
    return plan;
}

static int by_id(const void *one, const void *other)
{
    const weir_saga_work *a = one, *b = other;
    return strcmp(a->instance.id, b->instance.id);
}

static bool take(weir_saga_clock *c, due *d, weir_error *error)
{
    char number[24], ms[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(c->saga->plan->name),
                                 weir_param_integer(c->most, number),
                                 weir_param_integer(c->behind_ms, ms)};
    weir_result *rows = weir_connection_query(connection_of(c), "saga_due", params, 3, error);
    if (!rows)
        return false;
    d->count = d->culprit = (size_t)weir_result_rows(rows);
    d->work = weir_arena_alloc(c->arena, (d->count + 1) * sizeof *d->work);
    bool ok = d->work || weir_batch_full(error);
    for (size_t i = 0; ok && i < d->count; i++)
        ok = weir_saga_work_read(&d->work[i], rows, (int)i, c->arena, error);
    weir_result_free(rows);
    if (ok)
        qsort(d->work, d->count, sizeof *d->work, by_id);
    return ok;
}

static bool act(weir_saga_clock *c, due *d, weir_error *error)
{
    const weir_saga_input input = {.cause = WEIR_SAGA_TIME};
    for (size_t i = 0; i < d->count; i++) {
        weir_saga_work *work = &d->work[i];
        const weir_saga_plan *plan = plan_of(c, work->instance.definition, error);
        if (!plan)
            return false;
        if (!weir_saga_decide(plan, &work->instance, &input, &work->output, error)) {
            d->culprit = i;
            return false;
        }
    }
    return true;
}

static bool record(weir_saga_clock *c, const due *d, weir_error *error)
{
    int failed;
    weir_calls calls = {.arena = c->arena, .connection = connection_of(c)};
    return weir_saga_work_save(c->saga->plan->name, d->work, d->count, &calls, error) &&
           weir_calls_add(&calls, (weir_call){"commit", NULL, 0}, SIZE_MAX, NULL, error) &&
           weir_connection_pipeline(calls.connection, calls.calls, (int)calls.count, &failed,
                                    error);
}

static bool transact(weir_saga_clock *c, due *d, weir_error *error)
{
    weir_error ignored;
    weir_arena_reset(c->arena);
    if (!weir_connection_execute(connection_of(c), "BEGIN", error))
        return false;
    bool ok = take(c, d, error) && act(c, d, error) && record(c, d, error);
    if (!ok && weir_connection_alive(connection_of(c)) &&
        weir_connection_in_transaction(connection_of(c)) &&
        !weir_connection_execute(connection_of(c), "ROLLBACK", &ignored))
        disconnect(c);
    return ok;
}

/* What cannot be acted on now is left for later, so that it does not hold the others up. */
static bool postpone(weir_saga_clock *c, const weir_saga_work *work, const weir_error *why,
                     weir_error *error)
{
    char ms[24];
    const char *name = c->saga->plan->name;
    const weir_param params[] = {WEIR_PARAM_TEXT(name), WEIR_PARAM_TEXT(work->instance.id),
                                 WEIR_PARAM_TEXT(why->message),
                                 weir_param_integer(POSTPONE_MS, ms)};
    WEIR_WARN("saga", name, "a timer could not be acted on; it is tried again in half a minute",
              WEIR_TEXT("id", work->instance.id), WEIR_TEXT("why", why->message));
    weir_result *done = weir_connection_query(connection_of(c), "saga_postpone", params, 4, error);
    weir_result_free(done);
    return done != NULL;
}

/* *more: there may be others that are due. */
static bool fire(weir_saga_clock *c, bool *more, weir_error *error)
{
    due d = {0};
    if (!connect(c, error))
        return false;
    if (transact(c, &d, error)) {
        *more = d.count > 0;
        weir_metric_add(c->fired, (double)d.count);
        c->most = BATCH;
        return true;
    }
    if (error->fate == WEIR_FATE_RETRY && !weir_store_alive(c->store))
        return false;
    *more = true;
    const weir_error why = *error;
    if (d.count == 1)
        d.culprit = 0;
    if (why.fate != WEIR_FATE_RETRY && c->store && d.culprit < d.count)
        return postpone(c, &d.work[d.culprit], &why, error);
    bool single = c->most == 1;
    c->most = 1;
    return !single && d.count > 1;
}

/* Whether timers may be acted on, and those of which age: an answer that waits to be read counts.
 */
static bool may_fire(weir_saga_clock *c)
{
    weir_subscription_health health;
    if (!c->subscription)
        return true;
    weir_subscription_health_get(c->subscription, &health);
    c->behind_ms = health.lag_us / 1000;
    if (!health.assigned)
        c->assigned_us = 0;
    else if (c->assigned_us == 0)
        c->assigned_us = weir_clock_monotonic_us();
    return health.assigned && weir_clock_monotonic_us() - c->assigned_us >= SETTLED_US;
}

static int pause_ms(weir_saga_clock *c)
{
    weir_error ignored;
    const weir_param name = WEIR_PARAM_TEXT(c->saga->plan->name);
    weir_result *row = weir_connection_query(connection_of(c), "saga_next_due", &name, 1, &ignored);
    int64_t ms = LOOK_MS;
    if (row && weir_result_value(row, 0, 0))
        ms = weir_result_integer(row, 0, 0);
    weir_result_free(row);
    return ms < 5 ? 5 : ms < LOOK_MS ? (int)ms : LOOK_MS;
}

static void *run(void *context)
{
    weir_saga_clock *c = context;
    weir_error error;
    weir_backoff backoff = {.initial_ms = 100, .max_ms = 5000};
    bool more = true, stopped = false;
    while (!stopped && !atomic_load(&c->quit) && (more || c->subscription)) {
        more = false;
        int ms = LOOK_MS / 5;
        if (!may_fire(c)) {
            weir_backoff_reset(&backoff);
        } else if (fire(c, &more, &error)) {
            weir_backoff_reset(&backoff);
            ms = more || !c->subscription ? 0 : pause_ms(c);
        } else {
            if (backoff.attempts == 0)
                WEIR_WARN("saga", c->saga->plan->name, "timers are not acted on now",
                          WEIR_TEXT("why", error.message));
            ms = weir_backoff_next(&backoff);
            more = true;
        }
        stopped = weir_stop_wait(c->stop, ms);
    }
    return NULL;
}

weir_saga_clock *weir_saga_clock_start(weir_saga *saga, const weir_subscription *subscription,
                                       const weir_config *config, weir_stop *stop,
                                       weir_error *error)
{
    weir_saga_clock *c = weir_calloc(1, sizeof *c);
    *c = (weir_saga_clock){
        .saga = saga, .subscription = subscription, .config = config, .stop = stop, .most = BATCH};
    c->arena = weir_arena_new(ARENA_LIMIT);
    c->fired = weir_metrics_series(&fired_info, saga->plan->name);
    int code = pthread_create(&c->thread, NULL, run, c);
    if (code == 0)
        return c;
    weir_fail(error, WEIR_FATE_FATAL, "starting a thread: %s", strerror(code));
    weir_arena_free(c->arena);
    free(c);
    return NULL;
}

void weir_saga_clock_end(weir_saga_clock *c)
{
    if (!c)
        return;
    atomic_store(&c->quit, c->subscription != NULL);
    pthread_join(c->thread, NULL);
    disconnect(c);
    weir_arena_free(c->arena);
    free(c);
}
