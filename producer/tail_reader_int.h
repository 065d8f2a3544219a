/* Asking Kafka for its topics and reading their tails: a short-lived consumer that commits nothing.
 * One thread. */
#ifndef WEIR_PRODUCER_TAIL_READER_INT_H
#define WEIR_PRODUCER_TAIL_READER_INT_H

#include "config/config.h"
#include "producer/tail_int.h"
#include "producer/topics_int.h"

typedef struct weir_tail_reader weir_tail_reader;

weir_tail_reader *weir_tail_reader_open(const weir_config *config, weir_stop *stop,
                                        weir_error *error);
void weir_tail_reader_close(weir_tail_reader *reader); /* NULL is fine */

/* weir_tail_reader_keep_beating has beat called all the while that the reader waits; false ends the
 * wait with RETRY. */
typedef bool weir_beat_fn(void *context);
void weir_tail_reader_keep_beating(weir_tail_reader *reader, weir_beat_fn *beat, void *context);

/* weir_tail_reader_look asks the cluster for its topics. weir_tail_reader_count is how many
 * partitions a topic had then, 0: there is none; CONFIG when it may not be seen. */
WEIR_MUST_USE bool weir_tail_reader_look(weir_tail_reader *reader, weir_error *error);
WEIR_MUST_USE bool weir_tail_reader_count(weir_tail_reader *reader, const char *topic, int *count,
                                          weir_error *error);

/* weir_tail_reader_create makes sure that a topic exists and all its partitions have a leader.
 * *partitions: how many it really has; *created: it did not exist. */
WEIR_MUST_USE bool weir_tail_reader_create(weir_tail_reader *reader, const weir_config *config,
                                           const weir_topic_plan *plan, int *partitions,
                                           bool *created, weir_error *error);

/* weir_tail_reader_read finds the tails of all partitions. With settle it first waits until no end
 * has moved for a second: a dead predecessor's last requests may still be landing. RETRY when
 * interrupted or when Kafka does not answer. */
WEIR_MUST_USE bool weir_tail_reader_read(weir_tail_reader *reader, const char *store_id,
                                         weir_tail *tails, size_t count, bool settle,
                                         weir_error *error);

/* weir_tail_reader_window reads the last `events` offsets of every partition into tail->found; low,
 * high and from say what that was. */
WEIR_MUST_USE bool weir_tail_reader_window(weir_tail_reader *reader, const char *store_id,
                                           weir_tail *tails, size_t count, int64_t events,
                                           weir_error *error);

#endif
