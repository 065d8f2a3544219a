/* Disasters of topics, and the ways out of them: what a relay refuses to start with, found out and
 * explained, and put right on a person's word. docs/disasters.md is the manual.
 *
 * Nothing is published here; the next start of a relay does that. One thread. */
#ifndef WEIR_PRODUCER_RECONCILE_H
#define WEIR_PRODUCER_RECONCILE_H

#include "store/store.h"

/* What is wrong, in the order in which it is looked for. */
#define WEIR_DISASTERS(X)                                                                          \
    X(NONE, "ok")                                                                                  \
    X(GONE, "gone")                 /* Kafka does not have the topic */                            \
    X(FEWER, "fewer partitions")    /* than recorded: another topic of that name */                \
    X(OTHER_STORE, "another store") /* its events are of another store */                          \
    X(AHEAD, "ahead of the store")  /* it holds events that the store does not have */             \
    X(EMPTY, "empty")               /* nothing is left of what was published to it */

#define WEIR_DISASTER_ENUM(name, text) WEIR_DISASTER_##name,
typedef enum weir_disaster {
    WEIR_DISASTERS(WEIR_DISASTER_ENUM)
} weir_disaster;

/* The ways out. */
typedef enum weir_way {
    WEIR_WAY_NONE,           /* only look */
    WEIR_WAY_REPUBLISH,      /* fill the topic again from the store */
    WEIR_WAY_ACCEPT_AHEAD,   /* go on behind the events that the store does not have */
    WEIR_WAY_NEW_GENERATION, /* publish everything in a topic of another name */
} weir_way;

typedef struct weir_finding {
    const char *aggregate_type, *topic;
    weir_disaster disaster;
    const char *explained; /* what was found and what readers saw, sentences */
    const char *ways;      /* the choices, as options separated by blanks; "" for none */
    const char *plan;      /* what the way does or did; NULL: none was asked for */
} weir_finding;
typedef void weir_finding_fn(void *context, const weir_finding *finding);

const char *weir_disaster_name(weir_disaster disaster);

/* weir_reconcile looks at the topic of one aggregate type, or of all (NULL), reports each to fn,
 * and with a way says what it would do, or with execute does it, in one transaction. A relay that
 * runs is refused (CONFLICT), and so is a way that would break a promise (CONFIG); NOT_FOUND: no
 * topic is recorded for the type. */
WEIR_MUST_USE bool weir_reconcile(const weir_config *config, weir_store *store, weir_stop *stop,
                                  const char *aggregate_type, weir_way way, bool execute,
                                  weir_finding_fn *fn, void *context, weir_error *error);

#endif
