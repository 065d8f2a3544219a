/* The verification's inside: one aggregate type at a time. Everything belongs to its one thread. */
#ifndef WEIR_PRODUCER_VERIFY_INT_H
#define WEIR_PRODUCER_VERIFY_INT_H

#include "producer/record_int.h"
#include "producer/verify.h"
#include "producer/verify_holes_int.h"
#include "producer/verify_match_int.h"

/* An event of the chunk in hand; its texts live in the chunk's arena. */
typedef struct weir_expected {
    weir_event event;
    int64_t previous;
    int32_t partition;
    struct weir_expected *next; /* of its partition */
} weir_expected;

typedef struct weir_verify_part {
    int64_t low, end;            /* offsets at the start */
    int64_t bound;               /* relays say that everything up to this position is in Kafka */
    bool recorded;               /* in weir.relay_partitions */
    bool written;                /* that says that there were records */
    int64_t latest;              /* position of its last event in the chunks so far */
    weir_expected *first, *last; /* of the chunk: not met yet */
    int64_t passed;              /* everything up to here was met or given up */
    int64_t accepted;            /* position of its last record that was put aside up to verify's */
    bool begun;                  /* an event of the store was met in order */
    weir_record *head;           /* the record to look at next; NULL: none is read */
    weir_claim claim;            /* of head */
    bool known;                  /* head is an event of this partition that comes later */
    bool ended;
    weir_holes holes;
} weir_verify_part;

/* A record whose event is not at hand: looked up in the store, with others. */
typedef struct weir_late {
    weir_record *record;
    weir_claim claim;
    int32_t partition;
    bool head; /* it is still its partition's head: only whether it is known is asked */
} weir_late;

#define WEIR_LATE_MOST 256
#define WEIR_LATE_BYTES ((size_t)4 << 20)

typedef struct weir_verify {
    const weir_config *config;
    weir_store *store;
    weir_stop *stop;
    const weir_verify_options *options;
    int64_t listed; /* findings handed over, of all types */
    weir_extras extras;

    /* of the aggregate type in hand */
    const char *type, *topic;
    int partitions;   /* recorded */
    int64_t accepted; /* that the topic has events up to this position which the store has not */
    int count;        /* of parts: recorded or real, whichever is more */
    weir_topic_reader *reader;
    weir_verify_part *parts;
    weir_verify_counts counts;
    int64_t horizon;
    int64_t waited_ms; /* for it */
    size_t hole_room;
    int64_t total; /* records, for progress */
    int64_t shown_us;

    /* the chunk */
    weir_arena *arena;
    int64_t chunk_events, chunk_most;
    int64_t chunk_end; /* position */
    bool last_chunk;
    weir_expected **given_up; /* missing, as far as read; not in the holes yet */
    size_t given_up_count;

    weir_late late[WEIR_LATE_MOST];
    size_t late_count, late_bytes;
} weir_verify;

/* weir_verify_chunk reads the next events of the type up to the horizon and deals them out to their
 * partitions. */
WEIR_MUST_USE bool weir_verify_chunk(weir_verify *verify, weir_error *error);

/* weir_verify_merge holds the chunk's events against the records of all partitions. */
WEIR_MUST_USE bool weir_verify_merge(weir_verify *verify, weir_error *error);

/* weir_verify_settle remembers what was given up and looks the late records up. */
WEIR_MUST_USE bool weir_verify_settle(weir_verify *verify, weir_error *error);

/* What a record is beside the event at its position. */
typedef enum weir_verdict {
    WEIR_VERDICT_SAME,    /* or as the event was before a rewrite */
    WEIR_VERDICT_DIFFERS, /* a finding, and yet this event */
    WEIR_VERDICT_OTHER,   /* a finding: the record of another event altogether */
} weir_verdict;

/* weir_verify_judge compares a record with its event; a finding's detail begins with prefix. */
WEIR_MUST_USE bool weir_verify_judge(weir_verify *verify, int32_t partition,
                                     const weir_expectation *expected, const weir_record *record,
                                     const char *prefix, weir_verdict *verdict, weir_error *error);

/* weir_verify_found counts a finding and hands it over; record and event may be NULL. */
void weir_verify_found(weir_verify *verify, weir_defect defect, int32_t partition,
                       const weir_record *record, int64_t position, const weir_event *event,
                       const char *detail);

/* An event in a hole. */
typedef struct weir_missing {
    int32_t partition;
    int64_t previous; /* position of the event before it in the partition */
    const weir_event *event;
} weir_missing;

/* weir_verify_missing hands over, partition by partition, every event in its holes, until *enough
 * is set. */
typedef bool weir_missing_fn(void *context, const weir_missing *missing, bool *enough,
                             weir_error *error);
WEIR_MUST_USE bool weir_verify_missing(weir_verify *verify, weir_missing_fn *fn, void *context,
                                       weir_error *error);

/* weir_verify_repair republishes what is missing. */
WEIR_MUST_USE bool weir_verify_repair(weir_verify *verify, weir_error *error);

#endif
