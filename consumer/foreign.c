/* From a foreign message to an event: what it is about, what happened, when.
 *
 * Position and version are the offset and one, so that they begin with 1 as in a topic of ours. The
 * aggregate is the key's: it must be a text, since rows are found by it. A message without a key is
 * an aggregate of its own, so that nothing ever waits behind it. It must never guess: what a
 * directive names and a message lacks makes it unreadable. */
#include "consumer/foreign_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "consumer/foreign_value_int.h"

#define OUTBOX "outbox.event." /* Debezium's default: the aggregate type stands behind it */
#define TIME_DIGITS 15         /* of milliseconds: years that PostgreSQL knows */

typedef struct reading {
    const weir_foreign *foreign;
    const weir_foreign_message *message;
    const weir_raw *raw;
    weir_arena *arena;
    weir_foreign_value value;
    weir_error *error;
} reading;

bool weir_foreign_text(const char *text, size_t length, size_t most)
{
    if (length > most)
        return false;
    for (size_t at = 0; at < length;) {
        unsigned char c = (unsigned char)text[at];
        size_t step = c < 0x20 || c == 0x7F ? 0 : weir_utf8_length(text + at, length - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

static bool fail_full(weir_error *error)
{
    return weir_fail(error, WEIR_FATE_POISON, "the message is larger than the memory of a batch");
}

static bool is_debezium(const reading *r)
{
    return r->foreign->format == WEIR_FOREIGN_DEBEZIUM_OUTBOX;
}

/* Connect's converters may have wrapped what is a plain text. */
static bool plain(const reading *r, weir_slice *text)
{
    return !is_debezium(r) || weir_foreign_unwrap_text(text, r->arena) || fail_full(r->error);
}

static const char *aggregate_type(const reading *r)
{
    const char *topic = r->message->topic;
    size_t prefix = sizeof OUTBOX - 1;
    bool named = is_debezium(r) && strncmp(topic, OUTBOX, prefix) == 0 && topic[prefix];
    return named ? topic + prefix : topic;
}

/* The place of a message, as the id of an aggregate that is its own. */
static const char *place_id(const reading *r)
{
    char *text = weir_format("%d-%lld", (int)r->message->partition, (long long)r->message->offset);
    const char *id = weir_arena_copy(r->arena, text, strlen(text));
    free(text);
    return id;
}

static bool read_key(reading *r, weir_event *event)
{
    weir_slice key = {r->raw->key, r->raw->key_length};
    event->aggregate_id = place_id(r);
    if (!event->aggregate_id)
        return fail_full(r->error);
    if (!key.text || key.length == 0)
        return true;
    if (!plain(r, &key))
        return false;
    if (key.length == 0 || !weir_foreign_text(key.text, key.length, WEIR_FOREIGN_ID_MOST))
        return weir_fail(r->error, WEIR_FATE_POISON,
                         "the key is no aggregate id: UTF-8 of at most %d bytes without control "
                         "characters",
                         WEIR_FOREIGN_ID_MOST);
    event->aggregate_id = weir_arena_copy(r->arena, key.text, key.length);
    return event->aggregate_id || fail_full(r->error);
}

/* Of a header that stands twice the last counts; NULL: there is none, or it is null. */
static const weir_header *find_header(const reading *r, const char *name)
{
    const weir_header *found = NULL;
    for (size_t i = 0; i < r->raw->header_count; i++)
        if (strcmp(r->raw->headers[i].name, name) == 0)
            found = &r->raw->headers[i];
    return found && found->value ? found : NULL;
}

static void read_id(reading *r, weir_event *event)
{
    const weir_header *header = is_debezium(r) ? find_header(r, "id") : NULL;
    weir_slice text = header ? (weir_slice){header->value, header->length} : (weir_slice){0};
    if (header && weir_foreign_unwrap_text(&text, r->arena) &&
        weir_uuid_parse(text.text, text.length, &event->id))
        return;
    char *name = weir_format("kafka:///%s/%d/%lld", r->message->topic, (int)r->message->partition,
                             (long long)r->message->offset);
    event->id = weir_uuid_from_name(name, strlen(name));
    free(name);
}

/* The text that a directive leads to. */
static bool read_source(reading *r, const char *what, const weir_foreign_source *source,
                        weir_slice *text)
{
    if (source->kind == WEIR_FOREIGN_FIELD)
        return weir_foreign_field_text(&r->value, source->name, r->arena, text, r->error) ||
               weir_error_prefix(r->error, "its %s", what);
    const weir_header *header = find_header(r, source->name);
    if (!header)
        return weir_fail(r->error, WEIR_FATE_POISON, "its %s: the header %s is missing", what,
                         source->name);
    *text = (weir_slice){header->value, header->length};
    return plain(r, text);
}

static bool keep_type(reading *r, weir_slice text, weir_event *event)
{
    if (text.length == 0 || !weir_foreign_text(text.text, text.length, WEIR_FOREIGN_TYPE_MOST))
        return weir_fail(r->error, WEIR_FATE_POISON,
                         "its type is no event type: UTF-8 of 1 to %d bytes without control "
                         "characters",
                         WEIR_FOREIGN_TYPE_MOST);
    event->type = weir_arena_copy(r->arena, text.text, text.length);
    return event->type || fail_full(r->error);
}

static bool read_type(reading *r, weir_event *event)
{
    static const char *const usual[] = {"eventType", "type", "ce_type"};
    weir_slice text = {event->aggregate_type, strlen(event->aggregate_type)};
    if (!r->raw->value.bytes)
        text = (weir_slice){WEIR_TOMBSTONE, sizeof WEIR_TOMBSTONE - 1};
    else if (r->foreign->type.kind != WEIR_FOREIGN_DEFAULT)
        return read_source(r, "type", &r->foreign->type, &text) && keep_type(r, text, event);
    for (size_t i = 0; r->raw->value.bytes && i < sizeof usual / sizeof *usual; i++) {
        const weir_header *header = find_header(r, usual[i]);
        if (!header)
            continue;
        text = (weir_slice){header->value, header->length};
        return plain(r, &text) && keep_type(r, text, event);
    }
    return keep_type(r, text, event);
}

/* Digits are milliseconds since 1970, anything else is RFC 3339. */
static bool parse_time(weir_slice text, int64_t *time_us)
{
    weir_error ignored;
    int64_t ms = 0;
    bool digits = text.length > 0 && text.length <= TIME_DIGITS;
    for (size_t i = 0; digits && i < text.length; i++) {
        digits = text.text[i] >= '0' && text.text[i] <= '9';
        ms = ms * 10 + (text.text[i] - '0');
    }
    *time_us = ms * 1000;
    return digits || weir_clock_parse(text.text, text.length, time_us, &ignored);
}

/* A tombstone has no value to look into: it is of when it was written. */
static bool read_time(reading *r, weir_event *event)
{
    const weir_foreign_source *source = &r->foreign->time;
    weir_slice text;
    event->recorded_at_us = event->time_us = r->raw->time_ms * 1000;
    if (source->kind == WEIR_FOREIGN_DEFAULT ||
        (source->kind == WEIR_FOREIGN_FIELD && !r->raw->value.bytes))
        return true;
    if (!read_source(r, "time", source, &text))
        return false;
    return parse_time(text, &event->time_us) ||
           weir_fail(r->error, WEIR_FATE_POISON,
                     "its time is neither RFC 3339 nor milliseconds since 1970: '%.*s'",
                     (int)(text.length < 100 ? text.length : 100), text.text);
}

/* A header that is no text is kept in base64. */
static void write_header(const weir_header *header, weir_buffer *json)
{
    bool text = header->value && !memchr(header->value, '\0', header->length);
    for (size_t at = 0, step; text && at < header->length; at += step) {
        step = weir_utf8_length(header->value + at, header->length - at);
        text = step > 0;
    }
    if (!header->value) {
        weir_buffer_text(json, "null");
    } else if (text) {
        weir_buffer_json(json, header->value, header->length);
    } else {
        weir_buffer_text(json, "{\"base64\":\"");
        weir_base64_encode(json, header->value, header->length);
        weir_buffer_text(json, "\"}");
    }
}

static bool stands_again(const weir_raw *raw, size_t header)
{
    for (size_t i = header + 1; i < raw->header_count; i++)
        if (strcmp(raw->headers[i].name, raw->headers[header].name) == 0)
            return true;
    return false;
}

static bool read_metadata(reading *r, weir_buffer *scratch, weir_event *event)
{
    weir_buffer_clear(scratch);
    weir_buffer_char(scratch, '{');
    for (size_t i = 0; i < r->raw->header_count; i++) {
        const weir_header *header = &r->raw->headers[i];
        if (stands_again(r->raw, i))
            continue;
        char *name = weir_strdup(header->name);
        weir_utf8_clean(name);
        weir_buffer_text(scratch, scratch->length > 1 ? "," : "");
        weir_buffer_json(scratch, name, strlen(name));
        weir_buffer_char(scratch, ':');
        write_header(header, scratch);
        free(name);
    }
    weir_buffer_char(scratch, '}');
    if (scratch->overflow)
        return fail_full(r->error);
    event->metadata_length = scratch->length;
    event->metadata = weir_arena_copy(r->arena, scratch->data, scratch->length);
    return event->metadata || fail_full(r->error);
}

static bool read_data(reading *r, weir_event *event)
{
    weir_slice data = {"null", 4};
    if (r->raw->value.bytes) {
        const char *path = r->foreign->data.kind ? r->foreign->data.name : NULL;
        if (!weir_foreign_value_read(&r->value, r->raw->value, is_debezium(r), r->arena,
                                     r->error) ||
            !weir_foreign_value_data(&r->value, path, r->arena, &data, r->error))
            return false;
    }
    event->data_length = data.length;
    event->data = weir_arena_copy(r->arena, data.text, data.length);
    return event->data || fail_full(r->error);
}

bool weir_foreign_read(const weir_foreign *foreign, const weir_foreign_message *message,
                       weir_arena *arena, weir_buffer *scratch, weir_event *event,
                       weir_error *error)
{
    reading r = {.foreign = foreign,
                 .message = message,
                 .raw = message->raw,
                 .arena = arena,
                 .error = error};
    *event = (weir_event){.position = message->offset + 1,
                          .version = message->offset + 1,
                          .schema_version = 1,
                          .content_type = "application/json",
                          .aggregate_type = aggregate_type(&r)};
    read_id(&r, event);
    return read_key(&r, event) && read_data(&r, event) && read_type(&r, event) &&
           read_time(&r, event) && read_metadata(&r, scratch, event);
}
