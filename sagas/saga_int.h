/* A saga, the plans that its instances follow, and the transaction that a decision needs. */
#ifndef WEIR_SAGAS_SAGA_INT_H
#define WEIR_SAGAS_SAGA_INT_H

#include "sagas/instance_int.h"
#include "sagas/sagas.h"

struct weir_saga {
    weir_handler handler; /* context points back here */
    weir_saga_plan *plan; /* that new instances follow */
};

/* The plans by version: the saga's own, and older or newer ones as they were recorded. One thread.
 */
typedef struct weir_saga_book {
    const weir_saga_plan *own;
    weir_saga_plan **others;
    size_t count;
} weir_saga_book;

/* weir_saga_book_open reads the plans that instances follow now; CONFIG when this saga does not
 * read what one of them needs. own NULL: nothing is read yet. */
WEIR_MUST_USE bool weir_saga_book_open(weir_saga_book *book, const weir_saga_plan *own,
                                       weir_connection *connection, weir_error *error);
void weir_saga_book_close(weir_saga_book *book);

/* weir_saga_book_plan finds the plan of a version; NULL: it was not read. */
const weir_saga_plan *weir_saga_book_plan(const weir_saga_book *book, int64_t version);

/* weir_saga_book_add keeps a recorded definition; NULL: CONFIG. */
const weir_saga_plan *weir_saga_book_add(weir_saga_book *book, const char *saga, int64_t version,
                                         const char *json, weir_error *error);

/* weir_saga_book_role is what an event type means to any of the plans, its own first. */
weir_saga_role weir_saga_book_role(const weir_saga_book *book, const char *event_type);

/* One instance in a transaction, and what was decided for its stream. */
typedef struct weir_saga_work {
    weir_saga_instance instance;
    int64_t loaded; /* the version that its stream had */
    weir_saga_output output;
} weir_saga_work;

/* weir_saga_work_read fills it from a row of saga_take or saga_due, copied into the arena; false
 * (RETRY): the arena is full. */
WEIR_MUST_USE bool weir_saga_work_read(weir_saga_work *work, const weir_result *row, int at,
                                       weir_arena *arena, weir_error *error);

/* weir_saga_work_save adds the calls that record what changed: the rows, and last what their
 * streams get. work is in the order of ids. Parameters are in the arena. */
WEIR_MUST_USE bool weir_saga_work_save(const char *saga, const weir_saga_work *work, size_t count,
                                       weir_calls *calls, weir_error *error);

/* weir_saga_make_handler fills saga->handler. */
void weir_saga_make_handler(weir_saga *saga);

#endif
