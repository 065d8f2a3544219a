/* sagas: long-running processes over several aggregates, as event-sourced process managers.
 *
 * A saga asks step by step for what has to happen, by events in its instance's own stream, and
 * undoes what was done when a step fails for good. The instance's row, the events, its timer and
 * the checkpoint that stands for the event it has seen are one transaction. docs/sagas.md is the
 * manual. */
#ifndef WEIR_SAGAS_SAGAS_H
#define WEIR_SAGAS_SAGAS_H

#include "consumer/consumer.h"

typedef struct weir_saga weir_saga;

typedef struct weir_sagas {
    weir_saga **items;
    size_t count;
} weir_sagas;

/* weir_sagas_load reads the files of `sagas.files` and the tables of plug-ins. CONFIG, with the
 * place, for what is wrong, and for two sagas of one name. */
WEIR_MUST_USE bool weir_sagas_load(const weir_config *config, weir_sagas *sagas, weir_error *error);
void weir_sagas_free(weir_sagas *sagas);

/* weir_saga_open reads one file. */
weir_saga *weir_saga_open(const char *path, weir_error *error);
void weir_saga_free(weir_saga *saga); /* NULL is fine */

const char *weir_saga_name(const weir_saga *saga);
const char *weir_saga_file(const weir_saga *saga);
const char *const *weir_saga_types(const weir_saga *saga); /* NULL-terminated */

/* weir_saga_handler is what feeds it; owned by the saga. */
weir_handler *weir_saga_handler(weir_saga *saga);

/* The timers of one saga: a thread that acts on what is due, beside those of any other process.
 * Nothing is acted on twice. While the subscription is behind, a timer waits for the answers that
 * were recorded before it was due; while it has no partitions, all do. */
typedef struct weir_saga_clock weir_saga_clock;

/* weir_saga_clock_start starts it beside the saga's subscription; weir_saga_clock_end ends it after
 * the transaction that it is in. subscription NULL: it acts on what is due now and ends by itself,
 * which weir_saga_clock_end waits for. All that it is given outlives it. */
weir_saga_clock *weir_saga_clock_start(weir_saga *saga, const weir_subscription *subscription,
                                       const weir_config *config, weir_stop *stop,
                                       weir_error *error);
void weir_saga_clock_end(weir_saga_clock *clock); /* NULL is fine */

/* weir_saga_tell carries out a person's word on one instance, which is locked meanwhile, in a
 * transaction of its own; not execute: and rolls it back. The events that it leads to are written
 * to said, one line each. NOT_FOUND: there is no such instance; CONFLICT: its state does not allow
 * it. */
typedef enum weir_saga_word {
    WEIR_SAGA_WORD_RETRY,
    WEIR_SAGA_WORD_COMPENSATE,
    WEIR_SAGA_WORD_CANCEL,
} weir_saga_word;
WEIR_MUST_USE bool weir_saga_tell(weir_connection *connection, const char *saga, const char *id,
                                  weir_saga_word word, const char *why, bool execute,
                                  weir_buffer *said, weir_error *error);

/* weir_saga_graph appends the saga as a graph. */
typedef enum weir_saga_graph_form {
    WEIR_SAGA_DOT,
    WEIR_SAGA_MERMAID,
} weir_saga_graph_form;
void weir_saga_graph(const weir_saga *saga, weir_saga_graph_form form, weir_buffer *out);

#endif
