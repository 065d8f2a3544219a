/* The store itself as a source: every event of the handler's types, in the order of the store.
 *
 * It has one partition, WEIR_STORE_TOPIC/0, whose lanes share the aggregates among themselves; one
 * process at a time reads it, which holds a lock by its session. Events come through the fence, so
 * that none is skipped, and no Kafka is needed. */
#include "consumer/store_source_int.h"

#include <stdlib.h>

#include "consumer/subscription_int.h"

#define IDLE_MS 10 /* the pause after the last event, doubled until it is IDLE_MAX_MS */
#define IDLE_MAX_MS 80

void weir_store_source_open(weir_subscription *s)
{
    s->stored = weir_calloc(1, sizeof *s->stored);
    s->stored->partition = (weir_partition){.topic = weir_strdup(WEIR_STORE_TOPIC),
                                            .of = 1,
                                            .committed = WEIR_NOTHING_READ,
                                            .low = WEIR_UNKNOWN,
                                            .high = WEIR_UNKNOWN,
                                            .end = WEIR_UNKNOWN};
}

void weir_store_source_close(weir_subscription *s)
{
    if (!s->stored)
        return;
    weir_partition_free(&s->stored->partition);
    free(s->stored);
    s->stored = NULL;
}

bool weir_store_source_lead(weir_subscription *s, bool *leads, weir_error *error)
{
    weir_result *row = weir_subscription_ask(s, s->store, "subscription_lead", error);
    *leads = row && weir_result_bool(row, 0, 0);
    weir_result_free(row);
    if (row && *leads == s->stored->waits) {
        s->stored->waits = !*leads;
        WEIR_INFO("subscription", s->name,
                  *leads ? "reads the store" : "another process reads the store: standing by");
    }
    return row != NULL;
}

void weir_store_source_resume(weir_subscription *s)
{
    s->stored->after = s->stored->partition.gate.position;
    s->stored->caught_up = false;
}

static bool is_wanted(const weir_subscription *s, const char *type)
{
    for (size_t i = 0; s->handler->aggregate_types[i]; i++)
        if (strcmp(s->handler->aggregate_types[i], type) == 0)
            return true;
    return false;
}

typedef struct intake {
    weir_subscription *s;
    weir_round *round;
    int64_t seen; /* events that were handed over, wanted or not */
    bool full;
} intake;

static bool take(void *context, const weir_event *event, weir_error *error)
{
    intake *in = context;
    in->full = in->full || weir_round_full(in->s, in->round);
    if (in->full)
        return true;
    in->seen++;
    in->s->stored->after = event->position;
    return !is_wanted(in->s, event->aggregate_type) ||
           weir_round_take(in->s, in->round, 0, event, error);
}

/* Waits until somebody may have appended something. */
static void wait_idle(weir_subscription *s)
{
    weir_stored *stored = s->stored;
    if (s->once || !weir_lanes_rest(s))
        return;
    stored->idle_ms = stored->idle_ms ? stored->idle_ms * 2 : IDLE_MS;
    if (stored->idle_ms > IDLE_MAX_MS)
        stored->idle_ms = IDLE_MAX_MS;
    weir_stop_wait(s->stop, stored->idle_ms);
}

bool weir_store_source_fill(weir_subscription *s, weir_round *round, weir_error *error)
{
    const char *const *types = s->handler->aggregate_types;
    intake in = {.s = s, .round = round};
    weir_read what = {.aggregate_type = types[1] ? NULL : types[0],
                      .after = s->stored->after,
                      .limit = (int64_t)(s->batch_events * s->lanes.count)};
    if (!weir_store_read(s->store, &what, take, &in, error))
        return false;
    s->stored->horizon = what.horizon;
    s->stored->caught_up = !in.full && in.seen < what.limit;
    if (in.seen == 0)
        wait_idle(s);
    else
        s->stored->idle_ms = 0;
    return true;
}
