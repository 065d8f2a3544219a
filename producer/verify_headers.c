/* Do a record's headers say what its event says?
 *
 * One table says which headers there are and how each is held against the event; it is walked in
 * the order in which headers are written, so that an intact record finds each at once. Numbers,
 * times and ids are read, not written and compared: what spells them is not trusted either. */
#include "producer/verify_match_int.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json_walk.h"

#define HEADERS_MOST 24

/* How a header is held against the event. */
typedef struct check {
    const weir_expectation *expected;
    weir_slice known[HEADERS_MOST]; /* by header: the text in the metadata that it is, as JSON */
    bool rest;                      /* there is metadata that has no header of its own */
    char text[64];                  /* what was expected, to be shown */
} check;

typedef bool check_fn(check *with, const weir_record_header *header, const char **wanted);

static bool expect_text(check *with, const weir_record_header *header, const char *text,
                        const char **wanted)
{
    (void)with;
    *wanted = text;
    return weir_record_header_is(header, text);
}

static bool expect_number(check *with, const weir_record_header *header, int64_t number,
                          const char **wanted)
{
    int64_t found;
    if (weir_record_header_number(header, &found) && found == number)
        return true;
    snprintf(with->text, sizeof with->text, "%" PRId64, number);
    *wanted = with->text;
    return false;
}

/* A time must be spelt as documented, in UTC, too: with Z. */
static bool expect_time(check *with, const weir_record_header *header, int64_t time_us,
                        const char **wanted)
{
    int64_t found;
    weir_error ignored;
    if (header->value && header->length > 0 && header->value[header->length - 1] == 'Z' &&
        weir_clock_parse(header->value, header->length, &found, &ignored) && found == time_us)
        return true;
    weir_clock_format(time_us, with->text);
    *wanted = with->text;
    return false;
}

static bool specversion(check *with, const weir_record_header *header, const char **wanted)
{
    return expect_text(with, header, "1.0", wanted);
}

static bool id(check *with, const weir_record_header *header, const char **wanted)
{
    weir_uuid found;
    if (header->value && weir_uuid_parse(header->value, header->length, &found) &&
        memcmp(&found, &with->expected->event->id, sizeof found) == 0)
        return true;
    weir_uuid_format(&with->expected->event->id, with->text);
    *wanted = with->text;
    return false;
}

static bool source(check *with, const weir_record_header *header, const char **wanted)
{
    static const char before[] = "/weir/";
    const char *type = with->expected->event->aggregate_type;
    size_t length = sizeof before - 1;
    *wanted = "/weir/ and the aggregate type";
    return header->value && header->length == length + strlen(type) &&
           memcmp(header->value, before, length) == 0 &&
           memcmp(header->value + length, type, header->length - length) == 0;
}

static bool type(check *with, const weir_record_header *header, const char **wanted)
{
    return expect_text(with, header, with->expected->event->type, wanted);
}

static bool event_time(check *with, const weir_record_header *header, const char **wanted)
{
    return expect_time(with, header, with->expected->event->time_us, wanted);
}

static bool subject(check *with, const weir_record_header *header, const char **wanted)
{
    return expect_text(with, header, with->expected->event->aggregate_id, wanted);
}

static bool content_type(check *with, const weir_record_header *header, const char **wanted)
{
    return expect_text(with, header, with->expected->event->content_type, wanted);
}

static bool aggregate_type(check *with, const weir_record_header *header, const char **wanted)
{
    return expect_text(with, header, with->expected->event->aggregate_type, wanted);
}

static bool version(check *with, const weir_record_header *header, const char **wanted)
{
    return expect_number(with, header, with->expected->event->version, wanted);
}

static bool position(check *with, const weir_record_header *header, const char **wanted)
{
    return expect_number(with, header, with->expected->event->position, wanted);
}

static bool previous(check *with, const weir_record_header *header, const char **wanted)
{
    return with->expected->previous < 0 ||
           expect_number(with, header, with->expected->previous, wanted);
}

static bool store_id(check *with, const weir_record_header *header, const char **wanted)
{
    return expect_text(with, header, with->expected->store_id, wanted);
}

static bool schema_version(check *with, const weir_record_header *header, const char **wanted)
{
    return expect_number(with, header, with->expected->event->schema_version, wanted);
}

static bool recorded_time(check *with, const weir_record_header *header, const char **wanted)
{
    return expect_time(with, header, with->expected->event->recorded_at_us, wanted);
}

static bool same_string(weir_slice json, const weir_record_header *header)
{
    if (!header->value || json.length < 2)
        return false;
    if (!memchr(json.text, '\\', json.length))
        return json.length - 2 == header->length &&
               memcmp(json.text + 1, header->value, header->length) == 0;
    weir_arena *arena = weir_arena_new(json.length + 64);
    const char *text = weir_json_decode(json, arena);
    bool same = text && weir_record_header_is(header, text);
    weir_arena_free(arena);
    return same;
}

static bool metadata(check *with, const weir_record_header *header, const char **wanted)
{
    const weir_event *event = with->expected->event;
    *wanted = "the whole metadata";
    return with->rest && header->value &&
           weir_json_equal(header->value, header->length, event->metadata, event->metadata_length);
}

/* The form that a record says its value has; what was configured when it was written is not known.
 */
static bool value_form(check *with, const weir_record_header *header, const char **wanted)
{
    const weir_event *event = with->expected->event;
    *wanted = "string or schema, of JSON";
    return !event->binary && strcmp(event->type, WEIR_TOMBSTONE) != 0 &&
           (weir_record_header_is(header, "string") || weir_record_header_is(header, "schema"));
}

/* Every header, in the order in which they are written. key: the text in the metadata that it is.
 */
static const struct {
    const char *name;
    check_fn *check;
    weir_difference difference;
    const char *key;
} headers[] = {
    {"ce_specversion", specversion, WEIR_DIFFERS_IDENTITY, NULL},
    {"ce_id", id, WEIR_DIFFERS_ID, NULL},
    {"ce_source", source, WEIR_DIFFERS_IDENTITY, NULL},
    {"ce_type", type, WEIR_DIFFERS_CONTENT, NULL},
    {"ce_time", event_time, WEIR_DIFFERS_IDENTITY, NULL},
    {"ce_subject", subject, WEIR_DIFFERS_IDENTITY, NULL},
    {"content-type", content_type, WEIR_DIFFERS_CONTENT, NULL},
    {"ce_aggregatetype", aggregate_type, WEIR_DIFFERS_IDENTITY, NULL},
    {"ce_aggregateversion", version, WEIR_DIFFERS_IDENTITY, NULL},
    {"ce_position", position, WEIR_DIFFERS_IDENTITY, NULL},
    {"ce_prevposition", previous, WEIR_DIFFERS_CHAIN, NULL},
    {"ce_storeid", store_id, WEIR_DIFFERS_IDENTITY, NULL},
    {"ce_schemaversion", schema_version, WEIR_DIFFERS_CONTENT, NULL},
    {"ce_recordedtime", recorded_time, WEIR_DIFFERS_IDENTITY, NULL},
    {"ce_correlationid", NULL, WEIR_DIFFERS_CONTENT, "correlationid"},
    {"ce_causationid", NULL, WEIR_DIFFERS_CONTENT, "causationid"},
    {"ce_userid", NULL, WEIR_DIFFERS_CONTENT, "userid"},
    {"traceparent", NULL, WEIR_DIFFERS_CONTENT, "traceparent"},
    {"tracestate", NULL, WEIR_DIFFERS_CONTENT, "tracestate"},
    {"ce_metadata", metadata, WEIR_DIFFERS_CONTENT, NULL},
    {"ce_valueform", value_form, WEIR_DIFFERS_IDENTITY, NULL},
};

#define HEADERS (sizeof headers / sizeof *headers)
#define METADATA (HEADERS - 2)
#define VALUE_FORM (HEADERS - 1)
_Static_assert(HEADERS <= HEADERS_MOST, "known[] has a place for each");

/* read_metadata finds what has a header of its own: texts under four keys. Whatever else there is
 * makes the metadata travel as a whole as well. */
static void read_metadata(check *with, const weir_event *event)
{
    weir_json_walk walk;
    weir_slice key, value;
    if (event->metadata_length == 2 ||
        !weir_json_object(&walk, event->metadata, event->metadata_length))
        return;
    while (weir_json_next(&walk, &key, &value)) {
        bool text = value.length > 0 && value.text[0] == '"', found = false;
        for (size_t i = 0; text && !found && i < HEADERS; i++) {
            found = headers[i].key && weir_json_is(key, headers[i].key);
            if (found)
                with->known[i] = value;
        }
        with->rest = with->rest || !found;
    }
}

static bool is_wanted(const check *with, size_t header)
{
    if (headers[header].key)
        return with->known[header].text != NULL;
    if (headers[header].difference == WEIR_DIFFERS_CHAIN)
        return with->expected->previous >= 0;
    return header != VALUE_FORM && (header != METADATA || with->rest);
}

static unsigned compare_header(check *with, size_t which, const weir_record_header *header,
                               weir_buffer *detail)
{
    const char *wanted = "what the metadata has";
    if (headers[which].key ? with->known[which].text && same_string(with->known[which], header)
                           : headers[which].check(with, header, &wanted))
        return WEIR_SAME;
    if (!is_wanted(with, which))
        weir_verify_say(detail, "%s should not be there", headers[which].name);
    else
        weir_verify_say(detail, "%s is '%.*s', not %.*s", headers[which].name,
                        weir_verify_quote(header->value, header->length),
                        header->value ? header->value : "",
                        weir_verify_quote(wanted, strlen(wanted)), wanted);
    return headers[which].difference;
}

/* find looks for a header's name from the one expected next, round the table. */
static size_t find(const char *name, size_t next)
{
    for (size_t i = 0; i < HEADERS; i++) {
        size_t at = next + i < HEADERS ? next + i : next + i - HEADERS;
        if (strcmp(headers[at].name, name) == 0)
            return at;
    }
    return HEADERS;
}

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

void weir_extras_read(weir_extras *extras, const weir_config *config)
{
    static const char before[] = "metadata.";
    size_t count = weir_config_count(config, "relay.headers");
    *extras = (weir_extras){0};
    for (size_t i = 0; i < count && extras->count < WEIR_EXTRAS_MOST; i++) {
        const char *field = weir_config_item(config, "relay.headers", i);
        size_t at = extras->count++;
        extras->list[at].name = weir_config_item_key(config, "relay.headers", i);
        if (strncmp(field, before, sizeof before - 1) == 0)
            extras->list[at].key = field + sizeof before - 1;
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
            if (strcmp(fields[f].field, field) == 0)
                extras->list[at].header = fields[f].header;
    }
}

/* same_metadata: the header is that text of the metadata. */
static bool same_metadata(const weir_event *event, const char *wanted,
                          const weir_record_header *header)
{
    weir_json_walk walk;
    weir_slice key, value;
    if (!weir_json_object(&walk, event->metadata, event->metadata_length))
        return false;
    while (weir_json_next(&walk, &key, &value))
        if (weir_json_is(key, wanted))
            return value.length > 0 && value.text[0] == '"' && same_string(value, header);
    return false;
}

/* compare_other holds a header that is not weir's own against what relay.headers has. */
static unsigned compare_other(const weir_expectation *expected, const weir_record *record,
                              const weir_record_header *header, weir_buffer *detail)
{
    const weir_extras *extras = expected->extras;
    for (size_t i = 0; extras && i < extras->count; i++) {
        if (strcmp(extras->list[i].name, header->name) != 0)
            continue;
        const weir_record_header *of =
            extras->list[i].header ? weir_record_header_find(record, extras->list[i].header) : NULL;
        bool same = extras->list[i].key
                        ? same_metadata(expected->event, extras->list[i].key, header)
                        : of && of->value && header->value && of->length == header->length &&
                              memcmp(of->value, header->value, of->length) == 0;
        if (!same)
            weir_verify_say(detail, "%.60s is not what relay.headers says", header->name);
        return same                  ? WEIR_SAME
               : extras->list[i].key ? WEIR_DIFFERS_CONTENT
                                     : WEIR_DIFFERS_IDENTITY;
    }
    weir_verify_say(detail, "%.60s is no header of weir's", header->name);
    return WEIR_DIFFERS_IDENTITY;
}

/* Metadata beyond what jansson reads (numbers out of its range) is documented to travel whole. */
static bool travels_whole(const weir_event *event)
{
    json_t *read = json_loadb(event->metadata, event->metadata_length, 0, NULL);
    json_decref(read);
    return !read;
}

unsigned weir_verify_headers(const weir_expectation *expected, const weir_record *record,
                             weir_buffer *detail)
{
    check with = {.expected = expected};
    unsigned seen = 0, differs = WEIR_SAME;
    size_t next = 0;
    read_metadata(&with, expected->event);
    for (size_t i = 0; i < record->header_count; i++) {
        const weir_record_header *header = &record->headers[i];
        size_t which = find(header->name, next);
        if (which == HEADERS) {
            differs |= compare_other(expected, record, header, detail);
            continue;
        }
        if (seen & 1u << which) {
            weir_verify_say(detail, "%s is there twice", header->name);
            differs |= WEIR_DIFFERS_IDENTITY;
            continue;
        }
        seen |= 1u << which;
        differs |= compare_header(&with, which, header, detail);
        next = which + 1;
    }
    for (size_t which = 0; which < HEADERS; which++) {
        if (seen & 1u << which || !is_wanted(&with, which))
            continue;
        if (headers[which].key && seen & 1u << METADATA && travels_whole(expected->event))
            continue;
        weir_verify_say(detail, "%s is missing", headers[which].name);
        differs |= headers[which].difference;
    }
    if (record->more_headers)
        weir_verify_say(detail, "there are more than %d headers", WEIR_RECORD_HEADERS);
    return differs | (record->more_headers ? WEIR_DIFFERS_IDENTITY : WEIR_SAME);
}
