/* external: handlers in any language. A subscription whose events go to a child process, one line
 * of JSON each, and count as handled when it says so. docs/handlers.md is the manual.
 *
 * Its effects lie outside of PostgreSQL, so each happens at least once: what a child has handled
 * and weir has not committed yet is delivered again. */
#ifndef WEIR_PROJECTIONS_EXTERNAL_H
#define WEIR_PROJECTIONS_EXTERNAL_H

#include "consumer/consumer.h"
#include "projections/projections.h"

typedef struct weir_external weir_external;

typedef struct weir_externals {
    weir_external **items;
    size_t count;
} weir_externals;

/* weir_externals_load makes one for each name under `handlers:`. CONFIG for a name that a
 * projection has. config outlives them. */
WEIR_MUST_USE bool weir_externals_load(const weir_config *config,
                                       const weir_projections *projections,
                                       weir_externals *externals, weir_error *error);
void weir_externals_free(weir_externals *externals);

const char *weir_external_name(const weir_external *external);
const char *const *weir_external_types(const weir_external *external); /* NULL-terminated */

/* weir_external_handler is what feeds it; owned by the external. Whoever runs it ignores SIGPIPE.
 */
weir_handler *weir_external_handler(weir_external *external);

/* weir_external_give_up makes the subscription stop, FATAL, when its command could not be started
 * so many times in a row; 0, as at first: never. */
void weir_external_give_up(weir_external *external, int starts);

#endif
