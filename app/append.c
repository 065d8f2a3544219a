/* append: events to one aggregate, from options (one event) or a JSON array on stdin.
 *
 * Both ways end in the JSON array that weir.append takes; JSON is checked first, because jsonb
 * would fold duplicate keys silently, and so is msgpack, which the store takes as it comes. Nothing
 * is retried: without an id of the caller's, a repeated append would be another event. */
#include "app/event_members.h"
#include "app/lines.h"
#include "app/session.h"
#include "app/verbs.h"
#include "base/base64.h"
#include "store/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_LIMIT ((size_t)64 * 1024 * 1024)

static bool read_file(const char *path, weir_buffer *text, weir_error *error)
{
    return weir_lines_file(path, INPUT_LIMIT, weir_session_stop(), text, error);
}

/* refuse makes it the caller's mistake: input that no repetition makes good. */
static bool refuse(weir_error *error, const char *what)
{
    error->code = WEIR_INVALID;
    return weir_error_prefix(error, "%s", what);
}

/* read_option appends what an option says: its own text, that of @FILE, or - for stdin. */
static bool read_option(const weir_arguments *arguments, const char *option, weir_buffer *text,
                        weir_error *error)
{
    const char *value = weir_arguments_text(arguments, option);
    if (strcmp(value, "-") != 0 && value[0] != '@') {
        weir_buffer_text(text, value);
        return true;
    }
    return read_file(value[0] == '@' ? value + 1 : value, text, error) ||
           weir_error_prefix(error, "--%s", option);
}

static bool put_json(const char *member, const weir_buffer *json, weir_buffer *events,
                     weir_error *error)
{
    if (!weir_json_check(json->data ? json->data : "", json->length, error))
        return false;
    weir_buffer_format(events, ",\"%s\":", member);
    weir_buffer_append(events, json->data, json->length);
    return true;
}

static bool put_metadata(const weir_arguments *arguments, weir_buffer *events, weir_error *error)
{
    weir_buffer json = WEIR_BUFFER(INPUT_LIMIT);
    bool ok = read_option(arguments, "metadata", &json, error) &&
              (put_json("metadata", &json, events, error) || refuse(error, "--metadata"));
    weir_buffer_free(&json);
    return ok;
}

/* check_msgpack: what nothing could show or project is not appended by hand. */
static bool check_msgpack(const weir_buffer *bytes, weir_error *error)
{
    weir_buffer json = WEIR_BUFFER(weir_msgpack_json_limit(bytes->length));
    bool ok = weir_msgpack_to_json(bytes->data ? bytes->data : "", bytes->length, &json, error);
    weir_buffer_free(&json);
    return ok;
}

static void put_bytes(const weir_buffer *bytes, weir_buffer *events)
{
    weir_buffer_text(events, ",\"data_base64\":\"");
    weir_base64_encode(events, bytes->data ? bytes->data : "", bytes->length);
    weir_buffer_char(events, '"');
}

/* put_content puts the data as its content type wants it. As the bytes of a file it is taken as it
 * is; else it is JSON where the type is JSON or msgpack, and a text where not. */
static bool put_content(const char *type, bool as_is, const weir_buffer *data, weir_buffer *events,
                        weir_error *error)
{
    if (!type || weir_is_json(type))
        return put_json("data", data, events, error);
    if (!weir_is_msgpack(type) || as_is) {
        put_bytes(data, events);
        return !weir_is_msgpack(type) || check_msgpack(data, error);
    }
    weir_buffer packed = WEIR_BUFFER(INPUT_LIMIT);
    bool ok = weir_json_to_msgpack(data->data ? data->data : "", data->length, &packed, error);
    if (ok)
        put_bytes(&packed, events);
    weir_buffer_free(&packed);
    return ok;
}

static bool put_data(const weir_arguments *arguments, weir_buffer *events, weir_error *error)
{
    const char *file = weir_arguments_text(arguments, "data-file");
    weir_buffer data = WEIR_BUFFER(INPUT_LIMIT);
    bool ok = file ? read_file(file, &data, error) || weir_error_prefix(error, "--data-file")
                   : read_option(arguments, "data", &data, error);
    ok = ok && (put_content(weir_arguments_text(arguments, "content-type"), file != NULL, &data,
                            events, error) ||
                refuse(error, file ? "--data-file" : "--data"));
    weir_buffer_free(&data);
    return ok;
}

static void put_text(const weir_arguments *arguments, const char *option, const char *member,
                     weir_buffer *events)
{
    const char *value = weir_arguments_text(arguments, option);
    if (!value)
        return;
    weir_buffer_format(events, ",\"%s\":", member);
    weir_buffer_json(events, value, strlen(value));
}

bool weir_event_members(const weir_arguments *arguments, weir_buffer *event, weir_error *error)
{
    bool data = weir_arguments_has(arguments, "data");
    bool file = weir_arguments_has(arguments, "data-file");
    if (data && file)
        return weir_fail(error, WEIR_FATE_CONFIG, "--data and --data-file exclude each other");
    put_text(arguments, "type", "type", event);
    if (((data || file) && !put_data(arguments, event, error)) ||
        (weir_arguments_has(arguments, "metadata") && !put_metadata(arguments, event, error)))
        return false;
    put_text(arguments, "content-type", "datacontenttype", event);
    if (weir_arguments_has(arguments, "schema-version"))
        weir_buffer_format(event, ",\"schemaversion\":%lld",
                           (long long)weir_arguments_integer(arguments, "schema-version"));
    return true;
}

/* alone: the flag excludes each of these options. */
static bool alone(const weir_arguments *arguments, const char *flag, const char *const *options,
                  size_t count, weir_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (weir_arguments_has(arguments, options[i]))
            return weir_fail(error, WEIR_FATE_CONFIG, "--%s and --%s exclude each other", flag,
                             options[i]);
    return true;
}

static bool put_tombstone(const weir_arguments *arguments, weir_buffer *events, weir_error *error)
{
    static const char *const not_here[] = {"type", "data", "data-file", "content-type",
                                           "schema-version"};
    weir_buffer_text(events, ",\"type\":\"" WEIR_TOMBSTONE "\",\"data\":null");
    return alone(arguments, "tombstone", not_here, sizeof not_here / sizeof *not_here, error);
}

static bool from_options(const weir_arguments *arguments, weir_buffer *events, weir_error *error)
{
    const char *type = weir_arguments_text(arguments, "type");
    bool tombstone = weir_arguments_flag(arguments, "tombstone");
    bool data = weir_arguments_has(arguments, "data");
    bool file = weir_arguments_has(arguments, "data-file");
    if (!tombstone && (!type || (!data && !file)))
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "an event needs --type and --data (or events on stdin: --stdin; or "
                         "--tombstone, which closes the stream)");
    weir_buffer_char(events, '[');
    if ((tombstone && !put_tombstone(arguments, events, error)) ||
        !weir_event_members(arguments, events, error))
        return false;
    events->data[1] = '{'; /* instead of the first member's comma */
    put_text(arguments, "id", "id", events);
    put_text(arguments, "time", "time", events);
    weir_buffer_text(events, "}]");
    return true;
}

static bool from_stdin(const weir_arguments *arguments, weir_buffer *events, weir_error *error)
{
    static const char *const of_one[] = {"type",     "data", "data-file", "content-type",
                                         "metadata", "id",   "time",      "schema-version"};
    if (weir_arguments_flag(arguments, "tombstone"))
        return weir_fail(error, WEIR_FATE_CONFIG, "--stdin and --tombstone exclude each other");
    return alone(arguments, "stdin", of_one, sizeof of_one / sizeof *of_one, error) &&
           read_file("-", events, error) &&
           (weir_json_check(events->data ? events->data : "", events->length, error) ||
            refuse(error, "stdin"));
}

/* read_expected turns --expect into the function's argument: NULL any, -1 must exist. */
static bool read_expected(const char *text, const char **expected, weir_error *error)
{
    char *end;
    static const struct {
        const char *word, *value;
    } words[] = {{"any", NULL}, {"exists", "-1"}, {"-1", "-1"}, {"none", "0"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].word, text) == 0) {
            *expected = words[i].value;
            return true;
        }
    }
    errno = 0;
    long long version = strtoll(text, &end, 10);
    *expected = text;
    if (end == text || *end || errno || version < 0)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "--expect must be a version, any, exists or none, not '%s'", text);
    return true;
}

static bool send(weir_session *session, const char *expected, const char *events, weir_error *error)
{
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_param params[] = {WEIR_PARAM_TEXT(weir_arguments_word(&session->arguments, 0)),
                           WEIR_PARAM_TEXT(weir_arguments_word(&session->arguments, 1)),
                           WEIR_PARAM_TEXT(expected), WEIR_PARAM_TEXT(events)};
    weir_result *result =
        weir_connection_query(weir_store_connection(store), "append", params, 4, error);
    if (result)
        weir_output_format(&session->output, "%s\n", weir_result_value(result, 0, 0));
    else if (strcmp(error->sqlstate, "WV002") == 0) /* the event is refused */
        error->code = WEIR_INVALID;
    else if (strcmp(error->sqlstate, "WV003") == 0) /* its ids are stored already */
        error->code = WEIR_CONFLICT;
    weir_result_free(result);
    weir_store_close(store);
    return result != NULL;
}

bool weir_verb_append(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *expected;
    weir_buffer events = WEIR_BUFFER(2 * INPUT_LIMIT);
    bool read = weir_arguments_flag(arguments, "stdin") ? from_stdin(arguments, &events, error)
                                                        : from_options(arguments, &events, error);
    bool ok = read && read_expected(weir_arguments_text(arguments, "expect"), &expected, error) &&
              send(session, expected, events.data, error);
    weir_buffer_free(&events);
    return ok;
}
