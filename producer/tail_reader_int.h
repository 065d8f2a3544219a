/* Reading tails from Kafka: a short-lived consumer that commits nothing. One thread. */
#ifndef WEIR_PRODUCER_TAIL_READER_INT_H
#define WEIR_PRODUCER_TAIL_READER_INT_H

#include "config/config.h"
#include "producer/tail_int.h"

typedef struct weir_tail_reader weir_tail_reader;

weir_tail_reader *weir_tail_reader_open(const weir_config *config, weir_stop *stop,
                                        weir_error *error);
void weir_tail_reader_close(weir_tail_reader *reader); /* NULL is fine */

/* weir_tail_reader_count is how many partitions a topic has, 0 if there is no such topic; as of
 * weir_tail_reader_look, which asks the cluster. */
WEIR_MUST_USE bool weir_tail_reader_look(weir_tail_reader *reader, weir_error *error);
int weir_tail_reader_count(const weir_tail_reader *reader, const char *topic);

/* weir_tail_reader_read finds the tails of all partitions. With settle it first waits until no end
 * has moved for a second: a dead predecessor's last requests may still be landing. RETRY when
 * interrupted or when Kafka does not answer. */
WEIR_MUST_USE bool weir_tail_reader_read(weir_tail_reader *reader, const char *store_id,
                                         weir_tail *tails, size_t count, bool settle,
                                         weir_error *error);

#endif
