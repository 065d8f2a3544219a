/* Proves a projection's named queries on a live PostgreSQL before anybody asks one: on views of
 * tables that were made for it, in a transaction that the caller rolls back.
 *
 * Views, since they are less than tables: they have no system columns, and no primary key that a
 * GROUP BY could rely on. Readers must find that out here. */
#include <stdio.h>
#include <string.h>

#include "projections/generations_int.h"

#define PREPARE "PREPARE \"weir query\" AS "
#define SQL_LIMIT ((size_t)8 * WEIR_PROJECTION_FILE_LIMIT)

static bool verify(const weir_query *query, weir_connection *connection, weir_error *error)
{
    weir_buffer sql = WEIR_BUFFER(SQL_LIMIT);
    weir_buffer_format(&sql, PREPARE "%s", query->sql);
    bool ok = weir_connection_execute(connection, sql.data, error);
    weir_buffer_free(&sql);
    if (ok)
        return weir_connection_execute(connection, "DEALLOCATE \"weir query\"", error);
    weir_query_place(query, weir_connection_error_position(connection) - (int)strlen(PREPARE),
                     error);
    if (error->fate != WEIR_FATE_RETRY) {
        error->fate = WEIR_FATE_CONFIG;
        error->code = WEIR_INVALID;
    }
    return false;
}

bool weir_queries_verify(weir_feed *feed, weir_connection *connection, const weir_actors *actors,
                         const char *schema, weir_error *error)
{
    const weir_projection *projection = feed->projection;
    char views[WEIR_SCHEMA_SIZE];
    snprintf(views, sizeof views, "%s__check_views", projection->name);
    const weir_param made[] = {WEIR_PARAM_TEXT(views), WEIR_PARAM_TEXT(schema)};
    if (projection->query_count == 0)
        return true;
    if (!weir_schema_make(connection, actors, actors->projector, views, error) ||
        !weir_run_made(connection, "projection_views", made, 2, NULL, error) ||
        !weir_session_set(feed, connection, actors->projector, views, "auto", true, error))
        return false;
    for (size_t i = 0; i < projection->query_count; i++)
        if (!verify(&projection->queries[i], connection, error))
            return false;
    return true;
}
