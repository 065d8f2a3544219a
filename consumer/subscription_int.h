/* The inside of a subscription, shared by the files of the runtime. Everything but health belongs
 * to the thread that runs it. */
#ifndef WEIR_CONSUMER_SUBSCRIPTION_INT_H
#define WEIR_CONSUMER_SUBSCRIPTION_INT_H

#include <stdatomic.h>

#include "consumer/checkpoints_int.h"
#include "consumer/consumer.h"
#include "consumer/kafka_source_int.h"

/* Where an event of the batch came from. */
typedef struct weir_origin {
    uint32_t partition; /* index among the owned partitions */
    int64_t offset;
} weir_origin;

/* The batch in hand: decoded events that wait for their transaction. */
typedef struct weir_intake {
    weir_arena *arena;   /* what the events point to */
    weir_buffer scratch; /* of the decoder */
    weir_event *events;
    weir_origin *origins; /* of the same length */
    size_t count, capacity;
    size_t messages, bytes; /* taken or skipped */
    weir_error refusal;     /* why nothing behind these may be read; fate NONE: it may */
} weir_intake;

/* The recorded topics of the handler's aggregate types. */
typedef struct weir_topics {
    char **names;
    int *partitions; /* recorded number of each */
    size_t count;
    size_t subscribed; /* how many of them are read */
    bool complete;     /* every type has one */
    bool waiting;      /* said in the log */
    int64_t asked_us;
} weir_topics;

/* With once: an end that must be reached. */
typedef struct weir_goal {
    weir_place place;
    int64_t end;
    bool reached;
} weir_goal;

typedef struct weir_goals {
    weir_goal *all;
    size_t count;
    int64_t asked_us;
    bool set;
} weir_goals;

typedef struct weir_health {
    atomic_bool assigned, stopped, store_up, kafka_up;
    atomic_int_fast64_t lag_events, events, progress_us;
} weir_health;

/* The series of one subscription. */
typedef struct weir_meters {
    weir_metric *events, *batches, *duplicates, *foreign, *retries, *rebalances;
    weir_metric *lag_events, *lag_seconds, *apply_seconds, *stopped;
} weir_meters;

struct weir_subscription {
    const weir_config *config;
    weir_handler *handler;
    void *session;                   /* of the handler, on the store's connection */
    int generation;                  /* 0: not settled yet */
    const weir_upcasters *upcasters; /* NULL: events as they are */
    weir_stop *stop;
    char *name;
    size_t batch_events, batch_bytes, memory; /* memory: of a batch's arenas, each */
    int batch_ms;

    weir_store *store; /* NULL: not connected */
    char store_id[WEIR_UUID_TEXT];
    weir_source *source;
    bool resume; /* checkpoints must be read before reading on */
    weir_topics topics;
    weir_goals goals;

    weir_intake intake;
    weir_arena *calls_arena;
    weir_moves moves;

    weir_backoff backoff;
    bool troubled; /* a RETRY failure was logged and nothing has worked since */
    bool warned_set_statement;
    int64_t committed_us, ticked_us;
    int64_t store_us;  /* when the store was last heard of */
    int64_t oldest_us; /* recorded_at of the oldest event known not to be applied; 0: none known */
    unsigned rebalances;
    weir_health health;
    weir_meters meters;
};

/* weir_subscription_owner: whose checkpoint rows. */
static inline weir_owner weir_subscription_owner(const weir_subscription *s)
{
    return (weir_owner){s->handler->subscription, s->generation};
}

/* intake.c. weir_intake_fill collects a batch: waits for the first message, then for as many as the
 * limits allow. Empties the intake and sets s->resume when the partitions changed meanwhile. What
 * must not be passed ends the batch as its refusal. False: RETRY. */
void weir_intake_open(weir_subscription *s);
void weir_intake_close(weir_subscription *s);
void weir_intake_clear(weir_subscription *s);
WEIR_MUST_USE bool weir_intake_fill(weir_subscription *s, weir_error *error);

/* weir_intake_name puts "event 7 (order.placed, order/o-1 version 2, at weir.order/3 offset 55): "
 * before an error. */
bool weir_intake_name(const weir_subscription *s, size_t event, weir_error *error);

/* apply.c. weir_apply carries the intake out, checkpoints included. False: RETRY, or CONFLICT when
 * the checkpoint was moved by another; any other fate: the culprit, named. */
WEIR_MUST_USE bool weir_apply(weir_subscription *s, weir_error *error);

/* weir_apply_prepare prepares what weir_apply needs on a new connection. */
WEIR_MUST_USE bool weir_apply_prepare(weir_connection *connection, weir_error *error);

/* topics.c. weir_topics_refresh looks for topics until every type has one, and subscribes. */
WEIR_MUST_USE bool weir_topics_refresh(weir_subscription *s, weir_error *error);
/* weir_topics_doubt makes the next refresh ask again what is recorded. */
void weir_topics_doubt(weir_subscription *s);
/* weir_topics_check refuses a checkpoint that says that its topic was left: RETRY when there is
 * another topic, to be read from now on; FATAL when this one cannot be gone on with. */
WEIR_MUST_USE bool weir_topics_check(weir_subscription *s, weir_error *error);
/* weir_topics_read reads the recorded topics of these types. */
WEIR_MUST_USE bool weir_topics_read(weir_connection *connection, const char *const *aggregate_types,
                                    weir_topics *topics, weir_error *error);
void weir_topics_free(weir_topics *topics);

/* goals.c. weir_goals_set asks Kafka for the ends; weir_goals_reached tells whether all are. */
WEIR_MUST_USE bool weir_goals_set(weir_subscription *s, weir_error *error);
WEIR_MUST_USE bool weir_goals_reached(weir_subscription *s, bool *reached, weir_error *error);
void weir_goals_free(weir_goals *goals);

/* meters.c */
void weir_meters_open(weir_subscription *s);
void weir_meters_tick(weir_subscription *s);   /* lag and health, a few times a second */
int64_t weir_meters_lag(weir_subscription *s); /* events, over the owned partitions */

#endif
