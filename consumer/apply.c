/* Applying a lane's share of a round: effects and checkpoint in one transaction (transact.c).
 *
 * What is refused, or too large, is halved, and each half is a transaction of its own: the good
 * part commits, and the culprit ends up alone; at once if the handler can tell who it was, and not
 * so often that halves are cheaper. There it is tried again, and then becomes a dead letter, as
 * does whatever follows of its aggregate. Nobody becomes one by being accused: what is alone and
 * accepted has passed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/part_int.h"

#define ATTEMPT_MS 10 /* before the second attempt; each other one waits longer */
#define ATTEMPT_MAX_MS 1000
#define CONFLICTS_SAID 8
#define ACCUSED_MOST 8 /* taken out of a part one by one: each costs sending the rest again */

bool weir_apply_prepare(weir_connection *connection, weir_error *error)
{
    return weir_connection_prepare(connection, "begin", "BEGIN", error) &&
           weir_connection_prepare(connection, "commit", "COMMIT", error);
}

/* Delivers what comes first of the part, up to a letter, and shortens the part to what was: for
 * handlers that deliver. False: nothing is known of the event behind it. */
static bool deliver(weir_part *part, weir_error *error)
{
    weir_lane *lane = part->lane;
    const weir_handler *handler = lane->subscription->handler;
    const weir_share *share = part->share;
    size_t from = part->from, to, done = 0;
    while (from < part->to && !share->origins[from].error && weir_part_is_letter(part, from))
        from++;
    for (to = from; to < part->to && !share->origins[to].error && !weir_part_is_letter(part, to);
         to++)
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
    weir_part_expect(lane->subscription);
    bool ok =
        handler->deliver(lane->session, &batch, &lane->subscription->lanes.abandon, &done, error);
    part->to = from + done;
    return ok;
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

static weir_outcome abandoned(weir_error *error)
{
    weir_fail(error, WEIR_FATE_RETRY, "the partitions are given back");
    return WEIR_PART_GIVE_UP;
}

/* Applies the part. Of several events the halves meet a conflict less; one that is alone is tried
 * again, without end, since whoever was faster has moved on. */
static weir_outcome transact(const weir_part *part, weir_error *error)
{
    weir_lane *lane = part->lane;
    weir_outcome o = weir_part_transact(part, error);
    for (int conflicts = 1; o == WEIR_PART_CONFLICT && part->to - part->from == 1; conflicts++) {
        if (conflicts == CONFLICTS_SAID)
            WEIR_WARN("subscription", lane->subscription->name,
                      "others append to an aggregate faster than its requests are executed",
                      WEIR_TEXT("cause", error->message));
        weir_metric_add(lane->subscription->meters.retries, 1);
        if (!wait_attempt(lane, conflicts))
            return abandoned(error);
        o = weir_part_transact(part, error);
    }
    return o;
}

/* Another attempt at an event that is alone. */
static weir_outcome attempt(const weir_part *part, weir_error *error)
{
    weir_part again = *part;
    bool delivers = part->lane->subscription->handler->deliver && !part->delivered;
    if (!delivers || deliver(&again, error))
        return transact(&again, error);
    return error->fate == WEIR_FATE_RETRY ? WEIR_PART_GIVE_UP : WEIR_PART_REFUSED;
}

/* An event that is alone and does not fit, or takes too long. */
static void name_large(const weir_part *part, weir_error *error)
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

/* Writes the event off: as a dead letter, its aggregate parked or not. */
static weir_outcome condemn(weir_part part, const weir_error *why, weir_error *error)
{
    weir_subscription *s = part.lane->subscription;
    if (s->on_poison == WEIR_POISON_PARK && part.lane->parked.count >= s->parked_most) {
        weir_fail(error, WEIR_FATE_FATAL,
                  "%zu aggregates are parked in one lane: that is no matter of single events any "
                  "more. The last one: %s",
                  part.lane->parked.count, why->message);
        weir_round_name(s, part.share, part.from, error);
        return WEIR_PART_STOP;
    }
    part.condemned = why;
    weir_outcome o = weir_part_transact(&part, error);
    if (o == WEIR_PART_DONE)
        return WEIR_PART_DONE;
    error->fate = WEIR_FATE_RETRY; /* it was only the runtime's own calls */
    return WEIR_PART_GIVE_UP;
}

/* The event that is refused alone. */
static weir_outcome judge(weir_part part, weir_error *error)
{
    weir_subscription *s = part.lane->subscription;
    weir_outcome o = WEIR_PART_REFUSED;
    for (part.attempts = 1; o == WEIR_PART_REFUSED; part.attempts++) {
        bool poison = error->fate == WEIR_FATE_POISON || error->fate == WEIR_FATE_CONFLICT;
        bool last = part.attempts >= s->attempts;
        if (!poison || (last && s->on_poison == WEIR_POISON_HALT)) {
            weir_round_name(s, part.share, part.from, error);
            return WEIR_PART_STOP;
        }
        if (last) {
            const weir_error why = *error;
            return condemn(part, &why, error);
        }
        weir_metric_add(s->meters.retries, 1);
        if (!wait_attempt(part.lane, part.attempts))
            return abandoned(error);
        o = attempt(&part, error);
        if (o == WEIR_PART_TOO_LARGE) {
            name_large(&part, error);
            o = WEIR_PART_REFUSED;
        }
    }
    return o;
}

/* One that cannot be read needs no attempts: it would be the same. */
static weir_outcome judge_unreadable(weir_part part, weir_error *error)
{
    weir_subscription *s = part.lane->subscription;
    const weir_error *why = part.share->origins[part.from].error;
    if (s->on_poison != WEIR_POISON_HALT)
        return condemn(part, why, error);
    *error = *why;
    weir_round_name(s, part.share, part.from, error);
    return WEIR_PART_STOP;
}

static bool has_unreadable(const weir_part *part)
{
    for (size_t i = part->from; i < part->to; i++)
        if (part->share->origins[i].error)
            return true;
    return false;
}

static weir_outcome apply_part(weir_part part, weir_error *error);

static weir_outcome apply_from_to(weir_part part, size_t from, size_t to, weir_error *error)
{
    part.from = from;
    part.to = to;
    return from == to ? WEIR_PART_DONE : apply_part(part, error);
}

static weir_outcome apply_halves(weir_part part, weir_error *error)
{
    size_t middle = part.from + (part.to - part.from) / 2;
    weir_outcome o = apply_from_to(part, part.from, middle, error);
    return o == WEIR_PART_DONE ? apply_from_to(part, middle, part.to, error) : o;
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

static weir_outcome apply_part(weir_part part, weir_error *error)
{
    for (int accusations = 0;; accusations++) {
        bool alone = part.to - part.from == 1;
        if (has_unreadable(&part))
            return alone ? judge_unreadable(part, error) : apply_halves(part, error);
        uint64_t letters = part.lane->letters;
        weir_outcome o = transact(&part, error);
        if (o == WEIR_PART_CONFLICT)
            return apply_halves(part, error);
        if (part.to == part.from || (o != WEIR_PART_REFUSED && o != WEIR_PART_TOO_LARGE))
            return o;
        if (alone && o == WEIR_PART_TOO_LARGE)
            name_large(&part, error);
        if (alone)
            return judge(part, error);
        const weir_error refused = *error;
        size_t accused = part.lane->accused;
        bool known = o == WEIR_PART_REFUSED && accused != WEIR_NOBODY && accusations < ACCUSED_MOST;
        weir_outcome parts =
            known ? apply_from_to(part, part.from, accused, error) : apply_halves(part, error);
        if (parts == WEIR_PART_DONE && known)
            parts = apply_from_to(part, accused, accused + 1, error);
        if (parts == WEIR_PART_DONE && o == WEIR_PART_REFUSED)
            warn_set_statement(part.lane, &refused, letters);
        part.from = accused + 1;
        if (parts != WEIR_PART_DONE || !known || part.from == part.to)
            return parts;
    }
}

/* What was delivered is committed before anything else is, so that it is not delivered again. */
static weir_outcome apply_delivered(weir_part rest, weir_error *error)
{
    weir_outcome o;
    do {
        weir_error refusal = {0};
        weir_part part = rest;
        bool ok = deliver(&part, &refusal);
        rest.from = part.to;
        o = apply_part(part, error);
        if (o != WEIR_PART_DONE || ok)
            continue;
        weir_part culprit = rest;
        culprit.to = ++rest.from;
        *error = refusal;
        o = refusal.fate == WEIR_FATE_RETRY ? WEIR_PART_GIVE_UP : judge(culprit, error);
    } while (o == WEIR_PART_DONE && rest.from < rest.to);
    return o;
}

bool weir_apply(weir_lane *lane, weir_round *round, weir_error *error)
{
    const weir_share *share = &round->shares[lane->number];
    if (share->count > 0)
        atomic_store(&lane->subscription->oldest_us, share->events[0].recorded_at_us);
    if (WEIR_FAILPOINT(consumer_before_apply))
        return weir_fail(error, WEIR_FATE_RETRY, "failpoint before apply");
    const weir_part all = {
        .lane = lane, .round = round, .share = share, .from = 0, .to = share->count};
    bool delivers = lane->subscription->handler->deliver != NULL;
    return (delivers ? apply_delivered : apply_part)(all, error) == WEIR_PART_DONE;
}
