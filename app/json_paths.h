/* Which fields a JSON document has, by path: "address.city", "lines[].sku". */
#ifndef WEIR_APP_JSON_PATHS_H
#define WEIR_APP_JSON_PATHS_H

#include "base/json_walk.h"

/* weir_json_vanished returns the paths that before has and after lacks, sorted, ended with NULL; of
 * an object or list that vanished only its own. They live in the arena; NULL when it is full. What
 * lies deeper than 32 belongs to what it lies in. */
const char **weir_json_vanished(weir_slice before, weir_slice after, weir_arena *arena);

#endif
