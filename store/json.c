/* JSON as PostgreSQL will take it: what jsonb would refuse (\u0000, lone surrogates, numbers beyond
 * numeric) or silently fold (duplicate keys) is refused here, before anything is sent. */
#include <jansson.h>

#include <string.h>
#include <strings.h>

#include "store/store.h"

bool weir_is_json(const char *content_type)
{
    size_t length = strcspn(content_type, ";");
    while (length > 0 && content_type[length - 1] == ' ')
        length--;
    return length > 5 && strncasecmp(content_type + length - 4, "json", 4) == 0 &&
           (content_type[length - 5] == '/' || content_type[length - 5] == '+');
}

bool weir_json_check(const char *json, size_t length, weir_error *error)
{
    json_error_t why;
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL;
    json_t *value = json_loadb(json, length, flags, &why);
    if (!value)
        return weir_fail(error, WEIR_FATE_POISON, "bad JSON at line %d, column %d: %s", why.line,
                         why.column, why.text);
    json_decref(value);
    return true;
}
