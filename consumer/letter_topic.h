/* Dead letter topics: the letters of a subscription, published from the table to
 * <kafka.topic_prefix>.<subscription>.dlt, one thread for all subscriptions of a process.
 *
 * A letter is in the topic at least once, those of one key in the order of their ids; the row says
 * whether it is (published_at). Kafka that does not answer holds up nothing but this. */
#ifndef WEIR_CONSUMER_LETTER_TOPIC_H
#define WEIR_CONSUMER_LETTER_TOPIC_H

#include "config/config.h"

typedef struct weir_letter_topics weir_letter_topics;

/* weir_letter_topics_start starts the thread for those of the subscriptions that have a topic.
 * config, names and stop outlive it. NULL: the thread could not be started. */
weir_letter_topics *weir_letter_topics_start(const weir_config *config,
                                             const char *const *subscriptions, size_t count,
                                             weir_stop *stop, weir_error *error);

/* weir_letter_topics_end publishes what is left, once, unless a stop is requested, and ends the
 * thread. NULL is fine. */
void weir_letter_topics_end(weir_letter_topics *topics);

#endif
