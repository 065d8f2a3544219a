/* The configuration file: sections of settings, checked key by key against the table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "config/config_int.h"
#include "config/yaml.h"

/* Where settings of a section go: "kafka." into the config, "subscriptions.*." and "topics.*." into
 * overlays. */
typedef struct section {
    weir_config *config;
    const char *path;
    const char *prefix;
    const char *name; /* as the user knows it */
    weir_value *values;
} section;

static char *interpolated(weir_yaml *yaml, const weir_yaml_node *node, weir_error *error)
{
    return weir_interpolate(weir_yaml_text(node), weir_yaml_where(yaml, node), error);
}

static char *source_of(const section *in, const weir_yaml_node *node)
{
    return weir_format("%s:%d", in->path, weir_yaml_line(node));
}

struct addition {
    const section *section;
    weir_value *value;
    const weir_setting *setting;
};

static bool add_item(weir_yaml *yaml, struct addition *to, const char *key,
                     const weir_yaml_node *node, weir_error *error)
{
    if (!weir_yaml_expect(yaml, node, WEIR_YAML_SCALAR, to->setting->name, error))
        return false;
    char *text = interpolated(yaml, node, error);
    char *source = source_of(to->section, node);
    if (text)
        weir_value_add(to->value, key, text, source);
    bool ok = text != NULL;
    free(source);
    free(text);
    return ok;
}

static bool add_pair(void *context, weir_yaml *yaml, const weir_yaml_node *key,
                     const weir_yaml_node *value, weir_error *error)
{
    return add_item(yaml, context, weir_yaml_text(key), value, error);
}

static bool add_items(weir_yaml *yaml, struct addition *to, const weir_yaml_node *node,
                      weir_error *error)
{
    weir_value_clear(to->value);
    if (to->setting->type == WEIR_SETTING_MAP)
        return weir_yaml_expect(yaml, node, WEIR_YAML_MAPPING, to->setting->name, error) &&
               weir_yaml_pairs(yaml, node, add_pair, to, error);
    if (!weir_yaml_expect(yaml, node, WEIR_YAML_LIST, to->setting->name, error))
        return false;
    for (size_t i = 0; i < weir_yaml_count(node); i++)
        if (!add_item(yaml, to, NULL, weir_yaml_item(yaml, node, i), error))
            return false;
    return true;
}

static bool assign_scalar(weir_yaml *yaml, const section *in, weir_value *value,
                          const weir_setting *setting, const weir_yaml_node *node,
                          weir_error *error)
{
    if (!weir_yaml_expect(yaml, node, WEIR_YAML_SCALAR, setting->name, error))
        return false;
    char *text = interpolated(yaml, node, error);
    if (!text)
        return false;
    char *source = source_of(in, node);
    bool ok = weir_value_assign(value, setting, text, weir_yaml_where(yaml, node), source, error);
    free(source);
    free(text);
    return ok;
}

static bool unknown_key(weir_yaml *yaml, const section *in, const weir_yaml_node *key,
                        weir_error *error)
{
    weir_suggestion near = {.word = weir_yaml_text(key)};
    for (size_t i = 0; weir_settings[i].name; i++)
        if (strncmp(weir_settings[i].name, in->prefix, strlen(in->prefix)) == 0)
            weir_suggest_offer(&near, weir_settings[i].name + strlen(in->prefix));
    weir_yaml_fail(yaml, key, error, "unknown key '%s' in '%s'", near.word, in->name);
    return weir_suggest_end(&near, error);
}

static bool set_key(void *context, weir_yaml *yaml, const weir_yaml_node *key,
                    const weir_yaml_node *value, weir_error *error)
{
    const section *in = context;
    char *name = weir_format("%s%s", in->prefix, weir_yaml_text(key));
    size_t index = weir_setting_find(name);
    free(name);
    if (index == SIZE_MAX)
        return unknown_key(yaml, in, key, error);
    if (weir_yaml_is_empty(value))
        return true;
    const weir_setting *setting = &weir_settings[index];
    struct addition to = {in, &in->values[index], setting};
    if (setting->type == WEIR_SETTING_LIST || setting->type == WEIR_SETTING_MAP)
        return add_items(yaml, &to, value, error);
    return assign_scalar(yaml, in, &in->values[index], setting, value, error);
}

static bool set_name(void *context, weir_yaml *yaml, const weir_yaml_node *key,
                     const weir_yaml_node *value, weir_error *error)
{
    section in = *(const section *)context;
    const char *owner = weir_overlay_section(in.name, '\0');
    weir_overlay *overlay = weir_config_overlay(in.config, owner, weir_yaml_text(key), false);
    if (weir_yaml_is_empty(value))
        return true;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s.*.", owner);
    in.prefix = prefix;
    in.name = overlay->name;
    in.values = overlay->values;
    return weir_yaml_expect(yaml, value, WEIR_YAML_MAPPING, overlay->name, error) &&
           weir_yaml_pairs(yaml, value, set_key, &in, error);
}

/* Offers every section's name; the name's buffer is one per row, so that the best one stays. */
static bool unknown_section(weir_yaml *yaml, const weir_yaml_node *key, weir_error *error)
{
    char names[64][32];
    weir_suggestion near = {.word = weir_yaml_text(key)};
    for (size_t i = 0; weir_settings[i].name && i < 64; i++) {
        snprintf(names[i], sizeof names[i], "%.*s", (int)strcspn(weir_settings[i].name, "."),
                 weir_settings[i].name);
        weir_suggest_offer(&near, names[i]);
    }
    weir_yaml_fail(yaml, key, error, "unknown section '%s'", near.word);
    return weir_suggest_end(&near, error);
}

static bool set_section(void *context, weir_yaml *yaml, const weir_yaml_node *key,
                        const weir_yaml_node *value, weir_error *error)
{
    section in = *(const section *)context;
    const char *name = weir_yaml_text(key);
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s.", name);
    bool known = false;
    for (size_t i = 0; !known && weir_settings[i].name; i++)
        known = strncmp(weir_settings[i].name, prefix, strlen(prefix)) == 0;
    if (!known)
        return unknown_section(yaml, key, error);
    if (weir_yaml_is_empty(value))
        return true;
    if (!weir_yaml_expect(yaml, value, WEIR_YAML_MAPPING, name, error))
        return false;
    in.prefix = prefix;
    in.name = name;
    bool overlays = weir_overlay_section(name, '\0') != NULL;
    return weir_yaml_pairs(yaml, value, overlays ? set_name : set_key, &in, error);
}

bool weir_sections_load(weir_config *config, const char *path, weir_error *error)
{
    weir_yaml *yaml = weir_yaml_open(path, error);
    if (!yaml)
        return false;
    section in = {.config = config, .path = path, .values = config->values};
    const weir_yaml_node *root = weir_yaml_root(yaml);
    bool ok = !root || weir_yaml_is_empty(root) ||
              (weir_yaml_expect(yaml, root, WEIR_YAML_MAPPING, "the configuration", error) &&
               weir_yaml_pairs(yaml, root, set_section, &in, error));
    weir_yaml_free(yaml);
    return ok;
}
