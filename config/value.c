/* Values of settings: checking a text against its row of the table, and keeping it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "config/config_int.h"

size_t weir_setting_count(void)
{
    size_t count = 0;
    while (weir_settings[count].name)
        count++;
    return count;
}

size_t weir_setting_find(const char *name)
{
    for (size_t i = 0; weir_settings[i].name; i++)
        if (strcmp(weir_settings[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

static bool parse_integer(const weir_setting *setting, const char *text, int64_t *integer,
                          const char *where, weir_error *error)
{
    char *end;
    errno = 0;
    *integer = strtoll(text, &end, 10);
    bool number =
        end != text && *end == '\0' && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
    if (!number)
        return weir_fail(error, WEIR_FATE_CONFIG, "%s: %s must be a whole number, not '%s'", where,
                         setting->name, text);
    if (errno == ERANGE || *integer < setting->least || *integer > setting->most)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "%s: %s must be from %" PRId64 " to %" PRId64 "%s%s, not %s", where,
                         setting->name, setting->least, setting->most, setting->unit[0] ? " " : "",
                         setting->unit, text);
    return true;
}

static bool check_choice(const weir_setting *setting, const char *text, const char *where,
                         weir_error *error)
{
    char *choices = weir_strdup(setting->choices), *rest = choices;
    weir_suggestion near = {.word = text};
    bool found = false;
    for (char *choice; !found && (choice = strsep(&rest, "|"));) {
        found = strcmp(choice, text) == 0;
        weir_suggest_offer(&near, choice);
    }
    if (!found) {
        weir_fail(error, WEIR_FATE_CONFIG, "%s: %s must be one of %s, not '%s'", where,
                  setting->name, setting->choices, text);
        weir_suggest_end(&near, error);
    }
    free(choices);
    return found;
}

bool weir_value_assign(weir_value *value, const weir_setting *setting, const char *text,
                       const char *where, const char *source, weir_error *error)
{
    int64_t integer = 0;
    if (setting->type == WEIR_SETTING_LIST || setting->type == WEIR_SETTING_MAP)
        return weir_fail(error, WEIR_FATE_CONFIG, "%s: %s is a %s: it can only be set in the file",
                         where, setting->name,
                         setting->type == WEIR_SETTING_LIST ? "list" : "mapping");
    if (setting->type == WEIR_SETTING_INTEGER &&
        !parse_integer(setting, text, &integer, where, error))
        return false;
    if (setting->type == WEIR_SETTING_CHOICE && !check_choice(setting, text, where, error))
        return false;
    weir_value_clear(value);
    value->text = weir_strdup(text);
    value->integer = integer;
    value->source = weir_strdup(source);
    return true;
}

void weir_value_add(weir_value *value, const char *key, const char *item, const char *source)
{
    value->items = weir_realloc(value->items, (value->count + 1) * sizeof *value->items);
    value->keys = weir_realloc(value->keys, (value->count + 1) * sizeof *value->keys);
    value->items[value->count] = weir_strdup(item);
    value->keys[value->count] = key ? weir_strdup(key) : NULL;
    value->count++;
    if (!value->source)
        value->source = weir_strdup(source);
}

void weir_value_clear(weir_value *value)
{
    for (size_t i = 0; i < value->count; i++) {
        free(value->items[i]);
        free(value->keys[i]);
    }
    free(value->items);
    free(value->keys);
    free(value->text);
    free(value->source);
    *value = (weir_value){0};
}
