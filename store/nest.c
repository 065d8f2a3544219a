/* The levels of a walk over nested values.
 *
 * Keys of all open objects lie in one stack, so that leaving an object forgets its keys, and memory
 * stays within the input's size times a constant. Duplicates are looked for when an object ends, by
 * sorting: no input makes that quadratic. Nothing here recurses. */
#include "store/nest_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define PATH_LIMIT 600 /* bytes of a path in an error; the rest of it is "…" */

void weir_nest_free(weir_nest *nest)
{
    weir_buffer_free(&nest->names);
    free(nest->levels);
    free(nest->keys);
    *nest = (weir_nest){0};
}

bool weir_nest_open(weir_nest *nest, bool object, weir_error *error)
{
    if (nest->depth == nest->limit)
        return weir_nest_fail(nest, error, "nested deeper than %zu levels", nest->limit);
    if (nest->depth == nest->level_capacity) {
        nest->level_capacity = nest->level_capacity ? nest->level_capacity * 2 : 8;
        nest->levels = weir_realloc(nest->levels, nest->level_capacity * sizeof *nest->levels);
    }
    nest->levels[nest->depth++] = (weir_nest_level){object, nest->key_count, 0};
    return true;
}

/* name_of: there are no bytes at all while every key is empty. */
static const char *name_of(const weir_nest *nest, const weir_nest_key *key)
{
    return key->length ? nest->names.data + key->from : "";
}

static int compare_keys(const void *left, const void *right, void *nest)
{
    const weir_nest_key *a = left, *b = right;
    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    return memcmp(name_of(nest, a), name_of(nest, b), a->length);
}

static bool check_duplicates(weir_nest *nest, weir_nest_key *keys, size_t count, weir_error *error)
{
    qsort_r(keys, count, sizeof *keys, compare_keys, nest);
    for (size_t i = 1; i < count; i++) {
        if (compare_keys(&keys[i - 1], &keys[i], nest) != 0)
            continue;
        keys[count - 1] = keys[i]; /* what the path is to end in */
        return weir_nest_fail(nest, error, "a duplicate key");
    }
    return true;
}

bool weir_nest_close(weir_nest *nest, weir_error *error)
{
    size_t first = nest->levels[nest->depth - 1].first_key, count = nest->key_count - first;
    if (count > 0) {
        size_t from = nest->keys[first].from;
        if (count > 1 && !check_duplicates(nest, nest->keys + first, count, error))
            return false;
        nest->names.length = from;
        nest->key_count = first;
    }
    nest->depth--;
    return true;
}

void weir_nest_element(weir_nest *nest)
{
    nest->levels[nest->depth - 1].count++;
}

size_t weir_nest_key_begin(weir_nest *nest)
{
    nest->levels[nest->depth - 1].count = 0;
    return nest->names.length;
}

void weir_nest_key_done(weir_nest *nest, size_t from)
{
    if (nest->key_count == nest->key_capacity) {
        nest->key_capacity = nest->key_capacity ? nest->key_capacity * 2 : 16;
        nest->keys = weir_realloc(nest->keys, nest->key_capacity * sizeof *nest->keys);
    }
    nest->keys[nest->key_count++] = (weir_nest_key){from, nest->names.length - from};
    nest->levels[nest->depth - 1].count = 1;
}

const char *weir_nest_last(const weir_nest *nest, size_t *length)
{
    const weir_nest_key *key = &nest->keys[nest->key_count - 1];
    *length = key->length;
    return name_of(nest, key);
}

/* put_name appends a key as JSON Pointer wants it; control characters would spoil the message. */
static void put_name(weir_buffer *path, const char *name, size_t length)
{
    for (size_t i = 0, width; i < length; i += width) {
        unsigned char c = (unsigned char)name[i];
        width = weir_utf8_length(name + i, length - i);
        if (c == '~' || c == '/')
            weir_buffer_text(path, c == '~' ? "~0" : "~1");
        else if (c < 0x20 || c == 0x7F)
            weir_buffer_format(path, "\\u%04x", c);
        else
            weir_buffer_append(path, name + i, width);
    }
}

static bool in_a_key(const weir_nest *nest)
{
    const weir_nest_level *level = nest->depth ? &nest->levels[nest->depth - 1] : NULL;
    return level && level->object && level->count == 0;
}

static void put_path(const weir_nest *nest, weir_buffer *path)
{
    for (size_t i = 0; i < nest->depth; i++) {
        const weir_nest_level *level = &nest->levels[i];
        size_t keys = i + 1 < nest->depth ? nest->levels[i + 1].first_key : nest->key_count;
        if (level->count == 0)
            return; /* between the bracket and the first key or element */
        weir_buffer_char(path, '/');
        if (!level->object)
            weir_buffer_format(path, "%zu", level->count - 1);
        else
            put_name(path, name_of(nest, &nest->keys[keys - 1]), nest->keys[keys - 1].length);
    }
}

bool weir_nest_fail(const weir_nest *nest, weir_error *error, const char *format, ...)
{
    weir_buffer path = WEIR_BUFFER(PATH_LIMIT), why = WEIR_BUFFER(PATH_LIMIT);
    put_path(nest, &path);
    va_list arguments;
    va_start(arguments, format);
    weir_buffer_vformat(&why, format, arguments);
    va_end(arguments);
    weir_fail(error, WEIR_FATE_POISON, "%s%s", in_a_key(nest) ? "in a key: " : "", why.data);
    if (path.length > 0)
        weir_error_prefix(error, "%s%s", path.data, path.overflow ? "…" : "");
    weir_buffer_free(&path);
    weir_buffer_free(&why);
    return false;
}
