/* The log of a store in memory, for store/memory*.c only.
 *
 * Positions are 1, 2, 3 … without a hole, as versions are; so the whole log and each of its streams
 * are one thing, a sequence of records. A record never moves and, once its append has succeeded,
 * never changes: whoever found it under the lock may look at it without. */
#ifndef WEIR_STORE_MEMORY_INT_H
#define WEIR_STORE_MEMORY_INT_H

#include <pthread.h>

#include <uthash.h>

#include "store/event_check_int.h"
#include "store/store_int.h"

typedef struct weir_record {
    weir_event event;                                    /* position 0: not in the log */
    const char *correlation_id, *causation_id, *user_id; /* NULL: it has none */
    char *texts;                                         /* what all of these point into */
    char *key;                                           /* id and aggregate type: unique */
    size_t key_length;
    UT_hash_handle hh;
} weir_record;

typedef struct weir_sequence {
    weir_record **records;
    int64_t count, capacity;
} weir_sequence;

typedef struct weir_memory_snapshot weir_memory_snapshot; /* memory_snapshots.c */

typedef struct weir_memory_stream {
    weir_sequence events; /* empty: it does not exist */
    weir_memory_snapshot *snapshots;
    char *key; /* aggregate type, NUL, aggregate id, NUL */
    size_t key_length;
    UT_hash_handle hh;
} weir_memory_stream;

struct weir_memory {
    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t grown;
    weir_sequence log;
    weir_record *by_id;
    weir_memory_stream *streams;
    int64_t last_recorded_us;
    char id[WEIR_UUID_TEXT];
};

/* weir_record_new makes a record of a checked event; weir_record_free takes one that is in no log.
 * No lock. */
weir_record *weir_record_new(const weir_append *append, const weir_new_event *event,
                             const weir_checked *checked);
void weir_record_free(weir_record *record);

/* Under the lock. weir_log_stream returns NULL for a stream that never was, unless it is to be
 * made; weir_log_find the record that has this one's id in its aggregate type. */
weir_memory_stream *weir_log_stream(weir_memory *memory, const char *aggregate_type,
                                    const char *aggregate_id, bool make);
const weir_record *weir_log_find(const weir_memory *memory, const weir_record *record);
void weir_log_add(weir_memory *memory, weir_memory_stream *stream, weir_record *record);
void weir_log_undo(weir_memory *memory, int64_t count); /* takes back what lies beyond count */

/* The backend, by file. */
bool weir_memory_append(weir_store *store, weir_append *appends, size_t count, size_t *failed,
                        weir_error *error);
bool weir_memory_read(weir_store *store, weir_read *what, weir_event_fn *fn, void *context,
                      weir_error *error);
bool weir_memory_stream_version(weir_store *store, const char *aggregate_type,
                                const char *aggregate_id, int64_t *version, weir_error *error);
bool weir_memory_streams(weir_store *store, const char *aggregate_type, int64_t limit,
                         weir_stream_fn *fn, void *context, weir_error *error);
bool weir_memory_snapshot_save(weir_store *store, const weir_snapshot *snapshot,
                               const unsigned char checksum[WEIR_SNAPSHOT_CHECKSUM], int keep,
                               weir_error *error);
bool weir_memory_snapshot_find(weir_store *store, weir_stored_snapshot *found,
                               int32_t schema_version, int64_t at_most, weir_buffer *state,
                               weir_error *error);
bool weir_memory_snapshot_prune(weir_store *store, const char *aggregate_type,
                                const char *aggregate_id, int64_t keep, bool execute,
                                int64_t *count, weir_error *error);
bool weir_memory_snapshot_list(weir_store *store, const char *aggregate_type,
                               const char *aggregate_id, weir_snapshot_fn *fn, void *context,
                               weir_error *error);
void weir_memory_snapshots_free(weir_memory_stream *stream);

#endif
