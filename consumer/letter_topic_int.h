/* Between the table of dead letters and their topic: a letter as a message, and the producer. */
#ifndef WEIR_CONSUMER_LETTER_TOPIC_INT_H
#define WEIR_CONSUMER_LETTER_TOPIC_INT_H

#include "consumer/decode_int.h"
#include "store/connection.h"

/* What became of a message, as the last delivery report says. */
typedef enum weir_posted {
    WEIR_POSTED_NOT,      /* unknown: it may be in the topic or not */
    WEIR_POSTED_YES,      /* acknowledged */
    WEIR_POSTED_TOO_LARGE /* the topic does not take so much */
} weir_posted;

/* What of a message is left out, so that the topic takes it. */
typedef enum weir_omission {
    WEIR_OMIT_NOTHING,
    WEIR_OMIT_VALUE,
    WEIR_OMIT_MESSAGE, /* value, key and original headers */
    WEIR_OMISSIONS
} weir_omission;

/* A letter as a message; everything is in an arena. */
typedef struct weir_posting {
    int64_t id;
    weir_payload key, value; /* bytes NULL: none */
    const weir_header *headers;
    size_t header_count, original; /* the first `original` ones are the message's own */
    weir_posted posted;
    weir_omission omitted;
} weir_posting;

/* weir_posting_read makes a message of a row of letter_topic_read, in binary. False: the arena is
 * full. Pure. */
WEIR_MUST_USE bool weir_posting_read(const weir_result *row, const char *subscription,
                                     weir_arena *arena, weir_posting *posting, weir_error *error);

/* weir_posting_size is what it takes in the topic, about. */
size_t weir_posting_size(const weir_posting *posting);

/* The producer, over librdkafka; one thread. */
typedef struct weir_poster weir_poster;
weir_poster *weir_poster_open(const weir_config *config, weir_stop *stop, weir_error *error);
void weir_poster_close(weir_poster *poster); /* NULL is fine; what is on the way is forgotten */

/* weir_poster_prepare makes the topic unless there is one. */
WEIR_MUST_USE bool weir_poster_prepare(weir_poster *poster, const char *topic, weir_error *error);

/* weir_poster_send sends messages in their order and waits for what becomes of them, no longer than
 * until deadline_us (monotonic) and a stop. True: all are in the topic. False: error says why the
 * first one is not; the poster must be closed before the postings go. */
WEIR_MUST_USE bool weir_poster_send(weir_poster *poster, const char *topic, weir_posting *postings,
                                    size_t count, int64_t deadline_us, weir_error *error);

#endif
