/* The registry of upcasters of this process. */
#ifndef WEIR_APP_SCHEMA_H
#define WEIR_APP_SCHEMA_H

#include "config/config.h"
#include "store/upcast.h"

/* weir_schema_open makes the registry: the rules of schemas.files and the upcasters of the
 * plug-ins, checked. NULL with CONFIG for
 * what is wrong in them. Free with weir_upcasters_free. */
weir_upcasters *weir_schema_open(const weir_config *config, weir_error *error);

#endif
