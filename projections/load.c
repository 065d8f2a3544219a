/* From files to projections: one file by path, or all of `projections.files` and the handlers of
 * `plugins.files`.
 *
 * Two projections of one name and a pattern that finds no file are mistakes that would otherwise
 * stay silent: they are refused. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/handler_int.h"
#include "projections/projection_int.h"
#include "store/plugins.h"

weir_projection *weir_projection_load(const char *path, weir_error *error)
{
    weir_projection *projection = NULL;
    char *text = weir_malloc(WEIR_PROJECTION_FILE_LIMIT + 1);
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(text, 1, WEIR_PROJECTION_FILE_LIMIT + 1, file) : 0;
    if (!file || ferror(file))
        weir_fail(error, WEIR_FATE_CONFIG, "%s: %s", path, strerror(errno));
    else
        projection = weir_projection_parse(path, text, length, error);
    if (file)
        fclose(file);
    free(text);
    return projection;
}

static void free_statements(weir_statement *statements, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(statements[i].label);
        free(statements[i].name);
        free(statements[i].many);
    }
    free(statements);
}

void weir_projection_free(weir_projection *projection)
{
    if (!projection)
        return;
    weir_feed_free(projection->feed);
    free_statements(projection->tables, projection->table_count);
    free_statements(projection->handlers, projection->handler_count);
    for (size_t i = 0; i < projection->route_count; i++)
        free(projection->routes[i].pattern);
    for (size_t i = 0; i < projection->type_count; i++)
        free(projection->types[i]);
    weir_projection_free_foreign(projection);
    free(projection->routes);
    free(projection->types);
    free(projection->ons);
    free(projection->name);
    free(projection->text);
    free(projection->plugin);
    free(projection->file);
    free(projection);
}

const char *weir_projection_name(const weir_projection *projection)
{
    return projection->name;
}

const char *weir_projection_file(const weir_projection *projection)
{
    return projection->file;
}

const char *const *weir_projection_types(const weir_projection *projection)
{
    return (const char *const *)projection->types;
}

weir_apply weir_projection_apply(const weir_projection *projection)
{
    return projection->apply;
}

/* Takes the projection over; NULL: it could not be made. */
static bool add(weir_projections *projections, weir_projection *projection, weir_error *error)
{
    if (!projection)
        return false;
    for (size_t i = 0; i < projections->count; i++) {
        const weir_projection *other = projections->items[i];
        if (strcmp(other->name, projection->name) != 0)
            continue;
        weir_projection_fail(projection, projection->name_line, error,
                             "a second projection '%s'; the first is in %s", projection->name,
                             other->file);
        weir_projection_free(projection);
        return false;
    }
    projections->items =
        weir_realloc(projections->items, (projections->count + 1) * sizeof(weir_projection *));
    projections->items[projections->count++] = projection;
    return true;
}

static bool add_file(void *context, const char *path, weir_error *error)
{
    return add(context, weir_projection_load(path, error), error);
}

weir_projection *weir_projection_of_handler(const weir_plugin_handler *handler, const char *plugin,
                                            weir_error *error)
{
    char *file = weir_format("%s(%s)", plugin, handler->name);
    weir_projection *projection = weir_projection_parse_code(file, handler, error);
    if (projection)
        projection->code = handler;
    free(file);
    return projection;
}

static bool add_handlers(weir_projections *projections, const weir_plugins *plugins,
                         weir_error *error)
{
    const char *file;
    const weir_plugin_info *plugin;
    for (size_t i = 0; (plugin = weir_plugins_at(plugins, i, &file)); i++)
        for (const weir_plugin_handler *const *at = plugin->handlers; at && *at; at++) {
            weir_projection *projection = weir_projection_of_handler(*at, file, error);
            if (projection)
                projection->plugin = weir_strdup(file);
            if (!add(projections, projection, error))
                return false;
        }
    return true;
}

bool weir_projections_load(const weir_config *config, weir_projections *projections,
                           weir_error *error)
{
    *projections = (weir_projections){0};
    weir_plugins *plugins = weir_plugins_load(config, error);
    bool ok = plugins &&
              weir_config_files(config, "projections.files", add_file, projections, error) &&
              add_handlers(projections, plugins, error);
    weir_plugins_free(plugins);
    if (!ok)
        weir_projections_free(projections);
    return ok;
}

void weir_projections_free(weir_projections *projections)
{
    for (size_t i = 0; i < projections->count; i++)
        weir_projection_free(projections->items[i]);
    free(projections->items);
    *projections = (weir_projections){0};
}
