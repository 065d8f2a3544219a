/* The ring of what is in flight: events handed to Kafka, in position order, from the first that is
 * not acknowledged (or, in a transaction, not committed) to the last.
 *
 * Its cursor is the one number that everything after a crash begins from, so it keeps this: every
 * event at or below the cursor is acknowledged, whatever the order in which acknowledgements come.
 * Pure: no I/O, no clock, one owner. */
#ifndef WEIR_PRODUCER_RING_INT_H
#define WEIR_PRODUCER_RING_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct weir_ring weir_ring;

/* One event in flight. */
typedef struct weir_flight {
    int64_t position;
    int64_t through; /* the cursor once this and all before it are acknowledged */
    int64_t offset;  /* in its partition, once acknowledged */
    int64_t recorded_at_us;
    size_t bytes;
    size_t partition; /* as the caller counts them */
    bool acknowledged;
} weir_flight;

/* weir_ring_new makes a ring for at most `events`, of which at most `in_flight` are not
 * acknowledged and, unless a single event is larger, these are at most `bytes`. */
weir_ring *weir_ring_new(size_t events, size_t in_flight, size_t bytes);
void weir_ring_free(weir_ring *ring);

/* weir_ring_reset forgets what is in flight and begins at a cursor. */
void weir_ring_reset(weir_ring *ring, int64_t cursor);

/* weir_ring_has_room: an event of that size may be pushed. With nothing in flight any size may. */
bool weir_ring_has_room(const weir_ring *ring, size_t bytes);
size_t weir_ring_events(const weir_ring *ring);
size_t weir_ring_in_flight(const weir_ring *ring); /* of these: not acknowledged */
size_t weir_ring_free_events(const weir_ring *ring);
size_t weir_ring_free_bytes(const weir_ring *ring);
int64_t weir_ring_cursor(const weir_ring *ring);

/* weir_ring_push adds an event behind all others (positions rise) and returns its sequence, by
 * which it is acknowledged. There must be room. */
uint64_t weir_ring_push(weir_ring *ring, int64_t position, size_t partition, size_t bytes,
                        int64_t recorded_at_us);

/* weir_ring_take_back removes the event pushed last, which was not handed over after all. */
void weir_ring_take_back(weir_ring *ring);

/* weir_ring_skip passes over an event that is in Kafka already: the cursor moves over it with the
 * event before it. */
void weir_ring_skip(weir_ring *ring, int64_t position);

/* weir_ring_find is the event of that sequence while it is in flight, else NULL. */
const weir_flight *weir_ring_find(const weir_ring *ring, uint64_t sequence);

/* weir_ring_acknowledge: Kafka holds the event of that sequence at offset. One that is not in
 * flight any more, or is acknowledged already, changes nothing and gives NULL. */
const weir_flight *weir_ring_acknowledge(weir_ring *ring, uint64_t sequence, int64_t offset);

/* weir_ring_release takes out the oldest event if it is acknowledged, and moves the cursor to it.
 */
bool weir_ring_release(weir_ring *ring, weir_flight *flight);

#endif
