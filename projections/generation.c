/* A generation: the schema `<name>__g<N>` with the tables, the views of schema `<name>` that
 * readers use, and the row in weir.subscriptions that says how they were made.
 *
 * All of the first comes into being in one transaction, under a lock, so that any number of members
 * may start at once and a killed one leaves nothing. What a schema holds that this did not make is
 * never touched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/generations_int.h"

#define NORMAL_LIMIT ((size_t)4 * WEIR_PROJECTION_FILE_LIMIT)

static const char *const apply_names[] = {[WEIR_APPLY_EACH] = "each",
                                          [WEIR_APPLY_AGGREGATE] = "aggregate",
                                          [WEIR_APPLY_BATCH] = "batch",
                                          [WEIR_APPLY_CODE] = "code"};

static void describe_handlers(const weir_projection *projection, weir_buffer *text)
{
    for (size_t i = 0; i < projection->route_count; i++) {
        const weir_route *route = &projection->routes[i];
        weir_buffer_format(text, "%s -> %zu\n", route->pattern, route->on);
    }
    for (size_t i = 0; i < projection->on_count; i++) {
        weir_buffer_format(text, "on %zu\n", i);
        weir_statements_normal(projection->handlers + projection->ons[i].first,
                               projection->ons[i].count, text);
    }
}

char *weir_definition_make(const weir_projection *projection, weir_connection *connection,
                           weir_error *error)
{
    weir_buffer tables = WEIR_BUFFER(NORMAL_LIMIT), handlers = WEIR_BUFFER(NORMAL_LIMIT),
                from = WEIR_BUFFER(NORMAL_LIMIT), topics = WEIR_BUFFER(NORMAL_LIMIT),
                reading = WEIR_BUFFER(NORMAL_LIMIT);
    char version[16];
    snprintf(version, sizeof version, "%d", projection->version);
    for (size_t i = 0; i < projection->type_count; i++)
        weir_buffer_format(&from, "%s%s", i > 0 ? "," : "", projection->types[i]);
    for (size_t i = 0; i < projection->foreign.topic_count; i++)
        weir_buffer_format(&topics, "%s%s", i > 0 ? "," : "", projection->foreign.topics[i]);
    if (topics.length > 0)
        weir_projection_describe_foreign(projection, &reading);
    weir_statements_normal(projection->tables, projection->table_count, &tables);
    describe_handlers(projection, &handlers);
    const weir_param params[] = {WEIR_PARAM_TEXT(projection->base),
                                 WEIR_PARAM_TEXT(version),
                                 WEIR_PARAM_TEXT(apply_names[projection->apply]),
                                 WEIR_PARAM_TEXT(from.data ? from.data : ""),
                                 WEIR_PARAM_TEXT(tables.data),
                                 WEIR_PARAM_TEXT(handlers.data),
                                 WEIR_PARAM_TEXT(topics.data),
                                 WEIR_PARAM_TEXT(reading.data)};
    weir_result *made =
        weir_connection_query(connection, "projection_definition", params, 8, error);
    char *definition = made ? weir_strdup(weir_result_value(made, 0, 0)) : NULL;
    weir_result_free(made);
    weir_buffer_free(&reading);
    weir_buffer_free(&topics);
    weir_buffer_free(&from);
    weir_buffer_free(&handlers);
    weir_buffer_free(&tables);
    return definition;
}

bool weir_generation_find(const weir_projection *projection, weir_connection *connection,
                          const char *definition, int *generation, bool *same_tables, bool *same,
                          weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(projection->name), WEIR_PARAM_TEXT(definition)};
    weir_result *found = weir_connection_query(connection, "projection_serving", params, 2, error);
    if (!found)
        return false;
    *generation = 0;
    bool ok = true;
    if (weir_result_rows(found) > 0) {
        *generation = (int)weir_result_integer(found, 0, 0);
        *same_tables = weir_result_bool(found, 0, 2);
        *same = *same_tables && weir_result_bool(found, 0, 3);
        if (strcmp(weir_result_value(found, 0, 1), "projection") != 0)
            ok = weir_projection_fail(projection, projection->name_line, error,
                                      "the name '%s' belongs to a subscription of kind %s",
                                      projection->name, weir_result_value(found, 0, 1));
        else if (!weir_result_bool(found, 0, 4))
            ok = weir_projection_fail(
                projection, projection->name_line, error,
                "generation %d reads by '%s': what it applied says nothing of "
                "other topics. Give the projection another name",
                *generation, weir_projection_foreign(projection) ? "from" : "topic");
    }
    weir_result_free(found);
    return ok;
}

/* What a rebuild of it must be told: the store does not have all that it reads. */
static const char *source_of(const weir_projection *projection)
{
    return weir_projection_foreign(projection) ? " --from kafka" : "";
}

/* The latest other generation whose tables are made as the file says; *kept: it served once. */
static bool find_alike(const weir_projection *projection, weir_connection *connection,
                       const char *definition, int *alike, bool *kept, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(projection->name), WEIR_PARAM_TEXT(definition)};
    weir_result *rows = weir_connection_query(connection, "generation_rows", params, 2, error);
    *alike = 0;
    for (int i = 0; rows && *alike == 0 && i < weir_result_rows(rows); i++) {
        if (weir_result_bool(rows, i, 2) || !weir_result_bool(rows, i, 4))
            continue;
        *alike = (int)weir_result_integer(rows, i, 0);
        *kept = weir_result_bool(rows, i, 3);
    }
    weir_result_free(rows);
    return rows != NULL;
}

bool weir_generation_fail_changed(const weir_projection *projection, weir_connection *connection,
                                  const char *definition, int generation, weir_error *error)
{
    int alike;
    bool kept = false;
    const char *name = projection->name;
    const char *source = source_of(projection);
    if (!find_alike(projection, connection, definition, &alike, &kept, error))
        return false;
    if (alike > 0 && alike < generation && kept)
        return weir_projection_fail(
            projection, projection->name_line, error,
            "this file is that of generation %d, but generation %d serves, made from another: run "
            "the file of generation %d, or go back: weir projection rollback %s --execute",
            alike, generation, generation, name);
    if (alike > generation)
        return weir_projection_fail(
            projection, projection->name_line, error,
            "generation %d serves, made from another file; generation %d, made from this one, "
            "does not serve: weir projection rebuild %s%s --execute",
            generation, alike, name, source);
    return weir_projection_fail(projection, projection->name_line, error,
                                "the tables' statements or the version changed since generation %d "
                                "was made: undo the change, or let the tables be filled anew: weir "
                                "projection rebuild %s%s --execute",
                                generation, name, source);
}

bool weir_generation_fits(const weir_projection *projection, weir_connection *connection,
                          weir_error *error)
{
    int generation;
    bool same_tables = false, same;
    char *definition = weir_definition_make(projection, connection, error);
    bool ok = definition && weir_generation_find(projection, connection, definition, &generation,
                                                 &same_tables, &same, error);
    if (ok && generation > 0 && !same_tables)
        ok = weir_generation_fail_changed(projection, connection, definition, generation, error);
    free(definition);
    return ok;
}

/* An existing schema is ours to use only if it is empty, and for tables not even then. */
static bool check_free(const weir_projection *projection, weir_connection *connection,
                       const char *schema, bool tables, weir_error *error)
{
    weir_param param = WEIR_PARAM_TEXT(schema);
    weir_result *found = weir_connection_query(connection, "projection_schema", &param, 1, error);
    if (!found)
        return false;
    bool taken = weir_result_rows(found) > 0 && (tables || weir_result_bool(found, 0, 0));
    weir_result_free(found);
    if (!taken)
        return true;
    return weir_projection_fail(projection, projection->name_line, error,
                                "schema \"%s\" exists and was not made by this projection; rename "
                                "the projection, or drop that schema",
                                schema);
}

static bool make_views(const weir_projection *projection, weir_connection *connection,
                       const weir_actors *actors, const char *tables, weir_error *error)
{
    const weir_param grant[] = {WEIR_PARAM_TEXT(tables), WEIR_PARAM_TEXT(actors->viewer)},
                     views[] = {WEIR_PARAM_TEXT(projection->name), WEIR_PARAM_TEXT(tables)},
                     read[] = {WEIR_PARAM_TEXT(projection->name), WEIR_PARAM_TEXT(actors->reader)};
    int count;
    if (!weir_run_made(connection, "projection_grant", grant, 2, NULL, error) ||
        !weir_act_as(connection, actors->owner, error) ||
        !weir_schema_make(connection, actors, actors->owner, projection->name, error) ||
        !weir_run_made(connection, "projection_views", views, 2, &count, error))
        return false;
    if (count == 0)
        return weir_projection_fail(projection, projection->name_line, error,
                                    "no table is made before the first 'on'");
    return !*actors->reader || weir_run_made(connection, "projection_grant", read, 2, NULL, error);
}

bool weir_generation_fill_schema(weir_feed *feed, weir_connection *connection,
                                 const weir_actors *actors, int generation, weir_error *error)
{
    const weir_projection *projection = feed->projection;
    char tables[WEIR_SCHEMA_SIZE];
    weir_tables_schema(projection, generation, tables);
    if (!check_free(projection, connection, tables, true, error) ||
        !weir_session_set(feed, connection, actors->projector, tables, "force_generic_plan", true,
                          error) ||
        !weir_tables_make(projection, connection, actors, tables, error))
        return false;
    if (WEIR_FAILPOINT(projection_after_schema))
        return weir_fail(error, WEIR_FATE_RETRY, "failpoint projection_after_schema");
    return weir_handlers_verify(projection, connection, tables, error) &&
           weir_values_warn(feed, connection, error);
}

bool weir_generation_record(const weir_projection *projection, weir_connection *connection,
                            const weir_actors *actors, int generation, bool serving,
                            const char *definition, weir_error *error)
{
    char number[24];
    const weir_param params[] = {
        WEIR_PARAM_TEXT(projection->name), weir_param_integer(generation, number),
        WEIR_PARAM_TEXT(serving ? "true" : "false"), WEIR_PARAM_TEXT(definition)};
    return weir_act_as(connection, actors->projector, error) &&
           weir_statement_run(connection, "projection_insert", params, 4, error);
}

bool weir_views_schema_free(const weir_projection *projection, weir_connection *connection,
                            weir_error *error)
{
    return check_free(projection, connection, projection->name, false, error);
}

static bool make_all(weir_feed *feed, weir_connection *connection, const weir_actors *actors,
                     const char *definition, weir_error *error)
{
    const weir_projection *projection = feed->projection;
    char tables[WEIR_SCHEMA_SIZE];
    weir_tables_schema(projection, 1, tables);
    return weir_views_schema_free(projection, connection, error) &&
           weir_generation_fill_schema(feed, connection, actors, 1, error) &&
           make_views(projection, connection, actors, tables, error) &&
           weir_generation_record(projection, connection, actors, 1, true, definition, error);
}

static bool create(weir_feed *feed, weir_connection *connection, const weir_actors *actors,
                   const char *definition, weir_error *error)
{
    const weir_projection *projection = feed->projection;
    weir_param name = WEIR_PARAM_TEXT(projection->name);
    int generation;
    bool same_tables, same;
    return weir_connection_execute(connection, "BEGIN", error) &&
           weir_statement_run(connection, "projection_lock", &name, 1, error) &&
           weir_generation_find(projection, connection, definition, &generation, &same_tables,
                                &same, error) &&
           (generation > 0 || make_all(feed, connection, actors, definition, error)) &&
           weir_connection_execute(connection, "COMMIT", error);
}

bool weir_generation_fail_made(weir_error *error)
{
    if (error->fate != WEIR_FATE_RETRY) {
        error->fate = WEIR_FATE_CONFIG;
        error->code = WEIR_INVALID;
    }
    return false;
}

bool weir_generation_create(weir_feed *feed, weir_connection *connection, const weir_actors *actors,
                            const char *definition, weir_error *error)
{
    if (!create(feed, connection, actors, definition, error)) {
        weir_error rollback;
        if (weir_connection_in_transaction(connection) &&
            !weir_connection_execute(connection, "ROLLBACK", &rollback))
            WEIR_WARN("projection", feed->projection->name, rollback.message);
        return weir_generation_fail_made(error);
    }
    if (WEIR_FAILPOINT(projection_after_views))
        return weir_fail(error, WEIR_FATE_RETRY, "failpoint projection_after_views");
    return true;
}

bool weir_generation_check(const weir_projection *projection, weir_connection *connection,
                           const char *definition, int generation, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(projection->name), WEIR_PARAM_TEXT(definition)};
    weir_result *rows = weir_connection_query(connection, "generation_rows", params, 2, error);
    bool known = false, same = false;
    for (int i = 0; rows && i < weir_result_rows(rows); i++)
        if (weir_result_integer(rows, i, 0) == generation) {
            known = true;
            same = weir_result_bool(rows, i, 4) && weir_result_bool(rows, i, 5);
        }
    weir_result_free(rows);
    if (!rows || same)
        return rows != NULL;
    return weir_projection_fail(projection, projection->name_line, error,
                                known ? "generation %d was begun from another file: begin anew: "
                                        "weir projection rebuild %s%s --execute"
                                      : "there is no generation %d any more: begin anew: weir "
                                        "projection rebuild %s%s --execute",
                                generation, projection->name, source_of(projection));
}
