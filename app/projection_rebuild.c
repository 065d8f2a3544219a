/* projection rebuild: new tables from all events while the old ones serve. */
#include "projections/rebuild.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/progress.h"
#include "app/projection_as_of.h"
#include "app/runtime.h"
#include "app/verbs.h"
#include "consumer/foreign.h"

typedef struct shown {
    weir_progress line;
    weir_output *output;
    int64_t begun_us;
    int64_t refused;
    const char *said; /* the last stage that was said */
} shown;

#define SHOWN_MOST 20 /* differences of a table, and refused events, that are shown */

static void show_difference(void *context, const weir_proof_difference *difference)
{
    shown *to = context;
    weir_progress_clear(&to->line);
    weir_output_format(to->output, "%s in %s: %s%s%s\n", difference->kind, difference->table,
                       difference->key ? difference->key : "a row",
                       difference->columns ? ", columns " : "",
                       difference->columns ? difference->columns : "");
    if (difference->serving)
        weir_output_format(to->output, "  is        %s\n", difference->serving);
    if (difference->refold)
        weir_output_format(to->output, "  should be %s\n", difference->refold);
}

static void show_refused(void *context, const weir_event *event, const weir_error *why)
{
    shown *to = context;
    if (to->refused++ >= SHOWN_MOST)
        return;
    weir_progress_clear(&to->line);
    weir_output_format(to->output, "refused: %s/%s version %" PRId64 ": %s\n",
                       event->aggregate_type, event->aggregate_id, event->version, why->message);
}

static void show_compared(void *context, int64_t events)
{
    shown *to = context;
    weir_progress_show(&to->line, "comparing", "events", events, 0);
}

static void show(void *context, const weir_rebuild_progress *progress)
{
    shown *to = context;
    bool filling = strcmp(progress->stage, "filling") == 0;
    if (filling)
        weir_progress_show(&to->line, "filling", "events", progress->done, progress->all);
    if (to->said &&
        (strcmp(to->said, progress->stage) == 0 || strcmp(progress->stage, "switching") == 0))
        return;
    weir_progress_clear(&to->line);
    if (!to->said)
        fprintf(stderr, "weir: %s generation %d\n", progress->resumed ? "going on with" : "filling",
                progress->generation);
    else
        fprintf(stderr, "weir: %s\n", progress->stage);
    to->said = progress->stage;
}

static bool is_from_kafka(const weir_arguments *arguments)
{
    return strcmp(weir_arguments_text(arguments, "from"), "kafka") == 0;
}

/* The aggregate types with commas. */
static char *joined_types(const weir_projection *projection)
{
    const char *const *types = weir_projection_types(projection);
    weir_buffer text = WEIR_BUFFER((size_t)1 << 20);
    for (size_t i = 0; types[i]; i++)
        weir_buffer_format(&text, "%s%s", i > 0 ? "," : "", types[i]);
    return text.data;
}

static void name_tables(weir_output *output, const weir_projection *projection, int begun)
{
    if (begun)
        weir_output_format(output, "would go on with generation %d of %s, unfinished,", begun,
                           weir_projection_name(projection));
    else
        weir_output_format(output, "would make new tables of %s", weir_projection_name(projection));
}

static bool count_events(weir_output *output, weir_connection *connection,
                         const weir_projection *projection, int begun, bool kafka,
                         weir_error *error)
{
    char *types = joined_types(projection);
    const weir_param param = WEIR_PARAM_TEXT(types);
    weir_result *count = weir_connection_query(connection, "cli_rebuild_events", &param, 1, error);
    if (count) {
        name_tables(output, projection, begun);
        weir_output_format(output,
                           kafka ? " from the topics, with the %s events that the store has"
                                 : " from %s events of the store",
                           weir_result_value(count, 0, 0));
    }
    weir_result_free(count);
    free(types);
    return count != NULL;
}

/* What the serving generation has read of a partition, as far as Kafka has lost it. */
static void name_lost(weir_output *output, const weir_foreign_reach *reach, int serving,
                      int64_t read_upto)
{
    if (reach->low > 0)
        weir_output_format(output,
                           "%s/%d begins at offset %" PRId64 ": retention removed what stood "
                           "before, and generation %d has read there\n",
                           reach->topic, (int)reach->partition, reach->low, serving);
    if (read_upto > reach->high)
        weir_output_format(output,
                           "%s/%d ends at offset %" PRId64 ", and generation %d was read up to "
                           "%" PRId64 ": the topic was made anew, or lost its end\n",
                           reach->topic, (int)reach->partition, reach->high, serving, read_upto);
}

/* rows: cli_rebuild_read. */
static bool name_all_lost(weir_output *output, const weir_foreign_reach *reaches, size_t count,
                          int serving, const weir_result *rows)
{
    bool any = false;
    for (int row = 0; row < weir_result_rows(rows); row++)
        for (size_t i = 0; i < count; i++) {
            const weir_foreign_reach *reach = &reaches[i];
            int64_t read_upto = weir_result_integer(rows, row, 2);
            if (strcmp(weir_result_value(rows, row, 0), reach->topic) != 0 ||
                weir_result_integer(rows, row, 1) != reach->partition)
                continue;
            any = any || reach->low > 0 || read_upto > reach->high;
            name_lost(output, reach, serving, read_upto);
        }
    return any;
}

/* Topics that weir did not write: what is lost there, nobody else has. */
static bool count_messages(weir_output *output, weir_session *session, weir_connection *connection,
                           const weir_projection *projection, int serving, int begun,
                           weir_error *error)
{
    const weir_foreign *foreign = weir_projection_foreign(projection);
    const char *name = weir_projection_name(projection);
    char number[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(name), weir_param_integer(serving, number)};
    weir_foreign_reach *reaches;
    size_t count;
    int64_t most = 0;
    if (!weir_foreign_reaches(session->config, (const char *const *)foreign->topics, -1, &reaches,
                              &count, error))
        return false;
    weir_result *rows = weir_connection_query(connection, "cli_rebuild_read", params, 2, error);
    for (size_t i = 0; i < count; i++)
        most += reaches[i].high - reaches[i].low;
    if (rows && name_all_lost(output, reaches, count, serving, rows))
        weir_output_text(output, "The new tables would hold less: that takes --force\n");
    if (rows) {
        name_tables(output, projection, begun);
        weir_output_format(output, " from at most %" PRId64 " messages in %zu partitions", most,
                           count);
    }
    weir_result_free(rows);
    free(reaches);
    return rows != NULL;
}

static bool explain(weir_session *session, weir_connection *connection, weir_projection *projection,
                    weir_error *error)
{
    weir_output *output = &session->output;
    const weir_arguments *arguments = &session->arguments;
    int serving, begun;
    if (!weir_generation_serving(connection, weir_projection_name(projection), &serving, error) ||
        !weir_generation_begun(projection, connection, &begun, error))
        return false;
    if (!(weir_projection_foreign(projection)
              ? count_messages(output, session, connection, projection, serving, begun, error)
              : count_events(output, connection, projection, begun, is_from_kafka(arguments),
                             error)))
        return false;
    if (weir_arguments_integer(arguments, "parallel") > 1)
        weir_output_format(output, " in %" PRId64 " lanes",
                           weir_arguments_integer(arguments, "parallel"));
    if (weir_arguments_flag(arguments, "verify"))
        weir_output_text(output, ", compare them with an independent fold");
    if (serving)
        weir_output_format(output, ", while generation %d serves, and keep that one\n", serving);
    else
        weir_output_text(output, ", while nothing serves yet\n");
    weir_output_text(output, "Nothing was done: add --execute\n");
    return true;
}

/* With --all, what has no events in the store is left out of a rebuild from there, and said. */
static bool leaves_out(const weir_arguments *arguments, const weir_projection *projection)
{
    return weir_arguments_flag(arguments, "all") && !is_from_kafka(arguments) &&
           weir_projection_foreign(projection);
}

/* What one of them cannot have is refused before anything is done for another. */
static bool allow_all(const weir_arguments *arguments, const weir_runtime *runtime,
                      weir_error *error)
{
    bool verify = weir_arguments_flag(arguments, "verify");
    for (size_t i = 0; i < runtime->count; i++) {
        const weir_projection *projection = runtime->members[i].projection;
        if (leaves_out(arguments, projection))
            fprintf(stderr,
                    "weir: %s is left out: it reads topics that weir did not write (--from kafka "
                    "rebuilds it)\n",
                    weir_projection_name(projection));
        else if (!weir_rebuild_allow(projection, is_from_kafka(arguments), verify, error))
            return false;
    }
    return true;
}

static bool explain_all(weir_session *session, const weir_runtime *runtime, weir_error *error)
{
    weir_store *store = weir_session_store(session, error);
    bool ok = store != NULL;
    for (size_t i = 0; ok && i < runtime->count; i++)
        ok = leaves_out(&session->arguments, runtime->members[i].projection) ||
             explain(session, weir_store_connection(store), runtime->members[i].projection, error);
    weir_store_close(store);
    return ok;
}

static int seconds_ms(const weir_session *session, const char *option)
{
    int64_t seconds = weir_arguments_integer(&session->arguments, option);
    return (int)(seconds < 86400 ? seconds : 86400) * 1000;
}

static bool rebuild_one(weir_session *session, weir_runtime *runtime, weir_projection *projection,
                        weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *name = weir_projection_name(projection);
    shown to = {.begun_us = weir_clock_monotonic_us(), .output = &session->output};
    weir_rebuild_options options = {
        .lanes = (int)weir_arguments_integer(arguments, "parallel"),
        .replace_views = weir_arguments_flag(arguments, "replace-views"),
        .force = weir_arguments_flag(arguments, "force"),
        .from_kafka = is_from_kafka(arguments),
        .verify = weir_arguments_flag(arguments, "verify"),
        .proof = {.limit = SHOWN_MOST,
                  .difference = show_difference,
                  .refused = show_refused,
                  .progress = show_compared,
                  .context = &to},
        .patience_ms = seconds_ms(session, "wait"),
        .stop = &session->stop,
        .upcasters = runtime->upcasters,
        .fn = show,
        .context = &to,
    };
    bool ok = weir_rebuild(projection, session->config, &options, error);
    weir_progress_clear(&to.line);
    if (!ok)
        return weir_error_prefix(error, "%s", name);
    double seconds = (double)(weir_clock_monotonic_us() - to.begun_us) / 1e6;
    if (options.verify)
        weir_output_format(&session->output,
                           "%s: compared up to position %" PRId64 ", from %" PRId64
                           " events: no difference\n",
                           name, options.proven.position, options.proven.events);
    weir_output_format(&session->output,
                       "%s: generation %d serves, from %" PRId64 " %sevents in %.1f s\n", name,
                       options.progress.generation, options.progress.events,
                       options.progress.resumed ? "more " : "", seconds);
    if (options.parked > 0)
        weir_output_format(&session->output,
                           "%" PRId64 " aggregates are parked in it: see `weir dlq list "
                           "--subscription %s`\n",
                           options.parked, name);
    return true;
}

/* What is said for one way of it alone. */
static bool check_options(const weir_arguments *arguments, bool past, weir_error *error)
{
    static const char *const serving[] = {"all", "verify", "replace-views", "force", "from", NULL};
    const char *from = weir_arguments_text(arguments, "from");
    if (strcmp(from, "store") != 0 && strcmp(from, "kafka") != 0)
        return weir_fail(error, WEIR_FATE_CONFIG, "--from must be store or kafka, not '%s'", from);
    for (const char *const *name = serving; past && *name; name++)
        if (weir_arguments_has(arguments, *name))
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "--%s says nothing of tables that are made --into a schema", *name);
    return !past || arguments->word_count == 1 ||
           weir_fail(error, WEIR_FATE_CONFIG, "--into takes the tables of one projection");
}

bool weir_verb_projection_rebuild(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    bool all = weir_arguments_flag(arguments, "all");
    bool past = weir_arguments_has(arguments, "until") || weir_arguments_has(arguments, "into");
    if (!check_options(arguments, past, error))
        return false;
    if (all == (arguments->word_count > 0))
        return weir_fail(error, WEIR_FATE_CONFIG, "give the name of a projection, or --all");
    weir_runtime runtime = {0};
    bool ok = weir_runtime_load(&runtime, session->config, &session->stop, arguments->words,
                                arguments->word_count, error) &&
              (past || allow_all(arguments, &runtime, error));
    if (ok && past)
        ok = weir_projection_as_of(session, &runtime, error);
    else if (ok && !weir_arguments_flag(arguments, "execute"))
        ok = explain_all(session, &runtime, error);
    else
        for (size_t i = 0; ok && i < runtime.count; i++)
            ok = leaves_out(arguments, runtime.members[i].projection) ||
                 rebuild_one(session, &runtime, runtime.members[i].projection, error);
    weir_runtime_free(&runtime);
    return ok;
}
