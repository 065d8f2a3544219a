/* A CloudEvents line as an event to append.
 *
 * Two passes over the members: the known attributes first, since what the others mean depends on
 * them, then metadata. Data keeps its exact text: it is a slice of the line. */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "store/cloudevent.h"
#include "store/codec.h"

#define METADATA_LIMIT ((size_t)16 * 1024 * 1024)
#define DATA_LIMIT ((size_t)64 * 1024 * 1024) /* of msgpack: the greatest line, and more */

typedef enum attribute {
    SPECVERSION,
    ID,
    SOURCE,
    TYPE,
    SUBJECT,
    TIME,
    DATACONTENTTYPE,
    DATA,
    DATA_BASE64,
    AGGREGATETYPE,
    SCHEMAVERSION,
    METADATA,
    STOREID,
    AGGREGATEVERSION, /* from here on: given by the store that wrote the line */
    POSITION,
    PREVPOSITION,
    RECORDEDTIME,
    ATTRIBUTES
} attribute;

static const struct {
    const char *name;
    bool text;     /* must be a text when it is there */
    bool required; /* and not empty */
} attributes[ATTRIBUTES] = {
    [SPECVERSION] = {"specversion", true, true},
    [ID] = {"id", true, true},
    [SOURCE] = {"source", true, true},
    [TYPE] = {"type", true, true},
    [SUBJECT] = {"subject", true, true},
    [TIME] = {"time", true, false},
    [DATACONTENTTYPE] = {"datacontenttype", true, false},
    [DATA] = {"data", false, false},
    [DATA_BASE64] = {"data_base64", true, false},
    [AGGREGATETYPE] = {"aggregatetype", true, false},
    [SCHEMAVERSION] = {"schemaversion", false, false},
    [METADATA] = {"metadata", false, false},
    [STOREID] = {"storeid", false, false},
    [AGGREGATEVERSION] = {"aggregateversion", false, false},
    [POSITION] = {"position", false, false},
    [PREVPOSITION] = {"prevposition", false, false},
    [RECORDEDTIME] = {"recordedtime", false, false},
};

/* A line being read. */
typedef struct line {
    weir_slice values[ATTRIBUTES]; /* text NULL: absent */
    char *texts[ATTRIBUTES];       /* decoded, of those that are texts */
    weir_arena *arena;
    weir_cloudevent *read;
    weir_error *error;
} line;

static attribute find(weir_slice key)
{
    attribute at = 0;
    while (at < ATTRIBUTES && !weir_json_is(key, attributes[at].name))
        at++;
    return at;
}

bool weir_cloudevent_known(weir_slice key)
{
    return find(key) < ATTRIBUTES;
}

static bool refuse(line *in, const char *why, attribute at)
{
    return weir_fail(in->error, WEIR_FATE_POISON, "\"%s\" %s", attributes[at].name, why);
}

static bool too_large(line *in)
{
    return weir_fail(in->error, WEIR_FATE_POISON, "the event is too large to read");
}

/* A member that is null is absent, as CloudEvents says; data alone can be null. */
static bool is_null(attribute at, weir_slice value)
{
    return at != DATA && value.text[0] == 'n';
}

static bool collect(line *in, const char *text, size_t length)
{
    weir_json_walk walk;
    weir_slice key, value;
    if (!weir_json_object(&walk, text, length))
        return weir_fail(in->error, WEIR_FATE_POISON, "not a JSON object");
    while (weir_json_next(&walk, &key, &value)) {
        attribute at = find(key);
        if (at < ATTRIBUTES && !is_null(at, value))
            in->values[at] = value;
    }
    return true;
}

static bool check(line *in)
{
    for (attribute at = 0; at < ATTRIBUTES; at++) {
        weir_slice value = in->values[at];
        if (!value.text && attributes[at].required)
            return refuse(in, at == SUBJECT ? "is missing; it is the aggregate id" : "is missing",
                          at);
        if (!value.text)
            continue;
        if (value.text[0] != '"') {
            if (attributes[at].text)
                return refuse(in, "must be a text", at);
            continue;
        }
        /* data can be large: it is decoded only where its text is what counts */
        if (at != DATA && !(in->texts[at] = weir_json_decode(value, in->arena)))
            return too_large(in);
        if (attributes[at].required && !*in->texts[at])
            return refuse(in, "must not be empty", at);
    }
    if (strcmp(in->texts[SPECVERSION], "1.0") != 0)
        return refuse(in, "must be \"1.0\"", SPECVERSION);
    return true;
}

static bool read_identity(line *in, const char *aggregate_type)
{
    weir_cloudevent *read = in->read;
    const char *id = in->texts[ID];
    read->aggregate_type = in->texts[AGGREGATETYPE] ? in->texts[AGGREGATETYPE] : aggregate_type;
    if (!read->aggregate_type)
        return refuse(in, "is missing; --aggregate-type gives one to such lines", AGGREGATETYPE);
    read->aggregate_id = in->texts[SUBJECT];
    read->event.type = in->texts[TYPE];
    if (weir_uuid_parse(id, strlen(id), &read->id))
        return true;
    size_t length = strlen(in->texts[SOURCE]) + 1 + strlen(id);
    char *name = weir_arena_alloc(in->arena, length + 1);
    if (!name)
        return too_large(in);
    memcpy(name, in->texts[SOURCE], length - strlen(id) - 1);
    name[length - strlen(id) - 1] = '\n';
    memcpy(name + length - strlen(id), id, strlen(id));
    read->id = weir_uuid_from_name(name, length);
    return true;
}

static bool read_time(line *in)
{
    const char *text = in->texts[TIME];
    int64_t time_us;
    weir_error why;
    if (text && !weir_clock_parse(text, strlen(text), &time_us, &why))
        return refuse(in, "is not an RFC 3339 time", TIME);
    in->read->event.time = text;
    return true;
}

/* What the writing store gave; of use only to who stores nothing. */
static int64_t given(const line *in, attribute at)
{
    weir_slice value = in->values[at];
    int64_t number = 0;
    if (!in->values[STOREID].text || value.length > 18)
        return 0;
    for (size_t i = 0; i < value.length; i++) {
        if (value.text[i] < '0' || value.text[i] > '9')
            return 0;
        number = number * 10 + (value.text[i] - '0');
    }
    return number;
}

static bool read_schema_version(line *in)
{
    weir_slice value = in->values[SCHEMAVERSION];
    int32_t version = 0;
    if (!value.text)
        return true;
    if (value.length > 9)
        return refuse(in, "must be a whole number from 1", SCHEMAVERSION);
    for (size_t i = 0; i < value.length; i++) {
        if (value.text[i] < '0' || value.text[i] > '9')
            return refuse(in, "must be a whole number from 1", SCHEMAVERSION);
        version = version * 10 + (value.text[i] - '0');
    }
    if (version < 1)
        return refuse(in, "must be a whole number from 1", SCHEMAVERSION);
    in->read->event.schema_version = version;
    return true;
}

static bool read_base64(line *in)
{
    const char *text = in->texts[DATA_BASE64];
    char *bytes = weir_arena_alloc(in->arena, strlen(text) / 4 * 3 + 1);
    if (!bytes)
        return too_large(in);
    if (!weir_base64_decode(text, strlen(text), bytes, &in->read->event.data_length))
        return refuse(in, "is not base64", DATA_BASE64);
    in->read->event.data = bytes;
    in->read->event.binary = true;
    if (!in->read->event.content_type)
        in->read->event.content_type = "application/octet-stream";
    return true;
}

static bool read_msgpack(line *in, weir_slice data)
{
    weir_new_event *event = &in->read->event;
    weir_buffer bytes = WEIR_BUFFER(DATA_LIMIT);
    bool ok = weir_json_to_msgpack(data.text, data.length, &bytes, in->error) ||
              weir_error_prefix(in->error, "data as %s", event->content_type);
    event->data = ok ? weir_arena_copy(in->arena, bytes.data, bytes.length) : NULL;
    event->data_length = bytes.length;
    event->binary = true;
    weir_buffer_free(&bytes);
    return event->data || (ok && too_large(in));
}

static bool read_data(line *in)
{
    weir_new_event *event = &in->read->event;
    weir_slice data = in->values[DATA];
    event->content_type = in->texts[DATACONTENTTYPE];
    if (in->values[DATA_BASE64].text) {
        if (data.text)
            return refuse(in, "and \"data\" exclude each other", DATA_BASE64);
        return read_base64(in);
    }
    if (!data.text)
        data = (weir_slice){"null", 4};
    event->data = data.text;
    event->data_length = data.length;
    if (!event->content_type || weir_is_json(event->content_type))
        return true;
    if (weir_is_msgpack(event->content_type))
        return read_msgpack(in, data);
    if (data.text[0] != '"')
        return refuse(in, "of another content type than JSON must be a text, or data_base64", DATA);
    if (!(event->data = weir_json_decode(data, in->arena)))
        return too_large(in);
    event->data_length = strlen(event->data);
    event->binary = true;
    return true;
}

static void put(weir_buffer *metadata, weir_slice key, weir_slice value)
{
    weir_buffer_char(metadata, metadata->length ? ',' : '{');
    weir_buffer_append(metadata, key.text, key.length);
    weir_buffer_char(metadata, ':');
    weir_buffer_append(metadata, value.text, value.length);
}

static void put_text(weir_buffer *metadata, const char *key, weir_slice value)
{
    char quoted[32];
    int length = snprintf(quoted, sizeof quoted, "\"%s\"", key);
    put(metadata, (weir_slice){quoted, (size_t)length}, value);
}

/* goes_to_metadata: neither an attribute of ours nor null. */
static bool goes_to_metadata(const line *in, weir_slice key, weir_slice value)
{
    attribute at = find(key);
    bool written_here = in->values[STOREID].text != NULL;
    if (at == ATTRIBUTES || (at >= AGGREGATEVERSION && !written_here))
        return value.text[0] != 'n';
    return at == METADATA && value.text[0] != '{' && value.text[0] != 'n';
}

static void put_all(line *in, weir_buffer *metadata, const char *text, size_t length)
{
    weir_json_walk walk;
    weir_slice key, value;
    const char *source = in->texts[SOURCE];
    if (weir_json_object(&walk, text, length))
        while (weir_json_next(&walk, &key, &value))
            if (goes_to_metadata(in, key, value))
                put(metadata, key, value);
    weir_slice nested = in->values[METADATA];
    if (nested.text && weir_json_object(&walk, nested.text, nested.length))
        while (weir_json_next(&walk, &key, &value))
            put(metadata, key, value);
    if (strncmp(source, "/weir/", 6) != 0 || strcmp(source + 6, in->read->aggregate_type) != 0)
        put_text(metadata, "source", in->values[SOURCE]);
    weir_uuid parsed;
    if (!weir_uuid_parse(in->texts[ID], strlen(in->texts[ID]), &parsed))
        put_text(metadata, "ceid", in->values[ID]);
}

static bool read_metadata(line *in, const char *text, size_t length)
{
    weir_buffer metadata = WEIR_BUFFER(METADATA_LIMIT);
    put_all(in, &metadata, text, length);
    if (metadata.length)
        weir_buffer_char(&metadata, '}');
    else
        weir_buffer_text(&metadata, "{}");
    /* an attribute may stand in "metadata" once more */
    bool ok = metadata.overflow ? too_large(in)
                                : weir_json_check(metadata.data, metadata.length, in->error) ||
                                      weir_error_prefix(in->error, "metadata");
    if (ok) {
        in->read->event.metadata = weir_arena_copy(in->arena, metadata.data, metadata.length);
        ok = in->read->event.metadata || too_large(in);
    }
    weir_buffer_free(&metadata);
    return ok;
}

bool weir_cloudevent_read(const char *text, size_t length, const char *aggregate_type,
                          weir_arena *arena, weir_cloudevent *read, weir_error *error)
{
    line in = {.arena = arena, .read = read, .error = error};
    *read = (weir_cloudevent){0};
    if (!weir_json_check(text, length, error)) {
        static const char one_line[] = "bad JSON at line 1, ";
        if (strncmp(error->message, one_line, strlen(one_line)) == 0)
            memmove(error->message + strlen("bad JSON at "), error->message + strlen(one_line),
                    strlen(error->message + strlen(one_line)) + 1);
        return false;
    }
    if (!collect(&in, text, length))
        return false;
    read->position = given(&in, POSITION);
    read->version = given(&in, AGGREGATEVERSION);
    return check(&in) && read_identity(&in, aggregate_type) && read_time(&in) &&
           read_schema_version(&in) && read_data(&in) && read_metadata(&in, text, length);
}
