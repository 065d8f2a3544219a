/* A scanner for JSON that is known to be good: it only has to find where values end. Text that is
 * not JSON gives slices that mean nothing, but never one outside the text, and every walk ends. */
#include "base/json_walk.h"

#include <stdlib.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(weir_json_walk *walk)
{
    while (walk->at < walk->end && is_space(*walk->at))
        walk->at++;
}

static void skip_string(weir_json_walk *walk)
{
    for (walk->at++; walk->at < walk->end && *walk->at != '"'; walk->at++)
        if (*walk->at == '\\' && walk->at + 1 < walk->end)
            walk->at++;
    if (walk->at < walk->end)
        walk->at++;
}

/* skip_nested passes an object or array: brackets inside strings do not count. */
static void skip_nested(weir_json_walk *walk)
{
    int depth = 0;
    while (walk->at < walk->end) {
        char c = *walk->at;
        if (c == '"') {
            skip_string(walk);
            continue;
        }
        walk->at++;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (depth == 0)
            return;
    }
}

static weir_slice read_value(weir_json_walk *walk)
{
    skip_space(walk);
    const char *from = walk->at;
    if (walk->at < walk->end && *walk->at == '"')
        skip_string(walk);
    else if (walk->at < walk->end && (*walk->at == '{' || *walk->at == '['))
        skip_nested(walk);
    else
        while (walk->at < walk->end && !is_space(*walk->at) && !strchr(",]}", *walk->at))
            walk->at++;
    return (weir_slice){from, (size_t)(walk->at - from)};
}

static bool open_with(weir_json_walk *walk, const char *text, size_t length, char bracket)
{
    *walk = (weir_json_walk){text, text + length};
    skip_space(walk);
    if (walk->at == walk->end || *walk->at != bracket)
        return false;
    walk->at++;
    return true;
}

bool weir_json_object(weir_json_walk *walk, const char *text, size_t length)
{
    return open_with(walk, text, length, '{');
}

bool weir_json_array(weir_json_walk *walk, const char *text, size_t length)
{
    return open_with(walk, text, length, '[');
}

/* skip_comma passes what stands before the next member or element. */
static void skip_comma(weir_json_walk *walk)
{
    skip_space(walk);
    if (walk->at < walk->end && *walk->at == ',')
        walk->at++;
    skip_space(walk);
}

bool weir_json_next(weir_json_walk *walk, weir_slice *key, weir_slice *value)
{
    skip_comma(walk);
    if (walk->at >= walk->end || *walk->at != '"')
        return false;
    *key = read_value(walk);
    skip_space(walk);
    if (walk->at < walk->end)
        walk->at++; /* the colon */
    *value = read_value(walk);
    return key->length >= 2 && value->length > 0;
}

bool weir_json_element(weir_json_walk *walk, weir_slice *value)
{
    skip_comma(walk);
    if (walk->at >= walk->end || *walk->at == ']')
        return false;
    *value = read_value(walk);
    return value->length > 0;
}

/* skip_digits passes digits, at least one; NULL when there is none. */
static const char *skip_digits(const char *at, const char *end)
{
    const char *from = at;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at > from ? at : NULL;
}

bool weir_json_is_number(const char *text, size_t length)
{
    const char *end = text + length, *from = text + (length > 0 && *text == '-');
    const char *at = skip_digits(from, end);
    if (!at || (at - from > 1 && *from == '0'))
        return false;
    if (at < end && *at == '.' && !(at = skip_digits(at + 1, end)))
        return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at += 1 + (at + 1 < end && (at[1] == '-' || at[1] == '+'));
        at = skip_digits(at, end);
    }
    return at == end;
}

static unsigned hex4(const char *text)
{
    char digits[5] = {0};
    memcpy(digits, text, 4);
    return (unsigned)strtoul(digits, NULL, 16);
}

static char *put_utf8(char *to, unsigned point)
{
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xC0 | point >> 6);
        *to++ = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *to++ = (char)(0xE0 | point >> 12);
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    } else {
        *to++ = (char)(0xF0 | point >> 18);
        *to++ = (char)(0x80 | (point >> 12 & 0x3F));
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    }
    return to;
}

/* put_escape decodes the escape whose letter is at `at`; returns the byte after it. */
static const char *put_escape(const char *at, const char *end, char **to)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter = strchr(letters, *at);
    if (letter) {
        *(*to)++ = meanings[letter - letters];
        return at + 1;
    }
    if (end - at < 5)
        return end;
    unsigned point = hex4(at + 1);
    at += 5;
    if (point >= 0xD800 && point < 0xDC00 && end - at >= 6) {
        point = 0x10000 + ((point - 0xD800) << 10) + (hex4(at + 2) - 0xDC00);
        at += 6;
    }
    *to = put_utf8(*to, point);
    return at;
}

char *weir_json_decode(weir_slice string, weir_arena *arena)
{
    const char *at = string.text + 1, *end = string.text + string.length - 1;
    char *copy = weir_arena_alloc(arena, string.length), *to = copy;
    if (!copy)
        return NULL;
    while (at < end) {
        if (*at == '\\' && at + 1 < end)
            at = put_escape(at + 1, end, &to);
        else
            *to++ = *at++;
    }
    *to = '\0';
    return copy;
}

bool weir_json_is(weir_slice string, const char *text)
{
    if (!memchr(string.text, '\\', string.length)) {
        size_t length = strlen(text);
        return string.length == length + 2 && memcmp(string.text + 1, text, length) == 0;
    }
    weir_arena *arena = weir_arena_new(string.length + 4096);
    char *decoded = weir_json_decode(string, arena);
    bool equal = decoded && strcmp(decoded, text) == 0;
    weir_arena_free(arena);
    return equal;
}
