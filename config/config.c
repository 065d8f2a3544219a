/* Loading: defaults, then the file, then the environment, then the command line; and looking up. */
#include "config/config.h"

#include <ctype.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "config/config_int.h"

#define DEFAULT_FILE "weir.yaml"

const char *const weir_overlay_sections[] = {WEIR_SUBSCRIPTIONS, WEIR_TOPICS, WEIR_HANDLERS, NULL};

const char *weir_overlay_section(const char *name, char end)
{
    for (const char *const *section = weir_overlay_sections; *section; section++) {
        size_t length = strlen(*section);
        if (strncmp(name, *section, length) == 0 && name[length] == end)
            return *section;
    }
    return NULL;
}

weir_overlay *weir_config_overlay(weir_config *config, const char *section, const char *name,
                                  bool from_environment)
{
    for (size_t i = 0; i < config->overlay_count; i++)
        if (config->overlays[i].from_environment == from_environment &&
            config->overlays[i].section == section && strcmp(config->overlays[i].name, name) == 0)
            return &config->overlays[i];
    config->overlays =
        weir_realloc(config->overlays, (config->overlay_count + 1) * sizeof *config->overlays);
    weir_overlay *overlay = &config->overlays[config->overlay_count++];
    overlay->section = section;
    overlay->name = weir_strdup(name);
    overlay->from_environment = from_environment;
    overlay->values = weir_calloc(weir_setting_count(), sizeof *overlay->values);
    return overlay;
}

static void set_defaults(weir_config *config)
{
    weir_error error;
    for (size_t i = 0; weir_settings[i].name; i++)
        if (weir_settings[i].preset &&
            !weir_value_assign(&config->values[i], &weir_settings[i], weir_settings[i].preset,
                               "default", "default", &error))
            abort(); /* the table contradicts itself */
}

/* The environment writes a name in upper case, with _ for what is neither letter nor digit. */
static bool is_of(const weir_overlay *overlay, const char *section, const char *name)
{
    if (strcmp(overlay->section, section) != 0)
        return false;
    if (!overlay->from_environment)
        return strcmp(overlay->name, name) == 0;
    const char *folded = overlay->name;
    for (; *name && *folded; name++, folded++) {
        unsigned char c = (unsigned char)*name;
        if (*folded != (isalnum(c) ? toupper(c) : '_'))
            return false;
    }
    return *name == *folded;
}

/* yield_environment clears what the environment set for a name: the command line wins. */
static void yield_environment(weir_config *config, const char *section, const char *name,
                              size_t index)
{
    for (size_t i = 0; i < config->overlay_count; i++)
        if (config->overlays[i].from_environment && is_of(&config->overlays[i], section, name))
            weir_value_clear(&config->overlays[i].values[index]);
}

static bool unknown_override(const char *name, weir_error *error)
{
    weir_suggestion near = {.word = name};
    for (size_t i = 0; weir_settings[i].name; i++)
        weir_suggest_offer(&near, weir_settings[i].name);
    weir_fail(error, WEIR_FATE_CONFIG, "--set: unknown setting '%s'", name);
    return weir_suggest_end(&near, error);
}

/* "subscriptions.user_list.batch_events" names an overlay, everything else a setting. */
static bool override_overlay(weir_config *config, const char *section, const char *name,
                             const char *value, weir_error *error)
{
    const char *owner_name = name + strlen(section) + 1, *key = strrchr(name, '.');
    char *table_name = weir_format("%s.*.%s", section, key + 1);
    size_t index = weir_setting_find(table_name);
    free(table_name);
    if (index == SIZE_MAX || key <= owner_name)
        return unknown_override(name, error);
    char *owner = weir_strndup(owner_name, (size_t)(key - owner_name));
    weir_overlay *overlay = weir_config_overlay(config, section, owner, false);
    yield_environment(config, section, owner, index);
    free(owner);
    return weir_value_assign(&overlay->values[index], &weir_settings[index], value, "--set",
                             "--set", error);
}

static bool override(weir_config *config, const char *name, const char *value, weir_error *error)
{
    const char *section = weir_overlay_section(name, '.');
    if (section)
        return override_overlay(config, section, name, value, error);
    size_t index = weir_setting_find(name);
    if (index == SIZE_MAX)
        return unknown_override(name, error);
    return weir_value_assign(&config->values[index], &weir_settings[index], value, "--set", "--set",
                             error);
}

static bool apply_overrides(weir_config *config, const char *const *overrides, size_t count,
                            weir_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(overrides[i], '=');
        if (!equals)
            return weir_fail(error, WEIR_FATE_CONFIG, "--set takes section.key=value, not '%s'",
                             overrides[i]);
        char *name = weir_strndup(overrides[i], (size_t)(equals - overrides[i]));
        bool ok = override(config, name, equals + 1, error);
        free(name);
        if (!ok)
            return false;
    }
    return true;
}

static bool load_file(weir_config *config, const char *path, weir_error *error)
{
    const char *named = getenv("WEIR_CONFIG");
    if (!path && named && *named)
        path = named;
    if (!path && access(DEFAULT_FILE, F_OK) == 0)
        path = DEFAULT_FILE;
    if (!path) {
        config->directory = weir_strdup(".");
        return true;
    }
    config->path = weir_strdup(path);
    char *copy = weir_strdup(path);
    config->directory = weir_strdup(dirname(copy));
    free(copy);
    return weir_sections_load(config, path, error);
}

weir_config *weir_config_load(const char *path, const char *const *overrides, size_t override_count,
                              weir_error *error)
{
    weir_config *config = weir_calloc(1, sizeof *config);
    config->values = weir_calloc(weir_setting_count(), sizeof *config->values);
    set_defaults(config);
    if (load_file(config, path, error) && weir_environment_load(config, error) &&
        apply_overrides(config, overrides, override_count, error) &&
        weir_config_check(config, error))
        return config;
    weir_config_free(config);
    return NULL;
}

void weir_config_free(weir_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < weir_setting_count(); i++) {
        weir_value_clear(&config->values[i]);
        for (size_t o = 0; o < config->overlay_count; o++)
            weir_value_clear(&config->overlays[o].values[i]);
    }
    for (size_t o = 0; o < config->overlay_count; o++) {
        free(config->overlays[o].name);
        free(config->overlays[o].values);
    }
    free(config->overlays);
    free(config->values);
    free(config->directory);
    free(config->path);
    free(config);
}

/* A name or type that is not in the table is a mistake in the program. */
static size_t index_of(const char *name, unsigned types)
{
    size_t index = weir_setting_find(name);
    if (index == SIZE_MAX || !(types & 1u << weir_settings[index].type)) {
        WEIR_ERROR("config", name, "no such setting of this type: a mistake in the program");
        abort();
    }
    return index;
}

#define TEXTS (1u << WEIR_SETTING_TEXT | 1u << WEIR_SETTING_CHOICE)
#define INTEGERS (1u << WEIR_SETTING_INTEGER)
#define MANY (1u << WEIR_SETTING_LIST | 1u << WEIR_SETTING_MAP)
#define ALL (TEXTS | INTEGERS | MANY)

const char *weir_config_text(const weir_config *config, const char *name)
{
    return config->values[index_of(name, TEXTS)].text;
}

int64_t weir_config_integer(const weir_config *config, const char *name)
{
    return config->values[index_of(name, INTEGERS)].integer;
}

size_t weir_config_count(const weir_config *config, const char *name)
{
    return config->values[index_of(name, MANY)].count;
}

const char *weir_config_item(const weir_config *config, const char *name, size_t index)
{
    return config->values[index_of(name, MANY)].items[index];
}

const char *weir_config_item_key(const weir_config *config, const char *name, size_t index)
{
    return config->values[index_of(name, 1u << WEIR_SETTING_MAP)].keys[index];
}

/* of_name is a setting of one name in a section: the environment's, the file's, else the default.
 */
static const weir_value *of_name(const weir_config *config, const char *section, const char *owner,
                                 const char *key, unsigned types)
{
    char name[128];
    snprintf(name, sizeof name, "%s.*.%s", section, key);
    size_t index = index_of(name, types);
    const weir_value *value = &config->values[index];
    for (int environment = 0; environment <= 1; environment++)
        for (size_t i = 0; i < config->overlay_count; i++) {
            const weir_overlay *overlay = &config->overlays[i];
            if (overlay->from_environment == environment && is_of(overlay, section, owner) &&
                overlay->values[index].source)
                value = &overlay->values[index];
        }
    return value;
}

int64_t weir_config_subscription_integer(const weir_config *config, const char *subscription,
                                         const char *key)
{
    return of_name(config, WEIR_SUBSCRIPTIONS, subscription, key, INTEGERS)->integer;
}

const char *weir_config_subscription_text(const weir_config *config, const char *subscription,
                                          const char *key)
{
    return of_name(config, WEIR_SUBSCRIPTIONS, subscription, key, TEXTS)->text;
}

static const char *written_name(const weir_config *config, const char *section, size_t index)
{
    for (size_t i = 0; i < config->overlay_count; i++)
        if (!config->overlays[i].from_environment &&
            strcmp(config->overlays[i].section, section) == 0 && index-- == 0)
            return config->overlays[i].name;
    return NULL;
}

const char *weir_config_subscription_name(const weir_config *config, size_t index)
{
    return written_name(config, WEIR_SUBSCRIPTIONS, index);
}

size_t weir_config_subscriptions(const weir_config *config)
{
    size_t count = 0;
    while (weir_config_subscription_name(config, count))
        count++;
    return count;
}

const char *weir_config_handler_name(const weir_config *config, size_t index)
{
    return written_name(config, WEIR_HANDLERS, index);
}

const char *weir_config_handler_text(const weir_config *config, const char *handler,
                                     const char *key)
{
    return of_name(config, WEIR_HANDLERS, handler, key, TEXTS)->text;
}

int64_t weir_config_handler_integer(const weir_config *config, const char *handler, const char *key)
{
    return of_name(config, WEIR_HANDLERS, handler, key, INTEGERS)->integer;
}

const char *weir_config_topic_type(const weir_config *config, size_t index)
{
    return written_name(config, WEIR_TOPICS, index);
}

const char *weir_config_topic_text(const weir_config *config, const char *aggregate_type,
                                   const char *key)
{
    return of_name(config, WEIR_TOPICS, aggregate_type, key, TEXTS)->text;
}

int64_t weir_config_topic_integer(const weir_config *config, const char *aggregate_type,
                                  const char *key, int64_t otherwise)
{
    const weir_value *value = of_name(config, WEIR_TOPICS, aggregate_type, key, INTEGERS);
    return value->source ? value->integer : otherwise;
}

size_t weir_config_topic_properties(const weir_config *config, const char *aggregate_type)
{
    return of_name(config, WEIR_TOPICS, aggregate_type, "properties", MANY)->count;
}

const char *weir_config_topic_property(const weir_config *config, const char *aggregate_type,
                                       size_t index, const char **key)
{
    const weir_value *value = of_name(config, WEIR_TOPICS, aggregate_type, "properties", MANY);
    *key = value->keys[index];
    return value->items[index];
}

const char *weir_config_source(const weir_config *config, const char *name)
{
    const char *source = config->values[index_of(name, ALL)].source;
    return source ? source : "default";
}

const char *weir_config_file(const weir_config *config)
{
    return config->path;
}

const char *weir_config_directory(const weir_config *config)
{
    return config->directory;
}
