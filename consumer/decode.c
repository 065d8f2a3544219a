/* From a message's headers to an event.
 *
 * The headers come in the order in which the relay writes them, so each is first compared with the
 * one that should stand there; a producer or a mirror that reorders them only costs time.
 * An event's texts are the headers' own: whoever reads one keeps them as long. It must never guess:
 * what is missing or malformed in a message of ours is an error that names the header. */
#include "consumer/decode_int.h"

#include <string.h>

#define FIELD_NAME(name, text) {text, sizeof(text) - 1},
static const struct {
    const char *text;
    size_t length;
} names[WEIR_FIELD_COUNT] = {WEIR_FIELDS_LIST(FIELD_NAME)};

const char *weir_field_name(weir_field field)
{
    return names[field].text;
}

static bool is_field(const weir_header *header, size_t length, size_t field)
{
    return names[field].length == length && memcmp(header->name, names[field].text, length) == 0;
}

static size_t field_of(const weir_header *header, size_t expected)
{
    size_t length = strlen(header->name);
    if (expected < WEIR_FIELD_COUNT && is_field(header, length, expected))
        return expected;
    for (size_t field = 0; field < WEIR_FIELD_COUNT; field++)
        if (is_field(header, length, field))
            return field;
    return WEIR_FIELD_COUNT;
}

const char *weir_field_known(const char *name)
{
    size_t length = strlen(name);
    for (size_t field = 0; field < WEIR_FIELD_COUNT; field++)
        if (names[field].length == length && memcmp(name, names[field].text, length) == 0)
            return names[field].text;
    return NULL;
}

char *weir_put_text(char *to, const char *bytes, size_t length)
{
    if (length > 0)
        memcpy(to, bytes, length);
    to[length] = '\0';
    return to + length + 1;
}

void weir_fields_find(const weir_header *headers, size_t count, weir_fields *fields)
{
    *fields = (weir_fields){0};
    size_t expected = 0;
    for (size_t i = 0; i < count; i++) {
        size_t field = field_of(&headers[i], expected);
        if (field == WEIR_FIELD_COUNT || !headers[i].value)
            continue;
        fields->of[field].text = headers[i].value;
        fields->of[field].length = headers[i].length;
        expected = field + 1;
    }
}

static bool fail_field(weir_field field, const weir_fields *fields, weir_error *error)
{
    const char *text = fields->of[field].text;
    if (!text)
        return weir_fail(error, WEIR_FATE_POISON, "the header %s is missing", names[field].text);
    return weir_fail(error, WEIR_FATE_POISON, "the header %s makes no sense: '%.100s'",
                     names[field].text, text);
}

/* Digits only, at most 18: whatever it is, it fits. */
static bool read_number(const weir_fields *fields, weir_field field, int64_t least, int64_t *value,
                        weir_error *error)
{
    const char *text = fields->of[field].text;
    size_t length = fields->of[field].length;
    *value = 0;
    bool ok = text && length > 0 && length <= 18;
    for (size_t i = 0; ok && i < length; i++) {
        ok = text[i] >= '0' && text[i] <= '9';
        *value = *value * 10 + (text[i] - '0');
    }
    if (!ok || *value < least)
        return fail_field(field, fields, error);
    return true;
}

weir_message_kind weir_chain_read(const weir_fields *fields, weir_chain *chain, weir_error *error)
{
    chain->store_id = fields->of[WEIR_FIELD_STORE_ID].text;
    if (!chain->store_id && !fields->of[WEIR_FIELD_POSITION].text)
        return WEIR_MESSAGE_FOREIGN;
    if (!chain->store_id) {
        fail_field(WEIR_FIELD_STORE_ID, fields, error);
        return WEIR_MESSAGE_BROKEN;
    }
    if (!read_number(fields, WEIR_FIELD_POSITION, 1, &chain->position, error) ||
        !read_number(fields, WEIR_FIELD_PREVPOSITION, 0, &chain->prevposition, error))
        return WEIR_MESSAGE_BROKEN;
    if (chain->prevposition >= chain->position) {
        weir_fail(error, WEIR_FATE_POISON, "its ce_prevposition is not below its ce_position");
        return WEIR_MESSAGE_BROKEN;
    }
    return WEIR_MESSAGE_OURS;
}

static bool fail_full(weir_error *error)
{
    return weir_fail(error, WEIR_FATE_POISON, "the message is larger than the memory of a batch");
}

static bool read_text(const weir_fields *fields, weir_field field, const char **text,
                      weir_error *error)
{
    *text = fields->of[field].text;
    return (*text && fields->of[field].length > 0) || fail_field(field, fields, error);
}

static bool read_time(const weir_fields *fields, weir_field field, int64_t *time_us,
                      weir_error *error)
{
    if (!fields->of[field].text)
        return fail_field(field, fields, error);
    if (weir_clock_parse(fields->of[field].text, fields->of[field].length, time_us, error))
        return true;
    return fail_field(field, fields, error);
}

/* The keys that travel as headers of their own when metadata has no others. */
static const struct {
    weir_field field;
    const char *key;
} known_metadata[] = {
    {WEIR_FIELD_CORRELATION_ID, "correlationid"},
    {WEIR_FIELD_CAUSATION_ID, "causationid"},
    {WEIR_FIELD_USER_ID, "userid"},
    {WEIR_FIELD_TRACEPARENT, "traceparent"},
    {WEIR_FIELD_TRACESTATE, "tracestate"},
};

static void build_metadata(const weir_fields *fields, weir_buffer *scratch)
{
    weir_buffer_clear(scratch);
    weir_buffer_char(scratch, '{');
    for (size_t i = 0; i < sizeof known_metadata / sizeof *known_metadata; i++) {
        const char *text = fields->of[known_metadata[i].field].text;
        if (!text)
            continue;
        weir_buffer_format(scratch, "%s\"%s\":", scratch->length > 1 ? "," : "",
                           known_metadata[i].key);
        weir_buffer_json(scratch, text, fields->of[known_metadata[i].field].length);
    }
    weir_buffer_char(scratch, '}');
}

static bool read_metadata(const weir_fields *fields, weir_arena *arena, weir_buffer *scratch,
                          weir_event *event, weir_error *error)
{
    event->metadata_length = fields->of[WEIR_FIELD_METADATA].length;
    if (fields->of[WEIR_FIELD_METADATA].text)
        return read_text(fields, WEIR_FIELD_METADATA, &event->metadata, error);
    build_metadata(fields, scratch);
    if (scratch->overflow)
        return fail_full(error);
    event->metadata_length = scratch->length;
    event->metadata = weir_arena_copy(arena, scratch->data, scratch->length);
    return event->metadata || fail_full(error);
}

/* unwrap gets the JSON out of a value that holds it in another form. */
static bool unwrap(const weir_fields *fields, weir_buffer *scratch, weir_payload *payload,
                   weir_error *error)
{
    const char *name = fields->of[WEIR_FIELD_VALUE_FORM].text;
    weir_value_form form = name ? weir_value_form_named(name) : WEIR_VALUE_PAYLOAD;
    if (form == WEIR_VALUE_PAYLOAD)
        return true;
    if (form == WEIR_VALUE_FORM_COUNT)
        return fail_field(WEIR_FIELD_VALUE_FORM, fields, error);
    if (!weir_value_unwrap(form, payload->bytes, payload->length, scratch, error))
        return false;
    *payload = (weir_payload){scratch->data, scratch->length};
    return !scratch->overflow || fail_full(error);
}

static bool read_data(const weir_fields *fields, weir_payload payload, weir_arena *arena,
                      weir_buffer *scratch, weir_event *event, weir_error *error)
{
    if (!payload.bytes && strcmp(event->type, WEIR_TOMBSTONE) == 0)
        payload = (weir_payload){"null", 4};
    event->binary = !weir_is_json(event->content_type);
    if (!event->binary && payload.length > 0 && !unwrap(fields, scratch, &payload, error))
        return false;
    if (!event->binary && payload.length == 0)
        return weir_fail(error, WEIR_FATE_POISON, "the message has no data");
    bool unwrapped = payload.bytes == scratch->data && payload.length > 0;
    event->data = unwrapped ? weir_arena_copy(arena, payload.bytes, payload.length) : payload.bytes;
    event->data_length = payload.length;
    if (!event->data && payload.length == 0) /* no bytes at all are none */
        event->data = "";
    return event->data || fail_full(error);
}

static bool read_identity(const weir_fields *fields, weir_event *event, weir_error *error)
{
    if (!fields->of[WEIR_FIELD_SPECVERSION].text ||
        strcmp(fields->of[WEIR_FIELD_SPECVERSION].text, "1.0") != 0)
        return fail_field(WEIR_FIELD_SPECVERSION, fields, error);
    if (!fields->of[WEIR_FIELD_ID].text ||
        !weir_uuid_parse(fields->of[WEIR_FIELD_ID].text, fields->of[WEIR_FIELD_ID].length,
                         &event->id))
        return fail_field(WEIR_FIELD_ID, fields, error);
    int64_t schema_version;
    if (!read_number(fields, WEIR_FIELD_AGGREGATE_VERSION, 1, &event->version, error) ||
        !read_number(fields, WEIR_FIELD_SCHEMA_VERSION, 1, &schema_version, error))
        return false;
    if (schema_version > INT32_MAX)
        return fail_field(WEIR_FIELD_SCHEMA_VERSION, fields, error);
    event->schema_version = (int32_t)schema_version;
    return true;
}

/* What the event becomes goes to where what it was is. */
static bool upcast(const weir_upcasters *upcasters, weir_arena *arena, weir_buffer *scratch,
                   weir_event *event, weir_error *error)
{
    const char *stored = event->data;
    if (!weir_upcasters_apply(upcasters, event, scratch, error))
        return false;
    if (event->data != stored)
        event->data = weir_arena_copy(arena, event->data, event->data_length);
    return event->data || fail_full(error);
}

bool weir_event_read(const weir_fields *fields, const weir_chain *chain, weir_payload payload,
                     const weir_upcasters *upcasters, weir_arena *arena, weir_buffer *scratch,
                     weir_event *event, weir_error *error)
{
    *event = (weir_event){.position = chain->position};
    return read_identity(fields, event, error) &&
           read_text(fields, WEIR_FIELD_TYPE, &event->type, error) &&
           read_text(fields, WEIR_FIELD_SUBJECT, &event->aggregate_id, error) &&
           read_text(fields, WEIR_FIELD_AGGREGATE_TYPE, &event->aggregate_type, error) &&
           read_text(fields, WEIR_FIELD_CONTENT_TYPE, &event->content_type, error) &&
           read_time(fields, WEIR_FIELD_TIME, &event->time_us, error) &&
           read_time(fields, WEIR_FIELD_RECORDED_TIME, &event->recorded_at_us, error) &&
           read_metadata(fields, arena, scratch, event, error) &&
           read_data(fields, payload, arena, scratch, event, error) &&
           upcast(upcasters, arena, scratch, event, error);
}
