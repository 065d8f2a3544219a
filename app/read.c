/* read and export: events of one aggregate, or of all through the fence.
 *
 * What can be read, and by what: read_options.c. */
#include "app/event_sink.h"
#include "app/progress.h"
#include "app/read_options.h"
#include "app/schema.h"
#include "app/verbs.h"

#include <unistd.h>

#define PROGRESS_EVERY 1000

typedef struct reading {
    weir_event_sink sink;
    const weir_stop *stop;
    weir_progress *progress; /* NULL: none is shown */
} reading;

static bool take(void *context, const weir_event *event, weir_error *error)
{
    reading *in = context;
    if (weir_stop_requested(in->stop))
        return weir_fail(error, WEIR_FATE_FATAL, "interrupted");
    if (in->progress && in->sink.count % PROGRESS_EVERY == 0)
        weir_progress_show(in->progress, "export", "events", in->sink.count, 0);
    return weir_event_sink_write(&in->sink, event, error);
}

static bool stream_exists(weir_store *store, const char *type, const char *id, weir_error *error)
{
    int64_t version;
    if (!weir_store_stream_version(store, type, id, &version, error))
        return false;
    return version > 0 ||
           weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND, "there is no %s/%s", type, id);
}

/* upcasters NULL: events as they are stored. */
static bool read_to_the_end(weir_session *session, weir_shape format, bool exact, weir_read *what,
                            const weir_upcasters *upcasters, weir_error *error)
{
    weir_progress progress = {0};
    bool to_terminal = isatty(session->output.fd);
    reading in = {.stop = &session->stop, .progress = exact && !to_terminal ? &progress : NULL};
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_store_upcast(store, upcasters);
    weir_event_sink_open(&in.sink, &session->output, format, exact, weir_store_id(store));
    bool ok = weir_store_read(store, what, take, &in, error);
    weir_progress_clear(&progress);
    if (ok && what->aggregate_id && in.sink.count == 0)
        ok = stream_exists(store, what->aggregate_type, what->aggregate_id, error);
    weir_event_sink_close(&in.sink);
    weir_store_close(store);
    return ok;
}

bool weir_verb_read(weir_session *session, weir_error *error)
{
    weir_read what;
    weir_upcasters *upcasters = NULL;
    bool stored = weir_arguments_flag(&session->arguments, "as-stored");
    bool ok = weir_read_options(&session->arguments, &what, error) &&
              (stored || (upcasters = weir_schema_open(session->config, error))) &&
              read_to_the_end(session, session->format, false, &what, upcasters, error);
    weir_upcasters_free(upcasters);
    return ok;
}

bool weir_verb_export(weir_session *session, weir_error *error)
{
    weir_read what;
    return weir_read_options(&session->arguments, &what, error) &&
           read_to_the_end(session, WEIR_SHAPE_JSONL, true, &what, NULL, error);
}
