/* Further headers and other forms of the value: what readers of Debezium's outbox event router
 * expect, beside weir's own headers, which stay what they are.
 *
 * Whatever is configured, a message keeps its chain, and ce_valueform says how to get its JSON. */
#include "producer/shape_int.h"

#include <string.h>

static const struct {
    const char *field, *header;
} fields[] = {
    {"id", "ce_id"},
    {"type", "ce_type"},
    {"time", "ce_time"},
    {"aggregate_id", "ce_subject"},
    {"content_type", "content-type"},
    {"aggregate_type", "ce_aggregatetype"},
    {"version", "ce_aggregateversion"},
    {"position", "ce_position"},
    {"schema_version", "ce_schemaversion"},
    {"recorded_time", "ce_recordedtime"},
};

#define METADATA "metadata."

static bool is_ours(const char *name)
{
    return strncmp(name, "ce_", 3) == 0 || strcmp(name, "content-type") == 0 ||
           strcmp(name, "traceparent") == 0 || strcmp(name, "tracestate") == 0;
}

static bool find_field(const char *field, weir_alias *alias)
{
    if (strncmp(field, METADATA, sizeof METADATA - 1) == 0) {
        alias->key = field + sizeof METADATA - 1;
        return *alias->key != '\0';
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(fields[i].field, field) == 0)
            alias->header = fields[i].header;
    return alias->header != NULL;
}

bool weir_shape_read(const weir_config *config, weir_shape *shape, weir_error *error)
{
    const char *where = weir_config_source(config, "relay.headers");
    size_t count = weir_config_count(config, "relay.headers");
    *shape = (weir_shape){.form = weir_value_form_named(weir_config_text(config, "relay.value"))};
    if (count > WEIR_ALIASES_MOST)
        return weir_fail(error, WEIR_FATE_CONFIG, "%s: relay.headers has %zu headers, at most %d",
                         where, count, WEIR_ALIASES_MOST);
    for (; shape->count < count; shape->count++) {
        weir_alias *alias = &shape->aliases[shape->count];
        const char *field = weir_config_item(config, "relay.headers", shape->count);
        alias->name = weir_config_item_key(config, "relay.headers", shape->count);
        if (is_ours(alias->name))
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "%s: relay.headers: weir writes the header '%s' itself", where,
                             alias->name);
        if (!find_field(field, alias))
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "%s: relay.headers: '%s' cannot be '%s', but id, type, time, version, "
                             "position, aggregate_id, aggregate_type, content_type, "
                             "schema_version, recorded_time or metadata.KEY",
                             where, alias->name, field);
    }
    return true;
}

static bool is_tombstone(const weir_event *event)
{
    return strcmp(event->type, WEIR_TOMBSTONE) == 0;
}

static bool is_wrapped(const weir_shape *shape, const weir_event *event)
{
    return shape->form != WEIR_VALUE_PAYLOAD && !event->binary && !is_tombstone(event);
}

const char *weir_shape_value(const weir_shape *shape, const weir_event *event, weir_buffer *buffer,
                             size_t *length)
{
    *length = is_tombstone(event) ? 0 : event->data_length;
    if (!is_wrapped(shape, event))
        return is_tombstone(event) ? NULL : event->data;
    weir_value_wrap(shape->form, event->data, event->data_length, buffer);
    *length = buffer->length;
    return buffer->data;
}

void weir_shape_headers(const weir_shape *shape, const weir_event *event, weir_headers *headers)
{
    if (is_wrapped(shape, event))
        weir_headers_add(headers, "ce_valueform", weir_value_form_name(shape->form));
    for (size_t i = 0; i < shape->count; i++) {
        const weir_alias *alias = &shape->aliases[i];
        if (alias->header)
            weir_headers_alias(headers, alias->name, alias->header);
        else
            weir_headers_add_metadata(headers, alias->name, alias->key);
    }
}
