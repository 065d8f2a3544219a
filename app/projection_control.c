/* projection pause and projection resume: switches in the store, which every process that runs the
 * subscription obeys.
 *
 * A pause raises the epochs in the same transaction, so that what is under way rolls back: once the
 * command has ended nothing moves any more. */
#include <stdio.h>
#include <string.h>

#include "app/projection_control.h"
#include "app/table.h"

#define NAMES ((size_t)1024 * 1024)
#define ATTEMPTS 5

bool weir_control_again(const weir_error *error, int *attempts)
{
    return strcmp(error->sqlstate, "40P01") == 0 && ++*attempts < ATTEMPTS;
}

/* names_of puts the words into one text, a line each; NULL data for --all. */
static bool names_of(const weir_arguments *arguments, weir_buffer *names, weir_error *error)
{
    bool all = weir_arguments_flag(arguments, "all");
    if (all == (arguments->word_count > 0))
        return weir_fail(error, WEIR_FATE_CONFIG, "say which: NAME..., or --all");
    for (size_t i = 0; i < arguments->word_count; i++)
        weir_buffer_format(names, "%s%s", i ? "\n" : "", arguments->words[i]);
    return true;
}

static bool check_known(weir_connection *connection, const char *names, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(names)};
    weir_result *found = weir_connection_query(connection, "cli_control_unknown", params, 1, error);
    if (!found)
        return false;
    const char *unknown = weir_result_value(found, 0, 0);
    if (unknown)
        weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                       "there is no subscription %s: one is known from its first run on", unknown);
    weir_result_free(found);
    return !unknown;
}

static void show(weir_session *session, const weir_result *rows, const char *done,
                 const char *before)
{
    static const weir_column columns[] = {{"projection", "PROJECTION", false},
                                          {"generation", "GENERATION", true},
                                          {"result", "RESULT", false},
                                          {0}};
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    for (int row = 0; row < weir_result_rows(rows); row++) {
        weir_table_text(table, weir_result_value(rows, row, 0));
        weir_table_number(table, weir_result_integer(rows, row, 1));
        weir_table_text(table, weir_result_bool(rows, row, 2) ? done : before);
    }
    weir_table_end(table);
}

static weir_result *switch_them(weir_connection *connection, const char *names,
                                const char *statement, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(names)};
    weir_result *rows;
    int attempts = 0;
    do /* a transaction under way may hold its checkpoints in another order */
        rows = weir_connection_query(connection, statement, params, 1, error);
    while (!rows && weir_control_again(error, &attempts));
    return rows;
}

static bool run(weir_session *session, const char *statement, const char *done, const char *before,
                weir_error *error)
{
    weir_buffer names = WEIR_BUFFER(NAMES);
    weir_store *store = NULL;
    weir_result *rows = NULL;
    if (names_of(&session->arguments, &names, error) &&
        (store = weir_session_store(session, error)) != NULL &&
        (!names.data || check_known(weir_store_connection(store), names.data, error)))
        rows = switch_them(weir_store_connection(store), names.data, statement, error);
    if (rows)
        show(session, rows, done, before);
    weir_result_free(rows);
    weir_store_close(store);
    weir_buffer_free(&names);
    return rows != NULL;
}

bool weir_verb_projection_pause(weir_session *session, weir_error *error)
{
    return run(session, "cli_control_pause", "paused", "was paused before", error);
}

bool weir_verb_projection_resume(weir_session *session, weir_error *error)
{
    return run(session, "cli_control_resume", "resumed", "was not paused", error);
}
