/* Checkpoint rows: created and read when partitions are taken over, moved with every transaction.
 */
#ifndef WEIR_CONSUMER_CHECKPOINTS_INT_H
#define WEIR_CONSUMER_CHECKPOINTS_INT_H

#include "consumer/partition_int.h"
#include "store/connection.h"

#define WEIR_MOVE_PARAMS 11

/* The parameters of the compare-and-swap of one transaction; reused. */
typedef struct weir_moves {
    weir_array topics, partitions, lanes, lane, from_offsets, epochs, to_offsets, positions, events;
    char generation[16];
    weir_param params[WEIR_MOVE_PARAMS];
} weir_moves;

/* Whose rows. */
typedef struct weir_owner {
    const char *subscription;
    int generation;
} weir_owner;

/* One row of any partition. */
typedef struct weir_checkpoint {
    char *topic;
    int32_t partition;
    int64_t next_offset, position, epoch;
} weir_checkpoint;

typedef struct weir_checkpoints {
    weir_checkpoint *rows; /* by topic and partition */
    size_t count;
} weir_checkpoints;

/* weir_checkpoints_create makes the rows that are missing, in a transaction of its own. */
WEIR_MUST_USE bool weir_checkpoints_create(weir_connection *connection, weir_owner owner,
                                           const weir_partition *partitions, size_t count,
                                           weir_error *error);

/* weir_checkpoints_read reads all rows of these topics. Free with weir_checkpoints_free. */
WEIR_MUST_USE bool weir_checkpoints_read(weir_connection *connection, weir_owner owner,
                                         const char *const *topics, size_t count,
                                         weir_checkpoints *checkpoints, weir_error *error);
void weir_checkpoints_free(weir_checkpoints *checkpoints);

/* weir_checkpoints_find finds a row, NULL if there is none. */
const weir_checkpoint *weir_checkpoints_find(const weir_checkpoints *checkpoints, const char *topic,
                                             int32_t partition);

/* weir_checkpoints_load reads the rows into owned partitions and sets their gates. */
WEIR_MUST_USE bool weir_checkpoints_load(weir_connection *connection, weir_owner owner,
                                         const char *store_id, weir_partition *partitions,
                                         size_t count, weir_error *error);

/* weir_moves_fill makes the parameters of checkpoint_move from the partitions' to_* that differ
 * from their rows; returns how many rows move. They hold until the next fill. */
int weir_moves_fill(weir_moves *moves, weir_owner owner, const weir_partition *partitions,
                    size_t count);
void weir_moves_free(weir_moves *moves);

#endif
