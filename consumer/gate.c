/* The gate in front of the handler, one per partition.
 *
 * Every partition is a chain: a message names its own position and that of the message before it.
 * So one number, the position up to which everything was applied, decides: at or below it is a
 * duplicate, a predecessor above it is a hole. Kafka's offsets decide nothing: they have gaps of
 * their own (transaction markers, aborted records). It must never let a message pass whose
 * predecessor was not applied. */
#include "consumer/gate_int.h"

#include <strings.h>

weir_verdict weir_gate_judge(const weir_gate *gate, const weir_chain *chain)
{
    if (strcasecmp(gate->store_id, chain->store_id) != 0)
        return WEIR_VERDICT_OTHER_STORE;
    if (chain->position <= gate->position)
        return WEIR_VERDICT_DUPLICATE;
    if (chain->prevposition <= gate->position)
        return WEIR_VERDICT_APPLY;
    return gate->fresh ? WEIR_VERDICT_FIRST_SEEN : WEIR_VERDICT_HOLE;
}

void weir_gate_pass(weir_gate *gate, const weir_chain *chain)
{
    gate->position = chain->position;
    gate->fresh = false;
}
