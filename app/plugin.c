/* plugin list: what the plug-ins of the configuration bring. */
#include "app/table.h"
#include "app/verbs.h"
#include "store/plugins.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIST ((size_t)16 * 1024 * 1024)

/* names is a list being written, for a table and as JSON. */
typedef struct names {
    weir_buffer shown, json;
} names;

static void add_name(names *list, const char *name)
{
    weir_buffer_format(&list->shown, "%s%s", list->shown.length ? ", " : "", name);
    weir_buffer_text(&list->json, list->json.length > 1 ? "," : "");
    weir_buffer_json(&list->json, name, strlen(name));
}

static void end_names(names *list, weir_table *table)
{
    weir_buffer_text(&list->shown, "");
    weir_buffer_char(&list->json, ']');
    weir_table_json(table, list->json.data, list->shown.data);
    weir_buffer_free(&list->shown);
    weir_buffer_free(&list->json);
}

static names begin_names(void)
{
    names list = {WEIR_BUFFER(LIST), WEIR_BUFFER(LIST)};
    weir_buffer_char(&list.json, '[');
    return list;
}

static void write_plugin(weir_table *table, const weir_plugin_info *plugin, const char *file)
{
    names aggregates = begin_names(), upcasters = begin_names(), handlers = begin_names(),
          commands = begin_names();
    for (const weir_aggregate_class *const *at = plugin->aggregates; at && *at; at++)
        add_name(&aggregates, (*at)->type);
    for (const weir_plugin_upcaster *up = plugin->upcasters; up && up->type; up++) {
        char *link = weir_format("%s %" PRId32 "→%" PRId32, up->type, up->from, up->to);
        add_name(&upcasters, link);
        free(link);
    }
    for (const weir_plugin_handler *const *at = plugin->handlers; at && *at; at++)
        add_name(&handlers, (*at)->name);
    for (const weir_plugin_command *const *at = plugin->commands; at && *at; at++)
        add_name(&commands, (*at)->name);
    weir_table_text(table, plugin->name);
    weir_table_text(table, file);
    end_names(&aggregates, table);
    end_names(&upcasters, table);
    end_names(&handlers, table);
    end_names(&commands, table);
}

bool weir_verb_plugin_list(weir_session *session, weir_error *error)
{
    static const weir_column columns[] = {{"name", "PLUG-IN", false},
                                          {"file", "FILE", false},
                                          {"aggregates", "AGGREGATES", false},
                                          {"upcasters", "UPCASTERS", false},
                                          {"handlers", "HANDLERS", false},
                                          {"commands", "COMMANDS", false},
                                          {0}};
    const char *file;
    const weir_plugin_info *plugin;
    weir_plugins *plugins = weir_plugins_load(session->config, error);
    if (!plugins)
        return false;
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    for (size_t i = 0; (plugin = weir_plugins_at(plugins, i, &file)); i++)
        write_plugin(table, plugin, file);
    weir_table_end(table);
    weir_plugins_free(plugins);
    return true;
}
