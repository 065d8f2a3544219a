/* The names of subscriptions in a configuration: projections, handlers and sagas share them. */
#ifndef WEIR_APP_NAMES_H
#define WEIR_APP_NAMES_H

#include "projections/projections.h"
#include "sagas/sagas.h"

/* weir_names_check refuses, CONFIG, a saga that has the name of a projection or a handler, and
 * settings under `subscriptions:` for what there is not. */
WEIR_MUST_USE bool weir_names_check(const weir_config *config, const weir_projections *projections,
                                    const weir_sagas *sagas, weir_error *error);

#endif
