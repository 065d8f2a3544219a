/* An arena: many small allocations, one release. One per batch; nothing in it is freed alone.
 * Not thread-safe: an arena belongs to whoever made it. */
#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H

#include "base/error.h"

typedef struct weir_arena weir_arena;

/* weir_arena_new makes an arena that holds at most limit bytes. */
weir_arena *weir_arena_new(size_t limit);
void weir_arena_free(weir_arena *arena);

/* weir_arena_reset forgets everything; keeps at most one block of memory for reuse. */
void weir_arena_reset(weir_arena *arena);

/* weir_arena_alloc returns bytes aligned for any type, or NULL when the limit would be passed. */
WEIR_MUST_USE void *weir_arena_alloc(weir_arena *arena, size_t bytes);

/* weir_arena_copy copies bytes and appends a NUL that is not counted. NULL at the limit. */
WEIR_MUST_USE char *weir_arena_copy(weir_arena *arena, const void *bytes, size_t length);

/* weir_arena_limit is the most bytes that it holds. */
size_t weir_arena_limit(const weir_arena *arena);

/* weir_arena_used is what was handed out since the last reset, in bytes. */
size_t weir_arena_used(const weir_arena *arena);

#endif
