/* stream list and stream show: which aggregates there are, and one of them in numbers. */
#include "app/table.h"
#include "app/verbs.h"

static bool list_one(void *context, const char *type, const char *id, int64_t version,
                     weir_error *error)
{
    (void)error;
    weir_table *table = context;
    weir_table_text(table, type);
    weir_table_text(table, id);
    weir_table_number(table, version);
    return true;
}

bool weir_verb_stream_list(weir_session *session, weir_error *error)
{
    static const weir_column columns[] = {{"aggregatetype", "AGGREGATE TYPE", false},
                                          {"aggregateid", "AGGREGATE ID", false},
                                          {"version", "VERSION", true},
                                          {0}};
    const weir_arguments *arguments = &session->arguments;
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    bool ok =
        weir_store_streams(store, weir_arguments_text(arguments, "aggregate-type"),
                           weir_arguments_integer(arguments, "limit"), list_one, table, error);
    weir_table_end(table);
    weir_store_close(store);
    return ok;
}

static void show(weir_session *session, const weir_result *result)
{
    static const weir_column columns[] = {{"aggregatetype", "AGGREGATE TYPE", false},
                                          {"aggregateid", "AGGREGATE ID", false},
                                          {"version", "VERSION", true},
                                          {"events", "EVENTS", true},
                                          {"bytes", "BYTES", true},
                                          {"firsttime", "FIRST", false},
                                          {"lasttime", "LAST", false},
                                          {"firstposition", "FROM", true},
                                          {"lastposition", "TO", true},
                                          {"types", NULL, false},
                                          {0}};
    const weir_arguments *arguments = &session->arguments;
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    weir_table_object(table);
    weir_table_text(table, weir_arguments_word(arguments, 0));
    weir_table_text(table, weir_arguments_word(arguments, 1));
    weir_table_number(table, weir_result_integer(result, 0, 0));
    weir_table_number(table, weir_result_integer(result, 0, 1));
    weir_table_number(table, weir_result_integer(result, 0, 2));
    weir_table_text(table, weir_result_value(result, 0, 3));
    weir_table_text(table, weir_result_value(result, 0, 4));
    weir_table_number(table, weir_result_integer(result, 0, 5));
    weir_table_number(table, weir_result_integer(result, 0, 6));
    weir_table_json(table, weir_result_value(result, 0, 7), weir_result_value(result, 0, 7));
    weir_table_end(table);
}

bool weir_verb_stream_show(weir_session *session, weir_error *error)
{
    const char *type = weir_arguments_word(&session->arguments, 0);
    const char *id = weir_arguments_word(&session->arguments, 1);
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_param params[] = {WEIR_PARAM_TEXT(type), WEIR_PARAM_TEXT(id)};
    weir_result *result =
        weir_connection_query(weir_store_connection(store), "cli_stream_show", params, 2, error);
    bool ok = result != NULL;
    if (ok && weir_result_rows(result) == 0)
        ok = weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND, "there is no %s/%s", type, id);
    else if (ok)
        show(session, result);
    weir_result_free(result);
    weir_store_close(store);
    return ok;
}
