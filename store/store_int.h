/* The inside of a store handle and what a backend must do, for store/ only.
 *
 * A backend keeps the contract of store.h, which one suite checks for all of them
 * (tests/integration/test_contract.c). What is the same for all stands in store.c. */
#ifndef WEIR_STORE_STORE_INT_H
#define WEIR_STORE_STORE_INT_H

#include "store/snapshots.h"
#include "store/store.h"

#define WEIR_SNAPSHOT_CHECKSUM 32 /* bytes */

/* A snapshot as a backend keeps it. */
typedef struct weir_stored_snapshot {
    weir_snapshot snapshot;
    unsigned char checksum[WEIR_SNAPSHOT_CHECKSUM];
} weir_stored_snapshot;

typedef struct weir_backend {
    bool (*append)(weir_store *store, weir_append *appends, size_t count, size_t *failed,
                   weir_error *error);
    bool (*read)(weir_store *store, weir_read *what, weir_event_fn *fn, void *context,
                 weir_error *error);
    bool (*stream_version)(weir_store *store, const char *aggregate_type, const char *aggregate_id,
                           int64_t *version, weir_error *error);
    bool (*streams)(weir_store *store, const char *aggregate_type, int64_t limit,
                    weir_stream_fn *fn, void *context, weir_error *error);
    /* Snapshots, by snapshots.c, which makes and holds against them the checksum. find gets type
     * and id in found and adds the latest at or below a version, of whatever schema; version stays
     * 0 when there is none; the state goes to the buffer if it has the schema version. prune is for
     * one aggregate, or with NULLs for a type or all. */
    bool (*snapshot_save)(weir_store *store, const weir_snapshot *snapshot,
                          const unsigned char checksum[WEIR_SNAPSHOT_CHECKSUM], int keep,
                          weir_error *error);
    bool (*snapshot_find)(weir_store *store, weir_stored_snapshot *found, int32_t schema_version,
                          int64_t at_most, weir_buffer *state, weir_error *error);
    bool (*snapshot_prune)(weir_store *store, const char *aggregate_type, const char *aggregate_id,
                           int64_t keep, bool execute, int64_t *count, weir_error *error);
    bool (*snapshot_list)(weir_store *store, const char *aggregate_type, const char *aggregate_id,
                          weir_snapshot_fn *fn, void *context, weir_error *error);
    /* wait rests until something beyond the position may have come, at most so long. */
    void (*wait)(weir_store *store, int64_t beyond, int milliseconds);
    bool (*alive)(const weir_store *store);
    void (*close)(weir_store *store); /* all but the handle itself */
} weir_backend;

struct weir_store {
    const weir_backend *backend;
    char id[WEIR_UUID_TEXT];
    int number;
    int64_t max_event_bytes;
    weir_stop *stop;                 /* may be NULL */
    weir_connection *connection;     /* PostgreSQL */
    int64_t table;                   /* the oid of weir.events when it was opened */
    weir_memory *memory;             /* in memory */
    const weir_upcasters *upcasters; /* NULL: events as they are stored */
    weir_buffer upcast;              /* the data of the event in hand */
    bool handing_over;               /* a receiver is at work on what is read */
};

/* weir_store_idle refuses what a receiver asks of the handle that it receives from: on PostgreSQL
 * the answers would mix, in memory the event in hand would change. FATAL. */
WEIR_MUST_USE bool weir_store_idle(const weir_store *store, weir_error *error);

/* weir_append_check refuses what no backend takes: an event without type, bad JSON, binary data
 * without a content type. POISON; *failed is the append at fault. */
WEIR_MUST_USE bool weir_append_check(const weir_append *appends, size_t count, size_t *failed,
                                     weir_error *error);

/* The PostgreSQL backend, by file. */
bool weir_postgres_append(weir_store *store, weir_append *appends, size_t count, size_t *failed,
                          weir_error *error);
bool weir_postgres_read(weir_store *store, weir_read *what, weir_event_fn *fn, void *context,
                        weir_error *error);
bool weir_postgres_snapshot_save(weir_store *store, const weir_snapshot *snapshot,
                                 const unsigned char checksum[WEIR_SNAPSHOT_CHECKSUM], int keep,
                                 weir_error *error);
bool weir_postgres_snapshot_find(weir_store *store, weir_stored_snapshot *found,
                                 int32_t schema_version, int64_t at_most, weir_buffer *state,
                                 weir_error *error);
bool weir_postgres_snapshot_prune(weir_store *store, const char *aggregate_type,
                                  const char *aggregate_id, int64_t keep, bool execute,
                                  int64_t *count, weir_error *error);
bool weir_postgres_snapshot_list(weir_store *store, const char *aggregate_type,
                                 const char *aggregate_id, weir_snapshot_fn *fn, void *context,
                                 weir_error *error);

/* weir_migrations_check: the schema's migrations are exactly this program's. CONFIG else. */
WEIR_MUST_USE bool weir_migrations_check(weir_connection *connection, weir_error *error);

#endif
