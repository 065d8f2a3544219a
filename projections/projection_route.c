/* Which `on` of a projection an event type goes to: exact types before prefixes, longer prefixes
 * before shorter. Pure, like the parser. */
#include <stdlib.h>
#include <string.h>

#include "projections/projection_int.h"

bool weir_projection_add_route(weir_projection *projection, int line, const char *pattern,
                               weir_error *error)
{
    size_t length = strlen(pattern);
    const char *star = strchr(pattern, '*');
    if (length == 0)
        return weir_projection_fail(projection, line, error,
                                    "an event type is missing between the commas");
    if (length > 200)
        return weir_projection_fail(projection, line, error, "an event type has at most 200 bytes");
    if (star && star[1])
        return weir_projection_fail(projection, line, error,
                                    "'%s': a '*' may stand at the end of a pattern only", pattern);
    if (star)
        length--;
    for (size_t i = 0; i < projection->route_count; i++) {
        const weir_route *other = &projection->routes[i];
        if (other->prefix == (star != NULL) && other->length == length &&
            memcmp(other->pattern, pattern, length) == 0)
            return weir_projection_fail(projection, line, error,
                                        "a second handler for '%s'; the first is on line %d",
                                        pattern, other->line);
    }
    projection->routes =
        weir_realloc(projection->routes, (projection->route_count + 1) * sizeof(weir_route));
    projection->routes[projection->route_count++] = (weir_route){
        weir_strndup(pattern, length), length, star != NULL, line, projection->on_count};
    return true;
}

/* Most specific first: exact before prefixes, longer before shorter; the rest keeps it total. */
static int compare_routes(const void *a, const void *b)
{
    const weir_route *x = a, *y = b;
    if (x->prefix != y->prefix)
        return x->prefix - y->prefix;
    if (x->length != y->length)
        return x->length < y->length ? 1 : -1;
    return strcmp(x->pattern, y->pattern);
}

void weir_projection_sort_routes(weir_projection *projection)
{
    qsort(projection->routes, projection->route_count, sizeof(weir_route), compare_routes);
}

int weir_projection_route(const weir_projection *projection, const char *event_type)
{
    for (size_t i = 0; i < projection->route_count; i++) {
        const weir_route *route = &projection->routes[i];
        bool fits = route->prefix ? strncmp(event_type, route->pattern, route->length) == 0
                                  : strcmp(event_type, route->pattern) == 0;
        if (fits)
            return (int)route->on;
    }
    return -1;
}
