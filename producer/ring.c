/* The ring of what is in flight. Sequences count up for ever and pick their slot by their
 * remainder, so an acknowledgement finds its event without a search. */
#include "producer/ring_int.h"

#include <stdlib.h>

#include "base/base.h"

struct weir_ring {
    weir_flight *flights;
    size_t capacity;
    size_t in_flight_limit, in_flight; /* not acknowledged */
    size_t bytes_limit, bytes;         /* of these */
    uint64_t oldest, next;             /* sequences in flight: oldest ≤ s < next */
    int64_t cursor;
};

weir_ring *weir_ring_new(size_t events, size_t in_flight, size_t bytes)
{
    weir_ring *ring = weir_calloc(1, sizeof *ring);
    ring->flights = weir_calloc(events, sizeof *ring->flights);
    ring->capacity = events;
    ring->in_flight_limit = in_flight;
    ring->bytes_limit = bytes;
    return ring;
}

void weir_ring_free(weir_ring *ring)
{
    if (!ring)
        return;
    free(ring->flights);
    free(ring);
}

static weir_flight *flight_of(const weir_ring *ring, uint64_t sequence)
{
    return &ring->flights[sequence % ring->capacity];
}

/* Sequences go on, so that what belongs to before the reset is not taken for what comes after. */
void weir_ring_reset(weir_ring *ring, int64_t cursor)
{
    ring->oldest = ring->next;
    ring->in_flight = 0;
    ring->bytes = 0;
    ring->cursor = cursor;
}

size_t weir_ring_events(const weir_ring *ring)
{
    return (size_t)(ring->next - ring->oldest);
}

size_t weir_ring_in_flight(const weir_ring *ring)
{
    return ring->in_flight;
}

size_t weir_ring_free_events(const weir_ring *ring)
{
    size_t slots = ring->capacity - weir_ring_events(ring);
    size_t flights = ring->in_flight_limit - ring->in_flight;
    return slots < flights ? slots : flights;
}

size_t weir_ring_free_bytes(const weir_ring *ring)
{
    return ring->bytes < ring->bytes_limit ? ring->bytes_limit - ring->bytes : 0;
}

bool weir_ring_has_room(const weir_ring *ring, size_t bytes)
{
    return weir_ring_free_events(ring) > 0 &&
           (ring->in_flight == 0 || bytes <= weir_ring_free_bytes(ring));
}

int64_t weir_ring_cursor(const weir_ring *ring)
{
    return ring->cursor;
}

uint64_t weir_ring_push(weir_ring *ring, int64_t position, size_t partition, size_t bytes,
                        int64_t recorded_at_us)
{
    *flight_of(ring, ring->next) = (weir_flight){
        .position = position,
        .through = position,
        .offset = -1,
        .recorded_at_us = recorded_at_us,
        .bytes = bytes,
        .partition = partition,
    };
    ring->in_flight++;
    ring->bytes += bytes;
    return ring->next++;
}

void weir_ring_take_back(weir_ring *ring)
{
    ring->next--;
    ring->in_flight--;
    ring->bytes -= flight_of(ring, ring->next)->bytes;
}

void weir_ring_skip(weir_ring *ring, int64_t position)
{
    if (ring->oldest == ring->next)
        ring->cursor = position;
    else
        flight_of(ring, ring->next - 1)->through = position;
}

const weir_flight *weir_ring_find(const weir_ring *ring, uint64_t sequence)
{
    bool in_flight = sequence >= ring->oldest && sequence < ring->next;
    return in_flight ? flight_of(ring, sequence) : NULL;
}

const weir_flight *weir_ring_acknowledge(weir_ring *ring, uint64_t sequence, int64_t offset)
{
    if (!weir_ring_find(ring, sequence) || flight_of(ring, sequence)->acknowledged)
        return NULL;
    weir_flight *flight = flight_of(ring, sequence);
    flight->acknowledged = true;
    flight->offset = offset;
    ring->in_flight--;
    ring->bytes -= flight->bytes;
    return flight;
}

bool weir_ring_release(weir_ring *ring, weir_flight *flight)
{
    if (ring->oldest == ring->next || !flight_of(ring, ring->oldest)->acknowledged)
        return false;
    *flight = *flight_of(ring, ring->oldest);
    ring->oldest++;
    ring->cursor = flight->through;
    return true;
}
