/* Does a record say what its event says? Pure. Written from the documented message
 * (docs/topics.md), never from the code that makes it: a defect there must show here. */
#ifndef WEIR_PRODUCER_VERIFY_MATCH_INT_H
#define WEIR_PRODUCER_VERIFY_MATCH_INT_H

#include "producer/record_int.h"
#include "store/store.h"

/* What a record claims to be. */
typedef struct weir_claim {
    bool ours;                  /* it carries the id of this store */
    bool readable;              /* and a position and an event id */
    int64_t position, previous; /* previous: -1 when it cannot be read */
    weir_uuid id;
    const char *why; /* not ours or not readable: what is the matter; may point into text */
    char text[160];
} weir_claim;

void weir_claim_read(weir_claim *claim, const weir_record *record, const char *store_id);

/* Headers that relay.headers adds: another name for one of weir's, or a text of the metadata. Since
 * they hold from when they were configured, a record may lack them. */
#define WEIR_EXTRAS_MOST 32

typedef struct weir_extras {
    struct {
        const char *name;
        const char *header; /* NULL: metadata */
        const char *key;
    } list[WEIR_EXTRAS_MOST];
    size_t count;
} weir_extras;

/* weir_extras_read reads them; its texts are the config's. */
void weir_extras_read(weir_extras *extras, const weir_config *config);

/* What a record must say. */
typedef struct weir_expectation {
    const weir_event *event;
    const char *store_id;
    int64_t previous; /* position of the event before it in its partition; -1: not to be checked */
    const weir_extras *extras; /* NULL: none */
} weir_expectation;

/* Where a record differs, or-ed. */
typedef enum weir_difference {
    WEIR_SAME = 0,
    WEIR_DIFFERS_ID = 1,       /* the event id */
    WEIR_DIFFERS_CHAIN = 2,    /* ce_prevposition */
    WEIR_DIFFERS_CONTENT = 4,  /* what a rewrite of the event may change */
    WEIR_DIFFERS_IDENTITY = 8, /* anything else */
} weir_difference;

/* weir_verify_compare returns where the record differs and appends what the matter is to detail, as
 * one line, bounded by the buffer's limit. */
unsigned weir_verify_compare(const weir_expectation *expected, const weir_record *record,
                             weir_buffer *detail);

/* weir_verify_headers is the part of it that the headers are. */
unsigned weir_verify_headers(const weir_expectation *expected, const weir_record *record,
                             weir_buffer *detail);

/* weir_verify_say appends to a detail, behind what was said before. */
void weir_verify_say(weir_buffer *detail, const char *format, ...) WEIR_PRINTF(2, 3);

/* weir_verify_quote is how many bytes of a value a detail shows: no character of UTF-8 is cut. */
int weir_verify_quote(const char *value, size_t length);

/* weir_verify_partition is murmur2(key) modulo count as Java's clients have it. */
int32_t weir_verify_partition(const char *key, size_t length, int count);

#endif
