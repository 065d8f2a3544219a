/* A letter's value: kept as bytes, shown and edited as JSON.
 *
 * What was edited must be readable for the runtime in the original's place, so it is written in the
 * same form: wrapped where the relay wrapped, msgpack where that was msgpack. */
#include "app/dlq_value.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "store/codec.h"
#include "store/event.h"

#define MADE ((size_t)256 * 1024 * 1024)
#define INDENT 2

static bool is_text(const char *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t step = bytes[at] ? weir_utf8_length(bytes + at, length - at) : 0;
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

/* find_json looks for the JSON in a payload. */
static void find_json(weir_letter_value *value, const weir_letter_shape *shape)
{
    weir_error ignored;
    bool made = false;
    value->made = WEIR_BUFFER(MADE);
    if (weir_is_msgpack(shape->content_type))
        made = weir_msgpack_to_json(value->bytes, value->length, &value->made, &ignored);
    else if (shape->form != WEIR_VALUE_PAYLOAD && shape->form != WEIR_VALUE_FORM_COUNT)
        made = weir_value_unwrap(shape->form, value->bytes, value->length, &value->made, &ignored);
    value->json = made ? value->made.data : value->bytes;
    value->json_length = made ? value->made.length : value->length;
    if (!weir_json_check(value->json, value->json_length, &ignored))
        value->json = NULL;
}

bool weir_letter_value_read(weir_letter_value *value, const char *base64,
                            const weir_letter_shape *shape)
{
    *value = (weir_letter_value){0};
    if (!base64)
        return false;
    size_t length = strlen(base64);
    value->bytes = weir_malloc(length / 4 * 3 + 1);
    if (!weir_base64_decode(base64, length, value->bytes, &value->length))
        return false;
    value->bytes[value->length] = '\0';
    value->is_text = is_text(value->bytes, value->length);
    if (shape)
        find_json(value, shape);
    return true;
}

void weir_letter_value_free(weir_letter_value *value)
{
    free(value->bytes);
    weir_buffer_free(&value->made);
    *value = (weir_letter_value){0};
}

void weir_letter_shape_read(weir_letter_shape *shape, const weir_result *headers)
{
    *shape = (weir_letter_shape){.content_type = "application/json", .form = WEIR_VALUE_PAYLOAD};
    /* What others call the content of their messages says nothing here. */
    if (weir_result_rows(headers) > 0 && weir_result_bool(headers, 0, 2))
        return;
    for (int i = 0; i < weir_result_rows(headers); i++) {
        const char *name = weir_result_value(headers, i, 0);
        weir_letter_value value = {0};
        if (name && strcmp(name, "content-type") == 0 && !shape->type.bytes &&
            weir_letter_value_read(&shape->type, weir_result_value(headers, i, 1), NULL))
            shape->content_type = shape->type.bytes;
        if (name && strcmp(name, "ce_valueform") == 0 &&
            weir_letter_value_read(&value, weir_result_value(headers, i, 1), NULL))
            shape->form = weir_value_form_named(value.bytes);
        weir_letter_value_free(&value);
    }
}

void weir_letter_shape_free(weir_letter_shape *shape)
{
    weir_letter_value_free(&shape->type);
}

bool weir_letter_payload_make(const weir_letter_shape *shape, const char *json, size_t length,
                              weir_buffer *payload, weir_error *error)
{
    bool ok = weir_json_check(json, length, error);
    if (ok && weir_is_msgpack(shape->content_type))
        ok = weir_json_to_msgpack(json, length, payload, error);
    else if (ok && !weir_is_json(shape->content_type))
        ok = weir_fail(error, WEIR_FATE_POISON, "it is %s: only JSON and msgpack can be edited",
                       shape->content_type);
    else if (ok && shape->form != WEIR_VALUE_PAYLOAD && shape->form != WEIR_VALUE_FORM_COUNT)
        weir_value_wrap(shape->form, json, length, payload);
    else if (ok)
        weir_buffer_append(payload, json, length);
    if (ok && payload->overflow)
        ok = weir_fail(error, WEIR_FATE_POISON, "it is too large");
    if (!ok)
        error->code = WEIR_INVALID;
    return ok;
}

static void new_line(weir_output *output, size_t depth)
{
    weir_output_format(output, "\n%*s", (int)(depth * INDENT), "");
}

/* write_string copies a JSON string, whose first quote is at json[at], and returns where it ends.
 */
static size_t write_string(const char *json, size_t length, size_t at, weir_output *output)
{
    for (size_t from = at; at < length; at++) {
        unsigned char c = (unsigned char)json[at];
        bool control = c == 0xC2 && at + 1 < length && (unsigned char)json[at + 1] < 0xA0;
        if (c == 0x7F || control) /* DEL and U+0080 to U+009F, which JSON lets stand */
            weir_output_format(output, "\\u00%02x", control ? (unsigned char)json[++at] : c);
        else
            weir_output_bytes(output, json + at, 1);
        if (c == '\\' && at + 1 < length)
            weir_output_bytes(output, json + ++at, 1);
        else if (c == '"' && at > from)
            return at;
    }
    return at;
}

void weir_json_pretty(const char *json, size_t length, weir_output *output)
{
    size_t depth = 0;
    for (size_t at = 0; at < length; at++) {
        char c = json[at];
        if (strchr(" \t\r\n", c))
            continue;
        if (c == '"') {
            at = write_string(json, length, at, output);
            continue;
        }
        size_t next = at + 1 + (at + 1 < length ? strspn(json + at + 1, " \t\r\n") : 0);
        bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
        bool empty = opens && next < length && (json[next] == '}' || json[next] == ']');
        if (closes)
            new_line(output, --depth);
        weir_output_bytes(output, &c, 1);
        if (c == ':')
            weir_output_text(output, " ");
        else if (c == ',')
            new_line(output, depth);
        else if (empty)
            weir_output_bytes(output, json + (at = next), 1);
        else if (opens)
            new_line(output, ++depth);
    }
    weir_output_text(output, "\n");
}
