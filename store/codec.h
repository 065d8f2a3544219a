/* codec: JSON text and msgpack as two spellings of the same value.
 *
 * Without loss for what both can express; the rest is refused with the path of the value at fault,
 * a JSON Pointer: "/items/3/price: NaN has no JSON". What both can express: null, booleans,
 * integers of 64 bit, signed or unsigned, doubles, UTF-8 text without U+0000, arrays, and objects
 * whose keys are distinct texts, nested at most WEIR_CODEC_DEPTH deep. A JSON number with a point
 * or exponent is a double, if it prints back to the same decimal value (0.1 does,
 * 0.1000000000000000000001 does not); a double is written with a point or exponent, so that it
 * comes back as one. Key order and every value are kept; blanks, escapes and the width of a msgpack
 * integer are not.
 *
 * Memory is bounded by the input's size. Pure; any thread. */
#ifndef WEIR_STORE_CODEC_H
#define WEIR_STORE_CODEC_H

#include "base/buffer.h"

#define WEIR_CODEC_DEPTH 32 /* arrays and objects in each other; what msgpack-c reads back */

/* weir_is_msgpack: a media type whose content is msgpack: application/msgpack, its older names
 * x-msgpack and vnd.msgpack, and …+msgpack, before any parameters. */
bool weir_is_msgpack(const char *content_type);

/* weir_json_to_msgpack appends the one JSON value as msgpack, in its shortest form. POISON with the
 * path, also when out has reached its limit. What was appended before an error stays. */
WEIR_MUST_USE bool weir_json_to_msgpack(const char *json, size_t length, weir_buffer *out,
                                        weir_error *error);

/* weir_msgpack_to_json appends the one msgpack value as JSON without blanks. Errors as above; bin,
 * ext (so timestamps), keys that are no texts and bytes after the value are refused. */
WEIR_MUST_USE bool weir_msgpack_to_json(const char *bytes, size_t length, weir_buffer *out,
                                        weir_error *error);

/* weir_msgpack_json_limit is the most that msgpack of this length can become as JSON, in bytes. */
size_t weir_msgpack_json_limit(size_t length);

#endif
