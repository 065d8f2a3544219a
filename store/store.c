/* The store's interface: what all backends have in common, then the backend.
 *
 * Input is checked here, before a backend sees it, so that each refuses the same with the same
 * words; following is polling, since a reader that asks again never depends on being told. */
#include <stdlib.h>
#include <string.h>

#include "store/store_int.h"
#include "store/upcast.h"

#define SHORTEST_WAIT_MS 2
#define LONGEST_WAIT_MS 200
#define UPCAST_LIMIT ((size_t)64 << 20) /* far above any event that the store takes */

void weir_store_close(weir_store *store)
{
    if (!store)
        return;
    store->backend->close(store);
    weir_buffer_free(&store->upcast);
    free(store);
}

bool weir_store_alive(const weir_store *store)
{
    return store->backend->alive(store);
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

void weir_store_upcast(weir_store *store, const weir_upcasters *upcasters)
{
    store->upcasters = upcasters;
    store->upcast.limit = UPCAST_LIMIT;
}

bool weir_store_idle(const weir_store *store, weir_error *error)
{
    return !store->handing_over ||
           weir_fail(error, WEIR_FATE_FATAL,
                     "a function that receives what is read must not use the store handle that it "
                     "comes from: open another one, or collect first");
}

static bool check_event(const weir_new_event *event, weir_error *error)
{
    if (!event->type)
        return weir_fail(error, WEIR_FATE_POISON, "the event has no type");
    if (event->binary && !event->content_type)
        return weir_fail(error, WEIR_FATE_POISON, "binary data needs a content type");
    if (!event->binary && !weir_json_check(event->data, event->data_length, error))
        return weir_error_prefix(error, "data");
    if (event->metadata && !weir_json_check(event->metadata, strlen(event->metadata), error))
        return weir_error_prefix(error, "metadata");
    return true;
}

bool weir_append_check(const weir_append *appends, size_t count, size_t *failed, weir_error *error)
{
    for (size_t n = 0; n < count; n++) {
        const weir_append *append = &appends[n];
        *failed = n;
        if (!append->aggregate_type || !append->aggregate_id || append->count == 0)
            return weir_fail(error, WEIR_FATE_POISON,
                             "an append needs an aggregate type, an aggregate id and an event");
        for (size_t i = 0; i < append->count; i++)
            if (!check_event(&append->events[i], error))
                return weir_error_prefix(error, "event %zu of %zu for %s/%s", i + 1, append->count,
                                         append->aggregate_type, append->aggregate_id);
    }
    return true;
}

bool weir_store_append(weir_store *store, weir_append *appends, size_t count, size_t *failed,
                       weir_error *error)
{
    size_t ignored;
    if (!failed)
        failed = &ignored;
    *failed = count;
    return weir_store_idle(store, error) && weir_append_check(appends, count, failed, error) &&
           store->backend->append(store, appends, count, failed, error);
}

/* check_read: at most one selector, and nothing that does not go with it. */
static bool check_read(const weir_read *what, weir_error *error)
{
    int selectors = !!what->aggregate_type + !!what->event_type + !!what->correlation_id +
                    !!what->causation_id + !!what->user_id;
    if (selectors > 1 || (what->aggregate_id && !what->aggregate_type))
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "a read is of one aggregate (type and id), one aggregate type, one event "
                         "type, one correlation, one causation or one user");
    if (what->aggregate_id && what->after)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "one aggregate is read by version, not by position");
    if (!what->aggregate_id && (what->from || what->to))
        return weir_fail(error, WEIR_FATE_CONFIG, "versions are for reading one aggregate");
    if (what->through && (what->aggregate_id || what->backwards))
        return weir_fail(error, WEIR_FATE_CONFIG, "a last position is for reading forwards by it");
    return true;
}

/* Between a backend and the reader: every event in the latest form of its type. */
typedef struct receiver {
    weir_store *store;
    weir_event_fn *fn;
    void *context;
} receiver;

static bool receive(void *context, const weir_event *event, weir_error *error)
{
    const receiver *self = context;
    weir_event current = *event;
    return weir_upcasters_apply(self->store->upcasters, &current, &self->store->upcast, error) &&
           self->fn(self->context, &current, error);
}

bool weir_store_read(weir_store *store, weir_read *what, weir_event_fn *fn, void *context,
                     weir_error *error)
{
    receiver self = {store, fn, context};
    if (!weir_store_idle(store, error) || !check_read(what, error))
        return false;
    store->handing_over = true;
    bool ok = store->upcasters ? store->backend->read(store, what, receive, &self, error)
                               : store->backend->read(store, what, fn, context, error);
    store->handing_over = false;
    return ok;
}

bool weir_store_stream_version(weir_store *store, const char *aggregate_type,
                               const char *aggregate_id, int64_t *version, weir_error *error)
{
    return weir_store_idle(store, error) &&
           store->backend->stream_version(store, aggregate_type, aggregate_id, version, error);
}

bool weir_store_streams(weir_store *store, const char *aggregate_type, int64_t limit,
                        weir_stream_fn *fn, void *context, weir_error *error)
{
    if (!weir_store_idle(store, error))
        return false;
    store->handing_over = true;
    bool ok = store->backend->streams(store, aggregate_type, limit, fn, context, error);
    store->handing_over = false;
    return ok;
}

/* A follower: counts what goes through and moves the cursor with it. */
typedef struct follower {
    weir_read *what;
    weir_event_fn *fn;
    void *context;
    int64_t count;
} follower;

static bool pass_on(void *context, const weir_event *event, weir_error *error)
{
    follower *self = context;
    if (!self->fn(self->context, event, error))
        return false;
    self->what->after = event->position;
    self->what->limit -= self->what->limit > 0;
    self->count++;
    return true;
}

bool weir_store_follow(weir_store *store, weir_read *what, weir_event_fn *fn,
                       weir_caught_up_fn *caught_up, void *context, weir_error *error)
{
    const bool limited = what->limit > 0;
    int wait_ms = SHORTEST_WAIT_MS;
    if (what->aggregate_id || what->backwards)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "what is followed is read by position, forwards: not one aggregate");
    while (!weir_stop_requested(store->stop)) {
        follower self = {what, fn, context, 0};
        weir_read now = *what;
        bool ok = weir_store_read(store, &now, pass_on, &self, error);
        what->horizon = now.horizon;
        if (!ok || (limited && what->limit == 0))
            return ok;
        if (caught_up && !caught_up(context, error))
            return false;
        wait_ms = self.count ? SHORTEST_WAIT_MS : wait_ms * 2;
        wait_ms = wait_ms < LONGEST_WAIT_MS ? wait_ms : LONGEST_WAIT_MS;
        store->backend->wait(store, now.horizon, wait_ms);
    }
    return true;
}
