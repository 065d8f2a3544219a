/* One topic under examination. */
#ifndef WEIR_PRODUCER_RECONCILE_INT_H
#define WEIR_PRODUCER_RECONCILE_INT_H

#include "producer/reconcile.h"
#include "producer/tail_reader_int.h"

/* What one partition holds against the store. */
typedef struct weir_case_part {
    int64_t below; /* up to here, exclusive, topic and store hold the same; INT64_MAX: all of it */
    int64_t known; /* the last position before that */
    int64_t last;  /* the last unknown position; 0: there is none */
} weir_case_part;

typedef struct weir_case {
    const weir_config *config;
    weir_store *store;
    weir_stop *stop;
    weir_tail_reader *reader;
    char *aggregate_type, *topic;
    int partitions, generation, real;
    int64_t accepted;
    weir_tail *tails; /* as many as partitions; read when all are there */
    weir_case_part *parts;
    weir_disaster disaster;
    int64_t unknown, first_unknown, last_unknown; /* events that the store does not have */
    bool beyond;                                  /* and more of them than were looked at */
    int64_t conflicts; /* events that were appended at positions that partitions have passed */
    weir_buffer explained, ways, plan;
} weir_case;

/* weir_case_examine finds out which disaster it is, and explains it. */
WEIR_MUST_USE bool weir_case_examine(weir_case *this, weir_error *error);

/* weir_case_count_conflicts counts them anew, as examining did, for a topic that is ahead. */
WEIR_MUST_USE bool weir_case_count_conflicts(weir_case *this, weir_error *error);

/* weir_case_free frees what the case owns, not what it borrows. */
void weir_case_free(weir_case *this);

/* weir_case_resolve plans, and with execute goes, the way. */
WEIR_MUST_USE bool weir_case_resolve(weir_case *this, weir_way way, bool execute,
                                     weir_error *error);

/* weir_case_same_below is, per partition of `count`, up to where topic and store hold the same for
 * sure; 0 for all when that is not known or the count is another. The caller frees it. */
void weir_case_same_below(const weir_case *this, int count, weir_array *below);

#endif
