/* The bytes of a dead letter, as they are and as JSON. */
#ifndef WEIR_APP_DLQ_VALUE_H
#define WEIR_APP_DLQ_VALUE_H

#include "app/output.h"
#include "store/connection.h"
#include "store/value_form.h"

typedef struct weir_letter_value {
    char *bytes; /* NUL-terminated */
    size_t length;
    bool is_text;     /* UTF-8 without NUL */
    const char *json; /* of a payload that is JSON, or msgpack that can be JSON; else NULL */
    size_t json_length;
    weir_buffer made; /* JSON that was not there as such */
} weir_letter_value;

/* How the letter's payload is written: from its headers; JSON without them. */
typedef struct weir_letter_shape {
    const char *content_type;
    weir_value_form form;
    weir_letter_value type; /* holds content_type */
} weir_letter_shape;

/* weir_letter_shape_read reads it from the rows of cli_letter_headers. Free it. */
void weir_letter_shape_read(weir_letter_shape *shape, const weir_result *headers);
void weir_letter_shape_free(weir_letter_shape *shape);

/* weir_letter_value_read decodes base64 (NULL is nothing: false). With a shape it is a payload, and
 * json is looked for. Free it in any case. */
bool weir_letter_value_read(weir_letter_value *value, const char *base64,
                            const weir_letter_shape *shape);
void weir_letter_value_free(weir_letter_value *value);

/* weir_letter_payload_make appends JSON as a payload of that shape. POISON (INVALID) for JSON that
 * jsonb or the shape does not take. */
WEIR_MUST_USE bool weir_letter_payload_make(const weir_letter_shape *shape, const char *json,
                                            size_t length, weir_buffer *payload, weir_error *error);

/* weir_json_pretty writes JSON over several lines, with what could talk to a terminal escaped. For
 * text that weir_json_check accepted. */
void weir_json_pretty(const char *json, size_t length, weir_output *output);

#endif
