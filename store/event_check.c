/* weir.append's validation in C, rule by rule as in store/sql/migrations/0002_append.sql, in its
 * order and its words: the contract suite holds both to it. What a C caller cannot express (keys
 * that do not exist, an id that is no UUID) has no rule here. */
#include "store/event_check_int.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "store/fate.h"
#include "store/json_normal_int.h"

#define TYPE_BYTES 200
#define AGGREGATE_TYPE_BYTES 100
#define AGGREGATE_ID_BYTES 256
#define CONTENT_TYPE_BYTES 200
#define METADATA_BYTES 65536
#define INDEXED_BYTES 256
#define TIME_BYTES 60
#define DEEPEST 2048 /* levels, counted from the event */
#define SCHEMA_VERSION_LIMIT 999999999
#define NORMAL_LIMIT ((size_t)256 * 1024 * 1024) /* as much as one call may send */

bool weir_refuse(weir_error *error, const char *sqlstate, const char *format, ...)
{
    char text[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    weir_error_clear(error);
    weir_fail(error, weir_sqlstate_fate(sqlstate), "%s", text);
    snprintf(error->sqlstate, sizeof error->sqlstate, "%s", sqlstate);
    return false;
}

static bool has_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7F || (c[0] == 0xC2 && c[1] >= 0x80 && c[1] <= 0x9F))
            return true;
    return false;
}

static bool bad_type(const weir_new_event *event, const weir_checked *checked)
{
    (void)checked;
    size_t length = strlen(event->type);
    return length < 1 || length > TYPE_BYTES || has_control(event->type);
}

static bool reserved(const weir_new_event *event, const weir_checked *checked)
{
    (void)checked;
    return strncmp(event->type, "weir.", 5) == 0 && strcmp(event->type, WEIR_TOMBSTONE) != 0;
}

static bool bad_tombstone(const weir_new_event *event, const weir_checked *checked)
{
    return strcmp(event->type, WEIR_TOMBSTONE) == 0 &&
           (event->binary || strcmp(checked->data.data, "null") != 0);
}

static bool json_as_binary(const weir_new_event *event, const weir_checked *checked)
{
    (void)checked;
    return event->binary && weir_is_json(event->content_type);
}

static bool bad_content_type(const weir_new_event *event, const weir_checked *checked)
{
    (void)checked;
    const char *text = event->content_type;
    if (!text)
        return false;
    for (const char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            return true;
    return *text == '\0' || *text == ' ' || strlen(text) > CONTENT_TYPE_BYTES;
}

static bool binary_as_json(const weir_new_event *event, const weir_checked *checked)
{
    (void)checked;
    return !event->binary && event->content_type && !weir_is_json(event->content_type);
}

static bool bad_metadata(const weir_new_event *event, const weir_checked *checked)
{
    return event->metadata && checked->metadata.data[0] != '{';
}

static bool large_metadata(const weir_new_event *event, const weir_checked *checked)
{
    return event->metadata && checked->metadata.length > METADATA_BYTES;
}

static bool large_ids(const weir_new_event *event, const weir_checked *checked)
{
    static const char *const names[] = {"correlationid", "causationid", "userid"};
    bool large = false;
    for (size_t i = 0; event->metadata && !large && i < sizeof names / sizeof *names; i++) {
        weir_buffer value = WEIR_BUFFER(METADATA_BYTES);
        large =
            weir_json_member(checked->metadata.data, checked->metadata.length, names[i], &value) &&
            value.length > INDEXED_BYTES;
        weir_buffer_free(&value);
    }
    return large;
}

/* read_time reads a time as PostgreSQL does: rounded to microseconds, and a 60th second is the
 * first of the next minute. */
static bool read_time(const char *text, int64_t *time_us)
{
    char whole[TIME_BYTES + 1];
    size_t length = strlen(text), digits = 0, at = 19; /* behind the seconds */
    weir_error ignored;
    if (length <= at || length > TIME_BYTES || strncmp(text, "0001-01-01", 10) == 0 ||
        strncmp(text, "9999-12-31", 10) == 0) /* another year in UTC */
        return false;
    if (text[at] == '.' && (digits = strspn(text + at + 1, "0123456789")) == 0)
        return false;
    size_t fraction_bytes = digits ? digits + 1 : 0;
    double fraction = digits ? strtod(text + at, NULL) : 0;
    bool leap = text[17] == '6' && text[18] == '0';
    memcpy(whole, text, at);
    memcpy(whole + at, text + at + fraction_bytes, length - at - fraction_bytes + 1);
    if (leap)
        memcpy(whole + 17, "59", 2);
    if ((leap && fraction > 0) || (whole[at] != 'Z' && whole[at] != 'z' && whole[at + 1] >= '1' &&
                                   strncmp(whole + at + 1, "16", 2) >= 0))
        return false; /* PostgreSQL cannot */
    if (!weir_clock_parse(whole, length - fraction_bytes, time_us, &ignored))
        return false;
    *time_us += (int64_t)rint(fraction * 1e6) + (leap ? 1000000 : 0);
    return true;
}

static bool bad_time(const weir_new_event *event, const weir_checked *checked)
{
    int64_t ignored = checked->time_us;
    return event->time && !read_time(event->time, &ignored);
}

static bool bad_schema_version(const weir_new_event *event, const weir_checked *checked)
{
    (void)checked;
    return event->schema_version < 0 || event->schema_version > SCHEMA_VERSION_LIMIT;
}

/* In the order of weir.problem: the first that holds is named. */
static const struct {
    bool (*holds)(const weir_new_event *event, const weir_checked *checked);
    const char *problem;
} problems[] = {
    {bad_type, "\"type\" must have 1 to 200 bytes and no control characters"},
    {reserved,
     "types that begin with \"weir.\" are reserved; the only one is \"" WEIR_TOMBSTONE "\""},
    {bad_tombstone, "the \"data\" of a tombstone must be null: its reason goes to \"metadata\""},
    {json_as_binary, "\"data_base64\" is for content that is not JSON: JSON goes to \"data\""},
    {bad_content_type, "\"datacontenttype\" must be a media type"},
    {binary_as_json, "\"data\" is JSON: other content goes to \"data_base64\""},
    {bad_metadata, "\"metadata\" must be a JSON object"},
    {large_metadata, "\"metadata\" may have 64 KiB: part of it travels twice"},
    {large_ids, "\"correlationid\", \"causationid\" and \"userid\" in \"metadata\" may have 256 "
                "bytes each: they are indexed"},
    {bad_time, "\"time\" is not an RFC 3339 time"},
    {bad_schema_version, "\"schemaversion\" must be a whole number from 1"},
};

/* text_bytes is the length of `, "name": "text"` in JSON. */
static size_t text_bytes(const char *name, const char *text)
{
    weir_buffer json = WEIR_BUFFER(strlen(text) * 6 + 3);
    weir_buffer_json(&json, text, strlen(text));
    size_t length = json.length;
    weir_buffer_free(&json);
    return strlen(name) + strlen("\"\": , ") + length;
}

/* json_bytes is the length of the event as the one JSON object that weir.append gets. */
static size_t json_bytes(const weir_new_event *event, const weir_checked *checked)
{
    char number[16];
    size_t bytes = text_bytes("id", "00000000-0000-0000-0000-000000000000");
    bytes += text_bytes("type", event->type);
    bytes += event->binary ? strlen("\"data_base64\": \"\", ") + (event->data_length + 2) / 3 * 4
                           : strlen("\"data\": , ") + checked->data.length;
    bytes += event->content_type ? text_bytes("datacontenttype", event->content_type) : 0;
    bytes += event->metadata ? strlen("\"metadata\": , ") + checked->metadata.length : 0;
    bytes += event->time ? text_bytes("time", event->time) : 0;
    if (event->schema_version)
        bytes += strlen("\"schemaversion\": , ") +
                 (size_t)snprintf(number, sizeof number, "%" PRId32, event->schema_version);
    return bytes; /* the braces weigh what the comma behind the last member does */
}

/* height is how deep the deepest value stands in JSON in normal form, 0 for one that is alone. */
static int height(const weir_buffer *json)
{
    int depth = 0, deepest = 0;
    bool text = false;
    for (const char *c = json->data; c && *c; c++) {
        bool close = !text && (*c == ']' || *c == '}'), open = !text && (*c == '[' || *c == '{');
        depth -= close;
        if (!close && depth > deepest)
            deepest = depth;
        depth += open;
        if (text && *c == '\\')
            c++;
        else if (*c == '"')
            text = !text;
    }
    return deepest;
}

static bool is_utf8(const char *text)
{
    size_t left = text ? strlen(text) : 0, length = 1;
    for (; left > 0 && length > 0; text += length, left -= length)
        length = weir_utf8_length(text, left);
    return length > 0;
}

static bool not_utf8(weir_error *error)
{
    return weir_refuse(error, "22021", "invalid byte sequence for encoding \"UTF8\"");
}

/* normalise brings what is JSON into normal form, and reads the time. */
static bool normalise(const weir_new_event *event, weir_checked *checked, weir_error *error)
{
    *checked =
        (weir_checked){.data = WEIR_BUFFER(NORMAL_LIMIT), .metadata = WEIR_BUFFER(NORMAL_LIMIT)};
    if (!is_utf8(event->type) || !is_utf8(event->content_type) || !is_utf8(event->time))
        return not_utf8(error);
    if (!event->binary &&
        !weir_json_normal(event->data, event->data_length, false, &checked->data, error))
        return false;
    const char *metadata = event->metadata ? event->metadata : "{}";
    return weir_json_normal(metadata, strlen(metadata), false, &checked->metadata, error);
}

static bool refuse_event(const weir_append *append, size_t at, const char *problem,
                         weir_error *error)
{
    return weir_refuse(error, "WV002", "event %zu of %zu for %s/%s is refused: %s", at + 1,
                       append->count, append->aggregate_type, append->aggregate_id, problem);
}

bool weir_event_check(const weir_append *append, size_t at, int64_t max_event_bytes,
                      weir_checked *checked, weir_error *error)
{
    const weir_new_event *event = &append->events[at];
    char large[96];
    if (!normalise(event, checked, error))
        return false;
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        if (problems[i].holds(event, checked))
            return refuse_event(append, at, problems[i].problem, error);
    size_t bytes = json_bytes(event, checked);
    if (bytes > (size_t)max_event_bytes) {
        snprintf(large, sizeof large, "it has %zu bytes of JSON, more than the limit of %" PRId64,
                 bytes, max_event_bytes);
        return refuse_event(append, at, large, error);
    }
    if (height(&checked->data) + 1 >= DEEPEST || height(&checked->metadata) + 1 >= DEEPEST)
        return refuse_event(append, at, "it is nested deeper than 2048 levels", error);
    if (strcmp(event->type, WEIR_TOMBSTONE) == 0 && at + 1 < append->count)
        return refuse_event(append, at, "a tombstone closes its stream: it must be the last event",
                            error);
    return !event->time || read_time(event->time, &checked->time_us);
}

void weir_checked_free(weir_checked *checked)
{
    weir_buffer_free(&checked->data);
    weir_buffer_free(&checked->metadata);
}

/* quoted is an SQL literal of the text, as quote_literal() writes it; malloc'd. */
static char *quoted(const char *text)
{
    weir_buffer out = WEIR_BUFFER(strlen(text) * 2 + 4);
    weir_buffer_text(&out, strchr(text, '\\') ? "E'" : "'");
    for (const char *c = text; *c; c++) {
        if (*c == '\'' || *c == '\\')
            weir_buffer_char(&out, *c);
        weir_buffer_char(&out, *c);
    }
    weir_buffer_char(&out, '\'');
    return out.data;
}

static bool refuse_name(weir_error *error, const char *what, const char *text, const char *rule)
{
    char *literal = quoted(text);
    weir_refuse(error, "WV002", "invalid %s %s: %s", what, literal, rule);
    free(literal);
    return false;
}

bool weir_aggregate_check(const weir_append *append, weir_error *error)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    const char *type = append->aggregate_type, *id = append->aggregate_id;
    if (!is_utf8(type) || !is_utf8(id))
        return not_utf8(error);
    if (!*type || type[strspn(type, letters)] || strlen(type) > AGGREGATE_TYPE_BYTES)
        return refuse_name(error, "aggregate type", type,
                           "It must have 1 to 100 letters, digits, \"_\", \".\" or \"-\", since "
                           "it names a topic.");
    if (!*id || strlen(id) > AGGREGATE_ID_BYTES || has_control(id))
        return refuse_name(error, "aggregate id", id,
                           "It must have 1 to 256 bytes and no control characters.");
    if (append->expected_version < WEIR_MUST_EXIST && append->expected_version != WEIR_ANY_VERSION)
        return weir_refuse(error, "WV002",
                           "invalid expected version %" PRId64 ": n >= 0: exactly n (0: must not "
                           "exist), -1: must exist, NULL: any.",
                           append->expected_version);
    return true;
}
