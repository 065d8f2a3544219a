/* The merge: the chunk's events and each partition's records, both in position order.
 *
 * A partition is read until it is beyond the chunk or at its end. A record that is the next event
 * is compared at once; one that is behind what was passed, or that the chunk does not have, is put
 * aside and looked up. A record beyond the chunk makes its partition wait, and gives up what the
 * chunk still has for it; so, before it is believed, the store is asked whether there is such an
 * event. Nothing depends on how much is missing or out of order but the number of look-ups. */
#include "producer/verify_int.h"

#define PROGRESS_US 100000
#define PROGRESS_EVERY 256

static void show_progress(weir_verify *verify)
{
    if (!verify->options->progress || verify->counts.records % PROGRESS_EVERY != 0)
        return;
    int64_t now = weir_clock_monotonic_us();
    if (now - verify->shown_us < PROGRESS_US)
        return;
    verify->shown_us = now;
    verify->options->progress(verify->options->context, verify->type, verify->counts.records,
                              verify->total);
}

/* drop is done with a partition's head. */
static void drop(weir_verify *verify, weir_verify_part *part)
{
    weir_topic_reader_release(verify->reader, part->head);
    part->head = NULL;
    part->known = false;
}

/* take_head reads on until there is a record of ours, or the end. */
static bool take_head(weir_verify *verify, int32_t partition, weir_error *error)
{
    weir_verify_part *part = &verify->parts[partition];
    while (!part->head && !part->ended) {
        if (verify->reader &&
            !weir_topic_reader_next(verify->reader, partition, &part->head, error))
            return false;
        part->ended = !part->head;
        if (part->ended)
            return true;
        verify->counts.records++;
        show_progress(verify);
        weir_claim_read(&part->claim, part->head, weir_store_id(verify->store));
        if (part->claim.readable)
            return true;
        weir_verify_found(verify, part->claim.ours ? WEIR_ALTERED : WEIR_FOREIGN, partition,
                          part->head, 0, NULL, part->claim.why);
        drop(verify, part);
    }
    return true;
}

static bool put_aside(weir_verify *verify, int32_t partition, bool head, weir_error *error)
{
    weir_verify_part *part = &verify->parts[partition];
    int64_t position = part->claim.position;
    if (position <= verify->accepted && position > part->accepted)
        part->accepted = position;
    if ((verify->late_count == WEIR_LATE_MOST || verify->late_bytes > WEIR_LATE_BYTES) &&
        !weir_verify_settle(verify, error))
        return false;
    verify->late[verify->late_count++] = (weir_late){
        .record = part->head, .claim = part->claim, .partition = partition, .head = head};
    verify->late_bytes += part->head->value_length;
    if (!head)
        part->head = NULL;
    return true;
}

static void give_up(weir_verify *verify, weir_expected *event)
{
    verify->given_up[verify->given_up_count++] = event;
}

/* pass goes over the events before `until` (NULL: all), which the head shows not to be where they
 * should. In front of the first record that retention left, the chain says what was there. */
static void pass(weir_verify *verify, weir_verify_part *part, const weir_expected *until)
{
    for (; part->first != until; part->first = part->first->next) {
        bool expired =
            part->low > 0 && !part->begun && part->first->event.position <= part->claim.previous;
        verify->counts.expired += expired;
        part->passed = part->first->event.position;
        if (!expired)
            give_up(verify, part->first);
    }
}

/* pass_end: the partition is at its end. What no relay claims to have published is pending. */
static void pass_end(weir_verify *verify, weir_verify_part *part)
{
    for (; part->first; part->first = part->first->next) {
        if (part->first->event.position > part->bound)
            verify->counts.pending++;
        else if (part->low > 0 && !part->begun)
            verify->counts.expired++;
        else
            give_up(verify, part->first);
    }
}

/* previous_of is the event that the head should name as the one before it: of the store, or one
 * that the store lost and that is accepted. Of such a one retention may have left the name alone.
 */
static int64_t previous_of(const weir_verify *verify, const weir_verify_part *part,
                           const weir_expected *event)
{
    int64_t accepted = part->accepted;
    if (part->low > 0 && !part->begun && part->claim.previous <= verify->accepted)
        accepted = part->claim.previous;
    return accepted > event->previous && accepted < event->event.position ? accepted
                                                                          : event->previous;
}

/* meet holds the head against the event at its position. That it is another event altogether is
 * seen when more than the id differs: then the event is still to come. */
static bool meet(weir_verify *verify, int32_t partition, weir_expected *event, weir_error *error)
{
    weir_verify_part *part = &verify->parts[partition];
    weir_expectation expected = {&event->event, weir_store_id(verify->store),
                                 previous_of(verify, part, event), &verify->extras};
    weir_verdict verdict;
    if (!weir_verify_judge(verify, partition, &expected, part->head, "", &verdict, error))
        return false;
    if (verdict != WEIR_VERDICT_OTHER) {
        pass(verify, part, event);
        part->first = event->next;
        part->passed = event->event.position;
        part->begun = true;
    }
    drop(verify, part);
    return true;
}

static weir_expected *find(const weir_verify_part *part, int64_t position)
{
    weir_expected *event = part->first;
    while (event && event->event.position < position)
        event = event->next;
    return event && event->event.position == position ? event : NULL;
}

/* run reads a partition as far as the chunk goes. *asked: its head is to be looked up first. */
static bool run(weir_verify *verify, int32_t partition, bool *asked, weir_error *error)
{
    weir_verify_part *part = &verify->parts[partition];
    for (;;) {
        if (!take_head(verify, partition, error))
            return false;
        if (!part->head) {
            pass_end(verify, part);
            return true;
        }
        int64_t position = part->claim.position;
        bool beyond = position > verify->chunk_end;
        if (beyond && position <= verify->horizon && part->known) {
            pass(verify, part, NULL);
            return true;
        }
        if (beyond && position <= verify->horizon) {
            *asked = true;
            return put_aside(verify, partition, true, error);
        }
        weir_expected *event = beyond ? NULL : find(part, position);
        if (event ? !meet(verify, partition, event, error)
                  : !put_aside(verify, partition, false, error))
            return false;
    }
}

bool weir_verify_merge(weir_verify *verify, weir_error *error)
{
    bool asked = true;
    while (asked) {
        asked = false;
        for (int32_t i = 0; i < verify->count; i++)
            if (!run(verify, i, &asked, error))
                return false;
        /* What is asked is answered by settling: heads become known or are gone. */
        if (asked && !weir_verify_settle(verify, error))
            return false;
    }
    return weir_verify_settle(verify, error);
}
