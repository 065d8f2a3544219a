/* An instance of a saga, and what happens to it: pure, so that the runtime, the timers, the command
 * line and specifications decide alike.
 *
 * What is decided is a list of events for the instance's own stream, and every one of them changes
 * the instance here, so that its row is what its stream says. One thread. */
#ifndef WEIR_SAGAS_INSTANCE_INT_H
#define WEIR_SAGAS_INSTANCE_INT_H

#include "sagas/plan_int.h"
#include "store/event.h"

typedef enum weir_saga_state {
    WEIR_SAGA_NEW,
    WEIR_SAGA_RUNNING,
    WEIR_SAGA_COMPENSATING,
    WEIR_SAGA_COMPLETED,
    WEIR_SAGA_COMPENSATED,
    WEIR_SAGA_FAILED,
} weir_saga_state;

extern const char *const weir_saga_state_names[];

typedef enum weir_saga_timer {
    WEIR_SAGA_KEEP,  /* as it is */
    WEIR_SAGA_CLEAR, /* there is none */
    WEIR_SAGA_SET,   /* in due_ms from now */
} weir_saga_timer;

/* Texts live in the arena of whoever decides. */
typedef struct weir_saga_instance {
    const char *id;
    int64_t version;    /* of its stream */
    int64_t definition; /* version of the plan that it follows */
    weir_saga_state state;
    const char *step;   /* name; NULL: at none */
    int64_t attempt;    /* at this step, in this direction, from 1 */
    bool waiting;       /* for the next attempt's time, not for an answer */
    const char *data;   /* JSON object: start, and the answers by step */
    const char *reason; /* why it compensates or failed; NULL */
    const char *correlation_id;
    char request_id[WEIR_UUID_TEXT]; /* of the last request; "": there was none */
    weir_saga_timer timer;
    int64_t due_ms;
    bool changed; /* by weir_saga_decide */
} weir_saga_instance;

typedef enum weir_saga_cause {
    WEIR_SAGA_EVENT,      /* an event that it reads */
    WEIR_SAGA_TIME,       /* its timer is due */
    WEIR_SAGA_RETRY,      /* a person: another attempt, now */
    WEIR_SAGA_COMPENSATE, /* a person: undo what was done */
    WEIR_SAGA_CANCEL,     /* a person: end it as it is */
} weir_saga_cause;

typedef struct weir_saga_input {
    weir_saga_cause cause;
    const weir_event *event; /* EVENT */
    const char *by, *why;    /* a person; why may be NULL */
} weir_saga_input;

/* Events for one stream, in the arena. */
typedef struct weir_saga_output {
    weir_arena *arena;
    weir_new_event *events;
    size_t count, capacity;
} weir_saga_output;

/* weir_saga_decide applies the input to the instance, appending what its stream gets. An input that
 * means nothing to it (late, twice, of another step) changes nothing: true. POISON: a request that
 * cannot be made of what is known; CONFLICT: a person asks for what its state does not allow;
 * RETRY: the arena is full. Then the instance is of no more use. */
WEIR_MUST_USE bool weir_saga_decide(const weir_saga_plan *plan, weir_saga_instance *instance,
                                    const weir_saga_input *input, weir_saga_output *output,
                                    weir_error *error);

/* weir_saga_key finds which instance an event is for; "" in key: none. POISON for an event that
 * begins one and does not say which. */
#define WEIR_SAGA_KEY_SIZE 257
WEIR_MUST_USE bool weir_saga_key(const weir_saga_role *role, const weir_event *event,
                                 char key[WEIR_SAGA_KEY_SIZE], weir_error *error);

#endif
