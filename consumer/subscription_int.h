/* The inside of a subscription, shared by the files of the runtime. Everything but health belongs
 * to the thread that runs it. */
#ifndef WEIR_CONSUMER_SUBSCRIPTION_INT_H
#define WEIR_CONSUMER_SUBSCRIPTION_INT_H

#include <stdatomic.h>

#include "consumer/checkpoints_int.h"
#include "consumer/consumer.h"
#include "consumer/foreign.h"
#include "consumer/kafka_source_int.h"
#include "consumer/lanes_int.h"
#include "consumer/redrives_int.h"
#include "consumer/store_source_int.h"

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
    atomic_int_fast64_t lag_events, lag_us, events, progress_us;
} weir_health;

/* The series of one subscription. */
typedef struct weir_meters {
    weir_metric *events, *batches, *duplicates, *foreign, *retries, *rebalances;
    weir_metric *lag_events, *lag_seconds, *apply_seconds, *stopped, *paused;
    weir_metric *letters, *parked, *healed;
} weir_meters;

/* What becomes of an event that a handler goes on refusing. */
typedef enum weir_on_poison {
    WEIR_POISON_PARK,
    WEIR_POISON_SKIP,
    WEIR_POISON_HALT,
} weir_on_poison;

struct weir_subscription {
    const weir_config *config;
    weir_handler *handler;
    const weir_upcasters *upcasters; /* NULL: events as they are */
    weir_stop *stop;
    char *name;
    size_t batch_events, batch_bytes, memory; /* memory: of a round, and of a transaction */
    int batch_ms, drain_ms, attempts;
    weir_on_poison on_poison;
    size_t parked_most; /* of one lane */
    bool heals;         /* what a topic lacks is read from the store */
    weir_redrives redrives;

    weir_store *store; /* the reader's; NULL: not connected */
    char store_id[WEIR_UUID_TEXT];
    int generation;       /* 0: not settled yet */
    int fixed_generation; /* to be fed whether it serves or not; 0: the one that serves */
    bool from_store, once;
    bool alone;           /* no member of the group: it reads all partitions by itself */
    int replaced;         /* what this generation has of foreign topics must be had; 0: none */
    bool lossy;           /* what a foreign topic has lost is done without */
    weir_reach_fn *watch; /* told how far it is; NULL: nobody */
    void *watch_context;
    weir_source *source;  /* Kafka's side; NULL when it reads the store */
    weir_stored *stored;  /* the store's side */
    bool resume;          /* checkpoints must be read before reading on */
    bool rewind;          /* what was handed over must be applied first, then so */
    bool leveling;        /* some partition is to get another number of lanes */
    bool settled;         /* on this connection, and nothing has failed since */
    bool waits;           /* paused, or another process leads */
    bool paused;          /* by a person */
    int64_t parked_count; /* aggregates, of all members; as last asked */
    bool due;             /* letters are to be tried again, or discarded */
    weir_topics topics;
    weir_goals goals;
    weir_lanes lanes;

    weir_backoff backoff;
    bool troubled; /* a RETRY failure was logged and nothing has worked since */
    int64_t committed_us, ticked_us, controlled_us;
    atomic_int_fast64_t
        oldest_us; /* recorded_at of the oldest event known not to be applied; 0: none */
    unsigned rebalances;
    weir_health health;
    weir_meters meters;
};

/* weir_subscription_owner: whose checkpoint rows. */
static inline weir_owner weir_subscription_owner(const weir_subscription *s)
{
    return (weir_owner){s->handler->subscription, s->generation};
}

/* weir_subscription_partitions: the partitions that this member owns, in order; they stay until the
 * group gives it others, for which the lanes rest. */
static inline weir_partition *weir_subscription_partitions(weir_subscription *s, size_t *count)
{
    if (s->source)
        return weir_source_partitions(s->source, count);
    *count = s->stored ? 1 : 0;
    return s->stored ? &s->stored->partition : NULL;
}

/* weir_subscription_index is an owned partition's place among them; weir_subscription_find finds
 * one, NULL if it is another member's. */
static inline uint32_t weir_subscription_index(weir_subscription *s,
                                               const weir_partition *partition)
{
    size_t count;
    return (uint32_t)(partition - weir_subscription_partitions(s, &count));
}
weir_partition *weir_subscription_find(weir_subscription *s, const char *topic, int32_t number);

/* weir_subscription_ask calls a statement whose parameters are subscription and generation. */
weir_result *weir_subscription_ask(const weir_subscription *s, weir_store *store,
                                   const char *statement, weir_error *error);

/* weir_subscription_lane: who applies lane number l of any partition. */
static inline weir_lane *weir_subscription_lane(weir_subscription *s, int32_t l)
{
    return &s->lanes.all[(size_t)l % s->lanes.count];
}

/* reader.c. weir_reader_step does the next thing; *done with once, when nothing is left to do.
 * False: for what passes, weir_reader_rest waits; false if it does not pass. */
WEIR_MUST_USE bool weir_reader_step(weir_subscription *s, bool *done, weir_error *error);
WEIR_MUST_USE bool weir_reader_rest(weir_subscription *s, weir_error *error);
void weir_reader_disconnect(weir_subscription *s);

/* weir_subscription_record runs a statement with subscription, generation and why (NULL: without).
 */
WEIR_MUST_USE bool weir_subscription_record(weir_subscription *s, const char *statement,
                                            const char *why, weir_error *error);

/* intake.c. weir_intake_fill fills a round: waits for the first message, then for as many as the
 * limits allow. Sets s->resume when the partitions changed meanwhile: the round is of no use then.
 * What must not be passed ends the round as its refusal. False: RETRY. */
WEIR_MUST_USE bool weir_intake_fill(weir_subscription *s, weir_round *round, weir_error *error);

/* weir_round_name puts "event 7 (order.placed, order/o-1 version 2, at weir.order/3 offset 55): "
 * before an error. False. */
bool weir_round_name(weir_subscription *s, const weir_share *share, size_t event,
                     weir_error *error);

/* weir_round_reach notes up to where the round takes each partition, now that it is full. */
void weir_round_reach(weir_subscription *s, weir_round *round);

/* weir_round_put gives an event's place in the share of its lane; weir_round_full: no room for
 * another; weir_round_error keeps an error with the round, NULL when it does not fit. */
weir_event *weir_round_put(weir_subscription *s, weir_round *round, const weir_origin *origin);
bool weir_round_full(const weir_subscription *s, const weir_round *round);
const weir_error *weir_round_error(weir_round *round, const weir_error *error);

/* heal.c. weir_heal takes a partition's events up to a position from the store, as many as the
 * round has room for; the gate says how far it came. */
WEIR_MUST_USE bool weir_heal(weir_subscription *s, weir_round *round, weir_partition *partition,
                             int64_t upto, weir_error *error);

/* weir_refill: the topic does not have what is to be read of a partition. By policy reading begins
 * anew at what is left of it. weir_refill_go_on takes what an empty one lacks, also one that a
 * fresh subscription finds empty. */
WEIR_MUST_USE bool weir_refill(weir_subscription *s, weir_partition *partition, weir_error *error);
bool weir_refill_is_over(const weir_subscription *s, const weir_partition *partition);
WEIR_MUST_USE bool weir_refill_go_on(weir_subscription *s, weir_round *round, weir_error *error);

/* weir_event_keep copies what an event points to into an arena; false: it does not fit. */
WEIR_MUST_USE bool weir_event_keep(weir_arena *arena, weir_event *event);

/* weir_round_take takes an event that was read from the store for the partition at index. */
WEIR_MUST_USE bool weir_round_take(weir_subscription *s, weir_round *round, uint32_t index,
                                   const weir_event *event, weir_error *error);

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

/* foreign_topics.c. weir_foreign_subscribe reads the handler's topics from now on; CONFIG for one
 * that is weir's own. weir_foreign_check asks for their partitions (0: Kafka does not have it,
 * which is NOT_FOUND with once; RETRY where a feed does not read all of them) and refuses, FATAL, a
 * topic that does not have what is to be read next, by the checkpoints of all members, or what the
 * replaced generation has; weir_foreign_out_of_range says that of one partition. */
WEIR_MUST_USE bool weir_foreign_subscribe(weir_subscription *s, weir_error *error);
WEIR_MUST_USE bool weir_foreign_check(weir_subscription *s, weir_error *error);
WEIR_MUST_USE bool weir_foreign_out_of_range(weir_subscription *s, const weir_partition *partition,
                                             weir_error *error);

/* goals.c. weir_goals_set asks Kafka for the ends; weir_goals_reached tells whether all are. */
WEIR_MUST_USE bool weir_goals_set(weir_subscription *s, weir_error *error);
WEIR_MUST_USE bool weir_goals_reached(weir_subscription *s, bool *reached, weir_error *error);
void weir_goals_free(weir_goals *goals);

/* meters.c */
void weir_meters_open(weir_subscription *s);
void weir_meters_tick(weir_subscription *s);   /* lag and health, a few times a second */
int64_t weir_meters_lag(weir_subscription *s); /* events, over the owned partitions */

#endif
