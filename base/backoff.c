/* Exponential backoff with full jitter.
 *
 * Every wait is at least 1 ms and at most the ceiling of its attempt; the ceiling doubles until
 * max_ms and never overflows, however long the fault lasts. Jitter is splitmix64 (Steele, Lea,
 * Flood, 2014) seeded from the kernel: it must spread clients, not withstand an attacker. */
#include "base/backoff.h"

#include <limits.h>
#include <sys/random.h>

#include "base/clock.h"

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static uint64_t new_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
        seed = (uint64_t)weir_clock_monotonic_us();
    return seed ? seed : 1;
}

static int ceiling_of(const weir_backoff *backoff)
{
    int64_t ceiling = backoff->initial_ms > 0 ? backoff->initial_ms : 1;
    int64_t most = backoff->max_ms > 0 ? backoff->max_ms : 1;
    for (unsigned i = 0; i < backoff->attempts && ceiling < most; i++)
        ceiling *= 2;
    return (int)(ceiling < most ? ceiling : most);
}

int weir_backoff_next(weir_backoff *backoff)
{
    if (!backoff->seed)
        backoff->seed = new_seed();
    uint64_t range = (uint64_t)ceiling_of(backoff);
    if (backoff->attempts < UINT_MAX)
        backoff->attempts++;
    uint64_t random = next_random(&backoff->seed) >> 32;
    return (int)(1 + (random * range >> 32));
}

void weir_backoff_reset(weir_backoff *backoff)
{
    backoff->attempts = 0;
}
