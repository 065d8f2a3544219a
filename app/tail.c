/* tail: events as they are committed, through the fence, until a signal or the limit.
 *
 * A lost database is waited for, said once. The start "from now" is the position of the last event
 * below the horizon, since a bare horizon may take back positions after a crash. */
#include "app/event_sink.h"
#include "app/read_options.h"
#include "app/schema.h"
#include "app/verbs.h"

#include <stdio.h>

typedef struct tail {
    weir_session *session;
    weir_store *store;         /* NULL: lost */
    weir_upcasters *upcasters; /* NULL: events as they are stored */
    weir_event_sink sink;
    weir_backoff backoff;
    char store_id[WEIR_UUID_TEXT]; /* outlives the store */
    weir_read what;
} tail;

static bool last(void *context, const weir_event *event, weir_error *error)
{
    tail *in = context;
    (void)error;
    in->what.after = event->position;
    return true;
}

/* start_now sets after to the last event that nothing still open can come before. */
static bool start_now(tail *in, weir_error *error)
{
    weir_read end = {.backwards = true, .limit = 1};
    return weir_store_read(in->store, &end, last, in, error);
}

static bool take(void *context, const weir_event *event, weir_error *error)
{
    tail *in = context;
    return weir_event_sink_write(&in->sink, event, error);
}

static bool caught_up(void *context, weir_error *error)
{
    tail *in = context;
    if (in->backoff.attempts > 0)
        WEIR_INFO("command", "tail", "the store is back");
    weir_backoff_reset(&in->backoff);
    return weir_event_sink_flush(&in->sink, error);
}

/* recover decides about a failed read: true to go on after a pause. */
static bool recover(tail *in, const weir_error *error)
{
    if (error->fate != WEIR_FATE_RETRY || weir_stop_requested(&in->session->stop))
        return false;
    if (in->backoff.attempts == 0)
        WEIR_WARN("command", "tail", "waiting for the store", WEIR_TEXT("why", error->message));
    if (in->store && !weir_store_alive(in->store)) {
        weir_store_close(in->store);
        in->store = NULL;
    }
    weir_stop_wait(&in->session->stop, weir_backoff_next(&in->backoff));
    return true;
}

static bool follow(tail *in, weir_error *error)
{
    for (;;) {
        if (!in->store)
            in->store = weir_session_store(in->session, error);
        if (in->store)
            weir_store_upcast(in->store, in->upcasters);
        if (in->store && weir_store_follow(in->store, &in->what, take, caught_up, in, error))
            return true;
        if (!recover(in, error))
            return weir_stop_requested(&in->session->stop) && error->fate == WEIR_FATE_RETRY;
    }
}

static bool follow_from(tail *in, weir_error *error)
{
    const weir_arguments *arguments = &in->session->arguments;
    if (!(in->store = weir_session_store(in->session, error)))
        return false;
    snprintf(in->store_id, sizeof in->store_id, "%s", weir_store_id(in->store));
    weir_event_sink_open(&in->sink, &in->session->output, in->session->format, false, in->store_id);
    bool from_now =
        !weir_arguments_flag(arguments, "from-start") && !weir_arguments_has(arguments, "after");
    bool ok = (!from_now || start_now(in, error)) && follow(in, error);
    weir_event_sink_close(&in->sink);
    weir_store_close(in->store);
    return ok;
}

bool weir_verb_tail(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    tail in = {.session = session, .backoff = {.initial_ms = 100, .max_ms = 5000}};
    if (!weir_read_options(arguments, &in.what, error))
        return false;
    if (weir_arguments_flag(arguments, "from-start") && weir_arguments_has(arguments, "after"))
        return weir_fail(error, WEIR_FATE_CONFIG, "--from-start and --after exclude each other");
    if (!weir_arguments_flag(arguments, "as-stored") &&
        !(in.upcasters = weir_schema_open(session->config, error)))
        return false;
    bool ok = follow_from(&in, error);
    weir_upcasters_free(in.upcasters);
    return ok;
}
