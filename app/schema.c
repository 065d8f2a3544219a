/* The registry of upcasters, and schema list. */
#include "app/schema.h"

#include <string.h>

#include "app/table.h"
#include "app/verbs.h"
#include "store/plugins.h"

weir_upcasters *weir_schema_open(const weir_config *config, weir_error *error)
{
    weir_upcasters *upcasters = weir_upcasters_new();
    weir_plugins *plugins = weir_plugins_load(config, error);
    bool ok = plugins && weir_upcasters_load(upcasters, config, error) &&
              weir_plugins_upcasters(plugins, upcasters, error) &&
              weir_upcasters_check(upcasters, error);
    weir_plugins_free(plugins);
    if (ok)
        return upcasters;
    weir_upcasters_free(upcasters);
    return NULL;
}

/* rules_of lists a link's rules, as text for a table and as a JSON array. */
static void rules_of(const weir_upcast_link *link, weir_buffer *shown, weir_buffer *json)
{
    const char *path;
    weir_buffer_char(json, '[');
    weir_buffer_text(shown, weir_upcast_link_place(link) ? "" : "a C function");
    for (size_t i = 0; i < weir_upcast_link_rules(link); i++) {
        const char *rule = weir_upcast_link_rule(link, i, &path);
        weir_buffer_format(shown, "%s%s", i ? ", " : "", rule);
        weir_buffer_text(json, i ? "," : "");
        weir_buffer_json(json, rule, strlen(rule));
    }
    weir_buffer_char(json, ']');
}

static void write_link(weir_table *table, const weir_upcasters *upcasters,
                       const weir_upcast_link *link)
{
    weir_buffer shown = WEIR_BUFFER((size_t)16 << 20), json = WEIR_BUFFER((size_t)64 << 20);
    const char *type = weir_upcast_link_type(link);
    rules_of(link, &shown, &json);
    weir_table_text(table, type);
    weir_table_number(table, weir_upcast_link_from(link));
    weir_table_number(table, weir_upcast_link_to(link));
    weir_table_number(table, weir_upcasters_latest(upcasters, type));
    weir_table_text(table, weir_upcast_link_place(link));
    weir_table_json(table, json.data, shown.data);
    weir_buffer_free(&shown);
    weir_buffer_free(&json);
}

bool weir_verb_schema_list(weir_session *session, weir_error *error)
{
    static const weir_column columns[] = {
        {"type", "EVENT TYPE", false},
        {"from", "FROM", true},
        {"to", "TO", true},
        {"latest", "LATEST", true},
        {"place", "AT", false},
        {"rules", "RULES", false},
        {0},
    };
    const weir_upcast_link *link;
    weir_upcasters *upcasters = weir_schema_open(session->config, error);
    if (!upcasters)
        return false;
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    for (size_t i = 0; (link = weir_upcasters_link(upcasters, i)); i++)
        write_link(table, upcasters, link);
    weir_table_end(table);
    weir_upcasters_free(upcasters);
    return true;
}
