/* dlq list, and what the commands of dead letters share. */
#include "app/dlq.h"

#include <string.h>

#include "app/subscriptions.h"
#include "app/table.h"

bool weir_letter_id(const char *text, weir_error *error)
{
    size_t digits = strspn(text, "0123456789");
    return (digits > 0 && digits < 19 && !text[digits]) ||
           weir_fail(error, WEIR_FATE_CONFIG, "'%s' is no letter's id: a whole number", text);
}

void weir_letter_aggregate(const weir_arguments *arguments, const char **type, const char **id)
{
    *type = weir_arguments_text(arguments, "aggregate");
    *id = weir_arguments_second(arguments, "aggregate");
}

void weir_letter_row(weir_table *table, const weir_column *columns, const weir_result *result,
                     int row)
{
    for (int i = 0; columns[i].key; i++) {
        const char *value = weir_result_value(result, row, i);
        if (value && columns[i].number)
            weir_table_json(table, value, value);
        else
            weir_table_text(table, value);
    }
}

static const weir_column list_columns[] = {{"id", "ID", true},
                                           {"subscription", "SUBSCRIPTION", false},
                                           {"generation", "GENERATION", true},
                                           {"topic", "TOPIC", false},
                                           {"partition", "PARTITION", true},
                                           {"offset", "OFFSET", true},
                                           {"position", "POSITION", true},
                                           {"aggregate_type", "AGGREGATE TYPE", false},
                                           {"aggregate_id", "AGGREGATE ID", false},
                                           {"version", "VERSION", true},
                                           {"event_type", "EVENT TYPE", false},
                                           {"cause", "CAUSE", false},
                                           {"status", "STATUS", false},
                                           {"mark", "MARK", false},
                                           {"error_class", "CLASS", false},
                                           {"error", "ERROR", false},
                                           {"attempts", "ATTEMPTS", true},
                                           {"first_at", NULL, false},
                                           {"last_at", "LAST AT", false},
                                           {"redrives", "REDRIVES", true},
                                           {"next_redrive_at", "NEXT REDRIVE", false},
                                           {"edited", NULL, false},
                                           {0}};

static void put_letter(weir_table *table, const weir_result *letters, int row)
{
    int last = (int)(sizeof list_columns / sizeof *list_columns) - 2;
    weir_column columns[sizeof list_columns / sizeof *list_columns];
    memcpy(columns, list_columns, sizeof columns);
    columns[last].key = NULL; /* a boolean, not a text */
    weir_letter_row(table, columns, letters, row);
    weir_table_bool(table, weir_result_bool(letters, row, last));
}

bool weir_verb_dlq_list(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *type, *id, *status = weir_arguments_text(arguments, "status");
    char most[24];
    weir_letter_aggregate(arguments, &type, &id);
    if (arguments->word_count > 0)
        return weir_fail(error, WEIR_FATE_CONFIG, "unexpected argument '%s': weir dlq show %s?",
                         arguments->words[0], arguments->words[0]);
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_connection *connection = weir_store_connection(store);
    const char *subscription = weir_arguments_text(arguments, "subscription");
    weir_param params[] = {WEIR_PARAM_TEXT(subscription), WEIR_PARAM_TEXT(type),
                           WEIR_PARAM_TEXT(id),
                           WEIR_PARAM_TEXT(strcmp(status, "all") == 0 ? NULL : status),
                           weir_param_integer(weir_arguments_integer(arguments, "limit"), most)};
    weir_result *letters = weir_connection_query(connection, "cli_letter_list", params, 5, error);
    bool ok = letters && (weir_result_rows(letters) > 0 || !subscription ||
                          weir_subscription_known(connection, subscription, error));
    if (ok) {
        weir_table *table = weir_table_new(&session->output, session->format, list_columns);
        for (int row = 0; row < weir_result_rows(letters); row++)
            put_letter(table, letters, row);
        weir_table_end(table);
    }
    weir_result_free(letters);
    weir_store_close(store);
    return ok;
}
