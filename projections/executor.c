/* From command handlers in plug-ins to handlers of the runtime.
 *
 * A command handler is run as code of a projection is: a process, a conversation of statements and
 * rows, somebody to accuse. It has no tables, and the statements that it may send are three, by
 * their names. What is appended holds readers of the store back until the commit, so it comes last,
 * and a batch is small. */
#include "projections/executor_int.h"

#include <stdlib.h>
#include <string.h>

#include "store/plugins.h"

#define BATCH_MOST 100 /* requests in one transaction */
#define PARAMS 2       /* of each statement; the aggregate type is the first */

struct weir_executor {
    weir_plugin_handler code;
    weir_projection *projection; /* which types and routes it has, and what its process needs */
};

weir_plugin_handler weir_executor_code(const weir_plugin_command *command)
{
    return (weir_plugin_handler){.name = command->name,
                                 .from = command->from,
                                 .on = command->on,
                                 .tables = command->aggregate->type,
                                 .apply = weir_executor_apply};
}

const weir_plugin_statement *weir_executor_statement(const char *name, int count, weir_error *error)
{
    static const weir_plugin_statement known[] = {
        {.name = "command_executed", .label = "command_executed"},
        {.name = "command_streams", .label = "command_streams", .events = true},
        {.name = "append_many", .label = "append_many"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0 && count == PARAMS)
            return &known[i];
    weir_fail(error, WEIR_FATE_FATAL, "a command handler sends no statement of its own");
    return NULL;
}

static bool settle(weir_handler *handler, weir_connection *connection, int *generation,
                   weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(handler->subscription),
                                 WEIR_PARAM_TEXT("command")};
    weir_result *row = weir_connection_query(connection, "handler_settle", params, 2, error);
    if (!row)
        return false;
    bool ours = strcmp(weir_result_value(row, 0, 1), "command") == 0;
    *generation = (int)weir_result_integer(row, 0, 0);
    if (!ours)
        weir_fail(error, WEIR_FATE_CONFIG,
                  "command handler '%s': the name belongs to a subscription of kind %s",
                  handler->subscription, weir_result_value(row, 0, 1));
    weir_result_free(row);
    return ours;
}

static void *open_session(weir_handler *handler, weir_connection *connection, int generation,
                          weir_error *error)
{
    (void)connection, (void)generation, (void)error;
    return weir_feeder_new(((weir_feed *)handler->context)->projection);
}

static weir_executor *make(const weir_plugin_command *command, const char *plugin,
                           weir_error *error)
{
    weir_executor *executor = weir_calloc(1, sizeof *executor);
    executor->code = weir_executor_code(command);
    weir_plugin_handler without_tables = executor->code;
    without_tables.tables = NULL;
    char *file = weir_format("%s(%s)", plugin, command->name);
    executor->projection = weir_projection_parse_code(file, &without_tables, error);
    free(file);
    if (!executor->projection) {
        free(executor);
        return NULL;
    }
    executor->projection->code = &executor->code;
    executor->projection->plugin = weir_strdup(plugin);
    executor->projection->command = command;
    return executor;
}

static void free_executor(weir_executor *executor)
{
    weir_projection_free(executor->projection);
    free(executor);
}

static bool check_other(const weir_executor *executor, const weir_executor *other,
                        weir_error *error)
{
    const char *type = executor->code.tables;
    if (strcmp(other->code.name, executor->code.name) == 0)
        return weir_fail(
            error, WEIR_FATE_CONFIG, "%s: a second command handler '%s'; the first is in %s",
            weir_executor_file(executor), executor->code.name, weir_executor_file(other));
    if (strcmp(other->code.tables, type) == 0)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "%s: '%s' has a command handler already, %s: one event of an aggregate "
                         "type says that a request was executed, so one handler must execute all",
                         weir_executor_file(executor), type, weir_executor_file(other));
    return true;
}

static bool add(weir_executors *executors, weir_executor *executor, weir_error *error)
{
    if (!executor)
        return false;
    for (size_t i = 0; i < executors->count; i++)
        if (!check_other(executor, executors->items[i], error)) {
            free_executor(executor);
            return false;
        }
    executors->items =
        weir_realloc(executors->items, (executors->count + 1) * sizeof *executors->items);
    executors->items[executors->count++] = executor;
    return true;
}

bool weir_executors_load(const weir_config *config, weir_executors *executors, weir_error *error)
{
    const char *file;
    const weir_plugin_info *plugin;
    *executors = (weir_executors){0};
    weir_plugins *plugins = weir_plugins_load(config, error);
    bool ok = plugins != NULL;
    for (size_t i = 0; ok && (plugin = weir_plugins_at(plugins, i, &file)); i++)
        for (const weir_plugin_command *const *at = plugin->commands; ok && at && *at; at++)
            ok = add(executors, make(*at, file, error), error);
    weir_plugins_free(plugins);
    if (!ok)
        weir_executors_free(executors);
    return ok;
}

void weir_executors_free(weir_executors *executors)
{
    for (size_t i = 0; i < executors->count; i++)
        free_executor(executors->items[i]);
    free(executors->items);
    *executors = (weir_executors){0};
}

const char *weir_executor_name(const weir_executor *executor)
{
    return weir_projection_name(executor->projection);
}

const char *weir_executor_file(const weir_executor *executor)
{
    return weir_projection_file(executor->projection);
}

const char *const *weir_executor_types(const weir_executor *executor)
{
    return weir_projection_types(executor->projection);
}

weir_handler *weir_executor_handler(weir_executor *executor, const weir_config *config,
                                    const weir_upcasters *upcasters)
{
    weir_handler *handler = weir_projection_handler(executor->projection, config);
    executor->projection->upcasters = upcasters;
    handler->settle = settle;
    handler->open = open_session;
    handler->batch_most = BATCH_MOST;
    handler->rereads = true;
    return handler;
}
