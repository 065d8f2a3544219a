/* Collecting a round: from messages, through the gate, to decoded events for each lane.
 *
 * The round's limits are events, bytes and milliseconds; a message is counted when it is skipped,
 * too, so that a long run of duplicates moves the checkpoint as well. Within a partition events
 * stay in their order. What is missing is read from the store, or ends the subscription, by policy.
 * What cannot be read as an event goes on its way as just that, so that it becomes a dead letter.
 * Nothing is ever stepped over silently. */
#include <stdio.h>
#include <stdlib.h>

#include "consumer/foreign_int.h"
#include "consumer/subscription_int.h"

#define FIRST_WAIT_MS 100
#define EVENT_BYTES 512 /* what an event costs besides its bytes: its record, its statement's */

static void grow(weir_share *share)
{
    if (share->count < share->capacity)
        return;
    share->capacity = share->capacity ? share->capacity * 2 : 64;
    share->events = weir_realloc(share->events, share->capacity * sizeof *share->events);
    share->origins = weir_realloc(share->origins, share->capacity * sizeof *share->origins);
}

static bool name_message(const weir_message *message, weir_error *error)
{
    return weir_error_prefix(error, "message at %s/%d offset %lld", message->partition->topic,
                             (int)message->partition->number, (long long)message->offset);
}

bool weir_round_name(weir_subscription *s, const weir_share *share, size_t event, weir_error *error)
{
    const weir_event *e = &share->events[event];
    const weir_origin *origin = &share->origins[event];
    size_t count;
    const weir_partition *p = &weir_subscription_partitions(s, &count)[origin->partition];
    char at[192];
    if (origin->offset == WEIR_FROM_STORE)
        snprintf(at, sizeof at, "from the store for %s/%d", p->topic, (int)p->number);
    else
        snprintf(at, sizeof at, "at %s/%d offset %lld", p->topic, (int)p->number,
                 (long long)origin->offset);
    if (origin->error)
        return weir_error_prefix(error, "message %s", at);
    return weir_error_prefix(error, "event %lld (%s, %s/%s version %lld, %s)",
                             (long long)e->position, e->type, e->aggregate_type, e->aggregate_id,
                             (long long)e->version, at);
}

bool weir_round_full(const weir_subscription *s, const weir_round *round)
{
    return round->largest >= s->batch_events ||
           round->messages >= s->batch_events * s->lanes.count || round->bytes >= s->batch_bytes;
}

weir_event *weir_round_put(weir_subscription *s, weir_round *round, const weir_origin *origin)
{
    weir_lane *lane = weir_subscription_lane(s, origin->lane);
    weir_share *share = &round->shares[lane->number];
    grow(share);
    share->origins[share->count] = *origin;
    weir_event *event = &share->events[share->count++];
    round->largest = share->count > round->largest ? share->count : round->largest;
    round->bytes += EVENT_BYTES;
    return event;
}

const weir_error *weir_round_error(weir_round *round, const weir_error *error)
{
    weir_error *copy = weir_arena_alloc(round->arena, sizeof *copy);
    if (copy)
        *copy = *error;
    return copy;
}

static void skip(weir_round *round, const weir_message *message)
{
    if (message->offset >= message->partition->seen_offset)
        message->partition->seen_offset = message->offset + 1;
    round->messages++;
    round->bytes += message->bytes;
}

static bool step_over_foreign(weir_subscription *s, weir_round *round, const weir_message *message)
{
    weir_partition *p = message->partition;
    if (!p->warned_foreign)
        WEIR_WARN("subscription", s->name, "stepping over messages that are not weir's",
                  WEIR_TEXT("topic", p->topic), WEIR_NUMBER("partition", p->number),
                  WEIR_NUMBER("offset", message->offset));
    p->warned_foreign = true;
    weir_metric_add(s->meters.foreign, 1);
    skip(round, message);
    return true;
}

/* The message, copied into the round in one piece. */
static const weir_raw *copy_message(weir_round *round, const weir_message *message)
{
    size_t bytes = message->bytes + message->key_length + message->header_count + 2;
    char *at = weir_arena_alloc(round->arena, bytes);
    weir_raw *raw = weir_arena_alloc(round->arena, sizeof *raw);
    weir_header *headers =
        weir_arena_alloc(round->arena, (message->header_count + 1) * sizeof *headers);
    if (!at || !raw || !headers)
        return NULL;
    *raw = (weir_raw){.key = message->key ? at : NULL,
                      .key_length = message->key_length,
                      .headers = headers,
                      .header_count = message->header_count,
                      .time_ms = message->time_ms};
    at = weir_put_text(at, message->key, message->key_length);
    raw->value = (weir_payload){message->payload.bytes ? at : NULL, message->payload.length};
    at = weir_put_text(at, message->payload.bytes, message->payload.length);
    for (size_t i = 0; i < message->header_count; i++) {
        const weir_header *from = &message->headers[i];
        const char *name = weir_field_known(from->name);
        headers[i] = (weir_header){
            name ? name : weir_arena_copy(round->arena, from->name, strlen(from->name)),
            from->value ? at : NULL, from->length};
        if (!headers[i].name)
            return NULL;
        if (from->value)
            at = weir_put_text(at, from->value, from->length);
    }
    return raw;
}

/* Whose a message is that cannot be read as an event: as its headers say, else its key. */
static void read_owner(const weir_fields *fields, const weir_message *message, const weir_raw *raw,
                       weir_arena *arena, weir_event *event)
{
    char *offset = weir_format("offset %lld", (long long)message->offset);
    const char *subject = fields->of[WEIR_FIELD_SUBJECT].text;
    const char *type = fields->of[WEIR_FIELD_AGGREGATE_TYPE].text;
    event->aggregate_type = type && *type ? type : message->partition->topic;
    event->aggregate_id = subject && *subject     ? subject
                          : raw->key && *raw->key ? raw->key
                                                  : weir_arena_copy(arena, offset, strlen(offset));
    event->type = fields->of[WEIR_FIELD_TYPE].text;
    free(offset);
}

static bool fail_memory(const weir_subscription *s, const weir_message *message, weir_error *error)
{
    weir_fail(error, WEIR_FATE_CONFIG,
              "it does not fit in the memory of a batch, %zu bytes: raise "
              "subscriptions.%s.batch_bytes",
              s->memory, s->name);
    return name_message(message, error);
}

/* The event in a message of ours or of others. chain NULL: it cannot be read, for the reason in
 * error. Whose it is is known in any case; aggregate_id NULL: that does not fit. */
static bool read_event(weir_subscription *s, weir_round *round, const weir_message *message,
                       const weir_chain *chain, const weir_raw *raw, weir_event *event,
                       weir_error *error)
{
    const weir_partition *p = message->partition;
    weir_fields fields;
    if (s->handler->foreign)
        return weir_foreign_read(s->handler->foreign,
                                 &(weir_foreign_message){p->topic, p->number, message->offset, raw},
                                 round->arena, &round->scratch, event, error);
    *event = (weir_event){.position = chain ? chain->position : 0};
    weir_fields_find(raw->headers, raw->header_count, &fields);
    if (chain && weir_event_read(&fields, chain, raw->value, s->upcasters, round->arena,
                                 &round->scratch, event, error))
        return true;
    read_owner(&fields, message, raw, round->arena, event);
    return false;
}

/* take puts a message on its way. chain NULL: it cannot be read, for the reason in error. */
static bool take(weir_subscription *s, weir_round *round, const weir_message *message,
                 const weir_chain *chain, weir_error *error)
{
    weir_partition *p = message->partition;
    const weir_raw *raw = copy_message(round, message);
    if (!raw)
        return fail_memory(s, message, error);
    weir_event event;
    weir_origin origin = {weir_subscription_index(s, p), 0, message->offset, raw, NULL};
    if (!read_event(s, round, message, chain, raw, &event, error)) {
        origin.error = weir_round_error(round, error);
        if (!event.aggregate_id || !origin.error)
            return fail_memory(s, message, error);
        weir_error_clear(error);
    }
    if (event.data_length > message->payload.length) /* an old event may have grown */
        round->bytes += event.data_length - message->payload.length;
    origin.lane = weir_partition_lane(p, event.aggregate_id);
    const weir_floor *floor = &p->floors[origin.lane];
    if (chain ? event.position > floor->position : message->offset >= floor->offset)
        *weir_round_put(s, round, &origin) = event;
    skip(round, message);
    if (chain)
        weir_gate_pass(&p->gate, chain);
    return true;
}

static bool fail_hole(const weir_message *message, const weir_chain *chain, const char *way_out,
                      weir_error *error)
{
    weir_fail(error, WEIR_FATE_FATAL,
              "a hole in the topic: after position %lld comes %lld, whose predecessor "
              "is %lld; so %lld and perhaps others above %lld were lost or removed. %s",
              (long long)message->partition->gate.position, (long long)chain->position,
              (long long)chain->prevposition, (long long)chain->prevposition,
              (long long)message->partition->gate.position, way_out);
    return name_message(message, error);
}

/* What is missing before a message comes from the store, as far as the round has room: then the
 * rest of it, and the message, when reading begins anew. */
static bool heal(weir_subscription *s, weir_round *round, const weir_message *message,
                 const weir_chain *chain, weir_error *error)
{
    weir_partition *p = message->partition;
    if (!weir_heal(s, round, p, chain->prevposition, error))
        return false;
    if (p->gate.position >= chain->prevposition)
        return take(s, round, message, chain, error);
    if (weir_round_full(s, round)) {
        s->rewind = true;
        return true;
    }
    return fail_hole(message, chain,
                     "The store does not have it: it is not the one that was published from",
                     error);
}

/* Retention may have removed the events before the first one that a fresh subscription sees. */
static bool take_first_seen(weir_subscription *s, weir_round *round, const weir_message *message,
                            const weir_chain *chain, weir_error *error)
{
    bool truncated;
    if (!weir_source_truncated(s->source, message->partition, &truncated, error))
        return false;
    if (!truncated)
        return fail_hole(message, chain, "Set subscriptions.*.on_hole to heal", error);
    WEIR_WARN("subscription", s->name,
              "retention has removed the start of the topic: beginning with what is left",
              WEIR_TEXT("topic", message->partition->topic),
              WEIR_NUMBER("partition", message->partition->number),
              WEIR_NUMBER("offset", message->offset), WEIR_NUMBER("position", chain->position),
              WEIR_NUMBER("removed_up_to", chain->prevposition));
    return take(s, round, message, chain, error);
}

static bool fail_other_store(const weir_message *message, const weir_chain *chain,
                             weir_error *error)
{
    weir_fail(error, WEIR_FATE_FATAL,
              "it is an event of the store %.36s, but this is the store %s: two stores publish to "
              "one topic, or the store was restored under another identity",
              chain->store_id, message->partition->gate.store_id);
    return name_message(message, error);
}

static void drop_duplicate(weir_subscription *s, weir_round *round, const weir_message *message)
{
    weir_metric_add(s->meters.duplicates, 1);
    skip(round, message);
}

/* The chain of a foreign topic is its offsets: none is missing, since a gap in them is Kafka's. */
static bool admit_foreign(weir_subscription *s, weir_round *round, const weir_message *message,
                          weir_error *error)
{
    const weir_gate *gate = &message->partition->gate;
    const weir_chain chain = {.position = message->offset + 1, .store_id = gate->store_id};
    if (weir_gate_judge(gate, &chain) == WEIR_VERDICT_APPLY)
        return take(s, round, message, &chain, error);
    drop_duplicate(s, round, message);
    return true;
}

static bool admit(weir_subscription *s, weir_round *round, const weir_message *message,
                  weir_error *error)
{
    weir_fields fields;
    weir_chain chain;
    if (s->handler->foreign)
        return admit_foreign(s, round, message, error);
    weir_fields_find(message->headers, message->header_count, &fields);
    switch (weir_chain_read(&fields, &chain, error)) {
    case WEIR_MESSAGE_OURS:
        break;
    case WEIR_MESSAGE_FOREIGN:
        return step_over_foreign(s, round, message);
    case WEIR_MESSAGE_BROKEN:
        return take(s, round, message, NULL, error);
    }
    switch (weir_gate_judge(&message->partition->gate, &chain)) {
    case WEIR_VERDICT_APPLY:
        return take(s, round, message, &chain, error);
    case WEIR_VERDICT_DUPLICATE:
        drop_duplicate(s, round, message);
        return true;
    case WEIR_VERDICT_FIRST_SEEN:
        return s->heals ? heal(s, round, message, &chain, error)
                        : take_first_seen(s, round, message, &chain, error);
    case WEIR_VERDICT_HOLE:
        return s->heals ? heal(s, round, message, &chain, error)
                        : fail_hole(message, &chain, "Set subscriptions.*.on_hole to heal", error);
    case WEIR_VERDICT_OTHER_STORE:
        return fail_other_store(message, &chain, error);
    }
    return weir_fail(error, WEIR_FATE_FATAL, "the gate gave no verdict");
}

/* At the end of a partition the checkpoint may step over what only Kafka sees there: markers,
 * aborted records, and what retention removed once it is refilled. Not a fresh one: it still has to
 * see its first event. But for a foreign one the end is where it stands from now on, so that what
 * retention takes later is missed. */
static void note_ends(weir_subscription *s)
{
    size_t count;
    weir_partition *partitions = weir_subscription_partitions(s, &count);
    for (size_t i = 0; i < count; i++) {
        weir_partition *p = &partitions[i];
        bool whole = p->seen_offset != WEIR_NOTHING_READ || weir_refill_is_over(s, p);
        bool stands = !p->gate.fresh && whole;
        if ((stands || s->handler->foreign) && p->end > p->seen_offset)
            p->seen_offset = p->end;
    }
}

/* How long to wait for the next message: the first may take its time, the others are in a hurry. */
static int wait_ms(const weir_subscription *s, const weir_round *round, int64_t started_us)
{
    if (round->messages == 0)
        return FIRST_WAIT_MS;
    int64_t left = started_us + (int64_t)s->batch_ms * 1000 - weir_clock_monotonic_us();
    return left > 0 ? (int)((left + 999) / 1000) : 0;
}

/* What was taken before is applied first. */
static bool refuse(weir_round *round, const weir_error *error)
{
    if (error->fate == WEIR_FATE_RETRY)
        return false;
    round->refusal = *error;
    return true;
}

/* Up to where the round takes each partition, whatever of it was skipped. */
void weir_round_reach(weir_subscription *s, weir_round *round)
{
    size_t count;
    const weir_partition *partitions = weir_subscription_partitions(s, &count);
    round->reach = weir_realloc(round->reach, (count + 1) * sizeof *round->reach);
    round->reach_count = count;
    for (size_t i = 0; i < count; i++)
        round->reach[i] = (weir_reach){partitions[i].seen_offset, partitions[i].gate.position};
}

/* Nobody applies anything, and Kafka has no more: there is nothing to wait for. */
static bool is_urgent(weir_subscription *s, weir_poll poll)
{
    return poll == WEIR_POLL_END && weir_lanes_rest(s);
}

static bool fill(weir_subscription *s, weir_round *round, weir_error *error)
{
    weir_message message;
    int64_t started_us = 0;
    while (!weir_round_full(s, round) && !s->rewind && !weir_stop_requested(s->stop)) {
        weir_poll poll =
            weir_source_poll(s->source, wait_ms(s, round, started_us), &message, error);
        if (poll == WEIR_POLL_FAILED ||
            (poll == WEIR_POLL_MESSAGE && !admit(s, round, &message, error)) ||
            (poll == WEIR_POLL_OUT_OF_RANGE && !weir_refill(s, message.partition, error)))
            return refuse(round, error);
        if (poll == WEIR_POLL_CHANGED) {
            s->resume = true;
            return true;
        }
        if (poll == WEIR_POLL_END)
            note_ends(s);
        if (round->messages == 0 && poll != WEIR_POLL_MESSAGE)
            break; /* also at an end: it may be the one that is waited for */
        if (started_us == 0)
            started_us = weir_clock_monotonic_us();
        if (is_urgent(s, poll) || (poll == WEIR_POLL_NOTHING && wait_ms(s, round, started_us) == 0))
            break;
    }
    return true;
}

bool weir_intake_fill(weir_subscription *s, weir_round *round, weir_error *error)
{
    if (!weir_refill_go_on(s, round, error))
        return refuse(round, error);
    note_ends(s); /* what was just refilled may be all that there is */
    return fill(s, round, error);
}
