/* producer: the relay, from the store to Kafka. It reads committed events through the fence, in
 * position order, and publishes each to its aggregate type's topic, keyed by aggregate id, as a
 * CloudEvents message that carries the chain of its partition. Kafka's tail is the truth of what
 * was published; the cursor in PostgreSQL only says where to start reading.
 *
 * A relay is divided into shards (relay.shards), each of which owns whole partitions and has a
 * thread, a PostgreSQL connection and a producer of its own. Of all processes that run a relay of
 * one name, one at a time publishes a shard. */
#ifndef WEIR_PRODUCER_PRODUCER_H
#define WEIR_PRODUCER_PRODUCER_H

#include "config/config.h"
#include "store/store.h"

typedef struct weir_relays weir_relays;

/* weir_relays_check validates the relay's settings without connecting; for `config check`. */
WEIR_MUST_USE bool weir_relays_check(const weir_config *config, weir_error *error);

/* weir_relays_new makes all shards of the configured relay; nothing is connected yet. config and
 * stop outlive them. NULL with CONFIG for settings that cannot be. */
weir_relays *weir_relays_new(const weir_config *config, weir_stop *stop, weir_error *error);
void weir_relays_free(weir_relays *relays);

/* weir_relays_run publishes until stop is requested, then stops cleanly: everything handed to Kafka
 * acknowledged and the cursors written. With once, it returns when every event that was committed
 * when it became the active relay of a shard is acknowledged, for every shard. A database or broker
 * that goes away is retried for ever and logged once per change of state. Returns false for what
 * needs a person (a disaster, a refused message, a wrong setting), after requesting stop, so that
 * the other shards end too. Blocks; its threads are its own. */
WEIR_MUST_USE bool weir_relays_run(weir_relays *relays, bool once, weir_error *error);

/* A snapshot of a running shard for /healthz and /readyz. Any thread. */
typedef struct weir_relay_health {
    bool active; /* holds the lock and has read the tail */
    bool store_up, kafka_up;
    int64_t position;    /* cursor */
    int64_t published;   /* events acknowledged by this process */
    int64_t progress_us; /* monotonic time of the last step forward or of being caught up */
} weir_relay_health;
size_t weir_relays_count(const weir_relays *relays); /* shards */
void weir_relays_health_get(const weir_relays *relays, size_t shard, weir_relay_health *health);

/* The topic of an aggregate type. */
typedef struct weir_topic_made {
    char name[256];
    int partitions;
    bool created; /* it did not exist */
} weir_topic_made;

/* weir_topic_create makes and records the topic of an aggregate type ahead of its first event, as a
 * relay would at that event. One that is recorded or exists already is taken as it is. CONFIG when
 * Kafka refuses it, or when the configuration contradicts the record. */
WEIR_MUST_USE bool weir_topic_create(const weir_config *config, weir_store *store, weir_stop *stop,
                                     const char *aggregate_type, weir_topic_made *made,
                                     weir_error *error);

/* weir_topic_counts asks Kafka how many partitions each of the topics has: 0: there is no such
 * topic; -1: this client may not see it. */
WEIR_MUST_USE bool weir_topic_counts(const weir_config *config, weir_stop *stop,
                                     const char *const *topics, size_t count, int *partitions,
                                     weir_error *error);

/* weir_sink_partition is murmur2(key) modulo count, as Java's clients compute it. */
int32_t weir_sink_partition(const char *key, size_t length, int count);

#endif
