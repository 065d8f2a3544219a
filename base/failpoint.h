/* Named failpoints: places where a test makes the process die, wait or fail. Compiled to nothing
 * unless WEIR_FAILPOINTS is defined (test builds). Armed by the environment variable
 *
 *   WEIR_FAILPOINT=name=action[@nth][,…]    action: kill | sleep:MS | error
 *
 * kill is SIGKILL to oneself at the nth pass (first by default); sleep waits at every pass from
 * the nth on; error makes weir_failpoint_hit return true from the nth pass on. Any thread. */
#ifndef WEIR_BASE_FAILPOINT_H
#define WEIR_BASE_FAILPOINT_H

#include <stdbool.h>

/* The list of all: a test walks it (`weir version --failpoints`), so a name here must be placed. */
#define WEIR_FAILPOINTS_LIST(X)                                                                    \
    X(relay_after_lock)        /* leadership taken, epoch raised, tail not read yet */             \
    X(relay_after_take_over)   /* predecessor's transactions ended, tail not read yet */           \
    X(reconcile_after_topic)   /* topic of a new generation made, nothing recorded yet */          \
    X(reconcile_before_commit) /* everything of a way out is done, nothing committed */            \
    X(relay_after_topic)       /* topic created, mapping not recorded yet */                       \
    X(relay_after_mapping)     /* mapping recorded, nothing produced to it yet */                  \
    X(relay_before_produce)    /* event read, not handed to librdkafka */                          \
    X(relay_after_produce)     /* handed to librdkafka, not acknowledged */                        \
    X(relay_before_commit)     /* all of a transaction handed over, not committed */               \
    X(relay_after_commit)      /* committed, cursor not moved */                                   \
    X(relay_after_ack)         /* acknowledged, cursor not moved */                                \
    X(relay_before_cursor)     /* cursor about to be written */                                    \
    X(relay_after_cursor)      /* cursor written */                                                \
    X(relay_before_clean_stop) /* drained, not yet recorded as cleanly stopped */                  \
    X(projection_after_schema) /* generation's tables created, transaction open */                 \
    X(projection_after_views)  /* generation and views committed */                                \
    X(consumer_after_rows)     /* checkpoint rows created, nothing applied */                      \
    X(consumer_before_apply)   /* batch collected, no transaction yet */                           \
    X(consumer_before_commit)  /* effects and checkpoint sent, COMMIT not */                       \
    X(consumer_after_commit)   /* committed, Kafka offset not */                                   \
    X(consumer_after_offsets)  /* Kafka offset committed */                                        \
    X(letters_before_commit)   /* letters in their topic, not marked as published */

#define WEIR_FAILPOINT_ENUM(name) WEIR_FP_##name,
typedef enum weir_failpoint {
    WEIR_FAILPOINTS_LIST(WEIR_FAILPOINT_ENUM) WEIR_FP_COUNT
} weir_failpoint;

const char *weir_failpoint_name(weir_failpoint point);

#ifdef WEIR_FAILPOINTS
/* weir_failpoint_hit counts the pass and carries out what is armed; true: the caller must fail. */
bool weir_failpoint_hit(weir_failpoint point);
#define WEIR_FAILPOINT(name) weir_failpoint_hit(WEIR_FP_##name)
#else
#define WEIR_FAILPOINT(name) false
#endif

#endif
