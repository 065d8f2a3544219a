/* Delivery inside a process. Subscribers stay in their order; one that unsubscribes while an event
 * goes round is only marked, so that places stay what they are until the round is over.
 *
 * Invariant: taken and failed are of the event that was published last; it stays in hand unless all
 * have taken it. */
#include "store/bus.h"

#include <stdlib.h>
#include <string.h>

#include "base/pattern.h"
#include "store/store_int.h"

typedef struct subscriber {
    weir_subscriber number;
    char *pattern;
    weir_event_fn *fn; /* NULL: it has unsubscribed */
    void *context;
    bool taken, failed; /* the last event; taken also when it is not for it */
} subscriber;

struct weir_bus {
    subscriber *items;
    size_t count;
    weir_subscriber last;
    bool in_hand; /* not all have taken it */
    weir_uuid id; /* of it */
    bool publishing;
};

weir_bus *weir_bus_new(void)
{
    return weir_calloc(1, sizeof(weir_bus));
}

void weir_bus_free(weir_bus *bus)
{
    for (size_t i = 0; bus && i < bus->count; i++)
        free(bus->items[i].pattern);
    if (bus)
        free(bus->items);
    free(bus);
}

weir_subscriber weir_bus_subscribe(weir_bus *bus, const char *pattern, weir_event_fn *fn,
                                   void *context, weir_error *error)
{
    if (!weir_pattern_check(pattern, error))
        return 0;
    bus->items = weir_realloc(bus->items, (bus->count + 1) * sizeof *bus->items);
    bus->items[bus->count++] = (subscriber){
        .number = ++bus->last,
        .pattern = weir_strdup(pattern),
        .fn = fn,
        .context = context,
        .taken = bus->publishing, /* also when this event comes again */
    };
    return bus->last;
}

static void sweep(weir_bus *bus)
{
    size_t kept = 0;
    for (size_t i = 0; i < bus->count; i++)
        if (bus->items[i].fn)
            bus->items[kept++] = bus->items[i];
        else
            free(bus->items[i].pattern);
    bus->count = kept;
}

bool weir_bus_unsubscribe(weir_bus *bus, weir_subscriber number)
{
    for (size_t i = 0; i < bus->count; i++) {
        if (bus->items[i].number != number || !bus->items[i].fn)
            continue;
        bus->items[i].fn = NULL;
        if (!bus->publishing)
            sweep(bus);
        return true;
    }
    return false;
}

/* Makes the event the one in hand; one that was in hand already keeps who has taken it. */
static void take_in_hand(weir_bus *bus, const weir_event *event)
{
    bool again = bus->in_hand && memcmp(&bus->id, &event->id, sizeof bus->id) == 0;
    for (size_t i = 0; i < bus->count; i++) {
        bus->items[i].taken = again && bus->items[i].taken;
        bus->items[i].failed = false;
    }
    bus->id = event->id;
}

/* Calls the subscriber at a place, which may grow the list and end any of them. */
static bool call(weir_bus *bus, size_t at, const weir_event *event, weir_error *error)
{
    weir_error why = {0};
    const subscriber s = bus->items[at];
    const bool ok = s.fn(s.context, event, &why);
    bus->items[at].taken = ok;
    bus->items[at].failed = !ok;
    if (ok)
        return true;
    *error = why;
    if (why.fate == WEIR_FATE_NONE)
        weir_fail(error, WEIR_FATE_FATAL, "it failed and gave no reason");
    return weir_error_prefix(error, "subscriber %lld (%s) of %s %s", (long long)s.number,
                             bus->items[at].pattern, event->type, event->aggregate_id);
}

bool weir_bus_publish(weir_bus *bus, const weir_event *event, weir_error *error)
{
    weir_error why;
    size_t failed = 0;
    if (bus->publishing)
        return weir_fail(error, WEIR_FATE_FATAL,
                         "a subscriber must not publish on the bus that calls it: append to the "
                         "store instead");
    take_in_hand(bus, event);
    bus->publishing = true;
    for (size_t i = 0; i < bus->count; i++) {
        const subscriber *s = &bus->items[i];
        if (s->fn && !s->taken && weir_pattern_fits(s->pattern, event->type))
            failed += !call(bus, i, event, failed == 0 ? error : &why);
    }
    bus->publishing = false;
    bus->in_hand = failed > 0;
    sweep(bus);
    if (failed > 1)
        weir_error_prefix(error, "%zu subscribers failed, the first is", failed);
    return failed == 0;
}

bool weir_bus_publish_all(weir_bus *bus, const weir_event *events, size_t count, size_t *published,
                          weir_error *error)
{
    size_t done = 0;
    while (done < count && weir_bus_publish(bus, &events[done], error))
        done++;
    if (published)
        *published = done;
    return done == count;
}

size_t weir_bus_failed(const weir_bus *bus, weir_subscriber *failed, size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < bus->count; i++)
        if (bus->items[i].fn && bus->items[i].failed) {
            if (count < capacity)
                failed[count] = bus->items[i].number;
            count++;
        }
    return count;
}

typedef struct following {
    weir_bus *bus;
    const weir_store *store;
    bool once, ended; /* by wish, though the store is told of an error to end its read */
} following;

static bool end(following *self, weir_error *error)
{
    self->ended = true;
    return weir_fail(error, WEIR_FATE_RETRY, "that is all");
}

/* The store looks at its stop between two reads; a backlog is one. */
static bool hand_out(void *context, const weir_event *event, weir_error *error)
{
    following *self = context;
    if (weir_stop_requested(self->store->stop))
        return end(self, error);
    return weir_bus_publish(self->bus, event, error);
}

static bool caught_up(void *context, weir_error *error)
{
    following *self = context;
    return !self->once || end(self, error);
}

bool weir_bus_follow(weir_bus *bus, weir_store *store, weir_read *what, bool once,
                     weir_error *error)
{
    following self = {bus, store, once, false};
    if (weir_store_follow(store, what, hand_out, caught_up, &self, error))
        return true;
    if (self.ended)
        weir_error_clear(error);
    return self.ended;
}
