/* consumer: the runtime that applies events from Kafka to a handler, each effect exactly once.
 *
 * A subscription's truth is its checkpoint rows in PostgreSQL, one per partition, moved by
 * compare-and-swap in the same transaction as the effects. The gate in front of the handler drops
 * duplicates (position ≤ checkpoint) and halts at a hole (prevposition > checkpoint).
 *
 * One subscription runs in one thread, with one Kafka consumer and one PostgreSQL connection. */
#ifndef WEIR_CONSUMER_CONSUMER_H
#define WEIR_CONSUMER_CONSUMER_H

#include <stdatomic.h>

#include "store/store.h"

typedef struct weir_foreign weir_foreign; /* consumer/foreign.h */

/* A batch of decoded events, in the order in which they must be applied: per partition rising in
 * position. Lives until the batch is committed or given up. */
typedef struct weir_batch {
    const weir_event *events;
    size_t count;
    weir_arena *arena; /* for the handler's own needs; released with the batch */
} weir_batch;

/* The calls of one transaction, collected by the handler and sent by the runtime as one pipeline
 * together with BEGIN, the checkpoint's compare-and-swap and COMMIT. */
typedef struct weir_calls {
    weir_call *calls;
    size_t *event;      /* per call: index of the event it was for; SIZE_MAX: several */
    const char **label; /* per call: what to name in an error: "users.sql:12" ; may be NULL */
    size_t count, capacity;
    weir_arena *arena;
    weir_connection *connection; /* where they are sent */
    const atomic_bool *abandon;  /* set: they are not wanted any more; NULL: they always are */
    size_t sent;                 /* of them, by weir_calls_ask */
    bool failed;                 /* PostgreSQL refused weir_calls_ask: calls[refused], or all */
    size_t refused;
    size_t accused; /* set by a collect that fails: from 1, the event to blame; 0: not known */
    bool hindered;  /* set by a collect that fails with RETRY: no smaller batch would help */
} weir_calls;

/* weir_calls_add appends one call; false (RETRY) when the arena is full: the runtime then halves
 * the batch. params are in the batch's arena. */
WEIR_MUST_USE bool weir_calls_add(weir_calls *calls, weir_call call, size_t event,
                                  const char *label, weir_error *error);

/* weir_calls_ask sends what was added since the last time, and row (may be NULL) gets the rows of
 * the last call, one by one as they arrive, and then once a result without rows: the transaction is
 * open from then on and holds locks. False: PostgreSQL refused one of them, or row did; the
 * transaction is of no more use, and collect returns false with that error. */
WEIR_MUST_USE bool weir_calls_ask(weir_calls *calls, weir_row_fn *row, void *context,
                                  weir_error *error);

/* weir_batch_full says that the arena is full (RETRY): fewer events may fit. Returns false. */
bool weir_batch_full(weir_error *error);

/* What a subscription does with events. One thread settles, opens and closes; a session belongs to
 * whoever has its connection. */
typedef struct weir_handler {
    const char *subscription;           /* name: letters, digits, _ ; at most 50 */
    const char *const *aggregate_types; /* whose topics to read, NULL-terminated */
    const weir_foreign *foreign;        /* or topics that the relay did not write; NULL: none, and
                                         * then there are aggregate types */
    void *context;
    /* settle finds the generation to feed, or checks the one it is given (not 0), on a connection
     * that no event is applied on: create what is missing, compare, warn. Again after every
     * failure. */
    bool (*settle)(struct weir_handler *handler, weir_connection *connection, int *generation,
                   weir_error *error);
    /* open makes a fresh connection ready to apply events to that generation: prepares statements,
     * sets the role and search_path. NULL: error says why. */
    void *(*open)(struct weir_handler *handler, weir_connection *connection, int generation,
                  weir_error *error);
    /* collect turns a batch into calls. one_by_one: each event's statements on their own, so that a
     * culprit can be named. Events that the handler does not care for produce no call. RETRY means
     * that the arena is full, and then the batch is halved, unless it says that it is hindered;
     * POISON accuses the batch, or one event of it, like a refused statement. It does no I/O but
     * weir_calls_ask, unless patience_ms says for how long. */
    bool (*collect)(void *session, const weir_batch *batch, bool one_by_one, weir_calls *calls,
                    weir_error *error);
    void (*close)(void *session); /* NULL is fine */
    /* deliver, if there is one, has the events handled outside of PostgreSQL, in their order,
     * before the transaction that moves the checkpoint past them; what was delivered and not
     * committed is delivered again. *done: how many were handled. It may return early with at least
     * one, and should soon when *abandon is set. False: POISON accuses event *done; RETRY nobody.
     */
    bool (*deliver)(void *session, const weir_batch *batch, const atomic_bool *abandon,
                    size_t *done, weir_error *error);
    size_t batch_most; /* events in one transaction, however many the settings allow; 0: those */
    bool rereads; /* collect reads anew the versions that its calls expect of aggregates: a conflict
                     (WV001) is no event's fault, and passes by itself */
    int patience_ms; /* longest that deliver waits for one event, or collect for a batch, without a
                        sign; 0: they never wait */
} weir_handler;

typedef struct weir_subscription weir_subscription;

/* weir_subscription_new makes a subscription; nothing is connected yet. config, handler and stop
 * outlive it. */
weir_subscription *weir_subscription_new(const weir_config *config, weir_handler *handler,
                                         weir_stop *stop, weir_error *error);
void weir_subscription_free(weir_subscription *subscription);

/* weir_subscription_upcast makes the handler get its events in the latest form of their type; NULL,
 * as at first: as the topic has them. Before run; upcasters outlive the subscription. */
void weir_subscription_upcast(weir_subscription *subscription, const weir_upcasters *upcasters);

/* weir_subscription_feed makes it feed a generation that need not serve, with so many lanes, for a
 * rebuild: from the store, or from all partitions of the topics, in no group, what they lack healed
 * from the store whatever the policy. Before run or begin. */
void weir_subscription_feed(weir_subscription *subscription, int generation, bool from_store,
                            int lanes);

/* weir_subscription_replaces makes a feed from topics that weir did not write refuse, FATAL, what
 * would make it less than generation old (0: there is none), since nobody else has it: messages
 * that old may have applied, or that came since the feed began, and that Kafka has lost. lossy: it
 * goes on without them, with a warning. Before run or begin. */
void weir_subscription_replaces(weir_subscription *subscription, int old, bool lossy);

/* weir_subscription_watch makes a subscription tell how far it is, a few times a second, from its
 * thread. Before run or begin. */
typedef struct weir_subscription_reach {
    int64_t events; /* applied by this process */
    int64_t done;   /* of the store: position of the last event read; of topics: events applied */
    int64_t all;    /* up to where that goes, as last known */
    int64_t parked; /* aggregates */
} weir_subscription_reach;
typedef void weir_reach_fn(void *context, const weir_subscription_reach *reach);
void weir_subscription_watch(weir_subscription *subscription, weir_reach_fn *fn, void *context);

/* weir_subscription_begin, then weir_subscription_catch_up any number of times, then
 * weir_subscription_end (also when begin fails): run with once in parts, which stays connected.
 * catch_up: false as in run, but nothing is recorded. */
WEIR_MUST_USE bool weir_subscription_begin(weir_subscription *subscription, weir_error *error);
WEIR_MUST_USE bool weir_subscription_catch_up(weir_subscription *subscription, weir_error *error);
void weir_subscription_end(weir_subscription *subscription);

/* weir_subscription_run applies events until stop is requested, finishing the transaction in
 * progress. With once: up to the ends of the topics as they were at its start. RETRY failures back
 * off for ever, logged once per change of state. False: the subscription stopped itself, error says
 * at which event, statement and cause; the same is recorded in weir.subscriptions. */
WEIR_MUST_USE bool weir_subscription_run(weir_subscription *subscription, bool once,
                                         weir_error *error);

typedef struct weir_subscription_health {
    bool assigned; /* a member of its group with an assignment (possibly empty) */
    bool stopped;  /* stopped itself */
    bool store_up, kafka_up;
    int64_t lag_events;  /* over the assigned partitions, from the last known ends */
    int64_t lag_us;      /* age of the oldest event known to wait; 0: none does */
    int64_t events;      /* applied by this process */
    int64_t progress_us; /* monotonic time of the last step forward or of being caught up */
} weir_subscription_health;
void weir_subscription_health_get(const weir_subscription *subscription,
                                  weir_subscription_health *health);
const char *weir_subscription_name(const weir_subscription *subscription);

/* weir_lag is the distance of one subscription from the store, or from the end of foreign topics,
 * from a process that need not run it. */
typedef struct weir_lag {
    int64_t unread;    /* messages in the topics beyond the checkpoints */
    int64_t unrelayed; /* events in the store beyond the relay's cursor, of the subscribed types */
    double seconds;    /* age of the oldest event not yet applied; 0 when there is none */
} weir_lag;

/* weir_lag_measure asks PostgreSQL and Kafka. foreign: as in the handler. RETRY when either does
 * not answer within 10 s; NOT_FOUND for a foreign topic that Kafka does not have. */
WEIR_MUST_USE bool weir_lag_measure(const weir_config *config, weir_store *store,
                                    const char *subscription, int generation,
                                    const char *const *aggregate_types, const weir_foreign *foreign,
                                    weir_lag *lag, weir_error *error);

#endif
