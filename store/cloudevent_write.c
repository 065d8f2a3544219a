/* An event as a CloudEvents line.
 *
 * Metadata becomes attributes where CloudEvents allows it (a lower-case name, a text, boolean or
 * whole number) and goes to the object "metadata" where not, so that nothing is lost. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "store/cloudevent.h"

static void member(weir_buffer *buffer, const char *name, const char *text)
{
    weir_buffer_format(buffer, ",\"%s\":", name);
    weir_buffer_json(buffer, text, strlen(text));
}

static void time_member(weir_buffer *buffer, const char *name, int64_t time_us)
{
    char text[WEIR_TIME_TEXT];
    weir_clock_format(time_us, text);
    member(buffer, name, text);
}

static bool is_name(weir_slice key)
{
    for (size_t i = 1; i + 1 < key.length; i++)
        if (!islower((unsigned char)key.text[i]) && !isdigit((unsigned char)key.text[i]))
            return false;
    return key.length > 2;
}

static bool is_simple(weir_slice value)
{
    char c = value.text[0];
    if (c == '-' || isdigit((unsigned char)c))
        return !memchr(value.text, '.', value.length) && !memchr(value.text, 'e', value.length) &&
               !memchr(value.text, 'E', value.length);
    return c == '"' || c == 't' || c == 'f';
}

static bool is_attribute(weir_slice key, weir_slice value)
{
    return is_name(key) && is_simple(value) && !weir_cloudevent_known(key);
}

/* is_source: this metadata is the CloudEvents source, and reading it back keeps it. */
static bool is_source(weir_slice key, weir_slice value, const char *standard)
{
    return weir_json_is(key, "source") && value.text[0] == '"' && value.length > 2 &&
           !weir_json_is(value, standard);
}

static void write_source(weir_buffer *buffer, const weir_event *event, const char *standard)
{
    weir_json_walk walk;
    weir_slice key, value;
    if (weir_json_object(&walk, event->metadata, event->metadata_length)) {
        while (weir_json_next(&walk, &key, &value)) {
            if (is_source(key, value, standard)) {
                weir_buffer_text(buffer, ",\"source\":");
                weir_buffer_append(buffer, value.text, value.length);
                return;
            }
        }
    }
    member(buffer, "source", standard);
}

/* write_metadata writes the attributes, then the rest as one object. */
static void write_metadata(weir_buffer *buffer, const weir_event *event, const char *standard)
{
    for (int rest = 0; rest < 2; rest++) {
        weir_json_walk walk;
        weir_slice key, value;
        bool any = false;
        if (!weir_json_object(&walk, event->metadata, event->metadata_length))
            return;
        while (weir_json_next(&walk, &key, &value)) {
            if (is_source(key, value, standard) || is_attribute(key, value) == (rest == 1))
                continue;
            weir_buffer_text(buffer, rest && !any ? ",\"metadata\":{" : ",");
            any = true;
            weir_buffer_append(buffer, key.text, key.length);
            weir_buffer_char(buffer, ':');
            weir_buffer_append(buffer, value.text, value.length);
        }
        if (rest && any)
            weir_buffer_char(buffer, '}');
    }
}

void weir_cloudevent_write(weir_buffer *buffer, const weir_event *event, const char *store_id)
{
    char id[WEIR_UUID_TEXT];
    char *standard = weir_format("/weir/%s", event->aggregate_type);
    weir_uuid_format(&event->id, id);
    weir_buffer_format(buffer, "{\"specversion\":\"1.0\",\"id\":\"%s\"", id);
    write_source(buffer, event, standard);
    member(buffer, "type", event->type);
    member(buffer, "subject", event->aggregate_id);
    time_member(buffer, "time", event->time_us);
    member(buffer, "datacontenttype", event->content_type);
    member(buffer, "aggregatetype", event->aggregate_type);
    weir_buffer_format(buffer, ",\"aggregateversion\":%lld,\"position\":%lld",
                       (long long)event->version, (long long)event->position);
    member(buffer, "storeid", store_id);
    weir_buffer_format(buffer, ",\"schemaversion\":%d", event->schema_version);
    time_member(buffer, "recordedtime", event->recorded_at_us);
    write_metadata(buffer, event, standard);
    if (event->binary) {
        weir_buffer_text(buffer, ",\"data_base64\":\"");
        weir_base64_encode(buffer, event->data, event->data_length);
        weir_buffer_text(buffer, "\"}");
    } else {
        weir_buffer_text(buffer, ",\"data\":");
        weir_buffer_append(buffer, event->data, event->data_length);
        weir_buffer_char(buffer, '}');
    }
    free(standard);
}
