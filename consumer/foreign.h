/* foreign: topics that weir's relay did not write.
 *
 * Their messages have no chain and no position: the offset takes its place, and only in its
 * partition. What an event is made of, a message must say; where it says that is described here.
 * docs/foreign_topics.md is the manual. */
#ifndef WEIR_CONSUMER_FOREIGN_H
#define WEIR_CONSUMER_FOREIGN_H

#include "config/config.h"

typedef enum weir_foreign_format {
    WEIR_FOREIGN_JSON,            /* the value is JSON */
    WEIR_FOREIGN_DEBEZIUM_OUTBOX, /* it is what Debezium's outbox event router writes */
} weir_foreign_format;

typedef enum weir_foreign_kind {
    WEIR_FOREIGN_DEFAULT,
    WEIR_FOREIGN_HEADER, /* the header of that name */
    WEIR_FOREIGN_FIELD,  /* the member of the value at that path, with dots */
} weir_foreign_kind;

/* Where in a message something stands. */
typedef struct weir_foreign_source {
    weir_foreign_kind kind;
    char *name;
} weir_foreign_source;

typedef struct weir_foreign {
    char **topics; /* NULL-terminated */
    size_t topic_count;
    weir_foreign_format format;
    weir_foreign_source type; /* default: a header eventType, type or ce_type, else the name of what
                               * the topic is about */
    weir_foreign_source time; /* default: the record's timestamp */
    weir_foreign_source data; /* default: the whole value; never a header */
} weir_foreign;

/* Where one partition of a topic begins and ends, and what was asked for. */
typedef struct weir_foreign_reach {
    const char *topic; /* one of those that were given */
    int32_t partition;
    int64_t low, high; /* the first offset that is left, and the end */
    int64_t offset;    /* the first one whose record is of time_ms or later: high if there is none;
                        * low when no time was asked for */
} weir_foreign_reach;

/* weir_foreign_reaches asks Kafka for every partition of the topics; *reaches is malloc'd, by topic
 * and partition. time_ms: milliseconds since 1970, -1: none. NOT_FOUND for a topic that Kafka does
 * not have; RETRY when it does not answer within 10 s. */
WEIR_MUST_USE bool weir_foreign_reaches(const weir_config *config, const char *const *topics,
                                        int64_t time_ms, weir_foreign_reach **reaches,
                                        size_t *count, weir_error *error);

#endif
