/* proof: is a projection what its events make of it? Its serving tables against an independent fold
 * of the store's events, one by one. proof.c says why the answer is one of a definite moment. */
#ifndef WEIR_PROJECTIONS_PROOF_H
#define WEIR_PROJECTIONS_PROOF_H

#include "projections/projections.h"
#include "store/upcast.h"

/* A row that differs. kind: "missing", the fold alone has it; "extra", the projection alone has it;
 * "different"; "gone", the whole table. JSON texts; NULL where there is nothing. */
typedef struct weir_proof_difference {
    const char *table, *kind;
    const char *key;              /* the primary key; NULL: compared as a multiset */
    const char *columns;          /* of "different": which */
    const char *serving, *refold; /* the row, without excluded columns */
    int64_t rows;                 /* so many of the same; without a key */
} weir_proof_difference;

typedef struct weir_proof_table {
    const char *name;
    int64_t serving, refold; /* rows; of a sample, refold has only the sample's */
    int64_t differences;     /* rows, also those that were not handed over */
} weir_proof_table;

/* What to prove, and whom to tell. Texts are valid during the call that hands them over. */
typedef struct weir_proof_options {
    int generation;                            /* which one; 0: the one that serves */
    const char *aggregate_type, *aggregate_id; /* only this one; NULL: all, or a sample */
    int64_t sample;                            /* so many aggregates at random; 0: all */
    const char *const *excluded; /* columns not to compare: "column", "table.column" */
    size_t excluded_count;
    int64_t limit; /* most differences of a table to hand over */
    void (*refused)(void *context, const weir_event *event, const weir_error *why);
    void (*difference)(void *context, const weir_proof_difference *difference);
    void (*table)(void *context, const weir_proof_table *table);
    void (*progress)(void *context, int64_t events);
    void *context;
} weir_proof_options;

typedef struct weir_proof {
    int generation;
    bool other_handlers; /* than those that the generation was fed by last */
    int64_t position;    /* up to which events count */
    int64_t aggregates;  /* of a sample */
    int64_t events, refused, differences;
    int64_t parked;   /* aggregates, compared as they were when they were parked */
    int64_t left_out; /* events that wait, were skipped or were discarded */
    int64_t unplaced; /* of these, those that name no position: they were folded */
} weir_proof;

/* weir_prove compares; the projection may be running. reader hands events over as stored; work is
 * of no use afterwards but to be closed. NOT_FOUND: the projection never ran, or there is no such
 * aggregate. CONFIG: the tables were made by another definition, a sample of a projection that is
 * not `apply: aggregate`, an excluded column that does not exist. CONFLICT: another proof is at
 * work, or the projection was reset or swapped meanwhile. One thread. */
WEIR_MUST_USE bool weir_prove(weir_projection *projection, const weir_config *config,
                              const weir_upcasters *upcasters, weir_store *reader,
                              weir_connection *work, const weir_stop *stop,
                              const weir_proof_options *options, weir_proof *proof,
                              weir_error *error);

#endif
