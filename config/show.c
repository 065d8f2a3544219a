/* The configuration in force as YAML, each value with where it came from; and the settings table as
 * the reference page. Secrets are not shown. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_int.h"

/* A $ is doubled, since the loader would take it for a variable. */
static void quoted(weir_buffer *out, const char *text)
{
    weir_buffer doubled = WEIR_BUFFER((size_t)4 << 20); /* twice the longest value */
    weir_buffer_text(&doubled, "");
    for (; *text; text++)
        weir_buffer_append(&doubled, (const char[]){*text, *text}, *text == '$' ? 2 : 1);
    weir_buffer_json(out, doubled.data, doubled.length);
    weir_buffer_free(&doubled);
}

static void show_text(weir_buffer *out, const weir_setting *setting, const char *text)
{
    if (setting->type == WEIR_SETTING_INTEGER) {
        weir_buffer_text(out, text);
        return;
    }
    char *shown = setting->secret ? weir_redact_conninfo(text) : weir_strdup(text);
    quoted(out, shown);
    free(shown);
}

static void show_many(weir_buffer *out, const weir_setting *setting, const weir_value *value)
{
    bool map = setting->type == WEIR_SETTING_MAP;
    weir_buffer_char(out, map ? '{' : '[');
    for (size_t i = 0; i < value->count; i++) {
        weir_buffer_text(out, i ? ", " : "");
        if (map) {
            quoted(out, value->keys[i]);
            weir_buffer_text(out, ": ");
        }
        bool secret = map && setting->secret && weir_is_secret_property(value->keys[i]);
        quoted(out, secret ? "***" : value->items[i]);
    }
    weir_buffer_char(out, map ? '}' : ']');
}

static void show_value(weir_buffer *out, const weir_setting *setting, const weir_value *value,
                       const char *indent)
{
    weir_buffer_format(out, "%s%s: ", indent, strrchr(setting->name, '.') + 1);
    if (setting->type == WEIR_SETTING_LIST || setting->type == WEIR_SETTING_MAP)
        show_many(out, setting, value);
    else
        show_text(out, setting, value->text ? value->text : "");
    weir_buffer_format(out, "  # %s\n", value->source ? value->source : "default");
}

static void show_overlays(const weir_config *config, const char *section, weir_buffer *out)
{
    bool begun = false;
    for (size_t o = 0; o < config->overlay_count; o++) {
        if (config->overlays[o].section != section)
            continue;
        if (!begun)
            weir_buffer_format(out, "%s:\n", section);
        begun = true;
        weir_buffer_text(out, "  ");
        weir_buffer_json(out, config->overlays[o].name, strlen(config->overlays[o].name));
        weir_buffer_text(out, ":\n");
        for (size_t i = 0; weir_settings[i].name; i++)
            if (config->overlays[o].values[i].source)
                show_value(out, &weir_settings[i], &config->overlays[o].values[i], "    ");
    }
}

void weir_config_show(const weir_config *config, weir_buffer *buffer)
{
    const char *section = "";
    for (size_t i = 0; weir_settings[i].name; i++) {
        const char *name = weir_settings[i].name;
        size_t length = strcspn(name, ".");
        if (strchr(name, '*'))
            continue;
        if (strncmp(section, name, length + 1) != 0) {
            section = name;
            weir_buffer_format(buffer, "%.*s:\n", (int)length, name);
        }
        show_value(buffer, &weir_settings[i], &config->values[i], "  ");
    }
    for (const char *const *name = weir_overlay_sections; *name; name++)
        show_overlays(config, *name, buffer);
}

static const char *type_name(const weir_setting *setting)
{
    static const char *const names[] = {"text", "whole number", "choice", "list of texts",
                                        "mapping of texts"};
    return names[setting->type];
}

static void reference_row(const weir_setting *setting, weir_buffer *out)
{
    weir_buffer_format(out, "| `%s` | %s", setting->name, type_name(setting));
    if (setting->type == WEIR_SETTING_INTEGER)
        weir_buffer_format(out, " from %" PRId64 " to %" PRId64 "%s%s", setting->least,
                           setting->most, setting->unit[0] ? ", in " : "", setting->unit);
    for (const char *c = setting->choices ? setting->choices : ""; *c;) {
        size_t length = strcspn(c, "|");
        weir_buffer_format(out, "%s`%.*s`", c == setting->choices ? ": " : ", ", (int)length, c);
        c += length + (c[length] == '|');
    }
    const char *preset = setting->preset && *setting->preset ? setting->preset : NULL;
    weir_buffer_format(out, " | %s%s%s | %s |\n", preset ? "`" : "", preset ? preset : "none",
                       preset ? "`" : "", setting->doc);
}

void weir_config_reference(weir_buffer *buffer)
{
    weir_buffer_text(
        buffer,
        "# Configuration\n\n"
        "One YAML file: `--config FILE`, else `$WEIR_CONFIG`, else `weir.yaml` in the working "
        "folder. "
        "A section is a mapping, a\nsetting a key in it. `${VAR}` and `${VAR:default}` are "
        "replaced "
        "from the environment (`$$` is a plain `$`). Every setting\nthat is not a list or mapping "
        "is "
        "overridden by `WEIR_SECTION_KEY`, and that by `--set section.key=value`. Settings of "
        "one\nsubscription stand under its name: `subscriptions: { user_list: { batch_events: 500 "
        "} }`, "
        "or\n`WEIR_SUBSCRIPTIONS_USER_LIST_BATCH_EVENTS`; those of one aggregate type's topic "
        "under the "
        "type: `topics: { order: {\npartitions: 12 } }`.\n\n"
        "`weir config show` prints what is in force and where it came from; `weir config check` "
        "refuses what is wrong. This page\nis `weir config reference`.\n\n"
        "| setting | type | default | what it does |\n|---|---|---|---|\n");
    for (size_t i = 0; weir_settings[i].name; i++)
        reference_row(&weir_settings[i], buffer);
}
