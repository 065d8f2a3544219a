/* The metadata that events carry through a chain of causes.
 *
 * An event's own metadata always wins, and its text is never printed anew: what the context adds is
 * put in front of it, so that a number keeps its digits. */
#include "store/message_context.h"

#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct field {
    const char *key;
    size_t at;
} fields[] = {
    {"correlationid", offsetof(weir_message_context, correlation_id)},
    {"causationid", offsetof(weir_message_context, causation_id)},
    {"userid", offsetof(weir_message_context, user_id)},
    {"traceparent", offsetof(weir_message_context, traceparent)},
};
#define FIELDS (sizeof fields / sizeof *fields)

static const char *value_of(const weir_message_context *context, const struct field *field)
{
    const char *value;
    memcpy(&value, (const char *)context + field->at, sizeof value);
    return value;
}

static void set_value(weir_message_context *context, const struct field *field, const char *value)
{
    memcpy((char *)context + field->at, &value, sizeof value);
}

weir_message_context *weir_context_copy(const weir_message_context *context)
{
    size_t bytes = sizeof *context;
    for (size_t i = 0; i < FIELDS; i++)
        if (value_of(context, &fields[i]))
            bytes += strlen(value_of(context, &fields[i])) + 1;
    weir_message_context *copy = weir_calloc(1, bytes);
    char *end = (char *)(copy + 1);
    for (size_t i = 0; i < FIELDS; i++) {
        const char *value = value_of(context, &fields[i]);
        if (!value)
            continue;
        size_t length = strlen(value) + 1;
        set_value(copy, &fields[i], memcpy(end, value, length));
        end += length;
    }
    return copy;
}

weir_message_context *weir_context_caused_by(const weir_event *event)
{
    char id[WEIR_UUID_TEXT];
    weir_message_context context = {0};
    json_t *metadata =
        json_loadb(event->metadata, event->metadata_length, JSON_DECODE_INT_AS_REAL, NULL);
    for (size_t i = 0; i < FIELDS; i++)
        set_value(&context, &fields[i],
                  json_string_value(json_object_get(metadata, fields[i].key)));
    weir_uuid_format(&event->id, id);
    context.causation_id = id;
    if (!context.correlation_id)
        context.correlation_id = id;
    weir_message_context *copy = weir_context_copy(&context);
    json_decref(metadata);
    return copy;
}

/* Appends the members of the context that own lacks, each followed by a comma. */
static void add_members(const weir_message_context *context, const json_t *own, weir_buffer *to)
{
    for (size_t i = 0; i < FIELDS; i++) {
        const char *value = value_of(context, &fields[i]);
        if (!value || json_object_get(own, fields[i].key))
            continue;
        weir_buffer_format(to, "\"%s\":", fields[i].key);
        weir_buffer_json(to, value, strlen(value));
        weir_buffer_char(to, ',');
    }
}

bool weir_context_metadata(const weir_message_context *context, const char *own,
                           weir_buffer *metadata, weir_error *error)
{
    static const weir_message_context nothing;
    const char *text = own ? own : "{}";
    json_t *parsed = json_loads(text, JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(parsed)) {
        json_decref(parsed);
        return weir_fail(error, WEIR_FATE_POISON, "metadata must be a JSON object");
    }
    weir_buffer_char(metadata, '{');
    add_members(context ? context : &nothing, parsed, metadata);
    if (json_object_size(parsed) > 0)
        weir_buffer_text(metadata, strchr(text, '{') + 1);
    else if (metadata->data && metadata->data[metadata->length - 1] == ',')
        metadata->data[metadata->length - 1] = '}';
    else
        weir_buffer_char(metadata, '}');
    json_decref(parsed);
    return !metadata->overflow ||
           weir_fail(error, WEIR_FATE_POISON, "metadata is longer than %zu bytes", metadata->limit);
}
