/* Parameters. Integers go as texts. One-dimensional arrays go in PostgreSQL's binary format: a
 * header of dimensions, null flag, element type, length and lower bound; then every element behind
 * its length (-1: null).
 * Source: array_recv() in src/backend/utils/adt/arrayfuncs.c. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/connection.h"

#define COUNT_OFFSET 12

void weir_array_begin(weir_array *array, weir_pg_type type)
{
    array->elements = 0;
    weir_buffer_clear(&array->bytes);
    weir_buffer_int32(&array->bytes, 1); /* dimensions */
    weir_buffer_int32(&array->bytes, 1); /* may contain nulls */
    weir_buffer_int32(&array->bytes, (int32_t)type);
    weir_buffer_int32(&array->bytes, 0); /* elements: set by weir_array_param */
    weir_buffer_int32(&array->bytes, 1); /* lower bound */
}

static void add(weir_array *array, const void *bytes, size_t length)
{
    weir_buffer_int32(&array->bytes, bytes ? (int32_t)length : -1);
    if (bytes)
        weir_buffer_append(&array->bytes, bytes, length);
    array->elements++;
}

void weir_array_int32(weir_array *array, int32_t value)
{
    weir_buffer_int32(&array->bytes, 4);
    weir_buffer_int32(&array->bytes, value);
    array->elements++;
}

void weir_array_int64(weir_array *array, int64_t value)
{
    weir_buffer_int32(&array->bytes, 8);
    weir_buffer_int64(&array->bytes, value);
    array->elements++;
}

void weir_array_text(weir_array *array, const char *text, size_t length)
{
    add(array, text, length);
}

void weir_array_jsonb(weir_array *array, const char *json, size_t length)
{
    if (!json) {
        add(array, NULL, 0);
        return;
    }
    weir_buffer_int32(&array->bytes, (int32_t)length + 1);
    weir_buffer_char(&array->bytes, 1); /* version of the jsonb wire format */
    weir_buffer_append(&array->bytes, json, length);
    array->elements++;
}

void weir_array_uuid(weir_array *array, const weir_uuid *id)
{
    add(array, id->bytes, sizeof id->bytes);
}

void weir_array_time(weir_array *array, int64_t time_us)
{
    weir_array_int64(array, time_us - WEIR_PG_EPOCH_US);
}

weir_param weir_array_param(weir_array *array)
{
    uint32_t count = htonl((uint32_t)array->elements);
    if (array->bytes.length >= COUNT_OFFSET + sizeof count)
        memcpy(array->bytes.data + COUNT_OFFSET, &count, sizeof count);
    return (weir_param){array->bytes.data, (int)array->bytes.length, true};
}

void weir_array_free(weir_array *array)
{
    weir_buffer_free(&array->bytes);
}

weir_param weir_param_integer(int64_t value, char text[24])
{
    snprintf(text, 24, "%" PRId64, value);
    return WEIR_PARAM_TEXT(text);
}
