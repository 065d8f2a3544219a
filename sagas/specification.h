/* Given, when, then: what a saga asks for and where that leaves it, in one expression, without a
 * database. The same for a file and for a table in C.
 *
 *   weir_specify_saga("sagas/order_fulfilment.yaml",
 *                     weir_given(WEIR_FACT_OF("order", "o-1", "order.submitted", "{…}"),
 *                                WEIR_FACT_OF("inventory", "i-7", "inventory.reserved", "{…}")),
 *                     weir_when_event("payment", "p-1", "payment.refused",
 *                                     "{\"order_id\": \"o-1\"}"),
 *                     weir_then_requests(WEIR_FACT("inventory.release_requested",
 *                                                  "{\"order_id\": \"o-1\"}")),
 *                     weir_then_at("compensating", "reserve"));
 *
 * What is given is what the saga has read before, in this order: events, which go to instances by
 * their keys as they do in the runtime, and timers that were due (WEIR_DUE). It needs no answer to
 * each: what does not fit where an instance stands changes nothing, and events that the saga does
 * not know are stepped over. An aggregate type that is not in its `from` is a mistake of the saga
 * or of the specification, and fails it. It is the runtime's own decision that is called.
 *
 * How a specification fails is said in store/specification.h, whose weir_given, weir_then_events,
 * weir_then_nothing and weir_then_refused are used here, too. Any thread. */
#ifndef WEIR_SAGAS_SPECIFICATION_H
#define WEIR_SAGAS_SPECIFICATION_H

#include "store/saga_definition.h"
#include "store/specification.h"

typedef struct weir_saga_specification {
    const char *file;                       /* the saga's; or */
    const weir_saga_definition *definition; /* its table */
    const weir_fact *given;    /* with aggregate type and id; ended by one without a type */
    const weir_fact *when;     /* one such; NULL: then is about where given leads to */
    const weir_fact *requests; /* as given, types and data; NULL: not compared */
    const weir_fact *events;   /* all that the instance's stream gets; NULL: not compared */
    const char *state, *step;  /* state NULL: not compared; step NULL: at none */
    const char *due_in;        /* duration, or "never"; NULL: not compared */
    const char *refused;       /* part of the reason; NULL: it must not be refused */
    bool again;
} weir_saga_specification;

/* In given: the timer of that instance was due. */
#define WEIR_DUE(instance) ((weir_fact){.type = "weir.due", .aggregate_id = (instance)})

/* One of them. An event is for the instance that its key says, and then is about that one. */
#define weir_when_event(of_type, of_id, event_type, json)                                          \
    .when = &WEIR_FACT_OF(of_type, of_id, event_type, json)
#define weir_when_due(instance) .when = &WEIR_DUE(instance)

/* weir_then_requests takes WEIR_FACTs: exactly these are asked for, in this order; none: nothing
 * is. weir_then_nothing says more: that the instance does not change at all. weir_then_events is
 * about every event that its stream gets, the saga's own as well. weir_then_refused is for an event
 * that becomes a dead letter. */
#define weir_then_requests(...)                                                                    \
    .requests = (const weir_fact[])                                                                \
    {                                                                                              \
        __VA_ARGS__ __VA_OPT__(, )                                                                 \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/* Where the instance is: "running", "compensating" or, when a person is to look, "failed" at a
 * step; or ended, "completed" or "compensated". */
#define weir_then_at(at_state, at_step) .state = (at_state), .step = (at_step)
#define weir_then_ended(end_state) .state = (end_state), .step = NULL

/* How long its timer has from then on, as in the file ("30s"); "never": it has none. */
#define weir_then_due_in(duration) .due_in = (duration)

/* weir_then_again_unchanged: the same event once more changes nothing. Not for a timer, which is
 * acted on once. */
#define weir_then_again_unchanged() .again = true

#define weir_specify_saga(path, ...)                                                               \
    weir_specify_one_saga((&(const weir_saga_specification){.file = (path), __VA_ARGS__}))
#define weir_specify_saga_table(table, ...)                                                        \
    weir_specify_one_saga((&(const weir_saga_specification){.definition = (table), __VA_ARGS__}))
#define weir_specify_one_saga(specification)                                                       \
    do {                                                                                           \
        char weir_why[WEIR_SPECIFICATION_TEXT];                                                    \
        if (!weir_saga_specification_check(specification, weir_why))                               \
            WEIR_SPECIFICATION_FAIL(__FILE__, __LINE__, weir_why);                                 \
    } while (0)

/* weir_saga_specification_check is true when it holds; else why says what differs. */
WEIR_MUST_USE bool weir_saga_specification_check(const weir_saga_specification *specification,
                                                 char why[WEIR_SPECIFICATION_TEXT]);

#endif
