/* The relay's inside, shared by the files of its states. A weir_relay is one shard of a relay.
 * Everything here belongs to the one thread that runs the shard, but for `shown` and `held`. */
#ifndef WEIR_PRODUCER_RELAY_INT_H
#define WEIR_PRODUCER_RELAY_INT_H

#include <stdatomic.h>

#include "producer/pace_int.h"
#include "producer/producer.h"
#include "producer/ring_int.h"
#include "producer/shape_int.h"
#include "producer/sink_int.h"
#include "producer/tail_reader_int.h"
#include "producer/topics_int.h"
#include "store/store.h"

/* The states, in the order in which a start passes them; any lost connection leads back up. */
#define WEIR_RELAY_STATES(X)                                                                       \
    X(CONNECTING) /* no store: opening it, for ever */                                             \
    X(STANDBY)    /* waiting for the lock; then raising the epoch, or resuming ours */             \
    X(STARTING)   /* finding out from the topics' tails what was published */                      \
    X(ACTIVE)     /* publishing */                                                                 \
    X(STOPPING)   /* reading no more; waiting for what is in flight, then writing the cursor */    \
    X(STOPPED)

#define WEIR_RELAY_STATE_ENUM(name) WEIR_RELAY_##name,
typedef enum weir_relay_state {
    WEIR_RELAY_STATES(WEIR_RELAY_STATE_ENUM) WEIR_RELAY_STATE_COUNT
} weir_relay_state;

/* Where an event that is not acknowledged yet can be; as relay_lag.sql orders them. */
typedef enum weir_relay_stage {
    WEIR_RELAY_STAGE_HORIZON, /* committed, behind a transaction that is still appending */
    WEIR_RELAY_STAGE_RELAY,   /* not handed to Kafka */
    WEIR_RELAY_STAGE_BROKER,  /* not acknowledged */
    WEIR_RELAY_STAGE_COUNT,
} weir_relay_stage;

/* The metrics of one relay; see meters.c. */
typedef struct weir_relay_meters {
    weir_metric *events, *bytes, *cursor, *horizon, *in_flight, *active, *tail_reads, *skipped,
        *errors, *ack_seconds, *holder_age, *lag_measured;
    weir_metric *lag_events[WEIR_RELAY_STAGE_COUNT], *lag_seconds[WEIR_RELAY_STAGE_COUNT];
} weir_relay_meters;

/* What weir_relay_health_get shows to other threads. */
typedef struct weir_relay_shown {
    atomic_bool active, store_up, kafka_up;
    _Atomic int64_t position, published, progress_us;
} weir_relay_shown;

/* What a standby saw of a shard's holder, and since when nothing of it has moved. */
typedef struct weir_sighting {
    char what[256];
    int64_t since_us;
    bool moved; /* it did, while we looked */
} weir_sighting;

typedef struct weir_relay {
    const weir_config *config;
    weir_stop *stop;
    const char *name;  /* of the relay: in the store, all its shards have it */
    int shard, shards; /* this one, from 0; how many there are */
    char title[160];   /* of the shard, for people: the name, or name/shard if there are several */
    atomic_int *held;  /* shards that this process holds or tries to */
    bool once, exactly_once;
    size_t in_flight_events, in_flight_bytes,
        transaction_events; /* this shard's share of what the settings allow */
    int64_t takeover_us;    /* a holder that is silent for longer is replaced */
    weir_relay_state state;
    weir_relay_meters meters;
    weir_relay_shown shown;
    weir_backoff backoff;

    weir_store *store; /* NULL unless connected */
    char server[96];   /* which one, and which start of it; "": none yet */
    bool locked;       /* its session holds the lock */
    int64_t epoch;     /* ours; 0: somebody else led since, or nobody yet */
    int64_t beat_us;   /* when the last heartbeat was sent that arrived */
    bool lost;         /* somebody else leads: the next thing to do is to step down */
    bool numbered;     /* the recorded number of shards is ours */
    bool standby_said, refused_said, store_down_said, kafka_down_said;
    weir_sighting sighting;

    weir_sink *sink; /* NULL until the tails are read */
    weir_ring *ring;
    weir_relay_topics topics;
    bool unclean;    /* requests of a predecessor, or of ours, may still be landing */
    bool single;     /* one message a request, to name the one that Kafka refuses */
    int failed_code; /* first failed delivery, a refusal before others; 0: none */
    int64_t failed_position;
    bool log_lost;          /* an acknowledgement came for an offset that was there before */
    bool committing;        /* the transaction takes nothing more */
    int64_t transaction_us; /* when its first event was handed over */
    int64_t cut_off_since_us, probed_us;

    int64_t read_position; /* last event read */
    int64_t read_through;  /* nothing at or below it is unread */
    int64_t goal;          /* once: all up to here is wanted; -1: not known yet */
    char wanted[128];      /* aggregate type without a topic, met by the last read */
    bool paused;           /* the last read was ended early by us */
    bool caught_up;        /* the last read came to the horizon */
    int64_t read_events;   /* of the last read */
    int64_t mean_bytes;    /* of a message, rolling */
    int64_t found_us;      /* when the last read that found something ended */
    weir_pace events_pace, bytes_pace;
    weir_shape shape;
    weir_buffer value; /* of the message being made, where it is not the event's data */

    int64_t saved_position, saved_us; /* cursor as last written, and when */
    int64_t saved_sent;               /* read_position, then */
    int64_t unsaved_events;
    bool parts_changed;
    int64_t stopping_us, last_ack_us;
    int64_t served_us;   /* when acknowledgements were last taken: before what they came at */
    int64_t lag_us;      /* monotonic time of the last measurement of lag; 0: none yet */
    bool held_back_said; /* that an open transaction holds us back */
} weir_relay;

/* WEIR_FAIL_AT: an armed `error` failpoint fails like a lost connection. */
#define WEIR_FAIL_AT(point)                                                                        \
    (WEIR_FAILPOINT(point) && !weir_fail(error, WEIR_FATE_RETRY, "failpoint " #point))

/* One step of each state; false with a RETRY error is recovered from by relay.c. */
bool weir_relay_connect(weir_relay *relay, weir_error *error);
bool weir_relay_lead(weir_relay *relay, weir_error *error);
bool weir_relay_start(weir_relay *relay, weir_error *error);
bool weir_relay_publish(weir_relay *relay, weir_error *error);
bool weir_relay_wind_up(weir_relay *relay, weir_error *error);

void weir_relay_enter(weir_relay *relay, weir_relay_state state);
void weir_relay_store_up(weir_relay *relay, bool up, const char *why);
void weir_relay_kafka_up(weir_relay *relay, bool up, const char *why);
void weir_relay_progress(weir_relay *relay);
void weir_relay_drop_store(weir_relay *relay);
void weir_relay_drop_sink(weir_relay *relay);
void weir_relay_meters_open(weir_relay_meters *meters, const char *relay, int shard);

/* weir_shard_new makes one shard; held is the process's count of shards it
 * holds. NULL with CONFIG for settings that cannot be. */
weir_relay *weir_shard_new(const weir_config *config, weir_stop *stop, int shard, atomic_int *held,
                           weir_error *error);
void weir_shard_free(weir_relay *relay);
WEIR_MUST_USE bool weir_shard_run(weir_relay *relay, bool once, weir_error *error);
void weir_shard_health_get(const weir_relay *relay, weir_relay_health *health);

/* weir_relay_agree makes sure that the recorded number of shards is ours, and records it where that
 * is possible (relay->numbered); rests where it may be later. CONFIG while a relay with another
 * number lives. */
WEIR_MUST_USE bool weir_relay_agree(weir_relay *relay, weir_error *error);

/* weir_relay_beat writes the heartbeat if it is due. Not while rows are streaming. False, with
 * relay->lost set, when somebody else leads. */
WEIR_MUST_USE bool weir_relay_beat(weir_relay *relay, weir_error *error);

/* weir_relay_keep_beating is weir_relay_beat for what waits for Kafka; false: stop waiting. */
weir_beat_fn weir_relay_keep_beating;

/* weir_relay_late: the read in hand had better end for a heartbeat, half of the time having passed
 * after which somebody else leads; for its first event, all of it. */
bool weir_relay_late(const weir_relay *relay);

/* weir_relay_leads asks whether it still leads if it may not, before anything more is handed over;
 * false and without a sink if it does not or cannot know. */
WEIR_MUST_USE bool weir_relay_leads(weir_relay *relay, weir_error *error);

/* weir_relay_forget gives up what belongs to an epoch that is over. */
void weir_relay_forget(weir_relay *relay);

/* weir_relay_lose notes that somebody else leads. Returns false. */
bool weir_relay_lose(weir_relay *relay, weir_error *error);
void weir_relay_step_down(weir_relay *relay);

/* weir_relay_sight says for how long what is seen has not changed, in microseconds, by this host's
 * monotonic clock. */
int64_t weir_relay_sight(weir_sighting *sighting, const char *what);

/* The columns of relay_watch and relay_shards. */
enum {
    WEIR_SEEN_SHARD,
    WEIR_SEEN_EPOCH,
    WEIR_SEEN_BEAT,
    WEIR_SEEN_PID,
    WEIR_SEEN_CLEAN,
    WEIR_SEEN_TRANSACTIONS /* relay_shards only */
};

/* weir_relay_evict ends the session of the silent holder that a row of seen shows, unless something
 * of it has moved since. That it may not is said once, with the way out, and is no error. */
WEIR_MUST_USE bool weir_relay_evict(weir_relay *relay, const weir_result *seen, int row,
                                    weir_error *error);

/* weir_relay_serve takes deliveries for at most ms and, unless they wait for a commit, releases. */
WEIR_MUST_USE bool weir_relay_serve(weir_relay *relay, int ms, weir_error *error);

/* weir_relay_hurry is weir_relay_serve that lets nothing linger meanwhile. */
WEIR_MUST_USE bool weir_relay_hurry(weir_relay *relay, int ms, weir_error *error);

/* weir_relay_release moves the ring's cursor over what is acknowledged, now for good. */
WEIR_MUST_USE bool weir_relay_release(weir_relay *relay, weir_error *error);

/* weir_relay_commit commits the open transaction if it is due, or goes on doing so. Not while rows
 * are streaming. */
WEIR_MUST_USE bool weir_relay_commit(weir_relay *relay, weir_error *error);

/* weir_relay_take_over ends the transactions of predecessors; *led false: not ours to end. */
WEIR_MUST_USE bool weir_relay_take_over(weir_relay *relay, bool *led, weir_error *error);
bool weir_relay_is_exactly_once(const weir_relay *relay);
char *weir_relay_transactional_id(const weir_relay *relay); /* the caller frees it */

/* weir_relay_rest waits for at most ms, or until a stop, serving deliveries. */
WEIR_MUST_USE bool weir_relay_rest(weir_relay *relay, int ms, weir_error *error);

/* weir_relay_last_position: every event committed by now lies at or below it. Cheap. */
WEIR_MUST_USE bool weir_relay_last_position(weir_relay *relay, int64_t *position,
                                            weir_error *error);

/* weir_relay_on_delivery is the sink's callback. */
weir_delivery_fn weir_relay_on_delivery;

/* weir_relay_check_sink deals with failed deliveries: begins again from the tails, or fails for
 * good with the event at fault. */
WEIR_MUST_USE bool weir_relay_check_sink(weir_relay *relay, weir_error *error);

/* weir_relay_save writes the cursor if it is due, or now (clean: and that nothing is in flight).
 */
WEIR_MUST_USE bool weir_relay_save_due(weir_relay *relay, weir_error *error);
WEIR_MUST_USE bool weir_relay_save(weir_relay *relay, bool clean, weir_error *error);

/* weir_relay_lag_due measures the lag of each stage now and then; weir_relay_lag_clear shows none,
 * for a relay that does not lead. */
WEIR_MUST_USE bool weir_relay_lag_due(weir_relay *relay, weir_error *error);
void weir_relay_lag_clear(weir_relay *relay);

/* weir_topic_record records what an aggregate type's topic is; what is recorded already stays. */
WEIR_MUST_USE bool weir_topic_record(weir_store *store, const weir_topic_plan *plan,
                                     weir_error *error);

/* weir_relay_ensure_topic makes, records and looks at the topic of an aggregate type. */
WEIR_MUST_USE bool weir_relay_ensure_topic(weir_relay *relay, const char *aggregate_type,
                                           weir_error *error);

/* weir_relay_owns: that partition is this shard's to publish. Every relay of every version must
 * divide alike, or two would publish one partition. */
bool weir_relay_owns(const weir_relay *relay, const weir_relay_topic *topic, int32_t partition);

/* weir_relay_find_tails sets the chains of our partitions among `count` from `first` on by what
 * Kafka holds; FATAL for what only a person can resolve. */
WEIR_MUST_USE bool weir_relay_find_tails(weir_relay *relay, weir_tail_reader *reader, size_t first,
                                         size_t count, bool settle, weir_error *error);

#endif
