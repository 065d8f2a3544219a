/* Given, then: what a projection's tables hold after some events, in one expression, on a real
 * PostgreSQL. The same for a file of SQL and for a handler in C.
 *
 *   weir_specify_handler(&customer_orders,
 *                        weir_given(WEIR_FACT_OF("order", "o-1", "order.submitted",
 *                                                "{\"user_id\": \"ada\"}")),
 *                        weir_then_rows(WEIR_ROWS("SELECT id, orders FROM customers",
 *                                                 "[{\"id\": \"ada\", \"orders\": 1}]")),
 *                        weir_then_again_unchanged());
 *
 * The tables are made in a schema of their own and a transaction that is never committed: nothing
 * stays, not even of a test that is killed. The given events are applied as one batch. The database
 * is that of WEIR_STORE_CONNINFO, or of libpq's variables; it needs no store, and a user who may
 * create a schema. A handler in C runs in the test's process, under its debugger and sanitizers.
 *
 * How a specification fails is said in store/specification.h, whose weir_given and
 * weir_then_refused are used here, too. Any thread. */
#ifndef WEIR_PROJECTIONS_SPECIFICATION_H
#define WEIR_PROJECTIONS_SPECIFICATION_H

#include "store/plugin_handler.h"
#include "store/specification.h"

/* What a query is to give: its rows as a JSON array of objects, in its order; compared by meaning.
 * Tables are named without a schema. */
typedef struct weir_rows_fact {
    const char *query, *rows;
} weir_rows_fact;

#define WEIR_ROWS(sql, json) ((weir_rows_fact){(sql), (json)})

typedef struct weir_projection_specification {
    const char *file;                   /* the projection's; or */
    const weir_plugin_handler *handler; /* the handler */
    const weir_fact *given;     /* with aggregate type and id; ended by one without a type */
    const weir_rows_fact *rows; /* ended by one without a query; NULL: not looked at */
    const char *refused;        /* part of the reason; NULL: all events must be applied */
    bool again;
} weir_projection_specification;

/* weir_then_rows takes any number of WEIR_ROWS. */
#define weir_then_rows(...)                                                                        \
    .rows = (const weir_rows_fact[])                                                               \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/* weir_then_again_unchanged: the runtime may apply a batch, lose it and apply it again, and may
 * split it. So the same rows must come of a batch that was rolled back and is applied again, and of
 * one event at a time into empty tables. */
#define weir_then_again_unchanged() .again = true

#define weir_specify_projection(path, ...)                                                         \
    weir_specify_one((&(const weir_projection_specification){.file = (path), __VA_ARGS__}))
#define weir_specify_handler(plugin_handler, ...)                                                  \
    weir_specify_one(                                                                              \
        (&(const weir_projection_specification){.handler = (plugin_handler), __VA_ARGS__}))
#define weir_specify_one(specification)                                                            \
    do {                                                                                           \
        char weir_why[WEIR_SPECIFICATION_TEXT];                                                    \
        if (!weir_projection_specification_check(specification, weir_why))                         \
            WEIR_SPECIFICATION_FAIL(__FILE__, __LINE__, weir_why);                                 \
    } while (0)

/* weir_projection_specification_check is true when it holds; else why says what differs. */
WEIR_MUST_USE bool
weir_projection_specification_check(const weir_projection_specification *specification,
                                    char why[WEIR_SPECIFICATION_TEXT]);

#endif
