/* read and export: events of one aggregate, or of all through the fence.
 *
 * All events are read page by page, so that no query outlives the reading of a page by whoever is
 * at the other end of stdout; the horizon of the first page is the end, or a busy store would never
 * let it end. */
#include "app/event_sink.h"
#include "app/verbs.h"

#include <string.h>

#define PAGE 1000

/* An event at or beyond the end does not belong to this read. */
typedef struct page {
    weir_event_sink *sink;
    int64_t end;   /* last position to write; 0: not yet known */
    int64_t seen;  /* events of this page */
    int64_t after; /* position of the last one */
} page;

static bool take(void *context, const weir_event *event, weir_error *error)
{
    page *to = context;
    to->seen++;
    to->after = event->position;
    return (to->end > 0 && event->position > to->end) ||
           weir_event_sink_write(to->sink, event, error);
}

static bool stopped(weir_session *session, weir_error *error)
{
    return weir_stop_requested(&session->stop) && !weir_fail(error, WEIR_FATE_FATAL, "interrupted");
}

/* read_pages writes up to limit events after a position. */
static bool read_pages(weir_session *session, weir_store *store, const char *type, int64_t after,
                       int64_t limit, weir_event_sink *sink, weir_error *error)
{
    page to = {.sink = sink, .after = after};
    while (sink->count < limit) {
        int64_t horizon, want = limit - sink->count < PAGE ? limit - sink->count : PAGE;
        to.seen = 0;
        if (stopped(session, error) ||
            !weir_store_read_all(store, type, to.after, want, take, &to, &horizon, error))
            return false;
        if (to.end == 0)
            to.end = horizon;
        if (to.seen < want || to.after >= to.end)
            break;
    }
    return true;
}

static bool stream_exists(weir_store *store, const char *type, const char *id, weir_error *error)
{
    int64_t version;
    if (!weir_store_stream_version(store, type, id, &version, error))
        return false;
    return version > 0 ||
           weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND, "there is no %s/%s", type, id);
}

static bool read_stream(weir_session *session, weir_store *store, weir_event_sink *sink,
                        weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *type = weir_arguments_word(arguments, 0), *id = weir_arguments_word(arguments, 1);
    int64_t to =
        weir_arguments_has(arguments, "to") ? weir_arguments_integer(arguments, "to") : INT64_MAX;
    int64_t limit = weir_arguments_has(arguments, "limit")
                        ? weir_arguments_integer(arguments, "limit")
                        : INT64_MAX;
    return weir_store_read_stream(store, type, id, weir_arguments_integer(arguments, "from"), to,
                                  weir_arguments_flag(arguments, "backwards"), limit,
                                  weir_event_sink_write, sink, error) &&
           (sink->count > 0 || stream_exists(store, type, id, error));
}

static bool check_read(const weir_arguments *arguments, weir_error *error)
{
    static const char *const of_stream[] = {"from", "to", "backwards"};
    static const char *const of_all[] = {"type", "after"};
    bool stream = arguments->word_count == 2;
    if (arguments->word_count == 1)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "one aggregate is TYPE and ID; all of a type: --type %s",
                         arguments->words[0]);
    for (size_t i = 0; !stream && i < 3; i++)
        if (weir_arguments_has(arguments, of_stream[i]))
            return weir_fail(error, WEIR_FATE_CONFIG, "--%s is for one aggregate: TYPE ID",
                             of_stream[i]);
    for (size_t i = 0; stream && i < 2; i++)
        if (weir_arguments_has(arguments, of_all[i]))
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "--%s is for all events, not for one aggregate", of_all[i]);
    return true;
}

bool weir_verb_read(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    weir_store *store = NULL;
    if (!check_read(arguments, error) || !(store = weir_session_store(session, error)))
        return false;
    weir_event_sink sink;
    weir_event_sink_open(&sink, &session->output, session->format, weir_store_id(store));
    int64_t limit = weir_arguments_has(arguments, "limit")
                        ? weir_arguments_integer(arguments, "limit")
                        : INT64_MAX;
    bool ok = arguments->word_count == 2
                  ? read_stream(session, store, &sink, error)
                  : read_pages(session, store, weir_arguments_text(arguments, "type"),
                               weir_arguments_integer(arguments, "after"), limit, &sink, error);
    weir_event_sink_close(&sink);
    weir_store_close(store);
    return ok;
}

bool weir_verb_export(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_event_sink sink;
    weir_event_sink_open(&sink, &session->output, WEIR_SHAPE_JSONL, weir_store_id(store));
    bool ok = read_pages(session, store, weir_arguments_text(arguments, "type"),
                         weir_arguments_integer(arguments, "after"), INT64_MAX, &sink, error);
    weir_event_sink_close(&sink);
    weir_store_close(store);
    return ok;
}
