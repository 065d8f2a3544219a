/* A projection's tables as of a time: what its events that were recorded until then make of them.
 *
 * Time is recorded_at, the server's clock when an event was appended; an event's own time is what
 * its service said. First everything is waited for that was being appended when this began: no
 * event of then can appear later. The schema says by its comment whether it is finished: what was
 * interrupted is begun anew by the same command, anything else of that name is left alone. Nothing
 * that is served is touched, and no subscription knows of it. */
#include "app/projection_as_of.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/read_options.h"
#include "app/trial.h"

#define MARK "unfinished: weir projection rebuild --until goes on from here, by beginning anew"
#define MADE "made by weir projection rebuild; drop it at will"
#define PATIENCE_MS 30000
#define TICK_MS 50

typedef struct past {
    weir_session *session;
    weir_projection *projection;
    const char *name;
    char time[WEIR_TIME_TEXT];
    weir_trial trial;
    weir_connection *connection; /* the reader's */
} past;

static bool read_goal(past *p, weir_error *error)
{
    const weir_arguments *arguments = &p->session->arguments;
    const char *until = weir_arguments_text(arguments, "until");
    int64_t *as_of_us = &p->trial.history.as_of_us;
    if (!until || !p->trial.schema)
        return weir_fail(error, WEIR_FATE_CONFIG, "--until TIME and --into SCHEMA go together");
    if (!weir_read_time("until", until, as_of_us, error) ||
        !weir_trial_check(p->trial.schema, p->name, error))
        return false;
    weir_clock_format(*as_of_us, p->time);
    return true;
}

/* The position that the horizon must reach, and that the time is past. */
static bool begin(past *p, int64_t *drawn, weir_error *error)
{
    const weir_param param = WEIR_PARAM_TEXT(p->time);
    weir_result *row = weir_connection_query(p->connection, "as_of_begin", &param, 1, error);
    if (!row)
        return false;
    bool is_past = weir_result_bool(row, 0, 0);
    *drawn = weir_result_integer(row, 0, 1);
    weir_result_free(row);
    return is_past || weir_fail(error, WEIR_FATE_CONFIG,
                                "--until %s lies in the future of the database's clock", p->time);
}

static bool settle(past *p, int64_t drawn, weir_error *error)
{
    int64_t until = weir_clock_monotonic_us() + (int64_t)PATIENCE_MS * 1000;
    for (;;) {
        weir_result *row = weir_connection_query(p->connection, "horizon", NULL, 0, error);
        if (!row)
            return false;
        bool settled = weir_result_integer(row, 0, 0) >= drawn;
        weir_result_free(row);
        if (settled)
            return true;
        if (weir_clock_monotonic_us() >= until)
            return weir_fail_code(error, WEIR_FATE_RETRY, WEIR_TIMEOUT,
                                  "a transaction that has appended is still open, and may commit "
                                  "events of before %s: `weir doctor` names it",
                                  p->time);
        if (weir_stop_wait(&p->session->stop, TICK_MS))
            return weir_fail(error, WEIR_FATE_FATAL, "interrupted");
    }
}

/* ours: it was made by this command, and finished. */
static bool find_schema(past *p, bool *exists, bool *unfinished, bool *ours, weir_error *error)
{
    const weir_param schema = WEIR_PARAM_TEXT(p->trial.schema);
    weir_result *found = weir_connection_query(p->connection, "refold_schema", &schema, 1, error);
    if (!found)
        return false;
    *exists = weir_result_rows(found) > 0;
    const char *comment = *exists ? weir_result_value(found, 0, 0) : NULL;
    *unfinished = comment && strcmp(comment, MARK) == 0;
    *ours = comment && strstr(comment, MADE);
    weir_result_free(found);
    return true;
}

static bool check_schema(past *p, weir_error *error)
{
    bool exists, unfinished, ours;
    if (!find_schema(p, &exists, &unfinished, &ours, error))
        return false;
    if (exists && !unfinished)
        return weir_fail(error, WEIR_FATE_CONFLICT, "schema \"%s\" exists: %sname another one",
                         p->trial.schema, ours ? "drop it, or " : "");
    if (exists)
        fprintf(stderr, "weir: schema \"%s\" is left from an interrupted run: begun anew\n",
                p->trial.schema);
    return true;
}

/* Nobody else fills it, or takes it for an interrupted one. Until the session ends. */
static bool lead(past *p, weir_error *error)
{
    const weir_param schema = WEIR_PARAM_TEXT(p->trial.schema);
    weir_result *row = weir_connection_query(p->connection, "rebuild_lock", &schema, 1, error);
    if (!row)
        return false;
    bool ours = weir_result_bool(row, 0, 0);
    weir_result_free(row);
    return ours || weir_fail(error, WEIR_FATE_CONFLICT, "another process is filling schema \"%s\"",
                             p->trial.schema);
}

static bool fill(past *p, int64_t drawn, weir_error *error)
{
    weir_store *work = NULL;
    char *done = weir_format("%s as of %s, " MADE, p->name, p->time);
    p->trial.done = done;
    bool ok = lead(p, error) && check_schema(p, error) && settle(p, drawn, error) &&
              (work = weir_session_store(p->session, error)) &&
              weir_trial_open(&p->trial, p->projection, work, error) &&
              weir_trial_fill(&p->trial, error);
    weir_trial_close(&p->trial);
    weir_store_close(work);
    free(done);
    return ok;
}

static bool explain(past *p, weir_error *error)
{
    if (!check_schema(p, error))
        return false;
    weir_output_format(&p->session->output,
                       "would make the tables of %s in schema %s as the events recorded until %s "
                       "make them\nNothing was done: add --execute\n",
                       p->name, p->trial.schema, p->time);
    return true;
}

bool weir_projection_as_of(weir_session *session, weir_runtime *runtime, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    weir_projection *projection = runtime->members[0].projection;
    int64_t drawn;
    past p = {.session = session,
              .projection = projection,
              .name = weir_projection_name(projection),
              .trial = {.session = session,
                        .schema = weir_arguments_text(arguments, "into"),
                        .mark = MARK,
                        .replace = true,
                        .history = {.upcasters = runtime->upcasters,
                                    .projection = projection,
                                    .stop = &session->stop}}};
    if (!weir_projection_needs_store(projection, "they cannot be had as of a time", error) ||
        !read_goal(&p, error))
        return false;
    weir_store *store = weir_session_store(session, error);
    p.trial.history.store = store;
    p.connection = store ? weir_store_connection(store) : NULL;
    bool ok =
        store && begin(&p, &drawn, error) &&
        (weir_arguments_flag(arguments, "execute") ? fill(&p, drawn, error) : explain(&p, error));
    weir_store_close(store);
    return ok;
}
