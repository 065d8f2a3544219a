/* reach: which events a generation's tables hold, as its checkpoints and dead letters say. */
#ifndef WEIR_PROJECTIONS_REACH_H
#define WEIR_PROJECTIONS_REACH_H

#include "projections/projections.h"

/* The checkpoint of one lane, for one aggregate type. */
typedef struct weir_reach_row {
    char *aggregate_type;
    int32_t partitions, partition, lanes, lane;
    int64_t position; /* every event up to here was applied, but for the letters */
} weir_reach_row;

/* An event that was not applied, or in another form. */
typedef struct weir_reach_letter {
    int64_t position;
    char *edited; /* what was applied instead; NULL: nothing */
    size_t length;
} weir_reach_letter;

/* All zero: nothing was applied yet. */
typedef struct weir_reach {
    weir_reach_row *rows;
    size_t row_count;
    weir_reach_letter *letters; /* by position */
    size_t letter_count;
    int64_t left_out; /* letters of events that were not applied */
    int64_t unplaced; /* letters that name no position */
    int64_t parked;   /* aggregates */
    int64_t last;     /* no event beyond was applied */
} weir_reach;

/* weir_reach_load reads it. To be one moment's it must be read in one snapshot: in a transaction
 * that is REPEATABLE READ. Free with weir_reach_free. */
WEIR_MUST_USE bool weir_reach_load(weir_reach *reach, const weir_projection *projection,
                                   int generation, weir_connection *connection, weir_error *error);
void weir_reach_free(weir_reach *reach);

/* weir_reach_has: the event was applied. */
bool weir_reach_has(const weir_reach *reach, const weir_event *event);

/* weir_reach_edited puts what was applied instead into an event, if anything was. */
void weir_reach_edited(const weir_reach *reach, weir_event *event);

/* weir_reach_since is a position at or below which now has nothing that before has not: where
 * reading what is new may begin. -1: now has less than before, somebody reset the projection. */
int64_t weir_reach_since(const weir_reach *before, const weir_reach *now);

/* weir_reach_hash is murmur2 as Kafka's Java client has it, without its sign. */
int32_t weir_reach_hash(const char *key);

#endif
