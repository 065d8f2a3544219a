/* JSON as anybody may send it.
 *
 * Claims: jansson agrees on what is JSON, numbers apart, whose range is ours; what becomes msgpack
 * is what msgpack-c reads, and comes back as JSON that becomes the same msgpack. */
#include <jansson.h>
#include <msgpack.h>

#include "store/codec.h"
#include "store/event.h"
#include "tests/fuzz/fuzz.h"

static bool about_numbers(const char *message)
{
    return strstr(message, "out of range") || strstr(message, "real number overflow") ||
           strstr(message, "levels") || strstr(message, "maximum parsing depth");
}

static void compare_with_jansson(const char *json, size_t length, bool ok, const weir_error *error)
{
    json_error_t why;
    if (memchr(json, '\0', length)) /* jansson 2.14 steps over one that follows a number */
        return;
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL;
    json_t *value = json_loadb(json, length, flags, &why);
    if (!about_numbers(ok ? why.text : error->message))
        CLAIM(ok == (value != NULL), "%s / %s", ok ? "accepted" : error->message,
              value ? "accepted" : why.text);
    json_decref(value);
}

static void claim_readable(const weir_buffer *packed)
{
    msgpack_unpacked read;
    size_t offset = 0;
    msgpack_unpacked_init(&read);
    CLAIM(msgpack_unpack_next(&read, packed->data, packed->length, &offset) ==
              MSGPACK_UNPACK_SUCCESS,
          "msgpack-c cannot read it");
    CLAIM(offset == packed->length, "msgpack-c leaves some");
    msgpack_unpacked_destroy(&read);
}

static void claim_round_trip(const weir_buffer *packed)
{
    weir_error error = {0};
    weir_buffer json = WEIR_BUFFER(weir_msgpack_json_limit(packed->length));
    weir_buffer again = WEIR_BUFFER(packed->length);
    CLAIM(weir_msgpack_to_json(packed->data, packed->length, &json, &error), "%s", error.message);
    CLAIM(weir_json_check(json.data, json.length, &error), "%s", error.message);
    CLAIM(weir_json_to_msgpack(json.data, json.length, &again, &error), "%s", error.message);
    claim_equal(packed, &again, "msgpack and msgpack again");
    weir_buffer_free(&json);
    weir_buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *json = (const char *)bytes;
    weir_error error = {0};
    weir_buffer packed = WEIR_BUFFER(length * 9 + 16);
    bool ok = weir_json_check(json, length, &error);
    if (!ok)
        claim_refused(&error);
    compare_with_jansson(json, length, ok, &error);
    if (weir_json_to_msgpack(json, length, &packed, &error)) {
        CLAIM(ok, "the codec takes what the check refuses");
        claim_readable(&packed);
        claim_round_trip(&packed);
    } else {
        claim_refused(&error);
    }
    weir_buffer_free(&packed);
    return 0;
}
