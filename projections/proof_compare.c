/* Comparing two schemas table by table.
 *
 * PostgreSQL does it, by one statement a table that store/sql/proof_tables.sql writes; the raw
 * tables are read, never the views. What differs is handed over as it comes, all of it is counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "projections/proof_int.h"

#define NAMES_LIMIT ((size_t)1 << 20)

static bool is_column(const weir_result *columns, const char *excluded)
{
    for (int i = 0; i < weir_result_rows(columns); i++) {
        const char *table = weir_result_value(columns, i, 0);
        const char *column = weir_result_value(columns, i, 1);
        size_t length = strlen(table);
        if (strcmp(excluded, column) == 0 ||
            (strncmp(excluded, table, length) == 0 && excluded[length] == '.' &&
             strcmp(excluded + length + 1, column) == 0))
            return true;
    }
    return false;
}

bool weir_proof_columns(weir_connection *connection, const char *schema,
                        const weir_proof_options *options, weir_error *error)
{
    weir_param param = WEIR_PARAM_TEXT(schema);
    weir_result *columns = weir_connection_query(connection, "proof_columns", &param, 1, error);
    bool ok = columns != NULL;
    for (size_t i = 0; ok && i < options->excluded_count; i++) {
        const char *excluded = options->excluded[i];
        weir_suggestion near = {.word = excluded};
        if (is_column(columns, excluded))
            continue;
        for (int row = 0; row < weir_result_rows(columns); row++)
            weir_suggest_offer(&near, weir_result_value(columns, row, 1));
        weir_fail(error, WEIR_FATE_CONFIG, "no table has a column '%s' to exclude", excluded);
        ok = weir_suggest_end(&near, error);
    }
    weir_result_free(columns);
    return ok;
}

enum {
    NAME,
    GONE,
    COUNT,
    COMPARE
}; /* of proof_tables */

static void hand_over(const weir_proof_options *options, const weir_proof_difference *difference)
{
    if (options->difference)
        options->difference(options->context, difference);
}

static bool count_rows(weir_connection *connection, const char *sql, weir_proof_table *table,
                       weir_error *error)
{
    weir_result *counts = weir_connection_text(connection, sql, NULL, 0, error);
    if (!counts)
        return false;
    table->serving = weir_result_integer(counts, 0, 0);
    table->refold = weir_result_integer(counts, 0, 1);
    weir_result_free(counts);
    return true;
}

static bool compare_rows(weir_connection *connection, const char *sql,
                         const weir_proof_options *options, weir_proof_table *table,
                         weir_error *error)
{
    weir_result *found = weir_connection_text(connection, sql, NULL, 0, error);
    if (!found)
        return false;
    for (int i = 0; i < weir_result_rows(found); i++) {
        hand_over(options, &(weir_proof_difference){.table = table->name,
                                                    .kind = weir_result_value(found, i, 0),
                                                    .key = weir_result_value(found, i, 1),
                                                    .columns = weir_result_value(found, i, 2),
                                                    .serving = weir_result_value(found, i, 3),
                                                    .refold = weir_result_value(found, i, 4),
                                                    .rows = weir_result_integer(found, i, 6)});
        table->differences = weir_result_integer(found, i, 5);
    }
    weir_result_free(found);
    return true;
}

static bool compare_table(weir_connection *connection, const weir_result *tables, int row,
                          const weir_proof_options *options, weir_proof *proof, weir_error *error)
{
    weir_proof_table table = {.name = weir_result_value(tables, row, NAME)};
    if (weir_result_bool(tables, row, GONE)) {
        hand_over(options, &(weir_proof_difference){.table = table.name, .kind = "gone"});
        table.differences = 1;
    } else if (!count_rows(connection, weir_result_value(tables, row, COUNT), &table, error) ||
               !compare_rows(connection, weir_result_value(tables, row, COMPARE), options, &table,
                             error)) {
        return weir_error_prefix(error, "table %s", table.name);
    }
    proof->differences += table.differences;
    if (options->table)
        options->table(options->context, &table);
    return true;
}

bool weir_proof_compare(weir_connection *connection, const char *refold, const char *serving,
                        const weir_proof_options *options, weir_proof *proof, weir_error *error)
{
    char most[24];
    weir_array excluded = {.bytes = WEIR_BUFFER(NAMES_LIMIT)};
    weir_array_begin(&excluded, WEIR_PG_TEXT);
    for (size_t i = 0; i < options->excluded_count; i++)
        weir_array_text(&excluded, options->excluded[i], strlen(options->excluded[i]));
    const bool part = options->sample > 0 || options->aggregate_id;
    const weir_param params[] = {
        WEIR_PARAM_TEXT(refold), WEIR_PARAM_TEXT(serving), weir_array_param(&excluded),
        WEIR_PARAM_TEXT(part ? "true" : "false"), weir_param_integer(options->limit, most)};
    weir_result *tables = weir_connection_query(connection, "proof_tables", params, 5, error);
    weir_array_free(&excluded);
    bool ok = tables != NULL;
    for (int i = 0; ok && i < weir_result_rows(tables); i++)
        ok = compare_table(connection, tables, i, options, proof, error);
    weir_result_free(tables);
    return ok;
}
