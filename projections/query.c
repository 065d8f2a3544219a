/* Named queries of loaded projections, and finding one by its name. */
#include "projections/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "projections/projection_int.h"

#define NAMES ((size_t)64 * 1024)

const weir_query *weir_projection_query(const weir_projection *projection, size_t index)
{
    return index < projection->query_count ? &projection->queries[index] : NULL;
}

const char *weir_query_name(const weir_query *query)
{
    return query->name;
}

const weir_projection *weir_query_projection(const weir_query *query)
{
    return query->projection;
}

const char *weir_query_signature(const weir_query *query)
{
    return query->signature;
}

const char *weir_query_about(const weir_query *query)
{
    return query->about;
}

const weir_query_parameter *weir_query_parameters(const weir_query *query, size_t *count)
{
    *count = query->parameter_count;
    return query->parameters;
}

/* Over all queries of all projections. */
typedef struct search {
    const char *name;
    weir_suggestion near; /* by the name alone, or with the projection's if that was given */
    char **offered;       /* what near may point to */
    size_t offered_count;
    const weir_query *found;
    size_t count;
    weir_buffer candidates;
} search;

static void consider(search *s, const weir_query *query, bool qualified)
{
    char *full = weir_format("%s.%s", query->projection->name, query->name);
    s->offered = weir_realloc(s->offered, (s->offered_count + 1) * sizeof(char *));
    s->offered[s->offered_count++] = full;
    if (strcmp(s->name, qualified ? full : query->name) == 0) {
        s->found = query;
        weir_buffer_format(&s->candidates, "%s%s", s->count++ > 0 ? ", " : "", full);
    }
    weir_suggest_offer(&s->near, qualified ? full : query->name);
}

static const weir_query *end_search(search *s, weir_error *error)
{
    if (s->count == 1)
        return s->found;
    if (s->count > 1) {
        weir_fail(error, WEIR_FATE_CONFIG, "several projections have a query '%s': %s", s->name,
                  s->candidates.data);
        return NULL;
    }
    weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND, "no query '%s'", s->name);
    weir_suggest_end(&s->near, error);
    return NULL;
}

const weir_query *weir_query_find(const weir_projections *projections, const char *name,
                                  weir_error *error)
{
    bool qualified = strchr(name, '.') != NULL;
    search s = {.name = name, .near = {.word = name}, .candidates = WEIR_BUFFER(NAMES)};
    for (size_t i = 0; i < projections->count; i++)
        for (size_t q = 0; q < projections->items[i]->query_count; q++)
            consider(&s, &projections->items[i]->queries[q], qualified);
    const weir_query *found = end_search(&s, error);
    for (size_t i = 0; i < s.offered_count; i++)
        free(s.offered[i]);
    free(s.offered);
    weir_buffer_free(&s.candidates);
    return found;
}
