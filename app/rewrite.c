/* stream rewrite: changes one stored event, and says who has the original already.
 *
 * The dry run is the real thing, rolled back: what it accepts, --execute accepts. */
#include <stdio.h>
#include <string.h>

#include "app/event_members.h"
#include "app/table.h"
#include "app/verbs.h"
#include "producer/producer.h"

/* report lists the topic and the projections that have the event. */
static bool report(weir_session *session, weir_connection *connection, const weir_result *event,
                   weir_error *error)
{
    static const weir_column columns[] = {
        {"kind", "KIND", false}, {"name", "NAME", false}, {"state", "STATE", false}, {0}};
    const char *id = weir_arguments_word(&session->arguments, 1);
    const char *topic = weir_result_value(event, 0, 5);
    weir_result *rows = NULL;
    if (topic) {
        char number[24];
        int partition = weir_sink_partition(id, strlen(id), (int)weir_result_integer(event, 0, 6));
        weir_param params[] = {WEIR_PARAM_TEXT(topic), weir_param_integer(partition, number),
                               WEIR_PARAM_TEXT(weir_result_value(event, 0, 0))};
        rows = weir_connection_query(connection, "cli_rewrite_reached", params, 3, error);
        if (!rows)
            return false;
    }
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    for (int i = 0; rows && i < weir_result_rows(rows); i++)
        for (int column = 0; column < 3; column++)
            weir_table_text(table, weir_result_value(rows, i, column));
    weir_table_end(table);
    weir_result_free(rows);
    return true;
}

/* change runs weir.rewrite in the open transaction. */
static bool change(const weir_arguments *arguments, weir_connection *connection,
                   const char *changes, weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(weir_arguments_word(arguments, 0)),
                           WEIR_PARAM_TEXT(weir_arguments_word(arguments, 1)),
                           WEIR_PARAM_TEXT(weir_arguments_word(arguments, 2)),
                           WEIR_PARAM_TEXT(changes),
                           WEIR_PARAM_TEXT(weir_arguments_text(arguments, "reason"))};
    weir_result *result = weir_connection_query(connection, "rewrite", params, 5, error);
    weir_result_free(result);
    if (!result && strcmp(error->sqlstate, "WV002") == 0)
        error->code = WEIR_INVALID;
    return result != NULL;
}

static bool carry_out(weir_session *session, weir_connection *connection, const char *changes,
                      weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    bool execute = weir_arguments_flag(arguments, "execute");
    weir_param params[] = {WEIR_PARAM_TEXT(weir_arguments_word(arguments, 0)),
                           WEIR_PARAM_TEXT(weir_arguments_word(arguments, 1)),
                           WEIR_PARAM_TEXT(weir_arguments_word(arguments, 2))};
    weir_result *event = weir_connection_query(connection, "cli_event_show", params, 3, error);
    if (!event)
        return false;
    bool ok =
        weir_result_rows(event) == 1 ||
        weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND, "there is no version %s of %s/%s",
                       params[2].value, params[0].value, params[1].value);
    ok = ok && weir_connection_execute(connection, "BEGIN", error) &&
         change(arguments, connection, changes, error) &&
         weir_connection_execute(connection, execute ? "COMMIT" : "ROLLBACK", error);
    if (ok) {
        fprintf(stderr,
                execute ? "weir: rewritten; the original is in weir.rewrites. Services that keep "
                          "this aggregate in memory must be restarted\n"
                        : "weir: would be rewritten; nothing was changed: add --execute\n");
        ok = report(session, connection, event, error);
    }
    weir_result_free(event);
    return ok;
}

static bool check_version(const char *text, weir_error *error)
{
    size_t digits = strspn(text, "0123456789");
    return (digits > 0 && digits < 19 && !text[digits] && text[0] != '0') ||
           weir_fail(error, WEIR_FATE_CONFIG, "VERSION must be a whole number from 1, not '%s'",
                     text);
}

bool weir_verb_stream_rewrite(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    weir_buffer changes = WEIR_BUFFER((size_t)128 * 1024 * 1024);
    weir_store *store = NULL;
    bool ok = check_version(weir_arguments_word(arguments, 2), error) &&
              weir_event_members(arguments, &changes, error);
    if (ok && (!weir_arguments_has(arguments, "reason") || changes.length == 0))
        ok = weir_fail(error, WEIR_FATE_CONFIG,
                       "it needs --reason and what to change: --type, --data, --metadata "
                       "or --schema-version");
    if (ok) {
        changes.data[0] = '{'; /* instead of the first member's comma */
        weir_buffer_char(&changes, '}');
        ok = (store = weir_session_store(session, error)) != NULL &&
             carry_out(session, weir_store_connection(store), changes.data, error);
    }
    weir_store_close(store);
    weir_buffer_free(&changes);
    return ok;
}
