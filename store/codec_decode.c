/* msgpack to JSON.
 *
 * Reads the bytes itself rather than through msgpack-c's unpacker, which allocates whatever a
 * header announces before the entries are there, and gives errors no place. Here nothing is
 * allocated but the keys of open maps. No recursion: levels are nest's. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "store/codec.h"
#include "store/codec_int.h"
#include "store/nest_int.h"

typedef struct decoder {
    const unsigned char *at, *end;
    weir_nest nest;
    uint64_t left[WEIR_CODEC_DEPTH]; /* entries still to come */
    bool first[WEIR_CODEC_DEPTH];
    weir_buffer *out;
    weir_error *error;
} decoder;

typedef enum kind {
    NIL,
    NO,
    YES,
    SIGNED,
    UNSIGNED,
    SINGLE,
    DOUBLE,
    TEXT,
    BINARY,
    EXTENSION,
    ARRAY,
    MAP,
    NEVER
} kind;

/* What the first bytes from 0xC0 to 0xDF mean; width is of the number that follows. */
static const struct {
    kind kind;
    unsigned char width;
} forms[32] = {
    {NIL, 0},       {NEVER, 0},     {NO, 0},        {YES, 0},       {BINARY, 1},    {BINARY, 2},
    {BINARY, 4},    {EXTENSION, 1}, {EXTENSION, 2}, {EXTENSION, 4}, {SINGLE, 4},    {DOUBLE, 8},
    {UNSIGNED, 1},  {UNSIGNED, 2},  {UNSIGNED, 4},  {UNSIGNED, 8},  {SIGNED, 1},    {SIGNED, 2},
    {SIGNED, 4},    {SIGNED, 8},    {EXTENSION, 0}, {EXTENSION, 0}, {EXTENSION, 0}, {EXTENSION, 0},
    {EXTENSION, 0}, {TEXT, 1},      {TEXT, 2},      {TEXT, 4},      {ARRAY, 2},     {ARRAY, 4},
    {MAP, 2},       {MAP, 4},
};

static bool ends_early(decoder *in)
{
    return weir_nest_fail(&in->nest, in->error, "the msgpack ends early");
}

/* read_head reads a value's first byte and the number after it: the value itself, or a length. */
static bool read_head(decoder *in, kind *what, uint64_t *number)
{
    if (in->at == in->end)
        return ends_early(in);
    unsigned char c = *in->at++;
    *number = c;
    *what = c < 0x80 ? UNSIGNED : c < 0x90 ? MAP : c < 0xA0 ? ARRAY : c < 0xC0 ? TEXT : SIGNED;
    if (c < 0x80)
        return true;
    if (c < 0xC0) {
        *number = c & (c < 0xA0 ? 0x0F : 0x1F);
        return true;
    }
    if (c >= 0xE0) {
        *number = (uint64_t)(int64_t)(int8_t)c;
        return true;
    }
    size_t width = forms[c - 0xC0].width;
    *what = forms[c - 0xC0].kind;
    if ((size_t)(in->end - in->at) < width)
        return ends_early(in);
    *number = 0;
    for (size_t i = 0; i < width; i++)
        *number = *number << 8 | *in->at++;
    if (*what == SIGNED) { /* carry the sign up */
        unsigned unused = 64 - 8 * (unsigned)width;
        *number = (uint64_t)((int64_t)(*number << unused) >> unused);
    }
    return true;
}

/* check_text: length bytes that are UTF-8 without U+0000. */
static bool check_text(decoder *in, uint64_t length)
{
    if ((uint64_t)(in->end - in->at) < length)
        return ends_early(in);
    for (const unsigned char *at = in->at, *end = at + length; at < end;) {
        size_t width = weir_utf8_length((const char *)at, (size_t)(end - at));
        if (*at == 0)
            return weir_nest_fail(&in->nest, in->error, "\\u0000 in a text");
        if (width == 0)
            return weir_nest_fail(&in->nest, in->error, "invalid UTF-8, byte 0x%02x", *at);
        at += width;
    }
    return true;
}

static void put_text(decoder *in, uint64_t length)
{
    weir_buffer_json(in->out, (const char *)in->at, (size_t)length);
    in->at += length;
}

static bool put_double(decoder *in, kind what, uint64_t bits)
{
    char text[WEIR_DOUBLE_TEXT];
    uint32_t half = (uint32_t)bits;
    double value;
    float single;
    memcpy(&single, &half, sizeof single);
    memcpy(&value, &bits, sizeof value);
    if (what == SINGLE)
        value = (double)single;
    if (!isfinite(value))
        return weir_nest_fail(&in->nest, in->error, "%s has no JSON",
                              isnan(value) ? "NaN"
                              : value > 0  ? "infinity"
                                           : "-infinity");
    weir_double_print(value, text);
    weir_buffer_text(in->out, text);
    return true;
}

static bool open(decoder *in, bool map, uint64_t count)
{
    if (!weir_nest_open(&in->nest, map, in->error))
        return false;
    in->left[in->nest.depth - 1] = count;
    in->first[in->nest.depth - 1] = true;
    weir_buffer_char(in->out, map ? '{' : '[');
    return true;
}

static bool read_value(decoder *in)
{
    kind what;
    uint64_t number;
    if (!read_head(in, &what, &number))
        return false;
    switch (what) {
    case NIL:
        weir_buffer_text(in->out, "null");
        return true;
    case NO:
        weir_buffer_text(in->out, "false");
        return true;
    case YES:
        weir_buffer_text(in->out, "true");
        return true;
    case SIGNED:
        weir_buffer_format(in->out, "%" PRId64, (int64_t)number);
        return true;
    case UNSIGNED:
        weir_buffer_format(in->out, "%" PRIu64, number);
        return true;
    case SINGLE:
    case DOUBLE:
        return put_double(in, what, number);
    case TEXT:
        if (!check_text(in, number))
            return false;
        put_text(in, number);
        return true;
    case ARRAY:
    case MAP:
        return open(in, what == MAP, number);
    case BINARY:
    case EXTENSION:
        return weir_nest_fail(&in->nest, in->error, "%s has no JSON",
                              what == BINARY ? "binary (bin)" : "an extension type (ext)");
    case NEVER:
        break;
    }
    return weir_nest_fail(&in->nest, in->error, "byte 0xc1 is not msgpack");
}

static bool read_key(decoder *in)
{
    kind what;
    uint64_t length;
    size_t from = weir_nest_key_begin(&in->nest);
    if (!read_head(in, &what, &length))
        return false;
    if (what != TEXT)
        return weir_nest_fail(&in->nest, in->error, "it is not a text");
    if (!check_text(in, length))
        return false;
    weir_buffer_append(&in->nest.names, in->at, (size_t)length);
    weir_nest_key_done(&in->nest, from);
    put_text(in, length);
    weir_buffer_char(in->out, ':');
    return true;
}

/* read_entry reads the next entry of what is open, or ends it. */
static bool read_entry(decoder *in)
{
    size_t level = in->nest.depth - 1;
    bool map = in->nest.levels[level].object;
    if (in->left[level] == 0) {
        weir_buffer_char(in->out, map ? '}' : ']');
        return weir_nest_close(&in->nest, in->error);
    }
    in->left[level]--;
    if (!in->first[level])
        weir_buffer_char(in->out, ',');
    in->first[level] = false;
    if (map && !read_key(in))
        return false;
    if (!map)
        weir_nest_element(&in->nest);
    return read_value(in);
}

bool weir_msgpack_to_json(const char *bytes, size_t length, weir_buffer *out, weir_error *error)
{
    const unsigned char *from = (const unsigned char *)bytes;
    decoder in = {.at = from, .end = from + length, .out = out, .error = error};
    in.nest = WEIR_NEST(WEIR_CODEC_DEPTH, length);
    bool ok = read_value(&in);
    while (ok && in.nest.depth > 0 && !out->overflow)
        ok = read_entry(&in);
    if (ok && out->overflow)
        ok = weir_nest_fail(&in.nest, error, "as JSON more than %zu bytes", out->limit);
    if (ok && in.at < in.end)
        ok = weir_fail(error, WEIR_FATE_POISON, "%zu bytes follow the value",
                       (size_t)(in.end - in.at));
    weir_nest_free(&in.nest);
    return ok;
}

/* The worst is a text of control characters: six bytes each. */
size_t weir_msgpack_json_limit(size_t length)
{
    return length * 6 + 8;
}
