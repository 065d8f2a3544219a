/* What the commands share that change a subscription's rows beside a runtime. */
#ifndef WEIR_APP_PROJECTION_CONTROL_H
#define WEIR_APP_PROJECTION_CONTROL_H

#include "app/verbs.h"

/* weir_control_again tells whether a transaction met a deadlock, which it may try again; counts. */
bool weir_control_again(const weir_error *error, int *attempts);

#endif
