/* Which event types a name stands for: `order.paid` for itself, `order.*` for every one that begins
 * with `order.`, `*` for all. The one rule of `on` in projections and handlers, and of the bus. Any
 * thread. */
#ifndef WEIR_BASE_PATTERN_H
#define WEIR_BASE_PATTERN_H

#include "base/error.h"

#define WEIR_PATTERN_MOST 200 /* bytes */

/* weir_pattern_check refuses what is no pattern: empty, too long, a star elsewhere than at its end.
 * CONFIG. */
WEIR_MUST_USE bool weir_pattern_check(const char *pattern, weir_error *error);

/* weir_pattern_is_prefix is true when it stands for more than one name: it ends with a star. */
bool weir_pattern_is_prefix(const char *pattern);

/* weir_pattern_fits tells whether it stands for that name. */
bool weir_pattern_fits(const char *pattern, const char *name);

#endif
