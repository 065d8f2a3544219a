/* Which partition and which lane the events of an aggregate go to.
 *
 * Both come from one hash of the aggregate id: modulo the topic's recorded number of partitions, as
 * the relay computes it, and what is left of it modulo the lanes. So an aggregate is of one lane
 * whatever the other partitions do. */
#include "consumer/partition_int.h"

#include <stdlib.h>

#include "base/hash.h"

int32_t weir_partition_lane(const weir_partition *p, const char *aggregate_id)
{
    if (p->lanes <= 1)
        return 0;
    return weir_key_hash(aggregate_id, strlen(aggregate_id)) / p->of % p->lanes;
}

bool weir_partition_owns(const weir_partition *p, const char *aggregate_id)
{
    return weir_key_hash(aggregate_id, strlen(aggregate_id)) % p->of == p->number;
}

void weir_partition_free(weir_partition *p)
{
    free(p->topic);
    free(p->rows);
    free(p->floors);
}
