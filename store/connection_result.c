/* Results: a weir_result is a PGresult that only this module may see as one. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "store/connection_int.h"

static const PGresult *pg(const weir_result *result)
{
    return (const PGresult *)result;
}

int weir_result_rows(const weir_result *result)
{
    return PQntuples(pg(result));
}

const char *weir_result_value(const weir_result *result, int row, int column)
{
    return PQgetisnull(pg(result), row, column) ? NULL : PQgetvalue(pg(result), row, column);
}

size_t weir_result_length(const weir_result *result, int row, int column)
{
    return (size_t)PQgetlength(pg(result), row, column);
}

int64_t weir_cell_integer(const weir_cell *cell)
{
    uint64_t value = 0;
    size_t length = cell->length < sizeof value ? cell->length : sizeof value;
    size_t unused = 8 * (sizeof value - length);
    if (length == 0)
        return 0;
    memcpy(&value, cell->value, length);
    return (int64_t)be64toh(value) >> unused;
}

int64_t weir_result_integer(const weir_result *result, int row, int column)
{
    const char *value = weir_result_value(result, row, column);
    if (!value)
        return 0;
    if (PQfformat(pg(result), column) == 1)
        return weir_cell_integer(&(weir_cell){value, weir_result_length(result, row, column)});
    return strtoll(value, NULL, 10);
}

bool weir_result_bool(const weir_result *result, int row, int column)
{
    const char *value = weir_result_value(result, row, column);
    return value && (PQfformat(pg(result), column) == 1 ? value[0] != 0 : value[0] == 't');
}

void weir_result_free(weir_result *result)
{
    PQclear((PGresult *)result);
}
