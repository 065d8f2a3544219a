/* Mistakes in names that would otherwise stay silent. */
#include "app/names.h"

#include <string.h>

#include "base/suggest.h"

/* The index-th name of all; NULL behind the last. */
static const char *name_at(const weir_config *config, const weir_projections *projections,
                           const weir_sagas *sagas, size_t index)
{
    if (index < projections->count)
        return weir_projection_name(projections->items[index]);
    index -= projections->count;
    return index < sagas->count ? weir_saga_name(sagas->items[index])
                                : weir_config_handler_name(config, index - sagas->count);
}

static bool check_override(const weir_config *config, const char *name,
                           const weir_projections *projections, const weir_sagas *sagas,
                           weir_error *error)
{
    const char *other;
    weir_suggestion near = {.word = name};
    for (size_t i = 0; (other = name_at(config, projections, sagas, i)); i++) {
        if (strcmp(other, name) == 0)
            return true;
        weir_suggest_offer(&near, other);
    }
    weir_fail(error, WEIR_FATE_CONFIG,
              "subscriptions: no projection, handler or saga is named '%s'", name);
    return weir_suggest_end(&near, error);
}

static bool check_saga(const weir_config *config, const char *name,
                       const weir_projections *projections, const weir_saga *saga,
                       weir_error *error)
{
    const weir_sagas none = {0};
    const char *other;
    for (size_t i = 0; (other = name_at(config, projections, &none, i)); i++)
        if (strcmp(other, name) == 0)
            return weir_fail(error, WEIR_FATE_CONFIG, "%s: a %s is named '%s' already",
                             weir_saga_file(saga),
                             i < projections->count ? "projection" : "handler", name);
    return true;
}

bool weir_names_check(const weir_config *config, const weir_projections *projections,
                      const weir_sagas *sagas, weir_error *error)
{
    for (size_t i = 0; i < sagas->count; i++)
        if (!check_saga(config, weir_saga_name(sagas->items[i]), projections, sagas->items[i],
                        error))
            return false;
    for (size_t i = 0; i < weir_config_subscriptions(config); i++)
        if (!check_override(config, weir_config_subscription_name(config, i), projections, sagas,
                            error))
            return false;
    return true;
}
