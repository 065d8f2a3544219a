/* JSON to msgpack.
 *
 * One pass: an array or object gets the shortest header when it ends and its count is known; for
 * more than 15 entries what it holds moves up, once a level. Scalars are packed by msgpack-c. */
#include <errno.h>
#include <inttypes.h>
#include <msgpack/pack.h>
#include <stdlib.h>
#include <string.h>

#include "store/codec.h"
#include "store/codec_int.h"
#include "store/json_int.h"

typedef struct level {
    size_t header; /* where in out; one byte is kept for it */
    size_t count;
} level;

typedef struct encoder {
    weir_json_reader reader;
    weir_buffer *out;
    msgpack_packer packer;
    level levels[WEIR_CODEC_DEPTH];
    weir_error *error;
} encoder;

static int write_bytes(void *out, const char *bytes, size_t length)
{
    weir_buffer_append(out, bytes, length);
    return 0;
}

static bool too_large(encoder *in)
{
    return weir_nest_fail(&in->reader.nest, in->error, "as msgpack more than %zu bytes",
                          in->out->limit);
}

static void open(encoder *in)
{
    in->levels[in->reader.nest.depth - 1] = (level){in->out->length, 0};
    weir_buffer_char(in->out, '\0');
}

/* close_level puts the header in place: fixarray or fixmap, or the count in two or four bytes. */
static bool close_level(encoder *in, bool object)
{
    level *done = &in->levels[in->reader.nest.depth];
    weir_buffer *out = in->out;
    size_t wide = done->count < 16 ? 0 : done->count <= UINT16_MAX ? 2 : 4;
    if (done->count > UINT32_MAX)
        return weir_nest_fail(&in->reader.nest, in->error, "more than %u entries", UINT32_MAX);
    weir_buffer_append(out, "\0\0\0", wide);
    if (out->overflow)
        return too_large(in);
    unsigned char *header = (unsigned char *)out->data + done->header;
    memmove(header + 1 + wide, header + 1, out->length - done->header - 1 - wide);
    if (wide == 0)
        header[0] = (unsigned char)((object ? 0x80 : 0x90) | done->count);
    else
        header[0] = (unsigned char)((object ? 0xDE : 0xDC) | (wide == 4));
    for (size_t i = 0; i < wide; i++)
        header[1 + i] = (unsigned char)(done->count >> (8 * (wide - 1 - i)));
    return true;
}

static bool put_text(encoder *in, const char *text, size_t length)
{
    if (length > UINT32_MAX)
        return weir_nest_fail(&in->reader.nest, in->error, "a text of more than %u bytes",
                              UINT32_MAX);
    msgpack_pack_str(&in->packer, length);
    msgpack_pack_str_body(&in->packer, text, length);
    return true;
}

/* put_number: -0 has a sign that only a double keeps. */
static bool put_number(encoder *in)
{
    const char *text = in->reader.text.data;
    double value;
    if (strpbrk(text, ".eE") || strcmp(text, "-0") == 0) {
        if (!weir_double_read(text, in->reader.text.length, &value))
            return weir_nest_fail(&in->reader.nest, in->error,
                                  "a double cannot hold %.40s without loss", text);
        msgpack_pack_double(&in->packer, value);
        return true;
    }
    errno = 0;
    if (text[0] == '-')
        msgpack_pack_int64(&in->packer, strtoimax(text, NULL, 10));
    else
        msgpack_pack_uint64(&in->packer, strtoumax(text, NULL, 10));
    return errno == 0 || weir_nest_fail(&in->reader.nest, in->error,
                                        "the integer %.40s does not fit 64 bit", text);
}

/* count_entry: a key, or a value in an array, is one more entry of what is open around it. */
static void count_entry(encoder *in, weir_json_token token)
{
    const weir_nest *nest = &in->reader.nest;
    bool opens = token == WEIR_JSON_OPEN_ARRAY || token == WEIR_JSON_OPEN_OBJECT;
    size_t around = nest->depth - opens;
    if (token >= WEIR_JSON_CLOSE_ARRAY || token == WEIR_JSON_END || around == 0)
        return;
    if (nest->levels[around - 1].object == (token == WEIR_JSON_KEY))
        in->levels[around - 1].count++;
}

static bool put(encoder *in, weir_json_token token)
{
    const weir_buffer *text = &in->reader.text;
    size_t length;
    switch (token) {
    case WEIR_JSON_NULL:
        return msgpack_pack_nil(&in->packer) == 0;
    case WEIR_JSON_FALSE:
        return msgpack_pack_false(&in->packer) == 0;
    case WEIR_JSON_TRUE:
        return msgpack_pack_true(&in->packer) == 0;
    case WEIR_JSON_NUMBER:
        return put_number(in);
    case WEIR_JSON_STRING:
        return put_text(in, text->length ? text->data : "", text->length);
    case WEIR_JSON_KEY: {
        const char *key = weir_nest_last(&in->reader.nest, &length);
        return put_text(in, key, length);
    }
    case WEIR_JSON_OPEN_ARRAY:
    case WEIR_JSON_OPEN_OBJECT:
        open(in);
        return true;
    case WEIR_JSON_CLOSE_ARRAY:
    case WEIR_JSON_CLOSE_OBJECT:
        return close_level(in, token == WEIR_JSON_CLOSE_OBJECT);
    case WEIR_JSON_END:
        break;
    }
    return true;
}

bool weir_json_to_msgpack(const char *json, size_t length, weir_buffer *out, weir_error *error)
{
    encoder in = {.out = out, .error = error};
    weir_json_token token = WEIR_JSON_NULL;
    bool ok = true;
    weir_json_reader_open(&in.reader, json, length, WEIR_CODEC_DEPTH);
    in.reader.keep_text = true;
    msgpack_packer_init(&in.packer, out, write_bytes);
    while (ok && token != WEIR_JSON_END) {
        ok = weir_json_reader_next(&in.reader, &token, error);
        if (!ok)
            break;
        count_entry(&in, token);
        ok = put(&in, token) && (!out->overflow || too_large(&in));
    }
    weir_json_reader_close(&in.reader);
    return ok;
}
