/* A topic's messages as the calls that a projection makes of them, encoded ahead of time. */
#ifndef WEIR_BENCH_BATCHES_H
#define WEIR_BENCH_BATCHES_H

#include "bench/topic.h"

#define BENCH_COLUMNS 11 /* of the relation events */
#define BENCH_MOVES 9    /* array parameters of weir.move_checkpoints */

/* The parameters of one call of the statement. */
typedef struct bench_call {
    const char *values[BENCH_COLUMNS];
    int lengths[BENCH_COLUMNS], formats[BENCH_COLUMNS];
} bench_call;

/* One transaction: the calls, then the move of the checkpoints. */
typedef struct bench_batch {
    bench_call *calls;
    size_t count;
    const char *moves[BENCH_MOVES];
} bench_batch;

typedef struct bench_batches {
    weir_arena *arena; /* of everything below */
    bench_batch *items;
    size_t count;
    size_t statements; /* calls in all */
} bench_batches;

/* bench_batches_encode cuts the topic into batches of size events, in the order of arrival. each: a
 * call an event, parameters as text; else a call a wave, parameters as binary arrays, where a wave
 * has at most the next event of every aggregate. Release with weir_arena_free(batches->arena). */
void bench_batches_encode(bench_batches *batches, const bench_topic *topic, const char *name,
                          bool each, size_t size);

#endif
