/* Fields by path: a document's paths, sorted, and what one has and another lacks. */
#include "app/json_paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#define DEEPEST 32
#define LONGEST ((size_t)1 << 20)

typedef struct paths {
    weir_arena *arena;
    const char **all;
    size_t count, capacity;
    weir_buffer path; /* of where the walk is */
    bool full;
} paths;

static void add(paths *to)
{
    if (to->count == to->capacity) {
        to->capacity = to->capacity ? to->capacity * 2 : 64;
        const char **more = weir_arena_alloc(to->arena, to->capacity * sizeof *more);
        if (!more) {
            to->full = true;
            to->capacity = to->count;
            return;
        }
        if (to->count)
            memcpy(more, to->all, to->count * sizeof *more);
        to->all = more;
    }
    const char *copy = weir_arena_copy(to->arena, to->path.data, to->path.length);
    if (copy)
        to->all[to->count++] = copy;
    to->full = to->full || !copy;
}

static void cut(paths *to, size_t length)
{
    to->path.length = length;
    to->path.data[length] = '\0';
}

/* A dot or bracket of a name's own is written as in a path of a rule. */
static void add_name(paths *to, const char *name)
{
    for (; *name; name++) {
        if (strchr(".[]\\", *name))
            weir_buffer_char(&to->path, '\\');
        weir_buffer_char(&to->path, *name);
    }
}

static void walk(paths *to, weir_slice value, int depth)
{
    weir_json_walk at;
    weir_slice key, part;
    size_t length = to->path.length;
    if (depth == DEEPEST || to->full)
        return;
    if (weir_json_object(&at, value.text, value.length))
        while (weir_json_next(&at, &key, &part)) {
            const char *name = weir_json_decode(key, to->arena);
            weir_buffer_text(&to->path, length ? "." : "");
            add_name(to, name ? name : "");
            add(to);
            walk(to, part, depth + 1);
            cut(to, length);
        }
    else if (weir_json_array(&at, value.text, value.length))
        while (weir_json_element(&at, &part)) {
            weir_buffer_text(&to->path, "[]");
            walk(to, part, depth + 1);
            cut(to, length);
        }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool collect(paths *to, weir_slice value, weir_arena *arena)
{
    *to = (paths){.arena = arena, .path = WEIR_BUFFER(LONGEST)};
    weir_buffer_text(&to->path, "");
    walk(to, value, 0);
    weir_buffer_free(&to->path);
    if (to->count)
        qsort(to->all, to->count, sizeof *to->all, by_text);
    return !to->full;
}

static bool has(const paths *in, const char *path)
{
    return in->count && bsearch(&path, in->all, in->count, sizeof *in->all, by_text);
}

static bool is_below(const char *path, const char *other)
{
    size_t length = strlen(other);
    return strncmp(path, other, length) == 0 && (path[length] == '.' || path[length] == '[');
}

const char **weir_json_vanished(weir_slice before, weir_slice after, weir_arena *arena)
{
    paths old, new;
    if (!collect(&old, before, arena) || !collect(&new, after, arena))
        return NULL;
    const char **gone = weir_arena_alloc(arena, (old.count + 1) * sizeof *gone);
    size_t count = 0;
    for (size_t i = 0; gone && i < old.count; i++) {
        bool again = count > 0 && (strcmp(old.all[i], gone[count - 1]) == 0 ||
                                   is_below(old.all[i], gone[count - 1]));
        if (!again && !has(&new, old.all[i]))
            gone[count++] = old.all[i];
    }
    if (gone)
        gone[count] = NULL;
    return gone;
}
