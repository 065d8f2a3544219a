/* The calls of one transaction, as handlers add them: a list in the transaction's arena, of which
 * the first part may have been sent. */
#include <string.h>

#include "consumer/consumer.h"

static bool grow(weir_calls *calls)
{
    size_t capacity = calls->capacity ? calls->capacity * 2 : 64;
    weir_call *more = weir_arena_alloc(calls->arena, capacity * sizeof *more);
    size_t *event = weir_arena_alloc(calls->arena, capacity * sizeof *event);
    const char **label = weir_arena_alloc(calls->arena, capacity * sizeof *label);
    if (!more || !event || !label)
        return false;
    if (calls->count > 0) {
        memcpy(more, calls->calls, calls->count * sizeof *more);
        memcpy(event, calls->event, calls->count * sizeof *event);
        memcpy(label, calls->label, calls->count * sizeof *label);
    }
    calls->calls = more;
    calls->event = event;
    calls->label = label;
    calls->capacity = capacity;
    return true;
}

bool weir_batch_full(weir_error *error)
{
    return weir_fail(error, WEIR_FATE_RETRY, "the batch does not fit its memory");
}

bool weir_calls_add(weir_calls *calls, weir_call call, size_t event, const char *label,
                    weir_error *error)
{
    if (calls->count == calls->capacity && !grow(calls))
        return weir_batch_full(error);
    calls->calls[calls->count] = call;
    calls->event[calls->count] = event;
    calls->label[calls->count] = label;
    calls->count++;
    return true;
}

/* Whether it was who asked that did not want the rows. */
typedef struct question {
    weir_row_fn *row;
    void *context;
    bool unwanted;
} question;

static bool hand_over(void *context, const weir_result *row, weir_error *error)
{
    question *q = context;
    q->unwanted = q->row && !q->row(q->context, row, error);
    return !q->unwanted;
}

bool weir_calls_ask(weir_calls *calls, weir_row_fn *row, void *context, weir_error *error)
{
    int refused, count = (int)(calls->count - calls->sent);
    question q = {row, context, false};
    const bool ok = weir_connection_pipeline_rows(calls->connection, calls->calls + calls->sent,
                                                  count, count - 1, hand_over, &q, &refused, error);
    calls->failed = !ok && !q.unwanted;
    if (calls->failed)
        calls->refused = calls->sent + (size_t)refused;
    else
        calls->sent = calls->count;
    return ok;
}
