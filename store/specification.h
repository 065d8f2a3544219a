/* Given, when, then: an aggregate's behaviour in one expression, without a store.
 *
 *   weir_specify(&account_class,
 *                weir_given(WEIR_FACT("account.opened", "{\"owner\": \"Ada\"}")),
 *                weir_when(account_withdraw, &(account_movement){30}),
 *                weir_then_refused("the balance is 0"));
 *
 * Given events are folded, the command decides, and what it raised or why it refused is compared
 * with what then says. JSON is compared by meaning: blanks, the order of keys and 1 or 1.0 make no
 * difference. When something differs, expected and actual are said as JSON.
 *
 * Include cmocka.h first and a specification that does not hold fails its test. Without cmocka it
 * prints and aborts. Or define WEIR_SPECIFICATION_FAIL as a function of your own before including
 * this: void (const char *file, int line, const char *message). Any thread. */
#ifndef WEIR_STORE_SPECIFICATION_H
#define WEIR_STORE_SPECIFICATION_H

#include "store/repository.h"

/* An event, as far as a specification cares. In given, schema_version 0 is 1; in then, 0 and NULL
 * are not compared. */
typedef struct weir_fact {
    const char *type;
    const char *data;     /* JSON text */
    const char *metadata; /* JSON text */
    int32_t schema_version;
    const char *aggregate_type, *aggregate_id; /* for projections and sagas */
} weir_fact;

typedef struct weir_specification {
    const weir_aggregate_class *of;
    const weir_fact *given; /* ended by one without a type; NULL: none */
    weir_command_fn *command;
    const char *command_name;
    const void *argument;
    const weir_message_context *context;
    const weir_fact *events;          /* as given; NULL: not compared */
    const char *refused;              /* part of the reason; NULL: it must not refuse */
    bool (*state)(const void *state); /* the state afterwards; NULL: not looked at */
    const char *state_name;
} weir_specification;

#define WEIR_FACT(event_type, json) ((weir_fact){.type = (event_type), .data = (json)})

#define WEIR_FACT_OF(of_type, of_id, event_type, json)                                             \
    ((weir_fact){.type = (event_type),                                                             \
                 .data = (json),                                                                   \
                 .aggregate_type = (of_type),                                                      \
                 .aggregate_id = (of_id)})

/* weir_given and weir_then_events take facts. */
#define weir_given(...)                                                                            \
    .given = (const weir_fact[])                                                                   \
    {                                                                                              \
        __VA_ARGS__ __VA_OPT__(, )                                                                 \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define weir_given_nothing() .given = NULL

/* weir_when names the command and its argument; weir_when_in adds a message context. Without
 * either, then is about the state that the given events lead to. */
#define weir_when(fn, with) .command = (fn), .command_name = #fn, .argument = (with)
#define weir_when_in(fn, with, where) weir_when(fn, with), .context = (where)

/* One of events, nothing and refused; state may be added to any of them, or stand alone. */
#define weir_then_events(...)                                                                      \
    .events = (const weir_fact[])                                                                  \
    {                                                                                              \
        __VA_ARGS__ __VA_OPT__(, )                                                                 \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define weir_then_nothing() weir_then_events()
#define weir_then_refused(reason) .refused = (reason)
#define weir_then_state(predicate) .state = (predicate), .state_name = #predicate

/* weir_specify checks one specification. */
#define weir_specify(aggregate_class, ...)                                                         \
    do {                                                                                           \
        char weir_why[WEIR_SPECIFICATION_TEXT];                                                    \
        if (!weir_specification_check(                                                             \
                &(const weir_specification){.of = (aggregate_class), __VA_ARGS__}, weir_why))      \
            WEIR_SPECIFICATION_FAIL(__FILE__, __LINE__, weir_why);                                 \
    } while (0)

#define WEIR_SPECIFICATION_TEXT 8192

/* weir_specification_check is true when the specification holds; else why says what differs. */
WEIR_MUST_USE bool weir_specification_check(const weir_specification *specification,
                                            char why[WEIR_SPECIFICATION_TEXT]);

/* weir_fact_event makes a fact the event that is read n-th, from 1: with a new id, a second after
 * the one before. Version 1; texts are the fact's. POISON for what is no JSON. */
WEIR_MUST_USE bool weir_fact_event(const weir_fact *fact, int64_t n, weir_event *event,
                                   weir_error *error);

/* weir_specification_abort prints and aborts. */
void weir_specification_abort(const char *file, int line, const char *message);

#ifndef WEIR_SPECIFICATION_FAIL
#ifdef CMOCKA_H_
static inline void weir_specification_fail(const char *file, int line, const char *message)
{
    print_error("%s\n", message);
    _fail(file, line);
}
#define WEIR_SPECIFICATION_FAIL weir_specification_fail
#else
#define WEIR_SPECIFICATION_FAIL weir_specification_abort
#endif
#endif

#endif
