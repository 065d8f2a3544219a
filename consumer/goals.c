/* With once: up to where to read, and whether everybody is there.
 *
 * The ends of all partitions are taken at the start. One's own partitions are judged by what was
 * committed here; those of other members of the group by their checkpoint rows, once a second. */
#include <stdlib.h>

#include "consumer/subscription_int.h"

#define ASK_US 1000000

void weir_goals_free(weir_goals *goals)
{
    free(goals->all);
    *goals = (weir_goals){0};
}

static bool set_goal(weir_subscription *s, weir_place place, weir_goal *goal, weir_error *error)
{
    int64_t low, high;
    if (!weir_source_ends(s->source, place, &low, &high, error))
        return false;
    *goal = (weir_goal){place, high, high == 0};
    return true;
}

bool weir_goals_set(weir_subscription *s, weir_error *error)
{
    weir_goals *goals = &s->goals;
    size_t most = 0;
    if (goals->set)
        return true;
    if (s->handler->foreign && !weir_foreign_check(s, error))
        return false;
    for (size_t t = 0; t < s->topics.count; t++)
        most += (size_t)s->topics.partitions[t];
    free(goals->all);
    goals->all = weir_calloc(most, sizeof *goals->all);
    goals->count = 0;
    for (size_t t = 0; t < s->topics.count; t++)
        for (int32_t p = 0; p < s->topics.partitions[t]; p++)
            if (!set_goal(s, (weir_place){s->topics.names[t], p}, &goals->all[goals->count++],
                          error))
                return false;
    goals->set = true;
    return true;
}

/* What was committed by this process, or what Kafka showed to have no events at all; of a foreign
 * partition the end is committed in any case. */
static bool is_reached_here(weir_subscription *s, const weir_goal *goal)
{
    size_t count;
    const weir_partition *partitions = weir_subscription_partitions(s, &count);
    for (size_t i = 0; i < count && !s->resume; i++) {
        const weir_partition *p = &partitions[i];
        if (weir_place_order(p->topic, p->number, goal->place.topic, goal->place.partition) == 0)
            return weir_partition_committed(p) >= goal->end ||
                   (p->gate.fresh && !s->handler->foreign && p->end >= goal->end &&
                    weir_refill_is_over(s, p));
    }
    return false;
}

static bool ask_rows(weir_subscription *s, weir_error *error)
{
    weir_checkpoints rows = {0};
    if (!weir_checkpoints_read(weir_store_connection(s->store), weir_subscription_owner(s),
                               (const char *const *)s->topics.names, s->topics.count, &rows, error))
        return false;
    for (size_t i = 0; i < s->goals.count; i++) {
        weir_goal *goal = &s->goals.all[i];
        goal->reached |= weir_checkpoints_lowest(&rows, goal->place) >= goal->end;
    }
    weir_checkpoints_free(&rows);
    s->goals.asked_us = weir_clock_monotonic_us();
    return true;
}

bool weir_goals_reached(weir_subscription *s, bool *reached, weir_error *error)
{
    int64_t asked_us = s->goals.asked_us;
    if ((asked_us == 0 || weir_clock_monotonic_us() - asked_us >= ASK_US) && !ask_rows(s, error))
        return false;
    *reached = true;
    for (size_t i = 0; i < s->goals.count; i++) {
        weir_goal *goal = &s->goals.all[i];
        goal->reached = goal->reached || is_reached_here(s, goal);
        *reached = *reached && goal->reached;
    }
    return true;
}
