/* Which `on` of a projection an event type goes to: exact types before prefixes, longer prefixes
 * before shorter. Pure, like the parser. */
#include <stdlib.h>
#include <string.h>

#include "base/pattern.h"
#include "projections/projection_int.h"

bool weir_projection_add_route(weir_projection *projection, int line, const char *pattern,
                               weir_error *error)
{
    weir_error why;
    if (!*pattern)
        return weir_projection_fail(projection, line, error,
                                    "an event type is missing between the commas");
    if (!weir_pattern_check(pattern, &why))
        return weir_projection_fail(projection, line, error, "%s", why.message);
    for (size_t i = 0; i < projection->route_count; i++) {
        const weir_route *other = &projection->routes[i];
        if (strcmp(other->pattern, pattern) == 0)
            return weir_projection_fail(projection, line, error,
                                        "a second handler for '%s'; the first is on line %d",
                                        pattern, other->line);
    }
    projection->routes =
        weir_realloc(projection->routes, (projection->route_count + 1) * sizeof(weir_route));
    projection->routes[projection->route_count++] =
        (weir_route){weir_strdup(pattern), line, projection->on_count};
    return true;
}

/* Most specific first: exact before prefixes, longer before shorter; the rest keeps it total. */
static int compare_routes(const void *a, const void *b)
{
    const weir_route *x = a, *y = b;
    const bool x_many = weir_pattern_is_prefix(x->pattern),
               y_many = weir_pattern_is_prefix(y->pattern);
    const size_t x_length = strlen(x->pattern), y_length = strlen(y->pattern);
    if (x_many != y_many)
        return x_many - y_many;
    if (x_length != y_length)
        return x_length < y_length ? 1 : -1;
    return strcmp(x->pattern, y->pattern);
}

void weir_projection_sort_routes(weir_projection *projection)
{
    qsort(projection->routes, projection->route_count, sizeof(weir_route), compare_routes);
}

int weir_projection_route(const weir_projection *projection, const char *event_type)
{
    for (size_t i = 0; i < projection->route_count; i++)
        if (weir_pattern_fits(projection->routes[i].pattern, event_type))
            return (int)projection->routes[i].on;
    return -1;
}
