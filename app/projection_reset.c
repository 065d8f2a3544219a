/* projection reset: another place to go on at.
 *
 * In one transaction, with the subscription's rows held: checkpoints, letters and, if wanted, the
 * tables. What would apply events to rows that have their effects already, or would pass events
 * over, must be asked for by name. A dry run is the same up to the first change. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/projection_control.h"
#include "app/read_options.h"
#include "app/subscriptions.h"
#include "app/table.h"
#include "consumer/foreign.h"

#define PLAN ((size_t)64 * 1024 * 1024)

/* What was asked for, and what is found. */
typedef struct reset {
    weir_session *session;
    weir_connection *connection;
    const char *name, *position, *time; /* both NULL: to the earliest */
    bool keep_rows, empty_tables, skip_events, execute;
    char generation[24];
    int64_t again, skipped, letters;
    bool back;
    char *reaches; /* of topics that weir did not write, JSON for cli_reset_foreign; else NULL */
    weir_result *rows; /* of cli_reset_plan */
    weir_buffer plan;  /* JSON */
} reset;

static bool read_options(reset *to, weir_error *error)
{
    const weir_arguments *arguments = &to->session->arguments;
    bool earliest = weir_arguments_flag(arguments, "to-earliest");
    int64_t ignored;
    to->name = weir_arguments_word(arguments, 0);
    to->position = weir_arguments_text(arguments, "to-position");
    to->time = weir_arguments_text(arguments, "to-time");
    to->keep_rows = weir_arguments_flag(arguments, "keep-rows");
    to->empty_tables = weir_arguments_flag(arguments, "empty-tables");
    to->skip_events = weir_arguments_flag(arguments, "skip-events");
    to->execute = weir_arguments_flag(arguments, "execute");
    if (earliest + (to->position != NULL) + (to->time != NULL) != 1)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "say where: --to-position P, --to-time T or --to-earliest, one of these");
    if (to->keep_rows && to->empty_tables)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "--keep-rows and --empty-tables exclude each "
                         "other");
    if (to->empty_tables && !earliest)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "--empty-tables goes with --to-earliest: empty tables need every event");
    return !to->time || weir_read_time("to-time", to->time, &ignored, error);
}

/* hold locks the rows, and checks that nobody is at work on them. */
static bool hold(reset *to, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(to->name)};
    weir_result *found = weir_connection_query(to->connection, "cli_reset_hold", params, 1, error);
    if (!found)
        return false;
    bool ok = true, here = weir_result_rows(found) > 0;
    if (!here)
        ok = weir_subscription_known(to->connection, to->name, error) &&
             weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                            "no generation of %s serves: it has none but an unfinished one",
                            to->name);
    else if (!weir_result_bool(found, 0, 2) && weir_result_bool(found, 0, 3) && to->execute)
        ok = weir_fail(error, WEIR_FATE_CONFLICT,
                       "%s is running: `weir projection pause %s`, or stop what runs it, and then "
                       "reset it",
                       to->name, to->name);
    else if (to->empty_tables && strcmp(weir_result_value(found, 0, 1), "projection") != 0)
        ok = weir_fail(error, WEIR_FATE_CONFIG, "%s is no projection and has no tables to empty",
                       to->name);
    if (ok)
        snprintf(to->generation, sizeof to->generation, "%s", weir_result_value(found, 0, 0));
    weir_result_free(found);
    return ok;
}

/* goal_of finds the position that was meant; malloc'd, NULL in *goal: before everything. */
static bool goal_of(reset *to, char **goal, weir_error *error)
{
    *goal = NULL;
    if (!to->position && !to->time)
        return true;
    const weir_param params[] = {WEIR_PARAM_TEXT(to->position), WEIR_PARAM_TEXT(to->time)};
    weir_result *found = weir_connection_query(to->connection, "cli_reset_goal", params, 2, error);
    if (found)
        *goal = weir_strdup(weir_result_value(found, 0, 0));
    weir_result_free(found);
    return *goal != NULL;
}

/* ask_kafka finds where topics that weir did not write would be gone on with. */
static bool ask_kafka(reset *to, const char *const *topics, weir_error *error)
{
    weir_foreign_reach *reaches;
    size_t count;
    int64_t time_us = -1000;
    if (to->position)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "%s reads topic %s, where a position is an offset of one partition: "
                         "--to-earliest or --to-time",
                         to->name, topics[0]);
    if ((to->time && !weir_read_time("to-time", to->time, &time_us, error)) ||
        !weir_foreign_reaches(to->session->config, topics, to->time ? time_us / 1000 + 1 : -1,
                              &reaches, &count, error))
        return false;
    weir_buffer json = WEIR_BUFFER(PLAN);
    for (size_t i = 0; i < count; i++)
        weir_buffer_format(&json,
                           "%s{\"topic\":\"%s\",\"partition\":%" PRId32 ",\"low\":%" PRId64
                           ",\"high\":%" PRId64 ",\"target\":%" PRId64 "}",
                           i ? "," : "[", reaches[i].topic, reaches[i].partition, reaches[i].low,
                           reaches[i].high, reaches[i].offset);
    weir_buffer_text(&json, count ? "]" : "[]");
    to->reaches = json.data;
    free(reaches);
    return true;
}

/* look_at_topics: Kafka is asked before any row is held. */
static bool look_at_topics(reset *to, weir_error *error)
{
    const weir_param name = WEIR_PARAM_TEXT(to->name);
    weir_result *found = weir_connection_query(to->connection, "cli_reset_topics", &name, 1, error);
    if (!found)
        return false;
    size_t count = (size_t)weir_result_rows(found);
    const char **topics = weir_calloc(count + 1, sizeof *topics);
    for (size_t i = 0; i < count; i++)
        topics[i] = weir_result_value(found, (int)i, 0);
    bool ok = count == 0 || ask_kafka(to, topics, error);
    free(topics);
    weir_result_free(found);
    return ok;
}

static bool make_plan(reset *to, weir_error *error)
{
    char *goal = NULL;
    if (!to->reaches && !goal_of(to, &goal, error))
        return false;
    const weir_param params[] = {WEIR_PARAM_TEXT(to->name), WEIR_PARAM_TEXT(to->generation),
                                 WEIR_PARAM_TEXT(to->reaches ? to->reaches : goal)};
    to->rows = weir_connection_query(
        to->connection, to->reaches ? "cli_reset_foreign" : "cli_reset_plan", params, 3, error);
    free(goal);
    if (!to->rows)
        return false;
    weir_buffer_char(&to->plan, '[');
    for (int row = 0; row < weir_result_rows(to->rows); row++) {
        to->again += weir_result_integer(to->rows, row, 4);
        to->skipped += weir_result_integer(to->rows, row, 5);
        to->letters += weir_result_integer(to->rows, row, 6);
        to->back = to->back || weir_result_bool(to->rows, row, 7);
        weir_buffer_format(&to->plan, "%s%s", row ? "," : "", weir_result_value(to->rows, row, 8));
    }
    weir_buffer_char(&to->plan, ']');
    return true;
}

static void show_plan(const reset *to)
{
    static const weir_column columns[] = {
        {"topic", "TOPIC", false},      {"partition", "PARTITION", true},
        {"position", "POSITION", true}, {"to_position", "TO POSITION", true},
        {"again", "AGAIN", true},       {"skipped", "SKIPPED", true},
        {"letters", "LETTERS", true},   {0}};
    weir_table *table = weir_table_new(&to->session->output, to->session->format, columns);
    for (int row = 0; row < weir_result_rows(to->rows); row++) {
        weir_table_text(table, weir_result_value(to->rows, row, 0));
        for (int column = 1; column < 7; column++)
            weir_table_number(table, weir_result_integer(to->rows, row, column));
    }
    weir_table_end(table);
}

/* check refuses what was not asked for by name. */
static bool check(const reset *to, weir_error *error)
{
    if (to->skipped > 0 && !to->skip_events)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "%" PRId64 " events would never be applied: that takes --skip-events",
                         to->skipped);
    return !to->back || to->keep_rows || to->empty_tables ||
           weir_fail(error, WEIR_FATE_CONFIG,
                     "%" PRId64 " events would be applied again, on tables that have their "
                     "effects. Empty these (--to-earliest --empty-tables), or say --keep-rows if "
                     "the statements take an event twice",
                     to->again);
}

static bool empty_tables(const reset *to, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(to->name), WEIR_PARAM_TEXT(to->generation)};
    weir_result *made = weir_connection_query(to->connection, "cli_reset_tables", params, 2, error);
    const char *statement = made ? weir_result_value(made, 0, 0) : NULL;
    bool ok = made && (!statement || weir_connection_execute(to->connection, statement, error));
    weir_result_free(made);
    return ok;
}

static bool apply(const reset *to, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(to->name), WEIR_PARAM_TEXT(to->generation),
                                 WEIR_PARAM_TEXT(to->plan.data)};
    if (to->empty_tables && !empty_tables(to, error))
        return false;
    weir_result *done = weir_connection_query(to->connection, "cli_reset_apply", params, 3, error);
    weir_result_free(done);
    return done != NULL;
}

static bool transact(reset *to, weir_error *error)
{
    to->again = to->skipped = to->letters = 0;
    to->back = false;
    weir_result_free(to->rows);
    to->rows = NULL;
    weir_buffer_clear(&to->plan);
    bool ok = weir_connection_execute(to->connection, "BEGIN", error) && hold(to, error) &&
              make_plan(to, error) && check(to, error) && (!to->execute || apply(to, error));
    weir_error ignored;
    if (ok)
        return weir_connection_execute(to->connection, to->execute ? "COMMIT" : "ROLLBACK", error);
    if (weir_connection_in_transaction(to->connection) &&
        !weir_connection_execute(to->connection, "ROLLBACK", &ignored))
        return false;
    return false;
}

static void say(const reset *to)
{
    fprintf(stderr,
            "weir: %s %s: %" PRId64 " events come again, %" PRId64 " are skipped, %" PRId64
            " waiting letters go%s%s\n",
            to->name, to->execute ? "is reset" : "would be reset", to->again, to->skipped,
            to->letters, to->empty_tables ? ", its tables are emptied" : "",
            to->execute ? "" : "; add --execute");
}

bool weir_verb_projection_reset(weir_session *session, weir_error *error)
{
    reset to = {.session = session, .plan = WEIR_BUFFER(PLAN)};
    weir_store *store = NULL;
    int attempts = 0;
    bool ok = read_options(&to, error) && (store = weir_session_store(session, error)) != NULL;
    if (ok) {
        to.connection = weir_store_connection(store);
        ok = look_at_topics(&to, error);
        if (ok)
            do
                ok = transact(&to, error);
            while (!ok && weir_control_again(error, &attempts));
    }
    if (ok) {
        show_plan(&to);
        say(&to);
    }
    weir_result_free(to.rows);
    weir_buffer_free(&to.plan);
    free(to.reaches);
    weir_store_close(store);
    return ok;
}
