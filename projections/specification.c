/* Checking what a projection makes of events.
 *
 * A transaction that is rolled back holds all of it. The first pass applies the events as one
 * batch, with `again` behind an attempt that is taken back; the second, from empty tables, one by
 * one and by the same feeder, so that what a handler kept of the first shows. */
#include "projections/specification.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/handler_int.h"

#define ARENA ((size_t)256 << 20)
#define TEXT ((size_t)WEIR_SPECIFICATION_TEXT * 16)
#define SETTLE "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"

typedef struct trial {
    const weir_projection_specification *of;
    weir_projection *projection;
    weir_config *config;
    weir_connection *connection;
    weir_feeder *feeder;
    weir_actors actors;
    weir_event *events;
    size_t count;
    weir_arena *arena; /* of one batch */
} trial;

static bool reads(const weir_projection *projection, const char *aggregate_type)
{
    for (size_t i = 0; aggregate_type && i < projection->type_count; i++)
        if (strcmp(projection->types[i], aggregate_type) == 0)
            return true;
    return false;
}

static int64_t next_version(const trial *t, const weir_fact *fact)
{
    int64_t version = 1;
    for (size_t i = 0; i < t->count; i++)
        version += strcmp(t->events[i].aggregate_type, fact->aggregate_type) == 0 &&
                   strcmp(t->events[i].aggregate_id, fact->aggregate_id) == 0;
    return version;
}

static bool add_fact(trial *t, const weir_fact *fact, weir_error *error)
{
    weir_event event;
    if (!reads(t->projection, fact->aggregate_type) || !fact->aggregate_id)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "given %s: it needs an aggregate that %s reads (WEIR_FACT_OF)", fact->type,
                         t->projection->name);
    if (!weir_fact_event(fact, (int64_t)t->count + 1, &event, error))
        return weir_error_prefix(error, "given %s", fact->type);
    event.version = next_version(t, fact);
    t->events = weir_realloc(t->events, (t->count + 1) * sizeof *t->events);
    t->events[t->count++] = event;
    return true;
}

static bool open_trial(trial *t, weir_error *error)
{
    const weir_projection_specification *of = t->of;
    t->config = weir_config_load("/dev/null", NULL, 0, error);
    t->projection = of->handler ? weir_projection_of_handler(of->handler, "handler", error)
                                : weir_projection_load(of->file, error);
    if (!t->config || !t->projection)
        return false;
    const weir_connection_options options = {weir_config_text(t->config, "store.conninfo"),
                                             weir_config_text(t->config, "store.schema"),
                                             "weir specification", NULL};
    t->connection = weir_connection_open(&options, error);
    for (const weir_fact *fact = of->given; t->connection && fact && fact->type; fact++)
        if (!add_fact(t, fact, error))
            return false;
    weir_feed_of(t->projection, t->config);
    t->feeder = weir_feeder_new(t->projection);
    t->arena = weir_arena_new(ARENA);
    if (!t->connection || !weir_actors_find(t->connection, &t->actors, error))
        return false;
    /* The connecting user makes the tables: the roles may belong to another database's store. */
    snprintf(t->actors.projector, sizeof t->actors.projector, "none");
    return weir_connection_execute(t->connection, "BEGIN", error);
}

static void close_trial(trial *t)
{
    weir_feeder_free(t->feeder);
    weir_connection_close(t->connection); /* the server rolls back */
    weir_projection_free(t->projection);
    weir_config_free(t->config);
    weir_arena_free(t->arena);
    free(t->events);
}

/* Empty tables in a schema of their own, and the session that handlers run in. */
static bool make_tables(trial *t, bool prepare, weir_error *error)
{
    weir_projection *p = t->projection;
    char schema[WEIR_SCHEMA_SIZE];
    snprintf(schema, sizeof schema, "%s__spec", p->name);
    return weir_session_set(p->feed, t->connection, t->actors.projector, schema,
                            "force_generic_plan", true, error) &&
           weir_tables_make(p, t->connection, &t->actors, schema, error) &&
           weir_handlers_verify(p, t->connection, schema, error) &&
           weir_session_set(p->feed, t->connection, t->actors.projector, schema, "auto", true,
                            error) &&
           (!prepare || weir_handlers_prepare(p, t->connection, error));
}

static bool apply(trial *t, const weir_event *events, size_t count, bool one_by_one,
                  weir_error *error)
{
    weir_arena_reset(t->arena);
    const weir_batch batch = {events, count, t->arena};
    weir_calls calls = {.arena = t->arena, .connection = t->connection};
    int failed = 0;
    bool ok = count == 0 || weir_feeder_collect(t->feeder, &batch, one_by_one, &calls, error);
    size_t call = calls.refused;
    const bool sends = ok && calls.count > calls.sent;
    if (sends && !weir_connection_pipeline(t->connection, calls.calls + calls.sent,
                                           (int)(calls.count - calls.sent), &failed, error)) {
        ok = false;
        call = calls.sent + (size_t)failed;
    }
    if (!ok && (sends || calls.failed) && call < calls.count && calls.label[call])
        weir_error_prefix(error, "%s", calls.label[call]);
    return ok && weir_connection_execute(t->connection, SETTLE, error);
}

static bool apply_singly(trial *t, weir_error *error)
{
    for (size_t i = 0; i < t->count; i++)
        if (!apply(t, &t->events[i], 1, true, error))
            return weir_error_prefix(error, "one event at a time, event %zu (%s)", i + 1,
                                     t->events[i].type);
    return true;
}

/* An attempt that is taken back, as after a lost connection; whether it went well is not asked. */
static bool apply_in_vain(trial *t, weir_error *error)
{
    weir_error ignored;
    bool ok = weir_connection_execute(t->connection, "SAVEPOINT attempt", error);
    if (ok)
        (void)!apply(t, t->events, t->count, false, &ignored);
    return ok && weir_connection_execute(t->connection, "ROLLBACK TO SAVEPOINT attempt", error);
}

static char *rows_of(trial *t, const char *query, weir_error *error)
{
    char *sql = weir_format("SELECT coalesce(json_agg(to_json(r)), '[]') FROM (%s) r", query);
    weir_result *rows = weir_connection_text(t->connection, sql, NULL, 0, error);
    char *text = rows ? weir_strdup(weir_result_value(rows, 0, 0)) : NULL;
    weir_result_free(rows);
    free(sql);
    if (!text)
        weir_error_prefix(error, "%s", query);
    return text;
}

static bool same(const char *one, const char *other)
{
    return weir_json_equal(one, strlen(one), other, strlen(other));
}

static void explain(const trial *t, const char *query, const char *expected, const char *actual,
                    const char *when, weir_buffer *why)
{
    weir_buffer_text(why, "given\n");
    for (const weir_fact *fact = t->of->given; fact && fact->type; fact++)
        weir_buffer_format(why, "  %s/%s %s %s\n", fact->aggregate_type, fact->aggregate_id,
                           fact->type, fact->data ? fact->data : "{}");
    weir_buffer_format(why, "%s\n  %s\nexpected\n  %s\nactual%s\n  %s\n", query ? "query" : "then",
                       query ? query : "the events are applied", expected, when, actual);
}

static bool check_rows(trial *t, const weir_rows_fact *fact, weir_buffer *why, weir_error *error)
{
    char *actual = rows_of(t, fact->query, error);
    const bool ok = actual && same(fact->rows, actual);
    if (actual && !ok)
        explain(t, fact->query, fact->rows, actual, "", why);
    free(actual);
    return ok;
}

/* Every table's rows, as JSON; NULL: error. */
static char *dump(trial *t, weir_error *error)
{
    weir_result *tables = weir_connection_text(
        t->connection,
        "SELECT format('SELECT %L AS \"table\", to_jsonb(x)::text AS row FROM %I x', relname, "
        "relname) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN "
        "('r', 'p') ORDER BY relname",
        NULL, 0, error);
    weir_buffer sql = WEIR_BUFFER(TEXT);
    for (int i = 0; tables && i < weir_result_rows(tables); i++)
        weir_buffer_format(&sql, "%s%s", i > 0 ? " UNION ALL " : "",
                           weir_result_value(tables, i, 0));
    weir_buffer_text(&sql, " ORDER BY 1, 2");
    char *rows = tables ? rows_of(t, sql.data, error) : NULL;
    weir_result_free(tables);
    weir_buffer_free(&sql);
    return rows;
}

static bool check_again(trial *t, weir_buffer *why, weir_error *error)
{
    char *first = dump(t, error), *second = NULL;
    bool ok = first && weir_connection_execute(t->connection, "ROLLBACK", error) &&
              weir_connection_execute(t->connection, "BEGIN", error) &&
              make_tables(t, false, error) && apply_singly(t, error) &&
              (second = dump(t, error)) != NULL;
    if (ok && !same(first, second)) {
        ok = false;
        explain(t, "every row", first, second, ", one event at a time, from the start", why);
    }
    free(first);
    free(second);
    return ok;
}

static bool check_refused(const trial *t, bool applied, weir_buffer *why, weir_error *error)
{
    const char *expected = t->of->refused, *actual = applied ? "they are applied" : error->message;
    if (!applied && strstr(error->message, expected))
        return true;
    char *reason = weir_format("refused: %s", expected);
    explain(t, NULL, reason, actual, "", why);
    free(reason);
    return false;
}

static bool check(trial *t, weir_buffer *why, weir_error *error)
{
    const weir_projection_specification *of = t->of;
    if (!of->rows && !of->refused && !of->again)
        return weir_fail(error, WEIR_FATE_CONFIG, "a specification without a then says nothing");
    if (!open_trial(t, error) || !make_tables(t, true, error) ||
        (of->again && !apply_in_vain(t, error)))
        return false;
    const bool applied = apply(t, t->events, t->count, false, error);
    if (of->refused)
        return check_refused(t, applied, why, error);
    if (!applied)
        return false;
    for (const weir_rows_fact *fact = of->rows; fact && fact->query; fact++)
        if (!check_rows(t, fact, why, error))
            return false;
    return !of->again || check_again(t, why, error);
}

bool weir_projection_specification_check(const weir_projection_specification *specification,
                                         char why[WEIR_SPECIFICATION_TEXT])
{
    trial t = {.of = specification};
    weir_error error = {0};
    weir_buffer text = WEIR_BUFFER(TEXT);
    const bool ok = check(&t, &text, &error);
    snprintf(why, WEIR_SPECIFICATION_TEXT, "%s", text.length ? text.data : error.message);
    close_trial(&t);
    weir_buffer_free(&text);
    return ok;
}
