/* Collecting a batch: from messages, through the gate, to decoded events in order.
 *
 * The batch's limits are events, bytes and milliseconds; a message is counted when it is skipped,
 * too, so that a long run of duplicates moves the checkpoint as well. Within a partition events
 * stay in their order. What the gate refuses ends the subscription with the place, the reason and
 * what to do: nothing is ever stepped over because it could not be read. */
#include <stdlib.h>

#include "consumer/subscription_int.h"

#define FIRST_WAIT_MS 100
#define EVENT_BYTES 512 /* what an event costs besides its bytes: its record, its statement's */

void weir_intake_open(weir_subscription *s)
{
    s->intake.arena = weir_arena_new(s->memory);
    s->intake.scratch = WEIR_BUFFER(s->memory);
}

void weir_intake_close(weir_subscription *s)
{
    weir_arena_free(s->intake.arena);
    weir_buffer_free(&s->intake.scratch);
    free(s->intake.events);
    free(s->intake.origins);
    s->intake = (weir_intake){0};
}

void weir_intake_clear(weir_subscription *s)
{
    weir_arena_reset(s->intake.arena);
    s->intake.count = s->intake.messages = s->intake.bytes = 0;
    weir_error_clear(&s->intake.refusal);
}

static void grow(weir_intake *intake, size_t most)
{
    if (intake->count < intake->capacity)
        return;
    size_t capacity = intake->capacity ? intake->capacity * 2 : 64;
    intake->capacity = capacity < most ? capacity : most;
    intake->events = weir_realloc(intake->events, intake->capacity * sizeof *intake->events);
    intake->origins = weir_realloc(intake->origins, intake->capacity * sizeof *intake->origins);
}

static bool name_message(const weir_message *message, weir_error *error)
{
    return weir_error_prefix(error, "message at %s/%d offset %lld", message->partition->topic,
                             (int)message->partition->number, (long long)message->offset);
}

bool weir_intake_name(const weir_subscription *s, size_t event, weir_error *error)
{
    const weir_event *e = &s->intake.events[event];
    const weir_origin *origin = &s->intake.origins[event];
    size_t count;
    const weir_partition *p = &weir_source_partitions(s->source, &count)[origin->partition];
    return weir_error_prefix(error, "event %lld (%s, %s/%s version %lld, at %s/%d offset %lld)",
                             (long long)e->position, e->type, e->aggregate_type, e->aggregate_id,
                             (long long)e->version, p->topic, (int)p->number,
                             (long long)origin->offset);
}

static void skip(weir_subscription *s, const weir_message *message)
{
    if (message->offset >= message->partition->seen_offset)
        message->partition->seen_offset = message->offset + 1;
    s->intake.messages++;
    s->intake.bytes += message->bytes;
}

static bool step_over_foreign(weir_subscription *s, const weir_message *message)
{
    weir_partition *p = message->partition;
    if (!p->warned_foreign)
        WEIR_WARN("subscription", s->name, "stepping over messages that are not weir's",
                  WEIR_TEXT("topic", p->topic), WEIR_NUMBER("partition", p->number),
                  WEIR_NUMBER("offset", message->offset));
    p->warned_foreign = true;
    weir_metric_add(s->meters.foreign, 1);
    skip(s, message);
    return true;
}

static bool take(weir_subscription *s, const weir_message *message, const weir_fields *fields,
                 const weir_chain *chain, weir_error *error)
{
    weir_intake *intake = &s->intake;
    grow(intake, s->batch_events);
    weir_event *event = &intake->events[intake->count];
    if (!weir_event_read(fields, chain, message->payload, s->upcasters, intake->arena,
                         &intake->scratch, event, error))
        return name_message(message, error);
    if (event->data_length > message->payload.length) /* an old event may have grown */
        intake->bytes += event->data_length - message->payload.length;
    size_t count;
    const weir_partition *all = weir_source_partitions(s->source, &count);
    intake->origins[intake->count++] =
        (weir_origin){(uint32_t)(message->partition - all), message->offset};
    intake->bytes += EVENT_BYTES;
    skip(s, message);
    weir_gate_pass(&message->partition->gate, chain);
    return true;
}

static bool fail_hole(const weir_message *message, const weir_chain *chain, weir_error *error)
{
    weir_fail(error, WEIR_FATE_FATAL,
              "a hole in the topic: after position %lld comes %lld, whose predecessor "
              "is %lld; so %lld and perhaps others above %lld were lost or removed. "
              "The store still has them: rebuild the projection",
              (long long)message->partition->gate.position, (long long)chain->position,
              (long long)chain->prevposition, (long long)chain->prevposition,
              (long long)message->partition->gate.position);
    return name_message(message, error);
}

/* Retention may have removed the events before the first one that a fresh subscription sees. */
static bool take_first_seen(weir_subscription *s, const weir_message *message,
                            const weir_fields *fields, const weir_chain *chain, weir_error *error)
{
    bool truncated;
    if (!weir_source_truncated(s->source, message->partition, &truncated, error))
        return false;
    if (!truncated)
        return fail_hole(message, chain, error);
    WEIR_WARN("subscription", s->name,
              "retention has removed the start of the topic: beginning with what is left",
              WEIR_TEXT("topic", message->partition->topic),
              WEIR_NUMBER("partition", message->partition->number),
              WEIR_NUMBER("offset", message->offset), WEIR_NUMBER("position", chain->position),
              WEIR_NUMBER("removed_up_to", chain->prevposition));
    return take(s, message, fields, chain, error);
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

static bool admit(weir_subscription *s, const weir_message *message, weir_error *error)
{
    weir_fields fields;
    weir_chain chain;
    weir_fields_find(message->headers, message->header_count, &fields);
    switch (weir_chain_read(&fields, &chain, error)) {
    case WEIR_MESSAGE_OURS:
        break;
    case WEIR_MESSAGE_FOREIGN:
        return step_over_foreign(s, message);
    case WEIR_MESSAGE_BROKEN:
        return name_message(message, error);
    }
    switch (weir_gate_judge(&message->partition->gate, &chain)) {
    case WEIR_VERDICT_APPLY:
        return take(s, message, &fields, &chain, error);
    case WEIR_VERDICT_DUPLICATE:
        weir_metric_add(s->meters.duplicates, 1);
        skip(s, message);
        return true;
    case WEIR_VERDICT_FIRST_SEEN:
        return take_first_seen(s, message, &fields, &chain, error);
    case WEIR_VERDICT_HOLE:
        return fail_hole(message, &chain, error);
    case WEIR_VERDICT_OTHER_STORE:
        return fail_other_store(message, &chain, error);
    }
    return weir_fail(error, WEIR_FATE_FATAL, "the gate gave no verdict");
}

/* At the end of a partition the checkpoint may step over what only Kafka sees there: markers and
 * aborted records. Not a fresh one: it still has to see its first event. */
static void note_ends(weir_subscription *s)
{
    size_t count;
    weir_partition *partitions = weir_source_partitions(s->source, &count);
    for (size_t i = 0; i < count; i++) {
        weir_partition *p = &partitions[i];
        if (!p->gate.fresh && p->seen_offset != WEIR_NOTHING_READ && p->end > p->seen_offset)
            p->seen_offset = p->end;
    }
}

static bool is_full(const weir_subscription *s)
{
    return s->intake.messages >= s->batch_events || s->intake.bytes >= s->batch_bytes;
}

/* How long to wait for the next message: the first may take its time, the others are in a hurry. */
static int wait_ms(const weir_subscription *s, int64_t started_us)
{
    if (s->intake.messages == 0)
        return FIRST_WAIT_MS;
    int64_t left = started_us + (int64_t)s->batch_ms * 1000 - weir_clock_monotonic_us();
    return left > 0 ? (int)((left + 999) / 1000) : 0;
}

/* What was taken before is applied first. */
static bool refuse(weir_subscription *s, const weir_error *error)
{
    if (error->fate == WEIR_FATE_RETRY)
        return false;
    s->intake.refusal = *error;
    return true;
}

bool weir_intake_fill(weir_subscription *s, weir_error *error)
{
    weir_message message;
    int64_t started_us = 0;
    weir_intake_clear(s);
    while (!is_full(s) && !weir_stop_requested(s->stop)) {
        weir_poll poll = weir_source_poll(s->source, wait_ms(s, started_us), &message, error);
        if (poll == WEIR_POLL_FAILED || (poll == WEIR_POLL_MESSAGE && !admit(s, &message, error)))
            return refuse(s, error);
        if (poll == WEIR_POLL_CHANGED) {
            weir_intake_clear(s);
            s->resume = true;
            return true;
        }
        if (poll == WEIR_POLL_END)
            note_ends(s);
        if (s->intake.messages == 0 && poll != WEIR_POLL_MESSAGE)
            break; /* also at an end: it may be the one that is waited for */
        if (started_us == 0)
            started_us = weir_clock_monotonic_us();
        if (poll == WEIR_POLL_NOTHING && wait_ms(s, started_us) == 0)
            break;
    }
    return true;
}
