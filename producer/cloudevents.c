/* The headers of one event.
 *
 * Runs once per event on the relay's only thread, so numbers are written by hand, and metadata is
 * parsed only when there is some. Metadata travels as its five well-known headers when that says
 * all of it, and otherwise as a whole in ce_metadata too. */
#include "producer/cloudevents_int.h"

#include <jansson.h>
#include <string.h>

static void add(weir_headers *headers, const char *name, const char *value, size_t length)
{
    weir_header *header = &headers->list[headers->count++];
    *header = (weir_header){name, strlen(name), value, length};
    headers->bytes += header->name_length + length;
}

static void add_text(weir_headers *headers, const char *name, const char *value)
{
    add(headers, name, value, strlen(value));
}

static void add_number(weir_headers *headers, const char *name, int64_t value)
{
    char digits[20]; /* no number here is negative */
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    char *text = headers->text + headers->used;
    size_t length = sizeof digits - at;
    memcpy(text, digits + at, length);
    headers->used += length;
    add(headers, name, text, length);
}

static void add_time(weir_headers *headers, const char *name, int64_t time_us)
{
    char *text = headers->text + headers->used;
    size_t length = weir_clock_format(time_us, text);
    headers->used += length;
    add(headers, name, text, length);
}

static void add_id(weir_headers *headers, const weir_uuid *id)
{
    char *text = headers->text + headers->used;
    weir_uuid_format(id, text);
    headers->used += WEIR_UUID_TEXT - 1;
    add(headers, "ce_id", text, WEIR_UUID_TEXT - 1);
}

static const struct {
    const char *key, *header;
} well_known[] = {
    {"correlationid", "ce_correlationid"},
    {"causationid", "ce_causationid"},
    {"userid", "ce_userid"},
    {"traceparent", "traceparent"},
    {"tracestate", "tracestate"},
};

/* JSON that jansson does not read (numbers beyond its range) cannot be said in text headers. */
static void add_metadata(weir_headers *headers, const weir_event *event)
{
    if (event->metadata_length == 2)
        return; /* {} */
    json_t *metadata = json_loadb(event->metadata, event->metadata_length, 0, NULL);
    size_t said = 0;
    for (size_t i = 0; i < sizeof well_known / sizeof *well_known; i++) {
        const json_t *value = json_object_get(metadata, well_known[i].key);
        if (!json_is_string(value))
            continue;
        add(headers, well_known[i].header, json_string_value(value), json_string_length(value));
        said++;
    }
    if (!metadata || said < json_object_size(metadata))
        add(headers, "ce_metadata", event->metadata, event->metadata_length);
    headers->metadata = metadata;
}

void weir_headers_make(weir_headers *headers, const weir_event *event, const weir_chain *chain)
{
    headers->count = headers->bytes = headers->used = 0;
    headers->metadata = NULL;
    add(headers, "ce_specversion", "1.0", 3);
    add_id(headers, &event->id);
    add_text(headers, "ce_source", chain->source);
    add_text(headers, "ce_type", event->type);
    add_time(headers, "ce_time", event->time_us);
    add_text(headers, "ce_subject", event->aggregate_id);
    add_text(headers, "content-type", event->content_type);
    add_text(headers, "ce_aggregatetype", event->aggregate_type);
    add_number(headers, "ce_aggregateversion", event->version);
    add_number(headers, "ce_position", event->position);
    add_number(headers, "ce_prevposition", chain->previous);
    add_text(headers, "ce_storeid", chain->store_id);
    add_number(headers, "ce_schemaversion", event->schema_version);
    add_time(headers, "ce_recordedtime", event->recorded_at_us);
    add_metadata(headers, event);
}

void weir_headers_done(weir_headers *headers)
{
    json_decref(headers->metadata);
    headers->metadata = NULL;
}

void weir_headers_add(weir_headers *headers, const char *name, const char *value)
{
    add_text(headers, name, value);
}

void weir_headers_alias(weir_headers *headers, const char *name, const char *of)
{
    for (size_t i = 0; i < headers->count; i++) {
        const weir_header *header = &headers->list[i];
        if (strcmp(header->name, of) == 0) {
            add(headers, name, header->value, header->length);
            return;
        }
    }
}

void weir_headers_add_metadata(weir_headers *headers, const char *name, const char *key)
{
    const json_t *value = json_object_get(headers->metadata, key);
    if (json_is_string(value))
        add(headers, name, json_string_value(value), json_string_length(value));
}
