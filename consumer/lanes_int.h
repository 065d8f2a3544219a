/* The lanes of a subscription: threads that apply, each with a connection of its own.
 *
 * The reader fills a round, a share of it for every lane, and hands it over; up to WEIR_ROUNDS are
 * on their way. Lane l of every partition belongs to thread l modulo their number, so that an
 * aggregate's events stay in their order. A lane that fails keeps its error and drops what follows,
 * until the reader starts over from the rows. */
#ifndef WEIR_CONSUMER_LANES_INT_H
#define WEIR_CONSUMER_LANES_INT_H

#include <pthread.h>

#include "consumer/checkpoints_int.h"
#include "consumer/consumer.h"
#include "consumer/letters_int.h"

#define WEIR_ROUNDS 3

/* Where an event of a round came from. */
typedef struct weir_origin {
    uint32_t partition; /* index among the owned partitions */
    int32_t lane;
    int64_t offset;          /* or WEIR_FROM_STORE */
    const weir_raw *raw;     /* the message; NULL: from the store */
    const weir_error *error; /* why it cannot be read as an event; NULL: it was */
} weir_origin;

/* What one lane gets of a round: events in their order. */
typedef struct weir_share {
    weir_event *events;
    weir_origin *origins; /* of the same length */
    size_t count, capacity;
} weir_share;

/* Where a round takes a partition, beyond its last event: what was skipped counts, too. */
typedef struct weir_reach {
    int64_t offset, position;
} weir_reach;

typedef struct weir_round {
    weir_arena *arena;   /* what the events point to */
    weir_buffer scratch; /* of the decoder */
    weir_share *shares;  /* by lane thread */
    weir_reach *reach;   /* by partition */
    size_t reach_count;
    size_t messages, bytes; /* taken or skipped */
    size_t largest;         /* events of the largest share */
    weir_error refusal;     /* why nothing behind these may be read; fate NONE: it may */
    size_t pending;         /* lanes that still have it; 0: free */
} weir_round;

typedef struct weir_lane {
    struct weir_subscription *subscription;
    size_t number;
    weir_store *store; /* NULL: not connected; opened and closed while the lane rests */
    void *session;     /* of the handler */
    pthread_t thread;
    pthread_cond_t wake;
    weir_round *queue[WEIR_ROUNDS];
    size_t queued;
    bool busy, nudged, failed;
    weir_error error; /* once failed */
    /* The lane thread's own. */
    weir_arena *arena; /* of one transaction */
    weir_moves moves;
    weir_parked_set parked;
    uint64_t letters; /* written by it */
    size_t accused; /* by the transaction that was refused last: an event of its share; SIZE_MAX */
    bool warned_set_statement;
    bool nudge_again; /* more letters are due than there was time for */
} weir_lane;

typedef struct weir_lanes {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a round is free, a lane rests or has failed */
    weir_lane *all;
    size_t count;
    weir_round rounds[WEIR_ROUNDS];
    weir_round *spare;   /* handed out to the reader */
    atomic_bool abandon; /* what is not begun is dropped */
    atomic_bool worked;  /* something was committed since this was last cleared */
    bool quit, started;
} weir_lanes;

/* weir_lanes_start makes the lanes and their threads, weir_lanes_end ends them: what was not begun
 * is dropped. */
WEIR_MUST_USE bool weir_lanes_start(struct weir_subscription *s, weir_error *error);
void weir_lanes_end(struct weir_subscription *s);

/* weir_lanes_open connects the lanes that are not, and reads which aggregates are parked; while
 * they rest. weir_lanes_close disconnects all, or only those whose connection is lost. */
WEIR_MUST_USE bool weir_lanes_open(struct weir_subscription *s, weir_error *error);
void weir_lanes_close(struct weir_subscription *s, bool only_lost);

/* weir_lanes_round waits up to ms for an empty round; NULL: all are on their way. It stays the same
 * until it is handed over. */
weir_round *weir_lanes_round(struct weir_subscription *s, int ms);
void weir_lanes_hand_over(struct weir_subscription *s, weir_round *round);

/* weir_lanes_settle waits until every lane rests, for up to ms (-1: for as long as it takes);
 * weir_lanes_abandon makes them drop what they have not begun, cancels what takes longer than ms,
 * and then waits. */
bool weir_lanes_settle(struct weir_subscription *s, int ms);
void weir_lanes_abandon(struct weir_subscription *s, int ms);

/* weir_lanes_rest: no lane has anything to do now. */
bool weir_lanes_rest(struct weir_subscription *s);

/* weir_lanes_failed: some lane has failed; error is that of the first whose fate is worst. */
bool weir_lanes_failed(struct weir_subscription *s, weir_error *error);

/* weir_lanes_nudge makes the lanes look for letters that are due. */
void weir_lanes_nudge(struct weir_subscription *s);

/* moves.c, in a lane's thread. weir_moves_plan sets to_* of the lane's rows: where events from..to
 * of its share take them; what was skipped behind the last event goes with the last of them, and an
 * event from the store moves the position alone. weir_moves_fill makes the swap's parameters of it
 * and returns how many rows move; weir_moves_keep, after the commit, notes that they did. */
void weir_moves_plan(const weir_lane *lane, const weir_round *round, size_t from, size_t to);
int weir_moves_fill(weir_lane *lane);
void weir_moves_keep(const weir_lane *lane);

#define WEIR_EXPECTED_VERSION "WV001"  /* SQLSTATE: it is not the one */
#define WEIR_STATEMENT_TIMEOUT "57014" /* SQLSTATE: fewer events may be quicker */

/* apply.c, in a lane's thread. weir_apply carries out the lane's share of a round, checkpoints
 * included. False: RETRY, or CONFLICT when the checkpoint was moved by another; any other fate: the
 * culprit, named. */
WEIR_MUST_USE bool weir_apply(weir_lane *lane, weir_round *round, weir_error *error);

/* weir_apply_prepare prepares what weir_apply needs on a new connection. */
WEIR_MUST_USE bool weir_apply_prepare(weir_connection *connection, weir_error *error);

/* redrive.c, in a lane's thread: applies and discards the letters that are due or marked. */
WEIR_MUST_USE bool weir_redrive(weir_lane *lane, weir_error *error);

#endif
