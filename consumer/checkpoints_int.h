/* Checkpoint rows: made and read when partitions are taken over, moved with every transaction.
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
    int32_t partition, lanes, lane;
    int64_t next_offset, position, epoch;
} weir_checkpoint;

typedef struct weir_checkpoints {
    weir_checkpoint *rows; /* by topic, partition and lane */
    size_t count;
} weir_checkpoints;

/* weir_checkpoints_open makes the rows that are missing, and gives those partitions the number of
 * lanes whose rows allow it, in a transaction of its own. recorded: none for a topic that is not
 * recorded in the store. */
WEIR_MUST_USE bool weir_checkpoints_open(weir_connection *connection, weir_owner owner,
                                         const weir_partition *partitions, size_t count, int lanes,
                                         bool recorded, weir_error *error);

/* weir_checkpoints_read reads all rows of these topics. Free with weir_checkpoints_free. */
WEIR_MUST_USE bool weir_checkpoints_read(weir_connection *connection, weir_owner owner,
                                         const char *const *topics, size_t count,
                                         weir_checkpoints *checkpoints, weir_error *error);
void weir_checkpoints_free(weir_checkpoints *checkpoints);

/* weir_checkpoints_lowest is the lowest next_offset of a partition's lanes, WEIR_NOTHING_READ if it
 * has no rows. */
int64_t weir_checkpoints_lowest(const weir_checkpoints *checkpoints, weir_place place);

/* weir_checkpoints_load reads the rows into owned partitions and sets their gates. */
WEIR_MUST_USE bool weir_checkpoints_load(weir_connection *connection, weir_owner owner,
                                         const char *store_id, weir_partition *partitions,
                                         size_t count, weir_error *error);

/* weir_moves_begin, then weir_moves_add for each row that is to move to its to_*, then
 * weir_moves_end makes the parameters of checkpoint_move; they hold until the next begin.
 * weir_moves_end returns how many rows move. */
void weir_moves_begin(weir_moves *moves);
void weir_moves_add(weir_moves *moves, const weir_partition *partition, int32_t lane);
int weir_moves_end(weir_moves *moves, weir_owner owner);
void weir_moves_free(weir_moves *moves);

#endif
