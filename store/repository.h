/* The repository: aggregates of one class in and out of the store, and commands on them.
 *
 *   weir_repository *accounts = weir_repository_new(store, &account_class, NULL);
 *   weir_repository_execute(accounts, "a-1", deposit, &amount, &context, &version, &error);
 *
 * A load starts from the best base it has, a cached state or a snapshot, and always reads the
 * events after it: what it returns is never stale. A save expects the version that was loaded:
 * somebody who was faster is a CONFLICT, never overwritten. Execute does both around a decision,
 * and decides again on a conflict.
 *
 * The cache is a base and nothing else: a state that was released is kept until its time to live is
 * over or something more recently used needs the room. Every load asks the store for the
 * aggregate's version, one indexed row, and reads the events that the cached state lacks. On a
 * conflict, and with another store handle, what is cached is dropped. What happens inside a
 * transaction of the caller is never cached and takes no snapshots, since it may roll back. Only a
 * rewrite of stored events (weir stream rewrite) is seen as late as the time to live.
 *
 * Snapshots cost or save time, nothing else: one that cannot be used is passed over, and one that
 * cannot be saved is logged and counted, and fails nobody.
 *
 * A repository belongs to the thread of its store handle; give each thread its own. */
#ifndef WEIR_STORE_REPOSITORY_H
#define WEIR_STORE_REPOSITORY_H

#include "store/aggregate.h"
#include "store/snapshot_policy.h"
#include "store/store.h"

typedef struct weir_repository weir_repository;

/* All zero: three retries, no cache, snapshots by the automatic policy for classes that have them.
 */
typedef struct weir_repository_options {
    int retries;                           /* of execute; 0: 3, negative: none */
    int backoff_ms, backoff_most_ms;       /* before a retry, jittered; 0: 5, 250 */
    const weir_snapshot_policy *snapshots; /* copied; NULL: by size, lazily, the latest 3 kept */
    size_t cache_entries;                  /* most aggregates cached; 0: no cache */
    size_t cache_bytes;                    /* most memory for them; 0: 64 MiB */
    int cache_ttl_ms;                      /* 0: 60,000 */
} weir_repository_options;

/* weir_repository_new makes a repository over a store handle; options may be NULL. Class and store
 * must outlive it. */
weir_repository *weir_repository_new(weir_store *store, const weir_aggregate_class *of,
                                     const weir_repository_options *options);
void weir_repository_free(weir_repository *repository);

/* weir_repository_use goes on with another store handle, as after a lost connection; the cache is
 * dropped, since the other server may know less. Instances that were loaded stay good. */
void weir_repository_use(weir_repository *repository, weir_store *store);

/* weir_repository_load loads an aggregate as it is now; one that does not exist is at version 0.
 * The caller releases it. NULL with error filled: of the store, or POISON of an event. */
weir_aggregate *weir_repository_load(weir_repository *repository, const char *aggregate_id,
                                     weir_error *error);

/* weir_repository_load_as_of loads an aggregate as it was: up to a version (0: the last) and up to
 * what was recorded at or before a time (microseconds since 1970; 0: any). No snapshot or cached
 * state beyond that is used; nothing may be raised on it. */
weir_aggregate *weir_repository_load_as_of(weir_repository *repository, const char *aggregate_id,
                                           int64_t version, int64_t time_us, weir_error *error);

/* weir_repository_save appends what was raised, all or nothing, if the aggregate is still at the
 * version that was loaded; with nothing raised it does nothing. CONFLICT when somebody was faster:
 * load again. RETRY when the outcome may be unknown: save the same instance again, after
 * weir_repository_use if the connection is lost; if it was stored after all, that is absorbed. */
WEIR_MUST_USE bool weir_repository_save(weir_repository *repository, weir_aggregate *aggregate,
                                        weir_error *error);

/* weir_repository_release takes an instance back: it is cached if it is as the store has it, else
 * freed. NULL is fine. */
void weir_repository_release(weir_repository *repository, weir_aggregate *aggregate);

/* weir_command_fn decides: reads weir_aggregate_state, and raises events or refuses (false, with
 * weir_fail_code(error, WEIR_FATE_POISON, WEIR_INVALID, …)). It may be called again after a
 * conflict, with another state, so it must have no other effects. */
typedef bool weir_command_fn(weir_aggregate *aggregate, const void *argument, weir_error *error);

/* weir_repository_execute loads, decides and saves; on a CONFLICT it does so again, after a
 * jittered wait, up to the retries. Inside a caller's transaction, which a conflict has ended, it
 * does not. A command that raises nothing appends nothing. context (may be NULL) goes into the
 * metadata of what is raised. *version (may be NULL) is the aggregate's then. RETRY with a lost
 * connection is the caller's: open another store, weir_repository_use, and weir_repository_resume.
 */
WEIR_MUST_USE bool weir_repository_execute(weir_repository *repository, const char *aggregate_id,
                                           weir_command_fn *command, const void *argument,
                                           const weir_message_context *context, int64_t *version,
                                           weir_error *error);

/* weir_repository_resume saves again what the last execute could not learn the outcome of: true
 * when it is stored, once; CONFLICT when it was not and somebody else was faster (execute again);
 * NOT_FOUND when there is no such thing: the last execute sent nothing (execute again). Another
 * execute gives it up. */
WEIR_MUST_USE bool weir_repository_resume(weir_repository *repository, int64_t *version,
                                          weir_error *error);

#endif
