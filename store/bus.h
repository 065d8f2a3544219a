/* The bus: events to functions of the same process, by event type.
 *
 * A program subscribes functions, and publishes events to them: its own, or (weir_bus_follow) those
 * of a store, on PostgreSQL or in memory, in the store's order and none skipped.
 *
 * One that fails keeps the event from no other: every subscriber is called, then publishing fails
 * and says whose error it is. Nothing is lost by that, since the event stays in hand: published
 * again, before any other (weir_bus_follow called again does so), it goes to those only that have
 * not taken it. It is the caller who decides: try again, unsubscribe the one that fails, or stop.
 * Later events wait, so that each subscriber gets all of its events in their order.
 *
 * A bus belongs to one thread, which calls the subscribers; one more thread is one more bus. Only
 * the weir_stop of a store handle may be requested from elsewhere. What a subscriber has taken is
 * known in memory alone: who must not miss or repeat an effect across a restart keeps the position
 * together with the effect, or uses a subscription of the runtime. */
#ifndef WEIR_STORE_BUS_H
#define WEIR_STORE_BUS_H

#include "store/store.h"

typedef struct weir_bus weir_bus;

/* A subscriber of one bus: above 0, and never used again. */
typedef int64_t weir_subscriber;

weir_bus *weir_bus_new(void);
void weir_bus_free(weir_bus *bus); /* not from a subscriber; NULL is fine */

/* weir_bus_subscribe has fn called with context for every event whose type fits: "order.submitted",
 * "order.*", or "*". Subscribers are called in the order in which they subscribed; one function may
 * subscribe several times. From within a subscriber it counts from the next event on. The pattern
 * is copied. 0: CONFIG, what is no pattern.
 *
 * fn must not publish on its bus, nor use the store handle that is followed: refused, FATAL. To say
 * what follows from an event it appends with another handle, and that comes in its turn. */
WEIR_MUST_USE weir_subscriber weir_bus_subscribe(weir_bus *bus, const char *pattern,
                                                 weir_event_fn *fn, void *context,
                                                 weir_error *error);

/* weir_bus_unsubscribe ends it at once, also from within a subscriber, of itself or of another that
 * was still to be called for this event. False: there is none (any more). */
bool weir_bus_unsubscribe(weir_bus *bus, weir_subscriber subscriber);

/* weir_bus_publish calls every subscriber that the event fits, and is true when all have taken it;
 * without any, too. Else error is that of the first that failed, after "subscriber 2 (order.*) of
 * order.submitted o-1: "; when several failed, it says how many. An event is told by its id: give
 * each one of its own. */
WEIR_MUST_USE bool weir_bus_publish(weir_bus *bus, const weir_event *event, weir_error *error);

/* weir_bus_publish_all publishes them in order, and no further than the first that not all took:
 * *published (may be NULL) is how many all have taken, and thus where to go on. */
WEIR_MUST_USE bool weir_bus_publish_all(weir_bus *bus, const weir_event *events, size_t count,
                                        size_t *published, weir_error *error);

/* weir_bus_failed lists in order who has not taken the event in hand: how many there are, at most
 * capacity of them in failed. 0 after a publish that was true. */
size_t weir_bus_failed(const weir_bus *bus, weir_subscriber *failed, size_t capacity);

/* weir_bus_follow publishes what the store has beyond what->after, through the fence, and goes on
 * with what is committed later: until the store's stop is requested, or what->limit events were
 * published; with once only up to what is committed now (what->horizon): true. what selects as for
 * weir_store_follow: all zero is every event from the first.
 *
 * what->after is the position of the last event that all have taken: keep it to resume, also after
 * false, when a subscriber or the store failed. RETRY with weir_store_alive false: open another
 * handle and call again. */
WEIR_MUST_USE bool weir_bus_follow(weir_bus *bus, weir_store *store, weir_read *what, bool once,
                                   weir_error *error);

#endif
