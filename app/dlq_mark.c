/* dlq retry and dlq discard: marks that the runtime carries out.
 *
 * Only the runtime applies a letter, discards it or unparks an aggregate: it alone can do that in
 * order and in one transaction with the effects. Here letters are found, shown and marked, all of
 * them or none. A dry run is the real thing, rolled back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/dlq.h"
#include "app/subscriptions.h"
#include "app/table.h"

/* Which letters; exactly one kind. */
typedef struct selection {
    char *ids;                /* as PostgreSQL writes an array; NULL: by what follows */
    const char *subscription; /* NULL: of any */
    const char *aggregate_type, *aggregate_id;
} selection;

static char *value_of(const weir_result *result, int column)
{
    return weir_strdup(weir_result_value(result, 0, column));
}

bool weir_letters_lock(weir_connection *connection, const char *ids, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(ids)};
    weir_result *found = weir_connection_query(connection, "cli_letter_lock", params, 1, error);
    if (!found)
        return false;
    const char *missing = weir_result_value(found, 0, 1), *done = weir_result_value(found, 0, 2);
    bool ok = true;
    if (missing)
        ok = weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND, "there is no letter %s",
                            missing);
    else if (done)
        ok =
            weir_fail(error, WEIR_FATE_CONFLICT, "waits no more, so nothing was changed: %s", done);
    weir_result_free(found);
    return ok;
}

char *weir_letters_heads(weir_connection *connection, const char *ids, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(ids)};
    weir_result *first = weir_connection_query(connection, "cli_letter_heads", params, 1, error);
    char *heads = first ? value_of(first, 0) : NULL;
    weir_result_free(first);
    return heads;
}

bool weir_letters_mark(weir_connection *connection, const char *ids, const char *action,
                       const char *how, char **heads, weir_error *error)
{
    *heads = strcmp(action, "retry") == 0 ? weir_letters_heads(connection, ids, error)
                                          : weir_strdup(ids);
    if (!*heads)
        return false;
    const weir_param params[] = {WEIR_PARAM_TEXT(*heads), WEIR_PARAM_TEXT(action),
                                 WEIR_PARAM_TEXT(ids), WEIR_PARAM_TEXT(how)};
    weir_result *marked = weir_connection_query(connection, "cli_letter_mark", params, 4, error);
    if (!marked)
        return false;
    bool all = weir_result_bool(marked, 0, 0);
    weir_result_free(marked);
    return all || weir_fail(error, WEIR_FATE_CONFLICT,
                            "the runtime was at work on these letters: look again, nothing was "
                            "changed");
}

/* find_ids: those that were named, locked and all of them waiting; else those that wait. */
static bool find_ids(weir_connection *connection, selection *of, weir_error *error)
{
    if (of->ids)
        return weir_letters_lock(connection, of->ids, error);
    const weir_param params[] = {WEIR_PARAM_TEXT(of->subscription),
                                 WEIR_PARAM_TEXT(of->aggregate_type),
                                 WEIR_PARAM_TEXT(of->aggregate_id)};
    weir_result *found = weir_connection_query(connection, "cli_letter_select", params, 3, error);
    if (!found)
        return false;
    of->ids = value_of(found, 0);
    bool known = weir_result_bool(found, 0, 1);
    weir_result_free(found);
    return known || weir_subscription_known(connection, of->subscription, error);
}

#define SERVING 10 /* of cli_letter_effect, behind what is shown */

static const weir_column columns[] = {{"id", "ID", true},
                                      {"subscription", "SUBSCRIPTION", false},
                                      {"aggregate_type", "AGGREGATE TYPE", false},
                                      {"aggregate_id", "AGGREGATE ID", false},
                                      {"version", "VERSION", true},
                                      {"event_type", "EVENT TYPE", false},
                                      {"cause", "CAUSE", false},
                                      {"error", "ERROR", false},
                                      {"letters", "LETTERS", true},
                                      {"waiting", "WAITING", true},
                                      {0}};

static bool show_effect(weir_session *session, weir_connection *connection, const char *heads,
                        const char *action, int *aggregates, int *others, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(heads), WEIR_PARAM_TEXT(action)};
    weir_result *rows = weir_connection_query(connection, "cli_letter_effect", params, 2, error);
    if (!rows)
        return false;
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    for (int row = 0; row < weir_result_rows(rows); row++) {
        weir_letter_row(table, columns, rows, row);
        *others += !weir_result_bool(rows, row, SERVING);
    }
    weir_table_end(table);
    *aggregates = weir_result_rows(rows);
    weir_result_free(rows);
    return true;
}

static void say(const char *action, bool execute, int aggregates, int others)
{
    const char *s = aggregates == 1 ? "" : "s";
    if (aggregates == 0)
        fprintf(stderr, "weir: no letter waits there\n");
    else if (!execute)
        fprintf(stderr, "weir: would be marked: %s, of %d aggregate%s; add --execute\n", action,
                aggregates, s);
    else
        fprintf(stderr,
                "weir: marked: %s, of %d aggregate%s. The runtime carries it out, within a second "
                "when it runs: see `weir dlq list --status all`, `weir dlq show ID`\n",
                action, aggregates, s);
    if (others > 0)
        fprintf(stderr,
                "weir: of these, %d of a generation that does not serve: `weir projection rebuild "
                "NAME --execute`, which goes on with an unfinished one, carries that out; for a "
                "kept one nothing does before a rollback to it\n",
                others);
}

static bool mark(weir_session *session, weir_connection *connection, selection *of,
                 const char *action, const char *how, weir_error *error)
{
    bool execute = weir_arguments_flag(&session->arguments, "execute");
    int aggregates = 0, others = 0;
    char *heads = NULL;
    bool ok = weir_connection_execute(connection, "BEGIN", error) &&
              find_ids(connection, of, error) &&
              weir_letters_mark(connection, of->ids, action, how, &heads, error) &&
              show_effect(session, connection, heads, action, &aggregates, &others, error) &&
              weir_connection_execute(connection, execute ? "COMMIT" : "ROLLBACK", error);
    if (ok)
        say(action, execute, aggregates, others);
    free(heads);
    return ok;
}

/* ids_of puts the words, which must be ids, into an array. */
static bool ids_of(const weir_arguments *arguments, char **ids, weir_error *error)
{
    weir_buffer text = WEIR_BUFFER((size_t)16 * 1024 * 1024);
    bool ok = true;
    for (size_t i = 0; ok && i < arguments->word_count; i++) {
        ok = weir_letter_id(arguments->words[i], error);
        weir_buffer_format(&text, "%c%s", i ? ',' : '{', arguments->words[i]);
    }
    weir_buffer_char(&text, '}');
    *ids = text.data;
    return ok;
}

static bool selection_of(const weir_arguments *arguments, selection *of, const char **how,
                         weir_error *error)
{
    bool aggregate = weir_arguments_has(arguments, "aggregate");
    bool all = weir_arguments_flag(arguments, "all");
    of->subscription = weir_arguments_text(arguments, "subscription");
    bool ids = arguments->word_count > 0;
    *how = ids ? NULL : aggregate ? "of its aggregate" : all ? "of all" : "of its subscription";
    if (ids + aggregate + all + (of->subscription != NULL) != 1)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "say which letters: ID..., --aggregate TYPE ID, --subscription NAME or "
                         "--all, one of these");
    if (ids)
        return ids_of(arguments, &of->ids, error);
    weir_letter_aggregate(arguments, &of->aggregate_type, &of->aggregate_id);
    return true;
}

static bool run(weir_session *session, const char *action, weir_error *error)
{
    selection of = {0};
    const char *how;
    weir_store *store = NULL;
    bool ok = selection_of(&session->arguments, &of, &how, error) &&
              (store = weir_session_store(session, error)) != NULL &&
              mark(session, weir_store_connection(store), &of, action, how, error);
    weir_store_close(store);
    free(of.ids);
    return ok;
}

bool weir_verb_dlq_retry(weir_session *session, weir_error *error)
{
    return run(session, "retry", error);
}

bool weir_verb_dlq_discard(weir_session *session, weir_error *error)
{
    return run(session, "discard", error);
}
