/* A part of a lane's share of a round, and the one transaction that is made of it. In a lane's
 * thread. */
#ifndef WEIR_CONSUMER_PART_INT_H
#define WEIR_CONSUMER_PART_INT_H

#include <stdint.h>

#include "consumer/subscription_int.h"

#define WEIR_NOBODY SIZE_MAX /* no event */

typedef enum weir_outcome {
    WEIR_PART_DONE,
    WEIR_PART_GIVE_UP,   /* RETRY, or the checkpoint was lost: start over from the rows */
    WEIR_PART_TOO_LARGE, /* for the arena, or for the time that a statement may take */
    WEIR_PART_CONFLICT,  /* somebody else was faster; another attempt reads what they wrote */
    WEIR_PART_REFUSED,   /* one of the handler's calls, or the commit of them */
    WEIR_PART_STOP,      /* the culprit is known */
} weir_outcome;

/* A part of a share, and what becomes of it. */
typedef struct weir_part {
    weir_lane *lane;
    const weir_round *round;
    const weir_share *share;
    size_t from, to;
    const weir_error
        *condemned; /* why its only event becomes a letter; NULL: it is to be applied */
    int attempts;   /* that were made of it */
    bool delivered; /* what is to be applied was handled outside of PostgreSQL */
} weir_part;

/* weir_part_is_letter: the event at i of the share becomes a letter rather than something to apply.
 */
bool weir_part_is_letter(const weir_part *part, size_t i);

/* weir_part_expect says that the handler may take as long as its patience: it supervises itself,
 * and no other sign of life is due before. */
void weir_part_expect(weir_subscription *s);

/* weir_part_rereads: the calls of a handler that reads anew were refused for a version. */
bool weir_part_rereads(const weir_handler *handler, const weir_error *error);

/* weir_part_transact applies the part and moves the checkpoint past it, or does nothing: no
 * transaction is open afterwards. After REFUSED the lane knows whom the handler accuses. */
WEIR_MUST_USE weir_outcome weir_part_transact(const weir_part *part, weir_error *error);

#endif
