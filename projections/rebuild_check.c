/* What is looked at before readers are moved over: whether the new tables can be gone on with,
 * whether they have all that the old ones have, and whether they are right.
 *
 * The proof folds the events once more, one by one, and compares every row; what comes between it
 * and the switch is the last moment's events, which nobody has compared. A generation that was
 * found wrong stays for a look, but its definition is marked, so that no rebuild goes on with it.
 * Nothing here may change a row of a table. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/foreign.h"
#include "projections/handler_int.h"
#include "projections/rebuild_int.h"

static weir_result *ask(const weir_rebuild_run *run, const char *statement, weir_error *error)
{
    char from[24], to[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(run->name), weir_param_integer(run->from, from),
                                 weir_param_integer(run->to, to)};
    return weir_connection_query(run->connection, statement, params, 3, error);
}

static weir_result *ask_new(const weir_rebuild_run *run, const char *statement, weir_error *error)
{
    char to[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(run->name), weir_param_integer(run->to, to)};
    return weir_connection_query(run->connection, statement, params, 2, error);
}

bool weir_rebuild_allow(const weir_projection *projection, bool from_kafka, bool verify,
                        weir_error *error)
{
    return (from_kafka ||
            weir_projection_needs_store(projection, "rebuild it --from kafka", error)) &&
           (!verify ||
            weir_projection_needs_store(
                projection, "there is nothing to --verify it with, rebuild it without", error));
}

bool weir_rebuild_check_source(const weir_rebuild_run *run, weir_error *error)
{
    const bool kafka = run->options->from_kafka;
    if (kafka &&
        strcmp(weir_config_subscription_text(run->config, run->name, "source"), "store") == 0)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "subscriptions.%s.source is store: what was filled from topics could not "
                         "go on from there. Rebuild it from the store",
                         run->name);
    weir_result *begun = ask_new(run, "rebuild_begun", error);
    if (!begun)
        return false;
    bool other = weir_result_bool(begun, 0, kafka ? 0 : 1);
    weir_result_free(begun);
    return !other ||
           weir_fail(error, WEIR_FATE_CONFIG,
                     "generation %d was begun from the %s: go on with --from %s, or begin "
                     "anew after `weir projection drop %s --generation %d --execute`",
                     run->to, kafka ? "store" : "topics", kafka ? "store" : "kafka", run->name,
                     run->to);
}

static bool fail_gone(weir_error *error)
{
    if (error->code != WEIR_NOT_FOUND)
        return false;
    char why[sizeof error->message];
    snprintf(why, sizeof why, "%s", error->message);
    return weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                          "%s any more: rebuild --from store, or put the topic right before (weir "
                          "topic reconcile)",
                          why);
}

/* A topic that is gone would be waited for for ever. */
static bool find_topics(const weir_rebuild_run *run, weir_error *error)
{
    weir_result *rows = ask_new(run, "rebuild_topics", error);
    if (!rows)
        return false;
    const int count = weir_result_rows(rows);
    const char **topics = weir_calloc((size_t)count + 1, sizeof *topics);
    weir_foreign_reach *reaches = NULL;
    size_t partitions;
    for (int i = 0; i < count; i++)
        topics[i] = weir_result_value(rows, i, 0);
    bool ok = count == 0 ||
              weir_foreign_reaches(run->config, topics, -1, &reaches, &partitions, error) ||
              fail_gone(error);
    free(reaches);
    free(topics);
    weir_result_free(rows);
    return ok;
}

bool weir_rebuild_note(weir_rebuild_run *run, weir_error *error)
{
    if (weir_projection_foreign(run->projection))
        return true;
    weir_result *row = ask_new(run, "rebuild_recorded", error);
    if (!row)
        return false;
    run->recorded = weir_result_integer(row, 0, 0);
    weir_result_free(row);
    return !run->options->from_kafka || find_topics(run, error);
}

static bool refuse_parked(const weir_rebuild_run *run, int64_t more, const char *one,
                          weir_error *error)
{
    return weir_fail(
        error, WEIR_FATE_FATAL,
        "%" PRId64 " aggregates are parked in generation %d and not in generation %d, which goes "
        "on serving: %s. Correct the file, or the events (weir dlq list --subscription %s) and "
        "rebuild again; or switch to it as it is with --force",
        more, run->to, run->from, one ? one : "see the dead letters", run->name);
}

bool weir_rebuild_check_parked(weir_rebuild_run *run, weir_error *error)
{
    int64_t most = weir_config_subscription_integer(run->config, run->name, "parked_most") *
                   weir_config_subscription_integer(run->config, run->name, "lanes");
    weir_result *row = ask(run, "rebuild_parked", error);
    if (!row)
        return false;
    int64_t parked = weir_result_integer(row, 0, 0), more = weir_result_integer(row, 0, 1);
    run->options->parked = parked;
    bool ok = true;
    if (more > 0 && parked > most)
        ok = weir_fail(error, WEIR_FATE_FATAL,
                       "%" PRId64 " aggregates are parked in generation %d, and whoever runs it "
                       "would stop for more than %" PRId64 ": correct the file, or raise "
                       "subscriptions.%s.parked_most",
                       parked, run->to, most, run->name);
    else if (more > 0 && run->from > 0 && !run->options->force)
        ok = refuse_parked(run, more, weir_result_value(row, 0, 2), error);
    weir_result_free(row);
    return ok;
}

/* Marks it as not to be gone on with. What cannot be written down is said at least. */
static void disown(const weir_rebuild_run *run, const weir_error *why)
{
    char to[24];
    weir_error error;
    const weir_param params[] = {WEIR_PARAM_TEXT(run->name), weir_param_integer(run->to, to),
                                 WEIR_PARAM_TEXT(why->message)};
    if (!weir_statement_run(run->connection, "rebuild_disown", params, 3, &error))
        WEIR_WARN("projection", run->name, "could not record that a generation is wrong",
                  WEIR_NUMBER("generation", run->to), WEIR_TEXT("cause", error.message));
}

static bool conclude(const weir_rebuild_run *run, const weir_proof *proof, weir_error *error)
{
    if (proof->position < run->recorded)
        return weir_fail(error, WEIR_FATE_FATAL,
                         "generation %d was compared up to position %" PRId64
                         " only, and the store had events up to %" PRId64
                         ": readers stay where they are. `weir verify topics` says what the "
                         "topics lack",
                         run->to, proof->position, run->recorded);
    if (proof->differences + proof->refused == 0)
        return true;
    weir_fail(error, WEIR_FATE_FATAL,
              "generation %d is not what its events make of it: %" PRId64 " rows differ, %" PRId64
              " events are refused (%" PRId64 " events up to position %" PRId64
              "). Readers stay where they are; its tables are left in schema %s__g%d until the "
              "next rebuild, which begins anew",
              run->to, proof->differences, proof->refused, proof->events, proof->position,
              run->name, run->to);
    disown(run, error);
    return false;
}

bool weir_rebuild_verify(weir_rebuild_run *run, weir_error *error)
{
    weir_rebuild_options *options = run->options;
    weir_proof_options what = options->proof;
    weir_proof *proof = &options->proven;
    what.generation = run->to;
    weir_store *reader = weir_store_open(run->config, "weir rebuild proof", options->stop, error);
    weir_store *work =
        reader ? weir_store_open(run->config, "weir rebuild proof", options->stop, error) : NULL;
    bool ok = work && weir_prove(run->projection, run->config, options->upcasters, reader,
                                 weir_store_connection(work), options->stop, &what, proof, error);
    weir_store_close(work);
    weir_store_close(reader);
    return ok && conclude(run, proof, error);
}

bool weir_rebuild_published(weir_rebuild_run *run, int64_t *position, weir_error *error)
{
    *position = 0;
    if (!run->options->from_kafka || weir_projection_foreign(run->projection))
        return true;
    weir_result *row = weir_connection_query(run->connection, "rebuild_published", NULL, 0, error);
    *position = row ? weir_result_integer(row, 0, 0) : 0;
    weir_result_free(row);
    return row != NULL;
}

static bool fail_behind(weir_rebuild_run *run, weir_error *error)
{
    run->relay_lags = true;
    return weir_fail(error, WEIR_FATE_RETRY,
                     "the new tables do not have all that the old ones have: it is not in the "
                     "topics (is the relay running? `weir verify topics` says what they lack)");
}

static bool join_topics(weir_rebuild_run *run, int64_t published, weir_error *error)
{
    char from[24], to[24], upto[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(run->name), weir_param_integer(run->from, from),
                                 weir_param_integer(run->to, to),
                                 weir_param_integer(published, upto)};
    weir_result *row = weir_connection_query(run->connection, "rebuild_level", params, 4, error);
    bool level = row && weir_result_bool(row, 0, 0);
    weir_result_free(row);
    return level || (row && fail_behind(run, error));
}

bool weir_rebuild_join(weir_rebuild_run *run, int64_t upto, int64_t published, weir_error *error)
{
    if (weir_projection_foreign(run->projection))
        return true; /* read to their ends since the old one stands, and found to have all of it */
    if (run->options->from_kafka)
        return join_topics(run, published, error);
    weir_result *row = ask_new(run, "rebuild_filled", error);
    if (!row)
        return false;
    bool level = weir_result_bool(row, 0, 1) && weir_result_integer(row, 0, 0) >= upto;
    weir_result_free(row);
    if (!level)
        return weir_fail(error, WEIR_FATE_RETRY,
                         "the new tables are not yet where the old ones are");
    row = ask(run, "rebuild_join", error);
    weir_result_free(row);
    return row != NULL;
}
