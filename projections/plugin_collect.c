/* A batch through a plug-in's handler: what it adds to its transaction becomes calls, and what it
 * asks sends them.
 *
 * Until something is asked there is no transaction yet: a handler that only writes holds no lock
 * while it works. A statement that was refused is the run's end, whatever the handler makes of it,
 * so that no effect is committed without those before it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/executor_int.h"

#define MARGIN_MS 8000 /* for a start and an end of its process */

struct weir_plugin_feeder {
    const weir_projection *projection;
    weir_plugin_statements *statements;
    weir_plugin_process *process; /* NULL: it runs here */
    void *context;                /* of a handler that runs here */
    bool initialised;
};

int weir_plugin_timeout_ms(const weir_config *config)
{
    return (int)weir_config_integer(config, "plugins.timeout_ms");
}

int weir_plugin_patience_ms(const weir_config *config)
{
    return 2 * weir_plugin_timeout_ms(config) + MARGIN_MS;
}

struct weir_plugin_feeder *weir_plugin_feeder_new(const weir_projection *projection)
{
    struct weir_plugin_feeder *code = weir_calloc(1, sizeof *code);
    code->projection = projection;
    code->statements = weir_plugin_statements_new(projection);
    if (projection->plugin)
        code->process = weir_plugin_process_new(projection);
    return code;
}

void weir_plugin_feeder_free(struct weir_plugin_feeder *code)
{
    if (!code)
        return;
    const weir_plugin_handler *handler = code->projection->code;
    if (code->initialised && handler->free)
        handler->free(code->context);
    weir_plugin_process_free(code->process);
    weir_plugin_statements_free(code->statements);
    free(code);
}

static bool refuse(weir_plugin_run *run)
{
    run->refused = true;
    return false;
}

/* The event as the batch knows it. */
static size_t event_of(const weir_plugin_run *run, int64_t event)
{
    return event >= 0 && (uint64_t)event < run->count ? run->index[event] : SIZE_MAX;
}

bool weir_plugin_run_fail(weir_plugin_run *run, int64_t event, const weir_error *error)
{
    const size_t at = event_of(run, event);
    if (run->refused)
        return false;
    run->error = *error;
    if (error->fate == WEIR_FATE_NONE || error->fate == WEIR_FATE_CONFLICT)
        run->error.fate = WEIR_FATE_POISON;
    if (!*error->message) /* a letter must say something */
        weir_fail(&run->error, run->error.fate, "the handler returned false without weir_fail");
    run->calls->hindered = run->error.fate == WEIR_FATE_RETRY;
    run->calls->accused = at == SIZE_MAX ? 0 : at + 1;
    return refuse(run);
}

static bool is_in_scope(const weir_plugin_run *run, const weir_plugin_statement *statement,
                        const weir_param *params, int count, weir_error *error)
{
    return !run->scope ||
           (count > 0 && params[0].value && strcmp(params[0].value, run->scope) == 0) ||
           weir_fail(error, WEIR_FATE_FATAL, "%s: it is not for %s", statement->label, run->scope);
}

bool weir_plugin_run_exec(weir_plugin_run *run, const char *sql, const weir_param *params,
                          int count, int64_t event)
{
    weir_error error;
    if (run->refused)
        return false;
    const weir_plugin_statement *statement =
        weir_plugin_statements_find(run->statements, run->calls->connection, sql, count, &error);
    if (!statement || !is_in_scope(run, statement, params, count, &error))
        return weir_plugin_run_fail(run, event, &error);
    run->of_events = statement->events;
    return weir_calls_add(run->calls, (weir_call){statement->name, params, count},
                          event_of(run, event), statement->label, &run->error) ||
           refuse(run);
}

/* The time that a transaction may rest is set in it, before what opens it. */
static bool begin_to_ask(weir_plugin_run *run)
{
    weir_calls *calls = run->calls;
    if (run->asked || run->patience_ms == 0)
        return true;
    run->asked = true;
    char *text = weir_arena_alloc(calls->arena, 24);
    weir_param *param = weir_arena_alloc(calls->arena, sizeof *param);
    if (!text || !param)
        return weir_batch_full(&run->error) || refuse(run);
    *param = weir_param_integer(run->patience_ms, text);
    return weir_calls_add(calls, (weir_call){"deliver_patience", param, 1}, SIZE_MAX,
                          "deliver_patience", &run->error) ||
           refuse(run);
}

/* The rows of a query on their way into the arena. */
typedef struct copying {
    weir_plugin_run *run;
    weir_buffer values; /* const char * of each: how many there are shows at the end */
    size_t count;
} copying;

/* Of several events fewer may ask for less. */
static bool fail_large(const weir_plugin_run *run, weir_error *error)
{
    const weir_calls *calls = run->calls;
    if (run->count > 1)
        return weir_batch_full(error);
    return weir_fail(error, WEIR_FATE_POISON,
                     "%s: its rows do not fit in the memory of a batch, %zu bytes: ask for fewer, "
                     "or raise batch_bytes of the subscription",
                     calls->label[calls->count - 1], weir_arena_limit(calls->arena));
}

static bool finish_rows(copying *c, size_t columns)
{
    weir_arena *arena = c->run->calls->arena;
    weir_rows *rows = weir_arena_alloc(arena, sizeof *rows);
    const char **values = weir_arena_alloc(arena, c->values.length + 1);
    if (!rows || !values)
        return false;
    if (c->values.length > 0)
        memcpy(values, c->values.data, c->values.length);
    *rows = (weir_rows){c->count, columns, values};
    c->run->rows = rows;
    return true;
}

/* The row that came last is an event, and gets its latest form. */
static bool bring_forward(copying *c, size_t columns, weir_error *error)
{
    const char **row = (const char **)(void *)c->values.data + c->values.length / sizeof *row;
    bool full = false;
    return weir_executor_row_upcast(row - columns, columns, c->run->upcasters, c->run->calls->arena,
                                    &full, error) ||
           (full && fail_large(c->run, error));
}

static bool copy_row(void *context, const weir_result *row, weir_error *error)
{
    copying *c = context;
    weir_arena *arena = c->run->calls->arena;
    const int columns = weir_result_columns(row);
    bool fits = true;
    if (weir_result_rows(row) == 0)
        return finish_rows(c, (size_t)columns) || fail_large(c->run, error);
    for (int i = 0; fits && i < columns; i++) {
        const char *value = weir_result_value(row, 0, i);
        const char *copy =
            value ? weir_arena_copy(arena, value, weir_result_length(row, 0, i)) : NULL;
        weir_buffer_append(&c->values, &copy, sizeof copy);
        fits = !c->values.overflow && (!value || copy);
    }
    c->count++;
    if (!fits)
        return fail_large(c->run, error);
    return !c->run->of_events || bring_forward(c, (size_t)columns, error);
}

const weir_rows *weir_plugin_run_query(weir_plugin_run *run, const char *sql,
                                       const weir_param *params, int count, int64_t event)
{
    weir_error error;
    weir_calls *calls = run->calls;
    copying c = {run, WEIR_BUFFER(weir_arena_limit(calls->arena)), 0};
    run->rows = NULL;
    if (run->refused || !begin_to_ask(run) || !weir_plugin_run_exec(run, sql, params, count, event))
        return NULL;
    if (!weir_calls_ask(calls, copy_row, &c, &error)) {
        run->rows = NULL;
        run->error = error;
        if (!calls->failed && error.fate == WEIR_FATE_POISON)
            weir_plugin_run_fail(run, event, &error);
        refuse(run);
    }
    weir_buffer_free(&c.values);
    return run->rows;
}

/* A transaction for a handler in this process. What it hands over is its own: it is copied. */
typedef struct local {
    weir_plugin_run *run;
    int64_t at;
} local;

static bool copy_params(weir_arena *arena, const weir_param **params, int count)
{
    weir_param *copy = weir_arena_alloc(arena, (size_t)count * sizeof *copy + 1);
    for (int i = 0; copy && i < count; i++) {
        const weir_param *p = &(*params)[i];
        copy[i] = *p;
        if (!p->value)
            continue;
        copy[i].value =
            weir_arena_copy(arena, p->value, p->binary ? (size_t)p->length : strlen(p->value));
        if (!copy[i].value)
            return false;
    }
    *params = copy;
    return copy != NULL;
}

static bool take_over(local *l, const weir_param **params, int count)
{
    if (copy_params(l->run->calls->arena, params, count))
        return true;
    weir_batch_full(&l->run->error);
    return refuse(l->run);
}

static bool local_exec(void *context, const char *sql, const weir_param *params, int count,
                       weir_error *error)
{
    local *l = context;
    if (take_over(l, &params, count) && weir_plugin_run_exec(l->run, sql, params, count, l->at))
        return true;
    *error = l->run->error;
    return false;
}

static const weir_rows *local_query(void *context, const char *sql, const weir_param *params,
                                    int count, weir_error *error)
{
    local *l = context;
    const weir_rows *rows = take_over(l, &params, count)
                                ? weir_plugin_run_query(l->run, sql, params, count, l->at)
                                : NULL;
    if (!rows)
        *error = l->run->error;
    return rows;
}

static void local_at(void *context, size_t event)
{
    ((local *)context)->at = (int64_t)event;
}

static bool apply_here(struct weir_plugin_feeder *code, weir_plugin_run *run)
{
    const weir_plugin_handler *handler = code->projection->code;
    weir_error error = {0};
    local l = {run, -1};
    weir_transaction transaction = {local_exec, local_query, local_at, &l};
    if (!code->initialised) {
        code->context = handler->init ? handler->init(&error) : NULL;
        if (handler->init && !code->context)
            return weir_plugin_run_fail(run, -1, &error);
        code->initialised = true;
    }
    return handler->apply(code->context, &transaction, run->events, run->count, &error)
               ? !run->refused
               : weir_plugin_run_fail(run, l.at, &error);
}

bool weir_plugin_collect(struct weir_plugin_feeder *code, const weir_batch *batch,
                         const uint32_t *index, size_t count, weir_calls *calls, weir_error *error)
{
    const weir_plugin_command *command = code->projection->command;
    weir_event *events = weir_arena_alloc(batch->arena, count * sizeof *events);
    if (!events)
        return weir_batch_full(error);
    for (size_t i = 0; i < count; i++)
        events[i] = batch->events[index[i]];
    weir_plugin_run run = {.statements = code->statements,
                           .calls = calls,
                           .events = events,
                           .index = index,
                           .count = count,
                           .scope = command ? command->aggregate->type : NULL,
                           .upcasters = code->projection->upcasters,
                           .patience_ms = weir_plugin_patience_ms(code->projection->feed->config)};
    bool ok =
        code->process ? weir_plugin_process_apply(code->process, &run) : apply_here(code, &run);
    if (!ok)
        *error = run.error;
    return ok;
}
