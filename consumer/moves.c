/* Where a transaction takes the rows of a lane.
 *
 * Each row moves behind the last event that the transaction has of it, and with the end of a share
 * as far as the round was read: what was skipped counts, and lanes without an event keep up. */
#include "consumer/subscription_int.h"

static bool is_mine(const weir_lane *lane, int32_t number)
{
    return (size_t)number % lane->subscription->lanes.count == lane->number;
}

static void raise_to(int64_t *value, int64_t least)
{
    *value = *value > least ? *value : least;
}

void weir_moves_plan(const weir_lane *lane, const weir_round *round, size_t from, size_t to)
{
    size_t count;
    const weir_share *share = &round->shares[lane->number];
    weir_partition *partitions = weir_subscription_partitions(lane->subscription, &count);
    bool last = to == share->count;
    for (size_t i = 0; i < count; i++)
        for (int32_t l = 0; l < partitions[i].lanes; l++) {
            weir_row *row = &partitions[i].rows[l];
            if (!is_mine(lane, l))
                continue;
            row->to_offset = row->next_offset;
            row->to_position = row->position;
            row->to_events = 0;
        }
    for (size_t i = from; i < to; i++) {
        const weir_origin *origin = &share->origins[i];
        weir_row *row = &partitions[origin->partition].rows[origin->lane];
        raise_to(&row->to_offset, origin->offset == WEIR_FROM_STORE ? 0 : origin->offset + 1);
        raise_to(&row->to_position, share->events[i].position);
        row->to_events++;
    }
    for (size_t i = 0; last && i < round->reach_count; i++)
        for (int32_t l = 0; l < partitions[i].lanes; l++)
            if (is_mine(lane, l)) {
                raise_to(&partitions[i].rows[l].to_offset, round->reach[i].offset);
                raise_to(&partitions[i].rows[l].to_position, round->reach[i].position);
            }
}

int weir_moves_fill(weir_lane *lane)
{
    size_t count;
    weir_subscription *s = lane->subscription;
    weir_partition *partitions = weir_subscription_partitions(s, &count);
    weir_moves_begin(&lane->moves);
    for (size_t i = 0; i < count; i++)
        for (int32_t l = 0; l < partitions[i].lanes; l++) {
            const weir_row *row = &partitions[i].rows[l];
            if (is_mine(lane, l) &&
                (row->to_offset != row->next_offset || row->to_position != row->position))
                weir_moves_add(&lane->moves, &partitions[i], l);
        }
    return weir_moves_end(&lane->moves, weir_subscription_owner(s));
}

void weir_moves_keep(const weir_lane *lane)
{
    size_t count;
    weir_subscription *s = lane->subscription;
    weir_partition *partitions = weir_subscription_partitions(s, &count);
    pthread_mutex_lock(&s->lanes.lock);
    for (size_t i = 0; i < count; i++) {
        weir_partition *p = &partitions[i];
        int64_t lowest = INT64_MAX;
        for (int32_t l = 0; l < p->lanes; l++) {
            weir_row *row = &p->rows[l];
            if (is_mine(lane, l)) {
                row->next_offset = row->to_offset;
                row->position = row->to_position;
            }
            lowest = row->next_offset < lowest ? row->next_offset : lowest;
        }
        atomic_store(&p->committed, lowest);
    }
    pthread_mutex_unlock(&s->lanes.lock);
}
