/* The YAML file: sections of settings, checked key by key against the table, every refusal with its
 * line and column. Built on libyaml's documents, whose nodes carry their marks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/suggest.h"
#include "config/config_int.h"

#define LARGEST_FILE ((size_t)1 << 20)

typedef struct weir_yaml {
    weir_config *config;
    yaml_document_t document;
    const char *path;
    weir_error *error;
    char where[512];
} weir_yaml;

static const char *mark(weir_yaml *yaml, const yaml_node_t *node)
{
    snprintf(yaml->where, sizeof yaml->where, "%s:%zu:%zu", yaml->path, node->start_mark.line + 1,
             node->start_mark.column + 1);
    return yaml->where;
}

static yaml_node_t *node_at(weir_yaml *yaml, int id)
{
    return yaml_document_get_node(&yaml->document, id);
}

static const char *scalar(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

/* A key without a value: "kafka:" and nothing behind it. */
static bool is_empty(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (scalar(node)[0] == '\0' || strcmp(scalar(node), "~") == 0 ||
            strcmp(scalar(node), "null") == 0);
}

/* What holds a NUL would be read as less than it is. */
static bool is_whole(const yaml_node_t *node)
{
    return node->type != YAML_SCALAR_NODE || strlen(scalar(node)) == node->data.scalar.length;
}

static bool expect(weir_yaml *yaml, const yaml_node_t *node, yaml_node_type_t type,
                   const char *name)
{
    static const char *const words[] = {"nothing", "a value", "a list", "a mapping"};
    if (!is_whole(node))
        return weir_fail(yaml->error, WEIR_FATE_CONFIG, "%s: %s contains a NUL character",
                         mark(yaml, node), name);
    if (node->type == type)
        return true;
    return weir_fail(yaml->error, WEIR_FATE_CONFIG, "%s: %s must be %s, not %s", mark(yaml, node),
                     name, words[type], words[node->type]);
}

typedef bool pair_fn(weir_yaml *yaml, void *context, yaml_node_t *key, yaml_node_t *value);

/* Calls fn for every pair of a mapping; keys must be scalars and must not repeat. */
static bool each_pair(weir_yaml *yaml, yaml_node_t *mapping, pair_fn *fn, void *context)
{
    yaml_node_pair_t *first = mapping->data.mapping.pairs.start;
    for (yaml_node_pair_t *pair = first; pair < mapping->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = node_at(yaml, pair->key), *value = node_at(yaml, pair->value);
        if (!expect(yaml, key, YAML_SCALAR_NODE, "a key"))
            return false;
        for (yaml_node_pair_t *earlier = first; earlier < pair; earlier++)
            if (strcmp(scalar(node_at(yaml, earlier->key)), scalar(key)) == 0)
                return weir_fail(yaml->error, WEIR_FATE_CONFIG, "%s: key '%s' stands here twice",
                                 mark(yaml, key), scalar(key));
        if (!fn(yaml, context, key, value))
            return false;
    }
    return true;
}

static char *interpolated(weir_yaml *yaml, const yaml_node_t *node)
{
    return weir_interpolate(scalar(node), mark(yaml, node), yaml->error);
}

static char *source_of(weir_yaml *yaml, const yaml_node_t *node)
{
    return weir_format("%s:%zu", yaml->path, node->start_mark.line + 1);
}

struct addition {
    weir_value *value;
    const weir_setting *setting;
};

static bool add_item(weir_yaml *yaml, struct addition *to, const char *key, yaml_node_t *node)
{
    if (!expect(yaml, node, YAML_SCALAR_NODE, to->setting->name))
        return false;
    char *text = interpolated(yaml, node);
    char *source = source_of(yaml, node);
    if (text)
        weir_value_add(to->value, key, text, source);
    bool ok = text != NULL;
    free(source);
    free(text);
    return ok;
}

static bool add_pair(weir_yaml *yaml, void *context, yaml_node_t *key, yaml_node_t *value)
{
    return add_item(yaml, context, scalar(key), value);
}

static bool add_items(weir_yaml *yaml, struct addition *to, yaml_node_t *node)
{
    weir_value_clear(to->value);
    if (to->setting->type == WEIR_SETTING_MAP)
        return expect(yaml, node, YAML_MAPPING_NODE, to->setting->name) &&
               each_pair(yaml, node, add_pair, to);
    if (!expect(yaml, node, YAML_SEQUENCE_NODE, to->setting->name))
        return false;
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++)
        if (!add_item(yaml, to, NULL, node_at(yaml, *item)))
            return false;
    return true;
}

static bool assign_scalar(weir_yaml *yaml, weir_value *value, const weir_setting *setting,
                          yaml_node_t *node)
{
    if (!expect(yaml, node, YAML_SCALAR_NODE, setting->name))
        return false;
    char *text = interpolated(yaml, node);
    if (!text)
        return false;
    char *source = source_of(yaml, node);
    bool ok = weir_value_assign(value, setting, text, mark(yaml, node), source, yaml->error);
    free(source);
    free(text);
    return ok;
}

/* Where settings of a section go: "kafka." into the config, "subscriptions.*." into an overlay. */
struct section {
    const char *prefix;
    const char *name; /* as the user knows it */
    weir_value *values;
};

static bool unknown_key(weir_yaml *yaml, const struct section *section, const yaml_node_t *key)
{
    weir_suggestion near = {.word = scalar(key)};
    for (size_t i = 0; weir_settings[i].name; i++)
        if (strncmp(weir_settings[i].name, section->prefix, strlen(section->prefix)) == 0)
            weir_suggest_offer(&near, weir_settings[i].name + strlen(section->prefix));
    return weir_fail(yaml->error, WEIR_FATE_CONFIG, "%s: unknown key '%s' in '%s'%s%s%s",
                     mark(yaml, key), scalar(key), section->name,
                     near.best ? "; did you mean '" : "", near.best ? near.best : "",
                     near.best ? "'?" : "");
}

static bool set_key(weir_yaml *yaml, void *context, yaml_node_t *key, yaml_node_t *value)
{
    const struct section *section = context;
    char *name = weir_format("%s%s", section->prefix, scalar(key));
    size_t index = weir_setting_find(name);
    free(name);
    if (index == SIZE_MAX)
        return unknown_key(yaml, section, key);
    if (is_empty(value))
        return true;
    const weir_setting *setting = &weir_settings[index];
    struct addition to = {&section->values[index], setting};
    if (setting->type == WEIR_SETTING_LIST || setting->type == WEIR_SETTING_MAP)
        return add_items(yaml, &to, value);
    return assign_scalar(yaml, &section->values[index], setting, value);
}

static bool set_subscription(weir_yaml *yaml, void *context, yaml_node_t *key, yaml_node_t *value)
{
    (void)context;
    weir_overlay *overlay = weir_config_overlay(yaml->config, scalar(key), false);
    if (is_empty(value))
        return true;
    struct section section = {WEIR_SUBSCRIPTION_PREFIX, overlay->name, overlay->values};
    return expect(yaml, value, YAML_MAPPING_NODE, overlay->name) &&
           each_pair(yaml, value, set_key, &section);
}

/* Offers every section's name; the name's buffer is one per row, so that the best one stays. */
static bool unknown_section(weir_yaml *yaml, const yaml_node_t *key)
{
    char names[64][32];
    weir_suggestion near = {.word = scalar(key)};
    for (size_t i = 0; weir_settings[i].name && i < 64; i++) {
        snprintf(names[i], sizeof names[i], "%.*s", (int)strcspn(weir_settings[i].name, "."),
                 weir_settings[i].name);
        weir_suggest_offer(&near, names[i]);
    }
    return weir_fail(yaml->error, WEIR_FATE_CONFIG, "%s: unknown section '%s'%s%s%s",
                     mark(yaml, key), scalar(key), near.best ? "; did you mean '" : "",
                     near.best ? near.best : "", near.best ? "'?" : "");
}

static bool set_section(weir_yaml *yaml, void *context, yaml_node_t *key, yaml_node_t *value)
{
    (void)context;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s.", scalar(key));
    bool known = false;
    for (size_t i = 0; !known && weir_settings[i].name; i++)
        known = strncmp(weir_settings[i].name, prefix, strlen(prefix)) == 0;
    if (!known)
        return unknown_section(yaml, key);
    if (is_empty(value))
        return true;
    if (!expect(yaml, value, YAML_MAPPING_NODE, scalar(key)))
        return false;
    if (strcmp(scalar(key), "subscriptions") == 0)
        return each_pair(yaml, value, set_subscription, NULL);
    struct section section = {prefix, scalar(key), yaml->config->values};
    return each_pair(yaml, value, set_key, &section);
}

static bool walk(weir_yaml *yaml)
{
    yaml_node_t *root = yaml_document_get_root_node(&yaml->document);
    if (!root || is_empty(root))
        return true;
    return expect(yaml, root, YAML_MAPPING_NODE, "the configuration") &&
           each_pair(yaml, root, set_section, NULL);
}

static bool fail_parse(weir_yaml *yaml, const yaml_parser_t *parser)
{
    const char *problem = parser->problem ? parser->problem : "not YAML";
    if (parser->error == YAML_READER_ERROR)
        return weir_fail(yaml->error, WEIR_FATE_CONFIG, "%s: %s at byte %zu", yaml->path, problem,
                         parser->problem_offset);
    return weir_fail(yaml->error, WEIR_FATE_CONFIG, "%s:%zu:%zu: %s%s%s", yaml->path,
                     parser->problem_mark.line + 1, parser->problem_mark.column + 1, problem,
                     parser->context ? " " : "", parser->context ? parser->context : "");
}

/* A second document would be settings that do nothing. */
static bool expect_end(weir_yaml *yaml, yaml_parser_t *parser)
{
    if (!yaml_parser_load(parser, &yaml->document))
        return fail_parse(yaml, parser);
    yaml_node_t *root = yaml_document_get_root_node(&yaml->document);
    if (root)
        weir_fail(yaml->error, WEIR_FATE_CONFIG, "%s: a second document; there must be one",
                  mark(yaml, root));
    yaml_document_delete(&yaml->document);
    return !root;
}

static bool parse(weir_yaml *yaml, const char *text, size_t length)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        weir_out_of_memory(sizeof parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    bool ok = yaml_parser_load(&parser, &yaml->document);
    if (ok) {
        bool more = yaml_document_get_root_node(&yaml->document) != NULL;
        ok = walk(yaml);
        yaml_document_delete(&yaml->document);
        ok = ok && (!more || expect_end(yaml, &parser));
    } else {
        fail_parse(yaml, &parser);
    }
    yaml_parser_delete(&parser);
    return ok;
}

bool weir_yaml_load(weir_config *config, const char *path, weir_error *error)
{
    weir_yaml yaml = {.config = config, .path = path, .error = error};
    FILE *file = fopen(path, "re");
    if (!file)
        return weir_fail(error, WEIR_FATE_CONFIG, "cannot read %s: %s", path, strerror(errno));
    char *text = weir_malloc(LARGEST_FILE + 1);
    size_t length = fread(text, 1, LARGEST_FILE + 1, file);
    bool ok;
    if (ferror(file))
        ok = weir_fail(error, WEIR_FATE_CONFIG, "cannot read %s: %s", path, strerror(errno));
    else if (length > LARGEST_FILE)
        ok = weir_fail(error, WEIR_FATE_CONFIG, "%s is larger than 1 MiB", path);
    else
        ok = parse(&yaml, text, length);
    free(text);
    fclose(file);
    return ok;
}
