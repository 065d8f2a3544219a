/* The forms in which the value of a message can hold an event's JSON. Pure.
 *
 * payload is the JSON itself. string and schema are how Kafka Connect's JsonConverter writes a JSON
 * column: as one JSON string, without or with its schema around it. Wrapping loses nothing: the
 * string is the JSON, character by character. */
#ifndef WEIR_STORE_VALUE_FORM_H
#define WEIR_STORE_VALUE_FORM_H

#include "base/base.h"

typedef enum weir_value_form {
    WEIR_VALUE_PAYLOAD,
    WEIR_VALUE_STRING,
    WEIR_VALUE_SCHEMA,
    WEIR_VALUE_FORM_COUNT, /* none of them */
} weir_value_form;

/* weir_value_form_named: "payload", "string", "schema"; COUNT for any other name. */
weir_value_form weir_value_form_named(const char *name);
const char *weir_value_form_name(weir_value_form form);

/* weir_value_wrap puts JSON into buffer in that form, replacing what was there. */
void weir_value_wrap(weir_value_form form, const char *json, size_t length, weir_buffer *buffer);

/* weir_value_unwrap puts the JSON of a wrapped value into buffer. POISON for what is not of that
 * form. */
WEIR_MUST_USE bool weir_value_unwrap(weir_value_form form, const char *value, size_t length,
                                     weir_buffer *buffer, weir_error *error);

#endif
