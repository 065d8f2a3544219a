/* rebuild: a projection's tables made anew from all events while the old ones serve. */
#ifndef WEIR_PROJECTIONS_REBUILD_H
#define WEIR_PROJECTIONS_REBUILD_H

#include "projections/generations.h"
#include "projections/proof.h"
#include "store/upcast.h"

/* How far a rebuild is. */
typedef struct weir_rebuild_progress {
    int generation;
    bool resumed;      /* what an interrupted one had done is kept */
    int64_t events;    /* applied by this run */
    int64_t done, all; /* weir_subscription_reach */
    const char *stage; /* "filling", "comparing", "waiting for readers", "waiting for the
                        * relay", "switching" */
} weir_rebuild_progress;

typedef void weir_rebuild_fn(void *context, const weir_rebuild_progress *progress);

typedef struct weir_rebuild_options {
    int lanes;          /* transactions side by side; 1: the order of the store for every event */
    bool replace_views; /* also where views must be dropped and made again */
    bool force;         /* do not wait for readers whose snapshots are older than the new tables;
                         * switch also where more is parked than in the old ones, or where topics
                         * that weir did not write have lost what the old ones have */
    bool from_kafka;    /* fill it from the topics, and what they lack from the store */
    bool verify;        /* compare it with an independent fold before the switch */
    weir_proof_options proof; /* of verify: whom to tell */
    int patience_ms;          /* for readers in the way of the switch, and for the relay */
    weir_stop *stop;
    const weir_upcasters *upcasters; /* NULL: events as they are */
    weir_rebuild_fn *fn;             /* a few times a second; may be NULL */
    void *context;
    weir_rebuild_progress progress; /* out */
    int64_t parked;                 /* out: aggregates that are parked in the new generation */
    weir_proof proven;              /* out */
} weir_rebuild_options;

/* weir_rebuild fills the next generation, lets it catch up, and switches readers and runtime over
 * to it: nobody waits for longer than a moment, and no event is missing or applied twice. What is
 * interrupted, by a stop too, is gone on with by the next one of the same file. The generation that
 * served is kept. False: CONFLICT while another one runs; CONFIG where the views cannot be kept, or
 * from that source; NOT_FOUND where
 * Kafka lacks a topic; RETRY with TIMEOUT when readers stay in the way, or what the store had at
 * the beginning does not get into the topics that are read; FATAL when the new one parks more than
 * the old one, or would have less of topics that weir did not write, or verify finds a difference
 * (it is left as it is, and the next one begins anew); what the runtime would stop for. In the
 * caller's thread. */
WEIR_MUST_USE bool weir_rebuild(weir_projection *projection, const weir_config *config,
                                weir_rebuild_options *options, weir_error *error);

/* weir_rebuild_allow refuses, CONFIG, what needs the store's events of a projection whose topics
 * weir did not write: another source than Kafka, and verify. Pure. */
WEIR_MUST_USE bool weir_rebuild_allow(const weir_projection *projection, bool from_kafka,
                                      bool verify, weir_error *error);

#endif
