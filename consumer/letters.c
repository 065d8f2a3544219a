/* What a dead letter is made of, and the set of parked aggregates.
 *
 * A letter keeps the message as it came: coordinates, key, value, headers. An event that was read
 * from the store had no message: it gets the headers that the relay gives it, so that a letter can
 * be read again as an event whatever it came from. Texts that PostgreSQL would refuse (bytes that
 * are no UTF-8) are made readable; the value's bytes never change. */
#include "consumer/letters_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/utf8.h"
#include "consumer/subscription_int.h"

#define PARAMS 22
#define SET_KEY_MOST 512
#define HEADERS_LIMIT ((size_t)16 * 1024 * 1024)

struct weir_parked_entry {
    UT_hash_handle hh;
    char key[];
};

/* An aggregate type has no NUL and at most 100 bytes, an id at most 256. */
static size_t make_key(char key[SET_KEY_MOST], const char *type, const char *id)
{
    int length = snprintf(key, SET_KEY_MOST, "%s/%s", type, id);
    return length < SET_KEY_MOST ? (size_t)length : SET_KEY_MOST - 1;
}

static struct weir_parked_entry *find(const weir_parked_set *set, const char *key, size_t length)
{
    struct weir_parked_entry *entry;
    HASH_FIND(hh, set->entries, key, length, entry);
    return entry;
}

bool weir_parked_has(const weir_parked_set *set, const char *aggregate_type,
                     const char *aggregate_id)
{
    char key[SET_KEY_MOST];
    return find(set, key, make_key(key, aggregate_type, aggregate_id)) != NULL;
}

void weir_parked_add(weir_parked_set *set, const char *aggregate_type, const char *aggregate_id)
{
    char key[SET_KEY_MOST];
    size_t length = make_key(key, aggregate_type, aggregate_id);
    if (find(set, key, length))
        return;
    struct weir_parked_entry *entry = weir_calloc(1, sizeof *entry + length + 1);
    memcpy(entry->key, key, length);
    HASH_ADD_KEYPTR(hh, set->entries, entry->key, length, entry);
    set->count++;
}

void weir_parked_remove(weir_parked_set *set, const char *aggregate_type, const char *aggregate_id)
{
    char key[SET_KEY_MOST];
    struct weir_parked_entry *entry = find(set, key, make_key(key, aggregate_type, aggregate_id));
    if (!entry)
        return;
    HASH_DEL(set->entries, entry);
    free(entry);
    set->count--;
}

void weir_parked_clear(weir_parked_set *set)
{
    struct weir_parked_entry *entry, *next;
    HASH_ITER(hh, set->entries, entry, next)
    {
        HASH_DEL(set->entries, entry);
        free(entry);
    }
    *set = (weir_parked_set){0};
}

bool weir_parked_load(weir_subscription *s, weir_error *error)
{
    weir_result *rows = weir_subscription_ask(s, s->store, "parked_load", error);
    if (!rows)
        return false;
    for (size_t i = 0; i < s->lanes.count; i++)
        weir_parked_clear(&s->lanes.all[i].parked);
    for (int i = 0; i < weir_result_rows(rows); i++) {
        const char *id = weir_result_value(rows, i, 1);
        const weir_partition *p = weir_subscription_find(s, weir_result_value(rows, i, 2),
                                                         (int32_t)weir_result_integer(rows, i, 3));
        if (p)
            weir_parked_add(&weir_subscription_lane(s, weir_partition_lane(p, id))->parked,
                            weir_result_value(rows, i, 0), id);
    }
    weir_result_free(rows);
    return true;
}

/* Puts the parameters of one letter into an arena. */
typedef struct maker {
    weir_arena *arena;
    bool full; /* something did not fit */
} maker;

static char *keep(maker *m, const void *bytes, size_t length)
{
    char *copy = weir_arena_copy(m->arena, bytes, length);
    m->full = m->full || !copy;
    return copy;
}

/* A copy that PostgreSQL takes as text: a byte that is no UTF-8 becomes a question mark. */
static const char *clean(maker *m, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    char *copy = text ? keep(m, text, length) : NULL;
    if (copy)
        weir_utf8_clean(copy);
    return copy;
}

/* The message that the relay makes of an event, as far as the event says it. */
static size_t make_headers(const weir_event *event, maker *m, weir_header headers[WEIR_FIELD_COUNT])
{
    char id[WEIR_UUID_TEXT], version[24], position[24], schema[24], time[WEIR_TIME_TEXT],
        recorded[WEIR_TIME_TEXT];
    weir_uuid_format(&event->id, id);
    weir_clock_format(event->time_us, time);
    weir_clock_format(event->recorded_at_us, recorded);
    weir_param_integer(event->version, version);
    weir_param_integer(event->position, position);
    weir_param_integer(event->schema_version, schema);
    const struct {
        weir_field field;
        const char *value;
    } known[] = {
        {WEIR_FIELD_SPECVERSION, "1.0"},
        {WEIR_FIELD_ID, id},
        {WEIR_FIELD_TYPE, event->type},
        {WEIR_FIELD_TIME, time},
        {WEIR_FIELD_SUBJECT, event->aggregate_id},
        {WEIR_FIELD_CONTENT_TYPE, event->content_type},
        {WEIR_FIELD_AGGREGATE_TYPE, event->aggregate_type},
        {WEIR_FIELD_AGGREGATE_VERSION, version},
        {WEIR_FIELD_POSITION, position},
        {WEIR_FIELD_SCHEMA_VERSION, schema},
        {WEIR_FIELD_RECORDED_TIME, recorded},
        {WEIR_FIELD_METADATA, event->metadata},
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t length = known[i].value ? strlen(known[i].value) : 0;
        const char *copy = known[i].value ? keep(m, known[i].value, length) : NULL;
        if (copy)
            headers[count++] = (weir_header){weir_field_name(known[i].field), copy, length};
    }
    return count;
}

static weir_raw make_raw(const weir_event *event, maker *m)
{
    weir_raw raw = {.key = event->aggregate_id,
                    .key_length = strlen(event->aggregate_id),
                    .value = {event->data, event->data_length}};
    weir_header *headers = weir_arena_alloc(m->arena, WEIR_FIELD_COUNT * sizeof *headers);
    m->full = m->full || !headers;
    raw.headers = headers;
    raw.header_count = headers ? make_headers(event, m, headers) : 0;
    return raw;
}

static weir_param array_param(weir_array *array, maker *m)
{
    weir_param param = weir_array_param(array);
    m->full = m->full || array->bytes.overflow;
    param.value = m->full ? NULL : keep(m, param.value, (size_t)param.length);
    weir_array_free(array);
    return param;
}

static void header_params(const weir_raw *raw, maker *m, weir_param *names_param,
                          weir_param *values_param)
{
    weir_array names = {.bytes = WEIR_BUFFER(HEADERS_LIMIT)};
    weir_array values = {.bytes = WEIR_BUFFER(HEADERS_LIMIT)};
    weir_array_begin(&names, WEIR_PG_TEXT);
    weir_array_begin(&values, WEIR_PG_BYTEA);
    for (size_t i = 0; i < raw->header_count; i++) {
        const char *name = clean(m, raw->headers[i].name);
        weir_array_text(&names, name ? name : "", name ? strlen(name) : 0);
        weir_array_text(&values, raw->headers[i].value, raw->headers[i].length);
    }
    *names_param = array_param(&names, m);
    *values_param = array_param(&values, m);
}

static weir_param bytes_param(const char *bytes, size_t length)
{
    return (weir_param){bytes, (int)length, true};
}

static weir_param number_param(maker *m, int64_t value, bool known)
{
    char text[24];
    weir_param_integer(value, text);
    return known ? WEIR_PARAM_TEXT(keep(m, text, strlen(text))) : WEIR_PARAM_NULL;
}

static const char *class_of(const weir_error *error)
{
    if (!error)
        return NULL;
    return error->sqlstate[0] ? error->sqlstate : weir_fate_name(error->fate);
}

static weir_param id_param(maker *m, const weir_event *event)
{
    char text[WEIR_UUID_TEXT];
    weir_uuid_format(&event->id, text);
    bool known = event->version > 0;
    return known ? WEIR_PARAM_TEXT(keep(m, text, strlen(text))) : WEIR_PARAM_NULL;
}

bool weir_letter_call(const weir_letter *letter, const char *subscription, int generation,
                      weir_arena *arena, weir_call *call, weir_error *error)
{
    static const char *const causes[] = {"refused", "unreadable", "behind"};
    const weir_event *event = letter->event;
    maker m = {arena, false};
    const weir_raw raw = letter->raw ? *letter->raw : make_raw(event, &m);
    const weir_error *why = letter->error;
    weir_param names, values, *params = weir_arena_alloc(arena, PARAMS * sizeof *params);
    header_params(&raw, &m, &names, &values);
    const weir_param all[PARAMS] = {
        WEIR_PARAM_TEXT(subscription),
        number_param(&m, generation, true),
        WEIR_PARAM_TEXT(letter->topic),
        number_param(&m, letter->partition, true),
        number_param(&m, letter->offset, letter->offset != WEIR_FROM_STORE),
        number_param(&m, event->position, event->position > 0),
        WEIR_PARAM_TEXT(clean(&m, event->aggregate_type)),
        WEIR_PARAM_TEXT(clean(&m, event->aggregate_id)),
        number_param(&m, event->version, event->version > 0),
        id_param(&m, event),
        WEIR_PARAM_TEXT(clean(&m, event->type)),
        bytes_param(raw.key, raw.key_length),
        bytes_param(raw.value.bytes, raw.value.length),
        names,
        values,
        number_param(&m, raw.time_ms, raw.time_ms > 0),
        WEIR_PARAM_TEXT(causes[letter->cause]),
        WEIR_PARAM_TEXT(letter->skipped ? "skipped" : "waiting"),
        WEIR_PARAM_TEXT(clean(&m, class_of(why))),
        WEIR_PARAM_TEXT(clean(&m, why ? why->message : NULL)),
        number_param(&m, letter->attempts, true),
        number_param(&m, letter->redrive_s, letter->redrive_s > 0),
    };
    if (m.full || !params)
        return weir_fail(error, WEIR_FATE_RETRY, "the letter does not fit the memory of a batch");
    memcpy(params, all, sizeof all);
    *call = (weir_call){"letter_add", params, PARAMS};
    return true;
}
