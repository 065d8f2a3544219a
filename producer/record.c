/* The headers of a record, found and read. Pure: nothing here sees librdkafka. */
#include <string.h>

#include "producer/record_int.h"

const weir_record_header *weir_record_header_find(const weir_record *record, const char *name)
{
    for (size_t i = 0; i < record->header_count; i++)
        if (strcmp(record->headers[i].name, name) == 0)
            return &record->headers[i];
    return NULL;
}

bool weir_record_header_number(const weir_record_header *header, int64_t *number)
{
    int64_t value = 0;
    if (!header || !header->value || header->length == 0 || header->length > 18 ||
        (header->value[0] == '0' && header->length > 1))
        return false;
    for (size_t i = 0; i < header->length; i++) {
        if (header->value[i] < '0' || header->value[i] > '9')
            return false;
        value = value * 10 + (header->value[i] - '0');
    }
    *number = value;
    return true;
}

bool weir_record_header_is(const weir_record_header *header, const char *text)
{
    return header->value && strlen(text) == header->length &&
           memcmp(header->value, text, header->length) == 0;
}
