/* Many rows cheaply: COPY in its binary form.
 *
 * libpq gives a streamed row as a result of its own, in which it names all columns again; a row of
 * COPY is one block of memory. That is most of what a reader of a long log pays. In exchange there
 * is neither a prepared plan nor a parameter: this is for hundreds of rows, not for one. */
#include <stdlib.h>
#include <string.h>

#include "store/connection_int.h"

#define SQL_LIMIT ((size_t)64 << 10)
#define SIGNATURE 11 /* bytes; then flags and the length of an extension */

/* write_literal writes a parameter as SQL has it. */
static bool write_literal(weir_connection *connection, weir_buffer *sql, const weir_param *param)
{
    if (!param->value) {
        weir_buffer_text(sql, "NULL");
        return true;
    }
    char *literal = PQescapeLiteral(connection->pg, param->value, strlen(param->value));
    if (literal)
        weir_buffer_text(sql, literal);
    PQfreemem(literal);
    return literal != NULL;
}

/* write_copy writes the command, with values where the statement has $1 and so on. */
static bool write_copy(weir_connection *connection, const char *statement, const weir_param *params,
                       int count, weir_buffer *sql)
{
    char *rendered = weir_sql_render(weir_sql_find(statement), connection->schema);
    const char *from = rendered;
    bool ok = true;
    weir_buffer_text(sql, "COPY (");
    for (const char *at = strchr(from, '$'); ok && at; at = strchr(from, '$')) {
        char *end;
        long number = strtol(at + 1, &end, 10);
        weir_buffer_append(sql, from, (size_t)(at - from));
        ok = number >= 1 && number <= count && write_literal(connection, sql, &params[number - 1]);
        from = end;
    }
    weir_buffer_text(sql, from);
    weir_buffer_text(sql, ") TO STDOUT (FORMAT binary)");
    free(rendered);
    return ok && !sql->overflow;
}

static int32_t read_length(const char *at, size_t bytes)
{
    return (int32_t)weir_cell_integer(&(weir_cell){at, bytes});
}

/* take_cell reads one field of a row and moves *at behind it. */
static bool take_cell(char **at, const char *end, weir_cell *cell)
{
    if (end - *at < 4)
        return false;
    int32_t length = read_length(*at, 4);
    *at += 4;
    *cell = (weir_cell){NULL, 0};
    if (length < 0)
        return true;
    if (end - *at < length)
        return false;
    *cell = (weir_cell){*at, (size_t)length};
    *at += length;
    return true;
}

/* take_row splits a row into its cells. Each ends with a zero byte: it is written over the length
 * of the next one, or is libpq's own behind the row. */
static bool take_row(char *at, const char *end, weir_cell *cells, int columns)
{
    for (int i = 0; i < columns; i++)
        if (!take_cell(&at, end, &cells[i]))
            return false;
    for (int i = 0; i < columns; i++)
        if (cells[i].value)
            ((char *)(uintptr_t)cells[i].value)[cells[i].length] = '\0';
    return at == end;
}

/* hand_over gives on the row of a message; the first carries the header, the last one no row. */
static bool hand_over(char *at, size_t length, bool first, const weir_rows *to, weir_error *error)
{
    weir_cell cells[WEIR_COLUMNS_MOST];
    const char *end = at + length;
    if (first) {
        if (length < SIGNATURE + 8)
            return weir_fail(error, WEIR_FATE_FATAL, "PostgreSQL began a COPY without its header");
        at += SIGNATURE + 8 + read_length(at + SIGNATURE + 4, 4);
    }
    if (end - at < 2)
        return weir_fail(error, WEIR_FATE_FATAL, "PostgreSQL sent a row of COPY that is cut off");
    int32_t columns = read_length(at, 2);
    if (columns < 0)
        return true;
    if (columns != to->columns || columns > WEIR_COLUMNS_MOST ||
        !take_row(at + 2, end, cells, columns))
        return weir_fail(error, WEIR_FATE_FATAL, "PostgreSQL sent a row of COPY of another form");
    return to->fn(to->context, cells, error);
}

/* take_rows reads to the end of the data. *wanted false: to->fn has ended it, or a row was broken.
 */
static bool take_rows(weir_connection *connection, const weir_rows *to, bool *wanted,
                      weir_error *error)
{
    weir_error ignored;
    for (bool first = true;;) {
        char *row = NULL;
        int length = PQgetCopyData(connection->pg, &row, 1);
        if (length == 0) {
            if (!weir_connection_wait_once(connection, false, *wanted ? error : &ignored)) {
                connection->broken = true;
                return false;
            }
            continue;
        }
        if (length < 0)
            return true; /* the end, or what the next result says */
        if (*wanted && !hand_over(row, (size_t)length, first, to, error)) {
            *wanted = false;
            weir_connection_cancel(connection);
        }
        PQfreemem(row);
        first = false;
    }
}

bool weir_connection_copy(weir_connection *connection, const char *statement,
                          const weir_param *params, int count, const weir_rows *to,
                          weir_error *error)
{
    weir_buffer sql = WEIR_BUFFER(SQL_LIMIT);
    bool ok = write_copy(connection, statement, params, count, &sql)
                  ? PQsendQuery(connection->pg, sql.data)
                  : false;
    if (!ok)
        weir_connection_fail(connection, NULL, error);
    weir_buffer_free(&sql);
    if (!ok)
        return false;
    bool wanted = true, alive = true;
    weir_error ignored;
    for (;;) {
        PGresult *result = weir_connection_next(connection, &ok, wanted ? error : &ignored);
        if (!result)
            return wanted && alive && ok;
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_COPY_OUT)
            alive = take_rows(connection, to, &wanted, error);
        else if (wanted && status != PGRES_COMMAND_OK)
            wanted = weir_connection_fail(connection, result, error);
        PQclear(result);
        if (!alive)
            return false;
    }
}
