/* Events, as records: what is stored, and what is to be appended. Plain data, owned by whoever made
 * it; any thread. */
#ifndef WEIR_STORE_EVENT_H
#define WEIR_STORE_EVENT_H

#include "base/base.h"

/* A stored event. All texts are NUL-terminated. */
typedef struct weir_event {
    int64_t position;
    const char *aggregate_type;
    const char *aggregate_id;
    int64_t version;
    weir_uuid id;
    const char *type;
    int32_t schema_version;
    const char *content_type;
    const char *data; /* JSON text, or raw bytes when binary */
    size_t data_length;
    bool binary;          /* data came from data_binary */
    const char *metadata; /* JSON object text */
    size_t metadata_length;
    int64_t time_us;        /* the event's own time, microseconds since 1970 UTC */
    int64_t recorded_at_us; /* when the store took it */
} weir_event;

/* An event to append. */
typedef struct weir_new_event {
    const char *type;
    const char *data; /* JSON text unless binary */
    size_t data_length;
    bool binary;
    const char *content_type; /* NULL: application/json; required when binary */
    const weir_uuid *id;      /* give one to have a repeated append absorbed; NULL: a new one */
    const char *metadata;     /* JSON object text; NULL: {} */
    const char *time;         /* RFC 3339 text; NULL: now */
    int32_t schema_version;   /* 0: 1 */
} weir_new_event;

/* weir_new_event_write appends the event as weir.append takes it: a JSON object. One without an id
 * gets one. */
void weir_new_event_write(const weir_new_event *event, weir_buffer *out);

/* The event type that closes a stream: the last event that it takes. */
#define WEIR_TOMBSTONE "weir.tombstone"

/* weir_is_json: a media type whose content is JSON, as weir.append decides it: …/json or …+json,
 * before any parameters. */
bool weir_is_json(const char *content_type);

/* weir_json_check refuses what PostgreSQL's jsonb refuses or silently folds: POISON, with line and
 * column for bad syntax, and with the path ("/items/3/price: …") for duplicate keys, \u0000, half
 * surrogate pairs, invalid UTF-8, numbers out of range. */
WEIR_MUST_USE bool weir_json_check(const char *json, size_t length, weir_error *error);

/* weir_json_equal tells whether two texts mean the same to jsonb: blanks, the order of members and
 * how a number or an escape is spelt do not matter. False when either is no JSON that jsonb takes.
 */
bool weir_json_equal(const char *one, size_t one_length, const char *other, size_t other_length);

#endif
