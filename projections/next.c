/* The next generation: empty tables beside those that serve, and the row that says so.
 *
 * What was begun before from the same definition is taken up again, since its checkpoints say how
 * far it was filled. What was begun from another one is of no use. What served once is neither:
 * somebody may want to go back to it, and it is not what a rebuild is to make. */
#include <stdlib.h>
#include <string.h>

#include "projections/generations_int.h"

#define PATIENCE_MS 10000 /* for locks on an abandoned generation */

typedef struct next {
    weir_feed *feed;
    const weir_actors *actors;
    const char *definition;
    int generation;
    bool resumed, serves; /* serves: some generation does */
} next;

static bool remove_abandoned(next *n, weir_connection *connection, int generation,
                             weir_error *error)
{
    WEIR_WARN("projection", n->feed->projection->name,
              "an unfinished generation of another definition is dropped",
              WEIR_NUMBER("generation", generation));
    return weir_generation_remove(connection, n->actors, n->feed->projection->name, generation,
                                  error);
}

/* Whether it is unfinished and made as the file says. What served was finished, and whoever went
 * back from it did not want its rows. */
static bool is_begun(const weir_result *rows, int i)
{
    return !weir_result_bool(rows, i, 3) && weir_result_bool(rows, i, 4) &&
           weir_result_bool(rows, i, 5) && weir_result_bool(rows, i, 6);
}

/* Looks through what is newer than the serving one, the latest first. */
static bool find_begun(next *n, weir_connection *connection, const weir_result *rows,
                       weir_error *error)
{
    for (int i = 0; i < weir_result_rows(rows); i++) {
        int generation = (int)weir_result_integer(rows, i, 0);
        n->serves = n->serves || weir_result_bool(rows, i, 2);
        if (n->serves || n->resumed)
            continue;
        if (is_begun(rows, i)) {
            n->generation = generation;
            n->resumed = true;
        } else if (!weir_result_bool(rows, i, 3) &&
                   !remove_abandoned(n, connection, generation, error)) {
            return false;
        }
    }
    return true;
}

static bool make(next *n, weir_connection *connection, weir_error *error)
{
    const weir_projection *projection = n->feed->projection;
    return (n->serves || weir_views_schema_free(projection, connection, error)) &&
           weir_generation_fill_schema(n->feed, connection, n->actors, n->generation, error) &&
           weir_generation_record(projection, connection, n->actors, n->generation, false,
                                  n->definition, error);
}

static bool find_or_make(void *context, weir_connection *connection, weir_error *error)
{
    next *n = context;
    const weir_projection *projection = n->feed->projection;
    const weir_param params[] = {WEIR_PARAM_TEXT(projection->name), WEIR_PARAM_TEXT(n->definition)};
    weir_result *rows = NULL;
    n->serves = n->resumed = false;
    bool ok = weir_act_as(connection, n->actors->projector, error) &&
              weir_locks_bound(connection, error) &&
              weir_statement_run(connection, "projection_lock", params, 1, error) &&
              (rows = weir_connection_query(connection, "generation_rows", params, 2, error));
    if (ok && weir_result_rows(rows) > 0 &&
        strcmp(weir_result_value(rows, 0, 1), "projection") != 0)
        ok = weir_projection_fail(projection, projection->name_line, error,
                                  "the name '%s' belongs to a subscription of kind %s",
                                  projection->name, weir_result_value(rows, 0, 1));
    if (ok) {
        n->generation = weir_result_rows(rows) ? (int)weir_result_integer(rows, 0, 0) + 1 : 1;
        ok = find_begun(n, connection, rows, error) && (n->resumed || make(n, connection, error));
    }
    weir_result_free(rows);
    return ok;
}

bool weir_generation_next(weir_projection *projection, const weir_config *config,
                          weir_connection *connection, int *generation, bool *resumed,
                          weir_error *error)
{
    weir_actors actors;
    next n = {.feed = weir_feed_of(projection, config), .actors = &actors};
    char *definition = weir_definition_make(projection, connection, error);
    n.definition = definition;
    bool ok =
        definition && weir_actors_find(connection, &actors, error) &&
        /* Its queries, too, before anything is filled: no start would accept them afterwards. */
        (projection->query_count == 0 || weir_scratch_check(n.feed, connection, &actors, error)) &&
        weir_attempts(connection, projection->name, find_or_make, &n, NULL, PATIENCE_MS, error);
    free(definition);
    *generation = n.generation;
    *resumed = n.resumed;
    return ok || weir_generation_fail_made(error);
}

bool weir_generation_begun(weir_projection *projection, weir_connection *connection,
                           int *generation, weir_error *error)
{
    char *definition = weir_definition_make(projection, connection, error);
    const weir_param params[] = {WEIR_PARAM_TEXT(projection->name), WEIR_PARAM_TEXT(definition)};
    weir_result *rows =
        definition ? weir_connection_query(connection, "generation_rows", params, 2, error) : NULL;
    *generation = 0;
    for (int i = 0; rows && *generation == 0 && i < weir_result_rows(rows); i++) {
        if (weir_result_bool(rows, i, 2))
            break;
        if (is_begun(rows, i))
            *generation = (int)weir_result_integer(rows, i, 0);
    }
    weir_result_free(rows);
    free(definition);
    return rows != NULL;
}
