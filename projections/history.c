/* Reading what a projection is made from.
 *
 * Events are read as they were stored and brought forward here, one by one, so that an event
 * without a latest form is that event's failure and not the read's, and one of a type that the
 * projection does not read is nobody's. Pages end where the store's do: no snapshot is held while
 * the receiver works on what it got. */
#include "projections/history.h"

#include <string.h>

#include "base/suggest.h"

#define PAGE 2000                                 /* events, also those that are passed over */
#define SCRATCH_LIMIT ((size_t)256 * 1024 * 1024) /* one event in its latest form */

static bool reads(const weir_history *history, const char *aggregate_type)
{
    const char *const *types = weir_projection_types(history->projection);
    for (; *types; types++)
        if (strcmp(*types, aggregate_type) == 0)
            return true;
    return false;
}

static bool fail_type(const weir_history *history, weir_error *error)
{
    const char *const *types = weir_projection_types(history->projection);
    weir_suggestion near = {.word = history->aggregate_type};
    for (size_t i = 0; types[i]; i++)
        weir_suggest_offer(&near, types[i]);
    weir_fail(error, WEIR_FATE_CONFIG, "projection '%s' does not read aggregate type '%s'",
              weir_projection_name(history->projection), history->aggregate_type);
    return weir_suggest_end(&near, error);
}

bool weir_history_check(const weir_history *history, weir_error *error)
{
    int64_t version;
    if (!history->aggregate_type)
        return true;
    if (!reads(history, history->aggregate_type))
        return fail_type(history, error);
    if (!weir_store_stream_version(history->store, history->aggregate_type, history->aggregate_id,
                                   &version, error))
        return false;
    return version > 0 ||
           weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND, "there is no %s/%s",
                          history->aggregate_type, history->aggregate_id);
}

typedef struct reader {
    weir_history *history;
    weir_history_fn *fn;
    void *context;
    int64_t count;
} reader;

static bool receive(void *context, const weir_event *event, weir_error *error)
{
    reader *in = context;
    weir_history *history = in->history;
    weir_error unreadable;
    if (weir_stop_requested(history->stop))
        return weir_fail(error, WEIR_FATE_FATAL, "interrupted");
    in->count++;
    history->version = event->version;
    if (history->end > 0 && event->position > history->end)
        return true;
    history->after = event->position;
    if (!reads(history, event->aggregate_type))
        return true;
    weir_event stored = *event;
    if (history->amend)
        history->amend(history->context, &stored);
    weir_event current = stored;
    bool ok = weir_upcasters_apply(history->upcasters, &current, &history->scratch, &unreadable);
    return in->fn(in->context, ok ? &current : &stored, ok ? NULL : &unreadable, error);
}

static bool only_type(const weir_projection *projection)
{
    return !weir_projection_types(projection)[1];
}

bool weir_history_read(weir_history *history, weir_history_fn *fn, void *context, weir_error *error)
{
    const bool one = history->aggregate_id;
    reader in = {history, fn, context, 0};
    weir_read what = {.aggregate_type = history->aggregate_type,
                      .aggregate_id = history->aggregate_id,
                      .as_of_us = history->as_of_us};
    history->scratch.limit = SCRATCH_LIMIT;
    what.limit = PAGE;
    if (one) {
        what.from = history->version + 1;
    } else {
        what.after = history->after;
        what.through = history->end;
        if (only_type(history->projection))
            what.aggregate_type = weir_projection_types(history->projection)[0];
    }
    if (!weir_store_read(history->store, &what, receive, &in, error))
        return false;
    if (!one && history->end == 0)
        history->end = what.horizon;
    history->ended = in.count < PAGE || (!one && history->after >= history->end);
    return true;
}

void weir_history_free(weir_history *history)
{
    weir_buffer_free(&history->scratch);
}
