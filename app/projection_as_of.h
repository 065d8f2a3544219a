/* projection rebuild --until TIME --into SCHEMA. */
#ifndef WEIR_APP_PROJECTION_AS_OF_H
#define WEIR_APP_PROJECTION_AS_OF_H

#include "app/runtime.h"
#include "app/session.h"

/* weir_projection_as_of makes a projection's tables as they were at a time in a schema of their
 * own; without --execute it says what it would do. */
WEIR_MUST_USE bool weir_projection_as_of(weir_session *session, weir_runtime *runtime,
                                         weir_error *error);

#endif
