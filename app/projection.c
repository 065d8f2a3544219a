/* projection list and projection status.
 *
 * Status joins three sources: the configuration (what there should be), PostgreSQL (what was
 * applied) and Kafka (how far it is). When Kafka does not answer, the rest is shown still. */
#include "app/generations.h"
#include "app/max_lag.h"
#include "app/runtime.h"
#include "app/table.h"
#include "app/verbs.h"
#include "consumer/foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY ((size_t)64 * 1024)

/* joined puts the names of a NULL-terminated list into text, with a separator between. */
static char *joined(const char *const *names, const char *quote)
{
    weir_buffer text = WEIR_BUFFER((size_t)1024 * 1024);
    weir_buffer_text(&text, *quote ? "[" : "");
    for (size_t i = 0; names[i]; i++)
        weir_buffer_format(&text, "%s%s%s%s", i ? (*quote ? "," : ", ") : "", quote, names[i],
                           quote);
    weir_buffer_text(&text, *quote ? "]" : "");
    return text.data;
}

bool weir_verb_projection_list(weir_session *session, weir_error *error)
{
    static const weir_column columns[] = {
        {"projection", "PROJECTION", false}, {"from", "FROM", false}, {"topics", NULL, false},
        {"apply", "APPLY", false},           {"file", "FILE", false}, {0}};
    static const char *const applies[] = {"each", "aggregate", "batch", "code"};
    weir_projections projections = {0};
    if (!weir_projections_load(session->config, &projections, error))
        return false;
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    for (size_t i = 0; i < projections.count; i++) {
        const weir_projection *projection = projections.items[i];
        const weir_foreign *foreign = weir_projection_foreign(projection);
        const char *const *types = weir_projection_types(projection), *const none[] = {NULL};
        const char *const *topics = foreign ? (const char *const *)foreign->topics : none;
        char *json = joined(types, "\""), *topics_json = joined(topics, "\"");
        char *shown = joined(foreign ? topics : types, "");
        char *from = weir_format("%s%s", foreign ? "topic " : "", shown);
        weir_table_text(table, weir_projection_name(projection));
        weir_table_json(table, json, from);
        weir_table_json(table, topics_json, "");
        weir_table_text(table, applies[weir_projection_apply(projection)]);
        weir_table_text(table, weir_projection_file(projection));
        free(json);
        free(topics_json);
        free(shown);
        free(from);
    }
    weir_table_end(table);
    weir_projections_free(&projections);
    return true;
}

/* One subscription's status. */
typedef struct status {
    const char *name;
    const char *kind;       /* of subscription */
    const weir_result *row; /* of cli_projection_status; no row: never started */
    bool started, stopped, paused;
    bool measured;
    weir_lag lag;
    weir_error unmeasured;   /* why not */
    int64_t parked, waiting; /* aggregates, letters */
} status;

/* state_of: running means that a process is connected for it. */
static const char *state_of(const status *at)
{
    if (!at->started)
        return "not started";
    if (at->stopped)
        return "stopped";
    if (at->paused)
        return "paused";
    return weir_result_bool(at->row, 0, 5) ? "running" : "not running";
}

/* reason_of says why it is behind: the first thing on the way from the store that somebody would
 * have to change. NULL: it is not behind, and no letter waits. */
static const char *reason_of(const status *at)
{
    bool behind = !at->measured || at->lag.unread + at->lag.unrelayed > 0;
    if (!at->started || (!behind && at->waiting == 0))
        return NULL;
    if (!behind)
        return "parked";
    if (at->stopped || at->paused || !weir_result_bool(at->row, 0, 5))
        return state_of(at);
    if (weir_result_value(at->row, 0, 10))
        return "waiting lock";
    if (!at->measured)
        return "broker";
    return at->lag.unread > 0 ? "handler" : "relay";
}

/* write_reason: for the eye with the processes that hold the lock. */
static void write_reason(weir_table *table, const status *at)
{
    const char *reason = reason_of(at);
    const char *pids =
        reason && strcmp(reason, "waiting lock") == 0 ? weir_result_value(at->row, 0, 10) : NULL;
    char *json = reason ? weir_format("\"%s\"", reason) : weir_strdup("null");
    char *shown =
        pids ? weir_format("%s, held by %s", reason, pids) : weir_strdup(reason ? reason : "");
    char *list = weir_format("[%s]", pids ? pids : "");
    weir_table_json(table, json, shown);
    weir_table_json(table, list, list);
    free(list);
    free(shown);
    free(json);
}

static void put_json(weir_buffer *json, const char *text)
{
    if (text)
        weir_buffer_json(json, text, strlen(text));
    else
        weir_buffer_text(json, "null");
}

/* write_why: what stopped it, and why its lag is not known; one column for the eye. */
static void write_why(weir_table *table, const status *at)
{
    weir_buffer stopped = WEIR_BUFFER(WHY), unmeasured = WEIR_BUFFER(WHY);
    const char *why = at->stopped ? weir_result_value(at->row, 0, 2) : NULL;
    const char *lag = at->unmeasured.code == WEIR_OK ? NULL : at->unmeasured.message;
    char *shown = why   ? weir_strdup(why)
                  : lag ? weir_format("lag unknown: %s", lag)
                        : weir_strdup("");
    put_json(&stopped, why);
    put_json(&unmeasured, lag);
    weir_table_json(table, stopped.data, shown);
    weir_table_json(table, unmeasured.data, "");
    free(shown);
    weir_buffer_free(&stopped);
    weir_buffer_free(&unmeasured);
}

static void write_status(weir_table *table, const status *at)
{
    weir_table_text(table, at->name);
    if (at->started)
        weir_table_number(table, weir_result_integer(at->row, 0, 0));
    else
        weir_table_text(table, NULL);
    weir_table_text(table, state_of(at));
    weir_table_number(table, at->started ? weir_result_integer(at->row, 0, 3) : 0);
    weir_table_text(table, at->started ? weir_result_value(at->row, 0, 4) : NULL);
    if (at->measured) {
        weir_table_number(table, at->lag.unread + at->lag.unrelayed);
        weir_table_decimal(table, at->lag.seconds, 3);
        weir_table_number(table, at->lag.unread);
        weir_table_number(table, at->lag.unrelayed);
    } else {
        for (int i = 0; i < 4; i++)
            weir_table_text(table, NULL);
    }
    weir_table_number(table, at->parked);
    weir_table_number(table, at->waiting);
    write_reason(table, at);
    weir_table_text(table, at->paused ? weir_result_value(at->row, 0, 6) : NULL);
    weir_table_text(table, at->paused ? weir_result_value(at->row, 0, 7) : NULL);
    write_why(table, at);
    weir_table_text(table, at->kind);
}

/* exceeds says on stderr why a projection is beyond the bound. */
static bool exceeds(const status *at, const weir_max_lag *most)
{
    if (!most->given)
        return false;
    if (at->started && !at->stopped)
        return at->measured &&
               weir_max_lag_exceeded(most, at->name, at->lag.unread + at->lag.unrelayed,
                                     at->lag.seconds);
    fprintf(stderr, "weir: %s %s\n", at->name, at->started ? "has stopped" : "never started");
    return true;
}

/* Over all subscriptions that were asked for. */
typedef struct report {
    weir_session *session;
    weir_store *store;
    weir_table *table;
    weir_max_lag most;
    size_t beyond;    /* projections beyond the bound */
    weir_error kafka; /* the last failure to measure */
} report;

static bool report_one(report *to, const weir_member *member, weir_error *error)
{
    status at = {.name = weir_member_name(member), .kind = weir_member_kind(member)};
    weir_result *row =
        weir_connection_query(weir_store_connection(to->store), "cli_projection_status",
                              (const weir_param[]){WEIR_PARAM_TEXT(at.name)}, 1, error);
    if (!row)
        return false;
    at.row = row;
    at.started = weir_result_rows(row) > 0;
    at.stopped = at.started && weir_result_value(row, 0, 1);
    at.paused = at.started && weir_result_value(row, 0, 6);
    at.parked = at.started ? weir_result_integer(row, 0, 8) : 0;
    at.waiting = at.started ? weir_result_integer(row, 0, 9) : 0;
    if (at.started)
        at.measured = weir_lag_measure(
            to->session->config, to->store, at.name, (int)weir_result_integer(row, 0, 0),
            weir_member_types(member), weir_member_foreign(member), &at.lag, &at.unmeasured);
    if (at.unmeasured.code != WEIR_OK)
        to->kafka = at.unmeasured;
    write_status(to->table, &at);
    to->beyond += exceeds(&at, &to->most);
    weir_result_free(row);
    return true;
}

/* The generations that do not serve, the latest first. */
static bool report_others(report *to, const weir_member *member, weir_error *error)
{
    const char *name = weir_member_name(member);
    weir_result *rows = weir_generations_list(weir_store_connection(to->store), name, error);
    for (int i = 0; rows && i < weir_result_rows(rows); i++) {
        if (weir_result_bool(rows, i, 1))
            continue;
        weir_table_text(to->table, name);
        weir_table_number(to->table, weir_result_integer(rows, i, 0));
        weir_table_text(to->table, weir_result_value(rows, i, 3) ? "kept" : "unfinished");
        weir_table_number(to->table, weir_result_integer(rows, i, 4));
        weir_table_text(to->table, weir_result_value(rows, i, 5));
        weir_table_number(to->table, weir_result_integer(rows, i, 7));
        for (int column = 0; column < 4; column++) /* lag in seconds to parked */
            weir_table_text(to->table, NULL);
        weir_table_number(to->table, weir_result_integer(rows, i, 6));
        for (int column = 0; column < 6; column++)
            weir_table_text(to->table, NULL);
        weir_table_text(to->table, weir_member_kind(member));
    }
    weir_result_free(rows);
    return rows != NULL;
}

static const weir_column columns[] = {{"projection", "PROJECTION", false},
                                      {"generation", "GENERATION", true},
                                      {"state", "STATE", false},
                                      {"events", "EVENTS", true},
                                      {"last_processed_at", "LAST PROCESSED", false},
                                      {"lag_events", "LAG EVENTS", true},
                                      {"lag_seconds", "LAG SECONDS", true},
                                      {"unread", NULL, true},
                                      {"unrelayed", NULL, true},
                                      {"parked", "PARKED", true},
                                      {"waiting_letters", "LETTERS", true},
                                      {"lag_reason", "BEHIND FOR", false},
                                      {"blocked_by", NULL, false},
                                      {"paused_at", NULL, false},
                                      {"paused_by", NULL, false},
                                      {"stopped_why", "WHY", false},
                                      {"lag_unknown", NULL, false},
                                      {"kind", NULL, false},
                                      {0}};

static bool report_all(report *to, const weir_runtime *runtime, weir_error *error)
{
    bool ok = true, others = weir_arguments_flag(&to->session->arguments, "all-generations");
    to->table = weir_table_new(&to->session->output, to->session->format, columns);
    for (size_t i = 0; ok && i < runtime->count; i++)
        ok = report_one(to, &runtime->members[i], error) &&
             (!others || report_others(to, &runtime->members[i], error));
    weir_table_end(to->table);
    if (!ok)
        return false;
    if (to->kafka.fate != WEIR_FATE_NONE) {
        if (!weir_output_flush(&to->session->output,
                               error)) /* what is known is data all the same */
            return false;
        *error = to->kafka;
        if (error->code == WEIR_NOT_FOUND) /* a topic: what was asked for is there */
            error->code = WEIR_FAILED;
        return weir_error_prefix(error, "lag could not be measured");
    }
    return to->beyond == 0 ||
           weir_fail(error, WEIR_FATE_FATAL, "%zu of %zu subscriptions beyond %s", to->beyond,
                     runtime->count, weir_arguments_text(&to->session->arguments, "max-lag"));
}

bool weir_verb_projection_status(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    report to = {.session = session};
    weir_runtime runtime = {0};
    bool ok = weir_max_lag_read(arguments, &to.most, error) &&
              weir_runtime_load_all(&runtime, session->config, &session->stop, arguments->words,
                                    arguments->word_count, error) &&
              (to.store = weir_session_store(session, error)) != NULL &&
              report_all(&to, &runtime, error);
    weir_store_close(to.store);
    weir_runtime_free(&runtime);
    return ok;
}
