/* murmur2 with the seed of Kafka's clients. */
#include "base/hash.h"

#define SEED 0x9747b28cu
#define FACTOR 0x5bd1e995u

static uint32_t word(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

int32_t weir_key_hash(const void *key, size_t length)
{
    const unsigned char *at = key;
    uint32_t hash = SEED ^ (uint32_t)length;
    for (; length >= 4; at += 4, length -= 4) {
        uint32_t k = word(at) * FACTOR;
        hash = (hash * FACTOR) ^ ((k ^ k >> 24) * FACTOR);
    }
    if (length > 0) {
        for (size_t i = length; i-- > 0;)
            hash ^= (uint32_t)at[i] << (8 * i);
        hash *= FACTOR;
    }
    hash ^= hash >> 13;
    hash *= FACTOR;
    hash ^= hash >> 15;
    return (int32_t)(hash & INT32_MAX);
}
