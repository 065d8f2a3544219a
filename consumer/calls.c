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

bool weir_calls_add(weir_calls *calls, weir_call call, size_t event, const char *label,
                    weir_error *error)
{
    if (calls->count == calls->capacity && !grow(calls))
        return weir_fail(error, WEIR_FATE_RETRY, "the batch does not fit its memory");
    calls->calls[calls->count] = call;
    calls->event[calls->count] = event;
    calls->label[calls->count] = label;
    calls->count++;
    return true;
}

/* Picks the one result that was asked for. */
typedef struct question {
    weir_result_fn *fn;
    void *context;
    int last;
} question;

static void pick(void *context, int call, const weir_result *result)
{
    question *q = context;
    if (q->fn && call == q->last)
        q->fn(q->context, call, result);
}

bool weir_calls_ask(weir_calls *calls, weir_result_fn *fn, void *context, weir_error *error)
{
    int refused, count = (int)(calls->count - calls->sent);
    question q = {fn, context, count - 1};
    calls->failed = !weir_connection_pipeline_results(calls->connection, calls->calls + calls->sent,
                                                      count, pick, &q, &refused, error);
    if (calls->failed)
        calls->refused = calls->sent + (size_t)refused;
    else
        calls->sent = calls->count;
    return !calls->failed;
}
