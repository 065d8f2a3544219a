/* WEIR_SECTION_KEY variables: the same table of settings under other names. A variable of a known
 * section that names no setting is refused, since a typing error would otherwise do nothing. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "config/config_int.h"

#define NAME_SIZE 128

/* Ours, but no settings. */
static const char *const others[] = {"WEIR_CONFIG", "WEIR_FAILPOINT", "WEIR_BIN", "WEIR_WRAPPER"};

static void fold(const char *name, char *out, size_t size)
{
    size_t i;
    for (i = 0; name[i] && i + 1 < size; i++)
        out[i] = isalnum((unsigned char)name[i]) ? (char)toupper((unsigned char)name[i]) : '_';
    out[i] = '\0';
}

static void variable_of(const weir_setting *setting, char out[NAME_SIZE])
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "weir.%s", setting->name);
    fold(name, out, NAME_SIZE);
}

static bool is_other(const char *variable)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(variable, others[i]) == 0)
            return true;
    return strncmp(variable, "WEIR_TEST_", 10) == 0;
}

/* named_section is the section of names that the variable is of, and *head the length of what
 * stands before the name: WEIR_SUBSCRIPTIONS_. NULL: it is of another. */
static const char *named_section(const char *variable, size_t *head)
{
    for (const char *const *section = weir_overlay_sections; *section; section++) {
        char begin[NAME_SIZE], folded[NAME_SIZE];
        snprintf(begin, sizeof begin, "weir.%s.", *section);
        fold(begin, folded, sizeof folded);
        *head = strlen(folded);
        if (strncmp(variable, folded, *head) == 0)
            return *section;
    }
    return NULL;
}

/* key_of is the key of a setting of a section's names: "batch_ms" of "subscriptions.*.batch_ms". */
static const char *key_of(const weir_setting *setting, const char *section)
{
    size_t length = strlen(section);
    return strncmp(setting->name, section, length) == 0 &&
                   strncmp(setting->name + length, ".*.", 3) == 0
               ? setting->name + length + 3
               : NULL;
}

/* WEIR_SUBSCRIPTIONS_<NAME>_<KEY>: the key is what it ends with. */
static bool set_overlay(weir_config *config, const char *section, size_t head, const char *variable,
                        const char *value, bool *known, weir_error *error)
{
    for (size_t i = 0; weir_settings[i].name; i++) {
        char key[NAME_SIZE], name[NAME_SIZE];
        if (!key_of(&weir_settings[i], section))
            continue;
        key[0] = '_';
        fold(key_of(&weir_settings[i], section), key + 1, sizeof key - 1);
        size_t whole = strlen(variable), suffix = strlen(key);
        if (whole <= head + suffix || strcmp(variable + whole - suffix, key) != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(whole - suffix - head), variable + head);
        weir_overlay *overlay = weir_config_overlay(config, section, name, true);
        *known = true;
        return weir_value_assign(&overlay->values[i], &weir_settings[i], value, variable, variable,
                                 error);
    }
    return true;
}

static bool set_setting(weir_config *config, const char *variable, const char *value, bool *known,
                        weir_suggestion *near, char names[][NAME_SIZE], weir_error *error)
{
    for (size_t i = 0; weir_settings[i].name; i++) {
        variable_of(&weir_settings[i], names[i]);
        if (strchr(weir_settings[i].name, '*'))
            continue;
        if (strcmp(variable, names[i]) == 0) {
            *known = true;
            return weir_value_assign(&config->values[i], &weir_settings[i], value, variable,
                                     variable, error);
        }
        weir_suggest_offer(near, names[i]);
    }
    return true;
}

/* suggest_key tries every tail of the variable as a mistyped key of a subscription, and writes what
 * would have been meant to name; false: nothing near. */
static bool suggest_key(const char *section, size_t head, const char *variable,
                        char name[NAME_SIZE])
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; weir_settings[i].name; i++) {
        char key[NAME_SIZE];
        if (!key_of(&weir_settings[i], section))
            continue;
        fold(key_of(&weir_settings[i], section), key, sizeof key);
        const char *tail = variable + head;
        while ((tail = strchr(tail, '_'))) {
            weir_suggestion near = {.word = ++tail};
            weir_suggest_offer(&near, key);
            if (!near.best || near.distance >= least)
                continue;
            least = near.distance;
            int begin = tail - variable < 80 ? (int)(tail - variable) : 80;
            snprintf(name, NAME_SIZE, "%.*s%.40s", begin, variable, key);
        }
    }
    return least != SIZE_MAX;
}

static bool in_known_section(const char *variable)
{
    for (size_t i = 0; weir_settings[i].name; i++) {
        char name[NAME_SIZE];
        variable_of(&weir_settings[i], name);
        size_t section = strcspn(name + 5, "_") + 6;
        if (strncmp(variable, name, section) == 0)
            return true;
    }
    return false;
}

static bool apply(weir_config *config, const char *variable, const char *value, weir_error *error)
{
    size_t count = weir_setting_count();
    char(*names)[NAME_SIZE] = weir_calloc(count, sizeof *names);
    weir_suggestion near = {.word = variable};
    bool known = false;
    size_t head;
    const char *section = named_section(variable, &head);
    bool ok = section ? set_overlay(config, section, head, variable, value, &known, error)
                      : set_setting(config, variable, value, &known, &near, names, error);
    if (ok && !known && section && suggest_key(section, head, variable, names[0]))
        near.best = names[0];
    if (ok && !known && in_known_section(variable))
        ok = weir_fail(error, WEIR_FATE_CONFIG, "the environment's %s names no setting%s%s%s",
                       variable, near.best ? "; did you mean " : "", near.best ? near.best : "",
                       near.best ? "?" : "");
    free(names);
    return ok;
}

bool weir_environment_load(weir_config *config, weir_error *error)
{
    for (char **entry = environ; *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        if (strncmp(*entry, "WEIR_", 5) != 0 || !equals)
            continue;
        char *variable = weir_strndup(*entry, (size_t)(equals - *entry));
        bool ok = is_other(variable) || apply(config, variable, equals + 1, error);
        free(variable);
        if (!ok)
            return false;
    }
    return true;
}
