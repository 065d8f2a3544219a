/* projection try: a projection that nobody runs yet, over the store's events, into a schema of its
 * own that stays for a look.
 *
 * It goes the file's own way (`apply`), in committed batches. A refused event is named and left
 * out, and the rest is applied: what else is wrong is seen at once. Nothing is recorded of it, and
 * what it made is known again by the schema's comment alone. */
#include "app/progress.h"
#include "app/schema.h"
#include "app/table.h"
#include "app/verbs.h"
#include "projections/history.h"
#include "projections/refold.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MARK "made by weir projection try; drop it at will"
#define NAMED 20 /* refused events that are named; all are counted */
#define SCHEMA_MOST 63

typedef struct trial {
    weir_session *session;
    const char *schema;
    weir_history history;
    weir_refold *refold;
    weir_progress progress;
    int64_t limit, read; /* events; limit 0: none */
    int64_t begun_us;
} trial;

static bool check_schema(const char *schema, weir_error *error)
{
    bool ok = *schema && !isdigit((unsigned char)*schema) && strlen(schema) <= SCHEMA_MOST;
    for (const char *c = schema; ok && *c; c++)
        ok = islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_';
    return ok || weir_fail(error, WEIR_FATE_CONFIG,
                           "--into must be of lower-case letters, digits and _, at most %d, not "
                           "'%s'",
                           SCHEMA_MOST, schema);
}

static void on_refused(void *context, const weir_event *event, const weir_error *why)
{
    trial *t = context;
    int64_t count = weir_refold_refused(t->refold);
    if (count > NAMED)
        return;
    weir_progress_clear(&t->progress);
    fprintf(stderr, "weir: %s/%s version %" PRId64 ", position %" PRId64 " (%s) is refused: %s\n",
            event->aggregate_type, event->aggregate_id, event->version, event->position,
            event->type, why->message);
    if (count == NAMED)
        fprintf(stderr, "weir: further refused events are only counted\n");
}

static bool take(void *context, const weir_event *event, const weir_error *unreadable,
                 weir_error *error)
{
    trial *t = context;
    if (t->limit > 0 && t->read == t->limit)
        return true;
    t->read++;
    if (t->read % 1000 == 0)
        weir_progress_show(&t->progress, t->schema, "events", t->read, t->limit);
    if (!unreadable)
        return weir_refold_add(t->refold, event, error);
    weir_refold_refuse(t->refold, event, unreadable);
    return true;
}

static bool fold(trial *t, weir_error *error)
{
    do {
        if (!weir_history_read(&t->history, take, t, error) || !weir_refold_flush(t->refold, error))
            return false;
    } while (!t->history.ended && (t->limit == 0 || t->read < t->limit));
    return true;
}

static void write_result(trial *t)
{
    static const weir_column columns[] = {{"schema", "SCHEMA", false},
                                          {"read", "READ", true},
                                          {"applied", "APPLIED", true},
                                          {"refused", "REFUSED", true},
                                          {"seconds", "SECONDS", true},
                                          {"rate", "EVENTS/S", true},
                                          {0}};
    double seconds = (double)(weir_clock_monotonic_us() - t->begun_us) / 1e6;
    weir_table *table = weir_table_new(&t->session->output, t->session->format, columns);
    weir_table_object(table);
    weir_table_text(table, t->schema);
    weir_table_number(table, t->read);
    weir_table_number(table, weir_refold_applied(t->refold));
    weir_table_number(table, weir_refold_refused(t->refold));
    weir_table_decimal(table, seconds, 3);
    weir_table_decimal(table, seconds > 0 ? (double)t->read / seconds : 0, 0);
    weir_table_end(table);
}

static bool open_trial(trial *t, weir_projection *projection, weir_store *scratch,
                       weir_error *error)
{
    const weir_refold_options options = {.schema = t->schema,
                                         .mark = MARK,
                                         .replace =
                                             weir_arguments_flag(&t->session->arguments, "replace"),
                                         .refused = on_refused,
                                         .context = t};
    t->refold = weir_refold_open(projection, t->session->config, weir_store_connection(scratch),
                                 &options, error);
    if (t->refold)
        return true;
    return error->code == WEIR_CONFLICT && !options.replace
               ? weir_fail(error, WEIR_FATE_CONFLICT,
                           "schema \"%s\" exists; --replace replaces one that projection try made",
                           t->schema)
               : false;
}

static bool run(trial *t, weir_projection *projection, weir_error *error)
{
    weir_store *scratch = NULL;
    t->history.store = weir_session_store(t->session, error);
    bool ok = t->history.store && weir_history_check(&t->history, error) &&
              (scratch = weir_session_store(t->session, error)) &&
              open_trial(t, projection, scratch, error);
    t->begun_us = weir_clock_monotonic_us();
    ok = ok && fold(t, error);
    weir_progress_clear(&t->progress);
    if (ok)
        write_result(t);
    int64_t refused = t->refold ? weir_refold_refused(t->refold) : 0;
    if (ok && refused > 0)
        ok = weir_fail(error, WEIR_FATE_POISON, "%" PRId64 " of %" PRId64 " events are refused",
                       refused, t->read);
    weir_refold_close(t->refold);
    weir_store_close(scratch);
    weir_store_close(t->history.store);
    return ok;
}

bool weir_verb_projection_try(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    weir_projection *projection = NULL;
    weir_upcasters *upcasters = NULL;
    bool ok = false;
    trial t = {.session = session,
               .schema = weir_arguments_text(arguments, "into"),
               .limit = weir_arguments_integer(arguments, "limit")};
    if (!t.schema)
        return weir_fail(error, WEIR_FATE_CONFIG, "into which schema? --into SCHEMA");
    if (check_schema(t.schema, error) && (upcasters = weir_schema_open(session->config, error)) &&
        (projection = weir_projection_load(weir_arguments_word(arguments, 0), error)) &&
        weir_projection_needs_store(projection, "there are no events to try it on", error)) {
        t.history = (weir_history){.upcasters = upcasters,
                                   .projection = projection,
                                   .stop = &session->stop,
                                   .aggregate_type = weir_arguments_text(arguments, "aggregate"),
                                   .aggregate_id = weir_arguments_second(arguments, "aggregate")};
        ok = run(&t, projection, error);
    }
    weir_history_free(&t.history);
    weir_projection_free(projection);
    weir_upcasters_free(upcasters);
    return ok;
}
