/* What a plug-in's handler sends is SQL text; here it is proved once a connection, and prepared.
 *
 * The rules are those of a projection's file: its first words say whether it may stand in a
 * handler at all, its plan which tables it writes. So the transaction stays the runtime's, and a
 * handler with its own. It must never send a statement that was not proved. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/executor_int.h"

#define MOST 500 /* different statements of a handler */
#define PARAMS_MOST 65535
#define LABEL_BYTES 160 /* of a statement, in errors */

typedef struct known {
    weir_plugin_statement statement;
    char *sql, *name, *label;
    int count;
} known;

struct weir_plugin_statements {
    const weir_projection *projection;
    known *all;
    size_t count;
    size_t number; /* of the last name: one that was refused is not used again */
    char *schema;  /* of the tables; NULL: not asked yet */
};

weir_plugin_statements *weir_plugin_statements_new(const weir_projection *projection)
{
    weir_plugin_statements *statements = weir_calloc(1, sizeof *statements);
    statements->projection = projection;
    return statements;
}

static void free_known(known *k)
{
    free(k->sql);
    free(k->name);
    free(k->label);
}

void weir_plugin_statements_free(weir_plugin_statements *statements)
{
    if (!statements)
        return;
    for (size_t i = 0; i < statements->count; i++)
        free_known(&statements->all[i]);
    free(statements->all);
    free(statements->schema);
    free(statements);
}

/* "customer_orders: INSERT INTO orders …", on one line. */
static char *label_of(const weir_projection *projection, const char *sql)
{
    sql += strspn(sql, " \t\r\n");
    const bool long_one = strlen(sql) > LABEL_BYTES;
    char *label =
        weir_format("%s: %.*s%s", projection->name, LABEL_BYTES, sql, long_one ? "…" : "");
    for (char *c = label; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t')
            *c = ' ';
    return label;
}

static bool ensure_schema(weir_plugin_statements *s, weir_connection *connection, weir_error *error)
{
    if (s->schema)
        return true;
    weir_result *row =
        weir_connection_query(connection, "projection_current_schema", NULL, 0, error);
    const char *schema = row ? weir_result_value(row, 0, 0) : NULL;
    if (row && !schema)
        weir_fail(error, WEIR_FATE_CONFIG, "the schema of its tables is not there");
    s->schema = schema ? weir_strdup(schema) : NULL;
    weir_result_free(row);
    return s->schema != NULL;
}

/* The plan for any values: that for NULLs may leave out what is written. */
static bool judge(const weir_plugin_statements *s, weir_connection *connection, const known *k,
                  const weir_statement *statement, weir_error *error)
{
    weir_error later;
    bool ok =
        weir_connection_execute(connection, "SET plan_cache_mode TO force_generic_plan", error) &&
        weir_plan_judge(s->projection, connection, statement, k->name, k->count, s->schema, error);
    /* In a transaction that has failed its end does it. */
    bool reset =
        weir_connection_execute(connection, "SET plan_cache_mode TO auto", ok ? error : &later);
    return ok && reset;
}

static bool prove(weir_plugin_statements *s, weir_connection *connection, const known *k,
                  weir_error *error)
{
    weir_statement statement = {.sql = k->sql, .length = strlen(k->sql), .line = 1};
    return weir_statement_examine(s->projection, &statement, WEIR_PLACE_ON, error) &&
           ensure_schema(s, connection, error) &&
           weir_connection_prepare(connection, k->name, k->sql, error) &&
           judge(s, connection, k, &statement, error);
}

static bool is(const known *k, const char *sql, int count)
{
    return k->count == count && strcmp(k->sql, sql) == 0;
}

const weir_plugin_statement *weir_plugin_statements_find(weir_plugin_statements *s,
                                                         weir_connection *connection,
                                                         const char *sql, int count,
                                                         weir_error *error)
{
    if (s->projection->command)
        return weir_executor_statement(sql, count, error);
    for (size_t i = 0; i < s->count; i++)
        if (is(&s->all[i], sql, count))
            return &s->all[i].statement;
    known k = {.sql = weir_strdup(sql), .count = count, .label = label_of(s->projection, sql)};
    k.name = weir_format("%s/code/%zu", s->projection->name, ++s->number);
    k.statement = (weir_plugin_statement){.name = k.name, .label = k.label};
    bool ok = s->count < MOST ||
              weir_fail(error, WEIR_FATE_CONFIG,
                        "more than %d different statements: values belong into parameters", MOST);
    if (ok && (count < 0 || count > PARAMS_MOST))
        ok = weir_fail(error, WEIR_FATE_CONFIG, "%d parameters; PostgreSQL takes up to %d", count,
                       PARAMS_MOST);
    if (!ok || !prove(s, connection, &k, error)) {
        weir_error_prefix(error, "%s", k.label);
        free_known(&k);
        return NULL;
    }
    s->all = weir_realloc(s->all, (s->count + 1) * sizeof *s->all);
    s->all[s->count] = k;
    return &s->all[s->count++].statement;
}
