/* store: the authoritative event store on PostgreSQL.
 *
 * Append goes through the SQL function weir.append, which any driver may call inside its own
 * transaction; this is the C client of it. Reads of all events go through the fence: no schedule of
 * slow, failed or reordered commits makes a reader skip one.
 *
 * A store handle is one connection and belongs to one thread; open one per thread. After an error
 * of fate RETRY with weir_connection_alive false, close it and open another. */
#ifndef WEIR_STORE_STORE_H
#define WEIR_STORE_STORE_H

#include "config/config.h"
#include "store/connection.h"

typedef struct weir_store weir_store;

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
    const weir_uuid *id;    /* NULL: a new one is made here, so that a repeated call is absorbed */
    const char *metadata;   /* JSON object text; NULL: {} */
    const char *time;       /* RFC 3339 text; NULL: now */
    int32_t schema_version; /* 0: 1 */
} weir_new_event;

#define WEIR_ANY_VERSION INT64_MIN /* expected version: any */
#define WEIR_MUST_EXIST (-1)
#define WEIR_NO_STREAM 0

/* One append to one aggregate. */
typedef struct weir_append {
    const char *aggregate_type;
    const char *aggregate_id;
    int64_t expected_version; /* n ≥ 0 exact, or one of the above */
    const weir_new_event *events;
    size_t count;
    int64_t version; /* out: the aggregate's version after it */
} weir_append;

/* weir_store_open connects and checks that the schema is the one this program knows: CONFIG with
 * "run weir migrate" when it is missing or older, CONFIG when it is newer or altered. */
weir_store *weir_store_open(const weir_config *config, const char *application, weir_stop *stop,
                            weir_error *error);
void weir_store_close(weir_store *store);
weir_connection *weir_store_connection(weir_store *store); /* owned by the store */
const char *weir_store_id(const weir_store *store);        /* UUID text */
int weir_store_number(const weir_store *store);

/* weir_store_append appends, all of them in one transaction (or in the one that is open on the
 * connection), pipelined. JSON is checked before anything is sent: syntax, duplicate keys, \u0000,
 * numbers out of range are POISON. CONFLICT with code WEIR_CONFLICT on a version conflict. On
 * failure *failed (may be NULL) is the index of the append at fault, count when none is. */
WEIR_MUST_USE bool weir_store_append(weir_store *store, weir_append *appends, size_t count,
                                     size_t *failed, weir_error *error);

/* weir_event_fn receives one event, valid during the call only; false with error filled ends the
 * read early with that error. It must not use the store it reads from. */
typedef bool weir_event_fn(void *context, const weir_event *event, weir_error *error);

/* weir_store_read_stream reads versions from..to (inclusive, from 1) of one aggregate, rising, or
 * falling when backwards, at most limit. An aggregate that does not exist gives no events. */
WEIR_MUST_USE bool weir_store_read_stream(weir_store *store, const char *aggregate_type,
                                          const char *aggregate_id, int64_t from, int64_t to,
                                          bool backwards, int64_t limit, weir_event_fn *fn,
                                          void *context, weir_error *error);

/* weir_store_read_all reads events after a position in position order, through the fence, at most
 * limit, of one aggregate type or of all (NULL). Everything it hands out is committed and durable.
 * *horizon (may be NULL) is up to where was read: no event at or below it will ever appear that was
 * not handed out, unless limit was reached. A cursor is the position of the last event, never this.
 */
WEIR_MUST_USE bool weir_store_read_all(weir_store *store, const char *aggregate_type, int64_t after,
                                       int64_t limit, weir_event_fn *fn, void *context,
                                       int64_t *horizon, weir_error *error);

/* weir_store_stream_version is the version of one aggregate, 0 if it does not exist. */
WEIR_MUST_USE bool weir_store_stream_version(weir_store *store, const char *aggregate_type,
                                             const char *aggregate_id, int64_t *version,
                                             weir_error *error);

/* weir_store_streams lists aggregates of a type (NULL: all) in (type, id) order after a given one.
 */
typedef bool weir_stream_fn(void *context, const char *aggregate_type, const char *aggregate_id,
                            int64_t version, weir_error *error);
WEIR_MUST_USE bool weir_store_streams(weir_store *store, const char *aggregate_type, int64_t limit,
                                      weir_stream_fn *fn, void *context, weir_error *error);

/* weir_store_migrate brings the schema to this program's version, under a lock, each migration in
 * its own transaction; records the limits of config; creates roles and grants where permitted.
 * applied counts the migrations carried out; statements (bounded buffer) receives the SQL that
 * somebody with more rights must run, empty when nothing is left. CONFIG when a recorded migration
 * differs from this program's or is newer. */
WEIR_MUST_USE bool weir_store_migrate(const weir_config *config, weir_stop *stop, int *applied,
                                      weir_buffer *statements, weir_error *error);

/* weir_is_json: a media type whose content is JSON, as weir.append decides it: …/json or …+json,
 * before any parameters. */
bool weir_is_json(const char *content_type);

/* weir_json_check refuses what PostgreSQL's jsonb refuses or silently folds: bad syntax, duplicate
 * keys, \u0000, invalid UTF-8, numbers out of range. POISON, with line and column. */
WEIR_MUST_USE bool weir_json_check(const char *json, size_t length, weir_error *error);

#endif
