/* The Kafka side of a subscription: membership of the group, messages, watermarks.
 *
 * Where to read from is never Kafka's decision: an assignment is answered with an empty one, and
 * reading begins when the owner has put the checkpoints into the partitions and calls
 * weir_source_resume. One thread. */
#ifndef WEIR_CONSUMER_KAFKA_SOURCE_INT_H
#define WEIR_CONSUMER_KAFKA_SOURCE_INT_H

#include "config/config.h"
#include "consumer/partition_int.h"

#define WEIR_MAX_HEADERS 64

typedef struct weir_source weir_source;

/* What a poll brought. */
typedef enum weir_poll {
    WEIR_POLL_NOTHING,
    WEIR_POLL_MESSAGE,
    WEIR_POLL_END,          /* a partition's end was reached; its `end` is set */
    WEIR_POLL_CHANGED,      /* partitions were given or taken: the ones known before are gone */
    WEIR_POLL_OUT_OF_RANGE, /* where message->partition is to be read, it has nothing */
    WEIR_POLL_FAILED,       /* error says what a person must do */
} weir_poll;

/* A message, valid until the next poll. */
typedef struct weir_message {
    weir_partition *partition;
    int64_t offset;
    weir_header headers[WEIR_MAX_HEADERS];
    size_t header_count;
    const char *key; /* NULL: none */
    size_t key_length;
    weir_payload payload;
    int64_t time_ms; /* 0: none */
    size_t bytes;    /* of payload and headers */
} weir_message;

/* weir_source_new makes a group member; it joins with the first weir_source_subscribe.
 * before_change is called before the owned partitions change, from within a poll or close: nobody
 * may use them once it has returned. alone: no member of any group, it owns all partitions of what
 * it subscribes to, changed by weir_source_subscribe itself, and tells no group anything. */
typedef void weir_change_fn(void *context);
weir_source *weir_source_new(const weir_config *config, const char *subscription, bool alone,
                             weir_change_fn *before_change, void *context, weir_error *error);

/* weir_source_close leaves the group, offsets committed; NULL is fine. */
void weir_source_close(weir_source *source);

/* weir_source_subscribe reads these topics from now on, instead of those before; partitions: how
 * many each has. */
WEIR_MUST_USE bool weir_source_subscribe(weir_source *source, const char *const *topics,
                                         const int *partitions, size_t count, weir_error *error);

/* weir_source_poll waits up to timeout_ms. Rebalances are served in here. */
weir_poll weir_source_poll(weir_source *source, int timeout_ms, weir_message *message,
                           weir_error *error);

/* weir_source_partitions gives the partitions owned now, in order; valid until a poll says
 * CHANGED. */
weir_partition *weir_source_partitions(weir_source *source, size_t *count);

/* weir_source_joined: the group has given this member its part (possibly nothing). */
bool weir_source_joined(const weir_source *source);

/* weir_source_resume starts over reading every owned partition at its start. */
WEIR_MUST_USE bool weir_source_resume(weir_source *source, weir_error *error);

/* weir_source_rest stops reading, and frees what was fetched, but stays in the group. */
void weir_source_rest(weir_source *source);

/* weir_source_commit tells the group, asynchronously, how far the checkpoints are; for tools only.
 * True if there was anything to tell. */
bool weir_source_commit(weir_source *source);

/* weir_source_truncated asks Kafka whether the start of a partition is gone. */
WEIR_MUST_USE bool weir_source_truncated(weir_source *source, const weir_partition *partition,
                                         bool *truncated, weir_error *error);

/* weir_source_wait_for_topics: a topic that Kafka does not have is waited for, however long; else
 * it is gone for good after half a minute. */
void weir_source_wait_for_topics(weir_source *source);

/* weir_source_waits: it does wait for one. */
bool weir_source_waits(const weir_source *source);

/* weir_source_count asks Kafka how many partitions a topic has, 0 if it has no such topic; RETRY if
 * it does not answer. */
WEIR_MUST_USE bool weir_source_count(weir_source *source, const char *topic, int32_t *count,
                                     weir_error *error);

/* weir_source_ends asks Kafka for the watermarks of any partition; RETRY if it does not answer. */
WEIR_MUST_USE bool weir_source_ends(weir_source *source, weir_place place, int64_t *low,
                                    int64_t *high, weir_error *error);

/* weir_source_tick refreshes the known watermarks and probes a Kafka that was down. Call it a few
 * times a second. False: a topic is gone for good. */
WEIR_MUST_USE bool weir_source_tick(weir_source *source, weir_error *error);

bool weir_source_up(const weir_source *source); /* Kafka answers, as far as known */

/* weir_source_rebalances counts the assignments so far. */
unsigned weir_source_rebalances(const weir_source *source);

#endif
