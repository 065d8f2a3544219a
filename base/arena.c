/* An arena: many small allocations, one release.
 *
 * Owns a list of blocks; the newest is filled first. What would waste much of a block gets a block
 * of its own behind the newest, so that memory taken stays within a third of memory handed out.
 * `used` never passes `limit`, padding included. Nothing is ever freed alone. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 * 1024)
#define LARGE (BLOCK_SIZE / 4)

typedef struct block {
    struct block *next;
    size_t size, used;
    alignas(max_align_t) char bytes[];
} block;

struct weir_arena {
    size_t limit, used;
    block *blocks; /* newest first */
};

static block *block_new(size_t size)
{
    block *made = weir_malloc(sizeof(block) + size);
    made->next = NULL;
    made->size = size;
    made->used = 0;
    return made;
}

static void blocks_free(block *blocks)
{
    while (blocks) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

weir_arena *weir_arena_new(size_t limit)
{
    weir_arena *arena = weir_calloc(1, sizeof(*arena));
    arena->limit = limit;
    return arena;
}

void weir_arena_free(weir_arena *arena)
{
    if (!arena)
        return;
    blocks_free(arena->blocks);
    free(arena);
}

void weir_arena_reset(weir_arena *arena)
{
    arena->used = 0;
    block *kept = NULL;
    for (block **at = &arena->blocks; *at; at = &(*at)->next) {
        if ((*at)->size == BLOCK_SIZE) {
            kept = *at;
            *at = kept->next;
            break;
        }
    }
    blocks_free(arena->blocks);
    arena->blocks = kept;
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
}

/* block_for finds the block that the next `bytes` come from, making one when none has room. */
static block *block_for(weir_arena *arena, size_t bytes, size_t padding)
{
    block *newest = arena->blocks;
    if (newest && newest->size - newest->used >= padding && /* padding is of the newest block */
        newest->size - newest->used - padding >= bytes)
        return newest;
    block *made = block_new(bytes > LARGE ? bytes : BLOCK_SIZE);
    if (bytes > LARGE && newest) {
        made->next = newest->next;
        newest->next = made;
    } else {
        made->next = newest;
        arena->blocks = made;
    }
    return made;
}

static void *take(weir_arena *arena, size_t bytes, size_t alignment)
{
    size_t padding = arena->blocks ? -arena->blocks->used & (alignment - 1) : 0;
    size_t room = arena->limit - arena->used;
    if (room < padding || room - padding < bytes)
        return NULL;
    block *from = block_for(arena, bytes, padding);
    from->used += from->used ? padding : 0;
    void *memory = from->bytes + from->used;
    from->used += bytes;
    arena->used += bytes + padding;
    return memory;
}

void *weir_arena_alloc(weir_arena *arena, size_t bytes)
{
    return take(arena, bytes ? bytes : 1, alignof(max_align_t));
}

char *weir_arena_copy(weir_arena *arena, const void *bytes, size_t length)
{
    if (length >= arena->limit)
        return NULL;
    char *copy = take(arena, length + 1, 1);
    if (!copy)
        return NULL;
    if (length)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

size_t weir_arena_limit(const weir_arena *arena)
{
    return arena->limit;
}

size_t weir_arena_used(const weir_arena *arena)
{
    return arena->used;
}
