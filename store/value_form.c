/* Wrapping and unwrapping of values. Written by hand, since it runs once per event; read with
 * jansson, since a mirror may have written it again in its own way. */
#include "store/value_form.h"

#include <jansson.h>
#include <string.h>

#define SCHEMA                                                                                     \
    "{\"schema\":{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Json\","       \
    "\"version\":1},\"payload\":"

static const char *const names[WEIR_VALUE_FORM_COUNT] = {"payload", "string", "schema"};

weir_value_form weir_value_form_named(const char *name)
{
    weir_value_form form = WEIR_VALUE_PAYLOAD;
    while (form < WEIR_VALUE_FORM_COUNT && strcmp(names[form], name) != 0)
        form++;
    return form;
}

const char *weir_value_form_name(weir_value_form form)
{
    return names[form];
}

void weir_value_wrap(weir_value_form form, const char *json, size_t length, weir_buffer *buffer)
{
    weir_buffer_clear(buffer);
    if (form == WEIR_VALUE_PAYLOAD)
        weir_buffer_append(buffer, json, length);
    if (form == WEIR_VALUE_SCHEMA)
        weir_buffer_text(buffer, SCHEMA);
    if (form != WEIR_VALUE_PAYLOAD)
        weir_buffer_json(buffer, json, length);
    if (form == WEIR_VALUE_SCHEMA)
        weir_buffer_char(buffer, '}');
}

bool weir_value_unwrap(weir_value_form form, const char *value, size_t length, weir_buffer *buffer,
                       weir_error *error)
{
    weir_buffer_clear(buffer);
    if (form == WEIR_VALUE_PAYLOAD) {
        weir_buffer_append(buffer, value, length);
        return true;
    }
    json_t *read = json_loadb(value, length, JSON_DECODE_ANY, NULL);
    const json_t *text = form == WEIR_VALUE_SCHEMA ? json_object_get(read, "payload") : read;
    bool ok = json_is_string(text);
    if (ok)
        weir_buffer_append(buffer, json_string_value(text), json_string_length(text));
    json_decref(read);
    return ok ||
           weir_fail(error, WEIR_FATE_POISON,
                     "the value is not JSON in the form '%s', as its headers say", names[form]);
}
