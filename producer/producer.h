/* producer: the relay, from the store to Kafka. It reads committed events through the fence, in
 * position order, and publishes each to its aggregate type's topic, keyed by aggregate id, as a
 * CloudEvents message that carries the chain of its partition. Kafka's tail is the truth of what
 * was published; the cursor in PostgreSQL only says where to start reading.
 *
 * One relay runs in one thread, with one PostgreSQL connection and one producer. */
#ifndef WEIR_PRODUCER_PRODUCER_H
#define WEIR_PRODUCER_PRODUCER_H

#include "config/config.h"
#include "store/store.h"

typedef struct weir_relay weir_relay;

/* weir_relay_new makes a relay; nothing is connected yet. config and stop outlive it. */
weir_relay *weir_relay_new(const weir_config *config, weir_stop *stop, weir_error *error);
void weir_relay_free(weir_relay *relay);

/* weir_relay_run publishes until stop is requested, then stops cleanly: everything handed to Kafka
 * acknowledged and the cursor written. With once, it returns when every event that was committed
 * when it became the active relay is acknowledged. A database or broker that goes away is retried
 * for ever and logged once per change of state. Returns false for what needs a person: a disaster,
 * a refused message, a wrong setting. */
WEIR_MUST_USE bool weir_relay_run(weir_relay *relay, bool once, weir_error *error);

/* A snapshot of a running relay for /healthz and /readyz. Any thread. */
typedef struct weir_relay_health {
    bool active; /* holds the lock and has read the tail */
    bool store_up, kafka_up;
    int64_t position;    /* cursor */
    int64_t published;   /* events acknowledged by this process */
    int64_t progress_us; /* monotonic time of the last step forward or of being caught up */
} weir_relay_health;
void weir_relay_health_get(const weir_relay *relay, weir_relay_health *health);

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
