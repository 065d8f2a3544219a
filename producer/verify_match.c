/* Does a record say what its event says? Key and value here, headers in verify_headers.c. */
#include "producer/verify_match_int.h"

#include <stdarg.h>
#include <string.h>

#include "base/json_walk.h"

#define SHOWN 48 /* bytes of a value that a detail quotes */

void weir_verify_say(weir_buffer *detail, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (detail->length > 0)
        weir_buffer_text(detail, "; ");
    weir_buffer_vformat(detail, format, arguments);
    va_end(arguments);
}

int weir_verify_quote(const char *value, size_t length)
{
    size_t shown = length < SHOWN ? length : SHOWN;
    while (shown < length && shown > 0 && ((unsigned char)value[shown] & 0xC0) == 0x80)
        shown--;
    return value ? (int)shown : 0;
}

/* unwrap finds the payload's JSON inside the form that the record says its value has: the content
 * of a JSON string, or of the one that is the payload beside its schema. NULL: it is not so. */
static const char *unwrap(const weir_record *record, const weir_record_header *form,
                          weir_arena **arena, size_t *length)
{
    weir_slice text = {record->value, record->value_length}, key, value;
    weir_json_walk walk;
    weir_error ignored;
    *length = record->value_length;
    if (!form)
        return record->value;
    if (!weir_json_check(record->value, record->value_length, &ignored))
        return NULL;
    if (weir_record_header_is(form, "schema")) {
        if (!weir_json_object(&walk, record->value, record->value_length))
            return NULL;
        text.length = 0;
        while (weir_json_next(&walk, &key, &value))
            if (weir_json_is(key, "payload"))
                text = value;
    }
    if (text.length < 2 || text.text[0] != '"')
        return NULL;
    *arena = weir_arena_new(text.length + 64);
    const char *json = weir_json_decode(text, *arena);
    *length = json ? strlen(json) : 0;
    return json;
}

static bool same_value(const weir_event *event, const weir_record *record, const char **what)
{
    weir_arena *arena = NULL;
    size_t length;
    *what = "the value of a tombstone is not null";
    if (strcmp(event->type, WEIR_TOMBSTONE) == 0)
        return !record->value;
    *what = "the value is null";
    if (!record->value)
        return false;
    *what = "the value differs";
    const char *value =
        unwrap(record, weir_record_header_find(record, "ce_valueform"), &arena, &length);
    bool same =
        value &&
        ((length == event->data_length && memcmp(value, event->data, length) == 0) ||
         (!event->binary && weir_json_equal(value, length, event->data, event->data_length)));
    weir_arena_free(arena);
    return same;
}

unsigned weir_verify_compare(const weir_expectation *expected, const weir_record *record,
                             weir_buffer *detail)
{
    const weir_event *event = expected->event;
    const char *what;
    unsigned differs = WEIR_SAME;
    size_t key = strlen(event->aggregate_id);
    if (!record->key || record->key_length != key ||
        memcmp(record->key, event->aggregate_id, key) != 0) {
        weir_verify_say(detail, "the key is '%.*s', not '%.*s'",
                        weir_verify_quote(record->key, record->key_length),
                        record->key ? record->key : "", weir_verify_quote(event->aggregate_id, key),
                        event->aggregate_id);
        differs |= WEIR_DIFFERS_IDENTITY;
    }
    if (!same_value(event, record, &what)) {
        weir_verify_say(detail, "%s", what);
        differs |= WEIR_DIFFERS_CONTENT;
    }
    return differs | weir_verify_headers(expected, record, detail);
}
