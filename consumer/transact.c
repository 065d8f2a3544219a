/* One transaction: BEGIN, the checkpoint's compare-and-swap, dead letters, the handler's calls,
 * COMMIT; one round trip, or more if the handler asks something in between. The swap comes first:
 * who lost the partition fails before doing any work, and waits for nobody's rows but the
 * checkpoint's.
 *
 * It must never commit effects without their checkpoint, nor a checkpoint without its effects or
 * letters, nor leave a transaction open. */
#include <stdlib.h>
#include <string.h>

#include "consumer/part_int.h"

#define OWN_CALLS 2 /* BEGIN and the swap; letters follow */

static bool add_plain(weir_calls *calls, const char *statement, weir_error *error)
{
    return weir_calls_add(calls, (weir_call){statement, NULL, 0}, SIZE_MAX, NULL, error);
}

static bool is_parked(const weir_part *part, size_t i)
{
    const weir_event *event = &part->share->events[i];
    return part->lane->parked.count > 0 &&
           weir_parked_has(&part->lane->parked, event->aggregate_type, event->aggregate_id);
}

bool weir_part_is_letter(const weir_part *part, size_t i)
{
    return part->condemned || is_parked(part, i);
}

/* Whether a letter leaves its aggregate alone: by policy, or since nothing is lost with a message
 * that does not even say its position: the next one shows the hole, and the store fills it. */
static bool is_skipped(const weir_subscription *s, const weir_event *event)
{
    return s->on_poison == WEIR_POISON_SKIP || (event->position == 0 && s->heals);
}

static bool add_letter(const weir_part *part, size_t i, weir_calls *calls, weir_error *error)
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

/* Room for what of the part is no letter; what the batch has of it already is copied. */
static weir_event *gather(const weir_part *part, weir_batch *batch, weir_error *error)
{
    weir_event *rest = weir_arena_alloc(part->lane->arena, (part->to - part->from) * sizeof *rest);
    if (!rest) {
        weir_batch_full(error);
        return NULL;
    }
    memcpy(rest, batch->events, batch->count * sizeof *rest);
    batch->events = rest;
    return rest;
}

/* Letters first, so that a call that fails behind them is the handler's or the commit's. What is
 * left to apply is gathered if there are any. */
static bool add_letters(const weir_part *part, weir_calls *calls, weir_batch *batch,
                        weir_error *error)
{
    const weir_event *events = part->share->events;
    weir_event *rest = NULL;
    *batch = (weir_batch){events + part->from, 0, part->lane->arena};
    for (size_t i = part->from; i < part->to; i++) {
        if (weir_part_is_letter(part, i)) {
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
static bool collect(const weir_part *part, weir_calls *calls, size_t *own, weir_error *error)
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
    const int sent = (int)calls->sent, last = commits_apart() ? count - 1 : count;
    bool ok = weir_connection_pipeline(connection, calls->calls + sent, last - sent, failed, error);
    *failed += sent;
    if (!ok || last == count)
        return ok;
    *failed = count;
    if (WEIR_FAILPOINT(consumer_before_commit)) {
        weir_error ignored;
        if (!weir_connection_execute(connection, "ROLLBACK", &ignored))
            return weir_fail(error, WEIR_FATE_RETRY, "rolling back failed");
        return weir_fail(error, WEIR_FATE_RETRY, "failpoint before commit");
    }
    ok = weir_connection_pipeline(connection, &calls->calls[last], 1, failed, error);
    *failed += last;
    return ok;
}

/* After a failure. A connection that cannot even roll back is lost, which its next use finds. */
static weir_outcome leave(const weir_lane *lane, weir_outcome o)
{
    weir_error ignored;
    weir_connection *connection = weir_store_connection(lane->store);
    if (weir_connection_alive(connection) && weir_connection_in_transaction(connection) &&
        !weir_connection_execute(connection, "ROLLBACK", &ignored))
        return WEIR_PART_GIVE_UP;
    return o;
}

/* The event of a share that a handler knows as one of its batch: letters are not in it. */
static size_t event_of(const weir_part *part, size_t index)
{
    for (size_t i = part->from; i < part->to; i++)
        if (!weir_part_is_letter(part, i) && index-- == 0)
            return i;
    return WEIR_NOBODY;
}

bool weir_part_rereads(const weir_handler *handler, const weir_error *error)
{
    return handler->rereads && strcmp(error->sqlstate, WEIR_EXPECTED_VERSION) == 0;
}

/* Whose fault a failed pipeline was. Trouble with the runtime's own calls passes or needs a person,
 * but is never an event's. */
static weir_outcome blame(const weir_part *part, const weir_calls *calls, size_t call, size_t own,
                          weir_error *error)
{
    weir_lane *lane = part->lane;
    if (call < own || !weir_store_alive(lane->store))
        error->fate = WEIR_FATE_RETRY;
    bool slow = call >= own && strcmp(error->sqlstate, WEIR_STATEMENT_TIMEOUT) == 0;
    if (error->fate == WEIR_FATE_RETRY)
        return slow ? WEIR_PART_TOO_LARGE : WEIR_PART_GIVE_UP;
    if (weir_part_rereads(lane->subscription->handler, error))
        return WEIR_PART_CONFLICT;
    if (call < calls->count && calls->label[call])
        weir_error_prefix(error, "%s", calls->label[call]);
    else if (call + 1 >= calls->count)
        weir_error_prefix(error, "at commit");
    if (call < calls->count && calls->event[call] != SIZE_MAX)
        lane->accused = event_of(part, calls->event[call]);
    return WEIR_PART_REFUSED;
}

/* Why there are no calls to commit. */
static weir_outcome blame_collect(const weir_part *part, const weir_calls *calls, size_t own,
                                  weir_error *error)
{
    if (calls->failed)
        return blame(part, calls, calls->refused, own, error);
    if (error->fate == WEIR_FATE_RETRY)
        return calls->hindered ? WEIR_PART_GIVE_UP : WEIR_PART_TOO_LARGE;
    if (calls->accused > 0)
        part->lane->accused = event_of(part, calls->accused - 1);
    return WEIR_PART_REFUSED;
}

void weir_part_expect(weir_subscription *s)
{
    atomic_store(&s->health.progress_us,
                 weir_clock_monotonic_us() + (int64_t)s->handler->patience_ms * 1000);
}

static void count_applied(const weir_part *part, int64_t started_us)
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
static void note_letters(const weir_part *part, size_t letters)
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

weir_outcome weir_part_transact(const weir_part *part, weir_error *error)
{
    int failed;
    size_t own = 0;
    int64_t started_us = weir_clock_monotonic_us();
    weir_subscription *s = part->lane->subscription;
    weir_calls calls = {.arena = part->lane->arena,
                        .connection = weir_store_connection(part->lane->store),
                        .abandon = &s->lanes.abandon};
    part->lane->accused = WEIR_NOBODY;
    if (!part->delivered && atomic_load(&s->lanes.abandon)) {
        weir_fail(error, WEIR_FATE_RETRY, "the partitions are given back");
        return WEIR_PART_GIVE_UP;
    }
    weir_arena_reset(part->lane->arena);
    weir_moves_plan(part->lane, part->round, part->from, part->to);
    if (weir_moves_fill(part->lane) == 0)
        return WEIR_PART_DONE;
    if (s->handler->patience_ms > 0 && !part->delivered)
        weir_part_expect(s);
    if (!collect(part, &calls, &own, error))
        return leave(part->lane, blame_collect(part, &calls, own, error));
    if (!send(part->lane, &calls, &failed, error))
        return leave(part->lane, blame(part, &calls, (size_t)failed, own, error));
    weir_moves_keep(part->lane);
    count_applied(part, started_us);
    note_letters(part, own - OWN_CALLS);
    if (WEIR_FAILPOINT(consumer_after_commit)) {
        weir_fail(error, WEIR_FATE_RETRY, "failpoint after commit");
        return WEIR_PART_GIVE_UP;
    }
    return WEIR_PART_DONE;
}
