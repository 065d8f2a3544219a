/* What a topic lacks comes from the store.
 *
 * The store has every event, and the chain says which ones a partition lacks: those of its
 * aggregate type whose key belongs to it, between the position that was applied and the one that
 * the next message names as its predecessor. They are read through the fence and applied like
 * messages; the checkpoint's position moves, its offset stays. Where retention has removed what was
 * not read, reading goes on at the first offset that is left, and its message shows the hole; if
 * nothing is left, the relay's record says how far the partition had been. */
#include <stdlib.h>

#include "consumer/subscription_int.h"

#define CHUNK 1000 /* events of the aggregate type in one read */

typedef struct healer {
    weir_subscription *s;
    weir_round *round;
    weir_partition *partition;
    uint32_t index;
    int64_t upto, seen; /* seen: the last position looked at */
    size_t healed;
    bool full;
} healer;

static const char *keep(weir_arena *arena, const char *bytes, size_t length)
{
    return bytes ? weir_arena_copy(arena, bytes, length) : NULL;
}

static const char *keep_text(weir_arena *arena, const char *text)
{
    return keep(arena, text, text ? strlen(text) : 0);
}

bool weir_event_keep(weir_arena *arena, weir_event *event)
{
    const weir_event from = *event;
    event->aggregate_type = keep_text(arena, from.aggregate_type);
    event->aggregate_id = keep_text(arena, from.aggregate_id);
    event->type = keep_text(arena, from.type);
    event->content_type = keep_text(arena, from.content_type);
    event->metadata = keep(arena, from.metadata, from.metadata_length);
    event->data = keep(arena, from.data, from.data_length);
    return event->aggregate_type && event->aggregate_id && event->type && event->content_type &&
           (event->data || !from.data) && (event->metadata || !from.metadata);
}

bool weir_round_take(weir_subscription *s, weir_round *round, uint32_t index,
                     const weir_event *stored, weir_error *error)
{
    size_t count;
    weir_partition *p = &weir_subscription_partitions(s, &count)[index];
    weir_event event = *stored;
    weir_origin origin = {.partition = index, .offset = WEIR_FROM_STORE};
    weir_error unreadable = {0};
    origin.lane = weir_partition_lane(p, stored->aggregate_id);
    round->messages++;
    round->bytes += stored->data_length + stored->metadata_length;
    p->gate.position = stored->position;
    p->gate.fresh = false;
    if (stored->position <= p->floors[origin.lane].position)
        return true;
    if (!weir_upcasters_apply(s->upcasters, &event, &round->scratch, &unreadable)) {
        event = *stored;
        origin.error = weir_round_error(round, &unreadable);
    }
    if (!weir_event_keep(round->arena, &event) || (unreadable.message[0] && !origin.error))
        return weir_batch_full(error);
    *weir_round_put(s, round, &origin) = event;
    return true;
}

static bool heal_one(void *context, const weir_event *event, weir_error *error)
{
    healer *h = context;
    h->seen = event->position;
    if (event->position > h->upto || h->full ||
        !weir_partition_owns(h->partition, event->aggregate_id))
        return true;
    if (!weir_round_take(h->s, h->round, h->index, event, error))
        return false;
    h->healed++;
    h->full = weir_round_full(h->s, h->round);
    return true;
}

static bool read_chunks(healer *h, const char *aggregate_type, weir_error *error)
{
    for (h->seen = h->partition->gate.position; h->seen < h->upto && !h->full;) {
        int64_t before = h->seen;
        weir_read what = {.aggregate_type = aggregate_type,
                          .after = before,
                          .through = h->upto, /* settled: the relay has published beyond it */
                          .limit = CHUNK};
        if (!weir_store_read(h->s->store, &what, heal_one, h, error))
            return false;
        if (h->seen == before)
            break; /* the store has no more */
    }
    return true;
}

static char *type_of(weir_subscription *s, const char *topic, weir_error *error)
{
    const weir_param param = WEIR_PARAM_TEXT(topic);
    weir_result *found =
        weir_connection_query(weir_store_connection(s->store), "topic_type", &param, 1, error);
    char *type =
        found && weir_result_rows(found) > 0 ? weir_strdup(weir_result_value(found, 0, 0)) : NULL;
    if (found && !type)
        weir_fail(error, WEIR_FATE_FATAL, "topic %s is not recorded in the store", topic);
    weir_result_free(found);
    return type;
}

bool weir_heal(weir_subscription *s, weir_round *round, weir_partition *partition, int64_t upto,
               weir_error *error)
{
    healer h = {.s = s,
                .round = round,
                .partition = partition,
                .index = weir_subscription_index(s, partition),
                .upto = upto};
    int64_t from = partition->gate.position;
    char *type = type_of(s, partition->topic, error);
    bool ok = type && read_chunks(&h, type, error);
    free(type);
    if (h.healed > 0) {
        weir_metric_add(s->meters.healed, (double)h.healed);
        WEIR_WARN("subscription", s->name, "the topic lacks events: read from the store",
                  WEIR_TEXT("topic", partition->topic), WEIR_NUMBER("partition", partition->number),
                  WEIR_NUMBER("after", from), WEIR_NUMBER("up_to", partition->gate.position),
                  WEIR_NUMBER("events", h.healed));
    }
    return ok;
}

static bool fail_range(const weir_partition *p, const char *why, weir_error *error)
{
    return weir_fail(error, WEIR_FATE_FATAL,
                     "%s/%d: offset %lld, where the checkpoint stands, is not in the topic any "
                     "more: %s",
                     p->topic, (int)p->number, (long long)p->seen_offset, why);
}

/* How far an empty partition had been, as its relay recorded it. */
static bool ask_relay(weir_subscription *s, const weir_partition *p, int64_t *position,
                      weir_error *error)
{
    char number[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(p->topic), weir_param_integer(p->number, number)};
    weir_result *found = weir_connection_query(weir_store_connection(s->store),
                                               "subscription_published", params, 2, error);
    *position = found ? weir_result_integer(found, 0, 0) : 0;
    weir_result_free(found);
    return found != NULL;
}

bool weir_refill(weir_subscription *s, weir_partition *partition, weir_error *error)
{
    int64_t low, high;
    weir_place place = {partition->topic, partition->number};
    if (s->handler->foreign)
        return weir_foreign_out_of_range(s, partition, error);
    if (!weir_source_ends(s->source, place, &low, &high, error))
        return false;
    if (partition->seen_offset >= low)
        return fail_range(partition,
                          "the topic was made anew, or lost its end (`weir topic reconcile` tells)",
                          error);
    if (!s->heals && !partition->gate.fresh)
        return fail_range(partition,
                          "retention removed events that were not read. The store still has them: "
                          "set subscriptions.*.on_hole to heal",
                          error);
    WEIR_WARN("subscription", s->name,
              "retention has removed events that were not read: they come from the store",
              WEIR_TEXT("topic", partition->topic), WEIR_NUMBER("partition", partition->number),
              WEIR_NUMBER("offset", partition->seen_offset), WEIR_NUMBER("first_left", low));
    partition->least_offset = low;
    if (low == high && !ask_relay(s, partition, &partition->refill_to, error))
        return false;
    s->rewind = true;
    return true;
}

/* Who never read an offset, and finds nothing, asks once whether there was something. */
static bool ask_empty(weir_subscription *s, weir_partition *p, weir_error *error)
{
    if (!s->heals || p->seen_offset != WEIR_NOTHING_READ || p->refill_asked || p->end <= 0)
        return true;
    p->refill_asked = true;
    return ask_relay(s, p, &p->refill_to, error);
}

bool weir_refill_is_over(const weir_subscription *s, const weir_partition *p)
{
    return !s->heals || (p->refill_asked && p->refill_to == 0);
}

bool weir_refill_go_on(weir_subscription *s, weir_round *round, weir_error *error)
{
    size_t count;
    weir_partition *partitions = weir_subscription_partitions(s, &count);
    for (size_t i = 0; i < count && !weir_round_full(s, round); i++) {
        if (!ask_empty(s, &partitions[i], error))
            return false;
        if (partitions[i].refill_to > partitions[i].gate.position) {
            if (!weir_heal(s, round, &partitions[i], partitions[i].refill_to, error))
                return false;
            if (!weir_round_full(s, round))
                partitions[i].refill_to = 0;
        }
    }
    return true;
}
