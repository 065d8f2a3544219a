/* Loading plug-ins. Everything that can be wrong with one is found here, before anything of it is
 * called; the record is copied, so that what an older plug-in does not have is zero. Files are
 * never unloaded: classes and upcasters outlive whoever looked them up. */
#include "store/plugins.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

#define WAY_OUT "build it against the headers of weir %s (docs/plugins.md)"

typedef struct loaded {
    weir_plugin_info plugin; /* a copy */
    const weir_plugin_info *symbol;
    char *file;
} loaded;

struct weir_plugins {
    loaded *items;
    size_t count;
};

static bool check_sizes(const uint32_t *sizes, const uint32_t *own, const char *const *records,
                        size_t count, weir_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (sizes[i] != own[i])
            return weir_fail(
                error, WEIR_FATE_CONFIG,
                "it was built for another weir (%s has %u bytes there, here %u); " WAY_OUT,
                records[i], sizes[i], own[i], weir_version());
    return true;
}

static bool check_interface(const weir_plugin_info *plugin, weir_error *error)
{
    static const uint32_t own[] = WEIR_PLUGIN_SIZES;
    static const char *const records[] = {"weir_error", "weir_buffer", "weir_event",
                                          "weir_aggregate_class", "weir_plugin_upcaster"};
    if (plugin->magic != WEIR_PLUGIN_MAGIC)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "its weir_plugin does not begin with WEIR_PLUGIN_HEAD; " WAY_OUT,
                         weir_version());
    if (plugin->interface != WEIR_PLUGIN_INTERFACE || plugin->size > sizeof *plugin)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "it was built for %s weir (plug-in interface %u, here %u); " WAY_OUT,
                         plugin->interface < WEIR_PLUGIN_INTERFACE ? "an older" : "a newer",
                         plugin->interface, WEIR_PLUGIN_INTERFACE, weir_version());
    return check_sizes(plugin->sizes, own, records, sizeof own / sizeof *own, error);
}

static bool check_class(const weir_aggregate_class *class, weir_error *error)
{
    if (!class->type || !*class->type)
        return weir_fail(error, WEIR_FATE_CONFIG, "it has an aggregate without a type");
    if (class->size == 0 || !class->apply)
        return weir_fail(error, WEIR_FATE_CONFIG, "its aggregate '%s' has no %s", class->type,
                         class->apply ? "size" : "apply");
    if (!class->snapshot != !class->restore)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "its aggregate '%s' has snapshot or restore alone", class->type);
    return true;
}

/* class_of looks a type up; *file is whose it is. */
static const weir_aggregate_class *class_of(const weir_plugins *plugins, const char *type,
                                            const char **file)
{
    for (size_t i = 0; i < plugins->count; i++) {
        const weir_aggregate_class *const *at = plugins->items[i].plugin.aggregates;
        for (; at && *at; at++) {
            *file = plugins->items[i].file;
            if (strcmp((*at)->type, type) == 0)
                return *at;
        }
    }
    return NULL;
}

static bool check_handlers(const weir_plugin_info *plugin, weir_error *error)
{
    static const uint32_t own[] = WEIR_PLUGIN_HANDLER_SIZES;
    static const char *const records[] = {"weir_plugin_handler", "weir_param", "weir_rows"};
    const weir_plugin_handler *const *at = plugin->handlers;
    if (at && !check_sizes(plugin->handler_sizes, own, records, sizeof own / sizeof *own, error))
        return false;
    for (; at && *at; at++) {
        const weir_plugin_handler *h = *at;
        if (!h->name || !*h->name)
            return weir_fail(error, WEIR_FATE_CONFIG, "it has a handler without a name");
        const char *lacks = !h->from     ? "from"
                            : !h->on     ? "on"
                            : !h->tables ? "tables"
                            : !h->apply  ? "apply"
                                         : NULL;
        if (lacks)
            return weir_fail(error, WEIR_FATE_CONFIG, "its handler '%s' has no %s", h->name, lacks);
    }
    return true;
}

static bool check_commands(const weir_plugin_info *plugin, weir_error *error)
{
    static const char *const record = "weir_plugin_command";
    const uint32_t own = sizeof(weir_plugin_command);
    const weir_plugin_command *const *at = plugin->commands;
    if (at && !check_sizes(&plugin->command_size, &own, &record, 1, error))
        return false;
    for (; at && *at; at++) {
        const weir_plugin_command *c = *at;
        if (!c->name || !*c->name)
            return weir_fail(error, WEIR_FATE_CONFIG, "it has a command handler without a name");
        const char *lacks = !c->from        ? "from"
                            : !c->on        ? "on"
                            : !c->aggregate ? "aggregate"
                            : !c->target    ? "target"
                            : !c->execute   ? "execute"
                                            : NULL;
        if (lacks)
            return weir_fail(error, WEIR_FATE_CONFIG, "its command handler '%s' has no %s", c->name,
                             lacks);
        if (!check_class(c->aggregate, error))
            return false;
    }
    return true;
}

static bool check_contents(const weir_plugins *plugins, const weir_plugin_info *plugin,
                           weir_error *error)
{
    const char *file;
    if (!plugin->name || !*plugin->name)
        return weir_fail(error, WEIR_FATE_CONFIG, "it has no name");
    for (const weir_aggregate_class *const *at = plugin->aggregates; at && *at; at++) {
        if (!check_class(*at, error))
            return false;
        if (class_of(plugins, (*at)->type, &file))
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "its aggregate type '%s' is in %s already; one of them must go",
                             (*at)->type, file);
        for (const weir_aggregate_class *const *other = plugin->aggregates; other < at; other++)
            if (strcmp((*other)->type, (*at)->type) == 0)
                return weir_fail(error, WEIR_FATE_CONFIG, "it has the aggregate type '%s' twice",
                                 (*at)->type);
    }
    for (const weir_plugin_upcaster *up = plugin->upcasters; up && up->type; up++)
        if (!up->fn)
            return weir_fail(error, WEIR_FATE_CONFIG, "its upcaster of '%s' has no function",
                             up->type);
    return check_handlers(plugin, error) && check_commands(plugin, error);
}

/* open_symbol maps a file and finds its record. */
static const weir_plugin_info *open_symbol(const char *file, weir_error *error)
{
    char *path = strchr(file, '/') ? weir_strdup(file) : weir_format("./%s", file);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    free(path);
    if (!handle) {
        weir_fail(error, WEIR_FATE_CONFIG, "it cannot be loaded: %s; " WAY_OUT, dlerror(),
                  weir_version());
        return NULL;
    }
    const weir_plugin_info *symbol = dlsym(handle, "weir_plugin");
    if (!symbol)
        weir_fail(error, WEIR_FATE_CONFIG,
                  "it is no plug-in: it has no symbol weir_plugin; " WAY_OUT, weir_version());
    return symbol;
}

static bool known(const weir_plugins *plugins, const weir_plugin_info *symbol)
{
    for (size_t i = 0; i < plugins->count; i++)
        if (plugins->items[i].symbol == symbol)
            return true;
    return false;
}

/* add is a weir_file_fn: one file; one that two patterns find is loaded once. */
static bool add(void *context, const char *file, weir_error *error)
{
    weir_plugins *plugins = context;
    const weir_plugin_info *symbol = open_symbol(file, error);
    if (symbol && known(plugins, symbol))
        return true;
    weir_plugin_info plugin = {0};
    bool ok = symbol && check_interface(symbol, error);
    if (ok) {
        memcpy(&plugin, symbol, symbol->size);
        ok = check_contents(plugins, &plugin, error);
    }
    if (!ok)
        return weir_error_prefix(error, "plug-in %s", file);
    plugins->items = weir_realloc(plugins->items, (plugins->count + 1) * sizeof(loaded));
    plugins->items[plugins->count++] = (loaded){plugin, symbol, weir_strdup(file)};
    return true;
}

weir_plugins *weir_plugins_load(const weir_config *config, weir_error *error)
{
    weir_plugins *plugins = weir_calloc(1, sizeof *plugins);
    if (weir_config_files(config, "plugins.files", add, plugins, error))
        return plugins;
    weir_plugins_free(plugins);
    return NULL;
}

weir_plugins *weir_plugins_open(const char *file, weir_error *error)
{
    weir_plugins *plugins = weir_calloc(1, sizeof *plugins);
    if (add(plugins, file, error))
        return plugins;
    weir_plugins_free(plugins);
    return NULL;
}

void weir_plugins_free(weir_plugins *plugins)
{
    if (!plugins)
        return;
    for (size_t i = 0; i < plugins->count; i++)
        free(plugins->items[i].file);
    free(plugins->items);
    free(plugins);
}

const weir_plugin_info *weir_plugins_at(const weir_plugins *plugins, size_t index,
                                        const char **file)
{
    if (index >= plugins->count)
        return NULL;
    *file = plugins->items[index].file;
    return &plugins->items[index].plugin;
}

const weir_aggregate_class *weir_plugins_class(const weir_plugins *plugins, const char *type,
                                               weir_error *error)
{
    const char *file;
    const weir_aggregate_class *class = class_of(plugins, type, &file);
    weir_suggestion near = {.word = type};
    if (class)
        return class;
    for (size_t i = 0; i < plugins->count; i++)
        for (const weir_aggregate_class *const *at = plugins->items[i].plugin.aggregates; at && *at;
             at++)
            weir_suggest_offer(&near, (*at)->type);
    if (near.best)
        weir_fail(error, WEIR_FATE_CONFIG,
                  "no plug-in has the aggregate type '%s'; did you mean '%s'?", type, near.best);
    else
        weir_fail(error, WEIR_FATE_CONFIG,
                  "no plug-in has the aggregate type '%s': what its events mean is code; name the "
                  "plug-in that has it in plugins.files (`weir plugin list` shows what is loaded)",
                  type);
    return NULL;
}

bool weir_plugins_upcasters(const weir_plugins *plugins, weir_upcasters *upcasters,
                            weir_error *error)
{
    for (size_t i = 0; i < plugins->count; i++)
        for (const weir_plugin_upcaster *up = plugins->items[i].plugin.upcasters; up && up->type;
             up++)
            if (!weir_upcasters_add(upcasters, up->type, up->from, up->to, up->fn, up->context,
                                    error))
                return weir_error_prefix(error, "plug-in %s", plugins->items[i].file);
    return true;
}
