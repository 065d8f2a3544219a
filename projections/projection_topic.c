/* The directives of a projection that reads topics which weir's relay did not write: which topics,
 * and where in their messages stands what an event has. Pure, like the parser. */
#include <stdlib.h>
#include <string.h>

#include "projections/projection_int.h"

#define TOPIC_MOST 249 /* Kafka's own limit */
#define NAME_MOST 200

static const char *const formats[] = {
    [WEIR_FOREIGN_JSON] = "json",
    [WEIR_FOREIGN_DEBEZIUM_OUTBOX] = "debezium-outbox",
};
static const char *const kinds[] = {
    [WEIR_FOREIGN_DEFAULT] = "default",
    [WEIR_FOREIGN_HEADER] = "header",
    [WEIR_FOREIGN_FIELD] = "field",
};

static bool is_topic(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= TOPIC_MOST && strcmp(text, ".") != 0 &&
           strcmp(text, "..") != 0 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") ==
               length;
}

bool weir_projection_add_topic(weir_projection *projection, int line, const char *name,
                               weir_error *error)
{
    weir_foreign *foreign = &projection->foreign;
    if (!is_topic(name))
        return weir_projection_fail(projection, line, error,
                                    "'%s' is no topic: 1 to %d letters, digits, '_', '.' or '-'",
                                    name, TOPIC_MOST);
    for (size_t i = 0; i < foreign->topic_count; i++)
        if (strcmp(foreign->topics[i], name) == 0)
            return weir_projection_fail(projection, line, error, "topic '%s' stands twice", name);
    size_t count = ++foreign->topic_count;
    foreign->topics = weir_realloc(foreign->topics, (count + 1) * sizeof(char *));
    foreign->topics[count - 1] = weir_strdup(name);
    foreign->topics[count] = NULL;
    return true;
}

bool weir_projection_set_format(weir_projection *projection, int line, const char *value,
                                weir_error *error)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i], value) == 0) {
            projection->foreign.format = (weir_foreign_format)i;
            return true;
        }
    return weir_projection_fail(projection, line, error,
                                "'%s' is no format: json or debezium-outbox", value);
}

bool weir_projection_set_source(weir_projection *projection, int line, const char *value,
                                bool header, weir_foreign_source *source, weir_error *error)
{
    size_t word = strcspn(value, " \t");
    const char *name = value + word + strspn(value + word, " \t");
    size_t length = strlen(name);
    weir_foreign_kind kind = WEIR_FOREIGN_DEFAULT;
    if (header && word == 6 && strncmp(value, "header", word) == 0)
        kind = WEIR_FOREIGN_HEADER;
    if (word == 5 && strncmp(value, "field", word) == 0)
        kind = WEIR_FOREIGN_FIELD;
    bool ok = kind != WEIR_FOREIGN_DEFAULT && length > 0 && length <= NAME_MOST;
    if (ok && kind == WEIR_FOREIGN_FIELD)
        ok = name[0] != '.' && name[length - 1] != '.' && !strstr(name, "..");
    if (!ok)
        return weir_projection_fail(projection, line, error, "'%s' says no place: %s'field PATH'",
                                    value, header ? "'header NAME' or " : "");
    *source = (weir_foreign_source){kind, weir_strdup(name)};
    return true;
}

bool weir_projection_end_source(weir_projection *projection, bool from, int foreign_line,
                                weir_error *error)
{
    bool topic = projection->foreign.topic_count > 0;
    int line = projection->name_line;
    if (from && topic)
        return weir_projection_fail(projection, line, error,
                                    "'from' and 'topic' exclude each other: a projection reads "
                                    "aggregate types or topics that weir did not write");
    if (!from && !topic)
        return weir_projection_fail(projection, line, error,
                                    "the directive 'from' is missing, or 'topic' for topics that "
                                    "weir did not write");
    if (!topic && foreign_line)
        return weir_projection_fail(projection, foreign_line, error,
                                    "'format', 'type', 'time' and 'data' go with 'topic' only");
    if (topic)
        projection->types = weir_calloc(2, sizeof *projection->types);
    return true;
}

const weir_foreign *weir_projection_foreign(const weir_projection *projection)
{
    return projection->foreign.topic_count > 0 ? &projection->foreign : NULL;
}

bool weir_projection_needs_store(const weir_projection *projection, const char *what,
                                 weir_error *error)
{
    return projection->foreign.topic_count == 0 ||
           weir_fail(error, WEIR_FATE_CONFIG,
                     "projection '%s' reads topic %s, whose messages the store does not have: %s",
                     projection->name, projection->foreign.topics[0], what);
}

static void describe(const char *what, const weir_foreign_source *source, weir_buffer *text)
{
    if (source->kind != WEIR_FOREIGN_DEFAULT)
        weir_buffer_format(text, ", %s %s %s", what, kinds[source->kind], source->name);
}

void weir_projection_describe_foreign(const weir_projection *projection, weir_buffer *text)
{
    const weir_foreign *foreign = &projection->foreign;
    weir_buffer_text(text, formats[foreign->format]);
    describe("type", &foreign->type, text);
    describe("time", &foreign->time, text);
    describe("data", &foreign->data, text);
}

void weir_projection_free_foreign(weir_projection *projection)
{
    weir_foreign *foreign = &projection->foreign;
    for (size_t i = 0; i < foreign->topic_count; i++)
        free(foreign->topics[i]);
    free(foreign->topics);
    free(foreign->type.name);
    free(foreign->time.name);
    free(foreign->data.name);
}
