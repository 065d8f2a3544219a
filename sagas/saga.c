/* From files and tables of plug-ins to sagas. */
#include <stdlib.h>
#include <string.h>

#include "sagas/saga_int.h"
#include "store/plugins.h"

static weir_saga *make(weir_saga_plan *plan)
{
    if (!plan)
        return NULL;
    weir_saga *saga = weir_calloc(1, sizeof *saga);
    saga->plan = plan;
    weir_saga_make_handler(saga);
    return saga;
}

weir_saga *weir_saga_open(const char *path, weir_error *error)
{
    return make(weir_saga_plan_open(path, error));
}

void weir_saga_free(weir_saga *saga)
{
    if (!saga)
        return;
    weir_saga_plan_free(saga->plan);
    free(saga);
}

const char *weir_saga_name(const weir_saga *saga)
{
    return saga->plan->name;
}

const char *weir_saga_file(const weir_saga *saga)
{
    return saga->plan->file;
}

const char *const *weir_saga_types(const weir_saga *saga)
{
    return saga->plan->from;
}

/* Takes the saga over; NULL: it could not be made. */
static bool add(weir_sagas *sagas, weir_saga *saga, weir_error *error)
{
    if (!saga)
        return false;
    for (size_t i = 0; i < sagas->count; i++) {
        if (strcmp(weir_saga_name(sagas->items[i]), weir_saga_name(saga)) != 0)
            continue;
        weir_fail(error, WEIR_FATE_CONFIG, "%s: a second saga '%s'; the first is in %s",
                  weir_saga_file(saga), weir_saga_name(saga), weir_saga_file(sagas->items[i]));
        weir_saga_free(saga);
        return false;
    }
    sagas->items = weir_realloc(sagas->items, (sagas->count + 1) * sizeof *sagas->items);
    sagas->items[sagas->count++] = saga;
    return true;
}

static bool add_file(void *context, const char *path, weir_error *error)
{
    return add(context, weir_saga_open(path, error), error);
}

static bool add_tables(weir_sagas *sagas, const weir_plugins *plugins, weir_error *error)
{
    const char *file;
    const weir_plugin_info *plugin;
    for (size_t i = 0; (plugin = weir_plugins_at(plugins, i, &file)); i++)
        for (const weir_saga_definition *const *at = plugin->sagas; at && *at; at++)
            if (!add(sagas, make(weir_saga_plan_of_table(*at, file, error)), error))
                return false;
    return true;
}

bool weir_sagas_load(const weir_config *config, weir_sagas *sagas, weir_error *error)
{
    *sagas = (weir_sagas){0};
    weir_plugins *plugins = weir_plugins_load(config, error);
    bool ok = plugins && weir_config_files(config, "sagas.files", add_file, sagas, error) &&
              add_tables(sagas, plugins, error);
    weir_plugins_free(plugins);
    if (!ok)
        weir_sagas_free(sagas);
    return ok;
}

void weir_sagas_free(weir_sagas *sagas)
{
    for (size_t i = 0; i < sagas->count; i++)
        weir_saga_free(sagas->items[i]);
    free(sagas->items);
    *sagas = (weir_sagas){0};
}
