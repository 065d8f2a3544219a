/* saga list, show, retry, compensate, cancel and graph. Instances are read by what the store has
 * recorded; only graph needs the configuration's files. */
#include "sagas/sagas.h"

#include <stdlib.h>
#include <string.h>

#include "app/table.h"
#include "app/verbs.h"
#include "base/suggest.h"

#define TEXTS ((size_t)64 << 20)

static const weir_column list_columns[] = {
    {"saga", "SAGA", false},         {"id", "ID", false},      {"definition", "VERSION", true},
    {"state", "STATE", false},       {"step", "STEP", false},  {"attempt", "ATTEMPT", true},
    {"waiting", NULL, false},        {"due_at", "DUE", false}, {"started_at", "STARTED", false},
    {"updated_at", "MOVED", false},  {"reason", "WHY", false}, {"events", NULL, true},
    {"correlation_id", NULL, false}, {"data", NULL, false},    {0}};
enum {
    WAITING = 6,
    CORRELATION = 12,
    DATA
};

static const weir_column history_columns[] = {{"position", "POSITION", true},
                                              {"recorded_at", "RECORDED", false},
                                              {"aggregate_type", "AGGREGATE TYPE", false},
                                              {"aggregate_id", "AGGREGATE ID", false},
                                              {"version", "VERSION", true},
                                              {"event_type", "EVENT", false},
                                              {"event_id", NULL, false},
                                              {"causation_id", NULL, false},
                                              {"data", "DATA", false},
                                              {0}};
enum {
    EVENT_DATA = 8
};

static void put_cell(weir_table *table, const weir_column *column, const char *value, bool json)
{
    if (value && (json || column->number))
        weir_table_json(table, value, value);
    else
        weir_table_text(table, value);
}

static void put_instance(weir_table *table, const weir_result *rows, int row)
{
    for (int i = 0; list_columns[i].key; i++)
        if (i == WAITING)
            weir_table_bool(table, weir_result_bool(rows, row, i));
        else
            put_cell(table, &list_columns[i], weir_result_value(rows, row, i), i == DATA);
}

static void put_event(weir_table *table, const weir_result *rows, int row)
{
    for (int i = 0; history_columns[i].key; i++)
        put_cell(table, &history_columns[i], weir_result_value(rows, row, i), i == EVENT_DATA);
}

/* NOT_FOUND for a saga that was never run. */
static bool known(weir_connection *connection, const char *name, weir_error *error)
{
    weir_suggestion near = {.word = name};
    bool found = false;
    weir_result *names = weir_connection_query(connection, "cli_saga_names", NULL, 0, error);
    if (!names)
        return false;
    for (int i = 0; i < weir_result_rows(names); i++) {
        found = found || strcmp(weir_result_value(names, i, 0), name) == 0;
        weir_suggest_offer(&near, weir_result_value(names, i, 0));
    }
    if (!found) {
        weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                       "there is no saga %s: one is known from its first run on", name);
        weir_suggest_end(&near, error);
    }
    weir_result_free(names);
    return found;
}

static weir_result *query(weir_connection *connection, const char *name, const char *state,
                          int64_t most, const char *id, weir_error *error)
{
    char number[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(name), WEIR_PARAM_TEXT(state),
                                 weir_param_integer(most, number), WEIR_PARAM_TEXT(id)};
    return weir_connection_query(connection, "cli_saga_list", params, 4, error);
}

bool weir_verb_saga_list(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *name = arguments->word_count > 0 ? arguments->words[0] : NULL;
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_connection *connection = weir_store_connection(store);
    weir_result *rows = query(connection, name, weir_arguments_text(arguments, "state"),
                              weir_arguments_integer(arguments, "limit"), NULL, error);
    bool ok = rows && (!name || weir_result_rows(rows) > 0 || known(connection, name, error));
    if (ok) {
        weir_table *table = weir_table_new(&session->output, session->format, list_columns);
        for (int row = 0; row < weir_result_rows(rows); row++)
            put_instance(table, rows, row);
        weir_table_end(table);
    }
    weir_result_free(rows);
    weir_store_close(store);
    return ok;
}

/* Two tables for the eye; of JSON one object, whose member history is the second. */
static void show(weir_session *session, const weir_result *instance, const weir_result *history)
{
    bool table_form = session->format == WEIR_SHAPE_TABLE;
    weir_table *table = weir_table_new(&session->output, session->format, list_columns);
    if (table_form) {
        put_instance(table, instance, 0);
        weir_table_end(table);
        weir_output_text(&session->output, "\n");
        table = weir_table_new(&session->output, WEIR_SHAPE_TABLE, history_columns);
        for (int row = 0; row < weir_result_rows(history); row++)
            put_event(table, history, row);
        weir_table_end(table);
        return;
    }
    weir_table_finish(table, false);
    weir_output events = WEIR_OUTPUT(-1), one = WEIR_OUTPUT(-1);
    table = weir_table_new(&events, WEIR_SHAPE_JSON, history_columns);
    for (int row = 0; row < weir_result_rows(history); row++)
        put_event(table, history, row);
    weir_table_end(table);
    table = weir_table_new(&one, WEIR_SHAPE_JSONL, list_columns);
    put_instance(table, instance, 0);
    weir_table_end(table);
    size_t end = one.pending.length;
    while (end > 0 && one.pending.data[end - 1] != '}')
        end--;
    weir_output_bytes(&session->output, one.pending.data, end ? end - 1 : 0);
    weir_output_text(&session->output, ", \"history\": ");
    size_t length = events.pending.length;
    while (length > 0 && events.pending.data[length - 1] == '\n')
        length--;
    weir_output_bytes(&session->output, events.pending.data, length);
    weir_output_text(&session->output, "}\n");
    weir_output_free(&events);
    weir_output_free(&one);
}

bool weir_verb_saga_show(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *name = arguments->words[0], *id = arguments->words[1];
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_connection *connection = weir_store_connection(store);
    weir_result *history = NULL, *instance = query(connection, name, NULL, 1, id, error);
    bool ok = instance != NULL;
    if (ok && weir_result_rows(instance) == 0)
        ok = known(connection, name, error) &&
             weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                            "there is no instance '%s' of saga %s", id, name);
    if (ok) {
        const weir_param params[] = {WEIR_PARAM_TEXT(name), WEIR_PARAM_TEXT(id),
                                     WEIR_PARAM_TEXT(weir_result_value(instance, 0, CORRELATION))};
        history = weir_connection_query(connection, "cli_saga_history", params, 3, error);
        ok = history != NULL;
    }
    if (ok)
        show(session, instance, history);
    weir_result_free(history);
    weir_result_free(instance);
    weir_store_close(store);
    return ok;
}

static bool tell(weir_session *session, weir_saga_word word, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *name = arguments->words[0], *id = arguments->words[1];
    bool execute = weir_arguments_flag(arguments, "execute");
    weir_buffer said = WEIR_BUFFER(TEXTS);
    weir_store *store = weir_session_store(session, error);
    bool ok = store && known(weir_store_connection(store), name, error) &&
              weir_saga_tell(weir_store_connection(store), name, id, word,
                             weir_arguments_text(arguments, "reason"), execute, &said, error);
    if (ok) {
        weir_output_format(&session->output, "%s of %s '%s':\n",
                           execute ? "events in the stream" : "would be events in the stream", name,
                           id);
        for (char *line = strtok(said.data, "\n"); line; line = strtok(NULL, "\n"))
            weir_output_format(&session->output, "  %s\n", line);
        if (!execute)
            weir_output_text(&session->output, "Nothing was done: add --execute.\n");
    }
    weir_store_close(store);
    weir_buffer_free(&said);
    return ok;
}

bool weir_verb_saga_retry(weir_session *session, weir_error *error)
{
    return tell(session, WEIR_SAGA_WORD_RETRY, error);
}

bool weir_verb_saga_compensate(weir_session *session, weir_error *error)
{
    return tell(session, WEIR_SAGA_WORD_COMPENSATE, error);
}

bool weir_verb_saga_cancel(weir_session *session, weir_error *error)
{
    return tell(session, WEIR_SAGA_WORD_CANCEL, error);
}

bool weir_verb_saga_graph(weir_session *session, weir_error *error)
{
    weir_sagas sagas = {0};
    const weir_saga *found = NULL;
    const char *name = session->arguments.words[0];
    weir_suggestion near = {.word = name};
    bool mermaid = strcmp(weir_arguments_text(&session->arguments, "form"), "mermaid") == 0;
    if (!weir_sagas_load(session->config, &sagas, error))
        return false;
    for (size_t i = 0; i < sagas.count; i++) {
        if (strcmp(weir_saga_name(sagas.items[i]), name) == 0)
            found = sagas.items[i];
        weir_suggest_offer(&near, weir_saga_name(sagas.items[i]));
    }
    if (found) {
        weir_buffer graph = WEIR_BUFFER(TEXTS);
        weir_saga_graph(found, mermaid ? WEIR_SAGA_MERMAID : WEIR_SAGA_DOT, &graph);
        weir_output_bytes(&session->output, graph.data, graph.length);
        weir_buffer_free(&graph);
    } else {
        weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                       "there is no saga '%s' among sagas.files", name);
        weir_suggest_end(&near, error);
    }
    weir_sagas_free(&sagas);
    return found != NULL;
}
