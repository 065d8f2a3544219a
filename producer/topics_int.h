/* The recorded topics as the relay knows them: aggregate type → topic, and per partition where its
 * chain stands. Pure bookkeeping; PostgreSQL and Kafka are asked elsewhere. One thread. */
#ifndef WEIR_PRODUCER_TOPICS_INT_H
#define WEIR_PRODUCER_TOPICS_INT_H

#include "config/config.h"

#define WEIR_TOPIC_NAME 250 /* Kafka's limit of 249 and a NUL */

/* One partition of a recorded topic. */
typedef struct weir_part {
    int64_t tail;        /* position of the last event handed to Kafka, or found there; 0: none */
    int64_t position;    /* of the last one that was acknowledged, as of the cursor */
    int64_t next_offset; /* the offset after it; 0: none was */
    bool changed;        /* since the cursor was last written */
    int64_t end;         /* the offset after the last acknowledged or found: it only grows */
    size_t in_flight;    /* messages handed over by this producer and not acknowledged */
    int64_t acked_us;    /* monotonic time of this producer's last acknowledgement; 0: none yet */
} weir_part;

typedef struct weir_relay_topic {
    char *aggregate_type, *name;
    char *source; /* ce_source of its events */
    int partitions;
    uint32_t hash;    /* of its name; see weir_relay_owner */
    int64_t accepted; /* events that the store does not have are accepted up to this position */
    size_t first;     /* index of partition 0 in weir_relay_topics.parts; the others follow */
} weir_relay_topic;

typedef struct weir_relay_topics {
    weir_relay_topic **list; /* in the order of adding; addresses stay */
    size_t count;
    weir_part *parts;
    size_t part_count;
    const weir_relay_topic *latest; /* the last one found */
} weir_relay_topics;

/* weir_relay_topic_name writes the topic's name that format gives an aggregate type. CONFIG when
 * Kafka would not take it. */
WEIR_MUST_USE bool weir_relay_topic_name(const char *format, const char *prefix,
                                         const char *aggregate_type, char name[WEIR_TOPIC_NAME],
                                         weir_error *error);

/* What the configuration says of an aggregate type's topic. */
typedef struct weir_topic_plan {
    const char *aggregate_type;
    char name[WEIR_TOPIC_NAME];
    int partitions, replication;
} weir_topic_plan;

/* weir_topic_plan_make reads the plan of a generation; from the second on its number is part of the
 * name. */
WEIR_MUST_USE bool weir_topic_plan_make(const weir_config *config, const char *aggregate_type,
                                        int generation, weir_topic_plan *plan, weir_error *error);

/* weir_topic_plan_check: CONFIG when the configuration contradicts what is recorded. */
WEIR_MUST_USE bool weir_topic_plan_check(const weir_config *config, const char *aggregate_type,
                                         int generation, const char *recorded, weir_error *error);

/* weir_relay_topics_free_name: CONFIG when another aggregate type has that topic already. */
WEIR_MUST_USE bool weir_relay_topics_free_name(const weir_relay_topics *topics,
                                               const char *aggregate_type, const char *name,
                                               weir_error *error);

/* weir_relay_topics_add adds a topic with its partitions at zero; NULL if its name is not free. */
const weir_relay_topic *weir_relay_topics_add(weir_relay_topics *topics, const char *aggregate_type,
                                              const char *name, int partitions, weir_error *error);
const weir_relay_topic *weir_relay_topics_find(weir_relay_topics *topics,
                                               const char *aggregate_type);
const weir_relay_topic *weir_relay_topics_named(const weir_relay_topics *topics, const char *name);

/* weir_relay_topics_of is the topic that a partition index belongs to. */
const weir_relay_topic *weir_relay_topics_of(const weir_relay_topics *topics, size_t part);
/* weir_relay_owner is which of so many shards publishes a partition: neighbours go to different
 * ones, and topics begin at different ones. It must never give another answer. */
int weir_relay_owner(const weir_relay_topic *topic, int32_t partition, int shards);
void weir_relay_topics_clear(weir_relay_topics *topics);

#endif
