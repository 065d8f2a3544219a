/* tail: events as they are committed, through the fence, until a signal or the limit.
 *
 * Polling is the truth: the pause doubles while nothing comes and is short again after an event. A
 * lost database is waited for, said once. The start "from now" is the position of the last event
 * below the horizon, since a bare horizon may take back positions after a crash. */
#include "app/event_sink.h"
#include "app/verbs.h"

#include <stdio.h>

#define PAGE 1000
#define SHORTEST_MS 5
#define LONGEST_MS 200

typedef struct tail {
    weir_session *session;
    weir_store *store; /* NULL: lost */
    weir_event_sink sink;
    weir_backoff backoff;
    char store_id[WEIR_UUID_TEXT]; /* outlives the store */
    const char *type;
    int64_t after;
    int64_t limit;
} tail;

static bool nothing(void *context, const weir_event *event, weir_error *error)
{
    (void)context, (void)event, (void)error;
    return true;
}

/* start_now sets after to the last event that nothing still open can come before. */
static bool start_now(tail *in, weir_error *error)
{
    int64_t horizon;
    char text[24];
    if (!weir_store_read_all(in->store, NULL, INT64_MAX, 1, nothing, NULL, &horizon, error))
        return false;
    snprintf(text, sizeof text, "%lld", (long long)horizon);
    weir_result *result =
        weir_connection_query(weir_store_connection(in->store), "cli_last_position",
                              (const weir_param[]){WEIR_PARAM_TEXT(text)}, 1, error);
    if (result)
        in->after = weir_result_integer(result, 0, 0);
    weir_result_free(result);
    return result != NULL;
}

static bool take(void *context, const weir_event *event, weir_error *error)
{
    tail *in = context;
    in->after = event->position;
    return weir_event_sink_write(&in->sink, event, error);
}

/* read_new writes what is new; *count is how many events that were. */
static bool read_new(tail *in, int64_t *count, weir_error *error)
{
    int64_t before = in->sink.count, left = in->limit - before;
    if (!in->store && !(in->store = weir_session_store(in->session, error)))
        return false;
    if (!weir_store_read_all(in->store, in->type, in->after, left < PAGE ? left : PAGE, take, in,
                             NULL, error))
        return false;
    *count = in->sink.count - before;
    return weir_event_sink_flush(&in->sink, error);
}

/* recover decides about a failed read: true to go on after a pause. */
static bool recover(tail *in, const weir_error *error)
{
    if (error->fate != WEIR_FATE_RETRY || weir_stop_requested(&in->session->stop))
        return false;
    if (in->backoff.attempts == 0)
        WEIR_WARN("command", "tail", "waiting for the store", WEIR_TEXT("why", error->message));
    if (in->store && !weir_connection_alive(weir_store_connection(in->store))) {
        weir_store_close(in->store);
        in->store = NULL;
    }
    weir_stop_wait(&in->session->stop, weir_backoff_next(&in->backoff));
    return true;
}

static bool follow(tail *in, weir_error *error)
{
    int pause_ms = SHORTEST_MS;
    while (in->sink.count < in->limit && !weir_stop_requested(&in->session->stop)) {
        int64_t count = 0;
        if (!read_new(in, &count, error)) {
            if (!recover(in, error))
                return weir_stop_requested(&in->session->stop) && error->fate == WEIR_FATE_RETRY;
            continue;
        }
        if (in->backoff.attempts > 0)
            WEIR_INFO("command", "tail", "the store is back");
        weir_backoff_reset(&in->backoff);
        if (count == PAGE)
            continue;
        pause_ms = count > 0 ? SHORTEST_MS : pause_ms * 2 < LONGEST_MS ? pause_ms * 2 : LONGEST_MS;
        weir_stop_wait(&in->session->stop, pause_ms);
    }
    return true;
}

bool weir_verb_tail(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    tail in = {.session = session, .backoff = {.initial_ms = 100, .max_ms = 5000}};
    in.type = weir_arguments_text(arguments, "type");
    in.after = weir_arguments_integer(arguments, "after");
    in.limit = weir_arguments_has(arguments, "limit") ? weir_arguments_integer(arguments, "limit")
                                                      : INT64_MAX;
    if (weir_arguments_flag(arguments, "from-start") && weir_arguments_has(arguments, "after"))
        return weir_fail(error, WEIR_FATE_CONFIG, "--from-start and --after exclude each other");
    if (!(in.store = weir_session_store(session, error)))
        return false;
    snprintf(in.store_id, sizeof in.store_id, "%s", weir_store_id(in.store));
    weir_event_sink_open(&in.sink, &session->output, session->format, in.store_id);
    bool from_now =
        !weir_arguments_flag(arguments, "from-start") && !weir_arguments_has(arguments, "after");
    bool ok = (!from_now || start_now(&in, error)) && follow(&in, error);
    weir_event_sink_close(&in.sink);
    weir_store_close(in.store);
    return ok;
}
