/* The gate: may this message be applied now? Pure. */
#ifndef WEIR_CONSUMER_GATE_INT_H
#define WEIR_CONSUMER_GATE_INT_H

#include "consumer/decode_int.h"

/* What the gate of one partition knows. */
typedef struct weir_gate {
    const char *store_id; /* whose events may pass */
    int64_t position;     /* every event up to here was applied, or is in the batch in hand */
    bool fresh;           /* this subscription never saw an event of this partition */
} weir_gate;

typedef enum weir_verdict {
    WEIR_VERDICT_APPLY,
    WEIR_VERDICT_DUPLICATE,   /* at or below the position: its effect is there already */
    WEIR_VERDICT_HOLE,        /* events between the position and this one are missing */
    WEIR_VERDICT_FIRST_SEEN,  /* a hole in front of the first event that a fresh subscription
                               * sees: fine if retention removed the ones before, else a hole */
    WEIR_VERDICT_OTHER_STORE, /* an event of another store */
} weir_verdict;

/* weir_gate_judge says what to do with a message of ours. */
weir_verdict weir_gate_judge(const weir_gate *gate, const weir_chain *chain);

/* weir_gate_pass remembers that a message was taken into the batch. */
void weir_gate_pass(weir_gate *gate, const weir_chain *chain);

#endif
