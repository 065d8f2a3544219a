/* store: the authoritative event store, on PostgreSQL or in memory.
 *
 * Append goes through the SQL function weir.append, which any driver may call inside its own
 * transaction; this is the C client of it. Reads of all events go through the fence: no schedule of
 * slow, failed or reordered commits makes a reader skip one. A store in memory (weir_memory_open)
 * keeps the same contract for tests; what only PostgreSQL can do says so.
 *
 * A store handle belongs to one thread; open one per thread. On PostgreSQL it is one connection:
 * after an error of fate RETRY with weir_store_alive false, close it and open another. */
#ifndef WEIR_STORE_STORE_H
#define WEIR_STORE_STORE_H

#include "config/config.h"
#include "store/connection.h"
#include "store/event.h"

typedef struct weir_store weir_store;
typedef struct weir_upcasters weir_upcasters; /* store/upcast.h */

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

/* What to read. All zero: every event, rising in position. At most one selector: a stream
 * (aggregate_type and aggregate_id), a category (aggregate_type alone), an event type, or one of
 * the three metadata values. */
typedef struct weir_read {
    const char *aggregate_type;
    const char *aggregate_id;
    const char *event_type;
    const char *correlation_id, *causation_id, *user_id;
    int64_t from, to; /* a stream: versions, inclusive; 0: its first, its last */
    int64_t after;    /* all else: beyond this position; backwards below it, 0: from the end */
    int64_t as_of_us; /* only what was recorded until then, microseconds since 1970; 0: all */
    int64_t limit;    /* most events; 0: no limit */
    int64_t through;  /* not for a stream, forwards: to this position and no further; the caller
                       * knows that it is settled, by a horizon or a checkpoint of before, so that
                       * no fence is asked for; 0: up to the horizon */
    bool backwards;   /* falling */
    int64_t horizon;  /* out, not for a stream: up to where was read, see weir_store_read */
} weir_read;

/* An in-memory log that many handles share; thread-safe. */
typedef struct weir_memory weir_memory;

/* weir_store_open connects and checks that the schema is the one this program knows: CONFIG with
 * "run weir migrate" when it is missing or older, CONFIG when it is newer or altered. */
weir_store *weir_store_open(const weir_config *config, const char *application, weir_stop *stop,
                            weir_error *error);

/* weir_memory_new makes an empty log with a store id of its own; free it after its handles. */
weir_memory *weir_memory_new(void);
void weir_memory_free(weir_memory *memory);

/* weir_memory_open opens a handle on the log; never fails. stop (may be NULL) ends its waits. */
weir_store *weir_memory_open(weir_memory *memory, weir_stop *stop);

void weir_store_close(weir_store *store);
bool weir_store_alive(const weir_store *store);            /* false: only close is left */
weir_connection *weir_store_connection(weir_store *store); /* owned by the store; NULL in memory */
const char *weir_store_id(const weir_store *store);        /* UUID text */
int weir_store_number(const weir_store *store);

/* weir_store_upcast makes every read of this handle hand its events over in the latest form of
 * their type (store/upcast.h); NULL, as at first: as they are stored. upcasters must outlive the
 * handle. */
void weir_store_upcast(weir_store *store, const weir_upcasters *upcasters);

/* weir_store_append appends, all of them in one transaction, pipelined; streams are locked in one
 * order, so that two calls never deadlock. In a transaction that is open on the connection it keeps
 * the caller's order, and that of positions is the same. JSON is checked before anything is sent:
 * syntax, duplicate keys, \u0000, numbers out of range are POISON. CONFLICT with code WEIR_CONFLICT
 * on a version conflict. On failure *failed (may be NULL) is the index of the append at fault,
 * count when none is. */
WEIR_MUST_USE bool weir_store_append(weir_store *store, weir_append *appends, size_t count,
                                     size_t *failed, weir_error *error);

/* weir_event_fn receives one event, valid during the call only; false with error filled ends the
 * read early with that error. It must not use the store it reads from: refused, FATAL. */
typedef bool weir_event_fn(void *context, const weir_event *event, weir_error *error);

/* weir_store_read hands over the events that what asks for, one by one, in bounded memory. A stream
 * that does not exist gives none. Everything else is read through the fence: what it hands over is
 * committed and durable, and what->horizon says up to where it read: no event at or below it will
 * ever appear that was not handed over, unless the limit was reached. A cursor is the position of
 * the last event, never the horizon. CONFIG for selectors that exclude each other. POISON for an
 * event that cannot be brought to its latest form. */
WEIR_MUST_USE bool weir_store_read(weir_store *store, weir_read *what, weir_event_fn *fn,
                                   void *context, weir_error *error);

/* weir_caught_up_fn is told that nothing more is committed now. */
typedef bool weir_caught_up_fn(void *context, weir_error *error);

/* weir_store_follow reads what (not a stream, not backwards) and goes on with what is committed
 * later, without a gap between, until the store's stop is requested or limit events were handed
 * over: true; or until fn or caught_up (may be NULL; called each time the end is reached) fails:
 * false. what->after moves with every event and what->limit falls, so that a call after an error
 * goes on where it was. */
WEIR_MUST_USE bool weir_store_follow(weir_store *store, weir_read *what, weir_event_fn *fn,
                                     weir_caught_up_fn *caught_up, void *context,
                                     weir_error *error);

/* weir_store_stream_version is the version of one aggregate, 0 if it does not exist. */
WEIR_MUST_USE bool weir_store_stream_version(weir_store *store, const char *aggregate_type,
                                             const char *aggregate_id, int64_t *version,
                                             weir_error *error);

/* weir_store_streams lists aggregates of a type (NULL: all) in (type, id) order, at most limit of
 * them (0: all); texts sort as the database's collation has it, in memory by bytes. */
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

#endif
