/* The sink: an idempotent Kafka producer that never gives up on a message while later ones pass.
 * With a transactional id, what it is handed counts only once weir_sink_commit has committed it.
 *
 * One thread; callbacks run inside weir_sink_poll and weir_sink_commit. Messages of one partition
 * are acknowledged in the order in which they were handed over. */
#ifndef WEIR_PRODUCER_SINK_INT_H
#define WEIR_PRODUCER_SINK_INT_H

#include "config/config.h"
#include "producer/cloudevents_int.h"
#include "producer/producer.h"

typedef struct weir_sink weir_sink;

/* weir_delivery_fn learns what became of a message: kafka_code 0 means that Kafka holds it at
 * offset; anything else that it was not taken. */
typedef void weir_delivery_fn(void *context, uint64_t sequence, int64_t offset, int kafka_code);

typedef struct weir_sink_options {
    size_t events, bytes;         /* most to be in flight */
    bool single;                  /* one message a request, so that a refusal names its message */
    const char *transactional_id; /* NULL: no transactions */
    weir_delivery_fn *delivered;
    void *context;
} weir_sink_options;

typedef struct weir_message {
    const char *topic;
    int32_t partition;
    const char *key;
    size_t key_length;
    const char *value;
    size_t value_length;
    const weir_headers *headers;
    uint64_t sequence;
} weir_message;

weir_sink *weir_sink_open(const weir_config *config, const weir_sink_options *options,
                          weir_error *error);

/* weir_sink_close gives up on what is not acknowledged or committed, without telling. NULL is fine.
 */
void weir_sink_close(weir_sink *sink);

/* weir_sink_produce hands a message over; everything is copied. *full: there is no room, poll and
 * try again (returns true). */
WEIR_MUST_USE bool weir_sink_produce(weir_sink *sink, const weir_message *message, bool *full,
                                     weir_error *error);

/* weir_sink_poll serves deliveries for at most ms milliseconds. */
void weir_sink_poll(weir_sink *sink, int ms);

/* weir_sink_hurry serves deliveries for ms milliseconds, or until all are in; meanwhile nothing
 * lingers in the hope of a larger batch. */
void weir_sink_hurry(weir_sink *sink, int ms);

/* weir_sink_take_over ends what a predecessor of the same transactional id left open, and shuts it
 * out; before anything is produced. Waits for seconds, looks at stop. RETRY when the coordinator
 * does not answer. */
WEIR_MUST_USE bool weir_sink_take_over(weir_sink *sink, weir_stop *stop, weir_error *error);

/* weir_sink_end_predecessor takes over that transactional id for a moment, for a relay that goes on
 * without transactions. */
WEIR_MUST_USE bool weir_sink_end_predecessor(const weir_config *config,
                                             const char *transactional_id, weir_stop *stop,
                                             weir_error *error);

/* weir_sink_commit sends out and commits what was produced since the last commit. False: not yet,
 * call again before producing more; or it has failed, which weir_sink_check tells. */
WEIR_MUST_USE bool weir_sink_commit(weir_sink *sink);

/* weir_sink_check: false when the producer, or its transaction, has failed for good and must be
 * replaced. */
WEIR_MUST_USE bool weir_sink_check(weir_sink *sink, weir_error *error);

/* weir_sink_cut_off: no broker has been reachable since the last delivery or good probe. */
bool weir_sink_cut_off(const weir_sink *sink);

/* weir_sink_probe asks the cluster whether it is there, for at most ms. */
bool weir_sink_probe(weir_sink *sink, int ms);

/* weir_sink_refusal fills error with what a delivery's code means. Returns false. */
bool weir_sink_refusal(int kafka_code, weir_error *error);

#endif
