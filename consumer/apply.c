/* Applying a batch: effects and checkpoint in one transaction, one round trip.
 *
 * A transaction is BEGIN, the checkpoint's compare-and-swap, the handler's calls, COMMIT. The swap
 * comes first: who lost the partition fails before doing any work, and waits for nobody's rows but
 * the checkpoint's. A refused batch is applied again event by event, each in a transaction of its
 * own, until the culprit fails alone. A batch too large for its memory is halved. It must never
 * commit effects without their checkpoint, nor a checkpoint without its effects. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/subscription_int.h"

#define BEGIN_CALL 0
#define MOVE_CALL 1
#define STATEMENT_TIMEOUT "57014" /* fewer events may be quicker */
#define SINGLY_MOST_US 60000000   /* then the group hears from us before it gives us up */

typedef enum outcome {
    DONE,
    GIVE_UP,   /* RETRY, or the checkpoint was lost: start over from the rows */
    TOO_LARGE, /* for the arena */
    REFUSED,   /* one of the handler's calls, or the commit of them */
    STOP,      /* the culprit is known */
} outcome;

/* A part of the batch. */
typedef struct slice {
    size_t from, to;
} slice;

bool weir_apply_prepare(weir_connection *connection, weir_error *error)
{
    return weir_connection_prepare(connection, "begin", "BEGIN", error) &&
           weir_connection_prepare(connection, "commit", "COMMIT", error);
}

static bool grow(weir_calls *calls)
{
    size_t capacity = calls->capacity ? calls->capacity * 2 : 64;
    weir_call *more = weir_arena_alloc(calls->arena, capacity * sizeof *more);
    size_t *event = weir_arena_alloc(calls->arena, capacity * sizeof *event);
    const char **label = weir_arena_alloc(calls->arena, capacity * sizeof *label);
    if (!more || !event || !label)
        return false;
    if (calls->count > 0) {
        memcpy(more, calls->calls, calls->count * sizeof *more);
        memcpy(event, calls->event, calls->count * sizeof *event);
        memcpy(label, calls->label, calls->count * sizeof *label);
    }
    calls->calls = more;
    calls->event = event;
    calls->label = label;
    calls->capacity = capacity;
    return true;
}

bool weir_calls_add(weir_calls *calls, weir_call call, size_t event, const char *label,
                    weir_error *error)
{
    if (calls->count == calls->capacity && !grow(calls))
        return weir_fail(error, WEIR_FATE_RETRY, "the batch does not fit its memory");
    calls->calls[calls->count] = call;
    calls->event[calls->count] = event;
    calls->label[calls->count] = label;
    calls->count++;
    return true;
}

/* Sets each partition's to_*: where this slice takes its row. What was skipped behind the last
 * event goes with the last slice. */
static void plan_moves(weir_subscription *s, slice part)
{
    size_t count;
    weir_partition *partitions = weir_source_partitions(s->source, &count);
    for (size_t i = 0; i < count; i++) {
        weir_partition *p = &partitions[i];
        p->to_offset = p->next_offset;
        p->to_position = p->position;
        p->to_events = 0;
    }
    for (size_t i = part.from; i < part.to; i++) {
        weir_partition *p = &partitions[s->intake.origins[i].partition];
        p->to_offset = s->intake.origins[i].offset + 1;
        p->to_position = s->intake.events[i].position;
        p->to_events++;
    }
    for (size_t i = 0; i < count && part.to == s->intake.count; i++)
        partitions[i].to_offset = partitions[i].seen_offset;
}

static void keep_moves(weir_subscription *s)
{
    size_t count;
    weir_partition *partitions = weir_source_partitions(s->source, &count);
    for (size_t i = 0; i < count; i++) {
        partitions[i].next_offset = partitions[i].to_offset;
        partitions[i].position = partitions[i].to_position;
    }
}

static bool add_plain(weir_calls *calls, const char *statement, weir_error *error)
{
    return weir_calls_add(calls, (weir_call){statement, NULL, 0}, SIZE_MAX, NULL, error);
}

static bool collect(weir_subscription *s, slice part, bool singly, weir_calls *calls,
                    weir_error *error)
{
    const weir_batch batch = {s->intake.events + part.from, part.to - part.from, s->calls_arena};
    const weir_call move = {"checkpoint_move", s->moves.params, WEIR_MOVE_PARAMS};
    return add_plain(calls, "begin", error) && weir_calls_add(calls, move, SIZE_MAX, NULL, error) &&
           (batch.count == 0 || s->handler->collect(s->session, &batch, singly, calls, error)) &&
           add_plain(calls, "commit", error);
}

#ifdef WEIR_FAILPOINTS
/* For this failpoint alone COMMIT is sent apart. */
static bool commits_apart(void)
{
    const char *armed = getenv("WEIR_FAILPOINT");
    return armed && strstr(armed, weir_failpoint_name(WEIR_FP_consumer_before_commit));
}
#else
static bool commits_apart(void)
{
    return false;
}
#endif

static bool send(weir_subscription *s, const weir_calls *calls, int *failed, weir_error *error)
{
    weir_connection *connection = weir_store_connection(s->store);
    int count = (int)calls->count;
    if (!commits_apart())
        return weir_connection_pipeline(connection, calls->calls, count, failed, error);
    if (!weir_connection_pipeline(connection, calls->calls, count - 1, failed, error))
        return false;
    *failed = count;
    if (WEIR_FAILPOINT(consumer_before_commit)) {
        weir_error ignored;
        if (!weir_connection_execute(connection, "ROLLBACK", &ignored))
            return weir_fail(error, WEIR_FATE_RETRY, "rolling back failed");
        return weir_fail(error, WEIR_FATE_RETRY, "failpoint before commit");
    }
    bool ok = weir_connection_pipeline(connection, &calls->calls[count - 1], 1, failed, error);
    *failed += ok ? 0 : count - 1;
    return ok;
}

/* Whose fault a failed pipeline was. Trouble with the runtime's own calls passes or needs a person,
 * but is never an event's. */
static outcome blame(weir_subscription *s, const weir_calls *calls, int failed, weir_error *error)
{
    if (failed == BEGIN_CALL || failed == MOVE_CALL || !weir_store_alive(s->store))
        error->fate = WEIR_FATE_RETRY;
    bool slow = failed > MOVE_CALL && strcmp(error->sqlstate, STATEMENT_TIMEOUT) == 0;
    if (error->fate == WEIR_FATE_RETRY)
        return slow ? TOO_LARGE : GIVE_UP;
    size_t call = (size_t)failed;
    if (call < calls->count && calls->label[call])
        weir_error_prefix(error, "%s", calls->label[call]);
    else if (call + 1 >= calls->count)
        weir_error_prefix(error, "at commit");
    return REFUSED;
}

static void count_applied(weir_subscription *s, slice part, int64_t started_us)
{
    int64_t now = weir_clock_monotonic_us();
    weir_metric_add(s->meters.events, (double)(part.to - part.from));
    weir_metric_add(s->meters.batches, 1);
    weir_metric_observe(s->meters.apply_seconds, (double)(now - started_us) / 1e6);
    atomic_fetch_add(&s->health.events, (int_fast64_t)(part.to - part.from));
    atomic_store(&s->health.progress_us, now);
    if (part.to > part.from) /* what comes next was recorded later than this */
        s->oldest_us = s->intake.events[part.to - 1].recorded_at_us;
}

static outcome transact(weir_subscription *s, slice part, bool singly, weir_error *error)
{
    size_t count;
    int failed;
    int64_t started_us = weir_clock_monotonic_us();
    const weir_partition *partitions = weir_source_partitions(s->source, &count);
    weir_calls calls = {.arena = s->calls_arena};
    weir_arena_reset(s->calls_arena);
    plan_moves(s, part);
    if (weir_moves_fill(&s->moves, weir_subscription_owner(s), partitions, count) == 0)
        return DONE;
    if (!collect(s, part, singly, &calls, error))
        return error->fate == WEIR_FATE_RETRY ? TOO_LARGE : REFUSED;
    if (!send(s, &calls, &failed, error))
        return blame(s, &calls, failed, error);
    keep_moves(s);
    count_applied(s, part, started_us);
    if (WEIR_FAILPOINT(consumer_after_commit)) {
        weir_fail(error, WEIR_FATE_RETRY, "failpoint after commit");
        return GIVE_UP;
    }
    return DONE;
}

static outcome fail_too_large(weir_subscription *s, size_t event, weir_error *error)
{
    if (strcmp(error->sqlstate, STATEMENT_TIMEOUT) == 0) { /* a lock may be in its way: tried on */
        weir_intake_name(s, event, error);
        return GIVE_UP;
    }
    weir_fail(error, WEIR_FATE_POISON,
              "it does not fit in the memory of a batch, %zu bytes: raise "
              "subscriptions.%s.batch_bytes",
              s->memory, s->name);
    weir_intake_name(s, event, error);
    return STOP;
}

static outcome apply_singly(weir_subscription *s, slice part, weir_error *error)
{
    const weir_error refused = *error;
    int64_t started_us = weir_clock_monotonic_us();
    for (size_t i = part.from; i < part.to; i++) {
        if (weir_clock_monotonic_us() - started_us > SINGLY_MOST_US) {
            weir_fail(error, WEIR_FATE_RETRY, "applying events one by one takes long");
            return GIVE_UP;
        }
        outcome o = transact(s, (slice){i, i + 1}, true, error);
        if (o == TOO_LARGE)
            return fail_too_large(s, i, error);
        if (o == REFUSED)
            weir_intake_name(s, i, error);
        if (o != DONE)
            return o == REFUSED ? STOP : o;
    }
    if (!s->warned_set_statement && part.to - part.from > 1)
        WEIR_WARN("subscription", s->name,
                  "a batch was refused although each of its events passed alone: the statement "
                  "does not hold for sets of events",
                  WEIR_TEXT("cause", refused.message));
    s->warned_set_statement = true;
    return DONE;
}

static outcome apply_part(weir_subscription *s, slice part, weir_error *error)
{
    outcome o = transact(s, part, false, error);
    if (o == REFUSED && part.to > part.from)
        return apply_singly(s, part, error);
    if (o != TOO_LARGE)
        return o;
    size_t middle = part.from + (part.to - part.from) / 2;
    if (middle == part.from)
        return fail_too_large(s, part.from, error);
    o = apply_part(s, (slice){part.from, middle}, error);
    return o == DONE ? apply_part(s, (slice){middle, part.to}, error) : o;
}

bool weir_apply(weir_subscription *s, weir_error *error)
{
    if (s->intake.count > 0)
        s->oldest_us = s->intake.events[0].recorded_at_us;
    return apply_part(s, (slice){0, s->intake.count}, error) == DONE;
}
