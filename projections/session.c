/* In whose name a projection works, and under which settings.
 *
 * Tables belong to the projector role, views to the owner role, so that handlers cannot write
 * through the views that readers use. Where a role is missing or may not be taken, the connecting
 * user acts in its place. */
#include <stdio.h>
#include <string.h>

#include "projections/handler_int.h"

bool weir_statement_run(weir_connection *connection, const char *statement,
                        const weir_param *params, int count, weir_error *error)
{
    weir_result *result = weir_connection_query(connection, statement, params, count, error);
    weir_result_free(result);
    return result != NULL;
}

static void copy(char *to, size_t size, const char *name, const char *otherwise)
{
    snprintf(to, size, "%s", name ? name : otherwise);
}

bool weir_actors_find(weir_connection *connection, weir_actors *actors, weir_error *error)
{
    weir_param schema = WEIR_PARAM_TEXT(weir_connection_schema(connection));
    weir_result *roles = weir_connection_query(connection, "projection_roles", &schema, 1, error);
    if (!roles)
        return false;
    const char *projector = weir_result_value(roles, 0, 0), *owner = weir_result_value(roles, 0, 1),
               *reader = weir_result_value(roles, 0, 2), *user = weir_result_value(roles, 0, 3);
    copy(actors->projector, sizeof actors->projector, projector, "none");
    copy(actors->owner, sizeof actors->owner, owner, "none");
    copy(actors->viewer, sizeof actors->viewer, owner, user);
    copy(actors->user, sizeof actors->user, user, "");
    copy(actors->reader, sizeof actors->reader, reader, "");
    copy(actors->database, sizeof actors->database, weir_result_value(roles, 0, 4), "");
    copy(actors->asker, sizeof actors->asker, weir_result_value(roles, 0, 5), "none");
    actors->complete = projector && owner && reader;
    weir_result_free(roles);
    return true;
}

void weir_tables_schema(const weir_projection *projection, int generation,
                        char schema[WEIR_SCHEMA_SIZE])
{
    snprintf(schema, WEIR_SCHEMA_SIZE, "%s__g%d", projection->name, generation);
}

bool weir_session_set(const weir_feed *feed, weir_connection *connection, const char *role,
                      const char *schema, const char *plans, bool local, weir_error *error)
{
    char path[160], timeout[32];
    snprintf(path, sizeof path, "\"%s\", pg_catalog, pg_temp", schema);
    snprintf(timeout, sizeof timeout, "%lld",
             (long long)weir_config_integer(feed->config, "projections.statement_timeout_ms"));
    const weir_param params[] = {WEIR_PARAM_TEXT(role), WEIR_PARAM_TEXT(path),
                                 WEIR_PARAM_TEXT(timeout), WEIR_PARAM_TEXT(plans),
                                 WEIR_PARAM_TEXT(local ? "true" : "false")};
    return weir_statement_run(connection, "projection_session", params, 5, error);
}

bool weir_act_as(weir_connection *connection, const char *role, weir_error *error)
{
    weir_param name = WEIR_PARAM_TEXT(role);
    return weir_statement_run(connection, "projection_role", &name, 1, error);
}

bool weir_schema_make(weir_connection *connection, const weir_actors *actors, const char *role,
                      const char *schema, weir_error *error)
{
    char sql[128];
    snprintf(sql, sizeof sql, "CREATE SCHEMA IF NOT EXISTS \"%s\"", schema);
    if (weir_connection_execute(connection, sql, error))
        return true;
    if (strcmp(error->sqlstate, "42501") != 0)
        return false;
    const char *who = strcmp(role, "none") == 0 ? actors->user : role;
    return weir_fail(error, WEIR_FATE_CONFIG,
                     "%s may not create schema \"%s\"; let an administrator run: GRANT CREATE ON "
                     "DATABASE %s TO \"%s\"",
                     who, schema, actors->database, who);
}
