/* verify: proves that topics and store are equal, or says where they are not.
 *
 * For each aggregate type the store is read in position order through the fence, and beside it
 * every partition of the recorded topic, read_committed, up to its end at the start. Each event
 * must be once in its partition, in order, exactly as the store and the chain have it; each record
 * must be such an event. What relays have not acknowledged yet is counted as pending, so that it
 * can run beside one. Nothing is changed unless a repair is executed.
 *
 * It shares no code with the publishing side but for the repair itself. Memory is bounded whatever
 * the number of events. One thread. */
#ifndef WEIR_PRODUCER_VERIFY_H
#define WEIR_PRODUCER_VERIFY_H

#include "config/config.h"
#include "store/store.h"

/* What can be wrong: enum, name, and whether a repair helps. */
#define WEIR_DEFECTS(X)                                                                            \
    X(MISSING, "missing")     /* an event that Kafka should hold and does not */                   \
    X(DUPLICATE, "duplicate") /* an event again, the same as before */                             \
    X(INVERTED, "inverted")   /* an event whose first occurrence is behind a later one's */        \
    X(FOREIGN, "foreign")     /* a record that no relay of this store wrote */                     \
    X(ALTERED, "altered")     /* a record that differs from its event, or is in a wrong place */   \
    X(AHEAD, "ahead")         /* a record of this store whose event the store does not have */     \
    X(CHAIN, "chain")         /* ce_prevposition is not the event before in the partition */

#define WEIR_DEFECT_ENUM(name, text) WEIR_##name,
typedef enum weir_defect {
    WEIR_DEFECTS(WEIR_DEFECT_ENUM) WEIR_DEFECT_COUNT
} weir_defect;
const char *weir_defect_name(weir_defect defect);

/* One finding; texts are valid during the callback only. */
typedef struct weir_verify_finding {
    const char *aggregate_type, *topic;
    weir_defect defect;
    int32_t partition;        /* -1: none */
    int64_t offset;           /* -1: there is no record */
    int64_t position;         /* 0: the record names none */
    const char *aggregate_id; /* NULL: unknown */
    int64_t version;          /* 0: unknown */
    const char *detail;
} weir_verify_finding;

/* What one aggregate type came to. */
typedef struct weir_verify_counts {
    const char *aggregate_type;
    const char *topic; /* NULL: none is recorded */
    int partitions;
    bool compacted_topic;
    int64_t events;  /* of the store, committed at the start */
    int64_t records; /* of the topic, within its ends at the start */
    int64_t defects[WEIR_DEFECT_COUNT];
    int64_t pending;   /* events that no relay claims to have published yet */
    int64_t expired;   /* events that retention has removed from the topic's beginning */
    int64_t compacted; /* events that compaction may have removed */
    int64_t rewritten; /* records that hold an event as it was before it was rewritten */
    int64_t accepted;  /* records of events that the store lost, which a person accepted */
    int64_t untracked; /* missing events beyond what is remembered: counted, not listed */
    bool replaced; /* the topic that relays wrote to is gone, shrunk or empty: see reconcile.h */
    int64_t republished; /* by a repair */
} weir_verify_counts;

typedef struct weir_verify_options {
    const char *aggregate_type; /* NULL: all */
    int64_t limit;              /* most findings handed over for all types; more are only counted */
    bool repair;                /* republish what is missing */
    void (*found)(void *context, const weir_verify_finding *finding);
    void (*done)(void *context, const weir_verify_counts *counts);
    /* progress, several times a second: records read of a type's total */
    void (*progress)(void *context, const char *aggregate_type, int64_t done, int64_t total);
    void *context;
} weir_verify_options;

/* weir_verify_topics verifies. True when it came to its end, whatever it found; NOT_FOUND for an
 * aggregate type that has neither events nor a topic. The store handle is used for nothing else
 * meanwhile. A repair republishes the very messages that the relay wrote, behind all others, and
 * only where the relay has recorded where it stands; one runs at a time. */
WEIR_MUST_USE bool weir_verify_topics(const weir_config *config, weir_store *store, weir_stop *stop,
                                      const weir_verify_options *options, weir_error *error);

#endif
