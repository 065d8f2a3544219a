/* The names of subscriptions in a configuration: projections, handlers, sagas and command handlers
 * share them. */
#ifndef WEIR_APP_NAMES_H
#define WEIR_APP_NAMES_H

#include "projections/executor.h"
#include "projections/projections.h"
#include "sagas/sagas.h"

typedef struct weir_names {
    const weir_config *config;
    const weir_projections *projections;
    const weir_sagas *sagas;
    const weir_executors *executors;
} weir_names;

/* weir_names_check refuses, CONFIG, a saga or a command handler that has the name of another
 * subscription, and settings under `subscriptions:` for what there is not. */
WEIR_MUST_USE bool weir_names_check(const weir_names *names, weir_error *error);

#endif
