/* A YAML value as JSON text: what is written without quotes is null, a boolean or a number where
 * JSON writes it so, and text otherwise. What looks like one of them and is none, such as 007, .5
 * or yes, is refused: it would be a text, to the surprise of whoever wrote it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_walk.h"
#include "config/yaml.h"

#define LARGEST ((size_t)1 << 20)
#define DEEPEST 32

typedef struct writer {
    weir_buffer out;
    int depth;
} writer;

static bool is_any(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

static bool looks_like_number(const char *text)
{
    char *end;
    strtod(text, &end);
    return *text && !*end && strpbrk(text, "0123456789");
}

static bool write_scalar(weir_yaml *yaml, const weir_yaml_node *node, writer *to, weir_error *error)
{
    static const char *const booleans[] = {"true", "false", NULL}, *const doubtful[] = {"yes", "no",
                                                                                        "on", "off",
                                                                                        NULL};
    const char *text = weir_yaml_text(node);
    if (weir_yaml_is_empty(node))
        weir_buffer_text(&to->out, "null");
    else if (!weir_yaml_is_plain(node))
        weir_buffer_json(&to->out, text, strlen(text));
    else if (is_any(text, booleans))
        weir_buffer_text(&to->out, text[0] == 't' || text[0] == 'T' ? "true" : "false");
    else if (weir_json_is_number(text, strlen(text)))
        weir_buffer_text(&to->out, text);
    else if (is_any(text, doubtful) || looks_like_number(text))
        return weir_yaml_fail(yaml, node, error,
                              "'%s' is neither a number nor a boolean in JSON; quote it if it is "
                              "meant as text",
                              text);
    else
        weir_buffer_json(&to->out, text, strlen(text));
    return true;
}

static bool write_value(weir_yaml *yaml, const weir_yaml_node *node, writer *to, weir_error *error);

static bool write_member(void *context, weir_yaml *yaml, const weir_yaml_node *key,
                         const weir_yaml_node *value, weir_error *error)
{
    writer *to = context;
    weir_buffer_text(&to->out, to->out.data[to->out.length - 1] == '{' ? "" : ", ");
    weir_buffer_json(&to->out, weir_yaml_text(key), strlen(weir_yaml_text(key)));
    weir_buffer_text(&to->out, ": ");
    return write_value(yaml, value, to, error);
}

static bool write_list(weir_yaml *yaml, const weir_yaml_node *list, writer *to, weir_error *error)
{
    weir_buffer_char(&to->out, '[');
    for (size_t i = 0; i < weir_yaml_count(list); i++) {
        weir_buffer_text(&to->out, i ? ", " : "");
        if (!write_value(yaml, weir_yaml_item(yaml, list, i), to, error))
            return false;
    }
    weir_buffer_char(&to->out, ']');
    return true;
}

static bool write_object(weir_yaml *yaml, const weir_yaml_node *node, writer *to, weir_error *error)
{
    weir_buffer_char(&to->out, '{');
    if (!weir_yaml_pairs(yaml, node, write_member, to, error))
        return false;
    weir_buffer_char(&to->out, '}');
    return true;
}

/* An alias may lead back to where it stands, or stand for a thousand others: depth and size end it.
 */
static bool write_value(weir_yaml *yaml, const weir_yaml_node *node, writer *to, weir_error *error)
{
    if (to->depth == DEEPEST || to->out.overflow)
        return weir_yaml_fail(yaml, node, error, "a value deeper than %d or larger than 1 MiB",
                              DEEPEST);
    to->depth++;
    weir_yaml_kind kind = weir_yaml_kind_of(node);
    bool ok = kind == WEIR_YAML_MAPPING ? write_object(yaml, node, to, error)
              : kind == WEIR_YAML_LIST
                  ? write_list(yaml, node, to, error)
                  : weir_yaml_expect(yaml, node, WEIR_YAML_SCALAR, "a value", error) &&
                        write_scalar(yaml, node, to, error);
    to->depth--;
    return ok;
}

char *weir_yaml_json(weir_yaml *yaml, const weir_yaml_node *node, weir_error *error)
{
    writer to = {.out = WEIR_BUFFER(LARGEST)};
    bool ok = write_value(yaml, node, &to, error);
    if (ok && to.out.overflow)
        ok = weir_yaml_fail(yaml, node, error, "a value larger than 1 MiB");
    if (ok)
        return to.out.data;
    weir_buffer_free(&to.out);
    return NULL;
}
