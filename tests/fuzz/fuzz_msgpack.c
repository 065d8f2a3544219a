/* msgpack as anybody may send it.
 *
 * Claims: what becomes JSON is what msgpack-c reads, all of it; the JSON is acceptable; and it
 * comes back as msgpack that becomes the same JSON. The bytes may differ: msgpack has several
 * spellings. */
#include <msgpack.h>

#include "store/codec.h"
#include "store/event.h"
#include "tests/fuzz/fuzz.h"

/* widen makes every float a double, which is what JSON gives back. */
static void widen(msgpack_object *object)
{
    if (object->type == MSGPACK_OBJECT_FLOAT32)
        object->type = MSGPACK_OBJECT_FLOAT64;
    for (uint32_t i = 0; object->type == MSGPACK_OBJECT_ARRAY && i < object->via.array.size; i++)
        widen(&object->via.array.ptr[i]);
    for (uint32_t i = 0; object->type == MSGPACK_OBJECT_MAP && i < object->via.map.size; i++)
        widen(&object->via.map.ptr[i].val);
}

static void unpack(const char *bytes, size_t length, msgpack_unpacked *read)
{
    size_t offset = 0;
    msgpack_unpacked_init(read);
    CLAIM(msgpack_unpack_next(read, bytes, length, &offset) == MSGPACK_UNPACK_SUCCESS,
          "msgpack-c cannot read it");
    CLAIM(offset == length, "msgpack-c leaves some");
    widen(&read->data);
}

static void claim_same_value(const char *bytes, size_t length, const weir_buffer *packed)
{
    msgpack_unpacked one, other;
    unpack(bytes, length, &one);
    unpack(packed->data, packed->length, &other);
    CLAIM(msgpack_object_equal(one.data, other.data), "another value");
    msgpack_unpacked_destroy(&one);
    msgpack_unpacked_destroy(&other);
}

static void claim_round_trip(const char *bytes, size_t length, const weir_buffer *json)
{
    weir_error error = {0};
    weir_buffer packed = WEIR_BUFFER(length * 2 + 16); /* a float becomes a double */
    weir_buffer again = WEIR_BUFFER(json->length);
    CLAIM(weir_json_check(json->data, json->length, &error), "%s", error.message);
    CLAIM(weir_json_to_msgpack(json->data, json->length, &packed, &error), "%s", error.message);
    claim_same_value(bytes, length, &packed);
    CLAIM(weir_msgpack_to_json(packed.data, packed.length, &again, &error), "%s", error.message);
    claim_equal(json, &again, "JSON and JSON again");
    weir_buffer_free(&packed);
    weir_buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *packed = (const char *)bytes;
    weir_error error = {0};
    weir_buffer json = WEIR_BUFFER(weir_msgpack_json_limit(length));
    if (weir_msgpack_to_json(packed, length, &json, &error)) {
        claim_round_trip(packed, length, &json);
    } else {
        claim_refused(&error);
        CLAIM(!json.overflow, "the limit is too low");
    }
    weir_buffer_free(&json);
    return 0;
}
