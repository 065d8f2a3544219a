/* UUIDs (RFC 9562): version 7, and version 5 for names.
 *
 * Owns the last id this process made: 48 bits of milliseconds and 74 of randomness. An id made in
 * the same millisecond, or while the clock stands behind, is the last one plus a random step, so
 * ids rise strictly however fast they are made; should the 74 bits run out, the next millisecond
 * is borrowed. The step keeps an id from being guessed from its neighbour. */
#include "base/id.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/clock.h"
#include "base/hex.h"

#define LOW_BITS 62
#define LOW_MASK ((UINT64_C(1) << LOW_BITS) - 1)
#define HIGH_MASK UINT64_C(0xFFF)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    uint64_t millisecond, high, low; /* 48, 12 and 62 bits */
} last;

static uint64_t read_bits(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static void write_bits(uint8_t *bytes, int count, uint64_t value)
{
    for (int i = count - 1; i >= 0; i--, value >>= 8)
        bytes[i] = (uint8_t)value;
}

/* advance moves `last` to the next id. The fixed bits of the random uuid are not used. */
static void advance(uint64_t now, const uint8_t *random)
{
    if (now > last.millisecond) {
        last.millisecond = now;
        last.high = read_bits(random, 2) & HIGH_MASK;
        last.low = read_bits(random + 8, 8) & LOW_MASK;
        return;
    }
    last.low += 1 + read_bits(random + 2, 4);
    last.high += last.low >> LOW_BITS;
    last.low &= LOW_MASK;
    last.millisecond += last.high >> 12;
    last.high &= HIGH_MASK;
}

weir_uuid weir_uuid_new(void)
{
    uuid_t random;
    uuid_generate_random(random);
    weir_uuid id;
    pthread_mutex_lock(&lock);
    advance((uint64_t)weir_clock_now_us() / 1000, random);
    write_bits(id.bytes, 6, last.millisecond);
    write_bits(id.bytes + 6, 2, UINT64_C(0x7000) | last.high);
    write_bits(id.bytes + 8, 8, UINT64_C(1) << 63 | last.low);
    pthread_mutex_unlock(&lock);
    return id;
}

weir_uuid weir_uuid_from_name(const char *name, size_t length)
{
    weir_uuid id;
    uuid_generate_sha1(id.bytes, *uuid_get_template("url"), name, length);
    return id;
}

void weir_uuid_format(const weir_uuid *id, char text[WEIR_UUID_TEXT])
{
    uuid_unparse_lower(id->bytes, text);
}

/* Not uuid_parse, which takes five strtoul: every record that is read has an id. */
bool weir_uuid_parse(const char *text, size_t length, weir_uuid *id)
{
    if (length != WEIR_UUID_TEXT - 1)
        return false;
    for (size_t at = 0, byte = 0; at < length;) {
        if (at == 8 || at == 13 || at == 18 || at == 23) {
            if (text[at++] != '-')
                return false;
            continue;
        }
        int high = weir_hex_digit(text[at]), low = weir_hex_digit(text[at + 1]);
        if (high < 0 || low < 0)
            return false;
        id->bytes[byte++] = (unsigned char)(high << 4 | low);
        at += 2;
    }
    return true;
}
