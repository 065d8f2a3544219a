/* Where a walk over nested values stands: the open arrays and objects, which give errors their path
 * and find duplicate keys. Shared by the readers of JSON and of msgpack. */
#ifndef WEIR_STORE_NEST_INT_H
#define WEIR_STORE_NEST_INT_H

#include "base/buffer.h"

typedef struct weir_nest_level {
    bool object;
    size_t first_key; /* of this object in keys; of an array, where the inner ones' begin */
    size_t count;     /* elements so far; of an object, 0 until a key is known */
} weir_nest_level;

typedef struct weir_nest_key {
    size_t from, length; /* in names */
} weir_nest_key;

typedef struct weir_nest {
    size_t limit; /* most levels */
    weir_nest_level *levels;
    size_t depth, level_capacity;
    weir_buffer names; /* the keys of the open objects, decoded, one after the other */
    weir_nest_key *keys;
    size_t key_count, key_capacity;
} weir_nest;

/* WEIR_NEST is a walk at its beginning, over input of so many bytes. */
#define WEIR_NEST(levels_at_most, bytes)                                                           \
    ((weir_nest){.limit = (levels_at_most), .names = WEIR_BUFFER(bytes)})
void weir_nest_free(weir_nest *nest);

/* weir_nest_open enters an array or object; POISON beyond the limit. */
WEIR_MUST_USE bool weir_nest_open(weir_nest *nest, bool object, weir_error *error);

/* weir_nest_close leaves it; POISON when it had a key twice. */
WEIR_MUST_USE bool weir_nest_close(weir_nest *nest, weir_error *error);

/* weir_nest_element goes to the next element of the innermost array. */
void weir_nest_element(weir_nest *nest);

/* weir_nest_key_begin: the next key of the innermost object is being read; returns the length of
 * names, to which it is then appended. weir_nest_key_done takes what was appended since `from`. */
size_t weir_nest_key_begin(weir_nest *nest);
void weir_nest_key_done(weir_nest *nest, size_t from);

/* weir_nest_last is the key that was done last. */
const char *weir_nest_last(const weir_nest *nest, size_t *length);

/* weir_nest_fail fills a POISON error "/path: …", without a path at the outermost value; a fault in
 * a key has the path of its object. False. */
bool weir_nest_fail(const weir_nest *nest, weir_error *error, const char *format, ...)
    WEIR_PRINTF(3, 4);

#endif
