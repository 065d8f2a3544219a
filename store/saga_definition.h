/* A saga as a table of steps: what is asked of whom, in which order, and how it is undone. Written
 * as a YAML file or as a constant in C (weir_plugin_info.sagas); both say the same, and
 * docs/sagas.md is the manual of both.
 *
 *     static const weir_saga_step steps[] = {
 *         {"charge",
 *          {.request = "payment.charge_requested", .data = "{\"order_id\": \"$id\"}",
 *           .success = "payment.charged", .failure = "payment.refused", .timeout = "30s"},
 *          {.request = "payment.refund_requested", .data = "{\"order_id\": \"$id\"}",
 *           .success = "payment.refunded", .timeout = "30s", .retries = "5"}},
 *         {0},
 *     };
 *
 * Texts are as in YAML; NULL is a key that is left out; lists are separated by commas. */
#ifndef WEIR_STORE_SAGA_DEFINITION_H
#define WEIR_STORE_SAGA_DEFINITION_H

/* One thing that is asked for, and the answers. */
typedef struct weir_saga_request {
    const char *request;  /* type of the event that asks for it, in the saga's own stream */
    const char *data;     /* of that event: JSON, in which "$id", "$start.total" stand for values */
    const char *success;  /* event types: it is done */
    const char *failure;  /* event types: it will not be done */
    const char *retry_on; /* event types: not now; another attempt may succeed */
    const char *key;      /* where these events say which instance; NULL: as the saga says */
    const char *timeout;  /* of one attempt: 500ms, 30s, 5m, 1d; NULL: there is none */
    const char *retries;  /* further attempts after a timeout or retry_on; NULL: 3 */
    const char *backoff;  /* before the second attempt, twice that before each further; NULL: 1s */
} weir_saga_request;

typedef struct weir_saga_step {
    const char *name;             /* letters, digits, _ */
    weir_saga_request go;         /* the step itself */
    weir_saga_request compensate; /* what undoes it; request NULL: there is nothing to undo */
} weir_saga_step;

typedef struct weir_saga_definition {
    const char *name;            /* letters, digits, _ : aggregate type of its streams */
    int version;                 /* raised with every change; 0: 1 */
    const char *from;            /* aggregate types whose events it reads */
    const char *start;           /* event types that begin an instance */
    const char *start_key;       /* where these say which; NULL: $aggregate_id */
    const char *key;             /* where answers say which: a member of data, or $aggregate_id */
    const char *abort;           /* event types that make a running instance compensate */
    const weir_saga_step *steps; /* ends with a NULL name */
} weir_saga_definition;

#endif
