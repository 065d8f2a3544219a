/* Mistakes in names that would otherwise stay silent. */
#include "app/names.h"

#include <string.h>

#include "base/suggest.h"

/* The index-th name of all, and what has it; NULL behind the last. */
static const char *name_at(const weir_names *names, size_t index, const char **kind)
{
    *kind = "projection";
    if (index < names->projections->count)
        return weir_projection_name(names->projections->items[index]);
    index -= names->projections->count;
    *kind = "saga";
    if (index < names->sagas->count)
        return weir_saga_name(names->sagas->items[index]);
    index -= names->sagas->count;
    *kind = "command handler";
    if (index < names->executors->count)
        return weir_executor_name(names->executors->items[index]);
    *kind = "handler";
    return weir_config_handler_name(names->config, index - names->executors->count);
}

static bool check_override(const weir_names *names, const char *name, weir_error *error)
{
    const char *other, *kind;
    weir_suggestion near = {.word = name};
    for (size_t i = 0; (other = name_at(names, i, &kind)); i++) {
        if (strcmp(other, name) == 0)
            return true;
        weir_suggest_offer(&near, other);
    }
    weir_fail(error, WEIR_FATE_CONFIG,
              "subscriptions: no projection, handler, saga or command handler is named '%s'", name);
    return weir_suggest_end(&near, error);
}

/* own: of the kind that the file is; two of one kind are refused where they are loaded. */
static bool check_name(const weir_names *names, const char *file, const char *name, const char *own,
                       weir_error *error)
{
    const char *other, *kind;
    for (size_t i = 0; (other = name_at(names, i, &kind)); i++)
        if (strcmp(other, name) == 0 && strcmp(kind, own) != 0)
            return weir_fail(error, WEIR_FATE_CONFIG, "%s: a %s is named '%s' already", file, kind,
                             name);
    return true;
}

bool weir_names_check(const weir_names *names, weir_error *error)
{
    for (size_t i = 0; i < names->sagas->count; i++)
        if (!check_name(names, weir_saga_file(names->sagas->items[i]),
                        weir_saga_name(names->sagas->items[i]), "saga", error))
            return false;
    for (size_t i = 0; i < names->executors->count; i++)
        if (!check_name(names, weir_executor_file(names->executors->items[i]),
                        weir_executor_name(names->executors->items[i]), "command handler", error))
            return false;
    for (size_t i = 0; i < weir_config_subscriptions(names->config); i++)
        if (!check_override(names, weir_config_subscription_name(names->config, i), error))
            return false;
    return true;
}
