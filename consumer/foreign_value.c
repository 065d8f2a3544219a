/* The JSON of a foreign message.
 *
 * Kafka Connect's JsonConverter puts {"schema": …, "payload": …} around a value if schemas are
 * enabled, and what was a column of JSON is a text in it, or in its place. Which of that holds the
 * message itself shows, so nothing has to be configured: two members of these names, the first an
 * object or null, are a wrapping; a text that begins like an object or array must be one. */
#include "consumer/foreign_value_int.h"

#include <string.h>

static weir_slice trim(const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r\n", *text))
        text++, length--;
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    return (weir_slice){text, length};
}

static bool fail_full(weir_error *error)
{
    return weir_fail(error, WEIR_FATE_POISON, "the message is larger than the memory of a batch");
}

static bool is_text(weir_slice json)
{
    return json.length > 0 && json.text[0] == '"';
}

/* The payload of a value that has a schema; json must be JSON. */
static bool take_payload(weir_slice *json)
{
    weir_json_walk walk;
    weir_slice key, value, payload = {0};
    size_t schemas = 0, payloads = 0, others = 0;
    if (!weir_json_object(&walk, json->text, json->length))
        return false;
    while (weir_json_next(&walk, &key, &value)) {
        bool is_schema = weir_json_is(key, "schema") &&
                         (value.text[0] == '{' || (value.length == 4 && value.text[0] == 'n'));
        bool is_payload = weir_json_is(key, "payload");
        schemas += is_schema;
        payloads += is_payload;
        others += !is_schema && !is_payload;
        payload = is_payload ? value : payload;
    }
    if (schemas != 1 || payloads != 1 || others > 0)
        return false;
    *json = payload;
    return true;
}

static bool decode(weir_slice *json, weir_arena *arena)
{
    const char *text = weir_json_decode(*json, arena);
    if (text)
        *json = (weir_slice){text, strlen(text)};
    return text != NULL;
}

/* A text that holds an object or array is that. */
static bool open_text(weir_slice *json, weir_arena *arena, weir_error *error)
{
    weir_slice text = *json;
    if (!is_text(text))
        return true;
    if (!decode(&text, arena))
        return fail_full(error);
    text = trim(text.text, text.length);
    if (text.length == 0 || !strchr("{[", text.text[0]))
        return true;
    if (!weir_json_check(text.text, text.length, error))
        return weir_error_prefix(error, "the JSON in the value's text");
    *json = text;
    return true;
}

bool weir_foreign_value_read(weir_foreign_value *value, weir_payload payload, bool unwrap,
                             weir_arena *arena, weir_error *error)
{
    *value = (weir_foreign_value){trim(payload.bytes, payload.length), unwrap};
    if (payload.length == 0)
        return weir_fail(error, WEIR_FATE_POISON, "the value is empty: that is no JSON");
    if (!weir_json_check(payload.bytes, payload.length, error))
        return weir_error_prefix(error, "the value is not taken as JSON");
    if (!unwrap)
        return true;
    take_payload(&value->json);
    return open_text(&value->json, arena, error);
}

/* The member that a path leads to; length 0: there is none. */
static weir_slice find(weir_slice json, const char *path)
{
    char name[256];
    for (const char *at = path; at; at = *at == '.' ? at + 1 : NULL) {
        size_t length = strcspn(at, ".");
        weir_json_walk walk;
        weir_slice key, value, found = {0};
        if (length >= sizeof name || !weir_json_object(&walk, json.text, json.length))
            return (weir_slice){0};
        memcpy(name, at, length);
        name[length] = '\0';
        while (weir_json_next(&walk, &key, &value))
            if (weir_json_is(key, name))
                found = value;
        json = found;
        if (json.length == 0)
            return json;
        at += length;
    }
    return json;
}

bool weir_foreign_value_data(const weir_foreign_value *value, const char *path, weir_arena *arena,
                             weir_slice *data, weir_error *error)
{
    *data = path ? find(value->json, path) : value->json;
    if (data->length == 0)
        return weir_fail(error, WEIR_FATE_POISON, "its data: the value has no field %s", path);
    return !value->unwrap || open_text(data, arena, error);
}

bool weir_foreign_field_text(const weir_foreign_value *value, const char *path, weir_arena *arena,
                             weir_slice *text, weir_error *error)
{
    *text = find(value->json, path);
    if (text->length == 0)
        return weir_fail(error, WEIR_FATE_POISON, "the value has no field %s", path);
    if (strchr("{[n", text->text[0]))
        return weir_fail(error, WEIR_FATE_POISON, "the field %s is neither text nor number", path);
    return !is_text(*text) || decode(text, arena) || fail_full(error);
}

bool weir_foreign_unwrap_text(weir_slice *text, weir_arena *arena)
{
    weir_error ignored;
    if (text->length == 0 || !strchr("\"{", text->text[0]) ||
        !weir_json_check(text->text, text->length, &ignored))
        return true;
    weir_slice json = trim(text->text, text->length);
    bool wrapped = take_payload(&json);
    if (is_text(json)) {
        if (!decode(&json, arena))
            return false;
        *text = json;
    } else if (wrapped && !strchr("{[n", json.text[0])) {
        *text = json;
    }
    return true;
}
