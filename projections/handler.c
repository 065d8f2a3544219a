/* A projection as the runtime's handler: what happens on a fresh connection before any event.
 *
 * The order is the promise: roles, the generation (made if there is none), the comparison with how
 * it was made, and only then the session that handlers run in and their prepared statements. Tables
 * of another definition are never fed. */
#include <stdio.h>
#include <stdlib.h>

#include "projections/handler_int.h"

#define REPLAN_FIRST 1000      /* events */
#define ARRAY_LIMIT 1073741823 /* bytes: PostgreSQL takes no larger value */
#define SQL_LIMIT ((size_t)4 * WEIR_PROJECTION_FILE_LIMIT)

static void warn_roles(weir_feed *feed, weir_connection *connection, const weir_actors *actors)
{
    if (actors->complete || feed->warned_roles)
        return;
    feed->warned_roles = true;
    WEIR_WARN("projection", feed->projection->name,
              "not all roles are there for the connecting user; it acts in their place",
              WEIR_TEXT("store", weir_connection_schema(connection)));
}

static bool check_definition(weir_feed *feed, weir_connection *connection,
                             const weir_actors *actors, const char *definition, int generation,
                             bool same_tables, bool same, weir_error *error)
{
    const weir_projection *projection = feed->projection;
    if (same)
        return true;
    if (!same_tables)
        return weir_generation_fail_changed(projection, connection, definition, generation, error);
    if (!weir_scratch_check(feed, connection, actors, error))
        return false;
    WEIR_WARN("projection", projection->name,
              "the handlers changed; events applied before keep their old effects");
    char number[16];
    snprintf(number, sizeof number, "%d", generation);
    const weir_param params[] = {WEIR_PARAM_TEXT(projection->name), WEIR_PARAM_TEXT(number),
                                 WEIR_PARAM_TEXT(definition)};
    return weir_statement_run(connection, "projection_record", params, 3, error);
}

static bool prepare_as(const weir_projection *projection, weir_connection *connection,
                       const weir_statement *statement, const char *name, bool many,
                       weir_error *error)
{
    weir_buffer sql = WEIR_BUFFER(SQL_LIMIT);
    weir_statement_inject(statement, many, &sql);
    bool ok = weir_connection_prepare(connection, name, sql.data, error);
    if (!ok)
        weir_statement_place(projection, statement, sql.data, true,
                             weir_connection_error_position(connection), error);
    weir_buffer_free(&sql);
    return ok;
}

bool weir_handlers_prepare(const weir_projection *projection, weir_connection *connection,
                           weir_error *error)
{
    for (size_t i = 0; i < projection->handler_count; i++) {
        const weir_statement *s = &projection->handlers[i];
        if (!prepare_as(projection, connection, s, s->name, false, error))
            return false;
        if (s->many && !prepare_as(projection, connection, s, s->many, true, error))
            return false;
    }
    return true;
}

/* The serving generation, made if there is none; or one that a rebuild fills, which must be of this
 * very file. */
static bool find_or_create(weir_feed *feed, weir_connection *connection, const weir_actors *actors,
                           const char *definition, int *generation, weir_error *error)
{
    const weir_projection *projection = feed->projection;
    bool same_tables = false, same = false;
    if (*generation > 0)
        return weir_generation_check(projection, connection, definition, *generation, error);
    if (!weir_generation_find(projection, connection, definition, generation, &same_tables, &same,
                              error))
        return false;
    if (*generation == 0 && (!weir_generation_create(feed, connection, actors, definition, error) ||
                             !weir_generation_find(projection, connection, definition, generation,
                                                   &same_tables, &same, error)))
        return false;
    return check_definition(feed, connection, actors, definition, *generation, same_tables, same,
                            error);
}

static bool settle(weir_handler *handler, weir_connection *connection, int *generation,
                   weir_error *error)
{
    weir_feed *feed = handler->context;
    weir_actors actors;
    if (!weir_actors_find(connection, &actors, error) ||
        !weir_session_set(feed, connection, actors.projector, "pg_catalog", "auto", false, error))
        return false;
    warn_roles(feed, connection, &actors);
    char *definition = weir_definition_make(feed->projection, connection, error);
    bool ok =
        definition && find_or_create(feed, connection, &actors, definition, generation, error);
    free(definition);
    return ok;
}

static void *open_feeder(weir_handler *handler, weir_connection *connection, int generation,
                         weir_error *error)
{
    weir_feed *feed = handler->context;
    weir_actors actors;
    char schema[WEIR_SCHEMA_SIZE];
    weir_tables_schema(feed->projection, generation, schema);
    if (!weir_actors_find(connection, &actors, error) ||
        !weir_session_set(feed, connection, actors.projector, schema, "auto", false, error) ||
        !weir_handlers_prepare(feed->projection, connection, error))
        return NULL;
    return weir_feeder_new(feed->projection);
}

weir_feeder *weir_feeder_new(const weir_projection *projection)
{
    weir_feeder *feeder = weir_calloc(1, sizeof *feeder);
    feeder->projection = projection;
    feeder->replan_at = REPLAN_FIRST;
    for (size_t i = 0; i < WEIR_EVENT_COLUMNS; i++)
        feeder->arrays[i].bytes = WEIR_BUFFER(ARRAY_LIMIT);
    return feeder;
}

void weir_feeder_free(void *session)
{
    weir_feeder *feeder = session;
    if (!feeder)
        return;
    for (size_t i = 0; i < WEIR_EVENT_COLUMNS; i++)
        weir_array_free(&feeder->arrays[i]);
    free(feeder);
}

weir_feed *weir_feed_of(weir_projection *projection, const weir_config *config)
{
    if (projection->feed)
        return projection->feed;
    weir_feed *feed = weir_calloc(1, sizeof *feed);
    feed->projection = projection;
    feed->config = config;
    feed->handler = (weir_handler){.subscription = projection->name,
                                   .aggregate_types = (const char *const *)projection->types,
                                   .foreign = weir_projection_foreign(projection),
                                   .context = feed,
                                   .settle = settle,
                                   .open = open_feeder,
                                   .collect = weir_feeder_collect,
                                   .close = weir_feeder_free};
    projection->feed = feed;
    return feed;
}

void weir_feed_free(weir_feed *feed)
{
    free(feed);
}

weir_handler *weir_projection_handler(weir_projection *projection, const weir_config *config)
{
    return &weir_feed_of(projection, config)->handler;
}
