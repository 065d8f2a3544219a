/* Walking JSON text by slices, so that values keep their exact text: no number passes through a
 * double. It finds where values end and no more: what it makes of text that is not JSON is of no
 * use, but lies within that text. Any thread. */
#ifndef WEIR_BASE_JSON_WALK_H
#define WEIR_BASE_JSON_WALK_H

#include "base/arena.h"

typedef struct weir_slice {
    const char *text; /* not NUL-terminated */
    size_t length;
} weir_slice;

typedef struct weir_json_walk {
    const char *at, *end;
} weir_json_walk;

/* weir_json_object begins a walk over the members of the object that text is; false if it is
 * something else. */
WEIR_MUST_USE bool weir_json_object(weir_json_walk *walk, const char *text, size_t length);

/* weir_json_next returns the next member: key with its quotes, value as it stands. */
WEIR_MUST_USE bool weir_json_next(weir_json_walk *walk, weir_slice *key, weir_slice *value);

/* weir_json_array begins a walk over the elements of the array that text is; false if it is
 * something else. weir_json_element returns the next one, as it stands. */
WEIR_MUST_USE bool weir_json_array(weir_json_walk *walk, const char *text, size_t length);
WEIR_MUST_USE bool weir_json_element(weir_json_walk *walk, weir_slice *value);

/* weir_json_is tells whether a key or text value, with its quotes, equals text. */
bool weir_json_is(weir_slice string, const char *text);

/* weir_json_is_number: the whole text is a number as JSON writes it. */
bool weir_json_is_number(const char *text, size_t length);

/* weir_json_decode copies a JSON string without its quotes and escapes; NULL at the arena's limit.
 */
char *weir_json_decode(weir_slice string, weir_arena *arena);

#endif
