/* Asks a named query: one READ ONLY transaction, always rolled back, in which the asker is a reader
 * who sees the projection's views.
 *
 * The text is parsed anew each time, with its values: a view that a rebuild has switched meanwhile
 * cannot meet a plan of before. What goes wrong is told apart by whom it accuses: the values, the
 * query, or the server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/handler_int.h"
#include "projections/query.h"
#include "store/store.h"

#define SQL_LIMIT ((size_t)8 * WEIR_PROJECTION_FILE_LIMIT)
#define AS_JSON "SELECT row_to_json(weir_row) FROM ("
#define AS_JSON_END "\n) AS weir_row"
#define TIMEOUT "projections.statement_timeout_ms"

struct weir_asker {
    const weir_config *config;
    const weir_projections *projections;
    weir_projections own;
    char *application;
    weir_stop *stop;
    weir_store *store; /* NULL: not connected */
};

weir_asker *weir_asker_open(const weir_config *config, const weir_projections *projections,
                            const char *application, weir_stop *stop, weir_error *error)
{
    weir_asker *asker = weir_calloc(1, sizeof *asker);
    *asker = (weir_asker){.config = config, .projections = projections, .stop = stop};
    if (!projections && !weir_projections_load(config, &asker->own, error)) {
        free(asker);
        return NULL;
    }
    if (!projections)
        asker->projections = &asker->own;
    asker->application = weir_strdup(application);
    return asker;
}

void weir_asker_close(weir_asker *asker)
{
    if (!asker)
        return;
    weir_store_close(asker->store);
    weir_projections_free(&asker->own);
    free(asker->application);
    free(asker);
}

const weir_projections *weir_asker_projections(const weir_asker *asker)
{
    return asker->projections;
}

/* One query being asked. */
typedef struct asking {
    weir_asker *asker;
    const weir_query *query;
    weir_connection *connection;
    char reader[64]; /* whom it was asked as; "none": the connecting user */
    weir_param *params;
    weir_query_rows rows;
    weir_row_fn *row;
    void *context;
    bool ended; /* by row, whose error it is */
} asking;

static bool be_connected(weir_asker *asker, weir_error *error)
{
    if (asker->store && weir_connection_alive(weir_store_connection(asker->store)))
        return true;
    weir_store_close(asker->store);
    asker->store = weir_store_open(asker->config, asker->application, asker->stop, error);
    return asker->store != NULL;
}

static bool find_views(const asking *a, weir_error *error)
{
    const char *name = a->query->projection->name;
    const weir_param params[] = {WEIR_PARAM_TEXT(name), WEIR_PARAM_NULL};
    weir_result *found =
        weir_connection_query(a->connection, "projection_serving", params, 2, error);
    bool there = found && weir_result_rows(found) > 0;
    weir_result_free(found);
    return there || (found && weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                                             "projection '%s' has never run, so there is nothing "
                                             "to ask yet: weir run",
                                             name));
}

static bool begin(asking *a, weir_error *error)
{
    weir_actors actors;
    /* Feeds are made on first use; a projection is const to who only asks, its settings are not. */
    const weir_feed feed = {.projection = (weir_projection *)a->query->projection,
                            .config = a->asker->config};
    if (!weir_connection_execute(a->connection, "BEGIN READ ONLY", error) ||
        !weir_actors_find(a->connection, &actors, error) || !find_views(a, error))
        return false;
    snprintf(a->reader, sizeof a->reader, "%s", actors.asker);
    return weir_session_set(&feed, a->connection, actors.asker, a->query->projection->name, "auto",
                            true, error);
}

static void rollback(const asking *a)
{
    weir_error ignored;
    if (weir_connection_alive(a->connection) && weir_connection_in_transaction(a->connection) &&
        !weir_connection_execute(a->connection, "ROLLBACK", &ignored))
        WEIR_WARN("query", a->query->name, ignored.message);
}

static bool on_row(void *context, const weir_result *row, weir_error *error)
{
    asking *a = context;
    a->ended = !a->row(a->context, row, error);
    return !a->ended;
}

static bool ask(asking *a, weir_error *error)
{
    weir_buffer sql = WEIR_BUFFER(SQL_LIMIT);
    bool json = a->rows == WEIR_ROWS_JSON;
    weir_buffer_format(&sql, "%s%s%s", json ? AS_JSON : "", a->query->sql, json ? AS_JSON_END : "");
    bool ok = weir_connection_stream_text(a->connection, sql.data, a->params,
                                          (int)a->query->parameter_count, on_row, a, error);
    weir_buffer_free(&sql);
    return ok;
}

/* Whether a value is the cause, which only the cast of each alone can tell; then error names it. */
static bool accuse_value(asking *a, weir_error *error)
{
    for (size_t i = 0; i < a->query->parameter_count; i++) {
        const weir_query_parameter *parameter = &a->query->parameters[i];
        char *sql = weir_format("SELECT $1::%s", parameter->type);
        weir_error why = {0};
        weir_result *cast = begin(a, &why)
                                ? weir_connection_text(a->connection, sql, &a->params[i], 1, &why)
                                : NULL;
        free(sql);
        rollback(a);
        bool guilty = !cast && strncmp(why.sqlstate, "22", 2) == 0;
        weir_result_free(cast);
        if (guilty) {
            *error = why;
            error->fate = WEIR_FATE_CONFIG;
            error->code = WEIR_INVALID;
            weir_error_prefix(error, "argument %zu, %s", i + 1, parameter->name);
            return true;
        }
    }
    return false;
}

/* Says whom a failure accuses. */
static bool explain(asking *a, int character, weir_error *error)
{
    int before = a->rows == WEIR_ROWS_JSON ? (int)strlen(AS_JSON) : 0;
    if (strncmp(error->sqlstate, "22", 2) == 0 && accuse_value(a, error))
        return false;
    if (!*error->sqlstate)
        return false;
    if (strcmp(error->sqlstate, "57014") == 0) {
        error->code = WEIR_TIMEOUT;
        return weir_error_prefix(error, "%s.%s, " TIMEOUT " being %lld", a->query->projection->name,
                                 a->query->name,
                                 (long long)weir_config_integer(a->asker->config, TIMEOUT));
    }
    if (strcmp(error->sqlstate, "25006") == 0) /* no failover: the query calls what writes */
        error->fate = WEIR_FATE_CONFIG;
    if (error->fate == WEIR_FATE_CONFIG)
        error->code = WEIR_INVALID;
    if (strcmp(error->sqlstate, "42501") == 0 && strcmp(a->reader, "none") != 0) {
        size_t length = strlen(error->message);
        snprintf(error->message + length, sizeof error->message - length, ": a query runs as %s",
                 a->reader);
        *error->sqlstate = '\0'; /* the user has the role that it takes */
    }
    return weir_query_place(a->query, character - before, error);
}

static bool check_count(const weir_query *query, size_t count, weir_error *error)
{
    size_t wanted = query->parameter_count;
    return count == wanted ||
           weir_fail(error, WEIR_FATE_CONFIG, "%s.%s takes %zu argument%s, not %zu",
                     query->projection->name, query->signature, wanted, wanted == 1 ? "" : "s",
                     count);
}

bool weir_asker_run(weir_asker *asker, const weir_query *query, const char *const *values,
                    size_t count, weir_query_rows rows, weir_row_fn *row, void *context,
                    weir_error *error)
{
    if (!check_count(query, count, error) || !be_connected(asker, error))
        return false;
    asking a = {.asker = asker,
                .query = query,
                .connection = weir_store_connection(asker->store),
                .params = weir_calloc(count + 1, sizeof(weir_param)),
                .rows = rows,
                .row = row,
                .context = context};
    for (size_t i = 0; i < count; i++)
        a.params[i] = WEIR_PARAM_TEXT(values[i]);
    bool begun = begin(&a, error), ok = begun && ask(&a, error);
    int character = ok ? 0 : weir_connection_error_position(a.connection);
    rollback(&a);
    if (begun && !ok && !a.ended)
        explain(&a, character, error);
    free(a.params);
    return ok;
}
