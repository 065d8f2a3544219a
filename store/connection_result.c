/* Results: a weir_result is a PGresult that only this module may see as one. */
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

int weir_result_columns(const weir_result *result)
{
    return PQnfields(pg(result));
}

const char *weir_result_name(const weir_result *result, int column)
{
    return PQfname(pg(result), column);
}

unsigned weir_result_type(const weir_result *result, int column)
{
    return PQftype(pg(result), column);
}

const char *weir_result_value(const weir_result *result, int row, int column)
{
    return PQgetisnull(pg(result), row, column) ? NULL : PQgetvalue(pg(result), row, column);
}

size_t weir_result_length(const weir_result *result, int row, int column)
{
    return (size_t)PQgetlength(pg(result), row, column);
}

static int64_t from_big_endian(const char *bytes, size_t length)
{
    uint64_t value = (unsigned char)bytes[0] & 0x80 ? ~(uint64_t)0 : 0;
    for (size_t i = 0; i < length; i++)
        value = value << 8 | (unsigned char)bytes[i];
    return (int64_t)value;
}

int64_t weir_result_integer(const weir_result *result, int row, int column)
{
    const char *value = weir_result_value(result, row, column);
    if (!value)
        return 0;
    if (PQfformat(pg(result), column) == 1)
        return from_big_endian(value, weir_result_length(result, row, column));
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
