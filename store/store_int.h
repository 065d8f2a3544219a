/* The inside of a store handle and what a backend must do, for store/ only.
 *
 * A backend keeps the contract of store.h, which one suite checks for all of them
 * (tests/integration/test_contract.c). What is the same for all stands in store.c. */
#ifndef WEIR_STORE_STORE_INT_H
#define WEIR_STORE_STORE_INT_H

#include "store/store.h"

typedef struct weir_backend {
    bool (*append)(weir_store *store, weir_append *appends, size_t count, size_t *failed,
                   weir_error *error);
    bool (*read)(weir_store *store, weir_read *what, weir_event_fn *fn, void *context,
                 weir_error *error);
    bool (*stream_version)(weir_store *store, const char *aggregate_type, const char *aggregate_id,
                           int64_t *version, weir_error *error);
    bool (*streams)(weir_store *store, const char *aggregate_type, int64_t limit,
                    weir_stream_fn *fn, void *context, weir_error *error);
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
    weir_stop *stop;             /* may be NULL */
    weir_connection *connection; /* PostgreSQL */
    weir_memory *memory;         /* in memory */
};

/* weir_append_check refuses what no backend takes: an event without type, bad JSON, binary data
 * without a content type. POISON; *failed is the append at fault. */
WEIR_MUST_USE bool weir_append_check(const weir_append *appends, size_t count, size_t *failed,
                                     weir_error *error);

/* The PostgreSQL backend, by file. */
bool weir_postgres_append(weir_store *store, weir_append *appends, size_t count, size_t *failed,
                          weir_error *error);
bool weir_postgres_read(weir_store *store, weir_read *what, weir_event_fn *fn, void *context,
                        weir_error *error);

/* weir_migrations_check: the schema's migrations are exactly this program's. CONFIG else. */
WEIR_MUST_USE bool weir_migrations_check(weir_connection *connection, weir_error *error);

#endif
