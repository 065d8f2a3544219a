/* One record as Kafka holds it, for the verification: plain data, lent from a fetched message. */
#ifndef WEIR_PRODUCER_RECORD_INT_H
#define WEIR_PRODUCER_RECORD_INT_H

#include "config/config.h"

#define WEIR_RECORD_HEADERS 40

typedef struct weir_record_header {
    const char *name;
    const char *value; /* not NUL-terminated; NULL: a null value */
    size_t length;
} weir_record_header;

typedef struct weir_record {
    int64_t offset;
    const char *key, *value; /* NULL: null */
    size_t key_length, value_length;
    weir_record_header headers[WEIR_RECORD_HEADERS];
    size_t header_count;
    bool more_headers; /* than there is room for */
    void *message;
    struct weir_record *next; /* in the reader's list of unused ones */
} weir_record;

/* weir_record_header_find is the first header of that name; NULL if there is none. */
const weir_record_header *weir_record_header_find(const weir_record *record, const char *name);

/* weir_record_header_is tells whether the value is that text. */
bool weir_record_header_is(const weir_record_header *header, const char *text);

/* weir_record_header_number reads what the whole value is: digits without a sign or a leading zero.
 * The header may be NULL. */
bool weir_record_header_number(const weir_record_header *header, int64_t *number);

typedef struct weir_topic_reader weir_topic_reader;

/* weir_topic_reader_open asks for the topic's partitions, their first offsets and their ends as
 * they are now, and starts reading all of them, committed records only. A topic that does not exist
 * has none. */
weir_topic_reader *weir_topic_reader_open(const weir_config *config, const char *topic,
                                          weir_stop *stop, weir_error *error);
void weir_topic_reader_close(weir_topic_reader *reader); /* NULL is fine */

int weir_topic_reader_partitions(const weir_topic_reader *reader);
int64_t weir_topic_reader_low(const weir_topic_reader *reader, int32_t partition);
int64_t weir_topic_reader_end(const weir_topic_reader *reader, int32_t partition);
bool weir_topic_reader_compacted(const weir_topic_reader *reader);

/* weir_topic_reader_next gives a partition's next record; NULL at the end that it had at the start.
 * Transactions that are open before it are waited for.
 * False when Kafka does not answer, or has removed what was to be read. Release what it gives
 * before the reader is closed. */
WEIR_MUST_USE bool weir_topic_reader_next(weir_topic_reader *reader, int32_t partition,
                                          weir_record **record, weir_error *error);
void weir_topic_reader_release(weir_topic_reader *reader, weir_record *record);

#endif
