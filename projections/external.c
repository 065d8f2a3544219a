/* From `handlers:` to handlers: names, what each reads, and its row in weir.subscriptions. */
#include "projections/external_int.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/pattern.h"

#define ENDING_MS 3000 /* of a child */

/* The words of a text between commas and blanks; NULL-terminated. */
static char **split(const char *text)
{
    static const char between[] = ", \t\r\n";
    size_t count = 0;
    char **words = weir_calloc(1, sizeof *words);
    for (text += strspn(text, between); *text; text += strspn(text, between)) {
        size_t length = strcspn(text, between);
        words = weir_realloc(words, (count + 2) * sizeof *words);
        words[count++] = weir_strndup(text, length);
        words[count] = NULL;
        text += length;
    }
    return words;
}

static void free_words(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

bool weir_external_wants(const weir_external *external, const char *event_type)
{
    for (char *const *pattern = external->patterns; *pattern; pattern++)
        if (weir_pattern_fits(*pattern, event_type))
            return true;
    return false;
}

/* The row says whose name it is; a handler has no tables, and so one generation. */
static bool settle(weir_handler *handler, weir_connection *connection, int *generation,
                   weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(handler->subscription),
                                 WEIR_PARAM_TEXT("handler")};
    weir_result *row = weir_connection_query(connection, "handler_settle", params, 2, error);
    if (!row)
        return false;
    bool ours = strcmp(weir_result_value(row, 0, 1), "handler") == 0;
    *generation = (int)weir_result_integer(row, 0, 0);
    if (!ours)
        weir_fail(error, WEIR_FATE_CONFIG,
                  "handlers.%s: the name belongs to a subscription of kind %s",
                  handler->subscription, weir_result_value(row, 0, 1));
    weir_result_free(row);
    return ours;
}

/* It has no effects in the transaction but the checkpoint. */
static bool collect(void *session, const weir_batch *batch, bool one_by_one, weir_calls *calls,
                    weir_error *error)
{
    (void)session, (void)batch, (void)one_by_one, (void)calls, (void)error;
    return true;
}

static weir_external *make(const weir_config *config, const char *name)
{
    weir_external *external = weir_calloc(1, sizeof *external);
    external->name = name;
    external->command = weir_config_handler_text(config, name, "command");
    external->directory = weir_config_directory(config);
    external->types = split(weir_config_handler_text(config, name, "from"));
    external->patterns = split(weir_config_handler_text(config, name, "on"));
    external->timeout_ms = (int)weir_config_handler_integer(config, name, "timeout_ms");
    external->drain_ms = (int)weir_config_subscription_integer(config, name, "drain_ms");
    external->handler = (weir_handler){.subscription = name,
                                       .aggregate_types = (const char *const *)external->types,
                                       .context = external,
                                       .settle = settle,
                                       .open = weir_external_open,
                                       .collect = collect,
                                       .close = weir_external_close,
                                       .deliver = weir_external_deliver,
                                       .patience_ms = 2 * external->timeout_ms + ENDING_MS};
    return external;
}

static bool check_patterns(const weir_external *external, weir_error *error)
{
    for (char *const *pattern = external->patterns; *pattern; pattern++)
        if (!weir_pattern_check(*pattern, error))
            return weir_error_prefix(error, "handlers.%s.on", external->name);
    return true;
}

static bool check_name(const char *name, const weir_projections *projections, weir_error *error)
{
    for (size_t i = 0; i < projections->count; i++)
        if (strcmp(weir_projection_name(projections->items[i]), name) == 0)
            return weir_fail(error, WEIR_FATE_CONFIG, "handlers.%s: a projection has that name: %s",
                             name, weir_projection_file(projections->items[i]));
    return true;
}

bool weir_externals_load(const weir_config *config, const weir_projections *projections,
                         weir_externals *externals, weir_error *error)
{
    const char *name;
    *externals = (weir_externals){0};
    for (size_t i = 0; (name = weir_config_handler_name(config, i)); i++) {
        if (!check_name(name, projections, error)) {
            weir_externals_free(externals);
            return false;
        }
        externals->items =
            weir_realloc(externals->items, (externals->count + 1) * sizeof *externals->items);
        weir_external *external = make(config, name);
        externals->items[externals->count++] = external;
        if (!check_patterns(external, error)) {
            weir_externals_free(externals);
            return false;
        }
    }
    return true;
}

void weir_externals_free(weir_externals *externals)
{
    for (size_t i = 0; i < externals->count; i++) {
        free_words(externals->items[i]->types);
        free_words(externals->items[i]->patterns);
        free(externals->items[i]);
    }
    free(externals->items);
    *externals = (weir_externals){0};
}

const char *weir_external_name(const weir_external *external)
{
    return external->name;
}

const char *const *weir_external_types(const weir_external *external)
{
    return (const char *const *)external->types;
}

weir_handler *weir_external_handler(weir_external *external)
{
    return &external->handler;
}

void weir_external_give_up(weir_external *external, int starts)
{
    external->give_up = starts;
}
