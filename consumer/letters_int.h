/* Dead letters: events that could not be applied, and those of the same aggregates behind them. */
#ifndef WEIR_CONSUMER_LETTERS_INT_H
#define WEIR_CONSUMER_LETTERS_INT_H

#include "consumer/consumer.h"
#include "consumer/decode_int.h"

/* A message as it came: its key, value and headers, copied into an arena. */
typedef struct weir_raw {
    const char *key;
    size_t key_length;
    weir_payload value; /* bytes NULL: a tombstone record */
    const weir_header *headers;
    size_t header_count;
    int64_t time_ms; /* the record's timestamp; 0: none */
} weir_raw;

/* The aggregates that are parked, as one lane knows them. */
typedef struct weir_parked_set {
    struct weir_parked_entry *entries;
    size_t count;
} weir_parked_set;

bool weir_parked_has(const weir_parked_set *set, const char *aggregate_type,
                     const char *aggregate_id);
void weir_parked_add(weir_parked_set *set, const char *aggregate_type, const char *aggregate_id);
void weir_parked_remove(weir_parked_set *set, const char *aggregate_type, const char *aggregate_id);
void weir_parked_clear(weir_parked_set *set);

/* weir_parked_load reads which aggregates are parked into the sets of the lanes that they are of.
 */
struct weir_subscription;
WEIR_MUST_USE bool weir_parked_load(struct weir_subscription *s, weir_error *error);

/* Why an event becomes a letter. */
typedef enum weir_letter_cause {
    WEIR_LETTER_REFUSED,    /* by the handler */
    WEIR_LETTER_UNREADABLE, /* as an event */
    WEIR_LETTER_BEHIND,     /* one of its aggregate is waiting */
} weir_letter_cause;

typedef struct weir_letter {
    const char *topic;
    int32_t partition;
    int64_t offset; /* or WEIR_FROM_STORE */
    const weir_event *event;
    const weir_raw *raw; /* NULL: made from the event */
    weir_letter_cause cause;
    bool skipped;            /* it alone; its aggregate is not parked */
    const weir_error *error; /* NULL when it is only behind another */
    int attempts;
    int redrive_s; /* after how many seconds it is tried again; 0: by hand only */
} weir_letter;

/* weir_letter_call makes the call that writes a letter, and parks its aggregate unless that is so
 * or it is skipped. Everything is put into arena; RETRY when that is full. */
WEIR_MUST_USE bool weir_letter_call(const weir_letter *letter, const char *subscription,
                                    int generation, weir_arena *arena, weir_call *call,
                                    weir_error *error);

#endif
