/* A YAML file as libyaml's document, with errors that name the place. It knows no settings. */
#include "config/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define LARGEST_FILE ((size_t)1 << 20)

struct weir_yaml {
    yaml_document_t document;
    char *path;
    char where[512];
};

const weir_yaml_node *weir_yaml_root(const weir_yaml *yaml)
{
    return yaml_document_get_root_node((yaml_document_t *)&yaml->document);
}

const char *weir_yaml_where(weir_yaml *yaml, const weir_yaml_node *node)
{
    snprintf(yaml->where, sizeof yaml->where, "%s:%zu:%zu", yaml->path, node->start_mark.line + 1,
             node->start_mark.column + 1);
    return yaml->where;
}

int weir_yaml_line(const weir_yaml_node *node)
{
    return (int)node->start_mark.line + 1;
}

weir_yaml_kind weir_yaml_kind_of(const weir_yaml_node *node)
{
    static const weir_yaml_kind kinds[] = {[YAML_NO_NODE] = WEIR_YAML_NOTHING,
                                           [YAML_SCALAR_NODE] = WEIR_YAML_SCALAR,
                                           [YAML_SEQUENCE_NODE] = WEIR_YAML_LIST,
                                           [YAML_MAPPING_NODE] = WEIR_YAML_MAPPING};
    return kinds[node->type];
}

const char *weir_yaml_text(const weir_yaml_node *node)
{
    return (const char *)node->data.scalar.value;
}

bool weir_yaml_is_plain(const weir_yaml_node *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

bool weir_yaml_is_empty(const weir_yaml_node *node)
{
    const char *text = weir_yaml_is_plain(node) ? weir_yaml_text(node) : "a value";
    return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

size_t weir_yaml_count(const weir_yaml_node *node)
{
    if (node->type == YAML_SEQUENCE_NODE)
        return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
}

static const weir_yaml_node *node_at(weir_yaml *yaml, int id)
{
    return yaml_document_get_node(&yaml->document, id);
}

const weir_yaml_node *weir_yaml_item(weir_yaml *yaml, const weir_yaml_node *list, size_t index)
{
    return node_at(yaml, list->data.sequence.items.start[index]);
}

bool weir_yaml_fail(weir_yaml *yaml, const weir_yaml_node *node, weir_error *error,
                    const char *format, ...)
{
    char why[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return weir_fail(error, WEIR_FATE_CONFIG, "%s: %s", weir_yaml_where(yaml, node), why);
}

/* What holds a NUL would be read as less than it is. */
static bool is_whole(const weir_yaml_node *node)
{
    return node->type != YAML_SCALAR_NODE ||
           strlen(weir_yaml_text(node)) == node->data.scalar.length;
}

bool weir_yaml_expect(weir_yaml *yaml, const weir_yaml_node *node, weir_yaml_kind kind,
                      const char *name, weir_error *error)
{
    static const char *const words[] = {"nothing", "a value", "a list", "a mapping"};
    weir_yaml_kind is = weir_yaml_kind_of(node);
    if (!is_whole(node))
        return weir_yaml_fail(yaml, node, error, "%s contains a NUL character", name);
    return is == kind ||
           weir_yaml_fail(yaml, node, error, "%s must be %s, not %s", name, words[kind], words[is]);
}

bool weir_yaml_pairs(weir_yaml *yaml, const weir_yaml_node *mapping, weir_yaml_pair_fn *fn,
                     void *context, weir_error *error)
{
    const yaml_node_pair_t *first = mapping->data.mapping.pairs.start;
    for (const yaml_node_pair_t *pair = first; pair < mapping->data.mapping.pairs.top; pair++) {
        const weir_yaml_node *key = node_at(yaml, pair->key), *value = node_at(yaml, pair->value);
        if (!weir_yaml_expect(yaml, key, WEIR_YAML_SCALAR, "a key", error))
            return false;
        const char *name = weir_yaml_text(key);
        for (const yaml_node_pair_t *earlier = first; earlier < pair; earlier++)
            if (strcmp(weir_yaml_text(node_at(yaml, earlier->key)), name) == 0)
                return weir_yaml_fail(yaml, key, error, "key '%s' stands here twice", name);
        if (!fn(context, yaml, key, value, error))
            return false;
    }
    return true;
}

static bool fail_parse(const weir_yaml *yaml, const yaml_parser_t *parser, weir_error *error)
{
    const char *problem = parser->problem ? parser->problem : "not YAML";
    if (parser->error == YAML_READER_ERROR)
        return weir_fail(error, WEIR_FATE_CONFIG, "%s: %s at byte %zu", yaml->path, problem,
                         parser->problem_offset);
    return weir_fail(error, WEIR_FATE_CONFIG, "%s:%zu:%zu: %s%s%s", yaml->path,
                     parser->problem_mark.line + 1, parser->problem_mark.column + 1, problem,
                     parser->context ? " " : "", parser->context ? parser->context : "");
}

/* A second document would be settings that do nothing. */
static bool expect_end(weir_yaml *yaml, yaml_parser_t *parser, weir_error *error)
{
    yaml_document_t second;
    if (!yaml_parser_load(parser, &second))
        return fail_parse(yaml, parser, error);
    const yaml_node_t *root = yaml_document_get_root_node(&second);
    if (root)
        weir_yaml_fail(yaml, root, error, "a second document; there must be one");
    yaml_document_delete(&second);
    return !root;
}

weir_yaml *weir_yaml_parse(const char *path, const char *text, size_t length, weir_error *error)
{
    yaml_parser_t parser;
    weir_yaml *yaml = weir_calloc(1, sizeof *yaml);
    yaml->path = weir_strdup(path);
    if (!yaml_parser_initialize(&parser))
        weir_out_of_memory(sizeof parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    bool loaded = yaml_parser_load(&parser, &yaml->document);
    bool ok = loaded ? !weir_yaml_root(yaml) || expect_end(yaml, &parser, error)
                     : fail_parse(yaml, &parser, error);
    yaml_parser_delete(&parser);
    if (ok)
        return yaml;
    if (!loaded) { /* libyaml leaves nothing to delete */
        free(yaml->path);
        free(yaml);
    } else {
        weir_yaml_free(yaml);
    }
    return NULL;
}

weir_yaml *weir_yaml_open(const char *path, weir_error *error)
{
    weir_yaml *yaml = NULL;
    FILE *file = fopen(path, "re");
    if (!file) {
        weir_fail(error, WEIR_FATE_CONFIG, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = weir_malloc(LARGEST_FILE + 1);
    size_t length = fread(text, 1, LARGEST_FILE + 1, file);
    if (ferror(file))
        weir_fail(error, WEIR_FATE_CONFIG, "cannot read %s: %s", path, strerror(errno));
    else if (length > LARGEST_FILE)
        weir_fail(error, WEIR_FATE_CONFIG, "%s is larger than 1 MiB", path);
    else
        yaml = weir_yaml_parse(path, text, length, error);
    free(text);
    fclose(file);
    return yaml;
}

void weir_yaml_free(weir_yaml *yaml)
{
    if (!yaml)
        return;
    yaml_document_delete(&yaml->document);
    free(yaml->path);
    free(yaml);
}
