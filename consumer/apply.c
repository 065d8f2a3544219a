/* Applying a lane's share of a round: effects and checkpoint in one transaction, one round trip.
 *
 * A transaction is BEGIN, the checkpoint's compare-and-swap, dead letters, the handler's calls,
 * COMMIT. The swap comes first: who lost the partition fails before doing any work, and waits for
 * nobody's rows but the checkpoint's. What is refused, or too large, is halved, and each half is a
 * transaction of its own: the good part commits, and the culprit ends up alone. There it is tried
 * again, and then becomes a dead letter, as does whatever follows of its aggregate. It must never
 * commit effects without their checkpoint, nor a checkpoint without its effects or letters. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/subscription_int.h"

#define OWN_CALLS 2   /* BEGIN and the swap; letters follow */
#define ATTEMPT_MS 10 /* before the second attempt; each other one waits longer */
#define ATTEMPT_MAX_MS 1000

typedef enum outcome {
    DONE,
    GIVE_UP,   /* RETRY, or the checkpoint was lost: start over from the rows */
    TOO_LARGE, /* for the arena, or for the time that a statement may take */
    REFUSED,   /* one of the handler's calls, or the commit of them */
    STOP,      /* the culprit is known */
} outcome;

/* A part of a share, and what becomes of it. */
typedef struct slice {
    weir_lane *lane;
    const weir_round *round;
    const weir_share *share;
    size_t from, to;
    const weir_error
        *condemned; /* why its only event becomes a letter; NULL: it is to be applied */
    int attempts;   /* that were made of it */
    bool delivered; /* what is to be applied was handled outside of PostgreSQL */
} slice;

bool weir_apply_prepare(weir_connection *connection, weir_error *error)
{
    return weir_connection_prepare(connection, "begin", "BEGIN", error) &&
           weir_connection_prepare(connection, "commit", "COMMIT", error);
}

static bool add_plain(weir_calls *calls, const char *statement, weir_error *error)
{
    return weir_calls_add(calls, (weir_call){statement, NULL, 0}, SIZE_MAX, NULL, error);
}

static bool is_parked(const slice *part, size_t i)
{
    const weir_event *event = &part->share->events[i];
    return part->lane->parked.count > 0 &&
           weir_parked_has(&part->lane->parked, event->aggregate_type, event->aggregate_id);
}

/* Whether the event at i is a letter rather than something to apply. */
static bool is_letter(const slice *part, size_t i)
{
    return part->condemned || is_parked(part, i);
}

/* Whether a letter leaves its aggregate alone: by policy, or since nothing is lost with a message
 * that does not even say its position: the next one shows the hole, and the store fills it. */
static bool is_skipped(const weir_subscription *s, const weir_event *event)
{
    return s->on_poison == WEIR_POISON_SKIP || (event->position == 0 && s->heals);
}

static bool add_letter(const slice *part, size_t i, weir_calls *calls, weir_error *error)
{
    size_t count;
    weir_subscription *s = part->lane->subscription;
    const weir_origin *origin = &part->share->origins[i];
    const weir_partition *p = &weir_subscription_partitions(s, &count)[origin->partition];
    bool behind = is_parked(part, i);
    const weir_letter letter = {
        .topic = p->topic,
        .partition = p->number,
        .offset = origin->offset,
        .event = &part->share->events[i],
        .raw = origin->raw,
        .cause = origin->error ? WEIR_LETTER_UNREADABLE
                 : behind      ? WEIR_LETTER_BEHIND
                               : WEIR_LETTER_REFUSED,
        .skipped = !behind && is_skipped(s, &part->share->events[i]),
        .error = origin->error ? origin->error : part->condemned,
        .attempts = part->attempts,
        .redrive_s = s->redrives.count > 0 ? s->redrives.seconds[0] : 0,
    };
    weir_call call;
    return weir_letter_call(&letter, s->name, s->generation, part->lane->arena, &call, error) &&
           weir_calls_add(calls, call, i, NULL, error);
}

/* Room for what of the slice is no letter; what the batch has of it already is copied. */
static weir_event *gather(const slice *part, weir_batch *batch, weir_error *error)
{
    weir_event *rest = weir_arena_alloc(part->lane->arena, (part->to - part->from) * sizeof *rest);
    if (!rest) {
        weir_fail(error, WEIR_FATE_RETRY, "the batch does not fit its memory");
        return NULL;
    }
    memcpy(rest, batch->events, batch->count * sizeof *rest);
    batch->events = rest;
    return rest;
}

/* Letters first, so that a call that fails behind them is the handler's or the commit's. What is
 * left to apply is gathered if there are any. */
static bool add_letters(const slice *part, weir_calls *calls, weir_batch *batch, weir_error *error)
{
    const weir_event *events = part->share->events;
    weir_event *rest = NULL;
    *batch = (weir_batch){events + part->from, 0, part->lane->arena};
    for (size_t i = part->from; i < part->to; i++) {
        if (is_letter(part, i)) {
            if (!rest && !(rest = gather(part, batch, error)))
                return false;
            if (!add_letter(part, i, calls, error))
                return false;
            continue;
        }
        if (rest)
            rest[batch->count] = events[i];
        batch->count++;
    }
    return true;
}

/* own: how many of the first calls are the runtime's: two, and one for each letter. */
static bool collect(const slice *part, weir_calls *calls, size_t *own, weir_error *error)
{
    weir_subscription *s = part->lane->subscription;
    const weir_call move = {"checkpoint_move", part->lane->moves.params, WEIR_MOVE_PARAMS};
    bool singly = part->to - part->from == 1;
    weir_batch batch;
    if (!add_plain(calls, "begin", error) || !weir_calls_add(calls, move, SIZE_MAX, NULL, error) ||
        !add_letters(part, calls, &batch, error))
        return false;
    *own = calls->count;
    return (batch.count == 0 ||
            s->handler->collect(part->lane->session, &batch, singly, calls, error)) &&
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

static bool send(weir_lane *lane, const weir_calls *calls, int *failed, weir_error *error)
{
    weir_connection *connection = weir_store_connection(lane->store);
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
static outcome blame(const weir_lane *lane, const weir_calls *calls, int failed, size_t own,
                     weir_error *error)
{
    size_t call = (size_t)failed;
    if (call < own || !weir_store_alive(lane->store))
        error->fate = WEIR_FATE_RETRY;
    bool slow = call >= own && strcmp(error->sqlstate, WEIR_STATEMENT_TIMEOUT) == 0;
    if (error->fate == WEIR_FATE_RETRY)
        return slow ? TOO_LARGE : GIVE_UP;
    if (call < calls->count && calls->label[call])
        weir_error_prefix(error, "%s", calls->label[call]);
    else if (call + 1 >= calls->count)
        weir_error_prefix(error, "at commit");
    return REFUSED;
}

static void count_applied(const slice *part, int64_t started_us)
{
    weir_subscription *s = part->lane->subscription;
    int64_t now = weir_clock_monotonic_us();
    size_t events = part->to - part->from;
    weir_metric_add(s->meters.events, (double)events);
    weir_metric_add(s->meters.batches, 1);
    weir_metric_observe(s->meters.apply_seconds, (double)(now - started_us) / 1e6);
    atomic_fetch_add(&s->health.events, (int_fast64_t)events);
    atomic_store(&s->health.progress_us, now);
    atomic_store(&s->lanes.worked, true);
    if (events > 0) /* what comes next was recorded later than this */
        atomic_store(&s->oldest_us, part->share->events[part->to - 1].recorded_at_us);
}

/* After the commit: a condemned event's aggregate is parked from now on. */
static void note_letters(const slice *part, size_t letters)
{
    weir_subscription *s = part->lane->subscription;
    weir_metric_add(s->meters.letters, (double)letters);
    part->lane->letters += letters;
    const weir_event *event = &part->share->events[part->from];
    if (!part->condemned || is_parked(part, part->from))
        return;
    bool skipped = is_skipped(s, event);
    WEIR_WARN("subscription", s->name,
              skipped ? "skipped an event: it is a dead letter"
                      : "parked an aggregate: its events wait as dead letters",
              WEIR_TEXT("aggregate_type", event->aggregate_type),
              WEIR_TEXT("aggregate_id", event->aggregate_id),
              WEIR_NUMBER("position", event->position),
              WEIR_TEXT("cause", part->condemned->message));
    if (!skipped)
        weir_parked_add(&part->lane->parked, event->aggregate_type, event->aggregate_id);
}

static outcome transact(const slice *part, weir_error *error)
{
    int failed;
    size_t own = 0;
    int64_t started_us = weir_clock_monotonic_us();
    weir_calls calls = {.arena = part->lane->arena};
    if (!part->delivered && atomic_load(&part->lane->subscription->lanes.abandon)) {
        weir_fail(error, WEIR_FATE_RETRY, "the partitions are given back");
        return GIVE_UP;
    }
    weir_arena_reset(part->lane->arena);
    weir_moves_plan(part->lane, part->round, part->from, part->to);
    if (weir_moves_fill(part->lane) == 0)
        return DONE;
    if (!collect(part, &calls, &own, error))
        return error->fate == WEIR_FATE_RETRY ? TOO_LARGE : REFUSED;
    if (!send(part->lane, &calls, &failed, error))
        return blame(part->lane, &calls, failed, own, error);
    weir_moves_keep(part->lane);
    count_applied(part, started_us);
    note_letters(part, own - OWN_CALLS);
    if (WEIR_FAILPOINT(consumer_after_commit)) {
        weir_fail(error, WEIR_FATE_RETRY, "failpoint after commit");
        return GIVE_UP;
    }
    return DONE;
}

/* Delivers what comes first of the slice, up to a letter, and shortens the slice to what was: for
 * handlers that deliver. False: nothing is known of the event behind it. */
static bool deliver(slice *part, weir_error *error)
{
    weir_lane *lane = part->lane;
    const weir_handler *handler = lane->subscription->handler;
    const weir_share *share = part->share;
    size_t from = part->from, to, done = 0;
    while (from < part->to && !share->origins[from].error && is_letter(part, from))
        from++;
    for (to = from; to < part->to && !share->origins[to].error && !is_letter(part, to); to++)
        continue;
    part->delivered = true;
    if (from == to) { /* an unreadable one is judged with the letters before it */
        part->to = from < part->to ? from + 1 : from;
        return true;
    }
    part->to = from;
    if (atomic_load(&lane->subscription->lanes.abandon))
        return weir_fail(error, WEIR_FATE_RETRY, "the partitions are given back");
    const weir_batch batch = {share->events + from, to - from, NULL};
    /* It supervises itself: no other sign of life is due before. */
    atomic_store(&lane->subscription->health.progress_us,
                 weir_clock_monotonic_us() + (int64_t)handler->deliver_ms * 1000);
    bool ok =
        handler->deliver(lane->session, &batch, &lane->subscription->lanes.abandon, &done, error);
    part->to = from + done;
    return ok;
}

/* Another attempt at an event that is alone. */
static outcome attempt(const slice *part, weir_error *error)
{
    slice again = *part;
    bool delivers = part->lane->subscription->handler->deliver && !part->delivered;
    if (!delivers || deliver(&again, error))
        return transact(&again, error);
    return error->fate == WEIR_FATE_RETRY ? GIVE_UP : REFUSED;
}

/* An event that is alone and does not fit, or takes too long. */
static void name_large(const slice *part, weir_error *error)
{
    const weir_subscription *s = part->lane->subscription;
    if (strcmp(error->sqlstate, WEIR_STATEMENT_TIMEOUT) == 0)
        error->fate = WEIR_FATE_POISON;
    else
        weir_fail(error, WEIR_FATE_POISON,
                  "it does not fit in the memory of a batch, %zu bytes: raise "
                  "subscriptions.%s.batch_bytes",
                  s->memory, s->name);
}

/* Waits before another attempt; false: the lane must give up. */
static bool wait_attempt(const weir_lane *lane, int attempts)
{
    int ms = ATTEMPT_MS << (attempts < 8 ? attempts - 1 : 7);
    for (int left = ms < ATTEMPT_MAX_MS ? ms : ATTEMPT_MAX_MS; left > 0; left -= ATTEMPT_MS)
        if (atomic_load(&lane->subscription->lanes.abandon) ||
            weir_stop_wait(lane->subscription->stop, ATTEMPT_MS))
            return false;
    return true;
}

/* Writes the event off: as a dead letter, its aggregate parked or not. */
static outcome condemn(slice part, const weir_error *why, weir_error *error)
{
    weir_subscription *s = part.lane->subscription;
    if (s->on_poison == WEIR_POISON_PARK && part.lane->parked.count >= s->parked_most) {
        weir_fail(error, WEIR_FATE_FATAL,
                  "%zu aggregates are parked in one lane: that is no matter of single events any "
                  "more. The last one: %s",
                  part.lane->parked.count, why->message);
        weir_round_name(s, part.share, part.from, error);
        return STOP;
    }
    part.condemned = why;
    outcome o = transact(&part, error);
    if (o == DONE)
        return DONE;
    error->fate = WEIR_FATE_RETRY; /* it was only the runtime's own calls */
    return GIVE_UP;
}

/* The event that is refused alone. */
static outcome judge(slice part, weir_error *error)
{
    weir_subscription *s = part.lane->subscription;
    outcome o = REFUSED;
    for (part.attempts = 1; o == REFUSED; part.attempts++) {
        bool poison = error->fate == WEIR_FATE_POISON || error->fate == WEIR_FATE_CONFLICT;
        bool last = part.attempts >= s->attempts;
        if (!poison || (last && s->on_poison == WEIR_POISON_HALT)) {
            weir_round_name(s, part.share, part.from, error);
            return STOP;
        }
        if (last) {
            const weir_error why = *error;
            return condemn(part, &why, error);
        }
        weir_metric_add(s->meters.retries, 1);
        if (!wait_attempt(part.lane, part.attempts)) {
            weir_fail(error, WEIR_FATE_RETRY, "the partitions are given back");
            return GIVE_UP;
        }
        o = attempt(&part, error);
        if (o == TOO_LARGE) {
            name_large(&part, error);
            o = REFUSED;
        }
    }
    return o;
}

/* One that cannot be read needs no attempts: it would be the same. */
static outcome judge_unreadable(slice part, weir_error *error)
{
    weir_subscription *s = part.lane->subscription;
    const weir_error *why = part.share->origins[part.from].error;
    if (s->on_poison != WEIR_POISON_HALT)
        return condemn(part, why, error);
    *error = *why;
    weir_round_name(s, part.share, part.from, error);
    return STOP;
}

static bool has_unreadable(const slice *part)
{
    for (size_t i = part->from; i < part->to; i++)
        if (part->share->origins[i].error)
            return true;
    return false;
}

static outcome apply_part(slice part, weir_error *error);

static outcome apply_halves(slice part, weir_error *error)
{
    slice first = part, second = part;
    first.to = second.from = part.from + (part.to - part.from) / 2;
    outcome o = apply_part(first, error);
    return o == DONE ? apply_part(second, error) : o;
}

static void warn_set_statement(weir_lane *lane, const weir_error *refused, uint64_t letters)
{
    const weir_subscription *s = lane->subscription;
    if (lane->warned_set_statement || lane->letters > letters)
        return;
    lane->warned_set_statement = true;
    WEIR_WARN("subscription", s->name,
              "a batch was refused although each of its events passed alone: the statement "
              "does not hold for sets of events",
              WEIR_TEXT("cause", refused->message));
}

static outcome apply_part(slice part, weir_error *error)
{
    bool alone = part.to - part.from == 1, unreadable = has_unreadable(&part);
    if (unreadable)
        return alone ? judge_unreadable(part, error) : apply_halves(part, error);
    uint64_t letters = part.lane->letters;
    outcome o = transact(&part, error);
    if (part.to == part.from || (o != REFUSED && o != TOO_LARGE))
        return o;
    if (!alone) {
        const weir_error refused = *error;
        outcome halves = apply_halves(part, error);
        if (halves == DONE && o == REFUSED)
            warn_set_statement(part.lane, &refused, letters);
        return halves;
    }
    if (o == TOO_LARGE)
        name_large(&part, error);
    return judge(part, error);
}

/* What was delivered is committed before anything else is, so that it is not delivered again. */
static outcome apply_delivered(slice rest, weir_error *error)
{
    outcome o;
    do {
        weir_error refusal = {0};
        slice part = rest;
        bool ok = deliver(&part, &refusal);
        rest.from = part.to;
        o = apply_part(part, error);
        if (o != DONE || ok)
            continue;
        slice culprit = rest;
        culprit.to = ++rest.from;
        *error = refusal;
        o = refusal.fate == WEIR_FATE_RETRY ? GIVE_UP : judge(culprit, error);
    } while (o == DONE && rest.from < rest.to);
    return o;
}

bool weir_apply(weir_lane *lane, weir_round *round, weir_error *error)
{
    const weir_share *share = &round->shares[lane->number];
    if (share->count > 0)
        atomic_store(&lane->subscription->oldest_us, share->events[0].recorded_at_us);
    if (WEIR_FAILPOINT(consumer_before_apply))
        return weir_fail(error, WEIR_FATE_RETRY, "failpoint before apply");
    const slice all = {.lane = lane, .round = round, .share = share, .from = 0, .to = share->count};
    bool delivers = lane->subscription->handler->deliver != NULL;
    return (delivers ? apply_delivered : apply_part)(all, error) == DONE;
}
