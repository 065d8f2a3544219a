/* Walking JSON text by slices, so that values keep their exact text: no number passes through a
 * double. Only for text that weir_json_check or PostgreSQL accepted. Any thread. */
#ifndef WEIR_APP_JSON_WALK_H
#define WEIR_APP_JSON_WALK_H

#include "base/base.h"

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

/* weir_json_is tells whether a key or text value, with its quotes, equals text (which has no
 * backslash). */
bool weir_json_is(weir_slice string, const char *text);

/* weir_json_decode copies a JSON string without its quotes and escapes; NULL at the arena's limit.
 */
char *weir_json_decode(weir_slice string, weir_arena *arena);

#endif
