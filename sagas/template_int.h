/* The data of a request: JSON in which texts like "$start.total" stand for values.
 *
 *   $id            the instance's id            $start         data of the event that began it
 *   $reason        why it compensates           $charge.fee    a member of a step's answer
 *   $charge.fee?   null where there is none     $$5            the text "$5" */
#ifndef WEIR_SAGAS_TEMPLATE_INT_H
#define WEIR_SAGAS_TEMPLATE_INT_H

#include "base/json_walk.h"
#include "sagas/plan_int.h"

/* weir_saga_template_check refuses what cannot be known at step `at`, or in its compensation. */
WEIR_MUST_USE bool weir_saga_template_check(const char *json, const weir_saga_plan *plan, size_t at,
                                            bool undo, char *why, size_t size);

typedef struct weir_saga_values {
    const char *id, *reason; /* reason may be NULL */
    const char *data;        /* JSON object: the members that names stand for */
} weir_saga_values;

/* weir_saga_template_fill appends the data. POISON names the value that there is not. */
WEIR_MUST_USE bool weir_saga_template_fill(const char *json, const weir_saga_values *values,
                                           weir_buffer *out, weir_error *error);

/* weir_saga_find finds a member by a path such as "customer.id" in a JSON object; false: it is not
 * there. */
WEIR_MUST_USE bool weir_saga_find(const char *json, size_t length, const char *path,
                                  weir_slice *value);

#endif
